# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How near to the bare script, and how far from stock modules, each kind of work is meant to be."""

from __future__ import annotations

import typing as t

from tests.benchmark.measure import Cost

# Wall times are compared: they are what an operator waits for.
TO_BARE_WITHOUT_LATENCY = {"onboard": 3.0, "record": 1.3, "page": 1.3, "audit": 1.4}
TO_BARE_WITH_LATENCY = 1.2
# How many times as fast as stock modules, at least.
FROM_STOCK = {"onboard": 8.0}

# In a smaller fleet, the seconds that Ansible takes to start are most of a run.
SMALLEST_FLEET = 100


class Ratio(t.NamedTuple):
    """A figure with its target, if it has one.

    :param target: of (b)/(c) the most that it may be, of (a)/(b) the least.
    """

    value: float
    target: float | None
    missed: bool


def to_bare(work: str, labs: int, latency: int, ours: Cost, bare: Cost) -> Ratio:
    """(b)/(c): how much more than the bare script this collection takes."""
    value = ours.wall_seconds / bare.wall_seconds
    target = TO_BARE_WITH_LATENCY if latency else TO_BARE_WITHOUT_LATENCY.get(work)
    if labs < SMALLEST_FLEET:
        target = None
    return Ratio(value, target, target is not None and round(value, 2) > target)


def from_stock(work: str, labs: int, ours: Cost, stock: Cost) -> Ratio:
    """(a)/(b): how many times as fast as stock modules this collection is."""
    value = stock.wall_seconds / ours.wall_seconds
    target = FROM_STOCK.get(work) if labs >= SMALLEST_FLEET else None
    return Ratio(value, target, target is not None and round(value, 1) < target)


def to_least(ours: Cost, bare: Cost, empty: Cost) -> Ratio:
    """(b)/((c)+(d)): how much more than the calls and as many tasks of Ansible this collection takes."""
    return Ratio(ours.wall_seconds / (bare.wall_seconds + empty.wall_seconds), None, False)
