# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each change of a key that AWS confirmed leaves a record, and nothing else does."""

from __future__ import annotations

import json

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.tests.unit.plugins.plugin_utils.keys.key_world import (
    ACCOUNT,
    CALLER,
    USER,
    World,
    client_error,
    converge,
    lifecycle,
    run,
)


def linked_lab() -> World:
    world = World()
    converge(world)
    return world


def test_a_created_key_is_recorded_without_its_secret() -> None:
    world = World()
    outcome = run(world)
    [change] = outcome.changes
    assert change["action"] == "created"
    assert change["access_key_id"] == outcome.after.key_to_use
    assert change["last_used_before"] == change["last_used_service"] == ""
    assert "secret of" not in json.dumps(outcome.changes)


def test_a_retirement_records_who_did_what_by_which_call_and_when_the_key_was_used_before() -> None:
    world = linked_lab()
    (key_id,) = tuple(world.keys)
    used = world.keys[key_id].last_used
    changes = run(world, state="absent").changes
    assert [change["action"] for change in changes] == ["deactivated", "deleted"]
    assert len({change["request_id"] for change in changes}) == 2
    for change in changes:
        assert used is not None
        assert change == {
            "time": change["time"],
            "action": change["action"],
            "caller_arn": CALLER,
            "request_id": change["request_id"],
            "account_id": ACCOUNT,
            "principal": f"arn:aws:iam::{ACCOUNT}:user/{USER}",
            "access_key_id": key_id,
            "last_used_before": f"{used:%Y-%m-%dT%H:%M:%SZ}",
            "last_used_service": "mturk-requester",
        }


def test_a_key_that_somebody_deleted_a_moment_before_leaves_no_record() -> None:
    world = linked_lab()

    def vanish(name: str, done: bool) -> None:
        if name == "update_access_key" and not done:
            world.keys.clear()

    world.hook = vanish
    outcome = run(world, state="absent")
    assert not world.keys and not outcome.changes


def test_a_last_use_that_aws_does_not_tell_keeps_no_key_alive() -> None:
    world = linked_lab()

    def refuse(name: str, done: bool) -> None:
        if name == "get_access_key_last_used" and not done:
            raise client_error("AccessDenied", 403, "GetAccessKeyLastUsed")

    world.hook = refuse
    changes = run(world, state="absent").changes
    assert [change["action"] for change in changes] == ["deactivated", "deleted"]
    assert {change["last_used_before"] for change in changes} == {""}


def test_what_was_done_before_a_failure_is_told_with_it() -> None:
    world = linked_lab()

    def break_down(name: str, done: bool) -> None:
        if name == "delete_access_key" and not done:
            raise client_error("AccessDenied", 403, "DeleteAccessKey")

    world.hook = break_down
    with pytest.raises(CollectionError) as caught:
        run(world, state="absent")
    assert [change["action"] for change in caught.value.details["changes"]] == ["deactivated"]


def test_a_prediction_has_no_changes() -> None:
    assert lifecycle(linked_lab(), state="absent").predict().changes == ()
