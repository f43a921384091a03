# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan does to one user's keys: with days between suspension and end, and after a run that was killed."""

from __future__ import annotations

import datetime
import typing as t

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys import suspension
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.plan.carrying_out import PlanRun, Purpose, Result
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.plan.shapes import PlannedKey
from ansible_collections.labops.cloudresearch.tests.unit.plugins.plugin_utils.keys.key_world import (
    ACCOUNT,
    LAB,
    START,
    USER,
    Connection,
    World,
    client_error,
)

ARN = f"arn:aws:iam::{ACCOUNT}:user/{USER}"


def no_store() -> t.Any:
    raise AssertionError("keys of a user that people made need no store")


def planned(key_id: str, **changes: t.Any) -> PlannedKey:
    key: PlannedKey = {
        "access_key_id": key_id,
        "user_arn": ARN,
        "status": "active",
        "last_used": "",
        "last_used_service": "",
        "do": "retire",
        "why": "",
    }
    return t.cast(PlannedKey, {**key, **changes})


def given_up(world: World, *, active: bool = True) -> str:
    key_id = world.add_key(active=active)
    world.given_up.add(key_id)
    return key_id


def run(world: World, purpose: Purpose, *keys: PlannedKey, days: int = 0, predict: bool = False) -> Result:
    return PlanRun(
        t.cast(t.Any, Connection(world)),
        no_store,
        LAB,
        ACCOUNT,
        purpose,
        START,
        predict=predict,
        retire_after_days=days,
    ).run(keys)


@pytest.fixture
def world() -> World:
    return World(managed=False)


def foreseen_and_done(world: World, *keys: PlannedKey, days: int) -> Result:
    foreseen = run(world, Purpose.RETIRE, *keys, days=days, predict=True)
    done = run(world, Purpose.RETIRE, *keys, days=days)
    assert (done.done, done.waiting) == (foreseen.done, foreseen.waiting)
    return done


def test_with_days_a_key_is_suspended_first_and_deleted_after_them(world: World) -> None:
    key_id = given_up(world)
    begun = foreseen_and_done(world, planned(key_id), days=14)
    assert begun.done == [f"deactivate key {key_id}, to be deleted after 14 days"]
    assert not world.keys[key_id].active and suspension.tag_key(key_id) in world.tags

    world.now += datetime.timedelta(days=13)
    waiting = foreseen_and_done(world, planned(key_id), days=14)
    assert (waiting.done, waiting.refused, waiting.gone) == ([], [], [])
    assert waiting.waiting == [f"Key {key_id} is suspended, and may be deleted from 2026-03-15 on."]

    world.now += datetime.timedelta(days=2)
    ended = foreseen_and_done(world, planned(key_id), days=14)
    assert [change["action"] for change in ended.changes] == ["deleted"]
    assert world.keys == {} and world.tags == {}


def test_the_days_of_a_key_that_somebody_else_switched_off_begin_when_it_is_found(world: World) -> None:
    key_id = given_up(world, active=False)
    assert foreseen_and_done(world, planned(key_id), days=14).changes == []
    assert key_id in world.keys
    world.now += datetime.timedelta(days=15)
    foreseen_and_done(world, planned(key_id), days=14)
    assert world.keys == {}


def test_a_key_that_was_made_active_again_begins_its_days_anew(world: World) -> None:
    key_id = given_up(world)
    foreseen_and_done(world, planned(key_id), days=14)
    world.keys[key_id].active = True
    world.now += datetime.timedelta(days=20)
    foreseen_and_done(world, planned(key_id), days=14)
    assert not world.keys[key_id].active


def test_a_key_that_is_only_to_be_suspended_stays_whatever_the_days(world: World) -> None:
    key_id = given_up(world)
    for _again in range(2):
        foreseen_and_done(world, planned(key_id, do="suspend"), days=14)
        world.now += datetime.timedelta(days=20)
    assert [key.active for key in world.keys.values()] == [False]


def test_the_note_of_a_key_that_a_killed_run_deleted_goes_too(world: World) -> None:
    world.tags = {suspension.tag_key("AKIA0000000000000001"): "2026-02-01T00:00:00Z"}
    result = foreseen_and_done(world, planned("AKIA0000000000000001", last_used_service="s3"), days=0)
    assert world.tags == {} and result.changes == []
    assert result.gone == [
        {
            "access_key_id": "AKIA0000000000000001",
            "principal": ARN,
            "last_used": "",
            "last_used_service": "s3",
        }
    ]


