# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What guides tell people to type, beside the collection's playbooks, is typed here, with the files that they show.

tests/unit/plugins/test_guides.py lists which test types which of the commands.
"""

from __future__ import annotations

import ast
import json
import os
import pathlib
import re
import subprocess
import sys
import typing as t

import hvac
import pytest
import yaml

from ansible_collections.labops.cloudresearch.plugins.plugin_utils import store as secret_store
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws.errors import second_factor_wanted
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.next_command import iam_command
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import findings
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab.principal_findings import deactivate
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.record import LabRecord, StoredKey
from tests.fixtures.outcomes import converged_lab
from tests.fleet import COLLECTIONS, PROJECT, tool, type_command
from tests.simulator.clients import lab_client, new_key, new_lab, ops_client
from tests.simulator.process import Simulator
from tests.stack.moto_server import KEYS, Organization, running_moto
from tests.stack.openbao import running_openbao
from tests.unit.plugins.test_guides import RST, blocks

pytestmark = pytest.mark.timeout(240)

RECORD = LabRecord(
    lab="lab-01",
    account_id="012345678901",
    user_name="cloudresearch-mturk",
    current=StoredKey(
        "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", created="2026-01-31T12:00:00Z"
    ),
)


def typed(page: pathlib.Path, kind: str = "") -> list[str]:
    """A page's command lines that begin so."""
    joined = "".join(blocks(page, "console")).replace("\\\n", " ")
    lines = [line.removeprefix("$ ") for line in joined.splitlines() if line.startswith("$ ")]
    return [line for line in lines if line.startswith(kind)]


def guide(name: str) -> pathlib.Path:
    """The file of a guide."""
    return RST / f"guide_{name}.rst"


@pytest.fixture
def here(tmp_path: pathlib.Path) -> pathlib.Path:
    """Where somebody types, with the collection's policies below it."""
    directory = tmp_path / "operator"
    directory.mkdir()
    (directory / "docs").symlink_to(PROJECT / "docs")
    return directory


@pytest.fixture
def shell(tmp_path: pathlib.Path) -> dict[str, str]:
    """The environment of somebody at a shell, who has a program C(aws)."""
    program = tmp_path / "bin" / "aws"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nPYTHONPATH={PROJECT} exec {sys.executable} -m tests.stack.aws_command "$@"\n')
    program.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "AWS_", "VAULT_"))}
    return {
        **kept,
        "PATH": f"{program.parent}:{pathlib.Path(tool('ansible')).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "ANSIBLE_HOME": str(tmp_path / "ansible-home"),
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_LOCALHOST_WARNING": "false",
    }


@pytest.fixture
def organization(tmp_path: pathlib.Path, shell: dict[str, str]) -> t.Iterator[Organization]:
    """An organization, into whose management account the shell is signed in, as are its two profiles."""
    config = tmp_path / "aws-config"
    keys = "".join(f"{name} = {value}\n" for name, value in KEYS.items())
    config.write_text(f"[default]\nregion = us-east-1\n{keys}[profile research-computing]\n{keys}")
    with running_moto() as url:
        shell |= {"AWS_ENDPOINT_URL": url, "AWS_CONFIG_FILE": str(config)}
        yield Organization(url)


def test_the_buckets_of_all_accounts_are_listed(
    organization: Organization, here: pathlib.Path, shell: dict[str, str]
) -> None:
    page = guide("aws_account")
    for block in blocks(page, "yaml"):
        if named := re.match(r"# (accounts\.aws_organization\.yml|buckets\.yml)\n", block):
            (here / named[1]).write_text(block)
    accounts = {organization.add(name): name for name in ("data", "partner")}
    for account_id, name in accounts.items():
        organization.of("s3", account_id).create_bucket(Bucket=f"{name}-bucket")
    one_command, profile, playbook = typed(page)
    shown = type_command(one_command, here, shell)

    listed = dict(re.findall(r"^(\d+) \| CHANGED .*?^\{(.*?)^\}", shown, re.MULTILINE | re.DOTALL))
    assert {account_id: re.findall(r"\w+-bucket", text) for account_id, text in listed.items()} == {
        account_id: [f"{name}-bucket"] for account_id, name in accounts.items()
    }
    variable, _equals, value = profile.removeprefix("export ").partition("=")
    shown = type_command(f"{playbook} -v", here, {**shell, variable: value})
    for account_id, name in accounts.items():
        assert re.search(rf'ok: \[{account_id}\] => \{{[^}}]*"msg": \[\s*"{name}-bucket"\s*\]', shown), shown
        assert f"arn:aws:sts::{account_id}:assumed-role/OrganizationAccountAccessRole/labops.cloudresearch" in shown


