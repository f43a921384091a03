# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""amazon_aws: a stock module, unchanged, in a lab's account, whatever credentials lie about."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from tests.simulator.process import Simulator
from tests.stack.ansible_tasks import Task, run_tasks

pytestmark = pytest.mark.timeout(240)

USER = "cloudresearch-mturk"


def test_a_stock_module_in_a_labs_account(simulator: Simulator, tmp_path: pathlib.Path) -> None:
    simulator.control.reset()
    labs = {name: simulator.control.create_lab(name, portal=False) for name in ("here", "there", "closed")}
    simulator.control.delete_role("closed")
    (tmp_path / "aws-config").write_text("[profile ops]\nregion = us-east-1\n")
    endpoint = {"endpoint_url": simulator.aws_url, "region": "us-east-1"}
    ops = {"access_key": simulator.ops_access_key, "secret_key": simulator.ops_secret_key}

    def run_in(
        name: str, lab: str, options: dict[str, t.Any], module: str = "amazon.aws.iam_user", **keywords: t.Any
    ) -> Task:
        arguments: dict[str, t.Any] = {"module": module, "options": {**endpoint, **options}}
        if lab:
            arguments["assume_role_arn"] = labs[lab]["role_arn"]
        return {"name": name, "labops.cloudresearch.amazon_aws": arguments, **keywords}

    nobody = {"AWS_ACCESS_KEY_ID": "AKIANOSUCHKEY0000000", "AWS_SECRET_ACCESS_KEY": "nonsense"}
    present = {"name": USER, "state": "present", "tags": {"a": "b"}}
    run = run_tasks(
        tmp_path,
        [
            run_in("predicted", "here", present, check_mode=True),
            run_in("made", "here", present),
            run_in("there already", "here", present),
            run_in(
                "aliases",
                "there",
                {**present, "aws_access_key": ops["access_key"], "aws_secret_key": ops["secret_key"]},
            ),
            run_in("profile of the environment", "there", present, environment={"AWS_PROFILE": "ops"}),
            run_in("credentials of the environment keyword", "here", present, environment=nobody),
            run_in("without a role", "", {**present, "name": "in-management"}),
            run_in("another module", "here", {}, module="amazon.aws.iam_user_info"),
            run_in("role missing", "closed", present),
            run_in("not of amazon.aws", "here", {}, module="ansible.builtin.ping"),
            run_in("no such module", "here", {}, module="amazon.aws.no_such_module"),
            run_in("wrong option", "here", {**present, "nonsense": 1}),
            {"name": "no module", "labops.cloudresearch.amazon_aws": {"options": {}}},
            {
                "name": "no role",
                "labops.cloudresearch.amazon_aws": {
                    "module": "amazon.aws.iam_user",
                    "assume_role_arn": "OrganizationAccountAccessRole",
                },
            },
        ],
        "-vvv",
        AWS_ACCESS_KEY_ID=simulator.ops_access_key,
        AWS_SECRET_ACCESS_KEY=simulator.ops_secret_key,
        AWS_CONFIG_FILE=str(tmp_path / "aws-config"),
    )

    def outcome(name: str) -> tuple[str, bool]:
        return run.entry(name)["outcome"], run.result(name)["changed"]

    assert outcome("predicted") == outcome("made") == ("ok", True), run.result("made")
    assert outcome("there already") == ("ok", False)
    account = labs["here"]["account_id"]
    assert run.result("made")["user"]["arn"] == f"arn:aws:iam::{account}:user/{USER}"
    # The alias is the ops key's; the user is made in the lab all the same.
    there = labs["there"]["account_id"]
    assert outcome("aliases") == ("ok", True), run.result("aliases")
    assert run.result("aliases")["user"]["arn"] == f"arn:aws:iam::{there}:user/{USER}"
    assert outcome("profile of the environment") == ("ok", False), run.result("profile of the environment")
    management = simulator.management_account_id
    assert run.result("without a role")["user"]["arn"] == f"arn:aws:iam::{management}:user/in-management"
    assert [user["user_name"] for user in run.result("another module")["iam_users"]] == [USER]

    failed = {name: run.result(name) for name in run_names(run.results) if run.entry(name)["outcome"] == "failed"}
    assert failed.pop("credentials of the environment keyword")["reason"] == "invalid_credentials"
    assert set(failed) == {
        "role missing",
        "not of amazon.aws",
        "no such module",
        "wrong option",
        "no module",
        "no role",
    }
    assert failed["role missing"]["reason"] == "role_not_assumable" and failed["role missing"]["next_step"]
    assert labs["closed"]["role_arn"] in failed["role missing"]["msg"]
    assert "ansible.builtin.ping" in failed["not of amazon.aws"]["msg"]
    assert "amazon.aws.no_such_module" in failed["no such module"]["msg"]
    assert "nonsense" in failed["wrong option"]["msg"]
    assert "module" in failed["no module"]["msg"]
    assert "arn:aws:iam::" in failed["no role"]["next_step"]

    everything = run.output + json.dumps(run.results)
    secrets = simulator.control.issued_secrets()
    leaked = [value for kind in secrets for value in secrets[kind] if value in everything]
    assert leaked == []


def run_names(results: list[dict[str, t.Any]]) -> list[str]:
    return [entry["task"] for entry in results]


def test_the_role_is_assumed_once(simulator: Simulator, tmp_path: pathlib.Path) -> None:
    """The role is assumed once a task, and nothing but what the module asks reaches AWS."""
    simulator.control.reset()
    lab = simulator.control.create_lab("counted", portal=False)
    options = {"endpoint_url": simulator.aws_url, "region": "us-east-1", "name": USER, "state": "present"}
    task = {"module": "amazon.aws.iam_user", "assume_role_arn": lab["role_arn"], "options": options}
    run_tasks(
        tmp_path,
        [{"name": "made", "labops.cloudresearch.amazon_aws": task}],
        AWS_ACCESS_KEY_ID=simulator.ops_access_key,
        AWS_SECRET_ACCESS_KEY=simulator.ops_secret_key,
    )
    actions = [call["action"] for call in simulator.control.calls()]
    assert actions.count("AssumeRole") == 1 and actions.count("CreateUser") == 1
    assert "GetCallerIdentity" not in actions
