# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an account should worry about because of all who may call MTurk there."""

from __future__ import annotations

import datetime
import typing as t

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws.principals import rights
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws.principals.shapes import (
    Principal,
    PrincipalKey,
    Principals,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import finding_kinds, findings
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab.known_principals import known_principals
from ansible_collections.labops.cloudresearch.tests.fixtures.outcomes import NOW, converged_lab

ACCOUNT = "arn:aws:iam::111122223333:"
OWN = "cloudresearch-mturk"
KEY_ID = "AKIAIOSFODNN7EXAMPLE"


def key(last_used: str = "2026-08-01T00:00:00Z", service: str = "mturk-requester", **more: t.Any) -> PrincipalKey:
    made: dict[str, t.Any] = {
        "access_key_id": KEY_ID,
        "status": "active",
        "created": "2021-01-01T00:00:00Z",
        "last_used": last_used,
        "last_used_service": service if last_used else "",
        "last_used_region": "us-east-1" if last_used else "",
    }
    return t.cast(PrincipalKey, made | more)


def user(*keys: PrincipalKey, **more: t.Any) -> Principal:
    made: dict[str, t.Any] = {
        "arn": f"{ACCOUNT}user/labs/by-hand",
        "kind": "user",
        "name": "by-hand",
        "path": "/labs/",
        "mturk_right": "yes",
        "how": ["group turks: managed policy AmazonMechanicalTurkFullAccess"],
        "administrator": False,
        "read_only": False,
        "quarantined": False,
        "tags": {},
        "keys": list(keys),
    }
    return t.cast(Principal, made | more)


def lab_with(*principals: Principal, known: t.Sequence[dict[str, str]] = ()) -> dict[str, t.Any]:
    seen: Principals = {
        "account_id": "111122223333",
        "caller_arn": f"{ACCOUNT}user/ops",
        "looked_at": "2026-11-24T10:00:00Z",
        "complete": True,
        "unread": [],
        "principals": list(principals),
        "users_seen": 3,
        "calls": 6,
    }
    return {**converged_lab(), "principals": seen, "declared_user": OWN, "known_principals": known_principals(known)}


def found(
    *principals: Principal, known: t.Sequence[dict[str, str]] = (), now: datetime.datetime = NOW
) -> list[dict[str, t.Any]]:
    return [dict(finding) for finding in findings.evaluate(lab_with(*principals, known=known), now=now)]


def test_a_key_whose_id_nobody_could_read_has_a_command_that_tells_it() -> None:
    told = findings.evaluate(lab_with(user(key(access_key_id=""))), now=NOW)
    (finding,) = [each for each in told if each["code"] == "undeclared_live_key"]
    assert "find its id (aws iam list-access-keys --user-name=by-hand) and deactivate it." in finding["next_step"]


@pytest.mark.parametrize(
    ("known", "told"),
    [
        ([], ["undeclared_live_key"]),
        ([{"name": "by-hand", "reason": "billing", "until": "2027-01-31"}], []),
    ],
)
def test_a_key_that_a_look_at_all_users_saw_is_told_once_and_not_if_it_is_an_exception(
    known: list[dict[str, str]], told: list[str]
) -> None:
    other = {"user_name": "by-hand", "how": "policy", "access_key_ids": [KEY_ID], "live_access_key_ids": [KEY_ID]}
    retired = {**lab_with(user(key()), known=known), "other_users": [other]}
    about_it = [each["code"] for each in findings.evaluate(retired, now=NOW) if each["access_key_id"] == KEY_ID]
    assert about_it == told
    # The policy is there, and something else takes the right away.
    denied = {**lab_with(user(key(), mturk_right="no"), known=known), "other_users": [other]}
    assert not [each for each in findings.evaluate(denied, now=NOW) if each["access_key_id"] == KEY_ID]
    unjudged = {**lab_with(known=known), "other_users": [other]}
    about_it = [each["code"] for each in findings.evaluate(unjudged, now=NOW) if each["access_key_id"] == KEY_ID]
    assert about_it == ([] if known else ["live_key_of_other_user"])


def codes(*principals: Principal, **more: t.Any) -> list[str]:
    return [finding["code"] for finding in found(*principals, **more)]


ROOT = rights.root_principal(f"{ACCOUNT}root", [key(access_key_id="")])


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        (user(key()), ["undeclared_live_key"]),
        (user(key("2026-09-29T23:59:59Z")), ["undeclared_live_key"]),
        (user(key("2026-09-30T00:00:00Z", "s3")), ["undeclared_key_used"]),
        (user(key(""), mturk_right="unknown"), ["undeclared_live_key", "undeclared_key_never_used"]),
        (user(key(), key("", access_key_id="AKIAI44QH8DHBEXAMPLE", status="inactive")), ["undeclared_live_key"]),
        (user(key(), administrator=True), ["administrators_key_for_mturk", "undeclared_live_key"]),
        (user(key(service="s3"), administrator=True), ["undeclared_live_key"]),
        (user(key(), name=OWN, path="/"), []),
        (user(key(), name=OWN, administrator=True), ["administrators_key_for_mturk"]),
        (user(name=OWN), []),
        (user(), ["user_with_right_and_no_key"]),
        (user(key(status="inactive")), []),
        (user(key(), mturk_right="no"), []),
        (user(mturk_right="no"), []),
        (user(key(), mturk_right="no", quarantined=True), ["quarantined_key"]),
        (user(key(status="inactive"), quarantined=True), []),
        (user(key(), name=OWN, quarantined=True), ["quarantined_key"]),
        (user(kind="group"), []),
        (user(kind="role", administrator=True), []),
        (ROOT, ["root_key"]),
        (rights.root_principal(f"{ACCOUNT}root", []), []),
    ],
)
def test_each_principal_gets_its_findings(principal: Principal, expected: list[str]) -> None:
    assert codes(principal) == expected


