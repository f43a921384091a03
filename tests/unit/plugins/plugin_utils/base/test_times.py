# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moments and ages."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import times

NOON = datetime.datetime(2026, 1, 31, 12, 0, tzinfo=datetime.UTC)
AT = "2026-01-31T12:00:00Z"


def test_moments_are_written_in_utc_to_the_second_and_read_back() -> None:
    east = datetime.timezone(datetime.timedelta(hours=2))
    assert times.timestamp(datetime.datetime(2026, 1, 31, 14, 0, 0, 999, tzinfo=east)) == AT
    assert times.moment(AT) == NOON
    assert times.moment("2026-01-31T12:00:00") == NOON


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", 20260131, "tomorrow", "2026-13-01T00:00:00Z", ["2026-01-31"]),
        # They cannot be written in UTC, or no day can be added to them.
        *("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "9999-12-31T23:59:59Z"),
    ],
)
def test_what_is_no_moment_is_none_or_refused(value: object) -> None:
    assert times.parse_time(value) is None
    if isinstance(value, str):
        with pytest.raises(ValueError):
            times.moment(value)


def test_the_header_date_is_read() -> None:
    assert times.parse_http_date("Sat, 31 Jan 2026 12:00:00 GMT") == NOON
    assert times.parse_http_date("Sat, 31 Jan 2026 12:00:00 -0000") == NOON


def test_early_years_are_written_as_they_are_read() -> None:
    assert times.moment(times.timestamp(times.moment("0099-12-31T23:59:59Z"))).year == 99


@pytest.mark.parametrize(
    "value",
    [
        *(None, "", "noon", "Sat, 99 Jan 2026 12:00:00 GMT", b"Sat, 31 Jan 2026 12:00:00 GMT"),
        *("Mon, 99999999999999999999 Jan 2026 12:00:00 GMT", "Mon, 01 Jan 2026 99999999999:00:00 GMT"),
        "Mon, 01 Jan 2026 12:00:00 +99999999999999",
    ],
)
def test_a_header_that_is_no_date_is_none(value: object) -> None:
    assert times.parse_http_date(value) is None


def test_ages_are_whole_days_and_never_negative() -> None:
    assert times.days_between(NOON, NOON + datetime.timedelta(days=2, hours=23)) == 2
    assert times.days_between(NOON, NOON - datetime.timedelta(days=3)) == 0
