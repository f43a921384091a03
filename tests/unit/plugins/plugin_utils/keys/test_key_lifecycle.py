# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole runs on a lab in memory: killed after every call, failing at every call, and two of them at once."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import traceback
import typing as t

import botocore.exceptions
import botocore.parsers
import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.times import timestamp
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.actions import NEW_KEY, Action
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.description import describe_keys
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.record import (
    CreationIntent,
    LabRecord,
    StoredKey,
)
from ansible_collections.labops.cloudresearch.tests.unit.plugins.plugin_utils.keys.key_world import (
    ACCOUNT,
    USER,
    WRITES,
    Killed,
    Store,
    World,
    client_error,
    converge,
    lifecycle,
    run,
)


def new_lab() -> World:
    return World()


def linked_lab() -> World:
    world = World()
    converge(world)
    return world


def lab_by_hand() -> World:
    """Set up by hand: one key that nobody stored, and CloudResearch uses it."""
    world = World()
    world.portal = world.add_key()
    return world


def lab_in_rotation() -> World:
    world = linked_lab()
    run(world, state="rotated")
    return world


def suspended_lab() -> World:
    world = linked_lab()
    run(world, state="suspended")
    return world


def lab_suspended_in_rotation() -> World:
    world = lab_in_rotation()
    run(world, state="suspended")
    return world


def lab_whose_day_has_come() -> World:
    world = suspended_lab()
    world.now += datetime.timedelta(days=15)
    return world


Flow = tuple[t.Callable[[], World], dict[str, t.Any]]

FLOWS: dict[str, Flow] = {
    "onboard": (new_lab, {"state": "present"}),
    "adopt": (lab_by_hand, {"state": "present", "adopt_existing_user": True}),
    "rotate": (linked_lab, {"state": "rotated"}),
    "rotate with grace": (linked_lab, {"state": "rotated", "grace_days": 14}),
    "go on with a rotation": (lab_in_rotation, {"state": "present"}),
    "retire": (linked_lab, {"state": "absent"}),
    "retire in a rotation": (lab_in_rotation, {"state": "absent"}),
    "suspend": (linked_lab, {"state": "suspended"}),
    "suspend in a rotation": (lab_in_rotation, {"state": "suspended"}),
    "undo a suspension": (suspended_lab, {"state": "present"}),
    "undo a suspension in a rotation": (lab_suspended_in_rotation, {"state": "present"}),
    "begin to retire": (linked_lab, {"state": "absent", "retire_after_days": 14}),
    "end to retire": (lab_whose_day_has_come, {"state": "absent", "retire_after_days": 14}),
    "retire a suspended lab at once": (suspended_lab, {"state": "absent"}),
}


@pytest.fixture(params=FLOWS)
def flow(request: pytest.FixtureRequest) -> Flow:
    return FLOWS[request.param]


def undisturbed(flow: Flow) -> World:
    start, wanted = flow
    world = start()
    world.calls.clear()
    converge(world, **wanted)
    return world


def at_call(number: int, *, effect: bool, do: t.Callable[[World], None], world: World) -> list[str]:
    """Have something done at the n-th call from now; gives the list that the call's name will be put into."""
    hit: list[str] = []
    count = 0

    def hook(name: str, done: bool) -> None:
        nonlocal count
        if done == effect:
            count += 1
            if count == number + 1:
                world.hook = None
                hit.append(name)
                do(world)

    world.hook = hook
    return hit


def until_converged(world: World, wanted: dict[str, t.Any]) -> None:
    for _attempt in range(3):
        world.dead = False
        try:
            converge(world, **wanted)
        except CollectionError:
            continue
        return
    raise AssertionError("three runs after the disturbance, the lab is still not converged")


def test_an_undisturbed_run_ends_well_and_the_next_one_does_nothing(flow: Flow) -> None:
    world = undisturbed(flow)
    assert all(not key.active or slot for key, slot in by_slot(world))
    keys, portal, record = copy.deepcopy(world.keys), world.portal, world.record
    world.calls.clear()
    outcome = run(world, **asked_again(flow[1]))
    assert not outcome.actions
    assert not set(WRITES) & set(world.calls)
    assert (world.keys.keys(), world.portal, world.record) == (keys.keys(), portal, record)


