# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an observed lab should worry about (the codes and their severities are in C(finding_kinds)).

A finding only ever says what was observed. What could not be seen becomes the finding C(observation_incomplete),
never a guess. The announced closing of MTurk explains an observation; it never replaces one.
"""

from __future__ import annotations

import datetime
import typing as t

from ..base import times, vocabulary
from ..base.next_command import iam_command
from . import finding_kinds, key_findings, principal_findings, requester_findings
from .examined import Examined, Facts, Found, listed
from .gaps import UNSEEN_STATUSES, no_store_is_declared, store_is_missed
from .shapes import Finding
from .thresholds import Thresholds

# Attached policies that hand over (nearly) the whole account: named in the text, because they need haste.
ADMINISTRATIVE_POLICIES = frozenset({"AdministratorAccess", "PowerUserAccess", "IAMFullAccess"})

# Link evidence that shows the key which CloudResearch itself holds or uses. A record or a submission of an earlier
# run says what was handed over then; it is kept as evidence, because portals need not show the key at all.
LINK_EVIDENCE = frozenset({"page", "record", "submission", "key_use"})


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


def evaluate(lab: Facts, thresholds: Thresholds | None = None, now: datetime.datetime | None = None) -> list[Finding]:
    """The findings of one observed lab, the worst first.

    :param lab: what was observed, shaped as an outcome (RV(labops.cloudresearch.lab_account_info#module:lab_account)).
        C(store) may hold C(readable) (bool) and C(access_key_ids) (list); without it, the keys' C(stored) and C(slot)
        say what is stored.
    :param now: the moment to measure ages from; default: now.
    :returns: dicts of C(code), C(severity), C(message), C(next_step), C(access_key_id) (empty when the finding is not
        about one key).
    """
    seen = Examined(lab, thresholds or Thresholds(), now or times.now())
    looks = (
        _user,
        key_findings.examine,
        requester_findings.examine,
        _link,
        _other_users,
        _principals,
        _completeness,
    )
    found: list[Finding] = [
        {
            "code": one.code,
            "severity": finding_kinds.CATALOGUE[one.code].severity,
            "message": one.message,
            "next_step": one.next_step,
            "access_key_id": one.access_key_id,
        }
        for look in looks
        for one in look(seen)
    ]
    return sorted(found, key=lambda finding: finding_kinds.SEVERITIES.index(finding["severity"]))


def _user(seen: Examined) -> t.Iterator[Found]:
    """Rights and ways in that a lab's user should not have."""
    user = seen.lab.get("user") or {}
    if not user.get("exists"):
        return
    name = user.get("name") or vocabulary.DEFAULT_USER_NAME
    wide = [arn for arn in user.get("attached_policies") or [] if arn not in seen.thresholds.allowed_policy_arns]
    if wide:
        administrative = any(str(arn).rsplit("/", 1)[-1] in ADMINISTRATIVE_POLICIES for arn in wide)
        weight = " This hands over nearly the whole account." if administrative else ""
        yield Found(
            "policy_too_wide",
            f"User {name} has more than the MTurk policy: {listed(wide)}.{weight}",
            f"If nobody needs it, detach it from {name} ({_each('detach-user-policy', name, 'policy_arn', wide)}).",
        )
    if user.get("inline_policies"):
        yield Found(
            "inline_policy",
            f"User {name} has inline policies: {listed(user['inline_policies'])}.",
            f"Read them; if nobody needs them, delete them from {name} "
            f"({_each('delete-user-policy', name, 'policy_name', user['inline_policies'])}).",
        )
    if user.get("groups"):
        yield Found(
            "group_membership",
            f"User {name} is in the groups {listed(user['groups'])}.",
            f"Unless somebody needs it there, take {name} out of the groups "
            f"({_each('remove-user-from-group', name, 'group_name', user['groups'])}).",
        )
    if user.get("console_access"):
        yield Found(
            "console_access",
            f"User {name} has a password for the AWS console.",
            f"Delete the password ({iam_command('delete-login-profile', user_name=name)}): only the key is needed.",
        )


def _each(operation: str, user: str, option: str, values: t.Iterable[object]) -> str:
    """One command for each value, to be pasted as a whole."""
    return "; ".join(iam_command(operation, user_name=user, **{option: str(value)}) for value in values)


def _link(seen: Examined) -> t.Iterator[Found]:
    """Which key CloudResearch holds."""
    status = seen.portal.get("status") or "unknown"
    key_id = str(seen.portal.get("access_key_id") or "")
    current = [key.get("access_key_id") for key in seen.live_keys if key.get("slot") in ("current", "pending")]
    dead = str(seen.portal.get("dead_access_key_id") or "")
    if dead and (seen.lab.get("user") or {}).get("exists"):
        yield Found(
            "portal_dead_key",
            str(seen.portal.get("message") or f"CloudResearch holds key {dead}, which does not work."),
            f"Link a key that works: {seen.playbook('onboard')}.",
            dead,
        )
    elif status == "other_key" or (status == "linked" and key_id and current and key_id not in current):
        named = f"key {key_id}" if key_id else "a key"
        yield Found(
            "portal_other_key",
            f"CloudResearch holds {named}, which is not the lab's current key.",
            f"Link the current key: {seen.playbook('onboard')}. Retire no key before that.",
            key_id,
        )
    elif seen.live_keys and (
        status == "unknown" or (status == "linked" and seen.portal.get("evidence") not in LINK_EVIDENCE)
    ):
        yield Found(
            "portal_unproved",
            "It is not known which key CloudResearch holds for the lab.",
            "Look at Link Mechanical Turk in the lab's CloudResearch account, or audit with its sign-in.",
        )


def _other_users(seen: Examined) -> t.Iterator[Found]:
    """Live keys of users that the retirement of the lab's own user leaves alone."""
    judged = principal_findings.judged_users(seen.lab.get("principals"))
    for other in seen.lab.get("other_users") or []:
        if other["user_name"] in judged:
            continue  # that knows of denials and of exceptions, too
        for key_id in other["live_access_key_ids"]:
            if seen.is_declared(other["user_name"], key_id):
                continue
            yield Found(
                "live_key_of_other_user",
                f"Key {key_id} of the IAM user {other['user_name']} is active, and the user has the lab's policy "
                f"({other['how']}).",
                f"If nobody uses it, {principal_findings.deactivate(other['user_name'], key_id)}",
                key_id,
            )


def _principals(seen: Examined) -> t.Iterator[Found]:
    """Everybody else in the account who may call MTurk."""
    principals = seen.lab.get("principals")
    if principals:
        known = seen.lab.get("known_principals") or []
        # Without a store, no other finding tells about the keys of the lab's own user.
        untold = no_store_is_declared(seen.lab)
        own_user = seen.lab["declared_user"]
        yield from principal_findings.examine(principals, known, own_user, seen.now.date(), own_keys_untold=untold)


def _completeness(seen: Examined) -> t.Iterator[Found]:
    """Everything that was not seen, as one finding."""
    unseen = [_PARTS[entry["part"]] for entry in seen.lab.get("unseen") or [] if entry["part"] in _PARTS]
    if seen.lab.get("user") is None:
        unseen.append("the IAM user and its keys")
    if store_is_missed(seen.lab):
        unseen.append("the store")
    if seen.live_keys:
        for environment in vocabulary.ENVIRONMENTS:
            answer = seen.environments.get(environment) or {}
            status = answer.get("status") or ""
            if status in UNSEEN_STATUSES:
                unseen.append(f"MTurk {environment} ({(status or 'not_checked').replace('_', ' ')})")
    if unseen:
        yield Found(
            "observation_incomplete",
            f"Not seen: {listed(dict.fromkeys(unseen))}.",
            f"See the lab's steps for the reason, then run {seen.playbook('audit')} again.",
        )
