# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does what an approved plan says of one lab's keys, key by key, and nothing else.

Before a key is touched, it is looked at once more. A key that is not as the plan saw it is refused, with the reason;
the others go on.
"""

from __future__ import annotations

import dataclasses
import datetime
import enum
import typing as t

from ..aws import caller, iam_keys, iam_user
from ..aws.connection import AwsConnection
from ..base import times
from ..base.errors import CollectionError
from ..keys import suspension
from ..keys.actions import Action, ActionKind
from ..keys.changes import Journal, KeyChange
from ..keys.description import RetiredKey
from ..keys.lifecycle import KeyLifecycle
from ..keys.looking import KeyObserver
from ..keys.situation import KeyRequest, KeyState, LinkKnowledge, Situation
from ..mturk.proof import KeyProof
from ..store.base import SecretStore
from .no_store import NoStore
from .shapes import Doing, PlannedKey, user_name

NEW_PLAN = "Run the audit again and have its new plan approved."


class Purpose(enum.StrEnum):
    """What a run does with a plan's keys."""

    SUSPEND = "suspend"
    RETIRE = "retire"
    #: Make those active again that the collection suspended.
    RESTORE = "restore"


class GoneKey(t.TypedDict):
    """A key that was to be deleted and is gone already, with what the plan knows of it."""

    access_key_id: str
    principal: str
    last_used: str
    last_used_service: str


class Refusal(t.TypedDict):
    """A key that was left alone, why, and what to do about it."""

    access_key_id: str
    reason: str
    message: str
    next_step: str


@dataclasses.dataclass
class Result:
    """What became of a lab's part of a plan.

    :param done: in words, such as C(delete key AKIA...).
    :param waiting: of keys that may not be deleted yet, in sentences.
    :param may_all_go: from which day on all keys may be deleted; None if none has to wait for its day.
    """

    done: list[str] = dataclasses.field(default_factory=list)
    changes: list[KeyChange] = dataclasses.field(default_factory=list)
    retired_keys: list[RetiredKey] = dataclasses.field(default_factory=list)
    refused: list[Refusal] = dataclasses.field(default_factory=list)
    gone: list[GoneKey] = dataclasses.field(default_factory=list)
    waiting: list[str] = dataclasses.field(default_factory=list)
    may_all_go: datetime.date | None = None

    def waits_until(self, moment: datetime.datetime) -> None:
        """Note from when on one of the keys may be deleted."""
        self.may_all_go = max(moment.date(), self.may_all_go or moment.date())

    @property
    def next_step(self) -> str:
        """What to do about the keys that were left alone, each of it once."""
        return " ".join(dict.fromkeys(key["next_step"] for key in self.refused))

    def in_words(self) -> str:
        """All of it in sentences. Nothing had to be done only where no key was left alone and none waits."""
        left = bool(self.refused or self.waiting)
        done = "; ".join(self.done) or f"Nothing {'was' if left else 'had to be'} done"
        parts = [f"{done[:1].upper()}{done[1:]}."]
        if self.gone:
            parts.append(f"Gone already: {', '.join(key['access_key_id'] for key in self.gone)}.")
        parts += self.waiting
        parts += [f"Key {key['access_key_id']} was left alone: {key['message']}" for key in self.refused]
        return " ".join(parts)


