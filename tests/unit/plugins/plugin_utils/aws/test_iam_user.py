# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading an IAM user, and taking away what it has too much of, with a real botocore client."""

from __future__ import annotations

import concurrent.futures
import typing as t

import botocore.exceptions
import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import connection as aws
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import iam_user
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import vocabulary
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.tests.unit.plugins.plugin_utils.aws.aws_answers import (
    CREATED,
    AwsAnswers,
    Refusal,
    aws_answers,
)

__all__ = ["aws_answers"]

MISSING = Refusal("NoSuchEntity", "The user cannot be found.", 404)
USER = {
    "Path": "/labs/",
    "UserName": "cloudresearch-mturk",
    "UserId": "AIDA1234567890123456",
    "Arn": "arn:aws:iam::111122223333:user/labs/cloudresearch-mturk",
    "CreateDate": CREATED,
}
OURS = {"Key": vocabulary.MANAGED_TAG_KEY, "Value": vocabulary.MANAGED_TAG_VALUE}
BARE: dict[str, t.Any] = {
    "GetUser": {"User": {**USER, "Tags": [OURS, {"Key": "lab", "Value": "01"}]}},
    "ListAttachedUserPolicies": {"AttachedPolicies": [], "IsTruncated": False},
    "ListUserPolicies": {"PolicyNames": [], "IsTruncated": False},
    "ListGroupsForUser": {"Groups": [], "IsTruncated": False},
    "GetLoginProfile": MISSING,
}


def client() -> t.Any:
    return aws.AwsConnection({"access_key": "AKIAOPS0000000000001", "secret_key": "s"}).client("iam")


def reading(*, thorough: bool = True) -> iam_user.UserReading:
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return iam_user.read_user(client(), "cloudresearch-mturk", thorough=thorough, pool=pool)


def read(*, thorough: bool = True) -> iam_user.UserDescription:
    found = reading(thorough=thorough)
    assert not found.unread
    return found.user


def test_a_user_without_anything(aws_answers: AwsAnswers) -> None:
    aws_answers.answers = dict(BARE)
    assert read() == {
        "exists": True,
        "name": "cloudresearch-mturk",
        "arn": USER["Arn"],
        "created": "2026-01-02T03:04:05Z",
        "managed": True,
        "tags": {vocabulary.MANAGED_TAG_KEY: vocabulary.MANAGED_TAG_VALUE, "lab": "01"},
        "attached_policies": [],
        "inline_policies": [],
        "groups": [],
        "console_access": False,
    }
    assert set(aws_answers.counts().values()) == {1} and len(aws_answers.calls) == 5


def test_everything_a_user_can_have_over_several_pages(aws_answers: AwsAnswers) -> None:
    def policies(parameters: dict[str, t.Any]) -> dict[str, t.Any]:
        number = int(parameters.get("Marker", 0))
        page = {"AttachedPolicies": [{"PolicyName": f"p{number}", "PolicyArn": f"arn:aws:iam::aws:policy/p{number}"}]}
        more = {"IsTruncated": True, "Marker": str(number + 1)} if number < 2 else {"IsTruncated": False}
        return {**page, **more}

    group = {
        "Path": "/",
        "GroupName": "admins",
        "GroupId": "AGPA1234567890123456",
        "Arn": "arn:aws:iam::1:group/admins",
    }
    aws_answers.answers = {
        **BARE,
        "ListAttachedUserPolicies": policies,
        "ListUserPolicies": {"PolicyNames": ["inline"], "IsTruncated": False},
        "ListGroupsForUser": {"Groups": [{**group, "CreateDate": CREATED}], "IsTruncated": False},
        "GetLoginProfile": {"LoginProfile": {"UserName": "u", "CreateDate": CREATED}},
    }
    user = read()
    assert user["attached_policies"] == [f"arn:aws:iam::aws:policy/p{number}" for number in range(3)]
    assert (user["inline_policies"], user["groups"], user["console_access"]) == (["inline"], ["admins"], True)
    assert aws_answers.counts()["ListAttachedUserPolicies"] == 3


def test_a_shallow_look_leaves_open_what_it_did_not_read(aws_answers: AwsAnswers) -> None:
    aws_answers.answers = {name: BARE[name] for name in ("GetUser", "ListAttachedUserPolicies")}
    user = read(thorough=False)
    assert (user["inline_policies"], user["groups"], user["console_access"]) == (None, None, None)
    assert user["attached_policies"] == []
    assert iam_user.excess(user, vocabulary.MTURK_POLICY_ARN) == {}


def test_no_user(aws_answers: AwsAnswers) -> None:
    aws_answers.answers = {"GetUser": MISSING}
    user = read()
    assert user == iam_user.no_user("cloudresearch-mturk") and not user["exists"]
    assert aws_answers.counts() == {"GetUser": 1}


def test_a_user_that_goes_while_it_is_read(aws_answers: AwsAnswers) -> None:
    aws_answers.answers = {**dict.fromkeys(BARE, MISSING), "GetUser": BARE["GetUser"]}
    user = read()
    assert user["exists"] and user["attached_policies"] == user["inline_policies"] == user["groups"] == []


@pytest.mark.parametrize("tags", [[], [{"Key": vocabulary.MANAGED_TAG_KEY, "Value": "somebody"}], None])
def test_a_user_that_is_not_ours(aws_answers: AwsAnswers, tags: list[dict[str, str]] | None) -> None:
    aws_answers.answers = {**BARE, "GetUser": {"User": USER if tags is None else {**USER, "Tags": tags}}}
    assert read()["managed"] is False


