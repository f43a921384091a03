# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples in the modules' documentation, pasted into a play and run.

Where they run is set from outside, as it is for a user: endpoints, profiles, passwords and directories.
"""

from __future__ import annotations

import importlib
import json
import pathlib
import typing as t

import pytest
import yaml

from tests.fleet import PROJECT, Fleet, Run

ACCOUNTS = dict.fromkeys(("lab_account_info", "lab_account_outcome"), "111122223333")
EXAMPLE_KEY = "AKIAIOSFODNN7LAB0001"
# These two follow a plan that an audit wrote and somebody approved: test_retire_plan.py runs them with one.
FOLLOW_A_PLAN = {"lab_account_plan", "retire_plan_info"}
MODULES = sorted({path.stem for path in (PROJECT / "plugins" / "modules").glob("*.py")} - FOLLOW_A_PLAN)


def examples(plugin: str) -> list[dict[str, t.Any]]:
    """The tasks of a plugin's EXAMPLES."""
    module = importlib.import_module(f"ansible_collections.labops.cloudresearch.plugins.{plugin}")
    return t.cast("list[dict[str, t.Any]]", yaml.safe_load(module.EXAMPLES))


def write_profiles(fleet: Fleet, account_id: str) -> pathlib.Path:
    """An AWS configuration with the profiles that the examples name; without one, the ops side's credentials."""
    path = fleet.directory / "aws-config"
    credentials = (
        f"aws_access_key_id = {fleet.simulator.ops_access_key}\n"
        f"aws_secret_access_key = {fleet.simulator.ops_secret_key}\n"
    )
    path.write_text(
        f"[default]\n{credentials}[profile research-computing]\n{credentials}"
        "[profile lab-01]\nsource_profile = default\nregion = us-east-1\n"
        f"role_arn = arn:aws:iam::{account_id}:role/OrganizationAccountAccessRole\n"
    )
    return path


def play(fleet: Fleet, tasks: list[dict[str, t.Any]], **variables: t.Any) -> pathlib.Path:
    """A playbook file with the tasks; the role's own one works through the connection aws_account only."""
    simulator = fleet.simulator
    mturk = {
        "production_endpoint_url": simulator.mturk_production_url,
        "sandbox_endpoint_url": simulator.mturk_sandbox_url,
    }
    portal = {"portal_url": simulator.portal_url, "state_dir": str(fleet.directory / "state")}
    name = "labops.cloudresearch"
    content = {
        "name": "Examples",
        "hosts": "lab-01",
        "connection": f"{name}.aws_account" if f"{name}.lab_account_observe" in tasks[0] else "local",
        "gather_facts": False,
        "module_defaults": {
            f"{name}.mturk_requester_check": mturk,
            f"{name}.lab_account_info": mturk,
            f"{name}.mturk_access_key": {"production_endpoint_url": simulator.mturk_production_url},
            f"{name}.cloudresearch_link": portal,
        },
        "vars": variables,
        "tasks": tasks,
    }
    path = fleet.directory / "examples.yml"
    path.write_text(json.dumps([content], indent=1))
    return path


def prepare(fleet: Fleet, module: str) -> None:
    """What the examples of a module take for granted."""
    if module == "mturk_access_key":
        # Its examples begin with nothing but the user.
        policy = "arn:aws:iam::aws:policy/AmazonMechanicalTurkFullAccess"
        fleet.simulator.control.create_user(
            "lab-01", "cloudresearch-mturk", policy_arns=[policy], tags={"managed-by": "labops.cloudresearch"}
        )
        return
    reports = fleet.directory / "reports" / "mturk"
    run = fleet.run("onboard", "-e", f"fleet_report_directory={reports}")
    assert run.return_code == 0, run.output
    if module == "fleet_report_files":
        written = (reports / "fleet-report.json").read_text()
        for name in ("earlier/fleet-report-20260901T060000Z.json", "slices/1.json"):
            (reports / name).parent.mkdir(exist_ok=True)
            (reports / name).write_text(written)


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_module_work_as_they_are(fleet: Fleet, module: str) -> None:
    account_id = ACCOUNTS.get(module, "123456789012")
    email = "lab-01@example.edu" if module == "mturk_access_key" else "pi@lab.example"
    lab = fleet.add("lab-01", account_id=account_id, email=email)
    store = {"type": "ansible_vault", "directory": str(fleet.directory / "lab_keys")}
    fleet.variables["lab_account_secret_store"] = store
    prepare(fleet, module)

    text = json.dumps(examples(f"modules.{module}")).replace("/srv/reports", str(fleet.directory / "reports"))
    held = fleet.simulator.control.portal_key("lab-01")
    tasks = json.loads(text.replace(EXAMPLE_KEY, held or EXAMPLE_KEY))
    if module == "lab_account_outcome":
        tasks = [*examples("modules.lab_account_info")[:1], *tasks]
    if module == "cloudresearch_link":
        # The example about renamed things is for a portal where they are renamed, see test_renamed_things_are_found.
        tasks = [task for task in tasks if "portal" not in task["labops.cloudresearch.cloudresearch_link"]]
    run = pasted(fleet, tasks, lab)
    assert run.return_code == 0, run.output
    assert run.stats["lab-01"]["ok"] + run.stats["lab-01"]["skipped"] >= len(tasks)


def test_renamed_things_are_found(fleet: Fleet) -> None:
    lab = fleet.add("lab-01", email="pi@lab.example")
    store = {"type": "ansible_vault", "directory": str(fleet.directory / "lab_keys")}
    fleet.variables["lab_account_secret_store"] = store
    prepare(fleet, "cloudresearch_link")
    for kind in ("renamed_menu_entry", "renamed_fields"):
        fleet.simulator.control.portal_fault(kind, times=None)
    renamed = [
        task
        for task in examples("modules.cloudresearch_link")
        if "portal" in task["labops.cloudresearch.cloudresearch_link"]
    ]
    held = fleet.simulator.control.portal_key("lab-01")
    tasks = json.loads(json.dumps(renamed).replace(EXAMPLE_KEY, held))
    found = pasted(fleet, tasks, lab)
    assert found.return_code == 0, found.output
    del tasks[0]["labops.cloudresearch.cloudresearch_link"]["portal"]
    lost = pasted(fleet, tasks, lab)
    assert lost.return_code != 0
    assert "page_changed" in lost.output


def pasted(fleet: Fleet, tasks: list[dict[str, t.Any]], lab: dict[str, t.Any]) -> Run:
    """Run the tasks in a play of their own."""
    path = play(
        fleet,
        tasks,
        lab_store=fleet.variables["lab_account_secret_store"],
        lab_password=lab["password"],
        vault_password_of_pi=lab["password"],
        access_key={},
        link={},
    )
    environment = fleet.environment
    # Profiles stand alone, so the credentials come from a file instead of the environment.
    fleet.environment = lambda **more: {  # type: ignore[method-assign]
        name: value for name, value in environment(**more).items() if not name.startswith("AWS_") or name in more
    }
    try:
        return fleet.run(
            str(path),
            AWS_CONFIG_FILE=str(write_profiles(fleet, lab["account_id"])),
            AWS_ENDPOINT_URL=fleet.simulator.aws_url,
            AWS_REGION="us-east-1",
        )
    finally:
        fleet.environment = environment  # type: ignore[method-assign]
