# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the observation makes of typical labs: which steps a run would take, and what keeps it from taking any."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import json
import typing as t

import botocore.exceptions
import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import connection as aws
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import vocabulary
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.times import timestamp
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys import situation as key_situation
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.suspension import tag_key
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import drift, outcome
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import observation as observe
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab.thresholds import Thresholds
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.record import LabRecord, StoredKey
from ansible_collections.labops.cloudresearch.tests.unit.plugins.plugin_utils.aws.aws_answers import (
    AwsAnswers,
    Refusal,
    aws_answers,
)

__all__ = ["aws_answers"]

ACCOUNT = "111122223333"
USER = vocabulary.DEFAULT_USER_NAME
FIRST, SECOND, STRANGER = "AKIAFIRST00000000001", "AKIASECOND0000000002", "AKIASTRANGER00000003"
SECRET = "the-secret-of-{}"
MISSING = Refusal("NoSuchEntity", status=404)
NO_HOLDERS: dict[str, t.Any] = {"PolicyUsers": [], "PolicyGroups": [], "PolicyRoles": [], "IsTruncated": False}
NOT_LINKED = Refusal("RequestError", members={"TurkErrorCode": "AWS.AccountNotLinked"})
WITHOUT_A_SIGNATURE = Refusal("MissingAuthenticationTokenException", "Missing Authentication Token")
# The steps of a lab that has nothing yet; nothing of it needs to be retired.
ALL_STEPS = [step for step in vocabulary.STEPS if step not in ("observe", "retire")]
NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
OPS = {"access_key": "AKIAOPS0000000000001", "secret_key": "the-secret-of-ops"}


