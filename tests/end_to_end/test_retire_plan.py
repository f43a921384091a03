# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan from its approval to the last key: suspended, refused where it was used meanwhile, restored, deleted."""

from __future__ import annotations

import csv
import datetime
import pathlib

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.plan import reading, writing
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.plan.shapes import (
    Plan,
    PlannedAccount,
    PlannedKey,
)
from tests import seed
from tests.fleet import Fleet, Run
from tests.tools.iam_scenarios import administrator

pytestmark = pytest.mark.timeout(600)

OWN = "cloudresearch-mturk"
MTURK = "arn:aws:iam::aws:policy/AmazonMechanicalTurkFullAccess"


def hand_made(fleet: Fleet, lab: str, user: str) -> str:
    """A user that a person made, with a key; its id."""
    fleet.simulator.control.create_user(lab, user, policy_arns=[MTURK])
    return str(fleet.simulator.control.create_access_key(lab, user)["access_key_id"])


def keys(fleet: Fleet, lab: str) -> dict[str, str]:
    return {key["access_key_id"]: key["status"] for key in fleet.simulator.control.keys(lab)}


def planned(account_id: str, user: str, key_id: str, last_used: str = "") -> PlannedKey:
    return PlannedKey(
        access_key_id=key_id,
        user_arn=f"arn:aws:iam::{account_id}:user/{user}",
        status="active",
        last_used=last_used,
        last_used_service="",
        do="retire",
        why="can call MTurk",
    )


def done(run: Run) -> dict[str, list[tuple[str, str]]]:
    return {
        lab: [(change["action"], change["access_key_id"]) for change in outcome["changes"]]
        for lab, outcome in run.outcomes.items()
    }


def key_rows(reports: pathlib.Path) -> dict[str, dict[str, str]]:
    with (reports / "fleet-report-keys.csv").open(encoding="utf-8-sig", newline="") as stream:
        return {row["access_key_id"]: row for row in csv.DictReader(stream)}


