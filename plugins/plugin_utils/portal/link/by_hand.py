# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By hand (C(driver: manual)): a person enters the key; the module says where and what, and looks for evidence."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from ...base.errors import CollectionError
from ...base.vocabulary import LinkStatus
from ..drivers.settings import PortalAccount, PortalSettings
from .state import KnownKey, LinkResult, LinkState, judge_unseen

REMOVE_BY_HAND = (
    "Sign in at {url}, open the menu under the user icon, choose Link Mechanical Turk and remove the key there if the "
    "page lets you. Either way, retire the key in AWS: that makes the link dead."
)


def instructions(settings: PortalSettings, account: PortalAccount, access_key_id: str) -> str:
    """Where to enter what. The secret is not in it."""
    who = f" as {account.email}" if account.email else ""
    # A task that shows the secret would put it into Ansible's log.
    where = "Take the secret from where you keep it, but show it in no task."
    if settings.read_secret:
        where = f"To see the secret, run this in a terminal of this machine; it goes to no log: {settings.read_secret}"
    return (
        f"Sign in at {settings.portal_url}{who}, open the menu under the user icon at the top right, choose "
        f"Link Mechanical Turk, enter Access Key ID {access_key_id} and its Secret Access Key in the form at the "
        "bottom, and press Submit. Then run this again, with recorded_access_key_id set to that key ID if the page "
        f"does not show the key. {where}"
    )


Look = t.Callable[[PortalSettings, PortalAccount, KnownKey], LinkState]


def _look(settings: PortalSettings, account: PortalAccount, key: KnownKey, look: Look) -> LinkState:
    """What the record and AWS tell, or else the portal if there is a password for it.

    A portal that the module cannot read is why people work by hand, so that is no failure here.
    """
    known = judge_unseen(key)
    if known.status is LinkStatus.LINKED:
        return known
    try:
        return look(settings, account, key)
    except CollectionError as exc:
        return dataclasses.replace(known, message=f"{known.message} The portal could not be read: {exc.message}")


def ensure_present(
    settings: PortalSettings, account: PortalAccount, key: KnownKey, look: Look, *, check_mode: bool
) -> LinkResult:
    """Tell the person what to enter where, and wait for evidence for as long as asked."""
    before = state = _look(settings, account, key, look)
    if before.status is LinkStatus.LINKED:
        return LinkResult.unchanged(before)
    text = instructions(settings, account, key.access_key_id)
    if not check_mode:
        _announce(settings, text)
        end = time.monotonic() + settings.wait_timeout
        while time.monotonic() < end:
            time.sleep(min(settings.wait_interval, max(0.0, end - time.monotonic())))
            state = _look(settings, account, key, look)
            if state.status is LinkStatus.LINKED:
                # The person changed it, on our asking.
                return LinkResult(True, state, before)
    return LinkResult(False, dataclasses.replace(state, next_step=text), before, waiting_for_person=True)


def ensure_absent(settings: PortalSettings, account: PortalAccount, key: KnownKey, look: Look) -> LinkResult:
    """Tell the person how to remove the link."""
    before = _look(settings, account, key, look)
    if before.status is LinkStatus.NOT_LINKED:
        return LinkResult.unchanged(before)
    text = REMOVE_BY_HAND.format(url=settings.portal_url)
    _announce(settings, text)
    return LinkResult.unchanged(before, waiting_for_person=True, next_step=text)


def _announce(settings: PortalSettings, text: str) -> None:
    if settings.announce is not None:
        settings.announce(text)
