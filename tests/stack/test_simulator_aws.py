# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The AWS double is as strict as AWS where it matters here. Each test fails if its rule is taken away."""

from __future__ import annotations

import concurrent.futures
import datetime
import json
import time
import typing as t
import urllib.request

import botocore.exceptions
import pytest

from tests.simulator.clients import MTURK_POLICY, client, lab_client, new_key, new_lab, ops_client
from tests.simulator.process import Simulator

EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
ROLE = "OrganizationAccountAccessRole"


def code_of(call: t.Callable[..., t.Any], **arguments: t.Any) -> str:
    """The error code that a call ends with, or ''."""
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as exc:
        return str(exc.response["Error"]["Code"])
    return ""


@pytest.fixture
def lab(simulator: Simulator) -> dict[str, t.Any]:
    return new_lab(simulator)


class TestAssumeRole:
    def test_acts_in_the_lab_s_account(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        identity = lab_client(simulator, lab, "sts").get_caller_identity()
        assert identity["Account"] == lab["account_id"]
        assert identity["Arn"] == f"arn:aws:sts::{lab['account_id']}:assumed-role/{ROLE}/tests"

    def test_users_of_two_labs_do_not_mix(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        other = new_lab(simulator)
        lab_client(simulator, lab, "iam").create_user(UserName="only-here")
        assert code_of(lab_client(simulator, other, "iam").get_user, UserName="only-here") == "NoSuchEntity"

    @pytest.mark.parametrize(
        "role_arn",
        ["arn:aws:iam::999999999999:role/" + ROLE, "arn:aws:iam::{account_id}:role/NoSuchRole", "{role_arn}x"],
    )
    def test_unknown_account_and_missing_role_are_refused_alike(
        self, simulator: Simulator, lab: dict[str, t.Any], role_arn: str
    ) -> None:
        sts = ops_client(simulator, "sts")
        with pytest.raises(botocore.exceptions.ClientError) as failure:
            sts.assume_role(RoleArn=role_arn.format(**lab), RoleSessionName="tests")
        assert failure.value.response["Error"]["Code"] == "AccessDenied"
        assert "is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::" in str(failure.value)

    def test_a_caller_who_is_not_trusted_is_refused(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        sts = ops_client(simulator, "sts")
        stranger = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
        }
        simulator.control.set_role_trust(lab["name"], {"Version": "2012-10-17", "Statement": [stranger]})
        assert code_of(sts.assume_role, RoleArn=lab["role_arn"], RoleSessionName="tests") == "AccessDenied"
        simulator.control.set_role_trust(lab["name"], None)
        assert code_of(sts.assume_role, RoleArn=lab["role_arn"], RoleSessionName="tests") == ""

    def test_an_external_id_is_demanded(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        sts = ops_client(simulator, "sts")
        statement = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"AWS": simulator.management_account_id},
            "Condition": {"StringEquals": {"sts:ExternalId": "our-labs"}},
        }
        simulator.control.set_role_trust(lab["name"], {"Version": "2012-10-17", "Statement": statement})
        arguments = {"RoleArn": lab["role_arn"], "RoleSessionName": "tests"}
        assert code_of(sts.assume_role, **arguments) == "AccessDenied"
        assert code_of(sts.assume_role, **arguments, ExternalId="wrong") == "AccessDenied"
        assert code_of(sts.assume_role, **arguments, ExternalId="our-labs") == ""

    def test_the_organization_can_be_a_condition(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        sts = ops_client(simulator, "sts")
        for wanted, code in (("${aws:PrincipalOrgID}", ""), ("o-somebodyelses", "AccessDenied")):
            condition = {"StringEquals": {"aws:ResourceOrgID": wanted}}
            statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*", "Condition": condition}
            simulator.control.set_ops_policy({"Version": "2012-10-17", "Statement": [statement]})
            assert code_of(sts.assume_role, RoleArn=lab["role_arn"], RoleSessionName="tests") == code, wanted
        simulator.control.set_ops_policy(None)

    def test_a_deleted_role_and_a_closed_account_are_refused(self, simulator: Simulator) -> None:
        sts = ops_client(simulator, "sts")
        without_role, closed = new_lab(simulator), new_lab(simulator)
        simulator.control.delete_role(without_role["name"])
        simulator.control.close_account(closed["name"])
        for lab in (without_role, closed):
            assert code_of(sts.assume_role, RoleArn=lab["role_arn"], RoleSessionName="tests") == "AccessDenied"

    def test_session_name_and_duration_are_checked(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        sts = ops_client(simulator, "sts")
        for wrong in ({"RoleSessionName": "has space"}, {"RoleSessionName": "x" * 65}, {"DurationSeconds": 7200}):
            arguments = {"RoleArn": lab["role_arn"], "RoleSessionName": "tests", **wrong}
            assert code_of(sts.assume_role, **arguments) == "ValidationError", wrong

    def test_an_ended_session_is_refused(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        iam = lab_client(simulator, lab, "iam")
        secrets = lab_client(simulator, lab, "secretsmanager")
        assert code_of(iam.list_users) == ""
        simulator.control.expire_role_sessions(lab["name"])
        assert code_of(iam.list_users) == "ExpiredToken"
        assert code_of(secrets.list_secrets) == "ExpiredTokenException"


class TestCredentials:
    def test_wrong_secret(self, simulator: Simulator) -> None:
        wrong = (simulator.aws_url, simulator.ops_access_key, "not-the-secret")
        assert code_of(client("iam", *wrong).list_users) == "SignatureDoesNotMatch"
        assert code_of(client("secretsmanager", *wrong).list_secrets) == "InvalidSignatureException"

    def test_unknown_key(self, simulator: Simulator) -> None:
        wrong = (simulator.aws_url, "AKIAAAAAAAAAAAAAAAAA", simulator.ops_secret_key)
        assert code_of(client("iam", *wrong).list_users) == "InvalidClientTokenId"
        assert code_of(client("ssm", *wrong).describe_parameters) == "UnrecognizedClientException"

    def test_temporary_credentials_need_their_own_token(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        sts = ops_client(simulator, "sts")
        assume = {"RoleArn": lab["role_arn"], "RoleSessionName": "tests"}
        one, other = (sts.assume_role(**assume)["Credentials"] for unused in range(2))
        for token in (None, other["SessionToken"]):
            iam = client("iam", simulator.aws_url, one["AccessKeyId"], one["SecretAccessKey"], token)
            assert code_of(iam.list_users) == "InvalidClientTokenId"

    def test_inactive_and_deleted_keys(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        iam = lab_client(simulator, lab, "iam")
        key_id, secret = new_key(simulator, lab)
        own = client("sts", simulator.aws_url, key_id, secret)
        assert code_of(own.get_caller_identity) == ""
        iam.update_access_key(UserName="somebody", AccessKeyId=key_id, Status="Inactive")
        assert code_of(own.get_caller_identity) == "InvalidClientTokenId"
        iam.update_access_key(UserName="somebody", AccessKeyId=key_id, Status="Active")
        assert code_of(own.get_caller_identity) == ""
        iam.delete_access_key(UserName="somebody", AccessKeyId=key_id)
        assert code_of(own.get_caller_identity) == "InvalidClientTokenId"

    def test_unsigned_requests(self, simulator: Simulator) -> None:
        request = urllib.request.Request(simulator.aws_url, data=b"Action=ListUsers&Version=2010-05-08")
        with pytest.raises(urllib.error.HTTPError) as failure:
            urllib.request.urlopen(request, timeout=10)
        assert failure.value.code == 403
        assert b"MissingAuthenticationToken" in failure.value.read()

    def test_headers_that_must_be_signed(self, simulator: Simulator) -> None:
        import botocore.auth
        import botocore.awsrequest
        import botocore.credentials

        def send(service: str, unsigned: str) -> int:
            """The status of a request whose signature is right, but leaves a header out."""
            headers = {"X-Amz-Target": "AmazonSSM.DescribeParameters", "Content-Type": "application/x-amz-json-1.1"}
            signer = botocore.auth.SigV4Auth(
                botocore.credentials.Credentials(simulator.ops_access_key, simulator.ops_secret_key),
                service,
                "us-east-1",
            )
            left_out = {unsigned: headers.pop(unsigned)} if unsigned in headers else {}
            request = botocore.awsrequest.AWSRequest("POST", simulator.aws_url + "/", headers=headers, data=b"{}")
            signer.add_auth(request)
            sent = {**dict(request.headers.items()), **left_out}
            message = urllib.request.Request(simulator.aws_url + "/", data=b"{}", headers=sent, method="POST")
            try:
                with urllib.request.urlopen(message, timeout=10) as answer:
                    return int(answer.status)
            except urllib.error.HTTPError as exc:
                assert b"must be a 'SignedHeader'" in exc.read()
                return exc.code

        assert send("ssm", "") == 200
        assert send("ssm", "X-Amz-Target") == 400

    def test_a_wrong_clock(self, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
        import botocore.auth

        late = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=6)
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *_ignored, **_too: late.replace(tzinfo=None))
        assert code_of(ops_client(simulator, "iam").list_users) == "SignatureDoesNotMatch"

    def test_new_keys_spread_slowly_if_told_so(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        iam = lab_client(simulator, lab, "iam")
        iam.create_user(UserName="new")
        simulator.control.set(iam_propagation_uses=2)
        try:
            key = iam.create_access_key(UserName="new")["AccessKey"]
        finally:
            simulator.control.set(iam_propagation_uses=0)
        own = client("sts", simulator.aws_url, key["AccessKeyId"], key["SecretAccessKey"])
        answers = [code_of(own.get_caller_identity) for unused in range(4)]
        assert answers == ["InvalidClientTokenId", "InvalidClientTokenId", "", ""]


class TestIam:
    def test_two_keys_at_most(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        iam = lab_client(simulator, lab, "iam")
        iam.create_user(UserName="u")
        keys = [iam.create_access_key(UserName="u")["AccessKey"] for unused in range(2)]
        assert code_of(iam.create_access_key, UserName="u") == "LimitExceeded"
        iam.update_access_key(UserName="u", AccessKeyId=keys[0]["AccessKeyId"], Status="Inactive")
        assert code_of(iam.create_access_key, UserName="u") == "LimitExceeded"
        iam.delete_access_key(UserName="u", AccessKeyId=keys[0]["AccessKeyId"])
        assert code_of(iam.create_access_key, UserName="u") == ""

    def test_two_keys_at_most_when_many_ask_at_once(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        iam = lab_client(simulator, lab, "iam")
        iam.create_user(UserName="u")
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            codes = list(pool.map(lambda _n: code_of(iam.create_access_key, UserName="u"), range(8)))
        assert sorted(codes) == ["", "", *["LimitExceeded"] * 6]

    def test_key_dates_are_in_whole_seconds(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        iam = lab_client(simulator, lab, "iam")
        iam.create_user(UserName="u")
        key = iam.create_access_key(UserName="u")["AccessKey"]
        listed = iam.list_access_keys(UserName="u")["AccessKeyMetadata"][0]
        assert key["CreateDate"].microsecond == 0 and listed["CreateDate"] == key["CreateDate"]
        assert "SecretAccessKey" not in listed

    def test_a_user_in_use_is_not_deleted(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        iam = lab_client(simulator, lab, "iam")
        simulator.control.create_user(
            lab["name"],
            "u",
            policy_arns=[MTURK_POLICY],
            inline_policies={"p": EVERYTHING},
            groups=["g"],
            console_password="Secret-Passw0rd!",
        )
        key = simulator.control.create_access_key(lab["name"], "u")["access_key_id"]
        undo: list[t.Callable[[], t.Any]] = [
            lambda: iam.delete_access_key(UserName="u", AccessKeyId=key),
            lambda: iam.detach_user_policy(UserName="u", PolicyArn=MTURK_POLICY),
            lambda: iam.delete_user_policy(UserName="u", PolicyName="p"),
            lambda: iam.remove_user_from_group(UserName="u", GroupName="g"),
            lambda: iam.delete_login_profile(UserName="u"),
        ]
        for step in undo:
            assert code_of(iam.delete_user, UserName="u") == "DeleteConflict"
            step()
        assert code_of(iam.delete_user, UserName="u") == ""
        assert code_of(iam.get_user, UserName="u") == "NoSuchEntity"

    def test_a_role_has_no_user_of_its_own(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        iam = lab_client(simulator, lab, "iam")
        for call in (iam.get_user, iam.list_access_keys, iam.create_access_key):
            assert code_of(call) == "ValidationError"

    def test_names_are_checked_against_the_model(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        iam = lab_client(simulator, lab, "iam")
        assert code_of(iam.create_user, UserName="not allowed!") == "ValidationError"
        assert code_of(iam.update_access_key, UserName="u", AccessKeyId="A" * 20, Status="Off") == "ValidationError"

    def test_only_needed_managed_policies_exist(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        iam = lab_client(simulator, lab, "iam")
        iam.create_user(UserName="u")
        iam.attach_user_policy(UserName="u", PolicyArn=MTURK_POLICY)
        attached = iam.list_attached_user_policies(UserName="u")["AttachedPolicies"]
        assert attached == [{"PolicyName": "AmazonMechanicalTurkFullAccess", "PolicyArn": MTURK_POLICY}]
        assert code_of(iam.attach_user_policy, UserName="u", PolicyArn=MTURK_POLICY + "x") == "NoSuchEntity"


class TestLastUse:
    def test_every_use_is_noted(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        iam = lab_client(simulator, lab, "iam")
        key_id, secret = new_key(simulator, lab)
        before = iam.get_access_key_last_used(AccessKeyId=key_id)
        assert before["UserName"] == "somebody"
        assert before["AccessKeyLastUsed"] == {"ServiceName": "N/A", "Region": "N/A"}

        client("sts", simulator.aws_url, key_id, secret).get_caller_identity()
        used = iam.get_access_key_last_used(AccessKeyId=key_id)["AccessKeyLastUsed"]
        assert (used["ServiceName"], used["Region"]) == ("sts", "us-east-1")
        assert abs(used["LastUsedDate"].timestamp() - time.time()) < 5

        assert code_of(client("ssm", simulator.aws_url, key_id, secret, region="eu-west-1").describe_parameters) != ""
        used = iam.get_access_key_last_used(AccessKeyId=key_id)["AccessKeyLastUsed"]
        assert (used["ServiceName"], used["Region"]) == ("ssm", "eu-west-1")

    def test_a_wrong_signature_is_no_use(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        key_id, _secret = new_key(simulator, lab)
        code_of(client("sts", simulator.aws_url, key_id, "wrong").get_caller_identity)
        assert simulator.control.keys(lab["name"])[0]["last_used"] is None

    def test_an_unknown_key_is_not_found(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        iam = lab_client(simulator, lab, "iam")
        elsewhere, _secret = new_key(simulator, new_lab(simulator))
        assert code_of(iam.get_access_key_last_used, AccessKeyId=elsewhere) == "NoSuchEntity"


class TestPolicies:
    def test_a_lab_s_user_may_not_manage_iam(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        iam = client("iam", simulator.aws_url, *new_key(simulator, lab))
        with pytest.raises(botocore.exceptions.ClientError) as failure:
            iam.create_access_key(UserName="somebody")
        assert failure.value.response["Error"]["Code"] == "AccessDenied"
        assert "is not authorized to perform: iam:CreateAccessKey" in str(failure.value)

    def test_the_role_can_be_restricted(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        allow = {
            "Effect": "Allow",
            "Action": ["iam:Get*", "iam:CreateUser", "iam:TagUser"],
            "Resource": "arn:aws:iam::*:user/cloudresearch-*",
        }
        attach = {
            "Effect": "Allow",
            "Action": "iam:AttachUserPolicy",
            "Resource": "*",
            "Condition": {"ArnEquals": {"iam:PolicyARN": MTURK_POLICY}},
        }
        simulator.control.set_role_policy(lab["name"], {"Version": "2012-10-17", "Statement": [allow, attach]})
        iam = lab_client(simulator, lab, "iam")
        tags = [{"Key": "managed-by", "Value": "x"}]
        assert code_of(iam.create_user, UserName="cloudresearch-mturk", Tags=tags) == ""
        assert code_of(iam.create_user, UserName="other") == "AccessDenied"
        assert code_of(iam.get_user, UserName="cloudresearch-mturk") == ""
        assert code_of(iam.list_access_keys, UserName="cloudresearch-mturk") == "AccessDenied"
        assert code_of(iam.attach_user_policy, UserName="cloudresearch-mturk", PolicyArn=MTURK_POLICY) == ""
        administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
        assert (
            code_of(iam.attach_user_policy, UserName="cloudresearch-mturk", PolicyArn=administrator) == "AccessDenied"
        )
        simulator.control.set_role_policy(lab["name"], None)
        assert code_of(iam.list_access_keys, UserName="cloudresearch-mturk") == ""

    def test_creating_with_tags_needs_the_permission_to_tag(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        allow = {"Effect": "Allow", "Action": "iam:CreateUser", "Resource": "*"}
        simulator.control.set_role_policy(lab["name"], {"Version": "2012-10-17", "Statement": [allow]})
        iam = lab_client(simulator, lab, "iam")
        assert code_of(iam.create_user, UserName="a", Tags=[{"Key": "k", "Value": "v"}]) == "AccessDenied"
        assert code_of(iam.create_user, UserName="a") == ""

    def test_the_resource_s_tags_can_decide(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        simulator.control.create_user(lab["name"], "ours", tags={"managed-by": "labops.cloudresearch"})
        simulator.control.create_user(lab["name"], "theirs")
        allow = {
            "Effect": "Allow",
            "Action": "iam:CreateAccessKey",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceTag/managed-by": "labops.cloudresearch"}},
        }
        simulator.control.set_role_policy(lab["name"], {"Version": "2012-10-17", "Statement": [allow]})
        iam = lab_client(simulator, lab, "iam")
        assert code_of(iam.create_access_key, UserName="ours") == ""
        assert code_of(iam.create_access_key, UserName="theirs") == "AccessDenied"

    def test_the_ops_user_can_be_restricted(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        other = new_lab(simulator)
        allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": lab["role_arn"]}
        simulator.control.set_ops_policy({"Version": "2012-10-17", "Statement": [allow]})
        try:
            sts = ops_client(simulator, "sts")
            assert code_of(sts.assume_role, RoleArn=lab["role_arn"], RoleSessionName="tests") == ""
            assert code_of(sts.assume_role, RoleArn=other["role_arn"], RoleSessionName="tests") == "AccessDenied"
            assert code_of(ops_client(simulator, "organizations").list_accounts) == "AccessDeniedException"
        finally:
            simulator.control.set_ops_policy(None)

    def test_a_secret_s_policy_must_allow_for_the_suffix_of_its_arn(
        self, simulator: Simulator, lab: dict[str, t.Any]
    ) -> None:
        resources = [
            "arn:aws:secretsmanager:*:*:secret:labs/exact",
            "arn:aws:secretsmanager:*:*:secret:labs/open-??????",
        ]
        allow = {"Effect": "Allow", "Action": "secretsmanager:*", "Resource": resources}
        simulator.control.set_role_policy(lab["name"], {"Version": "2012-10-17", "Statement": [allow]})
        secrets = lab_client(simulator, lab, "secretsmanager")
        assert code_of(secrets.create_secret, Name="labs/exact", SecretString="x") == "AccessDeniedException"
        assert code_of(secrets.create_secret, Name="labs/open", SecretString="x") == ""
        assert code_of(secrets.get_secret_value, SecretId="labs/open") == ""

    def test_an_unknown_condition_is_not_guessed(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        from tests.simulator.control import ControlError

        odd = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"BinaryEquals": {"a": "b"}}}
        with pytest.raises(ControlError, match="BinaryEquals"):
            simulator.control.set_role_policy(lab["name"], {"Version": "2012-10-17", "Statement": [odd]})


class TestOtherServices:
    def test_secrets_and_parameters_stay_in_their_account_and_region(
        self, simulator: Simulator, lab: dict[str, t.Any]
    ) -> None:
        secrets = lab_client(simulator, lab, "secretsmanager", region="eu-central-1")
        secrets.create_secret(Name="labs/one", SecretString=json.dumps({"a": 1}))
        assert json.loads(secrets.get_secret_value(SecretId="labs/one")["SecretString"]) == {"a": 1}
        assert code_of(secrets.create_secret, Name="labs/one", SecretString="x") == "ResourceExistsException"
        for elsewhere in (
            lab_client(simulator, lab, "secretsmanager"),
            ops_client(simulator, "secretsmanager", region="eu-central-1"),
        ):
            assert code_of(elsewhere.get_secret_value, SecretId="labs/one") == "ResourceNotFoundException"

        parameters = lab_client(simulator, lab, "ssm")
        parameters.put_parameter(Name="/labs/one", Value="v", Type="SecureString")
        assert parameters.get_parameter(Name="/labs/one", WithDecryption=True)["Parameter"]["Value"] == "v"
        assert parameters.get_parameter(Name="/labs/one")["Parameter"]["Value"] != "v"
        again = {"Name": "/labs/one", "Value": "w", "Type": "SecureString"}
        assert code_of(parameters.put_parameter, **again) == "ParameterAlreadyExists"

    def test_organization_with_nested_units_and_tags(self, simulator: Simulator) -> None:
        one = new_lab(simulator, ou="Research/Psychology", tags={"lab": "one"})
        other = new_lab(simulator, ou=["Research"])
        organizations = ops_client(simulator, "organizations")
        root = organizations.list_roots()["Roots"][0]["Id"]
        parent = organizations.list_parents(ChildId=one["account_id"])["Parents"][0]
        assert parent["Type"] == "ORGANIZATIONAL_UNIT"
        unit = organizations.describe_organizational_unit(OrganizationalUnitId=parent["Id"])["OrganizationalUnit"]
        assert unit["Name"] == "Psychology"
        above = organizations.list_parents(ChildId=parent["Id"])["Parents"][0]
        accounts = organizations.list_accounts_for_parent(ParentId=above["Id"])["Accounts"]
        assert [account["Id"] for account in accounts] == [other["account_id"]]
        assert organizations.list_parents(ChildId=above["Id"])["Parents"][0]["Id"] == root
        tags = organizations.list_tags_for_resource(ResourceId=one["account_id"])["Tags"]
        assert tags == [{"Key": "lab", "Value": "one"}]
        assert code_of(lab_client(simulator, one, "organizations").list_accounts) == "AccessDeniedException"

    def test_accounts_come_in_pages_of_twenty(self, simulator: Simulator) -> None:
        labs = simulator.control.create_labs([{"name": f"page-{time.time_ns()}-{n}"} for n in range(45)])
        organizations = ops_client(simulator, "organizations")
        assert len(organizations.list_accounts()["Accounts"]) == 20
        pages = list(organizations.get_paginator("list_accounts").paginate())
        found = [account["Id"] for page in pages for account in page["Accounts"]]
        assert len(found) == len(set(found)) and {lab["account_id"] for lab in labs} <= set(found)

    def test_services_that_do_not_exist_here(self, simulator: Simulator) -> None:
        assert code_of(ops_client(simulator, "kms").list_keys) == "UnknownOperationException"
