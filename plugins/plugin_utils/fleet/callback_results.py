# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results and statistics as callbacks get them, alike in all supported versions of ansible-core.

ansible-core 2.18 has only names with an underscore; later versions have both and prefer those without.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.fleet.fleet_play import OUTCOME_FACT
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.fleet.progress import is_outcome


def data_of(result: t.Any) -> t.Any:
    """What the task returned, which the callback may change."""
    return result.result if hasattr(result, "result") else result._result


def task_of(result: t.Any) -> t.Any:
    """The task."""
    return result.task if hasattr(result, "task") else result._task


def host_of(result: t.Any) -> str:
    """The name of the host."""
    return str((result.host if hasattr(result, "host") else result._host).get_name())


def outcome_in(data: t.Mapping[str, t.Any]) -> t.Mapping[str, t.Any] | None:
    """The outcome that a result sets as a fact, on its own or in a loop."""
    for part in (data, *(item for item in data.get("results") or [] if isinstance(item, dict))):
        facts = part.get("ansible_facts")
        if isinstance(facts, dict) and is_outcome(facts.get(OUTCOME_FACT)):
            outcome: t.Mapping[str, t.Any] = facts[OUTCOME_FACT]
            return outcome
    return None


@dataclasses.dataclass
class Failure:
    """A result that is shown in full later, by the method of the default callback that would have shown it."""

    show: t.Callable[..., None]
    result: t.Any
    task_name: str | None


@dataclasses.dataclass
class Recap:
    """The statistics of a run as the default callback reads them."""

    processed: dict[str, dict[str, int]]
    custom: dict[str, t.Any]

    def summarize(self, host: str) -> dict[str, int]:
        """The counts of one line."""
        return self.processed[host]


def recap_with_labs_together(stats: t.Any, labs: t.Collection[str]) -> Recap:
    """The statistics with all labs in one line, which adds them up."""
    summaries = {host: stats.summarize(host) for host in stats.processed}
    lines = {host: summary for host, summary in summaries.items() if host not in labs}
    of_labs = [summary for host, summary in summaries.items() if host in labs]
    if of_labs:
        title = f"{len(of_labs)} labs" if len(of_labs) > 1 else "1 lab"
        lines[title] = {name: sum(summary[name] for summary in of_labs) for name in of_labs[0]}
    return Recap(lines, stats.custom)
