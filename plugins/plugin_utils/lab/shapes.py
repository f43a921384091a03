# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plain data that an observation and an outcome are: what modules return, reports read and scripts test.

They pass through Ansible as results, so they are dictionaries of plain values, and their field names are a contract.
None of them holds a secret.
"""

from __future__ import annotations

import typing as t

from ..aws.iam_user import UserDescription
from ..aws.principals.shapes import Principals
from ..keys.actions import NoteDescription
from ..keys.changes import KeyChange
from ..keys.description import KeyDescription, RetiredKey
from ..mturk.requester import Answers
from .known_principals import KnownPrincipal

# By environment of MTurk.
Requester = Answers


class Link(t.TypedDict):
    """Which key CloudResearch holds.

    C(reason) and C(next_step) are there if a look at the portal failed; C(dead_access_key_id) if the key that it is
    said to hold is gone from AWS or inactive there.
    """

    status: str
    access_key_id: str
    evidence: str
    message: str
    reason: t.NotRequired[str]
    next_step: t.NotRequired[str]
    dead_access_key_id: t.NotRequired[str]


class StoreSeen(t.TypedDict):
    """What the store has of the lab; C(message) says why it could not be read."""

    readable: bool
    message: str
    access_key_ids: list[str]


class DriftEntry(t.TypedDict):
    """One difference between the declared and the observed user."""

    code: str
    message: str
    next_step: str


class Finding(t.TypedDict):
    """Something that a lab should worry about; C(access_key_id) is empty if it is not about one key."""

    code: str
    severity: str
    message: str
    next_step: str
    access_key_id: str


class NotLookedFor(t.TypedDict):
    """A finding that nobody could look for, or that nobody was asked to look for, and why."""

    code: str
    why: str


class Unseen(t.TypedDict):
    """A part that was to be looked at and could not be read."""

    part: str
    message: str
    reason: str
    next_step: str


class OtherUser(t.TypedDict):
    """Another user of the account that has the lab's policy; C(how): V(policy), or the group that gives it."""

    user_name: str
    how: str
    access_key_ids: list[str]
    live_access_key_ids: list[str]


class Blocked(t.TypedDict, total=False):
    """Why no step can be taken safely; empty if nothing is in the way."""

    step: str
    reason: str
    message: str
    next_step: str


class Seen(t.TypedDict):
    """What an observation and an outcome have in common: the lab as it is.

    C(user) is None if it could not be read; C(other_users) and C(principals) are None if nobody
    looked. C(declared_user) is the name of the lab's own user.
    """

    lab: str
    account_id: str
    started: str
    user: UserDescription | None
    access_keys: list[KeyDescription]
    other_users: list[OtherUser] | None
    declared_user: str
    principals: Principals | None
    known_principals: list[KnownPrincipal]
    requester: Requester
    link: Link
    store: StoreSeen | None
    drift: list[DriftEntry]
    findings: list[Finding]
    not_looked_for: list[NotLookedFor]
    unseen: list[Unseen]


class Observation(Seen):
    """One lab in one read, and what a run would do."""

    declared_state: str
    observed_at: str
    thresholds: dict[str, t.Any]
    missing: list[str]
    why_missing: dict[str, str]
    blocked: Blocked
    plan: list[str]
    notes: list[NoteDescription]


class Step(t.TypedDict):
    """How one step of the flow came out."""

    name: str
    status: str
    message: str
    reason: str


class NextStep(t.TypedDict):
    """What is left to do, for whom: V(person) (at the portal or at MTurk) or V(operator)."""

    step: str
    who: str
    text: str
    url: str


class Outcome(Seen):
    """How one lab came out of a run: the host's line in every report."""

    schema: int
    operation: str
    check_mode: bool
    state: str
    message: str
    steps: list[Step]
    next_steps: list[NextStep]
    missing: list[str]
    retired_keys: list[RetiredKey]
    changes: list[KeyChange]
    ended: str