def test_a_second_factor_is_given_before_a_run(
    organization: Organization, here: pathlib.Path, shell: dict[str, str]
) -> None:
    """By what a run that finds such a profile advises, and by what the guide on permissions says."""
    account_id = organization.add("operations")
    config = pathlib.Path(shell["AWS_CONFIG_FILE"])
    serial = "arn:aws:iam::123456789012:mfa/operator"
    role = f"arn:aws:iam::{account_id}:role/Operator"
    profile = {"region": "us-east-1", "source_profile": "default", "role_arn": role, "mfa_serial": serial}
    with config.open("a") as file:
        file.write("[profile 'with code']\n" + "".join(f"{name} = {value}\n" for name, value in profile.items()))
    advice = re.search(r"eval .*", second_factor_wanted("with code").next_step)
    assert advice
    who = "aws sts get-caller-identity --query=Arn --output=text"
    shown = type_command(f"{advice[0]} && {who}", here, shell, answer="123456\n")
    assert f"arn:aws:sts::{account_id}:assumed-role/Operator/" in shown

    (ask,) = re.findall(r"``(aws sts get-session-token [^`]+)``", guide("permissions").read_text())
    ask = ask.replace("ARN", serial).replace("CODE", "123456")
    held = json.loads(type_command(ask, here, shell))["Credentials"]
    assert held.keys() > {"AccessKeyId", "SecretAccessKey", "SessionToken"}


def test_what_findings_advise_is_pasted_and_mends_them(
    simulator: Simulator, here: pathlib.Path, shell: dict[str, str]
) -> None:
    """As it stands, in a shell that is signed in to the lab's account."""
    lab, control = new_lab(simulator, portal=False), simulator.control
    name, user, other = lab["name"], "-cloudresearch=mturk", "somebody.else@example.edu"
    arns = [f"arn:aws:iam::aws:policy/{policy}" for policy in ("AdministratorAccess", "IAMReadOnlyAccess")]
    control.create_user(name, user, policy_arns=arns)
    key_id, _secret = new_key(simulator, lab, other)
    iam = lab_client(simulator, lab, "iam")
    nothing = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})
    for policy in ("-first", "second"):
        iam.put_user_policy(UserName=user, PolicyName=policy, PolicyDocument=nothing)
        iam.create_group(GroupName=policy)
        iam.add_user_to_group(UserName=user, GroupName=policy)
    iam.create_login_profile(UserName=user, Password="a Password of 2026!")
    seen = {
        **converged_lab(),
        "user": {
            "name": user,
            "exists": True,
            "attached_policies": arns,
            "inline_policies": ["-first", "second"],
            "groups": ["-first", "second"],
            "console_access": True,
        },
        "other_users": [{"user_name": other, "live_access_key_ids": [key_id], "how": "attached"}],
    }
    role = ops_client(simulator, "sts").assume_role(RoleArn=lab["role_arn"], RoleSessionName="tests")["Credentials"]
    shell |= {
        "AWS_ENDPOINT_URL": simulator.aws_url,
        # Only because of the endpoint: IAM itself is global.
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": role["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": role["SecretAccessKey"],
        "AWS_SESSION_TOKEN": role["SessionToken"],
    }
    told = {finding["code"]: finding["next_step"] for finding in findings.evaluate(seen)}
    advised = {code: found[1] for code, text in told.items() if (found := re.search(r"\((aws [^()]+)\)", text))}
    mended = {"policy_too_wide", "inline_policy", "group_membership", "console_access", "live_key_of_other_user"}
    assert advised.keys() == mended
    for command in advised.values():
        type_command(command, here, shell)
    assert iam.list_attached_user_policies(UserName=user)["AttachedPolicies"] == []
    assert iam.list_user_policies(UserName=user)["PolicyNames"] == []
    assert iam.list_groups_for_user(UserName=user)["Groups"] == []
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.get_login_profile(UserName=user)
    assert [key["status"] for key in control.keys(name)] == ["Inactive"]
    # Where a key's id is not known, the same finding's command tells it.
    find = re.search(r"\((aws [^()]+)\)", deactivate(other, ""))
    assert find
    assert key_id in type_command(find[1], here, shell)
    type_command(iam_command("update-user", user_name=user, new_user_name="again"), here, shell)
    assert iam.get_user(UserName="again")["User"]["UserName"] == "again"


