# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labs from nothing to linked, predicted before and repeated after."""

from __future__ import annotations

import json
import typing as t

import yaml

from tests import seed
from tests.fleet import Fleet, Run

# More labs than there are forks.
FORKS = ("--forks", "1")
LABS = [f"lab-{number:02d}" for number in (1, 2)]
BAD_INPUT: dict[str, tuple[dict[str, t.Any], str]] = {
    "account id": ({"lab_account_aws_account_id": "123"}, "12 digits"),
    "environment": ({"lab_account_environments": ["staging"]}, "production, sandbox"),
    "portal over http": ({"lab_account_portal_url": "http://portal.example.org"}, "https"),
    "link driver": ({"lab_account_link_driver": "telepathy"}, "auto, http, browser, manual"),
    "empty password": ({"lab_account_cloudresearch_password": ""}, "password"),
    "store type": ({"lab_account_secret_store": {"type": "postgresql"}}, "ansible_vault"),
    "store directory": (
        {"lab_account_secret_store": {"type": "ansible_vault", "directory": "/proc/no/such/place"}},
        "/proc/no/such/place",
    ),
    "AWS endpoint": ({"lab_account_aws_endpoint_url": "http://127.0.0.1:1"}, "could not be reached"),
    "role name": ({"lab_account_assume_role_name": "NoSuchRole"}, "cannot be assumed"),
}


def changed_steps(run: Run) -> dict[str, list[str]]:
    """By lab, the steps that changed something, or in check mode would."""
    return {
        lab: [step["name"] for step in outcome["steps"] if step["status"] == "changed"]
        for lab, outcome in run.outcomes.items()
    }


def writes(fleet: Fleet) -> list[dict[str, t.Any]]:
    """The calls that were made to change something in AWS."""
    reading = ("Get", "List", "Assume", "Describe")
    return [
        call
        for call in fleet.simulator.control.calls()
        if call["service"] in ("iam", "secretsmanager", "ssm") and not call["action"].startswith(reading)
    ]


def add_bad_input(fleet: Fleet) -> dict[str, str]:
    """Add a lab for each mistake; by lab, what the mistake is."""
    labs = {f"bad-{number}": what for number, what in enumerate(BAD_INPUT)}
    for lab, what in labs.items():
        fleet.add(lab)
        fleet.hosts[lab].update(BAD_INPUT[what][0])
    return labs


def require_told_and_untouched(fleet: Fleet, run: Run, labs: t.Mapping[str, str]) -> None:
    """Of each of these mistakes, the operator is told, and nothing was made for their labs."""
    for lab, what in labs.items():
        outcome = run.outcomes[lab]
        assert outcome["state"] == "failed", (what, outcome)
        assert BAD_INPUT[what][1] in outcome["message"], (what, outcome["message"])
        assert lab in outcome["message"], what
        assert outcome["next_steps"], what
    made = [(call["lab"], call["action"]) for call in writes(fleet) if call["lab"] in labs]
    assert not made, made


def test_labs_are_predicted_onboarded_and_left_alone(fleet: Fleet) -> None:
    for lab in LABS:
        fleet.add(lab)

    predicted = fleet.run("onboard", "--check", "--diff", *FORKS)
    assert predicted.return_code == 0, predicted.told
    assert not writes(fleet)
    assert not fleet.simulator.control.submissions()
    assert not list(fleet.directory.glob("secrets/*"))

    first = fleet.run("onboard", *FORKS)
    assert first.return_code == 0, first.told
    assert changed_steps(first) == changed_steps(predicted)
    assert {outcome["state"] for outcome in first.outcomes.values()} == {"changed"}
    assert {outcome["state"] for outcome in predicted.outcomes.values()} == {"changed"}
    assert first.changed() == predicted.changed()
    for lab in LABS:
        (key,) = fleet.simulator.control.keys(lab)
        assert fleet.simulator.control.portal_key(lab) == key["access_key_id"]
        assert first.outcomes[lab]["link"]["evidence"] == "page"

    before = len(writes(fleet)), len(fleet.simulator.control.submissions())
    files = {path.name: path.read_bytes() for path in fleet.store.glob("*.yml")}
    # Where the portal is looked at, nothing is submitted, either.
    fleet.hosts[LABS[0]]["lab_account_link_check"] = "page"
    looked = fleet.simulator.control.mark("second run")
    second = fleet.run("onboard", *FORKS)
    assert second.return_code == 0, second.told
    assert second.changed() == dict.fromkeys(LABS, 0)
    assert {outcome["state"] for outcome in second.outcomes.values()} == {"converged"}
    assert (len(writes(fleet)), len(fleet.simulator.control.submissions())) == before
    assert {path.name: path.read_bytes() for path in fleet.store.glob("*.yml")} == files
    assert second.outcomes[LABS[0]]["link"]["evidence"] == "page"
    asked = {call["lab"] for call in fleet.simulator.control.calls(looked) if call["service"] == "portal"}
    assert asked - {""} == {LABS[0]}, "those without a lab are of somebody who has not signed in yet"