_MTURK = '{"Statement": {"Effect": "Allow", "Action": "mechanicalturk:*", "Resource": "*"}}'
# An account whose user by-hand may call MTurk. botocore decodes documents in place, so each answer is a new one.
PRINCIPALS: dict[str, t.Any] = {
    "GetCallerIdentity": {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/ops", "UserId": "AIDA1"},
    "GenerateCredentialReport": {"State": "COMPLETE"},
    "GetAccountSummary": {"SummaryMap": {"AccountAccessKeysPresent": 0}},
    "GetAccountAuthorizationDetails": lambda _parameters: {
        "UserDetailList": [
            {
                "UserName": "by-hand",
                "Arn": f"arn:aws:iam::{ACCOUNT}:user/by-hand",
                "UserPolicyList": [{"PolicyName": "turk", "PolicyDocument": _MTURK}],
            }
        ]
    },
    "GetCredentialReport": {
        "Content": (
            "user,arn,access_key_1_active,access_key_1_last_rotated,access_key_2_active,access_key_2_last_rotated\n"
            f"by-hand,arn:aws:iam::{ACCOUNT}:user/by-hand,true,2026-01-01T00:00:00+00:00,false,N/A"
        ).encode()
    },
}


class Lab:
    """One lab's account, as answers for real clients, and what the store and the inventory say of it."""

    def __init__(self, answers: AwsAnswers) -> None:
        self.aws = answers
        self.keys: dict[str, dict[str, t.Any]] = {}
        self.record: LabRecord | None = None
        self.declared = observe.Declaration(
            lab="lab-01",
            account_id=ACCOUNT,
            user=drift.Declared(lab="lab-01"),
            endpoints={"production": None, "sandbox": None},
            request=key_situation.KeyRequest(),
            thresholds=Thresholds(),
        )
        self.aws.answers = {
            "GetUser": MISSING,
            "ListAccessKeys": self._listing,
            "GetAccessKeyLastUsed": self._last_use,
            "GetCallerIdentity": {"Account": ACCOUNT},
            "ListEntitiesForPolicy": NO_HOLDERS,
            "GetAccountBalance": WITHOUT_A_SIGNATURE,
        }

    def _listing(self, _parameters: t.Any) -> dict[str, t.Any]:
        return {"AccessKeyMetadata": [key["listed"] for key in self.keys.values()], "IsTruncated": False}

    def _last_use(self, parameters: dict[str, t.Any]) -> dict[str, t.Any]:
        used = self.keys[parameters["AccessKeyId"]]["used"]
        unused = {"ServiceName": "N/A", "Region": "N/A"}
        seen = {"LastUsedDate": used, "ServiceName": "mturk-requester", "Region": "us-east-1"} if used else unused
        return {"UserName": USER, "AccessKeyLastUsed": seen}

    def user(self, *, ours: bool = True, policy: bool = True, account: str = ACCOUNT, **tags: str) -> Lab:
        if ours:
            tags[vocabulary.MANAGED_TAG_KEY] = vocabulary.MANAGED_TAG_VALUE
        policies = [{"PolicyName": "p", "PolicyArn": vocabulary.MTURK_POLICY_ARN}] if policy else []
        self.aws.answers |= {
            "GetUser": {
                "User": {
                    "Path": "/",
                    "UserName": USER,
                    "UserId": "AIDA1234567890123456",
                    "Arn": f"arn:aws:iam::{account}:user/{USER}",
                    "CreateDate": NOW - datetime.timedelta(days=400),
                    "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
                }
            },
            "ListAttachedUserPolicies": {"AttachedPolicies": policies, "IsTruncated": False},
            "ListUserPolicies": {"PolicyNames": [], "IsTruncated": False},
            "ListGroupsForUser": {"Groups": [], "IsTruncated": False},
            "GetLoginProfile": MISSING,
        }
        return self

    def key(self, key_id: str, *, active: bool = True, days: int = 40, used: datetime.datetime | None = None) -> Lab:
        created = NOW - datetime.timedelta(days=days)
        status = "Active" if active else "Inactive"
        listed = {"UserName": USER, "AccessKeyId": key_id, "Status": status, "CreateDate": created}
        self.keys[key_id] = {"listed": listed, "used": used}
        return self

    def stored(self, key_id: str, slot: str = "current", *, linked: bool = True, **more: t.Any) -> Lab:
        listed = self.keys.get(key_id, {}).get("listed", {})
        at = timestamp(listed.get("CreateDate", NOW - datetime.timedelta(days=40)))
        key = StoredKey(
            access_key_id=key_id,
            secret_access_key=SECRET.format(key_id),
            created=at,
            proved=at,
            proved_by="mturk",
            linked=at if linked else None,
            link_evidence="page" if linked else None,
            **more,
        )
        record = self.record or LabRecord(lab="lab-01", account_id=ACCOUNT, user_name=USER)
        self.record = dataclasses.replace(record, **{slot: (key,) if slot == "superseded" else key})
        return self

    def mturk(self, answer: t.Any) -> Lab:
        self.aws.answers["GetAccountBalance"] = answer
        return self

    def wanted(self, **request: t.Any) -> Lab:
        self.declared = dataclasses.replace(
            self.declared, request=dataclasses.replace(self.declared.request, **request)
        )
        if request.get("state") in ("absent", "suspended"):
            declared = dataclasses.replace(self.declared.user, state=request["state"])
            self.declared = dataclasses.replace(self.declared, user=declared)
        return self

    def declare(self, **more: t.Any) -> Lab:
        self.declared = dataclasses.replace(self.declared, **more)
        return self

    def observe(self, **params: str) -> dict[str, t.Any]:
        seen = observe.observe(aws.AwsConnection({**OPS, **params}), self.declared, self.record)
        text = json.dumps(seen)
        assert "the-secret-of" not in text, "an observation holds no secret"
        # A credential report that IAM generates is one to read.
        reading = ("Get", "List", "Assume", "GenerateCredentialReport")
        changing = [call.operation for call in self.aws.calls if not call.operation.startswith(reading)]
        assert changing == [], "an observation changes nothing"
        asked = collections.Counter((call.operation, str(call.parameters)) for call in self.aws.calls)
        for (operation, _parameters), count in asked.items():
            most = {"GetAccountBalance": 2, "GetAccessKeyLastUsed": 2}.get(operation, 1)
            assert count <= most, f"{operation} was asked {count} times"
        return seen


@pytest.fixture
def lab(aws_answers: AwsAnswers) -> Lab:
    return Lab(aws_answers)


BALANCE = {"AvailableBalance": "25.00", "OnHoldBalance": "0.00"}


def converged(lab: Lab) -> Lab:
    return lab.user().key(FIRST).stored(FIRST).mturk(BALANCE)


def test_without_a_store_nobody_knows_whose_a_key_is_and_all_else_is_seen(lab: Lab) -> None:
    seen = lab.user().key(STRANGER).declare(store_missing="No store is declared.").observe()
    [key] = seen["access_keys"]
    assert (key["owner"], key["stored"]) == ("unknown", None)
    assert seen["store"] == {"readable": False, "message": "No store is declared.", "access_key_ids": []}
    assert seen["unseen"] == [], "what nobody declared is not missing"
    assert "foreign_live_key" in {entry["code"] for entry in seen["not_looked_for"]}


CLOSED = Refusal("AccessDeniedException", "This service is no longer accepting new customers", status=403)


def test_no_first_key_while_mturk_answers_as_closed(lab: Lab) -> None:
    seen = lab.mturk(CLOSED).observe()
    assert seen["requester"]["production"]["status"] == "service_closed"
    assert seen["requester"]["sandbox"]["status"] == "not_checked", "asked for nothing"
    assert (seen["blocked"]["step"], seen["blocked"]["reason"]) == ("access_key", "service_closed")
    assert "lab_account_onboard_although_closed" in seen["blocked"]["next_step"]
    [call] = [call for call in lab.aws.calls if call.operation == "GetAccountBalance"]
    assert call.access_key == "", "nobody's key signs the question"


def test_who_only_looks_for_keys_misses_no_store(lab: Lab) -> None:
    """Without a store, there is something to say of it only where the lab's user has keys: whose they are."""
    seen = lab.declare(store_missing="No store is declared.").wanted(state="absent").observe()
    assert seen["findings"] == []
    assert not any("store" in entry["why"].lower() for entry in seen["not_looked_for"])


def test_without_a_store_nobody_can_tell_whose_the_keys_of_the_labs_user_are(lab: Lab) -> None:
    lab.user().key(STRANGER).declare(store_missing="No store is declared.").wanted(state="absent")
    seen = lab.observe()
    (finding,) = [found for found in seen["findings"] if found["code"] == "observation_incomplete"]
    assert "the store" in finding["message"]
    assert {"code": "foreign_live_key", "why": "No store is declared."} in seen["not_looked_for"]


def test_a_first_key_although_mturk_is_closed_if_that_is_wanted(lab: Lab) -> None:
    seen = lab.mturk(CLOSED).declare(onboard_although_closed=True).observe()
    assert seen["blocked"] == {} and "access_key" in seen["missing"]


def test_a_key_that_is_there_stays_while_mturk_answers_as_closed(lab: Lab) -> None:
    assert converged(lab).mturk(CLOSED).observe()["blocked"] == {}


def test_a_lab_with_nothing_yet(lab: Lab) -> None:
    seen = lab.observe()
    assert seen["missing"] == ALL_STEPS and seen["blocked"] == {}
    assert seen["account_id"] == ACCOUNT and not seen["user"]["exists"] and seen["access_keys"] == []
    assert {found["status"] for found in seen["requester"].values()} == {"not_checked"}
    assert "create and store" in seen["why_missing"]["access_key"]


def test_a_converged_lab(lab: Lab) -> None:
    seen = converged(lab).observe()
    assert (seen["missing"], seen["plan"], seen["drift"], seen["blocked"]) == ([], [], [], {})
    assert (seen["link"]["status"], seen["link"]["evidence"], seen["link"]["access_key_id"]) == (
        "linked",
        "record",
        FIRST,
    )
    assert seen["requester"]["production"]["available_balance"] == "25.00"
    assert "GetCallerIdentity" not in lab.aws.counts(), "the user's ARN tells the account"
    mturk = {call.access_key for call in lab.aws.calls if call.service == "mturk"}
    assert mturk == {FIRST}, "MTurk is asked with the lab's key, never with the operator's"


@pytest.mark.parametrize(
    ("prepare", "missing"),
    [
        (lambda lab: lab.user(), ["access_key", "requester", "link"]),
        (lambda lab: lab.user().key(FIRST).stored(FIRST, linked=False).mturk(BALANCE), ["link"]),
        (
            lambda lab: lab.user().key(FIRST).stored(FIRST, linked=False).mturk(NOT_LINKED),
            ["requester", "link"],
        ),
        (lambda lab: converged(lab).mturk(NOT_LINKED), ["requester"]),
        (lambda lab: converged(lab).user(policy=False), ["iam_user"]),
        (lambda lab: converged(lab).user(ours=False), ["iam_user"]),
    ],
)
def test_labs_half_way(lab: Lab, prepare: t.Callable[[Lab], Lab], missing: list[str]) -> None:
    seen = prepare(lab).observe()
    assert seen["missing"] == missing and seen["blocked"] == {}
    assert all(seen["why_missing"][step] for step in missing)


def test_tags_that_differ(lab: Lab) -> None:
    tags = {"department": "Chemistry", "owner": "pi"}
    converged(lab).user(department="Physics").declare(user=drift.Declared(lab="lab-01", tags=tags))
    seen = lab.observe()
    assert seen["missing"] == ["iam_user"]
    assert {entry["code"] for entry in seen["drift"]} == {"tag_differs", "tag_missing"}


def test_a_key_that_somebody_deleted_or_deactivated(lab: Lab) -> None:
    gone = lab.user().stored(FIRST).mturk(Refusal("UnrecognizedClientException")).observe()
    assert gone["missing"] == ["access_key", "requester", "link"]
    assert gone["requester"]["production"]["status"] == "invalid_credentials"


def test_an_inactive_key(lab: Lab) -> None:
    off = lab.user().key(FIRST, active=False).stored(FIRST).mturk(Refusal("UnrecognizedClientException")).observe()
    assert "access_key" in off["missing"]


# -- suspension ------------------------------------------------------------------------------------------------------


def suspended(lab: Lab, days: int = 3, **request: t.Any) -> Lab:
    """A lab that was linked, and whose key was suspended so many days ago."""
    since = timestamp(NOW - datetime.timedelta(days=days))
    lab.user(**{tag_key(FIRST): since}).key(FIRST, active=False, used=NOW - datetime.timedelta(days=20)).stored(FIRST)
    return lab.wanted(**request)


def test_a_lab_that_is_to_be_suspended(lab: Lab) -> None:
    seen = converged(lab).wanted(state="suspended").observe()
    assert seen["missing"] == ["access_key"]
    assert seen["why_missing"]["access_key"] == f"deactivate key {FIRST}, which can be made active again"
    assert seen["link"]["status"] == "linked"


def test_a_suspended_lab_lacks_nothing_and_is_not_asked_for_at_mturk(lab: Lab) -> None:
    seen = suspended(lab, state="suspended").observe()
    assert (seen["missing"], seen["drift"], seen["blocked"]) == ([], [], {})
    assert {answer["status"] for answer in seen["requester"].values()} == {"not_checked"}
    assert not [call for call in lab.aws.calls if call.service == "mturk"]
    [key] = seen["access_keys"]
    assert key["suspended_on"] == timestamp(NOW - datetime.timedelta(days=3)) and key["may_go_on"] is None
    assert [finding["code"] for finding in seen["findings"]] == ["key_suspended"]
    assert seen["link"]["status"] == "linked" and "suspended since" in seen["link"]["message"]


def test_the_undoing_of_a_suspension_needs_no_new_link(lab: Lab) -> None:
    seen = suspended(lab, state="present").mturk(Refusal("UnrecognizedClientException")).observe()
    # MTurk is asked again once the key is active.
    assert seen["missing"] == ["access_key", "requester"]
    assert f"activate key {FIRST} again" in seen["why_missing"]["access_key"]


def test_a_page_proves_the_link_of_a_suspended_key(lab: Lab) -> None:
    asked: list[str] = []

    def look(wanted: str, _recorded: str) -> t.Any:
        asked.append(wanted)
        return {"status": "not_linked", "access_key_id": "", "evidence": "page", "message": "Nothing is linked."}

    seen = suspended(lab, state="present").mturk(BALANCE).declare(look=look).observe()
    assert asked == [FIRST]
    assert "link" in seen["missing"]


def test_a_retirement_in_days_suspends_first_and_leaves_the_link(lab: Lab) -> None:
    seen = converged(lab).wanted(state="absent", retire_after_days=14).observe()
    assert seen["missing"] == ["retire"]
    assert seen["why_missing"]["retire"].startswith(f"deactivate key {FIRST}")


def test_a_lab_that_waits_for_its_day_is_as_declared(lab: Lab) -> None:
    seen = suspended(lab, state="absent", retire_after_days=14).observe()
    assert (seen["missing"], seen["drift"]) == ([], [])
    assert seen["access_keys"][0]["may_go_on"] == timestamp(NOW + datetime.timedelta(days=11))
    [note] = seen["notes"]
    assert note["code"] == "suspended_key_waits"
    assert "a retirement may delete it on" in seen["findings"][0]["message"]


def test_a_lab_whose_day_has_come_goes_as_a_whole(lab: Lab) -> None:
    seen = suspended(lab, 14, state="absent", retire_after_days=14).observe()
    assert sorted(seen["missing"]) == ["iam_user", "link", "retire"]
    assert [entry["code"] for entry in seen["drift"]] == ["user_not_retired"]


def test_without_the_last_use_nobody_knows_whether_a_suspended_key_may_go(lab: Lab) -> None:
    suspended(lab, 14, state="absent", retire_after_days=14).aws.answers["GetAccessKeyLastUsed"] = Refusal(
        "AccessDenied", "User: x is not authorized to perform: iam:GetAccessKeyLastUsed on resource: y", 403
    )
    seen = lab.observe()
    assert seen["blocked"]["step"] == "access_key" and "GetAccessKeyLastUsed" in seen["blocked"]["message"]


# -- rotation --------------------------------------------------------------------------------------------------------


def test_a_key_is_replaced_when_it_is_due(lab: Lab) -> None:
    assert converged(lab).wanted(max_age_days=41).observe()["missing"] == []
    lab.aws.calls.clear()
    seen = lab.wanted(max_age_days=39).observe()
    assert seen["missing"] == ["access_key", "link", "retire"]


def test_a_key_is_replaced_when_that_is_asked_for(lab: Lab) -> None:
    seen = converged(lab).wanted(state="rotated").observe()
    assert seen["missing"] == ["access_key", "link", "retire"]
    # Nothing is foreseen for the old key before the portal is known to hold the new one.
    assert seen["plan"][0].startswith("create and store") and not any(FIRST in words for words in seen["plan"])
    # What the step is for, once the portal does.
    assert f"deactivate key {FIRST}" in seen["why_missing"]["retire"]


def test_a_rotation_that_was_interrupted_goes_on(lab: Lab) -> None:
    lab.user().key(FIRST).key(SECOND, days=0).stored(FIRST).stored(SECOND, "pending", linked=False).mturk(BALANCE)
    seen = lab.observe()
    assert seen["missing"] == ["link", "retire"] and seen["link"]["status"] == "other_key"
    assert seen["link"]["access_key_id"] == FIRST
    assert {call.access_key for call in lab.aws.calls if call.service == "mturk"} == {SECOND}


# -- what is in the way ----------------------------------------------------------------------------------------------


def test_a_user_that_is_not_ours(lab: Lab) -> None:
    seen = lab.user(ours=False).observe()
    assert seen["blocked"]["reason"] == "user_not_ours" and seen["blocked"]["step"] == "access_key"
    assert seen["blocked"]["message"] and "adopt_existing_user" in seen["blocked"]["next_step"]


def test_a_user_that_may_be_adopted(lab: Lab) -> None:
    seen = lab.user(ours=False).wanted(adopt_existing_user=True).observe()
    assert seen["blocked"] == {} and seen["missing"] == ALL_STEPS


def test_strangers_keys_in_both_places(lab: Lab) -> None:
    seen = lab.user().key(STRANGER).key(SECOND).observe()
    assert seen["blocked"]["step"] == "access_key" and "access_key" in seen["missing"]
    assert STRANGER in seen["blocked"]["next_step"] and SECOND in seen["blocked"]["next_step"]
    assert not any("delete" in words for words in seen["plan"])


def test_a_strangers_key_beside_ours_is_no_obstacle(lab: Lab) -> None:
    seen = converged(lab).key(STRANGER).observe()
    assert seen["missing"] == [] and seen["blocked"] == {}
    owners = {key["access_key_id"]: (key["owner"], key["stored"]) for key in seen["access_keys"]}
    assert owners == {FIRST: ("ours", True), STRANGER: ("foreign", False)}
    assert any(entry["access_key_id"] == STRANGER for entry in seen["findings"])


def test_the_wrong_account(lab: Lab) -> None:
    lab.declare(look=lambda *_keys: pytest.fail("the portal was asked before the account was known"))
    with pytest.raises(CollectionError) as caught:
        lab.user(account="999999999999").observe()
    assert caught.value.reason == "wrong_account" and caught.value.step == "observe"
    assert "999999999999" in caught.value.message and ACCOUNT in caught.value.message


def test_the_wrong_account_without_a_user(lab: Lab) -> None:
    lab.aws.answers["GetCallerIdentity"] = {"Account": "999999999999"}
    with pytest.raises(CollectionError) as caught:
        lab.observe()
    assert caught.value.reason == "wrong_account"


def test_a_roles_arn_tells_the_account_without_asking(lab: Lab) -> None:
    session = {
        "AccessKeyId": "ASIAASSUMED000000001",
        "SecretAccessKey": "s" * 20,
        "SessionToken": "t",
        "Expiration": NOW,
    }
    lab.aws.answers["AssumeRole"] = {"Credentials": session}
    seen = lab.observe(assume_role_arn=f"arn:aws:iam::{ACCOUNT}:role/r")
    assert seen["account_id"] == ACCOUNT
    assert lab.aws.counts() == {"AssumeRole": 1, "GetUser": 1, "ListAccessKeys": 1, "GetAccountBalance": 1}


def test_an_account_that_nobody_declared(lab: Lab) -> None:
    assert lab.declare(account_id="").observe()["account_id"] == ACCOUNT


UNREACHABLE = botocore.exceptions.EndpointConnectionError(endpoint_url="http://x")


@pytest.mark.parametrize("operation", ["GetUser", "ListAccessKeys"])
@pytest.mark.parametrize(("answer", "reason"), [(Refusal("Throttling"), "throttled"), (UNREACHABLE, "unreachable")])
def test_aws_that_does_not_answer(lab: Lab, operation: str, answer: t.Any, reason: str) -> None:
    converged(lab).aws.answers[operation] = answer
    with pytest.raises(CollectionError) as caught:
        lab.observe()
    assert caught.value.reason == reason and caught.value.next_step


def denied(operation: str) -> Refusal:
    return Refusal("AccessDenied", f"User: x is not authorized to perform: iam:{operation} on resource: y", 403)


# Which part each call is for, and whether a run that changes things can do without it.
@pytest.mark.parametrize(
    ("operation", "part", "needed"),
    [
        ("GetUser", "user", True),
        ("ListAccessKeys", "access_keys", True),
        ("ListAttachedUserPolicies", "attached_policies", True),
        ("ListUserPolicies", "inline_policies", False),
        ("ListGroupsForUser", "groups", False),
        ("GetLoginProfile", "console_access", False),
        ("GetAccessKeyLastUsed", "last_use", False),
    ],
)
def test_a_part_that_aws_refuses_to_tell_is_unknown(lab: Lab, operation: str, part: str, needed: bool) -> None:
    converged(lab).aws.answers[operation] = denied(operation)
    seen = lab.observe()
    assert [entry["part"] for entry in seen["unseen"]] == [part]
    unseen = seen["unseen"][0]
    assert f"iam:{operation}" in unseen["message"] and unseen["next_step"] and unseen["reason"] == "access_denied"
    assert (seen["blocked"] != {}) is needed and (not needed or f"iam:{operation}" in seen["blocked"]["message"])
    assert [entry["code"] for entry in seen["findings"]] == ["observation_incomplete"], "nothing is claimed"
    assert seen["link"]["status"] == "linked", "nothing has told otherwise"
    assert any(f"iam:{operation}" in entry["why"] for entry in seen["not_looked_for"])
    assert seen["missing"] == [] and seen["drift"] == [], "nothing is guessed"


def test_drift_that_was_to_be_removed_has_to_be_seen(lab: Lab) -> None:
    converged(lab).declare(remove_drift=frozenset({"groups"})).aws.answers["ListGroupsForUser"] = denied("x")
    assert lab.observe()["blocked"]["step"] == "iam_user"


def test_a_key_that_may_have_to_go_needs_its_last_use(lab: Lab) -> None:
    converged(lab).key(SECOND).stored(SECOND, "superseded", linked=False)
    lab.aws.answers["GetAccessKeyLastUsed"] = denied("GetAccessKeyLastUsed")
    assert lab.observe()["blocked"]["step"] == "access_key"


def test_a_key_whose_last_use_was_not_asked_for_is_not_called_unused(lab: Lab) -> None:
    lab.user().key(FIRST, days=200).stored(FIRST).mturk(BALANCE).declare(thorough=False)
    seen = lab.observe()
    assert "key_unused" not in {entry["code"] for entry in seen["findings"]}
    left_out = {entry["code"] for entry in seen["not_looked_for"]}
    assert {"key_unused", "inline_policy", "group_membership", "console_access"} <= left_out
    assert seen["unseen"] == [], "nobody asked for it"


def test_a_lab_that_was_seen_completely_has_nothing_left_out(lab: Lab) -> None:
    lab.aws.answers |= PRINCIPALS
    seen = converged(lab).declare(find_principals=True).observe()
    assert (seen["unseen"], seen["not_looked_for"]) == ([], [])


def test_who_else_may_call_mturk_is_looked_for_only_if_asked(lab: Lab) -> None:
    seen = converged(lab).observe()
    assert seen["principals"] is None and not lab.aws.counts().get("GetAccountSummary")
    why = {entry["code"]: entry["why"] for entry in seen["not_looked_for"]}
    assert why["root_key"] == "It was not asked for (lab_account_find_principals)."

    lab.aws.calls.clear()
    lab.aws.answers |= PRINCIPALS
    seen = lab.declare(find_principals=True).observe()
    assert seen["principals"] and seen["principals"]["complete"] and seen["declared_user"] == USER
    assert [found["code"] for found in seen["findings"]] == ["undeclared_key_never_used", "undeclared_live_key"][::-1]


@pytest.mark.parametrize("refused", ["GetAccountAuthorizationDetails", "GetAccountSummary", "GenerateCredentialReport"])
def test_an_account_that_refuses_the_look_is_unknown(lab: Lab, refused: str) -> None:
    lab.aws.answers |= {**PRINCIPALS, refused: denied(refused)}
    seen = converged(lab).declare(find_principals=True).observe()
    (unseen,) = seen["unseen"]
    assert unseen["part"] == "principals" and f"iam:{refused}" in unseen["message"] and unseen["next_step"]
    assert "observation_incomplete" in {found["code"] for found in seen["findings"]}
    assert "undeclared_live_key" in {entry["code"] for entry in seen["not_looked_for"]}
    for operation in ("audit", "onboard"):
        composed = outcome.compose(operation=operation, lab="lab-01", account_id="", observed=seen, results={})
        assert composed["state"] == "unknown" and f"iam:{refused}" in composed["message"]


def test_a_store_that_cannot_be_read_leaves_no_guess_about_keys(lab: Lab) -> None:
    lab.user().key(FIRST).declare(store_error="The vault password is wrong.", store_next_step="Give the right one.")
    seen = lab.observe()
    assert seen["unseen"] == [
        {
            "part": "store",
            "message": "The vault password is wrong.",
            "reason": "store_unreadable",
            "next_step": "Give the right one.",
        }
    ]
    assert seen["missing"] == [] and seen["plan"] == [], "no key is planned because none is known"
    assert seen["blocked"]["reason"] == "store_unreadable"
    assert {"foreign_live_key", "unstored_live_key", "stored_key_missing_in_aws"} <= {
        entry["code"] for entry in seen["not_looked_for"]
    }


# -- whose record it is ----------------------------------------------------------------------------------------------


def test_a_record_of_another_account_is_refused(lab: Lab) -> None:
    converged(lab)
    assert lab.record
    lab.record = dataclasses.replace(lab.record, account_id="999999999999")
    with pytest.raises(CollectionError) as caught:
        lab.observe()
    assert caught.value.reason == "wrong_account" and "999999999999" in caught.value.message


def test_a_record_of_another_account_is_refused_where_there_is_no_user(lab: Lab) -> None:
    lab.stored(FIRST).mturk(BALANCE).wanted(state="absent").declare(account_id="999999999999")
    lab.aws.answers["GetCallerIdentity"] = {"Account": "999999999999"}
    with pytest.raises(CollectionError) as caught:
        lab.observe()
    assert caught.value.reason == "wrong_account" and ACCOUNT in caught.value.message


def test_a_record_of_another_user_is_refused(lab: Lab) -> None:
    converged(lab)
    assert lab.record
    lab.record = dataclasses.replace(lab.record, user_name="somebody")
    with pytest.raises(CollectionError) as caught:
        lab.observe()
    assert caught.value.reason == "record_of_other_user"


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (botocore.exceptions.EndpointConnectionError(endpoint_url="http://x"), "unreachable"),
        (Refusal("AccessDeniedException"), "access_denied"),
        (Refusal("ThrottlingException"), "throttled"),
        (Refusal("RequestExpired"), "clock_skew"),
        (Refusal("ServiceFault"), "error"),
    ],
)
def test_mturk_that_refuses_is_an_observation(lab: Lab, answer: t.Any, status: str) -> None:
    seen = converged(lab).mturk(answer).observe()
    assert seen["requester"]["production"]["status"] == status and seen["missing"] == ["requester"]
    unseen = {entry["part"]: entry["reason"] for entry in seen["unseen"]}
    assert unseen == ({} if status == "access_denied" else {"mturk": status})


