# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at a whole account with real botocore clients: what is asked, what is found, and what is refused."""

from __future__ import annotations

import copy
import datetime
import typing as t

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import connection as aws
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws.principals import look
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws.principals.shapes import Principal
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import hiccups
from ansible_collections.labops.cloudresearch.tests.unit.plugins.plugin_utils.aws.aws_answers import (
    CREATED,
    AwsAnswers,
    Refusal,
    aws_answers,
)

__all__ = ["aws_answers"]

ACCOUNT = "arn:aws:iam::111122223333:"
FULL = "arn:aws:iam::aws:policy/AmazonMechanicalTurkFullAccess"
MTURK = '{"Statement": {"Effect": "Allow", "Action": "mechanicalturk:*", "Resource": "*"}}'
DENIED = Refusal("AccessDenied", "User: x is not authorized to perform: iam:It on resource: *", 403)
COLUMNS = [
    *("user", "arn", "access_key_1_active", "access_key_1_last_rotated", "access_key_1_last_used_date"),
    *("access_key_1_last_used_region", "access_key_1_last_used_service", "access_key_2_active"),
    *("access_key_2_last_rotated", "access_key_2_last_used_date", "access_key_2_last_used_region"),
    "access_key_2_last_used_service",
]
NO_KEY = ("false", "N/A", "N/A", "N/A", "N/A")
USED = ("true", "2026-01-02T03:04:05+00:00", "2026-10-02T00:00:00+00:00", "us-east-1", "mturk-requester")
OLD = ("false", "2020-01-01T00:00:00+00:00", "N/A", "N/A", "N/A")


def report(*rows: tuple[str, ...]) -> dict[str, t.Any]:
    lines = [COLUMNS, *rows]
    return {"Content": "\n".join(map(",".join, lines)).encode(), "ReportFormat": "text/csv"}


def row(name: str, *keys: tuple[str, ...]) -> tuple[str, ...]:
    arn = f"{ACCOUNT}root" if name == "<root_account>" else f"{ACCOUNT}user/{name}"
    one, two = (*keys, NO_KEY, NO_KEY)[:2]
    return name, arn, *one, *two


def user(name: str, inline: str = "", **more: t.Any) -> dict[str, t.Any]:
    policies = [{"PolicyName": "turk", "PolicyDocument": inline}] if inline else []
    return {"UserName": name, "Arn": f"{ACCOUNT}user/{name}", "UserPolicyList": policies, **more}


def key(key_id: str, created: datetime.datetime = CREATED, status: str = "Active") -> dict[str, t.Any]:
    return {"AccessKeyId": key_id, "Status": status, "CreateDate": created, "UserName": "x"}


NEVER_USED = {"UserName": "x", "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"}}
KEY_ID = "AKIAIOSFODNN7EXAMPLE"
QUIET: dict[str, t.Any] = {
    "GetCallerIdentity": {"Account": "111122223333", "Arn": f"{ACCOUNT}user/ops", "UserId": "AIDA1234567890123456"},
    "GenerateCredentialReport": {"State": "STARTED"},
    # botocore decodes documents in place, so each answer is a new one.
    "GetAccountAuthorizationDetails": lambda _parameters: {
        "UserDetailList": [user("ann", MTURK), *(user(f"u{number}") for number in range(199))],
        "IsTruncated": False,
    },
    "GetAccountSummary": {"SummaryMap": {"AccountAccessKeysPresent": 0}},
    "GetCredentialReport": report(
        row("<root_account>"), row("ann", USED), *(row(f"u{number}") for number in range(198)), row("u198", OLD)
    ),
    "ListAccessKeys": {"AccessKeyMetadata": [key(KEY_ID)], "IsTruncated": False},
}


@pytest.fixture
def answers(aws_answers: AwsAnswers) -> AwsAnswers:
    aws_answers.answers |= QUIET
    return aws_answers


def looked(*, all_keys: bool = False, waits: list[float] | None = None) -> look.AccountLook:
    connection = aws.AwsConnection({"access_key": "AKIAOPS0000000000001", "secret_key": "s"})
    return look.look(connection, all_keys=all_keys, pause=(waits if waits is not None else []).append)


def by_name(found: look.AccountLook) -> dict[str, Principal]:
    return {principal["name"]: principal for principal in found.principals["principals"]}


