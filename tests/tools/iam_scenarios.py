# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labs in every state in which a playbook makes calls that it does not make elsewhere, to learn which calls it makes.

Each lab gets a role of its own, as the guide on permissions has it made, so that each can have other permissions.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import functools
import json
import pathlib
import subprocess
import typing as t

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests import seed
from tests.fleet import Fleet, Run, tool, unmarked
from tests.simulator.clients import MTURK_POLICY, lab_client
from tests.simulator.process import Simulator
from tests.simulator.world import MANAGEMENT_ACCOUNT, OPS_USER, ROLE_NAME

Document = dict[str, t.Any]
# By lab, the actions that a run called in its account.
Actions = dict[str, set[str]]

ROLE = "labops-cloudresearch"
USER = "cloudresearch-mturk"
VERSION = "2012-10-17"
EVERYTHING: Document = {"Version": VERSION, "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
EXCESS = ["console_access", "inline_policies", "groups", "attached_policies"]

SSH_KEY = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7 lab"


def statement(sid: str, actions: t.Iterable[str], resource: str, **more: t.Any) -> Document:
    """One statement that allows something."""
    return {"Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": resource, **more}


@dataclasses.dataclass(frozen=True)
class Scenario:
    """A lab in a certain state.

    :param onboarded: whether it is onboarded before.
    :param rotated: whether its key is replaced before, by a run that could not retire the replaced one.
    :param suspended: whether it is suspended before.
    :param variables: host variables of its own.
    :param make: makes the state, after onboarding; may change the lab's variables.
    :param policies: the files in docs/iam, without their ending, that the lab's role has; the first is the playbook's.
    """

    name: str
    policies: tuple[str, ...]
    onboarded: bool = True
    rotated: bool = False
    suspended: bool = False
    variables: t.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    make: t.Callable[[Fleet, str], None] = lambda fleet, lab: None


def _lose_an_answer(fleet: Fleet, lab: str) -> None:
    # The key then exists, but nobody knows its secret: what a killed run leaves behind.
    fleet.simulator.control.inject_fault(
        service="iam", action="CreateAccessKey", kind="cut", when="after", account_id=lab
    )


def _make_by_hand(fleet: Fleet, lab: str) -> None:
    fleet.simulator.control.create_user(lab, USER)


def _add_a_foreign_key(fleet: Fleet, lab: str) -> None:
    key = fleet.simulator.control.create_access_key(lab, USER)
    fleet.hosts[lab]["lab_account_remove_foreign_keys"] = [key["access_key_id"]]


def _lose_the_key(fleet: Fleet, lab: str) -> None:
    for key in fleet.simulator.control.keys(lab):
        administrator(fleet, lab).delete_access_key(UserName=USER, AccessKeyId=key["access_key_id"])


def _add_a_strangers_inactive_key(fleet: Fleet, lab: str) -> None:
    fleet.simulator.control.create_access_key(lab, USER, status="Inactive")


def _give_too_much(fleet: Fleet, lab: str) -> None:
    iam = administrator(fleet, lab)
    iam.create_login_profile(UserName=USER, Password="Something-long-2026")
    iam.put_user_policy(UserName=USER, PolicyName="by-hand", PolicyDocument=json.dumps(EVERYTHING))
    iam.create_group(GroupName="people")
    iam.add_user_to_group(UserName=USER, GroupName="people")
    iam.attach_user_policy(UserName=USER, PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")


def _give_every_credential(fleet: Fleet, lab: str) -> None:
    _give_too_much(fleet, lab)
    iam = administrator(fleet, lab)
    iam.upload_ssh_public_key(UserName=USER, SSHPublicKeyBody=SSH_KEY)
    iam.upload_signing_certificate(UserName=USER, CertificateBody=_certificate())
    device = iam.create_virtual_mfa_device(VirtualMFADeviceName="device")["VirtualMFADevice"]["SerialNumber"]
    iam.enable_mfa_device(
        UserName=USER, SerialNumber=device, AuthenticationCode1="123456", AuthenticationCode2="234567"
    )


def _give_the_policy_to_a_group(fleet: Fleet, lab: str) -> None:
    iam = administrator(fleet, lab)
    iam.create_group(GroupName="students")
    iam.attach_group_policy(GroupName="students", PolicyArn=MTURK_POLICY)
    iam.create_user(UserName="student")
    iam.add_user_to_group(GroupName="students", UserName="student")


def _certificate() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "lab")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


SCENARIOS: dict[str, tuple[Scenario, ...]] = {
    "onboard": (
        Scenario("new", ("lab-onboard",), onboarded=False),
        Scenario("done", ("lab-onboard",)),
        Scenario("answer-lost", ("lab-onboard",), onboarded=False, make=_lose_an_answer),
        Scenario("key-replaced", ("lab-onboard",), rotated=True),
        Scenario(
            "made-by-hand",
            ("lab-onboard",),
            onboarded=False,
            variables={"lab_account_adopt_existing_user": True},
            make=_make_by_hand,
        ),
        Scenario("foreign-key", ("lab-onboard",), make=_add_a_foreign_key),
        Scenario("suspended", ("lab-onboard",), suspended=True),
        Scenario(
            "drifted",
            ("lab-onboard", "lab-optional-excess"),
            variables={"lab_account_remove_drift": EXCESS},
            make=_give_too_much,
        ),
    ),
    "audit": (
        Scenario("done", ("lab-audit",)),
        Scenario("new", ("lab-audit",), onboarded=False),
        Scenario(
            "absent",
            ("lab-audit", "lab-optional-others"),
            onboarded=False,
            variables={"lab_account_state": "absent"},
            make=_give_the_policy_to_a_group,
        ),
    ),
    "rotate": (Scenario("done", ("lab-rotate",)), Scenario("answer-lost", ("lab-rotate",), make=_lose_an_answer)),
    "suspend": (
        Scenario("done", ("lab-suspend",)),
        Scenario("key-gone", ("lab-suspend",), suspended=True, make=_lose_the_key),
    ),
    "retire": (
        Scenario("done", ("lab-retire",)),
        Scenario("in-days", ("lab-retire",), variables={"lab_account_retire_after_days": 14}),
        Scenario("user-stays", ("lab-retire",), suspended=True, make=_add_a_strangers_inactive_key),
        Scenario("foreign-key", ("lab-retire",), make=_add_a_foreign_key),
        Scenario("others", ("lab-retire",), make=_give_the_policy_to_a_group),
        Scenario("drifted", ("lab-retire", "lab-optional-excess"), make=_give_every_credential),
    ),
}


@functools.cache
def administrator(fleet: Fleet, lab: str) -> t.Any:
    """An IAM client that may do anything in the lab's account: one for each lab, because making one is expensive."""
    account = fleet.hosts[lab]["lab_account_aws_account_id"]
    return lab_client(fleet.simulator, {"role_arn": f"arn:aws:iam::{account}:role/{ROLE_NAME}"}, "iam")


def trust_of(principal: t.Any) -> Document:
    """The trust policy of a lab's role: this principal may assume it, and nobody else."""
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
    return {"Version": VERSION, "Statement": [statement]}


def give_role(fleet: Fleet, lab: str, documents: t.Sequence[Document]) -> None:
    """Let the ops user assume a role in the lab that has these policies only, whatever it had before."""
    iam = administrator(fleet, lab)
    if not fleet.hosts[lab].get("lab_account_assume_role_name"):
        trust = trust_of(f"arn:aws:iam::{MANAGEMENT_ACCOUNT}:user/{OPS_USER}")
        iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(trust))
        fleet.hosts[lab]["lab_account_assume_role_name"] = ROLE
    for name in iam.list_role_policies(RoleName=ROLE)["PolicyNames"]:
        iam.delete_role_policy(RoleName=ROLE, PolicyName=name)
    for number, document in enumerate(documents):
        iam.put_role_policy(RoleName=ROLE, PolicyName=f"policy-{number}", PolicyDocument=json.dumps(document))


