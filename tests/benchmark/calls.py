# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts the calls that a lab costs, and keeps the table of them in the guide: python -m tests.benchmark.calls."""

from __future__ import annotations

import collections
import pathlib
import tempfile
import typing as t

from tests.benchmark.ways import WORKS, counted
from tests.fleet import PROJECT, Fleet
from tests.simulator.process import Simulator, running_simulator

GUIDE = PROJECT / "docs" / "docsite" / "rst" / "guide_scale.rst"
BEGIN = ".. python -m tests.benchmark.calls writes this table\n"
END = ".. End of the table\n"

SERVICES = {"sts": "STS", "iam": "IAM", "mturk": "MTurk", "portal": "CloudResearch"}
# The kinds of work, in the order in which they can be done for one lab.
COUNTED = {**WORKS, "retire": "retirement"}
# Works that only read: of one lab, they have no reason to ask anything twice.
READ_ONLY = ("record", "page", "audit")

Counts = dict[str, collections.Counter[tuple[str, str]]]


def count(simulator: Simulator, directory: pathlib.Path) -> Counts:
    """By work, how often each action of each service is called for one lab, from nothing to converged and to gone."""
    fleet = Fleet(simulator, directory)
    fleet.add("lab-01")
    counts: Counts = {}
    options = {"page": ("-e", "lab_account_link_check=page"), "retire": ("-e", "retire_confirm=lab-01")}
    for work in COUNTED:
        simulator.control.clear_calls()
        playbook = work if work in ("audit", "retire") else "onboard"
        run = fleet.run(playbook, *options.get(work, ()))
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
    lines = [".. list-table::", "   :header-rows: 1", "", "   * - Call"]
    lines += [f"     - {title[0].upper()}{title[1:]}" for title in COUNTED.values()]
    order = list(SERVICES)
    calls = sorted({call for counter in counts.values() for call in counter}, key=lambda c: (order.index(c[0]), c[1]))
    for service, action in calls:
        lines.append(f"   * - {SERVICES[service]}: {action}")
        lines += [f"     - {counts[work][service, action] or ''}".rstrip() for work in COUNTED]
    lines.append("   * - **All**")
    lines += [f"     - **{counts[work].total()}**" for work in COUNTED]
    return "\n".join(lines) + "\n"


def written() -> str:
    """The table that the guide has."""
    text = GUIDE.read_text(encoding="utf-8")
    return text[text.index(BEGIN) + len(BEGIN) : text.index(END)].strip("\n") + "\n"


def main() -> None:
    """Count, and write the table into the guide."""
    with running_simulator() as simulator, tempfile.TemporaryDirectory() as directory:
        table = as_rst(count(simulator, pathlib.Path(directory)))
    text = GUIDE.read_text(encoding="utf-8")
    before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
    GUIDE.write_text(f"{before}\n{table}\n{after}", encoding="utf-8")
    print(table)


if __name__ == "__main__":
    main()
