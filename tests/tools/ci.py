# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes every target that CI runs, some at a time, and says how each came out: make test.

The log of each is in build/logs; those that failed are printed. The last line counts tests: those that pytest
and ansible-test units report, and one for each other target.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import pathlib
import queue
import re
import signal
import subprocess
import sys
import threading
import time

from .tree import BUILD, PROJECT

LOGS = BUILD / "logs"
# One more than cores, because now and then each suite waits for something; with more, they hinder each other.
LANES = 3

# The longest first, so that all lanes end at about the same time. Those with a number are for the oldest and the newest
# ansible-core that are supported, all others run on the one in between. `unit` has nothing that `unit-...` has not.
TARGETS = (
    "stack",
    "e2e-rights",
    "stack-portal",
    "e2e-labs",
    "e2e-closing",
    "e2e-terminal",
    "sanity-2.21",
    "e2e-2.22",
    "e2e-2.18",
    "e2e-crash",
    "e2e-faults",
    "unit-2.18",
    "sanity-of-core-2.18",
    "docs",
    "lint",
    "molecule",
    "integration",
    "package",
)
# No target may hold CI up for good.
LONGEST_SECONDS = 3600
PYTEST_CLOSING = re.compile(r"^=+ (?P<counts>.*\b\d+ [a-z]+.*) in [\d.]+s.*=+$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Result:
    """How one target came out. `closing` are pytest's own closing lines; `skipped` what the target itself left out."""

    target: str
    status: int
    seconds: float
    passed: int
    failed: int
    skipped: int
    closing: tuple[str, ...]
    log: pathlib.Path


def judge(target: str, status: int, seconds: float, log: pathlib.Path) -> Result:
    """Count what a target's log reports; a failed target is never without a failure."""
    text = re.sub(r"\x1b\[[\d;]*m", "", log.read_text(errors="replace"))
    closing = tuple(match.group(0) for match in PYTEST_CLOSING.finditer(text))
    counts = {"passed": 0, "failed": 0, "error": 0, "errors": 0, "skipped": 0}
    for line in closing:
        for number, word in re.findall(r"(\d+) ([a-z]+)", line):
            if word in counts:
                counts[word] += int(number)
    failed = counts["failed"] + counts["error"] + counts["errors"]
    skipped = counts["skipped"] + len(re.findall(r"^SKIPPED ", text, re.MULTILINE)) * (not closing)
    passed = counts["passed"] if closing else int(status == 0 and not skipped)
    if status and not failed:
        failed = 1
    return Result(target, status, seconds, passed, failed, skipped, closing, log)


RUNNING: dict[int, subprocess.Popen[bytes]] = {}


def end(process: subprocess.Popen[bytes]) -> None:
    """End a target and all that it started; gently at first."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)


def make(target: str) -> Result:
    """Make one target in a process group of its own, which is ended when it takes too long."""
    log = LOGS / f"{target}.log"
    begun = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["make", "--keep-going", target],
            cwd=PROJECT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # Colours and the outer make's job server have no place in a log.
            env={name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")},
        )
        RUNNING[process.pid] = process
        try:
            status = process.wait(timeout=LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            output.write(f"\n{target} was stopped after {LONGEST_SECONDS} s\n".encode())
            end(process)
            status = 1
        del RUNNING[process.pid]
    return judge(target, status, time.monotonic() - begun, log)


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def lane(waiting: queue.SimpleQueue[str], results: list[Result]) -> None:
    """Make what is waiting until nothing is."""
    while True:
        try:
            target = waiting.get_nowait()
        except queue.Empty:
            return
        result = make(target)
        results.append(result)
        word = "FAILED" if result.status else "ok"
        counted = f"  {result.closing[-1].strip('= ')}" if result.closing else ""
        say(f"{word:7}{target:13}{result.seconds:6.0f} s{counted}")


def main() -> int:
    """Run all targets, or those named; return 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", default=TARGETS)
    parser.add_argument("--lanes", type=int, default=LANES, help="how many targets are made at a time")
    arguments = parser.parse_args()
    LOGS.mkdir(parents=True, exist_ok=True)
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for target in arguments.targets:
        waiting.put(target)
    results: list[Result] = []
    begun = time.monotonic()
    say(f"{len(arguments.targets)} targets, {arguments.lanes} at a time; logs in {os.path.relpath(LOGS, PROJECT)}")
    lanes = [threading.Thread(target=lane, args=(waiting, results)) for unused in range(arguments.lanes)]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for each in lanes:
        each.daemon = True
        each.start()
    try:
        for each in lanes:
            each.join()
    finally:
        # Only left over when this was interrupted: the lanes make nothing further, and what they make now ends.
        with contextlib.suppress(queue.Empty):
            while True:
                waiting.get_nowait()
        for process in list(RUNNING.values()):
            end(process)
    for result in results:
        if result.status:
            say(f"\n--- {result.target} failed ({os.path.relpath(result.log, PROJECT)}) ---")
            say(result.log.read_text(errors="replace")[-20_000:])
    for result in results:
        for skip in re.findall(r"^SKIPPED .*$", result.log.read_text(errors="replace"), re.MULTILINE):
            say(f"{result.target}: {skip}")
        for line in result.closing:
            say(line)
    failed = [result.target for result in results if result.status]
    say(f"\n{time.monotonic() - begun:.0f} s. " + (f"Failed: {', '.join(failed)}" if failed else "Everything passed."))
    total = [sum(getattr(result, name) for result in results) for name in ("passed", "failed", "skipped")]
    say(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
