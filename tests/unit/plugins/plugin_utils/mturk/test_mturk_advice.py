# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every row of MTurk's table, by what MTurk and closed services really said."""

from __future__ import annotations

import datetime
import typing as t

import botocore.exceptions
import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import connection as aws
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import errors
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws.silence import NotAskedError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.advice import advise
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.mturk import requester as mturk
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.mturk.advice import MTURK_ROWS
from ansible_collections.labops.cloudresearch.tests.unit.plugins.plugin_utils.aws.aws_answers import (
    AwsAnswers,
    Refusal,
    aws_answers,
)

__all__ = ["aws_answers"]

KEY = {"access_key": "AKIALAB0000000000001", "secret_key": "the-secret-of-the-lab"}
NO_ACCESS = "User: arn:aws:iam::1:user/x is not authorized to perform: mechanicalturk:GetAccountBalance"


def turk(code: str, said: str = "No.") -> Refusal:
    return Refusal("RequestError", said, members={"TurkErrorCode": code})


CASES: list[tuple[Refusal | Exception, str, str]] = [
    (turk("AWS.AccountNotLinked"), "not_linked", "link the AWS account"),
    (turk("AWS.MechanicalTurk.MustRegister"), "not_linked", "link the AWS account"),
    (Refusal("RequestError", "Your AWS account must be linked to your MTurk Account."), "not_linked", "link"),
    (Refusal("RequestError", "Please link your AWS account first."), "not_linked", "link the AWS account"),
    (Refusal("InvalidSignatureException", "Signature expired: 1 is now earlier than 2"), "clock_skew", "clock"),
    (Refusal("InvalidSignatureException", "Signature not yet current: 2 is later than 1"), "clock_skew", "clock"),
    (Refusal("RequestExpired"), "clock_skew", "clock"),
    (turk("AWS.BadClaimsSupplied", "Check your system clock and timezone."), "clock_skew", "secret is not that"),
    (Refusal("InvalidSignatureException", "Credential should be scoped to a valid region"), "error", "AWS_REGION"),
    (Refusal("UnrecognizedClientException", "The token is invalid."), "invalid_credentials", "active"),
    (Refusal("InvalidSignatureException", "The signature does not match."), "invalid_credentials", "secret"),
    (turk("AWS.NotAuthorized", "not authorized to use this AWSAccessKeyId"), "invalid_credentials", "active"),
    (turk("AWS.BadCredentialSupplied"), "invalid_credentials", "active"),
    (Refusal("ExpiredTokenException", "The token is no longer valid."), "invalid_credentials", "active"),
    (Refusal("AccessDeniedException", "MTurk is no longer accepting new customers."), "service_closed", "at fault"),
    (Refusal("ForbiddenException", "Only available for existing customers."), "service_closed", "at fault"),
    (Refusal("AccessDeniedException", "Amazon Mechanical Turk is closed."), "service_closed", "at fault"),
    (Refusal("ServiceUnavailable", "This service is unavailable.", 503), "service_closed", "at fault"),
    (Refusal("Forbidden", "No.", 403), "service_closed", "at fault"),
    (Refusal("UnknownOperationException", ""), "service_closed", "at fault"),
    (Refusal("403", "Forbidden", 403), "service_closed", "at fault"),
    (Refusal("410", "<html><title>Gone</title></html>", 410), "service_closed", "at fault"),
    (Refusal("404", "<Error><Code>Forbidden</Code><Message>Away.</Message></Error>", 404), "service_closed", "fault"),
    (turk("AWS.ServiceClosed"), "service_closed", "at fault"),
    (
        Refusal("AccessDeniedException", f"{NO_ACCESS} with an explicit deny in a service control policy"),
        "access_denied",
        "except the key's IAM user from that service control policy",
    ),
    (
        Refusal("AccessDeniedException", f"{NO_ACCESS} because no permissions boundary allows the action"),
        "access_denied",
        "boundary of the key's IAM user",
    ),
    (Refusal("AccessDeniedException", f"{NO_ACCESS} because no session policy allows it"), "access_denied", "session"),
    (Refusal("AccessDeniedException", f"{NO_ACCESS} because no VPC endpoint policy allows"), "access_denied", "VPC"),
    (Refusal("AccessDeniedException", f"{NO_ACCESS}, no resource-based policy"), "access_denied", "resource-based"),
    (
        Refusal("AccessDeniedException", f"{NO_ACCESS} with an explicit deny in an identity-based policy"),
        "access_denied",
        "Effect Deny",
    ),
    (
        Refusal("AccessDeniedException", f"{NO_ACCESS} because no identity-based policy allows the action"),
        "access_denied",
        "Attach arn:aws:iam::aws:policy/AmazonMechanicalTurkFullAccess to the key's IAM user",
    ),
    (turk("AWS.MechanicalTurk.PermissionDenied"), "access_denied", "not from IAM"),
    (Refusal("ThrottlingException"), "throttled", "forks"),
    (Refusal("OptInRequired"), "error", "sign-up"),
    (Refusal("SubscriptionRequiredException"), "error", "sign-up"),
    (botocore.exceptions.SSLError(endpoint_url="x", error="certificate verify failed"), "unreachable", "AWS_CA_BUNDLE"),
    (botocore.exceptions.SSLError(endpoint_url="x", error="EOF"), "unreachable", "proxy"),
    (botocore.exceptions.ConnectTimeoutError(endpoint_url="x"), "unreachable", "network"),
    (NotAskedError(told="not asked: no answer for lab-03 at 14:02 UTC"), "unreachable", "Remove the cause first"),
    (Refusal("502", "<html><title>Bad gateway</title></html>", 502), "unreachable", "network"),
    (Refusal("ServiceFault", "Try again.", 500, {"TurkErrorCode": "AWS.ServiceUnavailable"}), "error", "temporary"),
    (Refusal("InternalFailure", "", 500), "error", "temporary"),
    (turk("AWS.MechanicalTurk.Odd"), "error", "look AWS.MechanicalTurk.Odd up"),
]
# These ask for what no IAM user's key runs into at MTurk: they are in the part of the table that it shares with AWS's.
SHARED_ONLY = ("MultiFactorAuthentication", "kms:")


