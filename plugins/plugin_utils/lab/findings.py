# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an observed lab should worry about (the codes and their severities are in C(finding_kinds)).

A finding only ever says what was observed. What could not be seen becomes the finding C(observation_incomplete),
never a guess. The announced closing of MTurk explains an observation; it never replaces one.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import shlex
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import times, vocabulary
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.next_command import playbook_command
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.times import days_between, parse_time
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import finding_kinds, principal_findings
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab.gaps import UNSEEN_STATUSES
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab.shapes import Finding

# Attached policies that hand over (nearly) the whole account: named in the text, because they need haste.
ADMINISTRATIVE_POLICIES = frozenset({"AdministratorAccess", "PowerUserAccess", "IAMFullAccess"})

# What MTurk says of a key that it knows not, or does not let in (see the module mturk_requester_check).
REFUSALS = {
    "invalid_credentials": "does not know the key",
    "access_denied": "denies the key the right to ask for its balance",
    "temporary_credentials": "takes no temporary credentials",
}

# How production looks when it is gone.
_GONE = {"unreachable": "could not be reached", "service_closed": "answered as a service that is closed"}

# Link evidence that shows the key which CloudResearch itself holds or uses. A record or a submission of an earlier
# run says what was handed over then; it is kept as evidence, because portals need not show the key at all.
LINK_EVIDENCE = frozenset({"page", "record", "submission", "key_use"})


@dataclasses.dataclass(frozen=True)
class Thresholds:
    """From when on something is a finding.

    :param key_unused_days: a live key without use for this many days; 0 switches the finding off.
    :param key_old_days: a live key of this age in days; 0 switches the finding off.
    :param minimum_balance: US dollars in production, below which the balance is low; None switches the finding off.
    :param allowed_policy_arns: the managed policies that a lab's user may have.
    """

    key_unused_days: int = 90
    key_old_days: int = 365
    minimum_balance: decimal.Decimal | None = decimal.Decimal("10.00")
    allowed_policy_arns: tuple[str, ...] = (vocabulary.MTURK_POLICY_ARN,)

    @classmethod
    def from_mapping(cls, values: t.Mapping[str, t.Any] | None) -> Thresholds:
        """Thresholds as a user types them; what is left out keeps its default.

        :raises CollectionError: a name is not known, or a value is not of its kind.
        """
        given = dict(values or {})
        known = {field.name for field in dataclasses.fields(cls)}
        strangers = sorted(str(name) for name in given if name not in known)
        if strangers:
            raise CollectionError(
                f"Unknown thresholds for findings: {', '.join(strangers)}.",
                next_step=f"Use only {', '.join(sorted(known))}.",
            )
        try:
            for name in ("key_unused_days", "key_old_days"):
                if name in given:
                    given[name] = int(given[name])
                    if given[name] < 0:
                        raise ValueError(name)
            if given.get("minimum_balance") not in (None, ""):
                given["minimum_balance"] = decimal.Decimal(str(given["minimum_balance"]))
            elif "minimum_balance" in given:
                given["minimum_balance"] = None
            if "allowed_policy_arns" in given:
                given["allowed_policy_arns"] = tuple(str(arn) for arn in given["allowed_policy_arns"])
        except (TypeError, ValueError, decimal.InvalidOperation) as exc:
            raise CollectionError(
                "A threshold for findings is not a number of the right kind.",
                next_step="Days are whole numbers from 0 on, minimum_balance is an amount in US dollars.",
            ) from exc
        return cls(**given)

    def as_mapping(self) -> dict[str, t.Any]:
        """What L(from_mapping) reads, as plain data."""
        values = dataclasses.asdict(self)
        minimum = values["minimum_balance"]
        return {
            **values,
            "minimum_balance": None if minimum is None else str(minimum),
            "allowed_policy_arns": list(self.allowed_policy_arns),
        }


def evaluate(
    lab: t.Mapping[str, t.Any], thresholds: Thresholds | None = None, now: datetime.datetime | None = None
) -> list[Finding]:
    """The findings of one observed lab, the worst first.

    :param lab: what was observed, shaped as an outcome (RV(labops.cloudresearch.lab_account_info#module:lab_account)).
        C(store) may hold C(readable) (bool) and C(access_key_ids) (list); without it, the keys' C(stored) and C(slot)
        say what is stored.
    :param now: the moment to measure ages from; default: now.
    :returns: dicts of C(code), C(severity), C(message), C(next_step), C(access_key_id) (empty when the finding is not
        about one key).
    """
    examination = _Examination(lab, thresholds or Thresholds(), now or times.now())
    examination.user()
    examination.keys()
    examination.requester()
    examination.link()
    examination.other_users()
    examination.principals()
    examination.completeness()
    return sorted(examination.found, key=lambda finding: finding_kinds.SEVERITIES.index(finding["severity"]))