def asked_again(wanted: dict[str, t.Any]) -> dict[str, t.Any]:
    """What is asked for once it was reached: a key that was rotated is only to be there."""
    return {**wanted, "state": wanted["state"].replace("rotated", "present")}


def by_slot(world: World) -> list[tuple[t.Any, str]]:
    record = world.record
    return [(key, record.slot_of(key_id) if record else "") for key_id, key in world.keys.items() if not key.foreign]


def test_a_run_killed_after_any_call_is_healed_by_the_next_one(flow: Flow) -> None:
    expected = undisturbed(flow)
    start, wanted = flow
    killed_at: list[str] = []

    def kill(world: World) -> None:
        world.dead = True
        raise Killed

    for number in range(len(expected.calls)):
        world = start()
        hit = at_call(number, effect=True, do=kill, world=world)
        with pytest.raises(Killed):
            converge(world, **wanted)
        killed_at += hit
        until_converged(world, wanted)
        assert world.shape() == expected.shape(), f"after a kill at call {number} ({hit[0]})"
        assert len(world.keys) == len(expected.keys)
    assert killed_at == expected.calls


FAULTS: dict[str, tuple[bool, t.Callable[[], BaseException]]] = {
    "throttled": (False, lambda: client_error("Throttling", 400, "Call")),
    "internal error": (False, lambda: client_error("InternalFailure", 500, "Call")),
    "internal error, but it was done": (True, lambda: client_error("InternalFailure", 500, "Call")),
    "cut off": (False, lambda: botocore.exceptions.ConnectionClosedError(endpoint_url="https://iam")),
    "timed out, but it was done": (True, lambda: botocore.exceptions.ReadTimeoutError(endpoint_url="https://iam")),
}
IAM_CALLS = (
    "get_user",
    "list_access_keys",
    "get_access_key_last_used",
    "create_access_key",
    "update_access_key",
    "delete_access_key",
    "tag_user",
    "untag_user",
)


@pytest.mark.parametrize("fault", FAULTS)
def test_any_call_that_fails_once_leaves_nothing_that_the_next_run_does_not_heal(flow: Flow, fault: str) -> None:
    expected = undisturbed(flow)
    start, wanted = flow
    effect, error = FAULTS[fault]
    for number, name in enumerate(expected.calls):
        world = start()

        def fail(_world: World, name: str = name) -> None:
            raise error() if name in IAM_CALLS else CollectionError("The store or the portal failed.")

        at_call(number, effect=effect, do=fail, world=world)
        until_converged(world, wanted)
        assert world.shape() == expected.shape(), f"after {fault} at call {number} ({name})"


def test_a_second_run_elsewhere_at_any_moment_loses_no_secret(flow: Flow) -> None:
    """As from two control nodes, which share no lock: one run happens as a whole in the middle of the other."""
    expected = undisturbed(flow)
    start, wanted = flow

    def other_run(world: World) -> None:
        # The first run's new key is not stored yet, and that run is alive.
        creating = world.in_creation
        try:
            lifecycle(world, **wanted).run()
        except CollectionError as exc:
            assert exc.reason in ("store_conflict", "no_room_for_key"), exc
        world.in_creation = creating if creating in world.keys else ""

    for number in range(len(expected.calls)):
        world = start()
        at_call(number, effect=True, do=other_run, world=world)
        until_converged(world, wanted)
        world.check()
        again = run(world, **asked_again(wanted))
        assert not again.actions


def test_a_key_is_not_taken_for_lost_while_a_slow_run_elsewhere_stores_it() -> None:
    """The other run has created its key, and stores it just after this one has looked."""
    world = new_lab()
    slow = Store(world)
    begun = LabRecord("lab-01", ACCOUNT, USER, creating=CreationIntent(timestamp(world.now), ()))
    intent = slow.put(begun, slow.get("lab-01"))
    key_id = world.add_key(foreign=False)
    world.keys[key_id].created = world.now
    stored = StoredKey(key_id, world.keys[key_id].secret, created=timestamp(world.now))

    def store_it(name: str, done: bool) -> None:
        if name == "get_access_key_last_used" and done:
            world.hook = None
            slow.put(dataclasses.replace(begun, current=stored, creating=None), intent)

    world.hook = store_it
    with pytest.raises(CollectionError) as caught:
        run(world)
    assert caught.value.reason == "store_conflict"
    assert key_id in world.keys
    assert run(world).after.key_to_use == key_id


