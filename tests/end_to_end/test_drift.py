# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labs that were set up by hand: taken over or left alone, and relieved of what the operator names, nothing else.

All of them, and labs that the inventory calls absent, are in the same few runs.
"""

from __future__ import annotations

import dataclasses
import json
import typing as t

import pytest

from tests import seed
from tests.fleet import Fleet, Run
from tests.simulator.process import Simulator

USER = "cloudresearch-mturk"
INLINE = {"extra": {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}}
DRIFTED = ("told", "relieved")
# Who names a lab's retirement in none of these words has not named the lab.
KEPT = {"kept-0": "", "kept-1": "stays"}


@dataclasses.dataclass(frozen=True)
class Stage:
    """A run, and what there was after it.

    :param keys: by lab, the status of its keys by id.
    :param held: by lab, the key that CloudResearch had.
    """

    run: Run
    keys: dict[str, dict[str, str]]
    held: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Stages:
    """What became of the labs, run by run.

    :param strangers: by lab, the keys that somebody had made by hand.
    """

    strangers: dict[str, list[str]]
    audit: Stage
    predicted: Stage
    first: Stage
    second: Stage
    retired: Stage


def hand_made(fleet: Fleet, lab: str, **options: object) -> None:
    """A lab whose user somebody made by hand."""
    fleet.add(lab)
    fleet.simulator.control.create_user(lab, USER, **options)


def make_absent(fleet: Fleet, confirmed: t.Mapping[str, str]) -> None:
    """Onboarded labs that the inventory calls absent, with what their retirement is confirmed by; one has no key."""
    seed.add_onboarded(fleet, *confirmed)
    for lab, confirmation in confirmed.items():
        fleet.hosts[lab].update(lab_account_state="absent", retire_confirm=confirmation)
    fleet.add("gone")
    fleet.hosts["gone"]["lab_account_state"] = "absent"


@pytest.fixture(scope="module")
def stages(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Stages:
    """Audited, predicted, onboarded twice, and one of them retired; in between, the operator decides."""
    simulator.control.reset()
    fleet, control = Fleet(simulator, tmp_path_factory.mktemp("by-hand") / "fleet"), simulator.control
    for lab in DRIFTED:
        hand_made(
            fleet,
            lab,
            policy_arns=["arn:aws:iam::aws:policy/IAMReadOnlyAccess"],
            inline_policies=INLINE,
            groups=["students"],
            console_password="Not-a-secret-of-ours-1",
        )
        fleet.hosts[lab]["lab_account_adopt_existing_user"] = True
    fleet.hosts["relieved"]["lab_account_remove_drift"] = ["console_access", "inline_policies", "groups"]
    hand_made(fleet, "not-ours")
    strangers: dict[str, list[str]] = {}
    for lab, count in (("one", 1), ("two", 2), ("looked-up", 2)):
        hand_made(fleet, lab, policy_arns=["arn:aws:iam::aws:policy/AmazonMechanicalTurkFullAccess"])
        fleet.hosts[lab]["lab_account_adopt_existing_user"] = True
        strangers[lab] = [control.create_access_key(lab, USER)["access_key_id"] for number in range(count)]
    seed.add_onboarded(fleet, "stays")
    make_absent(fleet, {"leaves": "stays,leaves", **KEPT})

    def stage(playbook: str, *arguments: str) -> Stage:
        run = fleet.run(playbook, *arguments)
        keys = {lab: {key["access_key_id"]: key["status"] for key in control.keys(lab)} for lab in fleet.hosts}
        return Stage(run, keys, {lab: control.portal_key(lab) for lab in fleet.hosts})

    audit = stage("audit", "--limit", ",".join(DRIFTED), "-e", "audit_fail_on_drift=true")
    predicted = stage("onboard", "--check", "--limit", ",".join((*DRIFTED, "leaves")))
    first = stage("onboard")
    # The operator says whose the user is. One key of two is given up; its lab goes on once it is known that the portal
    # does not hold it. What is gone needs no confirmation.
    for lab in ("two", "looked-up"):
        fleet.hosts[lab]["lab_account_remove_foreign_keys"] = strangers[lab][:1]
    fleet.hosts["looked-up"]["lab_account_link_check"] = "page"
    fleet.hosts["not-ours"]["lab_account_adopt_existing_user"] = True
    del fleet.hosts["leaves"]["retire_confirm"]
    second = stage("onboard", "--limit", ",".join((*DRIFTED, "not-ours", "two", "looked-up", "leaves")))
    retired = stage("retire", "--limit", "looked-up", "-e", "retire_confirm=1")
    simulator.control.reset()
    return Stages(strangers, audit, predicted, first, second, retired)


def drift_codes(outcome: dict[str, object]) -> set[str]:
    """The codes of an outcome's drift."""
    return {entry["code"] for entry in outcome["drift"]}  # type: ignore[attr-defined, index]


