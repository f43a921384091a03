# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to wait, and what a person should know, of a situation in which nothing is left to do."""

from __future__ import annotations

import typing as t

from ..aws.iam_keys import IamKey
from ..base.vocabulary import NAMED_FOR_REMOVAL, WHERE_THE_RECORD_IS
from . import superseded
from .actions import Note, Slot
from .situation import Situation, portal_key


def foreign_held_back(situation: Situation, key: IamKey) -> str:
    """Why a foreign key that the operator gave up has to stay for now; empty: it need not."""
    held = portal_key(situation)
    if not situation.request.wants_key:
        return ""
    if held == key.access_key_id:
        return "the portal holds it"
    if held is None and key.active:
        return "nobody knows whether the portal holds it"
    return ""


def notes(situation: Situation) -> list[Note]:
    """What has to wait, and what a person should know, of a situation in which nothing is left to do."""
    found: list[Note] = []
    record = situation.record
    if situation.request.wants_key and record:
        if record.pending and situation.usable(record.current):
            found.append(
                Note(
                    "pending_key_not_linked",
                    f"Key {record.pending.access_key_id} waits to be linked at the portal; until then key "
                    f"{record.current.access_key_id if record.current else ''} stays in use.",
                    f"Link key {record.pending.access_key_id} at the portal (role lab_account does).",
                    record.pending.access_key_id,
                )
            )
        found.extend(_superseded_notes(situation))
    found.extend(_waiting_notes(situation))
    for key in situation.foreign:
        held_back = foreign_held_back(situation, key)
        named = key.access_key_id in situation.request.remove_foreign_keys
        if named and held_back:
            text = f"Key {key.access_key_id}, which the operator gave up, stays: {held_back}."
            found.append(Note("foreign_key_held_back", text, "Link the stored key first.", key.access_key_id))
        elif not named:
            found.append(_strangers_key(situation, key.access_key_id))
    return found


def _waiting_notes(situation: Situation) -> t.Iterator[Note]:
    for key in situation.keys:
        suspended, may_go = situation.suspension(key), situation.may_go_on(key)
        if suspended and may_go and situation.waits_for_its_day(key):
            yield Note(
                "suspended_key_waits",
                f"Key {key.access_key_id} was suspended on {suspended.at:%Y-%m-%d} and may be deleted on "
                f"{may_go:%Y-%m-%d} (from {may_go:%H:%M} UTC).",
                "Run again then.",
                key.access_key_id,
            )


def _superseded_notes(situation: Situation) -> t.Iterator[Note]:
    for slot, stored in situation.stored:
        if slot != Slot.SUPERSEDED or not situation.iam_key(stored.access_key_id):
            continue
        kept_back = superseded.kept_back(situation, stored)
        ends = superseded.grace_ends(situation, stored)
        if kept_back:
            yield kept_back
        elif ends:
            yield Note(
                "superseded_key_in_grace",
                f"Superseded key {stored.access_key_id} is inactive and is deleted after {ends:%Y-%m-%d %H:%M} UTC.",
                "Run again then.",
                stored.access_key_id,
            )


def _strangers_key(situation: Situation, access_key_id: str) -> Note:
    if situation.record_lost:
        # What the tag says must not be contradicted because the store was not found.
        text = (
            f"Key {access_key_id} belongs to a user that carries the collection's tag, but the store holds no record "
            "of the lab: it may be the wrong store, or the record is lost."
        )
        step = (
            f"Correct {WHERE_THE_RECORD_IS}. If the record is lost and nobody uses the key, name it in "
            f"{NAMED_FOR_REMOVAL}."
        )
    else:
        text = f"Key {access_key_id} was not created by this collection, and its secret is not in the store."
        step = f"If nobody uses it, name it in {NAMED_FOR_REMOVAL}."
    return Note("foreign_key", text, step, access_key_id)
