# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read, make and remove the link of a CloudResearch account: the entry to this package.

C(look) reads and submits nothing. C(ensure_present) and C(ensure_absent) look first and do only what is missing. All
never print, and raise CollectionError only, with a C(reason) where the portal is the cause.
"""

from __future__ import annotations

import typing as t

from ..drivers.settings import PortalAccount, PortalSettings
from . import by_driver, by_hand
from .by_driver import check_account
from .state import KnownKey, LinkResult, LinkState


def look(settings: PortalSettings, account: PortalAccount, key: KnownKey, *, browser: t.Any = None) -> LinkState:
    """How the account is linked.

    :param browser: a running Playwright browser to use instead of starting one.
    """
    if settings.by_hand and not account.password:
        return by_hand.look(settings, account, key)
    return by_driver.look(settings, account, key, browser=browser)


def ensure_present(
    settings: PortalSettings, account: PortalAccount, key: KnownKey, *, check_mode: bool = False, browser: t.Any = None
) -> LinkResult:
    """Make sure that the account holds this key; in check mode, predict.

    :raises CollectionError: C(reason) C(key_rejected) if the portal refuses the key.
    """
    if settings.by_hand:
        return by_hand.ensure_present(settings, account, key, check_mode=check_mode)
    return by_driver.ensure_present(settings, account, key, check_mode=check_mode, browser=browser)


def ensure_absent(
    settings: PortalSettings, account: PortalAccount, key: KnownKey, *, check_mode: bool = False, browser: t.Any = None
) -> LinkResult:
    """Make sure that the account holds no key, or not this one; another key's link is left alone.

    Where the page offers no control for it, nothing changes and C(link.next_step) tells the way by hand.
    """
    if settings.by_hand:
        return by_hand.ensure_absent(settings, account, key)
    return by_driver.ensure_absent(settings, account, key, check_mode=check_mode, browser=browser)


__all__ = [
    "KnownKey",
    "LinkResult",
    "LinkState",
    "PortalAccount",
    "PortalSettings",
    "check_account",
    "ensure_absent",
    "ensure_present",
    "look",
]
