# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What changed since the earlier report, as the page lists it."""

from __future__ import annotations

import dataclasses
import decimal
import typing as t

from ..base import vocabulary
from . import labels
from .labels import Label
from .model import Comparison, Found, Moved, MovedKey

# A few can be read at once; many would hide the other groups.
_OPEN_AT_MOST = 5

_OTHER_ACCOUNT = "The account that it had before was not looked at: what is left in it is not known."


@dataclasses.dataclass(frozen=True)
class Group:
    """Changes of one sort, as pairs of a lab and what is said of it."""

    title: str
    tone: str
    entries: list[tuple[str, str]]

    @property
    def is_open(self) -> bool:
        """Whether its entries are shown at once."""
        return len(self.entries) <= _OPEN_AT_MOST


def groups(comparison: Comparison | None) -> list[Group]:
    """The sorts of changes that there are."""
    return [group for group in _groups(comparison) if group.entries] if comparison else []


def _groups(comparison: Comparison) -> t.Iterator[Group]:
    yield Group("New findings", "bad", [_finding_line(found) for found in comparison["findings_new"]])
    yield Group("Findings gone", "good", [_finding_line(found) for found in comparison["findings_gone"]])
    yield Group("States", "info", [_moved_line(entry, labels.STATES) for entry in comparison["states"]])
    yield Group("Keys", "info", [_key_line(entry) for entry in comparison["access_keys"]])
    for name in vocabulary.ENVIRONMENTS:
        entries = [entry for entry in comparison["requester"] if entry["environment"] == name]
        yield Group(f"MTurk {name}", "info", [_moved_line(entry, labels.REQUESTER) for entry in entries])
    yield Group("CloudResearch", "info", [_moved_line(entry, labels.LINK) for entry in comparison["link"]])
    yield Group("New next steps", "wait", [(step["lab"], step["text"]) for step in comparison["next_steps_new"]])
    yield Group("Next steps done", "good", [(step["lab"], step["text"]) for step in comparison["next_steps_done"]])
    yield Group("Balances", "mute", [_money_line(entry) for entry in comparison["balances"]])
    new, gone = dict.fromkeys(comparison["labs_new"], ""), dict.fromkeys(comparison["labs_gone"], "")
    moved = dict.fromkeys((name for name in new if name in gone), _OTHER_ACCOUNT)
    yield Group("Labs in another AWS account", "wait", list(moved.items()))
    yield Group("New labs", "info", [entry for entry in new.items() if entry[0] not in moved])
    yield Group("No longer in the report", "mute", [entry for entry in gone.items() if entry[0] not in moved])


def _finding_line(found: Found) -> tuple[str, str]:
    key = f" ({found['access_key_id']})" if found["access_key_id"] else ""
    return found["lab"], f"{labels.finding_title(found['code'])}{key}, {found['severity']}"


def _moved_line(entry: Moved, names: t.Mapping[str, Label]) -> tuple[str, str]:
    # A report of a newer collection may hold words that this one does not know.
    before, after = (names[word].word if word in names else word for word in (entry["before"], entry["after"]))
    return entry["lab"], f"{before} → {after}"


def _key_line(entry: MovedKey) -> tuple[str, str]:
    before, after = entry["before"] or "not there", entry["after"] or "gone"
    return entry["lab"], f"{entry['access_key_id']} {before.lower()} → {after.lower()}"


def _money_line(entry: Moved) -> tuple[str, str]:
    moved_by = decimal.Decimal(entry["after"]) - decimal.Decimal(entry["before"])
    return entry["lab"], f"{entry['before']} → {entry['after']} ({moved_by:+})"
