# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page calls things, and the tone (a class of the style sheet) in which it shows each of them."""

from __future__ import annotations

import datetime
import typing as t

from ..base.times import parse_time
from ..base.vocabulary import Operation, OutcomeState
from ..lab import finding_kinds
from ..mturk.status import Status as RequesterStatus
from .key_counts import Standing
from .model import StepStatus


class Label(t.NamedTuple):
    """A word for people and its tone."""

    word: str
    tone: str


# Dictionaries keep the order in which the page lists and sorts: what needs eyes first comes first.
STATES: dict[str, Label] = {
    OutcomeState.FAILED: Label("failed", "bad"),
    OutcomeState.UNKNOWN: Label("unknown", "unseen"),
    OutcomeState.WAITING_FOR_PERSON: Label("waiting for a person", "wait"),
    OutcomeState.DRIFTED: Label("drifted", "drift"),
    OutcomeState.CHANGED: Label("changed", "info"),
    OutcomeState.CONVERGED: Label("converged", "good"),
}
STEP_STATUSES: dict[str, Label] = {
    StepStatus.FAILED: Label("failed", "bad"),
    StepStatus.UNKNOWN: Label("unknown", "unseen"),
    StepStatus.WAITING: Label("waiting", "wait"),
    StepStatus.TO_DO: Label("to do", "drift"),
    StepStatus.CHANGED: Label("changed", "info"),
    StepStatus.OK: Label("ok", "good"),
    StepStatus.SKIPPED: Label("skipped", "mute"),
    StepStatus.NOT_RUN: Label("not run", "mute"),
}
# Of what was not seen because nobody asked for it.
NOT_ASKED = Label("not asked", "mute")

# The parts of a lab that an observation reads (lab_account.unseen).
PARTS = {
    "user": "The IAM user",
    "access_keys": "Its keys",
    "attached_policies": "Its managed policies",
    "inline_policies": "Its inline policies",
    "groups": "Its groups",
    "console_access": "Its console password",
    "last_use": "The last use of its keys",
    "other_users": "Other users of the account with the MTurk policy",
    "principals": "Everybody in the account who may call MTurk",
    "store": "The store",
    "mturk": "Mechanical Turk",
    "portal": "CloudResearch",
}
STEPS = {
    "observe": "Observe",
    "iam_user": "IAM user",
    "access_key": "Key",
    "requester": "Requester",
    "link": "Link",
    "retire": "Retire",
}
SEVERITIES: dict[str, Label] = {
    "critical": Label("critical", "crit"),
    "high": Label("high", "bad"),
    "medium": Label("medium", "wait"),
    "low": Label("low", "info"),
    "info": Label("info", "mute"),
}
REQUESTER: dict[str, Label] = {
    RequesterStatus.LINKED: Label("linked", "good"),
    RequesterStatus.NOT_LINKED: Label("not linked", "wait"),
    RequesterStatus.INVALID_CREDENTIALS: Label("key not known", "bad"),
    RequesterStatus.ACCESS_DENIED: Label("access denied", "bad"),
    RequesterStatus.TEMPORARY_CREDENTIALS: Label("temporary credentials", "bad"),
    RequesterStatus.CLOCK_SKEW: Label("clock is wrong", "bad"),
    RequesterStatus.THROTTLED: Label("throttled", "drift"),
    RequesterStatus.UNREACHABLE: Label("unreachable", "bad"),
    RequesterStatus.SERVICE_CLOSED: Label("service closed", "mute"),
    RequesterStatus.ERROR: Label("error", "bad"),
    RequesterStatus.NOT_CHECKED: Label("not checked", "mute"),
}
LINK: dict[str, Label] = {
    "linked": Label("linked", "good"),
    "not_linked": Label("not linked", "wait"),
    "other_key": Label("another key", "bad"),
    "unknown": Label("not known", "mute"),
}
STANDINGS: dict[str, Label] = {
    Standing.UNDECLARED: Label("nobody declared", "bad"),
    Standing.OWNER_NOT_KNOWN: Label("owner not known", "unseen"),
    Standing.DECLARED: Label("declared", "wait"),
    Standing.NOT_JUDGED: Label("more could not be judged", "unseen"),
    Standing.EXCEPTED: Label("excepted", "info"),
}
# How much of the accounts was looked at.
ACCOUNTS: dict[str, Label] = {
    "not_seen": Label("could not be read", "bad"),
    "partly_seen": Label("not looked at in full", "unseen"),
    "seen": Label("looked at in full", "good"),
}
OPERATIONS: dict[str, str] = {
    Operation.ONBOARD: "Onboarding",
    Operation.AUDIT: "Audit",
    Operation.ROTATE: "Key rotation",
    Operation.SUSPEND: "Suspension",
    Operation.RETIRE: "Retirement",
}


def finding_title(code: str) -> str:
    """A finding's title; the code itself when a newer collection wrote it."""
    kind = finding_kinds.CATALOGUE.get(code)
    return kind.title if kind else code


def finding_meaning(code: str) -> str:
    """Why a finding matters; empty when the code is not known."""
    kind = finding_kinds.CATALOGUE.get(code)
    return kind.meaning if kind else ""


def moment(text: str) -> str:
    """A time for people: C(24 Nov 2026, 10:40 UTC)."""
    when = parse_time(text)
    return f"{when.day} {when:%b %Y, %H:%M} UTC" if when else ""


def day(date: datetime.date) -> str:
    """A day for people: C(30 September 2026)."""
    return f"{date.day} {date:%B %Y}"


def span(start: str, end: str) -> str:
    """Two times for people; the day is said once when it is the same."""
    first, last = parse_time(start), parse_time(end)
    if not first or not last or start[:16] == end[:16]:
        return moment(start or end)
    if first.date() == last.date():
        return f"{first.day} {first:%b %Y, %H:%M} to {last:%H:%M} UTC"
    return f"{moment(start)} to {moment(end)}"


def count(number: int, one: str, many: str = "") -> str:
    """A number with its noun: C(1 lab), C(2 labs), C(1,000 labs)."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(parts: t.Sequence[str]) -> str:
    """C(a, b and c)."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""
