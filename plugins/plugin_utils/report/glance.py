# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page says first: one sentence, counts, and the findings by kind."""

from __future__ import annotations

import collections
import dataclasses
import typing as t

from ..base.vocabulary import OutcomeState
from ..lab import finding_kinds
from ..lab.shapes import Finding
from . import key_counts, labels, plots
from .evidence_shapes import KeyCounts
from .labels import Label
from .model import Lab, Report, StepStatus

# Findings that say that something was not seen: nothing is known to be well beside them.
NOT_SEEN = frozenset({"observation_incomplete", "portal_unproved"})


@dataclasses.dataclass(frozen=True)
class Part:
    """One count of a composition.

    :param value: what the filter of the composition selects.
    """

    label: Label
    count: int
    value: str


@dataclasses.dataclass(frozen=True)
class Composition:
    """A total and its parts.

    :param filter_name: the filter of the table of labs that a click on a part sets; empty when there is none.
    """

    title: str
    total: int
    parts: list[Part]
    filter_name: str

    @property
    def shares(self) -> list[plots.Rect]:
        """The parts as one bar."""
        return plots.stacked_bar((part.label.tone, part.count) for part in self.parts)


@dataclasses.dataclass(frozen=True)
class FindingKind:
    """All findings of one kind, with the labs that have them."""

    code: str
    label: Label
    cases: list[tuple[str, Finding]]

    @property
    def labs(self) -> int:
        """How many labs have it."""
        return len({lab for lab, _finding in self.cases})


@dataclasses.dataclass
class NotSeen:
    """What was not seen, of which labs, for one reason.

    :param label: whether it could not be read, or nobody asked for it.
    :param subjects: parts of the lab, and findings that may be there.
    """

    reason: str
    label: Label = labels.NOT_ASKED
    next_step: str = ""
    subjects: list[str] = dataclasses.field(default_factory=list)
    labs: list[str] = dataclasses.field(default_factory=list)


def run_in_a_sentence(report: Report) -> str:
    """How the run came out for the labs."""
    summary = report["summary"]
    states, found = summary["states"], summary["findings"]
    if not summary["labs"]:
        return "No lab was in this run."
    serious = found["critical"] + found["high"]
    troubles = [
        _labs_in_words(states[OutcomeState.FAILED], "failed"),
        _labs_in_words(states[OutcomeState.UNKNOWN], "could not be seen"),
        _labs_in_words(states[OutcomeState.WAITING_FOR_PERSON], "waits for a person", "wait for a person"),
        _labs_in_words(states[OutcomeState.DRIFTED], "drifted"),
        _labs_in_words(states[OutcomeState.CHANGED] if report["check_mode"] else 0, "would be changed"),
        _labs_in_words(_partly_seen(report), "was not seen in full", "were not seen in full"),
        labels.count(serious, "serious finding") + _critical(found["critical"]) if serious else "",
    ]
    said = [trouble for trouble in troubles if trouble]
    if not said:
        labs = "The lab is" if summary["labs"] == 1 else f"All {summary['labs']:,} labs are"
        seen = "" if all_seen(report) else ", in what was looked at"
        return f"{labs} as declared, without serious findings{seen}."
    return f"{labels.listed(said)}."


def keys_and_accounts(report: Report) -> list[Composition]:
    """The live keys by whose they are, and how much of the accounts was looked at."""
    return [_keys(report), _accounts(report["summary"]["mturk_keys"])]


def compositions(report: Report) -> list[Composition]:
    """The counts of the run, each with the filter that shows its labs."""
    summary = report["summary"]
    return [
        _composition("Labs", summary["states"], labels.STATES, "state"),
        # The sandbox has no money and no studies: its filter is with the table of labs.
        _composition("MTurk", summary["requester"]["production"], labels.REQUESTER, "mturk", "production:"),
        _composition("CloudResearch", summary["link"], labels.LINK, "link"),
        _composition("Findings", summary["findings"], labels.SEVERITIES, "finding", "severity:"),
    ]


