# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The adoption table: every kind of lab that a run can meet, and what C(key_plan) decides for it.

Run as a program it writes the tables into the guide; a test compares them, so that the guide cannot drift.
"""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import pathlib
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws.iam_keys import IamKey
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.times import timestamp
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys import plan as key_plan
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.actions import NEW_KEY, Action, ActionKind
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.plan import Plan
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.situation import (
    KeyRequest,
    LinkKnowledge,
    Situation,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.record import (
    CreationIntent,
    LabRecord,
    StoredKey,
)

GUIDE = pathlib.Path(__file__).resolve().parents[5] / "docs" / "docsite" / "rst" / "guide_adoption.rst"

NOW = datetime.datetime(2026, 3, 1, 12, 0, tzinfo=datetime.UTC)
CREATED = NOW - datetime.timedelta(days=40)
CRASHED = NOW - datetime.timedelta(minutes=2)

# Whose a key is, and where the record has it.
KINDS = ("foreign", "orphan", "current", "pending", "superseded")
KIND_WORDS = {
    "foreign": "foreign",
    "orphan": "ours, not stored",
    "current": "ours, stored",
    "pending": "ours, stored, newer",
    "superseded": "ours, stored, replaced",
}


@dataclasses.dataclass(frozen=True)
class Key:
    """One key of a lab in the matrix."""

    kind: str
    active: bool

    def in_words(self) -> str:
        return f"{KIND_WORDS[self.kind]}, {'active' if self.active else 'inactive'}"


def key_id(index: int) -> str:
    return f"AKIA{'AB'[index] * 12}KEY{'AB'[index]}"


def situation(
    keys: t.Sequence[Key],
    link: LinkKnowledge,
    request: KeyRequest,
    user: str = "ours",
    *,
    proved: bool = True,
) -> Situation:
    """A lab that holds these keys, oldest first."""
    iam = []
    stored: dict[str, list[StoredKey]] = {"current": [], "pending": [], "superseded": []}
    for index, key in enumerate(keys):
        created = CRASHED if key.kind == "orphan" else CREATED + datetime.timedelta(days=index)
        used = NOW - datetime.timedelta(days=3) if key.kind == "foreign" else None
        iam.append(IamKey(key_id(index), key.active, created, used, "mturk-requester" if used else ""))
        if key.kind in stored:
            at = timestamp(created) if proved else None
            stored[key.kind].append(
                StoredKey(key_id(index), "secret", created=timestamp(created), proved=at, proved_by=at and "mturk")
            )
    orphan = any(key.kind == "orphan" for key in keys)
    known = tuple(key_id(index) for index, key in enumerate(keys) if key.kind != "orphan")
    record = LabRecord(
        lab="lab-01",
        account_id="123456789012",
        user_name="cloudresearch-mturk",
        current=next(iter(stored["current"]), None),
        pending=next(iter(stored["pending"]), None),
        superseded=tuple(stored["superseded"]),
        creating=CreationIntent(timestamp(CRASHED), known) if orphan else None,
    )
    empty = not orphan and not any(stored.values())
    return Situation(user, tuple(iam), None if empty else record, request, NOW, link)


def combinations() -> t.Iterator[tuple[Key, ...]]:
    """No key, one key, two keys: all that can be in a lab whose keys were made by hand, by a run, or by both."""
    yield ()
    kinds = [Key(kind, active) for kind in KINDS for active in (True, False)]
    for key in kinds:
        if key.kind in ("foreign", "orphan", "current"):
            yield (key,)
    for first, second in itertools.combinations_with_replacement(kinds, 2):
        pair = {first.kind, second.kind}
        if len(pair) == 1 and first.kind != "foreign":
            continue
        if pair & {"pending", "superseded"} and "current" not in pair:
            continue
        # A replaced key is the older of the two.
        yield (second, first) if second.kind == "superseded" else (first, second)


LINKS = ("the first key", "the second key", "none", "unknown")


def knowledge(link: str) -> LinkKnowledge:
    if link == "the first key":
        return LinkKnowledge("linked", key_id(0), "page")
    if link == "the second key":
        return LinkKnowledge("linked", key_id(1), "page")
    return LinkKnowledge("not_linked" if link == "none" else "unknown")


@dataclasses.dataclass(frozen=True)
class Row:
    """One decision: the lab's keys, what the portal holds, what a run does."""

    keys: tuple[Key, ...]
    links: tuple[str, ...]
    plan: Plan

    def in_words(self) -> str:
        """The lab, the same in every process: workers that run tests side by side must agree on their names."""
        given_up = ["foreign keys given up"] if self.plan.final.request.remove_foreign_keys else []
        keys = [key.in_words() for key in self.keys] or ["no key"]
        return "; ".join([*keys, f"portal holds {' or '.join(self.links)}", *given_up])

    def outcome(self) -> str:
        words = [_outcome_words(action) for action in self.plan.actions]
        text = "; ".join(words) or "nothing to do"
        if self.plan.stop:
            return f"stop: {self.plan.stop.reason}" if not words else f"{text}; then stop: {self.plan.stop.reason}"
        left = [_NOTE_WORDS[note.code] for note in self.plan.notes if note.code in _NOTE_WORDS]
        return "; ".join([text, *dict.fromkeys(left)])


