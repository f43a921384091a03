# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a lab's access keys, and the words in which the next actions on them are told."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws.iam_keys import IamKey
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import times
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.record import LabRecord, StoredKey

STATES = ("present", "rotated", "absent")
USER_OWNERS = ("ours", "foreign", "missing")

# How long after its intent a lost key can have been created: a call that was cut off may take effect late, and one
# run repeats it a few times.
INTENT_WINDOW = datetime.timedelta(minutes=5)
# AWS tells its time in whole seconds, and its servers agree to within a few.
CLOCK_TOLERANCE = datetime.timedelta(seconds=5)

# Stands for the key that an action of a plan will create.
NEW_KEY = "(new key)"


@dataclasses.dataclass(frozen=True)
class LinkKnowledge:
    """What is known of the key that the lab's CloudResearch account holds, in RV(cloudresearch_link)'s words."""

    status: str = "unknown"
    access_key_id: str = ""
    evidence: str = ""


@dataclasses.dataclass(frozen=True)
class KeyRequest:
    """What the operator wants of the lab's keys.

    :param max_age_days: replace the key when it is older; None: never for its age.
    :param retire_superseded: remove superseded keys as soon as that is safe.
    :param grace_days: how long a superseded key stays inactive before it is deleted.
    :param adopt_existing_user: keys may be created for a user that the collection did not create.
    :param remove_foreign_keys: ids of keys that the collection did not create and that the operator gives up.
    """

    state: str = "present"
    max_age_days: int | None = None
    retire_superseded: bool = True
    grace_days: int = 0
    adopt_existing_user: bool = False
    remove_foreign_keys: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True)
class Situation:
    """All that a decision rests on.

    :param user: V(ours), V(foreign) (it lacks the collection's tag) or V(missing).
    :param keys: as IAM lists them; C(last_used) is needed for keys that are not current or pending.
    :param now: by AWS's clock.
    :param rotation_begun: a rotation is or was under way in this run, so that V(rotated) begins no second one.
    """

    user: str
    keys: tuple[IamKey, ...]
    record: LabRecord | None
    request: KeyRequest
    now: datetime.datetime
    link: LinkKnowledge = LinkKnowledge()
    rotation_begun: bool = False

    def iam_key(self, access_key_id: str) -> IamKey | None:
        """The key of that id, if IAM has it."""
        return next((key for key in self.keys if key.access_key_id == access_key_id), None)

    def usable(self, stored: StoredKey | None) -> bool:
        """Whether the key exists, is active, and its secret is known."""
        key = self.iam_key(stored.access_key_id) if stored else None
        return key is not None and key.active

    @property
    def stored(self) -> list[tuple[str, StoredKey]]:
        """Slot and key of all stored keys."""
        return self.record.slots() if self.record else []

    @property
    def orphans(self) -> list[IamKey]:
        """Keys that a creation may have left behind whose secret was never stored, so that nobody can be using them."""
        if self.record is None or self.record.creating is None:
            return []
        intent = self.record.creating
        started = times.moment(intent.started)
        return [
            key
            for key in self.keys
            if key.access_key_id not in intent.known_key_ids
            and not self.record.slot_of(key.access_key_id)
            and started - CLOCK_TOLERANCE <= key.created <= started + INTENT_WINDOW
            and key.last_used is None
            and key.access_key_id != self.link.access_key_id
        ]

    @property
    def foreign(self) -> list[IamKey]:
        """Keys that the collection did not create, as far as anybody can tell."""
        orphans = self.orphans
        ours = {orphans[0].access_key_id} if len(orphans) == 1 else set()
        return [
            key
            for key in self.keys
            if key.access_key_id not in ours and not (self.record and self.record.slot_of(key.access_key_id))
        ]

    @property
    def rotation_under_way(self) -> bool:
        """Whether a newer key waits to take the current one's place, or the one whose place it took is still known."""
        record = self.record
        if record is None:
            return False
        current = record.current
        return self.usable(record.pending) or any(
            current is not None and times.moment(key.created) <= times.moment(current.created)
            for key in record.superseded
        )

    @property
    def key_to_use(self) -> str:
        """Id of the key that the portal should hold: the newest usable one of ours; empty when there is none."""
        if self.record:
            for stored in (self.record.pending, self.record.current):
                if stored and self.usable(stored):
                    return stored.access_key_id
        return ""


