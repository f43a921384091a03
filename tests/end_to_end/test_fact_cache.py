# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An outcome belongs to the run that observed it, also where facts outlive runs."""

from __future__ import annotations

import json
import pathlib

import pytest

from tests.end_to_end.test_rotate import LABS, stop_after_two_failures
from tests.fleet import Fleet

pytestmark = pytest.mark.timeout(300)


def cached(fleet: Fleet) -> dict[str, str]:
    """The settings of a run with a persistent fact cache and without facts among the variables."""
    return {
        "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(fleet.directory / "facts"),
        "ANSIBLE_INJECT_FACT_VARS": "false",
    }


def test_yesterdays_failures_do_not_stop_todays_rotation(fleet: Fleet) -> None:
    stop_after_two_failures(fleet, "--forks", "1", **cached(fleet))
    for lab in fleet.simulator.control.labs():
        fleet.put(lab)
    today = fleet.run("rotate", "--forks", "1", "-e", "rotate_stop_after=1", **cached(fleet))
    assert today.return_code == 0, today.told
    assert {lab: outcome["state"] for lab, outcome in today.outcomes.items()} == dict.fromkeys(LABS, "changed")
    written = [path.read_text() for path in pathlib.Path(fleet.directory, "facts").glob("*") if path.is_file()]
    assert not [text for text in written if "lab_account_outcome" in text]


def test_an_outcome_out_of_an_old_cache_is_nobodys(fleet: Fleet) -> None:
    """Earlier releases set the outcome as a fact; it may still be there."""
    fleet.add("lab-1")
    fleet.simulator.control.delete_role("lab-1")
    facts = fleet.directory / "facts"
    facts.mkdir()
    old = {"schema": 1, "lab": "lab-1", "state": "converged", "message": "Lab lab-1 is as declared."}
    (facts / "lab-1").write_text(json.dumps({"lab_account_outcome": old}))
    settings = {**cached(fleet), "ANSIBLE_INJECT_FACT_VARS": "true"}
    reports = str(fleet.directory / "reports")
    run = fleet.run("audit", "-e", f"fleet_report_directory={reports}", **settings)
    assert run.return_code != 0, run.output
    assert run.outcomes["lab-1"]["state"] == "failed"
    (lab,) = json.loads(pathlib.Path(reports, "fleet-report.json").read_text())["labs"]
    assert lab["state"] == "failed"
