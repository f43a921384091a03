# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the README tells operators to write and to run works as written, from the inventory to the retirement."""

from __future__ import annotations

import os
import re

import pytest
import yaml

from tests.fleet import PROJECT, Fleet, Foreboding, refuse_warnings, tool, type_command

README = (PROJECT / "README.md").read_text()
PASSWORD = "the operator's vault password"


def blocks(language: str) -> list[str]:
    """The README's code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """The lines that an operator types, but for those that need Galaxy or that a developer types."""
    lines = [line[2:] for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]
    return [line for line in lines if line.startswith(("ansible-playbook ", "export "))]


def test_the_commands_of_the_readme_do_what_it_says(fleet: Fleet) -> None:
    (inventory,) = blocks("yaml")
    labs = yaml.safe_load(inventory)["all"]["hosts"]
    here = fleet.directory / "operator"
    (here / "group_vars").mkdir(parents=True)
    (here / "labs.yml").write_text(inventory)
    secrets = {}
    for name, variables in labs.items():
        made = fleet.simulator.control.create_lab(
            name,
            account_id=variables["lab_account_aws_account_id"],
            email=variables["lab_account_cloudresearch_email"],
            totp_secret="lab_account_cloudresearch_totp_secret" in variables or None,
        )
        short = name.rpartition("-")[2]
        secrets |= {f"vault_{short}_password": made["password"], f"vault_{short}_totp": made["totp_secret"]}
    # Only the local stack's addresses are not from the README.
    endpoints = {name: value for name, value in fleet.variables.items() if name.endswith("_url")}
    (here / "group_vars" / "all.yml").write_text(yaml.safe_dump({**secrets, **endpoints}))

    environment = fleet.environment()
    environment["PATH"] = f"{os.path.dirname(tool('ansible-playbook'))}:{environment['PATH']}"
    outputs: dict[str, str] = {}
    for command in commands():
        if command.startswith("export "):
            name, _equals, value = command.removeprefix("export ").partition("=")
            environment[name] = value
            continue
        outputs[command] = type_command(command, here, environment, answer=f"{PASSWORD}\n")

    words = [re.findall(r"cloudresearch\.(\w+) .*?(--check|retire_confirm|$)", command)[0] for command in outputs]
    assert words == [
        ("onboard", "--check"),
        ("onboard", ""),
        ("audit", ""),
        ("rotate", ""),
        ("retire", "--check"),
        ("retire", "retire_confirm"),
    ]
    assert list((here / "reports").glob("*.html"))
    control = fleet.simulator.control
    assert control.keys("psychology-smith") == []
    (key,) = control.keys("linguistics-jones")
    # It is not 90 days old, so the rotation left it alone.
    assert [entry["access_key_id"] for entry in control.submissions(lab="linguistics-jones")] == [key["access_key_id"]]
    assert [path.name for path in (here / "lab_keys").glob("[!_]*.yml")] == ["linguistics-jones.yml"]


def test_a_run_with_a_warning_of_what_will_break_fails() -> None:
    refuse_warnings("[WARNING]: The inventory is empty\nok: [lab-01]")
    # Wrapped at the width of a terminal, as ansible-core 2.18 does.
    refuse_warnings(
        "[DEPRECATION WARNING]: The 'iam_user' return key is deprecated and will be \nreplaced by 'user'. Both"
    )
    for line in (
        "[DEPRECATION WARNING]: Passing conditionals as a string is deprecated.",
        "[WARNING]: Value for result key 'finished' of type str was converted to bool.",
    ):
        with pytest.raises(Foreboding):
            refuse_warnings(f"ok: [lab-01]\n{line}\n")
