# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a list of tasks with the real ansible-playbook and gives back every task's whole result.

One process for many tasks: each start of ansible-playbook costs a second.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import typing as t

from tests.fleet import COLLECTIONS, PROJECT

Task = dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class TaskRun:
    """A finished run.

    :param results: what C(results_to_file) wrote, in order: C(host), C(task), C(outcome), C(result).
    """

    return_code: int
    output: str
    results: list[dict[str, t.Any]]

    def entry(self, task: str, host: str = "localhost") -> dict[str, t.Any]:
        """The one entry of a task on a host."""
        found = [entry for entry in self.results if (entry["task"], entry["host"]) == (task, host)]
        assert len(found) == 1, f"{len(found)} results of {task!r} on {host}:\n{self.output}"
        return found[0]

    def result(self, task: str, host: str = "localhost") -> dict[str, t.Any]:
        """The result of a task on a host."""
        return t.cast("dict[str, t.Any]", self.entry(task, host)["result"])


def control(name: str, operation: str, **arguments: t.Any) -> Task:
    """A task that tells the local stack something; the run needs E(LABOPS_CONTROL_URL)."""
    return {"name": name, "stack_control": {"operation": operation, "arguments": arguments}}


def inside(account_id: str, endpoint_url: str) -> dict[str, t.Any]:
    """The variables of a task that is to run inside an account of the local stack."""
    return {
        "ansible_connection": "labops.cloudresearch.aws_account",
        "ansible_aws_account_id": account_id,
        "ansible_aws_account_endpoint_url": endpoint_url,
    }


def ansible_bin() -> pathlib.Path:
    """Where the ansible commands to test with are: E(LABOPS_ANSIBLE_BIN), else beside this Python."""
    return pathlib.Path(os.environ.get("LABOPS_ANSIBLE_BIN", sys.prefix + "/bin"))


def run_tasks(
    directory: pathlib.Path,
    tasks: list[Task],
    *arguments: str,
    hosts: t.Mapping[str, dict[str, t.Any]] | None = None,
    play: dict[str, t.Any] | None = None,
    collections: t.Sequence[pathlib.Path] = (),
    timeout: float = 200,
    **environment: str,
) -> TaskRun:
    """Run tasks on hosts, each of them local unless its variables say otherwise.

    :param directory: for the files of the run.
    :param hosts: host variables by host; V(localhost) alone if not given.
    :param play: further keywords of the play.
    :param collections: directories with collections besides ours.
    :param environment: added to the run's environment, which has nothing of the caller's Ansible or AWS settings.
    """
    command, variables = command_and_environment(
        directory, tasks, *arguments, hosts=hosts, play=play, collections=collections, **environment
    )
    finished = subprocess.run(
        command,
        cwd=directory,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )
    results = pathlib.Path(variables["LABOPS_RESULTS_FILE"])
    written = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    return TaskRun(finished.returncode, finished.stdout, written)


def command_and_environment(
    directory: pathlib.Path,
    tasks: list[Task],
    *arguments: str,
    hosts: t.Mapping[str, dict[str, t.Any]] | None = None,
    play: dict[str, t.Any] | None = None,
    collections: t.Sequence[pathlib.Path] = (),
    **environment: str,
) -> tuple[list[str], dict[str, str]]:
    """The command and the environment of a run, whose files are made; to be run in C(directory). See C(run_tasks)."""
    directory.mkdir(parents=True, exist_ok=True)
    names = [task["name"] for task in tasks]
    assert len(set(names)) == len(names), "names tell results apart"
    defaults = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    inventory = {
        "all": {"hosts": {name: {**defaults, **found} for name, found in (hosts or {"localhost": {}}).items()}}
    }
    whole_play = {"hosts": "all", "gather_facts": False, "ignore_errors": True, **(play or {}), "tasks": tasks}
    (directory / "inventory.json").write_text(json.dumps(inventory))
    (directory / "playbook.json").write_text(json.dumps([whole_play]))
    (directory / "ansible.cfg").touch()
    results = directory / "results.jsonl"
    results.unlink(missing_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AWS_"))}
    home = directory / "home"
    home.mkdir(exist_ok=True)
    variables = {
        **kept,
        "HOME": str(home),
        "ANSIBLE_CONFIG": str(directory / "ansible.cfg"),
        "ANSIBLE_HOME": str(home / ".ansible"),
        # A local shell takes ~ from the user database, not from HOME.
        "ANSIBLE_REMOTE_TEMP": str(home / ".ansible" / "tmp"),
        "ANSIBLE_ASYNC_DIR": str(home / ".ansible_async"),
        "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join([str(COLLECTIONS), *map(str, collections)]),
        "ANSIBLE_ACTION_PLUGINS": str(PROJECT / "tests" / "stack" / "action_plugins"),
        "ANSIBLE_CALLBACK_PLUGINS": str(PROJECT / "tests" / "callbacks"),
        "ANSIBLE_CALLBACKS_ENABLED": "results_to_file",
        "ANSIBLE_NOCOWS": "true",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "LABOPS_RESULTS_FILE": str(results),
        **environment,
    }
    return [str(ansible_bin() / "ansible-playbook"), "playbook.json", "-i", "inventory.json", *arguments], variables
