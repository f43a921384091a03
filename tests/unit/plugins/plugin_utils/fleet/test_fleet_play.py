# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import typing as t

import yaml

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.fleet.fleet_play import OUTCOME_ACTIONS

ROLE_TASKS = pathlib.Path(__file__).resolve().parents[5] / "roles" / "lab_account" / "tasks"


def tasks_in(entries: list[dict[str, t.Any]]) -> t.Iterator[dict[str, t.Any]]:
    for entry in entries:
        yield entry
        for section in ("block", "rescue", "always"):
            yield from tasks_in(entry.get(section, []))


def test_the_actions_with_which_the_role_concludes_are_known() -> None:
    """Of any other, the progress display would say that the lab ended without an outcome."""
    found = {
        next(key for key in task if key.startswith("labops.cloudresearch."))
        for file in ROLE_TASKS.glob("*.yml")
        for task in tasks_in(yaml.safe_load(file.read_text()))
        if task.get("register") == "lab_account_outcome"
    }
    # Plays of users have lab_account_outcome.
    assert found | {"labops.cloudresearch.lab_account_outcome"} == OUTCOME_ACTIONS
