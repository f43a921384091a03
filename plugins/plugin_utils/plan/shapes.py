# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan of taking keys out of service is: which key, of which user, in which account, and how far it may go."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import re
import typing as t

# Raised whenever an older collection could take a plan for something else than it says.
SCHEMA = 1
# How long an approval holds: what was seen a month ago is not what anybody knows today.
MOST_DAYS = 30

# IAM API reference, AccessKey: AccessKeyId has 16 to 128 letters and digits; keys of users begin with AKIA (IAM User
# Guide, "IAM identifiers", unique ID prefixes).
KEY_ID = re.compile(r"AKIA[A-Z0-9]{12,124}")
ACCOUNT_ID = re.compile(r"\d{12}")
USER_ARN = re.compile(
    r"arn:[a-z-]+:iam::(?P<account_id>\d{12}):user(?P<path>/(?:[!-.0-~]+/)*)(?P<name>[\w+=,.@-]{1,64})"
)


class Doing(enum.StrEnum):
    """How far a plan lets a run go with a key."""

    #: Make it inactive. It can be made active again.
    SUSPEND = "suspend"
    #: The same, and delete it in the playbook V(retire).
    RETIRE = "retire"


class PlannedKey(t.TypedDict):
    """One key of a plan, as it was seen when the plan was made.

    C(last_used) is ISO 8601 in UTC, empty for never; C(do) is a word of C(Doing).
    """

    access_key_id: str
    user_arn: str
    status: str
    last_used: str
    last_used_service: str
    do: str
    why: str


class UndecidedKey(t.TypedDict):
    """A key that a plan lists and that nothing is done about, and why."""

    access_key_id: str
    user_arn: str
    why: str


@dataclasses.dataclass(frozen=True)
class PlannedAccount:
    """The part of a plan that is about one lab's account.

    :param line: of the plan's file, on which it begins; 0 for a plan that is in no file.
    """

    account_id: str
    lab: str
    keys: tuple[PlannedKey, ...]
    undecided: tuple[UndecidedKey, ...] = ()
    looked_at: str = ""
    caller_arn: str = ""
    line: int = 0


@dataclasses.dataclass(frozen=True)
class Plan:
    """A whole plan."""

    made_at: datetime.datetime
    accounts: tuple[PlannedAccount, ...]


def user_name(user_arn: str) -> str:
    """The name of the user with this ARN, without its path; empty if it is no user's ARN."""
    found = USER_ARN.fullmatch(user_arn)
    return found.group("name") if found else ""
