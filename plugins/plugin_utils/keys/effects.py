# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an action on a lab's keys does to the lab's record, and to the situation as a whole.

The plan follows these to foresee; the run writes what they return to the store.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ..aws.iam_keys import IamKey
from ..base.times import timestamp
from ..store.record import CreationIntent, LabRecord, StoredKey
from .actions import DEACTIVATIONS, DELETIONS, NEW_KEY, Action, ActionKind, Slot
from .situation import Situation
from .suspension import Suspension, tag_key


def with_intent(record: LabRecord, keys: t.Iterable[IamKey], now: datetime.datetime) -> LabRecord:
    """The record as it has to be in the store before a key is created."""
    return dataclasses.replace(
        record, creating=CreationIntent(timestamp(now), tuple(key.access_key_id for key in keys))
    )


def with_new_key(record: LabRecord, slot: Slot, key: StoredKey) -> LabRecord:
    """The record with a key that was just created; its creation has ended well."""
    if slot == Slot.CURRENT:
        return dataclasses.replace(record, current=key, creating=None)
    return dataclasses.replace(record, pending=key, creating=None)


def with_proof(record: LabRecord, access_key_id: str, by: str, now: datetime.datetime) -> LabRecord:
    """The record with the key's proof."""
    at = timestamp(now)
    return _changed(record, access_key_id, proved=at, proved_by=by, collection_used_at=at)


def record_after(situation: Situation, action: Action) -> LabRecord | None:
    """The record once an action on existing keys has been done; None: the store has none then.

    Not for creating and proving, which bring something new into the record.
    """
    record = situation.record
    if record is None or action.kind not in _RECORD_EFFECTS:
        return record
    return _RECORD_EFFECTS[action.kind](situation, record, action.access_key_id)


def after(situation: Situation, action: Action) -> Situation:
    """The situation once an action has been done, as a plan expects it."""
    later = continued(
        situation,
        record=_expected_record(situation, action),
        keys=_expected_keys(situation, action),
        tags=tags_after(situation, action),
        created=action.kind == ActionKind.CREATE,
    )
    return dataclasses.replace(later, record_removed=True) if action.kind == ActionKind.REMOVE_RECORD else later


def continued(
    situation: Situation,
    *,
    record: LabRecord | None,
    keys: tuple[IamKey, ...],
    tags: t.Mapping[str, str] | None = None,
    created: bool = False,
) -> Situation:
    """The situation later in the same run.

    :param tags: of the user; None: as before.
    :param created: a new key was created and stored in between.
    """
    later = dataclasses.replace(situation, record=record, keys=keys, tags=situation.tags if tags is None else tags)
    begun = situation.rotation_begun or situation.rotation_under_way or later.rotation_under_way
    return dataclasses.replace(later, rotation_begun=begun or created)


def tags_after(situation: Situation, action: Action) -> t.Mapping[str, str]:
    """The user's tags once an action has been done."""
    name = tag_key(action.access_key_id)
    if action.kind in (ActionKind.SUSPEND, ActionKind.NOTE_INACTIVE):
        noted = Suspension(situation.now, by_us=action.kind == ActionKind.SUSPEND)
        return {**situation.tags, name: noted.tag_value()}
    if action.kind == ActionKind.FORGET_SUSPENSION:
        return {other: value for other, value in situation.tags.items() if other != name}
    return situation.tags


def found_gone(situation: Situation, action: Action) -> Situation:
    """The situation in which the key that the action is about turned out to be gone; the record has it still."""
    keys = tuple(key for key in situation.keys if key.access_key_id != action.access_key_id)
    return continued(situation, record=situation.record, keys=keys, tags=tags_after(situation, action))


def _expected_record(situation: Situation, action: Action) -> LabRecord | None:
    record = situation.record
    if action.kind == ActionKind.CREATE:
        # The plan knows neither lab nor account; nobody reads them from it.
        record = record or LabRecord(lab="-", account_id="0" * 12, user_name="-")
        key = StoredKey(NEW_KEY, "", created=timestamp(situation.now))
        return with_new_key(record, action.slot, key)
    if action.kind == ActionKind.PROVE and record:
        return with_proof(record, action.access_key_id, "mturk", situation.now)
    return record_after(situation, action)


def _expected_keys(situation: Situation, action: Action) -> tuple[IamKey, ...]:
    if action.kind == ActionKind.CREATE:
        return (*situation.keys, IamKey(NEW_KEY, True, situation.now))
    if action.kind in DELETIONS:
        return tuple(key for key in situation.keys if key.access_key_id != action.access_key_id)
    if action.kind in DEACTIVATIONS or action.kind == ActionKind.ACTIVATE:
        active = action.kind == ActionKind.ACTIVATE
        return tuple(
            dataclasses.replace(key, active=active) if key.access_key_id == action.access_key_id else key
            for key in situation.keys
        )
    return situation.keys


def _changed(record: LabRecord, access_key_id: str, **values: str | None) -> LabRecord:
    key = record.find(access_key_id)
    return record.replace_key(dataclasses.replace(key, **t.cast("dict[str, t.Any]", values))) if key else record


def _forget(_situation: Situation, record: LabRecord, access_key_id: str) -> LabRecord:
    return record.without(access_key_id)


def _record_link(situation: Situation, record: LabRecord, access_key_id: str) -> LabRecord:
    return record.with_link(access_key_id, situation.link.evidence, situation.now)


def _promote(situation: Situation, record: LabRecord, access_key_id: str) -> LabRecord:
    superseded = record.superseded
    if record.current:
        superseded = (*superseded, _marked_superseded(record.current, access_key_id, situation.now))
    return dataclasses.replace(record, current=record.pending, pending=None, superseded=superseded)


def _supersede(situation: Situation, record: LabRecord, access_key_id: str) -> LabRecord:
    if record.pending is None:
        return record
    by = record.current.access_key_id if record.current else None
    superseded = (*record.superseded, _marked_superseded(record.pending, by, situation.now))
    return dataclasses.replace(record, pending=None, superseded=superseded)


def _marked_superseded(key: StoredKey, by: str | None, now: datetime.datetime) -> StoredKey:
    return dataclasses.replace(key, superseded_by=by, superseded_at=timestamp(now))


def _mark_inactive(situation: Situation, record: LabRecord, access_key_id: str) -> LabRecord:
    return _changed(record, access_key_id, deactivated_at=timestamp(situation.now))


_RECORD_EFFECTS: dict[ActionKind, t.Callable[[Situation, LabRecord, str], LabRecord | None]] = {
    ActionKind.CLOSE_INTENT: lambda _situation, record, _key_id: dataclasses.replace(record, creating=None),
    ActionKind.FORGET: _forget,
    ActionKind.RECORD_LINK: _record_link,
    # No key is named, so none is linked.
    ActionKind.CLEAR_LINK: _record_link,
    ActionKind.PROMOTE: _promote,
    ActionKind.SUPERSEDE: _supersede,
    ActionKind.DEACTIVATE: _mark_inactive,
    ActionKind.MARK_INACTIVE: _mark_inactive,
    ActionKind.DELETE: _forget,
    # AWS takes some seconds to let a key in again, and proving it waits for that.
    ActionKind.ACTIVATE: lambda _situation, record, key_id: _changed(record, key_id, proved=None, proved_by=None),
    ActionKind.REMOVE_RECORD: lambda _situation, _record, _key_id: None,
}
