# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts the calls that a lab costs in each playbook, on the local stack: make calls.

The figures in docs/docsite/rst/guide_execution_environment.rst are from here.
"""

from __future__ import annotations

import collections
import shutil
import sys
import typing as t

from tests.benchmark.ways import counted
from tests.fleet import PROJECT, Fleet
from tests.simulator.process import running_simulator

LABS = 4
DIRECTORY = PROJECT / "build" / "calls"
READS = ("Get", "List", "Describe")

RUNS = (
    ("onboard", "onboard", ()),
    ("onboard again", "onboard", ()),
    ("audit", "audit", ()),
    ("audit, looking at CloudResearch", "audit", ("-e", "lab_account_link_check=page")),
    ("rotate", "rotate", ()),
    ("retire", "retire", ("-e", f"retire_confirm={LABS}")),
)


def kind(call: dict[str, t.Any]) -> str:
    """What a call counts against: its service, and for the store also whether it reads or writes."""
    service = str(call["service"])
    if service == "secretsmanager":
        return "store reads" if call["action"].startswith(READS) else "store writes"
    return service


def main() -> int:
    """Print one line a playbook: calls a lab by service. 1 if a run failed."""
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    failed = 0
    with running_simulator() as simulator:
        fleet = Fleet(simulator, DIRECTORY)
        fleet.variables["lab_account_secret_store"] = {
            "type": "aws_secretsmanager",
            "endpoint_url": simulator.aws_url,
            "region": "us-east-1",
        }
        for number in range(LABS):
            fleet.add(f"lab-{number}")
        seen = 0
        for title, playbook, arguments in RUNS:
            run = fleet.run(playbook, *arguments)
            failed += run.return_code != 0
            calls = [call for call in simulator.control.calls(since=seen) if call["n"] > seen]
            seen = max((call["n"] for call in calls), default=seen)
            counts = collections.Counter(map(kind, counted(calls)))
            each = "  ".join(f"{service} {count / LABS:g}" for service, count in sorted(counts.items()))
            sys.stdout.write(f"{title:32} {each}\n")
            sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