# -- the link --------------------------------------------------------------------------------------------------------


def test_a_look_at_the_portal_counts_before_the_record(lab: Lab) -> None:
    looks: list[tuple[str, ...]] = []

    def look(*keys: str) -> dict[str, t.Any]:
        looks.append(keys)
        return {"status": "other_key", "access_key_id": STRANGER, "evidence": "page", "message": "another"}

    seen = converged(lab).declare(look=look).observe()
    assert looks == [(FIRST, FIRST)] and seen["missing"] == ["access_key", "link"]
    assert seen["plan"] == ["record that the portal holds none of the stored keys"]
    assert seen["link"]["access_key_id"] == STRANGER


@pytest.mark.parametrize("active", [None, False])
def test_a_recorded_link_of_a_key_that_does_not_work_is_no_link(lab: Lab, active: bool | None) -> None:
    lab.user().mturk(Refusal("UnrecognizedClientException"))
    if active is not None:
        lab.key(FIRST, active=active)
    seen = lab.stored(FIRST).observe()
    assert (seen["link"]["status"], seen["link"]["access_key_id"]) == ("unknown", "")
    assert FIRST in seen["link"]["message"] and "the link is dead" in seen["link"]["message"]
    assert "link" in seen["missing"] and "the link is dead" in seen["why_missing"]["link"]
    dead = next(entry for entry in seen["findings"] if entry["code"] == "portal_dead_key")
    assert dead["access_key_id"] == FIRST and "onboard" in dead["next_step"]
    assert "portal_other_key" not in {entry["code"] for entry in seen["findings"]}


