# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the thin actions do before and after their module runs. The module's own run is cut off where it would begin."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.loader import connection_loader
from ansible.template import Templar

from ansible_collections.labops.cloudresearch.plugins.action import (
    amazon_aws,
    cloudresearch_link,
    lab_account_info,
    lab_account_outcome,
    mturk_requester_check,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.situation import NEW_KEY
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store import open_store
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.record import LabRecord, StoredKey
from ansible_collections.labops.cloudresearch.tests.unit.plugins.plugin_utils.aws.aws_answers import (
    CREATED,
    AwsAnswers,
    Refusal,
    aws_answers,
)

__all__ = ["aws_answers"]

ROLE = "arn:aws:iam::111122223333:role/OrganizationAccountAccessRole"
SESSION = {
    "AccessKeyId": "ASIAASSUMED000000001",
    "SecretAccessKey": "s" * 20,
    "SessionToken": "t",
    "Expiration": CREATED,
}
FIRST, SECOND = "AKIAFIRST00000000001", "AKIASECOND0000000002"


def act(plugin: t.Any, args: dict[str, t.Any], *, check_mode: bool = False, loader: DataLoader | None = None) -> t.Any:
    """An action with a task of these options; C(run_with) are the options with which the module would have run."""

    class Cut(plugin.ActionModule):  # type: ignore[misc, name-defined]
        run_with: tuple[str, dict[str, t.Any]] | None = None
        module_result: t.ClassVar[dict[str, t.Any]] = {"changed": False}

        def execute(self, module_name: str, module_args: dict[str, t.Any], task_vars: t.Any) -> dict[str, t.Any]:
            self.run_with = (module_name, module_args)
            return dict(self.module_result)

    task = Task()
    task.action = f"labops.cloudresearch.{plugin.__name__.rpartition('.')[2]}"
    task.args = args
    task.check_mode = check_mode
    play_context = PlayContext()
    loader = loader or DataLoader()
    connection = connection_loader.get("ansible.builtin.local", play_context, "/dev/null")
    return Cut(
        task=task,
        connection=connection,
        play_context=play_context,
        loader=loader,
        templar=Templar(loader=loader),
        shared_loader_obj=None,
    )


# -- amazon_aws ------------------------------------------------------------------------------------------------------


def test_the_roles_credentials_replace_all_others(aws_answers: AwsAnswers) -> None:
    aws_answers.answers = {"AssumeRole": {"Credentials": SESSION}}
    given = {
        "name": "u",
        "aws_access_key": "AKIAOPS0000000000001",
        "secret_key": "the-secret-of-ops",
        "region": "us-east-1",
    }
    action = act(amazon_aws, {"module": "amazon.aws.iam_user", "options": given, "assume_role_arn": ROLE})
    action.run(task_vars={})
    assert action.run_with == (
        "amazon.aws.iam_user",
        {
            "name": "u",
            "region": "us-east-1",
            "access_key": SESSION["AccessKeyId"],
            "secret_key": SESSION["SecretAccessKey"],
            "session_token": SESSION["SessionToken"],
            "profile": "",
        },
    )
    assert aws_answers.calls[0].access_key == "AKIAOPS0000000000001"


def test_without_a_role_the_options_are_left_alone() -> None:
    given = {"name": "u", "aws_profile": "p"}
    action = act(amazon_aws, {"module": "amazon.aws.iam_user", "options": given})
    action.run(task_vars={})
    assert action.run_with == ("amazon.aws.iam_user", given)


@pytest.mark.parametrize("module", ["ansible.builtin.command", "community.aws.x", "iam_user", "amazon.awsome.iam_user"])
def test_modules_of_others_are_refused(module: str) -> None:
    action = act(amazon_aws, {"module": module})
    result = action.run(task_vars={})
    assert result["failed"] and module in result["msg"] and action.run_with is None


def test_a_role_that_cannot_be_assumed_runs_nothing(aws_answers: AwsAnswers) -> None:
    aws_answers.answers = {"AssumeRole": Refusal("AccessDenied", status=403)}
    options = {"access_key": "AKIAOPS0000000000001", "secret_key": "the-secret-of-ops"}
    action = act(amazon_aws, {"module": "amazon.aws.iam_user", "options": options, "assume_role_arn": ROLE})
    result = action.run(task_vars={})
    assert result["failed"] and result["reason"] == "role_not_assumable" and result["next_step"]
    assert action.run_with is None


# -- with a store ----------------------------------------------------------------------------------------------------


@pytest.fixture
def vault(tmp_path: pathlib.Path) -> tuple[DataLoader, dict[str, t.Any]]:
    """A store with a lab that is being rotated, and the loader that has its password."""
    from ansible.parsing.vault import VaultSecret

    loader = DataLoader()
    loader.set_vault_secrets([("default", VaultSecret(b"the vault password"))])
    options = {"type": "ansible_vault", "directory": str(tmp_path / "store")}
    store = open_store(options, loader=loader, lab_connection=lambda: None)
    keys = {
        slot: StoredKey(access_key_id=key_id, secret_access_key=f"the-secret-of-{slot}", created="2026-01-02T03:04:05Z")
        for slot, key_id in (("current", FIRST), ("pending", SECOND))
    }
    record = LabRecord(lab="lab-01", account_id="111122223333", user_name="u", **keys)
    store.put(record, after=store.get("lab-01"))
    return loader, options


def test_a_check_is_signed_with_the_key_that_the_portal_is_to_hold(vault: tuple[DataLoader, dict[str, t.Any]]) -> None:
    loader, store = vault
    others = {
        "aws_access_key": "A",
        "aws_secret_key": "S",
        "session_token": "t",
        "profile": "p",
        "assume_role_arn": ROLE,
    }
    action = act(mturk_requester_check, {"lab": "lab-01", "store": store, "wait_timeout": 5, **others}, loader=loader)
    action.run(task_vars={})
    assert action.run_with[1] == {
        "access_key": SECOND,
        "secret_key": "the-secret-of-pending",
        "session_token": "",
        "profile": "",
        "wait_timeout": 5,
    }


@pytest.mark.parametrize(
    ("given", "check_mode", "noted"),
    [("true", False, True), (True, False, True), ("false", False, False), (False, False, False), (True, True, False)],
)
def test_the_collections_own_use_is_noted(
    vault: tuple[DataLoader, dict[str, t.Any]], given: t.Any, check_mode: bool, noted: bool
) -> None:
    loader, store = vault
    args = {"lab": "lab-01", "store": store, "note_key_use": given}
    action = act(mturk_requester_check, args, check_mode=check_mode, loader=loader)
    action.run(task_vars={})
    assert "note_key_use" not in action.run_with[1]
    record = open_store(store, loader=loader, lab_connection=lambda: None).get("lab-01").record
    assert bool(record.pending.collection_used_at) is noted and record.current.collection_used_at is None


def test_the_portal_is_handed_the_stored_key(vault: tuple[DataLoader, dict[str, t.Any]]) -> None:
    loader, store = vault
    action = act(cloudresearch_link, {"lab": "lab-01", "store": store, "email": "pi@lab.example"}, loader=loader)
    action.run(task_vars={})
    options = action.run_with[1]
    assert (options["access_key_id"], options["secret_access_key"]) == (SECOND, "the-secret-of-pending")
    assert "store" not in options


def found(status: str, access_key_id: str = "", evidence: str = "page", changed: bool = False) -> dict[str, t.Any]:
    """What the module returns."""
    link = {"status": status, "access_key_id": access_key_id, "evidence": evidence, "message": ""}
    seen = {"status": status, "access_key_id": access_key_id}
    return {"changed": changed, "link": link, "diff": {"before": seen, "after": seen}}


@pytest.mark.parametrize(
    ("result", "recorded"),
    [
        # The record says that the portal holds FIRST.
        (found("linked", SECOND, "submission", changed=True), (SECOND,)),
        (found("linked", SECOND), (SECOND,)),
        (found("linked", FIRST), (FIRST,)),
        (found("linked", FIRST, "record"), (FIRST,)),
        (found("not_linked", changed=True), ()),
        # Not proved, or not known to last: the next observation judges these.
        (found("linked", SECOND, "record"), (FIRST,)),
        (found("not_linked"), (FIRST,)),
        (found("other_key", "AKIASTRANGER00000003"), (FIRST,)),
        (found("unknown", evidence=""), (FIRST,)),
    ],
)
@pytest.mark.parametrize("check_mode", [False, True])
def test_the_link_is_recorded_where_the_key_came_from(
    vault: tuple[DataLoader, dict[str, t.Any]], result: dict[str, t.Any], recorded: tuple[str, ...], check_mode: bool
) -> None:
    loader, store = vault
    opened = open_store(store, loader=loader, lab_connection=lambda: None)
    before = opened.get("lab-01")
    opened.put(before.record.with_link(FIRST, "page", CREATED), after=before)
    action = act(cloudresearch_link, {"lab": "lab-01", "store": store}, check_mode=check_mode, loader=loader)
    action.module_result = result
    done = action.run(task_vars={})
    assert action.run_with[1]["recorded_access_key_id"] == FIRST, "the record is evidence"
    news = recorded != (FIRST,)
    assert done["changed"] is (result["changed"] or news) and done["link"] == result["link"]
    if news:
        assert done["diff"]["before"]["recorded"] == [FIRST] and done["diff"]["after"]["recorded"] == [*recorded]
    record = opened.get("lab-01").record
    assert record.linked_key_ids == ((FIRST,) if check_mode else recorded)
    if record.pending.linked:
        assert record.pending.link_evidence == result["link"]["evidence"] and record.current.link_evidence is None
    assert record.current.secret_access_key == "the-secret-of-current"
    action.module_result = {**result, "changed": False}
    again = action.run(task_vars={})
    # What was removed is not found to be removed again.
    assert again["changed"] is (news and check_mode and bool(recorded))


def test_the_link_of_a_key_that_is_still_to_come_would_be_recorded(vault: tuple[DataLoader, dict[str, t.Any]]) -> None:
    loader, store = vault
    args = {"lab": "lab-02", "store": store, "access_key_id": NEW_KEY}
    action = act(cloudresearch_link, args, check_mode=True, loader=loader)
    action.module_result = found("not_linked")
    result = action.run(task_vars={})
    assert result["changed"] and result["diff"]["after"]["recorded"] == [NEW_KEY]


def test_a_waiting_lab_needs_no_store_any_more(
    vault: tuple[DataLoader, dict[str, t.Any]], tmp_path: pathlib.Path
) -> None:
    loader, store = vault
    action = act(cloudresearch_link, {"lab": "lab-01", "store": store}, loader=loader)

    def execute(*unused: t.Any) -> dict[str, t.Any]:
        (tmp_path / "store" / "lab-01.yml").unlink()
        return found("unknown", evidence="")

    action.execute = execute
    assert not action.run(task_vars={}).get("failed")


@pytest.mark.parametrize(
    ("written", "reason"), [("somebody wrote something else", "store_record_malformed"), (None, "store_conflict")]
)
def test_a_link_that_cannot_be_recorded_is_told_with_the_link(
    vault: tuple[DataLoader, dict[str, t.Any]], tmp_path: pathlib.Path, written: str | None, reason: str
) -> None:
    loader, store = vault
    action = act(cloudresearch_link, {"lab": "lab-01", "store": store}, loader=loader)

    def execute(*unused: t.Any) -> dict[str, t.Any]:
        file = tmp_path / "store" / "lab-01.yml"
        file.write_text(written) if written else file.unlink()
        return found("linked", SECOND, "submission", changed=True)

    action.execute = execute
    result = action.run(task_vars={})
    assert result["failed"] and result["changed"] and result["step"] == "link"
    assert result["reason"] == reason and result["link"]["access_key_id"] == SECOND


@pytest.mark.parametrize("plugin", [mturk_requester_check, cloudresearch_link])
@pytest.mark.parametrize("wrong", [{"lab": "unheard-of"}, {"store": "text"}, {"store": {"type": "nonsense"}}])
def test_no_key_no_run(vault: tuple[DataLoader, dict[str, t.Any]], plugin: t.Any, wrong: dict[str, t.Any]) -> None:
    loader, store = vault
    action = act(plugin, {"lab": "lab-01", "store": store, **wrong}, loader=loader)
    result = action.run(task_vars={})
    assert result["failed"] and result["msg"] and result["next_step"] and action.run_with is None


def test_the_observation_gets_the_record_and_the_secrets_apart(vault: tuple[DataLoader, dict[str, t.Any]]) -> None:
    loader, store = vault
    action = act(lab_account_info, {"lab": "lab-01", "store": store, "aws_region": "r"}, loader=loader)
    action.run(task_vars={})
    options = action.run_with[1]
    assert "store" not in options and options["region"] == "r"
    assert options["stored_secrets"] == {FIRST: "the-secret-of-current", SECOND: "the-secret-of-pending"}
    assert "the-secret" not in str(options["store_record"]) and options["store_record"]["pending"]


# -- what the observation alone decides ------------------------------------------------------------------------------

LAB: dict[str, t.Any] = {"lab": "lab-01", "account_id": "111122223333", "missing": [], "blocked": {}, "requester": {}}
BLOCKED = {"step": "access_key", "reason": "user_not_ours", "message": "It is not ours.", "next_step": "Choose."}


@pytest.mark.parametrize(
    ("operation", "lab", "state"),
    [
        ("onboard", {}, "converged"),
        ("onboard", {"missing": ["access_key"]}, None),
        ("rotate", {}, "converged"),
        ("audit", {"missing": ["access_key"]}, "drifted"),
        ("audit", {"missing": ["access_key"], "blocked": BLOCKED}, "drifted"),
        (None, {}, None),
        (None, {"blocked": BLOCKED}, None),
    ],
)
def test_the_outcome_of_an_observation(operation: str | None, lab: dict[str, t.Any], state: str | None) -> None:
    args = {"lab": "lab-01", **({"operation": operation} if operation else {})}
    action = act(lab_account_info, args)
    action.module_result = {"changed": False, "lab_account": {**LAB, **lab}}
    result = action.run(task_vars={})
    assert not result.get("failed") and result["lab_account"]["lab"] == "lab-01"
    found = result.get("ansible_facts", {}).get("lab_account_outcome")
    assert (found or {}).get("state") == state
    assert "operation" not in action.run_with[1]


@pytest.mark.parametrize("operation", ["onboard", "rotate", "retire"])
def test_an_observation_that_blocks_everything_fails(operation: str) -> None:
    action = act(lab_account_info, {"lab": "lab-01", "operation": operation})
    action.module_result = {"changed": False, "lab_account": {**LAB, "missing": ["access_key"], "blocked": BLOCKED}}
    result = action.run(task_vars={})
    assert result["failed"] and (result["reason"], result["step"]) == ("user_not_ours", "access_key")
    assert result["msg"] == "It is not ours. Next step: Choose." and "ansible_facts" not in result


def test_an_observation_that_failed_concludes_nothing() -> None:
    action = act(lab_account_info, {"lab": "lab-01", "operation": "audit"})
    action.module_result = {"failed": True, "msg": "no"}
    result = action.run(task_vars={})
    assert result["failed"] and "ansible_facts" not in result


# -- lab_account_outcome ---------------------------------------------------------------------------------------------


def outcome_of(args: dict[str, t.Any], **more: t.Any) -> dict[str, t.Any]:
    result = act(lab_account_outcome, {"lab": "lab-01", **args}, **more).run(task_vars={})
    assert result["changed"] is False
    return t.cast("dict[str, t.Any]", result["ansible_facts"]["lab_account_outcome"])


def test_an_outcome_is_set_as_a_fact() -> None:
    assert outcome_of({"observed": LAB})["state"] == "converged"
    assert outcome_of({"failure": {"msg": "no"}})["state"] == "failed"
    predicted = outcome_of(
        {"observed": {**LAB, "missing": ["iam_user"]}, "results": {"iam_user": {"changed": True}}}, check_mode=True
    )
    assert (predicted["state"], predicted["check_mode"], predicted["operation"]) == ("changed", True, "onboard")
