# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals for a process and all that descends from it: ansible-core gives each of its workers a session of its own."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import time
import typing as t

# States of a thread (proc(5)) that makes no process now: stopped, ended, or asleep beyond signals, as whoever waits in
# vfork(2) for a process that is there already.
_STANDING = "tTxXZD"


def family(pid: int) -> set[int]:
    """A process, those of the group that it leads, and all that descend from them; empty once they are gone."""
    parents: dict[int, int] = {}
    found: set[int] = set()
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                # pid (command) state ppid pgrp ...; the command may hold spaces and brackets.
                _state, ppid, group, *_rest = (entry / "stat").read_text().rpartition(")")[2].split()
                parents[int(entry.name)] = int(ppid)
                if pid in (int(entry.name), int(group)):
                    found.add(int(entry.name))
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def send(pids: t.Iterable[int], number: signal.Signals) -> None:
    """Send a signal to those that are still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def halt(pid: int) -> set[int]:
    """Stop a process and its family, and return them. Nobody who is just being made is missed.

    :raises RuntimeError: one of them did not stop within half a minute.
    """
    halted: set[int] = set()
    while more := family(pid) - halted:
        send(more, signal.SIGSTOP)
        # The signal alone stops nobody who is in the middle of a fork, so the new process would be missed.
        _wait_until_standing(more)
        halted |= more
    return halted


def kill(pid: int) -> set[int]:
    """Kill a process and its family at one moment, and return those who were there."""
    halted = halt(pid)
    send(halted, signal.SIGKILL)
    return halted


def _wait_until_standing(pids: t.Iterable[int]) -> None:
    deadline = time.monotonic() + 30
    for pid in pids:
        while any(state not in _STANDING for state in _states(pid)):
            if time.monotonic() > deadline:
                raise RuntimeError(f"process {pid} does not stop")
            time.sleep(0.001)


def _states(pid: int) -> t.Iterator[str]:
    """The state of each of its threads; none if it has ended."""
    for status in pathlib.Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(OSError):
            yield status.read_text().rpartition(")")[2].split()[0]
