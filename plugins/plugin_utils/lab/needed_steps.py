# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which steps a run would take, why, and what keeps it from taking any."""

from __future__ import annotations

import dataclasses
import typing as t

from ..aws import iam_user
from ..base.vocabulary import LinkStatus
from ..keys import plan as key_plan
from ..keys.actions import DELETIONS, Action, ActionKind, Slot
from ..keys.plan import Plan
from ..keys.situation import KeyState, LinkKnowledge, Situation
from ..keys.suspension import tagged_key_ids
from ..mturk.status import Status
from .declared import Declaration
from .shapes import Blocked, DriftEntry, Link, Requester, Unseen

# The choices name the options of mturk_access_key; this is how the role calls them.
_ROLE_WORDS = (
    "With the role, lab_account_remove_foreign_keys names keys to give up, and lab_account_link_check=page finds out "
    "what the portal holds."
)

# Drift that the step iam_user takes away without being asked for each.
_CONVERGED_BY_IAM_USER = frozenset({"user_missing", "policy_missing", "user_not_managed", "tag_missing", "tag_differs"})


class NeededSteps:
    """The steps that are missing until the lab is as declared.

    :ivar why: by step, the reason, in the order of the flow.
    :ivar blocked: why none of them can be taken safely.
    """

    def __init__(
        self,
        declared: Declaration,
        situation: Situation,
        *,
        user: iam_user.UserDescription | None,
        drift: list[DriftEntry],
        requester: Requester,
        link: Link,
        unseen: list[Unseen],
    ) -> None:
        self.declared = declared
        self.situation = situation
        self.user = user
        self.drift = drift
        self.requester = requester
        self.link = link
        self.unseen = {entry["part"]: entry for entry in reversed(unseen)}
        self.why: dict[str, str] = {}
        self.plan: Plan = key_plan.decide(situation)
        self.blocked: Blocked = (
            self._blocked_by_what_was_not_seen() or self._blocked_by_keys() or self._blocked_by_closing()
        )
        self._find_needed_steps()

    @property
    def actions(self) -> tuple[Action, ...]:
        """What a run would do to the keys."""
        return self.plan.actions if self._keys_known else ()

    @property
    def _keys_known(self) -> bool:
        return not self.unseen.keys() & {"user", "access_keys", "store"}

    @property
    def waits_for_its_day(self) -> bool:
        """Whether keys of a lab that is to be retired stay suspended until their days are over, or would."""
        return any(map(self.plan.final.waits_for_its_day, self.plan.final.keys))

    @property
    def _is_to_be_absent(self) -> bool:
        return self.declared.request.state == KeyState.ABSENT

    def _blocked_by_what_was_not_seen(self) -> Blocked:
        """A part that a step rests on could not be read, so that the step would be a guess."""
        wanted = {"user": "observe", "access_keys": "observe", "store": "observe"}
        if self.declared.request.wants_key:
            wanted |= dict.fromkeys(("attached_policies", *self.declared.remove_drift), "iam_user")
        slots = {slot for slot, key in self.situation.stored if self.situation.iam_key(key.access_key_id)}
        suspended = self.declared.request.suspends and tagged_key_ids(self.situation.tags)
        if Slot.SUPERSEDED in slots or self.situation.foreign or suspended:
            wanted["last_use"] = "access_key"
        for part, step in wanted.items():
            if part in self.unseen:
                entry = self.unseen[part]
                return {
                    "step": step,
                    "reason": entry["reason"],
                    "message": entry["message"],
                    "next_step": entry["next_step"],
                }
        return {}

    def _blocked_by_keys(self) -> Blocked:
        stop = self.plan.stop
        if stop is None:
            return {}
        return {
            "step": "access_key",
            "reason": stop.reason,
            "message": stop.message,
            "next_step": f"Choose: {'; or '.join(stop.choices)}. {_ROLE_WORDS}",
        }

    def _blocked_by_closing(self) -> Blocked:
        """A first key for a service that is closed would be one more key to retire."""
        record = self.situation.record
        first = self.declared.request.state == KeyState.PRESENT and not (record and record.key_in_use)
        closed = [seen["message"] for seen in self.requester.values() if seen["status"] == Status.SERVICE_CLOSED]
        if not (first and closed) or self.declared.onboard_although_closed:
            return {}
        return {
            "step": "access_key",
            "reason": Status.SERVICE_CLOSED.value,
            "message": f"No key was created, because there is no service to use it for: {closed[0]}",
            "next_step": "Take the lab out of the inventory, or set lab_account_state: absent. To create a key all the "
            "same, set lab_account_onboard_although_closed: true.",
        }

    def _find_needed_steps(self) -> None:
        if self.user is None:
            return
        if self._is_to_be_absent:
            self._to_retire()
            return
        if not self.declared.request.wants_key:
            if self.actions or self.plan.stop:
                self.why["access_key"] = self._actions_in_words(self.actions)
            return
        self._iam_user(self.user)
        if self._keys_known:
            self._keys_and_link()

    def _keys_and_link(self) -> None:
        request = dataclasses.replace(self.declared.request, retire_superseded=False)
        before_link = key_plan.decide(dataclasses.replace(self.situation, request=request))
        if before_link.actions or before_link.stop:
            self.why["access_key"] = self._actions_in_words(before_link.actions)
        unlinked = [seen["message"] for seen in self.requester.values() if not seen["linked"]]
        if unlinked:
            self.why["requester"] = " ".join(unlinked)
        new_key = any(action.kind == ActionKind.CREATE for action in before_link.actions)
        if self.declared.link_wanted and (new_key or self.link["status"] != LinkStatus.LINKED):
            self.why["link"] = self.link["message"] or "The portal does not hold the lab's key."
        if "link" in self.why:
            # The step records the link that it proves, so a lab without a key to replace needs nothing after it.
            final = before_link.final
            link = LinkKnowledge(LinkStatus.LINKED, final.key_to_use)
            linked = key_plan.decide(dataclasses.replace(final, request=self.declared.request, link=link))
            left = [action for action in linked.actions if action.kind != ActionKind.RECORD_LINK]
        else:
            left = list(self.plan.actions[len(before_link.actions) :])
        if left:
            self.why["retire"] = "; ".join(action.in_words() for action in left)

    def _actions_in_words(self, actions: t.Iterable[Action]) -> str:
        return "; ".join(action.in_words() for action in actions) or self.blocked.get("message", "")

    def _iam_user(self, user: iam_user.UserDescription) -> None:
        reasons = [entry["message"] for entry in self.drift if entry["code"] in _CONVERGED_BY_IAM_USER]
        if user["exists"]:
            found = iam_user.excess(user, self.declared.user.policy_arn)
            reasons += [
                f"It has {kind.replace('_', ' ')}: {', '.join(names)}."
                for kind, names in found.items()
                if kind in self.declared.remove_drift
            ]
        if reasons:
            self.why["iam_user"] = " ".join(reasons)

    def _to_retire(self) -> None:
        if not self._keys_known or self.user is None:
            return
        record = self.situation.record
        held = {*(record.linked_key_ids if record else ()), self.link["access_key_id"]} - {""}
        linked = self.link["status"] in (LinkStatus.LINKED, LinkStatus.OTHER_KEY) or bool(held)
        # While a key waits for its day, the link of a key that stays is left as it is.
        goes = {action.access_key_id for action in self.actions if action.kind in DELETIONS}
        ends = not self.waits_for_its_day or bool(held & goes)
        if linked and self.declared.link_wanted and self.actions and ends:
            self.why["link"] = self.link["message"]
        if self.actions:
            self.why["retire"] = "; ".join(action.in_words() for action in self.actions)
        # A user that still has somebody else's key stays: removing it would remove the key.
        ours = self.user["managed"] or self.declared.request.adopt_existing_user
        if self.user["exists"] and ours and not self.plan.final.keys:
            self.why["iam_user"] = f"User {self.user['name']} still exists."
