# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left to do after a run, and for whom."""

from __future__ import annotations

import typing as t

from ..base import vocabulary
from ..base.vocabulary import Who
from ..portal.errors import Reason
from .afterwards import Afterwards, Result
from .shapes import NextStep
from .steps import PERSON_REASONS, WAITING_STATUSES, link_unproved


class NextSteps:
    """What a person or an operator does next for one lab."""

    def __init__(self, after: Afterwards, operation: str, failed_step: str, failure: Result) -> None:
        self.after = after
        self.operation = operation
        self.failed_step = failed_step
        self.failure = failure

    def all(self) -> list[NextStep]:
        """In the order of the flow."""
        return [
            *self._steps_for_requester(),
            *self._steps_for_keys(),
            *self._steps_for_unseen(),
            *self._steps_for_link(),
            *self._steps_for_failure(),
        ]

    def _steps_for_requester(self) -> t.Iterator[NextStep]:
        answers = self.after.requester()
        # Nobody is sent to the web pages of a service that says itself that it is closed.
        closed = any(seen.get("status") == "service_closed" for seen in answers.values())
        for environment, seen in answers.items():
            if seen.get("next_step") and seen.get("status") != "not_checked":
                person = seen.get("status") in WAITING_STATUSES and not closed
                url = vocabulary.REQUESTER_LINK_URLS[environment] if person else ""
                yield _next_step_entry("requester", person, str(seen["next_step"]), url)

    def _steps_for_keys(self) -> t.Iterator[NextStep]:
        for note in self.after.notes():
            yield _next_step_entry(self.after.step_of_notes, False, f"{note['message']} {note['next_step']}")
        if self.after.retiring and self.operation != "audit":
            for key_id, user_name in live_keys_of_others(self.after):
                text = f"If nobody uses key {key_id} of the IAM user {user_name}, deactivate it there."
                yield _next_step_entry("retire", False, text)

    def _steps_for_unseen(self) -> t.Iterator[NextStep]:
        observed = self.after.observed
        told: set[str] = set()
        for entry in (observed.get("unseen") or []) if observed else []:
            # What to do about MTurk, its own answer has told already.
            vouched_for = entry["part"] in ("other_users", "principals")
            wanted = vouched_for or (self.operation == "audit" and entry["part"] != "mturk")
            if wanted and entry["next_step"] and entry["next_step"] not in told:
                told.add(entry["next_step"])
                step = {"portal": "link", "other_users": "retire"}.get(entry["part"], "observe")
                yield _next_step_entry(step, entry["reason"] in PERSON_REASONS, entry["next_step"])

    def _steps_for_link(self) -> t.Iterator[NextStep]:
        result = self.after.result("link")
        if result.get("failed") and self.after.retiring:
            text = (
                "CloudResearch may still show the link, which does not work without its key. "
                "Remove it there by hand if you wish."
            )
            if result.get("reason") == Reason.SERVICE_CLOSED:
                text = (
                    "CloudResearch could not be asked and seems to have closed. What it may still hold is of no use "
                    "without the key; there is nothing to remove there."
                )
            yield _next_step_entry("link", False, text)
        elif result.get("waiting_for_person"):
            yield _next_step_entry("link", True, str(result.get("next_step") or ""), str(result.get("url") or ""))
        elif link_unproved(self.after):
            yield _next_step_entry("link", False, "See at the portal which key it holds, then run again.")

    def _steps_for_failure(self) -> t.Iterator[NextStep]:
        if self.failure:
            person = str(self.failure.get("reason") or "") in PERSON_REASONS
            text = str(self.failure.get("next_step") or "Look at the message of the step that failed, then run again.")
            yield _next_step_entry(self.failed_step, person, text, str(self.failure.get("url") or ""))


def live_keys_of_others(after: Afterwards) -> list[tuple[str, str]]:
    """Id and user of the live keys that other users with the lab's policy have, but for those that are declared."""
    return [
        (key_id, other["user_name"])
        for other in after.other_users() or []
        for key_id in other["live_access_key_ids"]
        if not after.exception_for(other["user_name"], key_id)
    ]


def live_keys_remain(after: Afterwards) -> Result | None:
    """The failure of a retirement or suspension that leaves, or would leave, live keys behind; None if it does not.

    A retirement answers for the whole account, a suspension for the lab's user. A key that the inventory declares as an
    exception, with a reason and a day that has not passed, may stay.
    """
    if not after.retiring and not after.suspending:
        return None
    live = [key for key in after.own_live_keys() if not after.exception_for(after.user_name, key["access_key_id"])]
    others = live_keys_of_others(after) if after.retiring else []
    if not live and not others:
        return None
    ids = [key["access_key_id"] for key in live] + [key_id for key_id, _user in others]
    parts = [f"key {key['access_key_id']} of the lab's user" for key in live]
    parts += [f"key {key_id} of the IAM user {user_name}" for key_id, user_name in others]
    what = f"Live keys remain in the account: {', '.join(parts)}."
    if any(key["owner"] == "unknown" for key in live):
        what += (
            " The store holds no record of this lab although its user carries the collection's tag: is it the wrong "
            "store, or the wrong name in it?"
        )
    step = "retire" if after.retiring else "access_key"
    return {"msg": what, "reason": "live_keys_remain", "step": step, "access_key_ids": ids}


def _next_step_entry(step: str, person: bool, text: str, url: str = "") -> NextStep:
    return {"step": step, "who": Who.PERSON.value if person else Who.OPERATOR.value, "text": text, "url": url}
