# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is special about the stores in AWS: whose account, lost answers, races, and what a person is told."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import typing as t
import uuid

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils import store as secret_store
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws.connection import AwsConnection
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.record import LabRecord
from ansible_collections.labops.cloudresearch.tests.fixtures.records import RECORD, SECRET
from tests.simulator.process import Simulator

LATER = dataclasses.replace(RECORD, user_name="later")
LATEST = dataclasses.replace(RECORD, user_name="latest")


@dataclasses.dataclass
class Setup:
    """One store type on the simulator, under a prefix of its own."""

    simulator: Simulator
    type_name: str
    prefix: str

    def open(self, **options: t.Any) -> t.Any:
        credentials = {
            "access_key": self.simulator.ops_access_key,
            "secret_key": self.simulator.ops_secret_key,
            "region": "eu-central-1",
            "endpoint_url": self.simulator.aws_url,
            "prefix": self.prefix,
        }
        return secret_store.open_store({"type": self.type_name, **credentials, **options})

    @property
    def write_action(self) -> str:
        return "PutParameter" if self.type_name == "aws_ssm" else "PutSecretValue"

    @property
    def service(self) -> str:
        return "ssm" if self.type_name == "aws_ssm" else "secretsmanager"


@pytest.fixture(params=["aws_secretsmanager", "aws_ssm"])
def setup(request: pytest.FixtureRequest, simulator: Simulator, tmp_path: t.Any, monkeypatch: t.Any) -> t.Any:
    monkeypatch.setenv("ANSIBLE_HOME", str(tmp_path))
    slash = "/" if request.param == "aws_ssm" else ""
    yield Setup(simulator, request.param, f"{slash}{uuid.uuid4().hex[:8]}/labs/")
    simulator.control.clear_faults()
    simulator.control.set_ops_policy(None)


def write(store: secret_store.SecretStore, record: LabRecord = RECORD) -> secret_store.Snapshot:
    return store.put(record, store.get("lab-01"))


def test_the_record_is_in_the_lab_s_account_or_in_the_central_one(setup: Setup) -> None:
    lab = setup.simulator.control.create_lab(f"lab-{uuid.uuid4().hex[:8]}")

    def connection() -> AwsConnection:
        return AwsConnection(
            {
                "access_key": setup.simulator.ops_access_key,
                "secret_key": setup.simulator.ops_secret_key,
                "endpoint_url": setup.simulator.aws_url,
                "assume_role_arn": lab["role_arn"],
            }
        )

    options = {"type": setup.type_name, "prefix": setup.prefix, "account": "lab"}
    in_lab = secret_store.open_store(options, lab_connection=connection)
    write(in_lab)
    assert setup.open().get("lab-01").record is None
    write(setup.open(), LATER)
    assert in_lab.get("lab-01").record == RECORD
    accounts = {
        call["action"]: call["account_id"]
        for call in setup.simulator.control.calls()
        if call["service"] == setup.service
    }
    assert accounts[setup.write_action if setup.service == "ssm" else "CreateSecret"] != lab["account_id"]
    assert "lab's account" in in_lab.location
    assert "central" in setup.open().location


def test_options_that_make_no_sense_are_refused_at_once(setup: Setup) -> None:
    for options in (
        {"account": "lab"},
        {"prefix": "../x"},
        {"prefix": "a b/"},
        {"recovery_window_days": 3},
        {"mount_point": "x"},
    ):
        with pytest.raises(CollectionError) as caught:
            setup.open(**options)
        assert caught.value.reason == "invalid_options"


def test_nothing_says_how_to_reach_the_lab(setup: Setup) -> None:
    store = secret_store.open_store({"type": setup.type_name, "account": "lab"})
    with pytest.raises(CollectionError, match="lab's account"):
        store.get("lab-01")


def test_the_kms_key_and_the_tags_are_used(setup: Setup) -> None:
    store = setup.open(kms_key_id="alias/lab-keys", tags={"owner": "research", "n": 7})
    write(store)
    write(store, LATER)
    name = store.name("lab-01")
    if setup.type_name == "aws_ssm":
        parameter = store.client.describe_parameters(
            ParameterFilters=[{"Key": "Name", "Option": "Equals", "Values": [name]}]
        )["Parameters"][0]
        assert (parameter["KeyId"], parameter["Tier"], parameter["Type"]) == (
            "alias/lab-keys",
            "Standard",
            "SecureString",
        )
        tags = store.client.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
    else:
        described = store.client.describe_secret(SecretId=name)
        assert described["KmsKeyId"] == "alias/lab-keys"
        tags = described["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"owner": "research", "n": "7"}


@pytest.mark.parametrize("kind", ["http_500", "cut", "web_page"])
def test_a_write_whose_answer_was_lost_is_not_taken_for_somebody_else_s(setup: Setup, kind: str) -> None:
    store = setup.open()
    faults = setup.simulator.control
    create = "PutParameter" if setup.type_name == "aws_ssm" else "CreateSecret"
    faults.inject_fault(service=setup.service, action=create, kind=kind, when="after")
    snapshot = write(store)
    assert not faults.pending_faults(), "the fault did not hit"
    for number, action in enumerate({setup.write_action, *(["UpdateSecretVersionStage"] * (create == "CreateSecret"))}):
        faults.inject_fault(service=setup.service, action=action, kind=kind, when="after")
        record = dataclasses.replace(RECORD, user_name=f"user{number}")
        snapshot = store.put(record, snapshot)
        assert not faults.pending_faults(), "the fault did not hit"
        assert setup.open().get("lab-01") == snapshot


def test_denied_calls_name_the_missing_permission_and_never_the_record(setup: Setup) -> None:
    store = setup.open()
    snapshot = write(store)
    everything_but = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": "*"},
            {"Effect": "Deny", "Action": f"{setup.service}:{setup.write_action}", "Resource": "*"},
        ],
    }
    setup.simulator.control.set_ops_policy(everything_but)
    with pytest.raises(CollectionError) as caught:
        store.put(LATER, snapshot)
    assert caught.value.reason == "store_denied"
    assert f"{setup.service}:{setup.write_action}" in str(caught.value.as_result())
    assert "lab-01" in caught.value.message
    assert SECRET not in repr(caught.value.as_result())
    assert caught.value.__suppress_context__, "the failed call's parameters hold the record"
    assert setup.open().get("lab-01").record == RECORD


