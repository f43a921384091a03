# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a program and says what it took."""

from __future__ import annotations

import dataclasses
import itertools
import os
import pathlib
import re
import subprocess
import threading
import time
import typing as t


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a run took.

    :param wall_seconds: from its start to its end.
    :param cpu_seconds: user and system time of the program and all that it waited for; not the local stack's.
    :param parent_cpu_seconds: the part of it that the program itself took (Ansible: the parent of the workers).
    :param peak_megabytes: the most memory that the program itself had resident.
    :param children_megabytes: the most memory that all of its children together had for themselves.
    :param largest_child_megabytes: the most that one of its children had for itself.
    :param load_average: of the machine over the last minute, at the end; it should not be much more than its cores.
    """

    wall_seconds: float
    cpu_seconds: float
    parent_cpu_seconds: float
    peak_megabytes: float
    children_megabytes: float
    load_average: float
    largest_child_megabytes: float = 0.0


class RunFailed(Exception):
    """A measured program ended with a failure, or not in time."""


def run(
    command: t.Sequence[str],
    environment: t.Mapping[str, str],
    directory: pathlib.Path,
    *,
    timeout: float,
    log: str,
    accept: int = 0,
) -> Cost:
    """Run a program to its end.

    :param log: the name of the file in C(directory) that takes its output.
    :param accept: the exit status that it is to end with.
    :raises RunFailed: it failed; the message has the end of its output.
    """
    path = directory / log
    with path.open("wb") as output:
        start = time.monotonic()
        process = subprocess.Popen(
            command,
            env=dict(environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        watch = _Watch(process.pid)
        deadline = threading.Timer(timeout, _end, (process.pid,))
        deadline.start()
        try:
            _pid, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            _end(process.pid)
            raise
        finally:
            wall = time.monotonic() - start
            deadline.cancel()
            watch.stop()
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != accept:
        text = path.read_text(errors="replace")
        raise RunFailed(f"{' '.join(command[:3])} ... ended with {process.returncode}:\n{text[-3000:]}")
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(
        wall,
        cpu,
        watch.cpu_seconds,
        watch.megabytes,
        watch.children_megabytes,
        os.getloadavg()[0],
        watch.largest_child_megabytes,
    )


def _end(group: int) -> None:
    try:
        os.killpg(group, 15)
    except ProcessLookupError:
        pass


class _Watch:
    """Watches what the kernel tells of a process and its children, which is gone when they have ended."""

    def __init__(self, pid: int) -> None:
        self.megabytes = 0.0
        self.children_megabytes = 0.0
        self.largest_child_megabytes = 0.0
        self.cpu_seconds = 0.0
        self._directory = pathlib.Path(f"/proc/{pid}")
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        ticks = os.sysconf("SC_CLK_TCK")
        for turn in itertools.count():
            if self._done.wait(0.05):
                return
            try:
                found = re.search(r"VmHWM:\s+(\d+) kB", (self._directory / "status").read_text())
                # proc_pid_stat(5): user and system time are fields 14 and 15; the name, the second one, is in brackets.
                fields = (self._directory / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                return
            if found:
                self.megabytes = int(found.group(1)) / 1024
            self.cpu_seconds = (int(fields[11]) + int(fields[12])) / ticks
            children = list(_descendants(int(self._directory.name)))
            # The kernel walks through all pages of a process for this, so it is asked less often about many. A single
            # worker may be one that writes a report, which has its peak just before its end.
            if turn % 20 == 0 or (turn % 4 == 0 and len(children) == 1):
                private = [_private_kilobytes(child) / 1024 for child in children]
                self.children_megabytes = max(self.children_megabytes, sum(private))
                self.largest_child_megabytes = max([self.largest_child_megabytes, *private])

    def stop(self) -> None:
        self._done.set()
        self._thread.join()


def _descendants(pid: int) -> t.Iterator[int]:
    """The processes that a process started, and those that they started. One that ends meanwhile has none."""
    try:
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in map(int, children):
        yield child
        yield from _descendants(child)


def _private_kilobytes(pid: int) -> int:
    """The memory of a process that it shares with no other; 0 if it has ended."""
    try:
        text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    except OSError:
        return 0
    return sum(int(found) for found in re.findall(r"^Private_\w+:\s+(\d+) kB", text, re.MULTILINE))
