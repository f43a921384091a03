# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab as it is once a run's steps have been taken: what was observed, overtaken by what the steps returned."""

from __future__ import annotations

import datetime
import typing as t

from ..aws import iam_user
from ..aws.principals.shapes import KeyStatus, Principal, PrincipalKey, PrincipalKind, Principals
from ..base import vocabulary
from ..base.vocabulary import LinkStatus
from ..keys.actions import NoteDescription
from ..keys.changes import CHANGES_A_RUN, KeyChange
from ..keys.description import KeyDescription, RetiredKey
from . import drift, known_principals, principal_findings
from .known_principals import KnownPrincipal
from .shapes import DriftEntry, Link, Observation, OtherUser, Requester, StoreSeen

# A key that waits for its link is told by the step that it waits for.
_TOLD_ELSEWHERE = frozenset({"pending_key_not_linked"})

# The result of a task, or what is known of one that was not run: nothing.
Result = t.Mapping[str, t.Any]


class Afterwards:
    """The lab after a run; in check mode, as it was observed.

    :param observed: None if the observation failed.
    :ivar seen: the same; nothing if the observation failed.
    :param results: by step name, the result of the task that took the step.
    """

    def __init__(
        self, observed: Observation | None, results: t.Mapping[str, Result], *, check_mode: bool, today: datetime.date
    ) -> None:
        self.observed = observed
        self.seen = t.cast(Observation, observed or {})
        self.results = results
        self.check_mode = check_mode
        self.today = today

    def result(self, step: str) -> Result:
        """What the step's task returned; empty if it was not taken."""
        return self.results.get(step) or {}

    def done(self, step: str) -> bool:
        """Whether the step was taken and ended well."""
        result = self.result(step)
        return bool(result) and not (result.get("skipped") or result.get("failed"))

    @property
    def retiring(self) -> bool:
        """Whether the lab is declared to be gone."""
        return self.seen.get("declared_state") == "absent"

    @property
    def suspending(self) -> bool:
        """Whether the lab is declared to be out of service, with a way back."""
        return self.seen.get("declared_state") == "suspended"

    @property
    def took_steps(self) -> bool:
        """Whether the lab may not be as it was observed any more.

        A step that had nothing to do has looked anew, too: another run may have done it meanwhile.
        """
        ended = (result for result in self.results.values() if not (result.get("skipped") or result.get("failed")))
        changed = any(result.get("changed") for result in self.results.values())
        return not self.check_mode and (changed or any(ended))

    def requester(self) -> Requester:
        """What MTurk said last, by environment."""
        newer: Requester = self.result("requester").get("environments") or {}
        return {**(self.seen.get("requester") or {}), **newer}

    def link(self) -> Link | None:
        """Which key CloudResearch holds."""
        link: Link | None = self.result("link").get("link") or self.seen.get("link")
        if link is None or self.check_mode:
            return link
        held = link.get("access_key_id") or ""
        if any(key["deleted"] and key["access_key_id"] == held for key in self.retired_keys()):
            message = f"Key {held} was deleted: whatever CloudResearch still shows of it is dead."
            return {
                "status": LinkStatus.UNKNOWN.value,
                "access_key_id": "",
                "evidence": "",
                "message": message,
                "dead_access_key_id": held,
            }
        return link

    def access_keys(self) -> list[KeyDescription]:
        """The user's keys."""
        return self.expected_keys() if not self.check_mode else self._observed_keys()

    def expected_keys(self) -> list[KeyDescription]:
        """The user's keys; in check mode, as they would be."""
        for step in ("retire", "access_key"):
            newer = self.result(step).get("access_keys")
            if newer is not None:
                return list(newer)
        return self._observed_keys()

    def _observed_keys(self) -> list[KeyDescription]:
        return list(self.seen.get("access_keys") or [])

    def notes(self) -> list[NoteDescription]:
        """What of the user's keys has to wait, or is left to a person.

        A stranger's key is left only where no key is to stay, and the inventory does not declare it.
        """
        newer = [self.result(step).get("notes") for step in ("retire", "access_key")]
        notes: list[NoteDescription] = next((told for told in (*newer, self.seen.get("notes")) if told is not None), [])
        elsewhere = _TOLD_ELSEWHERE if self.retiring or self.suspending else {*_TOLD_ELSEWHERE, "foreign_key"}
        return [
            note
            for note in notes
            if note["code"] not in elsewhere
            and not (note["code"] == "foreign_key" and self.exception_for(self.user_name, note["access_key_id"]))
        ]

    @property
    def step_of_notes(self) -> str:
        """The step that C(notes) belong to."""
        return "access_key" if self.suspending else "retire"

    def retired_keys(self) -> list[RetiredKey]:
        """The keys that the run deactivated or deleted, or in check mode would, with the moments."""
        return [key for step in ("access_key", "retire") for key in self.result(step).get("retired_keys") or []]

    def changes(self) -> list[KeyChange]:
        """What the run did to keys, as AWS confirmed it, also where a step failed after that."""
        made = [change for step in ("access_key", "retire") for change in self.result(step).get("changes") or []]
        return made[:CHANGES_A_RUN]

    def other_users(self) -> list[OtherUser] | None:
        """The account's other users with the lab's policy, if somebody looked."""
        return self.seen.get("other_users")

    @property
    def principals(self) -> Principals | None:
        """Everybody in the account who may call MTurk, if somebody looked."""
        return self.seen.get("principals")

    def _others_live_keys(self) -> list[tuple[Principal, PrincipalKey]]:
        """Their live keys, but for those of the lab's own user."""
        if not self.principals:
            return []
        return principal_findings.live_keys(self.principals, self.seen["declared_user"])

    def principals_as_left(self) -> Principals | None:
        """The same, with the keys that the lab's own user has after the run's steps."""
        steps = ("retire", "access_key")
        told = any(self.result(step).get("access_keys") is not None for step in steps)
        if not self.principals or self.check_mode or not told:
            return self.principals
        own = (PrincipalKind.USER, self.seen["declared_user"])
        keys = [_as_principals_key(key) for key in self.access_keys()]
        left: list[Principal] = [
            {**principal, "keys": keys} if (principal["kind"], principal["name"]) == own else principal
            for principal in self.principals["principals"]
        ]
        return {**self.principals, "principals": left}

    def undeclared_keys(self) -> list[tuple[Principal, PrincipalKey]]:
        """Those of them that the inventory does not declare."""
        known = self.seen.get("known_principals") or []
        return [
            (principal, key)
            for principal, key in self._others_live_keys()
            if not known_principals.is_known(known, principal, key["access_key_id"], self.today)
        ]

    @property
    def user_name(self) -> str:
        """The name of the lab's own user."""
        user = self.seen.get("user")
        return user["name"] if user else ""

    def own_live_keys(self) -> list[KeyDescription]:
        """The active keys of the lab's own user; in check mode, as they would be."""
        return [key for key in self.expected_keys() if key["status"] == "Active"]

    def own_keys_that_go(self) -> set[str]:
        """The active keys of the lab's own user that the run takes out of service; in check mode, that it would."""
        observed = {key["access_key_id"] for key in self._observed_keys() if key["status"] == "Active"}
        return observed - {key["access_key_id"] for key in self.own_live_keys()}

    def exception_for(self, user_name: str, access_key_id: str) -> KnownPrincipal | None:
        """The exception that the inventory declares for a key of a user of the account, if it holds today."""
        known, account_id = self.seen.get("known_principals") or [], self.seen.get("account_id") or ""
        return known_principals.exception_for_key(known, user_name, access_key_id, account_id, self.today)

    def kept_keys(self) -> list[tuple[str, KnownPrincipal]]:
        """The live keys that a retirement or suspension leaves, each with the exception that declares it."""
        live = [(self.user_name, key["access_key_id"]) for key in self.own_live_keys()]
        if self.retiring:
            live += [
                (other["user_name"], key) for other in self.other_users() or [] for key in other["live_access_key_ids"]
            ]
            live += [(principal["name"], key["access_key_id"]) for principal, key in self._others_live_keys()]
            live = list(dict.fromkeys(live))
        declared = [(key_id, self.exception_for(user_name, key_id)) for user_name, key_id in live]
        return [(key_id, known) for key_id, known in declared if known]

    def user(self) -> iam_user.UserDescription | None:
        """The IAM user."""
        user = self.seen.get("user")
        if not user or self.check_mode:
            return user
        if self.retiring:
            return iam_user.no_user(user["name"]) if self.done("iam_user") else user
        user = self._without_excess(user)
        newer = self.result("iam_user").get("user")
        if not newer:
            return user
        tags = newer.get("tags", user["tags"])
        removed = self._removed_excess().get("attached_policies", [])
        return {
            **user,
            "exists": True,
            "arn": newer.get("arn", user["arn"]),
            "tags": tags,
            "managed": tags.get(vocabulary.MANAGED_TAG_KEY) == vocabulary.MANAGED_TAG_VALUE,
            "attached_policies": [
                policy["policy_arn"]
                for policy in newer.get("attached_policies") or []
                if policy["policy_arn"] not in removed
            ],
        }

    def _removed_excess(self) -> t.Mapping[str, t.Sequence[str]]:
        return {} if self.check_mode else self._excess_to_remove()

    def _excess_to_remove(self) -> t.Mapping[str, t.Sequence[str]]:
        return self.result("iam_user_excess").get("removed") or {}

    def _without_excess(self, user: iam_user.UserDescription) -> iam_user.UserDescription:
        removed = self._removed_excess()

        def left(kind: str, names: list[str] | None) -> list[str] | None:
            return [name for name in names if name not in removed.get(kind, ())] if names else names

        return {
            **user,
            "attached_policies": left("attached_policies", user.get("attached_policies")),
            "inline_policies": left("inline_policies", user.get("inline_policies")),
            "groups": left("groups", user.get("groups")),
            "console_access": False if "console_access" in removed else user.get("console_access"),
        }

    def store(self) -> StoreSeen | None:
        """What the store has of the lab."""
        store = self.seen.get("store")
        if not store or not self.took_steps:
            return store
        return {**store, "access_key_ids": [key["access_key_id"] for key in self.access_keys() if key.get("stored")]}

    def drift(self) -> list[DriftEntry]:
        """How the user differs from what is declared."""
        return list(self.seen.get("drift") or []) if self.check_mode else self.drift_that_stays()

    def drift_that_stays(self) -> list[DriftEntry]:
        """The same, in check mode as the run would leave it."""
        entries = list(self.seen.get("drift") or [])
        if self.retiring:
            return [] if self.done("iam_user") else entries
        if not self.done("iam_user"):
            return entries
        # The step has taken all drift away but what the user has too much of, which goes only where it was named.
        gone = {f"{drift.EXCESS_PREFIX}{kind}" for kind in self._excess_to_remove()}
        return [
            entry for entry in entries if entry["code"].startswith(drift.EXCESS_PREFIX) and entry["code"] not in gone
        ]


def _as_principals_key(key: KeyDescription) -> PrincipalKey:
    return {
        "access_key_id": key["access_key_id"],
        "status": (KeyStatus.ACTIVE if key["status"] == "Active" else KeyStatus.INACTIVE).value,
        "created": key["created"],
        "last_used": key["last_used"] or "",
        "last_used_service": key["last_used_service"],
        "last_used_region": "",
    }