@dataclasses.dataclass(frozen=True)
class PlanRun:
    """One run over one lab's part of a plan.

    :param open_store: the lab's store, for keys of users that the collection made.
    :param retire_after_days: how long a key stays suspended before it is deleted; 0: not at all.
    """

    connection: AwsConnection
    open_store: t.Callable[[], SecretStore]
    lab: str
    account_id: str
    purpose: Purpose
    made_at: datetime.datetime
    predict: bool = False
    retire_after_days: int = 0
    journal: Journal | None = None

    def run(self, keys: t.Sequence[PlannedKey]) -> Result:
        """Do it.

        :raises CollectionError: the credentials lead to another account. Whatever fails for one user is a refusal.
        """
        account_id = caller.account_of(self.connection)
        if account_id != self.account_id:
            raise CollectionError(
                f"The plan is about account {self.account_id}, and lab {self.lab} is in account {account_id}. "
                "None of its keys was changed.",
                next_step=NEW_PLAN,
                reason="wrong_account",
            )
        result = Result()
        for arn in dict.fromkeys(key["user_arn"] for key in keys):
            self._work_on_user(arn, [key for key in keys if key["user_arn"] == arn], result)
        return result

    def _work_on_user(self, arn: str, keys: t.Sequence[PlannedKey], result: Result) -> None:
        try:
            found = iam_user.get_user(self.connection.client("iam"), user_name(arn))
            same = found is not None and found.arn == arn
            wanted = [key for key in keys if self._may_go_on(key, same, result)]
            if not (found and wanted):
                return
            lifecycle = self._lifecycle(user_name(arn), wanted, managed=found.managed)
            outcome = lifecycle.carry_out(
                lambda situation: self._actions_on_keys(situation, wanted, result), predict=self.predict
            )
        except CollectionError as exc:
            result.changes += exc.details.get("changes") or []
            result.done += exc.details.get("actions") or []
            told = {refusal["access_key_id"] for refusal in result.refused} | {
                gone["access_key_id"] for gone in result.gone
            }
            for key in keys:
                if key["access_key_id"] not in told:
                    _note_refusal(result, key, exc.reason or "aws_error", exc.message, exc.next_step or NEW_PLAN)
            return
        by_id = {key["access_key_id"]: key for key in wanted}
        for action in outcome.actions:
            # Between the look and the call, somebody else deleted it, or AWS listed it late.
            if action.kind == ActionKind.FOUND_GONE and action.access_key_id in by_id:
                self._note_gone(by_id[action.access_key_id], result)
            else:
                result.done.append(action.in_words())
        result.changes += outcome.changes
        result.retired_keys += outcome.retired_keys()

    def _lifecycle(self, name: str, keys: t.Sequence[PlannedKey], *, managed: bool) -> KeyLifecycle:
        return KeyLifecycle(
            KeyObserver(
                self.connection,
                self.open_store() if managed else NoStore(),
                lab=self.lab,
                user_name=name,
                request=KeyRequest(
                    state=KeyState.ABSENT if self.purpose == Purpose.RETIRE else KeyState.SUSPENDED,
                    retire_after_days=self.retire_after_days,
                    remove_foreign_keys=frozenset(key["access_key_id"] for key in keys),
                ),
                link=LinkKnowledge(),
            ),
            prove=_prove_nothing,
            journal=self.journal,
        )

    def _may_go_on(self, key: PlannedKey, same_user: bool, result: Result) -> bool:
        """Whether the key can still be that user's: it is not refused because of the user."""
        if same_user:
            return True
        self._is_gone(key, result)
        return False

    def _is_gone(self, key: PlannedKey, result: Result) -> bool:
        """Whether a key that the plan's user does not have is gone from this very account; else it is refused."""
        key_id = key["access_key_id"]
        owner = iam_keys.owner_of(self.connection.client("iam"), key_id)
        if owner:
            message = f"It now belongs to the user {owner}, as AWS says, and not to {key['user_arn']}."
            _note_refusal(result, key, "key_of_other_user", message)
            return False
        try:
            account_id = caller.account_of_key(self.connection, key_id)
        except CollectionError as exc:
            message = f"The account has no such key, and it is not known whose it is: {exc.message}"
            _note_refusal(result, key, exc.reason or "aws_error", message, exc.next_step or NEW_PLAN)
            return False
        if account_id != self.account_id:
            # Ids that somebody mixed up in the plan: the key may be alive there.
            message = f"It belongs to the account {account_id}, as AWS says, and not to {self.account_id}."
            _note_refusal(result, key, "key_of_other_account", message)
            return False
        self._note_gone(key, result)
        return True

    def _actions_on_keys(self, situation: Situation, keys: t.Sequence[PlannedKey], result: Result) -> list[Action]:
        actions: list[Action] = []
        for planned in keys:
            key = situation.iam_key(planned["access_key_id"])
            if key is None:
                if self._is_gone(planned, result):
                    actions += _forget_suspension(situation, planned["access_key_id"])
            elif self.purpose == Purpose.RESTORE:
                actions += self._restore_actions(situation, key)
            elif self._was_used(situation, planned, key, result):
                continue
            else:
                actions += self._take_out_actions(situation, planned, key, result)
        return actions

    def _note_gone(self, key: PlannedKey, result: Result) -> None:
        if self.purpose == Purpose.RETIRE and key["do"] == Doing.RETIRE:
            result.gone.append(
                {
                    "access_key_id": key["access_key_id"],
                    "principal": key["user_arn"],
                    "last_used": key["last_used"],
                    "last_used_service": key["last_used_service"],
                }
            )
        else:
            _note_refusal(result, key, "key_gone", "AWS has no such key any more.")

    def _was_used(self, situation: Situation, planned: PlannedKey, key: iam_keys.IamKey, result: Result) -> bool:
        if key.last_used is None:
            return False
        seen = times.parse_time(planned["last_used"])
        if seen and key.last_used <= seen:
            return False
        # The audit itself asks MTurk with keys of ours, after it looked at them.
        ours = situation.record is not None and bool(situation.record.slot_of(key.access_key_id))
        if ours and key.last_used <= self.made_at:
            return False
        was = f"the plan knows of {planned['last_used']}" if planned["last_used"] else "the plan knows of no use"
        service = f" for {key.last_used_service}" if key.last_used_service else ""
        message = f"It was used on {times.timestamp(key.last_used)}{service}, and {was}: somebody may need it."
        _note_refusal(result, planned, "key_used_since", message)
        return True

    def _take_out_actions(
        self, situation: Situation, planned: PlannedKey, key: iam_keys.IamKey, result: Result
    ) -> list[Action]:
        key_id = key.access_key_id
        if self.purpose == Purpose.SUSPEND or planned["do"] == Doing.SUSPEND:
            return [Action(ActionKind.SUSPEND, key_id, why="as the plan says")] if key.active else []
        if self.retire_after_days:
            if situation.suspension(key) is None:
                kind = ActionKind.SUSPEND if key.active else ActionKind.NOTE_INACTIVE
                result.waits_until(situation.now + datetime.timedelta(days=self.retire_after_days))
                return [Action(kind, key_id, why=f"to be deleted after {self.retire_after_days} days")]
            may_go = situation.may_go_on(key)
            if may_go and situation.waits_for_its_day(key):
                result.waits_until(may_go)
                result.waiting.append(f"Key {key_id} is suspended, and may be deleted from {may_go:%Y-%m-%d} on.")
                return []
        stored = situation.record is not None and bool(situation.record.slot_of(key_id))
        delete = ActionKind.DELETE if stored else ActionKind.DELETE_FOREIGN
        actions = [Action(ActionKind.DEACTIVATE, key_id)] if key.active else []
        return [*actions, Action(delete, key_id, why="as the plan says"), *_forget_suspension(situation, key_id)]

    @staticmethod
    def _restore_actions(situation: Situation, key: iam_keys.IamKey) -> list[Action]:
        if key.active:  # a run that was killed may have left the note of its suspension
            return _forget_suspension(situation, key.access_key_id)
        suspended = situation.suspension(key)
        if not (suspended and suspended.by_us):
            return []  # somebody else switched it off
        return [
            Action(ActionKind.ACTIVATE, key.access_key_id, why=f"which was suspended on {suspended.at:%Y-%m-%d}"),
            Action(ActionKind.FORGET_SUSPENSION, key.access_key_id),
        ]


def _forget_suspension(situation: Situation, access_key_id: str) -> list[Action]:
    noted = suspension.tag_key(access_key_id) in situation.tags
    return [Action(ActionKind.FORGET_SUSPENSION, access_key_id)] if noted else []


def _note_refusal(result: Result, key: PlannedKey, reason: str, message: str, next_step: str = NEW_PLAN) -> None:
    refusal: Refusal = {
        "access_key_id": key["access_key_id"],
        "reason": reason,
        "message": message,
        "next_step": next_step,
    }
    result.refused.append(refusal)


def _prove_nothing(access_key_id: str, secret_access_key: str) -> KeyProof:
    raise AssertionError("a plan proves no key")