@pytest.mark.parametrize("call", ["update_access_key", "delete_access_key"])
def test_a_key_that_somebody_deletes_a_moment_before_is_told_as_gone(world: World, call: str) -> None:
    key_id = given_up(world)

    def vanish(name: str, done: bool) -> None:
        if name == call and not done:
            world.keys.clear()

    world.hook = vanish
    result = run(world, Purpose.RETIRE, planned(key_id))
    assert [gone["access_key_id"] for gone in result.gone] == [key_id]
    assert f"delete key {key_id}" not in result.done and result.refused == []


def test_the_note_of_a_key_that_a_killed_run_made_active_goes_too(world: World) -> None:
    key_id = given_up(world)
    world.tags = {suspension.tag_key(key_id): "2026-02-01T00:00:00Z"}
    assert run(world, Purpose.RESTORE, planned(key_id)).done == [f"remove the note that key {key_id} is suspended"]
    assert world.tags == {} and world.keys[key_id].active
    assert run(world, Purpose.RESTORE, planned(key_id)).done == []


def test_nothing_had_to_be_done_is_said_only_where_nothing_is_left(world: World) -> None:
    assert run(world, Purpose.RESTORE).in_words() == "Nothing had to be done."
    gone = run(world, Purpose.RETIRE, planned("AKIA0000000000000001"))
    assert gone.in_words() == "Nothing had to be done. Gone already: AKIA0000000000000001."
    refused = run(world, Purpose.SUSPEND, planned("AKIA0000000000000001"))
    assert refused.in_words() == (
        "Nothing was done. Key AKIA0000000000000001 was left alone: AWS has no such key any more."
    )
    key_id = given_up(world)
    begun = run(world, Purpose.RETIRE, planned(key_id), days=14)
    assert begun.in_words().startswith(f"Deactivate key {key_id}, ") and str(begun.may_all_go) == "2026-03-15"
    waits = run(world, Purpose.RETIRE, planned(key_id), days=14)
    assert waits.in_words() == f"Nothing was done. Key {key_id} is suspended, and may be deleted from 2026-03-15 on."
    assert str(waits.may_all_go) == "2026-03-15"


def test_an_account_that_refuses_leaves_each_key_alone_and_says_why(world: World) -> None:
    key_id = given_up(world)

    def refuse(call: str, _done: bool) -> None:
        if call == "update_access_key":
            raise client_error("AccessDenied", 403, "UpdateAccessKey", "an explicit deny in a service control policy")

    world.hook = refuse
    result = run(world, Purpose.RETIRE, planned(key_id), planned("AKIA0000000000000009"))
    assert world.keys[key_id].active and result.changes == []
    (refused,) = result.refused
    assert (refused["access_key_id"], refused["reason"]) == (key_id, "access_denied")
    assert "service control policy" in refused["next_step"], "a new plan would change nothing"
    assert result.next_step == refused["next_step"]
    assert [gone["access_key_id"] for gone in result.gone] == ["AKIA0000000000000009"]
    assert result.in_words().startswith("Nothing was done. Gone already: AKIA0000000000000009. Key ")


@pytest.mark.parametrize("purpose", Purpose)
@pytest.mark.parametrize("user_is_there", [True, False])
def test_a_key_of_another_account_is_not_taken_for_gone(world: World, purpose: Purpose, user_is_there: bool) -> None:
    """Somebody swapped two keys in the plan; the key is alive in the other account."""
    swapped, world.user = "AKIA0000000000000009", user_is_there
    world.accounts_of_keys[swapped] = "999999999999"
    result = run(world, purpose, planned(swapped))
    assert result.gone == [] and [refusal["reason"] for refusal in result.refused] == ["key_of_other_account"]
    assert "belongs to the account 999999999999" in result.in_words() and "Gone" not in result.in_words()


def test_a_key_of_which_nobody_may_know_whose_it_is_is_not_taken_for_gone(world: World) -> None:
    def hook(name: str, effective: bool) -> None:
        if name == "get_access_key_info" and not effective:
            message = "User: a-role is not authorized to perform: sts:GetAccessKeyInfo on resource: *"
            raise client_error("AccessDenied", 403, "GetAccessKeyInfo", message)

    world.hook = hook
    key_id = given_up(world)
    result = run(world, Purpose.RETIRE, planned("AKIA0000000000000009"), planned(key_id))
    assert result.gone == [] and [refusal["reason"] for refusal in result.refused] == ["access_denied"]
    assert "sts:GetAccessKeyInfo" in result.refused[0]["next_step"]
    assert key_id not in world.keys, "the others go on"
