# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may call MTurk, judged from policies as people write them."""

from __future__ import annotations

import json
import typing as t

import botocore.session
import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws.principals import policy, rights
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws.principals.shapes import Principal

ACCOUNT = "arn:aws:iam::111122223333:"
FULL = "arn:aws:iam::aws:policy/AmazonMechanicalTurkFullAccess"
ANY = "*"


def document(*statements: dict[str, t.Any]) -> dict[str, t.Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(action: t.Any, resource: t.Any = ANY, **more: t.Any) -> dict[str, t.Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: t.Any, resource: t.Any = ANY, **more: t.Any) -> dict[str, t.Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def managed(arn: str, *statements: dict[str, t.Any]) -> dict[str, t.Any]:
    version = {"VersionId": "v2", "IsDefaultVersion": True, "Document": document(*statements)}
    old = {"VersionId": "v1", "IsDefaultVersion": False, "Document": document(allow("mechanicalturk:*"))}
    return {"Arn": arn, "DefaultVersionId": "v2", "PolicyVersionList": [old, version]}


def attached(*arns: str) -> list[dict[str, str]]:
    return [{"PolicyArn": arn, "PolicyName": arn.rpartition("/")[2]} for arn in arns]


def user(*inline: t.Any, **more: t.Any) -> dict[str, t.Any]:
    policies = [{"PolicyName": f"p{number}", "PolicyDocument": text} for number, text in enumerate(inline)]
    return {"UserName": "ann", "Arn": f"{ACCOUNT}user/labs/ann", "UserPolicyList": policies, **more}


def judged(entity: dict[str, t.Any], **account: t.Any) -> Principal:
    (found,) = rights.judge_principals(users=[entity], **account)[:1]
    return found


def test_the_actions_are_those_of_the_api() -> None:
    operations = botocore.session.get_session().get_service_model("mturk").operation_names
    assert {f"mechanicalturk:{name}" for name in operations} == policy.MTURK_ACTIONS
    assert {
        name for name in policy.MTURK_ACTIONS if name.startswith(("mechanicalturk:Get", "mechanicalturk:List"))
    } == (policy.MTURK_READS)


CONDITION = {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}


@pytest.mark.parametrize(
    ("statements", "right", "read_only"),
    [
        ([allow("mechanicalturk:*")], "yes", False),
        ([allow(["s3:*", "MECHANICALTURK:createhit"])], "yes", False),
        ([allow("mechanicalturk:Get*")], "yes", True),
        ([allow("*:List*")], "yes", True),
        ([allow("m?chanical*:SendBonus")], "yes", False),
        ([allow("*")], "yes", False),
        ([allow("s3:*")], "no", False),
        ([allow("mechanicalturk:Nothing")], "no", False),
        ([allow("mechanicalturk:[GL]*")], "no", False),
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], "yes", False),
        ([{"Effect": "Allow", "NotAction": ["iam:*", "mechanicalturk:*"], "Resource": "*"}], "no", False),
        ([{"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::secret"}], "yes", False),
        ([{"Effect": "Allow", "Action": "*", "NotResource": "*"}], "no", False),
        ([allow("*", "arn:aws:s3:::bucket/*")], "no", False),
        ([allow("*", ["arn:aws:s3:::bucket", "*"])], "yes", False),
        ([allow("mechanicalturk:*", "arn:aws:mechanicalturk:us-east-1:111122223333:*")], "unknown", False),
        ([allow("mechanicalturk:*", "arn:*")], "unknown", False),
        ([allow("mechanicalturk:*", **CONDITION)], "unknown", False),
        ([allow("mechanicalturk:Get*", **CONDITION)], "unknown", True),
        ([allow("mechanicalturk:*"), deny("mechanicalturk:*")], "no", False),
        ([allow("*"), deny("mechanicalturk:*")], "no", False),
        ([allow("mechanicalturk:*"), deny("mechanicalturk:[!a]*")], "yes", False),
        ([allow("mechanicalturk:*"), deny("mechanicalturk:Create*")], "yes", False),
        ([allow(["mechanicalturk:Get*", "mechanicalturk:Send*"]), deny("mechanicalturk:Send*")], "yes", True),
        ([allow("*"), {"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"}], "no", False),
        ([allow("mechanicalturk:*"), deny("*", **CONDITION)], "yes", False),
        ([allow("mechanicalturk:*"), deny("*", "arn:aws:s3:::*")], "yes", False),
        ([allow("mechanicalturk:*", **CONDITION), deny("mechanicalturk:*")], "no", False),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, list) else "",
)
def test_a_policy_is_judged_as_iam_would(statements: list[dict[str, t.Any]], right: str, read_only: bool) -> None:
    found = judged(user(document(*statements)))
    assert (found["mturk_right"], found["read_only"]) == (right, read_only), found
    # A single statement needs no list, and a document may come as its text.
    if len(statements) == 1:
        assert judged(user(json.dumps({"Statement": statements[0]})))["mturk_right"] == right


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[]",
        None,
        7,
        {},
        {"Statement": None},
        {"Statement": ["Allow"]},
        {"Statement": {"Effect": "Perhaps", "Action": "*", "Resource": "*"}},
        {"Statement": {"Effect": "Allow", "Resource": "*"}},
        {"Statement": {"Effect": "Allow", "Action": "s3:*", "NotAction": "iam:*", "Resource": "*"}},
        {"Statement": {"Effect": "Allow", "Action": "*"}},
        {"Statement": {"Effect": "Allow", "Action": [{"a": 1}], "Resource": "*"}},
        {"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*", "condition": {"Bool": {}}}},
        {"Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}, 3]},
    ],
)
def test_what_is_no_policy_is_unknown_and_never_no(text: t.Any) -> None:
    found = judged(user(text))
    assert found["mturk_right"] == "unknown"
    assert found["how"] == [f"inline policy p0, with {policy.UNREADABLE}"]


