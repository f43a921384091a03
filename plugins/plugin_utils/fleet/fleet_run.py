# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a run over labs has come: what each play was to do, and which labs have finished."""

from __future__ import annotations

import collections
import time
import typing as t

from ansible.playbook.play import Play
from ansible.playbook.task import Task

from . import fleet_play, progress
from .fleet_play import HostVariables
from .progress import NO_OUTCOME, Lab


class FleetRun:
    """Keeps the labs of the whole run, and of the play that runs now, which hosts have begun and finished."""

    def __init__(self) -> None:
        self.labs: dict[str, Lab] = {}
        self.is_fleet = False
        self.is_ours = False
        self.report = ""
        # The host whose task was to write it.
        self.report_failed_on = ""
        self.task_name = ""
        self._play: Play = None
        self._batches: set[str] = set()
        self._asked: set[str] = set()
        self._lost: set[str] = set()
        self._expected: list[str] = []
        self._finished: set[str] = set()
        self._at_work: dict[str, str] = {}
        # The hosts of this play that it has to do with, and how many of them came out how; counted as they come,
        # because the bar is drawn with every line.
        self._concerned: set[str] = set()
        self._remaining: set[str] = set()
        self._states: collections.Counter[str] = collections.Counter()
        self._started_at = 0.0
        self._width = 0

    def begin(self, play: Play) -> bool:
        """Note that a play begins; returns whether it is another one, not the next batch of the same."""
        batch = fleet_play.batch_of(play)
        # A playbook may be imported twice, but batches of one play have no host in common.
        is_next = self._play is not None and play.get_path() == self._play.get_path()
        is_next = is_next and bool(batch) and self._batches.isdisjoint(batch)
        self._play = play
        self._batches = self._batches.union(batch) if is_next else set(batch)
        return not is_next

    def is_rescued(self, host: str) -> bool:
        """Whether a failure that has just come leads to a rescue; Ansible has decided it before it tells callbacks."""
        return fleet_play.goes_on_for(self._play, host)

    def begin_play(self, play: Play) -> None:
        """Note what a play is about."""
        self.is_fleet = fleet_play.concerns_labs(play)
        self.is_ours = fleet_play.is_of_the_collection(play)
        self._expected = [host for host in fleet_play.hosts_of(play) if host not in self._lost]
        self._finished, self._at_work, self._asked = set(), {}, set()
        # A second play about labs, such as one that waits for people, may leave most of them alone.
        self._concerned = {host for host in self._expected if host not in self.labs}
        self._remaining, self._states = set(self._concerned), collections.Counter()
        self._started_at, self.task_name = 0.0, ""
        self._width = min(40, max(map(progress.display_width, self._expected), default=0))

    def end_play(self, *, cut_short: bool, failures: t.Container[str]) -> None:
        """Note the labs of which nothing was heard: nothing ends in silence.

        :param failures: hosts of which a task failed and was rescued.
        """
        if not self.is_fleet:
            return
        for host in self._expected:
            if host in self._finished or (host in self.labs and host not in self._at_work):
                continue
            if host in failures:
                said = "a task failed and was rescued, but no outcome came"
            elif cut_short and host in self._at_work:
                said = f"in the middle, at the task {progress.shown(self._at_work[host])}"
            elif cut_short:
                said = "not begun"
            else:
                said = "the play ended for it without an outcome"
            if cut_short or host not in self.labs:
                self.labs[host] = Lab(host, NO_OUTCOME, said, told=False)

    def settle(self, host: str, *, failed: bool) -> None:
        """Decide on a lab at the end: no outcome answered for a rescued failure, and another one counts."""
        lab = self.labs.get(host)
        if failed and lab and lab.state == NO_OUTCOME:
            self.labs[host] = Lab(host, "failed", "a task failed", told=False)

    @property
    def at_work(self) -> t.Collection[str]:
        """The hosts for which this play has begun a task."""
        return self._at_work.keys()

    def hostvars(self) -> HostVariables:
        """The variables of all hosts as they are now."""
        return fleet_play.hostvars_of(self._play)

    def begin_task(self, task: Task) -> None:
        """Note what the hosts are at, if the play's strategy lets all of them do the same."""
        in_step = str(self._play.strategy).rpartition(".")[2] not in ("free", "host_pinned")
        self.task_name = task.get_name().strip() if in_step else ""

    def start(self, host: str, task: Task) -> None:
        """A host begins a task."""
        self._started_at = self._started_at or time.monotonic()
        if host not in self._at_work:
            self._add_concerned(host)
        self._at_work[host] = task.get_name()
        self._asked.discard(host)
        if fleet_play.asks_a_person(task):
            self._asked.add(host)

    def _add_concerned(self, host: str) -> None:
        if host not in self._concerned:
            self._concerned.add(host)
            self._remaining.add(host)

    def finish(self, lab: Lab) -> list[str]:
        """Note how a lab came out; returns the line that tells it, none if it was told before."""
        before = self.labs.get(lab.host)
        told = lab.host in self._finished and before is not None and before.state == lab.state
        if before is not None and lab.host in self._finished:
            self._states[before.state] -= 1
        self._states[lab.state] += 1
        self._add_concerned(lab.host)
        self._remaining.discard(lab.host)
        self.labs[lab.host] = lab
        self._finished.add(lab.host)
        return [] if told else [progress.lab_line(lab, self._width)[0]]

    def lose(self, host: str) -> None:
        """Later plays go on without this host."""
        self._lost.add(host)
        self._asked.discard(host)

    def progress_bar(self, columns: int) -> str:
        """The bar; empty when no lab is waited for, and while a person is asked."""
        if not self.is_fleet or not self._remaining or self._asked:
            return ""
        elapsed = time.monotonic() - self._started_at if self._started_at else 0.0
        failed = self._states["failed"] + self._states[progress.UNREACHABLE]
        waiting = self._states["waiting_for_person"]
        # Who is still waited for, once these are few.
        last = f"still {', '.join(sorted(self._remaining))}" if len(self._remaining) <= 3 else ""
        notes = [
            f"{failed} failed" if failed else "",
            f"{waiting} waiting" if waiting else "",
            progress.shown(self.task_name or last),
        ]
        total = len(self._concerned)
        return progress.progress_bar(total - len(self._remaining), total, elapsed, columns, notes)