def test_a_lost_answer_to_the_creation_is_healed_within_the_run() -> None:
    world = new_lab()

    def fail(name: str, done: bool) -> None:
        if name == "create_access_key" and done:
            world.hook = None
            world.in_creation = ""
            raise botocore.exceptions.ReadTimeoutError(endpoint_url="https://iam")

    world.hook = fail
    outcome = run(world)
    assert world.calls.count("create_access_key") == 2
    assert list(world.keys) == [outcome.after.key_to_use]
    assert [action.kind for action in outcome.actions] == ["delete_orphan", "close_intent", "create", "prove"]


def test_a_key_that_iam_does_not_list_yet_is_waited_for_after_a_kill() -> None:
    world = new_lab()

    def kill(name: str, done: bool) -> None:
        if name == "create_access_key" and done:
            world.hook = None
            world.dead = True
            raise Killed

    world.hook = kill
    with pytest.raises(Killed):
        run(world)
    world.hidden_listings = 2
    outcome = run(world)
    assert list(world.keys) == [outcome.after.key_to_use]


def test_a_stored_key_that_iam_does_not_list_yet_is_not_forgotten() -> None:
    world = new_lab()
    run(world)
    world.hidden_listings = 2
    assert not run(world).actions
    assert len(world.keys) == 1


@pytest.mark.parametrize("also_delete_fails", [False, True])
def test_a_key_that_cannot_be_stored_is_deleted_at_once(also_delete_fails: bool) -> None:
    world = new_lab()
    puts = 0

    def fail(name: str, done: bool) -> None:
        nonlocal puts
        if name == "put" and not done:
            puts += 1
            if puts == 2:
                raise CollectionError("The disk is full.", next_step="Make room.", reason="store_unavailable")
        if also_delete_fails and name == "delete_access_key" and not done:
            raise client_error("ServiceFailure", 500, "DeleteAccessKey")

    world.hook = fail
    with pytest.raises(CollectionError, match="The disk is full") as caught:
        run(world)
    assert caught.value.next_step == "Make room."
    assert caught.value.step == "access_key"
    if also_delete_fails:
        assert len(world.keys) == 1
        assert "the next run deletes it" in caught.value.message
    else:
        assert not world.keys
        assert "was deleted again" in caught.value.message
    world.hook = None
    outcome = run(world)
    assert list(world.keys) == [outcome.after.key_to_use]


def test_no_key_is_created_when_the_intent_cannot_be_stored() -> None:
    world = new_lab()

    def fail(name: str, done: bool) -> None:
        if name == "put":
            raise CollectionError("The store is read-only.", reason="store_unavailable")

    world.hook = fail
    with pytest.raises(CollectionError, match="read-only"):
        run(world)
    assert "create_access_key" not in world.calls


def test_a_refused_creation_leaves_no_trace() -> None:
    world = new_lab()

    def deny(name: str, done: bool) -> None:
        if name == "create_access_key":
            raise client_error("AccessDenied", 403, "CreateAccessKey")

    world.hook = deny
    with pytest.raises(CollectionError) as caught:
        run(world)
    assert caught.value.reason == "access_denied"
    assert world.record is None


def test_a_key_that_is_not_proved_stays_and_the_next_run_goes_on_with_it() -> None:
    world = new_lab()

    def break_key(name: str, done: bool) -> None:
        if name == "prove" and not done:
            next(iter(world.keys.values())).active = False

    world.hook = break_key
    with pytest.raises(CollectionError) as caught:
        run(world)
    assert caught.value.reason == "key_not_proved"
    assert caught.value.details["actions"] == [f"create and store key {next(iter(world.keys))}"]
    assert caught.value.details["changed"] is True
    assert "secret of" not in repr(caught.value.as_result())
    world.hook = None
    next(iter(world.keys.values())).active = True
    outcome = run(world)
    assert [action.kind for action in outcome.actions] == ["prove"]
    assert len(world.keys) == 1


