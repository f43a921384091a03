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

    #: What is done, for people.
    words: str

    def __new__(cls, value: str, words: str) -> ActionKind:
        """As Python's documentation of enums has it for members with more than a value."""
        kind = str.__new__(cls, value)
        kind._value_, kind.words = value, words
        return kind

    DELETE_ORPHAN = "delete_orphan", "delete key {key}"
    CLOSE_INTENT = "close_intent", "close the note of an interrupted key creation"
    FORGET = "forget", "forget key {key}"
    RECORD_LINK = "record_link", "record that the portal holds key {key}"
    CLEAR_LINK = "clear_link", "record that the portal holds none of the stored keys"
    PROVE = "prove", "prove that key {key} works"
    PROMOTE = "promote", "make key {key} the current key"
    SUPERSEDE = "supersede", "mark key {key} as superseded"
    DELETE_FOREIGN = "delete_foreign", "delete key {key}"
    CREATE = "create", "create and store key {key}"
    DEACTIVATE = "deactivate", "deactivate key {key}"
    MARK_INACTIVE = "mark_inactive", "record that key {key} is inactive"
    DELETE = "delete", "delete key {key}"
    SUSPEND = "suspend", "deactivate key {key}"
    NOTE_INACTIVE = "note_inactive", "record since when key {key} is inactive"
    ACTIVATE = "activate", "activate key {key} again"
    FORGET_SUSPENSION = "forget_suspension", "remove the note that key {key} is suspended"
    FOUND_GONE = "found_gone", "find key {key} gone"
    REMOVE_RECORD = "remove_record", "remove the lab's record from the store"


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
        done = self.kind.words.format(key=self.access_key_id or NEW_KEY)
        return f"{done}, {self.why}" if self.why else done


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
        return t.cast(NoteDescription, dataclasses.asdict(self))
