# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the store keeps of one lab: its access keys with their secrets, and how far each of them has come.

Times are ISO 8601 texts in UTC, to the second, so that a record reads the same in every store.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
import typing as t

from ..base import masking
from ..base.errors import CollectionError
from ..base.times import moment, timestamp
from .reasons import StoreReason

RECORD_VERSION = 1

# Shapes by the IAM User Guide; kept loose enough for AWS-compatible test servers.
_ACCESS_KEY_ID = re.compile(r"[A-Z0-9]{16,128}")
_ACCOUNT_ID = re.compile(r"\d{12}")


@dataclasses.dataclass(frozen=True)
class StoredKey:
    """One access key of the lab, with its secret.

    :param proved: when a call signed with the key was last seen to work for the first time; None: not yet.
    :param proved_by: V(mturk), or V(sts) when AWS accepted the key while MTurk gave no answer.
    :param linked: since when the portal is known to hold this key; None: it is not known to.
    :param link_evidence: how that is known: V(page), V(submission), V(key_use) or V(record).
    :param superseded_by: id of the key that took this one's place; empty when nothing has yet.
    :param deactivated_at: when the collection found or made a superseded key inactive; its grace runs from here.
    :param collection_used_at: when the collection itself last signed with the key, to tell its use from others'.
    """

    access_key_id: str
    secret_access_key: str = dataclasses.field(repr=False)
    created: str
    proved: str | None = None
    proved_by: str | None = None
    linked: str | None = None
    link_evidence: str | None = None
    superseded_by: str | None = None
    superseded_at: str | None = None
    deactivated_at: str | None = None
    collection_used_at: str | None = None

    def data(self) -> dict[str, object]:
        """The key's fields, secret included, without what is not set."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value is not None}

    def public(self) -> dict[str, object]:
        """The same without the secret."""
        return {name: value for name, value in self.data().items() if name != "secret_access_key"}


@dataclasses.dataclass(frozen=True)
class CreationIntent:
    """Written before a key is created, so that a run that dies before it stored the secret can be healed.

    :param started: by AWS's clock, just before the key was created.
    :param known_key_ids: the user's keys at that moment; none of them can be the one that was lost.
    """

    started: str
    known_key_ids: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class LabRecord:
    """Everything that the store holds of one lab.

    :param pending: a newer key that the portal is not yet known to hold.
    :param superseded: older keys that still exist, oldest first.
    :param creating: a key creation that has begun and was not yet seen to end.
    """

    lab: str
    account_id: str
    user_name: str
    current: StoredKey | None = None
    pending: StoredKey | None = None
    superseded: tuple[StoredKey, ...] = ()
    creating: CreationIntent | None = None

    def slots(self) -> list[tuple[str, StoredKey]]:
        """Slot and key of all keys: V(current), V(pending), then V(superseded)."""
        found = [("current", self.current), ("pending", self.pending)]
        return [(slot, key) for slot, key in found if key] + [("superseded", key) for key in self.superseded]

    def find(self, access_key_id: str) -> StoredKey | None:
        """The stored key of that id, in whatever slot."""
        return next((key for slot, key in self.slots() if key.access_key_id == access_key_id), None)

    def slot_of(self, access_key_id: str) -> str:
        """The slot of the key of that id; empty when it is not stored."""
        return next((slot for slot, key in self.slots() if key.access_key_id == access_key_id), "")

    @property
    def key_in_use(self) -> StoredKey | None:
        """The key that the portal holds or is to hold: the pending one during a rotation, else the current one."""
        return self.pending or self.current

    @property
    def linked_key_ids(self) -> tuple[str, ...]:
        """Ids of the keys that the portal is recorded to hold; more than one only in records of interrupted runs."""
        return tuple(key.access_key_id for _slot, key in self.slots() if key.linked)

    def with_link(self, access_key_id: str, evidence: str, now: datetime.datetime) -> LabRecord:
        """The record that says which of its keys the portal holds; the same record if it says so already.

        :param access_key_id: of the key; empty, or of a key that is not stored: the portal holds none of them.
        :param evidence: how that is known, see C(StoredKey).
        """
        key = self.find(access_key_id) if access_key_id else None
        if self.linked_key_ids == ((access_key_id,) if key else ()):
            return self
        record = self
        for _slot, other in self.slots():
            record = record.replace_key(dataclasses.replace(other, linked=None, link_evidence=None))
        if key is None:
            return record
        linked = dataclasses.replace(key, linked=timestamp(now), link_evidence=evidence or None)
        return record.replace_key(linked)

    def replace_key(self, key: StoredKey) -> LabRecord:
        """The record with new values for a key that it holds already."""
        return dataclasses.replace(
            self,
            current=key if self._is_same_key(self.current, key) else self.current,
            pending=key if self._is_same_key(self.pending, key) else self.pending,
            superseded=tuple(key if self._is_same_key(other, key) else other for other in self.superseded),
        )

    def without(self, access_key_id: str) -> LabRecord:
        """The record without the key of that id."""

        def kept(key: StoredKey | None) -> StoredKey | None:
            return None if key and key.access_key_id == access_key_id else key

        return dataclasses.replace(
            self,
            current=kept(self.current),
            pending=kept(self.pending),
            superseded=tuple(key for key in self.superseded if kept(key)),
        )

    @staticmethod
    def _is_same_key(one: StoredKey | None, other: StoredKey) -> bool:
        return one is not None and one.access_key_id == other.access_key_id

    def to_dict(self) -> dict[str, object]:
        """The whole record, secrets included, as plain data for a store. What is not set is left out."""
        data = {"version": RECORD_VERSION, **self._as_data(StoredKey.data)}
        if self.creating:
            data["creating"] = {
                "started": self.creating.started,
                "known_key_ids": list(self.creating.known_key_ids),
            }
        return data

    @classmethod
    def from_dict(cls, data: object) -> LabRecord:
        """Read what C(to_dict) wrote.

        :raises CollectionError: it is not a lab record, or one of a newer version. Names fields, never values.
        """
        if not isinstance(data, dict):
            raise _malformed("it is not a mapping")
        version = data.get("version")
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            raise _malformed("it has no version")
        if version > RECORD_VERSION:
            raise CollectionError(
                f"The store's record has version {version}; this collection understands version {RECORD_VERSION}.",
                next_step="Use the collection version that wrote the record, or a newer one.",
                reason=StoreReason.RECORD_TOO_NEW,
            )
        try:
            creating = data.get("creating")
            return cls(
                lab=_required_text(data, "lab"),
                account_id=_required_text(data, "account_id", _ACCOUNT_ID),
                user_name=_required_text(data, "user_name"),
                current=_stored_key(data.get("current")),
                pending=_stored_key(data.get("pending")),
                superseded=tuple(key for key in map(_stored_key, data.get("superseded") or ()) if key),
                creating=(
                    CreationIntent(_moment_text(creating, "started"), _key_ids(creating, "known_key_ids"))
                    if creating
                    else None
                ),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as exc:
            # The cause is dropped on purpose: exceptions of this kind quote the value.
            raise _malformed(
                f"field {exc.args[0]!r}" if isinstance(exc, KeyError) else "a field is malformed"
            ) from None

    def public(self) -> dict[str, object]:
        """The record without secrets, for results and diffs."""
        data = self._as_data(StoredKey.public)
        if self.creating:
            data["creating"] = {"started": self.creating.started}
        return data

    def _as_data(self, key_data: t.Callable[[StoredKey], dict[str, object]]) -> dict[str, object]:
        data: dict[str, object] = {"lab": self.lab, "account_id": self.account_id, "user_name": self.user_name}
        for slot, key in (("current", self.current), ("pending", self.pending)):
            if key:
                data[slot] = key_data(key)
        if self.superseded:
            data["superseded"] = [key_data(key) for key in self.superseded]
        return data


def _stored_key(data: dict[str, object] | None) -> StoredKey | None:
    if not data:
        return None
    _moment_text(data, "created")
    known = {field.name for field in dataclasses.fields(StoredKey)}
    values = {name: _optional_text(data, name) for name in data if name in known}
    values["access_key_id"] = _required_text(data, "access_key_id", _ACCESS_KEY_ID)
    values["secret_access_key"] = _required_text(data, "secret_access_key")
    masking.register(values["secret_access_key"])
    key = StoredKey(**t.cast("dict[str, t.Any]", values))
    for name in ("proved", "linked", "superseded_at", "deactivated_at", "collection_used_at"):
        if getattr(key, name) is not None:
            _moment_text(data, name)
    return key


def _required_text(data: dict[str, object], name: str, shape: re.Pattern[str] | None = None) -> str:
    value = data[name]
    if not isinstance(value, str) or not value or (shape and not shape.fullmatch(value)):
        raise KeyError(name)
    return value


def _key_ids(data: dict[str, object], name: str) -> tuple[str, ...]:
    values = data[name]
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise KeyError(name)
    return tuple(values)


def _optional_text(data: dict[str, object], name: str) -> str | None:
    return None if data[name] is None else _required_text(data, name)


def _moment_text(data: dict[str, object], name: str) -> str:
    value = _required_text(data, name)
    try:
        moment(value)
    except ValueError:
        raise KeyError(name) from None
    return value


def _malformed(what: str) -> CollectionError:
    return CollectionError(
        f"The store's record is not a lab record: {what}.",
        next_step=(
            "Restore the record from an earlier version or a backup. If there is none, move it away: the lab's keys "
            "then count as keys whose secret nobody stored (see the guide on keys)."
        ),
        reason=StoreReason.RECORD_MALFORMED,
    )
