# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as CSV for spreadsheets: one row a lab, and one row a key; columns that stay.

Spreadsheets run what begins like a formula (OWASP, "CSV Injection"). Such cells, and those that begin with an
apostrophe themselves, get an apostrophe in front, so a program that reads the file takes one leading apostrophe off.

Which separator a spreadsheet splits at depends on where it is opened: in Europe often the semicolon, and then quotes do
not protect the inside of a cell. So what follows a separator within a cell is treated like the beginning of one.
"""

from __future__ import annotations

import csv
import decimal
import io
import re
import typing as t

from ..lab import finding_kinds
from . import intake
from .evidence_shapes import AccountKey
from .model import Lab, Report, live_keys

Cell = str | int | bool | decimal.Decimal | None

# Spreadsheets read UTF-8 only behind a byte order mark; the lines end as RFC 4180 wants it.
BYTE_ORDER_MARK = "\ufeff"

# Full-width signs count too: some spreadsheets fold them to the plain ones.
_FORMULA = re.compile(r"[\s\"]*[=+\-@\t\r\n'|%＝＋－＠]")
# What may begin another cell, and a formula behind it if there is one. White space is passed over once, so that the
# work stays linear.
_CELL_INSIDE = re.compile(r"([,;|\t\r\n][\s\"]*)([=+\-@%＝＋－＠])?")
_DELIMITER = re.compile(r"[,;|\t\r\n]")

# New columns go to the end, here and in C(_row): people's spreadsheets refer to these by place.
KEY_COLUMNS = (
    "account_id",
    "principal",
    "access_key_id",
    "status",
    "created",
    "last_used",
    "last_used_service",
    "mturk_right",
    "how",
    "owner",
    "suspended_on",
    "retired_on",
    "request_id",
    "lab",
    "last_used_region",
    "last_use_known",
    "administrator",
    "quarantined",
    "exception",
    "looked_at",
    "looked_by",
    "department",
    "contact",
)


def to_csv(report: Report) -> str:
    """The text of the CSV file with a row a lab, byte order mark included."""
    return _table(COLUMNS, (_row(lab) for lab in report["labs"]))


def keys_to_csv(report: Report) -> str:
    """The text of the CSV file with a row a key, byte order mark included."""
    return _table(KEY_COLUMNS, (_key_row(lab, key) for lab in report["labs"] for key in lab["account_keys"]))


def _table(columns: t.Sequence[str], rows: t.Iterable[t.Mapping[str, Cell]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([safe_cell(row[column]) for column in columns])
    return BYTE_ORDER_MARK + text.getvalue()


def safe_cell(value: Cell) -> str:
    """A cell that no spreadsheet takes for a formula, whatever separator it splits at."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return str(value)
    text = _CELL_INSIDE.sub(_made_text, value)
    return "'" + text if _FORMULA.match(text) else text


def _made_text(cell: re.Match[str]) -> str:
    """The beginning of what a spreadsheet may take for another cell, as text if it would be calculated."""
    before, formula = cell.groups("")
    return _DELIMITER.sub(r"\g<0>'", before) + formula if formula else before


def _row(lab: Lab) -> dict[str, Cell]:
    user = lab["user"]
    live = live_keys(lab)
    key = live[0] if live else None
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
        "finding_codes": _joined_distinct(finding["code"] for finding in lab["findings"]),
        "drift_codes": _joined_distinct(entry["code"] for entry in lab["drift"]),
        "next_steps": "\n".join(f"{step['text']} {step['url']}".strip() for step in lab["next_steps"]),
        "user_name": user["name"] if user else None,
        "user_exists": user["exists"] if user else None,
        "user_managed": user["managed"] if user else None,
        "attached_policies": _joined_distinct(user["attached_policies"] if user else None),
        "inline_policies": _joined_distinct(user["inline_policies"] if user else None),
        "groups": _joined_distinct(user["groups"] if user else None),
        "console_access": user["console_access"] if user else None,
        "live_keys": len(live),
        "live_keys_not_stored": sum(1 for each in live if each["owner"] in ("ours", "") and each["stored"] is False),
        "live_keys_foreign": sum(1 for each in live if each["owner"] == "foreign"),
        "key_id": key["access_key_id"] if key else None,
        "key_slot": key["slot"] if key else None,
        "key_created": key["created"] if key else None,
        "key_age_days": key["age_days"] if key else None,
        "key_last_used": key["last_used"] if key else None,
        "key_last_used_service": key["last_used_service"] if key else None,
        "production_status": production["status"],
        "production_available_balance": _decimal_or_none(production["available_balance"]),
        "production_on_hold_balance": _decimal_or_none(production["on_hold_balance"]),
        "sandbox_status": sandbox["status"],
        "link_status": lab["link"]["status"],
        "link_evidence": lab["link"]["evidence"],
        "link_access_key_id": lab["link"]["access_key_id"],
        "unseen": _joined_distinct(each["part"] for each in lab["unseen"]),
        "not_looked_for": _joined_distinct(each["code"] for each in lab["not_looked_for"]),
        "retired_keys": _joined_distinct(key["access_key_id"] for key in lab["retired_keys"]),
        "department": lab["department"],
        "contact": lab["contact"],
    }


def _key_row(lab: Lab, key: AccountKey) -> dict[str, Cell]:
    look = lab["look"]
    words: dict[str, Cell] = {
        name: value for name, value in key.items() if isinstance(value, (str, bool)) and name in KEY_COLUMNS
    }
    return {
        **words,
        "account_id": lab["account_id"],
        "how": "; ".join(key["how"]),
        "lab": lab["lab"],
        "looked_at": look["looked_at"] if look else "",
        "looked_by": look["caller_arn"] if look else "",
        "department": lab["department"],
        "contact": lab["contact"],
    }


def _decimal_or_none(text: str | None) -> decimal.Decimal | None:
    return None if text is None else decimal.Decimal(text)


def _joined_distinct(texts: t.Iterable[str] | None) -> str:
    return " ".join(dict.fromkeys(texts or ()))


COLUMNS = tuple(_row(intake.read_lab({}, {}, {})))