def test_bad_labs_hold_up_no_other_and_go_on_once_they_are_mended(fleet: Fleet) -> None:
    control = fleet.simulator.control
    fleet.add("good")
    fleet.add("unlinked", requester_linked=("sandbox",))
    fleet.add("wrong-password")
    right = fleet.hosts["wrong-password"]["lab_account_cloudresearch_password"]
    fleet.hosts["wrong-password"]["lab_account_cloudresearch_password"] = "not the password"
    fleet.add("no-role")
    control.delete_role("no-role")
    fleet.add("second-factor", totp_secret=True)
    del fleet.hosts["second-factor"]["lab_account_cloudresearch_totp_secret"]
    fleet.hosts["bad-id"] = {"lab_account_aws_account_id": "12345"}
    bad_input = add_bad_input(fleet)

    run = fleet.run("onboard")
    require_told_and_untouched(fleet, run, bad_input)
    states = {lab: outcome["state"] for lab, outcome in run.outcomes.items() if lab not in bad_input}
    assert states == {
        "good": "changed",
        "unlinked": "waiting_for_person",
        "wrong-password": "failed",
        "no-role": "failed",
        "second-factor": "waiting_for_person",
        "bad-id": "failed",
    }, run.output
    assert run.return_code != 0
    failed = {host for host, counts in run.stats.items() if counts["failures"]}
    assert failed == {"wrong-password", "no-role", "bad-id", *bad_input}
    for lab, outcome in run.outcomes.items():
        if outcome["state"] == "changed":
            continue
        step = next(entry for entry in outcome["steps"] if entry["status"] in ("failed", "waiting"))
        assert step["message"], lab
        assert any(entry["step"] == step["name"] and entry["text"] for entry in outcome["next_steps"]), lab
        assert lab in outcome["message"], lab
        assert step["name"] in outcome["message"], lab
    waiting = run.outcomes["unlinked"]
    assert waiting["next_steps"][0]["url"] == "https://requester.mturk.com/developer"
    assert waiting["next_steps"][0]["who"] == "person"

    # One wrong password, once: never a second try with the same one.
    tries = len([call for call in control.calls() if call["lab"] == "wrong-password"])
    again = fleet.run("onboard", "--limit", "wrong-password")
    assert again.outcomes["wrong-password"]["state"] == "failed"
    portal = [call for call in control.calls() if call["lab"] == "wrong-password" and call["service"] == "portal"]
    assert tries
    assert len([call for call in portal if "password" in call["action"].lower()]) <= 1

    mended = ("good", "unlinked", "wrong-password")
    keys = {lab: control.keys(lab) for lab in mended}
    control.link_requester("unlinked", "production")
    fleet.hosts["wrong-password"]["lab_account_cloudresearch_password"] = right
    gone_on = fleet.run("onboard", "--limit", ",".join(mended))
    assert gone_on.return_code == 0, gone_on.told
    assert changed_steps(gone_on) == {"good": [], "unlinked": ["link"], "wrong-password": ["link"]}
    # Nobody got a new key for it.
    for lab, before in keys.items():
        assert [key["access_key_id"] for key in control.keys(lab)] == [key["access_key_id"] for key in before]


def test_a_missing_vault_password_is_told_before_anything_is_made(fleet: Fleet) -> None:
    fleet.add("lab-01")
    command = fleet.command
    fleet.command = lambda *arguments: [  # type: ignore[method-assign]
        word for word in command(*arguments) if word not in ("--vault-password-file", str(fleet.vault_password))
    ]
    run = fleet.run("onboard")
    assert run.outcomes["lab-01"]["state"] == "failed"
    assert "vault password" in run.outcomes["lab-01"]["message"]
    assert not writes(fleet)


def test_a_lab_that_cannot_be_observed_is_not_told_with_the_results_of_another(fleet: Fleet) -> None:
    """A play can have the role more than once, and what its tasks registered stays."""
    fleet.add("one")
    role = {"ansible.builtin.include_role": {"name": "labops.cloudresearch.lab_account"}}
    nowhere = {"lab_account_lab": "two", "lab_account_aws_account_id": "9" * 12}
    play = {"hosts": "one", "connection": "local", "gather_facts": False, "tasks": [role, {**role, "vars": nowhere}]}
    file = fleet.directory / "twice.yml"
    file.write_text(json.dumps([play]))
    outcome = fleet.run(str(file)).outcomes["one"]
    assert (outcome["lab"], outcome["state"]) == ("two", "failed")
    assert {step["status"] for step in outcome["steps"]} == {"failed", "skipped"}
    assert outcome["access_keys"] == []


def test_each_lab_takes_its_steps_in_their_order_whatever_another_lab_lacks(fleet: Fleet) -> None:
    # With this strategy, labs come to each task together; with one fork, in this order. The first one lacks less.
    seed.add_onboarded(fleet, "lab-1")
    seed.suspend(fleet, "lab-1")
    for lab in ("lab-2", "lab-3"):
        fleet.add(lab)
    play = {"hosts": "all", "gather_facts": False, "strategy": "linear", "roles": ["labops.cloudresearch.lab_account"]}
    playbook = fleet.directory / "together.yml"
    playbook.write_text(yaml.safe_dump([play]))
    run = fleet.run(str(playbook), "--forks", "1")
    assert run.return_code == 0, run.told
    whole = ["iam_user", "access_key", "link"]
    assert changed_steps(run) == {"lab-1": ["access_key"], "lab-2": whole, "lab-3": whole}
