# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection aws_account: whatever a task is, it runs in the host's account, and as it would run anywhere else."""

from __future__ import annotations

import fcntl
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import typing as t

import pytest

from tests.simulator.process import Simulator
from tests.stack.ansible_tasks import Task, TaskRun, command_and_environment, inside, run_tasks

pytestmark = pytest.mark.timeout(240)

MODULES = pathlib.Path(__file__).parent / "modules"
# What an operator has in the environment, and a task must not find there.
SECRETS = {
    "VAULT_TOKEN": "operators-vault-token",
    "BAO_TOKEN": "operators-openbao-token",
    "ANSIBLE_HASHI_VAULT_TOKEN": "operators-lookup-token",
    "ANSIBLE_VAULT_IDENTITY": "operators-vault-identity",
    "GITHUB_TOKEN": "operators-github-token",
    "LAB_PORTAL_PASSWORD": "operators-portal-password",
}
OURS = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_CA_BUNDLE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_EC2_METADATA_DISABLED",
}


def probe(name: str, **arguments: t.Any) -> Task:
    keywords = {key: arguments.pop(key) for key in ("environment", "check_mode", "diff", "no_log") if key in arguments}
    return {"name": name, "account_probe": arguments, **keywords}


@pytest.fixture
def ops(simulator: Simulator, tmp_path: pathlib.Path) -> dict[str, str]:
    """The operator's environment: keys, a profile that is there as well, and much that is nobody's business."""
    simulator.control.reset()
    bundle = tmp_path / "authorities.pem"
    bundle.write_text("")
    (tmp_path / "aws-config").write_text(
        f"[profile ops]\nregion = eu-west-3\nca_bundle = {bundle}\n"
        "[profile keyed]\naws_access_key_id = AKIANOBODYSKEY000000\naws_secret_access_key = nothing\n"
    )
    return {
        "AWS_ACCESS_KEY_ID": simulator.ops_access_key,
        "AWS_SECRET_ACCESS_KEY": simulator.ops_secret_key,
        "AWS_PROFILE": "ops",
        "AWS_CONFIG_FILE": str(tmp_path / "aws-config"),
        "ANSIBLE_LIBRARY": str(MODULES),
        **SECRETS,
    }


def ordinary_python(directory: pathlib.Path) -> str:
    """This Python by another name, which the connection does not recognise."""
    path = directory / "python"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    path.chmod(0o755)
    return str(path)


def comparable(result: t.Any, account_id: str) -> t.Any:
    """A result without what differs from run to run: the account, ids, moments, temporary names, interpreters."""
    text = json.dumps(result, sort_keys=True).replace(account_id, "ACCOUNT")
    own = "access_key|user_id|request_id|x-amzn-requestid|date|_original_basename"
    text = re.sub(rf'"({own})": "[^"]*"', r'"\1": "OWN"', text)
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[\d.:+Z]*", "MOMENT", text)
    text = re.sub(
        r"ansible_[\w.]+_payload_\w+|ansible-tmp-[\d.-]+|\.ansible_async/[\w.]+|j\d+\.\d+|0:00:\d+\.\d+", "TMP", text
    )
    return json.loads(text)


