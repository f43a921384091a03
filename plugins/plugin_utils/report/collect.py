# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outcomes of a run, from the variables of its labs' hosts; and the labs that have none, told apart.

Each lab's host registers its outcome as the result C(lab_account_outcome). A registered result is there from the moment
at which the role begins the lab, so a result without a state is a lab in the middle, and no result is one that the run
did not begin. What a persistent fact cache holds of an earlier run looks like an outcome, but of an earlier schema.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import typing as t

from ..lab import outcome as lab_outcome

VARIABLE = "lab_account_outcome"

# The control node takes part in plays without being a lab.
CONTROL_NODE = "localhost"

Variables = t.Mapping[str, object]


@dataclasses.dataclass
class Collected:
    """What a run has to tell of its labs.

    :param outcomes: of labs that the run finished, whether well or not.
    :param not_begun: hosts that it did not come to.
    :param not_reported: hosts of which the reports of slices tell nothing.
    :param interrupted: hosts whose lab it left in the middle.
    :param contacts: by lab, the e-mail address for next steps.
    :param departments: by lab, its department.
    :param warnings: of the reports that it was collected from.
    """

    outcomes: list[Variables] = dataclasses.field(default_factory=list)
    not_begun: list[str] = dataclasses.field(default_factory=list)
    not_reported: list[str] = dataclasses.field(default_factory=list)
    interrupted: list[str] = dataclasses.field(default_factory=list)
    contacts: dict[str, str] = dataclasses.field(default_factory=dict)
    departments: dict[str, str] = dataclasses.field(default_factory=dict)
    warnings: list[str] = dataclasses.field(default_factory=list)


def from_hosts(
    hosts: t.Iterable[str],
    hostvars: t.Mapping[str, Variables],
    *,
    contacts: t.Mapping[str, str] | None = None,
    contact_variable: str = "",
    department_variable: str = "",
) -> Collected:
    """Look into the variables of the labs' hosts.

    :param hosts: the inventory names of the labs. C(localhost) without an outcome is left out.
    :param contacts: by lab, addresses that go before those of the hosts.
    :param contact_variable: the host variable that holds a lab's address.
    :param department_variable: the host variable that holds a lab's department.
    """
    collected = Collected(contacts=dict(contacts or {}))
    for host in dict.fromkeys(hosts):
        variables: Variables = {}
        if host in hostvars:  # Ansible's hostvars have no default: get() gives what is undefined
            variables = hostvars[host]
        outcome = variables.get(VARIABLE)
        lab = host
        if lab_outcome.is_outcome(outcome):
            collected.outcomes.append(outcome)
            lab = str(outcome.get("lab") or host)
        elif _was_begun(outcome):
            collected.interrupted.append(host)
        elif host == CONTROL_NODE:
            continue
        else:
            collected.not_begun.append(host)
        address = variables.get(contact_variable)
        if isinstance(address, str):
            collected.contacts.setdefault(lab, address)
        department = variables.get(department_variable)
        if isinstance(department, str):
            collected.departments[lab] = department
    return collected


def _was_begun(value: object) -> bool:
    """Whether it is the result of a task that began the lab: not of a skipped one, nor an outcome of an earlier run."""
    if not isinstance(value, collections.abc.Mapping) or not value or value.get("skipped"):
        return False
    return "schema" not in value or lab_outcome.is_of_this_schema(value)
