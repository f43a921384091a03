# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes docs/iam, the IAM policies that the playbooks need, from the calls that they make.

    python -m tests.tools.iam_policies

What to call is seen on the local stack; on which resources to allow it is said here. Files that follow from no call are
written by hand and stay as they are: ops-playbooks, organization-scp, those for KMS, and of the template all but its
policies. tests/end_to_end/test_least_privilege.py runs the playbooks with exactly these policies.
"""

from __future__ import annotations

import collections
import copy
import json
import pathlib
import shutil
import sys
import typing as t

from tests.fleet import PROJECT, Fleet
from tests.simulator.clients import MTURK_POLICY
from tests.simulator.process import Simulator, running_simulator
from tests.tools.iam_scenarios import (
    EVERYTHING,
    SCENARIOS,
    USER,
    VERSION,
    Actions,
    Document,
    calls_of_inventory,
    prepare,
    run_with,
    statement,
)
from tests.tools.iam_stores import STORES, calls_of_stores

DIRECTORY = PROJECT / "docs" / "iam"
TEMPLATE = "lab-role.template"
OPTIONAL = "lab-optional-excess"

# Service Authorization Reference, IAM: these take a policy's ARN as condition key.
WITH_A_POLICY = frozenset({"iam:AttachUserPolicy", "iam:DetachUserPolicy"})
# The same: the resource of this one is the group, not the user.
ON_GROUPS = frozenset({"iam:GetGroup", "iam:RemoveUserFromGroup"})
# The same: the resource of this one is the policy. Who else has it is asked for keys, too.
ON_THE_POLICY = frozenset({"iam:ListEntitiesForPolicy"})
ON_ITS_HOLDERS = frozenset({"iam:ListAccessKeys"})
# The same: these have no resource. An audit looks with them for all who may call MTurk, and then at their keys.
ON_THE_ACCOUNT = frozenset(
    {
        "iam:GenerateCredentialReport",
        "iam:GetAccountAuthorizationDetails",
        "iam:GetAccountSummary",
        "iam:GetCredentialReport",
    }
)
ON_ALL_USERS = frozenset({"iam:GetAccessKeyLastUsed", "iam:ListAccessKeys"})


def lab_policy(actions: t.Collection[str], *, any_policy: bool = False) -> Document:
    """The policy for actions on a lab's user.

    :param any_policy: allow to attach or detach whatever policy, not the declared one only.
    """
    narrow = set() if any_policy else WITH_A_POLICY & set(actions)
    groups = ON_GROUPS & set(actions)
    holders = ON_THE_POLICY & set(actions)
    account = ON_THE_ACCOUNT & set(actions)
    own = set(actions) - narrow - groups - holders - account
    statements = [statement("TheLabsUser", own, f"arn:aws:iam::*:user/{USER}")] if own else []
    if narrow:
        condition = {"ArnEquals": {"iam:PolicyARN": MTURK_POLICY}}
        user = f"arn:aws:iam::*:user/{USER}"
        statements.append(statement("OnlyTheMturkPolicy", narrow, user, Condition=condition))
    if groups:
        statements.append(statement("ItsGroups", groups, "arn:aws:iam::*:group/*"))
    if holders:
        statements.append(statement("WhoElseHasThePolicy", holders, MTURK_POLICY))
        statements.append(statement("TheirKeys", ON_ITS_HOLDERS, "arn:aws:iam::*:user/*"))
    if account:
        statements.append(statement("WhoMayCallMturk", account, "*"))
        statements.append(statement("TheKeysOfAll", ON_ALL_USERS, "arn:aws:iam::*:user/*"))
    return {"Version": VERSION, "Statement": statements}


def actions_of(document: Document) -> set[str]:
    """All actions that a policy allows."""
    found: set[str] = set()
    for entry in document["Statement"]:
        found.update([entry["Action"]] if isinstance(entry["Action"], str) else entry["Action"])
    return found


def needed_of_labs(playbook: str, called: Actions) -> dict[str, set[str]]:
    """By policy file, the actions that a playbook called in labs' accounts, as run over its scenarios.

    A call of a lab with two policies belongs to the second, unless labs with the first alone make it too.
    """
    needed: dict[str, set[str]] = collections.defaultdict(set)
    for scenario in sorted(SCENARIOS[playbook], key=lambda entry: len(entry.policies)):
        actions = {action for action in called[scenario.name] if action.startswith("iam:")}
        if len(scenario.policies) > 1:
            actions -= needed[scenario.policies[0]] - WITH_A_POLICY
        needed[scenario.policies[-1]] |= actions
    return dict(needed)


def labs_policies(needed: t.Mapping[str, t.Collection[str]]) -> dict[str, Document]:
    """The policies for what L(needed_of_labs) found."""
    return {name: lab_policy(actions, any_policy=name == OPTIONAL) for name, actions in needed.items()}


def inventory_policy(actions: t.Collection[str]) -> Document:
    """Organizations' reads; most of them take no resource, and none gives anything away but names and tags."""
    return {"Version": VERSION, "Statement": [statement("ReadTheOrganization", actions, "*")]}


