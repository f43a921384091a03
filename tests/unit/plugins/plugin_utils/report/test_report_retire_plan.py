# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan beside the report: what is in it, what is left to people, and when it is written anew."""

from __future__ import annotations

import datetime

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.plan import reading, writing
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import build, files, retire_plan
from ansible_collections.labops.cloudresearch.tests.fixtures.outcomes import NOW, situation
from ansible_collections.labops.cloudresearch.tests.fixtures.principals import change, key, principal, principals

ACCOUNT = "000000000000"
ONE, TWO = "AKIA0000000000000001", "AKIA0000000000000002"


def lab(*found, name="lab-01", changes=(), **changed):
    outcome = {**situation("converged", lab=name), "account_id": ACCOUNT, "access_keys": [], "changes": list(changes)}
    return {**outcome, "principals": principals(ACCOUNT, *found), **changed}


def report(*labs, now=NOW):
    return build.build(labs, title="Labs", now=now)


def proposed(*labs):
    return retire_plan.propose(report(*labs), NOW)


def test_live_and_suspended_keys_with_the_right_are_to_go():
    tags = {f"labops-cloudresearch-suspended-{TWO}": "2026-11-20T09:00:00Z"}
    plan = proposed(
        lab(
            principal("ada", keys=[key(ONE, last_used="")], how=["policy AmazonMechanicalTurkFullAccess"]),
            principal("bob", keys=[key(TWO, status="inactive")], tags=tags, administrator=True),
        )
    )
    [account] = plan.accounts
    first, second = account.keys
    assert (first["access_key_id"], first["do"], first["last_used"]) == (ONE, "retire", "")
    assert first["why"] == "can call MTurk (policy AmazonMechanicalTurkFullAccess), never used"
    assert "suspended since 2026-11-20" in second["why"]
    assert "administrator" in second["why"]
    assert (account.account_id, account.lab, account.undecided) == (ACCOUNT, "lab-01", ())


def test_what_nobody_can_judge_or_do_is_left_to_people():
    plan = proposed(
        lab(
            principal("ada", keys=[key(ONE)], mturk_right="unknown", how=["a condition"]),
            principal("bob", keys=[key(TWO)], mturk_right="no"),
            {**principal("root", kind="root", keys=[key("")]), "arn": f"arn:aws:iam::{ACCOUNT}:root"},
            {**principal("eve", keys=[key("AKIA0000000000000003")]), "arn": "arn:aws:iam::999999999999:user/eve"},
        )
    )
    [account] = plan.accounts
    assert account.keys == ()
    assert [entry["access_key_id"] for entry in account.undecided] == [ONE, "", "AKIA0000000000000003"]
    assert "a condition" in account.undecided[0]["why"]
    assert "only root can delete" in account.undecided[1]["why"]


def test_a_key_that_is_gone_is_in_no_plan():
    assert proposed(lab(principal("ada", keys=[key(ONE)]), changes=[change("deleted", ONE)])).accounts == ()


def test_only_runs_that_look_make_one():
    found = principal("ada", keys=[key(ONE)])
    assert proposed(lab(found, operation="onboard")) is None
    assert proposed(lab(found, operation="retire")) is None
    assert len(proposed(lab(found, operation="retire", check_mode=True)).accounts) == 1


def test_what_a_retirement_would_delete_is_in_the_plan_whatever_its_rights():
    found = principal("ada", keys=[key(ONE)], mturk_right="unknown")
    retired = [{"access_key_id": ONE, "owner": "ours", "deleted": True}]
    [account] = proposed(lab(found, operation="retire", check_mode=True, retired_keys=retired)).accounts
    assert account.keys[0]["why"] == "the lab is to be retired"


@pytest.fixture
def write(tmp_path):
    place = files.Place(tmp_path)

    def writer(*labs, hours=0):
        made = files.prepare(report(*labs, now=NOW + datetime.timedelta(hours=hours)), place)
        files.write(made, place)
        return made

    writer.path = place.path("plan")
    return writer


def test_it_lies_beside_the_report_and_in_the_manifest(write, tmp_path):
    write(lab(principal("ada", keys=[key(ONE)])))
    assert write.path == tmp_path / "retire-plan.yml"
    [account] = reading.read(write.path).accounts
    assert account.keys[0]["access_key_id"] == ONE
    assert "  retire-plan.yml" in (tmp_path / "manifest.sha256").read_text()
    assert write.path.stat().st_mode & 0o777 == 0o600


def test_a_report_and_a_plan_that_say_the_same_are_kept_for_a_day_and_then_made_anew(write):
    labs = lab(principal("ada", keys=[key(ONE)]))
    first = write(labs)
    assert write(labs, hours=23).changed == ()
    assert {"json", "evidence", "plan", "manifest"} <= set(write(labs, hours=25).changed)
    assert write(labs, hours=26).report["generated"] > first.report["generated"]
    assert reading.read(write.path).made_at == NOW + datetime.timedelta(hours=25)


def test_a_plan_that_a_person_edited_is_kept_when_another_takes_its_place(write, tmp_path):
    labs = lab(principal("ada", keys=[key(ONE), key(TWO)]))
    write(labs)
    write.path.write_text(write.path.read_text().replace("do: retire", "do: suspend", 1))
    assert "plan" in write(labs, hours=1).changed
    [kept] = (tmp_path / "earlier").glob("retire-plan-*.yml")
    assert "do: suspend" in kept.read_text()


def test_where_nothing_is_left_the_plan_says_so_and_cannot_be_followed(write):
    write(lab(principal("ada", keys=[key(ONE)])))
    write(lab(), hours=1)
    assert "accounts: []" in write.path.read_text()


def test_text_of_others_stays_text(write):
    bad = "x\n  do: retire\n# \u2028'\"{{ 1 }}\x1b[2J"
    write(lab(principal("ada", keys=[key(ONE, last_used_service=bad)], how=[bad]), name=bad))
    [account] = reading.read(write.path).accounts
    assert len(account.keys) == 1
    assert "\x1b" not in write.path.read_text()


def test_a_key_of_an_account_of_two_labs_is_planned_once_with_the_lab_whose_it_is(tmp_path):
    found = [principal("ada", keys=[key(ONE)]), principal("bob", keys=[key(TWO)])]
    own = {"access_key_id": TWO, "status": "Active", "owner": "ours", "stored": True}
    plan = proposed(lab(*found, name="lab-01"), lab(*found, name="lab-02", access_keys=[own]))
    assert {account.lab: [each["access_key_id"] for each in account.keys] for account in plan.accounts} == {
        "lab-01": [ONE],
        "lab-02": [TWO],
    }
    path = tmp_path / "retire-plan.yml"
    path.write_text(writing.to_yaml(plan))
    assert reading.read(path).accounts, "a plan that has a key twice is refused"