@pytest.mark.parametrize(("active", "slot"), [(None, ""), (None, "current"), (False, "current")])
@pytest.mark.parametrize("status", ["linked", "other_key"])
def test_a_page_that_shows_a_key_which_does_not_work_is_no_link(
    lab: Lab, status: str, active: bool | None, slot: str
) -> None:
    lab.user().key(SECOND).mturk(BALANCE)
    if active is not None:
        lab.key(FIRST, active=active)
    if slot:
        lab.stored(FIRST, slot)
    page = {"status": status, "access_key_id": FIRST, "evidence": "page", "message": "The page shows it."}
    seen = lab.declare(look=lambda *_keys: page).observe()
    assert seen["link"]["status"] == "other_key" and "link" in seen["missing"]
    if slot or status == "linked":
        assert "the link is dead" in seen["link"]["message"]
        assert "portal_dead_key" in {entry["code"] for entry in seen["findings"]}
    else:
        # It may well be the live key of another account.
        assert "portal_other_key" in {entry["code"] for entry in seen["findings"]}


def test_a_portal_that_cannot_be_looked_at_is_unseen(lab: Lab) -> None:
    def look(*_keys: str) -> t.Any:
        raise CollectionError("The portal is down.", next_step="Wait.", reason="portal_unavailable")

    seen = converged(lab).declare(look=look).observe()
    assert [(entry["part"], entry["next_step"]) for entry in seen["unseen"]] == [("portal", "Wait.")]
    assert "portal_other_key" in {entry["code"] for entry in seen["not_looked_for"]}