def test_from_approval_to_the_last_key(fleet: Fleet, tmp_path: pathlib.Path) -> None:
    ids = {lab: fleet.add(lab)["account_id"] for lab in ("hand", "moved")}
    seed.add_onboarded(fleet, "own", "already", "bystander")
    seed.suspend(fleet, "already")
    ids |= {lab: fleet.simulator.control.lab(lab)["account_id"] for lab in ("own", "already")}
    one, two, moved = hand_made(fleet, "hand", "ada"), hand_made(fleet, "hand", "bob"), hand_made(fleet, "moved", "ada")
    [ours], [suspended] = keys(fleet, "own"), keys(fleet, "already")
    bystander = keys(fleet, "bystander")
    path = tmp_path / "plan.yml"
    accounts = (
        PlannedAccount(ids["hand"], "hand", (planned(ids["hand"], "ada", one), planned(ids["hand"], "bob", two))),
        PlannedAccount(ids["own"], "own", (planned(ids["own"], OWN, ours),)),
        PlannedAccount(ids["already"], "already", (planned(ids["already"], OWN, suspended),)),
    )
    reports = tmp_path / "reports"
    plan = ("-e", f"retire_plan={path}", "-e", f"fleet_report_directory={reports}")
    now = datetime.datetime.now(datetime.UTC)

    # Each reason not to follow a plan is in tests/unit/plugins/action/test_retire_plan_info.py.
    path.write_text(writing.to_yaml(Plan(now - datetime.timedelta(days=31), accounts)))
    refused = fleet.run("retire", *plan)
    assert refused.return_code != 0
    assert "more than 30 days ago" in " ".join(refused.output.split()), refused.output
    assert not refused.outcomes
    assert (keys(fleet, "hand"), keys(fleet, "own")) == ({one: "Active", two: "Active"}, {ours: "Active"})

    later = now + datetime.timedelta(minutes=1)
    path.write_text(writing.to_yaml(Plan(later, accounts)))
    predicted = fleet.run("suspend", "--check", *plan)
    assert predicted.return_code == 0, predicted.told
    assert set(keys(fleet, "hand").values()) == {"Active"}
    run = fleet.run("suspend", *plan)
    assert run.return_code == 0, run.told
    assert sorted(run.outcomes) == ["already", "hand", "own"]
    assert [run.outcomes[lab]["actions"] for lab in sorted(run.outcomes)] == [
        predicted.outcomes[lab]["actions"] for lab in sorted(run.outcomes)
    ]
    assert done(run) == {
        "hand": [("deactivated", one), ("deactivated", two)],
        "own": [("deactivated", ours)],
        "already": [],
    }
    assert set(keys(fleet, "hand").values()) == {"Inactive"}
    assert keys(fleet, "bystander") == bystander
    # What a plan has suspended already is as this lab is, and stays as it is.
    assert noted(fleet, "own", ours) == noted(fleet, "already", suspended)
    assert run.changed()["already"] == 0 and run.outcomes["already"]["state"] == "converged"
    # Only of the plan's keys; whether the lab is as declared, such a run does not see.
    assert run.outcomes["already"]["message"] == "Lab already: Nothing had to be done."
    assert set(key_rows(reports)) <= {one, two, ours, suspended}

    back = fleet.run("onboard", "--limit", "hand", *plan[:2])
    assert back.return_code == 0, back.told
    assert done(back) == {"hand": [("activated", one), ("activated", two)]}

    # One key was used since, one is gone, and one belongs to somebody else than the plan says.
    fleet.simulator.control.note_key_use(two)
    iam = administrator(fleet, "already")
    iam.delete_access_key(UserName=OWN, AccessKeyId=suspended)
    iam.untag_user(UserName=OWN, TagKeys=[f"labops-cloudresearch-suspended-{suspended}"])
    [alive] = bystander
    mixed_up = (planned(ids["moved"], "eve", moved), planned(ids["moved"], "ada", alive))
    elsewhere = PlannedAccount(ids["moved"], "moved", mixed_up)
    path.write_text(writing.to_yaml(Plan(later, (*accounts, elsewhere))))
    stopped = fleet.run("retire", *plan)
    assert stopped.return_code != 0, stopped.output
    assert stopped.outcomes["hand"]["state"] == "failed"
    assert stopped.outcomes["hand"]["refused"][0]["reason"] == "key_used_since"
    assert keys(fleet, "hand") == {two: "Active"}
    assert keys(fleet, "own") == {}
    assert ("deleted", one) in done(stopped)["hand"]
    assert all(change["request_id"] for change in stopped.outcomes["hand"]["changes"])
    row = key_rows(reports)[one]
    assert (row["status"], bool(row["retired_on"]), bool(row["request_id"])) == ("deleted", True, True)

    assert stopped.outcomes["already"]["state"] == "converged", stopped.output
    assert [key["access_key_id"] for key in stopped.outcomes["already"]["gone"]] == [suspended]
    assert stopped.outcomes["moved"]["state"] == "failed" and stopped.outcomes["moved"]["gone"] == []
    refusals = {refusal["access_key_id"]: refusal["reason"] for refusal in stopped.outcomes["moved"]["refused"]}
    assert refusals == {moved: "key_of_other_user", alive: "key_of_other_account"}
    assert alive not in key_rows(reports)
    assert "It now belongs to the user ada" in " ".join(stopped.output.split()), stopped.output
    assert keys(fleet, "moved") == {moved: "Active"}
    assert keys(fleet, "bystander") == bystander
    assert reading.read(path).accounts[0].lab == "hand"


def noted(fleet: Fleet, lab: str, key_id: str) -> tuple[set[str], set[str]]:
    """The status of the lab's keys, and the names of its user's tags without the key's id."""
    tags = administrator(fleet, lab).list_user_tags(UserName=OWN)["Tags"]
    return set(keys(fleet, lab).values()), {tag["Key"].replace(key_id, "KEY") for tag in tags}
