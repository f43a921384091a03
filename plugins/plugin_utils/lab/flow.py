# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flow of the role lab_account: the files of its tasks that a lab needs, in their order."""

from __future__ import annotations

import typing as t

# By declared state, the steps in their order, and the files in the role's tasks that take them. A lab that goes walks
# the flow backwards.
FLOW: dict[str, tuple[tuple[str, str], ...]] = {
    "present": (
        ("forget", "forget"),
        ("iam_user", "iam_user"),
        ("iam_user_excess", "iam_user_excess"),
        ("access_key", "access_key"),
        ("requester", "requester"),
        ("wait", "wait"),
        ("link", "link"),
        ("retire", "retire"),
    ),
    "suspended": (("forget", "forget"), ("access_key", "suspend")),
    "absent": (("forget", "forget"), ("link", "link"), ("retire", "retire_all"), ("iam_user", "remove_user")),
}

# By step, where the role registers what the step returns.
REGISTERED = {
    "iam_user": "__lab_account_iam_user",
    "iam_user_excess": "__lab_account_excess",
    "access_key": "__lab_account_access_key",
    "requester": "__lab_account_requester",
    "link": "__lab_account_link",
    "retire": "__lab_account_retire",
}


def results(task_vars: t.Mapping[str, t.Any]) -> dict[str, t.Mapping[str, t.Any]]:
    """By step, what its task returned.

    :param task_vars: the variables of a task of the role. Steps that were not taken are empty or missing there.
    """
    return {step: task_vars[name] for step, name in REGISTERED.items() if task_vars.get(name)}


def files(state: str, missing: t.Iterable[str], *, passed_before: bool, removes_excess: bool, waits: bool) -> list[str]:
    """The files to include.

    :param state: as declared: C(present), C(suspended) or C(absent).
    :param missing: the steps that the observation found missing.
    :param passed_before: whether results of an earlier pass over the lab are there, which must not count for this one.
    :param removes_excess: whether the operator named rights that the user shall lose.
    :param waits: whether a person who links the account is waited for.
    """
    needed = set(missing)
    if "iam_user" in needed and removes_excess:
        needed.add("iam_user_excess")
    if "requester" in needed and waits:
        needed.add("wait")
    if passed_before:
        needed.add("forget")
    return [file for step, file in FLOW[state] if step in needed]
