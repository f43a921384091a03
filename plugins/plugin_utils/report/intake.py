# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an outcome, which may hold anything, to a lab of the report.

What an outcome holds besides the fields of C(model) is left out, so that nothing that somebody adds to an outcome later
reaches a report without being thought about. Words that are not known, addresses that are none and characters that
steer a terminal or turn text around do not get in either.
"""

from __future__ import annotations

import typing as t

from ..base import vocabulary
from ..base.vocabulary import Operation, OutcomeState, Who
from ..lab import finding_kinds
from ..lab.shapes import DriftEntry, Finding, NextStep, NotLookedFor, Step, Unseen
from ..mturk.status import Status as RequesterStatus
from . import account_keys, untrusted
from .model import Environment, Key, KeyStatus, Lab, Link, RetiredKey, StepStatus, User
from .untrusted import Untrusted


def read_lab(outcome: Untrusted, contacts: t.Mapping[str, str], departments: t.Mapping[str, str]) -> Lab:
    """The lab that an outcome tells of.

    :param outcome: of a run, or a lab of a report.
    :param contacts: by lab, the e-mail address that next steps for people go to.
    :param departments: by lab, the department that it belongs to.
    """
    name = untrusted.line(outcome.get("lab")) or untrusted.line(outcome.get("account_id")) or "(no name)"
    requester = untrusted.mapping(outcome.get("requester"))
    user = _user(outcome.get("user"))
    operation = untrusted.one_of(outcome.get("operation"), Operation)
    look, changes = account_keys.looked(outcome), account_keys.changes_of(outcome)
    found = [_finding(finding) for finding in untrusted.mappings(outcome.get("findings"))]
    return Lab(
        lab=name,
        contact=untrusted.email(contacts.get(name)),
        department=untrusted.line(departments.get(name) or outcome.get("department")),
        account_id=untrusted.line(outcome.get("account_id")),
        operation=operation,
        check_mode=outcome.get("check_mode") is True,
        state=untrusted.one_of(outcome.get("state"), OutcomeState, OutcomeState.FAILED),
        steps=_steps(outcome, operation, seen=user is not None),
        next_steps=[_next_step(step) for step in untrusted.mappings(outcome.get("next_steps"))],
        drift=untrusted.all_shaped(DriftEntry, outcome.get("drift")),
        findings=sorted(found, key=lambda finding: finding_kinds.SEVERITIES.index(finding["severity"])),
        unseen=untrusted.all_shaped(Unseen, outcome.get("unseen")),
        not_looked_for=untrusted.all_shaped(NotLookedFor, outcome.get("not_looked_for")),
        user=user,
        access_keys=[_key(key) for key in untrusted.mappings(outcome.get("access_keys"))],
        retired_keys=[_retired_key(key) for key in untrusted.mappings(outcome.get("retired_keys"))],
        requester={name: _environment(requester.get(name)) for name in vocabulary.ENVIRONMENTS},
        link=_link(outcome.get("link")),
        look=look,
        account_keys=account_keys.account_keys(outcome, look, changes),
        changes=changes,
        started=untrusted.time(outcome.get("started")),
        # A lab out of a report that is merged has the report's name for it.
        finished=untrusted.time(outcome.get("ended") or outcome.get("finished")),
    )


def _steps(outcome: Untrusted, operation: str, *, seen: bool) -> list[Step]:
    """All steps of the flow in order. An audit takes no step: where one would be taken, it is still to do."""
    given = {untrusted.line(step.get("name")): step for step in untrusted.mappings(outcome.get("steps"))}
    missing = outcome.get("missing")
    audit = operation == Operation.AUDIT
    steps = []
    for name in vocabulary.STEPS:
        step = given.get(name, {})
        status = untrusted.one_of(step.get("status"), StepStatus, StepStatus.NOT_RUN)
        message = untrusted.text(step.get("message"))
        if isinstance(missing, (list, tuple)) and seen:
            if status == StepStatus.NOT_RUN:
                status = StepStatus.TO_DO if name in missing else StepStatus.OK
            elif status == StepStatus.SKIPPED and name in missing and audit:
                status = StepStatus.TO_DO
        elif status == StepStatus.SKIPPED and message and audit:
            status = StepStatus.TO_DO  # the outcome has no list of missing steps; it says why the step would be taken
        steps.append(Step(name=name, status=status, message=message, reason=untrusted.line(step.get("reason"))))
    return steps


def _next_step(step: Untrusted) -> NextStep:
    return untrusted.shaped(NextStep, step, who=untrusted.one_of(step.get("who"), Who, Who.OPERATOR))


def _finding(finding: Untrusted) -> Finding:
    severity = untrusted.one_of(finding.get("severity"), finding_kinds.SEVERITIES, "info")
    return untrusted.shaped(Finding, finding, severity=severity)


def _user(value: object) -> User | None:
    user = untrusted.mapping(value)
    return untrusted.shaped(User, user) if user else None


def _key(key: Untrusted) -> Key:
    return untrusted.shaped(
        Key,
        key,
        status=untrusted.one_of(key.get("status"), KeyStatus),
        owner=untrusted.one_of(key.get("owner"), account_keys.OWNERS),
        slot=untrusted.one_of(key.get("slot"), ("current", "pending", "superseded")),
    )


def _retired_key(key: Untrusted) -> RetiredKey:
    return untrusted.shaped(RetiredKey, key, owner=untrusted.one_of(key.get("owner"), account_keys.OWNERS))


def _environment(value: object) -> Environment:
    answer = untrusted.mapping(value)
    status = untrusted.one_of(answer.get("status"), RequesterStatus, RequesterStatus.NOT_CHECKED)
    return untrusted.shaped(Environment, answer, status=status)


def _link(value: object) -> Link:
    link = untrusted.mapping(value)
    return untrusted.shaped(
        Link,
        link,
        status=untrusted.one_of(link.get("status"), vocabulary.LinkStatus, "unknown"),
        evidence=untrusted.one_of(link.get("evidence"), ("page", "record", "submission", "key_use")),
    )
