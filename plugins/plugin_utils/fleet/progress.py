# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the callback fleet_progress says of one lab and of the way that is left.

Nothing here writes: functions return text, lines or (text, state) pairs, and the callback puts colour on them. States
are words, so nothing depends on colour. All text of labs and of AWS goes through :func:`shown`.
"""

from __future__ import annotations

import dataclasses
import typing as t
import unicodedata

from ..base.masking import redact
from ..base.next_command import Purpose
from ..base.text import printable
from ..lab.finding_kinds import CATALOGUE, SEVERITIES

UNREACHABLE = "unreachable"
NO_OUTCOME = "no_outcome"

UNKNOWN = "unknown"

# How to list states: what needs attention first.
STATE_ORDER = ("failed", UNREACHABLE, NO_OUTCOME, UNKNOWN, "drifted", "waiting_for_person", "changed", "converged")

# An outcome, or another result of a task, as it came through Ansible.
Plain = t.Mapping[str, t.Any]
Line = tuple[str, str]  # text, and the state that gives it a colour ("" for none)


@dataclasses.dataclass(frozen=True)
class NextStep:
    """What somebody has to do, for whom it is, and where."""

    step: str
    text: str
    url: str = ""
    who: str = ""


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something to worry about, by its name."""

    severity: str
    title: str


@dataclasses.dataclass
class Lab:
    """How one lab stands as far as the run has come. C(host) is its inventory name."""

    host: str
    state: str
    summary: str = ""
    next_steps: list[NextStep] = dataclasses.field(default_factory=list)
    problems: list[str] = dataclasses.field(default_factory=list)
    findings: list[Finding] = dataclasses.field(default_factory=list)
    check_mode: bool = False
    message: str = ""  # the outcome's own sentence
    told: bool = True  # whether a line of its own has told the summary
    account_id: str = ""
    in_part: bool = False  # whether some findings were not looked for
    to_run: Purpose | None = None  # what the next run is for that would do something about it

    @property
    def is_quiet(self) -> bool:
        """Whether there is nothing to do and nothing to look at."""
        to_run = self.to_run not in (None, "delete")  # that has time
        return self.state in ("changed", "converged") and not (to_run or self.next_steps or self.findings)


def shown(text: object) -> str:
    """Text on one line, without what could steer a terminal, and without what may be a secret."""
    return redact(" ".join(printable(str(text)).split()))


def lab_from_outcome(host: str, outcome: Plain) -> Lab:
    """What to show of an outcome of the role; parts that are missing are passed over."""
    state = shown(outcome["state"])
    return Lab(
        host=host,
        state=state,
        summary=_summary(state, outcome),
        next_steps=[_next_step(step) for step in _mappings(outcome.get("next_steps"))],
        problems=_problems(state, outcome),
        findings=_findings(outcome),
        check_mode=bool(outcome.get("check_mode")),
        message=shown(outcome.get("message") or ""),
        account_id=shown(outcome.get("account_id") or ""),
        in_part=bool(outcome.get("not_looked_for") or not outcome.get("user")),
        to_run=_purpose(outcome),
    )


def _purpose(outcome: Plain) -> Purpose | None:
    if outcome.get("operation") == "audit":
        drift = {drift.get("code") for drift in _mappings(outcome.get("drift"))}
        to_be_gone = "user_not_retired" in drift  # so there is nothing to onboard
        if (outcome.get("missing") or drift) and not to_be_gone:
            return "show"
        return "suspend" if _has_undeclared_keys(outcome) else "remove" if to_be_gone else None
    # Only a plan's outcome has this.
    if outcome.get("operation") == "suspend" and not outcome.get("check_mode") and "refused" in outcome:
        return "delete"
    return "do" if outcome.get("check_mode") and _changed_steps(outcome) else None


def _has_undeclared_keys(outcome: Plain) -> bool:
    kinds = (CATALOGUE.get(str(finding.get("code"))) for finding in _mappings(outcome.get("findings")))
    return any(kind.undeclared_key for kind in kinds if kind)


def says_the_same(lab: Lab | None, result: Plain) -> bool:
    """Whether a failure only repeats the outcome of a lab that failed, so that the run as a whole fails."""
    return lab is not None and lab.state == "failed" and bool(lab.message) and lab.message == shown(result.get("msg"))


