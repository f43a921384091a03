# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What earlier reports in the same place, and the journal there, know of keys and this run cannot know.

Which keys are gone, since when, and by which request; also what a run did that was killed before it could report.
"""

from __future__ import annotations

import typing as t

from ..keys.changes import KeyChange
from . import account_keys, build
from .evidence_shapes import AccountKey, AccountKeyStatus
from .model import Lab, Report

Place = tuple[str, str]


def with_what_was(earlier: t.Iterable[Report], report: Report, noted: t.Sequence[KeyChange] = ()) -> Report:
    """The report with the keys that were deleted before it, and with what was known of those that its run changed.

    :param earlier: the reports that were in the place before, newest first; no more are read than are needed. Only labs
        of the same account are looked at.
    :param noted: the changes in the place's journal, in the order in which they were made.
    """
    by_account: dict[str, list[KeyChange]] = {}
    for change in noted:
        by_account.setdefault(change["account_id"], []).append(change)
    # What a run tells of keys that it did not look at is not all that there was to know.
    wanted = {
        (lab["lab"], lab["account_id"]): {row["access_key_id"] for row in lab["account_keys"] if not row["created"]}
        | {change["access_key_id"] for change in by_account.get(lab["account_id"], ())}
        for lab in report["labs"]
        if lab["account_id"]
    }
    before = _newest_earlier_keys(earlier, wanted)
    labs = [
        _remembering_lab(lab, before.get((lab["lab"], lab["account_id"]), {}), by_account.get(lab["account_id"], []))
        for lab in report["labs"]
    ]
    return {**report, "labs": labs, "summary": build.summarise(labs)}


def _newest_earlier_keys(
    earlier: t.Iterable[Report], wanted: t.Mapping[Place, set[str]]
) -> dict[Place, dict[str, AccountKey]]:
    """By lab and key id, the key in the newest report that has it."""
    found: dict[Place, dict[str, AccountKey]] = {}
    for report in earlier:
        for lab in report["labs"]:
            place = (lab["lab"], lab["account_id"])
            if place in wanted:
                keys = found.setdefault(place, {})
                for row in lab["account_keys"]:
                    if row["access_key_id"]:
                        keys.setdefault(row["access_key_id"], row)
        if all(place in found and keys <= found[place].keys() for place, keys in wanted.items()):
            break
    return found


def _remembering_lab(lab: Lab, known: t.Mapping[str, AccountKey], noted: t.Sequence[KeyChange]) -> Lab:
    changed = account_keys.as_changes_tell(noted)
    rows = [_with_journal(row, changed.get(row["access_key_id"])) for row in lab["account_keys"]]
    listed = {row["access_key_id"] for row in rows}
    # What a look does not list may also be of a user that lost its right: only a deletion tells that a key is gone.
    rows += [
        row
        for key_id, row in changed.items()
        if key_id not in listed and (lab["look"] is None or row["status"] == AccountKeyStatus.DELETED)
    ]
    rows = [_with_earlier_facts(row, known.get(row["access_key_id"])) for row in rows]
    # That it was suspended is all that the journal has of a key whose deletion nobody saw AWS confirm.
    listed = {row["access_key_id"] for row in rows}
    gone = [row for key_id, row in known.items() if row["status"] == AccountKeyStatus.DELETED and key_id not in listed]
    return {**lab, "account_keys": [*rows, *gone]}


def _with_journal(row: AccountKey, noted: AccountKey | None) -> AccountKey:
    """The key with what the journal adds: the look and the run are newer than what it tells of the key's status."""
    if noted is None:
        return row
    active, deleted = (row["status"] == status for status in (AccountKeyStatus.ACTIVE, AccountKeyStatus.DELETED))
    return {
        **row,
        "suspended_on": row["suspended_on"] or ("" if active else noted["suspended_on"]),
        "retired_on": row["retired_on"] or (noted["retired_on"] if deleted else ""),
        "request_id": row["request_id"] or noted["request_id"],
    }


def _with_earlier_facts(row: AccountKey, before: AccountKey | None) -> AccountKey:
    """A key that only a change tells of has no more than that in the outcome."""
    if before is None or row["created"]:
        return row
    kept: AccountKey = {
        **before,
        "status": row["status"],
        "last_used": row["last_used"] or before["last_used"],
        "last_used_service": row["last_used_service"] or before["last_used_service"],
        "suspended_on": row["suspended_on"] or before["suspended_on"],
        "retired_on": row["retired_on"] or before["retired_on"],
        "request_id": row["request_id"] or before["request_id"],
    }
    if row["status"] == AccountKeyStatus.ACTIVE:
        kept["suspended_on"] = ""
    return kept