DENIED = {
    "ListAttachedUserPolicies": "attached_policies",
    "ListUserPolicies": "inline_policies",
    "ListGroupsForUser": "groups",
    "GetLoginProfile": "console_access",
}


def denial(operation: str) -> Refusal:
    return Refusal("AccessDenied", f"User: x is not authorized to perform: iam:{operation} on resource: y", 403)


@pytest.mark.parametrize(("operation", "part"), DENIED.items())
def test_a_denied_read_leaves_its_part_unknown_and_says_why(aws_answers: AwsAnswers, operation: str, part: str) -> None:
    aws_answers.answers = {**BARE, operation: denial(operation)}
    found = reading()
    assert dict(found.user)[part] is None and list(found.unread) == [part]
    error = found.unread[part]
    assert error.reason == "access_denied" and error.details["missing_action"] == f"iam:{operation}"
    assert "cloudresearch-mturk" in error.message


def test_a_user_that_may_not_be_read_is_an_error(aws_answers: AwsAnswers) -> None:
    aws_answers.answers = {**BARE, "GetUser": denial("GetUser")}
    with pytest.raises(CollectionError) as caught:
        read()
    assert caught.value.reason == "access_denied" and caught.value.details["missing_action"] == "iam:GetUser"


def test_the_users_that_have_a_policy_of_their_own_or_through_a_group(aws_answers: AwsAnswers) -> None:
    group = {
        "Path": "/",
        "GroupName": "students",
        "GroupId": "AGPA1234567890123456",
        "Arn": "arn:aws:iam::1:group/students",
        "CreateDate": CREATED,
    }
    member = {**USER, "UserName": "student"}
    aws_answers.answers = {
        "ListEntitiesForPolicy": {
            "PolicyUsers": [{"UserName": "by-hand", "UserId": "AIDA1234567890123457"}],
            "PolicyGroups": [{"GroupName": "students", "GroupId": "AGPA1234567890123456"}],
            "PolicyRoles": [],
            "IsTruncated": False,
        },
        "GetGroup": {"Group": group, "Users": [member], "IsTruncated": False},
    }
    assert iam_user.policy_holders(client(), vocabulary.MTURK_POLICY_ARN) == [
        iam_user.PolicyHolder("by-hand", "policy"),
        iam_user.PolicyHolder("student", "group students"),
    ]


def test_a_policy_that_nobody_has_and_one_that_does_not_exist(aws_answers: AwsAnswers) -> None:
    nobody = {"PolicyUsers": [], "PolicyGroups": [], "PolicyRoles": [], "IsTruncated": False}
    for answer, holders in ((nobody, []), (MISSING, None)):
        aws_answers.answers = {"ListEntitiesForPolicy": answer}
        assert iam_user.policy_holders(client(), "arn:aws:iam::111122223333:policy/none") == holders


def test_an_unreachable_aws(aws_answers: AwsAnswers) -> None:
    aws_answers.answers = {"GetUser": botocore.exceptions.EndpointConnectionError(endpoint_url="http://x")}
    with pytest.raises(CollectionError) as caught:
        read()
    assert caught.value.reason == "unreachable"


# -- too much --------------------------------------------------------------------------------------------------------

TOO_MUCH = {
    "console_access": True,
    "inline_policies": ["inline"],
    "groups": ["admins", "staff"],
    "attached_policies": [vocabulary.MTURK_POLICY_ARN, "arn:aws:iam::aws:policy/AdministratorAccess"],
}


def test_what_a_user_has_too_much_of() -> None:
    assert iam_user.excess(TOO_MUCH, vocabulary.MTURK_POLICY_ARN) == {
        "console_access": ["password"],
        "inline_policies": ["inline"],
        "groups": ["admins", "staff"],
        "attached_policies": ["arn:aws:iam::aws:policy/AdministratorAccess"],
    }
    assert set(iam_user.excess(TOO_MUCH, "")) == set(iam_user.EXCESS_KINDS)


def test_it_is_taken_away_and_nothing_else(aws_answers: AwsAnswers) -> None:
    removals = ("DeleteLoginProfile", "DeleteUserPolicy", "RemoveUserFromGroup", "DetachUserPolicy")
    aws_answers.answers = {name: {} for name in removals}
    # Somebody else was faster with one of them.
    aws_answers.answers["DeleteUserPolicy"] = MISSING
    iam_user.remove_excess(client(), "u", iam_user.excess(TOO_MUCH, vocabulary.MTURK_POLICY_ARN))
    assert [(call.operation, call.parameters) for call in aws_answers.calls] == [
        ("DeleteLoginProfile", {"UserName": "u"}),
        ("DeleteUserPolicy", {"UserName": "u", "PolicyName": "inline"}),
        ("RemoveUserFromGroup", {"UserName": "u", "GroupName": "admins"}),
        ("RemoveUserFromGroup", {"UserName": "u", "GroupName": "staff"}),
        ("DetachUserPolicy", {"UserName": "u", "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}),
    ]


def test_a_removal_that_is_denied_says_which(aws_answers: AwsAnswers) -> None:
    aws_answers.answers = {"RemoveUserFromGroup": Refusal("AccessDenied", status=403)}
    with pytest.raises(CollectionError) as caught:
        iam_user.remove_excess(client(), "u", {"groups": ["admins"]})
    assert "end the membership in group admins of the IAM user u" in caught.value.message
