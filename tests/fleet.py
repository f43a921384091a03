# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet of labs on the local stack, and the real ansible-playbook run over it: for the demo, tests and benchmarks."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import typing as t

from tests.simulator.process import Simulator

PROJECT = pathlib.Path(__file__).resolve().parent.parent
COLLECTIONS = PROJECT / "build" / "collections"


def unmarked(value: t.Any) -> t.Any:
    """The value without ansible-inventory's marks of text that is no template."""
    if isinstance(value, dict):
        if list(value) == ["__ansible_unsafe"]:
            return value["__ansible_unsafe"]
        return {key: unmarked(item) for key, item in value.items()}
    return [unmarked(item) for item in value] if isinstance(value, list) else value


def tool(name: str) -> str:
    """The path of one of Ansible's commands; LABOPS_ANSIBLE_BIN names the directory of another Ansible to test with."""
    return str(pathlib.Path(os.environ.get("LABOPS_ANSIBLE_BIN", sys.prefix + "/bin")) / name)


# What every run of ours is checked for: what a later ansible-core or amazon.aws refuses, and results that it
# changes. The output is matched without its line breaks.
FOREBODING = re.compile(r"\[DEPRECATION WARNING\]: .{0,300}|\[WARNING\]: Value for result key .{0,200}")
# amazon.aws.iam_user says so in every run until amazon.aws 12, whatever its options are and whatever key is read; and
# amazon.aws 10 imports what ansible-core 2.20 deprecates, which none of our plugins does.
NOT_OURS = (
    "[DEPRECATION WARNING]: The 'iam_user' return key is deprecated and will be replaced by 'user'.",
    "[DEPRECATION WARNING]: Importing 'to_native' from 'ansible.module_utils._text' is deprecated.",
    "[DEPRECATION WARNING]: Importing 'to_text' from 'ansible.module_utils._text' is deprecated.",
)


class Foreboding(AssertionError):
    """A run printed a warning that a later release of Ansible or amazon.aws makes an error."""


def refuse_warnings(output: str) -> None:
    """Raise :class:`Foreboding` if a run's output has a warning that we must not wait for others to mend."""
    told = FOREBODING.findall(" ".join(output.split()))
    if ours := [warning for warning in told if not warning.startswith(NOT_OURS)]:
        raise Foreboding("\n".join(ours))


def type_command(command: str, here: pathlib.Path, environment: t.Mapping[str, str], *, answer: str = "") -> str:
    """Type a command line into a shell; it has to end well, without a warning. Its output.

    :param answer: what is typed when it asks.
    """
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=here,
        env=dict(environment),
        input=answer,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
        # Without a terminal, Ansible takes a password from standard input.
        start_new_session=True,
    )
    assert done.returncode == 0, (command, done.stdout)
    refuse_warnings(done.stdout)
    return done.stdout


@dataclasses.dataclass(frozen=True)
class Run:
    """One finished run of ansible-playbook.

    :param outcomes: C(lab_account_outcome) by lab, of the labs that have one.
    :param stats: Ansible's own counts by host (C(ok), C(changed), C(failures), ...).
    """

    return_code: int
    output: str
    outcomes: dict[str, dict[str, t.Any]]
    stats: dict[str, dict[str, int]]

    @property
    def told(self) -> str:
        """The output, and before it what the labs say that did not end well."""
        states = ("failed", "unknown")
        worst = [outcome["message"] for outcome in self.outcomes.values() if outcome.get("state") in states]
        return "\n".join([*worst, self.output])

    def changed(self) -> dict[str, int]:
        """Changed tasks by lab."""
        return {host: counts["changed"] for host, counts in self.stats.items() if host != "localhost"}