def test_the_role_of_the_guide_is_the_same_by_stack_set_and_by_hand(
    organization: Organization, here: pathlib.Path, shell: dict[str, str]
) -> None:
    page = guide("permissions")
    unit = organization.add_unit("Labs")
    lab, by_hand = organization.add("lab", unit), organization.add("by-hand")
    (trust,) = blocks(page, "json")
    (here / "trust.json").write_text(trust)
    for command in typed(page, "aws cloudformation "):
        type_command(command.replace("ou-ab12-cdefgh34", unit), here, shell)
    held = organization.credentials(by_hand)
    in_account = {
        "AWS_ACCESS_KEY_ID": held["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": held["SecretAccessKey"],
        "AWS_SESSION_TOKEN": held["SessionToken"],
    }
    _at_the_top, *commands = typed(page, "aws iam ")
    for command in commands:
        type_command(command, here, {**shell, **in_account})

    def made(account_id: str) -> tuple[t.Any, dict[str, t.Any]]:
        iam = organization.of("iam", account_id)
        names = iam.list_role_policies(RoleName="labops-cloudresearch")["PolicyNames"]
        found = [iam.get_role_policy(RoleName="labops-cloudresearch", PolicyName=name) for name in names]
        # moto keeps what a template makes as Python's text of it.
        documents = [ast.literal_eval(str(policy["PolicyDocument"])) for policy in found]
        policies = dict(zip(names, documents, strict=True))
        role = iam.get_role(RoleName="labops-cloudresearch")["Role"]
        return role["AssumeRolePolicyDocument"], json.loads(json.dumps(policies).replace(f"::{account_id}:", "::*:"))

    shipped = {path.stem: json.loads(path.read_text()) for path in (PROJECT / "docs" / "iam").glob("*.json")}
    assert made(by_hand) == (json.loads(trust), {"lab-audit": shipped["lab-audit"]})
    trusted, policies = made(lab)
    assert trusted == json.loads(trust)
    assert policies == {name: shipped[name] for name in ("lab-audit", "lab-onboard", "lab-rotate")}


def test_the_accounts_of_any_inventory_are_entered(
    simulator: Simulator, here: pathlib.Path, shell: dict[str, str], tmp_path: pathlib.Path
) -> None:
    """With the strict simulator: the roles are there, the external id is asked for, and the profile is one."""
    (inventory,) = [block for block in blocks(guide("aws_account"), "yaml") if block.startswith("# accounts.yml")]
    (here / "accounts.yml").write_text(inventory)
    control = simulator.control
    control.reset()
    data = control.create_lab("data", account_id="012345678901", portal=False)
    partner = control.create_lab("partner", account_id="123456789012", portal=False)
    asked = {"StringEquals": {"sts:ExternalId": "ours"}}
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": simulator.management_account_id}}
    lab_client(simulator, partner, "iam").create_role(
        RoleName="Operations",
        Path="/path/",
        AssumeRolePolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [{**statement, "Condition": asked}]}
        ),
    )
    keys = f"aws_access_key_id = {simulator.ops_access_key}\naws_secret_access_key = {simulator.ops_secret_key}\n"
    (tmp_path / "aws-config").write_text(f"[default]\n{keys}[profile sandbox]\n{keys}")
    shell |= {"AWS_CONFIG_FILE": str(tmp_path / "aws-config"), "AWS_ENDPOINT_URL": simulator.aws_url}
    command = "ansible all -i accounts.yml -e partners_external_id=ours -m command -a"
    shown = type_command(f"{command} 'aws sts get-caller-identity --query=[Arn] --output=text'", here, shell)
    assert dict(re.findall(r"^(\w+) \| CHANGED .*\n(arn:.*)$", shown, re.MULTILINE)) == {
        "data": f"arn:aws:sts::{data['account_id']}:assumed-role/OrganizationAccountAccessRole/labops.cloudresearch",
        "partner": f"arn:aws:sts::{partner['account_id']}:assumed-role/Operations/labops.cloudresearch",
        "sandbox": f"arn:aws:iam::{simulator.management_account_id}:user/labops",
    }


