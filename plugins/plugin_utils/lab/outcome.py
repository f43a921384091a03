# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How one lab came out of a run: what was observed, what each step did, and what is left to do for whom.

The outcome is the input of reports and of the progress display, and what scripts read. It never holds a secret: it is
put together from results that hold none.
"""

from __future__ import annotations

import collections.abc
import datetime
import typing as t

from ..base import times
from ..base.vocabulary import OutcomeState, StepStatus
from . import finding_kinds, findings, known_principals
from .afterwards import Afterwards, Result
from .gaps import not_looked_for
from .remaining import NextSteps, live_keys_remain
from .shapes import Observation, Outcome, Unseen
from .steps import Steps
from .thresholds import Thresholds

# The first schema of outcomes that are results of tasks is 2; earlier ones were facts.
SCHEMA = 2


def is_outcome(value: object) -> t.TypeGuard[Result]:
    """Whether the result of a task, or the variable of a host, is a lab's outcome, of this run."""
    return isinstance(value, collections.abc.Mapping) and is_of_this_schema(value) and bool(value.get("state"))


def is_of_this_schema(value: Result) -> bool:
    """Whether it has the schema of outcomes, or a later one."""
    schema = value.get("schema")
    return isinstance(schema, int) and schema >= SCHEMA


def compose(
    *,
    operation: str,
    lab: str,
    account_id: str,
    observed: Result | None,
    results: t.Mapping[str, Result],
    failure: Result | None = None,
    check_mode: bool = False,
    now: datetime.datetime | None = None,
) -> Outcome:
    """Put a lab's outcome together.

    :param observed: C(lab_account) as the observation returned it; None if it failed.
    :param results: by step name, the result of the task that took the step; steps that took none are left out.
    :param failure: the result of the task that failed, if one did.
    """
    # Through Ansible it came as plain data.
    seen = t.cast("Observation | None", observed or None)
    moment = now or times.now()
    after = Afterwards(seen, results, check_mode=check_mode, today=moment.date())
    remaining = live_keys_remain(after) if operation != "audit" and not failure else None
    steps = Steps(after, operation, failure or remaining or {})
    next_steps = NextSteps(after, operation, steps.failed_step, failure or {}).all()
    told = steps.reported(next_steps)
    unseen = _unseen_that_counts(seen, operation)
    ended = times.timestamp(moment)
    composed: Outcome = {
        "schema": SCHEMA,
        "lab": lab,
        "operation": operation,
        "account_id": account_id or (seen.get("account_id") if seen else "") or "",
        "check_mode": check_mode,
        "state": "",
        "message": "",
        "steps": told,
        "next_steps": next_steps,
        # What a run would do; after a run that did it, nothing.
        "missing": steps.known_missing if operation == "audit" else [],
        "user": after.user(),
        "access_keys": after.access_keys(),
        "retired_keys": after.retired_keys(),
        "changes": after.changes(),
        "other_users": after.other_users(),
        "declared_user": (seen.get("declared_user") if seen else "") or "",
        "principals": seen.get("principals") if seen else None,
        "known_principals": list(seen.get("known_principals") or []) if seen else [],
        "requester": after.requester(),
        "link": after.link() or t.cast(t.Any, {}),
        "store": after.store(),
        "drift": after.drift(),
        "findings": list(seen.get("findings") or []) if seen else [],
        "not_looked_for": list(seen.get("not_looked_for") or []) if seen else [],
        "unseen": list(seen.get("unseen") or []) if seen else [],
        "started": (seen.get("started") if seen else "") or ended,
        # Not "finished": Ansible keeps that name in results for asynchronous tasks, and makes a truth value of it.
        "ended": ended,
    }
    if after.took_steps and seen:
        # What was found before the steps were taken may be gone, and something new may be there.
        thresholds = Thresholds.from_mapping(seen.get("thresholds"))
        # The report joins what the look at all principals saw with the changes by itself.
        composed["findings"] = findings.evaluate(
            {**composed, "principals": after.principals_as_left()}, thresholds, moment
        )
        composed["not_looked_for"] = not_looked_for(composed)
    undeclared = _undeclared_keys(composed, after)
    # What a run leaves: of a lab that is to be gone or suspended, its keys alone tell how it came out.
    drift = [] if after.retiring or after.suspending else after.drift_that_stays()
    composed["state"] = _state(composed, seen, unseen, bool(undeclared or drift)).value
    composed["message"] = _message(composed, unseen, after, undeclared)
    return composed


def _unseen_that_counts(seen: Observation | None, operation: str) -> list[Unseen]:
    """What could not be seen of that which the run was to answer for."""
    entries = (seen.get("unseen") or []) if seen else []
    if operation == "audit":
        return entries
    # Whatever else a run cannot see it does without, or has failed for. A retirement vouches for the whole account, and
    # so does a run that was asked to look at everybody in it.
    return [entry for entry in entries if entry["part"] in ("other_users", "principals")]


def _state(
    composed: Outcome, seen: Observation | None, unseen: t.Sequence[Unseen], stays_undeclared: bool
) -> OutcomeState:
    """:param stays_undeclared: whether there is something that nobody declared and that this run leaves as it is."""
    statuses = {step["status"] for step in composed["steps"]}
    audit = composed["operation"] == "audit"
    if StepStatus.FAILED in statuses:
        return OutcomeState.FAILED
    # What the portal would have told, its step says: it may wait for a person.
    if StepStatus.UNKNOWN in statuses or any(entry["part"] != "portal" for entry in unseen):
        return OutcomeState.UNKNOWN
    # What a person has to do explains none of these.
    if audit and (stays_undeclared or composed["drift"]):
        return OutcomeState.DRIFTED
    if StepStatus.WAITING in statuses:
        return OutcomeState.WAITING_FOR_PERSON
    # Whatever a run did.
    if stays_undeclared or (audit and seen and seen.get("missing")):
        return OutcomeState.DRIFTED
    return OutcomeState.CHANGED if StepStatus.CHANGED in statuses else OutcomeState.CONVERGED


