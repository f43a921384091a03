# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: fleet_progress
type: stdout
short_description: One line a lab, a progress bar, and a closing table
version_added: 1.0.0
author:
  - labops.cloudresearch contributors (@labops)
description:
  - Screen output for runs over many labs. It is the C(default) callback, with the same options, except that plays with
    the role P(labops.cloudresearch.lab_account#role) show labs instead of tasks.
  - Each lab gets one line when it has finished, from its host fact C(lab_account_outcome), or because it failed or
    could not be reached. A terminal also has a bar at the bottom with the labs that are done and the time that is left.
  - >-
    At the end there are failures in full, the next steps of people as a checklist with links, the number of labs in
    each state, and a table of labs, states and next steps. States are words; colour only repeats them.
  - In plays that have nothing to do with labs, everything looks as with the C(default) callback.
  - Warnings, deprecations, diffs, C(debug) messages and failures that are ignored are shown when they happen. A failure
    that a C(rescue) may take care of is shown by the lab's outcome, or in full at the end if no outcome comes.
  - Errors of tasks with C(no_log) are not shown, though the C(default) callback of ansible-core 2.19 and later shows
    their messages.
  - With C(-v) and higher, and with O(show_tasks=true), all output of the C(default) callback is there as well.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
requirements:
  - Set as C(stdout_callback) in the configuration, or with E(ANSIBLE_STDOUT_CALLBACK).
options:
  show_tasks:
    description:
      - Whether to show the tasks of lab plays as the C(default) callback does, without needing C(-v).
      - Without it the options O(display_ok_hosts) and O(display_skipped_hosts) have nothing to show in these plays.
    type: bool
    default: false
    env:
      - name: ANSIBLE_FLEET_PROGRESS_SHOW_TASKS
    ini:
      - section: callback_fleet_progress
        key: show_tasks
  progress_bar:
    description:
      - Whether to draw the bar.
      - V(auto) draws it if the output goes to a terminal that can rewrite a line.
    type: str
    choices: [auto, always, never]
    default: auto
    env:
      - name: ANSIBLE_FLEET_PROGRESS_BAR
    ini:
      - section: callback_fleet_progress
        key: progress_bar
  labs_table:
    description:
      - Which labs the closing table lists.
      - V(attention) leaves out those that are V(converged) or V(changed). V(auto) does that if there are more than 50.
      - V(none) leaves out the table, but not the number of labs in each state.
    type: str
    choices: [auto, all, attention, none]
    default: auto
    env:
      - name: ANSIBLE_FLEET_PROGRESS_TABLE
    ini:
      - section: callback_fleet_progress
        key: labs_table
notes:
  - Without C(-v) the recap has one line for all labs together; the closing table says how each of them stands.
  - The time that is left is counted from the pace so far. With the C(linear) strategy labs finish nearly all at once,
    so there it says little; C(host_pinned) and C(free) let labs finish one after the other.
"""

EXAMPLES = r"""
# ansible.cfg
# [defaults]
# stdout_callback = labops.cloudresearch.fleet_progress
#
# [callback_fleet_progress]
# labs_table = attention
#
# What a run over three labs prints:
#
# PLAY [Onboard labs] ****************************************************
# converged           perception
# changed             choice      iam_user, access_key, link
# waiting_for_person  memory      requester: Link this account. https://requester.mturk.com/developer
#
# NEXT STEPS *************************************************************
# memory (waiting_for_person)
#   [ ] requester: Link this account. (for the person)
#       https://requester.mturk.com/developer
#
# LABS *******************************************************************
# waiting_for_person  1
# changed             1
# converged           1
# total               3
"""

import atexit
import os
import shutil
import sys
import time
import typing as t

from ansible import constants as C
from ansible.playbook.task_include import TaskInclude
from ansible.plugins.callback.default import CallbackModule as DefaultCallback

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.fleet import fleet_play, progress
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.fleet.callback_results import (
    Failure,
    data_of,
    host_of,
    outcome_in,
    recap_with_labs_together,
    task_of,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.fleet.progress import Lab
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.fleet.status_line import StatusLine

COLORS = {
    "failed": C.COLOR_ERROR,
    progress.UNREACHABLE: C.COLOR_UNREACHABLE,
    progress.NO_OUTCOME: C.COLOR_WARN,
    "drifted": C.COLOR_WARN,
    "waiting_for_person": C.COLOR_SKIP,
    "changed": C.COLOR_CHANGED,
    "converged": C.COLOR_OK,
}


class CallbackModule(DefaultCallback):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "labops.cloudresearch.fleet_progress"

    def __init__(self) -> None:
        super().__init__()
        self._labs: dict[str, Lab] = {}
        self._status: StatusLine | None = None
        # of the play that runs
        self._play_id = ""
        self._is_fleet = False
        self._is_ours = False
        self._known_before: set[str] = set()
        self._started: set[str] = set()
        self._expected: list[str] = []
        self._finished: set[str] = set()
        self._started_at = 0.0
        self._task_name = ""
        # of results
        self._to_show: list[Failure] = []
        self._maybe_rescued: dict[str, list[Failure]] = {}
        self._failed_items: dict[tuple[str, str], list[Failure]] = {}
        self._retried: set[tuple[str, str]] = set()
        self._diff_shown: tuple[str, str] = ("", "")
        self._lost: set[str] = set()
        self._closed = False

    # -- what is shown --------------------------------------------------------------------------------------------

    def _is_brief(self) -> bool:
        """Whether labs are shown instead of tasks."""
        return (self._is_fleet or self._is_ours) and not self._is_wordy()

    def _is_wordy(self) -> bool:
        return bool(self._display.verbosity or self.get_option("show_tasks"))

    def _is_worth_showing(self, result: t.Any) -> bool:
        # debug marks its results so; assert does as well, to say that all is fine.
        speaks = data_of(result).get("_ansible_verbose_always") and not str(task_of(result).action).endswith("assert")
        return bool(speaks) or self._diff_shown == (task_of(result)._uuid, host_of(result))

    def _show_warnings(self, result: t.Any) -> None:
        if hasattr(self, "_handle_warnings_and_exception"):  # ansible-core 2.19 and later
            self._handle_warnings_and_exception(result)
        else:
            self._handle_warnings(data_of(result))

    def _handle_exception(self, result: t.Any, use_stderr: bool = False) -> None:
        # ansible-core 2.19 and later show the error message of a result that no_log has censored.
        if "censored" in result:
            result.pop("exception", None)
        super()._handle_exception(result, use_stderr=use_stderr)

    def _show_lines(self, lines: t.Iterable[progress.Line]) -> None:
        for text, state in lines:
            on_stderr = state in ("failed", progress.UNREACHABLE) and self.get_option("display_failed_stderr")
            self._display.display(text, color=COLORS.get(state), stderr=on_stderr)

    def _refresh(self) -> None:
        if self._status:
            self._status.refresh()

    def _bar(self) -> str:
        # A second play about labs, such as one that waits for people, may leave most of them alone.
        concerned = [host for host in self._expected if host in self._started or host not in self._known_before]
        total, finished = len(concerned), len(self._finished.intersection(concerned))
        if not self._is_fleet or self._closed or finished >= total:
            return ""
        elapsed = time.monotonic() - self._started_at if self._started_at else 0.0
        states = [self._labs[host].state for host in self._finished if host in self._labs]
        failed = sum(state in ("failed", progress.UNREACHABLE) for state in states)
        waiting = states.count("waiting_for_person")
        notes = [
            f"{failed} failed" if failed else "",
            f"{waiting} waiting" if waiting else "",
            progress.printable(self._task_name or self._last_of(concerned)),
        ]
        # A terminal that has its cursor behind the last column may begin a new row.
        return progress.progress_bar(finished, total, elapsed, self._columns() - 1, notes)

    def _last_of(self, hosts: t.Sequence[str]) -> str:
        """Who is still waited for, once these are few."""
        remaining = [host for host in hosts if host not in self._finished]
        return f"still {', '.join(remaining)}" if len(remaining) <= 3 else ""

    @staticmethod
    def _columns() -> int:
        return shutil.get_terminal_size().columns

    @staticmethod
    def _is_terminal() -> bool:
        return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"

    # -- playbook and plays ---------------------------------------------------------------------------------------

    def v2_playbook_on_start(self, playbook: t.Any) -> None:
        wish = self.get_option("progress_bar")
        if wish == "always" or (wish == "auto" and self._is_terminal()):
            self._status = StatusLine(sys.stdout, self._bar)
            self._status.attach(self._display)
        # A run that is interrupted, or stopped by an error outside of tasks, ends without statistics.
        process = os.getpid()
        atexit.register(lambda: self._close(None) if os.getpid() == process else None)
        super().v2_playbook_on_start(playbook)

    def v2_playbook_on_play_start(self, play: t.Any) -> None:
        if play._uuid == self._play_id and self._is_brief():  # the next batch of the same play
            self._play = play
            return
        if play._uuid != self._play_id:
            self._end_play()
            self._begin_play(play)
        super().v2_playbook_on_play_start(play)

    def _begin_play(self, play: t.Any) -> None:
        self._play_id = play._uuid
        self._is_fleet = fleet_play.concerns_labs(play)
        self._is_ours = fleet_play.is_of_the_collection(play)
        self._known_before, self._started = set(self._labs), set()
        self._expected = [host for host in fleet_play.hosts_of(play) if host not in self._lost]
        self._finished, self._started_at, self._task_name = set(), 0.0, ""

    def _end_play(self) -> None:
        """Note the labs of which nothing was heard: nothing ends in silence."""
        if not self._is_fleet:
            return
        for host in self._expected:
            if host not in self._finished:
                rescued = "a task failed and was rescued, but no outcome came"
                said = rescued if host in self._maybe_rescued else "the play ended for it without an outcome"
                self._labs.setdefault(host, Lab(host, progress.NO_OUTCOME, said))

    def _task_start(self, task: t.Any, prefix: str | None = None) -> None:
        if not self._is_brief():
            super()._task_start(task, prefix)
            return
        if prefix is not None:
            self._task_type_cache[task._uuid] = prefix
        runs_in_step = str(self._play.strategy).rpartition(".")[2] not in ("free", "host_pinned")
        self._last_task_name = task.get_name().strip() if runs_in_step else None
        self._task_name = self._last_task_name or ""
        self._refresh()

    def v2_runner_on_start(self, host: t.Any, task: t.Any) -> None:
        self._started_at = self._started_at or time.monotonic()
        self._started.add(host.get_name())
        super().v2_runner_on_start(host, task)
        self._refresh()

    def v2_playbook_on_include(self, included_file: t.Any) -> None:
        if not self._is_brief():
            super().v2_playbook_on_include(included_file)

    # -- results --------------------------------------------------------------------------------------------------

    def v2_runner_on_ok(self, result: t.Any) -> None:
        outcome = outcome_in(data_of(result))  # before the default callback takes parts out of the result
        if not self._is_brief() or (self._is_worth_showing(result) and not isinstance(task_of(result), TaskInclude)):
            super().v2_runner_on_ok(result)
        else:
            self._show_warnings(result)
        if outcome:
            self._maybe_rescued.pop(host_of(result), None)
            self._is_fleet = True
            self._finish(progress.lab_from_outcome(host_of(result), outcome))
        self._refresh()

    def _finish(self, lab: Lab) -> None:
        already_said = lab.host in self._finished and self._labs[lab.host].state == lab.state
        self._labs[lab.host] = lab
        self._finished.add(lab.host)
        if not already_said:
            width = max((progress.display_width(host) for host in self._expected), default=0)
            self._show_lines([progress.lab_line(lab, min(width, 40))])

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        host, task = host_of(result), task_of(result)
        failures = self._failed_items.pop((host, task._uuid), [])
        failures.append(self._failure(super().v2_runner_on_failed, result))
        rescued = fleet_play.may_be_rescued(task)
        # So that the run fails in the end, the labs that failed are failed once more.
        repeated = progress.says_the_same(self._labs.get(host), data_of(result))
        if ignore_errors or not self._is_brief() or not (self._is_fleet or rescued or repeated):
            self._replay(failures, ignore_errors)
        else:
            self._handle_warnings(data_of(result))
            if not repeated:
                (self._maybe_rescued.setdefault(host, []) if rescued else self._to_show).extend(failures)
        if not (ignore_errors or rescued):
            self._lost.add(host)
            if not repeated:
                self._note_failure(progress.lab_from_failure(host, task.get_name(), data_of(result)))
        self._refresh()

    def _note_failure(self, lab: Lab) -> None:
        # What fails in a play that is not about labs, such as the one that writes the report, is no lab's failure.
        if self._is_fleet:
            self._finish(lab)

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        host, task = host_of(result), task_of(result)
        ignored = bool(task.ignore_unreachable)
        if ignored or not self._is_brief() or not self._is_fleet:
            super().v2_runner_on_unreachable(result)
        else:
            self._handle_warnings(data_of(result))
            self._to_show.append(self._failure(super().v2_runner_on_unreachable, result))
        if not ignored:
            self._lost.add(host)
            self._note_failure(
                progress.lab_from_failure(host, task.get_name(), data_of(result), state=progress.UNREACHABLE)
            )
        self._refresh()

    def v2_runner_on_skipped(self, result: t.Any) -> None:
        if self._is_brief():
            self._show_warnings(result)
        else:
            super().v2_runner_on_skipped(result)
        self._refresh()

    def v2_runner_item_on_ok(self, result: t.Any) -> None:
        if not self._is_brief() or self._is_worth_showing(result):
            super().v2_runner_item_on_ok(result)
        else:
            self._show_warnings(result)

    def v2_runner_item_on_failed(self, result: t.Any) -> None:
        if not self._is_brief():
            super().v2_runner_item_on_failed(result)
            return
        # Whether it is ignored or rescued is known when the task has gone through all items.
        self._handle_warnings(data_of(result))
        place = (host_of(result), task_of(result)._uuid)
        self._failed_items.setdefault(place, []).append(self._failure(super().v2_runner_item_on_failed, result))

    def v2_runner_item_on_skipped(self, result: t.Any) -> None:
        if self._is_brief():
            self._show_warnings(result)
        else:
            super().v2_runner_item_on_skipped(result)

    def v2_on_file_diff(self, result: t.Any) -> None:
        super().v2_on_file_diff(result)
        self._diff_shown = (task_of(result)._uuid, host_of(result))

    def v2_runner_retry(self, result: t.Any) -> None:
        place = (host_of(result), task_of(result)._uuid)
        if not self._is_brief() or place not in self._retried:
            super().v2_runner_retry(result)
        self._retried.add(place)
        self._refresh()

    # -- failures that are shown later ----------------------------------------------------------------------------

    def _failure(self, show: t.Callable[..., None], result: t.Any) -> Failure:
        return Failure(show, result, self._last_task_name)

    def _replay(self, failures: t.Sequence[Failure], ignore_errors: bool = False) -> None:
        """Let the default callback show results as if they came now."""
        now = (self._last_task_name, getattr(self, "_current_task_result", None))
        for failure in failures:
            self._last_task_name = failure.task_name
            self._current_task_result = failure.result
            failure.show(
                failure.result, **({"ignore_errors": True} if ignore_errors and failure is failures[-1] else {})
            )
        self._last_task_name, self._current_task_result = now

    # -- the end --------------------------------------------------------------------------------------------------

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        self._close(stats)
        if self._labs and not self._is_wordy():
            stats = recap_with_labs_together(stats, self._labs)
        super().v2_playbook_on_stats(stats)

    def _close(self, stats: t.Any) -> None:
        """Show what was put off, and how the labs stand. Without statistics the run was cut short."""
        if self._closed:
            return
        self._end_play()
        self._settle_rescued(stats)
        self._closed = True
        if self._status:
            self._status.remove()
        if stats is None and (self._labs or self._to_show):
            self._display.banner("THE RUN WAS CUT SHORT: THIS IS HOW FAR IT CAME")
        self._show_failures()
        labs = list(self._labs.values())
        self._show_section("NEXT STEPS", progress.next_step_lines(labs))
        if labs:
            self._show_section("LABS", progress.count_lines(labs))
            if self.get_option("labs_table") != "none":
                width = self._columns() if self._is_terminal() else None
                self._show_section("", progress.table_lines(labs, width, self.get_option("labs_table")))

    def _settle_rescued(self, stats: t.Any) -> None:
        """Decide on failures that no outcome answered for: they are shown, rescued or not."""
        for host, failures in self._maybe_rescued.items():
            self._to_show += failures
            lab = self._labs.get(host)
            if lab and lab.state == progress.NO_OUTCOME and (stats is None or stats.summarize(host)["failures"]):
                self._labs[host] = Lab(host, "failed", "a task failed")
        self._maybe_rescued.clear()
        # Loops that were cut short.
        self._to_show += [failure for failures in self._failed_items.values() for failure in failures]

    def _show_failures(self) -> None:
        lines = progress.problem_lines(self._labs.values())
        if lines or self._to_show:
            self._display.banner("FAILURES")
        self._show_lines(lines)
        self._last_task_banner = None
        self._replay(self._to_show)

    def _show_section(self, title: str, lines: t.Sequence[progress.Line]) -> None:
        if not lines:
            return
        if title:
            self._display.banner(title)
        else:
            self._display.display("")
        self._show_lines(lines)