def test_without_a_store_the_keys_of_the_labs_own_user_are_like_anybodys() -> None:
    own = user(key("2026-10-05T00:00:00Z"), name=OWN)
    nowhere: dict[str, t.Any] = {"readable": False, "message": "No store is declared.", "access_key_ids": []}
    undeclared = {**lab_with(own), "store": nowhere, "unseen": []}
    assert "undeclared_key_used" in [finding["code"] for finding in findings.evaluate(undeclared, now=NOW)]
    unread = {"part": "store", "reason": "store_unreadable", "message": "It is shut.", "next_step": "Open it."}
    locked = {**undeclared, "unseen": [unread]}
    assert "undeclared_key_used" not in [finding["code"] for finding in findings.evaluate(locked, now=NOW)]
    unused = {**undeclared, "principals": lab_with(user(name=OWN))["principals"]}
    assert "user_with_right_and_no_key" not in [finding["code"] for finding in findings.evaluate(unused, now=NOW)]


def test_a_finding_says_who_which_key_how_and_what_to_do() -> None:
    (finding,) = found(user(key("2026-10-05T00:00:00Z"), name="by hand"))
    assert (finding["severity"], finding["access_key_id"]) == ("critical", KEY_ID)
    for words in (KEY_ID, "labs/by hand", "group turks", "2026-10-05", "mturk-requester"):
        assert words in finding["message"]
    assert f"'--user-name=by hand' --access-key-id={KEY_ID} --status=Inactive" in finding["next_step"]
    assert "lab_account_known_principals" in finding["next_step"]


def test_all_of_them_have_words_and_a_severity() -> None:
    everything = found(
        user(key(), administrator=True, quarantined=True),
        user(key("2026-10-05T00:00:00Z"), mturk_right="unknown"),
        user(key(""), read_only=True),
        user(),
        ROOT,
        known=[{"name": "gone", "reason": "a grant.", "until": "2026-11-23"}],
    )
    assert {finding["code"] for finding in everything} == {
        code for code, kind in finding_kinds.CATALOGUE.items() if kind.needs == ("principals",)
    }
    for finding in everything:
        assert finding["message"].endswith(".") and ".." not in finding["message"] and finding["next_step"]


KNOWN = {"reason": "runs the archive", "until": "2026-11-24"}


@pytest.mark.parametrize(
    "exception",
    [{"arn": f"{ACCOUNT}user/labs/by-hand"}, {"name": "by-hand"}, {"access_key_id": KEY_ID}],
)
def test_an_exception_holds_until_its_day_and_then_is_a_finding_itself(exception: dict[str, str]) -> None:
    known = [{**KNOWN, **exception}]
    principal = user(key(), administrator=True)
    assert codes(principal, known=known) == []
    later = NOW + datetime.timedelta(days=1)
    assert codes(principal, known=known, now=later) == [
        "administrators_key_for_mturk",
        "undeclared_live_key",
        "exception_run_out",
    ]
    assert codes(user(key(), quarantined=True), known=known) == ["quarantined_key"], "nobody excuses a leaked key"


def test_an_exception_for_one_key_is_none_for_another() -> None:
    known = [{**KNOWN, "access_key_id": KEY_ID}]
    assert codes(user(key(access_key_id="AKIAI44QH8DHBEXAMPLE")), known=known) == ["undeclared_live_key"]
    # Keys whose id nobody knows are not the one without an id in other exceptions.
    assert codes(ROOT, known=[{**KNOWN, "name": "by-hand"}]) == ["root_key"]
    assert codes(ROOT, known=[{**KNOWN, "name": "root"}]) == []
    assert codes(user(), known=[{**KNOWN, "name": "by-hand"}]) == []


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({}, "it has none of arn, name and access_key_id"),
        ({"name": "a", "arn": "b"}, "it has arn and name"),
        ({"name": "a", "reason": " "}, "it has no reason"),
        ({"name": "a", "until": "31.03.2027"}, "until is '31.03.2027', which is no day"),
        ({"name": "a", "until": ""}, "until is '', which is no day"),
    ],
)
def test_an_exception_needs_one_name_a_reason_and_a_day(wrong: dict[str, str], why: str) -> None:
    with pytest.raises(CollectionError, match=f"Entry 2 of the known principals .* is wrong: {why}"):
        known_principals([{**KNOWN, "name": "a"}, {**KNOWN, **wrong}])
