# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as one HTML file that needs nothing from outside.

The page reads without script; script adds search, sorting, filters, a lab's details, and ready-to-send texts.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import pathlib
import re
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import vocabulary
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.times import parse_time
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import finding_kinds
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import matrix, model, plots, sections, words
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report.markup import (
    Markup,
    data_block,
    element,
    join,
)

Json = model.Json

_DATA_ID = "report-data"
_DATA_BLOCK = re.compile(rf'<script type="application/json" id="{_DATA_ID}">(.*?)</script>', re.DOTALL)


def to_html(report: Json) -> str:
    """The page's text. The same report always gives the same page."""
    style, script = _asset("page.css"), _asset("page.js")
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    head = element(
        "head",
        None,
        element("meta", {"charset": "utf-8"}),
        element("meta", {"http-equiv": "Content-Security-Policy", "content": policy}),
        element("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        element("meta", {"name": "color-scheme", "content": "light dark"}),
        element("meta", {"name": "referrer", "content": "no-referrer"}),
        element("meta", {"name": "robots", "content": "noindex"}),
        element("title", None, report["title"]),
        element("style", None, Markup(style)),
    )
    body = element(
        "body",
        None,
        element("a", {"class": "skip", "href": "#labs"}, "Skip to the table of labs"),
        _header(report),
        element(
            "main",
            None,
            _glance(report),
            sections.changes(report),
            sections.findings(report),
            sections.next_steps(report),
            sections.distributions(report),
            matrix.labs(report),
        ),
        _footer(report),
        data_block(_DATA_ID, report),
        data_block("report-words", _words_for_script()),
        element("script", None, Markup(script)) if report["labs"] else None,
    )
    return "<!doctype html>\n" + element("html", {"lang": "en"}, head, "\n", body) + "\n"


def report_in(page: str) -> Json | None:
    """The report that a page of C(to_html) was made from; None when the text is no such page."""
    match = _DATA_BLOCK.search(page)
    if not match:
        return None
    try:
        report = json.loads(match.group(1))
    except ValueError:
        return None
    return report if isinstance(report, dict) else None


def _header(report: Json) -> Markup:
    names = [words.OPERATIONS[name] for name in report["operations"]]
    kind = words.listed([names[0], *(name.lower() for name in names[1:])]) if names else "Run"
    seen = words.span(report["started"], report["finished"])
    seen = f", observed {seen}" if seen else ""
    links = (
        ("glance", "At a glance"),
        ("changes", "What changed"),
        ("findings", "Findings"),
        ("next-steps", "Next steps"),
        ("plots", "Keys and money"),
        ("labs", "Labs"),
    )
    return element(
        "header",
        {"class": "top"},
        element("h1", {"dir": "auto"}, report["title"]),
        element(
            "p",
            {"class": "meta"},
            f"{kind} of {words.count(report['summary']['labs'], 'lab')}{seen}. Report made ",
            element("time", {"datetime": report["generated"]}, words.moment(report["generated"])),
            ".",
        ),
        element("p", {"class": "note"}, "This was a check-mode run: changes are predicted, none was made.")
        if report["check_mode"]
        else None,
        element(
            "nav",
            {"aria-label": "Sections"},
            element("ul", None, (element("li", None, element("a", {"href": f"#{to}"}, text)) for to, text in links)),
        ),
    )


def _glance(report: Json) -> Markup:
    summary = report["summary"]
    return element(
        "section",
        {"id": "glance", "aria-labelledby": "glance-heading"},
        element("h2", {"id": "glance-heading", "class": "headline"}, headline(report)),
        element(
            "div",
            {"class": "compositions"},
            _composition("Labs", summary["states"], words.STATES, "state"),
            _composition("Live keys", summary["live_keys"], words.LIVE_KEYS, "", total=summary["live_keys"]["total"]),
            *(
                _composition(f"MTurk {name}", summary["requester"][name], words.REQUESTER, f"mturk:{name}")
                for name in vocabulary.ENVIRONMENTS
            ),
            _composition("CloudResearch", summary["link"], words.LINK, "link"),
            _composition(
                "Findings",
                summary["findings"],
                {name: (name, tone) for name, tone in words.SEVERITIES.items()},
                "finding:severity",
            ),
        ),
    )


def headline(report: Json) -> str:
    """What a reader has to know who reads one sentence only."""
    summary = report["summary"]
    states, found = summary["states"], summary["findings"]
    troubles = []
    if states["failed"]:
        troubles.append(f"{words.count(states['failed'], 'lab')} failed")
    if states["waiting_for_person"]:
        waits = "waits" if states["waiting_for_person"] == 1 else "wait"
        troubles.append(f"{words.count(states['waiting_for_person'], 'lab')} {waits} for a person")
    if states["drifted"]:
        troubles.append(f"{words.count(states['drifted'], 'lab')} drifted")
    serious = found["critical"] + found["high"]
    if serious:
        critical = f", {found['critical']:,} of them critical" if found["critical"] else ""
        troubles.append(f"{words.count(serious, 'serious finding')}{critical}")
    if not summary["labs"]:
        return "No lab was in this run."
    if not troubles:
        labs = "The lab is" if summary["labs"] == 1 else f"All {summary['labs']:,} labs are"
        return f"{labs} as declared, without serious findings."
    return f"{words.listed(troubles)}."


def _composition(
    title: str,
    counts: t.Mapping[str, int],
    names: t.Mapping[str, tuple[str, str]],
    filter_name: str,
    *,
    total: int | None = None,
) -> Markup:
    parts = [(key, *names[key], counts[key]) for key in names if counts[key]]
    sum_of_parts = sum(count for _key, _word, _tone, count in parts) if total is None else total
    return element(
        "div",
        {"class": "composition"},
        element("h3", None, title, " ", element("span", {"class": "total"}, f"{sum_of_parts:,}")),
        plots.stacked_bar([(word, tone, count) for _key, word, tone, count in parts]),
        element(
            "ul",
            {"class": "legend"},
            (
                element("li", None, _legend_entry(word, tone, count, f"{filter_name}:{key}" if filter_name else ""))
                for key, word, tone, count in parts
            ),
        )
        if parts
        else element("p", {"class": "legend none"}, "none"),
    )


def _legend_entry(word: str, tone: str, count: int, filter_by: str) -> Markup:
    inside = join([element("span", {"class": f"mark mark-{tone}"}, ""), element("b", None, f"{count:,}"), " ", word])
    if not filter_by:
        return element("span", {"class": "entry"}, inside)
    name, _colon, value = filter_by.partition(":")
    return element("button", {"type": "button", "class": "entry", "data-filter": name, "data-value": value}, inside)


def _footer(report: Json) -> Markup:
    return element(
        "footer",
        None,
        element(
            "p",
            None,
            f"Made by {vocabulary.COLLECTION}. All times are UTC. This file loads nothing from anywhere and holds no "
            "secret: key identifiers are names, not keys. ",
            vocabulary.closing_notice(_today(report)),
        ),
    )


def _today(report: Json) -> datetime.date:
    moment = parse_time(report["generated"])
    if moment is None:
        raise ValueError("The report does not say when it was made.")
    return moment.date()


def _words_for_script() -> Json:
    return {
        "states": words.STATES,
        "steps": words.STEPS,
        "stepStatuses": words.STEP_STATUSES,
        "severities": words.SEVERITIES,
        "requester": words.REQUESTER,
        "link": words.LINK,
        "findings": {code: words.finding_title(code) for code in finding_kinds.CATALOGUE},
    }


def _asset(name: str) -> str:
    return pathlib.Path(__file__).with_name(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
