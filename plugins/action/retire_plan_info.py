# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import typing as t

from ..plugin_utils.base import times
from ..plugin_utils.base.errors import CollectionError
from ..plugin_utils.base.text import first_few
from ..plugin_utils.base.vocabulary import ACCOUNT_ID_VARIABLE
from ..plugin_utils.lab_action import LabAction, Options, Result, Spec, Variables
from ..plugin_utils.plan import reading
from ..plugin_utils.plan.shapes import Plan, PlannedAccount

LAB_VARIABLE = "lab_account_lab"
# How many labs a warning names.
MOST_NAMES = 10


class ActionModule(LabAction):
    """Reads a plan and makes sure that it can be followed with this inventory."""

    aws = False
    spec: t.ClassVar[Spec] = {
        "path": {"type": "path", "required": True},
        "any_age": {"type": "bool", "default": False},
    }

    def work(self, options: Options, task_vars: Variables) -> Result:
        if not options["path"].strip():
            raise CollectionError(
                "retire_plan is empty, so no plan is named. Nothing was changed.",
                next_step="Give the path of an approved plan, such as -e retire_plan=approved.yml, or leave it out.",
                reason="plan_unreadable",
            )
        path = pathlib.Path(options["path"]).absolute()
        plan = reading.read(path)
        if not options["any_age"]:
            reading.check_age(plan, path, times.now())
        hosts = _hosts(plan, path, task_vars.get("hostvars") or {}, task_vars.get("groups") or {})
        accounts = {
            host: {"account_id": account.account_id, "lab": account.lab, "keys": [dict(key) for key in account.keys]}
            for host, account in hosts.items()
            if account.keys
        }
        result: Result = {"warnings": warnings} if (warnings := _left_alone(hosts, options, task_vars)) else {}
        return {
            **result,
            "changed": False,
            "made_at": times.timestamp(plan.made_at),
            "hosts": list(accounts),
            "accounts": accounts,
        }


def _hosts(
    plan: Plan, path: pathlib.Path, hostvars: t.Mapping[str, t.Any], groups: t.Mapping[str, t.Sequence[str]]
) -> dict[str, PlannedAccount]:
    """By inventory host, its part of the plan.

    :raises CollectionError: a part of the plan is about a lab or an account that is not in the inventory.
    """
    by_lab = {str(hostvars[host].get(LAB_VARIABLE) or host): host for host in groups.get("all", ()) if host in hostvars}
    found: dict[str, PlannedAccount] = {}
    for account in plan.accounts:
        host = by_lab.get(account.lab)
        where = f"{path}, line {account.line}"
        if host is None:
            raise _other_inventory(f"{where}: the inventory has no lab {account.lab}")
        declared = str(hostvars[host].get(ACCOUNT_ID_VARIABLE) or "")
        if declared and declared != account.account_id:
            told = f"in account {declared}, and in the plan in account {account.account_id}"
            raise _other_inventory(f"{where}: in the inventory, lab {account.lab} is {told}")
        found[host] = account
    return found


def _left_alone(hosts: t.Mapping[str, PlannedAccount], options: Options, task_vars: Variables) -> list[str]:
    """A warning for each sort of labs or keys in the plan about which a run that follows it does nothing."""
    run_over = task_vars.get("ansible_play_hosts_all")
    absent = [host for host, account in hosts.items() if account.keys and run_over is not None and host not in run_over]
    # Who takes back what was done has nothing to decide.
    undecided = [] if options["any_age"] else [host for host, account in hosts.items() if account.undecided]
    told = []
    if absent:
        names = first_few(absent, MOST_NAMES)
        told.append(f"The plan has keys of labs that are not in this run, and stay as they are: {names}.")
    if undecided:
        number = sum(len(hosts[host].undecided) for host in undecided)
        keys, names = f"{number:,} {'key' if number == 1 else 'keys'}", first_few(undecided, MOST_NAMES)
        told.append(f"Nobody decided about {keys} in the plan, and this run does nothing about them: {names}.")
    return told


def _other_inventory(problem: str) -> CollectionError:
    return CollectionError(
        f"The plan is not about the labs of this inventory: {problem}. Nothing was changed.",
        next_step="Use the inventory that the audit was run with, or run the audit with this one.",
        reason="plan_of_other_labs",
    )
