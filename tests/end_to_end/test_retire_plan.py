# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan from its approval to the last key: suspended, refused where it was used meanwhile, restored, deleted."""

from __future__ import annotations

import csv
import datetime
import pathlib
import typing as t

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.plan import reading, writing
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.plan.shapes import (
    Plan,
    PlannedAccount,
    PlannedKey,
)
from tests import seed
from tests.fleet import Fleet, Run

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


def test_from_approval_to_the_last_key(fleet: Fleet, tmp_path: pathlib.Path) -> None:
    hand = fleet.add("hand")
    seed.add_onboarded(fleet, "own", "bystander")
    own = fleet.simulator.control.lab("own")
    one, two = hand_made(fleet, "hand", "ada"), hand_made(fleet, "hand", "bob")
    ours = next(iter(keys(fleet, "own")))
    bystander = keys(fleet, "bystander")
    path = tmp_path / "plan.yml"
    accounts = (
        PlannedAccount(
            hand["account_id"],
            "hand",
            (planned(hand["account_id"], "ada", one), planned(hand["account_id"], "bob", two)),
        ),
        PlannedAccount(own["account_id"], "own", (planned(own["account_id"], OWN, ours),)),
    )
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=1)
    path.write_text(writing.to_yaml(Plan(later, accounts)))
    reports = tmp_path / "reports"
    plan = ("-e", f"retire_plan={path}", "-e", f"fleet_report_directory={reports}")

    refused = fleet.run("retire", "-e", f"retire_plan={fleet.inventory}")
    assert refused.return_code != 0
    assert "plan cannot be followed" in refused.output
    assert one in keys(fleet, "hand")

    predicted = fleet.run("suspend", "--check", *plan)
    assert predicted.return_code == 0, predicted.output
    assert set(keys(fleet, "hand").values()) == {"Active"}
    run = fleet.run("suspend", *plan)
    assert run.return_code == 0, run.output
    assert sorted(run.outcomes) == ["hand", "own"]
    assert [run.outcomes[lab]["actions"] for lab in sorted(run.outcomes)] == [
        predicted.outcomes[lab]["actions"] for lab in sorted(run.outcomes)
    ]
    assert done(run) == {"hand": [("deactivated", one), ("deactivated", two)], "own": [("deactivated", ours)]}
    assert set(keys(fleet, "hand").values()) == {"Inactive"}
    assert keys(fleet, "bystander") == bystander
    again = fleet.run("suspend", *plan)
    assert (again.return_code, set(again.changed().values())) == (0, {0}), again.output

    with (reports / "fleet-report-keys.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = {row["access_key_id"]: row for row in csv.DictReader(stream)}
    assert set(rows) <= {one, two, ours}

    back = fleet.run("onboard", "--limit", "hand", *plan[:2])
    assert back.return_code == 0, back.output
    assert done(back) == {"hand": [("activated", one), ("activated", two)]}

    fleet.simulator.control.note_key_use(two)
    stopped = fleet.run("retire", *plan)
    assert stopped.return_code != 0, stopped.output
    assert stopped.outcomes["hand"]["state"] == "failed"
    assert stopped.outcomes["hand"]["refused"][0]["reason"] == "key_used_since"
    assert keys(fleet, "hand") == {two: "Active"}
    assert keys(fleet, "own") == {}
    assert ("deleted", one) in done(stopped)["hand"]
    assert all(change["request_id"] for change in stopped.outcomes["hand"]["changes"])
    with (reports / "fleet-report-keys.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = {row["access_key_id"]: row for row in csv.DictReader(stream)}
    assert (rows[one]["status"], bool(rows[one]["retired_on"]), bool(rows[one]["request_id"])) == (
        "deleted",
        True,
        True,
    )

    ended = fleet.run("retire", "--limit", "own", *plan[:2])
    assert (ended.return_code, ended.outcomes["own"]["state"]) == (0, "converged"), ended.output
    assert [key["access_key_id"] for key in ended.outcomes["own"]["gone"]] == [ours]
    assert keys(fleet, "bystander") == bystander
    assert reading.read(path).accounts[0].lab == "hand"


def test_plans_that_do_not_fit_touch_nothing(fleet: Fleet, tmp_path: pathlib.Path) -> None:
    lab = fleet.add("hand")
    key_id = hand_made(fleet, "hand", "ada")
    now = datetime.datetime.now(datetime.UTC)
    account: t.Callable[..., PlannedAccount] = lambda number=lab["account_id"], name="hand", user="ada": PlannedAccount(  # noqa: E731
        number, name, (planned(number, user, key_id),)
    )
    path = tmp_path / "plan.yml"
    for plan, reason in (
        (Plan(now - datetime.timedelta(days=31), (account(),)), "more than 30 days ago"),
        (Plan(now, (account(name="elsewhere"),)), "the inventory has no lab elsewhere"),
        (Plan(now, (account(number="999999999999"),)), "and in the plan in account 999999999999"),
        (Plan(now, (account(user="eve"),)), "It now belongs to the user ada"),
    ):
        path.write_text(writing.to_yaml(plan))
        run = fleet.run("retire", "-e", f"retire_plan={path}")
        assert run.return_code != 0, run.output
        assert reason in " ".join(run.output.split()), run.output
        assert keys(fleet, "hand") == {key_id: "Active"}
