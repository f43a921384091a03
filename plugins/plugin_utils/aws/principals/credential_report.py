# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IAM's credential report: the access keys of all users of an account, and of root, in one file.

IAM User Guide, "Generate credential reports for your AWS account". It names keys by their place (1 or 2), not by their
ids, and is up to four hours old.
"""

from __future__ import annotations

import csv
import datetime
import typing as t

from ...base.times import moment, timestamp
from .shapes import KeyStatus, PrincipalKey

# The places of a user's keys.
_PLACES = (1, 2)
# What the report has where there is nothing to tell.
_NOTHING = frozenset({"", "N/A", "no_information", "not_supported"})
_COLUMNS = ("arn", *(f"access_key_{place}_{what}" for place in _PLACES for what in ("active", "last_rotated")))


class Row(t.NamedTuple):
    """A user of the report, or root.

    :param keys: without their ids.
    """

    arn: str
    name: str
    keys: list[PrincipalKey]


def parse(text: str) -> list[Row]:
    """The rows of a report.

    :raises ValueError: it is no credential report, or a moment in it is none.
    """
    reader = csv.DictReader(text.splitlines())
    missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise ValueError(f"the columns {', '.join(missing)} are missing")
    return [
        Row(row["arn"], row["user"], [key for place in _PLACES for key in _key_in_place(row, place)]) for row in reader
    ]


def _key_in_place(row: t.Mapping[str, str | None], place: int) -> list[PrincipalKey]:
    def cell(what: str) -> str:
        text = row.get(f"access_key_{place}_{what}") or ""
        return "" if text in _NOTHING else text

    active, created = cell("active").lower() == "true", cell("last_rotated")
    if not (active or created):
        return []
    return [
        {
            "access_key_id": "",
            "status": (KeyStatus.ACTIVE if active else KeyStatus.INACTIVE).value,
            "created": _as_timestamp(created),
            "last_used": _as_timestamp(cell("last_used_date")),
            "last_used_service": cell("last_used_service"),
            "last_used_region": cell("last_used_region"),
        }
    ]


def _as_timestamp(text: str) -> str:
    return timestamp(moment(text).astimezone(datetime.UTC)) if text else ""