@pytest.mark.parametrize(("answer", "status", "step"), CASES, ids=repr)
def test_what_mturk_answers(aws_answers: AwsAnswers, answer: t.Any, status: str, step: str) -> None:
    aws_answers.answers = {"GetAccountBalance": answer}
    seen = mturk.check_environment(aws.AwsConnection(KEY), "production", today=datetime.date(2026, 7, 1))
    assert (seen["status"], step in seen["next_step"]) == (status, True), seen
    assert "MTurk (production)" in seen["message"] or status == "not_linked"
    assert seen["message"].endswith(".") and "{" not in seen["message"] + seen["next_step"]
    if isinstance(answer, Refusal) and "<" not in answer.message and status not in ("not_linked", "throttled"):
        assert answer.message.rstrip(".") in seen["message"], "what MTurk said is quoted"
    if status == "service_closed":
        assert "Attach" not in seen["next_step"] and "network" not in seen["next_step"]


def test_every_row_for_mturk_is_tried() -> None:
    tried = set()
    for answer, _status, _step in CASES:
        exc = answer
        if isinstance(answer, Refusal):
            exc = botocore.exceptions.ClientError(answer.parsed(), "GetAccountBalance")
        assert isinstance(exc, Exception)
        codes = errors.error_codes(exc)
        if isinstance(answer, Refusal) and answer.members:
            codes.insert(0, answer.members["TurkErrorCode"])
        tried.add(advise(MTURK_ROWS, codes, errors.plain_message(exc), environment="production", url="u").row)
    assert not [row for row in set(MTURK_ROWS) - tried if not any(word in row.said for word in SHARED_ONLY)]
