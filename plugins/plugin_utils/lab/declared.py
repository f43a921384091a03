# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory says about one lab, and how deep to look at it."""

from __future__ import annotations

import dataclasses
import decimal
import typing as t

from ..keys.situation import KeyRequest
from . import drift
from .known_principals import KnownPrincipal
from .shapes import Link
from .thresholds import Thresholds

# Looks which key the portal holds; given the key that it should hold, and the one that an earlier run recorded.
PortalLook = t.Callable[[str, str], Link]


@dataclasses.dataclass(frozen=True)
class Declaration:
    """What the inventory says about one lab, and how deep to look.

    :param account_id: 12 digits; empty if not declared.
    :param endpoints: the MTurk environments to ask, with their endpoint URLs (None: AWS's own).
    :param look: signs in at the portal and looks; None where the portal is not looked at.
    :param link_wanted: whether the portal's link is part of the declared state.
    :param judge_key_use: whether a use of the key that is not the collection's own proves the link; only for portals
        that nobody signs in to for us.
    :param onboard_although_closed: whether a lab gets its first key even if MTurk answers like a closed service.
    :param ask_mturk: whether the collection may use the key to ask MTurk.
    :param store_error: why the store could not be read; empty if it was.
    :param store_missing: why there is no store to read, which an audit does without; empty if there is one.
    """

    lab: str
    account_id: str
    user: drift.Declared
    endpoints: t.Mapping[str, str | None]
    request: KeyRequest
    thresholds: Thresholds
    remove_drift: frozenset[str] = frozenset()
    minimum_balance: decimal.Decimal | None = None
    look: PortalLook | None = None
    link_wanted: bool = True
    judge_key_use: bool = False
    onboard_although_closed: bool = False
    ask_mturk: bool = True
    store_error: str = ""
    store_next_step: str = ""
    store_missing: str = ""
    thorough: bool = True
    find_principals: bool = False
    known_principals: t.Sequence[KnownPrincipal] = ()
