# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be told from a play and from its tasks before and while they run."""

from __future__ import annotations

import pathlib
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.vocabulary import COLLECTION

COLLECTION_ROOT = pathlib.Path(__file__).resolve().parents[3]
# The role's actions that return a lab's outcome.
OUTCOME_ACTIONS = frozenset({f"{COLLECTION}.lab_account_observe", f"{COLLECTION}.lab_account_outcome"})
ROLE = "lab_account"


def concerns_labs(play: t.Any) -> bool:
    """Whether a play takes labs to their state: it has the role lab_account or one of its actions.

    Tasks that are included while the play runs cannot be seen here.
    """
    roles = (getattr(role, "_role_name", "") for role in play.roles)
    if any(_is_the_role(name) for name in roles):
        return True
    return any(_task_concerns_labs(task) for task in _tasks_of(play))


def is_of_the_collection(play: t.Any) -> bool:
    """Whether a play stands in one of the collection's own playbooks, such as the one that writes the report."""
    return any(_is_below_root(task.get_path()) for task in _tasks_of(play))


def _is_below_root(path: str | None) -> bool:
    # "<file>:<line>"; the collection may be reached through a symbolic link.
    return bool(path) and COLLECTION_ROOT in pathlib.Path(str(path).rpartition(":")[0]).resolve().parents


def _tasks_of(play: t.Any) -> t.Iterator[t.Any]:
    for section in (play.pre_tasks, play.tasks, play.post_tasks):
        yield from _flattened(section)


def _flattened(items: t.Iterable[t.Any]) -> t.Iterator[t.Any]:
    for item in items:
        if hasattr(item, "rescue"):
            yield from _flattened([*item.block, *item.rescue, *item.always])
        else:
            yield item


def _task_concerns_labs(task: t.Any) -> bool:
    included = getattr(task, "_role_name", "") or ""  # of include_role
    role = getattr(task, "_role", None)  # of what import_role left
    return (
        _is_the_role(included)
        or (role is not None and _is_the_role(getattr(role, "_role_name", "")))
        or action_of(task) in OUTCOME_ACTIONS
    )


def action_of(task: t.Any) -> str:
    """The full name of what a task runs, however the play abbreviates it."""
    return str(getattr(task, "resolved_action", None) or task.action)


def _is_the_role(name: t.Any) -> bool:
    return str(name).rpartition(".")[2] == ROLE


def hosts_of(play: t.Any) -> list[str]:
    """All hosts of a play, those of later batches (C(serial)) as well."""
    variables = play.get_variable_manager().get_vars(play=play, include_hostvars=False)
    return list(variables.get("ansible_play_hosts_all", []))


def may_be_rescued(task: t.Any) -> bool:
    """Whether a failure of the task leads to the rescue section of a block around it.

    Ansible tells callbacks of a failure before anybody can see whether it is rescued; so the blocks are looked at. A
    task that stands in a rescue or always section itself is not in the block's own list. Nor is an import, which is
    only in the chain of parents: what it imported stands in the list.
    """
    passed = {task._uuid}
    outer = getattr(task, "_parent", None)
    while outer is not None:
        if getattr(outer, "rescue", None) and any(item._uuid in passed for item in outer.block):
            return True
        passed.add(outer._uuid)
        outer = getattr(outer, "_parent", None)
    return False
