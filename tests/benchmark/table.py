# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From measurements to a table with ratios."""

from __future__ import annotations

import dataclasses
import typing as t

from tests.benchmark.measure import Cost
from tests.benchmark.ways import WORKS

COLUMNS = "{:>5} {:>7}  {:<25} {:<6} {:>9} {:>8} {:>8} {:>8} {:>7} {:>8} {:>8} {:>9}"
TITLES = (
    *("labs", "latency", "work", "way", "wall s", "ms/lab", "CPU s", "peak MB", "calls"),
    *("(a)/(b)", "(b)/(c)", "CPU (b/c)"),
)
RATIOS = ("stock_to_ours", "ours_to_bare", "cpu_ours_to_bare")
LETTERS = {"stock": "(a)", "ours": "(b)", "bare": "(c)"}


@dataclasses.dataclass(frozen=True)
class Row:
    """One measurement.

    :param latency: ms that the stack waits before each answer.
    :param calls: of all services, a lab.
    :param extrapolated_from: the number of labs of the measurement that this was calculated from; 0: measured.
    """

    labs: int
    latency: int
    work: str
    way: str
    cost: Cost
    calls: float
    by_action: dict[str, float]
    extrapolated_from: int = 0


def with_extrapolated(rows: t.Sequence[Row], sizes: t.Sequence[int]) -> list[Row]:
    """Add what stock modules would take for more labs, in proportion to the largest fleet that they were run for.

    That favours them: a run of theirs has next to no fixed cost, and its cost a lab grows with the fleet.
    """
    result = list(rows)
    for base in rows:
        measured = [row.labs for row in rows if (row.way, row.latency, row.work) == ("stock", base.latency, base.work)]
        if base.way != "stock" or base.labs != max(measured):
            continue
        for labs in sizes:
            if labs > base.labs:
                factor = labs / base.labs
                cost = dataclasses.replace(
                    base.cost,
                    wall_seconds=base.cost.wall_seconds * factor,
                    cpu_seconds=base.cost.cpu_seconds * factor,
                )
                result.append(dataclasses.replace(base, labs=labs, cost=cost, extrapolated_from=base.labs))
    order = list(WORKS)
    return sorted(result, key=lambda row: (row.latency, row.labs, order.index(row.work), LETTERS[row.way]))


def ratios(rows: t.Sequence[Row], row: Row) -> dict[str, float]:
    """Of one of our own rows: C(stock_to_ours) and C(ours_to_bare) by wall time, C(cpu_ours_to_bare)."""
    same = {other.way: other.cost for other in rows if _job(other) == _job(row)}
    found: dict[str, float] = {}
    if row.way != "ours":
        return found
    if "stock" in same:
        found["stock_to_ours"] = same["stock"].wall_seconds / row.cost.wall_seconds
    if "bare" in same:
        found["ours_to_bare"] = row.cost.wall_seconds / same["bare"].wall_seconds
        found["cpu_ours_to_bare"] = row.cost.cpu_seconds / same["bare"].cpu_seconds
    return found


def _job(row: Row) -> tuple[int, int, str]:
    return row.labs, row.latency, row.work


def as_data(rows: t.Sequence[Row]) -> list[dict[str, t.Any]]:
    """For the JSON file."""
    return [{**dataclasses.asdict(row), **ratios(rows, row)} for row in rows]


def as_text(rows: t.Sequence[Row]) -> str:
    """For people."""
    lines = [COLUMNS.format(*TITLES)]
    for row in rows:
        found = ratios(rows, row)
        mark = "*" if row.extrapolated_from else " "
        lines.append(
            COLUMNS.format(
                row.labs,
                f"{row.latency} ms",
                WORKS[row.work],
                f"{LETTERS[row.way]}{mark}",
                f"{row.cost.wall_seconds:.1f}",
                f"{row.cost.wall_seconds / row.labs * 1000:.0f}",
                f"{row.cost.cpu_seconds:.1f}",
                f"{row.cost.peak_megabytes:.0f}",
                f"{row.calls:.1f}",
                *(f"{found[name]:.2f}" if name in found else "" for name in RATIOS),
            ).rstrip()
        )
    lines.append("(a) stock modules, (b) labops.cloudresearch, (c) bare script.")
    if any(row.extrapolated_from for row in rows):
        lines.append("* extrapolated in proportion from the largest fleet that stock modules were run for.")
    return "\n".join(lines)


def progress(row: Row) -> str:
    """One line as soon as it is known."""
    return (
        f"{row.labs} labs, {row.latency} ms, {WORKS[row.work]}, {LETTERS[row.way]}: {row.cost.wall_seconds:.1f} s, "
        f"{row.cost.cpu_seconds:.1f} CPU s, load {row.cost.load_average:.1f}"
    )