def test_drift_is_told_and_goes_only_where_it_was_named(stages: Stages) -> None:
    everything = {"extra_console_access", "extra_inline_policies", "extra_groups", "extra_attached_policies"}
    audit = stages.audit.run
    assert audit.return_code == 2 and "Lab told differs from its declared state" in audit.output, audit.output
    assert everything <= drift_codes(audit.outcomes["told"])
    assert audit.outcomes["told"]["state"] == "drifted"

    predicted, first, second = stages.predicted.run, stages.first.run, stages.second.run
    for lab in DRIFTED:
        assert first.stats[lab]["failures"] == 0, first.output
        assert predicted.changed()[lab] == first.changed()[lab]
        assert second.changed()[lab] == 0, second.output
        assert {run.outcomes[lab]["state"] for run in (predicted, first, second)} == {"drifted"}, "rights stay"
    assert drift_codes(first.outcomes["told"]) == everything
    assert drift_codes(first.outcomes["relieved"]) == {"extra_attached_policies"}
    told, relieved = (second.outcomes[lab]["user"] for lab in DRIFTED)
    assert (told["console_access"], told["groups"], told["inline_policies"]) == (True, ["students"], ["extra"])
    assert (relieved["console_access"], relieved["groups"], relieved["inline_policies"]) == (False, [], [])
    for user in (told, relieved):
        assert "arn:aws:iam::aws:policy/IAMReadOnlyAccess" in user["attached_policies"]
    assert stages.second.held["told"]


def test_strangers_users_and_keys_stay_until_told_otherwise(stages: Stages) -> None:
    outcome = stages.first.run.outcomes["one"]
    assert outcome["state"] == "drifted", stages.first.run.output
    assert all(words in outcome["message"] for words in ("was changed: ", *stages.strangers["one"]))
    assert stages.first.run.stats["one"]["failures"] == 0, stages.first.run.output
    assert set(stages.first.keys["one"]) > set(stages.strangers["one"])
    assert any(finding["code"] == "foreign_live_key" for finding in outcome["findings"])

    refused = stages.first.run.outcomes["not-ours"]
    assert refused["state"] == "failed"
    assert "lab_account_adopt_existing_user" in json.dumps(refused["next_steps"])
    assert stages.first.keys["not-ours"] == {}
    taken_over = stages.second.run.outcomes["not-ours"]
    assert taken_over["state"] == "changed", stages.second.run.output
    assert taken_over["user"]["managed"] is True


def test_two_keys_stop_a_lab_until_one_is_given_up_that_the_portal_does_not_hold(stages: Stages) -> None:
    for lab in ("two", "looked-up"):
        outcome = stages.first.run.outcomes[lab]
        assert outcome["state"] == "failed"
        assert all(key_id in json.dumps(outcome["next_steps"]) for key_id in stages.strangers[lab])
        assert list(stages.first.keys[lab]) == stages.strangers[lab]
    assert stages.second.run.outcomes["two"]["state"] == "failed"
    assert len(stages.second.keys["two"]) == 2, "the portal might have held it"
    healed = stages.second
    assert healed.run.outcomes["looked-up"]["state"] == "drifted", healed.run.output
    assert healed.run.stats["looked-up"]["failures"] == 0, healed.run.output
    given_up, kept = stages.strangers["looked-up"]
    left = set(healed.keys["looked-up"])
    assert kept in left
    assert given_up not in left
    assert healed.held["looked-up"] in left - {kept}

    # Retiring the lab leaves the stranger's key, and with it the user; test_answers.py retires such a lab twice.
    retired = stages.retired.run
    assert retired.return_code != 0, "a live key is left"
    assert list(stages.retired.keys["looked-up"]) == [kept]
    outcome = retired.outcomes["looked-up"]
    assert outcome["state"] == "failed" and kept in outcome["message"]
    reasons = {entry["name"]: entry["reason"] for entry in outcome["steps"]}
    assert reasons["retire"] == "live_keys_remain"
    assert outcome["user"]["exists"]
    assert kept in json.dumps(outcome["next_steps"])


def require_only_named_are_retired(predicted: Run, done: Stage, kept: t.Iterable[str]) -> None:
    """Of the labs that the inventory calls absent, the one that is named is retired, and the others say why not."""
    assert predicted.outcomes["leaves"]["state"] == "changed"
    assert done.run.outcomes["leaves"]["state"] == "changed", done.run.output
    assert done.keys["leaves"] == {}
    for lab in kept:
        outcome = done.run.outcomes[lab]
        assert outcome["state"] == "failed"
        assert "its retirement was not confirmed" in outcome["message"]
        assert "retire_confirm" in outcome["next_steps"][0]["text"]
        assert list(done.keys[lab].values()) == ["Active"]
    # What is gone needs no confirmation.
    assert done.run.outcomes["gone"]["state"] == "converged", done.run.output


def test_an_onboarding_retires_only_those_absent_labs_that_are_named(stages: Stages) -> None:
    require_only_named_are_retired(stages.predicted.run, stages.first, KEPT)
    assert list(stages.predicted.keys["leaves"].values()) == ["Active"]
    assert stages.second.run.outcomes["leaves"]["state"] == "converged", stages.second.run.output
    assert len(stages.second.keys["stays"]) == 1 and stages.first.run.changed()["stays"] == 0


def test_a_rotation_retires_only_those_absent_labs_that_are_named(fleet: Fleet) -> None:
    # Here, the number of labs.
    make_absent(fleet, {"leaves": "stays,leaves", "kept": "1"})
    predicted = fleet.run("rotate", "--limit", "leaves", "--check")
    run = fleet.run("rotate")
    keys = {
        lab: {key["access_key_id"]: key["status"] for key in fleet.simulator.control.keys(lab)} for lab in fleet.hosts
    }
    require_only_named_are_retired(predicted, Stage(run, keys, {}), ["kept"])
