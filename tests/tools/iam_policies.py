# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes docs/iam, the IAM policies that the playbooks need, from the calls that they make.

    python -m tests.tools.iam_policies

What to call is seen on the local stack; on which resources to allow it is said here. tests/end_to_end/
test_least_privilege.py runs the playbooks with exactly these policies.
"""

from __future__ import annotations

import collections
import json
import pathlib
import shutil
import sys
import typing as t

from tests.fleet import PROJECT, Fleet
from tests.simulator.clients import MTURK_POLICY
from tests.simulator.process import Simulator, running_simulator
from tests.simulator.world import ROLE_NAME
from tests.tools.iam_scenarios import (
    EVERYTHING,
    ROLE,
    SCENARIOS,
    USER,
    VERSION,
    Actions,
    Document,
    calls_of_inventory,
    prepare,
    run_with,
)
from tests.tools.iam_stores import STORES, calls_of_stores
from tests.tools.iam_template import role_template

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

OPS_PLAYBOOKS: Document = {
    "Version": VERSION,
    "Statement": [
        {
            "Sid": "TheRoleInEachLab",
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Resource": f"arn:aws:iam::*:role/{ROLE}",
            # In the caller's own organization only: anybody can make a role of this name, and see who comes.
            "Condition": {"StringEquals": {"aws:ResourceOrgID": "${aws:PrincipalOrgID}"}},
        }
    ],
}


# For a service control policy. It binds everybody in the labs' accounts, administrators and root included, so whom it
# exempts has to be protected by it as well: a trust policy that a lab can rewrite lets anybody in.
ORGANIZATIONS_ROLES = [f"arn:aws:iam::*:role/{name}" for name in (ROLE_NAME, "stacksets-exec-*")]
_CHANGES_OF_ROLES = [
    *("iam:Attach*", "iam:Create*", "iam:Delete*", "iam:Detach*", "iam:Put*", "iam:Tag*", "iam:Untag*", "iam:Update*"),
]
_CHANGES_OF_USERS = [
    *("iam:Add*", "iam:Change*", "iam:Deactivate*", "iam:Enable*", "iam:Remove*", "iam:Reset*", "iam:Resync*"),
    "iam:Upload*",
]


def _only(sid: str, actions: t.Sequence[str], resource: str | list[str], but: list[str]) -> Document:
    return {
        "Sid": sid,
        "Effect": "Deny",
        "Action": sorted(actions),
        "Resource": resource,
        "Condition": {"ArnNotLike": {"aws:PrincipalArn": but}},
    }


LABS_ROLE = f"arn:aws:iam::*:role/{ROLE}"
SCP: Document = {
    "Version": VERSION,
    "Statement": [
        _only("TheRolesAreTheOrganizations", _CHANGES_OF_ROLES, [LABS_ROLE, *ORGANIZATIONS_ROLES], ORGANIZATIONS_ROLES),
        _only(
            "TheUserIsTheRoles",
            [*_CHANGES_OF_ROLES, *_CHANGES_OF_USERS],
            f"arn:aws:iam::*:user/{USER}",
            [LABS_ROLE, *ORGANIZATIONS_ROLES],
        ),
        # The resource is the group, and no condition key tells which user is meant.
        _only("NobodyJoinsGroups", ["iam:AddUserToGroup"], "arn:aws:iam::*:group/*", ORGANIZATIONS_ROLES),
    ],
}


def statement(sid: str, actions: t.Iterable[str], resource: str, **more: t.Any) -> Document:
    """One statement that allows something."""
    return {"Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": resource, **more}


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
        assert run.return_code == 0, run.output
        for name, actions in needed_of_labs(playbook, called).items():
            needed[name] |= actions
    return dict(needed)


def generate(simulator: Simulator, directory: pathlib.Path) -> dict[str, Document]:
    """All files of docs/iam by name without ending, from what the playbooks call."""
    policies = labs_policies(calls_of_labs(simulator, directory))
    stores = calls_of_stores(simulator, directory, lambda playbook, store, account: ([EVERYTHING], [EVERYTHING]))
    for name, actions in stores["central"].items():
        policies[name] = STORES[name.removesuffix("-read")].policy(actions)
    policies["ops-inventory"] = inventory_policy(calls_of_inventory(simulator, directory, EVERYTHING))
    return with_the_rest(policies)


def with_the_rest(policies: dict[str, Document]) -> dict[str, Document]:
    """Add the files that no call in a lab's account shows, and the template that is made of the others."""
    stores = {f"{name}-kms": store.kms_policy() for name, store in STORES.items()}
    policies = {**policies, **stores, "ops-playbooks": OPS_PLAYBOOKS, "organization-scp": SCP}
    return {**policies, TEMPLATE: role_template(policies)}


def text_of(document: Document) -> str:
    """A file's content."""
    return json.dumps(document, indent=2) + "\n"


def on_disk() -> dict[str, Document]:
    """The files of docs/iam."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(DIRECTORY.glob("*.json"))}


def main() -> int:
    """Write the files."""
    directory = PROJECT / "build" / "iam"
    shutil.rmtree(directory, ignore_errors=True)
    with running_simulator() as simulator:
        documents = generate(simulator, directory)
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for name, document in documents.items():
        (DIRECTORY / f"{name}.json").write_text(text_of(document))
        sys.stdout.write(f"{name}: {len(actions_of(document)) if 'Statement' in document else '-'} actions\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
