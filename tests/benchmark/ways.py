# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways to do the same job, each over labs of its own on a local stack of its own, and one to do nothing."""

from __future__ import annotations

import collections
import json
import pathlib
import re
import sys
import typing as t

from tests import seed
from tests.benchmark import measure
from tests.fleet import Fleet, tool
from tests.simulator.process import Simulator

HERE = pathlib.Path(__file__).resolve().parent

# The kinds of work, in the order in which they can be done.
WORKS = {
    "onboard": "first onboarding",
    "record": "re-run, portal by record",
    "page": "re-run, portal looked at",
    "audit": "audit with discovery",
    "rotate": "rotation",
    "suspend": "suspension",
    "retire": "retirement",
}
# What can be done again and again, because it leaves a lab as it was.
REPEATABLE = ("record", "page", "audit")
# Works that are a playbook of their own, here and in the role of stock modules.
PLAYBOOKS = ("audit", "rotate", "suspend", "retire")

# The start of the names of labs.
LAB = "lab-"

# What is no call of the program that is measured.
NOT_COUNTED = ("control", "requester")


class Way:
    """One way to take care of labs.

    :param labs: how many labs to make on the stack.
    :param at_once: how many labs are taken care of at the same time (Ansible: forks).
    """

    name = ""
    title = ""

    def __init__(self, simulator: Simulator, directory: pathlib.Path, labs: int, at_once: int) -> None:
        self.simulator = simulator
        self.directory = directory
        self.at_once = at_once
        self.fleet = Fleet(simulator, directory)
        self.labs = simulator.control.create_labs([{"name": f"{LAB}{number:04d}"} for number in range(1, labs + 1)])
        for lab in self.labs:
            self.fleet.put(lab)

    def command(self, work: str) -> list[str]:
        """The program to measure."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        """Its environment."""
        return self.fleet.environment()

    def seed(self) -> None:
        """Bring the labs to where an onboarding leaves them, without one."""
        raise NotImplementedError

    def run(self, work: str, timeout: float) -> tuple[measure.Cost, float, dict[str, float]]:
        """Do one kind of work for all labs.

        :returns: what it took, the calls a lab, and the same by service and action.
        """
        command = self.command(work)
        self.simulator.control.clear_calls()
        cost = measure.run(command, self.environment(), self.directory, timeout=timeout, log=f"{work}.log")
        calls = counted(self.simulator.control.calls())
        by_action = collections.Counter(f"{call['service']} {call['action']}" for call in calls)
        labs = len(self.labs)
        return cost, len(calls) / labs, {action: number / labs for action, number in sorted(by_action.items())}


def counted(calls: t.Iterable[dict[str, t.Any]]) -> list[dict[str, t.Any]]:
    """The calls of the program itself, out of the stack's timeline."""
    return [call for call in calls if call["caller"] == "client" and call["service"] not in NOT_COUNTED]


def playbook(work: str) -> str:
    """The name of the playbook that does this kind of work."""
    return work if work in PLAYBOOKS else "onboard"


class Ours(Way):
    """This collection's own playbooks."""

    name = "ours"
    title = "(b) labops.cloudresearch"

    def command(self, work: str) -> list[str]:
        options = ["--forks", str(self.at_once)]
        if work == "page":
            options += ["-e", "lab_account_link_check=page"]
        if work == "retire":
            options += ["-e", f"retire_confirm={len(self.labs)}"]
        return self.fleet.command(playbook(work), *options)

    def seed(self) -> None:
        seed.store_keys(self.fleet, self.labs, seed.make_keys(self.fleet, self.labs))

    def workers_a_lab(self, work: str) -> int:
        """How many workers the last run of this work took for each lab."""
        return round(workers((self.directory / f"{work}.log").read_text()) / len(self.labs))


