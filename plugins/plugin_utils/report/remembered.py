# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an earlier report in the same place knew of keys and this run cannot know: which are gone, and since when."""

from __future__ import annotations

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report.evidence_shapes import (
    AccountKey,
    AccountKeyStatus,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report.model import Lab, Report


def with_what_was(earlier: Report, report: Report) -> Report:
    """The report with the keys that were deleted before it, and with what was known of those that its run deleted.

    :param earlier: the report that was in the place before. Only labs of the same account are looked at.
    """
    before = {(lab["lab"], lab["account_id"]): lab["account_keys"] for lab in earlier["labs"] if lab["account_id"]}
    return {**report, "labs": [_lab(lab, before.get((lab["lab"], lab["account_id"]), [])) for lab in report["labs"]]}


def _lab(lab: Lab, before: list[AccountKey]) -> Lab:
    known = {row["access_key_id"]: row for row in before if row["access_key_id"]}
    rows = [_row(row, known.get(row["access_key_id"])) for row in lab["account_keys"]]
    listed = {row["access_key_id"] for row in rows}
    gone = [row for key_id, row in known.items() if row["retired_on"] and key_id not in listed]
    return {**lab, "account_keys": [*rows, *gone]}


def _row(row: AccountKey, before: AccountKey | None) -> AccountKey:
    """A key that only a change tells of has no more than that in the outcome."""
    if before is None or row["created"]:
        return row
    kept: AccountKey = {
        **before,
        "status": row["status"],
        "last_used": row["last_used"] or before["last_used"],
        "last_used_service": row["last_used_service"] or before["last_used_service"],
        "suspended_on": row["suspended_on"] or before["suspended_on"],
        "retired_on": row["retired_on"],
        "request_id": row["request_id"],
    }
    if row["status"] == AccountKeyStatus.ACTIVE:
        kept["suspended_on"] = ""
    return kept