def test_whatever_a_task_is(simulator: Simulator, ops: dict[str, str], tmp_path: pathlib.Path) -> None:
    """The same tasks in a fork and in a new Python, in two accounts; the results are equal."""
    labs = {name: simulator.control.create_lab(name, portal=False) for name in ("forked", "ordinary")}
    hosts = {name: inside(lab["account_id"], simulator.aws_url) for name, lab in labs.items()}
    hosts["ordinary"]["ansible_python_interpreter"] = ordinary_python(tmp_path)
    user = {"name": "cloudresearch-mturk", "state": "present", "tags": {"a": "b"}}
    run = run_tasks(
        tmp_path,
        [
            {"name": "made", "amazon.aws.iam_user": user},
            {"name": "refused", "amazon.aws.iam_user": {**user, "managed_policies": ["arn:aws:iam::aws:policy/None"]}},
            {"name": "looped", "account_probe": {"do": "nothing", "number": "{{ item }}"}, "loop": [1, 2]},
            {"name": "command", "ansible.builtin.command": "printenv AWS_REGION"},
            {"name": "shell", "ansible.builtin.shell": "printf out; printf err >&2; exit 5"},
            {
                "name": "copied",
                "ansible.builtin.copy": {"content": "ä\n", "dest": str(tmp_path / "{{ inventory_hostname }}.txt")},
            },
            {"name": "later", "ansible.builtin.command": "printenv AWS_REGION", "async": 30, "poll": 1},
            {"name": "facts", "ansible.builtin.setup": {"gather_subset": ["!all", "env"]}, "no_log": True},
            probe("warns", do="warn"),
            probe("crashes", do="crash"),
            probe("exits with text", do="exit with text"),
            probe("fails", do="fail", secret="a-secret-of-the-task"),
            probe("writes bytes", do="bytes"),
            probe("wrong option", do="nothing", nonsense=1),
            probe("checks", do="change", check_mode=True, diff=True),
            probe("hides", do="change", secret="a-secret-of-the-task", no_log=True),
            probe("takes an environment", do="environment", environment={"A": "b 'c' \"d\" $HOME", "TZ": "Asia/Tokyo"}),
            probe("takes another locale", do="environment", environment={"LC_ALL": "C"}),
        ],
        "-vvv",
        hosts=hosts,
        **ops,
    )
    forked, ordinary = (
        {
            entry["task"]: (entry["outcome"], comparable(entry["result"], labs[name]["account_id"]))
            for entry in run.results
            if entry["host"] == name and not entry["task"].startswith("takes")
        }
        for name in ("forked", "ordinary")
    )
    text = json.dumps(ordinary).replace("ordinary", "forked").replace(str(tmp_path / "python"), sys.executable)
    assert forked == {task: tuple(found) for task, found in json.loads(text).items()}

    assert forked["made"][1]["changed"] is True
    assert (
        run.result("made", "forked")["user"]["arn"]
        == f"arn:aws:iam::{labs['forked']['account_id']}:user/{user['name']}"
    )
    assert forked["refused"][0] == "failed" and forked["refused"][1]["error"]["code"] == "NoSuchEntity"
    assert [item["params"]["number"] for item in forked["looped"][1]["results"]] == [1, 2]
    assert forked["command"][1]["stdout"] == forked["later"][1]["stdout"] == "us-east-1"
    assert [forked["shell"][1][key] for key in ("stdout", "stderr", "rc")] == ["out", "err", 5]
    assert (tmp_path / "forked.txt").read_text() == "ä\n"
    assert forked["warns"][1]["warnings"] == ["look out"] and "soon gone" in str(forked["warns"][1]["deprecations"])
    assert forked["crashes"][0] == "failed" and "this module crashed" in str(forked["crashes"][1])
    assert "text instead of a result" in str(forked["exits with text"][1])
    assert forked["checks"][1]["check_mode"] is True and forked["checks"][1]["diff"]["after"] == "b\n"
    assert "a-secret-of-the-task" not in run.output + json.dumps(run.results)
    assert run.output.count("<forked> RUN IN A FORK") > 15 and "<ordinary> RUN IN A FORK" not in run.output
    for host in hosts:
        assert_only_the_accounts(run, host, simulator)