class Stock(Way):
    """A role of stock modules."""

    name = "stock"
    title = "(a) stock modules"

    def command(self, work: str) -> list[str]:
        simulator = self.simulator
        inventory = {
            "vars": {
                "ansible_python_interpreter": "{{ ansible_playbook_python }}",
                "stock_lab_aws_url": simulator.aws_url,
                "stock_lab_mturk_urls": {
                    "production": simulator.mturk_production_url,
                    "sandbox": simulator.mturk_sandbox_url,
                },
                "stock_lab_portal_url": simulator.portal_url,
                "stock_lab_key_directory": str(self.fleet.store),
                "stock_lab_vault_password_file": str(self.fleet.vault_password),
                "stock_lab_look_at_portal": work == "page",
            },
            "hosts": {
                lab["name"]: {
                    "stock_lab_account_id": lab["account_id"],
                    "stock_lab_email": lab["email"],
                    "stock_lab_password": lab["password"],
                }
                for lab in self.labs
            },
        }
        file = self.directory / "stock.json"
        file.write_text(json.dumps({"all": inventory}))
        options = ["-i", str(file), "--vault-password-file", str(self.fleet.vault_password)]
        return [
            tool("ansible-playbook"),
            str(HERE / "stock" / f"{playbook(work)}.yml"),
            *options,
            "--forks",
            str(self.at_once),
        ]

    def environment(self) -> dict[str, str]:
        # The one setting that everybody who cares about speed has; forks are as many as the others have.
        return self.fleet.environment(ANSIBLE_PIPELINING="true")

    def seed(self) -> None:
        # Its store is too simple to be worth it.
        self.run("onboard", 7200)


class Bare(Way):
    """boto3, requests and threads."""

    name = "bare"
    title = "(c) bare script"

    def command(self, work: str) -> list[str]:
        names = ("aws_url", "mturk_production_url", "mturk_sandbox_url", "portal_url")
        plan = {name: getattr(self.simulator, name) for name in names}
        plan.update(labs=self.labs, directory=str(self.fleet.store), at_once=self.at_once)
        self.fleet.store.mkdir(mode=0o700, exist_ok=True)
        file = self.directory / "plan.json"
        file.write_text(json.dumps(plan))
        return [sys.executable, str(HERE / "bare.py"), str(file), work]

    def seed(self) -> None:
        self.fleet.store.mkdir(mode=0o700, exist_ok=True)
        for name, key in seed.make_keys(self.fleet, self.labs).items():
            stored = {"access_key": key["access_key_id"], "secret_key": key["secret_access_key"]}
            (self.fleet.store / f"{name}.json").write_text(json.dumps(stored))


class Empty(Way):
    """Tasks that do nothing, as many as ours took workers for each lab: what Ansible takes, whatever the tasks do."""

    name = "empty"
    title = "(d) empty tasks"

    # How many tasks each lab has.
    tasks = 0

    def command(self, work: str) -> list[str]:
        inventory = self.directory / "empty.json"
        inventory.write_text(json.dumps({"all": {"hosts": {lab["name"]: {} for lab in self.labs}}}))
        play = {
            "hosts": "all",
            "connection": "local",
            "gather_facts": False,
            "strategy": "ansible.builtin.host_pinned",
            "tasks": [{"ansible.builtin.debug": {"msg": ""}}] * self.tasks,
        }
        file = self.directory / "empty.yml"
        file.write_text(json.dumps([play]))
        return [tool("ansible-playbook"), str(file), "-i", str(inventory), "--forks", str(self.at_once)]

    def seed(self) -> None:
        """Nothing is asked of its labs."""


def workers(output: str) -> int:
    """How many tasks of labs took a worker. A task that includes files takes one, however many files they are."""
    results = re.findall(rf"^(?:ok|changed): \[{LAB}", output, re.MULTILINE)
    included = re.findall(r"^included: \S+ for (.+)$", output, re.MULTILINE)
    return len(results) + len({lab for labs in included for lab in re.findall(rf"{LAB}\w+", labs)})


# One that others are needed for comes after them.
WAYS: tuple[type[Way], ...] = (Stock, Ours, Bare, Empty)
