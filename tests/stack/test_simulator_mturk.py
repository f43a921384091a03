# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The MTurk double is as strict as MTurk. Each test fails if its rule is taken away."""

from __future__ import annotations

import json
import typing as t
import urllib.error
import urllib.request

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import pytest

from tests.simulator.clients import MTURK_POLICY, lab_client, mturk_client, new_key, new_lab, ops_client
from tests.simulator.process import Simulator

TARGET = "MTurkRequesterServiceV20170117.GetAccountBalance"


def balance(simulator: Simulator, environment: str, key: tuple[str, str]) -> str:
    """The available balance, or the error's code and MTurk's own code."""
    try:
        answer = mturk_client(simulator, environment, *key).get_account_balance()
    except botocore.exceptions.ClientError as exc:
        turk_code = exc.response.get("TurkErrorCode")
        return f"{exc.response['Error']['Code']}" + (f"/{turk_code}" if turk_code else "")
    return str(answer["AvailableBalance"])


def send(
    url: str,
    key: tuple[str, str],
    *,
    target: str = TARGET,
    body: bytes = b"{}",
    region: str = "us-east-1",
    service: str = "mturk-requester",
    content_type: str = "application/x-amz-json-1.1",
) -> tuple[int, dict[str, t.Any]]:
    """A hand-made signed request: status and answer."""
    headers = {"X-Amz-Target": target, "Content-Type": content_type}
    signed = botocore.awsrequest.AWSRequest("POST", url + "/", headers=headers, data=body)
    botocore.auth.SigV4Auth(botocore.credentials.Credentials(*key), service, region).add_auth(signed)
    request = urllib.request.Request(url + "/", data=body, headers=dict(signed.headers.items()), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as exc:
        return exc.code, json.loads(exc.read())


@pytest.fixture
def lab(simulator: Simulator) -> dict[str, t.Any]:
    return new_lab(simulator, balance="12.34", on_hold_balance="0.50")


@pytest.fixture
def key(simulator: Simulator, lab: dict[str, t.Any]) -> tuple[str, str]:
    return new_key(simulator, lab)


@pytest.fixture
def knobs(simulator: Simulator) -> t.Iterator[t.Callable[..., None]]:
    before = simulator.control.knobs()
    yield simulator.control.set
    simulator.control.set(**before)


class TestBalance:
    def test_production_and_sandbox(self, simulator: Simulator, key: tuple[str, str]) -> None:
        answer = mturk_client(simulator, "production", *key).get_account_balance()
        assert (answer["AvailableBalance"], answer["OnHoldBalance"]) == ("12.34", "0.50")
        assert balance(simulator, "sandbox", key) == "10000.00"

    def test_a_changed_balance(self, simulator: Simulator, lab: dict[str, t.Any], key: tuple[str, str]) -> None:
        simulator.control.set_balance(lab["name"], "0.00")
        assert balance(simulator, "production", key) == "0.00"
        assert balance(simulator, "sandbox", key) == "10000.00"


class TestLinks:
    @pytest.mark.parametrize("linked", ["production", "sandbox"])
    def test_environments_are_linked_separately(self, simulator: Simulator, linked: str) -> None:
        key = new_key(simulator, new_lab(simulator, requester_linked=[linked]))
        for environment in ("production", "sandbox"):
            works = balance(simulator, environment, key) in ("25.00", "10000.00")
            assert works == (environment == linked)

    def test_the_error_says_where_to_link(
        self, simulator: Simulator, lab: dict[str, t.Any], key: tuple[str, str]
    ) -> None:
        simulator.control.unlink_requester(lab["name"], "sandbox")
        with pytest.raises(botocore.exceptions.ClientError) as failure:
            mturk_client(simulator, "sandbox", *key).get_account_balance()
        response = failure.value.response
        assert response["Error"]["Code"] == "RequestError"
        assert response["TurkErrorCode"] == "AWS.AccountNotLinked"
        assert "https://requestersandbox.mturk.com/developer" in response["Error"]["Message"]
        assert response["ResponseMetadata"]["HTTPStatusCode"] == 400
        simulator.control.link_requester(lab["name"], "sandbox")
        assert balance(simulator, "sandbox", key) == "10000.00"

    def test_a_new_link_takes_effect_later(
        self, simulator: Simulator, key: tuple[str, str], lab: dict[str, t.Any], knobs: t.Callable[..., None]
    ) -> None:
        simulator.control.unlink_requester(lab["name"], "production")
        knobs(link_propagation_uses=2)
        simulator.control.link_requester(lab["name"], "production")
        answers = [balance(simulator, "production", key) for unused in range(4)]
        assert answers == ["RequestError/AWS.AccountNotLinked"] * 2 + ["12.34"] * 2

    def test_a_new_link_takes_time(
        self, simulator: Simulator, key: tuple[str, str], lab: dict[str, t.Any], knobs: t.Callable[..., None]
    ) -> None:
        simulator.control.unlink_requester(lab["name"], "production")
        knobs(link_propagation_seconds=3600)
        simulator.control.link_requester(lab["name"], "production")
        assert balance(simulator, "production", key) == "RequestError/AWS.AccountNotLinked"

    def test_an_unlinked_account_learns_nothing_else(self, simulator: Simulator) -> None:
        lab = new_lab(simulator, requester_linked=[])
        mturk = mturk_client(simulator, "production", *new_key(simulator, lab))
        with pytest.raises(botocore.exceptions.ClientError, match="must be linked"):
            mturk.list_hits()


class TestKeys:
    def test_unknown_key(self, simulator: Simulator) -> None:
        assert balance(simulator, "production", ("AKIAAAAAAAAAAAAAAAAA", "x" * 40)) == "UnrecognizedClientException"

    def test_wrong_secret(self, simulator: Simulator, key: tuple[str, str]) -> None:
        assert balance(simulator, "production", (key[0], "x" * 40)) == "InvalidSignatureException"

    def test_another_user_s_secret(self, simulator: Simulator, lab: dict[str, t.Any], key: tuple[str, str]) -> None:
        other = new_key(simulator, lab, "other")
        assert balance(simulator, "production", (key[0], other[1])) == "InvalidSignatureException"

    def test_inactive_and_deleted_keys(self, simulator: Simulator, lab: dict[str, t.Any], key: tuple[str, str]) -> None:
        iam = lab_client(simulator, lab, "iam")
        which = {"UserName": "somebody", "AccessKeyId": key[0]}
        iam.update_access_key(**which, Status="Inactive")
        assert balance(simulator, "production", key) == "UnrecognizedClientException"
        iam.update_access_key(**which, Status="Active")
        assert balance(simulator, "production", key) == "12.34"
        iam.delete_access_key(**which)
        assert balance(simulator, "production", key) == "UnrecognizedClientException"

    def test_a_role_s_credentials(
        self, simulator: Simulator, lab: dict[str, t.Any], knobs: t.Callable[..., None]
    ) -> None:
        sts = ops_client(simulator, "sts")
        session = sts.assume_role(RoleArn=lab["role_arn"], RoleSessionName="tests")["Credentials"]
        credentials = (session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
        expected = {
            "unrecognized_client": "UnrecognizedClientException",
            "access_denied": "AccessDeniedException",
            "request_error": "RequestError",
        }
        for answer, code in expected.items():
            knobs(temporary_credentials_answer=answer)
            mturk = _with_token(simulator, *credentials)
            with pytest.raises(botocore.exceptions.ClientError) as failure:
                mturk.get_account_balance()
            assert failure.value.response["Error"]["Code"] == code

    def test_new_keys_and_their_permissions_spread_slowly(
        self, simulator: Simulator, lab: dict[str, t.Any], knobs: t.Callable[..., None]
    ) -> None:
        iam = lab_client(simulator, lab, "iam")
        iam.create_user(UserName="new")
        iam.attach_user_policy(UserName="new", PolicyArn=MTURK_POLICY)
        knobs(iam_propagation_uses=1, policy_propagation_uses=1)
        created = iam.create_access_key(UserName="new")["AccessKey"]
        key = (created["AccessKeyId"], created["SecretAccessKey"])
        assert [balance(simulator, "production", key) for unused in range(4)] == [
            "UnrecognizedClientException",
            "AccessDeniedException",
            "12.34",
            "12.34",
        ]
        assert balance(simulator, "sandbox", key) == "UnrecognizedClientException", "each environment learns for itself"

    def test_new_keys_can_take_time(
        self, simulator: Simulator, lab: dict[str, t.Any], knobs: t.Callable[..., None]
    ) -> None:
        iam = lab_client(simulator, lab, "iam")
        simulator.control.create_user(lab["name"], "new", policy_arns=[MTURK_POLICY])
        knobs(iam_propagation_seconds=3600)
        created = iam.create_access_key(UserName="new")["AccessKey"]
        key = (created["AccessKeyId"], created["SecretAccessKey"])
        assert balance(simulator, "production", key) == "UnrecognizedClientException"

    def test_use_is_noted(self, simulator: Simulator, lab: dict[str, t.Any], key: tuple[str, str]) -> None:
        balance(simulator, "sandbox", key)
        used = lab_client(simulator, lab, "iam").get_access_key_last_used(AccessKeyId=key[0])["AccessKeyLastUsed"]
        assert (used["ServiceName"], used["Region"]) == ("mturk-requester", "us-east-1")

    def test_a_refused_signature_is_no_use(
        self, simulator: Simulator, lab: dict[str, t.Any], key: tuple[str, str]
    ) -> None:
        balance(simulator, "sandbox", (key[0], "x" * 40))
        assert simulator.control.keys(lab["name"])[0]["last_used"] is None


def _with_token(simulator: Simulator, key_id: str, secret: str, token: str) -> t.Any:
    from tests.simulator.clients import client

    return client("mturk", simulator.mturk_production_url, key_id, secret, token)


class TestPermissions:
    def test_without_a_policy(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        simulator.control.create_user(lab["name"], "bare")
        key = simulator.control.create_access_key(lab["name"], "bare")
        answer = balance(simulator, "production", (key["access_key_id"], key["secret_access_key"]))
        assert answer == "AccessDeniedException"

    @pytest.mark.parametrize(
        ("action", "allowed"),
        [
            ("mechanicalturk:*", True),
            ("mechanicalturk:GetAccountBalance", True),
            ("mechanicalturk:List*", False),
            ("*", True),
        ],
    )
    def test_inline_policies_count(
        self, simulator: Simulator, lab: dict[str, t.Any], action: str, allowed: bool
    ) -> None:
        statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
        document = {"Version": "2012-10-17", "Statement": [statement]}
        simulator.control.create_user(lab["name"], "inline", inline_policies={"p": document})
        key = simulator.control.create_access_key(lab["name"], "inline")
        answer = balance(simulator, "production", (key["access_key_id"], key["secret_access_key"]))
        assert answer == ("12.34" if allowed else "AccessDeniedException")

    def test_an_explicit_deny_wins(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        statement = {"Effect": "Deny", "Action": "mechanicalturk:GetAccountBalance", "Resource": "*"}
        document = {"Version": "2012-10-17", "Statement": [statement]}
        simulator.control.create_user(
            lab["name"], "denied", policy_arns=[MTURK_POLICY], inline_policies={"p": document}
        )
        key = simulator.control.create_access_key(lab["name"], "denied")
        answer = balance(simulator, "production", (key["access_key_id"], key["secret_access_key"]))
        assert answer == "AccessDeniedException"

    def test_a_detached_policy_stops_counting(
        self, simulator: Simulator, lab: dict[str, t.Any], key: tuple[str, str]
    ) -> None:
        lab_client(simulator, lab, "iam").detach_user_policy(UserName="somebody", PolicyArn=MTURK_POLICY)
        assert balance(simulator, "production", key) == "AccessDeniedException"


class TestTheModelDecides:
    def test_a_hand_made_request_can_be_right(self, simulator: Simulator, key: tuple[str, str]) -> None:
        assert send(simulator.mturk_production_url, key) == (
            200,
            {"AvailableBalance": "12.34", "OnHoldBalance": "0.50"},
        )

    @pytest.mark.parametrize(
        ("wrong", "code"),
        [
            ({"target": "MTurkRequesterServiceV20170117.GetRich"}, "UnknownOperationException"),
            ({"target": "MTurkRequesterServiceV20140815.GetAccountBalance"}, "UnknownOperationException"),
            ({"content_type": "application/json"}, "UnknownOperationException"),
            ({"region": "eu-central-1"}, "InvalidSignatureException"),
            ({"service": "mturk"}, "InvalidSignatureException"),
            ({"body": b"not json"}, "SerializationException"),
            ({"body": b"[]"}, "SerializationException"),
            ({"body": b'{"Unknown": 1}'}, "ValidationException"),
            ({"target": "MTurkRequesterServiceV20170117.GetHIT"}, "ValidationException"),
            (
                {"target": "MTurkRequesterServiceV20170117.GetHIT", "body": b'{"HITId": "not allowed"}'},
                "ValidationException",
            ),
            (
                {"target": "MTurkRequesterServiceV20170117.ListHITs", "body": b'{"MaxResults": "ten"}'},
                "SerializationException",
            ),
            (
                {"target": "MTurkRequesterServiceV20170117.ListHITs", "body": b'{"MaxResults": 101}'},
                "ValidationException",
            ),
        ],
    )
    def test_wrong_requests(
        self, simulator: Simulator, key: tuple[str, str], wrong: dict[str, t.Any], code: str
    ) -> None:
        status, answer = send(simulator.mturk_production_url, key, **wrong)
        assert (status, answer["__type"]) == (400, code)

    def test_an_answer_that_mturk_would_not_give_is_a_failure_of_the_double(
        self, simulator: Simulator, lab: dict[str, t.Any], key: tuple[str, str]
    ) -> None:
        simulator.control.set_balance(lab["name"], "a lot")
        with pytest.raises(botocore.exceptions.ClientError) as failure:
            mturk_client(simulator, "production", *key).get_account_balance()
        assert failure.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500

    def test_other_reads(self, simulator: Simulator, key: tuple[str, str]) -> None:
        mturk = mturk_client(simulator, "production", *key)
        assert mturk.list_hits()["HITs"] == []
        assert mturk.list_qualification_types(MustBeRequestable=True)["NumResults"] == 0
        with pytest.raises(botocore.exceptions.ClientError) as failure:
            mturk.get_hit(HITId="3ABC")
        assert failure.value.response["TurkErrorCode"] == "AWS.MechanicalTurk.HITDoesNotExist"


class TestClosed:
    @pytest.mark.parametrize(
        ("answer", "status", "content_type"),
        [
            ("gone_html", 410, "text/html; charset=utf-8"),
            ("unavailable_html", 503, "text/html; charset=utf-8"),
            ("access_denied", 400, "application/x-amz-json-1.1"),
            ("service_closed", 400, "application/x-amz-json-1.1"),
            ("no_new_customers", 400, "application/x-amz-json-1.1"),
            ("existing_customers", 403, "application/x-amz-json-1.1"),
            ("forbidden_xml", 403, "text/xml"),
            ("gone_json", 410, "application/json"),
            ("unavailable_json", 400, "application/x-amz-json-1.1"),
            ("unknown_operation", 400, "application/x-amz-json-1.1"),
        ],
    )
    def test_answers_of_a_closed_endpoint(
        self,
        simulator: Simulator,
        key: tuple[str, str],
        knobs: t.Callable[..., None],
        answer: str,
        status: int,
        content_type: str,
    ) -> None:
        knobs(mturk_mode="closed", mturk_closed_answer=answer)
        with pytest.raises(urllib.error.HTTPError) as failure:
            urllib.request.urlopen(simulator.mturk_production_url, data=b"{}", timeout=10)
        assert failure.value.code == status
        assert failure.value.headers["Content-Type"] == content_type
        with pytest.raises(botocore.exceptions.ClientError):
            mturk_client(simulator, "sandbox", *key).get_account_balance()

    @pytest.mark.parametrize(
        "mode", [{"mturk_mode": "unreachable"}, {"mturk_mode": "closed", "mturk_closed_answer": "refused"}]
    )
    def test_nobody_listens(
        self, simulator: Simulator, key: tuple[str, str], knobs: t.Callable[..., None], mode: dict[str, str]
    ) -> None:
        knobs(**mode)
        with pytest.raises(botocore.exceptions.EndpointConnectionError):
            mturk_client(simulator, "production", *key).get_account_balance()
        knobs(mturk_mode="open")
        assert balance(simulator, "production", key) == "12.34"

    def test_an_open_connection_is_cut_too(
        self, simulator: Simulator, key: tuple[str, str], knobs: t.Callable[..., None]
    ) -> None:
        mturk = mturk_client(simulator, "production", *key)
        mturk.get_account_balance()
        knobs(mturk_mode="unreachable")
        with pytest.raises((botocore.exceptions.ConnectionError, botocore.exceptions.HTTPClientError)):
            mturk.get_account_balance()

    def test_no_answer(self, simulator: Simulator, key: tuple[str, str], knobs: t.Callable[..., None]) -> None:
        knobs(mturk_mode="unreachable", mturk_unreachable_as="hang", hang_seconds=20)
        with pytest.raises(botocore.exceptions.ReadTimeoutError):
            mturk_client(simulator, "production", *key, read_timeout=0.3).get_account_balance()

    def test_one_environment_alone(
        self, simulator: Simulator, key: tuple[str, str], knobs: t.Callable[..., None]
    ) -> None:
        knobs(mturk_mode={"sandbox": "closed"}, mturk_closed_answer="access_denied")
        assert balance(simulator, "sandbox", key) == "AccessDeniedException"
        assert balance(simulator, "production", key) == "12.34"