@pytest.mark.parametrize("meanwhile", [LATER, None], ids=["overwritten", "removed"])
def test_what_happened_to_a_parameter_between_compare_and_write_stays_so(
    meanwhile: LabRecord | None, setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    if setup.type_name != "aws_ssm":
        pytest.skip("Secrets Manager has a real check-and-set")
    slow, fast = setup.open(), setup.open()
    before = write(slow)
    compare_and = slow._write

    def interrupted(lab: str, value: str, **how: t.Any) -> int:
        monkeypatch.setattr(slow, "_write", compare_and)
        if meanwhile is None:
            fast.delete(fast.get("lab-01"))
        else:
            write(fast, meanwhile)
        return int(compare_and(lab, value, **how))

    monkeypatch.setattr(slow, "_write", interrupted)
    with pytest.raises(CollectionError) as caught:
        slow.put(LATEST, before)
    assert caught.value.reason == "store_conflict"
    assert setup.open().get("lab-01").record == meanwhile


def test_a_secret_that_the_collection_removed_counts_as_gone_and_its_name_can_be_used_again(setup: Setup) -> None:
    if setup.type_name != "aws_secretsmanager":
        pytest.skip("Parameter Store has no recovery window")
    store = setup.open(recovery_window_days=7)
    for record in (RECORD, LATER):
        write(store, record)
        store.delete(store.get("lab-01"))
        assert store.client.describe_secret(SecretId=store.name("lab-01"))["DeletedDate"]
        gone = store.get("lab-01")
        assert gone.record is None
        store.check("lab-01")
        store.delete(gone)
    store.put(LATEST, gone)
    assert setup.open().get("lab-01").record == LATEST


@pytest.mark.parametrize("before", ["never removed", "removed by the collection once"])
def test_a_secret_that_somebody_scheduled_for_deletion_is_restored_not_replaced(
    setup: Setup, before: str, programs: dict[str, str]
) -> None:
    if setup.type_name != "aws_secretsmanager":
        pytest.skip("Parameter Store has no recovery window")
    store = setup.open(recovery_window_days=7)
    if before != "never removed":
        write(store)
        store.delete(store.get("lab-01"))
    write(store)
    store.client.delete_secret(SecretId=store.name("lab-01"), RecoveryWindowInDays=7)
    for action in (
        lambda: store.get("lab-01"),
        lambda: store.check("lab-01"),
        lambda: store.put(LATER, secret_store.Snapshot("lab-01", None)),
    ):
        with pytest.raises(CollectionError, match="can be restored") as caught:
            action()
        assert caught.value.reason == "record_deleted"
    command = caught.value.next_step.removeprefix("Restore it: ").partition(" (or")[0]
    subprocess.run(command, shell=True, check=True, timeout=60, env=programs)
    assert store.get("lab-01").record == RECORD


@pytest.fixture
def programs(setup: Setup, tmp_path: pathlib.Path) -> dict[str, str]:
    """The environment of a shell that is signed in to the central account, with a program C(aws)."""
    program = tmp_path / "bin" / "aws"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m tests.stack.aws_command "$@"\n')
    program.chmod(0o755)
    return {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(pathlib.Path(__file__).parents[2]),
        "AWS_ACCESS_KEY_ID": setup.simulator.ops_access_key,
        "AWS_SECRET_ACCESS_KEY": setup.simulator.ops_secret_key,
        "AWS_ENDPOINT_URL": setup.simulator.aws_url,
        "AWS_REGION": "eu-central-1",
    }


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("role", [False, True])
def test_the_read_command_shows_the_record(
    setup: Setup, programs: dict[str, str], role: bool, shell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", setup.simulator.aws_url)
    lab = setup.simulator.control.create_lab(f"lab-{uuid.uuid4().hex[:8]}")
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": setup.simulator.management_account_id},
        "Condition": {"StringEquals": {"sts:ExternalId": "ours"}},
    }
    setup.simulator.control.set_role_trust(lab["name"], {"Version": "2012-10-17", "Statement": [statement]})
    store = setup.open(**({"assume_role_arn": lab["role_arn"], "external_id": "ours"} if role else {}))
    write(store)
    command = store.read_command("lab-01")
    assert setup.simulator.ops_secret_key not in command
    shown = subprocess.run(
        [shell, "-c", command], check=True, capture_output=True, text=True, timeout=60, env=programs
    ).stdout
    assert LabRecord.from_dict(json.loads(shown)) == RECORD
    assert setup.open().get("lab-01").record == (None if role else RECORD)


def test_a_store_that_is_not_reached_is_told_as_the_store(setup: Setup) -> None:
    with pytest.raises(CollectionError) as caught:
        setup.open(endpoint_url="http://127.0.0.1:9").get("lab-01")
    assert caught.value.reason == "store_unreachable"


def test_a_prefix_of_several_parts_needs_a_slash_in_parameter_store(setup: Setup) -> None:
    if setup.type_name != "aws_ssm":
        pytest.skip("only Parameter Store has that rule")
    with pytest.raises(CollectionError, match="slash"):
        setup.open(prefix="a/b/")
