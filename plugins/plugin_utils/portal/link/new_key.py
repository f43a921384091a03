# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key that was made minutes ago, which the portal may refuse because it is not known everywhere yet."""

from __future__ import annotations

import datetime

from ..page.matching import says
from .state import KnownKey

_NEW_KEY = datetime.timedelta(minutes=5)
# What a portal says of a key that AWS does not know everywhere yet; "incorrect" or "rejected" is a verdict.
_NOT_KNOWN_YET = (
    *("not valid", "invalid", "not recognized", "not recognised", "unrecognized", "unrecognised", "unknown"),
    *("not found", "does not exist", "doesn't exist", "could not verify", "couldn't verify", "unable to verify"),
    *("could not find", "couldn't find", "could not validate", "couldn't validate", "not active yet"),
)
# How often to look whether a page has something to say (each look waits for the page to change).


def may_be_premature(said: str, key: KnownKey) -> bool:
    """Whether a refusal can mean that a key which is minutes old is not known everywhere yet."""
    if key.created is None or not says(said, _NOT_KNOWN_YET, gap=3):
        return False
    return datetime.datetime.now(datetime.UTC) - key.created < _NEW_KEY
