# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which task files a lab takes, and that the role has them."""

from __future__ import annotations

import pytest
import yaml

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import flow
from tests.fleet import PROJECT

ROLE = PROJECT / "roles" / "lab_account"


def files(
    state: str, *missing: str, passed_before: bool = False, removes_excess: bool = False, waits: bool = False
) -> list[str]:
    return flow.files(state, missing, passed_before=passed_before, removes_excess=removes_excess, waits=waits)


def test_only_what_is_missing_is_done_in_the_order_of_the_flow() -> None:
    assert files("present", "link", "iam_user") == ["iam_user", "link"]
    assert files("suspended", "access_key") == ["suspend"]


def test_a_lab_that_goes_walks_the_flow_backwards() -> None:
    assert files("absent", "iam_user", "link", "retire") == ["link", "retire_all", "remove_user"]


def test_results_of_an_earlier_pass_are_cleared_first() -> None:
    assert files("present", "link", passed_before=True) == ["forget", "link"]


@pytest.mark.parametrize(("missing", "expected"), [("iam_user", ["iam_user", "iam_user_excess"]), ("link", ["link"])])
def test_rights_are_removed_where_the_user_is_touched_anyway(missing: str, expected: list[str]) -> None:
    assert files("present", missing, removes_excess=True) == expected


@pytest.mark.parametrize(("missing", "expected"), [("requester", ["requester", "wait"]), ("link", ["link"])])
def test_a_person_is_waited_for_only_where_one_is_needed(missing: str, expected: list[str]) -> None:
    assert files("present", missing, waits=True) == expected


def test_the_role_has_each_file_and_each_registered_result() -> None:
    for steps in flow.FLOW.values():
        for _step, file in steps:
            assert (ROLE / "tasks" / f"{file}.yml").is_file()
    forgotten = yaml.safe_load((ROLE / "tasks" / "forget.yml").read_text())[0]["ansible.builtin.set_fact"]
    assert set(forgotten) == set(flow.REGISTERED.values())
