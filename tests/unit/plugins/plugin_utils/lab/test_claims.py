# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host of a run for each IAM user, and for each CloudResearch account."""

from __future__ import annotations

import pathlib

import pytest
from ansible import constants

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab.claims import (
    claim_portal_account,
    claim_user,
)

ACCOUNT = "123456789012"


@pytest.fixture(autouse=True)
def run_directory(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))


def test_a_host_may_come_again_and_have_neighbours() -> None:
    for user, host in (("mturk", "lab-01"), ("mturk", "lab-01"), ("other", "lab-02")):
        claim_user(ACCOUNT, user, host)
    claim_user("210987654321", "mturk", "lab-02")


def test_a_second_host_is_told_of_the_first() -> None:
    claim_user(ACCOUNT, "mturk", "lab-01")
    with pytest.raises(CollectionError) as caught:
        claim_user(ACCOUNT, "mturk", "lab-02")
    assert caught.value.reason == "user_of_two_labs"
    assert all(word in caught.value.message for word in ("lab-01", "lab-02", ACCOUNT, "mturk"))


def test_an_account_that_is_not_known_is_nobodys() -> None:
    for host in ("lab-01", "lab-02"):
        claim_user("", "mturk", host)


def test_a_directory_that_cannot_be_written_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", "/nonexistent")
    for host in ("lab-01", "lab-02"):
        claim_user(ACCOUNT, "mturk", host)


def test_a_cloudresearch_account_holds_the_key_of_one_host() -> None:
    for email, host in (("pi@example.org", "lab-01"), (" PI@example.org", "lab-01"), ("b/../c@example.org", "lab-02")):
        claim_portal_account("app.cloudresearch.com:443", email, host)
    claim_portal_account("localhost:443", "pi@example.org", "lab-02")
    with pytest.raises(CollectionError) as caught:
        claim_portal_account("app.cloudresearch.com:443", "Pi@Example.org", "lab-02")
    assert caught.value.reason == "portal_account_of_two_labs"
    assert all(word in caught.value.message for word in ("lab-01", "lab-02", "Pi@Example.org"))