_NOTE_WORDS = {
    "foreign_key": "a foreign key stays, and is reported",
    "foreign_key_held_back": "the named foreign key stays until another key is known to be linked",
    "pending_key_not_linked": "the newer key waits to be linked",
    "superseded_key_may_be_linked": "the replaced key stays until another key is known to be linked",
}

_ACTION_WORDS = {
    ActionKind.DELETE_ORPHAN: "delete {key} (nobody has its secret)",
    ActionKind.CREATE: "create, store a key",
    ActionKind.PROVE: "prove it",
    ActionKind.PROMOTE: "{key} becomes the current one",
    ActionKind.DEACTIVATE: "deactivate {key}",
    ActionKind.DELETE: "delete {key}",
    ActionKind.DELETE_FOREIGN: "delete {key}",
    ActionKind.SUPERSEDE: "{key} counts as replaced",
}
_ORDINALS = {key_id(0): "the first key", key_id(1): "the second key", NEW_KEY: "the new key"}


def _outcome_words(action: Action) -> str:
    words = _ACTION_WORDS.get(action.kind)
    return words.format(key=_ORDINALS.get(action.access_key_id, "")) if words else action.kind.replace("_", " ")


# Bookkeeping in the record that no reader of the table needs.
_SILENT = {ActionKind.RECORD_LINK, ActionKind.CLEAR_LINK, ActionKind.CLOSE_INTENT, ActionKind.MARK_INACTIVE}


def rows(*, named: bool) -> list[Row]:
    """All decisions for C(state=present).

    :param named: whether the operator has named all foreign keys in C(remove_foreign_keys); then only the rows with
        foreign keys are given.
    """
    found = []
    for keys in combinations():
        foreign = frozenset(key_id(index) for index, key in enumerate(keys) if key.kind == "foreign")
        if named and not foreign:
            continue
        request = KeyRequest(remove_foreign_keys=foreign if named else frozenset(), adopt_existing_user=True)
        by_outcome: dict[str, list[tuple[str, Plan]]] = {}
        for link in LINKS[:1] * (len(keys) > 0) + LINKS[1:2] * (len(keys) > 1) + LINKS[2:]:
            plan = key_plan.decide(situation(keys, knowledge(link), request))
            shown = dataclasses.replace(plan, actions=tuple(a for a in plan.actions if a.kind not in _SILENT))
            by_outcome.setdefault(Row(keys, (), shown).outcome(), []).append((link, shown))
        for same in by_outcome.values():
            found.append(Row(keys, tuple(link for link, plan in same), same[0][1]))
    return found


def render(*, named: bool) -> str:
    """The rows as a table in reStructuredText."""
    lines = [
        ".. list-table::",
        "   :header-rows: 1",
        "   :widths: 30 25 45",
        "",
        "   * - Keys of the user, oldest first",
        "     - The portal holds",
        "     - What a run does",
    ]
    for row in rows(named=named):
        possible = 2 + len(row.keys)
        keys = "; ".join(f"({number}) {key.in_words()}" for number, key in enumerate(row.keys, 1)) or "none"
        links = "anything, or nobody knows" if len(row.links) == possible else ", or ".join(row.links)
        lines += [f"   * - {keys}", f"     - {links}", f"     - {row.outcome()}"]
    return "\n".join(lines) + "\n"


def section(name: str) -> tuple[str, str]:
    """The comments between which the guide has a table."""
    return f".. begin: {name}\n\n", f"\n.. end: {name}\n"


TABLES = {"adoption table": False, "adoption table with named keys": True}


def with_tables(guide: str) -> str:
    """The guide with its tables as they have to be."""
    for name, named in TABLES.items():
        begin, end = section(name)
        before, rest = guide.split(begin)
        guide = before + begin + render(named=named) + end + rest.split(end)[1]
    return guide


if __name__ == "__main__":
    GUIDE.write_text(with_tables(GUIDE.read_text()))
