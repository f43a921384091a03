# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The policies in docs/iam are what the playbooks need: with them everything works, and without any action of them the
lab fails and names that action.

There is one lab for each action that is taken away, and all of them are in one run.
"""

from __future__ import annotations

import copy
import json
import pathlib
import typing as t

import cfnlint.api
import pytest

from tests import seed
from tests.fleet import Fleet, Run
from tests.simulator import policies
from tests.simulator.process import Simulator, running_simulator
from tests.tools import iam_policies
from tests.tools.iam_scenarios import (
    EVERYTHING,
    SCENARIOS,
    Document,
    Scenario,
    calls_of_inventory,
    prepare,
    run_with,
)
from tests.tools.iam_stores import STORES, calls_of_stores, joined

pytestmark = pytest.mark.timeout(600)

FILES = iam_policies.on_disk()
# What would give somebody the lab's key, or its user more rights.
ON_THE_USER = (
    *("CreateAccessKey", "DeleteAccessKey", "UpdateAccessKey", "CreateLoginProfile", "UploadSSHPublicKey"),
    *("AttachUserPolicy", "PutUserPolicy", "UpdateUser"),
)


@pytest.fixture(scope="module")
def simulator() -> t.Iterator[Simulator]:
    """A stack of its own: roles and policies are turned about, and the timeline is only this module's."""
    with running_simulator() as running:
        yield running


@pytest.fixture
def fleet(simulator: Simulator, tmp_path: pathlib.Path) -> Fleet:
    """An empty fleet."""
    simulator.control.reset()
    return Fleet(simulator, tmp_path / "fleet")


def without(documents: t.Sequence[Document], action: str) -> list[Document]:
    """The policies with one action less."""
    changed = copy.deepcopy(list(documents))
    for document in changed:
        for statement in document["Statement"]:
            statement["Action"] = [entry for entry in statement["Action"] if entry != action]
        document["Statement"] = [statement for statement in document["Statement"] if statement["Action"]]
    return [document for document in changed if document["Statement"]]


def require_named(run: Run, lab: str, action: str, reason: str = "access_denied") -> None:
    """The lab has failed or is unknown; its outcome names the action, and says what to do."""
    outcome = run.outcomes[lab]
    if outcome["state"] not in ("failed", "unknown"):
        # The run could do without, and says what it did not see.
        assert any(action in entry["message"] for entry in outcome["unseen"]), (lab, outcome)
        assert outcome["not_looked_for"], (lab, outcome)
        return
    assert lab in outcome["message"], outcome["message"]
    assert action in outcome["message"], outcome["message"]
    step = next(entry for entry in outcome["steps"] if entry["status"] in ("failed", "unknown"))
    assert step["reason"] == reason, step
    assert any(f"Allow {action} to " in entry["text"] for entry in outcome["next_steps"]), outcome["next_steps"]
    assert run.stats[lab]["failures"], run.stats[lab]


@pytest.mark.parametrize("playbook", SCENARIOS)
def test_a_playbook_needs_exactly_its_policy(fleet: Fleet, playbook: str) -> None:
    scenarios = {scenario.name: scenario for scenario in SCENARIOS[playbook]}
    prepare(fleet, scenarios)
    policies = {lab: [FILES[name] for name in scenario.policies] for lab, scenario in scenarios.items()}
    run, actions = run_with(fleet, playbook, policies, FILES["ops-playbooks"])
    assert run.return_code == 0, run.told
    needed = iam_policies.needed_of_labs(playbook, actions)
    documents = iam_policies.labs_policies(needed)
    assert documents[f"lab-{playbook}"] == FILES[f"lab-{playbook}"], "run python -m tests.tools.iam_policies"
    assert needed.get(iam_policies.OPTIONAL, set()) <= iam_policies.actions_of(FILES[iam_policies.OPTIONAL])
    if playbook == "retire":
        assert documents[iam_policies.OPTIONAL] == FILES[iam_policies.OPTIONAL]

    # Which lab makes a call, so that taking the right away can be seen there.
    labs: dict[str, tuple[str, Scenario]] = {}
    for scenario in SCENARIOS[playbook]:
        for name in scenario.policies:
            for action in sorted(actions[scenario.name] & iam_policies.actions_of(FILES[name])):
                if action not in {known for known, _scenario in labs.values()}:
                    labs[f"without-{action.partition(':')[2].lower()}"] = action, scenario
    wanted = set().union(*needed.values())
    assert {action for action, _scenario in labs.values()} == wanted
    # All playbooks begin with the same look: an audit does without each of its calls, the others each without others.
    others = [name for name in SCENARIOS if name != "audit"]
    if playbook in others:
        looks = sorted(set.intersection(*(iam_policies.actions_of(FILES[f"lab-{name}"]) for name in SCENARIOS)))
        elsewhere = set(looks) - set(looks[others.index(playbook) :: len(others)])
        labs = {lab: (action, scenario) for lab, (action, scenario) in labs.items() if action not in elsewhere}
    prepare(fleet, {lab: scenario for lab, (_action, scenario) in labs.items()})
    policies = {
        lab: without([FILES[name] for name in scenario.policies], action) for lab, (action, scenario) in labs.items()
    }
    run, _actions = run_with(fleet, playbook, policies, FILES["ops-playbooks"])
    for lab, (action, _scenario) in labs.items():
        require_named(run, lab, action)


