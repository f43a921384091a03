# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""make bench: measures fleets of labs on the local stack, prints a table with targets, writes build/bench/results.json.

A run of all ways and works, whole or short, also writes the table in the guide on speed.
The stack runs in processes of its own, whose CPU time is not counted, though it competes for the same cores.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import pathlib
import shutil
import signal
import sys
import typing as t

from tests.benchmark import guide, measure, table, targets
from tests.benchmark.ways import REPEATABLE, WAYS, WORKS, Empty, Ours, Way
from tests.fleet import PROJECT
from tests.simulator.process import running_simulator

DIRECTORY = PROJECT / "build" / "bench"
PROGRAM = "tests.benchmark"


def main() -> int:
    """Measure as asked; 1 if a measured program failed or a target is missed."""
    options = _options()
    # As with Ctrl-C: what was measured so far is written, and nothing is left running.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    rows: list[table.Row] = []
    machine = guide.Machine.now()
    try:
        for latency in options.latency:
            for labs in options.labs:
                measure_fleet(options, labs, latency, rows)
    except (KeyboardInterrupt, measure.RunFailed) as exc:
        # What was measured so far took its time; it is not thrown away.
        print(f"\nStopped: {exc or 'interrupted'}", file=sys.stderr)
        return 1
    finally:
        extrapolated = table.with_extrapolated(rows, options.labs)
        result = {"machine": dataclasses.asdict(machine), "rows": table.as_data(extrapolated)}
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(result, indent=1))
        print("\n" + table.as_text(extrapolated))
        print(f"\nWritten to {options.output}. How to read this: docs/docsite/rst/guide_scale.rst")
    if options.writes_guide:
        guide.write(PROGRAM, f"{machine.sentences()}\n{table.as_rst(extrapolated)}")
    missed = table.missed(extrapolated)
    for line in missed:
        print(f"Target missed: {line}", file=sys.stderr)
    return 1 if missed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmark", description=__doc__)
    parser.add_argument(
        "--labs", type=int, nargs="+", default=[20, 200, 1000], help="fleet sizes (default: 20 200 1000)"
    )
    parser.add_argument("--latency", type=int, nargs="+", default=[0, 80], help="ms a call (default: 0 80)")
    parser.add_argument("--ways", nargs="+", choices=[way.name for way in WAYS], default=[way.name for way in WAYS])
    parser.add_argument("--works", nargs="+", choices=list(WORKS), default=list(WORKS))
    parser.add_argument(
        "--stock-up-to",
        type=int,
        default=200,
        help="the largest fleet for which stock modules are really run; larger ones are extrapolated (default: 200)",
    )
    parser.add_argument("--at-once", type=int, default=20, help="forks, or threads (default: 20)")
    parser.add_argument("--repeat", type=int, default=3, help="re-runs and audits a figure; the fastest counts")
    parser.add_argument("--timeout", type=float, default=1800, help="seconds after which a run is given up")
    parser.add_argument("--quick", action="store_true", help="20 labs, no latency, each once: does it work at all?")
    parser.add_argument(
        "--short", action="store_true", help="10 and 100 labs, no latency, stock modules up to 10, once"
    )
    parser.add_argument("--output", type=pathlib.Path, default=DIRECTORY / "results.json")
    options = parser.parse_args()
    options.works = [work for work in WORKS if work in options.works]
    if options.quick:
        options.labs, options.latency, options.repeat = [20], [0], 1
    if options.short:
        options.labs, options.latency, options.stock_up_to, options.repeat = [10, 100], [0], 10, 1
    everything = len(options.works) == len(WORKS) and len(options.ways) == len(WAYS)
    options.writes_guide = everything and max(options.labs) >= targets.SMALLEST_FLEET
    return options


def measure_fleet(options: argparse.Namespace, labs: int, latency: int, rows: list[table.Row]) -> None:
    """All works and ways at one size, the ways in turn, so that whatever else the machine does hits them alike."""
    chosen = [way for way in WAYS if way.name in options.ways and (way.name != "stock" or labs <= options.stock_up_to)]
    with contextlib.ExitStack() as stack:
        ways = [_start(stack, way, labs, latency, options.at_once) for way in chosen]
        if "onboard" not in options.works:
            for way in ways:
                way.seed()
        for work in options.works:
            repeat = options.repeat if work in REPEATABLE else 1
            tasks = 0
            for way in ways:
                if isinstance(way, Empty):
                    way.tasks = tasks
                cost, calls, by_action = _measure(way, work, 1 if way.name == "stock" else repeat, options)
                if isinstance(way, Ours):
                    tasks = way.workers_a_lab(work)
                rows.append(table.Row(labs, latency, work, way.name, cost, calls, by_action))
                print(table.progress(rows[-1]), flush=True)


def _start(stack: contextlib.ExitStack, way: type[Way], labs: int, latency: int, at_once: int) -> Way:
    directory = DIRECTORY / f"{way.name}-{labs}-{latency}"
    shutil.rmtree(directory, ignore_errors=True)
    simulator = stack.enter_context(running_simulator(f"--latency-ms={latency}"))
    return way(simulator, directory, labs, at_once)


def _measure(way: Way, work: str, repeat: int, options: argparse.Namespace) -> tuple[t.Any, float, dict[str, float]]:
    results = [way.run(work, options.timeout) for unused in range(repeat)]
    return min(results, key=lambda result: result[0].wall_seconds)


if __name__ == "__main__":
    sys.exit(main())
