# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role fleet_report, run by the real ansible-playbook over labs whose outcomes a play sets."""

from __future__ import annotations

import csv
import json
import os
import pathlib
import subprocess
import sys

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import files
from ansible_collections.labops.cloudresearch.tests.fixtures.outcomes import hostile_outcomes, outcomes, situation
from tests.stack.ansible_tasks import run_tasks

PROJECT = pathlib.Path(__file__).resolve().parents[2]
ANSIBLE_PLAYBOOK = pathlib.Path(sys.executable).with_name("ansible-playbook")

PLAYBOOK = """
- name: Labs
  hosts: labs
  gather_facts: false
  tasks:
    # In one process for all labs.
    - name: The outcome of the lab
      ansible.builtin.set_fact:
        lab_account_outcome: "{{ item.value }}"
      loop: "{{ lookup('ansible.builtin.file', outcomes_file) | from_json | dict2items }}"
      loop_control:
        label: "{{ item.key }}"
      delegate_to: "{{ item.key }}"
      delegate_facts: true
      run_once: true

- name: Labs whose task has begun and left no outcome
  hosts: half_done
  gather_facts: false
  tasks:
    - name: Begin the lab
      ansible.builtin.debug:
        msg: half way
      register: lab_account_outcome

- name: Report
  hosts: HOSTS
  gather_facts: false
  tasks:
    - name: Report
      ansible.builtin.import_role:
        name: labops.cloudresearch.fleet_report
    - name: Say what came of it
      ansible.builtin.set_fact:
        came_of_it: "{{ fleet_report_result }}"
      run_once: true
"""


