# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report's shape: what the JSON file holds, from which HTML and CSV are drawn.

Every field of a report is named here, and only here: the JSON Schema of the role fleet_report says the same to others.
The enums' members are text, so that a report that was read back from its file equals the one that was written.
"""

from __future__ import annotations

import enum
import typing as t

from ..keys.changes import KeyChange
from ..lab.shapes import DriftEntry, Finding, NextStep, NotLookedFor, Step, Unseen
from .evidence_shapes import AccountKey, KeyCounts, Look, TrendPoint

# Raised whenever readers have to follow. 2: the state unknown; what was not seen, and what was retired, of each lab.
# 3: every key of each lab's account, who looked for them, and what was changed. 4: departments, counts of all keys that
# can call MTurk, and those of earlier reports.
SCHEMA = 4


class StepStatus(enum.StrEnum):
    """How a step of the flow came out, what needs eyes first coming first."""

    FAILED = "failed"
    UNKNOWN = "unknown"
    WAITING = "waiting"
    TO_DO = "to_do"  # an audit found that a run would take this step
    CHANGED = "changed"
    OK = "ok"
    SKIPPED = "skipped"
    NOT_RUN = "not_run"


class KeyStatus(enum.StrEnum):
    """AWS's word for an access key."""

    ACTIVE = "Active"
    INACTIVE = "Inactive"
    NOT_KNOWN = ""


class User(t.TypedDict):
    """The IAM user; None for what was not looked at. It has no tags: a lab's people may fill them with anything."""

    exists: bool
    name: str
    arn: str
    managed: bool
    attached_policies: list[str] | None
    inline_policies: list[str] | None
    groups: list[str] | None
    console_access: bool | None
    created: str


class Key(t.TypedDict):
    """An access key of the user; C(last_use_known) tells one that was never used from one whose use nobody told."""

    access_key_id: str
    status: str
    created: str
    age_days: int | None
    last_used: str
    last_used_service: str
    last_use_known: bool
    owner: str
    stored: bool | None
    slot: str


class RetiredKey(t.TypedDict):
    """A key that the run took out of service, or in check mode would; times are empty when it did not happen (yet)."""

    access_key_id: str
    owner: str
    last_used: str
    last_used_service: str
    deactivated: bool
    deactivated_at: str
    deleted: bool
    deleted_at: str


class Environment(t.TypedDict):
    """MTurk's answer in production or in the sandbox; amounts are US dollars."""

    status: str
    linked: bool
    available_balance: str | None
    on_hold_balance: str | None
    error_code: str
    message: str
    next_step: str


class Link(t.TypedDict):
    """What CloudResearch holds for the lab, and what shows it."""

    status: str
    access_key_id: str
    evidence: str
    message: str


class Lab(t.TypedDict):
    """One lab. Times are ISO 8601 in UTC, empty when there is none."""

    lab: str
    contact: str
    department: str
    account_id: str
    operation: str
    check_mode: bool
    state: str
    steps: list[Step]
    next_steps: list[NextStep]
    drift: list[DriftEntry]
    findings: list[Finding]
    unseen: list[Unseen]
    not_looked_for: list[NotLookedFor]
    user: User | None
    access_keys: list[Key]
    retired_keys: list[RetiredKey]
    requester: dict[str, Environment]
    link: Link
    look: Look | None
    account_keys: list[AccountKey]
    changes: list[KeyChange]
    started: str
    finished: str


class Summary(t.TypedDict):
    """Counts over all labs."""

    labs: int
    states: dict[str, int]
    findings: dict[str, int]
    drifted_labs: int
    next_steps: dict[str, int]
    live_keys: dict[str, int]
    mturk_keys: KeyCounts
    requester: dict[str, dict[str, int]]
    link: dict[str, int]


class Moved(t.TypedDict):
    """A word or an amount of a lab that is another one now."""

    lab: str
    before: str
    after: str


class MovedInEnvironment(Moved):
    """The same, in one of MTurk's environments."""

    environment: str


class MovedKey(Moved):
    """The same, of one key; empty: the key is not there."""

    access_key_id: str


class Found(t.TypedDict):
    """A finding that came or went."""

    lab: str
    code: str
    severity: str
    access_key_id: str


class LabStep(t.TypedDict):
    """A next step that came or was done."""

    lab: str
    step: str
    who: str
    text: str


class Comparison(t.TypedDict):
    """What changed since an earlier report."""

    previous_generated: str
    previous_labs: int
    labs_new: list[str]
    labs_gone: list[str]
    states: list[Moved]
    findings_new: list[Found]
    findings_gone: list[Found]
    access_keys: list[MovedKey]
    requester: list[MovedInEnvironment]
    link: list[Moved]
    balances: list[Moved]
    next_steps_new: list[LabStep]
    next_steps_done: list[LabStep]


class Report(t.TypedDict):
    """The whole."""

    schema: int
    title: str
    generated: str
    started: str
    finished: str
    operations: list[str]
    check_mode: bool
    summary: Summary
    labs: list[Lab]
    comparison: Comparison | None
    trend: list[TrendPoint]


def live_keys(lab: Lab) -> list[Key]:
    """The lab's active keys, the current one first."""
    keys = [key for key in lab["access_keys"] if key["status"] == KeyStatus.ACTIVE]
    return sorted(keys, key=lambda key: key["slot"] != "current")
