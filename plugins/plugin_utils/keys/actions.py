# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be done to a lab's access keys, why it is not done, and the words in which that is told."""

from __future__ import annotations

import dataclasses
import enum
import typing as t

from ..base.errors import CollectionError


class Slot(enum.StrEnum):
    """Where a record keeps a key."""

    CURRENT = "current"
    PENDING = "pending"
    SUPERSEDED = "superseded"


class ActionKind(enum.StrEnum):
    """What can be done to a lab's keys and their record."""

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
    SUSPEND = "suspend"
    NOTE_INACTIVE = "note_inactive"
    ACTIVATE = "activate"
    FORGET_SUSPENSION = "forget_suspension"
    FOUND_GONE = "found_gone"
    REMOVE_RECORD = "remove_record"


# What takes a key out of IAM.
DELETIONS = frozenset({ActionKind.DELETE, ActionKind.DELETE_FOREIGN, ActionKind.DELETE_ORPHAN})
# What switches a key off.
DEACTIVATIONS = frozenset({ActionKind.DEACTIVATE, ActionKind.SUSPEND})

# Stands for the key that an action of a plan will create.
NEW_KEY = "(new key)"


@dataclasses.dataclass(frozen=True)
class Action:
    """One thing to do.

    :param slot: for C(CREATE), where the record keeps the new key.
    :param why: the rest of a sentence that begins with what is done.
    """

    kind: ActionKind
    access_key_id: str = ""
    slot: Slot = Slot.CURRENT
    why: str = ""

    def in_words(self) -> str:
        """The action and its reason for people, such as C(delete key AKIA..., ...)."""
        done = _WORDS[self.kind].format(key=self.access_key_id or NEW_KEY)
        return f"{done}, {self.why}" if self.why else done


_WORDS = {
    ActionKind.DELETE_ORPHAN: "delete key {key}",
    ActionKind.CLOSE_INTENT: "close the note of an interrupted key creation",
    ActionKind.FORGET: "forget key {key}",
    ActionKind.RECORD_LINK: "record that the portal holds key {key}",
    ActionKind.CLEAR_LINK: "record that the portal holds none of the stored keys",
    ActionKind.PROVE: "prove that key {key} works",
    ActionKind.PROMOTE: "make key {key} the current key",
    ActionKind.SUPERSEDE: "mark key {key} as superseded",
    ActionKind.DELETE_FOREIGN: "delete key {key}",
    ActionKind.CREATE: "create and store key {key}",
    ActionKind.DEACTIVATE: "deactivate key {key}",
    ActionKind.MARK_INACTIVE: "record that key {key} is inactive",
    ActionKind.DELETE: "delete key {key}",
    ActionKind.SUSPEND: "deactivate key {key}",
    ActionKind.NOTE_INACTIVE: "record since when key {key} is inactive",
    ActionKind.ACTIVATE: "activate key {key} again",
    ActionKind.FORGET_SUSPENSION: "remove the note that key {key} is suspended",
    ActionKind.FOUND_GONE: "find key {key} gone",
    ActionKind.REMOVE_RECORD: "remove the lab's record from the store",
}


@dataclasses.dataclass(frozen=True)
class Stop:
    """No action is safe: why, and what the operator can choose from."""

    reason: str
    message: str
    choices: tuple[str, ...]

    def as_error(self, lab: str, user_name: str) -> CollectionError:
        """The error for a situation in which the operator has to choose."""
        return CollectionError(
            f"Lab {lab}, IAM user {user_name}: {self.message}",
            next_step=f"Choose: {'; or '.join(self.choices)}.",
            reason=self.reason,
            step="access_key",
            details={"choices": list(self.choices)},
        )


class NoteDescription(t.TypedDict):
    """A note in a result."""

    code: str
    message: str
    next_step: str
    access_key_id: str


@dataclasses.dataclass(frozen=True)
class Note:
    """Something that has to wait, or that a person should know; not a failure."""

    code: str
    message: str
    next_step: str
    access_key_id: str = ""

    def as_dict(self) -> NoteDescription:
        """The note as plain data."""
        return {
            "code": self.code,
            "message": self.message,
            "next_step": self.next_step,
            "access_key_id": self.access_key_id,
        }