def test_a_lab_without_a_portal(lab: Lab) -> None:
    seen = lab.user().key(FIRST).stored(FIRST, linked=False).mturk(BALANCE).declare(link_wanted=False).observe()
    assert seen["missing"] == []


@pytest.mark.parametrize(
    ("own_use", "use", "service_use_counts"),
    [(60, 20, True), (60, 50, False), (20, 60, False), (None, 20, False), (60, None, False)],
)
def test_a_use_by_somebody_else_proves_the_link(
    lab: Lab, own_use: int | None, use: int | None, service_use_counts: bool
) -> None:
    """Minutes ago. Only a use well after the collection's own counts."""

    def ago(minutes: int) -> datetime.datetime:
        return NOW - datetime.timedelta(minutes=minutes)

    own = timestamp(ago(own_use)) if own_use else None
    lab.user().key(FIRST, used=ago(use) if use else None).stored(FIRST, linked=False, collection_used_at=own)
    seen = lab.mturk(BALANCE).declare(judge_key_use=True).observe()
    assert (seen["link"]["status"], seen["link"]["evidence"]) == (
        ("linked", "key_use") if service_use_counts else ("unknown", "")
    )
    operations = [call.operation for call in lab.aws.calls]
    assert operations.index("GetAccessKeyLastUsed") < operations.index("GetAccountBalance"), "our own use comes after"