class Fleet:
    """Labs of a simulator as an inventory in a directory of its own, with a vault password and a store.

    :param directory: holds the inventory, the vault password, the store and what runs write.
    """

    def __init__(self, simulator: Simulator, directory: pathlib.Path) -> None:
        self.simulator = simulator
        self.directory = directory
        self.hosts: dict[str, dict[str, t.Any]] = {}
        self.variables: dict[str, t.Any] = {
            "lab_account_aws_endpoint_url": simulator.aws_url,
            "lab_account_mturk_production_endpoint_url": simulator.mturk_production_url,
            "lab_account_mturk_sandbox_endpoint_url": simulator.mturk_sandbox_url,
            "lab_account_portal_url": simulator.portal_url,
            "lab_account_portal_options": {"state_dir": str(directory / "state")},
            "lab_account_secret_store": {"type": "ansible_vault", "directory": str(self.store)},
        }
        directory.mkdir(parents=True, exist_ok=True)
        self.vault_password.write_text("the vault password of the fleet\n")
        self.vault_password.chmod(0o600)

    @property
    def store(self) -> pathlib.Path:
        """Where the vault-encrypted files are."""
        return self.directory / "secrets"

    @property
    def vault_password(self) -> pathlib.Path:
        """The file with the vault password."""
        return self.directory / "vault-password"

    @property
    def inventory(self) -> pathlib.Path:
        """The inventory file."""
        return self.directory / "labs.json"

    def add(self, name: str, **options: t.Any) -> dict[str, t.Any]:
        """Make a lab on the stack and put it in the inventory. Options are those of C(ControlClient.create_lab)."""
        lab = self.simulator.control.create_lab(name, **options)
        self.put(lab)
        return lab

    def put(self, lab: dict[str, t.Any]) -> None:
        """Put a lab that exists on the stack in the inventory."""
        variables = {"lab_account_aws_account_id": lab["account_id"]}
        if lab.get("portal", True):
            variables["lab_account_cloudresearch_email"] = lab["email"]
            variables["lab_account_cloudresearch_password"] = lab["password"]
        if lab.get("totp_secret"):
            variables["lab_account_cloudresearch_totp_secret"] = lab["totp_secret"]
        self.hosts[lab["name"]] = variables

    def environment(self, **more: str) -> dict[str, str]:
        """The environment of a run: the ops side's credentials, and nothing of the caller's Ansible settings."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AWS_"))}
        return {
            **kept,
            "AWS_ACCESS_KEY_ID": self.simulator.ops_access_key,
            "AWS_SECRET_ACCESS_KEY": self.simulator.ops_secret_key,
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_HOME": str(self.directory / "ansible-home"),
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_NOCOWS": "true",
            **more,
        }

    def command(self, playbook: str, *arguments: str) -> list[str]:
        """The command line of a run."""
        content = {"all": {"children": {"labs": {"hosts": self.hosts}}, "vars": self.variables}}
        self.inventory.write_text(json.dumps(content, indent=1))
        self.inventory.chmod(0o600)
        name = playbook if playbook.endswith(".yml") else f"labops.cloudresearch.{playbook}"
        vault = ["--vault-password-file", str(self.vault_password)]
        return [tool("ansible-playbook"), name, "-i", str(self.inventory), *vault, *arguments]

    def run(self, playbook: str, *arguments: str, timeout: float = 300, **environment: str) -> Run:
        """Run a playbook of the collection to its end and read what it left."""
        results = self.directory / "results.json"
        results.unlink(missing_ok=True)
        variables = self.environment(
            ANSIBLE_CALLBACK_PLUGINS=str(PROJECT / "tests" / "callbacks"),
            ANSIBLE_CALLBACKS_ENABLED="outcomes_to_file",
            LABOPS_OUTCOMES_FILE=str(results),
            **environment,
        )
        finished = subprocess.run(
            self.command(playbook, *arguments),
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        refuse_warnings(finished.stdout)
        written = json.loads(results.read_text()) if results.exists() else {"outcomes": {}, "stats": {}}
        return Run(finished.returncode, finished.stdout, written["outcomes"], written["stats"])

    def start(self, playbook: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start a run in a process group of its own, stopped, so that a caller can arm something before it goes on.

        Send it C(SIGCONT) to let it go.
        """
        output = (self.directory / "output.log").open("ab")
        process = subprocess.Popen(
            # The shell stops itself before it becomes ansible-playbook.
            ["/bin/sh", "-c", 'kill -STOP $$; exec "$@"', "sh", *self.command(playbook, *arguments)],
            env=self.environment(**environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        output.close()
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        return process

    @staticmethod
    def let_go(process: subprocess.Popen[bytes]) -> None:
        """Let a run that C(start) made go on."""
        os.kill(process.pid, signal.SIGCONT)
