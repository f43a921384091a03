# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Suspension, its undoing, and retirement after some days: the decisions, and whole runs on a lab in memory."""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys import plan as key_plan
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.description import describe_keys
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.plan import Plan
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.situation import (
    KeyRequest,
    LinkKnowledge,
    Situation,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.suspension import Suspension, tag_key
from ansible_collections.labops.cloudresearch.tests.unit.plugins.plugin_utils.keys.key_matrix import (
    NOW,
    Key,
    key_id,
    situation,
)
from ansible_collections.labops.cloudresearch.tests.unit.plugins.plugin_utils.keys.key_world import (
    START,
    World,
    client_error,
    converge,
    lifecycle,
    run,
)

FIRST, SECOND = key_id(0), key_id(1)
DAY = datetime.timedelta(days=1)
CURRENT, CURRENT_OFF = Key("current", True), Key("current", False)
PENDING_OFF, SUPERSEDED_OFF = Key("pending", False), Key("superseded", False)
FOREIGN, FOREIGN_OFF, ORPHAN = Key("foreign", True), Key("foreign", False), Key("orphan", True)

SUSPENDED: dict[str, t.Any] = {"state": "suspended"}
PRESENT: dict[str, t.Any] = {"state": "present"}
GOING: dict[str, t.Any] = {"state": "absent", "retire_after_days": 14}


def lab(*keys: Key, days_ago: int | None = None, by_us: bool = True, **wanted: t.Any) -> Situation:
    """A lab of these keys, each of them suspended since so many days."""
    found = situation(keys, LinkKnowledge(), KeyRequest(**wanted))
    used = NOW - 30 * DAY
    found = dataclasses.replace(found, keys=tuple(dataclasses.replace(key, last_used=used) for key in found.keys))
    if days_ago is None:
        return found
    value = Suspension(NOW - days_ago * DAY, by_us).tag_value()
    return dataclasses.replace(found, tags={tag_key(key.access_key_id): value for key in found.keys})


def kinds(plan: Plan) -> list[str]:
    return [f"{action.kind} {action.access_key_id}".strip() for action in plan.actions]


def decided(of: Situation) -> list[str]:
    plan = key_plan.decide(of)
    assert plan.stop is None
    return kinds(plan)


# --- Decisions ----------------------------------------------------------------------------------------------------


def test_all_keys_of_ours_are_suspended_and_nothing_is_deleted() -> None:
    assert decided(lab(CURRENT, Key("pending", True), **SUSPENDED)) == [f"suspend {FIRST}", f"suspend {SECOND}"]


def test_a_key_that_nobody_has_the_secret_of_is_suspended_not_deleted() -> None:
    start = situation([ORPHAN], LinkKnowledge(), KeyRequest(**SUSPENDED))
    assert decided(start) == [f"suspend {FIRST}"]


def test_a_strangers_key_stays_unless_it_is_named() -> None:
    assert decided(lab(CURRENT, FOREIGN, **SUSPENDED)) == [f"suspend {FIRST}"]
    named = lab(CURRENT, FOREIGN, remove_foreign_keys=frozenset({SECOND}), **SUSPENDED)
    assert decided(named) == [f"suspend {FIRST}", f"suspend {SECOND}"]


def test_a_suspended_lab_is_left_alone() -> None:
    assert decided(lab(CURRENT_OFF, days_ago=3, **SUSPENDED)) == []


def test_a_key_that_somebody_else_switched_off_is_noted_and_not_switched_on_by_the_undoing() -> None:
    assert decided(lab(SUPERSEDED_OFF, CURRENT, **SUSPENDED)) == [f"note_inactive {FIRST}", f"suspend {SECOND}"]
    undone = decided(lab(SUPERSEDED_OFF, CURRENT_OFF, days_ago=1, by_us=False, **PRESENT))
    assert not [action for action in undone if action.startswith("activate")]


def test_suspended_keys_become_active_again_and_no_new_one_is_made() -> None:
    assert decided(lab(CURRENT_OFF, PENDING_OFF, days_ago=3, **PRESENT)) == [
        f"activate {FIRST}",
        f"activate {SECOND}",
        f"forget_suspension {FIRST}",
        f"forget_suspension {SECOND}",
        f"prove {FIRST}",
        f"prove {SECOND}",
    ]


def test_the_undoing_covers_a_strangers_key_that_the_collection_suspended() -> None:
    plan = decided(lab(CURRENT_OFF, FOREIGN_OFF, days_ago=3, **PRESENT))
    assert plan[:2] == [f"activate {FIRST}", f"activate {SECOND}"]
    given_up = lab(CURRENT_OFF, FOREIGN_OFF, days_ago=3, remove_foreign_keys=frozenset({SECOND}), **PRESENT)
    assert f"activate {SECOND}" not in decided(given_up)


@pytest.mark.parametrize("days_ago,gone", [(13, False), (14, True), (20, True)])
def test_a_key_goes_after_its_days(days_ago: int, gone: bool) -> None:
    expected = [f"delete {FIRST}", "remove_record"] if gone else []
    assert decided(lab(CURRENT_OFF, days_ago=days_ago, **GOING)) == expected


def test_without_days_a_retirement_waits_for_nothing() -> None:
    assert decided(lab(CURRENT_OFF, days_ago=1, state="absent")) == [f"delete {FIRST}", "remove_record"]


def test_a_key_that_is_active_again_starts_anew() -> None:
    start = lab(CURRENT, days_ago=20, **GOING)
    plan = key_plan.decide(start)
    assert kinds(plan) == [f"suspend {FIRST}"]
    assert plan.final.may_go_on(plan.final.keys[0]) == NOW + 14 * DAY


def test_a_key_that_was_used_since_starts_anew() -> None:
    start = lab(CURRENT_OFF, days_ago=20, **GOING)
    used = dataclasses.replace(start.keys[0], last_used=NOW - 2 * DAY)
    assert decided(dataclasses.replace(start, keys=(used,))) == [f"note_inactive {FIRST}"]


@pytest.mark.parametrize("value", ["", "soon", "2026-13-01T00:00:00Z", "2027-01-01T00:00:00Z", "x" * 256])
def test_a_tag_that_tells_nothing_brings_no_key_nearer_to_its_end(value: str) -> None:
    start = dataclasses.replace(lab(CURRENT_OFF, **GOING), tags={tag_key(FIRST): value})
    assert decided(start) == [f"note_inactive {FIRST}"]


def test_a_named_strangers_key_waits_for_its_day_too() -> None:
    named = {**GOING, "remove_foreign_keys": frozenset({FIRST})}
    assert decided(lab(FOREIGN, **named)) == [f"suspend {FIRST}"]
    assert decided(lab(FOREIGN_OFF, days_ago=13, **named)) == []
    assert decided(lab(FOREIGN_OFF, days_ago=14, **named)) == [f"delete_foreign {FIRST}"]


def test_a_user_without_room_for_a_tag_stops_before_anything_is_changed() -> None:
    start = dataclasses.replace(lab(CURRENT, **SUSPENDED), tags={f"tag-{number}": "" for number in range(50)})
    plan = key_plan.decide(start)
    assert not plan.actions
    assert plan.stop is not None
    assert plan.stop.reason == "no_room_for_tag"
    # A tag that is there already needs no room.
    again = {**dict(list(start.tags.items())[1:]), tag_key(FIRST): "whenever"}
    assert decided(dataclasses.replace(start, tags=again)) == [f"suspend {FIRST}"]


def test_a_suspension_and_the_day_of_the_end_are_described() -> None:
    [key] = describe_keys(lab(CURRENT_OFF, days_ago=4, **GOING))
    assert (key["suspended_on"], key["may_go_on"]) == ("2026-02-25T12:00:00Z", "2026-03-11T12:00:00Z")
    [note] = key_plan.decide(lab(CURRENT_OFF, days_ago=4, **GOING)).notes
    assert note.code == "suspended_key_waits"
    assert note.message == f"Key {FIRST} was suspended on 2026-02-25 and may be deleted on 2026-03-11 (from 12:00 UTC)."
    [key] = describe_keys(lab(CURRENT_OFF, days_ago=4, **SUSPENDED))
    assert (key["suspended_on"], key["may_go_on"]) == ("2026-02-25T12:00:00Z", None)


# --- Runs ---------------------------------------------------------------------------------------------------------


def linked_lab() -> World:
    world = World()
    converge(world)
    return world


def changes(outcome: t.Any) -> list[str]:
    return [change["action"] for change in outcome.changes]


def test_a_suspension_and_its_undoing_leave_the_lab_as_it_was() -> None:
    world = linked_lab()
    (key_id,) = tuple(world.keys)
    record = world.record
    assert changes(run(world, **SUSPENDED)) == ["deactivated"]
    assert not world.keys[key_id].active
    assert world.record == record
    undone = run(world, **PRESENT)
    assert changes(undone) == ["activated"]
    assert undone.proof is not None and undone.proof.proved
    assert world.keys[key_id].active and list(world.keys) == [key_id]
    assert not world.tags
    assert world.portal == key_id


def test_the_days_count_without_the_store_of_the_run_that_suspended_the_key() -> None:
    world = linked_lab()
    run(world, **GOING)
    world.now += 13 * DAY
    assert not run(world, **GOING).actions
    world.now += DAY
    assert changes(run(world, **GOING)) == ["deleted"]
    assert world.record is None


def test_a_key_that_is_gone_a_minute_later_is_no_change() -> None:
    world = linked_lab()

    def vanish(name: str, done: bool) -> None:
        if name == "update_access_key" and not done:
            world.keys.clear()

    world.hook = vanish
    outcome = run(world, **SUSPENDED)
    assert not outcome.changes
    assert not outcome.retired_keys()
    assert not world.tags, "the note of a key that is gone stays"
    world.hook = None
    assert not run(world, **SUSPENDED).changed


def test_a_suspended_key_that_is_gone_is_replaced() -> None:
    world = linked_lab()
    run(world, **SUSPENDED)
    (key_id,) = tuple(world.keys)

    def vanish(name: str, done: bool) -> None:
        if name == "update_access_key" and not done:
            world.keys.clear()
            world.portal = ""

    world.hook = vanish
    outcome = run(world, **PRESENT)
    assert outcome.after.key_to_use not in ("", key_id)
    assert not world.tags


def test_the_last_use_decides_on_the_end_of_a_key_so_it_has_to_be_known() -> None:
    world = linked_lab()
    run(world, **GOING)
    world.now += 15 * DAY

    def refuse(name: str, done: bool) -> None:
        if name == "get_access_key_last_used" and not done:
            raise client_error("AccessDenied", 403, "GetAccessKeyLastUsed")

    world.hook = refuse
    with pytest.raises(CollectionError):
        run(world, **GOING)
    assert world.keys


def test_a_suspension_is_foreseen_and_changes_nothing() -> None:
    world = linked_lab()
    outcome = lifecycle(world, **SUSPENDED).predict()
    assert outcome.changed
    assert [key["deactivated"] for key in outcome.retired_keys()] == [True]
    assert not world.tags
    assert world.now > START


@pytest.mark.parametrize("request_of", [SUSPENDED, GOING])
def test_a_last_use_that_is_still_to_come_suspends_a_key_once_and_for_all(request_of: dict[str, t.Any]) -> None:
    """As by a clock of AWS's that is ahead of another; the key was noted before, or is switched off now."""
    noted_before, live = lab(CURRENT_OFF, days_ago=20, **request_of), lab(CURRENT, **request_of)
    for start, noted in ((noted_before, "note_inactive"), (live, "suspend")):
        later = tuple(dataclasses.replace(key, last_used=NOW + DAY) for key in start.keys)
        plan = key_plan.decide(dataclasses.replace(start, keys=later))
        assert (plan.stop, kinds(plan)) == (None, [f"{noted} {FIRST}"])
        assert key_plan.decide(plan.final).actions == ()
