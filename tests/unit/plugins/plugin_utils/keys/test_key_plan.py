# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decisions on a lab's keys: the invariants over all situations, the adoption table, and single rules."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import typing as t

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.times import timestamp
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys import plan as key_plan
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.actions import NEW_KEY, Action, ActionKind
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.description import describe_keys
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.plan import Plan
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.situation import (
    KeyRequest,
    KeyState,
    LinkKnowledge,
    Situation,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.suspension import (
    TAG_PREFIX,
    Suspension,
    tag_key,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.record import StoredKey
from ansible_collections.labops.cloudresearch.tests.unit.plugins.plugin_utils.keys import key_matrix
from ansible_collections.labops.cloudresearch.tests.unit.plugins.plugin_utils.keys.key_matrix import (
    CREATED,
    NOW,
    Key,
    key_id,
    situation,
)

FIRST, SECOND = key_id(0), key_id(1)
DAY = datetime.timedelta(days=1)
HOW_TO_UPDATE = "run: PYTHONPATH=build/collections python -m tests.unit.plugins.plugin_utils.keys.key_matrix"

FOREIGN, FOREIGN_OFF = Key("foreign", True), Key("foreign", False)
CURRENT, CURRENT_OFF = Key("current", True), Key("current", False)
PENDING, PENDING_OFF = Key("pending", True), Key("pending", False)
SUPERSEDED, SUPERSEDED_OFF = Key("superseded", True), Key("superseded", False)
ORPHAN = Key("orphan", True)

UNKNOWN = LinkKnowledge()
NOT_LINKED = LinkKnowledge("not_linked")
OTHER = LinkKnowledge("other_key")


def linked(access_key_id: str) -> LinkKnowledge:
    return LinkKnowledge("linked", access_key_id, "page")


def request(**values: t.Any) -> KeyRequest:
    return KeyRequest(**values)


def decided(keys: t.Sequence[Key], link: LinkKnowledge = UNKNOWN, user: str = "ours", **wanted: t.Any) -> Plan:
    return key_plan.decide(situation(keys, link, request(**wanted), user))


def kinds(plan: Plan) -> list[str]:
    return [f"{action.kind} {action.access_key_id}".strip() for action in plan.actions]


# --- Invariants, over everything --------------------------------------------------------------------------------


def possible_portal_keys(of: Situation) -> set[str]:
    """What the portal can truly hold, given what is known; empty text: nothing."""
    if of.link.status == "not_linked":
        return {""}
    if of.link.access_key_id:
        return {of.link.access_key_id}
    if of.link.status == "unknown":
        recorded = {key.access_key_id: key.linked for slot, key in of.stored if key.linked}
        if recorded:
            return {max(recorded, key=lambda access_key_id: recorded[access_key_id] or "")}
    # Nobody can have entered a key whose secret nobody has.
    orphans = of.orphans
    lost = {orphans[0].access_key_id} if len(orphans) == 1 else set()
    return {"", *(key.access_key_id for key in of.keys)} - lost


def violations(of: Situation, action: Action) -> t.Iterator[str]:
    """What an action would break, seen from outside: from the keys, the record, and what the portal may hold."""
    key = of.iam_key(action.access_key_id)
    stored = of.record is not None and of.record.find(action.access_key_id) is not None
    orphan = [found.access_key_id for found in of.orphans] == [action.access_key_id]
    removes = {ActionKind.DELETE, ActionKind.DELETE_FOREIGN, ActionKind.DELETE_ORPHAN}
    touches = removes | {ActionKind.DEACTIVATE, ActionKind.SUSPEND, ActionKind.NOTE_INACTIVE}
    leaving = of.request.state in ("absent", "suspended")
    suspended = of.suspension(key) if key else None
    if action.kind in removes and of.request.state == "suspended":
        yield "a suspension deletes"
    waits = of.request.retire_after_days * DAY if of.request.state == "absent" else DAY * 0
    if (
        action.kind in removes - {ActionKind.DELETE_ORPHAN}
        and waits
        and not (suspended and suspended.at + waits <= of.now)
    ):
        yield "a key is deleted before its day"
    if action.kind == ActionKind.ACTIVATE and not (suspended and suspended.by_us):
        yield "a key that the collection did not suspend is activated"
    if action.kind == ActionKind.FORGET_SUSPENSION and key and not key.active:
        yield "a suspended key counts as one that is not"
    if action.kind == ActionKind.CREATE and len(of.keys) >= 2:
        yield "a third key"
    if action.kind == ActionKind.FORGET and key:
        yield "the secret of an existing key is dropped"
    if action.kind == ActionKind.REMOVE_RECORD and any(of.iam_key(k.access_key_id) for slot, k in of.stored):
        yield "the secret of an existing key is dropped with the record"
    if action.kind in touches:
        if key is None:
            yield "a key that is not there"
        elif not stored and not orphan and action.access_key_id not in of.request.remove_foreign_keys:
            yield "a stranger's key is touched"
        elif not leaving and key.active and action.access_key_id in possible_portal_keys(of):
            yield "the key that the portal holds, or may hold, is cut off"
        elif not leaving and possible_portal_keys(of) == {action.access_key_id}:
            yield "the key that the portal holds is taken away"
    if action.kind in (ActionKind.DEACTIVATE, ActionKind.SUSPEND) and key and not key.active:
        yield "an inactive key is deactivated"
    if action.kind == ActionKind.PROVE and not (stored and key and key.active):
        yield "a key is proved that cannot be used"


def requests() -> t.Iterator[KeyRequest]:
    for state, named in itertools.product(("present", "rotated", "absent"), (frozenset(), frozenset({FIRST, SECOND}))):
        yield request(state=KeyState(state), remove_foreign_keys=named)
    yield request(max_age_days=7, remove_foreign_keys=frozenset({FIRST}))
    yield request(grace_days=14)
    yield request(retire_superseded=False)
    yield request(state="rotated", retire_superseded=False)


def requests_about_suspensions() -> t.Iterator[KeyRequest]:
    for named in (frozenset(), frozenset({FIRST, SECOND})):
        yield request(remove_foreign_keys=named)
        yield request(state=KeyState.SUSPENDED, remove_foreign_keys=named)
        yield request(state=KeyState.ABSENT, remove_foreign_keys=named, retire_after_days=14)
    yield request(state=KeyState.ABSENT)


def links() -> t.Iterator[LinkKnowledge]:
    yield from (UNKNOWN, NOT_LINKED, OTHER, linked(FIRST), linked(SECOND))
    yield from (LinkKnowledge("other_key", FIRST), LinkKnowledge("other_key", SECOND))


def recorded_links(of: Situation) -> t.Iterator[Situation]:
    """The same lab, with each way in which an earlier run can have recorded a link."""
    yield of
    for _slot, stored in of.stored:
        assert of.record is not None
        changed = dataclasses.replace(stored, linked=timestamp(NOW - DAY), link_evidence="page")
        yield dataclasses.replace(of, record=of.record.replace_key(changed))


def suspensions(of: Situation) -> t.Iterator[Situation]:
    """The same lab, with tags that tell of suspensions, true or not: recent and old ones, and such as tell nothing."""
    yield of
    noted = [
        Suspension(NOW - 20 * DAY),
        Suspension(NOW - 3 * DAY),
        Suspension(NOW - 20 * DAY, by_us=False),
    ]
    for value in [*(suspension.tag_value() for suspension in noted), "whenever"]:
        yield dataclasses.replace(of, tags={tag_key(FIRST): value, tag_key(SECOND): value, "by": "others"})


def situations() -> t.Iterator[Situation]:
    """Every set of keys, also such as no history of ours leads to, in every light."""
    everything = [Key(kind, active) for kind in key_matrix.KINDS for active in (True, False)]
    sets: list[tuple[Key, ...]] = [(), *((key,) for key in everything), *itertools.product(everything, repeat=2)]
    lights = [(link, wanted, True) for link in links() for wanted in requests()]
    lights += [(link, request(), False) for link in links()]
    for keys, (link, wanted, proved) in itertools.product(sets, lights):
        if [key.kind for key in keys].count("current") < 2 and [key.kind for key in keys].count("pending") < 2:
            yield from recorded_links(situation(keys, link, wanted, proved=proved))
    for keys, wanted in itertools.product(sets, requests_about_suspensions()):
        if [key.kind for key in keys].count("current") < 2 and [key.kind for key in keys].count("pending") < 2:
            yield from suspensions(situation(keys, UNKNOWN, wanted))


def test_no_plan_breaks_an_invariant_at_any_step_whatever_the_situation() -> None:
    seen = 0
    for start in situations():
        plan = key_plan.decide(start)
        now = start
        for action in plan.actions:
            broken = list(violations(now, action))
            assert not broken, f"{broken} by {action} of {plan.actions} in {now}"
            now = key_plan.after(now, action)
        assert now == plan.final
        # A run that was stopped after any of these steps starts from such a situation itself, so following the rest
        # of the plan is what it does; at the end there is nothing left to do.
        assert {key: value for key, value in now.tags.items() if not key.startswith(TAG_PREFIX)} == (
            {"by": "others"} if "by" in start.tags else {}
        ), "somebody else's tag was touched"
        again = key_plan.decide(plan.final)
        assert (again.actions, again.stop) == ((), plan.stop)
        check_goal(plan)
        seen += 1
    assert seen > 10_000


def check_goal(plan: Plan) -> None:
    """A plan that does not stop reaches what was asked for."""
    final, record = plan.final, plan.final.record
    strangers = {key.access_key_id for key in final.foreign} - final.request.remove_foreign_keys
    ours = [key for key in final.keys if key.access_key_id not in strangers]
    if not final.request.wants_key:
        assert plan.stop is None
        assert all(final.suspension(key) for key in ours)
    if final.request.state == "suspended":
        return
    if final.request.state == "absent":
        assert all(final.waits_for_its_day(key) for key in ours)
        assert (record is None) == (not any(final.iam_key(stored.access_key_id) for _slot, stored in final.stored))
        return
    if plan.stop:
        assert plan.stop.choices
        return
    assert record is not None
    assert record.creating is None
    key = record.find(final.key_to_use)
    assert key is not None
    assert key.proved
    assert len(final.keys) <= 2


def test_a_finished_rotation_is_followed_by_another_one_only_in_the_next_run() -> None:
    plan = decided([CURRENT], NOT_LINKED, state="rotated")
    assert [action.kind for action in plan.actions].count(ActionKind.CREATE) == 1
    assert plan.final.record is not None
    assert plan.final.record.current is not None
    named = dataclasses.replace(plan.final.record.current, access_key_id=SECOND)
    next_run = dataclasses.replace(
        plan.final,
        record=dataclasses.replace(plan.final.record, current=named),
        keys=(dataclasses.replace(plan.final.keys[0], access_key_id=SECOND),),
        rotation_begun=False,
    )
    assert [action.kind for action in key_plan.decide(next_run).actions].count(ActionKind.CREATE) == 1


# --- The adoption table ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row", [*key_matrix.rows(named=False), *key_matrix.rows(named=True)], ids=key_matrix.Row.in_words
)
def test_each_row_of_the_adoption_table_keeps_the_invariants(row: key_matrix.Row) -> None:
    foreign = {key_id(index) for index, key in enumerate(row.keys) if key.kind == "foreign"}
    named = row.plan.final.request.remove_foreign_keys
    gone = foreign - {key.access_key_id for key in row.plan.final.keys}
    assert gone <= named
    if row.plan.stop:
        assert row.plan.stop.reason in ("two_foreign_keys", "no_room_for_key")
        assert len(row.keys) == 2
        assert all(choice for choice in row.plan.stop.choices)
    else:
        assert row.plan.final.key_to_use


def test_the_guide_shows_the_tables_as_they_are_decided() -> None:
    guide = key_matrix.GUIDE.read_text()
    assert guide == key_matrix.with_tables(guide), HOW_TO_UPDATE


# --- Single rules ------------------------------------------------------------------------------------------------


def test_a_new_lab_gets_a_key_that_is_proved() -> None:
    assert kinds(decided([])) == ["create", "prove (new key)"]


def test_a_lab_with_its_key_is_left_alone() -> None:
    plan = decided([CURRENT])
    assert not plan.actions
    assert not plan.notes


@pytest.mark.parametrize("state", ["present", "rotated"])
def test_a_user_that_is_not_ours_gets_no_key_unless_adopted(state: str) -> None:
    plan = decided([], user="foreign", state=state)
    assert plan.stop is not None
    assert plan.stop.reason == "user_not_ours"
    assert kinds(decided([], user="foreign", state=state, adopt_existing_user=True))[0] == "create"


def test_a_missing_user_is_told() -> None:
    plan = decided([], user="missing")
    assert plan.stop is not None
    assert plan.stop.reason == "user_missing"


def test_a_foreign_key_stays_beside_the_new_one_and_is_reported() -> None:
    plan = decided([FOREIGN], linked(FIRST), adopt_existing_user=True)
    assert kinds(plan) == ["create", "prove (new key)"]
    assert [note.code for note in plan.notes] == ["foreign_key"]


@pytest.mark.parametrize("state", ["present", "rotated"])
@pytest.mark.parametrize("key", [FOREIGN, FOREIGN_OFF], ids=str)
def test_a_key_of_our_user_that_the_store_does_not_know_is_perhaps_another_stores(key: Key, state: str) -> None:
    plan = decided([key], state=state)
    assert not plan.actions
    assert plan.stop is not None and plan.stop.reason == "record_lost" and FIRST in plan.stop.message


def test_a_lost_record_is_made_anew_when_the_operator_gives_up_the_key() -> None:
    plan = decided([FOREIGN], NOT_LINKED, remove_foreign_keys=frozenset({FIRST}))
    assert kinds(plan) == [f"delete_foreign {FIRST}", "create", "prove (new key)"]


@pytest.mark.parametrize("link", [UNKNOWN, NOT_LINKED, OTHER, linked(FIRST), linked(SECOND)], ids=str)
def test_two_foreign_keys_leave_the_choice_to_the_operator(link: LinkKnowledge) -> None:
    plan = decided([FOREIGN, FOREIGN], link)
    assert not plan.actions
    assert plan.stop is not None
    assert plan.stop.reason == "two_foreign_keys"
    told = " ".join(plan.stop.choices)
    assert FIRST in told
    assert SECOND in told
    assert "remove_foreign_keys" in told
    assert "last used 2026-02-26" in told


def test_of_two_foreign_keys_the_named_one_goes_if_the_portal_holds_the_other() -> None:
    plan = decided([FOREIGN, FOREIGN], linked(FIRST), remove_foreign_keys=frozenset({SECOND}))
    assert kinds(plan) == [f"delete_foreign {SECOND}", "create", "prove (new key)"]


@pytest.mark.parametrize("link", [linked(SECOND), UNKNOWN, OTHER], ids=str)
def test_the_named_one_stays_if_the_portal_holds_it_or_may_hold_it(link: LinkKnowledge) -> None:
    plan = decided([FOREIGN, FOREIGN], link, remove_foreign_keys=frozenset({SECOND}))
    assert not plan.actions
    assert plan.stop is not None


def test_a_named_inactive_foreign_key_makes_room() -> None:
    plan = decided([FOREIGN, FOREIGN_OFF], remove_foreign_keys=frozenset({SECOND}))
    assert kinds(plan)[:2] == [f"delete_foreign {SECOND}", "create"]


def test_a_key_left_by_a_run_that_died_is_deleted_before_a_new_one_is_made() -> None:
    assert kinds(decided([ORPHAN])) == [f"delete_orphan {FIRST}", "close_intent", "create", "prove (new key)"]


def orphan_like(**values: t.Any) -> Situation:
    start = situation([ORPHAN], UNKNOWN, request())
    return dataclasses.replace(start, keys=(dataclasses.replace(start.keys[0], **values),))


@pytest.mark.parametrize(
    "values",
    [
        {"last_used": NOW - datetime.timedelta(minutes=1)},
        {"created": key_matrix.CRASHED - datetime.timedelta(minutes=1)},
        {"created": key_matrix.CRASHED + datetime.timedelta(minutes=6)},
    ],
    ids=["somebody used it", "older than the intent", "long after the intent"],
)
def test_a_key_that_may_be_somebody_elses_is_not_taken_for_a_left_over(values: dict[str, t.Any]) -> None:
    plan = key_plan.decide(orphan_like(**values))
    assert kinds(plan) == ["close_intent", "create", "prove (new key)"]
    assert FIRST in {key.access_key_id for key in plan.final.keys}


def test_a_key_that_was_there_before_is_not_taken_for_a_left_over() -> None:
    start = situation([ORPHAN], UNKNOWN, request())
    assert start.record is not None
    assert start.record.creating is not None
    intent = dataclasses.replace(start.record.creating, known_key_ids=(FIRST,))
    plan = key_plan.decide(dataclasses.replace(start, record=dataclasses.replace(start.record, creating=intent)))
    assert FIRST in {key.access_key_id for key in plan.final.keys}


def test_the_key_that_the_portal_holds_is_not_taken_for_a_left_over() -> None:
    plan = decided([ORPHAN], linked(FIRST))
    assert FIRST in {key.access_key_id for key in plan.final.keys}


def test_of_two_that_could_be_left_over_none_is_deleted() -> None:
    plan = decided([ORPHAN, ORPHAN])
    assert kinds(plan) == ["close_intent"]
    assert plan.stop is not None
    assert plan.stop.reason == "two_foreign_keys"


def test_a_rotation_waits_for_the_link_and_then_ends() -> None:
    begun = decided([CURRENT], linked(FIRST), state="rotated")
    assert kinds(begun) == ["record_link " + FIRST, "create", "prove (new key)"]
    assert [note.code for note in begun.notes] == ["pending_key_not_linked"]
    waiting = key_plan.decide(dataclasses.replace(begun.final, rotation_begun=False))
    assert not waiting.actions
    done = key_plan.decide(dataclasses.replace(begun.final, link=linked(NEW_KEY)))
    assert kinds(done) == [
        f"record_link {NEW_KEY}",
        f"promote {NEW_KEY}",
        f"deactivate {FIRST}",
        f"delete {FIRST}",
    ]


def test_a_replaced_key_stays_inactive_for_its_grace() -> None:
    plan = decided([CURRENT, PENDING], linked(SECOND), grace_days=14)
    assert kinds(plan) == [f"record_link {SECOND}", f"promote {SECOND}", f"deactivate {FIRST}"]
    assert [note.code for note in plan.notes] == ["superseded_key_in_grace"]
    later = dataclasses.replace(plan.final, link=UNKNOWN, now=NOW + 14 * DAY - datetime.timedelta(seconds=1))
    assert not key_plan.decide(later).actions
    assert kinds(key_plan.decide(dataclasses.replace(later, now=NOW + 14 * DAY))) == [f"delete {FIRST}"]


def test_a_replaced_key_stays_if_that_is_wished() -> None:
    plan = decided([CURRENT, PENDING], linked(SECOND), retire_superseded=False)
    assert kinds(plan) == [f"record_link {SECOND}", f"promote {SECOND}"]


def used_after_replacement(when: datetime.datetime) -> Situation:
    start = situation([SUPERSEDED, CURRENT], linked(SECOND), request())
    assert start.record is not None
    assert start.record.current is not None
    changed = dataclasses.replace(start.record.current, linked=timestamp(NOW - 2 * DAY), link_evidence="page")
    replaced = dataclasses.replace(start.record.superseded[0], superseded_at=timestamp(NOW - 2 * DAY))
    keys = (dataclasses.replace(start.keys[0], last_used=when), start.keys[1])
    return dataclasses.replace(start, record=start.record.replace_key(changed).replace_key(replaced), keys=keys)


def test_a_replaced_key_that_somebody_goes_on_using_stays() -> None:
    plan = key_plan.decide(used_after_replacement(NOW - datetime.timedelta(hours=2)))
    assert not plan.actions
    assert [note.code for note in plan.notes] == ["superseded_key_in_use"]


@pytest.mark.parametrize(
    "when", [NOW - 2 * DAY + datetime.timedelta(minutes=5), NOW - datetime.timedelta(hours=25)], ids=["then", "ceased"]
)
def test_a_replaced_key_that_is_quiet_goes(when: datetime.datetime) -> None:
    assert kinds(key_plan.decide(used_after_replacement(when))) == [f"deactivate {FIRST}", f"delete {FIRST}"]


def test_a_key_is_replaced_for_its_age() -> None:
    assert not decided([CURRENT], max_age_days=40).actions
    older = decided([CURRENT], max_age_days=39)
    assert kinds(older) == ["create", "prove (new key)"]
    assert older.actions[0].slot == "pending"
    assert "40 days old" in older.actions[0].in_words()


@pytest.mark.parametrize("foreign", [FOREIGN, FOREIGN_OFF], ids=["active", "inactive"])
def test_a_rotation_without_room_stops_and_the_working_key_stays(foreign: Key) -> None:
    plan = decided([foreign, CURRENT], linked(SECOND), state="rotated")
    assert plan.stop is not None
    assert plan.stop.reason == "no_room_for_key"
    assert SECOND in {key.access_key_id for key in plan.final.keys if key.active}
    makes_room = decided([foreign, CURRENT], linked(SECOND), state="rotated", remove_foreign_keys=frozenset({FIRST}))
    assert kinds(makes_room)[1:] == [f"delete_foreign {FIRST}", "create", "prove (new key)"]


def test_a_key_that_somebody_switched_off_is_replaced_and_never_switched_on_again() -> None:
    plan = decided([CURRENT_OFF], linked(FIRST))
    assert kinds(plan)[1:] == ["create", "prove (new key)", f"promote {NEW_KEY}"]
    assert plan.final.iam_key(FIRST) is not None


def test_a_key_that_somebody_deleted_is_forgotten_and_replaced() -> None:
    start = situation([CURRENT], UNKNOWN, request())
    plan = key_plan.decide(dataclasses.replace(start, keys=()))
    assert kinds(plan) == [f"forget {FIRST}", "create", "prove (new key)"]


def test_a_pending_key_that_somebody_deleted_does_not_hurt_the_current_one() -> None:
    start = situation([CURRENT, PENDING], linked(FIRST), request())
    plan = key_plan.decide(dataclasses.replace(start, keys=start.keys[:1]))
    assert kinds(plan) == [f"forget {SECOND}", f"record_link {FIRST}"]


def test_a_stored_key_that_was_not_proved_is_proved_and_not_made_anew() -> None:
    plan = key_plan.decide(situation([CURRENT], UNKNOWN, request(), proved=False))
    assert kinds(plan) == [f"prove {FIRST}"]


def test_what_is_found_out_now_counts_before_what_was_recorded() -> None:
    start = next(
        s for s in recorded_links(situation([SUPERSEDED, CURRENT], UNKNOWN, request())) if s.stored[0][1].linked
    )
    assert kinds(key_plan.decide(start)) == [f"deactivate {FIRST}", f"delete {FIRST}"]
    # Somebody has entered the old key again.
    plan = key_plan.decide(dataclasses.replace(start, link=linked(FIRST)))
    assert kinds(plan) == [f"record_link {FIRST}"]
    assert [note.code for note in plan.notes] == ["superseded_key_may_be_linked"]


def test_a_link_that_is_gone_is_recorded_as_gone() -> None:
    start = list(recorded_links(situation([CURRENT], NOT_LINKED, request())))[1]
    plan = key_plan.decide(start)
    assert kinds(plan) == ["clear_link"]
    assert plan.final.record is not None
    assert plan.final.record.current is not None
    assert plan.final.record.current.linked is None


def test_absent_takes_our_keys_then_the_record_and_leaves_a_strangers_key() -> None:
    plan = decided([FOREIGN, CURRENT], linked(SECOND), state="absent")
    assert kinds(plan) == [f"deactivate {SECOND}", f"delete {SECOND}", "remove_record"]
    assert [note.code for note in plan.notes] == ["foreign_key"]
    named = decided([FOREIGN, CURRENT], linked(SECOND), state="absent", remove_foreign_keys=frozenset({FIRST}))
    assert kinds(named)[2:] == [f"delete_foreign {FIRST}", "remove_record"]


def test_absent_is_content_with_nothing() -> None:
    assert not decided([], state="absent").actions
    assert not decided([], user="missing", state="absent").actions
    gone = dataclasses.replace(situation([CURRENT], UNKNOWN, request(state="absent"), "missing"), keys=())
    assert kinds(key_plan.decide(gone)) == ["remove_record"]


def test_keys_are_described_without_secrets() -> None:
    described = describe_keys(situation([FOREIGN, CURRENT], UNKNOWN, request()))
    assert described == [
        {
            "access_key_id": FIRST,
            "status": "Active",
            "created": timestamp(CREATED),
            "age_days": 40,
            "last_used": timestamp(NOW - 3 * DAY),
            "last_used_service": "mturk-requester",
            "last_use_known": False,
            "owner": "foreign",
            "stored": False,
            "slot": "",
            "suspended_on": None,
            "may_go_on": None,
        },
        {
            "access_key_id": SECOND,
            "status": "Active",
            "created": timestamp(CREATED + DAY),
            "age_days": 39,
            "last_used": None,
            "last_used_service": "",
            "last_use_known": False,
            "owner": "ours",
            "stored": True,
            "slot": "current",
            "suspended_on": None,
            "may_go_on": None,
        },
    ]


def test_a_situation_shows_no_secret() -> None:
    start = situation([CURRENT, PENDING], UNKNOWN, request())
    assert start.record is not None
    secretive = start.record.replace_key(StoredKey(FIRST, "hush", created=timestamp(CREATED)))
    assert "hush" not in repr(dataclasses.replace(start, record=secretive))
    assert "hush" not in repr(key_plan.decide(dataclasses.replace(start, record=secretive)))


@pytest.mark.parametrize(("begun", "rotates"), [(None, True), (DAY, True), (DAY * 0, False), (-DAY, False)])
def test_a_key_that_another_run_made_since_is_not_replaced_once_more(
    begun: datetime.timedelta | None, rotates: bool
) -> None:
    """When the run looked at the lab, counted from the key's creation."""
    plan = decided([CURRENT], state="rotated", begun=None if begun is None else CREATED + begun)
    assert bool(plan.actions) is rotates


def test_a_link_that_was_seen_before_another_run_replaced_its_key_overwrites_no_record() -> None:
    start = situation([CURRENT], linked("AKIAGONE"), request())
    assert start.record is not None and start.record.current is not None
    known = start.record.with_link(start.record.current.access_key_id, "page", NOW)
    assert not key_plan.decide(dataclasses.replace(start, record=known)).actions
