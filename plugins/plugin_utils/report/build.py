# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the outcomes of a run to the report."""

from __future__ import annotations

import collections
import datetime
import re
import typing as t

from ..base import vocabulary
from ..base.times import timestamp
from ..base.vocabulary import Operation, OutcomeState, Who
from ..lab import finding_kinds
from ..mturk.status import Status as RequesterStatus
from . import guard, intake, key_counts, untrusted
from .model import SCHEMA, Lab, Report, Summary, live_keys
from .untrusted import Untrusted

# Of labs without an outcome: what happened, and what to do.
NOT_BEGUN = "The run did not begin this lab: it was stopped before, or the host could not be reached or failed earlier."
NOT_REPORTED = "No report of a slice has this lab: its run was lost before it could report, or no slice had the lab."
INTERRUPTED = "The run ended in the middle of this lab: it was stopped, or a task failed without an outcome."
_LACKING = {
    "not_begun": (NOT_BEGUN, "Read the run's output for this lab if it names it, then run the lab."),
    "not_reported": (NOT_REPORTED, "Run the lab's slice again, then merge the reports again."),
    "interrupted": (
        INTERRUPTED,
        "Read the run's output for this lab, then run it again: what was begun is finished or put right.",
    ),
}


def build(
    outcomes: t.Sequence[Untrusted],
    *,
    title: str,
    now: datetime.datetime,
    not_begun: t.Sequence[str] = (),
    not_reported: t.Sequence[str] = (),
    interrupted: t.Sequence[str] = (),
    contacts: t.Mapping[str, str] | None = None,
    departments: t.Mapping[str, str] | None = None,
) -> Report:
    """The report about C(outcomes), without a comparison (see C(compare)).

    :param not_begun: labs of the run that it did not come to; nothing is known of them.
    :param not_reported: labs of which the reports of slices tell nothing.
    :param interrupted: labs that were begun and have no outcome; they count as failed.
    :param contacts: by lab, the e-mail address that next steps for people go to.
    :param departments: by lab, the department that it belongs to.
    :raises CollectionError: something in it looks like a secret.
    """
    lacking = (("not_begun", not_begun), ("not_reported", not_reported), ("interrupted", interrupted))
    told = [*outcomes, *(_without_outcome(name, reason) for reason, names in lacking for name in names)]
    labs = [intake.read_lab(outcome, contacts or {}, departments or {}) for outcome in told]
    _make_names_unique(labs)
    labs.sort(key=lambda lab: _natural_order(lab["lab"]))
    for lab in labs:
        guard.refuse_secrets(lab, lab=lab["lab"])
    report = Report(
        schema=SCHEMA,
        title=untrusted.line(title),
        generated=timestamp(now),
        started=min((lab["started"] for lab in labs if lab["started"]), default=""),
        finished=max((lab["finished"] for lab in labs if lab["finished"]), default=""),
        operations=[name.value for name in Operation if any(lab["operation"] == name for lab in labs)],
        check_mode=any(lab["check_mode"] for lab in labs),
        summary=summarise(labs),
        labs=labs,
        comparison=None,
        trend=[],
    )
    guard.refuse_secrets(report["title"], path="title")
    return report


def summarise(labs: t.Sequence[Lab]) -> Summary:
    """Counts over all labs."""
    keys = [key for lab in labs for key in live_keys(lab)]
    foreign = [key for key in keys if key["owner"] == "foreign"]
    own = [key for key in keys if key["owner"] in ("ours", "")]
    stored = sum(1 for key in own if key["stored"] is True)
    not_stored = sum(1 for key in own if key["stored"] is False)
    return Summary(
        labs=len(labs),
        states=_count_words(OutcomeState, (lab["state"] for lab in labs)),
        findings=_count_words(
            finding_kinds.SEVERITIES, (finding["severity"] for lab in labs for finding in lab["findings"])
        ),
        drifted_labs=sum(1 for lab in labs if lab["drift"]),
        next_steps=_count_words(Who, (step["who"] for lab in labs for step in lab["next_steps"])),
        live_keys={
            "total": len(keys),
            "stored": stored,
            "not_stored": not_stored,
            "foreign": len(foreign),
            "not_known": len(keys) - stored - not_stored - len(foreign),
        },
        mturk_keys=key_counts.count(labs),
        requester={
            environment: _count_words(RequesterStatus, (lab["requester"][environment]["status"] for lab in labs))
            for environment in vocabulary.ENVIRONMENTS
        },
        link=_count_words(vocabulary.LINK_STATUSES, (lab["link"]["status"] for lab in labs)),
    )


def _without_outcome(name: str, reason: str) -> Untrusted:
    message, advice = _LACKING[reason]
    # The words are those of a step's status, too.
    state = OutcomeState.FAILED if reason == "interrupted" else OutcomeState.UNKNOWN
    return {
        "lab": name,
        "state": state,
        "steps": [{"name": "observe", "status": state, "message": message, "reason": reason}],
        "next_steps": [{"step": "observe", "who": Who.OPERATOR, "text": advice, "url": ""}],
    }


def _make_names_unique(labs: list[Lab]) -> None:
    seen: collections.Counter[str] = collections.Counter()
    for lab in labs:
        name = lab["lab"]
        seen[name] += 1
        if seen[name] > 1:
            lab["lab"] = f"{name} #{seen[name]}"


def _natural_order(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts C(lab-2) before C(lab-10)."""
    parts = re.findall(r"\d{1,18}|\D+", name)
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in parts)


def _count_words(words: t.Iterable[str], seen: t.Iterable[str]) -> dict[str, int]:
    counter = collections.Counter(seen)
    return {str(word): counter[word] for word in words}
