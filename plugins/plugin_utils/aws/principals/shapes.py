# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a look at all principals of an AWS account finds, as plain data that goes into results and outcomes."""

from __future__ import annotations

import enum
import typing as t


class PrincipalKind(enum.StrEnum):
    """What sort of principal it is."""

    USER = "user"
    GROUP = "group"
    ROLE = "role"
    ROOT = "root"


class Right(enum.StrEnum):
    """Whether a principal may call MTurk."""

    YES = "yes"
    NO = "no"
    #: What would decide it could not be read or judged.
    UNKNOWN = "unknown"


class KeyStatus(enum.StrEnum):
    """Whether an access key works."""

    ACTIVE = "active"
    INACTIVE = "inactive"


class PrincipalKey(t.TypedDict):
    """One access key. Moments are ISO 8601 in UTC.

    C(access_key_id) is empty where nobody asked for it, and for the keys of root, whose ids AWS tells only to root.
    C(created) is empty where it is not known. C(last_used) is empty for never; a use before IAM kept track of uses
    (April 2015) counts as none.
    """

    access_key_id: str
    status: str  # a word of KeyStatus
    created: str
    last_used: str
    last_used_service: str
    last_used_region: str


class Principal(t.TypedDict):
    """One principal.

    C(how) says where a right to call MTurk comes from, and what limits it or cannot be judged, one sentence or phrase
    each. C(read_only) is true where all that is allowed is to read. C(keys) is empty for groups and roles.
    """

    arn: str
    kind: str  # a word of PrincipalKind
    name: str
    path: str
    mturk_right: str  # a word of Right
    how: list[str]
    administrator: bool
    read_only: bool
    quarantined: bool
    tags: dict[str, str]
    keys: list[PrincipalKey]


class Unread(t.TypedDict):
    """A part of the account that could not be read, and why."""

    what: str
    reason: str


class Principals(t.TypedDict):
    """Who may call MTurk in one account.

    C(principals) lists those whose C(mturk_right) is V(yes) or V(unknown), and every user that has keys.
    C(looked_at) is AWS's time in ISO 8601. C(calls) counts the requests that were made of AWS.
    """

    account_id: str
    caller_arn: str
    looked_at: str
    complete: bool
    unread: list[Unread]
    principals: list[Principal]
    users_seen: int
    calls: int