def test_check_mode_predicts_what_the_run_does_and_changes_nothing(flow: Flow) -> None:
    start, wanted = flow
    world = start()
    before = (copy.deepcopy(world.keys), world.record, world.version)
    world.calls.clear()
    predicted = lifecycle(world, **wanted).predict()
    assert (world.keys, world.record, world.version) == before
    assert not set(WRITES) & set(world.calls)
    done = run(world, **wanted)
    created = done.after.key_to_use

    def comparable(action: Action) -> tuple[str, str]:
        new = action.access_key_id in ("", created, NEW_KEY) and action.kind in ("create", "prove", "promote")
        return action.kind, "new" if new else action.access_key_id

    assert [comparable(action) for action in predicted.actions] == [comparable(action) for action in done.actions]
    assert predicted.stop is None
    assert [note.code for note in predicted.notes] == [note.code for note in done.notes]


def test_a_user_to_come_is_planned_for_in_check_mode_only() -> None:
    world = World(user=False)
    predicted = lifecycle(world).predict(assume_user=True)
    assert [action.kind for action in predicted.actions] == ["create", "prove"]
    assert predicted.after.record is not None
    assert predicted.after.record.lab == "lab-01"
    with pytest.raises(CollectionError) as caught:
        run(world)
    assert caught.value.reason == "user_missing"


def test_the_record_of_another_account_stops_everything() -> None:
    world = linked_lab()
    assert world.record is not None
    world.record = dataclasses.replace(world.record, account_id="999999999999")
    for state in ("present", "rotated", "absent"):
        with pytest.raises(CollectionError) as caught:
            run(world, state=state)
        assert caught.value.reason == "wrong_account"
    assert len(world.keys) == 1


def test_the_record_of_another_account_stays_where_there_is_no_user() -> None:
    """The key lives on in the record's own account, so its secret must not be lost."""
    world = linked_lab()
    assert world.record is not None
    world.record = dataclasses.replace(world.record, account_id="999999999999")
    world.user = False
    for state in ("present", "absent"):
        for attempt in (lifecycle(world, state=state).run, lifecycle(world, state=state).predict):
            with pytest.raises(CollectionError) as caught:
                attempt()
            assert caught.value.reason == "wrong_account"
    assert world.record is not None


def test_a_record_goes_where_its_own_account_has_no_user_any_more() -> None:
    world = linked_lab()
    world.user, world.portal = False, ""
    world.keys.clear()
    run(world, state="absent")
    assert world.record is None


def test_a_record_goes_where_a_narrow_role_may_not_ask_for_keys_that_are_gone() -> None:
    world = linked_lab()
    world.only_the_user = "user {user}"
    world.user, world.portal = False, ""
    world.keys.clear()
    run(world, state="absent")
    assert world.record is None


def test_a_record_stays_while_aws_knows_a_key_that_it_does_not_list() -> None:
    world = linked_lab()
    world.lists_nothing = True
    for state in ("present", "rotated", "absent"):
        with pytest.raises(CollectionError) as caught:
            run(world, state=state)
        assert caught.value.reason == "key_not_listed" and "again" in caught.value.next_step
    assert world.record is not None and len(world.keys) == 1


@pytest.mark.parametrize("narrow", ["", "user {user}", "arn:aws:iam::111122223333:user/a/path/{user}"])
def test_a_record_stays_where_somebody_renamed_the_user(narrow: str) -> None:
    world = linked_lab()
    world.renamed_to, world.only_the_user = "renamed", narrow
    for state in ("present", "rotated", "absent"):
        with pytest.raises(CollectionError) as caught:
            run(world, state=state)
        assert caught.value.reason == "key_of_other_user" and "renamed" in caught.value.message
    assert world.record is not None and len(world.keys) == 1


def test_the_record_of_another_user_stops_everything() -> None:
    world = linked_lab()
    assert world.record is not None
    world.record = dataclasses.replace(world.record, user_name="somebody")
    with pytest.raises(CollectionError) as caught:
        run(world, state="absent")
    assert caught.value.reason == "record_of_other_user"


