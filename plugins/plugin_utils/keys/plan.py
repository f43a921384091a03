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

import datetime
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import iam_keys
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws.iam_keys import IamKey
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import times
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.effects import after
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.situation import (
    CLEAR_LINK,
    CLOSE_INTENT,
    CREATE,
    DEACTIVATE,
    DELETE,
    DELETE_FOREIGN,
    DELETE_ORPHAN,
    FORGET,
    MARK_INACTIVE,
    NEW_KEY,
    PROMOTE,
    PROVE,
    RECORD_LINK,
    REMOVE_RECORD,
    STATES,
    SUPERSEDE,
    Action,
    KeyRequest,
    LinkKnowledge,
    Note,
    Plan,
    Situation,
    Stop,
    describe_keys,
    portal_key,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.record import StoredKey

# The whole vocabulary of key decisions, so that callers need this one module.
__all__ = [
    "CLEAR_LINK",
    "CLOSE_INTENT",
    "CREATE",
    "DEACTIVATE",
    "DELETE",
    "DELETE_FOREIGN",
    "DELETE_ORPHAN",
    "FORGET",
    "MARK_INACTIVE",
    "NEW_KEY",
    "PROMOTE",
    "PROVE",
    "RECORD_LINK",
    "REMOVE_RECORD",
    "STATES",
    "SUPERSEDE",
    "USE_TOLERANCE",
    "Action",
    "KeyRequest",
    "LinkKnowledge",
    "Note",
    "Plan",
    "Situation",
    "Stop",
    "after",
    "decide",
    "describe_keys",
    "next_step",
    "notes",
    "portal_key",
]

# The portal's own calls can go on with a replaced key for a while, and IAM reports uses late.
USE_TOLERANCE = datetime.timedelta(minutes=15)
# A superseded key that somebody still uses is kept until it was quiet for this long.
SUPERSEDED_QUIET = datetime.timedelta(days=1)


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
    raise RuntimeError("the rules of key_plan do not come to an end")


def next_step(situation: Situation) -> Action | Stop | None:
    """The next action, a reason to stop, or None when there is nothing to do."""
    rules = _ABSENT_RULES if situation.request.state == "absent" else _PRESENT_RULES
    for rule in rules:
        step = rule(situation)
        if step is not None:
            return step
    return None


def _portal_lets_go(situation: Situation, access_key_id: str) -> bool:
    """Whether the portal is known not to use the key."""
    held = portal_key(situation)
    return held is not None and held != access_key_id


# --- Rules, in their order -------------------------------------------------------------------------------------


def _user(situation: Situation) -> Stop | None:
    if situation.user == "missing":
        return Stop("user_missing", "The IAM user does not exist.", ("create it (role lab_account does)",))
    if situation.user == "foreign" and not situation.request.adopt_existing_user and not situation.record:
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
    return Action(DELETE_ORPHAN, orphans[0].access_key_id, why=why)


def _close_intent(situation: Situation) -> Action | None:
    if situation.record and situation.record.creating:
        return Action(CLOSE_INTENT, why="which left no key behind")
    return None


def _forget_gone(situation: Situation) -> Action | None:
    for _slot, stored in situation.stored:
        if not situation.iam_key(stored.access_key_id):
            return Action(FORGET, stored.access_key_id, why="which AWS has no more")
    return None


def _record_link(situation: Situation) -> Action | None:
    if situation.link.status == "unknown" or situation.record is None:
        return None
    held = portal_key(situation)
    if held is None:
        return None
    stored = (held,) if situation.record.find(held) else ()
    if situation.record.linked_key_ids == stored:
        return None
    return Action(RECORD_LINK, held) if stored else Action(CLEAR_LINK)


def _supersede_unusable_pending(situation: Situation) -> Action | None:
    record = situation.record
    if record and record.pending and not situation.usable(record.pending):
        return Action(SUPERSEDE, record.pending.access_key_id, why="because somebody deactivated it")
    return None


def _prove(situation: Situation) -> Action | None:
    for slot, stored in situation.stored:
        if slot != "superseded" and not stored.proved and situation.usable(stored):
            return Action(PROVE, stored.access_key_id)
    return None


def _promote(situation: Situation) -> Action | None:
    record = situation.record
    if record is None or record.pending is None or not record.pending.proved:
        return None
    pending = record.pending.access_key_id
    if not situation.usable(record.current):
        return Action(PROMOTE, pending, why="because no other key works")
    held = portal_key(situation)
    if held == pending:
        return Action(PROMOTE, pending, why="because the portal holds it")
    if held == "":
        return Action(PROMOTE, pending, why="because the portal holds no key")
    return None


def _remove_foreign(situation: Situation) -> Action | None:
    for key in situation.foreign:
        if key.access_key_id in situation.request.remove_foreign_keys and not _foreign_held_back(situation, key):
            why = "which the collection did not create and the operator gave up"
            return Action(DELETE_FOREIGN, key.access_key_id, why=why)
    return None


def _foreign_held_back(situation: Situation, key: IamKey) -> str:
    """Why a foreign key that the operator gave up has to stay for now; empty: it need not."""
    held = portal_key(situation)
    if situation.request.state == "absent":
        return ""
    if held == key.access_key_id:
        return "the portal holds it"
    if held is None and key.active:
        return "nobody knows whether the portal holds it"
    return ""


def _create(situation: Situation) -> Action | Stop | None:
    record = situation.record
    current = record.current if record else None
    pending = record.pending if record else None
    if situation.usable(current):
        why = _why_rotate(situation)
        if not why or pending:
            return None
        if _has_room(situation):
            return Action(CREATE, slot="pending", why=why)
        return _make_room(situation) or _no_room(situation)
    if situation.usable(pending):
        return None
    if _has_room(situation):
        why = "because the current key was deactivated" if current else ""
        return Action(CREATE, slot="pending" if current else "current", why=why)
    return _make_room(situation) or _no_room(situation)


def _why_rotate(situation: Situation) -> str:
    request, record = situation.request, situation.record
    if record is None or record.current is None or situation.rotation_begun or situation.rotation_under_way:
        return ""
    if request.state == "rotated":
        return "to replace the current one"
    created = times.moment(record.current.created)
    if request.max_age_days is not None and situation.now - created > datetime.timedelta(days=request.max_age_days):
        return f"because the current one is {times.days_between(created, situation.now)} days old"
    return ""


def _has_room(situation: Situation) -> bool:
    return len(situation.keys) < iam_keys.KEYS_A_USER


def _make_room(situation: Situation) -> Action | None:
    """A new key is needed and both places are taken: an inactive one of ours can go, unless the portal holds it."""
    for _slot, stored in reversed(situation.stored):
        key = situation.iam_key(stored.access_key_id)
        if key and not key.active and portal_key(situation) != key.access_key_id:
            return Action(DELETE, key.access_key_id, why="which is inactive, to make room for a new one")
    return None


def _no_room(situation: Situation) -> Stop:
    choices = [_foreign_choice(situation, key) for key in situation.foreign]
    for _slot, stored in situation.stored:
        state = "active" if situation.usable(stored) else "inactive"
        choices.append(f"delete the collection's own key {stored.access_key_id} ({state}) by hand")
    choices.append("use another IAM user for this lab")
    count = len(situation.foreign)
    if count == iam_keys.KEYS_A_USER:
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
            f"give up {named}: find out that the portal does not hold it, then name it in remove_foreign_keys and say "
            "what the portal holds in link_status and linked_access_key_id; or deactivate it in the AWS console, which "
            "can be undone, and name it in remove_foreign_keys"
        )
    return f"give up {named}: name it in remove_foreign_keys"