def finding_kinds_of(report: Report) -> list[FindingKind]:
    """The findings of all labs by kind: the worst first, then the most frequent."""
    by_code: dict[str, list[tuple[str, Finding]]] = {}
    for lab in report["labs"]:
        for finding in lab["findings"]:
            by_code.setdefault(finding["code"], []).append((lab["lab"], finding))
    order = sorted(
        by_code.items(),
        key=lambda entry: (finding_kinds.SEVERITIES.index(entry[1][0][1]["severity"]), -len(entry[1]), entry[0]),
    )
    return [FindingKind(code, labels.SEVERITIES[cases[0][1]["severity"]], cases) for code, cases in order]


def not_seen(report: Report) -> list[NotSeen]:
    """What was not seen, by reason: what could not be read first, then the reasons of most labs."""
    by_reason: dict[str, NotSeen] = {}
    for lab in report["labs"]:
        for reason, subject, next_step, refused in _not_seen_of(lab):
            group = by_reason.setdefault(reason, NotSeen(reason or "No reason was given."))
            group.label = labels.STATES[OutcomeState.UNKNOWN] if refused else group.label
            group.next_step = group.next_step or next_step
            group.subjects += [subject] if subject not in group.subjects else []
            group.labs += [lab["lab"]] if lab["lab"] not in group.labs else []
    return sorted(by_reason.values(), key=lambda group: (group.label == labels.NOT_ASKED, -len(group.labs)))


def _not_seen_of(lab: Lab) -> t.Iterator[tuple[str, str, str, bool]]:
    """Reason, subject, next step, and whether it could not be read."""
    for entry in lab["unseen"]:
        yield entry["message"], labels.PARTS.get(entry["part"], entry["part"]), entry["next_step"], True
    told = {entry["message"] for entry in lab["unseen"]}
    for step in lab["steps"]:
        if step["status"] == StepStatus.UNKNOWN and step["message"] not in told:
            yield step["message"], f"Step {labels.STEPS[step['name']]}", "", True
    for each in lab["not_looked_for"]:
        yield each["why"], labels.finding_title(each["code"]), "", False


def all_seen(report: Report) -> bool:
    """Whether every lab was seen in full, as far as anything tells."""
    return not _partly_seen(report) and not any(
        lab["state"] in (OutcomeState.FAILED, OutcomeState.UNKNOWN) or lab["user"] is None or lab["not_looked_for"]
        for lab in report["labs"]
    )


def _partly_seen(report: Report) -> int:
    return sum(
        1
        for lab in report["labs"]
        if lab["state"] not in (OutcomeState.FAILED, OutcomeState.UNKNOWN)
        and (lab["unseen"] or any(finding["code"] in NOT_SEEN for finding in lab["findings"]))
    )


def _keys(report: Report) -> Composition:
    """Keys that can call MTurk; those that may be live come on top of the total."""
    keys = [key for labs in key_counts.by_account(report["labs"]) for key in key_counts.keys_of(labs)]
    counts = collections.Counter(key_counts.standing(key).value for key in key_counts.live_or_not_judged(keys))
    found = _composition("Live keys", counts, labels.STANDINGS, "")
    return dataclasses.replace(found, total=report["summary"]["mturk_keys"]["live"])


def _accounts(counts: KeyCounts) -> Composition:
    parts = {"not_seen": counts["accounts_not_seen"], "partly_seen": counts["accounts_partly_seen"]}
    return _composition("Accounts", {**parts, "seen": counts["accounts"] - sum(parts.values())}, labels.ACCOUNTS, "")


def _labs_in_words(number: int, one: str, many: str = "") -> str:
    return f"{labels.count(number, 'lab')} {one if number == 1 else many or one}" if number else ""


def _critical(number: int) -> str:
    return f", {number:,} of them critical" if number else ""


def _composition(
    title: str, counts: t.Mapping[str, int], names: t.Mapping[str, Label], filter_name: str, prefix: str = ""
) -> Composition:
    parts = [Part(label, counts[key], f"{prefix}{key}") for key, label in names.items() if counts[key]]
    return Composition(title, sum(part.count for part in parts), parts, filter_name)
