# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the callback fleet_progress says at the end: about the fleet, and no sentence again that was said before."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
import textwrap
import typing as t

from ..base import next_command
from ..base.text import first_few
from ..lab.finding_kinds import SEVERITIES
from .progress import (
    NO_OUTCOME,
    STATE_ORDER,
    UNKNOWN,
    UNREACHABLE,
    Finding,
    Lab,
    Line,
    NextStep,
    clipped,
    display_width,
    findings_text,
    next_step_text,
    padded,
    shown,
)

# Below this width columns beside each other cannot be read, so the table becomes a list.
NARROW = 60
# As many names as a group of labs shows; the report has them all.
MOST_NAMES = 10

# States after which the labs are to be taken up again.
OPEN_STATES = ("failed", UNREACHABLE, NO_OUTCOME, UNKNOWN, "waiting_for_person")


def _attention_order(lab: Lab) -> tuple[int, str]:
    place = STATE_ORDER.index(lab.state) if lab.state in STATE_ORDER else -1
    return place, lab.host


def _grouped_by(labs: t.Iterable[Lab], key: t.Callable[[Lab], t.Hashable]) -> list[list[Lab]]:
    """Labs of which the same is to be said, what needs attention first."""
    found: dict[t.Hashable, list[Lab]] = {}
    for lab in sorted(labs, key=_attention_order):
        found.setdefault(key(lab), []).append(lab)
    return list(found.values())


def named(labs: t.Sequence[Lab]) -> str:
    """The name of one lab; of more, their number and the first names."""
    names = [shown(lab.host) for lab in labs]
    if len(names) == 1:
        return names[0]
    return f"{len(names)} labs: {first_few(names, MOST_NAMES)}"


def counts(labs: t.Iterable[Lab]) -> dict[str, int]:
    """How many labs are in each state, what needs attention first."""
    return dict(collections.Counter(lab.state for lab in sorted(labs, key=_attention_order)))


def problem_lines(labs: t.Iterable[Lab]) -> list[Line]:
    """What failed in labs that ended with an outcome, in full."""
    groups = _grouped_by((lab for lab in labs if lab.problems), lambda lab: tuple(lab.problems))
    return [(f"{named(group)}: {problem}", "failed") for group in groups for problem in group[0].problems]


def next_step_lines(labs: t.Iterable[Lab]) -> list[Line]:
    """Every next step in full, as a checklist; labs with the same ones stand together.

    URLs stand alone, so that they can be clicked or copied.
    """
    lines: list[Line] = []
    groups = _grouped_by((lab for lab in labs if lab.next_steps), lambda lab: (lab.state, _steps_for_any(lab)))
    for group in groups:
        lines.append((f"{named(group)} ({group[0].state})", group[0].state))
        for same in zip(*(lab.next_steps for lab in group), strict=True):
            text = next_command.for_all([step.text for step in same], group[0].account_id)
            step = dataclasses.replace(same[0], text=text)
            who = f" (for the {step.who})" if step.who not in ("", "person") else ""
            lines.append((f"  [ ] {next_step_text(dataclasses.replace(step, url=''))}{who}", ""))
            if step.url and step.url not in step.text:
                lines.append((f"      {step.url}", ""))
    return lines


def _steps_for_any(lab: Lab) -> tuple[NextStep, ...]:
    return tuple(
        dataclasses.replace(step, text=next_command.for_any(step.text, lab.account_id)) for step in lab.next_steps
    )


def table_lines(labs: t.Sequence[Lab], width: int | None, which: str = "auto") -> list[Line]:
    """The table lab x state x what there is to see.

    :param width: columns of the terminal; None for plain output, where each row keeps to one line.
    :param which: V(all), one row a lab; V(attention) or V(auto), only labs with something to do or to look at, those of
        which the same is to be said in one row.
    """
    listed = list(labs) if which == "all" else [lab for lab in labs if not lab.is_quiet]
    groups = _grouped_by(listed, lambda lab: lab.host if which == "all" else (lab.state, _what_to_see(lab)))
    lines = _as_list(groups, width) if width and width < NARROW else _table(groups, width)
    quiet = len(labs) - len(listed)
    if quiet:
        lines.append((f"{quiet} {'lab needs' if quiet == 1 else 'labs need'} nothing.", ""))
    return lines


