# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples in the modules' documentation, pasted into plays and run.

Where they run is set from outside, as it is for a user: endpoints, profiles, passwords and directories.
"""

from __future__ import annotations

import importlib
import json
import pathlib
import typing as t

import pytest
import yaml

from tests import seed
from tests.fleet import PROJECT, Fleet, Run

EXAMPLE_KEY = "AKIAIOSFODNN7LAB0001"
# These two follow a plan that an audit wrote and somebody approved: test_retire_plan.py runs them with one.
FOLLOW_A_PLAN = {"lab_account_plan", "retire_plan_info"}
# Those that begin with a lab that is onboarded, by the account that they name. What takes something away is last.
MODULES = {
    "111122223333": ["lab_account_info", "lab_account_outcome", "lab_account_conclude"],
    "123456789012": [
        *("mturk_requester_check", "mturk_principals_info", "lab_account_observe"),
        *("fleet_report_files", "iam_user_excess", "cloudresearch_link"),
    ],
}


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


def play(fleet: Fleet, module: str, tasks: list[dict[str, t.Any]], **variables: t.Any) -> dict[str, t.Any]:
    """A play with a module's tasks; the role's own one works through the connection aws_account only."""
    simulator = fleet.simulator
    mturk = {
        "production_endpoint_url": simulator.mturk_production_url,
        "sandbox_endpoint_url": simulator.mturk_sandbox_url,
    }
    portal = {"portal_url": simulator.portal_url, "state_dir": str(fleet.directory / "state")}
    name = "labops.cloudresearch"
    return {
        "name": f"Examples of {module}",
        "hosts": "lab-01",
        "connection": f"{name}.aws_account" if module == "lab_account_observe" else "local",
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


def add_lab(fleet: Fleet, account_id: str, email: str = "pi@lab.example") -> None:
    """The lab that the examples are about, with the store that they name; not onboarded."""
    store = {"type": "ansible_vault", "directory": str(fleet.directory / "lab_keys")}
    fleet.variables["lab_account_secret_store"] = store
    fleet.add("lab-01", account_id=account_id, email=email)


def onboard(fleet: Fleet) -> None:
    """Bring the lab to the state of one that is onboarded."""
    lab = [fleet.simulator.control.lab("lab-01")]
    seed.store_keys(fleet, lab, seed.make_keys(fleet, lab))


def write_reports(fleet: Fleet) -> None:
    """The earlier reports that the examples of fleet_report_files take for granted."""
    reports = fleet.directory / "reports" / "mturk"
    run = fleet.run("audit", "-e", f"fleet_report_directory={reports}")
    assert run.return_code == 0, run.told
    written = (reports / "fleet-report.json").read_text()
    for name in ("earlier/fleet-report-20260901T060000Z.json", "slices/1.json"):
        (reports / name).parent.mkdir(exist_ok=True)
        (reports / name).write_text(written)


def tasks_of(fleet: Fleet, module: str) -> list[dict[str, t.Any]]:
    """The examples of a module, with a directory and a key that are there."""
    text = json.dumps(examples(f"modules.{module}")).replace("/srv/reports", str(fleet.directory / "reports"))
    held = fleet.simulator.control.portal_key("lab-01")
    tasks = t.cast("list[dict[str, t.Any]]", json.loads(text.replace(EXAMPLE_KEY, held or EXAMPLE_KEY)))
    if module == "lab_account_outcome":
        return [*examples("modules.lab_account_info")[:1], *tasks]
    if module == "cloudresearch_link":
        # The example about renamed things is for a portal where they are renamed, see test_renamed_things_are_found.
        return [task for task in tasks if "portal" not in task["labops.cloudresearch.cloudresearch_link"]]
    return tasks


def require_good(run: Run, tasks: t.Mapping[str, list[dict[str, t.Any]]]) -> None:
    """All tasks of all modules were run."""
    assert run.return_code == 0, run.told
    counts = run.stats["lab-01"]
    assert counts["ok"] + counts["skipped"] >= sum(map(len, tasks.values()))


def test_each_module_has_its_examples_tried() -> None:
    modules = {path.stem for path in (PROJECT / "plugins" / "modules").glob("*.py")}
    assert modules == {"mturk_access_key"}.union(FOLLOW_A_PLAN, *MODULES.values())


@pytest.mark.parametrize("account_id", MODULES)
def test_examples_for_a_lab_that_is_onboarded_work_as_they_are(fleet: Fleet, account_id: str) -> None:
    add_lab(fleet, account_id)
    onboard(fleet)
    if "fleet_report_files" in MODULES[account_id]:
        write_reports(fleet)
    tasks = {module: tasks_of(fleet, module) for module in MODULES[account_id]}
    require_good(pasted(fleet, tasks), tasks)


def test_examples_for_a_lab_without_a_key_work_as_they_are(fleet: Fleet) -> None:
    add_lab(fleet, "123456789012", "lab-01@example.edu")
    # They begin with nothing but the user.
    fleet.simulator.control.create_user("lab-01", seed.USER_NAME, policy_arns=[seed.POLICY_ARN], tags=seed.TAGS)
    # A lab has one store at a time: the example with another one begins when the first one has nothing any more.
    in_order = sorted(tasks_of(fleet, "mturk_access_key"), key=lambda task: "aws_secretsmanager" in json.dumps(task))
    tasks = {"mturk_access_key": in_order}
    require_good(pasted(fleet, tasks), tasks)


def test_renamed_things_are_found(fleet: Fleet) -> None:
    module = "cloudresearch_link"
    add_lab(fleet, "123456789012")
    onboard(fleet)
    for kind in ("renamed_menu_entry", "renamed_fields"):
        fleet.simulator.control.portal_fault(kind, times=None)
    renamed = [task for task in examples(f"modules.{module}") if "portal" in task[f"labops.cloudresearch.{module}"]]
    held = fleet.simulator.control.portal_key("lab-01")
    tasks = json.loads(json.dumps(renamed).replace(EXAMPLE_KEY, held))
    lost = json.loads(json.dumps(tasks[0]))
    del lost[f"labops.cloudresearch.{module}"]["portal"]
    run = pasted(fleet, {module: [*tasks, {**lost, "name": "Without the names"}]})
    counts = run.stats["lab-01"]
    assert (counts["ok"], counts["failures"]) == (len(tasks), 1), run.output
    assert run.return_code != 0
    assert "page_changed" in run.output[run.output.index("TASK [Without the names]") :]


def pasted(fleet: Fleet, tasks: t.Mapping[str, list[dict[str, t.Any]]]) -> Run:
    """Run tasks, by module, each module's in a play of their own."""
    lab = fleet.simulator.control.lab("lab-01")
    variables = {
        "lab_store": fleet.variables["lab_account_secret_store"],
        "lab_password": lab["password"],
        "vault_password_of_pi": lab["password"],
        "access_key": {},
        "link": {},
    }
    path = fleet.directory / "examples.yml"
    path.write_text(json.dumps([play(fleet, module, each, **variables) for module, each in tasks.items()], indent=1))
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
