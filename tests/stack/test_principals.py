# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may call MTurk, in accounts in which people made users, groups and policies by hand: all are found, no others.

MTurk itself says who may: where a key is judged to have the right or not to have it, the key is tried.
"""

from __future__ import annotations

import json
import pathlib
import typing as t

import botocore.exceptions
import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws.connection import AwsConnection
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws.principals import look
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws.principals.shapes import Principal, Principals
from tests.simulator.clients import lab_client, mturk_client
from tests.simulator.process import Simulator
from tests.simulator.world import ROLE_NAME
from tests.stack.ansible_tasks import run_tasks

pytestmark = pytest.mark.timeout(240)

AWS = "arn:aws:iam::aws:policy/"
MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


def statement(effect: str, **more: t.Any) -> dict[str, t.Any]:
    return {"Effect": effect, "Resource": "*", **more}


def document(*statements: dict[str, t.Any]) -> dict[str, t.Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


ALL_OF_MTURK = document(statement("Allow", Action="mechanicalturk:*"))
ONLY_S3 = document(statement("Allow", Action="s3:*"))

# By user, how it was made, and whether it may call MTurk.
USERS: dict[str, tuple[dict[str, t.Any], str]] = {
    "full": ({"policy_arns": [AWS + "AmazonMechanicalTurkFullAccess"]}, "yes"),
    "reader": ({"policy_arns": [AWS + "AmazonMechanicalTurkReadOnly"]}, "yes"),
    "inline": ({"inline_policies": {"turk": ALL_OF_MTURK}}, "yes"),
    "upper": (
        {"inline_policies": {"turk": document(statement("Allow", Action="MechanicalTurk:getaccountbalance"))}},
        "yes",
    ),
    "wildcard": (
        {"inline_policies": {"most": document(statement("Allow", Action=["mechanicalturk:?et*", "s3:*"]))}},
        "yes",
    ),
    "administrator": ({"policy_arns": [AWS + "AdministratorAccess"]}, "yes"),
    "power": ({"policy_arns": [AWS + "PowerUserAccess"]}, "yes"),
    "not-action": ({"inline_policies": {"rest": document(statement("Allow", NotAction="iam:*"))}}, "yes"),
    "in-a-path": ({"path": "/labs/psychology/", "inline_policies": {"turk": ALL_OF_MTURK}}, "yes"),
    "quarantined": (
        {"policy_arns": [AWS + "AWSCompromisedKeyQuarantineV3", AWS + "AmazonMechanicalTurkFullAccess"]},
        "yes",
    ),
    "denied-in-doubt": (
        {
            "inline_policies": {
                "turk": ALL_OF_MTURK,
                "unless": document(statement("Deny", Action="*", Condition={"StringEquals": {"aws:username": "x"}})),
            }
        },
        "yes",
    ),
    "in-doubt": (
        {"inline_policies": {"mfa": document(statement("Allow", Action="mechanicalturk:*", Condition=MFA))}},
        "unknown",
    ),
    "nothing": ({}, "no"),
    "storage": ({"policy_arns": [AWS + "AmazonS3ReadOnlyAccess"], "inline_policies": {"s3": ONLY_S3}}, "no"),
    "iam-only": ({"policy_arns": [AWS + "IAMFullAccess"]}, "no"),
    "denied": (
        {
            "policy_arns": [AWS + "AmazonMechanicalTurkFullAccess"],
            "inline_policies": {"no": document(statement("Deny", Action="mechanicalturk:*"))},
        },
        "no",
    ),
    "all-but-mturk": (
        {"inline_policies": {"rest": document(statement("Allow", NotAction="mechanicalturk:*"))}},
        "no",
    ),
    "one-bucket": (
        {"inline_policies": {"b": document(statement("Allow", Action="*") | {"Resource": "arn:aws:s3:::b/*"})}},
        "no",
    ),
}
# Through groups, customers' policies and boundaries, which are made with IAM's own calls.
OTHERS = {"through-a-group": "yes", "through-its-inline": "yes", "customers": "yes", "limited": "no"}
RIGHTS = {**{name: right for name, (_made, right) in USERS.items()}, **OTHERS}
# Those whose right depends on what the stack does not judge.
NOT_TRIED = {"in-doubt", "limited"}


def looked(simulator: Simulator, lab: dict[str, t.Any], **options: t.Any) -> Principals:
    connection = AwsConnection(
        {
            "access_key": simulator.ops_access_key,
            "secret_key": simulator.ops_secret_key,
            "assume_role_arn": lab["role_arn"],
            "endpoint_url": simulator.aws_url,
        }
    )
    return look.look(connection, **options).principals


def by_name(found: Principals) -> dict[str, Principal]:
    return {each["name"]: each for each in found["principals"]}


@pytest.fixture(scope="module")
def odd_account(simulator: Simulator) -> tuple[dict[str, t.Any], dict[str, dict[str, str]]]:
    """An account with all of them, each with a key; the keys by user."""
    control = simulator.control
    lab = control.create_lab("principals-odd")
    iam = lab_client(simulator, lab, "iam")
    for name, (made, _right) in USERS.items():
        control.create_user(lab["name"], name, **made)
    for name in OTHERS:
        control.create_user(lab["name"], name, groups=[f"group-of-{name}"])
    iam.attach_group_policy(GroupName="group-of-through-a-group", PolicyArn=AWS + "AmazonMechanicalTurkFullAccess")
    iam.put_group_policy(
        GroupName="group-of-through-its-inline", PolicyName="turk", PolicyDocument=json.dumps(ALL_OF_MTURK)
    )
    for name, text in (("customers", ALL_OF_MTURK), ("limited", ONLY_S3)):
        arn = iam.create_policy(PolicyName=f"of-{name}", PolicyDocument=json.dumps(text))["Policy"]["Arn"]
        if name == "customers":
            iam.attach_user_policy(UserName=name, PolicyArn=arn)
        else:
            iam.attach_user_policy(UserName=name, PolicyArn=AWS + "AmazonMechanicalTurkFullAccess")
            control.limit_user(lab["name"], name, arn)
    keys = {name: control.create_access_key(lab["name"], name) for name in RIGHTS}
    return lab, keys


def test_all_who_may_call_mturk_are_found_and_no_others(
    simulator: Simulator, odd_account: tuple[dict[str, t.Any], dict[str, dict[str, str]]]
) -> None:
    lab, keys = odd_account
    for name, right in RIGHTS.items():
        if name not in NOT_TRIED:
            client = mturk_client(simulator, "production", keys[name]["access_key_id"], keys[name]["secret_access_key"])
            try:
                client.get_account_balance()
                tried = "yes"
            except botocore.exceptions.ClientError as exc:
                assert exc.response["Error"]["Code"] == "AccessDeniedException", exc
                tried = "no"
            assert tried == right, f"MTurk says otherwise of {name}"
    found = looked(simulator, lab)
    users = {each["name"]: each for each in found["principals"] if each["kind"] == "user"}
    assert {name: each["mturk_right"] for name, each in users.items()} == RIGHTS
    assert found["complete"] and found["users_seen"] == len(RIGHTS)

    for name, each in users.items():
        expected = keys[name]["access_key_id"] if RIGHTS[name] != "no" else ""
        assert [key["access_key_id"] for key in each["keys"]] == [expected], name
        used = name not in NOT_TRIED
        assert [bool(key["last_used"]) for key in each["keys"]] == [used], name
        assert {key["last_used_service"] for key in each["keys"]} == {"mturk-requester" if used else ""}, name
    assert {name for name, each in users.items() if each["administrator"]} == {
        "administrator",
        "power",
        "not-action",
    } | {"all-but-mturk"}
    assert {name for name, each in users.items() if each["read_only"]} == {"reader", "upper", "wildcard"}
    assert {name for name, each in users.items() if each["quarantined"]} == {"quarantined"}
    assert users["in-a-path"]["path"] == "/labs/psychology/"
    groups = {each["name"] for each in found["principals"] if each["kind"] == "group"}
    assert groups == {"group-of-through-a-group", "group-of-through-its-inline"}
    assert {each["name"] for each in found["principals"] if each["kind"] == "role"} == {ROLE_NAME}
    # Identity, details, summary, and two for the report; and each user with a right, or with one in doubt.
    assert found["calls"] == 5 + sum(right != "no" for right in RIGHTS.values())


def test_the_ids_of_all_keys_are_told_if_asked_for(
    simulator: Simulator, odd_account: tuple[dict[str, t.Any], dict[str, dict[str, str]]]
) -> None:
    lab, keys = odd_account
    found = by_name(looked(simulator, lab, all_keys=True))
    assert {name: found[name]["keys"][0]["access_key_id"] for name in RIGHTS} == {
        name: key["access_key_id"] for name, key in keys.items()
    }


def test_root_and_its_key(simulator: Simulator) -> None:
    lab = simulator.control.create_lab("principals-root")
    assert by_name(looked(simulator, lab))["root"]["keys"] == []
    simulator.control.set_root_key(lab["name"], "2026-10-05T08:00:00+00:00", "mturk-requester")
    (key,) = by_name(looked(simulator, lab))["root"]["keys"]
    assert (key["status"], key["last_used"], key["last_used_service"]) == (
        "active",
        "2026-10-05T08:00:00Z",
        "mturk-requester",
    )


def test_an_account_of_250_users_costs_six_calls_if_one_may_call_mturk(simulator: Simulator) -> None:
    lab = simulator.control.create_lab("principals-many")
    for number in range(250):
        simulator.control.create_user(lab["name"], f"user-{number:03}")
    simulator.control.create_user(lab["name"], "turk", inline_policies={"turk": ALL_OF_MTURK})
    simulator.control.create_access_key(lab["name"], "turk", status="Inactive")
    before = simulator.control.mark("look")
    found = looked(simulator, lab)
    calls = [call for call in simulator.control.calls(before) if call["account_id"] == lab["account_id"]]
    made = [call["action"] for call in calls if call["action"] not in ("AssumeRole", "mark")]
    assert found["calls"] == len(made) == 6, made
    assert (found["users_seen"], by_name(found)["turk"]["keys"][0]["status"]) == (251, "inactive")


def test_an_account_of_5000_users_costs_one_call_more_a_page(simulator: Simulator) -> None:
    lab = simulator.control.create_lab("principals-5000")
    names = [f"user-{number:04}" for number in range(5000)]
    simulator.control.create_users(lab["name"], names)
    iam = lab_client(simulator, lab, "iam")
    on_all_pages = (names[0], names[2500], names[-1])
    for name in on_all_pages:
        iam.put_user_policy(UserName=name, PolicyName="turk", PolicyDocument=json.dumps(ALL_OF_MTURK))
        simulator.control.create_access_key(lab["name"], name)
    before = simulator.control.mark("look")
    found = looked(simulator, lab)
    made = [call["action"] for call in simulator.control.calls(before) if call["account_id"] == lab["account_id"]]
    assert found["complete"] and found["users_seen"] == 5000
    users = {each["name"]: each for each in found["principals"] if each["kind"] == "user"}
    assert sorted(users) == sorted(on_all_pages)
    assert all(each["keys"][0]["access_key_id"] for each in users.values())
    # Five full pages, and one for the role and the policy; each key's user costs a call.
    assert made.count("GetAccountAuthorizationDetails") == 6
    assert found["calls"] == 4 + 6 + len(on_all_pages)


@pytest.mark.parametrize(
    ("refused", "unread"),
    [
        ("GetAccountAuthorizationDetails", look.USERS_AND_POLICIES),
        ("GenerateCredentialReport", look.CREDENTIAL_REPORT),
        ("GetCredentialReport", look.CREDENTIAL_REPORT),
        ("GetAccountSummary", look.ACCOUNT_SUMMARY),
        ("ListAccessKeys", look.ACCESS_KEYS),
    ],
)
def test_what_an_account_refuses_is_unknown(simulator: Simulator, refused: str, unread: str) -> None:
    lab = simulator.control.create_lab(f"principals-{refused.lower()}")
    simulator.control.create_user(lab["name"], "turk", inline_policies={"turk": ALL_OF_MTURK})
    simulator.control.create_access_key(lab["name"], "turk")
    refuse = statement("Deny", Action=f"iam:{refused}")
    simulator.control.set_role_policy(lab["name"], document(statement("Allow", Action="*"), refuse))
    found = looked(simulator, lab)
    assert [gap["what"] for gap in found["unread"]] == [unread] and not found["complete"]
    assert f"iam:{refused}" in found["unread"][0]["reason"]
    assert by_name(found)["turk"]["mturk_right"] in ("yes", "unknown")
    assert len(by_name(found)["turk"]["keys"]) == 1


def test_the_module_tells_it_and_warns_of_what_it_could_not_read(simulator: Simulator, tmp_path: pathlib.Path) -> None:
    lab = simulator.control.create_lab("principals-module")
    simulator.control.create_user(lab["name"], "turk", inline_policies={"turk": ALL_OF_MTURK})
    refuse = statement("Deny", Action="iam:GetAccountSummary")
    simulator.control.set_role_policy(lab["name"], document(statement("Allow", Action="*"), refuse))
    arguments = {"access_key": simulator.ops_access_key, "secret_key": simulator.ops_secret_key}
    arguments |= {"assume_role_arn": lab["role_arn"], "endpoint_url": simulator.aws_url}
    run = run_tasks(tmp_path, [{"name": "look", "labops.cloudresearch.mturk_principals_info": arguments}])
    result = run.result("look")
    assert (result["account_id"], result["complete"], result["changed"]) == (lab["account_id"], False, False)
    assert "turk" in {each["name"] for each in result["principals"]}
    assert any("iam:GetAccountSummary" in warning for warning in result["warnings"])
