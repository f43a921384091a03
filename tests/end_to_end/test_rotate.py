# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotating a fleet: batches, a stop after failures, and proof that CloudResearch holds the new keys."""

from __future__ import annotations

from tests import seed
from tests.fleet import Fleet

LABS = ["lab-1", "lab-2", "lab-3"]


def held_keys(fleet: Fleet) -> dict[str, str]:
    """What CloudResearch holds for each lab."""
    return {lab: fleet.simulator.control.portal_key(lab) for lab in fleet.hosts}


def stop_after_two_failures(fleet: Fleet, *one_by_one: str, **environment: str) -> None:
    """Rotate three labs' keys, the first two of which fail, and the run is to stop then."""
    seed.add_onboarded(fleet, *LABS)
    before = held_keys(fleet)
    for lab in ("lab-1", "lab-2"):
        fleet.hosts[lab]["lab_account_cloudresearch_password"] = "not the password"
    run = fleet.run("rotate", *one_by_one, "-e", "rotate_stop_after=2", **environment)
    assert run.return_code != 0
    assert {lab: outcome["state"] for lab, outcome in run.outcomes.items()} == {"lab-1": "failed", "lab-2": "failed"}
    # The new key, and nothing else: that the lab is counted is no change.
    assert {lab: run.changed()[lab] for lab in ("lab-1", "lab-2")} == {"lab-1": 1, "lab-2": 1}
    # Those that were left alone are told, and still work with their old key; so do those that failed.
    assert {lab for lab, counts in run.stats.items() if counts["failures"]} == set(LABS)
    assert "lab-3 was left alone" in run.output
    assert held_keys(fleet) == before
    for lab, key_id in before.items():
        active = {key["access_key_id"] for key in fleet.simulator.control.keys(lab) if key["status"] == "Active"}
        assert key_id in active


def test_keys_are_replaced_and_the_old_ones_are_gone_or_inactive(fleet: Fleet) -> None:
    labs = ("lab-1", "lab-2", "grace")
    seed.add_onboarded(fleet, *labs, "young")
    fleet.hosts["grace"]["lab_account_key_grace_days"] = 14
    # By age, there is nothing to do.
    fleet.hosts["young"]["lab_account_key_max_age_days"] = 30
    before = held_keys(fleet)
    run = fleet.run("rotate", "-e", "rotate_batch_size=2")
    assert run.return_code == 0, run.told
    after = held_keys(fleet)
    for lab in labs:
        assert after[lab] != before[lab]
        assert run.outcomes[lab]["link"] == {**run.outcomes[lab]["link"], "status": "linked", "evidence": "page"}
        status = {key["access_key_id"]: key["status"] for key in fleet.simulator.control.keys(lab)}
        kept = {before[lab]: "Inactive"} if lab == "grace" else {}
        assert status == {after[lab]: "Active", **kept}
    assert after["young"] == before["young"] and run.changed()["young"] == 0, run.output
    assert fleet.run("onboard", "--limit", "grace").changed() == {"grace": 0}


def test_no_further_lab_once_too_many_have_failed_in_batches(fleet: Fleet) -> None:
    """With few forks, see test_fact_cache.py."""
    stop_after_two_failures(fleet, "-e", "rotate_batch_size=1")


def test_a_number_of_failures_that_is_none_stops_before_anything_is_touched(fleet: Fleet) -> None:
    """What is a number, and what is none: tests/unit/test_playbook_conditions.py."""
    fleet.add("lab-1")
    before = fleet.simulator.control.mark("rotation")
    run = fleet.run("rotate", "-e", "rotate_stop_after=0")
    assert run.return_code != 0
    assert "rotate_stop_after" in run.output and "No key was replaced" in run.output
    assert not run.outcomes and not fleet.simulator.control.calls(before)
