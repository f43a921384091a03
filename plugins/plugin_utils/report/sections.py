# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page's sections between the counts and the table of labs."""

from __future__ import annotations

import decimal
import typing as t
import urllib.parse

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import vocabulary
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import finding_kinds
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import compare, model, plots, words
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report.markup import Child, Markup, element

Json = model.Json

# Mail programs cut long mailto: addresses; the text to copy has no limit.
_LONGEST_MAIL = 1800


def name_of(lab: str) -> Markup:
    """A lab's name, kept from turning the text around it (it may hold writing marks of any direction)."""
    return element("bdi", None, lab)


def mark(word: str, tone: str) -> Markup:
    """A word in its tone, with a shape so that colour is never alone."""
    return element("span", {"class": f"tag tag-{tone}"}, element("span", {"class": f"mark mark-{tone}"}, ""), word)


def findings(report: Json) -> Markup:
    """Findings of all labs by kind, the worst first."""
    by_code: dict[str, list[tuple[Json, Json]]] = {}
    for lab in report["labs"]:
        for finding in lab["findings"]:
            by_code.setdefault(finding["code"], []).append((lab, finding))
    order = sorted(
        by_code.items(),
        key=lambda entry: (finding_kinds.SEVERITIES.index(entry[1][0][1]["severity"]), -len(entry[1]), entry[0]),
    )
    content: Child = element("p", {"class": "empty"}, "No findings.")
    if order:
        content = element("ol", {"class": "findings"}, (_finding_kind(code, found) for code, found in order))
    return _section("findings", "Findings", content)


def _finding_kind(code: str, found: list[tuple[Json, Json]]) -> Markup:
    severity = found[0][1]["severity"]
    labs = len({lab["lab"] for lab, _finding in found})
    return element(
        "li",
        {"class": f"finding edge-{words.SEVERITIES[severity]}"},
        element(
            "div",
            {"class": "finding-head"},
            mark(severity, words.SEVERITIES[severity]),
            element("h3", None, words.finding_title(code)),
            element(
                "button",
                {"type": "button", "class": "quiet", "data-filter": "finding", "data-value": f"code:{code}"},
                words.count(labs, "lab"),
                element("span", {"class": "sr"}, f" with: {words.finding_title(code)}. Show in the table"),
            ),
        ),
        element("p", None, words.finding_meaning(code)),
        element(
            "details",
            None,
            element(
                "summary",
                None,
                "Which labs, and what to do",
                element("span", {"class": "sr"}, f" about: {words.finding_title(code)}"),
            ),
            element("dl", {"class": "cases"}, ((_case(lab, finding)) for lab, finding in found)),
        ),
    )


def _case(lab: Json, finding: Json) -> Markup:
    return element(
        "div",
        None,
        element("dt", None, name_of(lab["lab"])),
        element("dd", None, finding["message"]),
        element("dd", {"class": "do"}, finding["next_step"]) if finding["next_step"] else None,
    )


def next_steps(report: Json) -> Markup:
    """What people and operators have to do, lab by lab, ready to send."""
    people = [lab for lab in report["labs"] if any(step["who"] == "person" for step in lab["next_steps"])]
    operators = [lab for lab in report["labs"] if any(step["who"] == "operator" for step in lab["next_steps"])]
    if not people and not operators:
        return _section("next-steps", "Next steps", element("p", {"class": "empty"}, "Nobody has anything to do."))
    return _section(
        "next-steps",
        "Next steps",
        _checklist("person", "For people in the labs", people) if people else None,
        _checklist("operator", "For operators", operators) if operators else None,
    )


def _checklist(who: str, title: str, labs: list[Json]) -> Markup:
    return element(
        "div",
        {"class": "checklist"},
        element(
            "div",
            {"class": "checklist-head"},
            element("h3", None, title, " ", element("span", {"class": "total"}, words.count(len(labs), "lab"))),
            element("button", {"type": "button", "class": "quiet js-only", "data-copy-all": who}, "Copy all"),
        ),
        element("ul", {"class": "todo", "data-list": who}, (_todo(who, lab, place) for place, lab in enumerate(labs))),
    )


