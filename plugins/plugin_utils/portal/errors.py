# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong at the portal, in the fixed words that playbooks test."""

from __future__ import annotations

import enum
import typing as t

from ..base.errors import CollectionError


class Reason(enum.StrEnum):
    """Why the portal was not got through."""

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


class PortalError(CollectionError):
    """A failure at the portal."""

    def __init__(
        self, reason: Reason, message: str, *, next_step: str, details: dict[str, t.Any] | None = None
    ) -> None:
        super().__init__(message, reason=reason, next_step=next_step, step="link", details=details)


class AnswerLost(PortalError):
    """No whole answer came: what became of what was sent is not known."""


class NoAnswer(AnswerLost):
    """Nothing came back from the portal: no connection, or no answer in time."""


def service_closed(message: str, *, silent: bool = False, status_code: int | None = None) -> PortalError:
    """The error for a portal that shows what one shows that has closed, or moved.

    Waiting does not help then, so nobody is told to.

    :param silent: nothing came back at all.
    """
    return (NoAnswer if silent else PortalError)(
        Reason.SERVICE_CLOSED,
        message,
        next_step="Look at portal_url in a browser, from another network, too. If CloudResearch has closed, or has "
        "given up its Mechanical Turk side, do not wait for it: retire the lab's key (ansible-playbook "
        "labops.cloudresearch.retire), which makes the key worthless wherever it is stored. If it has moved, set "
        "portal_url (lab_account_portal_url in the role) to the new address.",
        details={} if status_code is None else {"status_code": status_code},
    )


def page_changed(message: str) -> PortalError:
    """The error for a portal that does what no driver follows."""
    next_step = "Look at the page in a browser and report what has changed."
    return PortalError(Reason.PAGE_CHANGED, message, next_step=next_step)


class SettingsError(CollectionError):
    """An option that cannot be right; nothing was sent."""

    def __init__(self, message: str, *, next_step: str) -> None:
        super().__init__(message, next_step=next_step, step="link")
