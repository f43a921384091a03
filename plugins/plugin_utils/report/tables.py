# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as CSV for spreadsheets: one row a lab, columns that stay.

Spreadsheets run what begins like a formula (OWASP, "CSV Injection"). Such cells, and those that begin with an
apostrophe themselves, get an apostrophe in front, so a program that reads the file takes one leading apostrophe off.
"""

from __future__ import annotations

import csv
import io
import re
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import vocabulary
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import finding_kinds
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import model

Json = model.Json

# Spreadsheets read UTF-8 only behind a byte order mark; the lines end as RFC 4180 wants it.
BYTE_ORDER_MARK = "\ufeff"

# Full-width signs count too: some spreadsheets fold them to the plain ones.
_FORMULA = re.compile(r"[=+\-@\t\r\n'|%＝＋－＠]")
_NUMBER = re.compile(r"-?\d+(\.\d+)?\Z")

# New columns go to the end: people's spreadsheets refer to these by place.
COLUMNS = (
    "lab",
    "account_id",
    "operation",
    "check_mode",
    "state",
    *(f"step_{name}" for name in vocabulary.STEPS),
    *(f"findings_{severity}" for severity in finding_kinds.SEVERITIES),
    "finding_codes",
    "drift_codes",
    "next_steps",
    "user_name",
    "user_exists",
    "user_managed",
    "attached_policies",
    "inline_policies",
    "groups",
    "console_access",
    "live_keys",
    "live_keys_not_stored",
    "live_keys_foreign",
    "key_id",
    "key_slot",
    "key_created",
    "key_age_days",
    "key_last_used",
    "key_last_used_service",
    "production_status",
    "production_available_balance",
    "production_on_hold_balance",
    "sandbox_status",
    "link_status",
    "link_evidence",
    "link_access_key_id",
)


def to_csv(report: Json) -> str:
    """The CSV file's text, byte order mark included."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for lab in report["labs"]:
        row = _row(lab)
        writer.writerow([safe_cell(row[column]) for column in COLUMNS])
    return BYTE_ORDER_MARK + text.getvalue()


def safe_cell(value: t.Any) -> str:
    """A cell that no spreadsheet takes for a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if _FORMULA.match(text) and not _NUMBER.match(text):
        return "'" + text
    return text


def _row(lab: Json) -> Json:
    user = lab["user"] or {}
    live = model.live_keys(lab)
    key: Json = live[0] if live else {}
    production, sandbox = lab["requester"]["production"], lab["requester"]["sandbox"]
    severities = [finding["severity"] for finding in lab["findings"]]
    return {
        "lab": lab["lab"],
        "account_id": lab["account_id"],
        "operation": lab["operation"],
        "check_mode": lab["check_mode"],
        "state": lab["state"],
        **{f"step_{step['name']}": step["status"] for step in lab["steps"]},
        **{f"findings_{severity}": severities.count(severity) for severity in finding_kinds.SEVERITIES},
        "finding_codes": _joined(finding["code"] for finding in lab["findings"]),
        "drift_codes": _joined(entry["code"] for entry in lab["drift"]),
        "next_steps": "\n".join(f"{step['text']} {step['url']}".strip() for step in lab["next_steps"]),
        "user_name": user.get("name"),
        "user_exists": user.get("exists"),
        "user_managed": user.get("managed"),
        "attached_policies": _joined(user.get("attached_policies", [])),
        "inline_policies": _joined(user.get("inline_policies", [])),
        "groups": _joined(user.get("groups", [])),
        "console_access": user.get("console_access"),
        "live_keys": len(live),
        "live_keys_not_stored": sum(1 for each in live if each["owner"] != "foreign" and each["stored"] is False),
        "live_keys_foreign": sum(1 for each in live if each["owner"] == "foreign"),
        "key_id": key.get("access_key_id"),
        "key_slot": key.get("slot"),
        "key_created": key.get("created"),
        "key_age_days": key.get("age_days"),
        "key_last_used": key.get("last_used"),
        "key_last_used_service": key.get("last_used_service"),
        "production_status": production["status"],
        "production_available_balance": production["available_balance"],
        "production_on_hold_balance": production["on_hold_balance"],
        "sandbox_status": sandbox["status"],
        "link_status": lab["link"]["status"],
        "link_evidence": lab["link"]["evidence"],
        "link_access_key_id": lab["link"]["access_key_id"],
    }


def _joined(texts: t.Iterable[str]) -> str:
    return " ".join(dict.fromkeys(texts))
