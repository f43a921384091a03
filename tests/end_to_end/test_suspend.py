# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Out of service with a way back: suspended, made active again, then retired after some days, the portal being gone."""

from __future__ import annotations

import datetime

from tests import seed
from tests.fleet import Fleet
from tests.tools.iam_scenarios import USER, administrator

LAB = "lab-1"
DAYS = ("-e", "lab_account_retire_after_days=14", "-e", f"retire_confirm={LAB}")


def keys(fleet: Fleet) -> dict[str, str]:
    """The lab's keys in AWS with their status."""
    return {key["access_key_id"]: key["status"] for key in fleet.simulator.control.keys(LAB)}


def portal_calls(fleet: Fleet, since: int) -> list[str]:
    """What was asked of CloudResearch."""
    return [call["action"] for call in fleet.simulator.control.calls(since) if call["service"] == "portal"]


def test_a_lab_is_suspended_brought_back_and_retired_after_its_days(fleet: Fleet) -> None:
    seed.add_onboarded(fleet, LAB)
    [key_id] = keys(fleet)
    fleet.variables["lab_account_link_check"] = "page"

    before = fleet.simulator.control.mark("suspension")
    foreseen = fleet.run("suspend", "--check", "--diff")
    assert foreseen.outcomes[LAB]["state"] == "changed" and keys(fleet) == {key_id: "Active"}
    run = fleet.run("suspend")
    assert run.return_code == 0, run.output
    outcome = run.outcomes[LAB]
    assert keys(fleet) == {key_id: "Inactive"}
    assert outcome["state"] == "changed" and "suspended on" in outcome["message"], outcome["message"]
    assert outcome["retired_keys"][0]["deactivated"] and foreseen.outcomes[LAB]["retired_keys"][0]["deactivated"]
    [change] = outcome["changes"]
    assert change["action"] == "deactivated" and change["request_id"] and ":assumed-role/" in change["caller_arn"]
    assert change["last_used_service"] == "mturk-requester" and change["principal"].endswith(f":user/{USER}")
    assert fleet.run("suspend").changed() == {LAB: 0}
    assert not portal_calls(fleet, before), "a suspension signs in nowhere"
    audit = fleet.run("audit", "-e", "lab_account_state=suspended", "-e", "lab_account_retire_after_days=14")
    assert audit.outcomes[LAB]["state"] == "converged", audit.output
    assert "key_suspended" in {finding["code"] for finding in audit.outcomes[LAB]["findings"]}
    assert audit.outcomes[LAB]["access_keys"][0]["may_go_on"]

    back = fleet.run("onboard")
    assert back.return_code == 0, back.output
    assert [change["action"] for change in back.outcomes[LAB]["changes"]] == ["activated"]
    assert keys(fleet) == {key_id: "Active"} and fleet.simulator.control.portal_key(LAB) == key_id
    assert back.outcomes[LAB]["link"]["status"] == "linked"
    assert fleet.run("onboard").changed() == {LAB: 0}

    # The portal is gone for good by now.
    fleet.variables["lab_account_portal_url"] = "http://127.0.0.1:9/"
    begun = fleet.run("retire", *DAYS)
    assert begun.return_code == 0, begun.output
    assert keys(fleet) == {key_id: "Inactive"} and "may be deleted on" in begun.outcomes[LAB]["message"]
    waiting = fleet.run("retire", *DAYS)
    assert waiting.changed() == {LAB: 0} and waiting.outcomes[LAB]["state"] == "converged", waiting.output
    assert "waits until its keys may be deleted" in waiting.outcomes[LAB]["message"]

    # Both the use and the suspension were long ago.
    fleet.simulator.control.note_key_use(key_id, days_ago=20)
    long_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=15)
    tag = {"Key": f"labops-cloudresearch-suspended-{key_id}", "Value": f"{long_ago:%Y-%m-%dT%H:%M:%SZ}"}
    administrator(fleet, LAB).tag_user(UserName=USER, Tags=[tag])
    retired = fleet.run("retire", *DAYS)
    assert retired.return_code == 0, retired.output
    outcome = retired.outcomes[LAB]
    assert keys(fleet) == {} and not outcome["user"]["exists"]
    assert [change["action"] for change in outcome["changes"]] == ["deleted"]
    [link] = [step for step in outcome["steps"] if step["name"] == "link"]
    assert link["status"] == "skipped" and link["message"], "what became of the link is told"
    assert any("CloudResearch may still show the link" in step["text"] for step in outcome["next_steps"])
