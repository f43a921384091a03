# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be told from a play and from its tasks before and while they run."""

from __future__ import annotations

import pathlib
import typing as t

from ansible.playbook.block import Block
from ansible.playbook.play import Play
from ansible.playbook.task import Task

from ..base.vocabulary import COLLECTION

# By host, as Ansible has them.
HostVariables = t.Mapping[str, t.Mapping[str, object]]

COLLECTION_ROOT = pathlib.Path(__file__).resolve().parents[3]
# The role's actions that return a lab's outcome.
OUTCOME_ACTIONS = frozenset({f"{COLLECTION}.lab_account_{name}" for name in ("observe", "conclude", "outcome", "plan")})
ROLE = "lab_account"


def concerns_labs(play: Play) -> bool:
    """Whether a play takes labs to their state: it has the role lab_account or one of its actions.

    Tasks that are included while the play runs cannot be seen here.
    """
    return any(_is_the_role(role.get_name()) for role in play.get_roles()) or any(map(_concerns_labs, _tasks_of(play)))


def is_of_the_collection(play: Play) -> bool:
    """Whether a play stands in one of the collection's own playbooks, such as the one that writes the report."""
    return any(_is_below_root(task.get_path()) for task in _tasks_of(play))


def _is_below_root(path: str | None) -> bool:
    # "<file>:<line>"; the collection may be reached through a symbolic link.
    return bool(path) and COLLECTION_ROOT in pathlib.Path(str(path).rpartition(":")[0]).resolve().parents


def _tasks_of(play: Play) -> t.Iterator[Task]:
    for section in (play.pre_tasks, play.tasks, play.post_tasks):
        yield from _flattened(section)


def _flattened(items: t.Iterable[Task | Block]) -> t.Iterator[Task]:
    for item in items:
        if hasattr(item, "rescue"):
            yield from _flattened([*item.block, *item.rescue, *item.always])
        else:
            yield item


def _concerns_labs(task: Task) -> bool:
    action = action_of(task)
    if action.endswith("include_role"):
        return _is_the_role(task.args.get("name") or task.args.get("role"))
    # Tasks of a role have its name before their own; so do those that import_role has left.
    return action in OUTCOME_ACTIONS or _is_the_role(task.get_name().partition(" : ")[0])


def action_of(task: Task) -> str:
    """The full name of what a task runs, however the play abbreviates it."""
    return str(getattr(task, "resolved_action", None) or task.action)


def _is_the_role(name: object) -> bool:
    return str(name).rpartition(".")[2] == ROLE


def asks_a_person(task: Task) -> bool:
    """Whether a task may wait for what somebody types."""
    return action_of(task).endswith("pause")


def hosts_of(play: Play) -> list[str]:
    """All hosts of a play, those of later batches (C(serial)) as well."""
    return _hosts(play, "ansible_play_hosts_all")


def batch_of(play: Play) -> list[str]:
    """The hosts of the batch that runs now; all of the play without C(serial)."""
    return _hosts(play, "ansible_play_batch")


def goes_on_for(play: Play, host: str) -> bool:
    """Whether a host is still in the play: a task that has just failed for it was rescued."""
    return host in _hosts(play, "ansible_play_hosts")


def hostvars_of(play: Play) -> HostVariables:
    """The variables of all hosts of the run, by host, as Ansible's own C(hostvars) has them."""
    hostvars: HostVariables = play.get_variable_manager().get_vars(play=play)["hostvars"]
    return hostvars


def _hosts(play: Play, variable: str) -> list[str]:
    # https://docs.ansible.com/ansible/latest/reference_appendices/special_variables.html
    return list(play.get_variable_manager().get_vars(play=play, include_hostvars=False).get(variable, []))
