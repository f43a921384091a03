# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page calls things, and the tone (a class of the style sheet) that each word is shown in."""

from __future__ import annotations

import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.times import parse_time
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import finding_kinds

STATES = {
    "failed": ("failed", "bad"),
    "waiting_for_person": ("waiting for a person", "wait"),
    "drifted": ("drifted", "drift"),
    "changed": ("changed", "info"),
    "converged": ("converged", "good"),
}
STEP_STATUSES = {
    "failed": ("failed", "bad"),
    "waiting": ("waiting", "wait"),
    "to_do": ("to do", "drift"),
    "changed": ("changed", "info"),
    "ok": ("ok", "good"),
    "skipped": ("skipped", "mute"),
    "not_run": ("not run", "mute"),
}
STEPS = {
    "observe": "Observe",
    "iam_user": "IAM user",
    "access_key": "Key",
    "requester": "Requester",
    "link": "Link",
    "retire": "Retire",
}
SEVERITIES = {
    "critical": "crit",
    "high": "bad",
    "medium": "wait",
    "low": "info",
    "info": "mute",
}
REQUESTER = {
    "linked": ("linked", "good"),
    "not_linked": ("not linked", "wait"),
    "invalid_credentials": ("key not known", "bad"),
    "access_denied": ("access denied", "bad"),
    "temporary_credentials": ("temporary credentials", "bad"),
    "throttled": ("throttled", "drift"),
    "unreachable": ("unreachable", "bad"),
    "error": ("error", "bad"),
    "not_checked": ("not checked", "mute"),
}
LINK = {
    "linked": ("linked", "good"),
    "not_linked": ("not linked", "wait"),
    "other_key": ("another key", "bad"),
    "unknown": ("not known", "mute"),
}
LIVE_KEYS = {
    "not_stored": ("not stored", "crit"),
    "foreign": ("strangers'", "bad"),
    "stored": ("stored", "good"),
    "not_known": ("not known", "mute"),
}
OPERATIONS = {"onboard": "Onboarding", "audit": "Audit", "rotate": "Key rotation", "retire": "Retirement"}


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


def span(start: str, end: str) -> str:
    """Two times for people; the day is said once when it is the same."""
    first, last = parse_time(start), parse_time(end)
    if not first or not last or start[:16] == end[:16]:
        return moment(start or end)
    if first.date() == last.date():
        return f"{first.day} {first:%b %Y, %H:%M} to {last:%H:%M} UTC"
    return f"{moment(start)} to {moment(end)}"


def day(text: str | None) -> str:
    """A day for people: C(24 Nov 2026)."""
    when = parse_time(text)
    return f"{when.day} {when:%b %Y}" if when else ""


def count(number: int, one: str, many: str = "") -> str:
    """A number with its noun: C(1 lab), C(2 labs), C(1,000 labs)."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(parts: t.Sequence[str]) -> str:
    """C(a, b and c)."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}" if parts else ""
