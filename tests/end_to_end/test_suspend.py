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
# Seeded as LAB is left by the run before: out of service since today, and for longer than the days.
SUSPENDED, WAITS, OVER = "suspended", "waits", "over"
# Onboarded, and its key deleted by somebody.
DELETED = "deleted"
RETIRED = (LAB, WAITS, OVER)
DAYS = ("-e", "lab_account_retire_after_days=14", "-e", f"retire_confirm={','.join(RETIRED)}")


def keys(fleet: Fleet, lab: str = LAB) -> dict[str, str]:
    """A lab's keys in AWS with their status."""
    return {key["access_key_id"]: key["status"] for key in fleet.simulator.control.keys(lab)}


def tags(fleet: Fleet, lab: str = LAB) -> dict[str, str]:
    """The tags of a lab's user."""
    found = administrator(fleet, lab).list_user_tags(UserName=USER)["Tags"]
    return {tag["Key"]: tag["Value"] for tag in found}


def require_alike(fleet: Fleet, lab: str) -> None:
    """To IAM, LAB is as this lab that was seeded as suspended, but for the key's id and the minute."""
    [(mine, status)], [(seeds, seeded)] = keys(fleet).items(), keys(fleet, lab).items()
    assert status == seeded
    assert {name.replace(mine, "KEY") for name in tags(fleet)} == {
        name.replace(seeds, "KEY") for name in tags(fleet, lab)
    }


def portal_calls(fleet: Fleet, since: int) -> list[str]:
    """What was asked of CloudResearch."""
    return [call["action"] for call in fleet.simulator.control.calls(since) if call["service"] == "portal"]


def test_a_lab_is_suspended_brought_back_and_retired_after_its_days(fleet: Fleet) -> None:
    seed.add_onboarded(fleet, LAB, SUSPENDED, WAITS, OVER, DELETED)
    for lab in (SUSPENDED, WAITS, OVER):
        seed.suspend(fleet, lab)
    [key_id] = keys(fleet)
    in_service = tags(fleet)
    fleet.variables["lab_account_link_check"] = "page"

    before = fleet.simulator.control.mark("suspension")
    both = ("--limit", f"{LAB},{SUSPENDED}")
    foreseen = fleet.run("suspend", "--check", "--diff", *both)
    assert foreseen.outcomes[LAB]["state"] == "changed" and keys(fleet) == {key_id: "Active"}
    run = fleet.run("suspend", *both)
    assert run.return_code == 0, run.told
    outcome = run.outcomes[LAB]
    assert keys(fleet) == {key_id: "Inactive"}
    assert outcome["state"] == "changed" and "suspended on" in outcome["message"], outcome["message"]
    assert outcome["retired_keys"][0]["deactivated"] and foreseen.outcomes[LAB]["retired_keys"][0]["deactivated"]
    [change] = outcome["changes"]
    assert change["action"] == "deactivated" and change["request_id"] and ":assumed-role/" in change["caller_arn"]
    assert change["last_used_service"] == "mturk-requester" and change["principal"].endswith(f":user/{USER}")
    require_alike(fleet, SUSPENDED)
    assert run.changed()[SUSPENDED] == foreseen.changed()[SUSPENDED] == 0, "what is suspended stays as it is"
    assert not portal_calls(fleet, before), "a suspension signs in nowhere"
    audit = fleet.run("audit", *both, "-e", "lab_account_state=suspended", "-e", "lab_account_retire_after_days=14")
    for lab in (LAB, SUSPENDED):
        assert audit.outcomes[lab]["state"] == "converged", audit.output
        assert "key_suspended" in {finding["code"] for finding in audit.outcomes[lab]["findings"]}
        assert audit.outcomes[lab]["access_keys"][0]["may_go_on"]

    # A check does not ask MTurk with a key that is still inactive, or gone.
    [deleted] = keys(fleet, DELETED)
    administrator(fleet, DELETED).delete_access_key(UserName=USER, AccessKeyId=deleted)
    foreseen = fleet.run("onboard", "--check", "--limit", f"{LAB},{DELETED}")
    assert foreseen.return_code == 0, foreseen.told
    for lab in (LAB, DELETED):
        assert foreseen.outcomes[lab]["state"] == "changed" and not foreseen.outcomes[lab]["next_steps"]
    back = fleet.run("onboard", "--limit", f"{LAB},{DELETED}")
    assert back.return_code == 0, back.told
    assert back.changed() == foreseen.changed()
    assert [change["action"] for change in back.outcomes[LAB]["changes"]] == ["activated"]
    assert keys(fleet) == {key_id: "Active"} and fleet.simulator.control.portal_key(LAB) == key_id
    assert back.outcomes[LAB]["link"]["status"] == "linked"
    # As it was at first, when a further onboarding would have had nothing to do: see test_onboard.py.
    assert tags(fleet) == in_service

    # The portal is gone for good by now. For one lab, both the use and the suspension were long ago.
    fleet.variables["lab_account_portal_url"] = "http://127.0.0.1:9/"
    [waiting_id], [over_id] = keys(fleet, WAITS), keys(fleet, OVER)
    fleet.simulator.control.note_key_use(over_id, days_ago=20)
    long_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=15)
    tag = {"Key": f"labops-cloudresearch-suspended-{over_id}", "Value": f"{long_ago:%Y-%m-%dT%H:%M:%SZ}"}
    administrator(fleet, OVER).tag_user(UserName=USER, Tags=[tag])
    run = fleet.run("retire", "--limit", ",".join(RETIRED), *DAYS)
    assert run.return_code == 0, run.told
    assert keys(fleet) == {key_id: "Inactive"} and "may be deleted on" in run.outcomes[LAB]["message"]
    require_alike(fleet, WAITS)

    assert keys(fleet, WAITS) == {waiting_id: "Inactive"} and run.changed()[WAITS] == 0
    assert run.outcomes[WAITS]["state"] == "converged", run.output
    assert "waits until its keys may be deleted" in run.outcomes[WAITS]["message"]

    outcome = run.outcomes[OVER]
    assert keys(fleet, OVER) == {} and not outcome["user"]["exists"]
    assert [change["action"] for change in outcome["changes"]] == ["deleted"]
    [link] = [step for step in outcome["steps"] if step["name"] == "link"]
    assert link["status"] == "skipped" and link["message"], "what became of the link is told"
    assert any("CloudResearch may still show the link" in step["text"] for step in outcome["next_steps"])
