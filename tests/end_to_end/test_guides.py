# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What guides tell people to type that nobody types elsewhere: neither in the README nor in the guide for now.

tests/unit/plugins/test_guides.py holds each command of ours in the other guides against those that are run.
"""

from __future__ import annotations

import json
import os
import pathlib
import re

import yaml

from tests import seed
from tests.fleet import Fleet, tool, type_command
from tests.unit.plugins.test_guides import RST, blocks


class Operator:
    """Somebody at a shell, in a directory of their own."""

    def __init__(self, fleet: Fleet) -> None:
        self.here = fleet.directory / "operator"
        self.here.mkdir()
        self.environment = fleet.environment(ANSIBLE_VAULT_PASSWORD_FILE=str(fleet.vault_password))
        self.environment["PATH"] = f"{os.path.dirname(tool('ansible-playbook'))}:{self.environment['PATH']}"

    def write(self, name: str, content: object) -> None:
        """A file, as YAML if it is no text."""
        text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
        (self.here / name).write_text(text)

    def types(self, command: str, *, answer: str = "") -> str:
        """What the command says; it has to end well."""
        return type_command(command, self.here, self.environment, answer=answer)


def sessions(page: str) -> list[str]:
    """A guide's pieces of console, whole."""
    return [block.replace("\\\n", " ") for block in blocks(RST / f"{page}.rst", "console")]


def commands(page: str) -> list[str]:
    """A guide's command lines, in their order, without what is set for the whole session."""
    lines = "".join(sessions(page)).splitlines()
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ") and not line.startswith("$ export ")]


def test_the_commands_of_the_guides_on_keys_and_on_reports(fleet: Fleet) -> None:
    seed.add_onboarded(fleet, "psych", "leaves")
    control, operator = fleet.simulator.control, Operator(fleet)
    groups = {"psychology": ["psych"], "closed_labs": ["leaves"]}
    children = {name: {"hosts": {lab: fleet.hosts[lab] for lab in labs}} for name, labs in groups.items()}
    operator.write("labs.yml", {"all": {"vars": fleet.variables, "children": children}})

    came_out = []
    for command in commands("guide_keys"):
        if "suspend_exposed_key" in command:
            continue  # test_exposed_key.py runs playbook and rulebook, with an account and a key that are there.
        # The guide's groups are larger.
        operator.types(re.sub(r"retire_confirm=\d+", "retire_confirm=1", command))
        playbook, *_more = re.findall(r"cloudresearch\.(\w+)", command)
        states = {lab: [key["status"] for key in control.keys(lab)] for lab in fleet.hosts}
        came_out.append((playbook, "--check" in command, states["psych"], states["leaves"]))
    assert came_out == [
        ("rotate", False, ["Active"], ["Active"]),
        ("suspend", True, ["Active"], ["Active"]),
        ("suspend", False, ["Inactive"], ["Active"]),
        ("retire", False, ["Inactive"], ["Active"]),
        ("retire", True, ["Inactive"], ["Active"]),
        ("retire", False, ["Inactive"], []),
    ]
    assert (operator.here / "reports" / "retired.html").exists()

    audit, merge, sums, query = commands("guide_report")
    operator.types(audit)
    merged = operator.here / "merged"
    (merged / "slices").mkdir(parents=True)
    report = (operator.here / "reports" / "fleet-report.json").read_text()
    (merged / "slices" / "1.json").write_text(report)
    operator.types(merge.replace("/srv/reports/mturk", str(merged)))
    labs = [lab["lab"] for lab in json.loads((merged / "fleet-report.json").read_text())["labs"]]
    assert sorted(labs) == ["leaves", "psych"]
    operator.types(sums)
    assert operator.types(query) == "", "every key's secret is stored"


def test_the_commands_of_the_guide_on_plans(fleet: Fleet) -> None:
    control, operator = fleet.simulator.control, Operator(fleet)
    fleet.add("hand")
    control.create_user("hand", "ada", policy_arns=[seed.POLICY_ARN])
    control.create_access_key("hand", "ada")
    operator.write("labs.yml", {"all": {"vars": fleet.variables, "hosts": fleet.hosts}})
    came_out = []
    _at_the_top, *typed = commands("guide_playbooks")
    for command in typed:
        operator.types(command)
        came_out.append((re.findall(r"cloudresearch\.(\w+)", command), [key["status"] for key in control.keys("hand")]))
    assert came_out == [
        (["audit"], ["Active"]),
        ([], ["Active"]),
        (["suspend"], ["Active"]),
        (["suspend"], ["Inactive"]),
        (["onboard"], ["Active"]),
        (["retire"], []),
    ]


def test_the_inventories_of_the_guide_list_what_it_shows(fleet: Fleet) -> None:
    tags = {"mturk": "production", "cloudresearch_email": "pi@example.edu"}
    fleet.simulator.control.create_labs(
        [
            {"name": name, "ou": f"Research/{unit}", "portal": False, "tags": {**tags, "lab": name.lower()}}
            for name, unit in (("Economics", "Economics"), ("Vision", "Vision"), ("Leaves", "Closing down"))
        ]
    )
    operator = Operator(fleet)
    page = RST / "guide_inventory.rst"
    for block in blocks(page, "yaml"):
        # Of two for the same plugin, the one whose name the guide gives.
        for name in re.findall(r"# (labs\.\w+\.yml)", block):
            operator.write(name, block)
    operator.write("labs.csv", blocks(page, "text")[0])
    source = yaml.safe_load((operator.here / "labs.aws_organization.yml").read_text())
    operator.write("labs.aws_organization.yml", {**source, "endpoint_url": fleet.simulator.aws_url})
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    keys = "".join(f"{name.lower()} = {operator.environment.pop(name)}\n" for name in names)
    operator.write("aws-config", f"[profile org-audit]\n{keys}")
    operator.environment["AWS_CONFIG_FILE"] = str(operator.here / "aws-config")
    tried = 0
    for session in sessions("guide_inventory"):
        command, *shown = session.strip().splitlines()
        answer = operator.types(command.removeprefix("$ ")).strip()
        if shown:
            assert answer.splitlines() == shown
            tried += 1
    assert tried == 2


def test_the_playbook_of_the_guide_on_the_portal_shows_the_pages_and_sends_nothing(fleet: Fleet) -> None:
    fleet.add("lab-01")
    operator = Operator(fleet)
    (playbook,) = [block for block in blocks(RST / "guide_portal.rst", "yaml+jinja") if block.startswith("# look.yml")]
    (play,) = yaml.safe_load(playbook)
    # Only the local stack's address is not from the guide.
    portal = {"portal_url": fleet.simulator.portal_url, "state_dir": str(fleet.directory / "state")}
    operator.write("look.yml", [{**play, "module_defaults": {"labops.cloudresearch.cloudresearch_link": portal}}])
    operator.write("inventory.yml", {"all": {"hosts": fleet.hosts}})
    (command,) = {line for line in commands("guide_portal") if line.startswith("ansible-playbook ")}
    shown = operator.types(command, answer="the password of the vault\n")
    assert "Sign in and read" in shown and '"page": "sign-in"' in shown and "Secret Access Key" in shown
    assert fleet.simulator.control.submissions(lab="lab-01") == []
    assert not pathlib.Path(portal["state_dir"], "passwords").exists()
