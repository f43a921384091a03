# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every row of the tables from codes to reasons and next steps, with what the services really say."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import time
import typing as t

import botocore.exceptions
import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import advice, errors
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws.silence import NotAskedError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.advice import Row, advise
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.mturk.advice import MTURK_ROWS

DENIED = "User: arn:aws:iam::1:user/x is not authorized to perform: iam:CreateUser on resource: y"
CLOCK = "Signature expired: 20261126T101010Z is now earlier than 20261126T103010Z (20261126T103510Z - 5 min.)"
EARLY = "Signature not yet current: 20261126T105010Z is still later than 20261126T103010Z (20261126T102510Z + 5 min.)"
REGION = "Credential should be scoped to a valid region, not 'us-esat-1'."


@dataclasses.dataclass(frozen=True)
class Case:
    """What a service answers, and what a reader is told."""

    code: str
    said: str
    reason: str
    advice: str
    never: str = ""


# AWS's wording where it is public (IAM User Guide, error messages in issue threads).
ANSWERS = [
    Case("SignatureDoesNotMatch", CLOCK, "clock_skew", "clock", "access key"),
    Case("InvalidSignatureException", EARLY, "clock_skew", "clock", "access key"),
    Case("RequestExpired", "Request has expired.", "clock_skew", "clock", "Renew"),
    Case("RequestTimeTooSkewed", "The difference is too large.", "clock_skew", "clock"),
    Case("SignatureDoesNotMatch", REGION, "wrong_region", "AWS_REGION", "access key"),
    Case("RegionDisabledException", "STS is not activated.", "wrong_region", "enable it"),
    Case("ExpiredToken", "The security token included in the request is expired", "invalid_credentials", "Renew"),
    Case("InvalidClientTokenId", "The token is invalid.", "invalid_credentials", "inactive", "Renew"),
    Case("MissingAuthenticationToken", "Missing token", "invalid_credentials", "proxy"),
    Case(
        "AccessDenied",
        f"{DENIED} with an explicit deny in a service control policy: arn:aws:organizations::1:policy/o/p",
        "access_denied",
        "those who manage the organization",
        "Allow iam:CreateUser",
    ),
    Case(
        "AccessDenied",
        f"{DENIED} because no service control policy allows the iam:CreateUser action",
        "access_denied",
        "service control policy",
        "Allow iam:CreateUser",
    ),
    Case(
        "AccessDeniedException",
        f"{DENIED} with an explicit deny in a resource control policy",
        "access_denied",
        "resource control policy",
        "Allow iam:CreateUser",
    ),
    Case(
        "AccessDenied",
        f"{DENIED} because no permissions boundary allows the iam:CreateUser action",
        "access_denied",
        "permissions boundary of the role or user that runs this",
        "Allow iam:CreateUser",
    ),
    Case("AccessDenied", f"{DENIED} with an explicit deny in a permissions boundary", "access_denied", "boundary"),
    Case("AccessDenied", f"{DENIED} because no session policy allows the action", "access_denied", "session whose own"),
    Case("AccessDenied", f"{DENIED} because no VPC endpoint policy allows the action", "access_denied", "VPC endpoint"),
    Case(
        "AccessDenied",
        f"{DENIED} because no resource-based policy allows the action",
        "access_denied",
        "resource-based policy of what is asked for",
    ),
    Case(
        "AccessDenied",
        f"{DENIED} with an explicit deny in an identity-based policy",
        "access_denied",
        "Effect Deny",
        "Allow iam:CreateUser",
    ),
    Case("AccessDenied", "MultiFactorAuthentication failed with invalid MFA code.", "access_denied", "second factor"),
    Case(
        "AccessDeniedException",
        "User: x is not authorized to perform: kms:Decrypt on resource: y",
        "access_denied",
        "policy of the KMS key",
    ),
    Case(
        "AccessDenied",
        f"{DENIED} because no identity-based policy allows the iam:CreateUser action",
        "access_denied",
        "Allow iam:CreateUser to the role or user that runs this",
    ),
    Case("Throttling", "Rate exceeded", "throttled", "forks"),
    Case("OptInRequired", "You are not subscribed.", "account_not_activated", "sign-up"),
    Case("SubscriptionRequiredException", "Needs a subscription.", "account_not_activated", "sign-up"),
    Case("InternalFailure", "An internal error.", "aws_error", "usually temporary"),
    Case("ServiceUnavailable", "Try later.", "aws_error", "usually temporary"),
    Case(
        "DeleteConflict",
        "Cannot delete entity, must detach all policies first.",
        "delete_conflict",
        "(detach all policies)",
    ),
    Case("503", "Bad gateway", "aws_error", "usually temporary"),
    Case("DeleteConflict", "It has subordinate entities.", "delete_conflict", "still attached"),
    Case(
        "AccessDeniedException",
        "AWS CodeCommit is no longer accepting new customers",
        "service_closed",
        "neither a permission nor the network",
        "Allow",
    ),
    Case(
        "ForbiddenException",
        "This service is only available to existing customers.",
        "service_closed",
        "neither a permission nor the network",
        "Allow",
    ),
    Case("ConcurrentModification", "Try again.", "aws_error", "Run again."),
    Case("LimitExceeded", "Cannot exceed quota for UsersPerAccount: 5000", "aws_error", "Service Quotas"),
    Case("LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2", "aws_error", "another run", "Service Quotas"),
    Case("DecryptionFailure", "Cannot decrypt.", "aws_error", "KMS key"),
    Case("NoSuchEntity", "The user cannot be found.", "aws_error", "the account and the region"),
    Case("EntityAlreadyExists", "It exists.", "aws_error", "read again"),
    Case("ValidationError", "1 validation error", "aws_error", "value"),
    Case("404", "not here", "aws_error", "endpoint_url"),
    Case("NeverHeardOf", "What?", "aws_error", "look NeverHeardOf up"),
]

