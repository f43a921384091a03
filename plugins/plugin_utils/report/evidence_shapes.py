# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the report that is evidence: every key that was seen, who looked where and when, and what was changed."""

from __future__ import annotations

import enum
import typing as t

from ..aws.principals.shapes import Unread


class AccountKeyStatus(enum.StrEnum):
    """How an access key is, as far as the run knows."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    #: The run, or an earlier one that reported in the same place, deleted it, or found it gone.
    DELETED = "deleted"
    NOT_KNOWN = ""


class AccountKey(t.TypedDict):
    """One access key of the account, whoever's it is. Times are ISO 8601 in UTC, empty when there is none.

    C(principal) is the ARN of its user, or of root; C(access_key_id) is empty for root's keys, which AWS tells only
    root; C(last_use_known) tells a key that was never used from one whose last use nobody told; C(mturk_right) is
    V(yes), V(no) or V(unknown), and C(how) where the right comes from; C(exception) is why the inventory says that it
    may be there, empty if it does not say so; C(owner) is V(ours), V(foreign) or V(unknown);
    C(request_id) is that of the last change, by which CloudTrail lists it.
    """

    principal: str
    access_key_id: str
    status: str
    created: str
    last_used: str
    last_used_service: str
    last_used_region: str
    last_use_known: bool
    mturk_right: str
    how: list[str]
    owner: str
    quarantined: bool
    administrator: bool
    suspended_on: str
    retired_on: str
    request_id: str
    exception: str


class Look(t.TypedDict):
    """Who looked for everybody who can call MTurk in the account, when, and what could not be read."""

    caller_arn: str
    looked_at: str
    complete: bool
    unread: list[Unread]
    users_seen: int


class KeyCounts(t.TypedDict):
    """Keys that can call MTurk, over some accounts. A key counts once, however many labs share its account.

    C(live) ones are active and have the right. Of them, C(found_in_public) ones are of users in AWS's quarantine,
    C(used_since_closing) ones were used on 2026-09-30 or later, C(undeclared) ones are neither the labs' nor excepted,
    C(owner_not_known) ones nobody could tell whose, and C(excepted) ones are those that the inventory knows of; one key
    can be in several of these. C(not_judged) ones may be live: their right or their state could not be seen.
    C(suspended) ones have the right and are inactive. C(accounts_partly_seen) and C(accounts_not_seen) tell of how many
    of the C(accounts) not everything, or nothing, is known.
    """

    accounts: int
    accounts_with_live_keys: int
    accounts_partly_seen: int
    accounts_not_seen: int
    live: int
    found_in_public: int
    used_since_closing: int
    undeclared: int
    owner_not_known: int
    excepted: int
    last_use_not_known: int
    not_judged: int
    suspended: int


class TrendPoint(t.TypedDict):
    """The numbers of an earlier report about the same fleet."""

    generated: str
    labs: int
    mturk_keys: KeyCounts
