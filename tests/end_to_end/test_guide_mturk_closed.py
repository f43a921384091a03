# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guide for after MTurk's closing, pasted command by command over an organization that nobody prepared."""

from __future__ import annotations

import csv
import os
import pathlib
import re
import subprocess
import textwrap

import yaml

from tests.fleet import PROJECT, Fleet, tool

GUIDE = (PROJECT / "docs" / "docsite" / "rst" / "guide_mturk_closed.rst").read_text()
MTURK = "arn:aws:iam::aws:policy/AmazonMechanicalTurkFullAccess"


def blocks(language: str) -> list[str]:
    """The guide's code blocks of a language."""
    found = re.findall(rf"^\.\. code-block:: {language}\n\n((?:    .*\n|\n)+)", GUIDE, re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


def commands() -> list[str]:
    """What an operator types, in order, without what needs Galaxy; the guide begins with one that it repeats."""
    joined = "".join(blocks("console")).replace("\\\n", "")
    lines = [line.removeprefix("$ ") for line in joined.splitlines() if line.startswith("$ ")]
    return [line for line in lines if not line.startswith(("pip ", "ansible-galaxy "))][1:]


def keys_in(report: pathlib.Path) -> list[dict[str, str]]:
    with (report / "fleet-report-keys.csv").open(newline="", encoding="utf-8-sig") as stream:
        return list(csv.DictReader(stream))


def test_from_an_organization_to_the_evidence(fleet: Fleet) -> None:
    control = fleet.simulator.control
    for lab in ("hand-made", "group", "clean"):
        control.create_lab(lab, portal=False)
    control.create_user("hand-made", "old-mturk", policy_arns=[MTURK])
    live = {control.create_access_key("hand-made", "old-mturk")["access_key_id"]}
    control.create_user("group", "postdoc", policy_arns=[MTURK])
    live |= {control.create_access_key("group", "postdoc")["access_key_id"] for _key in range(2)}
    control.create_user("clean", "reader", policy_arns=["arn:aws:iam::aws:policy/ReadOnlyAccess"])
    control.create_access_key("clean", "reader")

    here = fleet.directory / "operator"
    (here / "group_vars").mkdir(parents=True)
    inventory, variables, _known = blocks("yaml")
    # Only the local stack's addresses are not from the guide.
    endpoints = {name: value for name, value in fleet.variables.items() if name.endswith("_url")}
    source = {**yaml.safe_load(inventory), "endpoint_url": fleet.simulator.aws_url}
    (here / "labs.aws_organization.yml").write_text(yaml.safe_dump(source))
    (here / "group_vars" / "all.yml").write_text(yaml.safe_dump({**yaml.safe_load(variables), **endpoints}))

    environment = fleet.environment()
    environment["PATH"] = f"{os.path.dirname(tool('ansible-playbook'))}:{environment['PATH']}"
    states = []
    for command in commands():
        if command.startswith("export "):
            name, _equals, value = command.removeprefix("export ").partition("=")
            if name != "AWS_PROFILE":
                environment[name] = value
            continue
        run = subprocess.run(
            ["bash", "-c", command],
            cwd=here,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
            check=False,
        )
        assert run.returncode == 0, (command, run.stdout)
        if command.startswith("ansible-playbook"):
            playbook, *_more = re.findall(r"cloudresearch\.(\w+)", command)
            status = {
                key["access_key_id"]: key["status"] for lab in ("hand-made", "group") for key in control.keys(lab)
            }
            states.append((playbook, "--check" in command, {status[key] for key in live & status.keys()}))
    assert states == [
        ("audit", False, {"Active"}),
        ("suspend", True, {"Active"}),
        ("suspend", False, {"Inactive"}),
        ("onboard", True, {"Inactive"}),
        ("retire", True, {"Inactive"}),
        ("retire", False, set()),
        ("audit", False, set()),
    ]
    rows = {key["access_key_id"]: key for key in keys_in(here / "reports") if key["mturk_right"] == "yes"}
    assert {key_id: row["status"] for key_id, row in rows.items()} == dict.fromkeys(live, "deleted")
    assert all(row["suspended_on"] and row["retired_on"] and row["request_id"] for row in rows.values())
