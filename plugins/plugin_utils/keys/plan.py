# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that decides what happens to a lab's access keys.

Nothing here talks to AWS or to a store: C(next_step) looks at a situation and says the one next action, and
C(after) says what the situation is once that action has been done. C(decide) follows the two to the end, which is
how check mode predicts; the run itself asks C(next_step) again after every action, so that it never goes on with a
plan that reality has overtaken.

The rules hold these lines, whatever the situation:

* A secret is never dropped while its key may still work.
* A key that the portal holds, or may hold, is not switched off or deleted before the portal is known to hold another.
* A key that the collection did not create is touched only when the operator names it.
* A user has two keys at most.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ..aws.iam_keys import KEYS_A_USER, IamKey
from ..base import times
from ..base.vocabulary import NAMED_FOR_REMOVAL, WHERE_THE_RECORD_IS, LinkStatus
from . import superseded, suspending
from .actions import Action, ActionKind, Note, Slot, Stop
from .effects import after
from .notes import foreign_held_back, notes
from .situation import KeyState, Situation, UserOwner, portal_key


@dataclasses.dataclass(frozen=True)
class Plan:
    """Everything that a run would do now.

    :param stop: why it would end there without having reached the requested state.
    """

    actions: tuple[Action, ...]
    stop: Stop | None
    final: Situation
    notes: tuple[Note, ...]


def decide(situation: Situation) -> Plan:
    """All actions up to the requested state, or to where the operator has to choose.

    Total and deterministic: the same situation gives the same plan.
    """
    actions: list[Action] = []
    # Every rule moves a key forward or removes one; the bound only turns a mistake here into an error.
    for _step in range(50):
        step = next_step(situation)
        if step is None or isinstance(step, Stop):
            return Plan(tuple(actions), step, situation, tuple(notes(situation)))
        actions.append(step)
        situation = after(situation, step)
    raise RuntimeError("the rules of the plan do not come to an end")


def next_step(situation: Situation) -> Action | Stop | None:
    """The next action, a reason to stop, or None when there is nothing to do."""
    for rule in _RULES[situation.request.state]:
        step = rule(situation)
        if step is not None:
            return step
    return None


# --- Rules, in their order -------------------------------------------------------------------------------------


def _user(situation: Situation) -> Stop | None:
    if situation.user == UserOwner.MISSING:
        return Stop("user_missing", "The IAM user does not exist.", ("create it (role lab_account does)",))
    if situation.user == UserOwner.FOREIGN and not situation.request.adopt_existing_user and not situation.record:
        return Stop(
            "user_not_ours",
            "The IAM user was not created by this collection.",
            (
                "allow its use for this lab with adopt_existing_user (role: lab_account_adopt_existing_user)",
                "choose another user name for this lab",
            ),
        )
    return None


def _heal_orphan(situation: Situation) -> Action | None:
    orphans = situation.orphans
    if len(orphans) != 1:
        return None
    why = "which an interrupted run created and whose secret was never stored"
    return Action(ActionKind.DELETE_ORPHAN, orphans[0].access_key_id, why=why)


def _close_intent(situation: Situation) -> Action | None:
    if situation.record and situation.record.creating:
        return Action(ActionKind.CLOSE_INTENT, why="which left no key behind")
    return None


def _forget_gone(situation: Situation) -> Action | None:
    for _slot, stored in situation.stored:
        if not situation.iam_key(stored.access_key_id):
            return Action(ActionKind.FORGET, stored.access_key_id, why="which AWS no longer has")
    return None


def _record_link(situation: Situation) -> Action | None:
    if situation.link.status == LinkStatus.UNKNOWN or situation.record is None:
        return None
    held = portal_key(situation)
    if held is None:
        return None
    stored = (held,) if situation.record.find(held) else ()
    if situation.record.linked_key_ids == stored:
        return None
    return Action(ActionKind.RECORD_LINK, held) if stored else Action(ActionKind.CLEAR_LINK)


def _supersede_unusable_pending(situation: Situation) -> Action | None:
    record = situation.record
    if record and record.pending and not situation.usable(record.pending):
        return Action(ActionKind.SUPERSEDE, record.pending.access_key_id, why="because somebody deactivated it")
    return None


def _prove(situation: Situation) -> Action | None:
    for slot, stored in situation.stored:
        if slot != Slot.SUPERSEDED and not stored.proved and situation.usable(stored):
            return Action(ActionKind.PROVE, stored.access_key_id)
    return None


def _promote(situation: Situation) -> Action | None:
    record = situation.record
    if record is None or record.pending is None or not record.pending.proved:
        return None
    pending = record.pending.access_key_id
    if not situation.usable(record.current):
        return Action(ActionKind.PROMOTE, pending, why="because no other key works")
    held = portal_key(situation)
    if held == pending:
        return Action(ActionKind.PROMOTE, pending, why="because the portal holds it")
    if held == "":
        return Action(ActionKind.PROMOTE, pending, why="because the portal holds no key")
    return None


def _remove_foreign(situation: Situation) -> Action | None:
    for key in situation.foreign:
        given_up = key.access_key_id in situation.request.remove_foreign_keys
        if given_up and not foreign_held_back(situation, key) and not situation.waits_for_its_day(key):
            why = "which the collection did not create and the operator gave up"
            return Action(ActionKind.DELETE_FOREIGN, key.access_key_id, why=why)
    return None