class Fleet:
    """An inventory of labs with outcomes, and the role run over them."""

    def __init__(self, directory):
        self.directory = directory
        self.reports = directory / "reports"
        self.hosts = {}
        self.half_done = []

    def set(self, labs, not_begun=(), half_done=()):
        """Labs as hosts: host names are tame, labs may be called anything."""
        named = {f"host-{number}": lab for number, lab in enumerate(labs)}
        (self.directory / "outcomes.json").write_text(json.dumps(named))
        self.hosts = {name: {"lab_contact_email": f"{name}@uni.example"} for name in named}
        self.hosts |= {name: {} for name in [*not_begun, *half_done]}
        self.half_done = half_done

    def run(self, *arguments, hosts="labs", status=0, **variables):
        half_done = {"hosts": {name: {} for name in self.half_done}}
        inventory = {"labs": {"hosts": self.hosts, "vars": {"ansible_connection": "local"}}, "half_done": half_done}
        (self.directory / "inventory.json").write_text(json.dumps(inventory))
        (self.directory / "play.yml").write_text(PLAYBOOK.replace("HOSTS", hosts))
        results = self.directory / "results.jsonl"
        results.unlink(missing_ok=True)
        variables = {
            "outcomes_file": str(self.directory / "outcomes.json"),
            "fleet_report_directory": str(self.reports),
            **variables,
        }
        ran = subprocess.run(
            [ANSIBLE_PLAYBOOK, "play.yml", "-i", "inventory.json", "-e", json.dumps(variables), *arguments],
            cwd=self.directory,
            env=dict(
                os.environ,
                ANSIBLE_COLLECTIONS_PATH=str(PROJECT / "build" / "collections"),
                ANSIBLE_CALLBACK_PLUGINS=str(PROJECT / "tests" / "callbacks"),
                ANSIBLE_CALLBACKS_ENABLED="results_to_file",
                ANSIBLE_HOME=str(self.directory / "home"),
                ANSIBLE_LOCALHOST_WARNING="false",
                ANSIBLE_NOCOLOR="true",
                LABOPS_RESULTS_FILE=str(results),
            ),
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert ran.returncode == status, ran.stdout + ran.stderr
        facts = [json.loads(line)["result"].get("ansible_facts", {}) for line in results.read_text().splitlines()]
        told = [found["came_of_it"] for found in facts if "came_of_it" in found]
        return told[0] if told else {}, ran.stdout + ran.stderr


@pytest.fixture
def fleet(tmp_path):
    return Fleet(tmp_path)


def test_from_outcomes_to_files_and_again_without_a_change(fleet):
    fleet.set([*outcomes(8), *hostile_outcomes()], not_begun=["host-lost"], half_done=["host-half"])
    first, _output = fleet.run()
    assert first["changed"]
    written = sorted(path.name for path in fleet.reports.iterdir())
    ends = ("-evidence.html", "-keys.csv", "-ocsf.json", ".csv", ".html", ".json")
    assert written == [*(f"fleet-report{end}" for end in ends), "manifest.sha256", "retire-plan.yml"]
    sums = subprocess.run(["sha256sum", "-c", "manifest.sha256"], cwd=fleet.reports, capture_output=True, check=False)
    assert sums.returncode == 0, sums
    report = files.load(fleet.reports / "fleet-report.json")
    labs = {lab["lab"]: lab for lab in report["labs"]}
    assert len(labs) == len(fleet.hosts)
    assert (labs["host-lost"]["state"], labs["host-lost"]["steps"][0]["reason"]) == ("unknown", "not_begun")
    assert report["summary"]["states"]["converged"] > 0
    assert (labs["host-half"]["state"], labs["host-half"]["steps"][0]["reason"]) == ("failed", "interrupted")
    assert next(lab for lab in report["labs"] if lab["contact"])["contact"].endswith("@uni.example")
    with (fleet.reports / "fleet-report.csv").open(encoding="utf-8-sig", newline="") as stream:
        assert len(list(csv.DictReader(stream))) == len(labs)
    again, output = fleet.run()
    assert not again["changed"]
    assert again["generated"] == first["generated"]
    assert "changed=0" in output.rsplit("PLAY RECAP", 1)[1]


def test_check_mode_writes_nothing_and_predicts_and_diff_shows_labs(fleet):
    fleet.set([situation("key_not_stored")])
    predicted, output = fleet.run("--check", "--diff")
    assert predicted["changed"]
    assert not fleet.reports.exists()
    assert "unstored_live_key" in output
    fleet.run()
    fleet.set([situation("converged")])
    predicted, output = fleet.run("--check", "--diff")
    assert predicted["changed"]
    assert "-" + '"lab-01": converged; findings: unstored_live_key' in output
    assert '+"lab-01": converged; findings: none' in output
    done, _output = fleet.run()
    assert done["changed_files"] == predicted["changed_files"]
    assert files.load(fleet.reports / "fleet-report.json")["comparison"]["findings_gone"]
    assert len(list((fleet.reports / "earlier").glob("*.json"))) == 1


def test_a_secret_stops_the_report_and_is_not_repeated(fleet):
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    lab = situation("converged")
    lab["link"]["message"] = f"typed {secret}"
    fleet.set([lab])
    _result, output = fleet.run(status=2)
    assert "link.message of lab lab-01 looks like an AWS secret access key" in " ".join(output.split())
    assert secret not in output
    assert not fleet.reports.exists()


def test_on_localhost_with_the_labs_named_options_reach_the_files(fleet):
    fleet.set(outcomes(2))
    result, _output = fleet.run(
        hosts="localhost",
        fleet_report_labs=[*fleet.hosts, "localhost"],
        fleet_report_name="quarter",
        fleet_report_title="The 4th quarter",
        fleet_report_formats=["html"],
        fleet_report_mode="0640",
        fleet_report_contacts={outcomes(2)[0]["lab"]: "dean@uni.example"},
    )
    assert result["summary"]["labs"] == 2
    page = fleet.reports / "quarter.html"
    assert result["files"]["html"] == str(page)
    assert list(result["files"]) == ["html", "evidence", "plan", "manifest"]
    assert page.stat().st_mode & 0o777 == 0o640
    report = files.load(page)
    assert report["title"] == "The 4th quarter"
    assert {lab["contact"] for lab in report["labs"]} == {"dean@uni.example", "host-1@uni.example"}


def test_options_that_make_no_sense_are_refused(tmp_path):
    reports = tmp_path / "reports"
    refused = {
        "no labs named": ({}, "set fleet_report_labs"),
        "formats": ({"fleet_report_labs": ["lab-01"], "fleet_report_formats": ["pdf"]}, "pdf"),
        "mode": ({"fleet_report_labs": ["lab-01"], "fleet_report_mode": "rw"}, "rw"),
        "name": ({"fleet_report_labs": ["lab-01"], "fleet_report_name": "../up"}, "../up"),
    }
    role = {"ansible.builtin.import_role": {"name": "labops.cloudresearch.fleet_report"}}
    directory = {"fleet_report_directory": str(reports)}
    tasks = [
        {
            "name": name,
            "block": [{"name": f"Report, {name}", **role, "vars": {**directory, **variables}}],
            "rescue": [{"name": f"refused: {name}", "ansible.builtin.debug": {"var": "ansible_failed_result.msg"}}],
        }
        for name, (variables, _words) in refused.items()
    ]
    hosts = {"localhost": {}, "lab-01": {}}
    run = run_tasks(tmp_path / "run", tasks, hosts=hosts, play={"hosts": "localhost", "ignore_errors": False})
    for name, (_variables, words) in refused.items():
        told = run.result(f"refused: {name}")["ansible_failed_result.msg"]
        assert words in " ".join(told.split()), (name, told)
    assert not reports.exists()
