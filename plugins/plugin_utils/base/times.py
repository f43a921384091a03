# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moments and ages: how the collection writes them, reads them and counts them.

Records, outcomes and reports hold moments as ISO 8601 texts in UTC, to the second, so that they read the same
everywhere and sort as text.
"""

from __future__ import annotations

import datetime
import email.utils


def now() -> datetime.datetime:
    """This machine's time, in UTC."""
    return datetime.datetime.now(datetime.UTC)


def timestamp(moment: datetime.datetime) -> str:
    """Write a moment: C(2026-01-31T12:00:00Z)."""
    # Not by strftime, which leaves out the zeros of years before 1000.
    return moment.astimezone(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def moment(text: str) -> datetime.datetime:
    """Read an ISO 8601 moment, in UTC. Without a time zone it counts as UTC.

    :raises ValueError: the text is none.
    """
    return _in_utc(datetime.datetime.fromisoformat(text))


def parse_time(value: object) -> datetime.datetime | None:
    """Read a moment from a text that may hold anything; None when it holds none."""
    try:
        return moment(value) if isinstance(value, str) else None
    except ValueError:
        return None


def parse_http_date(value: object) -> datetime.datetime | None:
    """Read the header C(Date) of an HTTP answer (RFC 9110, 5.6.7); None when it holds no moment."""
    try:
        return _in_utc(email.utils.parsedate_to_datetime(value)) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None


def days_between(earlier: datetime.datetime, later: datetime.datetime) -> int:
    """Whole days between two moments, never negative."""
    return max(0, (later - earlier).days)


def _in_utc(parsed: datetime.datetime) -> datetime.datetime:
    """The same moment in UTC.

    :raises ValueError: it is in no year that somebody could mean; days are added to moments and taken off.
    """
    if not 1 < parsed.year < datetime.MAXYEAR - 100:
        raise ValueError("It is in no year that somebody could mean.")
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=datetime.UTC)).astimezone(datetime.UTC)
