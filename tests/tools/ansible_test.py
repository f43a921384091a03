# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ansible-test on a copy of the collection: python -m tests.tools.ansible_test --core 2.18 sanity [options].

Integration tests get the local stack, started for them, through tests/integration/integration_config.yml in the copy.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import pathlib
import subprocess
import sys
import typing as t

from .ansible_cores import CORES, Environment, MissingPythonError, core_named, prepare
from .tree import alone


def run(environment: Environment, command: str, options: list[str]) -> int:
    """Run one ansible-test command; return its exit status. Says which sanity tests it skipped."""
    collection = environment.lay_out_in(environment.work / command)
    arguments = ["ansible-test", command, "--color", "no", "--python", environment.python_version, *options]
    with contextlib.ExitStack() as stack:
        if command == "integration":
            _provide_stack(collection, stack)
        process = subprocess.Popen(
            [str(environment.venv / "bin" / arguments[0]), *arguments[1:]],
            cwd=collection,
            env=environment.variables(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        skipped = 0
        for line in t.cast(t.IO[str], process.stdout):
            sys.stdout.write(line)
            skipped += "Skipping sanity test" in line or "WARNING: Required program" in line
        status = process.wait()
    sys.stdout.write(
        f"ansible-test {command} on ansible-core {environment.core.series}, Python {environment.python_version}: "
        f"{'ok' if status == 0 else 'FAILED'}{f', {skipped} skipped (see above)' if skipped else ''}\n"
    )
    return status


def _provide_stack(collection: pathlib.Path, stack: contextlib.ExitStack) -> None:
    from tests.simulator.process import running_simulator

    running = stack.enter_context(running_simulator())
    names = (
        "aws_url",
        "mturk_production_url",
        "mturk_sandbox_url",
        "portal_url",
        "requester_url",
        "control_url",
        "ops_access_key",
        "ops_secret_key",
    )
    # JSON is YAML. The keys are the simulator's own: worth nothing once it stops.
    config = collection / "tests" / "integration" / "integration_config.yml"
    config.write_text(json.dumps({f"stack_{name}": getattr(running, name) for name in names}, indent=2) + "\n")


def main() -> int:
    """Run for the releases asked for; a release that no Python here can run is skipped, and said so."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--core", action="append", choices=[core.series for core in CORES])
    parser.add_argument("command", choices=("sanity", "units", "integration"))
    parser.add_argument("options", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    failed = 0
    for series in arguments.core or [core.series for core in CORES]:
        try:
            environment = prepare(core_named(series))
        except MissingPythonError as error:
            sys.stdout.write(f"SKIPPED ansible-test {arguments.command} on ansible-core {series}: {error}\n")
            continue
        with alone(f"{arguments.command}-{series}"):
            failed += run(environment, arguments.command, arguments.options) != 0
        sys.stdout.flush()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
