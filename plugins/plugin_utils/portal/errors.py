# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong at the portal, in the fixed words that playbooks test."""

from __future__ import annotations

import typing as t

from ..base.errors import CollectionError

LOGIN_FAILED = "login_failed"
SECOND_FACTOR_REQUIRED = "second_factor_required"
SECOND_FACTOR_FAILED = "second_factor_failed"
ACCOUNT_LOCKED = "account_locked"
CAPTCHA = "captcha"
PAGE_CHANGED = "page_changed"
KEY_REJECTED = "key_rejected"
PORTAL_UNAVAILABLE = "portal_unavailable"
TIMEOUT = "timeout"
TLS = "tls"
SERVICE_CLOSED = "service_closed"

REASONS = (
    LOGIN_FAILED,
    SECOND_FACTOR_REQUIRED,
    SECOND_FACTOR_FAILED,
    ACCOUNT_LOCKED,
    CAPTCHA,
    PAGE_CHANGED,
    KEY_REJECTED,
    PORTAL_UNAVAILABLE,
    TIMEOUT,
    TLS,
    SERVICE_CLOSED,
)


class PortalError(CollectionError):
    """A failure at the portal; C(reason) is one of REASONS."""

    def __init__(self, reason: str, message: str, *, next_step: str, details: dict[str, t.Any] | None = None) -> None:
        super().__init__(message, reason=reason, next_step=next_step, step="link", details=details)


class NoAnswer(PortalError):
    """Nothing came back from the portal: no connection, or no answer in time."""


def service_closed(message: str, *, silent: bool = False, **details: t.Any) -> PortalError:
    """The error for a portal that shows what one shows that has closed, or moved.

    Waiting does not help then, so nobody is told to.

    :param silent: nothing came back at all.
    """
    return (NoAnswer if silent else PortalError)(
        SERVICE_CLOSED,
        message,
        next_step="Look at portal_url in a browser, from another network, too. If CloudResearch has closed, or has "
        "given up its Mechanical Turk side, do not wait for it: retire the lab's key (ansible-playbook "
        "labops.cloudresearch.retire), which makes the key worthless wherever it is stored. If it has moved, set "
        "portal_url (lab_account_portal_url in the role) to the new address.",
        details=details,
    )


class SettingsError(CollectionError):
    """An option that cannot be right; nothing was sent."""

    def __init__(self, message: str, *, next_step: str) -> None:
        super().__init__(message, next_step=next_step, step="link")


class PageChanged(PortalError):
    """A thing was not found, or found more than once.

    :param thing: what was looked for, in words a person uses.
    :param setting: the key of the option C(portal) that would teach the new wording.
    :param title: the page's title.
    :param address: the page's address without query.
    :param found: what was there instead.
    :param needs_javascript: whether the page seems to draw itself, so that a browser would see more.
    :param ambiguous: whether the thing was there more than once.
    """

    def __init__(
        self,
        thing: str,
        *,
        setting: str,
        title: str,
        address: str,
        found: t.Sequence[str],
        needs_javascript: bool = False,
        ambiguous: bool = False,
        why: str = "",
    ) -> None:
        self.needs_javascript = needs_javascript
        self.ambiguous = ambiguous
        where = f'the page "{title}" ({address})' if title else f"the page {address}"
        listed = "; ".join(found) or "nothing that a person could use"
        # What was wrong, without what was there instead.
        self.problem = f"{why or f'No {thing} was found'} on {where}"
        if ambiguous:
            message = f"There is more than one {thing} on {where}: {listed}."
        else:
            message = f"{self.problem}. Found instead: {listed}."
        steps = []
        if needs_javascript:
            steps.append(
                "The page needs a browser, as JavaScript draws it: use driver=browser (needs Playwright and Chromium)."
            )
        if setting:
            told = f"which {thing} is meant" if ambiguous else f"what the {thing} is called now"
            words = "the heading or label of the right one" if setting.endswith("_form") else "the words on the page"
            steps.append(
                f'Look at the page in a browser, then tell the module {told}: portal: {{{setting}: ["{words}"]}}.'
            )
        super().__init__(
            PAGE_CHANGED,
            message,
            next_step=" ".join(steps) or "Look at the page in a browser and report what has changed.",
            details={
                "page_changed": {
                    "thing": thing,
                    "setting": setting,
                    "title": title,
                    "address": address,
                    "found": list(found),
                    "ambiguous": ambiguous,
                    "needs_javascript": needs_javascript,
                }
            },
        )