def test_two_hundred_users_of_whom_one_may_call_mturk_cost_six_calls(answers: AwsAnswers) -> None:
    found = looked().principals
    assert found["calls"] == len(answers.calls) == 6
    assert (found["complete"], found["users_seen"], found["account_id"]) == (True, 200, "111122223333")
    assert found["caller_arn"] == f"{ACCOUNT}user/ops"
    ann, other, root = found["principals"]
    assert (ann["name"], ann["mturk_right"], ann["how"]) == ("ann", "yes", ["inline policy turk"])
    assert ann["keys"] == [
        {
            "access_key_id": KEY_ID,
            "status": "active",
            "created": "2026-01-02T03:04:05Z",
            "last_used": "2026-10-02T00:00:00Z",
            "last_used_service": "mturk-requester",
            "last_used_region": "us-east-1",
        }
    ]
    # A user without the right is there for its key, whose id nobody asked for.
    assert (other["name"], other["mturk_right"]) == ("u198", "no")
    assert [(one["access_key_id"], one["status"], one["last_used"]) for one in other["keys"]] == [("", "inactive", "")]
    assert (root["kind"], root["mturk_right"], root["keys"]) == ("root", "yes", [])
    sizes = [call.parameters for call in answers.calls if call.operation == "GetAccountAuthorizationDetails"]
    assert sizes == [{"MaxItems": look.PAGE_SIZE}]


def test_the_ids_of_all_keys_cost_a_call_for_each_user_that_has_some(answers: AwsAnswers) -> None:
    answers.answers["ListAccessKeys"] = lambda parameters: {
        "AccessKeyMetadata": [key(f"AKIA{parameters['UserName'].upper():0>16}")],
        "IsTruncated": False,
    }
    answers.answers["GetAccessKeyLastUsed"] = NEVER_USED
    found = looked(all_keys=True)
    assert found.principals["calls"] == len(answers.calls) == 8, "the report has no key of that age, so IAM is asked"
    assert by_name(found)["u198"]["keys"][0]["access_key_id"] == "AKIA000000000000U198"


def test_what_the_report_does_not_know_yet_is_asked_of_iam(answers: AwsAnswers) -> None:
    """A key made after the report, two keys of one second, and a status that has changed since."""
    answers.answers["GetCredentialReport"] = report(row("ann", USED, USED))
    keys = [key("AKIAIOSFODNN7EXAMPL1"), key("AKIAIOSFODNN7EXAMPL2", status="Inactive")]
    answers.answers["ListAccessKeys"] = {"AccessKeyMetadata": keys, "IsTruncated": False}
    answers.answers["GetAccessKeyLastUsed"] = lambda parameters: {
        "UserName": "ann",
        "AccessKeyLastUsed": {
            "LastUsedDate": CREATED,
            "ServiceName": "s3" if parameters["AccessKeyId"].endswith("1") else "mturk-requester",
            "Region": "us-east-1",
        },
    }
    found = by_name(looked())["ann"]["keys"]
    assert [(one["status"], one["last_used_service"]) for one in found] == [
        ("active", "s3"),
        ("inactive", "mturk-requester"),
    ]


def test_a_user_that_is_younger_than_the_report_is_asked_for_its_keys(answers: AwsAnswers) -> None:
    answers.answers["GetCredentialReport"] = report(row("ann", USED), *(row(f"u{number}") for number in range(198)))
    answers.answers["GetAccessKeyLastUsed"] = NEVER_USED
    assert [one["access_key_id"] for one in by_name(looked())["u198"]["keys"]] == [KEY_ID]


def test_a_large_account_is_read_page_by_page(answers: AwsAnswers) -> None:
    """The policy of the first page's users may be on the last page."""
    attached = {"AttachedManagedPolicies": [{"PolicyArn": FULL, "PolicyName": "AmazonMechanicalTurkFullAccess"}]}
    version = {"VersionId": "v1", "IsDefaultVersion": True, "Document": MTURK}
    pages: dict[str, t.Any] = {
        "": {"UserDetailList": [user("ann", **attached)], "IsTruncated": True, "Marker": "2"},
        "2": {"UserDetailList": [user("bob")], "IsTruncated": True, "Marker": "3"},
        "3": {"Policies": [{"Arn": FULL, "PolicyVersionList": [version]}], "IsTruncated": False},
    }
    answers.answers["GetAccountAuthorizationDetails"] = lambda parameters: copy.deepcopy(
        pages[parameters.get("Marker", "")]
    )
    answers.answers["GetAccessKeyLastUsed"] = NEVER_USED
    found = looked()
    assert found.principals["users_seen"] == 2 and found.principals["calls"] == len(answers.calls)
    assert by_name(found)["ann"]["how"] == ["managed policy AmazonMechanicalTurkFullAccess"]

    pages["2"] = DENIED
    found = looked()
    assert by_name(found)["ann"]["mturk_right"] == "unknown"
    assert [gap["what"] for gap in found.principals["unread"]] == [look.USERS_AND_POLICIES]


def test_keys_are_read_page_by_page(answers: AwsAnswers) -> None:
    """IAM may answer with fewer keys than there are, and say that it goes on."""
    pages: dict[str, t.Any] = {
        "": {"AccessKeyMetadata": [key(KEY_ID)], "IsTruncated": True, "Marker": "2"},
        "2": {"AccessKeyMetadata": [key("AKIASECONDPAGE000000")], "IsTruncated": False},
    }
    answers.answers["ListAccessKeys"] = lambda parameters: pages[parameters.get("Marker", "")]
    answers.answers["GetAccessKeyLastUsed"] = NEVER_USED
    assert {one["access_key_id"] for one in by_name(looked())["ann"]["keys"]} == {KEY_ID, "AKIASECONDPAGE000000"}

    pages["2"] = DENIED
    assert [gap["what"] for gap in looked().principals["unread"]] == [look.ACCESS_KEYS]