def _what_to_see(lab: Lab) -> str:
    """What no line of the lab and no section before has said; findings are worth saying again."""
    findings = findings_text(lab.findings)
    return findings if lab.told else "; ".join(filter(None, (lab.summary, findings)))


def _table(groups: t.Sequence[t.Sequence[Lab]], width: int | None) -> list[Line]:
    if not groups:
        return []
    names = [named(group) for group in groups]
    widest = max(*map(display_width, names), len("LAB"))
    hosts = min(widest, max(width // 3, len("LAB"))) if width else widest
    states = max(*(len(group[0].state) for group in groups), len("STATE"))
    lines: list[Line] = [(f"{padded('LAB', hosts)}  {'STATE':<{states}}  FINDINGS", "")]
    rest = width - hosts - states - 5 if width else 0
    for group, name in zip(groups, names, strict=True):
        lab = group[0]
        texts = _wrapped(_what_to_see(lab), rest) if width else [_what_to_see(lab)]
        cells = _wrapped(name, hosts)
        for number in range(max(len(texts), len(cells))):
            cell = clipped(cells[number], hosts) if number < len(cells) else ""
            state = lab.state if number == 0 else ""
            text = texts[number] if number < len(texts) else ""
            lines.append((f"{padded(cell, hosts)}  {state:<{states}}  {text}".rstrip(), lab.state))
    return lines


def _as_list(groups: t.Sequence[t.Sequence[Lab]], width: int) -> list[Line]:
    lines: list[Line] = []
    for group in groups:
        lab = group[0]
        first, *others = _wrapped(f"{named(group)}: {lab.state}", width - 1)
        lines.append((first, lab.state))
        lines += [(f"  {text}", lab.state) for text in [*others, *_wrapped(_what_to_see(lab), width - 3)] if text]
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    # A URL that is cut cannot be clicked, and a word that is cut cannot be read; the terminal may wrap it instead.
    return textwrap.wrap(text, max(width, 10), break_long_words=False, break_on_hyphens=False) or [""]


# -- the last five lines ----------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Ending:
    """What the last lines need to know beside the labs.

    :param report: where the report was written, or why it was not; empty if none was asked for.
    :param failed: hosts that make the run end with an error.
    :param cut_short: whether the run was interrupted or stopped by an error outside of tasks.
    :param command: makes the next command for some labs (all, if none are named); empty if none can be given.
    :param report_failed: whether the report was to be written, and could not be.
    """

    report: str
    failed: t.Collection[str]
    cut_short: bool
    command: t.Callable[[t.Sequence[str], next_command.Purpose], str]
    report_failed: bool = False


def last_lines(labs: t.Sequence[Lab], ending: Ending) -> list[Line]:
    """Counts, findings by name, the report's path, why the run ends as it does, and the next command."""
    numbers = ", ".join(f"{number} {state}" for state, number in counts(labs).items())
    worst = next(iter(counts(labs)), "")
    ended_ill = bool(ending.failed or ending.cut_short or ending.report_failed)
    return [
        (f"{'Labs:':<10}{len(labs)}: {numbers}", worst),
        (f"{'Findings:':<10}{_all_findings(labs)}", ""),
        (f"{'Report:':<10}{shown(ending.report) or 'none; -e fleet_report_directory=DIRECTORY writes one'}", ""),
        (
            f"{'Result:':<10}{_result_in_words(labs, ending)}",
            "failed" if ended_ill else "",
        ),
        (f"{'Next:':<10}{_next_command(labs, ending)}", ""),
    ]


def _all_findings(labs: t.Sequence[Lab]) -> str:
    by_finding: dict[Finding, int] = collections.Counter(
        finding for lab in labs for finding in dict.fromkeys(lab.findings)
    )
    order = {severity: place for place, severity in enumerate(SEVERITIES)}
    ranked = sorted(by_finding.items(), key=lambda item: (order.get(item[0].severity, -1), -item[1], item[0].title))
    unseen = sum(lab.state in ("failed", UNREACHABLE, NO_OUTCOME, UNKNOWN) for lab in labs)
    texts = [f"{finding.severity}: {finding.title} ({_number_of_labs(number)})" for finding, number in ranked]
    if unseen:
        texts.append(f"{_number_of_labs(unseen)} could not be looked at in full")
    return "; ".join(texts) or ("none in what was looked at" if any(lab.in_part for lab in labs) else "none")


def _number_of_labs(number: int) -> str:
    return "1 lab" if number == 1 else f"{number} labs"


def _result_in_words(labs: t.Sequence[Lab], ending: Ending) -> str:
    # Of the hosts that Ansible counts as failed, some are unknown, or could not be reached.
    hosts = set(ending.failed)
    if ending.report_failed:
        # Then there was no verdict, which makes Ansible count the labs.
        hosts |= {lab.host for lab in labs if lab.state in ("failed", UNKNOWN)}
    failed = [f"{_number_of_labs(len(hosts))} did not end well"] if hosts else []
    if ending.cut_short:
        return "; ".join(["cut short", *failed])
    causes = [*failed, *(["the report was not written"] if ending.report_failed else [])]
    if causes:
        return f"error, because {' and '.join(causes)}"
    # With --start-at-task, Ansible skips the labs, and ends without an error.
    left_out = sum(lab.state == NO_OUTCOME for lab in labs)
    return f"no error, but {_number_of_labs(left_out)} had no outcome" if left_out else "no error"


def _next_command(labs: t.Sequence[Lab], ending: Ending) -> str:
    unfinished = [lab for lab in sorted(labs, key=_attention_order) if lab.state in OPEN_STATES]
    if unfinished:
        command = ending.command([lab.host for lab in unfinished], "again")
        when = "when the next steps above are done: " if any(lab.next_steps for lab in unfinished) else ""
        return when + (command or f"run again for {named(unfinished)}")
    if ending.cut_short or ending.report_failed:
        # What comes after the labs is missing, such as the report.
        when = "when the report can be written: " if ending.report_failed else ""
        return when + (ending.command([], "again") or "run it again")
    drifted = [lab for lab in labs if lab.to_run == "show"]
    if drifted:
        command = ending.command([lab.host for lab in drifted], "show")
        return f"see what would be changed: {command}" if command else "see what onboarding these labs would change"
    if any(lab.to_run == "suspend" for lab in labs):
        return _way_of_the_plan(ending)
    to_be_gone = [lab.host for lab in labs if lab.to_run == "remove"]
    if to_be_gone:
        command = ending.command(to_be_gone, "remove")
        return f"see what would be removed: {command}" if command else "see what retiring these labs would remove"
    if any(lab.to_run == "do" for lab in labs):
        command = ending.command([], "do")
        return f"do it: {command}" if command else "run again without --check"
    if any(lab.next_steps for lab in labs):
        return "see the next steps above"
    if any(lab.to_run == "delete" for lab in labs):
        command = ending.command([], "delete")
        when = "once nobody misses the keys, see what would be deleted"
        return f"{when}: {command}" if command else f"{when}, with the playbook retire and the same plan"
    left = any(lab.findings or lab.state == "drifted" for lab in labs)
    return "look into the findings" if left else "nothing to do"


def _way_of_the_plan(ending: Ending) -> str:
    """What comes after an audit that found keys which nobody declared."""
    if not ending.report:
        return "decide about the keys; with -e fleet_report_directory=DIRECTORY, the audit writes a plan of them"
    plan = pathlib.PurePath(ending.report).with_name("retire-plan.yml")
    what = f"decide about the keys in {shown(plan)}, and save what is approved as {next_command.APPROVED_PLAN}"
    command = ending.command([], "suspend")
    return f"{what}; see what would be suspended: {command}" if command else f"{what} for the playbook suspend"
