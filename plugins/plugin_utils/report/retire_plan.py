# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan that an audit proposes: all keys with MTurk rights, but for those about which somebody has to decide."""

from __future__ import annotations

import contextlib
import datetime
import pathlib
import typing as t

from ..aws.principals.shapes import Right
from ..base import ordinary_files
from ..base.errors import CollectionError
from ..base.vocabulary import Operation
from ..plan import reading, writing
from ..plan.shapes import ACCOUNT_ID, KEY_ID, USER_ARN, Doing, Plan, PlannedAccount, PlannedKey, UndecidedKey
from . import key_counts
from .evidence_shapes import AccountKey, AccountKeyStatus
from .model import Lab, Report

# A plan that says the same is made anew after this time, so that the latest audit's plan does not grow too old.
FRESH = datetime.timedelta(days=1)


def propose(report: Report, made_at: datetime.datetime) -> Plan | None:
    """The plan that fits a report; None for reports of runs that do not look for what is to go.

    :param made_at: when the labs were looked at for this plan.
    """
    looks = {Operation.AUDIT} | ({Operation.RETIRE} if report["check_mode"] else set())
    if not looks.intersection(report["operations"]):
        return None
    accounts = [
        _planned_account(lab, keys)
        for labs in key_counts.by_account(report["labs"])
        for lab, keys in _keys_by_lab(labs)
    ]
    return Plan(made_at, tuple(account for account in accounts if account.keys or account.undecided))


def _keys_by_lab(labs: t.Sequence[Lab]) -> list[tuple[Lab, list[AccountKey]]]:
    """The labs of one account, each with the keys that a run does something about there.

    Each of them lists all keys of the account, and a plan has a key once: with the lab that would retire it, or else
    with the one whose it is, whose store has its record.
    """
    if len(labs) == 1:
        return [(labs[0], labs[0]["account_keys"])]
    found: list[tuple[Lab, list[AccountKey]]] = [(lab, []) for lab in labs]
    for key in key_counts.keys_of(labs):
        identity = (key["access_key_id"], key["principal"])

        def nearness(lab: Lab, identity: tuple[str, str] = identity) -> int:
            listed = [row for row in lab["account_keys"] if (row["access_key_id"], row["principal"]) == identity]
            retires = any(retired["access_key_id"] == identity[0] for retired in lab["retired_keys"])
            return 4 * retires + 2 * any(row["owner"] == "ours" for row in listed) + bool(listed)

        max(found, key=lambda entry: nearness(entry[0]))[1].append(key)
    return found


def content(report: Report, now: datetime.datetime, path: pathlib.Path) -> bytes | None:
    """The file with the plan that fits a report; None where there is none to make.

    :param path: where it is to be. A plan there that says the same and is of today stays as it is.
    """
    plan = propose(report, now)
    if plan is None:
        return None
    text = writing.to_yaml(plan)
    with contextlib.suppress(OSError, CollectionError, UnicodeDecodeError):
        before = ordinary_files.read(path).decode()
        if (
            writing.without_moments(before) == writing.without_moments(text)
            and abs(now - reading.made_at(path)) < FRESH
        ):
            return before.encode()
    return text.encode()


def _planned_account(lab: Lab, account_keys: t.Iterable[AccountKey]) -> PlannedAccount:
    keys: list[PlannedKey] = []
    undecided: list[UndecidedKey] = []
    for key in account_keys:
        if key["status"] == AccountKeyStatus.DELETED:
            continue
        doubt = _why_undecided(lab, key)
        if doubt:
            undecided.append(
                UndecidedKey(access_key_id=key["access_key_id"], user_arn=key["principal"], why=doubt),
            )
        elif doubt is not None:
            keys.append(_planned_key(lab, key))
    look = lab["look"]
    return PlannedAccount(
        lab["account_id"],
        lab["lab"],
        tuple(keys),
        tuple(undecided),
        looked_at=look["looked_at"] if look else lab["finished"],
        caller_arn=look["caller_arn"] if look else "",
    )


def _why_undecided(lab: Lab, key: AccountKey) -> str | None:
    """Why somebody has to decide about the key; empty: nobody; None: the key is no matter of the plan."""
    goes = any(retired["access_key_id"] == key["access_key_id"] for retired in lab["retired_keys"])
    if (key["mturk_right"] == Right.NO or key["exception"]) and not goes:
        return None
    user = USER_ARN.fullmatch(key["principal"])
    if key["principal"].endswith(":root"):
        return "It is a key of root, which only root can delete: sign in as root, open My security credentials."
    if not (user and KEY_ID.fullmatch(key["access_key_id"]) and ACCOUNT_ID.fullmatch(lab["account_id"])):
        return "AWS did not report the key's id, its user or its account, so no run could find it."
    if user.group("account_id") != lab["account_id"]:
        return "The user is in another account than the lab."
    if key["mturk_right"] == Right.UNKNOWN and not goes:
        return f"Whether it can call MTurk is not known: {'; '.join(key['how']) or 'nobody could judge its rights'}."
    return ""


def _planned_key(lab: Lab, key: AccountKey) -> PlannedKey:
    return PlannedKey(
        access_key_id=key["access_key_id"],
        user_arn=key["principal"],
        status=key["status"],
        last_used=key["last_used"],
        last_used_service=key["last_used_service"],
        do=Doing.RETIRE.value,
        why=_why_planned(lab, key),
    )


def _why_planned(lab: Lab, key: AccountKey) -> str:
    parts = [f"can call MTurk ({'; '.join(key['how'])})" if key["how"] else "can call MTurk"]
    if key["mturk_right"] != Right.YES:
        parts = ["the lab is to be retired"]
    if key["suspended_on"]:
        parts.append(f"suspended since {key['suspended_on'][:10]}")
    if not key["last_used"]:
        parts.append("never used" if key["last_use_known"] else "last use not known")
    if key["administrator"]:
        parts.append("of an administrator: see what else uses it")
    if key["quarantined"]:
        parts.append("of a user that AWS put in quarantine, because a key of it was found in public")
    return ", ".join(parts)