def _todo(who: str, lab: Json, place: int) -> Markup:
    steps = [step for step in lab["next_steps"] if step["who"] == who]
    text = letter(lab, steps)
    actions: list[Child] = [
        element(
            "button",
            {"type": "button", "class": "quiet js-only", "data-copy": text},
            "Copy",
            element("span", {"class": "sr"}, f" the steps of {lab['lab']}"),
        )
    ]
    if who == "person":
        actions.append(
            element(
                "a",
                {"class": "quiet", "href": mail_address(lab, text)},
                "Mail",
                element("span", {"class": "sr"}, f" the steps to {lab['lab']}"),
            )
        )
    return element(
        "li",
        None,
        element(
            "div",
            {"class": "todo-head"},
            element("span", {"class": "lab-name"}, name_of(lab["lab"])),
            element("span", {"class": "actions"}, actions),
        ),
        (_todo_step(who, lab, step, f"{who}-{place}-{number}") for number, step in enumerate(steps)),
    )


def _todo_step(who: str, lab: Json, step: Json, identifier: str) -> Markup:
    label: list[Child] = [step["text"]]
    link: Child = None
    if step["url"]:
        link = element(
            "a",
            {"href": step["url"], "rel": "noopener noreferrer"},
            _short(step["url"]),
            element("span", {"class": "sr"}, f" for {lab['lab']}"),
        )
    key = f"{lab['lab']}|{step['step']}|{who}|{step['text']}"
    return element(
        "div",
        {"class": "todo-step"},
        element("input", {"type": "checkbox", "id": identifier, "data-key": key}),
        element("div", None, element("label", {"for": identifier}, label), " " if link else None, link),
    )


def letter(lab: Json, steps: list[Json]) -> str:
    """The next steps of one lab as plain text, ready to send."""
    account = f" (AWS account {lab['account_id']})" if lab["account_id"] else ""
    lines = [f"Lab {lab['lab']}{account}", ""]
    for number, step in enumerate(steps, start=1):
        lines.append(f"{number}. {step['text']}")
        if step["url"]:
            lines.append(f"   {step['url']}")
    return "\n".join(lines)


def mail_address(lab: Json, text: str) -> str:
    """A mailto: address with subject and text; to nobody when the lab has no contact."""
    body = text if len(text) <= _LONGEST_MAIL else text[:_LONGEST_MAIL] + " ..."
    quoted = urllib.parse.urlencode(
        {"subject": f"Next steps for lab {lab['lab']}", "body": body.replace("\n", "\r\n")},
        quote_via=urllib.parse.quote,
    )
    return f"mailto:{urllib.parse.quote(lab['contact'], safe='@')}?{quoted}"


def distributions(report: Json) -> Markup:
    """The plots, each with its numbers as a table."""
    all_plots = (plots.key_ages(report), plots.last_uses(report), plots.balances(report))
    return _section("plots", "Keys and money", element("div", {"class": "plots"}, (_plot(plot) for plot in all_plots)))


def _plot(plot: plots.Distribution) -> Markup:
    named = [(name, tone) for name, tone in plot.series if name]
    key = None
    if len(named) > 1:
        key = element(
            "ul",
            {"class": "legend"},
            (
                element("li", {"class": "entry"}, element("span", {"class": f"mark mark-{tone}"}, ""), name)
                for name, tone in named
            ),
        )
    rows = (
        element(
            "tr",
            None,
            element("th", {"scope": "row"}, label),
            element("td", None, first),
            element("td", None, second) if len(named) > 1 else None,
        )
        for label, first, second in plot.bins
    )
    heads = element(
        "tr",
        None,
        element("th", {"scope": "col"}, "Range"),
        (element("th", {"scope": "col"}, name) for name, _tone in named),
    )
    return element(
        "figure",
        None,
        element("figcaption", None, plot.title),
        plots.draw(plot),
        key,
        element("p", {"class": "small"}, f"{plot.total:,} {plot.unit}{', ' + plot.without if plot.without else ''}."),
        element(
            "details",
            {"class": "numbers"},
            element("summary", None, "Numbers", element("span", {"class": "sr"}, f" of: {plot.title}")),
            element(
                "table",
                None,
                element("caption", {"class": "sr"}, plot.title),
                element("thead", None, heads),
                element("tbody", None, rows),
            ),
        ),
    )