def calls_of_labs(simulator: Simulator, directory: pathlib.Path) -> dict[str, set[str]]:
    """Run each playbook over its scenarios with all permissions; the actions by policy file."""
    needed: dict[str, set[str]] = collections.defaultdict(set)
    for playbook, scenarios in SCENARIOS.items():
        simulator.control.reset()
        fleet = Fleet(simulator, directory / playbook)
        labs = {scenario.name: scenario for scenario in scenarios}
        prepare(fleet, labs)
        run, called = run_with(fleet, playbook, {lab: [EVERYTHING] for lab in labs}, EVERYTHING)
        assert run.return_code == 0, run.told
        for name, actions in needed_of_labs(playbook, called).items():
            needed[name] |= actions
    return dict(needed)


def generate(simulator: Simulator, directory: pathlib.Path) -> dict[str, Document]:
    """All files of docs/iam by name without ending, brought up to date with what the playbooks call."""
    policies = labs_policies(calls_of_labs(simulator, directory))
    stores = calls_of_stores(simulator, directory, lambda playbook, store, account: ([EVERYTHING], [EVERYTHING]))
    for name, actions in stores["central"].items():
        policies[name] = STORES[name.removesuffix("-read")].policy(actions)
    policies["ops-inventory"] = inventory_policy(calls_of_inventory(simulator, directory, EVERYTHING))
    return with_template({**on_disk(), **policies})


def with_template(policies: dict[str, Document]) -> dict[str, Document]:
    """All files, with the policies of the others put into the CloudFormation template of a lab's role."""
    template = copy.deepcopy(policies[TEMPLATE])
    for choice in template["Resources"]["Role"]["Properties"]["Policies"]:
        inline = choice["Fn::If"][1]
        inline["PolicyDocument"] = _parametrized(policies[inline["PolicyName"]])
    return {**policies, TEMPLATE: template}


def _parametrized(value: t.Any) -> t.Any:
    """A policy, or a part of it, with the template's parameters in the place of what they default to."""
    if isinstance(value, dict):
        return {name: _parametrized(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_parametrized(entry) for entry in value]
    if value == MTURK_POLICY:
        return {"Ref": "PolicyArn"}
    if isinstance(value, str) and value.startswith("arn:aws:"):
        _arn, _partition, service, region, account, resource = value.split(":", 5)
        account = "${AWS::AccountId}" if account else ""
        resource = resource.replace(f"user/{USER}", "user/${UserName}")
        return {"Fn::Sub": f"arn:${{AWS::Partition}}:{service}:{region}:{account}:{resource}"}
    return value


def on_disk() -> dict[str, Document]:
    """The files of docs/iam."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(DIRECTORY.glob("*.json"))}


def main() -> int:
    """Write the files."""
    directory = PROJECT / "build" / "iam"
    shutil.rmtree(directory, ignore_errors=True)
    with running_simulator() as simulator:
        documents = generate(simulator, directory)
    for name, document in documents.items():
        (DIRECTORY / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n")
        sys.stdout.write(f"{name}: {len(actions_of(document)) if 'Statement' in document else '-'} actions\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
