# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes every target that CI runs, some at a time, and says how each came out: make test.

The log of each is in build/logs; those that failed are printed. The last line counts tests: those that pytest
and ansible-test units report, and one for each other target.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import os
import re
import signal
import subprocess
import sys
import time

from .tree import BUILD, PROJECT

LOGS = BUILD / "logs"
# Two more than cores, because each suite waits for something a third of the time; with more, they hinder each other.
LANES = 4

# The longest first, so that all lanes end at about the same time. Those with a number are for the oldest and the newest
# ansible-core that are supported, all others run on the one in between. `unit` has nothing that `unit-...` has not.
TARGETS = (
    "stack",
    "e2e-labs",
    "e2e-rights",
    "stack-portal",
    "e2e-terminal",
    "sanity-2.18",
    "e2e-closing",
    "unit-2.18",
    "e2e-2.18",
    "e2e-crash",
    "sanity-of-core-2.22",
    "e2e-2.22",
    "e2e-faults",
    "docs",
    "lint",
    "molecule",
    "integration",
    "package",
)
# No target may hold CI up for good. timeout(1) ends all that the target started, too.
LIMIT = ("timeout", "--kill-after=20", "3600")
PYTEST_CLOSING = re.compile(r"^=+ .*\b\d+ [a-z]+.* in [\d.]+s.*=+$", re.MULTILINE)
RUNNING: set[subprocess.Popen[bytes]] = set()


def make(target: str) -> tuple[int, str]:
    """Make one target, and say so; its exit status and its log's text."""
    log = LOGS / f"{target}.log"
    begun = time.monotonic()
    # Colours and the outer make's job server have no place in a log.
    variables = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*LIMIT, "make", "--keep-going", target],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=variables,
        )
        RUNNING.add(process)
        _pid, ended, used = os.wait4(process.pid, 0)
        status = process.returncode = os.waitstatus_to_exitcode(ended)
        RUNNING.remove(process)
    text = re.sub(r"\x1b\[[\d;]*m", "", log.read_text(errors="replace"))
    closing = PYTEST_CLOSING.findall(text)
    say(
        f"{'FAILED' if status else 'ok':7}{target:20}{time.monotonic() - begun:6.0f} s"
        f"{used.ru_utime + used.ru_stime:6.0f} s of a processor  "
        + ("stopped, since it took too long" if status == 124 else closing[-1].strip("= ") if closing else "")
    )
    return status, text


def count(status: int, text: str) -> collections.Counter[str]:
    """What a target's log reports as passed, failed and skipped; a failed target is never without a failure."""
    closing = PYTEST_CLOSING.findall(text)
    counts: collections.Counter[str] = collections.Counter()
    for number, word in re.findall(r"(\d+) (passed|failed|skipped|error)", "\n".join(closing)):
        counts["failed" if word == "error" else word] += int(number)
    if not closing:
        counts["skipped"] = len(re.findall(r"^SKIPPED ", text, re.MULTILINE))
        counts["passed"] = int(status == 0 and not counts["skipped"])
    if status and not counts["failed"]:
        counts["failed"] = 1
    return counts


def say(line: str) -> None:
    sys.stdout.write(f"{line.rstrip(' ')}\n")
    sys.stdout.flush()


def main() -> int:
    """Run all targets, or those named; return 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", default=TARGETS)
    parser.add_argument("--lanes", type=int, default=LANES, help="how many targets are made at a time")
    arguments = parser.parse_args()
    targets = arguments.targets
    LOGS.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    say(f"{len(targets)} targets, {arguments.lanes} at a time; logs in {os.path.relpath(LOGS, PROJECT)}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with concurrent.futures.ThreadPoolExecutor(arguments.lanes) as pool:
        try:
            results = dict(zip(targets, pool.map(make, targets), strict=True))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in tuple(RUNNING):
                process.terminate()
            raise
    failed = [target for target, (status, _text) in results.items() if status]
    for target, (_status, text) in results.items():
        for line in re.findall(r"^SKIPPED .*$", text, re.MULTILINE):
            say(f"{target}: {line}")
        for line in PYTEST_CLOSING.findall(text):
            say(line)
    for target in failed:
        say(f"\n--- {target} failed ({os.path.relpath(LOGS / target, PROJECT)}.log) ---")
        say(results[target][1][-20_000:])
    say(f"\n{time.monotonic() - begun:.0f} s. " + (f"Failed: {', '.join(failed)}" if failed else "Everything passed."))
    total = sum((count(*result) for result in results.values()), collections.Counter())
    say(", ".join(f"{total[word]} {word}" for word in ("passed", "failed", "skipped")))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