def lab_from_failure(host: str, task: str, result: Plain, state: str = "failed") -> Lab:
    """What to show of a task that failed, or of a host that could not be reached, and left no outcome."""
    message = shown(result.get("msg") or result.get("censored") or "no message; see the result in full")
    message = message.removeprefix("Task failed: ")  # ansible-core 2.19 and later; the state says it already
    next_step = shown(result.get("next_step") or "")
    message = _without_next_step(message) if next_step else message
    steps = [NextStep(shown(result.get("step") or ""), next_step)] if next_step else []
    return Lab(host, state, f"{shown(task)}: {message}" if task else message, steps)


def _without_next_step(message: str) -> str:
    # The collection's modules say it behind their message; here it has a place of its own.
    return message.partition(" Next step: ")[0]


def _mappings(value: object) -> list[Plain]:
    return [item for item in value if isinstance(item, t.Mapping)] if isinstance(value, (list, tuple)) else []


def _next_step(step: Plain) -> NextStep:
    return NextStep(*(shown(step.get(name) or "") for name in ("step", "text", "url", "who")))


def _problems(state: str, outcome: Plain) -> list[str]:
    found = [
        f"{shown(step.get('name', ''))}: {shown(step.get('message') or step.get('reason') or 'failed')}"
        for step in _mappings(outcome.get("steps"))
        if step.get("status") == "failed"
    ]
    if not found and state == "failed":
        found = [shown(outcome.get("message") or "the outcome names no failed step")]
    return [_without_next_step(problem) for problem in found] if outcome.get("next_steps") else found


def _summary(state: str, outcome: Plain) -> str:
    parts = (_what_happened(state, outcome), findings_text(_findings(outcome)))
    return "; ".join(part for part in parts if part)


def _findings(outcome: Plain) -> list[Finding]:
    found = _mappings(outcome.get("findings"))
    return [Finding(shown(finding.get("severity") or UNKNOWN), _title(finding)) for finding in found]


def _title(finding: Plain) -> str:
    kind = CATALOGUE.get(str(finding.get("code")))
    return shown(finding.get("title") or (kind.title if kind else finding.get("message") or finding.get("code") or "?"))


def findings_text(findings: t.Iterable[Finding]) -> str:
    """Findings by severity and name: C(1 high: Live key that nobody uses; 2 low: Balance is low)."""
    by_severity: dict[str, list[str]] = {}
    for finding in findings:
        by_severity.setdefault(finding.severity, []).append(finding.title)
    known = [severity for severity in SEVERITIES if severity in by_severity]
    others = [severity for severity in by_severity if severity not in SEVERITIES]
    return "; ".join(
        f"{len(by_severity[severity])} {severity}: {', '.join(dict.fromkeys(by_severity[severity]))}"
        for severity in [*known, *others]
    )


def _what_happened(state: str, outcome: Plain) -> str:
    changed = _changed_steps(outcome)
    if state == "converged":
        return ""
    changes = ("would change " if outcome.get("check_mode") else "") + ", ".join(changed) if changed else ""
    if state == "changed":
        return changes
    if state == "failed":
        return " ".join(_problems(state, outcome))
    if state == UNKNOWN:
        return _without_next_step(shown(outcome.get("message") or "")) or "the outcome does not say why"
    if state == "drifted":
        drift = " ".join(shown(drift.get("message", "")) for drift in _mappings(outcome.get("drift")))
        steps_missing = outcome.get("missing")
        missing = ", ".join(map(shown, steps_missing if isinstance(steps_missing, (list, tuple)) else []))
        differs = drift or (f"missing: {missing}" if missing else "")
        return "; ".join(part for part in (changes, differs) if part)
    next_steps = _mappings(outcome.get("next_steps"))
    return next_step_text(_next_step(next_steps[0])) if next_steps else shown(outcome.get("message") or "")


def _changed_steps(outcome: Plain) -> list[str]:
    return [shown(step.get("name", "")) for step in _mappings(outcome.get("steps")) if step.get("status") == "changed"]


def next_step_text(step: NextStep) -> str:
    """A next step in one line: C(requester: Link this account. https://...)."""
    url = "" if step.url in step.text else step.url
    return " ".join(part for part in (f"{step.step}:" if step.step else "", step.text, url) if part)


def lab_line(lab: Lab, host_width: int = 0) -> Line:
    """The line that is shown when a lab has finished."""
    state = f"{lab.state} (check mode)" if lab.check_mode else lab.state
    return f"{state:<18}  {padded(shown(lab.host), host_width)}  {lab.summary}".rstrip(), lab.state


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
