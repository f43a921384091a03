# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out what C(plan) decides. The only place that creates, deactivates or deletes access keys.

The order of writes makes every stop survivable: the intent is in the store before the key exists, the secret is in
the store before anything else happens with the key, and a key leaves the store only after it has left IAM.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import typing as t

from ..aws import iam_keys, iam_user
from ..aws.connection import Client
from ..aws.shared_advice import THROTTLING_CODES
from ..base import times
from ..base.errors import CollectionError
from ..mturk.proof import KeyProof
from ..store.base import Snapshot
from ..store.record import LabRecord, StoredKey
from . import effects as key_effects
from . import plan as key_plan
from . import suspension
from .actions import DEACTIVATIONS, DELETIONS, Action, ActionKind, Note, Stop
from .changes import ChangeRecorder, Journal
from .looking import KeyObserver
from .notes import notes as notes_on
from .outcome import KeyOutcome
from .situation import Situation, UserOwner

# How often a key creation whose answer was lost is begun anew.
CREATION_ATTEMPTS = 3

Prove = t.Callable[[str, str], KeyProof]
Choose = t.Callable[[Situation], t.Sequence[Action]]


class KeyLifecycle:
    """One lab's keys, from whatever they are to what is requested.

    :param observer: knows whose keys they are and what is requested, and looks at them.
    :param prove: signs a call with a new key (id and secret) and waits out IAM's propagation.
    """

    def __init__(self, observer: KeyObserver, *, prove: Prove, journal: Journal | None = None) -> None:
        self._observer = observer
        self._connection = observer.connection
        self._store = observer.store
        self._lab = observer.lab
        self._user_name = observer.user_name
        self._prove = prove
        self._account_id = ""
        self._recorder = ChangeRecorder(observer.connection, observer.user_name, journal=journal)
        self._snapshot = Snapshot("", None)
        self._proof: KeyProof | None = None
        self._done: list[tuple[Action, datetime.datetime]] = []

    @property
    def _iam(self) -> Client:
        return self._connection.client("iam")

    def predict(self, *, assume_user: bool = False) -> KeyOutcome:
        """What C(run) would do, found out without changing anything.

        :param assume_user: take a missing user for one that will have been created by then.
        :raises CollectionError: AWS or the store cannot be read, or the store could not be written.
        """
        situation = self._observe_situation()
        if assume_user and situation.user == UserOwner.MISSING and self._observer.request.wants_key:
            situation = dataclasses.replace(situation, user=UserOwner.OURS)
        plan = key_plan.decide(situation)
        if any(action.kind == ActionKind.CREATE for action in plan.actions):
            self._store.check(self._lab)
        final = plan.final
        if final.record and not situation.record:
            record = dataclasses.replace(
                final.record, lab=self._lab, account_id=self._account_id, user_name=self._user_name
            )
            final = dataclasses.replace(final, record=record)
        return KeyOutcome(plan.actions, situation, final, plan.notes, stop=plan.stop)

    def run(self) -> KeyOutcome:
        """Bring the lab's keys to the requested state, as far as that is safe now.

        :raises CollectionError: something failed, or the operator has to choose. What was done stays done, C(actions)
            in its details tells it, and the next run goes on from there.
        """
        with self._telling_what_was_done(), self._store.lock(self._lab):
            return self._follow_plan()

    def carry_out(self, choose: Choose, *, predict: bool = False) -> KeyOutcome:
        """Do what C(choose) makes of the situation and nothing else, as an approved plan says it.

        :param predict: change nothing, and say what would be done.
        :raises CollectionError: as for C(run), and what C(choose) raises, before anything is changed.
        """
        with self._telling_what_was_done(), contextlib.nullcontext() if predict else self._store.lock(self._lab):
            situation = before = self._observe_situation()
            actions = tuple(choose(situation))
            for action in actions:
                if action.kind in DEACTIVATIONS | DELETIONS and not situation.iam_key(action.access_key_id):
                    continue  # It was found gone at the action before.
                situation = key_effects.after(situation, action) if predict else self._carry_out(situation, action)
            if predict:
                return KeyOutcome(actions, before, situation, ())
            return self._outcome_of(before, situation, ())

    @contextlib.contextmanager
    def _telling_what_was_done(self) -> t.Iterator[None]:
        try:
            yield
        except CollectionError as exc:
            exc.details.setdefault("actions", [action.in_words() for action, _at in self._done])
            exc.details.setdefault("changed", any(action.kind != ActionKind.FOUND_GONE for action, _at in self._done))
            exc.details.setdefault("changes", list(self._recorder.changes))
            exc.step = exc.step or "access_key"
            raise

    def _follow_plan(self) -> KeyOutcome:
        situation = before = self._observe_situation()
        unclear = 0
        while True:
            step = key_plan.next_step(situation)
            if step is None:
                return self._outcome_of(before, situation, tuple(notes_on(situation)))
            if isinstance(step, Stop):
                raise step.as_error(self._lab, self._user_name)
            try:
                situation = self._carry_out(situation, step)
            except iam_keys.CreationUnclear as exc:
                unclear += 1
                if unclear >= CREATION_ATTEMPTS:
                    raise _creation_gave_up(exc, self._lab) from exc
                observed = self._observe_situation()
                situation = key_effects.continued(
                    situation, record=observed.record, keys=observed.keys, tags=observed.tags
                )

    def _outcome_of(self, before: Situation, after: Situation, notes: tuple[Note, ...]) -> KeyOutcome:
        actions = tuple(action for action, _at in self._done)
        at = tuple(moment for _action, moment in self._done)
        return KeyOutcome(actions, before, after, notes, self._proof, at=at, changes=tuple(self._recorder.changes))

    def _observe_situation(self) -> Situation:
        seen = self._observer.look()
        self._snapshot = seen.snapshot
        self._account_id = seen.account_id or self._account_id
        self._recorder.user_arn = seen.user_arn or self._recorder.user_arn
        return seen.situation

    def _carry_out(self, situation: Situation, action: Action) -> Situation:
        if action.kind == ActionKind.CREATE:
            return self._create(situation, action)
        if action.kind == ActionKind.PROVE:
            return self._prove_key(situation, action)
        return self._change(situation, action)

    def _note_done(self, action: Action) -> None:
        self._done.append((action, times.now()))

    def _change(self, situation: Situation, action: Action) -> Situation:
        after = key_effects.after(situation, action)
        if action.kind == ActionKind.REMOVE_RECORD:
            self._store.delete(self._snapshot)
        else:
            if action.kind == ActionKind.DELETE_ORPHAN and situation.record:
                # Writing the record first makes a run that is only slow, not dead, fail to store this key's secret.
                self._put_record(situation.record)
            if not self._change_key(situation, action):
                # Somebody else deleted it a moment ago.
                self._note_done(Action(ActionKind.FOUND_GONE, action.access_key_id))
                return key_effects.found_gone(situation, action)
            if after.record and after.record is not situation.record:
                self._put_record(after.record)
        self._note_done(action)
        return after

    def _change_key(self, situation: Situation, action: Action) -> bool:
        """Do in AWS what the action does there; whether the key that it is about was there."""
        key = situation.iam_key(action.access_key_id)
        tag = suspension.tag_key(action.access_key_id)
        if action.kind in (ActionKind.SUSPEND, ActionKind.NOTE_INACTIVE):
            iam_user.tag_user(self._iam, self._user_name, tag, key_effects.tags_after(situation, action)[tag])
        elif action.kind == ActionKind.FORGET_SUSPENSION:
            iam_user.untag_user(self._iam, self._user_name, tag)
        if key and action.kind in DEACTIVATIONS:
            return self._recorder.deactivate(key)
        if key and action.kind == ActionKind.ACTIVATE:
            return self._recorder.activate(key)
        if key and action.kind in DELETIONS:
            return self._recorder.delete(key)
        return True

    def _create(self, situation: Situation, action: Action) -> Situation:
        self._store.check(self._lab)
        self._recorder.require_journal()
        record = situation.record or LabRecord(self._lab, self._account_id, self._user_name)
        self._put_record(key_effects.with_intent(record, situation.keys, situation.now))
        self._recorder.find_caller()
        new = self._create_key(record)
        self._recorder.created(new)
        stored = StoredKey(new.key.access_key_id, new.secret_access_key, created=times.timestamp(new.key.created))
        record = key_effects.with_new_key(record, action.slot, stored)
        try:
            self._put_record(record)
        except BaseException as exc:
            self._undo_creation(new.key, exc)
            raise
        self._note_done(dataclasses.replace(action, access_key_id=new.key.access_key_id))
        return key_effects.continued(situation, record=record, keys=(*situation.keys, new.key), created=True)

    def _create_key(self, record: LabRecord) -> iam_keys.NewKey:
        client = self._connection.client("iam", max_attempts=1)
        pause = 0.5
        for attempt in range(1, 6):
            try:
                return iam_keys.create_key(client, self._user_name)
            except iam_keys.CreationUnclear:
                raise
            except CollectionError as exc:
                # Throttled calls did nothing, so they may be repeated.
                if exc.details.get("error_code") not in THROTTLING_CODES or attempt == 5:
                    # Nothing was created, so nothing has to be healed; if this fails too, the next run closes it.
                    with contextlib.suppress(CollectionError):
                        self._put_or_delete(record)
                    raise
            self._observer.sleep(pause)
            pause *= 2
        raise AssertionError("unreachable")

    def _put_or_delete(self, record: LabRecord) -> None:
        if record.slots():
            self._put_record(record)
        else:
            self._store.delete(self._snapshot)

    def _undo_creation(self, key: iam_keys.IamKey, cause: BaseException) -> None:
        """The secret is not in the store, so the key must not live: nobody could ever use or find it."""
        access_key_id = key.access_key_id
        try:
            self._recorder.delete(dataclasses.replace(key, last_use_known=True), though_unnoted=True)
        except CollectionError as exc:
            fate = (
                f"Key {access_key_id} was created for it and could not be deleted again ({exc.message}); "
                "the next run deletes it."
            )
        else:
            fate = f"Key {access_key_id}, which was created for it, was deleted again."
        if isinstance(cause, CollectionError):
            cause.message = f"{cause.message} {fate}"
            cause.args = (cause.message,)

    def _prove_key(self, situation: Situation, action: Action) -> Situation:
        record = situation.record
        stored = record.find(action.access_key_id) if record else None
        if record is None or stored is None:
            raise AssertionError("only stored keys can be proved")
        proof = self._prove(stored.access_key_id, stored.secret_access_key)
        self._proof = proof
        if not proof.proved:
            raise CollectionError(
                f"Key {stored.access_key_id} of lab {self._lab} is stored, but it is not proved to work: "
                f"{proof.message}",
                next_step="Clear the cause, then run again: it goes on with this key.",
                reason="key_not_proved",
                details={"access_key_id": stored.access_key_id, "proof": {"by": "", "status": proof.status}},
            )
        after = key_effects.with_proof(record, stored.access_key_id, proof.by, times.now())
        self._put_record(after)
        self._note_done(action)
        return key_effects.continued(situation, record=after, keys=situation.keys)

    def _put_record(self, record: LabRecord) -> None:
        self._snapshot = self._store.put(record, self._snapshot)


def _creation_gave_up(exc: CollectionError, lab: str) -> CollectionError:
    return CollectionError(
        f"Lab {lab}: {exc.message} It was tried {CREATION_ATTEMPTS} times.",
        next_step=f"{exc.next_step} If a key was left behind, the next run deletes it.",
        reason=exc.reason,
        details=exc.details,
    )
