# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: fleet_progress
type: stdout
short_description: One line for each lab, a progress bar, and a closing table
version_added: 1.0.0
author:
  - labops.cloudresearch contributors (@labops)
description:
  - Screen output for runs over many labs. It is the C(default) callback, with the same options, except that plays with
    the role P(labops.cloudresearch.lab_account#role) show labs instead of tasks.
  - Each lab gets one line when it has finished, from the outcome that the role's actions return, or because it failed
    or could not be reached; findings are shown by name. A terminal also has a bar at the bottom with the labs that are
    done and the time that is left.
  - >-
    At the end there are failures in full, the next steps of people as a checklist with links (labs with the same steps
    stand together), and a table of the labs that have something to look at. States are words; colour only repeats them.
  - The last five lines say how many labs are in each state, the findings by name, where the report is, why the run ends
    as it does, and the next command, with the run's own options.
  - A run that is interrupted (C(Ctrl-C), SIGTERM) says how far it got, which labs were in progress and which were
    not started, and ends within seconds. Ansible then runs no further play, so this callback writes the report if
    C(fleet_report_directory) is set.
  - In plays that have nothing to do with labs, everything looks as with the C(default) callback.
  - Warnings, deprecations, diffs, C(debug) messages and failures that are ignored are shown when they happen. A failure
    that a C(rescue) may take care of is shown by the lab's outcome, or in full at the end if no outcome comes.
  - Errors of tasks with C(no_log) are not shown, though the C(default) callback of ansible-core 2.19 and later shows
    their messages.
  - With C(-v) and higher, and with O(show_tasks=true), everything that the C(default) callback shows is there as well.
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
      - V(auto) draws it if the output goes to a terminal that can rewrite a line, but not with C(-vvv) and higher,
        where Ansible prints much that callbacks never see.
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
      - V(attention) leaves out those that have nothing to do and nothing to look at, and puts labs with the
        same text into one row. V(auto) does the same; V(all) has one row for each lab.
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
# LAB         STATE               FINDINGS
# memory      waiting_for_person
# 2 labs need nothing.
#
# PLAY RECAP *************************************************************
# 3 labs : ok=14 changed=3 unreachable=0 failed=0 skipped=0 rescued=0 ignored=0
#
# Labs:     3: 1 waiting_for_person, 1 changed, 1 converged
# Findings: none
# Report:   none; -e fleet_report_directory=DIRECTORY writes one
# Result:   no error
# Next:     when the next steps above are done: ansible-playbook ... --limit memory
"""

import atexit
import contextlib
import functools
import os
import sys
import typing as t

from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.executor.stats import AggregateStats
from ansible.inventory.host import Host
from ansible.playbook import Playbook
from ansible.playbook.included_file import IncludedFile
from ansible.playbook.play import Play
from ansible.playbook.task import Task
from ansible.playbook.task_include import TaskInclude
from ansible.plugins.callback.default import CallbackModule as DefaultCallback
from ansible.utils.display import Display

from ..plugin_utils.base.errors import CollectionError
from ..plugin_utils.base.next_command import command_for
from ..plugin_utils.fleet import closing, progress
from ..plugin_utils.fleet.callback_results import (
    LateFailures,
    TaskResult,
    data_of,
    hide_error,
    host_of,
    outcome_in,
    place_of,
    recap_with_labs_together,
    report_in,
    speaks,
    task_of,
    why_no_report,
)
from ..plugin_utils.fleet.fleet_run import FleetRun
from ..plugin_utils.fleet.interruption import Interruption
from ..plugin_utils.fleet.progress import Lab
from ..plugin_utils.fleet.status_line import Call, CallbackDisplay, StatusLine, columns, is_terminal
from ..plugin_utils.report import writing

COLORS = {
    "failed": C.COLOR_ERROR,
    progress.UNREACHABLE: C.COLOR_UNREACHABLE,
    progress.NO_OUTCOME: C.COLOR_WARN,
    progress.UNKNOWN: C.COLOR_WARN,
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
        # Whatever the default callback writes goes by here.
        self._display = self._screen = CallbackDisplay(Display())
        self._run = FleetRun()
        self._interruption = Interruption(lambda: self._show_end_of_run(None))
        self._late = LateFailures()
        self._retried: set[tuple[str, str, str]] = set()
        self._diff_shown = ("", "", "")
        self._closed = False

    # -- what is shown --------------------------------------------------------------------------------------------

    def _is_brief(self) -> bool:
        """Whether labs are shown instead of tasks."""
        return (self._run.is_fleet or self._run.is_ours) and not self._is_wordy()

    def _is_wordy(self) -> bool:
        return bool(self._display.verbosity or self.get_option("show_tasks"))

    def _is_worth_showing(self, result: TaskResult) -> bool:
        return speaks(result) or self._diff_shown == place_of(result)

    def _show(self, show: t.Callable[..., None], result: TaskResult, *, keep: bool = True) -> None:
        """Let the default callback show a result; of a lab's play only its warnings, unless it is to be kept."""
        hide_error(result)
        if not self._is_brief():
            show(result)
        elif keep:
            self._screen.replay(self._recorded(show, result))
        else:
            self._handle_warnings(data_of(result))

    def _recorded(self, show: t.Callable[..., None], result: TaskResult) -> list[Call]:
        """What the default callback says of a result, under its task's name."""
        hide_error(result)
        self._last_task_banner = None
        with self._screen.recording() as calls:
            show(result)
        return calls

    def _show_lines(self, lines: t.Iterable[progress.Line]) -> None:
        for text, state in lines:
            on_stderr = state in ("failed", progress.UNREACHABLE) and self.get_option("display_failed_stderr")
            self._display.display(text, color=COLORS.get(state), stderr=on_stderr)

    def _progress_bar(self) -> str:
        # A terminal that has its cursor behind the last column may begin a new row.
        return "" if self._closed else self._run.progress_bar(columns() - 1)

    # -- playbook and plays ---------------------------------------------------------------------------------------

    def v2_playbook_on_start(self, playbook: Playbook) -> None:
        wish = self.get_option("progress_bar")
        if wish == "always" or (wish == "auto" and is_terminal(sys.stdout) and self._display.verbosity < 3):
            self._screen.status = StatusLine(sys.stdout, self._progress_bar)
        self._interruption.watch()
        # A run that is interrupted, or stopped by an error outside of tasks, ends without statistics.
        process = os.getpid()
        atexit.register(lambda: self._show_end_of_run(None) if os.getpid() == process else None)
        super().v2_playbook_on_start(playbook)

    def v2_playbook_on_vars_prompt(self, *_question: object, **_options: object) -> None:
        if self._screen.status:
            self._screen.status.remove()

    def v2_playbook_on_play_start(self, play: Play) -> None:
        if self._run.begin(play):
            self._run.end_play(cut_short=False, failures=self._late.unanswered())
            self._run.begin_play(play)
            super().v2_playbook_on_play_start(play)
        else:  # the next batch of the same play
            self._note_beginning(super().v2_playbook_on_play_start, play)

    def v2_playbook_on_task_start(self, task: Task, is_conditional: bool) -> None:
        self._note_beginning(super().v2_playbook_on_task_start, task, is_conditional)
        self._run.begin_task(task)
        self._screen.redraw()

    def v2_playbook_on_handler_task_start(self, task: Task) -> None:
        self._note_beginning(super().v2_playbook_on_handler_task_start, task)
        self._run.begin_task(task)
        self._screen.redraw()

    def _note_beginning(self, begin: t.Callable[..., None], *what: object) -> None:
        """Let the default callback note what begins, and in plays about labs say nothing of it."""
        with self._screen.recording() if self._is_brief() else contextlib.nullcontext():
            begin(*what)

    def v2_runner_on_start(self, host: Host, task: Task) -> None:
        self._run.start(host.get_name(), task)
        super().v2_runner_on_start(host, task)
        self._screen.redraw()

    def v2_playbook_on_include(self, included_file: IncludedFile) -> None:
        if not self._is_brief():
            super().v2_playbook_on_include(included_file)

    # -- results --------------------------------------------------------------------------------------------------

    def v2_runner_on_ok(self, result: TaskResult) -> None:
        outcome = outcome_in(result)  # before the default callback takes parts out of the result
        self._run.report = report_in(result) or self._run.report
        keep = self._is_worth_showing(result) and not isinstance(task_of(result), TaskInclude)
        self._show(super().v2_runner_on_ok, result, keep=keep)
        if outcome:
            self._take_outcome(host_of(result), outcome)
        self._screen.redraw()

    def _take_outcome(self, host: str, outcome: progress.Plain) -> None:
        self._late.answered(host)
        self._run.is_fleet = True
        self._show_finished_lab(progress.lab_from_outcome(host, outcome))

    def _show_finished_lab(self, lab: Lab) -> None:
        self._show_lines([(line, lab.state) for line in self._run.finish(lab)])

    def v2_runner_on_failed(self, result: TaskResult, ignore_errors: bool = False) -> None:
        host, outcome = host_of(result), outcome_in(result)
        if outcome:
            self._take_outcome(host, outcome)
        if unwritten := why_no_report(result):
            self._run.report = f"none. {unwritten}"
            self._run.report_failed_on = host
        lab = progress.lab_from_failure(host, task_of(result).get_name(), data_of(result))
        rescued = not ignore_errors and self._run.is_rescued(host)
        # So that the run fails in the end, the labs that failed are failed once more.
        repeated = bool(outcome) or progress.says_the_same(self._run.labs.get(host), data_of(result))
        self._show_failure(
            functools.partial(super().v2_runner_on_failed, ignore_errors=ignore_errors),
            result,
            late=not ignore_errors and (self._run.is_fleet or rescued or repeated),
            rescued=rescued,
            repeated=repeated,
        )
        if not (ignore_errors or rescued):
            self._note_lost_lab(lab, told=repeated)
        self._screen.redraw()

    def _show_failure(
        self,
        show: t.Callable[..., None],
        result: TaskResult,
        *,
        late: bool,
        rescued: bool = False,
        repeated: bool = False,
    ) -> None:
        if not self._is_brief():
            self._show(show, result)
            return
        if late:
            self._handle_warnings(data_of(result))
        failure = [*self._late.items_of(result), *self._recorded(show, result)]
        if not late:
            self._screen.replay(failure)
        elif not repeated:
            self._late.add(host_of(result), failure, rescued=rescued)

    def _note_lost_lab(self, lab: Lab, *, told: bool = False) -> None:
        self._run.lose(lab.host)
        # What fails in a play that is not about labs, such as the one that writes the report, is no lab's failure.
        if self._run.is_fleet and not told:
            self._show_finished_lab(lab)

    def v2_runner_on_unreachable(self, result: TaskResult) -> None:
        host, task = host_of(result), task_of(result)
        lab = progress.lab_from_failure(host, task.get_name(), data_of(result), state=progress.UNREACHABLE)
        ignored = bool(task.ignore_unreachable)
        late = self._run.is_fleet and not ignored
        self._show_failure(super().v2_runner_on_unreachable, result, late=late)
        if not ignored:
            self._note_lost_lab(lab)
        self._screen.redraw()

    def v2_runner_on_skipped(self, result: TaskResult) -> None:
        self._show(super().v2_runner_on_skipped, result, keep=False)
        self._screen.redraw()

    def v2_runner_item_on_ok(self, result: TaskResult) -> None:
        self._show(super().v2_runner_item_on_ok, result, keep=self._is_worth_showing(result))

    def v2_runner_item_on_failed(self, result: TaskResult) -> None:
        if not self._is_brief():
            self._show(super().v2_runner_item_on_failed, result)
            return
        # Whether it is ignored or rescued is known when the task has gone through all items.
        self._handle_warnings(data_of(result))
        self._late.add_item(result, self._recorded(super().v2_runner_item_on_failed, result))

    def v2_runner_item_on_skipped(self, result: TaskResult) -> None:
        self._show(super().v2_runner_item_on_skipped, result, keep=False)

    def v2_on_file_diff(self, result: TaskResult) -> None:
        self._show(super().v2_on_file_diff, result)
        self._diff_shown = place_of(result)

    def v2_runner_retry(self, result: TaskResult) -> None:
        if not self._is_brief() or place_of(result) not in self._retried:
            super().v2_runner_retry(result)
        self._retried.add(place_of(result))
        self._screen.redraw()

    # -- the end --------------------------------------------------------------------------------------------------

    def v2_playbook_on_stats(self, stats: AggregateStats) -> None:
        self._show_end_of_run(stats)
        labs = self._run.labs
        super().v2_playbook_on_stats(recap_with_labs_together(stats, labs) if labs and not self._is_wordy() else stats)
        self._show_last_lines(stats)

    def _show_end_of_run(self, stats: AggregateStats | None) -> None:
        """Show what was put off, and how the labs stand. Without statistics the run was cut short."""
        if self._closed:
            return
        cut_short = stats is None
        self._interruption.end(writes_files=cut_short)
        self._run.end_play(cut_short=cut_short, failures=() if cut_short else self._late.unanswered())
        for host in self._late.unanswered():
            self._run.settle(host, failed=bool(stats and stats.summarize(host)["failures"]))
        self._closed = True
        self._screen.redraw()
        labs = list(self._run.labs.values())
        failures = self._late.all()
        if cut_short and (labs or failures):
            self._display.banner("THE RUN WAS CUT SHORT: THIS IS HOW FAR IT GOT")
        problems = closing.problem_lines(labs)
        if problems or failures:
            self._display.banner("FAILURES")
        self._show_lines(problems)
        self._screen.replay(failures)
        self._show_section("NEXT STEPS", closing.next_step_lines(labs))
        if labs and self.get_option("labs_table") != "none":
            width = columns() if is_terminal(sys.stdout) else None
            self._show_section("LABS", closing.table_lines(labs, width, self.get_option("labs_table")))
        if cut_short:
            if labs and not self._run.report:
                self._write_report()
            self._show_last_lines(None)

    def _write_report(self) -> None:
        """Write what the play that was not begun any more would have written."""
        hosts, hostvars = list(self._run.labs), self._run.hostvars()
        try:
            if writing.is_wanted(hostvars[hosts[0]]):
                self._run.report = writing.write_cut_short(hosts, self._run.at_work, hostvars)
        except (AnsibleError, CollectionError) as exc:
            self._run.report = f"none, because it could not be written: {exc}"

    def _show_last_lines(self, stats: AggregateStats | None) -> None:
        labs = list(self._run.labs.values())
        if not labs:
            return
        failed = set(stats.failures) | set(stats.dark) if stats else set()
        reporter = self._run.labs.get(self._run.report_failed_on)
        if not reporter or reporter.state not in closing.OPEN_STATES:
            failed.discard(self._run.report_failed_on)
        ending = closing.Ending(
            self._run.report, failed, stats is None, command_for(sys.argv), bool(self._run.report_failed_on)
        )
        self._show_section("", closing.last_lines(labs, ending))

    def _show_section(self, title: str, lines: t.Sequence[progress.Line]) -> None:
        if lines:
            if title:
                self._display.banner(title)
            else:
                self._display.display("")
            self._show_lines(lines)