Failure = botocore.exceptions
RAISED = [
    (Failure.NoRegionError(), "wrong_region", "AWS_REGION"),
    (Failure.NoCredentialsError(), "no_credentials", "Give a profile"),
    (Failure.PartialCredentialsError(provider="env", cred_var="secret"), "no_credentials", "the rest"),
    (Failure.UnauthorizedSSOTokenError(), "no_credentials", "aws sso login"),
    (Failure.SSOTokenLoadError(error_msg="none"), "no_credentials", "aws sso login"),
    (Failure.TokenRetrievalError(provider="sso", error_msg="expired"), "no_credentials", "aws sso login"),
    (
        Failure.CredentialRetrievalError(provider="custom-process", error_msg="exit 1"),
        "no_credentials",
        "credential_process by hand",
    ),
    (Failure.CredentialRetrievalError(provider="container", error_msg="x"), "no_credentials", "get-caller-identity"),
    (Failure.RefreshWithMFAUnsupportedError(), "no_credentials", "second factor"),
    (Failure.ProfileNotFound(profile="ops"), "no_credentials", "profile's name"),
    (Failure.ConfigParseError(path="/c"), "no_credentials", "AWS_CONFIG_FILE"),
    (Failure.SSLError(endpoint_url="x", error="certificate verify failed: self-signed"), "tls", "AWS_CA_BUNDLE"),
    (Failure.SSLError(endpoint_url="x", error="WRONG_VERSION_NUMBER"), "tls", "proxy"),
    (Failure.ConnectTimeoutError(endpoint_url="x"), "unreachable", "network"),
    (Failure.ConnectionClosedError(endpoint_url="x"), "unreachable", "network"),
    (NotAskedError(told="not asked: no answer for lab-03 at 14:02 UTC"), "unreachable", "Remove the cause first"),
]
if hasattr(Failure, "LoginRefreshRequired"):  # botocore 1.41 and later
    RAISED += [
        (Failure.LoginRefreshRequired(), "no_credentials", "aws login"),
        (Failure.LoginInsufficientPermissions(), "access_denied", "signin:CreateOAuth2Token"),
    ]


def client_error(code: str, message: str, status: int = 400, **headers: str) -> botocore.exceptions.ClientError:
    about = {"HTTPStatusCode": status, "HTTPHeaders": headers}
    return Failure.ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": about}, "Do")


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: f"{case.code}-{case.advice}")
def test_what_aws_answers(case: Case) -> None:
    error = errors.aws_error(client_error(case.code, case.said), "create the user")
    assert (error.reason, case.advice in error.next_step) == (case.reason, True), error.next_step
    assert case.reason == "throttled" or case.said.rstrip(".") in error.message
    assert not case.never or case.never not in error.next_step
    assert "{" not in error.message + error.next_step and error.next_step.endswith(".")


@pytest.mark.parametrize(("exc", "reason", "step"), RAISED, ids=lambda value: type(value).__name__)
def test_what_botocore_raises(exc: Exception, reason: str, step: str) -> None:
    error = errors.aws_error(exc, "create the user")
    assert (error.reason, step in error.next_step) == (reason, True), error.next_step
    assert error.details["error_code"] == type(exc).__name__


def rows_used(rows: t.Sequence[Row], refusals: t.Iterable[tuple[t.Sequence[str], str]]) -> set[Row]:
    return {advise(rows, codes, said, environment="production", url="u").row for codes, said in refusals}


