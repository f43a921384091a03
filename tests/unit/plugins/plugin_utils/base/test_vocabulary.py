# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import vocabulary
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError


@pytest.mark.parametrize(
    ("today", "says", "says_not"),
    [
        ("2026-07-29", "takes no new customers from 2026-07-30", "since"),
        ("2026-07-30", "takes no new customers since 2026-07-30", "closed"),
        ("2026-09-29", "no new HITs from 2026-09-30", "retire"),
        ("2026-09-30", "MTurk closed on 2026-09-30", "new customers"),
        ("2026-10-30", "approvals and bonuses until 2026-10-30", "ended"),
        ("2026-10-31", "approvals and bonuses ended on 2026-10-30", "until 2026-10-30"),
        ("2027-01-28", "history can be seen until 2027-01-28", "could"),
        ("2027-01-29", "history could be seen until 2027-01-28", "can be"),
    ],
)
def test_the_closing_notice_fits_the_day(today: str, says: str, says_not: str) -> None:
    notice = vocabulary.closing_notice(datetime.date.fromisoformat(today))
    assert says in notice and says_not not in notice
    assert notice.startswith("AWS announced"), "it is an announcement, not an observation"


@pytest.mark.parametrize("given", [None, ""])
def test_no_account_id_is_none(given: str | None) -> None:
    assert vocabulary.checked_account_id(given) == ""


def test_an_account_id_keeps_its_leading_zeros() -> None:
    assert vocabulary.checked_account_id("000000000012") == "000000000012"


@pytest.mark.parametrize("given", ["12345678901", "1234567890123", "1234-5678-9012", "12345678901x", "123456789012\n"])
def test_what_is_no_account_id_is_refused(given: str) -> None:
    with pytest.raises(CollectionError) as caught:
        vocabulary.checked_account_id(given)
    assert (caught.value.reason, caught.value.step) == ("invalid_options", "observe")
    assert "12 digits" in caught.value.next_step