def test_stores_need_exactly_their_policies_in_either_account(fleet: Fleet, tmp_path: pathlib.Path) -> None:
    def policies_for(playbook: str, store: str, account: str) -> tuple[list[Document], list[Document]]:
        of_store = [FILES[store + ("-read" if playbook == "audit" else "")]]
        in_lab = account == "lab"
        of_lab = [FILES[f"lab-{playbook}"], *(of_store if in_lab else [])]
        return [FILES["ops-playbooks"], *([] if in_lab else of_store)], of_lab

    for needed in calls_of_stores(fleet.simulator, tmp_path, policies_for).values():
        assert needed.keys() == {f"{name}{suffix}" for name in STORES for suffix in ("", "-read")}
        for name, actions in needed.items():
            assert FILES[name] == STORES[name.removesuffix("-read")].policy(actions), (
                "run python -m tests.tools.iam_policies"
            )


def test_a_store_without_any_of_its_actions_is_told(fleet: Fleet) -> None:
    # By lab, the store and the action that is taken away; the policies tell labs apart by their records' names.
    labs = {
        f"without-{action.replace(':', '-').lower()}": (store, action)
        for name, store in STORES.items()
        for action in sorted(iam_policies.actions_of(FILES[name]))
    }
    on_retirement = [lab for lab in labs if "-delete" in lab]
    # Labs that were retired, whose records are in their recovery window.
    restored = [lab for lab in labs if lab.endswith(("-restoresecret", "-describesecret"))]
    made = {lab: fleet.add(lab) for lab in labs}
    for lab, (store, _action) in labs.items():
        fleet.hosts[lab].update(store.variables(fleet.simulator))
    seed.onboard(fleet, [made[lab] for lab in on_retirement])
    for lab in restored:
        seed.retire(fleet, made[lab])

    rest = [
        store.policy(iam_policies.actions_of(FILES[f"store-{store.type}"]) - {action}, f"{lab}{store.after_name}")
        for lab, (store, action) in labs.items()
    ]
    assume = {"Sid": "Assume", "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
    fleet.simulator.control.set_ops_policy(joined([*rest, {"Statement": [assume]}]))
    confirmed = f"retire_confirm={len(on_retirement)}"
    onboarded = fleet.run("onboard", "--limit", ",".join(set(labs) - set(on_retirement)))
    retired = fleet.run("retire", "--limit", ",".join(on_retirement), "-e", confirmed)
    for lab, (_store, action) in labs.items():
        require_named(retired if lab in on_retirement else onboarded, lab, action, "store_denied")
        # A key whose secret could not be stored is gone again, and one that is in use stays.
        assert fleet.simulator.control.keys(lab) == []


def test_an_audit_goes_on_without_the_store_and_tells_whose_role_may_not_be_assumed(fleet: Fleet) -> None:
    """Deliberate: who may not read the secrets can still see which keys are out there."""
    made = [fleet.add(name) for name in STORES]
    for name, store in STORES.items():
        fleet.hosts[name].update(store.variables(fleet.simulator))
    seed.onboard(fleet, made)
    fleet.add("denied")
    policies = {lab: [FILES["lab-audit"]] for lab in fleet.hosts}
    [assume] = FILES["ops-playbooks"]["Statement"]
    allowed = [assume["Resource"].replace("*", lab["account_id"]) for lab in made]
    ops = {**FILES["ops-playbooks"], "Statement": [{**assume, "Resource": allowed}]}
    run, _actions = run_with(fleet, "audit", policies, ops)
    assert run.return_code != 0, "nobody can say whether the labs are as declared"
    assert run.outcomes["denied"]["state"] == "failed"
    assert "sts:AssumeRole" in run.outcomes["denied"]["message"]
    assert "Lab denied failed" in run.outcomes["denied"]["message"]
    for name in STORES:
        outcome = run.outcomes[name]
        assert outcome["state"] == "unknown" and outcome["unseen"][0]["part"] == "store"
        (action,) = iam_policies.actions_of(FILES[f"{name}-read"])
        assert outcome["store"]["readable"] is False
        assert [key["stored"] for key in outcome["access_keys"]] == [None]
        (observed,) = [entry for entry in outcome["steps"] if entry["name"] == "observe"]
        assert action in observed["message"]
        assert "observation_incomplete" in {entry["code"] for entry in outcome["findings"]}


def test_the_inventory_needs_exactly_its_policy(simulator: Simulator, tmp_path: pathlib.Path) -> None:
    """That each missing action is named is tested with the plugin."""
    actions = calls_of_inventory(simulator, tmp_path, FILES["ops-inventory"])
    assert iam_policies.inventory_policy(actions) == FILES["ops-inventory"]


def test_the_other_files_follow_from_these(tmp_path: pathlib.Path) -> None:
    assert iam_policies.with_template(FILES) == FILES
    # Only an audit looks at everybody in the account.
    reads = iam_policies.actions_of(FILES["lab-audit"]) - iam_policies.ON_THE_ACCOUNT
    assert all(reads <= iam_policies.actions_of(FILES[f"lab-{playbook}"]) for playbook in SCENARIOS)
    template = iam_policies.DIRECTORY / f"{iam_policies.TEMPLATE}.json"
    assert not cfnlint.api.lint_file(template)
    choices = FILES[iam_policies.TEMPLATE]["Resources"]["Role"]["Properties"]["Policies"]
    everything = [FILES[choice["Fn::If"][1]["PolicyName"]] for choice in choices]
    # IAM quotas: the inline policies of a role have 10,240 characters at most, white space not counted.
    assert sum(len(json.dumps(document, separators=(",", ":"))) for document in everything) < 10240


@pytest.mark.parametrize(
    ("who", "action", "resource", "verdict"),
    [
        ("role/labops-cloudresearch", "iam:CreateAccessKey", "user/cloudresearch-mturk", "allow"),
        ("role/labops-cloudresearch", "iam:DeleteUser", "user/cloudresearch-mturk", "allow"),
        ("role/OrganizationAccountAccessRole", "iam:UpdateAssumeRolePolicy", "role/labops-cloudresearch", "allow"),
        ("role/stacksets-exec-0123", "iam:CreateRole", "role/labops-cloudresearch", "allow"),
        ("role/LabAdmin", "iam:CreateUser", "user/somebody", "allow"),
        ("role/LabAdmin", "iam:ListAccessKeys", "user/cloudresearch-mturk", "allow"),
        *(
            ("role/LabAdmin", f"iam:{action}", "user/cloudresearch-mturk", "deny")
            for action in (*ON_THE_USER, "DeleteUserPermissionsBoundary", "DeleteUser")
        ),
        *(
            (who, f"iam:{action}", f"role/{role}", "deny")
            for who in ("role/LabAdmin", "root", "role/labops-cloudresearch")
            for role in ("labops-cloudresearch", "OrganizationAccountAccessRole", "stacksets-exec-evil")
            for action in ["UpdateAssumeRolePolicy", "AttachRolePolicy", "PutRolePolicy", "DeleteRole", "CreateRole"]
        ),
        ("role/LabAdmin", "iam:AddUserToGroup", "group/admins", "deny"),
    ],
)
def test_the_service_control_policy_protects_the_user_and_who_may_change_it(
    who: str, action: str, resource: str, verdict: str
) -> None:
    """Judged as AWS documents it: beside a policy that allows all, which every organization has."""
    account = "arn:aws:iam::111122223333:"
    context = {"aws:PrincipalArn": account + who}
    documents = [EVERYTHING, FILES["organization-scp"]]
    assert policies.decide(documents, action, account + resource, context) == verdict
    # Organizations' quota for a service control policy.
    assert len(json.dumps(FILES["organization-scp"])) < 5120