def _retire(situation: Situation) -> Action | None:
    if not situation.request.retire_superseded:
        return None
    for slot, stored in situation.stored:
        key = situation.iam_key(stored.access_key_id)
        if slot != "superseded" or key is None or _kept_back(situation, stored):
            continue
        if key.active:
            return Action(DEACTIVATE, key.access_key_id, why="which is superseded")
        if situation.request.grace_days and not stored.deactivated_at:
            return Action(MARK_INACTIVE, key.access_key_id, why="from when on its grace counts")
        if not _grace_ends(situation, stored):
            return Action(DELETE, key.access_key_id, why="which is superseded")
    return None


def _kept_back(situation: Situation, stored: StoredKey) -> Note | None:
    """Why a superseded key has to stay as it is."""
    key_id = stored.access_key_id
    record = situation.record
    current = record.current if record else None
    if not situation.usable(current) or not (current and current.proved):
        return Note(
            "superseded_key_without_successor",
            f"Superseded key {key_id} stays: no proved key has taken its place.",
            "Run again with state=present.",
            key_id,
        )
    # What the collection has switched off itself was let go of then; nothing new has to be known to end its grace.
    let_go = stored.deactivated_at is not None and portal_key(situation) is None
    if not let_go and not _portal_lets_go(situation, key_id):
        return Note(
            "superseded_key_may_be_linked",
            f"Superseded key {key_id} stays: the portal is not known to hold another key.",
            f"Link key {situation.key_to_use} at the portal (role lab_account does), then run again.",
            key_id,
        )
    if _still_used(situation, stored):
        return Note(
            "superseded_key_in_use",
            f"Superseded key {key_id} stays: somebody used it after the portal had the new key.",
            "Find who uses it and give them their own key; it goes when it was unused for a day. To cut it off at "
            "once, deactivate it in the AWS console.",
            key_id,
        )
    return None