def test_a_use_of_the_new_key_counts_before_the_record_of_the_old_one(lab: Lab) -> None:
    """Else a rotation by hand, of a lab whose portal nobody can look at, would wait forever."""
    used = timestamp(NOW - datetime.timedelta(minutes=60))
    lab.user().key(FIRST).key(SECOND, days=1, used=NOW - datetime.timedelta(minutes=20)).stored(FIRST)
    lab.stored(SECOND, "pending", linked=False, collection_used_at=used).mturk(BALANCE)
    assert lab.observe()["link"]["status"] == "other_key"
    lab.aws.calls.clear()
    seen = lab.declare(judge_key_use=True).observe()
    assert (seen["link"]["status"], seen["link"]["access_key_id"]) == ("linked", SECOND)
    assert seen["link"]["evidence"] == "key_use" and seen["missing"] == ["access_key", "retire"]


def test_mturk_is_not_asked_where_that_would_blur_the_evidence(lab: Lab) -> None:
    converged(lab).declare(judge_key_use=True, ask_mturk=False)
    del lab.aws.answers["GetAccountBalance"]
    assert {found["status"] for found in lab.observe()["requester"].values()} == {"not_checked"}


# -- absent ----------------------------------------------------------------------------------------------------------


def test_a_lab_to_be_retired(lab: Lab) -> None:
    seen = converged(lab).wanted(state="absent").observe()
    assert set(seen["missing"]) == {"link", "retire", "iam_user"} and seen["declared_state"] == "absent"
    assert any(FIRST in words and "delete" in words for words in seen["plan"])
    assert {entry["code"] for entry in seen["drift"]} == {"user_not_retired"}


