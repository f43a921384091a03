# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of labs: one row a lab, one column a step, and what decides about the lab."""

from __future__ import annotations

import collections
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import vocabulary
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.times import days_between, parse_time
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import finding_kinds
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import model, words
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report.markup import Child, Markup, element
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report.sections import mark, name_of

Json = model.Json
Option = tuple[str, str, int]  # value, text, number of labs

# Column: heading, what script sorts by, whether the first click sorts the largest first.
_COLUMNS = (
    ("Lab", "lab", False),
    ("State", "state", False),
    *((words.STEPS[name], f"step-{name}", False) for name in vocabulary.STEPS),
    ("Findings", "findings", True),
    ("Key age", "age", True),
    ("Last use", "use", True),
    ("Balance", "balance", False),
)


def labs(report: Json) -> Markup:
    """The section with its tools and its table."""
    heading = element("h2", {"id": "labs-heading", "tabindex": "-1"}, "Labs")
    if not report["labs"]:
        nothing = element("p", {"class": "empty"}, "There is no lab to show.")
        return element("section", {"id": "labs", "aria-labelledby": "labs-heading"}, heading, nothing)
    return element(
        "section",
        {"id": "labs", "aria-labelledby": "labs-heading"},
        heading,
        _tools(report),
        element(
            "table",
            {"class": "matrix", "role": "table", "aria-labelledby": "labs-caption"},
            element(
                "caption",
                {"id": "labs-caption", "class": "sr"},
                "Labs and the steps of the flow, with findings, key age, last use and balance",
            ),
            element("thead", {"role": "rowgroup"}, element("tr", {"role": "row"}, (_head(*each) for each in _COLUMNS))),
            element(
                "tbody",
                {"role": "rowgroup", "id": "rows"},
                (_row(lab, place, report) for place, lab in enumerate(report["labs"])),
            ),
        ),
        element(
            "p",
            {"class": "more js-only"},
            element("button", {"type": "button", "id": "more", "hidden": True}, "Show more"),
        ),
        element(
            "p",
            {"id": "no-result", "hidden": True, "class": "empty"},
            "No lab fits. ",
            element("button", {"type": "button", "class": "quiet", "data-clear": True}, "Clear search and filters"),
        ),
    )


def _tools(report: Json) -> Markup:
    every = report["labs"]
    states = _options(words.STATES, (lab["state"] for lab in every))
    links = _options(words.LINK, (lab["link"]["status"] for lab in every))
    return element(
        "form",
        {"class": "tools js-only", "role": "search", "aria-label": "Labs"},
        element(
            "div",
            {"class": "field wide"},
            element("label", {"for": "search"}, "Search"),
            element(
                "input",
                {
                    "type": "search",
                    "id": "search",
                    "autocomplete": "off",
                    "spellcheck": "false",
                    "placeholder": "lab, account, key, finding, message",
                },
            ),
        ),
        _select("state", "State", [("", states)]),
        _select("finding", "Finding", _finding_options(every)),
        _select("step", "Step", _step_options(every)),
        _select("mturk", "MTurk", _mturk_options(every)),
        _select("link", "CloudResearch", [("", links)]),
        element(
            "div",
            {"class": "result"},
            element("p", {"role": "status", "id": "count"}, words.count(len(every), "lab")),
            element(
                "button",
                {"type": "button", "class": "quiet", "data-clear": True, "id": "clear", "hidden": True},
                "Clear",
            ),
        ),
    )


def _select(name: str, label: str, groups: list[tuple[str, list[Option]]]) -> Markup:
    def options(entries: list[Option]) -> list[Markup]:
        return [element("option", {"value": value}, f"{text} ({number:,})") for value, text, number in entries]

    choices: list[Child] = [element("option", {"value": ""}, "all")]
    for group, entries in groups:
        choices.append(
            element("optgroup", {"label": group}, options(entries)) if group and entries else options(entries)
        )
    return element(
        "div",
        {"class": "field"},
        element("label", {"for": f"filter-{name}"}, label),
        element("select", {"id": f"filter-{name}", "data-name": name}, choices),
    )


def _options(names: t.Mapping[str, tuple[str, str]], seen: t.Iterable[str], prefix: str = "") -> list[Option]:
    counter = collections.Counter(seen)
    return [(f"{prefix}{key}", word, counter[key]) for key, (word, _tone) in names.items() if counter[key]]