def _still_used(situation: Situation, stored: StoredKey) -> bool:
    key = situation.iam_key(stored.access_key_id)
    if key is None or not key.active or key.last_used is None:
        return False
    linked = [other.linked for slot, other in situation.stored if other.linked]
    ours = [text for text in (*linked, stored.collection_used_at, stored.superseded_at) if text]
    explained = max((times.moment(text) for text in ours), default=situation.now) + USE_TOLERANCE
    return key.last_used > explained and situation.now - key.last_used < SUPERSEDED_QUIET


def _grace_ends(situation: Situation, stored: StoredKey) -> datetime.datetime | None:
    """When the superseded key may be deleted; None: now."""
    if not situation.request.grace_days or not stored.deactivated_at:
        return None
    end = times.moment(stored.deactivated_at) + datetime.timedelta(days=situation.request.grace_days)
    return end if end > situation.now else None


def _remove_ours(situation: Situation) -> Action | None:
    for _slot, stored in reversed(situation.stored):
        key = situation.iam_key(stored.access_key_id)
        if key:
            return Action(DEACTIVATE if key.active else DELETE, key.access_key_id)
    return None


def _remove_record(situation: Situation) -> Action | None:
    return Action(REMOVE_RECORD) if situation.record else None


Rule = t.Callable[[Situation], "Action | Stop | None"]

_PRESENT_RULES: tuple[Rule, ...] = (
    _user,
    _heal_orphan,
    _close_intent,
    _forget_gone,
    _record_link,
    _supersede_unusable_pending,
    _prove,
    _promote,
    _remove_foreign,
    _create,
    _retire,
)
_ABSENT_RULES: tuple[Rule, ...] = (_heal_orphan, _remove_ours, _remove_foreign, _remove_record)


def notes(situation: Situation) -> list[Note]:
    """What has to wait, and what a person should know, of a situation in which nothing is left to do."""
    found: list[Note] = []
    record = situation.record
    if situation.request.state != "absent" and record:
        if record.pending and situation.usable(record.current):
            found.append(
                Note(
                    "pending_key_not_linked",
                    f"Key {record.pending.access_key_id} waits to be linked at the portal; until then key "
                    f"{record.current.access_key_id if record.current else ''} stays in use.",
                    f"Link key {record.pending.access_key_id} at the portal (role lab_account does).",
                    record.pending.access_key_id,
                )
            )
        found.extend(_superseded_notes(situation))
    for key in situation.foreign:
        held_back = _foreign_held_back(situation, key)
        named = key.access_key_id in situation.request.remove_foreign_keys
        if named and held_back:
            text = f"Key {key.access_key_id}, which the operator gave up, stays: {held_back}."
            found.append(Note("foreign_key_held_back", text, "Link the stored key first.", key.access_key_id))
        elif not named:
            text = f"Key {key.access_key_id} was not created by this collection, and its secret is not in the store."
            step = "If nobody uses it, name it in remove_foreign_keys."
            found.append(Note("foreign_key", text, step, key.access_key_id))
    return found


def _superseded_notes(situation: Situation) -> t.Iterator[Note]:
    for slot, stored in situation.stored:
        if slot != "superseded" or not situation.iam_key(stored.access_key_id):
            continue
        kept_back = _kept_back(situation, stored)
        ends = _grace_ends(situation, stored)
        if kept_back:
            yield kept_back
        elif ends:
            yield Note(
                "superseded_key_in_grace",
                f"Superseded key {stored.access_key_id} is inactive and is deleted after {ends:%Y-%m-%d %H:%M} UTC.",
                "Run again then.",
                stored.access_key_id,
            )
