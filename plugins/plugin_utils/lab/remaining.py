# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is left to do after a run, and for whom."""

from __future__ import annotations

import typing as t

from ..aws.principals.shapes import PrincipalKind
from ..base import vocabulary
from ..base.vocabulary import Who
from ..portal.errors import Reason
from . import principal_findings
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
        if self.after.check_mode and self.after.result("requester").get("skipped"):
            return  # That key would be replaced or made active first.
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
            for other in live_keys_of_others(self.after):
                yield _next_step_entry("retire", False, other.next_step)

    def _steps_for_unseen(self) -> t.Iterator[NextStep]:
        told: set[str] = set()
        for entry in self.after.seen.get("unseen") or []:
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


class OthersKey(t.NamedTuple):
    """A live key that is not of the lab's own user; C(access_key_id) is empty if AWS does not tell it."""

    access_key_id: str
    in_words: str
    next_step: str


def live_keys_of_others(after: Afterwards) -> list[OthersKey]:
    """The live keys of everybody else in the account, as far as somebody looked, but for those that are declared.

    Those of the other users with the lab's policy, and where all principals were looked at, those of all that can call
    MTurk.
    """
    judged = principal_findings.judged_users(after.principals)
    found = [
        _key_of_user(key_id, other["user_name"])
        for other in after.other_users() or []
        # That look knows of denials and of exceptions, too.
        if other["user_name"] not in judged
        for key_id in other["live_access_key_ids"]
        if not after.exception_for(other["user_name"], key_id)
    ]
    for principal, key in after.undeclared_keys():
        if principal["kind"] == PrincipalKind.ROOT:
            text = "If nobody uses root's access key, sign in as root and delete it."
            found.append(OthersKey("", "an access key of root", text))
        else:
            found.append(_key_of_user(key["access_key_id"], principal["name"]))
    return found


def _key_of_user(key_id: str, user_name: str) -> OthersKey:
    key = f"key {key_id}" if key_id else "a key"
    whose = f"{key} of the IAM user {user_name}"
    return OthersKey(key_id, whose, f"If nobody uses {whose}, deactivate it there.")


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
    ids = [key["access_key_id"] for key in live] + [key.access_key_id for key in others if key.access_key_id]
    parts = [f"key {key['access_key_id']} of the lab's user" for key in live] + [key.in_words for key in others]
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
