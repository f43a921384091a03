# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How each step of the flow came out."""

from __future__ import annotations

import typing as t

from ..base import vocabulary
from ..base.vocabulary import LinkStatus, StepStatus
from .afterwards import Afterwards, Result
from .gaps import UNSEEN_STATUSES
from .shapes import NextStep, Step, Unseen

# Failures that a person clears up at the portal; the lab waits for that person, and the fleet goes on.
PERSON_REASONS = frozenset({"second_factor_required", "captcha", "manual"})

# Requester statuses that a person ends by a click on the web.
WAITING_STATUSES = frozenset({"not_linked"})

# What to say of a step that has no words of its own.
NOTHING_DUE, NOTHING_DONE, DONE = "Nothing had to be done.", "Nothing was done.", "Done."

UNPROVED = "Nothing shows that CloudResearch holds the lab's key."

# By part of the observation, the steps that nobody can judge without it.
_STEPS_OF_PART = {
    "user": ("observe", "iam_user"),
    "attached_policies": ("iam_user",),
    "inline_policies": ("iam_user",),
    "groups": ("iam_user",),
    "console_access": ("iam_user",),
    "access_keys": ("access_key", "retire"),
    "last_use": ("access_key",),
    "store": ("access_key", "requester", "link", "retire"),
    "mturk": ("requester",),
    "portal": ("link",),
    "other_users": ("retire",),
    "principals": ("observe",),
}