def assert_only_the_accounts(run: TaskRun, host: str, simulator: Simulator) -> None:
    """The environment of a task holds the account's credentials, what the task adds, and nothing of the operator's."""
    result = run.result("takes an environment", host)
    assert (result["own"]["A"], result["own"]["TZ"]) == ("b 'c' \"d\" $HOME", "Asia/Tokyo")
    assert {name for name in result["own"] if name.startswith("AWS_")} == OURS
    assert result["own"]["AWS_CONFIG_FILE"] == result["own"]["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert result["own"]["AWS_REGION"] == result["own"]["AWS_DEFAULT_REGION"] == "us-east-1"
    assert result["own"]["AWS_ENDPOINT_URL"] == simulator.aws_url
    assert result["own"]["AWS_CA_BUNDLE"].endswith("/authorities.pem")
    for found in (json.dumps(result["own"]), result["shown"], result["inherited"]):
        assert [secret for secret in (*SECRETS.values(), simulator.ops_secret_key) if secret in found] == []
    assert f"AWS_SESSION_TOKEN={result['own']['AWS_SESSION_TOKEN']}" in result["inherited"]
    assert run.result("takes another locale", host)["own"]["LC_ALL"] == "C"


def test_the_wrong_account_is_never_worked_in(
    simulator: Simulator, ops: dict[str, str], tmp_path: pathlib.Path
) -> None:
    labs = {name: simulator.control.create_lab(name, portal=False) for name in ("role", "closed", "other")}
    simulator.control.delete_role("closed")
    where = inside("", simulator.aws_url)
    del where["ansible_aws_account_id"]
    management = simulator.management_account_id
    hosts: dict[str, dict[str, t.Any]] = {
        "role": {**where, "ansible_aws_account_role_arn": labs["role"]["role_arn"]},
        "by_role_variables": {**where, "lab_account_aws_account_id": labs["other"]["account_id"]},
        "own": {**where, "ansible_aws_account_ambient_credentials": True},
        # The same account as the one before, at the same time.
        "own_by_id": {
            **where,
            "ansible_aws_account_id": management,
            "ansible_aws_account_role_name": "",
            "user": "made-by-id",
        },
        "undeclared": where,
        "mistyped": {**where, "ansible_aws_account_id": "1234"},
        "contradictory": {
            **where,
            "ansible_aws_account_id": labs["other"]["account_id"],
            "ansible_aws_account_role_arn": labs["role"]["role_arn"],
        },
        "not_own": {
            **where,
            "ansible_aws_account_id": labs["other"]["account_id"],
            "ansible_aws_account_role_name": "",
        },
        "closed": {**where, "ansible_aws_account_id": labs["closed"]["account_id"]},
        "nobody": {**where, "ansible_aws_account_profile": "keyed"},
        "no_profile": {**where, "ansible_aws_account_profile": "misspelt"},
    }
    run = run_tasks(
        tmp_path,
        [
            {
                "name": "tried",
                "block": [
                    {
                        "name": "user",
                        "amazon.aws.iam_user": {"name": "{{ user | default('made') }}", "state": "present"},
                    }
                ],
                "rescue": [
                    {
                        "name": "rescued",
                        "ansible.builtin.debug": {"msg": "{{ ansible_failed_result.reason | default('') }}"},
                    }
                ],
            },
        ],
        hosts=hosts,
        play={"ignore_errors": False},
        **ops,
    )
    assert not [entry for entry in run.results if entry["outcome"] == "unreachable"]
    failed = {entry["host"]: entry["result"] for entry in run.results if entry["outcome"] == "failed"}
    made = {entry["host"]: entry["result"]["user"]["arn"] for entry in run.results if "user" in entry["result"]}
    assert made == {
        "role": f"arn:aws:iam::{labs['role']['account_id']}:user/made",
        "by_role_variables": f"arn:aws:iam::{labs['other']['account_id']}:user/made",
        "own": f"arn:aws:iam::{management}:user/made",
        "own_by_id": f"arn:aws:iam::{management}:user/made-by-id",
    }
    # Its keys are asked by nobody but the module: no role, no account to compare with.
    assert failed.pop("nobody")["error"]["code"] == "InvalidClientTokenId"
    assert {host: result["reason"] for host, result in failed.items()} == {
        "undeclared": "no_account",
        "mistyped": "invalid_options",
        "contradictory": "wrong_account",
        "not_own": "wrong_account",
        "closed": "role_not_assumable",
        "no_profile": "no_credentials",
    }
    assert all(result["next_step"] in result["msg"] for result in failed.values())
    rescued = {entry["host"]: entry["result"]["msg"] for entry in run.results if entry["task"] == "rescued"}
    del rescued["nobody"]
    assert rescued == {host: result["reason"] for host, result in failed.items()}


def test_aws_is_asked_for_nothing_but_what_tasks_need(
    simulator: Simulator, ops: dict[str, str], tmp_path: pathlib.Path
) -> None:
    """One role assumed a task, also for a loop, and none for what has nothing to run."""
    lab = simulator.control.create_lab("counted", portal=False)
    run = run_tasks(
        tmp_path,
        [
            {"name": "set", "ansible.builtin.set_fact": {"here": True}},
            {"name": "reset", "ansible.builtin.meta": "reset_connection"},
            {"name": "loop", "ansible.builtin.command": "true", "loop": [1, 2, 3]},
        ],
        hosts={"counted": inside(lab["account_id"], simulator.aws_url)},
        **ops,
    )
    assert run.return_code == 0, run.output
    assert [call["action"] for call in simulator.control.calls() if call["action"] != "create_lab"] == ["AssumeRole"]


def test_a_tasks_environment_does_not_lead_out_of_the_account(
    simulator: Simulator, ops: dict[str, str], tmp_path: pathlib.Path
) -> None:
    """Neither in a fork nor in a new Python, a command, a script or a job that goes on; set by whatever is around."""
    labs = {name: simulator.control.create_lab(name, portal=False) for name in ("forked", "ordinary")}
    hosts = {name: inside(lab["account_id"], simulator.aws_url) for name, lab in labs.items()}
    hosts["ordinary"]["ansible_python_interpreter"] = ordinary_python(tmp_path)
    keys = {"AWS_ACCESS_KEY_ID": simulator.ops_access_key, "AWS_SECRET_ACCESS_KEY": simulator.ops_secret_key}
    script = tmp_path / "script.sh"
    script.write_text("#!/bin/sh\nprintenv AWS_ACCESS_KEY_ID\n")
    user = {"name": "out-of-its-account", "state": "present"}
    refused: list[Task] = [
        {"name": "module", "amazon.aws.iam_user": user, "environment": keys},
        {"name": "profile", "amazon.aws.iam_user": user, "environment": {"AWS_PROFILE": "ops"}},
        {"name": "command", "ansible.builtin.command": "true", "environment": keys},
        {"name": "script", "ansible.builtin.script": str(script), "environment": keys},
        {"name": "later", "ansible.builtin.command": "true", "async": 30, "poll": 1, "environment": keys},
        {
            "name": "files",
            "amazon.aws.iam_user": user,
            "environment": keys,
            "vars": {"ansible_aws_account_pipelining": False},
        },
        {"name": "ours", "labops.cloudresearch.mturk_requester_check": {}, "environment": keys},
        {"name": "in a block", "block": [{"name": "inner", "amazon.aws.iam_user": user}], "environment": keys},
    ]
    run = run_tasks(tmp_path, refused, hosts=hosts, **ops)
    for host in hosts:
        for task in refused:
            entry = run.entry("inner" if task["name"] == "in a block" else task["name"], host)
            assert (entry["outcome"], entry["result"].get("reason")) == ("failed", "invalid_options"), entry
            assert "AWS_" in entry["result"]["msg"] and "ansible-playbook itself" in entry["result"]["next_step"]
    assert not [call for call in simulator.control.calls() if call["action"] == "CreateUser"]
    assert simulator.ops_secret_key not in run.output + json.dumps(run.results)


def test_an_interruption_leaves_nothing_running(
    simulator: Simulator, ops: dict[str, str], tmp_path: pathlib.Path
) -> None:
    """The module holds a lock as long as it lives."""
    lab = simulator.control.create_lab("interrupted", portal=False)
    lock, started = tmp_path / "lock", tmp_path / "lock.started"
    os.mkfifo(started)
    command, environment = command_and_environment(
        tmp_path,
        [probe("waits", do="wait", path=str(lock))],
        hosts={"interrupted": inside(lab["account_id"], simulator.aws_url)},
        **ops,
    )
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    ) as process:
        started.read_text()
        process.send_signal(signal.SIGINT)
        assert process.wait() != 0
    with lock.open() as file:
        # The worker may end a moment after ansible-playbook; the module would hold this for ten minutes.
        fcntl.flock(file, fcntl.LOCK_EX)
