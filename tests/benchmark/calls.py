# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts the calls that a lab costs, and keeps the table of them in the guide: python -m tests.benchmark.calls."""

from __future__ import annotations

import collections
import pathlib
import tempfile
import typing as t

from tests.benchmark import guide
from tests.benchmark.ways import REPEATABLE, WORKS, counted, playbook
from tests.fleet import Fleet
from tests.simulator.process import Simulator, running_simulator

PROGRAM = "tests.benchmark.calls"

SERVICES = {"sts": "STS", "iam": "IAM", "mturk": "MTurk", "portal": "CloudResearch"}
# The kinds of work, in the order in which they can be done for one lab.
COUNTED = {work: WORKS[work] for work in ("onboard", "record", "page", "audit", "retire")}
# Works that only read: of one lab, they have no reason to ask anything twice.
READ_ONLY = REPEATABLE

Counts = dict[str, collections.Counter[tuple[str, str]]]


def count(simulator: Simulator, directory: pathlib.Path) -> Counts:
    """By work, how often each action of each service is called for one lab, from nothing to converged and to gone."""
    fleet = Fleet(simulator, directory)
    fleet.add("lab-01")
    counts: Counts = {}
    options = {"page": ("-e", "lab_account_link_check=page"), "retire": ("-e", "retire_confirm=lab-01")}
    for work in COUNTED:
        simulator.control.clear_calls()
        run = fleet.run(playbook(work), *options.get(work, ()))
        if run.return_code != 0:
            raise RuntimeError(run.output)
        calls = counted(simulator.control.calls())
        counts[work] = collections.Counter((call["service"], _what(call)) for call in calls)
    return counts


def _what(call: t.Mapping[str, t.Any]) -> str:
    """An action in the words of the guide."""
    return f"{call['action']} ({call['environment']})" if call["service"] == "mturk" else str(call["action"])


def as_rst(counts: Counts) -> str:
    """The guide's table."""
    order = list(SERVICES)
    calls = sorted({call for counter in counts.values() for call in counter}, key=lambda c: (order.index(c[0]), c[1]))
    rows = [
        [f"{SERVICES[service]}: {action}", *(str(counts[work][service, action] or "") for work in COUNTED)]
        for service, action in calls
    ]
    rows.append(["**All**", *(f"**{counts[work].total()}**" for work in COUNTED)])
    return guide.list_table(["Call", *(f"{title[0].upper()}{title[1:]}" for title in COUNTED.values())], rows)


def written() -> str:
    """The table that the guide has."""
    return guide.written(PROGRAM)


def main() -> None:
    """Count, and write the table into the guide."""
    with running_simulator() as simulator, tempfile.TemporaryDirectory() as directory:
        table = as_rst(count(simulator, pathlib.Path(directory)))
    guide.write(PROGRAM, table)
    print(table)


if __name__ == "__main__":
    main()
