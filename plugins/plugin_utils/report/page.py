# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as one HTML file that needs nothing from outside.

The page reads without script; script adds search, sorting, filters, a lab's details, and ready-to-send texts. Its
markup is in C(templates/), where Jinja2 escapes everything that a report holds; what it shows is put together in
C(glance), C(steps), C(changes), C(plots) and C(matrix).
"""

from __future__ import annotations

import base64
import functools
import hashlib
import io
import pathlib
import re
import typing as t

import jinja2
import jinja2.utils
import markupsafe

from ..base import json_of_others, vocabulary
from ..base.times import moment
from ..lab import finding_kinds
from . import changes, decision, glance, labels, matrix, packing, plots, steps
from .model import Report

TEMPLATES = pathlib.Path(__file__).with_name("templates")
# In the order in which they are one style and one script: later rules win, and later code uses what came before.
STYLES = ("page.css", "table.css", "print.css")
SCRIPTS = ("page.js", "table.js", "details.js", "next_steps.js", "events.js")

_DATA_BLOCK = re.compile(r'<script type="application/json" id="report-data">(.*?)</script>', re.DOTALL)
_SAFE_ADDRESS = re.compile(r"(https?://|mailto:|#)", re.IGNORECASE)


def to_html(report: Report) -> bytes:
    """The page in UTF-8. The same report always gives the same page."""
    style, script = (markupsafe.Markup("").join(map(asset, names)) for names in (STYLES, SCRIPTS))
    policy = (
        f"default-src 'none'; style-src '{digest(style)}'; script-src '{digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return rendered(
        "page.html.j2",
        report=report,
        packed=_packed(report),
        policy=policy,
        style=style,
        script=script,
        words=_words_for_script(),
        kind=_kind_of_run(report),
        headline=decision.headline(report),
        run=glance.run_in_a_sentence(report),
        facts=decision.facts(report),
        departments=decision.departments(report),
        course=decision.course(report),
        on_first_page=decision.ON_FIRST_PAGE,
        keys_and_accounts=glance.keys_and_accounts(report),
        compositions=glance.compositions(report),
        changes=changes.groups(report["comparison"]),
        findings=glance.finding_kinds_of(report),
        unseen=glance.not_seen(report),
        any_retired=any(lab["retired_keys"] for lab in report["labs"]),
        all_seen=glance.all_seen(report),
        checklists=steps.checklists(report),
        nothing_to_do=steps.nothing_to_do(report),
        plots=[plots.key_ages(report), plots.last_uses(report), plots.balances(report)],
        filters=matrix.filters(report),
        columns=matrix.columns(report),
        headings={column.sort_by: column.heading for column in matrix.columns(report)},
        rows=matrix.rows(report),
        made_by=vocabulary.COLLECTION,
        closing_notice=vocabulary.closing_notice(moment(report["generated"]).date()),
    )


def rendered(template: str, **values: object) -> bytes:
    """What a template of the report's pages makes of values."""
    content = io.BytesIO()
    # Piece by piece: a text takes two bytes a character if one of them is a dash, and its pieces take as much again.
    environment().get_template(template).stream(**values).dump(content, encoding="utf-8")
    return content.getvalue()


def report_in(page: str) -> object:
    """The report that a page of C(to_html) was made from, as JSON has it; None when the text is no such page."""
    match = _DATA_BLOCK.search(page)
    try:
        found = json_of_others.loads(match.group(1)) if match else None
        # Pages of schemas below 4 hold their report as it is.
        return packing.unpack(found) if isinstance(found, dict) and "names" in found else found
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return None


def address(text: str) -> str:
    """A link's address, for attributes that hold one; the filter C(address) of the templates.

    :raises ValueError: a browser would run it, or open something that is not on the web.
    """
    if not _SAFE_ADDRESS.match(text):
        raise ValueError("A link of the report holds an address that is not allowed.")
    return text


@functools.cache
def environment() -> jinja2.Environment:
    """Where the templates of the report's pages are found, with their filters."""
    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # tojson escapes all but ASCII, and what could end a script element; the script relies on the words' order.
    found.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    found.filters.update(
        address=address,
        moment=labels.moment,
        number=lambda number: f"{number:,}",
        counted=labels.count,
        plain=lambda number: f"{number:g}",
        short_address=steps.short_address,
    )
    found.globals.update(labels=labels, drawing=plots)
    return found


def _packed(report: Report) -> markupsafe.Markup:
    # As the filter tojson writes it.
    dumps = functools.partial(jinja2.utils.htmlsafe_json_dumps, **environment().policies["json.dumps_kwargs"])
    return markupsafe.Markup(packing.pack(report, dumps))  # noqa: S704


def _kind_of_run(report: Report) -> str:
    names = [labels.OPERATIONS[name] for name in report["operations"]]
    kind = labels.listed([names[0], *(name.lower() for name in names[1:])]) if names else "Run"
    seen = labels.span(report["started"], report["finished"])
    return f"{kind} of {labels.count(report['summary']['labs'], 'lab')}{f', observed {seen}' if seen else ''}"


def _words_for_script() -> dict[str, t.Mapping[str, object]]:
    return {
        "states": labels.STATES,
        "steps": labels.STEPS,
        "stepStatuses": labels.STEP_STATUSES,
        "severities": {name: label.tone for name, label in labels.SEVERITIES.items()},
        "requester": labels.REQUESTER,
        "link": labels.LINK,
        "findings": {code: labels.finding_title(code) for code in finding_kinds.CATALOGUE},
    }


def asset(name: str) -> markupsafe.Markup:
    """A file of the templates that is no template."""
    # The collection's own file, which has to stand in the page as it is: the policy names its digest.
    return markupsafe.Markup((TEMPLATES / name).read_text(encoding="utf-8"))  # noqa: S704


def digest(text: str) -> str:
    """How a Content-Security-Policy names an inline style or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