class Steps:
    """The steps of one lab's run.

    :param failure: the result of the task that failed, or empty.
    """

    def __init__(self, after: Afterwards, operation: str, failure: Result) -> None:
        self.after = after
        self.operation = operation
        self.failure = failure
        self.failed_step = self._failed_step()
        self.missing: list[str] = after.seen.get("missing") or []
        self.unseen: dict[str, Unseen] = {}
        for entry in after.seen.get("unseen") or []:
            for step in _STEPS_OF_PART.get(entry["part"], ()):
                if entry["part"] != "mturk" or not self._is_known_not_linked():
                    self.unseen.setdefault(step, entry)
        #: What is missing for certain: a step that nobody can judge may be needed or not.
        self.known_missing = [step for step in self.missing if step not in self.unseen]

    def _is_known_not_linked(self) -> bool:
        """Whether one environment is known not to be linked, so that the step is due whatever the other would say."""
        answers = self.after.requester().values()
        return any(not seen["linked"] and seen["status"] not in UNSEEN_STATUSES for seen in answers)

    def _failed_step(self) -> str:
        if not self.failure:
            return ""
        # Wrong variables of a later step are told before anything is observed.
        told = str(self.failure.get("step") or "")
        told = told if told in vocabulary.STEPS else "observe"
        if not self.after.observed:
            return told
        # Deleting the key makes the link dead anyway, so a portal that cannot be reached fails no retirement.
        ignored = {"link"} if self.after.retiring else set()
        reached = [step for step in vocabulary.STEPS if step not in ignored and self.after.result(step).get("failed")]
        return reached[-1] if reached else told

    def reported(self, next_steps: t.Sequence[NextStep]) -> list[Step]:
        """All steps in their order.

        :param next_steps: what is left to do; a step that waits for a person is one that a person has to take.
        """
        waiting = {entry["step"] for entry in next_steps if entry["who"] == "person"}
        return [self._reported_step(step, waiting) for step in vocabulary.STEPS]

    def _reported_step(self, step: str, waiting: set[str]) -> Step:
        if step == self.failed_step:
            return _step_from_failure(step, self.failure)
        if self.operation == "audit" and step in self.unseen:
            entry = self.unseen[step]
            person = entry["reason"] in PERSON_REASONS
            return _step_entry(
                step, StepStatus.WAITING if person else StepStatus.UNKNOWN, entry["message"], entry["reason"]
            )
        told = self._step_from_result(step, waiting)
        if step == "retire" and self.after.retiring and step in self.unseen and told["status"] != StepStatus.FAILED:
            # A retirement vouches for the whole account.
            entry = self.unseen[step]
            return _step_entry(step, StepStatus.UNKNOWN, f"{told['message']} {entry['message']}", entry["reason"])
        return told

    def _step_from_result(self, step: str, waiting: set[str]) -> Step:
        if step == "observe":
            return self._observe_step()
        result = self.after.result(step)
        if result.get("skipped") or not result:
            if step in self.missing:
                why = (self.after.seen.get("why_missing") or {}).get(step, "")
                return _step_entry(step, StepStatus.WAITING if step in waiting else StepStatus.SKIPPED, why)
            if self.after.observed is None:
                return _step_entry(step, StepStatus.SKIPPED, "The lab was not observed.")
            return _step_entry(step, StepStatus.OK, self._nothing_done(step))
        if result.get("failed"):
            if step == "link" and self.after.retiring:
                return _step_entry(
                    step, StepStatus.SKIPPED, str(result.get("msg") or ""), str(result.get("reason") or "")
                )
            return _step_from_failure(step, result)
        if step == "requester":
            return self._requester_step()
        if step == "link":
            return self._link_step(result)
        changed = bool(result.get("changed"))
        if step == "iam_user":
            changed = changed or bool(self.after.result("iam_user_excess").get("changed"))
        return _step_entry(
            step, StepStatus.CHANGED if changed else StepStatus.OK, self._success_in_words(step, result, changed)
        )

    def _observe_step(self) -> Step:
        if self.after.observed is None:
            return _step_entry("observe", StepStatus.SKIPPED, "")
        # An audit goes on without the store.
        store = self.after.store()
        return _step_entry("observe", StepStatus.OK, (store.get("message") if store else "") or "The lab was read.")

    def _requester_step(self) -> Step:
        unlinked = [seen for seen in self.after.requester().values() if not seen.get("linked")]
        if not unlinked:
            return _step_entry("requester", StepStatus.OK, "The AWS account is linked to a requester account.")
        worst = next((seen for seen in unlinked if seen.get("status") not in WAITING_STATUSES), None)
        message = " ".join(str(seen.get("message")) for seen in unlinked)
        if worst is None:
            return _step_entry("requester", StepStatus.WAITING, message, "not_linked")
        return _step_entry("requester", StepStatus.FAILED, message, str(worst.get("status")))

    def _link_step(self, result: Result) -> Step:
        link: Result = result.get("link") or {}
        message = str(link.get("message") or "")
        if result.get("waiting_for_person"):
            # Nobody has to be waited for to end a link whose key is gone.
            return _step_entry(
                "link", StepStatus.SKIPPED if self.after.retiring else StepStatus.WAITING, message, "manual"
            )
        if link_unproved(self.after):
            return _step_entry("link", StepStatus.FAILED, message or UNPROVED, "link_not_proved")
        return _step_entry("link", StepStatus.CHANGED if result.get("changed") else StepStatus.OK, message)

    def _nothing_done(self, step: str) -> str:
        """What to say of a step that did nothing: only where all was seen and none of it is left, nothing was due."""
        left = [note["message"] for note in self.after.notes() if step == self.after.step_of_notes]
        return " ".join([NOTHING_DONE, *left]) if left or step in self.unseen else NOTHING_DUE

    def _success_in_words(self, step: str, result: Result, changed: bool) -> str:
        """What a step did that ended well."""
        told = str(result.get("message") or "; ".join(map(str, result.get("actions") or [])))
        if told or step != "iam_user":
            return told or (DONE if changed else self._nothing_done(step))
        name = self.after.user_name or "of the lab"
        done = "is removed" if self.after.retiring else "has its policy and tags"
        if not changed:
            return f"User {name} {done} already."
        if self.after.check_mode:
            return f"User {name} {'would be removed' if self.after.retiring else 'would get its policy and tags'}."
        return f"User {name} {'was removed' if self.after.retiring else 'has its policy and tags now'}."


def link_unproved(after: Afterwards) -> bool:
    """Whether the step ended well although nothing shows that CloudResearch holds the key."""
    if after.check_mode or after.retiring or not after.done("link") or after.result("link").get("waiting_for_person"):
        return False
    link = after.link()
    return link is None or link.get("status") != LinkStatus.LINKED


def _step_from_failure(step: str, result: Result) -> Step:
    reason = str(result.get("reason") or "")
    message = str(result.get("msg") or "The task failed without a message.")
    return _step_entry(step, StepStatus.WAITING if reason in PERSON_REASONS else StepStatus.FAILED, message, reason)


def _step_entry(name: str, status: StepStatus, message: str, reason: str = "") -> Step:
    return {"name": name, "status": status.value, "message": message, "reason": reason}