def test_a_choice_names_the_lab_and_what_was_done_before() -> None:
    world = World()
    world.add_key()
    world.add_key(active=False)
    with pytest.raises(CollectionError) as caught:
        run(world)
    assert "lab-01" in caught.value.message
    assert caught.value.reason == "two_foreign_keys"
    assert caught.value.details["choices"]
    assert caught.value.details["actions"] == []
    assert all(key_id in caught.value.next_step for key_id in world.keys)


def test_the_last_use_is_asked_only_where_it_matters() -> None:
    world = linked_lab()
    world.calls.clear()
    run(world)
    assert world.calls == ["get_user", "get", "list_access_keys"]


def test_throttled_creations_are_repeated() -> None:
    world = new_lab()
    refusals = 0

    def throttle(name: str, done: bool) -> None:
        nonlocal refusals
        if name == "create_access_key" and not done and refusals < 3:
            refusals += 1
            raise client_error("Throttling", 400, "CreateAccessKey")

    world.hook = throttle
    run(world)
    assert len(world.keys) == 1


@pytest.mark.parametrize("times", [1, 9])
def test_an_answer_that_cannot_be_read_is_not_quoted(times: int) -> None:
    """botocore puts the whole body, secret included, into what it raises then."""
    world = new_lab()
    left = times

    def garble(name: str, done: bool) -> None:
        nonlocal left
        if name == "create_access_key" and done and left:
            left -= 1
            world.in_creation = ""
            secret = next(iter(world.keys.values())).secret
            raise botocore.parsers.ResponseParserError(f"invalid XML received: <SecretAccessKey>{secret}")

    world.hook = garble
    if times == 1:
        run(world)
        assert len(world.keys) == 1
        return
    with pytest.raises(CollectionError) as caught:
        run(world)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value.as_result())
    assert "ResponseParserError" in told
    assert "secret of" not in told
    world.hook = None
    run(world)
    assert len(world.keys) == 1


def test_a_creation_that_stays_unclear_is_given_up() -> None:
    world = new_lab()

    def break_down(name: str, done: bool) -> None:
        if name == "create_access_key" and not done:
            raise client_error("InternalFailure", 500, "CreateAccessKey")

    world.hook = break_down
    with pytest.raises(CollectionError, match="tried 3 times"):
        run(world)
    assert world.calls.count("create_access_key") == 3


def test_two_labs_at_once_share_nothing() -> None:
    one, two = new_lab(), new_lab()
    at_call(3, effect=True, do=lambda _world: t.cast(None, run(two)), world=one)
    run(one)
    assert len(one.keys) == len(two.keys) == 1


def test_retirement_after_grace() -> None:
    world = linked_lab()
    converge(world, state="rotated", grace_days=14)
    assert sorted(key.active for key in world.keys.values()) == [False, True]
    world.now += datetime.timedelta(days=13)
    assert not run(world, grace_days=14).actions
    world.now += datetime.timedelta(days=2)
    assert [action.kind for action in run(world, grace_days=14).actions] == ["delete"]
    assert [key.active for key in world.keys.values()] == [True]


def test_the_store_double_itself_detects_conflicts() -> None:
    world = linked_lab()
    store = Store(world)
    before = store.get("lab-01")
    assert before.record is not None
    store.put(before.record, before)
    with pytest.raises(CollectionError):
        store.put(before.record, before)


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_retirement_that_has_removed_the_record_does_not_ask_whether_the_store_is_the_wrong_one(
    check_mode: bool,
) -> None:
    """An older record was put back: it lacks the key that is alive, which is a stranger's to the run."""
    world = linked_lab()
    world.portal, alive = "", world.add_key()
    retirement = lifecycle(world, state="absent")
    outcome = retirement.predict() if check_mode else retirement.run()
    assert outcome.after.record is None
    assert [(key["access_key_id"], key["owner"]) for key in describe_keys(outcome.after)] == [(alive, "foreign")]
    assert not [note for note in outcome.notes if "no record" in note.message]
    assert [note.access_key_id for note in outcome.notes if note.code == "foreign_key"] == [alive]

    (left,) = describe_keys(lifecycle(world, state="absent").predict().after)[-1:]
    assert left["owner"] == ("foreign" if check_mode else "unknown"), "a later run finds no record"
