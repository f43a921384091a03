# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that can call Mechanical Turk: which count as live, how they stand, and how many there are."""

from __future__ import annotations

import enum
import typing as t

from ..aws.principals.shapes import Right
from ..base import vocabulary
from ..lab.gaps import keys_were_read
from .evidence_shapes import AccountKey, AccountKeyStatus, KeyCounts
from .model import Lab

# What is told of the same key by labs that share an account: the one that knows more counts.
_RIGHTS: list[str] = [Right.YES, Right.NO, Right.UNKNOWN]
_OWNERS = ("ours", "unknown", "foreign")


class Standing(enum.StrEnum):
    """Whose a key is that is live or may be, what needs eyes first coming first."""

    UNDECLARED = "undeclared"
    OWNER_NOT_KNOWN = "owner_not_known"
    DECLARED = "declared"
    NOT_JUDGED = "not_judged"
    EXCEPTED = "excepted"


def is_live(key: AccountKey) -> bool:
    """Whether it is known to work, and to have the right to call MTurk."""
    return key["status"] == AccountKeyStatus.ACTIVE and key["mturk_right"] == Right.YES


def is_not_judged(key: AccountKey) -> bool:
    """Whether it may be live, because its state or its right could not be seen."""
    may_work = key["status"] in (AccountKeyStatus.ACTIVE, AccountKeyStatus.NOT_KNOWN)
    return may_work and key["mturk_right"] != Right.NO and not is_live(key)


def is_used_since_closing(key: AccountKey) -> bool:
    """Whether it was used, for whatever, on the day of MTurk's closing or later."""
    return key["last_used"][:10] >= vocabulary.CLOSED_FOR_GOOD.isoformat()


def is_undeclared(key: AccountKey) -> bool:
    """Whether it is neither the lab's own nor one that the inventory excepts."""
    return key["owner"] == "foreign" and not key["exception"]


def standing(key: AccountKey) -> Standing:
    """Whose it is, as far as it can be told of a key that is live or may be."""
    if is_not_judged(key):
        return Standing.NOT_JUDGED
    if key["exception"]:
        return Standing.EXCEPTED
    owners = {"foreign": Standing.UNDECLARED, "ours": Standing.DECLARED}
    return owners.get(key["owner"], Standing.OWNER_NOT_KNOWN)


def live_or_not_judged(keys: t.Iterable[AccountKey]) -> list[AccountKey]:
    """Those that work or may work, the one that needs eyes first coming first; then those last used."""
    found = [key for key in keys if is_live(key) or is_not_judged(key)]
    found.sort(key=lambda key: key["last_used"], reverse=True)
    return sorted(found, key=_urgency)


def _urgency(key: AccountKey) -> tuple[bool, bool, bool, int]:
    stands = standing(key)
    can_wait = stands in (Standing.NOT_JUDGED, Standing.EXCEPTED)
    return not key["quarantined"], can_wait, not is_used_since_closing(key), list(Standing).index(stands)


def by_account(labs: t.Iterable[Lab]) -> list[list[Lab]]:
    """The labs of each account together; a lab whose account is not known stands alone."""
    groups: dict[str, list[Lab]] = {}
    for lab in labs:
        groups.setdefault(lab["account_id"] or f"lab {lab['lab']}", []).append(lab)
    return list(groups.values())


def keys_of(labs: t.Iterable[Lab]) -> list[AccountKey]:
    """The keys that the labs of one account know of, each once."""
    found: dict[tuple[str, int], AccountKey] = {}
    for lab in sorted(labs, key=lambda lab: lab["finished"]):
        nameless: dict[str, int] = {}
        for key in lab["account_keys"]:
            identity = (key["access_key_id"], 0)
            if not key["access_key_id"]:
                nameless[key["principal"]] = nameless.get(key["principal"], 0) + 1
                identity = (key["principal"], nameless[key["principal"]])
            known = found.get(identity)
            found[identity] = _merged_key(known, key) if known else key
    return list(found.values())


def count(labs: t.Iterable[Lab]) -> KeyCounts:
    """The counts over the accounts of these labs."""
    accounts = by_account(labs)
    by_keys = [keys_of(account) for account in accounts]
    keys = [key for found in by_keys for key in found]
    live = [key for key in keys if is_live(key)]
    return KeyCounts(
        accounts=len(accounts),
        accounts_with_live_keys=sum(1 for found in by_keys if any(map(is_live, found))),
        accounts_partly_seen=sum(1 for account in accounts if _is_seen(account) and not _is_seen_in_full(account)),
        accounts_not_seen=sum(1 for account in accounts if not _is_seen(account)),
        live=len(live),
        found_in_public=sum(1 for key in live if key["quarantined"]),
        used_since_closing=sum(1 for key in live if is_used_since_closing(key)),
        undeclared=sum(1 for key in live if is_undeclared(key)),
        owner_not_known=sum(1 for key in live if key["owner"] == "unknown" and not key["exception"]),
        excepted=sum(1 for key in live if key["exception"]),
        last_use_not_known=sum(1 for key in live if not key["last_use_known"]),
        not_judged=sum(1 for key in keys if is_not_judged(key)),
        suspended=sum(
            1 for key in keys if key["status"] == AccountKeyStatus.INACTIVE and key["mturk_right"] == Right.YES
        ),
    )


def _is_seen(account: list[Lab]) -> bool:
    return any(lab["look"] is not None or keys_were_read(lab) for lab in account)


def _is_seen_in_full(account: list[Lab]) -> bool:
    return any(lab["look"] is not None and lab["look"]["complete"] for lab in account)


def _merged_key(earlier: AccountKey, later: AccountKey) -> AccountKey:
    """One key, of which two labs tell: the later one knows its state, unless AWS deleted it, which is for good."""
    state = earlier if earlier["status"] == AccountKeyStatus.DELETED else later
    used = max(earlier, later, key=lambda key: key["last_used"])
    return {
        **state,
        "last_used": used["last_used"],
        "last_used_service": used["last_used_service"],
        "last_used_region": used["last_used_region"],
        "last_use_known": earlier["last_use_known"] or later["last_use_known"],
        "mturk_right": min(earlier["mturk_right"], later["mturk_right"], key=_RIGHTS.index),
        "owner": min(earlier["owner"], later["owner"], key=_OWNERS.index),
        "exception": later["exception"] or earlier["exception"],
        "quarantined": later["quarantined"] or earlier["quarantined"],
    }
