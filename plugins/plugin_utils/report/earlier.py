# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Earlier reports: read back from their files, of whatever schema, and their numbers next to those of today."""

from __future__ import annotations

import contextlib
import decimal
import pathlib
import typing as t

from ..base import json_of_others, ordinary_files
from ..base.errors import CollectionError
from ..base.text import printable_values
from ..base.times import moment, timestamp
from ..lab import finding_kinds
from . import account_keys, build, compare, intake, page, untrusted
from .evidence_shapes import KeyCounts, TrendPoint
from .model import SCHEMA, Lab, Report

# Nobody has more labs or keys; a number that is absurd would be all that can be seen of a trend.
_MOST = 10**9


def load(path: pathlib.Path) -> Report:
    """A report from its JSON or HTML file; one of an earlier schema as it would be today.

    :raises CollectionError: the file cannot be read or is no report of a schema that is known here.
    """
    try:
        text = ordinary_files.read(path).decode()
    except (OSError, UnicodeDecodeError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8 text"
        raise CollectionError(
            f"The earlier report {path} could not be read: {reason}.",
            next_step="Set the path of an earlier report's JSON file, or leave it out.",
        ) from exc
    content: object = None
    with contextlib.suppress(ValueError, RecursionError):
        content = page.report_in(text) if path.suffix == ".html" else json_of_others.loads(text)
        if "\\ud" in text.casefold():
            # JSON can write half a character. No file can hold it, so the next report could not be written.
            content = printable_values(content)
    report = _as_report(content)
    if report is None:
        raise _no_report(path)
    return report


def load_last(path: pathlib.Path) -> Report:
    """The report that the next one is to replace, and is compared with as it is.

    :raises CollectionError: as C(load).
    """
    report = load(path)
    try:
        for lab in report["labs"]:
            _check_what_is_compared(lab)
    except (KeyError, TypeError, AttributeError, ValueError, ArithmeticError) as exc:
        raise _no_report(path) from exc
    return report


def _no_report(path: pathlib.Path) -> CollectionError:
    return CollectionError(
        f"{path} is not a fleet report of schema {SCHEMA} or below.",
        next_step="Set the path of an earlier report's JSON file, or move the file away.",
    )


def of_others(path: pathlib.Path) -> Report:
    """A report from anywhere, to compare with: its labs hold what labs of a report may hold, and nothing else.

    :raises CollectionError: as C(load).
    """
    report = load(path)
    labs = [intake.read_lab(t.cast(untrusted.Untrusted, lab), {}, {}) for lab in report["labs"]]
    return {**report, "labs": labs}


def _as_report(value: object) -> Report | None:
    """What JSON holds as a report, if it is one: all that this collection reads of an earlier report is there."""
    if not isinstance(value, dict) or value.get("schema") not in range(1, SCHEMA + 1):
        return None
    report = t.cast(Report, value)
    try:
        _bring_up_to_date(report)
        compare.compare(report, report)
        compare.fingerprint(report)
        _trend_point(report)
        whole = isinstance(report["comparison"], (dict, type(None))) and report["summary"]
        for lab in report["labs"]:
            _check_lab(lab)
            # What was known of them goes into the next report.
            lab["account_keys"] = account_keys.of_report(lab["account_keys"])
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        return None
    return report if whole else None


def _check_lab(lab: Lab) -> None:
    """Make sure of what labs are sorted and told apart by.

    :raises TypeError: or ValueError, KeyError: something else is there.
    """
    if not all(isinstance(text, str) for text in (lab["lab"], lab["account_id"], lab["contact"], lab["finished"])):
        raise TypeError
    if lab["finished"]:
        moment(lab["finished"])


def _check_what_is_compared(lab: Lab) -> None:
    """Make sure of what is said of a lab's changes.

    :raises TypeError: or KeyError, AttributeError, ValueError, ArithmeticError: something else is there.
    """
    if not all(isinstance(text, str) for text in _compared_texts(lab)):
        raise TypeError
    if any(finding["severity"] not in finding_kinds.SEVERITIES for finding in lab["findings"]):
        raise ValueError
    balance = lab["requester"]["production"]["available_balance"]
    if balance is not None and not decimal.Decimal(balance).is_finite():
        raise ValueError


def _compared_texts(lab: Lab) -> t.Iterator[object]:
    yield from (lab["state"], lab["link"]["status"])
    yield from (answer["status"] for answer in lab["requester"].values())
    yield from (text for key in lab["access_keys"] for text in (key["access_key_id"], key["status"]))
    yield from (text for finding in lab["findings"] for text in (finding["code"], finding["access_key_id"]))
    yield from (text for step in lab["next_steps"] for text in (step["step"], step["who"], step["text"]))


def _bring_up_to_date(report: Report) -> None:
    if report["schema"] == 1:
        for lab in report["labs"]:
            lab.update({"unseen": [], "not_looked_for": [], "retired_keys": []})
            for key in lab["access_keys"]:
                key["last_use_known"] = True
    if report["schema"] < 3:
        for lab in report["labs"]:
            lab.update({"look": None, "changes": [], "account_keys": account_keys.account_keys({**lab}, None, [])})
    if report["schema"] < SCHEMA:
        for lab in report["labs"]:
            lab["department"] = ""
            for row in lab["account_keys"]:
                row.setdefault("exception", "")
        report.update({"schema": SCHEMA, "trend": [], "summary": build.summarise(report["labs"])})


def trend(paths: t.Iterable[pathlib.Path], now: Report, latest: Report | None) -> tuple[list[TrendPoint], list[str]]:
    """The numbers of earlier reports, the oldest first, and a warning for each file that is none.

    :param paths: JSON files of earlier reports.
    :param now: the report that the trend leads to; only what was made before it counts.
    :param latest: the report that was made last before it.
    """
    points = {latest["generated"]: _trend_point(latest)} if latest else {}
    warnings = []
    for path in paths:
        try:
            point = _point_in(t.cast(Report, json_of_others.loads(ordinary_files.read(path).decode())))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            warnings.append(f"{path} is no earlier report that can be read; the trend leaves it out.")
        else:
            points.setdefault(point["generated"], point)
    return [points[made] for made in sorted(points) if made < now["generated"]], warnings


def _point_in(report: Report) -> TrendPoint:
    """The numbers of a report as JSON has it; whether the rest of it is whole does not matter here.

    :raises ValueError: or KeyError, TypeError, AttributeError: it is no report.
    """
    if report["schema"] not in range(1, SCHEMA + 1):
        raise ValueError("It is of a schema that is not known here.")
    _bring_up_to_date(report)
    return _trend_point(report)


def _trend_point(report: Report) -> TrendPoint:
    counts = report["summary"]["mturk_keys"]
    numbers = [report["summary"]["labs"], *counts.values()]
    if counts.keys() != KeyCounts.__annotations__.keys() or any(
        not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= _MOST for number in numbers
    ):
        raise ValueError("It has other numbers.")
    made = timestamp(moment(report["generated"]))
    return TrendPoint(generated=made, labs=report["summary"]["labs"], mturk_keys=counts)
