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
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime.datetime:
    """Read an ISO 8601 moment. Without a time zone it counts as UTC.

    :raises ValueError: the text is none.
    """
    return _with_zone(datetime.datetime.fromisoformat(text))


def parse_time(value: object) -> datetime.datetime | None:
    """Read a moment from a text that may hold anything; None when it holds none."""
    try:
        return moment(value) if isinstance(value, str) else None
    except ValueError:
        return None


def parse_http_date(value: object) -> datetime.datetime | None:
    """Read the header C(Date) of an HTTP answer (RFC 9110, 5.6.7); None when it holds no moment."""
    try:
        return _with_zone(email.utils.parsedate_to_datetime(value)) if isinstance(value, str) else None
    except ValueError:
        return None


def days_between(earlier: datetime.datetime, later: datetime.datetime) -> int:
    """Whole days between two moments, never negative."""
    return max(0, (later - earlier).days)


def _with_zone(parsed: datetime.datetime) -> datetime.datetime:
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=datetime.UTC)