def _require_record(situation: Situation) -> Stop | None:
    """A new key would take the place of one that another store, or another lab of the inventory, may well hold."""
    request = situation.request
    found = [key.access_key_id for key in situation.foreign]
    # Who speaks of strangers' keys knows that there are some.
    told = request.adopt_existing_user or request.remove_foreign_keys
    if not situation.record_lost or told or not found or not _has_room(situation):
        return None
    return Stop(
        "record_lost",
        f"The IAM user carries the collection's tag and has the access key {found[0]}, but the store holds no record "
        "of the lab. It may be the wrong store, another lab of the inventory may name the same AWS account, or the "
        "record is lost.",
        (
            f"correct {WHERE_THE_RECORD_IS}, or the lab's AWS account",
            f"if the record is lost, name key {found[0]} in {NAMED_FOR_REMOVAL}: it is deleted once the portal holds a "
            "new key",
            "if the key is to stay beside a new one, set adopt_existing_user (role: lab_account_adopt_existing_user)",
        ),
    )


def _create(situation: Situation) -> Action | Stop | None:
    record = situation.record
    current = record.current if record else None
    pending = record.pending if record else None
    if situation.usable(current):
        why = _why_rotate(situation)
        if not why or pending:
            return None
        if _has_room(situation):
            return Action(ActionKind.CREATE, slot=Slot.PENDING, why=why)
        return _make_room(situation) or _no_room(situation)
    if situation.usable(pending):
        return None
    if _has_room(situation):
        why = "because the current key was deactivated" if current else ""
        return Action(ActionKind.CREATE, slot=Slot.PENDING if current else Slot.CURRENT, why=why)
    return _make_room(situation) or _no_room(situation)


def _why_rotate(situation: Situation) -> str:
    request, record = situation.request, situation.record
    if record is None or record.current is None or situation.rotation_begun or situation.rotation_under_way:
        return ""
    created = times.moment(record.current.created)
    if request.state == KeyState.ROTATED and not (request.begun and created >= request.begun):
        return "to replace the current one"
    if request.max_age_days is not None and situation.now - created > datetime.timedelta(days=request.max_age_days):
        return f"because the current one is {times.days_between(created, situation.now)} days old"
    return ""


def _has_room(situation: Situation) -> bool:
    return len(situation.keys) < KEYS_A_USER


def _make_room(situation: Situation) -> Action | None:
    """A new key is needed and both places are taken: an inactive one of ours can go, unless the portal holds it."""
    for _slot, stored in reversed(situation.stored):
        key = situation.iam_key(stored.access_key_id)
        if key and not key.active and portal_key(situation) != key.access_key_id:
            return Action(ActionKind.DELETE, key.access_key_id, why="which is inactive, to make room for a new one")
    return None


def _no_room(situation: Situation) -> Stop:
    choices = [_foreign_choice(situation, key) for key in situation.foreign]
    for _slot, stored in situation.stored:
        state = "active" if situation.usable(stored) else "inactive"
        choices.append(f"delete the collection's own key {stored.access_key_id} ({state}) by hand")
    choices.append("use another IAM user for this lab")
    count = len(situation.foreign)
    if count == KEYS_A_USER:
        reason, whose = "two_foreign_keys", "both made by somebody else, and nobody stored their secrets"
    else:
        reason, whose = "no_room_for_key", "one made by somebody else" if count else "and neither can go safely"
    return Stop(
        reason,
        f"A new key is needed, but the IAM user has two access keys already, {whose}; AWS allows no third.",
        tuple(choices),
    )


def _foreign_choice(situation: Situation, key: IamKey) -> str:
    state = "active" if key.active else "inactive"
    use = f"last used {key.last_used:%Y-%m-%d}" if key.last_used else "never used"
    named = f"key {key.access_key_id} ({state}, {use})"
    held = portal_key(situation)
    if held == key.access_key_id:
        return f"keep {named}: the portal holds it"
    if held is None and key.active:
        return (
            f"give up {named}: find out that the portal does not hold it, then name it in {NAMED_FOR_REMOVAL} and say "
            "what the portal holds in link_status and linked_access_key_id; or deactivate it in the AWS console, which "
            "can be undone, and name it there, too"
        )
    return f"give up {named}: name it in {NAMED_FOR_REMOVAL}"


def _remove_ours(situation: Situation) -> Action | None:
    for _slot, stored in reversed(situation.stored):
        key = situation.iam_key(stored.access_key_id)
        if key and not situation.waits_for_its_day(key):
            return Action(ActionKind.DEACTIVATE if key.active else ActionKind.DELETE, key.access_key_id)
    return None


def _remove_record(situation: Situation) -> Action | None:
    # A key that waits for its day needs its secret in the store: it may be made active again.
    kept = any(situation.iam_key(stored.access_key_id) for _slot, stored in situation.stored)
    return Action(ActionKind.REMOVE_RECORD) if situation.record and not kept else None


Rule = t.Callable[[Situation], "Action | Stop | None"]

_PRESENT_RULES: tuple[Rule, ...] = (
    _user,
    _heal_orphan,
    _close_intent,
    _forget_gone,
    _record_link,
    suspending.activate,
    suspending.forget,
    _supersede_unusable_pending,
    _prove,
    _promote,
    _remove_foreign,
    _require_record,
    _create,
    superseded.retire,
)
_SUSPENDED_RULES: tuple[Rule, ...] = (suspending.suspend, suspending.forget)
_ABSENT_RULES: tuple[Rule, ...] = (
    _heal_orphan,
    suspending.suspend_to_retire,
    _remove_ours,
    _remove_foreign,
    suspending.forget_what_stays,
    _remove_record,
)
_RULES: dict[KeyState, tuple[Rule, ...]] = {
    KeyState.PRESENT: _PRESENT_RULES,
    KeyState.ROTATED: _PRESENT_RULES,
    KeyState.SUSPENDED: _SUSPENDED_RULES,
    KeyState.ABSENT: _ABSENT_RULES,
}
