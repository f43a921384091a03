# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page's plots as shapes, which the template C(plots.html.j2) draws: distributions, compositions as one bar.

Colours come from the style sheet, so that plots follow dark mode and print.
"""

from __future__ import annotations

import dataclasses
import decimal
import typing as t

from ..base.times import days_between, moment, parse_time
from . import key_counts
from .evidence_shapes import AccountKey
from .model import Report

# (upper limit, label); ages and uses in days, limit included; money in US dollars, limit excluded.
Bins = tuple[tuple[int | None, str], ...]
AGE_BINS: Bins = ((30, "0–30"), (90, "31–90"), (180, "91–180"), (365, "181–365"), (730, "1–2 y"), (None, "> 2 y"))
USE_BINS: Bins = ((7, "0–7"), (30, "8–30"), (90, "31–90"), (180, "91–180"), (365, "181–365"), (None, "> 1 y"))
BALANCE_BINS: Bins = (
    (10, "< 10"),
    (50, "10–50"),
    (100, "50–100"),
    (250, "100–250"),
    (500, "250–500"),
    (None, "≥ 500"),
)

WIDTH, HEIGHT, TOP, BOTTOM = 360, 190, 22, 26
FLOOR = HEIGHT - BOTTOM


@dataclasses.dataclass(frozen=True)
class Rect:
    """A coloured part of a bar, in the drawing's units."""

    x: float
    y: float
    width: float
    height: float
    tone: str


@dataclasses.dataclass(frozen=True)
class Bar:
    """One bin: its parts, and where its number and its label stand."""

    label: str
    counts: tuple[int, ...]
    parts: tuple[Rect, ...]
    middle: float
    top: float

    @property
    def total(self) -> int:
        """How many things are in the bin."""
        return sum(self.counts)


@dataclasses.dataclass(frozen=True)
class Plot:
    """Counts by bin, split in series.

    :param series: names and tones.
    :param without: how many things are not in the plot, and why, in words; empty when all are.
    """

    identifier: str
    title: str
    unit: str
    bars: tuple[Bar, ...]
    series: tuple[tuple[str, str], ...]
    without: str = ""

    @property
    def total(self) -> int:
        """How many things are in the plot."""
        return sum(each.total for each in self.bars)

    @property
    def description(self) -> str:
        """The plot in one sentence."""
        bars = ", ".join(f"{each.label}: {each.total}" for each in self.bars)
        rest = f"; {self.without}" if self.without else ""
        return f"{self.total} {self.unit} by bin: {bars}{rest}."


def key_ages(report: Report) -> Plot:
    """Live keys with the right to call MTurk by age, those that nobody declared apart."""
    counts = _empty_counts(AGE_BINS)
    unknown = 0
    now = moment(report["generated"])
    for key in _live_keys(report):
        created = parse_time(key["created"])
        if created is None:
            unknown += 1
        else:
            counts[_bin_of(days_between(created, now), AGE_BINS)][key_counts.is_undeclared(key)] += 1
    without = f"{unknown} of unknown age" if unknown else ""
    return _plot("key-age", "Age of live keys, in days", "live keys", AGE_BINS, counts, without)


def last_uses(report: Report) -> Plot:
    """Live keys by the days since they were last used; those that never were in a bin of their own."""
    now = moment(report["generated"])
    bins: Bins = (*USE_BINS, (None, "never"))
    counts = _empty_counts(bins)
    unknown = 0
    for key in _live_keys(report):
        used = parse_time(key["last_used"])
        if not key["last_use_known"]:
            unknown += 1
        else:
            place = _bin_of(days_between(used, now), USE_BINS) if used else len(bins) - 1
            counts[place][key_counts.is_undeclared(key)] += 1
    without = f"{unknown} whose last use is not known" if unknown else ""
    return _plot("last-use", "Last use of live keys, in days ago", "live keys", bins, counts, without)


def balances(report: Report) -> Plot:
    """Labs by the money available in production, in US dollars."""
    counts = _empty_counts(BALANCE_BINS)
    unknown = 0
    for lab in report["labs"]:
        balance = lab["requester"]["production"]["available_balance"]
        if balance is None:
            unknown += 1
        else:
            amount = decimal.Decimal(balance)
            # Bins end below their limit: 10.00 is not under 10.
            place = next(at for at, (limit, _label) in enumerate(BALANCE_BINS) if limit is None or amount < limit)
            counts[place][0] += 1
    without = f"{unknown:,} without a known balance" if unknown else ""
    return _plot("balance", "Available in production, in US dollars", "labs", BALANCE_BINS, counts, without)


def stacked_bar(parts: t.Iterable[tuple[str, int]]) -> list[Rect]:
    """A composition, as tones and counts, in one bar of 1000 by 10."""
    given = list(parts)
    total = sum(count for _tone, count in given) or 1
    rects, left = [], 0.0
    for tone, count in given:
        width = 1000 * count / total
        if count:
            # A gap between parts, and even one lab in a thousand can be seen.
            rects.append(Rect(round(left, 2), 0, round(max(width - 2, 2), 2), 10, tone))
        left += width
    return rects


def _plot(identifier: str, title: str, unit: str, bins: Bins, counts: list[list[int]], without: str) -> Plot:
    undeclared = any(second for _first, second in counts)
    series = (("others", "accent"), ("nobody declared", "bad")) if undeclared else ((unit, "accent"),)
    highest = max(map(sum, counts)) or 1
    bars = [
        _bar(place, label, tuple(values[: len(series)]), series, highest, WIDTH / len(bins))
        for place, ((_limit, label), values) in enumerate(zip(bins, counts, strict=True))
    ]
    return Plot(identifier, title, unit, tuple(bars), series, without)


def _bar(
    place: int, label: str, counts: tuple[int, ...], series: tuple[tuple[str, str], ...], highest: int, width: float
) -> Bar:
    top, parts = float(FLOOR), []
    for count, (_name, tone) in zip(counts, series, strict=True):
        if count:
            height = (FLOOR - TOP) * count / highest
            top -= height
            parts.append(Rect(round(place * width + 5, 2), round(top, 2), round(width - 10, 2), round(height, 2), tone))
    return Bar(label, counts, tuple(parts), round(place * width + width / 2, 2), round(top - 6, 2))


def _empty_counts(bins: Bins) -> list[list[int]]:
    return [[0, 0] for _bin in bins]


def _live_keys(report: Report) -> t.Iterator[AccountKey]:
    for labs in key_counts.by_account(report["labs"]):
        yield from filter(key_counts.is_live, key_counts.keys_of(labs))


def _bin_of(value: int, bins: Bins) -> int:
    return next(place for place, (limit, _label) in enumerate(bins) if limit is None or value <= limit)