def test_every_row_for_aws_is_tried() -> None:
    refusals = [(errors.error_codes(client_error(case.code, case.said)), case.said) for case in ANSWERS]
    refusals += [(errors.error_codes(exc), errors.plain_message(exc)) for exc, _reason, _step in RAISED]
    left = set(advice.AWS_ROWS) - rows_used(advice.AWS_ROWS, refusals)
    assert {row for row in left if "Login" not in row.codes} == set()


@pytest.mark.parametrize("rows", [advice.AWS_ROWS, MTURK_ROWS])
def test_no_row_is_hidden_by_an_earlier_one(rows: tuple[Row, ...]) -> None:
    """Each code of each row, with nothing said, or with words that this row alone looks for, leads to the row."""
    for index, row in enumerate(rows):
        if not row.said:
            for code in row.codes.split() or ["NeverHeardOf"]:
                assert advise(rows, [code], "", environment="e", url="u").row is row, (code, row)
        assert not [other for other in rows[:index] if (other.codes, other.said) == (row.codes, row.said)]


@pytest.mark.parametrize("rows", [advice.AWS_ROWS, MTURK_ROWS])
def test_every_reason_is_explained_and_every_step_can_be_done(rows: tuple[Row, ...]) -> None:
    guide = (pathlib.Path(__file__).resolve().parents[5] / "docs/docsite/rst/guide_troubleshooting.rst").read_text()
    for row in rows:
        assert f"``{row.reason}``" in guide, row.reason
        assert row.next_step.endswith(".") and not row.told.endswith(".")
        assert "See the AWS error code" not in row.next_step
        assert row.reason != "service_closed" or not re.search(r"[Aa]ttach|Check the net|Allow", row.next_step)


@pytest.mark.parametrize(
    ("code", "status", "body", "told", "error_code"),
    [
        # simple-amt #27: what MTurk answered at the end of its older API.
        (
            "403",
            403,
            '<?xml version="1.0"?>\n<Response><Errors><Error><Code>Forbidden</Code><Message>This Requester API is no '
            "longer supported. Please use the &quot;latest&quot; one.</Message></Error></Errors></Response>",
            'Forbidden: This Requester API is no longer supported. Please use the "latest" one',
            "Forbidden",
        ),
        ("403", 403, "<Error><Code>AccessDenied</Code></Error>", "AccessDenied: AccessDenied", "AccessDenied"),
        ("410", 410, '{"error": {"code": "Gone", "message": "It is gone."}}', "Gone: It is gone", "Gone"),
        ("403", 403, "Forbidden", "Forbidden", "HTTP 403"),
        (
            "502",
            502,
            "<html><head><title>Bad &amp; gateway</title></head>",
            "a web page came back, titled 'Bad &",
            "",
        ),
        ("403", 403, "<!DOCTYPE html><p><Code>x</Code>", "a web page came back", "HTTP 403"),
        ("400", 400, "<odd", "a web page came back", "HTTP 400"),
        ("400", 400, "{broken", "{broken", "HTTP 400"),
        ("400", 400, "[1]", "[1]", "HTTP 400"),
    ],
)
def test_bodies_in_another_protocol(code: str, status: int, body: str, told: str, error_code: str) -> None:
    exc = client_error(code, body, status)
    assert errors.plain_message(exc).startswith(told)
    assert errors.error_code(exc) == (error_code or f"HTTP {status}")


def test_a_code_in_the_header_counts() -> None:
    exc = client_error("403", "Forbidden", 403, **{"x-amzn-errortype": "ForbiddenException:http://internal/"})
    assert errors.error_code(exc) == "ForbiddenException"


@pytest.mark.parametrize("part", ["<Code>", "<title>", "<Message>", "<title x", "&amp;", "{", "\x1b]"])
def test_hostile_bodies_are_little_work(part: str) -> None:
    begin = time.process_time()
    assert len(errors.plain_message(client_error("403", "<" + part * 20_000, 403))) < 600
    assert time.process_time() - begin < 2


def test_what_aws_says_cannot_command_the_terminal() -> None:
    exc = client_error("\x1b[2JOdd", "\x1b]0;owned\x07<b>no\u202e\x9b1m way")
    error = errors.aws_error(exc, "ask")
    assert error.message == "Could not ask: Odd: <b>no way." and error.details["error_code"] == "Odd"


@pytest.mark.parametrize(
    ("said", "step"),
    [
        (f"{DENIED}", "trusts the operator's account"),
        (f"{DENIED} with an explicit deny in a service control policy", "those who manage the organization"),
        (f"{DENIED} because no role trust policy allows the sts:AssumeRole action", "role trust policy"),
        ("MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.", "factor"),
    ],
)
def test_a_role_that_cannot_be_assumed_keeps_its_reason(said: str, step: str) -> None:
    error = errors.not_assumable(client_error("AccessDenied", said, 403), "arn:aws:iam::1:role/r")
    assert error.reason == "role_not_assumable" and step in error.next_step
