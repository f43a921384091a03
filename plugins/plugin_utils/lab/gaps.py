# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a lab was not seen, and which findings nobody could look for because of that."""

from __future__ import annotations

import typing as t

from ..base import vocabulary
from .finding_kinds import CATALOGUE
from .shapes import NotLookedFor

# Statuses of an environment that was asked and did not tell.
UNTOLD_STATUSES = frozenset({"throttled", "unreachable", "clock_skew", "error"})
# Statuses after which nothing is known of the environment, and those of them that are no answer at all.
UNSEEN_STATUSES = UNTOLD_STATUSES | {"not_checked", ""}
_UNASKED_STATUSES = frozenset({"throttled", "clock_skew", "not_checked", ""})

# What C(lab_account_thorough) reads besides.
_THOROUGH_PARTS = ("inline_policies", "groups", "console_access")


def gaps(lab: t.Mapping[str, t.Any]) -> dict[str, str]:
    """By part of the lab, why it was not seen; parts that were seen are left out.

    :param lab: an observation, or an outcome.
    """
    found: dict[str, str] = {entry["part"]: str(entry["message"]) for entry in lab.get("unseen") or []}
    user = lab.get("user")
    if user is None:
        found.setdefault("user", "The IAM user was not read.")
        found.setdefault("access_keys", "The access keys were not read.")
    elif user.get("exists"):
        for part in _THOROUGH_PARTS:
            if user.get(part) is None:
                found.setdefault(part, "It was not asked for (lab_account_thorough).")
    keys = [key for key in lab.get("access_keys") or [] if key.get("status") == "Active"]
    unasked = [str(key["access_key_id"]) for key in keys if key.get("last_use_known") is False]
    if unasked:
        found.setdefault("last_use", f"The last use of {', '.join(unasked)} was not asked for (lab_account_thorough).")
    if lab.get("principals") is None:
        found.setdefault("principals", "It was not asked for (lab_account_find_principals).")
    if store_is_missed(lab):
        found.setdefault("store", str((lab.get("store") or {}).get("message") or "The store was not read."))
    if keys:
        found.update(_silent_environments(lab))
    return found


def keys_were_read(lab: t.Mapping[str, t.Any]) -> bool:
    """Whether AWS told which keys the lab's own user has. Where it did not, an empty list is no sign that it has none.

    :param lab: an observation, an outcome, or a lab of a report.
    """
    return lab.get("user") is not None and all(entry["part"] != "access_keys" for entry in lab.get("unseen") or [])


def store_is_missed(lab: t.Mapping[str, t.Any]) -> bool:
    """Whether the store was not read although it could have told something.

    Where none is declared, as by people who only look for keys, that is whose the keys of the lab's own user are.
    """
    if any(entry["part"] == "store" for entry in lab.get("unseen") or []):
        return True
    return any(key.get("stored") is None for key in lab.get("access_keys") or [])


def no_store_is_declared(lab: t.Mapping[str, t.Any]) -> bool:
    """Whether an audit did without a store, so that it cannot tell whose the keys of the lab's own user are."""
    unseen = any(entry["part"] == "store" for entry in lab.get("unseen") or [])
    return not unseen and (lab.get("store") or {}).get("readable") is False


def _silent_environments(lab: t.Mapping[str, t.Any]) -> dict[str, str]:
    requester = lab.get("requester") or {}
    found: dict[str, str] = {}
    for environment in vocabulary.ENVIRONMENTS:
        status = (requester.get(environment) or {}).get("status") or ""
        why = f"MTurk {environment}: {(status or 'not_checked').replace('_', ' ')}."
        if status in UNSEEN_STATUSES:
            found["mturk_answer"] = f"{found.get('mturk_answer', '')} {why}".strip()
        if status in _UNASKED_STATUSES and environment == "production":
            found["mturk_asked"] = why
    return found


def not_looked_for(lab: t.Mapping[str, t.Any]) -> list[NotLookedFor]:
    """The findings that nobody could look for, and why."""
    missing = gaps(lab)
    return [
        {"code": code, "why": missing[part]}
        for code, kind in CATALOGUE.items()
        for part in [next((need for need in kind.needs if need in missing), "")]
        if part
    ]