def _finding_options(every: list[Json]) -> list[tuple[str, list[Option]]]:
    severities = collections.Counter(
        severity for lab in every for severity in {finding["severity"] for finding in lab["findings"]}
    )
    codes = collections.Counter(code for lab in every for code in {finding["code"] for finding in lab["findings"]})
    clean = sum(1 for lab in every if not lab["findings"])
    by_severity = [
        (f"severity:{name}", name, severities[name]) for name in finding_kinds.SEVERITIES if severities[name]
    ]
    by_code = [(f"code:{code}", words.finding_title(code), number) for code, number in sorted(codes.items())]
    return [("Severity", by_severity), ("Kind", by_code), ("", [("none", "no findings", clean)] if clean else [])]


def _step_options(every: list[Json]) -> list[tuple[str, list[Option]]]:
    groups = []
    for place, name in enumerate(vocabulary.STEPS):
        seen = (lab["steps"][place]["status"] for lab in every)
        groups.append((words.STEPS[name], _options(words.STEP_STATUSES, seen, f"{name}:")))
    return groups


def _mturk_options(every: list[Json]) -> list[tuple[str, list[Option]]]:
    return [
        (name, _options(words.REQUESTER, (lab["requester"][name]["status"] for lab in every), f"{name}:"))
        for name in vocabulary.ENVIRONMENTS
    ]


def _head(heading: str, sort_by: str, largest_first: bool) -> Markup:
    return element(
        "th",
        {"scope": "col", "role": "columnheader", "class": f"c-{sort_by}", "data-heading": heading},
        element(
            "button",
            {"type": "button", "class": "sort", "data-sort": sort_by, "data-largest-first": largest_first},
            heading,
        ),
    )


def _row(lab: Json, place: int, report: Json) -> Markup:
    word, tone = words.STATES[lab["state"]]
    account = element("span", {"class": "account"}, lab["account_id"]) if lab["account_id"] else None
    return element(
        "tr",
        {"role": "row", "data-lab": place},
        element(
            "th",
            {"scope": "row", "role": "rowheader", "class": "c-lab"},
            element("span", {"class": "lab-name", "data-open": True}, name_of(lab["lab"])),
            account,
        ),
        _cell("State", "c-state", mark(word, tone)),
        (_cell(words.STEPS[step["name"]], "c-step", _step(step)) for step in lab["steps"]),
        _cell("Findings", "c-findings", _findings(lab)),
        (_cell(heading, "c-number", text) for heading, text in _numbers(lab, report)),
    )


def _cell(heading: str, kind: str, *content: Child) -> Markup:
    return element("td", {"role": "cell", "class": kind, "data-heading": heading}, *content)


def _step(step: Json) -> Markup:
    word, tone = words.STEP_STATUSES[step["status"]]
    if step["status"] == "not_run":
        return element("span", {"class": "none"}, element("span", {"aria-hidden": "true"}, "–"), _heard(word))
    if step["status"] in ("ok", "skipped"):
        return element("span", {"class": f"plain plain-{tone}"}, word)
    return mark(word, tone)


def _findings(lab: Json) -> Markup:
    worst = model.worst_severity(lab)
    if not worst:
        return element("span", {"class": "none"}, element("span", {"aria-hidden": "true"}, "–"), _heard("none"))
    more = len(lab["findings"]) - 1
    return element(
        "span",
        {"class": "nowrap"},
        mark(worst, words.SEVERITIES[worst]),
        element("span", {"class": "and-more"}, f" +{more}", _heard(" more")) if more else None,
    )


def _numbers(lab: Json, report: Json) -> t.Iterator[tuple[str, Child]]:
    """The oldest live key's age, the latest use of any live key, the balance: what decides at a glance."""
    keys = model.live_keys(lab)
    ages = [key["age_days"] for key in keys if key["age_days"] is not None]
    now = parse_time(report["generated"])
    uses = [days_between(used, now) for key in keys if (used := parse_time(key["last_used"])) and now]
    known_uses = [days for days in uses if days is not None]
    yield "Key age", _days(max(ages)) if ages else _nothing("no live key" if not keys else "not known")
    if known_uses:
        yield "Last use", _ago(min(known_uses))
    else:
        yield "Last use", "never" if keys else _nothing("no live key")
    balance = lab["requester"]["production"]["available_balance"]
    yield "Balance", f"{float(balance):,.2f}" if balance is not None else _nothing("not known")


def _days(days: int) -> str:
    return f"{days:,} d"


def _ago(days: int) -> str:
    return "today" if days == 0 else f"{days:,} d ago"


def _nothing(heard: str) -> Markup:
    return element("span", {"class": "none"}, element("span", {"aria-hidden": "true"}, "–"), _heard(heard))


def _heard(text: str) -> Markup:
    return element("span", {"class": "sr"}, text)