def test_the_execution_environment_is_handed_to_the_engine_whole(here: pathlib.Path, shell: dict[str, str]) -> None:
    """ansible-builder is real; C(podman) keeps what it is called with. The artifact is what make package leaves."""
    version = yaml.safe_load((PROJECT / "galaxy.yml").read_text())["version"]
    artifact = here / "build" / "package" / f"labops-cloudresearch-{version}.tar.gz"
    artifact.parent.mkdir(parents=True)
    artifact.write_bytes(b"the artifact")
    whole = yaml.safe_load((PROJECT / "execution-environment.yml").read_text())
    (here / "execution-environment.yml").write_text(yaml.safe_dump(whole))
    engine = pathlib.Path(shell["PATH"].partition(":")[0]) / "podman"
    engine.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > arguments\nfor last; do :; done\ncp -r "$last" handed-over\n')
    engine.chmod(0o755)
    builds = typed(guide("execution_environment"), "ansible-builder ")
    assert len(set(builds)) == 1
    type_command(builds[0], here, shell)
    words = (here / "arguments").read_text().split()
    assert words[0] == "build" and words[words.index("-t") + 1] == "labops-cloudresearch"
    handed_over = here / "handed-over"
    (collection,) = (handed_over / "_build" / "collections").iterdir()
    assert (collection.name, collection.read_bytes()) == (artifact.name, b"the artifact")
    assert "hvac" in (handed_over / "_build" / "requirements.txt").read_text()
    assert "RUN dnf install -y epel-release" not in (handed_over / "Containerfile").read_text()

    # With what the guide adds for a browser.
    (browser,) = [block for block in blocks(guide("execution_environment"), "yaml") if "append_final" in block]
    more = yaml.safe_load(browser)
    whole["dependencies"] |= more.pop("dependencies")
    (here / "execution-environment.yml").write_text(yaml.safe_dump({**whole, **more}))
    type_command(f"rm -r handed-over && {builds[0]}", here, shell)
    assert "playwright" in (handed_over / "_build" / "requirements.txt").read_text()
    assert "RUN dnf install -y epel-release" in (handed_over / "Containerfile").read_text()


def test_a_key_is_read_with_each_stores_own_command(
    simulator: Simulator,
    here: pathlib.Path,
    shell: dict[str, str],
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The stores are those that the guide configures, but for their addresses."""
    page = guide("stores")
    stores = [
        found["lab_account_secret_store"]
        for block in blocks(page, "yaml")
        if "lab_account_secret_store" in (found := yaml.safe_load(block))
    ]
    keys = f"aws_access_key_id = {simulator.ops_access_key}\naws_secret_access_key = {simulator.ops_secret_key}\n"
    (tmp_path / "aws-config").write_text(
        f"[default]\nregion = eu-central-1\n{keys}[profile research-computing]\n{keys}"
    )
    aws = {"AWS_CONFIG_FILE": str(tmp_path / "aws-config"), "AWS_ENDPOINT_URL": simulator.aws_url}
    for name, value in {**aws, "ANSIBLE_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    commands = [line for line in typed(page) if " rekey " not in line]
    shown = {}
    with running_openbao() as bao:
        root = hvac.Client(url=bao.url, token=bao.token)
        root.sys.enable_secrets_engine("kv", path="research", options={"version": "2"})
        (policy,) = blocks(page, "text")
        root.sys.create_or_update_policy("labs", policy)
        root.sys.enable_auth_method("approle")
        root.auth.approle.create_or_update_approle("keys", token_policies=["labs"])
        signed_in = {
            "url": bao.url,
            "role_id": root.auth.approle.read_role_id("keys")["data"]["role_id"],
            "secret_id": root.auth.approle.generate_secret_id("keys")["data"]["secret_id"],
        }
        shell |= {**aws, "BAO_ADDR": bao.url, "BAO_TOKEN": bao.token}
        for options in stores:
            if options["type"] == "ansible_vault":
                continue  # Needs the vault password of a run: test_store_ansible_vault.py types its commands.
            store = secret_store.open_store({**options, **(signed_in if options["type"] == "hashi_vault" else {})})
            store.put(RECORD, store.get("lab-01"))
        for command in commands:
            if not command.startswith("ansible-vault "):
                shown[command.split()[1]] = json.loads(type_command(command, here, shell))
    shown["kv"] = shown["kv"]["data"]["data"]
    assert {name: LabRecord.from_dict(found) for name, found in shown.items()} == dict.fromkeys(
        ("secretsmanager", "ssm", "kv"), RECORD
    )


def test_the_local_stack_does_what_its_page_says(here: pathlib.Path, shell: dict[str, str]) -> None:
    page = PROJECT / "tests" / "simulator" / "README.md"
    start, *asked = typed(page)
    command = start.replace(".venv/bin/python", sys.executable).split()
    environment = {**shell, "PYTHONPATH": str(PROJECT)}
    with subprocess.Popen(command, cwd=here, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            printed = json.loads(process.stdout.readline())
            assert json.loads((here / "simulator.json").read_text()) == printed
            for line in asked:
                answer = type_command(
                    line.replace("curl ", "curl -fsS "), here, {**shell, "CONTROL": printed["control_url"]}
                )
                json.loads(answer)
        finally:
            process.terminate()
    assert len(asked) == 3 and not (here / "simulator.json").exists()
