# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import build, changes, compare, files
from ansible_collections.labops.cloudresearch.tests.fixtures.outcomes import NOW, SITUATIONS, outcomes, situation


def is_empty(comparison):
    return not any(isinstance(value, list) and value for value in comparison.values())


def report(labs, **options):
    return build.build(labs, title="Labs", now=options.pop("now", NOW), **options)


def test_the_same_labs_are_no_change():
    comparison = compare.compare(report(outcomes(40)), report(outcomes(40)))
    assert is_empty(comparison)
    assert comparison["previous_labs"] == 40


def test_a_finding_that_came_and_one_that_went():
    before, after = report([situation("key_not_stored")]), report([situation("balance_low")])
    comparison = compare.compare(before, after)
    assert [found["code"] for found in comparison["findings_new"]] == ["low_balance"]
    assert [found["code"] for found in comparison["findings_gone"]] == ["unstored_live_key"]


def test_a_day_older_is_not_a_new_finding():
    lab, later = situation("key_never_used"), situation("key_never_used")
    later["findings"][0]["message"] = "was never used in its 161 days"
    assert is_empty(compare.compare(report([lab]), report([later])))


def test_keys_that_came_went_or_were_deactivated():
    before, after = situation("converged"), situation("converged")
    old_id = before["access_keys"][0]["access_key_id"]
    after["access_keys"][0].update(status="Inactive")
    after["access_keys"].append({**before["access_keys"][0], "access_key_id": "AKIANEW"})
    forward = compare.compare(report([before]), report([after]))["access_keys"]
    assert {(each["access_key_id"], each["before"], each["after"]) for each in forward} == {
        (old_id, "Active", "Inactive"),
        ("AKIANEW", "", "Active"),
    }
    backward = compare.compare(report([after]), report([before]))["access_keys"]
    assert ("AKIANEW", "Active", "") in {(each["access_key_id"], each["before"], each["after"]) for each in backward}


def test_states_links_and_requester_accounts():
    comparison = compare.compare(report([situation("waits_for_requester")]), report([situation("converged")]))
    assert comparison["states"] == [{"lab": "lab-01", "before": "waiting_for_person", "after": "converged"}]
    assert comparison["link"] == [{"lab": "lab-01", "before": "not_linked", "after": "linked"}]
    assert comparison["requester"] == [
        {"lab": "lab-01", "environment": "production", "before": "not_linked", "after": "linked"}
    ]
    assert [step["step"] for step in comparison["next_steps_done"]] == ["requester"]


def test_money_in_production_only():
    before, after = situation("converged"), situation("converged")
    after["requester"]["production"]["available_balance"] = "1.00"
    after["requester"]["sandbox"]["available_balance"] = "1.00"
    changes = compare.compare(report([before]), report([after]))["balances"]
    assert [change["after"] for change in changes] == ["1.00"]


def test_labs_that_are_in_one_report_only_are_named_and_not_compared():
    comparison = compare.compare(
        report([situation("key_not_stored", lab="old")]), report([situation("balance_low", lab="new")])
    )
    assert (comparison["labs_new"], comparison["labs_gone"]) == (["new"], ["old"])
    assert comparison["findings_new"] == comparison["findings_gone"] == []


def test_keys_of_the_account_that_a_lab_had_before_are_not_told_as_gone():
    """Nobody looked at them: they may be as alive as before."""
    before, after = situation("key_not_stored"), situation("converged")
    after["account_id"] = "999988887777"
    comparison = compare.compare(report([before]), report([after]))
    assert comparison["access_keys"] == comparison["findings_gone"] == comparison["next_steps_done"] == []
    assert comparison["labs_new"] == comparison["labs_gone"] == [before["lab"]]
    (group,) = changes.groups(comparison)
    assert group.title == "Labs in another AWS account"
    assert group.entries == [
        (before["lab"], "The account that it had before was not looked at: what is left in it is not known.")
    ]


@pytest.mark.parametrize("blind", ["before", "after"])
def test_a_lab_that_once_did_not_know_its_account_is_compared(blind):
    labs = {"before": situation("converged"), "after": situation("converged")}
    labs[blind]["account_id"] = ""
    comparison = compare.compare(report([labs["before"]]), report([labs["after"]]))
    assert comparison["labs_new"] == comparison["labs_gone"] == []


def test_times_do_not_make_a_difference():
    first = report(outcomes(5))
    labs = outcomes(5)
    for lab in labs:
        lab.update(started="2026-11-24T11:00:00Z", finished="2026-11-24T11:01:00Z")
    second = report(labs, now=NOW + datetime.timedelta(hours=1))
    assert compare.fingerprint(first) == compare.fingerprint(second)
    assert first["generated"] != second["generated"]


@pytest.mark.parametrize("name", [name for name in SITUATIONS if name != "converged"])
def test_every_other_situation_makes_a_difference(name):
    assert compare.fingerprint(report([situation("converged")])) != compare.fingerprint(report([situation(name)]))


STEP = {"step": "requester", "who": "person", "text": "Link the account.", "url": ""}


def step_done(after):
    before = report([{**situation("waits_for_requester"), "next_steps": [STEP]}])
    return compare.compare(before, report([after]))["next_steps_done"]


def test_a_step_is_done_when_the_next_run_saw_that_it_was():
    assert [step["text"] for step in step_done(situation("converged"))] == ["Link the account."]


@pytest.mark.parametrize("name", ["account_out_of_reach", "store_unreadable", "store_sealed", "retired"])
def test_a_step_that_is_not_asked_for_any_more_is_not_done(name):
    assert step_done({**situation(name), "next_steps": []}) == []


def test_a_step_that_a_check_mode_run_would_take_is_not_done():
    steps = [{"name": "requester", "status": "changed", "message": "", "reason": ""}]
    after = {**situation("converged", operation="onboard"), "steps": steps, "missing": None}
    assert step_done({**after, "check_mode": True}) == []
    assert step_done(after) != []


def gone(before, after):
    comparison = compare.compare(report([before]), report([after]))
    return [found["code"] for found in comparison["findings_gone"]]


def test_findings_of_a_lab_that_was_not_seen_have_not_gone():
    assert gone(situation("key_not_stored"), situation("converged")) == ["unstored_live_key"]
    assert gone(situation("key_not_stored"), situation("account_out_of_reach")) == []
    assert gone(situation("key_not_stored"), situation("store_unreadable")) == []


def test_findings_that_were_not_looked_for_have_not_gone_but_others_have():
    before = situation("key_not_stored")
    before["findings"] += situation("rights_elsewhere")["findings"]
    after = situation("store_sealed")
    assert "unstored_live_key" not in gone(before, after)
    assert "console_access" in gone(before, after)


@pytest.mark.parametrize("part", ["account", "keys"])
def test_keys_of_a_lab_that_was_not_seen_neither_come_nor_go(part):
    unread = situation("account_out_of_reach") if part == "account" else without_its_keys(situation("converged"))
    seen, unseen = report([situation("converged")]), report([unread])
    assert compare.compare(seen, unseen)["access_keys"] == compare.compare(unseen, seen)["access_keys"] == []
    assert unseen["summary"]["mturk_keys"]["accounts_not_seen"] == 1
    assert "keys: not read" in files.describe(unseen)


def without_its_keys(lab):
    """The lab as it is where AWS does not tell which keys its user has."""
    refusal = {"part": "access_keys", "message": "iam:ListAccessKeys", "reason": "access_denied", "next_step": "Ask."}
    return {**lab, "access_keys": [], "principals": None, "unseen": [refusal]}
