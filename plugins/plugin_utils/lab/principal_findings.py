# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an account should worry about because of all who may call MTurk there, whoever made them."""

from __future__ import annotations

import datetime
import typing as t

from ..aws.principals.shapes import KeyStatus, Principal, PrincipalKey, PrincipalKind, Principals, Right
from ..base import vocabulary
from ..base.next_command import iam_command
from . import known_principals
from .examined import Found
from .known_principals import KnownPrincipal


def examine(
    seen: Principals,
    exceptions: t.Sequence[KnownPrincipal],
    declared_user: str,
    today: datetime.date,
    *,
    own_keys_untold: bool = False,
) -> t.Iterator[Found]:
    """The findings about an account's principals.

    :param declared_user: the name of the lab's own user, about which other findings tell.
    :param own_keys_untold: whether they cannot tell about its keys, which are then like anybody's.
    """
    for principal in seen["principals"]:
        keys = [key for key in principal["keys"] if key["status"] == KeyStatus.ACTIVE]
        own = principal["kind"] == PrincipalKind.USER and principal["name"] == declared_user
        if principal["quarantined"]:
            # A key that was found in public is nobody's exception.
            yield from (_quarantined(principal, key) for key in keys)
        if principal["mturk_right"] == Right.NO:
            continue
        for key in keys:
            if known_principals.is_known(exceptions, principal, key["access_key_id"], today):
                continue
            if principal["administrator"] and principal["kind"] != PrincipalKind.ROOT:
                yield from _administrators(principal, key)
            if not own or own_keys_untold:
                yield from _undeclared(principal, key)
        if (
            not principal["keys"]
            and principal["kind"] == PrincipalKind.USER
            and not own
            and not known_principals.is_known(exceptions, principal, "", today)
        ):
            yield _without_key(principal)
    yield from (_exception_run_out(known) for known in exceptions if known_principals.has_run_out(known, today))


def live_keys(seen: Principals, declared_user: str) -> list[tuple[Principal, PrincipalKey]]:
    """The live keys that can call MTurk, or may be able to, of everybody but the lab's own user."""
    return [
        (principal, key)
        for principal in seen["principals"]
        for key in principal["keys"]
        if key["status"] == KeyStatus.ACTIVE
        and principal["mturk_right"] != Right.NO
        and (principal["kind"], principal["name"]) != (PrincipalKind.USER, declared_user)
    ]


def judged_users(seen: Principals | None) -> set[str]:
    """Names of the users of which C(examine) says what there is to say."""
    return {
        principal["name"]
        for principal in (seen["principals"] if seen else ())
        if principal["kind"] == PrincipalKind.USER
    }


def _undeclared(principal: Principal, key: PrincipalKey) -> t.Iterator[Found]:
    told, key_id = f"{_key_in_words(key)} of {_user_in_words(principal)}", key["access_key_id"]
    right = _right_in_words(principal)
    if principal["kind"] == PrincipalKind.ROOT:
        yield Found(
            "root_key",
            f"The account's root user has an active access key, which may do everything.{_last_use_in_words(key)}",
            "Sign in as root, see that nobody needs the key, and delete it (Security credentials in the console).",
        )
        return
    used_since = key["last_used"] >= vocabulary.CLOSED_FOR_GOOD.isoformat()
    yield Found(
        "undeclared_key_used" if used_since else "undeclared_live_key",
        f"{told} is active, and nobody declared it. {right}{_last_use_in_words(key)}",
        f"{'Find out who still uses it' if used_since else 'Ask whose it is'}; {_deactivate(principal, key)} "
        "If it has to stay, name it in lab_account_known_principals, with a reason and a day.",
        key_id,
    )
    if not key["last_used"]:
        yield Found(
            "undeclared_key_never_used",
            f"{told} was never used. {right}",
            f"Nobody will miss it: {_deactivate(principal, key)}",
            key_id,
        )


def _administrators(principal: Principal, key: PrincipalKey) -> t.Iterator[Found]:
    if key["last_used_service"] == vocabulary.MTURK_SERVICE:
        yield Found(
            "administrators_key_for_mturk",
            f"{_key_in_words(key)} of {_user_in_words(principal)} was last used for Mechanical Turk, and may do nearly "
            f"everything in the account.{_last_use_in_words(key)}",
            f"Whoever has the key has the account. {_deactivate(principal, key)}",
            key["access_key_id"],
        )


def _quarantined(principal: Principal, key: PrincipalKey) -> Found:
    return Found(
        "quarantined_key",
        f"AWS found a key of {_user_in_words(principal)} in public and put the user in quarantine; "
        f"{_key_in_words(key, 'key')} is still active.{_last_use_in_words(key)}",
        f"At once, {_deactivate(principal, key)} Then check in CloudTrail what it did, and answer AWS's support case.",
        key["access_key_id"],
    )


def _without_key(principal: Principal) -> Found:
    return Found(
        "user_with_right_and_no_key",
        f"{_user_in_words(principal).capitalize()} has no key. {_right_in_words(principal)}",
        "If nobody needs the right any more, remove it, so that nobody creates a key for it.",
    )


def _exception_run_out(known: KnownPrincipal) -> Found:
    return Found(
        "exception_run_out",
        f"The exception for {known_principals.in_words(known)} was valid until {known['until']}. Its reason was: "
        f"{known['reason'].rstrip('.')}.",
        "If the reason still holds, give a new day in lab_account_known_principals; else take the entry out.",
        known["access_key_id"],
    )


def _user_in_words(principal: Principal) -> str:
    return f"user {principal['path'].lstrip('/')}{principal['name']}"


def _key_in_words(key: PrincipalKey, word: str = "Key") -> str:
    return f"{word} {key['access_key_id']}" if key["access_key_id"] else f"A {word.lower()}"


def _right_in_words(principal: Principal) -> str:
    how = "; ".join(principal["how"])
    if principal["mturk_right"] == Right.UNKNOWN:
        return f"Whether it may call Mechanical Turk is unknown: {how}."
    return f"It may {'read in' if principal['read_only'] else 'use'} Mechanical Turk: {how}."


def _last_use_in_words(key: PrincipalKey) -> str:
    if not key["last_used"]:
        return " It was never used."
    service = f" for {key['last_used_service']}" if key["last_used_service"] else ""
    return f" It was last used on {key['last_used'][:10]}{service}."


def _deactivate(principal: Principal, key: PrincipalKey) -> str:
    return deactivate(principal["name"], key["access_key_id"])


def deactivate(user: str, key_id: str) -> str:
    """The rest of a sentence that says how a key becomes inactive; its id may be unknown."""
    if not key_id:
        return f"find its id ({iam_command('list-access-keys', user_name=user)}) and deactivate it."
    command = iam_command("update-access-key", user_name=user, access_key_id=key_id, status="Inactive")
    return f"deactivate it ({command})."
