# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How one lab came out of a run: what was observed, what each step did, and what is left to do for whom.

The outcome is the host fact C(lab_account_outcome), the input of reports and of the progress display, and what
scripts read. It never holds a secret: it is put together from results that hold none.
"""

from __future__ import annotations

import datetime
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import vocabulary
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.times import timestamp
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import drift, findings

SCHEMA = 2

# Failures that a person clears up at the portal; the lab waits for that person, and the fleet goes on.
PERSON_REASONS = frozenset({"second_factor_required", "captcha", "manual"})

Result = t.Mapping[str, t.Any]


def compose(
    *,
    operation: str,
    lab: str,
    account_id: str,
    observed: Result | None,
    results: t.Mapping[str, Result],
    failure: Result | None = None,
    check_mode: bool = False,
    now: datetime.datetime | None = None,
) -> dict[str, t.Any]:
    """Put a lab's outcome together.

    :param observed: C(lab_account) as the observation returned it; None if it failed.
    :param results: by step name, the result of the task that took the step; steps that took none are left out.
    :param failure: the result of the task that failed, if one did.
    """
    composer = _Composer(observed or {}, results, failure or {}, check_mode, operation)
    steps = composer.steps()
    state = composer.state(steps)
    next_steps = composer.next_steps()
    moment = now or datetime.datetime.now(datetime.UTC)
    finished = timestamp(moment)
    composed = {
        "schema": SCHEMA,
        "lab": lab,
        "operation": operation,
        "account_id": account_id or str((observed or {}).get("account_id") or ""),
        "check_mode": check_mode,
        "state": state,
        "message": composer.message(state, lab, steps, next_steps),
        "steps": steps,
        "next_steps": next_steps,
        # What a run would do; after a run that did it, nothing.
        "missing": list((observed or {}).get("missing") or []) if operation == "audit" else [],
        **composer.observation(),
        "started": (observed or {}).get("started") or finished,
        "finished": finished,
    }
    if composer.took_steps():
        # What was found before the steps were taken may be gone, and something new may be there.
        thresholds = findings.Thresholds.from_mapping((observed or {}).get("thresholds"))
        composed["findings"] = findings.evaluate(composed, thresholds, moment)
    return composed


class _Composer:
    def __init__(
        self,
        observed: Result,
        results: t.Mapping[str, Result],
        failure: Result,
        check_mode: bool,
        operation: str,
    ) -> None:
        self.observed = observed
        self.results = results
        self.failure = failure
        self.check_mode = check_mode
        self.operation = operation
        self.missing: list[str] = list(observed.get("missing") or [])
        self.failed_step = self._failed_step()

    def _failed_step(self) -> str:
        if not self.failure:
            return ""
        # Wrong variables of a later step are told before anything is observed.
        told = str(self.failure.get("step") or "")
        told = told if told in vocabulary.STEPS else "observe"
        if not self.observed:
            return told
        ignored = {"link"} if self._retiring() else set()
        reached = [
            step for step in vocabulary.STEPS if step not in ignored and (self.results.get(step) or {}).get("failed")
        ]
        return reached[-1] if reached else told

    # -- steps ---------------------------------------------------------------------------------------------------

    def steps(self) -> list[dict[str, t.Any]]:
        return [{"name": step, **self._step(step)} for step in vocabulary.STEPS]

    def _step(self, step: str) -> dict[str, str]:
        if step == self.failed_step:
            return self._failed(self.failure)
        if step == "observe":
            # What could not be read (an audit goes on without the store) is told here, and found to be missing.
            return _status("ok" if self.observed else "skipped", str((self.store() or {}).get("message") or ""))
        result = self.results.get(step) or {}
        if step == "link" and self._portal_unseen():
            return self._failed({"msg": self.link()["message"], "reason": self.link()["reason"]})
        if result.get("skipped") or not result:
            if step not in self.missing:
                return _status("ok" if self.observed else "skipped", "")
            if self.operation == "audit":
                return _status("waiting" if self._person_needed(step) else "skipped", self._why(step))
            return _status("waiting" if self._person_needed(step) else "skipped", self._why(step))
        if result.get("failed") and step == "link" and self._retiring():
            return _status("skipped", str(result.get("msg") or ""), str(result.get("reason") or ""))
        if result.get("failed"):
            return self._failed(result)
        if step == "requester":
            return self._requester_step()
        if result.get("waiting_for_person"):
            # Nobody has to be waited for to end a link whose key is gone.
            return _status(
                "skipped" if self._retiring() else "waiting",
                str((result.get("link") or {}).get("message") or ""),
                "manual",
            )
        if step == "link" and self._link_unproved():
            return _status("failed", str(self.link().get("message") or _UNPROVED), "link_not_proved")
        changed = bool(result.get("changed"))
        if step == "iam_user":
            changed = changed or bool((self.results.get("iam_user_excess") or {}).get("changed"))
        return _status("changed" if changed else "ok", str(result.get("message") or ""))

    def _failed(self, result: Result) -> dict[str, str]:
        reason = str(result.get("reason") or "")
        message = str(result.get("msg") or "The task failed without a message.")
        return _status("waiting" if reason in PERSON_REASONS else "failed", message, reason)

    def _requester_step(self) -> dict[str, str]:
        environments = self.requester()
        unlinked = {name: seen for name, seen in environments.items() if not seen.get("linked")}
        if not unlinked:
            return _status("ok", "")
        worst = next((seen for seen in unlinked.values() if seen.get("status") not in _WAITS), None)
        message = " ".join(str(seen.get("message")) for seen in unlinked.values())
        if worst is None:
            return _status("waiting", message, "not_linked")
        return _status("failed", message, str(worst.get("status")))

    def _link_unproved(self) -> bool:
        """Whether the step ended well although nothing shows that CloudResearch holds the key."""
        result = self.results.get("link") or {}
        done = bool(result) and not (result.get("skipped") or result.get("failed") or result.get("waiting_for_person"))
        return done and not self.check_mode and not self._retiring() and self.link().get("status") != "linked"

    def _portal_unseen(self) -> bool:
        """Whether an audit was to look at the portal and could not; other runs try again and say so themselves."""
        return self.operation == "audit" and bool(self.link().get("reason"))

    def _retiring(self) -> bool:
        # Deleting the key makes the link dead anyway, so a portal that cannot be reached fails no retirement.
        return self.observed.get("declared_state") == "absent"

    def _person_needed(self, step: str) -> bool:
        return any(entry["step"] == step and entry["who"] == "person" for entry in self.next_steps())

    def _why(self, step: str) -> str:
        reasons: t.Mapping[str, str] = self.observed.get("why_missing") or {}
        return str(reasons.get(step, ""))

    # -- the lab as it is after the run --------------------------------------------------------------------------

    def requester(self) -> dict[str, t.Any]:
        newer: Result = (self.results.get("requester") or {}).get("environments") or {}
        return {**(self.observed.get("requester") or {}), **newer}

    def link(self) -> dict[str, t.Any]:
        newer = (self.results.get("link") or {}).get("link")
        return dict(newer or self.observed.get("link") or {})

    def access_keys(self) -> list[t.Any]:
        for step in ("retire", "access_key"):
            newer = (self.results.get(step) or {}).get("access_keys")
            if newer is not None and not self.check_mode:
                return list(newer)
        return list(self.observed.get("access_keys") or [])

    def user(self) -> t.Any:
        user = self._user_without_excess()
        result = self.results.get("iam_user") or {}
        newer = result.get("user")
        if not user or not newer or self.check_mode:
            return user
        return {
            **user,
            "exists": True,
            "arn": newer.get("arn", user.get("arn")),
            "tags": newer.get("tags", user.get("tags")),
            "managed": (newer.get("tags") or {}).get(vocabulary.MANAGED_TAG_KEY) == vocabulary.MANAGED_TAG_VALUE,
            "attached_policies": [
                policy["policy_arn"]
                for policy in newer.get("attached_policies") or []
                if policy["policy_arn"] not in self._removed_excess().get("attached_policies", [])
            ],
        }

    def _removed_excess(self) -> t.Mapping[str, t.Sequence[str]]:
        removed = (self.results.get("iam_user_excess") or {}).get("removed")
        return removed if removed and not self.check_mode else {}

    def _user_without_excess(self) -> t.Any:
        user = self.observed.get("user")
        removed = self._removed_excess()
        if not user or not removed:
            return user
        left: dict[str, t.Any] = {
            kind: [name for name in user.get(kind) or [] if name not in removed[kind]]
            for kind in removed
            if kind != "console_access"
        }
        if "console_access" in removed:
            left["console_access"] = False
        return {**user, **left}

    def observation(self) -> dict[str, t.Any]:
        return {
            "user": self.user(),
            "access_keys": self.access_keys(),
            "requester": self.requester(),
            "link": self.link(),
            "drift": self.drift(),
            "findings": list(self.observed.get("findings") or []),
            "store": self.store(),
        }

    def took_steps(self) -> bool:
        """Whether the lab is not as it was observed any more."""
        return not self.check_mode and any(result.get("changed") for result in self.results.values())

    def store(self) -> t.Any:
        store = self.observed.get("store")
        if not store or not self.took_steps():
            return store
        return {**store, "access_key_ids": [key["access_key_id"] for key in self.access_keys() if key.get("stored")]}

    def drift(self) -> list[t.Any]:
        entries = list(self.observed.get("drift") or [])
        if self.check_mode or not (self.results.get("iam_user") or {}).get("user"):
            return entries
        # The step has taken all drift away but what the user has too much of, which goes only where it was named.
        gone = {f"{drift.EXCESS_PREFIX}{kind}" for kind in self._removed_excess()}
        return [
            entry for entry in entries if entry["code"].startswith(drift.EXCESS_PREFIX) and entry["code"] not in gone
        ]

    # -- what is left --------------------------------------------------------------------------------------------

    def next_steps(self) -> list[dict[str, str]]:
        steps: list[dict[str, str]] = []
        for environment, seen in self.requester().items():
            if seen.get("next_step") and seen.get("status") != "not_checked":
                person = seen.get("status") in _WAITS
                url = vocabulary.REQUESTER_LINK_URLS[environment] if person else ""
                steps.append(_next("requester", "person" if person else "operator", str(seen["next_step"]), url))
        steps.extend(dict(entry) for entry in self.observed.get("next_steps") or [] if self._still_open(entry))
        steps.extend(
            _next("retire", "operator", f"{note['message']} {note['next_step']}")
            for note in self._notes()
            if note["code"] not in _TOLD_ELSEWHERE and (note["code"] != "foreign_key" or self._retiring())
        )
        if self._portal_unseen():
            person = self.link()["reason"] in PERSON_REASONS
            steps.append(_next("link", "person" if person else "operator", str(self.link().get("next_step") or "")))
        link = self.results.get("link") or {}
        if link.get("failed") and self._retiring():
            text = "CloudResearch may still show the link, dead without its key. Remove it there by hand if you wish."
            steps.append(_next("link", "operator", text))
        elif link.get("waiting_for_person"):
            steps.append(_next("link", "person", str(link.get("next_step") or ""), str(link.get("url") or "")))
        elif self._link_unproved():
            steps.append(_next("link", "operator", "See at the portal which key it holds, then run again."))
        if self.failure:
            person = str(self.failure.get("reason") or "") in PERSON_REASONS
            text = str(self.failure.get("next_step") or "Look at the message of the step that failed, then run again.")
            url = str(self.failure.get("url") or "")
            steps.append(_next(self.failed_step, "person" if person else "operator", text, url))
        return steps

    def _notes(self) -> list[Result]:
        for step in ("retire", "access_key"):
            newer = (self.results.get(step) or {}).get("notes")
            if newer is not None:
                return list(newer)
        return list(self.observed.get("notes") or [])

    def _still_open(self, entry: Result) -> bool:
        result = self.results.get(str(entry.get("step"))) or {}
        return not result or bool(result.get("skipped")) or bool(result.get("failed"))

    def state(self, steps: t.Sequence[Result]) -> str:
        statuses = [step["status"] for step in steps]
        if "failed" in statuses:
            return "failed"
        if "waiting" in statuses:
            return "waiting_for_person"
        if self.operation == "audit":
            return "drifted" if self.missing or self.observed.get("drift") else "converged"
        return "changed" if "changed" in statuses else "converged"

    def message(self, state: str, lab: str, steps: t.Sequence[Result], next_steps: t.Sequence[Result]) -> str:
        """One line for people: the lab, the step, what happened, what to do next."""
        if state == "failed":
            step = next(entry for entry in steps if entry["status"] == "failed")
            what = f"Lab {lab} failed at step {step['name']}: {step['message']}"
            what += "" if what.endswith((".", "!", "?")) else "."
            following = next((entry["text"] for entry in next_steps if entry["step"] == step["name"]), "")
            return what if not following or following in what else f"{what} Next step: {following}"
        if state == "waiting_for_person":
            step = next(entry for entry in steps if entry["status"] == "waiting")
            text = next((entry["text"] for entry in next_steps if entry["who"] == "person"), step["message"])
            return f"Lab {lab} waits for a person at step {step['name']}: {text}"
        if state == "changed":
            changed = ", ".join(entry["name"] for entry in steps if entry["status"] == "changed")
            return f"Lab {lab} {'would be' if self.check_mode else 'was'} changed: {changed}."
        if state == "drifted":
            return f"Lab {lab} differs from its declared state: {', '.join(self.missing) or 'see its drift'}."
        return f"Lab {lab} is as declared."


# A key that waits for its link is told by the step that it waits for.
_TOLD_ELSEWHERE = frozenset({"pending_key_not_linked"})

_UNPROVED = "Nothing shows that CloudResearch holds the lab's key."

# Requester statuses that a person ends by a click on the web.
_WAITS = frozenset({"not_linked"})


def _status(status: str, message: str, reason: str = "") -> dict[str, str]:
    return {"status": status, "message": message, "reason": reason}


def _next(step: str, who: str, text: str, url: str = "") -> dict[str, str]:
    return {"step": step, "who": who, "text": text, "url": url}
