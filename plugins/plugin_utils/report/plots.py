# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page's plots as inline SVG: distributions as bars, compositions as one stacked bar.

Colours come from the style sheet, so that plots follow dark mode and print. Each plot carries a title and a
description, and its numbers stand in a table beside it.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.times import days_between, parse_time
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import model
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report.markup import Attribute, Markup, element

Json = model.Json

# (upper limit, label); ages and uses in days, limit included; money in US dollars, limit excluded.
AGE_BINS = ((30, "0–30"), (90, "31–90"), (180, "91–180"), (365, "181–365"), (730, "1–2 y"), (None, "> 2 y"))
USE_BINS = ((7, "0–7"), (30, "8–30"), (90, "31–90"), (180, "91–180"), (365, "181–365"), (None, "> 1 y"))
BALANCE_BINS = ((10, "< 10"), (50, "10–50"), (100, "50–100"), (250, "100–250"), (500, "250–500"), (None, "≥ 500"))

_WIDTH, _HEIGHT, _TOP, _BOTTOM = 360, 190, 22, 26


@dataclasses.dataclass(frozen=True)
class Distribution:
    """Counts by bin, split in two series.

    :param bins: (label, count of the first series, count of the second).
    :param series: names and tones of the two series; the second's name is empty when there is none.
    :param without: how many things are not in the plot, and why, in words; empty when all are.
    """

    identifier: str
    title: str
    unit: str
    bins: tuple[tuple[str, int, int], ...]
    series: tuple[tuple[str, str], tuple[str, str]]
    without: str = ""

    @property
    def total(self) -> int:
        """How many things are in the plot."""
        return sum(first + second for _label, first, second in self.bins)


def key_ages(report: Json) -> Distribution:
    """Live keys by age, the lab's own apart from strangers'."""
    counts = [[0, 0] for _bin in AGE_BINS]
    unknown = 0
    for key in _live(report):
        if key["age_days"] is None:
            unknown += 1
        else:
            counts[_bin(key["age_days"], AGE_BINS)][key["owner"] == "foreign"] += 1
    return _distribution(
        "key-age", "Age of live keys, in days", AGE_BINS, counts, f"{unknown} of unknown age" if unknown else ""
    )


def last_uses(report: Json) -> Distribution:
    """Live keys by the days since they were last used; those that never were in a bin of their own."""
    now = parse_time(report["generated"]) or datetime.datetime.now(datetime.UTC)
    bins = (*USE_BINS, (None, "never"))
    counts = [[0, 0] for _bin in bins]
    for key in _live(report):
        used = parse_time(key["last_used"])
        days = days_between(used, now) if used else None
        place = len(bins) - 1 if days is None else _bin(days, USE_BINS)
        counts[place][key["owner"] == "foreign"] += 1
    return _distribution("last-use", "Last use of live keys, in days ago", bins, counts, "")


def balances(report: Json) -> Distribution:
    """Labs by the money available in production, in US dollars."""
    counts = [[0, 0] for _bin in BALANCE_BINS]
    unknown = 0
    for lab in report["labs"]:
        balance = lab["requester"]["production"]["available_balance"]
        if balance is None:
            unknown += 1
        else:
            # Bins end below their limit: 10.00 is not under 10.
            counts[_bin_below(decimal.Decimal(balance), BALANCE_BINS)][0] += 1
    bins = tuple((label, first, second) for (_limit, label), (first, second) in zip(BALANCE_BINS, counts, strict=True))
    without = f"{unknown:,} without a balance to see" if unknown else ""
    return Distribution(
        "balance", "Available in production, in US dollars", "labs", bins, (("labs", "accent"), ("", "")), without
    )


def draw(distribution: Distribution) -> Markup:
    """The bars."""
    highest = max((first + second for _label, first, second in distribution.bins), default=0) or 1
    width = _WIDTH / len(distribution.bins)
    floor = _HEIGHT - _BOTTOM
    parts: list[Markup] = []
    for place, (label, first, second) in enumerate(distribution.bins):
        left, middle = place * width + 5, place * width + width / 2
        top = float(floor)
        for value, (_name, tone) in zip((first, second), distribution.series, strict=True):
            if value:
                height = (floor - _TOP) * value / highest
                top -= height
                shape: dict[str, Attribute] = {
                    "x": left,
                    "y": round(top, 2),
                    "width": width - 10,
                    "height": round(height, 2),
                }
                parts.append(element("rect", {**shape, "class": f"fill-{tone}"}))
        total = first + second
        text: dict[str, Attribute] = {"x": middle, "text-anchor": "middle"}
        parts.append(
            element("text", {**text, "y": round(top - 6, 2), "class": "value" if total else "none"}, f"{total:,}")
        )
        parts.append(element("text", {**text, "y": floor + 17, "class": "label"}, label))
    parts.append(element("line", {"x1": 0, "x2": _WIDTH, "y1": floor, "y2": floor, "class": "axis"}))
    identifier = distribution.identifier
    return element(
        "svg",
        {
            "viewBox": f"0 0 {_WIDTH} {_HEIGHT}",
            "role": "img",
            "aria-labelledby": f"{identifier}-title {identifier}-description",
            "class": "bars",
        },
        element("title", {"id": f"{identifier}-title"}, distribution.title),
        element("desc", {"id": f"{identifier}-description"}, describe(distribution)),
        parts,
    )


def describe(distribution: Distribution) -> str:
    """The plot in one sentence."""
    bars = ", ".join(f"{label}: {first + second}" for label, first, second in distribution.bins)
    rest = f"; {distribution.without}" if distribution.without else ""
    return f"{distribution.total} {distribution.unit} by bin: {bars}{rest}."


def stacked_bar(parts: t.Sequence[tuple[str, str, int]]) -> Markup:
    """A composition as one bar, for the eye only: the words and numbers stand beside it.

    :param parts: (word, tone, count).
    """
    total = sum(count for _word, _tone, count in parts) or 1
    rects, left = [], 0.0
    for _word, tone, count in parts:
        width = 1000 * count / total
        if count:
            shown = max(width - 2, 2)  # a gap between parts, and even one lab in a thousand can be seen
            rects.append(
                element(
                    "rect",
                    {"x": round(left, 2), "y": 0, "width": round(shown, 2), "height": 10, "class": f"fill-{tone}"},
                )
            )
        left += width
    return element(
        "svg",
        {"viewBox": "0 0 1000 10", "preserveAspectRatio": "none", "class": "stack", "aria-hidden": "true"},
        rects,
    )


def _distribution(
    identifier: str, title: str, bins: t.Sequence[tuple[int | None, str]], counts: list[list[int]], without: str
) -> Distribution:
    strangers = any(second for _first, second in counts)
    named = tuple((label, first, second) for (_limit, label), (first, second) in zip(bins, counts, strict=True))
    series = (("the labs' own", "accent"), ("strangers'", "bad") if strangers else ("", ""))
    return Distribution(identifier, title, "live keys", named, series, without)


def _live(report: Json) -> t.Iterator[Json]:
    for lab in report["labs"]:
        yield from model.live_keys(lab)


def _bin(value: int, bins: t.Sequence[tuple[int | None, str]]) -> int:
    return next(place for place, (limit, _label) in enumerate(bins) if limit is None or value <= limit)


def _bin_below(value: decimal.Decimal, bins: t.Sequence[tuple[int | None, str]]) -> int:
    return next(place for place, (limit, _label) in enumerate(bins) if limit is None or value < limit)