def _message(composed: Outcome, unseen: t.Sequence[Unseen], after: Afterwards, undeclared: t.Sequence[str]) -> str:
    """One line for people: the lab, the step, what happened, what to do next."""
    lab, steps, next_steps = composed["lab"], composed["steps"], composed["next_steps"]
    match OutcomeState(composed["state"]):
        case OutcomeState.FAILED:
            step = next(entry for entry in steps if entry["status"] == StepStatus.FAILED)
            what = _sentence(f"Lab {lab} failed at step {step['name']}: {step['message']}")
            following = next((entry["text"] for entry in next_steps if entry["step"] == step["name"]), "")
            return what if not following or following in what else f"{what} Next step: {following}"
        case OutcomeState.UNKNOWN:
            reasons = dict.fromkeys(_sentence(entry["message"]) for entry in unseen)
            following = next((entry["next_step"] for entry in unseen if entry["next_step"]), "")
            what = f"It is unknown whether lab {lab} is as declared: {' '.join(reasons)}"
            if composed["missing"] or composed["drift"] or undeclared:
                what = f"{_difference(composed, undeclared)} What else there is, is unknown: {' '.join(reasons)}"
            return f"{what} Next step: {following}" if following and following not in what else what
        case OutcomeState.WAITING_FOR_PERSON:
            step = next(entry for entry in steps if entry["status"] == StepStatus.WAITING)
            text = next((entry["text"] for entry in next_steps if entry["who"] == "person"), step["message"])
            return f"Lab {lab} waits for a person at step {step['name']}: {text}"
        case OutcomeState.CHANGED:
            told = [*_days_of_suspended_keys(composed, after), *_keys_left_alone(after), *_kept_keys(after)]
            return " ".join([*_changes(composed), *told])
        case OutcomeState.DRIFTED:
            return " ".join([*_changes(composed), _difference(composed, undeclared)])
        case OutcomeState.CONVERGED:
            days = _days_of_suspended_keys(composed, after)
            if after.retiring and days:
                what = f"Lab {lab} waits until its keys may be deleted: {' '.join(days)}"
            elif after.suspending:
                what = " ".join([f"Lab {lab} is suspended.", *(days or _without_keys(after))])
            elif left := _keys_left_alone(after):
                what = f"Lab {lab} has nothing left that this run may delete. {' '.join(left)}"
            else:
                what = f"Lab {lab} is as declared."
            return " ".join([what, *_kept_keys(after)])


def _without_keys(after: Afterwards) -> list[str]:
    """A sentence for a suspended lab of which there is nothing to suspend; none if it has keys."""
    user = after.user()
    if user and not user["exists"]:
        return [f"The account has no IAM user {user['name']}, so no key of it."]
    return [] if after.own_live_keys() else ["It has no key."]


def _keys_left_alone(after: Afterwards) -> list[str]:
    """Where keys are to be gone, a sentence for each that is not the collection's to delete; its user stays with it."""
    return [note["message"] for note in after.notes() if note["code"] == "foreign_key"] if after.retiring else []


def _changes(composed: Outcome) -> list[str]:
    """A sentence with the steps that changed something; none if no step did."""
    changed = [entry["name"] for entry in composed["steps"] if entry["status"] == StepStatus.CHANGED]
    verb = "would be" if composed["check_mode"] else "was"
    return [f"Lab {composed['lab']} {verb} changed: {', '.join(changed)}."] if changed else []


def _undeclared_keys(composed: Outcome, after: Afterwards) -> list[str]:
    """The live keys in a state that nobody declared that the run leaves in the account or, in check mode, would leave:
    their ids, or what the finding is called.
    """
    go = after.own_keys_that_go()
    told = [
        (finding["access_key_id"], finding_kinds.CATALOGUE[finding["code"]])
        for finding in composed["findings"]
        if finding["code"] in finding_kinds.CATALOGUE
    ]
    return list(
        dict.fromkeys(key_id or kind.title for key_id, kind in told if kind.undeclared_key and key_id not in go)
    )


def _difference(composed: Outcome, undeclared: t.Sequence[str]) -> str:
    differences = list(composed["missing"]) or (["see its drift"] if composed["drift"] else [])
    if undeclared:
        differences.append(f"live keys that nobody declared ({', '.join(undeclared)})")
    return f"Lab {composed['lab']} differs from its declared state: {', '.join(differences)}."


def _days_of_suspended_keys(composed: Outcome, after: Afterwards) -> list[str]:
    """Where keys are to be suspended, a sentence for each that is."""
    if not after.retiring and not after.suspending:
        return []
    told = []
    for key in composed["access_keys"]:
        since, may_go = times.parse_time(key.get("suspended_on")), times.parse_time(key.get("may_go_on"))
        if since:
            goes = f", may be deleted on {may_go:%Y-%m-%d} (from {may_go:%H:%M} UTC)" if may_go else ""
            told.append(f"Key {key['access_key_id']}: suspended on {since:%Y-%m-%d}{goes}.")
    return told


def _kept_keys(after: Afterwards) -> list[str]:
    """A sentence for each live key that stays because the inventory says so."""
    if not after.retiring and not after.suspending:
        return []
    return [
        f"{f'Key {key_id}' if key_id else f'A key of {known_principals.in_words(known)}'} stays active until "
        f"{known['until']}, as declared: {_sentence(known['reason'])}"
        for key_id, known in after.kept_keys()
    ]


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
