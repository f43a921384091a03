# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab's keys as plain data for results and reports; no secrets."""

from __future__ import annotations

import typing as t

from ..base import times
from .situation import Situation


class KeyDescription(t.TypedDict):
    """One access key in results and reports; no secret.

    C(suspended_on) is since when it is suspended, None if it is not; C(may_go_on) from when on a retirement may delete
    it, None where no days were declared. C(owner) is V(ours), V(foreign) or V(unknown); C(stored) is None where the
    store could not be read; C(last_use_known) tells a key that was never used from one whose last use nobody asked for,
    or AWS did not tell.
    """

    access_key_id: str
    status: str
    created: str
    age_days: int
    last_used: str | None
    last_used_service: str
    last_use_known: bool
    owner: str
    stored: bool | None
    slot: str
    suspended_on: str | None
    may_go_on: str | None


def describe_keys(situation: Situation) -> list[KeyDescription]:
    """The user's keys for results and reports, oldest first."""
    foreign = {key.access_key_id for key in situation.foreign}
    stranger = "unknown" if situation.record_lost else "foreign"
    return [
        {
            "access_key_id": key.access_key_id,
            "status": "Active" if key.active else "Inactive",
            "created": times.timestamp(key.created),
            "age_days": times.days_between(key.created, situation.now),
            "last_used": times.timestamp(key.last_used) if key.last_used else None,
            "last_used_service": key.last_used_service,
            "last_use_known": key.last_use_known,
            "owner": stranger if key.access_key_id in foreign else "ours",
            "stored": bool(slot),
            "slot": slot,
            "suspended_on": times.timestamp(suspended.at) if suspended else None,
            "may_go_on": times.timestamp(may_go) if may_go else None,
        }
        for key in situation.keys
        for slot in (situation.record.slot_of(key.access_key_id) if situation.record else "",)
        for suspended, may_go in ((situation.suspension(key), situation.may_go_on(key)),)
    ]


class RetiredKey(t.TypedDict):
    """A key that was deactivated or deleted, or would be; moments are None where that was not done (yet)."""

    access_key_id: str
    owner: str
    created: str | None
    last_used: str | None
    last_used_service: str
    deactivated: bool
    deactivated_at: str | None
    deleted: bool
    deleted_at: str | None


def describe_retired(before: Situation, access_key_id: str) -> RetiredKey:
    """What is known of a key before it is taken out of service."""
    key = next((key for key in describe_keys(before) if key["access_key_id"] == access_key_id), None)
    return {
        "access_key_id": access_key_id,
        "owner": key["owner"] if key else "ours",
        "created": key["created"] if key else None,
        "last_used": key["last_used"] if key else None,
        "last_used_service": key["last_used_service"] if key else "",
        "deactivated": False,
        "deactivated_at": None,
        "deleted": False,
        "deleted_at": None,
    }
