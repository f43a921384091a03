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

# Where the role registers what its steps return.
REGISTERED = (
    "__lab_account_iam_user",
    "__lab_account_excess",
    "__lab_account_access_key",
    "__lab_account_requester",
    "__lab_account_link",
    "__lab_account_retire",
)


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