@dataclasses.dataclass(frozen=True)
class Action:
    """One thing to do.

    :param kind: one of the constants below.
    :param slot: for C(CREATE), where the record keeps the new key.
    :param why: the rest of a sentence that begins with what is done.
    """

    kind: str
    access_key_id: str = ""
    slot: str = ""
    why: str = ""

    def in_words(self) -> str:
        """The action and its reason for people, such as C(delete key AKIA..., ...)."""
        done = _WORDS[self.kind].format(key=self.access_key_id or NEW_KEY)
        return f"{done}, {self.why}" if self.why else done


DELETE_ORPHAN = "delete_orphan"
CLOSE_INTENT = "close_intent"
FORGET = "forget"
RECORD_LINK = "record_link"
CLEAR_LINK = "clear_link"
PROVE = "prove"
PROMOTE = "promote"
SUPERSEDE = "supersede"
DELETE_FOREIGN = "delete_foreign"
CREATE = "create"
DEACTIVATE = "deactivate"
MARK_INACTIVE = "mark_inactive"
DELETE = "delete"
REMOVE_RECORD = "remove_record"

_WORDS = {
    DELETE_ORPHAN: "delete key {key}",
    CLOSE_INTENT: "close the note of an interrupted key creation",
    FORGET: "forget key {key}",
    RECORD_LINK: "record that the portal holds key {key}",
    CLEAR_LINK: "record that the portal holds none of the stored keys",
    PROVE: "prove that key {key} works",
    PROMOTE: "make key {key} the current key",
    SUPERSEDE: "mark key {key} as superseded",
    DELETE_FOREIGN: "delete key {key}",
    CREATE: "create and store key {key}",
    DEACTIVATE: "deactivate key {key}",
    MARK_INACTIVE: "record that key {key} is inactive",
    DELETE: "delete key {key}",
    REMOVE_RECORD: "remove the lab's record from the store",
}


@dataclasses.dataclass(frozen=True)
class Stop:
    """No action is safe: why, and what the operator can choose from."""

    reason: str
    message: str
    choices: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Note:
    """Something that has to wait, or that a person should know; not a failure."""

    code: str
    message: str
    next_step: str
    access_key_id: str = ""


@dataclasses.dataclass(frozen=True)
class Plan:
    """Everything that a run would do now.

    :param stop: why it would end there without having reached the requested state.
    :param final: the situation after the actions.
    :param notes: about the final situation.
    """

    actions: tuple[Action, ...]
    stop: Stop | None
    final: Situation
    notes: tuple[Note, ...]


def portal_key(situation: Situation) -> str | None:
    """Id of the key that the portal holds; empty: it holds none; None: nobody knows.

    What was found out now counts before what an earlier run recorded.
    """
    link = situation.link
    if link.status in ("linked", "other_key"):
        return link.access_key_id or None
    if link.status == "not_linked":
        return ""
    recorded = [key for slot, key in situation.stored if key.linked]
    return max(recorded, key=lambda key: key.linked or "").access_key_id if recorded else None


def describe_keys(situation: Situation) -> list[dict[str, t.Any]]:
    """The user's keys for results and reports, oldest first; no secrets."""
    foreign = {key.access_key_id for key in situation.foreign}
    return [
        {
            "access_key_id": key.access_key_id,
            "status": "Active" if key.active else "Inactive",
            "created": times.timestamp(key.created),
            "age_days": times.days_between(key.created, situation.now),
            "last_used": times.timestamp(key.last_used) if key.last_used else None,
            "last_used_service": key.last_used_service,
            "owner": "foreign" if key.access_key_id in foreign else "ours",
            "stored": bool(slot),
            "slot": slot,
        }
        for key in situation.keys
        for slot in (situation.record.slot_of(key.access_key_id) if situation.record else "",)
    ]