@pytest.mark.parametrize(
    ("operation", "unread"),
    [("GetAccountAuthorizationDetails", look.USERS_AND_POLICIES), ("ListAccessKeys", look.ACCESS_KEYS)],
)
def test_a_list_that_goes_on_nobody_knows_where_was_not_read(
    answers: AwsAnswers, monkeypatch: pytest.MonkeyPatch, operation: str, unread: str
) -> None:
    monkeypatch.setattr(hiccups, "pause", lambda _earlier: 0.0)
    answers.answers["GetAccessKeyLastUsed"] = NEVER_USED
    whole = answers.answers[operation]
    answers.answers[operation] = lambda parameters: {
        **(whole(parameters) if callable(whole) else t.cast("dict[str, t.Any]", whole)),
        "IsTruncated": True,
    }
    found = looked().principals
    assert not found["complete"]
    assert [gap["what"] for gap in found["unread"]] == [unread]


def test_the_report_is_waited_for_and_not_for_ever(answers: AwsAnswers) -> None:
    ready = answers.answers["GetCredentialReport"]
    steps = [Refusal("ReportInProgress", status=404), Refusal("ReportExpired", status=410)]
    answers.answers["GetCredentialReport"] = lambda _parameters: steps.pop(0) if steps else ready
    waits: list[float] = []
    found = looked(waits=waits)
    assert found.principals["complete"] and waits == [1, 2]
    assert found.principals["calls"] == len(answers.calls) == 9, "asked three times, and begun anew once"

    answers.answers["GetCredentialReport"] = Refusal("ReportInProgress", status=404)
    answers.answers["GetAccessKeyLastUsed"] = NEVER_USED
    waits.clear()
    found = looked(waits=waits)
    assert sum(waits) == sum(look.REPORT_WAITS) and not found.principals["complete"]
    assert [one["access_key_id"] for one in by_name(found)["ann"]["keys"]] == [KEY_ID], "IAM tells those all the same"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"user,arn\nx,y", b"no csv"])
def test_a_report_that_is_none_is_unread(answers: AwsAnswers, content: bytes) -> None:
    answers.answers["GetCredentialReport"] = {"Content": content}
    answers.answers["GetAccessKeyLastUsed"] = NEVER_USED
    assert [gap["what"] for gap in looked().principals["unread"]] == [look.CREDENTIAL_REPORT]


def test_root_keys(answers: AwsAnswers) -> None:
    answers.answers["GetAccessKeyLastUsed"] = NEVER_USED
    answers.answers["GetAccountSummary"] = {"SummaryMap": {"AccountAccessKeysPresent": 1}}
    (root_key,) = by_name(looked())["root"]["keys"]
    assert (root_key["status"], root_key["created"]) == ("active", ""), "made after the report"
    answers.answers["GetCredentialReport"] = report(row("<root_account>", USED), row("ann", USED))
    (root_key,) = by_name(looked())["root"]["keys"]
    assert (root_key["created"], root_key["last_used_service"]) == ("2026-01-02T03:04:05Z", "mturk-requester")
    answers.answers["GetAccountSummary"] = {"SummaryMap": {"AccountAccessKeysPresent": 0}}
    assert by_name(looked())["root"]["keys"] == [], "deleted after the report"
    answers.answers["GetAccountSummary"] = DENIED
    found = looked()
    assert len(by_name(found)["root"]["keys"]) == 1 and not found.principals["complete"]


def test_an_account_that_refuses_its_policies_has_unknown_users_and_never_none(answers: AwsAnswers) -> None:
    answers.answers["GetAccountAuthorizationDetails"] = DENIED
    answers.answers["ListAccessKeys"] = DENIED
    found = looked()
    assert {gap["what"] for gap in found.principals["unread"]} == {look.USERS_AND_POLICIES, look.ACCESS_KEYS}
    assert all("iam:It" in gap["reason"] for gap in found.principals["unread"])
    ann = by_name(found)["ann"]
    assert (ann["mturk_right"], ann["how"]) == ("unknown", ["its policies could not be read"])
    assert [one["last_used_service"] for one in ann["keys"]] == ["mturk-requester"], "from the report"
    assert answers.counts()["ListAccessKeys"] <= look.AT_ONCE, "who is refused once is not asked 200 times"
    assert found.principals["calls"] == len(answers.calls)


def test_an_account_that_refuses_everything_is_incomplete(answers: AwsAnswers) -> None:
    for name in ("GetAccountAuthorizationDetails", "GenerateCredentialReport", "GetAccountSummary"):
        answers.answers[name] = DENIED
    found = looked()
    assert not found.principals["complete"] and len(found.principals["unread"]) == len(found.errors) == 3
    assert found.principals["users_seen"] == 0
