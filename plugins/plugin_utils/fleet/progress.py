# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the callback fleet_progress says: about one lab, about the way that is left, and about the fleet at the end.

Nothing here writes: functions return text, lines or (text, state) pairs, and the callback puts colour on them. States
are words, so nothing depends on colour. All text of labs and of AWS goes through :func:`printable`.
"""

from __future__ import annotations

import collections
import dataclasses
import textwrap
import typing as t
import unicodedata

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.masking import redact

UNREACHABLE = "unreachable"
NO_OUTCOME = "no_outcome"

# How to list states: what needs attention first.
STATE_ORDER = ("failed", UNREACHABLE, NO_OUTCOME, "drifted", "waiting_for_person", "changed", "converged")
QUIET_STATES = frozenset({"changed", "converged"})
SEVERITIES = ("critical", "high", "medium", "low", "info")

# Unicode's categories of control characters, invisible formatting (text direction) and halves of pairs.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs"})

# Below this width columns beside each other cannot be read, so the table becomes a list.
NARROW = 60
# More labs than these are only listed if they need attention, unless asked for.
MANY_LABS = 50

Line = tuple[str, str]  # text, and the state that gives it a colour ("" for none)


@dataclasses.dataclass(frozen=True)
class NextStep:
    """What somebody has to do, for whom it is, and where."""

    step: str
    text: str
    url: str = ""
    who: str = ""


@dataclasses.dataclass
class Lab:
    """How one lab stands as far as the run has come. C(host) is its inventory name."""

    host: str
    state: str
    summary: str = ""
    next_steps: list[NextStep] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)
    check_mode: bool = False
    message: str = ""  # the outcome's own sentence


def printable(text: t.Any) -> str:
    """Text on one line, without control characters, which could steer a terminal, and without what may be a secret."""
    joined = " ".join(str(text).split())
    return redact("".join(character for character in joined if unicodedata.category(character) not in _UNPRINTABLE))


def is_outcome(value: t.Any) -> bool:
    """Whether a fact is an outcome of the role: a dictionary with a state."""
    return isinstance(value, t.Mapping) and bool(value.get("state"))


def lab_from_outcome(host: str, outcome: t.Mapping[str, t.Any]) -> Lab:
    """What to show of C(lab_account_outcome); parts that are missing are passed over."""
    state = printable(outcome["state"])
    return Lab(
        host=host,
        state=state,
        summary=_summary(state, outcome),
        next_steps=[_next_step(step) for step in _mappings(outcome.get("next_steps"))],
        problems=_problems(state, outcome),
        check_mode=bool(outcome.get("check_mode")),
        message=printable(outcome.get("message") or ""),
    )


def says_the_same(lab: Lab | None, result: t.Mapping[str, t.Any]) -> bool:
    """Whether a failure only repeats the outcome of a lab that failed, so that the run as a whole fails."""
    return (
        lab is not None and lab.state == "failed" and bool(lab.message) and lab.message == printable(result.get("msg"))
    )


def lab_from_failure(host: str, task: str, result: t.Mapping[str, t.Any], state: str = "failed") -> Lab:
    """What to show of a task that failed, or of a host that could not be reached, and left no outcome."""
    message = printable(result.get("msg") or result.get("censored") or "no message; see the result in full")
    message = message.removeprefix("Task failed: ")  # ansible-core 2.19 and later; the state says it already
    next_step = printable(result.get("next_step") or "")
    message = _without_next_step(message) if next_step else message
    steps = [NextStep(printable(result.get("step") or ""), next_step)] if next_step else []
    return Lab(host, state, f"{printable(task)}: {message}" if task else message, steps)


def _without_next_step(message: str) -> str:
    # The collection's modules say it behind their message; here it has a place of its own.
    return message.partition(" Next step: ")[0]


def _mappings(value: t.Any) -> list[t.Mapping[str, t.Any]]:
    return [item for item in value if isinstance(item, t.Mapping)] if isinstance(value, (list, tuple)) else []


def _next_step(step: t.Mapping[str, t.Any]) -> NextStep:
    return NextStep(*(printable(step.get(name) or "") for name in ("step", "text", "url", "who")))


def _problems(state: str, outcome: t.Mapping[str, t.Any]) -> list[str]:
    found = [
        f"{printable(step.get('name', ''))}: {printable(step.get('message') or step.get('reason') or 'failed')}"
        for step in _mappings(outcome.get("steps"))
        if step.get("status") == "failed"
    ]
    if not found and state == "failed":
        found = [printable(outcome.get("message") or "the outcome names no failed step")]
    return [_without_next_step(problem) for problem in found] if outcome.get("next_steps") else found


def _summary(state: str, outcome: t.Mapping[str, t.Any]) -> str:
    parts = [_what_happened(state, outcome)]
    severities = collections.Counter(str(finding.get("severity")) for finding in _mappings(outcome.get("findings")))
    if severities:
        counts = [f"{severities[severity]} {severity}" for severity in SEVERITIES if severities[severity]]
        parts.append(f"findings: {', '.join(counts)}")
    return "; ".join(part for part in parts if part)


def _what_happened(state: str, outcome: t.Mapping[str, t.Any]) -> str:
    steps = _mappings(outcome.get("steps"))
    if state == "converged":
        return ""
    if state == "changed":
        changed = [printable(step.get("name", "")) for step in steps if step.get("status") == "changed"]
        return ("would change " if outcome.get("check_mode") else "") + ", ".join(changed)
    if state == "failed":
        return " ".join(_problems(state, outcome))
    if state == "drifted":
        return " ".join(printable(drift.get("message", "")) for drift in _mappings(outcome.get("drift")))
    next_steps = _mappings(outcome.get("next_steps"))
    return next_step_text(_next_step(next_steps[0])) if next_steps else printable(outcome.get("message") or "")


def next_step_text(step: NextStep) -> str:
    """A next step in one line: C(requester: Link this account. https://...)."""
    url = "" if step.url in step.text else step.url
    return " ".join(part for part in (f"{step.step}:" if step.step else "", step.text, url) if part)


def lab_line(lab: Lab, host_width: int = 0) -> Line:
    """The line that is shown when a lab has finished."""
    state = f"{lab.state} (check mode)" if lab.check_mode else lab.state
    return f"{state:<18}  {padded(printable(lab.host), host_width)}  {lab.summary}".rstrip(), lab.state


def display_width(text: str) -> int:
    """The columns that text takes on a terminal: wide East Asian characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )


def padded(text: str, width: int) -> str:
    """The text with spaces behind it up to a width in columns."""
    return text + " " * max(0, width - display_width(text))


def clipped(text: str, width: int) -> str:
    """The text, cut so that it takes no more than a width in columns."""
    if display_width(text) <= width:
        return text
    kept = ""
    for character in text:
        if display_width(kept + character) > width - 1:
            break
        kept += character
    return kept + "~" if width > 0 else ""


# -- on the way ------------------------------------------------------------------------------------------------------


def duration(seconds: float) -> str:
    """A length of time as people say it, from seconds to hours."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def time_left(finished: int, total: int, elapsed: float) -> float | None:
    """The seconds that the rest takes at the pace so far; None as long as nothing has finished."""
    if not finished or elapsed <= 0:
        return None
    return elapsed / finished * max(0, total - finished)


def progress_bar(finished: int, total: int, elapsed: float, width: int, notes: t.Sequence[str] = ()) -> str:
    """A bar that fits into a width in columns: C([####----] 5/10 labs, about 20 s left, 1 failed, Prove the key).

    The notes are what gives way first, then the bar itself; the count stays.
    """
    count = f"{finished}/{total}"
    left = time_left(finished, total, elapsed)
    texts = [f"{count} labs"]
    if left is not None and finished < total:
        texts.append(f"about {duration(left)} left")
    cells = min(30, max(0, width // 3 - 2))
    if cells < 5:
        return clipped(count, width)
    filled = cells * finished // total if total else 0
    drawn = f"[{'#' * filled}{'-' * (cells - filled)}]"
    return clipped(f"{drawn} {', '.join([*texts, *filter(None, notes)])}", width)


# -- at the end ------------------------------------------------------------------------------------------------------


def _rank(lab: Lab) -> tuple[int, str]:
    place = STATE_ORDER.index(lab.state) if lab.state in STATE_ORDER else -1
    return place, lab.host


def counts(labs: t.Iterable[Lab]) -> dict[str, int]:
    """How many labs are in each state, what needs attention first."""
    ranked = sorted(labs, key=_rank)
    return dict(collections.Counter(lab.state for lab in ranked))


def problem_lines(labs: t.Iterable[Lab]) -> list[Line]:
    """What failed in labs that ended with an outcome, in full."""
    lines: list[Line] = []
    for lab in sorted(labs, key=_rank):
        lines += [(f"{printable(lab.host)}: {problem}", "failed") for problem in lab.problems]
    return lines


def next_step_lines(labs: t.Iterable[Lab]) -> list[Line]:
    """Every next step in full, lab by lab, as a checklist. URLs stand alone, so that they can be clicked or copied."""
    lines: list[Line] = []
    for lab in sorted(labs, key=_rank):
        if not lab.next_steps:
            continue
        lines.append((f"{printable(lab.host)} ({lab.state})", lab.state))
        for step in lab.next_steps:
            who = f" (for the {step.who})" if step.who not in ("", "person") else ""
            lines.append((f"  [ ] {next_step_text(dataclasses.replace(step, url=''))}{who}", ""))
            if step.url:
                lines.append((f"      {step.url}", ""))
    return lines


def count_lines(labs: t.Sequence[Lab]) -> list[Line]:
    """The table of counts: one line a state, and the total."""
    states = counts(labs)
    width = max(map(len, [*states, "total"]))
    digits = len(str(len(labs)))
    lines: list[Line] = [(f"{state:<{width}}  {number:>{digits}}", state) for state, number in states.items()]
    return [*lines, (f"{'total':<{width}}  {len(labs):>{digits}}", "")]


def table_lines(labs: t.Sequence[Lab], width: int | None, which: str = "auto") -> list[Line]:
    """The table lab x state x next step.

    :param width: columns of the terminal; None for plain output, where each lab keeps to one line.
    :param which: V(all), V(attention) (all but changed and converged) or V(auto) (all, unless there are many).
    """
    shown = sorted(labs, key=_rank)
    if which == "attention" or (which == "auto" and len(shown) > MANY_LABS):
        shown = [lab for lab in shown if lab.state not in QUIET_STATES]
    left_out = len(labs) - len(shown)
    lines = _listed(shown, width) if width and width < NARROW else _table(shown, width)
    if left_out:
        lines.append((f"{left_out} more labs need nothing.", ""))
    return lines


def _what_next(lab: Lab) -> str:
    steps = [next_step_text(step) for step in lab.next_steps]
    if not steps and lab.state not in QUIET_STATES:
        steps = [lab.summary]
    more = f" (and {len(steps) - 1} more, see above)" if len(steps) > 1 else ""
    return (steps[0] if steps else "") + more


def _table(labs: t.Sequence[Lab], width: int | None) -> list[Line]:
    if not labs:
        return []
    hosts = max(display_width(printable(lab.host)) for lab in labs)
    hosts = max(min(hosts, (width or 1000) // 3), len("LAB"))
    states = max(len(lab.state) for lab in labs)
    states = max(states, len("STATE"))
    lines: list[Line] = [(f"{padded('LAB', hosts)}  {'STATE':<{states}}  NEXT STEP", "")]
    rest = width - hosts - states - 5 if width else 0
    for lab in labs:
        texts = _wrapped(_what_next(lab), rest) if width else [_what_next(lab)]
        first = f"{padded(clipped(printable(lab.host), hosts), hosts)}  {lab.state:<{states}}  {texts[0]}"
        lines.append((first.rstrip(), lab.state))
        lines += [(" " * (hosts + states + 4) + text, lab.state) for text in texts[1:]]
    return lines


def _listed(labs: t.Sequence[Lab], width: int) -> list[Line]:
    lines: list[Line] = []
    for lab in labs:
        lines.append((f"{printable(lab.host)}: {lab.state}", lab.state))
        lines += [(f"  {text}", lab.state) for text in _wrapped(_what_next(lab), width - 3) if text]
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    # A URL that is cut cannot be clicked; the terminal may wrap it instead.
    wrapped = textwrap.wrap(text, max(width, 10), break_long_words=False, break_on_hyphens=False)
    return wrapped or [""]