def test_a_pattern_that_somebody_wrote_to_hold_us_up_is_judged_at_once() -> None:
    assert judged(user(document(allow("*a" * 1500 + "!"))))["mturk_right"] == "no"


def test_rights_come_from_groups_and_managed_policies_and_each_says_so() -> None:
    group = {
        "GroupName": "labs",
        "Arn": f"{ACCOUNT}group/labs",
        "AttachedManagedPolicies": attached(FULL),
        "GroupPolicyList": [{"PolicyName": "more", "PolicyDocument": document(allow("mechanicalturk:List*"))}],
    }
    own = f"{ACCOUNT}policy/turk"
    entity = user(GroupList=["labs"], AttachedManagedPolicies=attached(own), Tags=[{"Key": "lab", "Value": "7"}])
    account = {"groups": [group], "policies": [managed(FULL, allow("mechanicalturk:*")), managed(own, allow("*"))]}
    found = judged(entity, **account)
    assert found["how"] == [
        "managed policy turk",
        "group labs: managed policy AmazonMechanicalTurkFullAccess",
        "group labs: inline policy more",
    ]
    assert found["administrator"] and found["tags"] == {"lab": "7"}
    assert (found["path"], found["name"], found["arn"]) == ("/labs/", "ann", f"{ACCOUNT}user/labs/ann")
    _user, of_group = rights.judge_principals(users=[entity], **account)
    assert (of_group["kind"], of_group["mturk_right"], of_group["administrator"]) == ("group", "yes", False)


def test_only_the_default_version_of_a_managed_policy_counts() -> None:
    assert judged(user(AttachedManagedPolicies=attached(FULL)), policies=[managed(FULL, allow("s3:*"))])[
        "mturk_right"
    ] == ("no")


def test_a_policy_or_a_group_that_is_not_among_the_answers_makes_the_right_unknown() -> None:
    assert judged(user(AttachedManagedPolicies=attached(FULL)))["mturk_right"] == "unknown"
    assert judged(user(GroupList=["gone"]))["mturk_right"] == "unknown"


BOUNDARY = f"{ACCOUNT}policy/limit"
LIMITED = {"PermissionsBoundary": {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": BOUNDARY}}


@pytest.mark.parametrize(
    ("limit", "right", "said"),
    [
        ([allow("*")], "yes", ""),
        ([allow("s3:*")], "no", "does not allow it"),
        ([allow("*"), deny("mechanicalturk:*")], "no", "does not allow it"),
        ([allow("mechanicalturk:Get*")], "yes", "does not allow all of it"),
        ([allow("*", **CONDITION)], "unknown", policy.CONDITION),
    ],
)
def test_a_permissions_boundary_has_to_allow_it_too(limit: list[dict[str, t.Any]], right: str, said: str) -> None:
    found = judged(user(document(allow("*")), **LIMITED), policies=[managed(BOUNDARY, *limit)])
    assert found["mturk_right"] == right
    assert said in " ".join(found["how"][1:]) and (len(found["how"]) > 1) == bool(said)


def test_a_boundary_that_nobody_could_read_makes_the_right_unknown_and_gives_none() -> None:
    assert judged(user(document(allow("*")), **LIMITED))["mturk_right"] == "unknown"
    assert judged(user(document(allow("s3:*")), **LIMITED))["mturk_right"] == "no"


def test_denials_are_told() -> None:
    found = judged(user(document(allow("*")), document(deny("mechanicalturk:*", **CONDITION))))
    assert found["how"] == ["inline policy p0", f"inline policy p1 may deny it, with {policy.CONDITION}"]
    found = judged(user(document(allow("*")), document(deny("mechanicalturk:*"))))
    assert found["mturk_right"] == "no" and found["how"][-1] == "inline policy p1 denies it"


@pytest.mark.parametrize("holder", ["user", "group"])
def test_a_quarantined_user_is_seen(holder: str) -> None:
    arn = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3"
    groups = [{"GroupName": "g", "Arn": f"{ACCOUNT}group/g", "AttachedManagedPolicies": attached(arn)}]
    policies = [managed(arn, deny("iam:*"))]
    entity = user(AttachedManagedPolicies=attached(arn)) if holder == "user" else user(GroupList=["g"])
    assert judged(entity, groups=groups, policies=policies)["quarantined"]
    theirs = user(AttachedManagedPolicies=attached(f"{ACCOUNT}policy/AWSCompromisedKeyQuarantineV3"))
    assert not judged(theirs)["quarantined"], "anybody can give a policy that name"


def test_a_role_has_the_right_and_the_note_that_mturk_takes_no_roles() -> None:
    role = {
        "RoleName": "admin",
        "Arn": f"{ACCOUNT}role/admin",
        "RolePolicyList": [{"PolicyName": "all", "PolicyDocument": document(allow("*"))}],
    }
    (found,) = rights.judge_principals(roles=[role])
    assert found["mturk_right"] == "yes" and found["how"] == ["inline policy all", rights.NO_ROLES]


def test_a_policy_that_is_nested_too_deep_is_in_doubt() -> None:
    assert policy.judge('{"Statement": ' + "[" * 100_000) == policy.UNJUDGED
