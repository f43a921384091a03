# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of labs: one row a lab, one column a step, what decides about the lab, and the filters above."""

from __future__ import annotations

import collections
import dataclasses
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import vocabulary
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.times import days_between, moment, parse_time
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import finding_kinds
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import labels
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report.labels import Label
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report.model import (
    Lab,
    Report,
    live_keys,
    worst_severity,
)


class Column(t.NamedTuple):
    """A column: what script sorts by, and whether the first click sorts the largest first."""

    heading: str
    sort_by: str
    largest_first: bool


class Option(t.NamedTuple):
    """A filter's choice, and how many labs it shows."""

    value: str
    text: str
    labs: int


class Filter(t.NamedTuple):
    """A filter, with its choices in groups; a group may have no name."""

    name: str
    title: str
    groups: list[tuple[str, list[Option]]]


class Number(t.NamedTuple):
    """A cell with a number. Where there is none, C(text) is empty and C(instead) says why."""

    heading: str
    text: str
    instead: str


@dataclasses.dataclass(frozen=True)
class Row:
    """What the table shows of a lab beside its name."""

    lab: Lab
    state: Label
    steps: list[tuple[str, Label, str]]  # heading, label, status
    worst: Label | None
    numbers: list[Number]


COLUMNS = (
    Column("Lab", "lab", False),
    Column("State", "state", False),
    *(Column(labels.STEPS[name], f"step-{name}", False) for name in vocabulary.STEPS),
    Column("Findings", "findings", True),
    Column("Key age", "age", True),
    Column("Last use", "use", True),
    Column("Balance", "balance", False),
)


def rows(report: Report) -> list[Row]:
    """The rows, in the labs' order."""
    return [
        Row(
            lab,
            labels.STATES[lab["state"]],
            [
                (labels.STEPS[step["name"]], labels.STEP_STATUSES[step["status"]], step["status"])
                for step in lab["steps"]
            ],
            labels.SEVERITIES[worst] if (worst := worst_severity(lab)) else None,
            list(_numbers(lab, report)),
        )
        for lab in report["labs"]
    ]


def filters(report: Report) -> list[Filter]:
    """The filters; only what some lab has can be chosen."""
    labs = report["labs"]
    return [
        Filter("state", "State", [("", _options(labels.STATES, (lab["state"] for lab in labs)))]),
        Filter("finding", "Finding", _finding_options(labs)),
        Filter("step", "Step", _step_options(labs)),
        Filter(
            "mturk",
            "MTurk",
            [
                (name, _options(labels.REQUESTER, (lab["requester"][name]["status"] for lab in labs), f"{name}:"))
                for name in vocabulary.ENVIRONMENTS
            ],
        ),
        Filter("link", "CloudResearch", [("", _options(labels.LINK, (lab["link"]["status"] for lab in labs)))]),
    ]


def _options(names: t.Mapping[str, Label], seen: t.Iterable[str], prefix: str = "") -> list[Option]:
    counter = collections.Counter(seen)
    return [Option(f"{prefix}{key}", label.word, counter[key]) for key, label in names.items() if counter[key]]


def _finding_options(labs: list[Lab]) -> list[tuple[str, list[Option]]]:
    severities = collections.Counter(
        severity for lab in labs for severity in {finding["severity"] for finding in lab["findings"]}
    )
    codes = collections.Counter(code for lab in labs for code in {finding["code"] for finding in lab["findings"]})
    clean = sum(1 for lab in labs if not lab["findings"])
    by_severity = [
        Option(f"severity:{name}", name, severities[name]) for name in finding_kinds.SEVERITIES if severities[name]
    ]
    by_code = [Option(f"code:{code}", labels.finding_title(code), number) for code, number in sorted(codes.items())]
    none = [Option("none", "no findings", clean)] if clean else []
    return [("Severity", by_severity), ("Kind", by_code), ("", none)]


def _step_options(labs: list[Lab]) -> list[tuple[str, list[Option]]]:
    return [
        (
            labels.STEPS[name],
            _options(labels.STEP_STATUSES, (lab["steps"][place]["status"] for lab in labs), f"{name}:"),
        )
        for place, name in enumerate(vocabulary.STEPS)
    ]


def _numbers(lab: Lab, report: Report) -> t.Iterator[Number]:
    """The oldest live key's age, the latest use of any live key, the balance: what decides at a glance."""
    keys = live_keys(lab)
    now = moment(report["generated"])
    ages = [key["age_days"] for key in keys if key["age_days"] is not None]
    uses = [days_between(used, now) for key in keys if (used := parse_time(key["last_used"]))]
    no_key = ("not seen" if lab["user"] is None else "no live key") if not keys else ""
    yield Number("Key age", f"{max(ages):,} d" if ages else "", no_key or "not known")
    never = "never" if keys and all(key["last_use_known"] for key in keys) else ""
    yield Number("Last use", _ago(min(uses)) if uses else never, no_key or "not known")
    balance = lab["requester"]["production"]["available_balance"]
    yield Number("Balance", f"{float(balance):,.2f}" if balance is not None else "", "not known")


def _ago(days: int) -> str:
    return "today" if days == 0 else f"{days:,} d ago"
