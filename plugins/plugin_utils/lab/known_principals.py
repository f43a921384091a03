# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The principals of an account that the inventory knows of: each with a reason, and a day until which that holds."""

from __future__ import annotations

import datetime
import typing as t

from ..aws.principals.shapes import Principal
from ..base.errors import invalid_options

# By which of these an exception says whom it is for.
_IDENTIFIERS = ("arn", "name", "access_key_id")

ARGUMENT_SPEC: dict[str, t.Any] = {
    "type": "list",
    "elements": "dict",
    "default": [],
    "no_log": False,
    "options": {
        "arn": {"type": "str", "default": ""},
        "name": {"type": "str", "default": ""},
        "access_key_id": {"type": "str", "default": "", "no_log": False},
        "reason": {"type": "str", "required": True},
        "until": {"type": "str", "required": True},
    },
}


class KnownPrincipal(t.TypedDict):
    """An exception: a principal, or one key, that may be there. Exactly one of the first three is not empty.

    C(until) is the last day on which it holds, as C(2027-01-31).
    """

    arn: str
    name: str
    access_key_id: str
    reason: str
    until: str


def known_principals(given: t.Sequence[t.Mapping[str, t.Any]]) -> list[KnownPrincipal]:
    """The exceptions as the inventory has them.

    :param given: validated against C(ARGUMENT_SPEC).
    :raises CollectionError: one says nobody, or more than one, has no reason, or no day.
    """
    return [_checked_entry(entry, number) for number, entry in enumerate(given, 1)]


def _checked_entry(entry: t.Mapping[str, t.Any], number: int) -> KnownPrincipal:
    values = {name: str(entry.get(name) or "").strip() for name in (*_IDENTIFIERS, "reason", "until")}
    named = [name for name in _IDENTIFIERS if values[name]]
    try:
        until = datetime.date.fromisoformat(values["until"]).isoformat()
    except ValueError:
        until = ""
    wrong = []
    if len(named) != 1:
        wrong.append(f"it has {' and '.join(named) or 'none of arn, name and access_key_id'}")
    if not values["reason"]:
        wrong.append("it has no reason")
    if not until:
        wrong.append(f"until is {values['until']!r}, which is no day")
    if wrong:
        raise invalid_options(
            f"Entry {number} of the known principals (lab_account_known_principals) is wrong: {'; '.join(wrong)}.",
            "Give one of arn, name and access_key_id, a reason, and a day such as until: 2027-01-31.",
            "observe",
        )
    return t.cast(KnownPrincipal, {**values, "until": until})


def has_run_out(known: KnownPrincipal, today: datetime.date) -> bool:
    """Whether the exception holds no more."""
    return known["until"] < today.isoformat()


def is_known(
    exceptions: t.Iterable[KnownPrincipal], principal: Principal, access_key_id: str, today: datetime.date
) -> bool:
    """Whether an exception that holds today is about the principal or about this key of it.

    :param access_key_id: empty if no key in particular is meant, or its id is not known.
    """
    return any(
        not has_run_out(known, today)
        and (
            principal["arn"] == known["arn"]
            or principal["name"] == known["name"]
            or (access_key_id and access_key_id == known["access_key_id"])
        )
        for known in exceptions
    )


def exception_for_key(
    exceptions: t.Iterable[KnownPrincipal], user_name: str, access_key_id: str, account_id: str, today: datetime.date
) -> KnownPrincipal | None:
    """The exception that holds today for a key of one of the account's users; None if there is none.

    :param user_name: whatever the user's path, which an ARN has and a name has not: IAM has each name once. Empty if it
        could not be read: then only an exception for the key itself is about it.
    """

    def fits(known: KnownPrincipal) -> bool:
        resource, _slash, name = known["arn"].rpartition("/")
        is_user = resource.partition("/")[0] == f"arn:aws:iam::{account_id}:user"
        named = bool(user_name) and user_name in (known["name"], name if is_user else "")
        return named or (bool(access_key_id) and access_key_id == known["access_key_id"])

    return next((known for known in exceptions if fits(known) and not has_run_out(known, today)), None)


def in_words(known: KnownPrincipal) -> str:
    """The exception in a few words."""
    if known["access_key_id"]:
        return f"key {known['access_key_id']}"
    return known["arn"] or known["name"]