def test_a_lab_that_is_gone(lab: Lab) -> None:
    seen = lab.wanted(state="absent").observe()
    assert (seen["missing"], seen["blocked"], seen["drift"]) == ([], {}, [])


def test_a_strangers_key_keeps_the_user(lab: Lab) -> None:
    seen = converged(lab).key(STRANGER).wanted(state="absent").observe()
    assert "iam_user" not in seen["missing"] and "retire" in seen["missing"]
    assert not any(STRANGER in words for words in seen["plan"])


def test_a_strangers_user_is_left_alone(lab: Lab) -> None:
    seen = lab.user(ours=False).key(STRANGER).wanted(state="absent").observe()
    assert seen["missing"] == [] and seen["plan"] == []


# -- depth -----------------------------------------------------------------------------------------------------------


def test_a_shallow_look_costs_less(lab: Lab) -> None:
    seen = converged(lab).declare(thorough=False).observe()
    assert seen["missing"] == []
    assert lab.aws.counts() == {
        "GetUser": 1,
        "ListAttachedUserPolicies": 1,
        "ListAccessKeys": 1,
        "GetAccountBalance": 2,
    }


def test_one_environment_only(lab: Lab) -> None:
    seen = converged(lab).declare(endpoints={"sandbox": None}).observe()
    assert set(seen["requester"]) == {"sandbox"} and lab.aws.counts()["GetAccountBalance"] == 1


def test_a_low_balance_is_told(lab: Lab) -> None:
    seen = converged(lab).declare(minimum_balance=decimal.Decimal("100")).observe()
    assert seen["requester"]["production"]["balance_low"] and not seen["requester"]["sandbox"]["balance_low"]
    assert seen["missing"] == []


def test_what_may_be_removed_is_removed_only_where_it_was_named(lab: Lab) -> None:
    converged(lab)
    lab.aws.answers["GetLoginProfile"] = {"LoginProfile": {"UserName": USER, "CreateDate": NOW}}
    assert lab.observe()["missing"] == []
    lab.aws.calls.clear()
    assert lab.declare(remove_drift=frozenset({"groups"})).observe()["missing"] == []
    lab.aws.calls.clear()
    assert lab.declare(remove_drift=frozenset({"console_access"})).observe()["missing"] == ["iam_user"]


