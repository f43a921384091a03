# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results and statistics as callbacks get them, alike in all supported versions of ansible-core.

ansible-core 2.18 has only names with an underscore; later versions have both and prefer those without.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible.executor.stats import AggregateStats
from ansible.playbook.task import Task

from ..lab.outcome import is_outcome
from .fleet_play import OUTCOME_ACTIONS, action_of
from .progress import Plain
from .status_line import Call

# CallbackTaskResult of ansible-core 2.19 and later, TaskResult before.
TaskResult = t.Any


def data_of(result: TaskResult) -> dict[str, t.Any]:
    """What the task returned, which the callback may change."""
    data: dict[str, t.Any] = result.result if hasattr(result, "result") else result._result
    return data


def task_of(result: TaskResult) -> Task:
    """The task."""
    return result.task if hasattr(result, "task") else result._task


def host_of(result: TaskResult) -> str:
    """The name of the host."""
    return str((result.host if hasattr(result, "host") else result._host).get_name())


def place_of(result: TaskResult) -> tuple[str, str, str]:
    """What tells a result from all others: its host and its task, which is known by where it stands and its name."""
    task = task_of(result)
    return host_of(result), task.get_path(), task.get_name()


def hide_error(result: TaskResult) -> None:
    """Take the error message out of a result that no_log has censored: ansible-core 2.19 and later would show it."""
    if "censored" in data_of(result):
        data_of(result).pop("exception", None)


def speaks(result: TaskResult) -> bool:
    """Whether a result is meant to be read, as those of C(debug)."""
    # assert marks its results so as well, to say that all is fine.
    return bool(data_of(result).get("_ansible_verbose_always")) and not str(task_of(result).action).endswith("assert")


def outcome_in(result: TaskResult) -> Plain | None:
    """The outcome that one of the role's own actions returned, on its own or in a loop; facts are none."""
    if action_of(task_of(result)) not in OUTCOME_ACTIONS:
        return None
    data = data_of(result)
    return next((part for part in (data, *(data.get("results") or [])) if is_outcome(part)), None)


def report_in(result: TaskResult) -> str:
    """The path of the report that a task has written, the one for people if there are several; empty for none."""
    files = data_of(result).get("files")
    if not _writes_report(result) or not isinstance(files, dict):
        return ""
    return str(files.get("html") or next(iter(files.values()), ""))


def why_no_report(result: TaskResult) -> str:
    """What a task that failed to write the report says; empty for all other tasks."""
    return str(data_of(result).get("msg") or "") if _writes_report(result) else ""


def _writes_report(result: TaskResult) -> bool:
    return action_of(task_of(result)).endswith(".fleet_report_files")


class LateFailures:
    """Failures that are shown when it is known whether anything answers for them, or at the end.

    Each is kept as what the default callback has written of it.
    """

    def __init__(self) -> None:
        self._certain: list[Call] = []
        self._maybe_rescued: dict[str, list[Call]] = {}
        self._items: dict[tuple[str, str, str], list[Call]] = {}

    def add(self, host: str, failure: t.Iterable[Call], *, rescued: bool = False) -> None:
        """Keep a failure of a host; what was rescued waits for the lab's outcome."""
        (self._maybe_rescued.setdefault(host, []) if rescued else self._certain).extend(failure)

    def add_item(self, result: TaskResult, failure: t.Iterable[Call]) -> None:
        """Keep one round of a loop: what becomes of it is known when the loop has ended."""
        self._items.setdefault(place_of(result), []).extend(failure)

    def items_of(self, result: TaskResult) -> list[Call]:
        """The rounds of a loop that has ended, which are given away."""
        return self._items.pop(place_of(result), [])

    def answered(self, host: str) -> None:
        """An outcome tells what the host's rescued failures came to."""
        self._maybe_rescued.pop(host, None)

    def unanswered(self) -> t.Collection[str]:
        """The hosts whose rescued failures no outcome has answered for."""
        return self._maybe_rescued.keys()

    def all(self) -> list[Call]:
        """Everything that is left, loops that were cut short at the end."""
        groups = (self._certain, *self._maybe_rescued.values(), *self._items.values())
        return [call for group in groups for call in group]


@dataclasses.dataclass
class Recap:
    """The statistics of a run as the default callback reads them."""

    processed: dict[str, dict[str, int]]
    custom: dict[str, object]

    def summarize(self, host: str) -> dict[str, int]:
        """The counts of one line."""
        return self.processed[host]


def recap_with_labs_together(stats: AggregateStats, labs: t.Collection[str]) -> Recap:
    """The statistics with all labs in one line, which adds them up."""
    summaries = {host: stats.summarize(host) for host in stats.processed}
    lines = {host: summary for host, summary in summaries.items() if host not in labs}
    of_labs = [summary for host, summary in summaries.items() if host in labs]
    if of_labs:
        title = f"{len(of_labs)} labs" if len(of_labs) > 1 else "1 lab"
        lines[title] = {name: sum(summary[name] for summary in of_labs) for name in of_labs[0]}
    return Recap(lines, stats.custom)