def prepare(fleet: Fleet, labs: t.Mapping[str, Scenario]) -> None:
    """Bring labs into their states, with all permissions.

    :param labs: scenarios by the name of the lab.
    """
    fleet.simulator.control.set_ops_policy(None)
    for lab, scenario in labs.items():
        if not scenario.onboarded:
            fleet.add(lab)
    seed.add_onboarded(fleet, *(lab for lab, scenario in labs.items() if scenario.onboarded))
    for lab, scenario in labs.items():
        fleet.hosts[lab].update(scenario.variables)
    for lab, scenario in labs.items():
        if scenario.rotated:
            seed.supersede_key(fleet, lab)
        if scenario.suspended:
            seed.suspend(fleet, lab)
        scenario.make(fleet, lab)


def run_with(
    fleet: Fleet, playbook: str, documents: t.Mapping[str, t.Sequence[Document]], ops: Document
) -> tuple[Run, Actions]:
    """Run a playbook over labs, each with a role of these policies, and see what it calls.

    :param documents: policies of the role, by lab; the run is limited to these labs.
    :param ops: the policy of the ops user.
    """
    for lab, policies in documents.items():
        give_role(fleet, lab, policies)
    control = fleet.simulator.control
    before = control.mark("what the playbook calls")
    control.set_ops_policy(ops)
    arguments = ["-e", f"retire_confirm={len(documents)}", "-e", "rotate_stop_after=1000"]
    try:
        run = fleet.run(playbook, "--limit", ",".join(documents), *arguments)
    finally:
        control.set_ops_policy(None)
    return run, called(fleet, since=before)


def called(fleet: Fleet, since: int) -> Actions:
    """The AWS actions called for each lab; those in the management account under the lab's name V()."""
    found: Actions = collections.defaultdict(set)
    for call in fleet.simulator.control.calls(since):
        if call["caller"] == "client" and call["service"] not in ("mturk", "portal", "requester"):
            found[call["lab"]].add(f"{call['service']}:{call['action']}")
    return found


def calls_of_inventory(simulator: Simulator, directory: pathlib.Path, policy: Document) -> set[str]:
    """The actions that the inventory plugin aws_organization calls, tags included, with this policy of the ops user."""
    simulator.control.reset()
    fleet = Fleet(simulator, directory / "inventory")
    simulator.control.create_lab("lab", ou="Research", tags={"lab": "one"})
    before = simulator.control.mark("inventory")
    simulator.control.set_ops_policy(policy)
    listed = list_inventory(fleet)
    simulator.control.set_ops_policy(None)
    assert listed.returncode == 0, listed.stderr
    hosts = unmarked(json.loads(listed.stdout))["_meta"]["hostvars"].values()
    assert "lab" in {variables["aws_account_name"] for variables in hosts}, listed.stdout
    return called(fleet, since=before)[""]


def list_inventory(fleet: Fleet) -> subprocess.CompletedProcess[str]:
    """Read the organization with the ops user's credentials, all that the plugin can read."""
    source = fleet.directory / "labs.aws_organization.yml"
    options = {
        "plugin": "labops.cloudresearch.aws_organization",
        "endpoint_url": fleet.simulator.aws_url,
        "fetch_tags": "always",
    }
    source.write_text(json.dumps(options))
    return subprocess.run(
        [tool("ansible-inventory"), "-i", str(source), "--list"],
        env=fleet.environment(ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED="true"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
