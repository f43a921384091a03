# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which plans are followed, and what is said of those that are not.

That nothing is touched then is tested with the playbook, in tests/end_to_end/test_retire_plan.py.
"""

from __future__ import annotations

import datetime
import pathlib

import pytest

from ansible_collections.labops.cloudresearch.plugins.action import retire_plan_info
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.plan import writing
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.plan.shapes import (
    Plan,
    PlannedAccount,
    PlannedKey,
    UndecidedKey,
)
from ansible_collections.labops.cloudresearch.tests.unit.plugins.action.test_actions import act

ACCOUNT, KEY = "111122223333", "AKIAIOSFODNN7EXAMPLE"
INVENTORY = {"groups": {"all": ["hand"]}, "hostvars": {"hand": {"lab_account_aws_account_id": ACCOUNT}}}


def plan(*, days_old: int = 0, account_id: str = ACCOUNT, lab: str = "hand", undecided: int = 0) -> str:
    key = PlannedKey(
        access_key_id=KEY,
        user_arn=f"arn:aws:iam::{account_id}:user/ada",
        status="active",
        last_used="",
        last_used_service="",
        do="retire",
        why="can call MTurk",
    )
    made_at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days_old)
    doubts = tuple(
        UndecidedKey(access_key_id="", user_arn=f"arn:aws:iam::{account_id}:root", why="w") for _ in range(undecided)
    )
    return writing.to_yaml(Plan(made_at, (PlannedAccount(account_id, lab, (key,), doubts),)))


def test_a_plan_that_fits_is_read(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "plan.yml"
    path.write_text(plan())
    result = act(retire_plan_info.ActionModule, {"path": str(path)}).run(task_vars=INVENTORY)
    assert result["hosts"] == ["hand"] and not result["changed"], result
    assert [key["access_key_id"] for key in result["accounts"]["hand"]["keys"]] == [KEY]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (plan(days_old=31), "more than 30 days ago"),
        (plan(lab="elsewhere"), "the inventory has no lab elsewhere"),
        (plan(account_id="999999999999"), "and in the plan in account 999999999999"),
        ('{"all": {"hosts": {}}}', "plan cannot be followed"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(tmp_path: pathlib.Path, content: str, told: str) -> None:
    path = tmp_path / "plan.yml"
    path.write_text(content)
    result = act(retire_plan_info.ActionModule, {"path": str(path)}).run(task_vars=INVENTORY)
    assert result["failed"] and told in result["msg"], result
    assert "accounts" not in result


def test_an_empty_path_is_no_directory() -> None:
    result = act(retire_plan_info.ActionModule, {"path": ""}).run(task_vars=INVENTORY)
    assert result["failed"] and result["msg"].startswith("retire_plan is empty"), result


def test_a_way_back_is_never_too_late(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "plan.yml"
    path.write_text(plan(days_old=31))
    result = act(retire_plan_info.ActionModule, {"path": str(path), "any_age": True}).run(task_vars=INVENTORY)
    assert result["hosts"] == ["hand"], result


def test_what_a_run_over_a_plan_leaves_alone_is_told(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "plan.yml"
    path.write_text(plan(undecided=2))

    def warnings(*run_over: str, **more: bool) -> list[str]:
        options = {"path": str(path), **more}
        variables = {**INVENTORY, "ansible_play_hosts_all": list(run_over)}
        return list(act(retire_plan_info.ActionModule, options).run(task_vars=variables).get("warnings") or [])

    undecided = "Nobody decided about 2 keys in the plan, and this run does nothing about them: hand."
    assert warnings("hand") == [undecided]
    limited = "The plan has keys of labs that are not in this run, and stay as they are: hand."
    assert warnings("other") == [limited, undecided]
    assert warnings("hand", any_age=True) == []
    path.write_text(plan())
    assert warnings("hand") == []
