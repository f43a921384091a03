# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a lab's access keys."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import typing as t

from ..aws.iam_keys import IamKey
from ..base import times
from ..base.errors import invalid_options
from ..base.vocabulary import LinkStatus
from ..store.record import LabRecord, StoredKey
from . import suspension


class KeyState(enum.StrEnum):
    """What can be asked for."""

    PRESENT = "present"
    ROTATED = "rotated"
    SUSPENDED = "suspended"
    ABSENT = "absent"


class UserOwner(enum.StrEnum):
    """Whose the IAM user is, by the collection's tag."""

    OURS = "ours"
    FOREIGN = "foreign"
    MISSING = "missing"


# How long after its intent a lost key can have been created: a call that was cut off may take effect late, and one
# run repeats it a few times.
INTENT_WINDOW = datetime.timedelta(minutes=5)
# AWS tells its time in whole seconds, and its servers agree to within a few.
CLOCK_TOLERANCE = datetime.timedelta(seconds=5)


@dataclasses.dataclass(frozen=True)
class LinkKnowledge:
    """What is known of the key that the lab's CloudResearch account holds, in RV(cloudresearch_link)'s words."""

    status: LinkStatus = LinkStatus.UNKNOWN
    access_key_id: str = ""
    evidence: str = ""


@dataclasses.dataclass(frozen=True)
class KeyRequest:
    """What the operator wants of the lab's keys.

    :param max_age_days: replace the key when it is older; None: never for its age.
    :param retire_superseded: remove superseded keys as soon as that is safe.
    :param grace_days: how long a superseded key stays inactive before it is deleted.
    :param retire_after_days: with V(absent), how long a key stays suspended before it is deleted; 0: not at all.
    :param adopt_existing_user: keys may be created for a user that the collection did not create.
    :param remove_foreign_keys: ids of keys that the collection did not create and that the operator gives up.
    :param begun: when the run began to look at the lab. A current key that is younger was made by another run
        since, so V(rotated) does not replace it once more.
    :raises CollectionError: a number of days cannot be one.
    """

    state: KeyState = KeyState.PRESENT
    max_age_days: int | None = None
    retire_superseded: bool = True
    grace_days: int = 0
    retire_after_days: int = 0
    adopt_existing_user: bool = False
    remove_foreign_keys: frozenset[str] = frozenset()
    begun: datetime.datetime | None = None

    def __post_init__(self) -> None:
        if self.max_age_days is not None and self.max_age_days < 1:
            told = "max_age_days must be at least 1."
            raise invalid_options(told, "Leave max_age_days out to keep keys whatever their age (in the role: 0).")
        for name, in_role in (("grace_days", "key_grace_days"), ("retire_after_days", "retire_after_days")):
            if getattr(self, name) < 0:
                next_step = f"Set {name} (in the role: lab_account_{in_role}) to 0 or more."
                raise invalid_options(f"{name} must not be negative.", next_step)

    @property
    def wants_key(self) -> bool:
        """Whether there has to be a key that works."""
        return self.state in (KeyState.PRESENT, KeyState.ROTATED)

    @property
    def suspends(self) -> bool:
        """Whether keys are taken out of service with a way back."""
        return self.state == KeyState.SUSPENDED or (self.state == KeyState.ABSENT and self.retire_after_days > 0)


@dataclasses.dataclass(frozen=True)
class Situation:
    """All that a decision rests on.

    :param keys: as IAM lists them; C(last_used) is needed for keys that are not current or pending.
    :param now: by AWS's clock.
    :param tags: of the IAM user; they tell since when a key is suspended.
    :param rotation_begun: a rotation is or was under way in this run, so that V(rotated) begins no second one.
    :param record_removed: this run has removed the lab's record, so that it was there.
    """

    user: UserOwner
    keys: tuple[IamKey, ...]
    record: LabRecord | None
    request: KeyRequest
    now: datetime.datetime
    link: LinkKnowledge = LinkKnowledge()
    tags: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    rotation_begun: bool = False
    record_removed: bool = False

    def iam_key(self, access_key_id: str) -> IamKey | None:
        """The key of that id, if IAM has it."""
        return next((key for key in self.keys if key.access_key_id == access_key_id), None)

    def usable(self, stored: StoredKey | None) -> bool:
        """Whether the key exists, is active, and its secret is known."""
        key = self.iam_key(stored.access_key_id) if stored else None
        return key is not None and key.active

    def suspension(self, key: IamKey) -> suspension.Suspension | None:
        """Since when the key is suspended; None if it is not."""
        return suspension.suspension_of(key, self.tags, self.now)

    def may_go_on(self, key: IamKey) -> datetime.datetime | None:
        """From when on a retirement may delete a suspended key; None: no days were declared, or it is not suspended."""
        suspended = self.suspension(key)
        if suspended is None or not self.request.retire_after_days:
            return None
        return suspended.at + datetime.timedelta(days=self.request.retire_after_days)

    def waits_for_its_day(self, key: IamKey) -> bool:
        """Whether a retirement has to leave the key alone for now."""
        may_go = self.may_go_on(key)
        return self.request.state == KeyState.ABSENT and may_go is not None and may_go > self.now

    @property
    def stored(self) -> list[tuple[str, StoredKey]]:
        """Slot and key of all stored keys."""
        return self.record.slots() if self.record else []

    @property
    def record_lost(self) -> bool:
        """Whether AWS shows the user to be ours, while the store has nothing of the lab: perhaps the wrong store."""
        return self.user == UserOwner.OURS and self.record is None and not self.record_removed

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

    @property
    def suspended_key(self) -> str:
        """Id of the key that would be the one to use if it were not suspended; empty when there is none."""
        if self.record and not self.key_to_use:
            for stored in (self.record.pending, self.record.current):
                key = self.iam_key(stored.access_key_id) if stored else None
                suspended = self.suspension(key) if key else None
                if key and suspended and suspended.by_us:
                    return key.access_key_id
        return ""


def portal_key(situation: Situation) -> str | None:
    """Id of the key that the portal holds; empty: it holds none; None: nobody knows.

    What was found out now counts before what an earlier run recorded.
    """
    link = situation.link
    # A key that was proved to be linked and is gone since was replaced by another run, which recorded it.
    stale = link.status == LinkStatus.LINKED and not situation.iam_key(link.access_key_id)
    if link.status in (LinkStatus.LINKED, LinkStatus.OTHER_KEY) and not stale:
        return link.access_key_id or None
    if link.status == LinkStatus.NOT_LINKED:
        return ""
    recorded = [key for slot, key in situation.stored if key.linked]
    return max(recorded, key=lambda key: key.linked or "").access_key_id if recorded else None


def portal_lets_go(situation: Situation, access_key_id: str) -> bool:
    """Whether the portal is known not to use the key."""
    held = portal_key(situation)
    return held is not None and held != access_key_id
