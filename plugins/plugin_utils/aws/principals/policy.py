# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one IAM policy says about Mechanical Turk, as far as its text alone tells.

What is not judged here (conditions, and resources that could be MTurk's) makes an answer doubtful, never a no. From the
IAM User Guide, "IAM JSON policy elements reference".
"""

from __future__ import annotations

import dataclasses
import enum
import fnmatch
import functools
import typing as t

from ...base import json_of_others

# The Service Authorization Reference lists MTurk's API operations (API version 2017-01-17) under this prefix.
_READS = (
    *("GetAccountBalance", "GetAssignment", "GetFileUploadURL", "GetHIT", "GetQualificationScore"),
    *("GetQualificationType", "ListAssignmentsForHIT", "ListBonusPayments", "ListHITs", "ListHITsForQualificationType"),
    *("ListQualificationRequests", "ListQualificationTypes", "ListReviewPolicyResultsForHIT", "ListReviewableHITs"),
    *("ListWorkerBlocks", "ListWorkersWithQualificationType"),
)
_CHANGES = (
    *("AcceptQualificationRequest", "ApproveAssignment", "AssociateQualificationWithWorker"),
    *("CreateAdditionalAssignmentsForHIT", "CreateHIT", "CreateHITType", "CreateHITWithHITType"),
    *("CreateQualificationType", "CreateWorkerBlock", "DeleteHIT", "DeleteQualificationType", "DeleteWorkerBlock"),
    *("DisassociateQualificationFromWorker", "NotifyWorkers", "RejectAssignment", "RejectQualificationRequest"),
    *("SendBonus", "SendTestEventNotification", "UpdateExpirationForHIT", "UpdateHITReviewStatus"),
    *("UpdateHITTypeOfHIT", "UpdateNotificationSettings", "UpdateQualificationType"),
)
MTURK_READS = frozenset(f"mechanicalturk:{name}" for name in _READS)
MTURK_ACTIONS = MTURK_READS | {f"mechanicalturk:{name}" for name in _CHANGES}
# Who may do these on all resources may do nearly everything: AdministratorAccess and PowerUserAccess and their like.
ADMINISTRATORS_ACTIONS = frozenset({"ec2:RunInstances", "lambda:InvokeFunction", "s3:DeleteBucket"})
_JUDGED = MTURK_ACTIONS | ADMINISTRATORS_ACTIONS

# IAM User Guide, "IAM JSON policy elements reference": those of a statement.
_ELEMENTS = frozenset(
    {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
)

CONDITION = "a condition that is not judged here"
RESOURCE = "a resource that may not be meant for MTurk"
UNREADABLE = "a part that cannot be understood"


class _Match(enum.IntEnum):
    NO = 0
    PERHAPS = 1
    YES = 2


class NotUnderstood(ValueError):
    """A statement is not written as IAM writes them."""


@dataclasses.dataclass(frozen=True)
class Judgement:
    """What a policy allows and denies of MTurk's actions and of those that tell an administrator.

    :param allowed: actions that it allows whatever the circumstances.
    :param perhaps_allowed: actions that it allows under circumstances which are not judged.
    :param denied: actions that it denies whatever the circumstances.
    :param perhaps_denied: actions that it denies under circumstances which are not judged.
    :param doubts: what the circumstances are, in words.
    """

    allowed: frozenset[str] = frozenset()
    perhaps_allowed: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()
    perhaps_denied: frozenset[str] = frozenset()
    doubts: frozenset[str] = frozenset()

    def __or__(self, other: Judgement) -> Judgement:
        """Both together, as when a principal has both policies."""
        return Judgement(
            self.allowed | other.allowed,
            self.perhaps_allowed | other.perhaps_allowed,
            self.denied | other.denied,
            self.perhaps_denied | other.perhaps_denied,
            self.doubts | other.doubts,
        )

    @property
    def certain(self) -> frozenset[str]:
        """Actions that are allowed and not denied. A denial in doubt takes nothing away."""
        return self.allowed - self.denied

    @property
    def doubtful(self) -> frozenset[str]:
        """Actions that may be allowed and are not denied for sure."""
        return self.perhaps_allowed - self.allowed - self.denied


# What is said of a policy that nobody could read.
UNJUDGED = Judgement(perhaps_allowed=_JUDGED, doubts=frozenset({UNREADABLE}))


def judge(document: object) -> Judgement:
    """What a policy document says.

    :param document: as botocore decodes it; a text counts as its JSON. Anybody may have written it, so what is not a
        policy makes a doubtful answer, never an exception.
    """
    if isinstance(document, str):
        try:
            document = json_of_others.loads(document)
        except ValueError:
            return UNJUDGED
    if not isinstance(document, dict):
        return UNJUDGED
    statements = document.get("Statement")
    found = Judgement()
    for statement in statements if isinstance(statements, list) else [statements]:
        try:
            found |= _judge_statement(statement)
        except NotUnderstood:
            found |= UNJUDGED
    return found


def _judge_statement(statement: object) -> Judgement:
    if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
        raise NotUnderstood
    if not statement.keys() <= _ELEMENTS:
        raise NotUnderstood  # it may limit the statement
    resource = _resource_match(statement)
    if resource is _Match.NO:
        return Judgement()
    actions = _judged_actions(statement)
    doubts = set()
    if resource is _Match.PERHAPS:
        doubts.add(RESOURCE)
    if statement.get("Condition"):
        doubts.add(CONDITION)
    if statement["Effect"] == "Allow":
        return Judgement(perhaps_allowed=actions, doubts=frozenset(doubts)) if doubts else Judgement(allowed=actions)
    return Judgement(perhaps_denied=actions, doubts=frozenset(doubts)) if doubts else Judgement(denied=actions)


def _judged_actions(statement: t.Mapping[str, object]) -> frozenset[str]:
    name, patterns = _element_or_opposite(statement, "Action")
    matched: frozenset[str] = frozenset().union(*map(_actions_matching, patterns))
    return _JUDGED - matched if name == "NotAction" else matched


@functools.lru_cache(maxsize=4096)
def _actions_matching(pattern: str) -> frozenset[str]:
    # IAM knows * and ? only, and no difference between upper and lower case. fnmatch does not backtrack, whatever
    # somebody wrote; its third wildcard, the bracket, is taken as itself.
    folded = pattern.lower().replace("[", "[[]")
    return frozenset(action for action in _JUDGED if fnmatch.fnmatchcase(action.lower(), folded))


def _resource_match(statement: t.Mapping[str, object]) -> _Match:
    """Whether the statement is about calls to MTurk, which has no resources: it needs C(*)."""
    name, patterns = _element_or_opposite(statement, "Resource")
    best = max(map(_one_resource, patterns), default=_Match.NO)
    return _Match(_Match.YES - best) if name == "NotResource" else best


def _one_resource(pattern: str) -> _Match:
    if pattern and not pattern.strip("*"):
        return _Match.YES
    parts = pattern.split(":", 5)
    service = parts[2] if len(parts) == 6 and parts[0] == "arn" else "*"
    others = service not in ("", "mechanicalturk") and not set(service) & set("*?$")
    return _Match.NO if others else _Match.PERHAPS


def _element_or_opposite(statement: t.Mapping[str, object], name: str) -> tuple[str, list[str]]:
    """The element or its opposite, whichever the statement has, as a list of texts."""
    present = [key for key in (name, f"Not{name}") if key in statement]
    if len(present) != 1:
        raise NotUnderstood
    value = statement[present[0]]
    values: list[object] = value if isinstance(value, list) else [value]
    texts = [entry for entry in values if isinstance(entry, str)]
    if len(texts) != len(values):
        raise NotUnderstood
    return present[0], texts
