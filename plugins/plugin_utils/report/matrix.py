# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of labs: one row a lab, one column a step, what decides about the lab, and the filters above."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import math
import typing as t

from ..base import vocabulary
from ..base.times import days_between, moment, parse_time
from ..lab import finding_kinds
from . import key_counts, labels
from .evidence_shapes import AccountKey
from .labels import Label
from .model import Lab, Report


class Column(t.NamedTuple):
    """A column: what script sorts by, and whether the first click sorts the largest first."""

    heading: str
    sort_by: str
    largest_first: bool


# The cells behind state and worst finding, in the columns' order.
_ORDER = ("key", "whose", "department", "use", "age", "balance")


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


class Cell(t.NamedTuple):
    """A cell: what stands in it and, smaller, below; where there is nothing, C(instead) says why.

    :param code: whether C(text) is an identifier.
    """

    column: str
    text: str = ""
    below: str = ""
    instead: str = ""
    code: bool = False


@dataclasses.dataclass(frozen=True)
class Row:
    """What the table shows of a lab beside its name.

    :param worst: the worst finding, by its title.
    :param more: how many other findings there are.
    :param sort_by: by column, the number to sort by where the cells' text will not do.
    """

    lab: Lab
    state: Label
    worst: Label | None
    more: int
    cells: list[Cell]
    sort_by: dict[str, float]


def columns(report: Report) -> list[Column]:
    """The columns; that of departments only if a lab names one."""
    return [
        Column("Lab", "lab", False),
        Column("State", "state", False),
        Column("Worst finding", "findings", True),
        Column("Key", "key", False),
        Column("Whose", "whose", False),
        *([Column("Department", "department", False)] if _any_department(report) else []),
        Column("Last use", "use", False),
        Column("Key age", "age", True),
        Column("Balance", "balance", False),
    ]


def rows(report: Report) -> t.Iterator[Row]:
    """The rows, in the labs' order, each made when it is its turn."""
    shown = {column.sort_by for column in columns(report)}
    now = moment(report["generated"])
    return (_row(lab, now, shown) for lab in report["labs"])


def _row(lab: Lab, now: datetime.datetime, shown: t.Container[str]) -> Row:
    keys = key_counts.live_or_not_judged(lab["account_keys"])
    key = keys[0] if keys else None
    balance = lab["requester"]["production"]["available_balance"]
    sort_by = {"balance": float(balance)} if balance is not None else {}
    if key:
        sort_by.update(_days_of_key(key, now))
    cells = [
        *(_key_cells(key, len(keys) - 1, sort_by) if key else _without_key(lab)),
        Cell("department", lab["department"], instead="not given"),
        Cell("balance", f"{float(balance):,.2f}" if balance is not None else "", instead="not known"),
    ]
    by_column = {cell.column: cell for cell in cells}
    worst = lab["findings"][0] if lab["findings"] else None
    return Row(
        lab=lab,
        state=labels.STATES[lab["state"]],
        worst=Label(labels.finding_title(worst["code"]), labels.SEVERITIES[worst["severity"]].tone) if worst else None,
        more=len(lab["findings"]) - 1,
        cells=[by_column[name] for name in _ORDER if name in shown],
        sort_by=sort_by,
    )


def _key_cells(key: AccountKey, others: int, days: t.Mapping[str, float]) -> list[Cell]:
    """The key that needs eyes first: which, whose, and when it was used."""
    name = "root user" if key["principal"].endswith(":root") else key["principal"].rpartition("/")[2]
    more = f"and {labels.count(others, 'other')}" if others else ""
    age = f"{days['age']:,.0f} d" if "age" in days else ""
    used = "" if "use" not in days else "never" if math.isinf(days["use"]) else _days_ago(int(days["use"]))
    return [
        Cell("key", key["access_key_id"] or "not told by AWS", more, code=bool(key["access_key_id"])),
        Cell("whose", name or "not known", labels.STANDINGS[key_counts.standing(key)].word.removeprefix("more ")),
        Cell("use", used, key["last_used_service"] if used != "never" else "", instead="not known"),
        Cell("age", age, instead="not known"),
    ]


def _without_key(lab: Lab) -> list[Cell]:
    counts = key_counts.count([lab])
    if counts["suspended"]:
        said = f"{counts['suspended']:,} suspended"
    elif counts["accounts_not_seen"]:
        said = "not seen"
    else:
        said = "none seen" if counts["accounts_partly_seen"] else "none"
    return [Cell("key", instead=said), *(Cell(name, instead="no live key") for name in ("whose", "use", "age"))]


def _days_of_key(key: AccountKey, now: datetime.datetime) -> dict[str, float]:
    """Days since it was made and since it was last used; never is infinite, and what is not known is not there."""
    days: dict[str, float] = {}
    created, used = parse_time(key["created"]), parse_time(key["last_used"])
    if created:
        days["age"] = days_between(created, now)
    if used:
        days["use"] = days_between(used, now)
    elif key["last_use_known"]:
        days["use"] = math.inf
    return days


def filters(report: Report) -> list[Filter]:
    """The filters; only what some lab has can be chosen."""
    labs = report["labs"]
    departments = [Filter("department", "Department", [("", _department_options(labs))])]
    return [
        *(departments if _any_department(report) else []),
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


def _department_options(labs: list[Lab]) -> list[Option]:
    counter = collections.Counter(lab["department"] for lab in labs)
    order = sorted(counter, key=lambda name: (not name, name.casefold()))
    # Before the name stands a sign, because a choice without a value is that of all labs.
    return [Option(f"={name}", name or "not given", counter[name]) for name in order]


def _any_department(report: Report) -> bool:
    return any(lab["department"] for lab in report["labs"])


def _days_ago(days: int) -> str:
    return "today" if days == 0 else f"{days:,} d ago"
