# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run says is true: its exit status, whoever runs the role, and the commands that it prints."""

from __future__ import annotations

import pathlib
import re
import shlex
import subprocess
import typing as t

import pytest
import yaml

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import vocabulary
from tests import seed
from tests.fleet import Fleet, tool

COMMAND = re.compile(r"ansible-playbook labops\.cloudresearch\.\w+ .*?--limit [\w-]+(?: -e retire_confirm=[\w-]+)?")


def role_alone(fleet: Fleet, operation: str) -> str:
    """A playbook of an operator's own that has nothing but the role."""
    path = fleet.directory / f"{operation}-alone.yml"
    play: dict[str, t.Any] = {
        "name": "The role alone",
        "hosts": "all",
        "gather_facts": False,
        "roles": ["labops.cloudresearch.lab_account"],
        "vars": {"lab_account_operation": operation, "retire_confirm": "leaves"},
    }
    path.write_text(yaml.safe_dump([play]))
    return str(path)


def paste(fleet: Fleet, text: str) -> str:
    """Run the command that a text advises, as somebody who pastes it into a shell."""
    found = COMMAND.search(text)
    assert found, text
    fleet.command("audit")  # writes the inventory
    command = found.group().replace("ansible-playbook", shlex.quote(tool("ansible-playbook")), 1)
    finished = subprocess.run(
        ["/bin/sh", "-c", command],
        env=fleet.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert finished.returncode == 0, (found.group(), finished.stdout)
    return found.group()


def test_a_host_with_the_account_of_another_lab_takes_nothing_from_it(fleet: Fleet) -> None:
    seed.add_onboarded(fleet, "lab")
    fleet.hosts["twin"] = dict(fleet.hosts["lab"])
    simulator = fleet.simulator.control
    (key,) = simulator.keys("lab")

    together = fleet.run("onboard", "--forks", "1")
    assert together.return_code != 0
    assert "The hosts lab and twin both stand for the IAM user cloudresearch-mturk" in together.output
    assert together.outcomes["lab"]["state"] == "converged"

    alone = fleet.run("onboard", "--limit", "twin")
    assert alone.return_code != 0 and alone.outcomes["twin"]["state"] == "failed"
    assert "the store holds no record of the lab" in alone.output, alone.output
    assert [found["access_key_id"] for found in simulator.keys("lab")] == [key["access_key_id"]]
    assert simulator.portal_key("lab") == key["access_key_id"]


def test_the_role_alone_fails_the_host_of_a_lab_that_did_not_end_well(fleet: Fleet) -> None:
    seed.add_onboarded(fleet, "well", "leaves", "unseen")
    fleet.simulator.control.create_access_key("leaves", vocabulary.DEFAULT_USER_NAME)
    fleet.hosts["leaves"]["lab_account_state"] = "absent"
    # What is left is a stranger's key, so that nothing is to be done and the lab has not ended well all the same.
    assert fleet.run("retire", "--limit", "leaves", "-e", "retire_confirm=leaves").return_code != 0
    (fleet.store / "unseen.yml").write_text("not a record\n")

    onboard = fleet.run(role_alone(fleet, "onboard"))
    assert "Lab leaves failed at step retire: Live keys remain in the account" in onboard.output
    assert onboard.outcomes["well"]["state"] == "converged"
    assert onboard.changed()["leaves"] == 0, "nothing was left to do but what is no business of ours"
    assert {host: counts["failures"] for host, counts in onboard.stats.items()} == {"leaves": 1, "unseen": 1, "well": 0}

    audit = fleet.run(role_alone(fleet, "audit"))
    assert audit.stats["unseen"]["failures"] == 1 and audit.stats["well"]["failures"] == 0, audit.output
    assert audit.return_code != 0


@pytest.mark.parametrize("arguments", [("-e", "labs=mistyped"), ("-e", "labs=one", "--limit", "two")])
def test_a_run_over_no_lab_does_not_end_well(fleet: Fleet, arguments: tuple[str, ...]) -> None:
    for lab in ("one", "two"):
        fleet.hosts[lab] = {}
    run = fleet.run("audit", *arguments)
    assert run.return_code != 0 and "No lab was in this run" in run.output


@pytest.mark.parametrize(
    ("playbook", "typed", "told"),
    [("audit", "fleet_report_title=Our labs", "labs"), ("suspend", "retire_plan", "retire_plan")],
)
def test_words_that_set_no_variable_stop_the_run(fleet: Fleet, playbook: str, typed: str, told: str) -> None:
    """Of a plan that is given without an equals sign, Ansible makes no variable: the run would be about all labs."""
    fleet.add("one")
    run = fleet.run(playbook, "-e", typed)
    assert run.return_code != 0 and run.outcomes["one"]["state"] == "failed"
    assert f"After -e, '{told}' sets no variable" in run.outcomes["one"]["message"], run.output


def test_playbooks_that_follow_no_plan_are_not_confused_by_one(fleet: Fleet) -> None:
    fleet.add("one")
    plan = ("-e", "retire_plan=approved.yml")
    audit = fleet.run("audit", *plan, "-e", f"fleet_report_directory={fleet.directory / 'reports'}")
    assert audit.return_code == 0 and (fleet.directory / "reports" / "fleet-report.html").exists(), audit.output
    nowhere = fleet.run("audit", "-e", "fleet_report_directory=")
    assert nowhere.return_code == 0 and not pathlib.Path("fleet-report.html").exists(), nowhere.output
    rotate = fleet.run("rotate", *plan)
    assert rotate.return_code != 0 and "rotate follows no plan" in " ".join(rotate.output.split())


def test_a_name_that_is_no_pattern_fails_its_lab_all_the_same(fleet: Fleet) -> None:
    """Ansible takes "a lab" for two patterns, which match nothing."""
    names = ("a lab", "one,two", "one:two", "!one", "~one", "(one", "Küche 2")
    for lab in names:
        fleet.hosts[lab] = {"lab_account_aws_account_id": "9999"}
    run = fleet.run("audit")
    assert run.return_code != 0, run.output
    assert {lab: run.stats[lab]["failures"] for lab in names} == dict.fromkeys(names, 1)


def test_an_inventory_that_cannot_be_read_does_not_end_well(fleet: Fleet, tmp_path: pathlib.Path) -> None:
    broken = tmp_path / "broken.lab_roster.yml"
    broken.write_text("plugin: labops.cloudresearch.lab_roster\nfile: there-is-none.csv\n")
    finished = subprocess.run(
        [tool("ansible-playbook"), "labops.cloudresearch.audit", "-i", str(broken)],
        env=fleet.environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode != 0 and "No lab was in this run" in finished.stdout


def test_a_mistyped_variable_is_told_with_its_labs_even_where_steps_are_taken(fleet: Fleet) -> None:
    fleet.add("one")
    seed.add_onboarded(fleet, "two", "three")
    for lab in ("one", "three"):
        fleet.hosts[lab]["lab_account_cloudresearch_emial"] = "pi@example.org"
    run = fleet.run("onboard")
    states = {lab: outcome["state"] for lab, outcome in run.outcomes.items()}
    assert states == {"one": "changed", "two": "converged", "three": "converged"}, run.output
    told = "so it has no effect on 2 labs: one, three. Did you mean lab_account_cloudresearch_email?"
    assert told in " ".join(run.output.split())


def test_printed_commands_work_as_they_are_pasted(fleet: Fleet) -> None:
    control = fleet.simulator.control
    fleet.add("psych")
    [missing, *_others] = fleet.run("audit").outcomes["psych"]["drift"]
    assert "labops.cloudresearch.onboard" in paste(fleet, missing["next_step"])
    assert [key["status"] for key in control.keys("psych")] == ["Active"]

    fleet.hosts["psych"]["lab_account_state"] = "absent"
    refused = fleet.run("onboard").outcomes["psych"]
    assert refused["state"] == "failed"
    assert "retire_confirm=psych" in paste(fleet, refused["next_steps"][0]["text"])
    assert control.keys("psych") == []


def test_a_forgotten_limit_is_answered_with_names_and_not_with_the_number_of_all(fleet: Fleet) -> None:
    for lab in ("one", "two", "three"):
        fleet.hosts[lab] = {}
    run = fleet.run("retire", "-e", "retire_confirm=1")
    said = " ".join(run.output.split())
    assert run.return_code != 0 and "Nothing was retired" in said
    assert "one, three, two" in said and "--limit" in said and "retire_confirm=3" not in said


def test_check_mode_of_a_retirement_writes_the_report_of_what_would_go(fleet: Fleet) -> None:
    seed.add_onboarded(fleet, "psych")
    reports = fleet.directory / "reports"
    run = fleet.run("retire", "--check", "-e", f"fleet_report_directory={reports}")
    assert run.return_code == 0, run.told
    assert "Keys that would be retired" in (reports / "fleet-report.html").read_text()
    assert [key["status"] for key in fleet.simulator.control.keys("psych")] == ["Active"]
