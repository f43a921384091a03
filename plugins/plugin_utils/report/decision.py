# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What those have to know who decide about a fleet's keys: on the first page, in words that need no explanation."""

from __future__ import annotations

import dataclasses
import decimal
import typing as t

from ..base import vocabulary
from ..base.times import moment
from . import key_counts, labels
from .evidence_shapes import KeyCounts
from .model import Report

# As many rows of each table as fit on the first printed page.
ON_FIRST_PAGE = 8
_TREND_POINTS = 5


@dataclasses.dataclass(frozen=True)
class Line:
    """One row of a table of counts.

    :param heading: whom or when they are about; a moment where C(is_time).
    :param share: the live keys, as a share of the largest row's; from 0 to 1.
    """

    heading: str
    counts: KeyCounts
    share: float
    is_time: bool = False

    @property
    def not_in_full(self) -> int:
        """Of how many accounts not everything is known."""
        return self.counts["accounts_partly_seen"] + self.counts["accounts_not_seen"]

    @property
    def numbers(self) -> list[str]:
        """Live keys, those used since the closing, those that nobody declared. What nobody saw is not 0."""
        if self.counts["accounts_not_seen"] == self.counts["accounts"]:
            return ["not known"] * 3
        names = ("live", "used_since_closing", "undeclared")
        zero = "none seen" if self.not_in_full or self.counts["not_judged"] else "0"
        counts = t.cast(dict[str, int], self.counts)
        return [f"{counts[name]:,}" if counts[name] else zero for name in names]


def headline(report: Report) -> str:
    """What a reader has to know who reads one sentence only."""
    counts = report["summary"]["mturk_keys"]
    if not counts["accounts"]:
        return "No lab was in this run."
    return (
        "; ".join(
            [_live_keys_in_words(counts), *filter(None, _details_in_words(counts)), *filter(None, _not_seen(counts))]
        )
        + "."
    )


def departments(report: Report) -> list[Line]:
    """The counts by department, those with most to do first; none if no lab says which is its own."""
    by_name: dict[str, list[int]] = {}
    for place, lab in enumerate(report["labs"]):
        by_name.setdefault(lab["department"], []).append(place)
    if not any(by_name):
        return []
    counted = {name: key_counts.count(report["labs"][place] for place in places) for name, places in by_name.items()}
    order = sorted(
        counted.items(),
        key=lambda entry: (
            *(-entry[1][name] for name in ("found_in_public", "used_since_closing", "undeclared", "live")),
            not entry[0],
            entry[0].casefold(),
        ),
    )
    most = max(counts["live"] for counts in counted.values()) or 1
    return [Line(name or "No department given", counts, counts["live"] / most) for name, counts in order]


def course(report: Report) -> list[Line]:
    """The counts of this report and of the last ones before it, the latest first; none if it is the first."""
    if not report["trend"]:
        return []
    points = [(point["generated"], point["mturk_keys"]) for point in report["trend"][-_TREND_POINTS:]]
    points.append((report["generated"], report["summary"]["mturk_keys"]))
    most = max(counts["live"] for _made, counts in points) or 1
    return [Line(made, counts, counts["live"] / most, is_time=True) for made, counts in reversed(points)]


def facts(report: Report) -> list[str]:
    """Dates and money that fit the day of the report, in sentences."""
    today = moment(report["generated"]).date()
    if not vocabulary.is_closed(today):
        return [f"Mechanical Turk closes on {labels.day(vocabulary.CLOSED_FOR_GOOD)}."]
    said = [f"Mechanical Turk closed on {labels.day(vocabulary.CLOSED_FOR_GOOD)}."]
    if today <= vocabulary.LAST_HISTORY:
        said.append(f"Labs can see their transaction history until {labels.day(vocabulary.LAST_HISTORY)}.")
    return [*said, *_money_in_words(report)]


def _live_keys_in_words(counts: KeyCounts) -> str:
    if counts["live"]:
        accounts = labels.count(counts["accounts_with_live_keys"], "account")
        return f"{labels.count(counts['live'], 'live key')} with MTurk rights in {accounts}"
    if counts["accounts_partly_seen"] or counts["accounts_not_seen"] or counts["not_judged"]:
        return "No live key with MTurk rights was seen"
    return f"No live key with MTurk rights is left in {labels.count(counts['accounts'], 'account')}"


def _details_in_words(counts: KeyCounts) -> t.Iterator[str]:
    for name, told in (
        ("found_in_public", "found in public"),
        ("used_since_closing", "used since the closing"),
        ("undeclared", "that nobody declared"),
        ("owner_not_known", "of which nobody could tell whose"),
        ("excepted", "excepted by the inventory"),
        ("last_use_not_known", "of unknown last use"),
    ):
        number = t.cast(dict[str, int], counts)[name]
        yield f"{number:,} {told}" if number else ""
    suspended = counts["suspended"]
    yield f"{labels.count(suspended, 'suspended key')} can be made active again" if suspended else ""


def _not_seen(counts: KeyCounts) -> t.Iterator[str]:
    unclear, unread, partly = counts["not_judged"], counts["accounts_not_seen"], counts["accounts_partly_seen"]
    yield f"{unclear:,} more could not be judged" if unclear and counts["live"] else ""
    yield f"{labels.count(unclear, 'key')} could not be judged" if unclear and not counts["live"] else ""
    yield f"{labels.count(unread, 'account')} could not be read" if unread else ""
    was = labels.count(partly, "account was", "accounts were")
    yield f"{was} not looked at in full" if partly else ""


def _money_in_words(report: Report) -> t.Iterator[str]:
    """What is left in production; labs that share an account share its balance."""
    total, having, unknown = decimal.Decimal(0), 0, 0
    for account in key_counts.by_account(report["labs"]):
        balances = [lab["requester"]["production"]["available_balance"] for lab in account]
        known = next((balance for balance in balances if balance is not None), None)
        unknown += known is None
        having += known is not None and decimal.Decimal(known) > 0
        total += decimal.Decimal(known or 0)
    if having:
        yield f"{total:,.2f} US dollars are left in {labels.count(having, 'account')}. {vocabulary.REFUND_NOTICE}"
    if unknown:
        yield f"What is left of the balance could not be seen in {labels.count(unknown, 'account')}."
