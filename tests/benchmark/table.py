# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From measurements to a table with ratios."""

from __future__ import annotations

import dataclasses
import typing as t

from tests.benchmark import guide, targets
from tests.benchmark.measure import Cost
from tests.benchmark.targets import Ratio
from tests.benchmark.ways import WAYS, WORKS

COLUMNS = "{:>5} {:>7}  {:<25} {:<6} {:>9} {:>8} {:>8} {:>8} {:>10} {:>7} {:>18} {:>18} {:>14}"
TITLES = (
    *("labs", "latency", "work", "way", "wall s", "ms/lab", "CPU s", "peak MB", "workers MB", "calls"),
    *("(a)/(b)", "(b)/(c)", "(b)/((c)+(d))"),
)
LETTERS = {"stock": "(a)", "ours": "(b)", "bare": "(c)", "empty": "(d)"}


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


class Ratios(t.NamedTuple):
    """Of one job of ours, how it compares; None where the other way was not measured."""

    from_stock: Ratio | None
    to_bare: Ratio | None
    to_least: Ratio | None

    @property
    def missed(self) -> bool:
        """Whether a target is missed."""
        return any(ratio is not None and ratio.missed for ratio in self)


def ratios(rows: t.Sequence[Row], row: Row) -> Ratios:
    """The ratios of one of our own rows; of others there are none."""
    same = {other.way: other.cost for other in rows if _job(other) == _job(row)}
    if row.way != "ours":
        return Ratios(None, None, None)
    return Ratios(
        targets.from_stock(row.work, row.labs, row.cost, same["stock"]) if "stock" in same else None,
        targets.to_bare(row.work, row.labs, row.latency, row.cost, same["bare"]) if "bare" in same else None,
        targets.to_least(row.cost, same["bare"], same["empty"]) if {"bare", "empty"} <= same.keys() else None,
    )


def missed(rows: t.Sequence[Row]) -> list[str]:
    """A line for each target that is missed."""
    lines = []
    for row in rows:
        found = ratios(rows, row)
        job = f"{row.labs} labs, {row.latency} ms, {WORKS[row.work]}"
        if found.from_stock is not None and found.from_stock.missed:
            lines.append(f"{job}: (a)/(b) {_as_cell(found.from_stock, least=True)}")
        if found.to_bare is not None and found.to_bare.missed:
            lines.append(f"{job}: (b)/(c) {_as_cell(found.to_bare)}")
    return lines


def _as_cell(ratio: Ratio | None, *, least: bool = False) -> str:
    """A figure beside its target."""
    if ratio is None:
        return ""
    if ratio.target is None:
        return f"{ratio.value:.2f}"
    return f"{ratio.value:.2f} ({'at least' if least else 'at most'} {ratio.target:g})"


def _job(row: Row) -> tuple[int, int, str]:
    return row.labs, row.latency, row.work


def as_data(rows: t.Sequence[Row]) -> list[dict[str, t.Any]]:
    """For the JSON file."""
    return [
        {**dataclasses.asdict(row), **{n: r and r._asdict() for n, r in ratios(rows, row)._asdict().items()}}
        for row in rows
    ]


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
                f"{row.cost.children_megabytes:.0f}",
                f"{row.calls:.1f}",
                _as_cell(found.from_stock, least=True),
                _as_cell(found.to_bare),
                _as_cell(found.to_least),
            ).rstrip()
            + (" MISSED" if found.missed else "")
        )
    lines.append(", ".join(way.title for way in WAYS) + ".")
    if any(row.extrapolated_from for row in rows):
        lines.append("* extrapolated in proportion from the largest fleet that stock modules were run for.")
    return "\n".join(lines)


def as_rst(rows: t.Sequence[Row]) -> str:
    """For the guide: a line a job, with the ways side by side."""
    titles = [
        *("Work", "Labs", "Latency", "Wall s (a) / (b) / (c) / (d)", "CPU s (a) / (b) / (c) / (d)"),
        *("MB of (b): parent + workers", "Calls a lab (b) / (c)", "(a)/(b)", "(b)/(c)", "(b)/((c)+(d))"),
    ]
    lines = []
    for row in rows:
        if row.way != "ours":
            continue
        same = {other.way: other for other in rows if _job(other) == _job(row)}
        of_ways = [same.get(way) for way in LETTERS]
        found = ratios(rows, row)
        lines.append(
            [
                WORKS[row.work],
                str(row.labs),
                f"{row.latency} ms",
                " / ".join(_measured(other, "wall_seconds") for other in of_ways),
                " / ".join(_measured(other, "cpu_seconds") for other in of_ways),
                f"{row.cost.peak_megabytes:.0f} + {row.cost.children_megabytes:.0f}",
                " / ".join(f"{other.calls:.0f}" if other else "-" for other in of_ways[1:3]),
                _marked(found.from_stock, least=True),
                _marked(found.to_bare),
                _marked(found.to_least),
            ]
        )
    return guide.list_table(titles, lines)


def _measured(row: Row | None, what: str) -> str:
    if row is None:
        return "-"
    return f"{getattr(row.cost, what):.1f}{'*' if row.extrapolated_from else ''}".replace("*", "\\*")


def _marked(ratio: Ratio | None, *, least: bool = False) -> str:
    cell = _as_cell(ratio, least=least)
    return f"**{cell}, missed**" if ratio is not None and ratio.missed else cell


def progress(row: Row) -> str:
    """One line as soon as it is known."""
    return (
        f"{row.labs} labs, {row.latency} ms, {WORKS[row.work]}, {LETTERS[row.way]}: {row.cost.wall_seconds:.1f} s, "
        f"{row.cost.cpu_seconds:.1f} CPU s, load {row.cost.load_average:.1f}"
    )
