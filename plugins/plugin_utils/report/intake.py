# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an outcome, which may hold anything, to a lab of the report.

What an outcome holds besides the fields of C(model) is left out, so that nothing that somebody adds to an outcome later
reaches a report without being thought about. Words that are not known, addresses that are none and characters that
steer a terminal or turn text around do not get in either.
"""

from __future__ import annotations

import collections.abc
import enum
import re
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import vocabulary
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.masking import mask_registered
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.text import printable
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.times import parse_time, timestamp
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import finding_kinds
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.mturk.status import Status as RequesterStatus
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report.model import (
    Drift,
    Environment,
    Finding,
    Key,
    KeyStatus,
    Lab,
    Link,
    NextStep,
    NotLookedFor,
    Operation,
    RetiredKey,
    State,
    Step,
    StepStatus,
    Unseen,
    User,
    Who,
)

# Nothing else may become a link in the page: a javascript: address in an outcome stays text.
_URL = re.compile(r"https?://[^\s\"'<>`\\]+\Z", re.IGNORECASE)
_EMAIL = re.compile(r"[^\s@\"'<>(),:;\\?&%#]+@[^\s@\"'<>(),:;\\?&%#]+\Z")
_AMOUNT = re.compile(r"-?\d{1,12}(\.\d{1,4})?")

OWNERS = ("ours", "foreign", "unknown")

Untrusted = t.Mapping[str, object]


def read_lab(outcome: Untrusted, contacts: t.Mapping[str, str]) -> Lab:
    """The lab that an outcome tells of.

    :param contacts: by lab, the e-mail address that next steps for people go to.
    """
    name = line(outcome.get("lab")) or line(outcome.get("account_id")) or "(no name)"
    requester = _mapping(outcome.get("requester"))
    user = _user(outcome.get("user"))
    operation = _word(outcome.get("operation"), Operation, "")
    found = [_finding(finding) for finding in _mappings(outcome.get("findings"))]
    return Lab(
        lab=name,
        contact=_matching(_EMAIL, contacts.get(name)),
        account_id=line(outcome.get("account_id")),
        operation=operation,
        check_mode=outcome.get("check_mode") is True,
        state=_word(outcome.get("state"), State, State.FAILED),
        steps=_steps(outcome, operation, seen=user is not None),
        next_steps=[_next_step(step) for step in _mappings(outcome.get("next_steps"))],
        drift=[
            Drift(
                code=line(each.get("code")), message=_text(each.get("message")), next_step=_text(each.get("next_step"))
            )
            for each in _mappings(outcome.get("drift"))
        ],
        findings=sorted(found, key=lambda finding: finding_kinds.SEVERITIES.index(finding["severity"])),
        unseen=[_unseen(entry) for entry in _mappings(outcome.get("unseen"))],
        not_looked_for=[
            NotLookedFor(code=line(each.get("code")), why=_text(each.get("why")))
            for each in _mappings(outcome.get("not_looked_for"))
        ],
        user=user,
        access_keys=[_key(key) for key in _mappings(outcome.get("access_keys"))],
        retired_keys=[_retired_key(key) for key in _mappings(outcome.get("retired_keys"))],
        requester={name: _environment(requester.get(name)) for name in vocabulary.ENVIRONMENTS},
        link=_link(outcome.get("link")),
        started=_time(outcome.get("started")),
        finished=_time(outcome.get("finished")),
    )


def line(value: object) -> str:
    """Text on one line: names, codes and identifiers."""
    return " ".join(_text(value).split())


def _steps(outcome: Untrusted, operation: str, *, seen: bool) -> list[Step]:
    """All steps of the flow in order. An audit takes no step: where one would be taken, it is still to do."""
    given = {line(step.get("name")): step for step in _mappings(outcome.get("steps"))}
    missing = outcome.get("missing")
    audit = operation == Operation.AUDIT
    steps = []
    for name in vocabulary.STEPS:
        step = given.get(name, {})
        status = _word(step.get("status"), StepStatus, StepStatus.NOT_RUN)
        message = _text(step.get("message"))
        if isinstance(missing, (list, tuple)) and seen:
            if status == StepStatus.NOT_RUN:
                status = StepStatus.TO_DO if name in missing else StepStatus.OK
            elif status == StepStatus.SKIPPED and name in missing and audit:
                status = StepStatus.TO_DO
        elif status == StepStatus.SKIPPED and message and audit:
            status = StepStatus.TO_DO  # the outcome has no list of missing steps; it says why the step would be taken
        steps.append(Step(name=name, status=str(status), message=message, reason=line(step.get("reason"))))
    return steps


def _next_step(step: Untrusted) -> NextStep:
    return NextStep(
        step=line(step.get("step")),
        who=_word(step.get("who"), Who, Who.OPERATOR),
        text=_text(step.get("text")),
        url=_matching(_URL, step.get("url")),
    )


def _finding(finding: Untrusted) -> Finding:
    severity = finding.get("severity")
    return Finding(
        code=line(finding.get("code")),
        severity=next((known for known in finding_kinds.SEVERITIES if known == severity), "info"),
        message=_text(finding.get("message")),
        next_step=_text(finding.get("next_step")),
        access_key_id=line(finding.get("access_key_id")),
    )


def _unseen(entry: Untrusted) -> Unseen:
    return Unseen(
        part=line(entry.get("part")),
        message=_text(entry.get("message")),
        reason=line(entry.get("reason")),
        next_step=_text(entry.get("next_step")),
    )


def _user(value: object) -> User | None:
    user = _mapping(value)
    if not user:
        return None
    return User(
        exists=user.get("exists") is True,
        name=line(user.get("name")),
        arn=line(user.get("arn")),
        managed=user.get("managed") is True,
        attached_policies=_lines(user.get("attached_policies")),
        inline_policies=_lines(user.get("inline_policies")),
        groups=_lines(user.get("groups")),
        console_access=_truth(user.get("console_access")),
        created=_time(user.get("created")),
    )


def _key(key: Untrusted) -> Key:
    age = key.get("age_days")
    return Key(
        access_key_id=line(key.get("access_key_id")),
        status=_word(key.get("status"), KeyStatus, ""),
        created=_time(key.get("created")),
        age_days=int(age) if isinstance(age, int) and not isinstance(age, bool) else None,
        last_used=_time(key.get("last_used")),
        last_used_service=line(key.get("last_used_service")),
        last_use_known=key.get("last_use_known") is not False,
        owner=_one_of(key.get("owner"), OWNERS),
        stored=_truth(key.get("stored")),
        slot=_one_of(key.get("slot"), ("current", "pending", "superseded")),
    )


def _retired_key(key: Untrusted) -> RetiredKey:
    return RetiredKey(
        access_key_id=line(key.get("access_key_id")),
        owner=_one_of(key.get("owner"), OWNERS),
        last_used=_time(key.get("last_used")),
        last_used_service=line(key.get("last_used_service")),
        deactivated=key.get("deactivated") is True,
        deactivated_at=_time(key.get("deactivated_at")),
        deleted=key.get("deleted") is True,
        deleted_at=_time(key.get("deleted_at")),
    )


def _environment(value: object) -> Environment:
    answer = _mapping(value)
    return Environment(
        status=_word(answer.get("status"), RequesterStatus, RequesterStatus.NOT_CHECKED),
        linked=answer.get("linked") is True,
        available_balance=_amount(answer.get("available_balance")),
        on_hold_balance=_amount(answer.get("on_hold_balance")),
        error_code=line(answer.get("error_code")),
        message=_text(answer.get("message")),
        next_step=_text(answer.get("next_step")),
    )


def _link(value: object) -> Link:
    link = _mapping(value)
    return Link(
        status=_one_of(link.get("status"), vocabulary.LINK_STATUSES) or "unknown",
        access_key_id=line(link.get("access_key_id")),
        evidence=_one_of(link.get("evidence"), ("page", "record", "submission", "key_use")),
        message=_text(link.get("message")),
    )


def _text(value: object) -> str:
    if value is None or isinstance(value, (collections.abc.Mapping, list, tuple)):
        return ""
    return mask_registered(printable(str(value)).strip())


def _lines(value: object) -> list[str] | None:
    return [line(item) for item in value] if isinstance(value, (list, tuple)) else None


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _word(value: object, words: type[enum.StrEnum], otherwise: str) -> str:
    return next((word.value for word in words if word == value), str(otherwise))


def _one_of(value: object, words: t.Sequence[str]) -> str:
    return next((word for word in words if word == value), "")


def _matching(pattern: re.Pattern[str], value: object) -> str:
    text = _text(value)
    return text if pattern.match(text) else ""


def _amount(value: object) -> str | None:
    text = _text(value)
    return text if _AMOUNT.fullmatch(text) else None


def _time(value: object) -> str:
    moment = parse_time(value)
    return timestamp(moment) if moment else ""


def _mapping(value: object) -> Untrusted:
    return value if isinstance(value, collections.abc.Mapping) else {}


def _mappings(value: object) -> list[Untrusted]:
    if not isinstance(value, (list, tuple)):
        return []
    return [item for item in value if isinstance(item, collections.abc.Mapping)]