class _Examination:
    """Looks at one lab, part by part, and collects what it found."""

    def __init__(self, lab: t.Mapping[str, t.Any], thresholds: Thresholds, now: datetime.datetime) -> None:
        self.lab = lab
        self.name = str(lab.get("lab") or "<lab>")
        self.thresholds = thresholds
        self.now = now
        self.found: list[Finding] = []
        self.all_keys: list[t.Mapping[str, t.Any]] = [
            key for key in lab.get("access_keys") or [] if isinstance(key, dict)
        ]
        self.live_keys = [key for key in self.all_keys if key.get("status") == "Active"]
        self.environments: t.Mapping[str, t.Mapping[str, t.Any]] = lab.get("requester") or {}
        self.portal: t.Mapping[str, t.Any] = lab.get("link") or {}

    def _playbook(self, playbook: str) -> str:
        return playbook_command(playbook, self.name)

    def add(self, code: str, message: str, next_step: str, access_key_id: str = "") -> None:
        """Note a finding."""
        self.found.append(
            {
                "code": code,
                "severity": finding_kinds.CATALOGUE[code].severity,
                "message": message,
                "next_step": next_step,
                "access_key_id": access_key_id,
            }
        )

    def user(self) -> None:
        """Rights and ways in that a lab's user should not have."""
        user = self.lab.get("user") or {}
        if not user.get("exists"):
            return
        name = user.get("name") or vocabulary.DEFAULT_USER_NAME
        wide = [arn for arn in user.get("attached_policies") or [] if arn not in self.thresholds.allowed_policy_arns]
        if wide:
            administrative = any(str(arn).rsplit("/", 1)[-1] in ADMINISTRATIVE_POLICIES for arn in wide)
            weight = " This hands over nearly the whole account." if administrative else ""
            self.add(
                "policy_too_wide",
                f"User {name} has more than the MTurk policy: {_listed(wide)}.{weight}",
                f"Find out who needs it; else detach it from {name} (aws iam detach-user-policy).",
            )
        if user.get("inline_policies"):
            self.add(
                "inline_policy",
                f"User {name} has inline policies: {_listed(user['inline_policies'])}.",
                f"Read them; if nobody needs them, delete them from {name} (aws iam delete-user-policy).",
            )
        if user.get("groups"):
            self.add(
                "group_membership",
                f"User {name} is in the groups {_listed(user['groups'])}.",
                f"Take {name} out of the groups (aws iam remove-user-from-group) unless somebody needs it there.",
            )
        if user.get("console_access"):
            self.add(
                "console_access",
                f"User {name} has a password for the AWS console.",
                f"Delete the password (aws iam delete-login-profile --user-name {name}): only the key is needed.",
            )

    def keys(self) -> None:
        """Keys that nobody stored, used or renewed, and stored keys that are gone."""
        for key in self.live_keys:
            self._live_key(key, str(key.get("access_key_id", "")))
        for key in self.all_keys:
            self._suspended_key(key, str(key.get("access_key_id", "")))
        known = {key.get("access_key_id") for key in self.all_keys if key.get("status") in ("Active", "Inactive")}
        if self.lab.get("user") is None:
            return  # AWS was not read, so nothing is missing there
        for access_key_id in self._stored_key_ids():
            if access_key_id not in known:
                self.add(
                    "stored_key_missing_in_aws",
                    f"The store holds key {access_key_id}, which AWS does not list for the lab's user.",
                    f"Make a new key and link it: {self._playbook('onboard')}.",
                    access_key_id,
                )

    def _suspended_key(self, key: t.Mapping[str, t.Any], key_id: str) -> None:
        since, may_go = parse_time(key.get("suspended_on")), parse_time(key.get("may_go_on"))
        if since is None:
            return
        until = "a retirement may delete it at any time"
        if may_go:
            until = f"a retirement may delete it on {may_go:%Y-%m-%d} (from {may_go:%H:%M} UTC)"
        self.add(
            "key_suspended",
            f"Key {key_id} is suspended since {since:%Y-%m-%d}; {until}.",
            f"Make it active again: {self._playbook('onboard')}. Delete it: {self._playbook('retire')}.",
            key_id,
        )

    def _stored_key_ids(self) -> list[str]:
        store = self.lab.get("store") or {}
        ids = [str(key_id) for key_id in store.get("access_key_ids") or []]
        ids += [str(key.get("access_key_id", "")) for key in self.all_keys if key.get("stored")]
        return list(dict.fromkeys(key_id for key_id in ids if key_id))

    def _live_key(self, key: t.Mapping[str, t.Any], key_id: str) -> None:
        if key.get("owner") == "foreign":
            self.add(
                "foreign_live_key",
                f"Key {key_id} is active, and the collection did not create it.",
                "Ask the lab who uses it. The collection never touches it unless it is told to for this lab.",
                key_id,
            )
        elif key.get("stored") is False and key.get("owner") == "unknown":
            self.add(
                "unstored_live_key",
                f"Key {key_id} is active, and its user carries the collection's tag, but the store holds no record of "
                "the lab.",
                "Correct the store's directory, mount or path, or the lab's name in the store. If the record is lost, "
                "name the key in lab_account_remove_foreign_keys once nobody needs it, then run "
                f"{self._playbook('onboard')}.",
                key_id,
            )
        elif key.get("stored") is False:
            self.add(
                "unstored_live_key",
                f"Key {key_id} is active, but its secret is not in the store.",
                f"Run {self._playbook('onboard')}: it removes a key that it made "
                "and could not store. If somebody else made it, deactivate it once nobody needs it.",
                key_id,
            )
        if key.get("slot") == "superseded":
            self.add(
                "superseded_key_live",
                f"Key {key_id} was superseded by a newer one and is still active.",
                f"Run {self._playbook('rotate')}: it retires the old key once "
                "CloudResearch is proved to hold the new one.",
                key_id,
            )
        self._live_key_over_time(key, key_id)

    def _live_key_over_time(self, key: t.Mapping[str, t.Any], key_id: str) -> None:
        age = key.get("age_days")
        if not isinstance(age, int):
            created = parse_time(key.get("created"))
            age = days_between(created, self.now) if created else None
        limit = self.thresholds.key_old_days
        if limit and age is not None and age >= limit:
            self.add(
                "key_old",
                f"Key {key_id} is {age} days old; the limit is {limit}.",
                f"Rotate it: {self._playbook('rotate')}.",
                key_id,
            )
        limit = self.thresholds.key_unused_days
        last_used = parse_time(key.get("last_used"))
        unused = days_between(last_used, self.now) if last_used else age
        if key.get("last_use_known") is False:
            unused = None
        if limit and unused is not None and unused >= limit:
            use = f"was last used {unused} days ago" if last_used else f"was never used in its {unused} days"
            self.add(
                "key_unused",
                f"Key {key_id} {use}; the limit is {limit}.",
                f"Ask the lab whether it still works with MTurk; if not: {self._playbook('retire')}.",
                key_id,
            )

    def requester(self) -> None:
        """What MTurk said, in each environment."""
        for environment, answer in self.environments.items():
            status = answer.get("status") or ""
            if status == "not_linked":
                self._not_linked(environment, answer)
        if self.live_keys:
            self._refused()
        production = self.environments.get("production") or {}
        self._balance(production)
        if production.get("status") in _GONE or self._fails_after_closing(production):
            self._service_closed(production)

    def _refused(self) -> None:
        refusals = {name: answer for name, answer in self.environments.items() if answer.get("status") in REFUSALS}
        if refusals:
            answer = next(iter(refusals.values()))
            self.add(
                "key_refused",
                f"MTurk ({_listed(refusals)}) {REFUSALS[answer['status']]}.{_code(answer)}",
                answer.get("next_step") or f"Check the lab's key and policy: {self._playbook('audit')}.",
            )

    def _fails_after_closing(self, production: t.Mapping[str, t.Any]) -> bool:
        # What a closed MTurk answers is not documented: after the announced day an unknown error may be just that.
        return production.get("status") == "error" and self.now.date() >= vocabulary.CLOSED_FOR_GOOD

    def _service_closed(self, production: t.Mapping[str, t.Any]) -> None:
        observed = _GONE.get(str(production.get("status")), "did not answer as a working service")
        # What answered that it is closed was reached.
        doubt = "" if production.get("status") == "service_closed" else "Make sure that it is not this network. "
        for key in self.live_keys:
            key_id = str(key.get("access_key_id", ""))
            self.add(
                "key_active_service_closed",
                f"MTurk (production) {observed}, and key {key_id} is still active.{_code(production)}",
                doubt + vocabulary.closing_notice(self.now.date()),
                key_id,
            )

    def _not_linked(self, environment: str, answer: t.Mapping[str, t.Any]) -> None:
        url = vocabulary.REQUESTER_LINK_URLS.get(environment, "")
        step = answer.get("next_step") or f"Sign in at {url} and link the AWS account."
        notice = vocabulary.closing_notice(self.now.date())
        if self.now.date() >= vocabulary.CLOSED_TO_NEW_CUSTOMERS and notice not in step:
            step = f"{step} {notice}"
        self.add(
            "requester_not_linked",
            f"The lab's AWS account is not linked to a requester account in {environment}.",
            step,
        )

    def _balance(self, production: t.Mapping[str, t.Any]) -> None:
        minimum = self.thresholds.minimum_balance
        if minimum is None or production.get("available_balance") in (None, ""):
            return
        try:
            available = decimal.Decimal(str(production["available_balance"]))
        except decimal.InvalidOperation:
            return
        if available < minimum:
            today = self.now.date()
            advice = "Tell the lab: prepay HITs at https://requester.mturk.com/account."
            if vocabulary.is_closed(today):
                advice = f"Add no money: there is no HIT to pay for any more. {vocabulary.REFUND_NOTICE}"
            self.add(
                "low_balance",
                f"{available} US dollars are available in production; the limit is {minimum}.",
                f"{advice} {vocabulary.closing_notice(today)}",
            )

    def link(self) -> None:
        """Which key CloudResearch holds."""
        status = self.portal.get("status") or "unknown"
        key_id = str(self.portal.get("access_key_id") or "")
        current = [key.get("access_key_id") for key in self.live_keys if key.get("slot") in ("current", "pending")]
        dead = str(self.portal.get("dead_access_key_id") or "")
        if dead and (self.lab.get("user") or {}).get("exists"):
            self.add(
                "portal_dead_key",
                str(self.portal.get("message") or f"CloudResearch holds key {dead}, which does not work."),
                f"Link a key that works: {self._playbook('onboard')}.",
                dead,
            )
        elif status == "other_key" or (status == "linked" and key_id and current and key_id not in current):
            named = f"key {key_id}" if key_id else "a key"
            self.add(
                "portal_other_key",
                f"CloudResearch holds {named}, which is not the lab's current key.",
                f"Link the current key: {self._playbook('onboard')}. Retire no key before that.",
                key_id,
            )
        elif self.live_keys and (
            status == "unknown" or (status == "linked" and self.portal.get("evidence") not in LINK_EVIDENCE)
        ):
            self.add(
                "portal_unproved",
                "It is not known which key CloudResearch holds for the lab.",
                "Look at Link Mechanical Turk in the lab's CloudResearch account, or audit with its sign-in.",
            )

    def other_users(self) -> None:
        """Live keys of users that the retirement of the lab's own user leaves alone."""
        told = principal_findings.examined_keys(self.lab.get("principals"))
        for other in self.lab.get("other_users") or []:
            for key_id in other["live_access_key_ids"]:
                if key_id in told:
                    continue  # and if nothing is said there, the inventory says that it may be there
                self.add(
                    "live_key_of_other_user",
                    f"Key {key_id} of the IAM user {other['user_name']} is active, and the user has the lab's policy "
                    f"({other['how']}).",
                    f"Find out who uses it; else deactivate it (aws iam update-access-key --user-name "
                    f"{shlex.quote(other['user_name'])} --access-key-id {key_id} --status Inactive).",
                    key_id,
                )

    def principals(self) -> None:
        """Everybody else in the account who may call MTurk."""
        seen = self.lab.get("principals")
        if seen:
            known = self.lab.get("known_principals") or []
            for found in principal_findings.examine(seen, known, self.lab["declared_user"], self.now.date()):
                self.add(*found)

    def completeness(self) -> None:
        """Everything that was not seen, as one finding."""
        unseen = [_PARTS[entry["part"]] for entry in self.lab.get("unseen") or [] if entry["part"] in _PARTS]
        if self.lab.get("user") is None:
            unseen.append("the IAM user and its keys")
        store = self.lab.get("store") or {}
        if store.get("readable") is False or any(key.get("stored") is None for key in self.all_keys):
            unseen.append("the store")
        if self.live_keys:
            for environment in vocabulary.ENVIRONMENTS:
                answer = self.environments.get(environment) or {}
                status = answer.get("status") or ""
                if status in UNSEEN_STATUSES:
                    unseen.append(f"MTurk {environment} ({(status or 'not_checked').replace('_', ' ')})")
        if unseen:
            self.add(
                "observation_incomplete",
                f"Not seen: {_listed(dict.fromkeys(unseen))}.",
                f"See the lab's steps for the reason, then run {self._playbook('audit')} again.",
            )


# Parts of an observation that are not told by a field of their own, in words.
_PARTS = {
    "attached_policies": "the policies attached to the user",
    "inline_policies": "the user's inline policies",
    "groups": "the user's groups",
    "console_access": "whether the user has a console password",
    "access_keys": "the user's keys",
    "last_use": "when keys were last used",
    "portal": "CloudResearch",
    "other_users": "the account's other users with the lab's policy",
    "principals": "all who may call Mechanical Turk in the account",
}


def _listed(values: t.Iterable[t.Any]) -> str:
    return ", ".join(str(value) for value in values)


def _code(answer: t.Mapping[str, t.Any]) -> str:
    code = answer.get("error_code")
    return f" It answered {code}." if code else ""