def changes(report: Json) -> Markup:
    """What changed since the earlier report."""
    comparison = report["comparison"]
    title = "What changed"
    if comparison is None:
        text = "There is no earlier report to compare with; the next report will say what changed since this one."
        return _section("changes", title, element("p", {"class": "empty"}, text))
    since = element(
        "p",
        {"class": "meta"},
        "Since the report of ",
        element("time", {"datetime": comparison["previous_generated"]}, words.moment(comparison["previous_generated"])),
        f" about {words.count(comparison['previous_labs'], 'lab')}.",
    )
    if compare.is_empty(comparison):
        return _section("changes", title, since, element("p", {"class": "empty"}, "Nothing changed."))
    groups = [_change_group(heading, tone, items) for heading, tone, items in _change_groups(comparison) if items]
    return _section("changes", title, since, element("div", {"class": "changes"}, groups))


def _change_groups(comparison: Json) -> t.Iterator[tuple[str, str, list[Child]]]:
    def lab(entry: Json) -> Markup:
        return element("b", None, name_of(entry["lab"]))

    def moved(entry: Json, names: t.Mapping[str, tuple[str, str]]) -> list[Child]:
        # A report of a newer collection may hold words that this one does not know.
        before, after = (names.get(entry[when], (entry[when], ""))[0] for when in ("before", "after"))
        return [lab(entry), f": {before} → {after}"]

    def about(finding: Json) -> list[Child]:
        key = f" ({finding['access_key_id']})" if finding["access_key_id"] else ""
        return [lab(finding), f": {words.finding_title(finding['code'])}{key}, {finding['severity']}"]

    def money(entry: Json) -> list[Child]:
        moved_by = decimal.Decimal(entry["after"]) - decimal.Decimal(entry["before"])
        return [lab(entry), f": {entry['before']} → {entry['after']} ({moved_by:+})"]

    def key_change(entry: Json) -> list[Child]:
        before, after = entry["before"] or "not there", entry["after"] or "gone"
        return [lab(entry), f": {entry['access_key_id']} {before.lower()} → {after.lower()}"]

    def new_step(entry: Json) -> list[Child]:
        return [lab(entry), f": {entry['text']}"]

    yield "New findings", "bad", [about(finding) for finding in comparison["findings_new"]]
    yield "Findings gone", "good", [about(finding) for finding in comparison["findings_gone"]]
    yield "States", "info", [moved(entry, words.STATES) for entry in comparison["states"]]
    yield "Keys", "info", [key_change(entry) for entry in comparison["access_keys"]]
    for environment in vocabulary.ENVIRONMENTS:
        entries = [entry for entry in comparison["requester"] if entry["environment"] == environment]
        yield f"MTurk {environment}", "info", [moved(entry, words.REQUESTER) for entry in entries]
    yield "CloudResearch", "info", [moved(entry, words.LINK) for entry in comparison["link"]]
    yield "New next steps", "wait", [new_step(entry) for entry in comparison["next_steps_new"]]
    yield "Next steps done", "good", [new_step(entry) for entry in comparison["next_steps_done"]]
    yield "Balances", "mute", [money(entry) for entry in comparison["balances"]]
    yield "New labs", "info", [[name_of(name)] for name in comparison["labs_new"]]
    yield "No longer in the report", "mute", [[name_of(name)] for name in comparison["labs_gone"]]


def _change_group(heading: str, tone: str, items: list[Child]) -> Markup:
    # A few can be read at once; many would hide the other groups.
    return element(
        "details",
        {"class": "change", "open": len(items) <= 5},
        element(
            "summary",
            None,
            element("span", {"class": f"mark mark-{tone}"}, ""),
            element("b", None, f"{len(items):,}"),
            f" {heading}",
        ),
        element("ul", None, (element("li", None, item) for item in items)),
    )


def _section(identifier: str, title: str, *content: Child) -> Markup:
    heading = element("h2", {"id": f"{identifier}-heading", "tabindex": "-1"}, title)
    return element("section", {"id": identifier, "aria-labelledby": f"{identifier}-heading"}, heading, *content)


def _short(url: str) -> str:
    parts = urllib.parse.urlsplit(url)
    return (parts.netloc + parts.path).rstrip("/")
