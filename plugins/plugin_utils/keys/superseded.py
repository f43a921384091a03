# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a superseded key may be switched off and deleted, and why it has to stay until then."""

from __future__ import annotations

import datetime

from ..base import times
from ..store.record import StoredKey
from .actions import Action, ActionKind, Note, Slot
from .situation import Situation, portal_key, portal_lets_go

# The portal's own calls can go on with a replaced key for a while, and IAM reports uses late.
USE_TOLERANCE = datetime.timedelta(minutes=15)
# A superseded key that somebody still uses is kept until it was quiet for this long.
SUPERSEDED_QUIET = datetime.timedelta(days=1)


def retire(situation: Situation) -> Action | None:
    """The next step towards the end of a superseded key, if one is safe now."""
    if not situation.request.retire_superseded:
        return None
    for slot, stored in situation.stored:
        key = situation.iam_key(stored.access_key_id)
        if slot != Slot.SUPERSEDED or key is None or kept_back(situation, stored):
            continue
        if key.active:
            return Action(ActionKind.DEACTIVATE, key.access_key_id, why="which is superseded")
        if situation.request.grace_days and not stored.deactivated_at:
            return Action(ActionKind.MARK_INACTIVE, key.access_key_id, why="from when on its grace counts")
        if not grace_ends(situation, stored):
            return Action(ActionKind.DELETE, key.access_key_id, why="which is superseded")
    return None


def kept_back(situation: Situation, stored: StoredKey) -> Note | None:
    """Why a superseded key has to stay as it is."""
    key_id = stored.access_key_id
    record = situation.record
    current = record.current if record else None
    if not situation.usable(current) or not (current and current.proved):
        return Note(
            "superseded_key_without_successor",
            f"Superseded key {key_id} stays: no proved key has taken its place.",
            "Run again with state=present.",
            key_id,
        )
    # What the collection has switched off itself was let go of then; nothing new has to be known to end its grace.
    let_go = stored.deactivated_at is not None and portal_key(situation) is None
    if not let_go and not portal_lets_go(situation, key_id):
        return Note(
            "superseded_key_may_be_linked",
            f"Superseded key {key_id} stays: the portal is not known to hold another key.",
            f"Link key {situation.key_to_use} at the portal (role lab_account does), then run again.",
            key_id,
        )
    if _still_used(situation, stored):
        return Note(
            "superseded_key_in_use",
            f"Superseded key {key_id} stays: somebody used it after the portal had the new key.",
            "Find who uses it and give them their own key; it is removed once it has been unused for a day. "
            "To cut it off at once, deactivate it in the AWS console.",
            key_id,
        )
    return None


def _still_used(situation: Situation, stored: StoredKey) -> bool:
    key = situation.iam_key(stored.access_key_id)
    if key is None or not key.active or key.last_used is None:
        return False
    linked = [other.linked for slot, other in situation.stored if other.linked]
    ours = [text for text in (*linked, stored.collection_used_at, stored.superseded_at) if text]
    explained = max((times.moment(text) for text in ours), default=situation.now) + USE_TOLERANCE
    return key.last_used > explained and situation.now - key.last_used < SUPERSEDED_QUIET


def grace_ends(situation: Situation, stored: StoredKey) -> datetime.datetime | None:
    """When the superseded key may be deleted; None: now."""
    if not situation.request.grace_days or not stored.deactivated_at:
        return None
    end = times.moment(stored.deactivated_at) + datetime.timedelta(days=situation.request.grace_days)
    return end if end > situation.now else None
