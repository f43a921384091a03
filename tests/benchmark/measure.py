# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a program and says what it took."""

from __future__ import annotations

import dataclasses
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
    :param load_average: of the machine over the last minute, at the end; it should not be much more than its cores.
    """

    wall_seconds: float
    cpu_seconds: float
    parent_cpu_seconds: float
    peak_megabytes: float
    load_average: float


class RunFailed(Exception):
    """A measured program ended with a failure, or not in time."""


def run(
    command: t.Sequence[str], environment: t.Mapping[str, str], directory: pathlib.Path, *, timeout: float, log: str
) -> Cost:
    """Run a program to its end.

    :param log: the name of the file in C(directory) that takes its output.
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
    if process.returncode != 0:
        text = path.read_text(errors="replace")
        raise RunFailed(f"{' '.join(command[:3])} ... ended with {process.returncode}:\n{text[-3000:]}")
    cpu = usage.ru_utime + usage.ru_stime
    return Cost(wall, cpu, watch.cpu_seconds, watch.megabytes, os.getloadavg()[0])


def _end(group: int) -> None:
    try:
        os.killpg(group, 15)
    except ProcessLookupError:
        pass


class _Watch:
    """Watches what the kernel tells of a process itself, which is gone when the process has ended."""

    def __init__(self, pid: int) -> None:
        self.megabytes = 0.0
        self.cpu_seconds = 0.0
        self._directory = pathlib.Path(f"/proc/{pid}")
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        ticks = os.sysconf("SC_CLK_TCK")
        while not self._done.wait(0.2):
            try:
                found = re.search(r"VmHWM:\s+(\d+) kB", (self._directory / "status").read_text())
                # proc_pid_stat(5): user and system time are fields 14 and 15; the name, the second one, is in brackets.
                fields = (self._directory / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                return
            if found:
                self.megabytes = int(found.group(1)) / 1024
            self.cpu_seconds = (int(fields[11]) + int(fields[12])) / ticks

    def stop(self) -> None:
        self._done.set()
        self._thread.join()