def test_a_store_that_cannot_be_read(lab: Lab) -> None:
    """An audit without the store says what it could see; every key could be stored."""
    seen = lab.user().key(FIRST).declare(store_error="The vault password is wrong.").observe()
    assert seen["store"]["readable"] is False and "vault password" in seen["store"]["message"]
    assert "vault password" in seen["requester"]["production"]["message"]


def test_the_accounts_other_users_with_the_policy_are_seen_when_a_lab_goes(lab: Lab) -> None:
    other = {"UserName": "by-hand", "UserId": "AIDA1234567890123457"}
    lab.aws.answers["ListEntitiesForPolicy"] = {**NO_HOLDERS, "PolicyUsers": [other, {**other, "UserName": USER}]}

    def listing(parameters: dict[str, t.Any]) -> dict[str, t.Any]:
        if parameters["UserName"] == USER:
            return lab._listing(parameters)
        keys = [
            {"UserName": "by-hand", "AccessKeyId": key_id, "Status": status, "CreateDate": NOW}
            for key_id, status in ((STRANGER, "Active"), (SECOND, "Inactive"))
        ]
        return {"AccessKeyMetadata": keys, "IsTruncated": False}

    lab.aws.answers["ListAccessKeys"] = listing
    lab.wanted(state="absent")
    seen = observe.observe(aws.AwsConnection(OPS), lab.declared, lab.record)
    assert seen["other_users"] == [
        {
            "user_name": "by-hand",
            "how": "policy",
            "access_key_ids": [SECOND, STRANGER],
            "live_access_key_ids": [STRANGER],
        }
    ]
    finding = next(entry for entry in seen["findings"] if entry["code"] == "live_key_of_other_user")
    assert finding["access_key_id"] == STRANGER and "by-hand" in finding["next_step"]


def test_other_users_that_aws_does_not_tell_are_unknown(lab: Lab) -> None:
    lab.aws.answers["ListEntitiesForPolicy"] = denied("ListEntitiesForPolicy")
    seen = converged(lab).wanted(state="absent").observe()
    assert seen["other_users"] is None and [entry["part"] for entry in seen["unseen"]] == ["other_users"]
    assert seen["blocked"] == {} and "retire" in seen["missing"], "it keeps nobody from retiring what is known"


def test_a_user_with_our_tag_and_no_record_is_told_as_a_store_that_may_be_wrong(lab: Lab) -> None:
    seen = lab.user().key(STRANGER).wanted(state="absent").observe()
    note = next(entry for entry in seen["notes"] if entry["code"] == "foreign_key")
    assert "the store holds no record" in note["message"] and "not created by" not in json.dumps(seen)
    assert seen["access_keys"][0]["owner"] == "unknown"
    assert "unstored_live_key" in {entry["code"] for entry in seen["findings"]}


def of_renamed_user(lab: Lab) -> Lab:
    """A lab with a stored key, whose user has another name by now."""
    lab.stored(FIRST)
    told = {"UserName": "renamed", "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"}}
    lab.aws.answers["GetAccessKeyLastUsed"] = told
    return lab


def test_a_suspension_does_not_take_a_key_of_a_renamed_user_for_gone(lab: Lab) -> None:
    seen = of_renamed_user(lab).wanted(state="suspended").observe()
    assert (seen["blocked"]["reason"], seen["blocked"]["step"]) == ("key_of_other_user", "observe")
    assert f"Key {FIRST} of lab lab-01 belongs to the IAM user renamed" in seen["blocked"]["message"]
    assert "update-user" in seen["blocked"]["next_step"]
    composed = outcome.compose(operation="audit", lab="lab-01", account_id=ACCOUNT, observed=seen, results={})
    assert composed["state"] == "unknown" and "renamed" in composed["message"]


def test_a_suspension_of_a_key_that_is_gone_has_nothing_to_do(lab: Lab) -> None:
    lab.aws.answers["GetAccessKeyLastUsed"] = MISSING
    seen = lab.stored(FIRST).mturk(BALANCE).wanted(state="suspended").observe()
    assert (seen["blocked"], seen["missing"], seen["unseen"]) == ({}, [], [])
    composed = outcome.compose(operation="suspend", lab="lab-01", account_id=ACCOUNT, observed=seen, results={})
    assert composed["message"] == f"Lab lab-01 is suspended. The account has no IAM user {USER}, so no key of it."


@pytest.mark.parametrize("find_principals", [False, True])
def test_a_policy_that_does_not_exist_tells_nothing_of_other_users(lab: Lab, find_principals: bool) -> None:
    """As one that the inventory misspells. Who looks at everybody needs no policy to find them by."""
    lab.aws.answers["ListEntitiesForPolicy"] = MISSING
    if find_principals:
        lab.aws.answers |= PRINCIPALS
        lab.declare(find_principals=True)
    seen = observe.observe(aws.AwsConnection(OPS), lab.wanted(state="absent").declared, lab.record)
    assert seen["other_users"] is None
    told = {entry["part"]: entry["reason"] for entry in seen["unseen"]}
    assert told == ({} if find_principals else {"other_users": "no_such_policy"})
    composed = outcome.compose(operation="retire", lab="lab-01", account_id=ACCOUNT, observed=seen, results={})
    assert composed["state"] == ("converged" if find_principals else "unknown")
