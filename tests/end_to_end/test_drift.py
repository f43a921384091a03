# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labs that were set up by hand: taken over or left alone, and relieved of what the operator names, nothing else."""

from __future__ import annotations

import json

import pytest

from tests import seed
from tests.fleet import Fleet

USER = "cloudresearch-mturk"
INLINE = {"extra": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}}


def hand_made(fleet: Fleet, lab: str, **options: object) -> None:
    """A lab whose user somebody made by hand."""
    fleet.add(lab)
    fleet.simulator.control.create_user(lab, USER, **options)


def drift_codes(outcome: dict[str, object]) -> set[str]:
    """The codes of an outcome's drift."""
    return {entry["code"] for entry in outcome["drift"]}  # type: ignore[attr-defined, index]


def test_drift_is_told_and_goes_only_where_it_was_named(fleet: Fleet) -> None:
    control = fleet.simulator.control
    for lab in ("told", "relieved"):
        hand_made(
            fleet,
            lab,
            policy_arns=["arn:aws:iam::aws:policy/IAMReadOnlyAccess"],
            inline_policies=INLINE,
            groups=["students"],
            console_password="Not-a-secret-of-ours-1",
        )
        fleet.hosts[lab]["lab_account_adopt_existing_user"] = True
    everything = {"extra_console_access", "extra_inline_policies", "extra_groups", "extra_attached_policies"}
    fleet.hosts["relieved"]["lab_account_remove_drift"] = ["console_access", "inline_policies", "groups"]

    audit = fleet.run("audit", "-e", "audit_fail_on_drift=true")
    assert audit.return_code == 2 and "Lab told differs from its declared state" in audit.output, audit.output
    assert everything <= drift_codes(audit.outcomes["told"])
    assert audit.outcomes["told"]["state"] == "drifted"

    predicted = fleet.run("onboard", "--check")
    first = fleet.run("onboard")
    assert first.return_code == 0, first.output
    assert predicted.changed() == first.changed()
    assert drift_codes(first.outcomes["told"]) == everything
    assert drift_codes(first.outcomes["relieved"]) == {"extra_attached_policies"}

    second = fleet.run("onboard")
    assert second.changed() == {"told": 0, "relieved": 0}, second.output
    told, relieved = (second.outcomes[lab]["user"] for lab in ("told", "relieved"))
    assert (told["console_access"], told["groups"], told["inline_policies"]) == (True, ["students"], ["extra"])
    assert (relieved["console_access"], relieved["groups"], relieved["inline_policies"]) == (False, [], [])
    for user in (told, relieved):
        assert "arn:aws:iam::aws:policy/IAMReadOnlyAccess" in user["attached_policies"]
    assert control.portal_key("told")


def test_strangers_users_and_keys_stay_until_told_otherwise_and_two_keys_stop_the_lab(fleet: Fleet) -> None:
    control = fleet.simulator.control
    hand_made(fleet, "not-ours")
    strangers = {}
    for lab, count in (("one", 1), ("two", 2)):
        hand_made(fleet, lab, policy_arns=["arn:aws:iam::aws:policy/AmazonMechanicalTurkFullAccess"])
        fleet.hosts[lab]["lab_account_adopt_existing_user"] = True
        strangers[lab] = [control.create_access_key(lab, USER)["access_key_id"] for number in range(count)]
    run = fleet.run("onboard")
    one, two = run.outcomes["one"], run.outcomes["two"]
    assert one["state"] == "changed", run.output
    assert {key["access_key_id"] for key in control.keys("one")} > set(strangers["one"])
    assert any(finding["code"] == "foreign_live_key" for finding in one["findings"])
    assert two["state"] == "failed"
    assert all(key_id in json.dumps(two["next_steps"]) for key_id in strangers["two"])
    assert [key["access_key_id"] for key in control.keys("two")] == strangers["two"]

    refused = run.outcomes["not-ours"]
    assert refused["state"] == "failed"
    assert "lab_account_adopt_existing_user" in json.dumps(refused["next_steps"])
    assert control.keys("not-ours") == []

    # The operator says whose the user is. One key is given up; its lab goes on once it is known that the portal does
    # not hold it.
    given_up, kept = strangers["two"]
    fleet.hosts["two"]["lab_account_remove_foreign_keys"] = [given_up]
    fleet.hosts["not-ours"]["lab_account_adopt_existing_user"] = True
    unknown = fleet.run("onboard", "--limit", "two,not-ours")
    assert unknown.outcomes["not-ours"]["state"] == "changed", unknown.output
    assert unknown.outcomes["not-ours"]["user"]["managed"] is True
    assert unknown.outcomes["two"]["state"] == "failed"
    assert len(control.keys("two")) == 2, "the portal might have held it"
    healed = fleet.run("onboard", "--limit", "two", "-e", "lab_account_link_check=page")
    assert healed.return_code == 0, healed.output
    left = {key["access_key_id"] for key in control.keys("two")}
    assert kept in left
    assert given_up not in left
    assert control.portal_key("two") in left - {kept}

    # Retiring the lab leaves the stranger's key, and with it the user.
    retired = fleet.run("retire", "--limit", "two", "-e", "retire_confirm=1")
    assert retired.return_code != 0, "a live key is left"
    assert [key["access_key_id"] for key in control.keys("two")] == [kept]
    assert retired.outcomes["two"]["state"] == "failed" and kept in retired.outcomes["two"]["message"]
    reasons = {entry["name"]: entry["reason"] for entry in retired.outcomes["two"]["steps"]}
    assert reasons["retire"] == "live_keys_remain"
    assert retired.outcomes["two"]["user"]["exists"]
    assert kept in json.dumps(retired.outcomes["two"]["next_steps"])
    again = fleet.run("retire", "--limit", "two", "-e", "retire_confirm=1")
    assert again.changed() == {"two": 0}


@pytest.mark.parametrize(("playbook", "confirmations"), [("onboard", ("", "1", "stays")), ("rotate", ("1",))])
def test_a_lab_that_the_inventory_calls_absent_is_retired_only_when_named(
    fleet: Fleet, playbook: str, confirmations: tuple[str, ...]
) -> None:
    control = fleet.simulator.control
    kept = {f"kept-{number}": confirmation for number, confirmation in enumerate(confirmations)}
    seed.add_onboarded(fleet, "leaves", "stays", *kept)
    for lab, confirmation in {"leaves": "stays,leaves", **kept}.items():
        fleet.hosts[lab].update(lab_account_state="absent", retire_confirm=confirmation)
    predicted = fleet.run(playbook, "--limit", "leaves", "--check")
    assert predicted.outcomes["leaves"]["state"] == "changed"

    done = fleet.run(playbook, "--limit", ",".join(["leaves", *kept]))
    assert done.outcomes["leaves"]["state"] == "changed", done.output
    assert control.keys("leaves") == []
    for lab in kept:
        outcome = done.outcomes[lab]
        assert outcome["state"] == "failed"
        assert "its retirement was not confirmed" in outcome["message"]
        assert "retire_confirm" in outcome["next_steps"][0]["text"]
        assert [key["status"] for key in control.keys(lab)] == ["Active"]
    # What is gone needs no confirmation.
    del fleet.hosts["leaves"]["retire_confirm"]
    again = fleet.run(playbook, "--limit", "leaves")
    assert again.outcomes["leaves"]["state"] == "converged", again.output
    assert len(control.keys("stays")) == 1
