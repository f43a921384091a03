# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the actions do around the work that they hand on: which key they take, what they record, what they conclude."""

from __future__ import annotations

import os
import pathlib
import typing as t

import pytest
import yaml
from ansible import constants
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.loader import connection_loader
from ansible.template import Templar

from ansible_collections.labops.cloudresearch.plugins.action import (
    cloudresearch_link,
    lab_account_conclude,
    lab_account_info,
    lab_account_observe,
    lab_account_outcome,
    mturk_requester_check,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws.connection import AwsConnection
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.actions import NEW_KEY
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab_action import LabAction, Options, Result
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store import open_store
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.record import LabRecord, StoredKey
from ansible_collections.labops.cloudresearch.tests.unit.plugins.plugin_utils.aws.aws_answers import CREATED

FIRST, SECOND = "AKIAFIRST00000000001", "AKIASECOND0000000002"
Vault = tuple[DataLoader, dict[str, t.Any]]


INSIDE = {"access_key": "ASIAINSIDE0000000001", "secret_key": "s", "session_token": "t"}


def act(
    action_class: t.Any,
    args: dict[str, t.Any],
    *,
    check_mode: bool = False,
    loader: DataLoader | None = None,
    inside: bool = False,
    environment: dict[str, str] | None = None,
    become: bool = False,
) -> t.Any:
    """An action with a task of these options."""
    task = Task()
    task.action = f"labops.cloudresearch.{action_class.__module__.rpartition('.')[2]}"
    task.args = args
    task.check_mode = check_mode
    task.environment = [environment] if environment else []
    play_context = PlayContext()
    play_context.become = become
    loader = loader or DataLoader()
    connection = connection_loader.get("ansible.builtin.local", play_context, "/dev/null")
    if inside:
        # As far as actions can tell.
        connection.transport, connection.account = "labops.cloudresearch.aws_account", lambda: AwsConnection(INSIDE)
    return action_class(
        task=task,
        connection=connection,
        play_context=play_context,
        loader=loader,
        templar=Templar(loader=loader),
        shared_loader_obj=None,
    )


# -- the base --------------------------------------------------------------------------------------------------------


class Account(LabAction):
    """Says which account it would work in."""

    def work(self, options: Options, task_vars: dict[str, t.Any]) -> Result:
        credentials = self.account(options).credentials()
        return {"key": credentials["access_key"], "variable": os.environ.get("LABOPS_TEST"), "options": options}


def test_the_connections_account_is_used_unless_the_task_names_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOPERATOR00000001")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the-operators")
    named = {"access_key": "AKIANAMED00000000001", "secret_key": "n"}
    assert act(Account, {}, inside=True).run(task_vars={})["key"] == "ASIAINSIDE0000000001"
    assert act(Account, named, inside=True).run(task_vars={})["key"] == "AKIANAMED00000000001"
    alias = {"aws_access_key": "AKIANAMED00000000001", "aws_secret_key": "n"}
    assert act(Account, alias, inside=True).run(task_vars={})["key"] == "AKIANAMED00000000001"
    assert act(Account, {}).run(task_vars={})["key"] == "AKIAOPERATOR00000001"


def test_the_tasks_environment_holds_for_the_task_only() -> None:
    given = {"AWS_ACCESS_KEY_ID": "AKIATASK000000000001", "AWS_SECRET_ACCESS_KEY": "t", "LABOPS_TEST": "here"}
    result = act(Account, {}, environment=given).run(task_vars={})
    assert (result["key"], result["variable"]) == ("AKIATASK000000000001", "here")
    assert "LABOPS_TEST" not in os.environ


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"])
def test_the_tasks_environment_does_not_lead_out_of_the_connections_account(name: str) -> None:
    result = act(Account, {}, inside=True, environment={name: "x", "LABOPS_TEST": "here"}).run(task_vars={})
    assert result["failed"] and result["reason"] == "invalid_options" and "key" not in result
    assert name in result["msg"] and "environment" in result["next_step"]
    harmless = act(Account, {}, inside=True, environment={"AWS_REGION": "x", "LABOPS_TEST": "here"}).run(task_vars={})
    assert (harmless["key"], harmless["variable"]) == ("ASIAINSIDE0000000001", "here")


class Quoting(LabAction):
    """Gives back what others wrote."""

    def work(self, options: Options, task_vars: dict[str, t.Any]) -> Result:
        hostile = "a\x1b]0;owned\x07b\x9b2Jc\u202ed"
        return {"user": {"tags": {hostile: [hostile]}, "groups": (hostile,)}, "warnings": [hostile], "n": 1, "no": None}


def test_no_result_has_what_a_terminal_obeys() -> None:
    result = act(Quoting, {}).run(task_vars={})
    assert result["user"] == {"tags": {"abcd": ["abcd"]}, "groups": ("abcd",)}
    assert (result["warnings"], result["n"], result["no"]) == (["abcd"], 1, None)


def test_nobody_becomes_anybody() -> None:
    result = act(Account, {}, inside=True, become=True).run(task_vars={})
    assert result["failed"] and "become: false" in result["next_step"] and "key" not in result


# -- with a store ----------------------------------------------------------------------------------------------------


@pytest.fixture
def vault(tmp_path: pathlib.Path) -> Vault:
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


@pytest.fixture
def signing_keys(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys with which MTurk would have been asked."""
    keys: list[str] = []

    def asked(connection: AwsConnection, endpoints: t.Any, **unused: t.Any) -> t.Any:
        keys.append(connection.credentials()["access_key"])
        return {name: {"linked": True} for name in endpoints}, 0.0

    monkeypatch.setattr(mturk_requester_check.requester, "wait_until_linked", asked)
    return keys


def test_a_check_is_signed_with_the_key_that_the_portal_is_to_hold(vault: Vault, signing_keys: list[str]) -> None:
    loader, store = vault
    others = {"aws_access_key": "AKIAOTHER00000000001", "aws_secret_key": "S", "session_token": "t"}
    action = act(mturk_requester_check.ActionModule, {"lab": "lab-01", "store": store, **others}, loader=loader)
    assert action.run(task_vars={})["linked"]
    inside = act(mturk_requester_check.ActionModule, {"lab": "lab-01", "store": store}, loader=loader, inside=True)
    assert inside.run(task_vars={})["linked"]
    assert signing_keys == [SECOND, SECOND]


@pytest.mark.parametrize(
    ("given", "check_mode", "noted"),
    [("true", False, True), (True, False, True), ("false", False, False), (False, False, False), (True, True, False)],
)
def test_the_collections_own_use_is_noted(
    vault: Vault, signing_keys: list[str], given: t.Any, check_mode: bool, noted: bool
) -> None:
    loader, store = vault
    args = {"lab": "lab-01", "store": store, "note_key_use": given}
    act(mturk_requester_check.ActionModule, args, check_mode=check_mode, loader=loader).run(task_vars={})
    record = open_store(store, loader=loader, lab_connection=lambda: None).get("lab-01").record
    assert bool(record.pending.collection_used_at) is noted and record.current.collection_used_at is None
    assert signing_keys == [SECOND]


class Portal:
    """Stands where the portal would be visited; keeps the options with which it would have been."""

    def __init__(self) -> None:
        self.result: dict[str, t.Any] = {}
        self.options: dict[str, t.Any] | None = None
        self.meanwhile: t.Callable[[], t.Any] = lambda: None

    def visit(self, options: dict[str, t.Any], check_mode: bool, warn: t.Any) -> dict[str, t.Any]:
        self.options = options
        self.meanwhile()
        return dict(self.result)


@pytest.fixture
def portal(monkeypatch: pytest.MonkeyPatch) -> Portal:
    found_there = Portal()
    monkeypatch.setattr(cloudresearch_link, "_act_on_link", found_there.visit)
    return found_there


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
    vault: Vault, portal: Portal, result: dict[str, t.Any], recorded: tuple[str, ...], check_mode: bool
) -> None:
    loader, store = vault
    opened = open_store(store, loader=loader, lab_connection=lambda: None)
    before = opened.get("lab-01")
    opened.put(before.record.with_link(FIRST, "page", CREATED), after=before)
    args = {"lab": "lab-01", "store": store}
    action = act(cloudresearch_link.ActionModule, args, check_mode=check_mode, loader=loader)
    portal.result = result
    done = action.run(task_vars={})
    assert portal.options["recorded_access_key_id"] == FIRST, "the record is evidence"
    assert (portal.options["access_key_id"], portal.options["secret_access_key"]) == (SECOND, "the-secret-of-pending")
    news = recorded != (FIRST,)
    assert done["changed"] is (result["changed"] or news) and done["link"] == result["link"]
    if news:
        assert done["diff"]["before"]["recorded"] == [FIRST] and done["diff"]["after"]["recorded"] == [*recorded]
    record = opened.get("lab-01").record
    assert record.linked_key_ids == ((FIRST,) if check_mode else recorded)
    if record.pending.linked:
        assert record.pending.link_evidence == result["link"]["evidence"] and record.current.link_evidence is None
    assert record.current.secret_access_key == "the-secret-of-current"
    portal.result = {**result, "changed": False}
    again = action.run(task_vars={})
    # What was removed is not found to be removed again.
    assert again["changed"] is (news and check_mode and bool(recorded))


def test_whoever_links_by_hand_is_told_how_to_see_the_secret_in_no_log(vault: Vault, tmp_path: pathlib.Path) -> None:
    loader, store = vault
    args = {"lab": "lab-01", "store": store, "driver": "manual", "state_dir": str(tmp_path / "state")}
    result = act(cloudresearch_link.ActionModule, args, loader=loader).run(task_vars={})
    step = result["next_step"]
    assert f"ansible-vault view --vault-id=default@prompt {store['directory']}/lab-01.yml" in step
    assert SECOND in step
    assert "the-secret-of" not in repr(result)


def test_the_link_of_a_key_that_is_still_to_come_would_be_recorded(vault: Vault, portal: Portal) -> None:
    loader, store = vault
    args = {"lab": "lab-02", "store": store, "access_key_id": NEW_KEY}
    portal.result = found("not_linked")
    result = act(cloudresearch_link.ActionModule, args, check_mode=True, loader=loader).run(task_vars={})
    assert result["changed"] and result["diff"]["after"]["recorded"] == [NEW_KEY]


def test_a_waiting_lab_needs_no_store_any_more(vault: Vault, portal: Portal, tmp_path: pathlib.Path) -> None:
    loader, store = vault
    portal.result = found("unknown", evidence="")
    portal.meanwhile = (tmp_path / "store" / "lab-01.yml").unlink
    action = act(cloudresearch_link.ActionModule, {"lab": "lab-01", "store": store}, loader=loader)
    assert not action.run(task_vars={}).get("failed")


@pytest.mark.parametrize(
    ("written", "reason"), [("somebody wrote something else", "store_record_malformed"), (None, "store_conflict")]
)
def test_a_link_that_cannot_be_recorded_is_told_with_the_link(
    vault: Vault, portal: Portal, tmp_path: pathlib.Path, written: str | None, reason: str
) -> None:
    loader, store = vault
    file = tmp_path / "store" / "lab-01.yml"
    portal.meanwhile = lambda: file.write_text(written) if written else file.unlink()
    portal.result = found("linked", SECOND, "submission", changed=True)
    result = act(cloudresearch_link.ActionModule, {"lab": "lab-01", "store": store}, loader=loader).run(task_vars={})
    assert result["failed"] and result["changed"] and result["step"] == "link"
    assert result["reason"] == reason and result["link"]["access_key_id"] == SECOND


@pytest.mark.parametrize("plugin", [mturk_requester_check, cloudresearch_link])
@pytest.mark.parametrize("wrong", [{"lab": "unheard-of"}, {"store": {"type": "hashi_vault", "url": "nonsense"}}])
def test_no_key_no_run(
    vault: Vault, plugin: t.Any, wrong: dict[str, t.Any], portal: Portal, signing_keys: list[str]
) -> None:
    loader, store = vault
    action = act(plugin.ActionModule, {"lab": "lab-01", "store": store, **wrong}, loader=loader)
    result = action.run(task_vars={})
    assert result["failed"] and result["msg"] and result["next_step"]
    assert portal.options is None and signing_keys == []


# -- what the observation alone decides ------------------------------------------------------------------------------

LAB: dict[str, t.Any] = {"lab": "lab-01", "account_id": "111122223333", "missing": [], "blocked": {}, "requester": {}}
BLOCKED = {"step": "access_key", "reason": "user_not_ours", "message": "It is not ours.", "next_step": "Choose."}


@pytest.fixture(autouse=True)
def each_test_is_a_run(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))


def observe(monkeypatch: pytest.MonkeyPatch, operation: str, lab: dict[str, t.Any], /, **more: t.Any) -> t.Any:
    """What the role's observation concludes where the lab is found like this."""
    monkeypatch.setattr(lab_account_observe.ActionModule, "observe", lambda *_args, **_options: {**LAB, **lab})
    variables = {"lab_account_lab": "lab-01", "lab_account_operation": operation, **more}
    return act(lab_account_observe.ActionModule, {}, inside=True).run(task_vars=variables)


@pytest.mark.parametrize(
    ("operation", "lab", "state"),
    [
        ("onboard", {}, "converged"),
        ("onboard", {"missing": ["access_key"]}, None),
        ("rotate", {}, "converged"),
        ("audit", {"missing": ["access_key"]}, "drifted"),
        ("audit", {"missing": ["access_key"], "blocked": BLOCKED}, "drifted"),
    ],
)
def test_the_outcome_of_an_observation(
    monkeypatch: pytest.MonkeyPatch, operation: str, lab: dict[str, t.Any], state: str | None
) -> None:
    result = observe(monkeypatch, operation, lab)
    assert not result.get("failed") and result["changed"] is False and "ansible_facts" not in result
    assert result.get("state") == state
    assert ("lab_account" in result) is (state is None), "what is to be done is told to the role's next tasks"


@pytest.mark.parametrize("operation", ["onboard", "rotate", "retire"])
def test_an_observation_that_blocks_everything_fails(monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    result = observe(monkeypatch, operation, {"missing": ["access_key"], "blocked": BLOCKED})
    assert result["failed"] and (result["reason"], result["step"]) == ("user_not_ours", "access_key")
    assert result["msg"] == "It is not ours. Next step: Choose." and "state" not in result


def observed_at_portal(monkeypatch: pytest.MonkeyPatch, host: str, operation: str, **more: t.Any) -> t.Any:
    """What the role says of a host with this CloudResearch account, and what its observation was told of the portal."""
    told: list[t.Any] = []

    def look(*_args: t.Any, portal_problem: t.Any = None, **_options: t.Any) -> dict[str, t.Any]:
        told.append(portal_problem)
        # Each host's own AWS account: the user is not what they share.
        return {**LAB, "account_id": f"{int(host[-2:]):012}"}

    monkeypatch.setattr(lab_account_observe.ActionModule, "observe", look)
    variables = {"inventory_hostname": host, "lab_account_lab": host, "lab_account_operation": operation}
    account = {"lab_account_cloudresearch_email": "pi@example.org", "lab_account_cloudresearch_password": "p"}
    action = act(lab_account_observe.ActionModule, {}, inside=True)
    return action.run(task_vars={**variables, **account, **more}), *told


@pytest.mark.parametrize("operation", ["onboard", "rotate"])
def test_a_second_host_does_not_take_the_cloudresearch_account_of_the_first(
    monkeypatch: pytest.MonkeyPatch, operation: str
) -> None:
    for host in ("lab-01", "lab-01"):
        assert observed_at_portal(monkeypatch, host, operation)[0]["state"] == "converged"
    result, _told = observed_at_portal(monkeypatch, "lab-02", operation)
    assert result["failed"] and (result["reason"], result["step"]) == ("portal_account_of_two_labs", "link")
    # Neither who has no link nor who leaves takes anything from anybody.
    for others in ({"lab_account_link_check": "none"}, {"lab_account_state": "suspended"}):
        assert observed_at_portal(monkeypatch, "lab-03", operation, **others)[0]["state"] == "converged"


def test_an_audit_does_not_know_the_link_of_a_cloudresearch_account_of_two_hosts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert observed_at_portal(monkeypatch, "lab-01", "audit")[1] is None
    result, told = observed_at_portal(monkeypatch, "lab-02", "audit")
    assert not result.get("failed") and told.reason == "portal_account_of_two_labs"


@pytest.mark.parametrize(
    ("playbook", "given"),
    [
        ({"lab_account_operation": "retire", "lab_account_state": "absent"}, {"lab_account_state": "present"}),
        ({"lab_account_operation": "audit"}, {"lab_account_operation": "onboard"}),
    ],
)
def test_extra_variables_make_no_other_playbook_of_a_playbook(
    monkeypatch: pytest.MonkeyPatch, playbook: dict[str, str], given: dict[str, str]
) -> None:
    monkeypatch.setattr(
        lab_account_observe.ActionModule, "observe", lambda *_args, **_options: pytest.fail("it went on")
    )
    variables = {"lab_account_lab": "lab-01", **playbook, "__lab_account_playbook": playbook, **given}
    result = act(lab_account_observe.ActionModule, {}, inside=True).run(task_vars=variables)
    [(name, value)] = given.items()
    assert result["failed"] and result["reason"] == "invalid_options"
    assert f"{name}: {playbook[name]}, but the extra variables say {value}" in result["msg"]


def test_playbooks_say_which_values_are_their_own() -> None:
    for path in (pathlib.Path(__file__).resolve().parents[4] / "playbooks").glob("*.yml"):
        for play in yaml.safe_load(path.read_text()):
            given = play.get("vars", {})
            own = {name: given[name] for name in ("lab_account_operation", "lab_account_state") if name in given}
            assert given.get("__lab_account_playbook", {}) == own, path


def test_a_word_in_the_inventory_retires_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = {"missing": ["retire"]}
    assert observe(monkeypatch, "onboard", missing, lab_account_state="absent")["reason"] == "not_confirmed"
    confirmed = observe(monkeypatch, "onboard", missing, lab_account_state="absent", retire_confirm="other, lab-01")
    assert not confirmed.get("failed")


@pytest.mark.parametrize("version", ["2.17.14", "2.9.27", "2.17.0rc1"])
def test_an_ansible_that_is_too_old_begins_nothing(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr("ansible.__version__", version)
    result = observe(monkeypatch, "onboard", {})
    assert result["failed"] and result["reason"] == "missing_library" and version in result["msg"]
    assert "pip install 'ansible-core>=2.18'" in result["next_step"]


def test_the_oldest_ansible_is_the_one_that_the_collection_requires() -> None:
    runtime = yaml.safe_load((pathlib.Path(__file__).parents[4] / "meta" / "runtime.yml").read_text())
    assert runtime["requires_ansible"] == f">={'.'.join(map(str, lab_account_observe.OLDEST_ANSIBLE))}.0"
    for version in ("2.18.0b1", "2.18.19", "2.22.0rc1", "3.0.0"):
        lab_account_observe.refuse_old_ansible(version)


def test_a_store_that_is_read_as_inventory_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    store = {"type": "ansible_vault", "directory": "/tmp/lab_keys"}
    given = {"lab_account_secret_store": store, "ansible_inventory_sources": ["/tmp"]}
    (warning,) = observe(monkeypatch, "onboard", {}, **given)["warnings"]
    assert "/tmp/lab_keys" in warning


def test_a_mistyped_variable_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    result = observe(monkeypatch, "onboard", {}, lab_account_cloudresearch_emial="pi@example.org", rotate_zzz=1)
    assert result["unknown_variables"]["lab_account_cloudresearch_emial"] == "lab_account_cloudresearch_email"
    assert any("lab_account_cloudresearch_email?" in warning for warning in result["warnings"])
    assert any("rotate_zzz" in warning for warning in result["warnings"])
    assert "warnings" not in observe(monkeypatch, "onboard", {}, fleet_report_directory="reports", lab_name="x")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("retire_after_days", "lab_account_retire_after_days"),
        ("lab_account_retire_days", "lab_account_retire_after_days"),
        ("lab_account_retire_after_day", "lab_account_retire_after_days"),
        ("lab_acount_retire_after_days", "lab_account_retire_after_days"),
        ("lab_accounts_known_principal", "lab_account_known_principals"),
        ("fleet_report_directry", "fleet_report_directory"),
        ("retire_confirmed", "retire_confirm"),
        ("retire_plans", "retire_plan"),
        ("retire_after", "lab_account_retire_after_days"),
        ("retire-after-days", "lab_account_retire_after_days"),
        ("LAB_ACCOUNT_RETIRE_AFTER_DAYS", "lab_account_retire_after_days"),
        ("lab-account-retire-after-days", "lab_account_retire_after_days"),
        ("account_retire_after_days", "lab_account_retire_after_days"),
        ("retirement_after_days", "lab_account_retire_after_days"),
    ],
)
def test_nothing_is_retired_with_a_mistyped_variable(monkeypatch: pytest.MonkeyPatch, name: str, meant: str) -> None:
    given = {"lab_account_state": "absent", name: 30}
    result = observe(monkeypatch, "retire", {"missing": ["retire"]}, **given)
    assert result["failed"] and result["reason"] == "invalid_options" and "state" not in result
    assert f"variable {name}" in result["msg"] and f"looks like {meant}." in result["msg"]
    assert not observe(monkeypatch, "audit", {}, **given).get("failed"), "an audit takes nothing away"


@pytest.mark.parametrize("operation", ["suspend", "onboard"])
@pytest.mark.parametrize("name", ["retire_plans", "retire-plan"])
def test_what_was_to_follow_a_plan_does_not_work_on_the_whole_fleet(
    monkeypatch: pytest.MonkeyPatch, operation: str, name: str
) -> None:
    state = "suspended" if operation == "suspend" else "present"
    result = observe(monkeypatch, operation, {"missing": ["access_key"]}, lab_account_state=state, **{name: "plan.yml"})
    assert result["failed"] and result["reason"] == "invalid_options"
    assert f"variable {name}, which looks like retire_plan. Nothing was changed" in result["msg"]


@pytest.mark.parametrize(
    "name",
    [
        "retire_date",
        "retire_on",
        "retire_reason",
        "retire_planned",
        "retire_plan_date",
        "rotate_zzz",
        "rotate_after",
        "lab_account_owner",
        "lab_account_label",
        "lab_account_stage",
        "lab_account_environment",
        "lab_accounting_code",
        "fleet_report_owner",
        "lab",
        "Lab",
        "birthday",
    ],
)
def test_variables_of_others_keep_nobody_from_retiring(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    result = observe(monkeypatch, "retire", {"missing": ["retire"]}, lab_account_state="absent", **{name: 1})
    assert not result.get("failed"), result


def test_a_line_break_that_was_left_out_is_said_wherever_a_lab_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    told = observe(monkeypatch, "audit", {}, lab_account_cloudresearch_password="hunter2\n")["warnings"]
    assert len(told) == 1 and "password ended in a line break" in told[0] and "hunter2" not in told[0]
    monkeypatch.setattr(lab_account_info.ActionModule, "observe", lambda *_args: LAB)
    args = {"lab": "lab-01", "cloudresearch": {"email": "pi@example.org\n"}}
    [told] = act(lab_account_info.ActionModule, args).run(task_vars={})["warnings"]
    assert "email ended in a line break" in told


def test_what_did_not_end_well_has_a_message_that_ansible_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    unseen = [{"part": "store", "message": "No password.", "reason": "store_unreadable", "next_step": "Give it."}]
    result = observe(monkeypatch, "audit", {"unseen": unseen})
    assert result["state"] == "unknown" and result["msg"] == result["message"] and "No password." in result["msg"]
    assert "msg" not in observe(monkeypatch, "audit", {})
    assert result["failed"], "the host ends at once"
    later = observe(monkeypatch, "audit", {"unseen": unseen}, __lab_account_verdict_later=True)
    assert later["state"] == "unknown" and not later["failed"], "a verdict is still to come"


def test_the_role_is_told_which_of_its_files_to_include(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = {"missing": ["requester", "link"]}
    assert observe(monkeypatch, "onboard", missing)["task_files"] == ["requester", "link"]
    waiting = {"lab_account_wait_for_person": 60}
    assert observe(monkeypatch, "onboard", missing, **waiting)["task_files"] == ["requester", "wait", "link"]
    first_pass = observe(monkeypatch, "onboard", missing, **waiting, __lab_account_first_pass=True)
    assert first_pass["task_files"] == ["requester", "link"]
    again = observe(monkeypatch, "onboard", missing, __lab_account_link={"changed": True})
    assert again["task_files"] == ["forget", "requester", "link"]
    assert "task_files" not in observe(monkeypatch, "audit", missing)


def test_the_account_that_ambient_credentials_lead_to_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    [told] = observe(monkeypatch, "audit", {}, lab_account_ambient_credentials="true")["warnings"]
    assert "lab-01" in told and "111122223333" in told
    declared = {"lab_account_ambient_credentials": True, "lab_account_aws_account_id": "111122223333"}
    assert "warnings" not in observe(monkeypatch, "audit", {}, **declared)


def test_the_command_that_retires_a_lab_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["ansible-playbook", "site.yml", "-i", "labs.yml", "--forks", "9"])
    told = observe(monkeypatch, "onboard", {"missing": ["retire"]}, lab_account_state="absent")["next_step"]
    retire = "ansible-playbook labops.cloudresearch.retire -i labs.yml --limit lab-01 -e retire_confirm=lab-01,"
    assert retire in told


def test_a_command_is_limited_to_the_host_and_not_to_the_labs_name_in_the_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = {"lab_account_lab": "cognition", "inventory_hostname": "host-7", "lab_account_state": "absent"}
    lab = {"lab": "cognition", "missing": ["retire"]}
    refused = observe(monkeypatch, "onboard", lab, **given)
    assert "retire --limit host-7 -e retire_confirm=host-7" in refused["next_step"]
    assert not observe(monkeypatch, "onboard", lab, **given, retire_confirm="host-7").get("failed")


def test_the_role_works_inside_the_account_only() -> None:
    result = act(lab_account_observe.ActionModule, {}).run(task_vars={"lab_account_lab": "lab-01"})
    assert result["failed"] and "aws_account" in result["msg"]


# -- lab_account_outcome ---------------------------------------------------------------------------------------------


def outcome_of(args: dict[str, t.Any], **more: t.Any) -> dict[str, t.Any]:
    result = act(lab_account_outcome.ActionModule, {"lab": "lab-01", **args}, **more).run(task_vars={})
    assert result["changed"] is False and "ansible_facts" not in result
    return t.cast("dict[str, t.Any]", result)


def test_an_outcome_is_a_result() -> None:
    assert outcome_of({"observed": LAB})["state"] == "converged"
    assert outcome_of({"failure": {"msg": "no"}})["state"] == "failed"
    predicted = outcome_of(
        {"observed": {**LAB, "missing": ["iam_user"]}, "results": {"iam_user": {"changed": True}}}, check_mode=True
    )
    assert (predicted["state"], predicted["check_mode"], predicted["operation"]) == ("changed", True, "onboard")


def test_a_module_of_amazon_aws_gets_a_reason_and_a_next_step() -> None:
    denied = "User: arn:aws:sts::1:x is not authorized to perform: iam:AttachUserPolicy on resource: user u"
    failure = {"failed": True, "msg": "Failed to attach policy.", "error": {"code": "AccessDenied", "message": denied}}
    told = outcome_of(
        {"observed": {**LAB, "missing": ["iam_user"]}, "results": {"iam_user": failure}, "failure": failure}
    )
    (step,) = [entry for entry in told["steps"] if entry["status"] == "failed"]
    assert (step["name"], step["reason"]) == ("iam_user", "access_denied")
    assert any("Allow iam:AttachUserPolicy to " in entry["text"] for entry in told["next_steps"])


def test_an_outcome_names_the_variables_that_nobody_knows() -> None:
    variables = {"lab_account_cloudresearch_emial": "pi@example.org", "lab_account_lab": "lab-01"}
    action = act(lab_account_outcome.ActionModule, {"lab": "lab-01", "observed": LAB})
    known = {"lab_account_cloudresearch_emial": "lab_account_cloudresearch_email"}
    assert action.run(task_vars=variables)["unknown_variables"] == known
    assert outcome_of({"observed": LAB})["unknown_variables"] == {}


# -- lab_account_conclude --------------------------------------------------------------------------------------------

REGISTERED = {
    "lab_account_outcome": {"lab_account": {**LAB, "missing": ["access_key"]}, "task_files": ["access_key"]},
    "__lab_account_access_key": {"changed": True, "access_keys": []},
    "__lab_account_link": {},
}


def conclusion(failure: dict[str, t.Any] | None = None, **registered: t.Any) -> dict[str, t.Any]:
    variables = {"lab_account_operation": "rotate", "inventory_hostname": "lab-01", **REGISTERED, **registered}
    result = act(lab_account_conclude.ActionModule, {"failure": failure} if failure else {}).run(task_vars=variables)
    return t.cast("dict[str, t.Any]", result)


def steps_of(outcome: dict[str, t.Any], status: str) -> list[str]:
    return [step["name"] for step in outcome["steps"] if step["status"] == status]


def test_the_role_concludes_from_what_its_tasks_registered() -> None:
    told = conclusion()
    assert (told["state"], told["lab"], told["operation"], told["account_id"]) == (
        *("changed", "lab-01", "rotate"),
        LAB["account_id"],
    )
    assert steps_of(told, "changed") == ["access_key"] and told["unknown_variables"] == {}


def test_a_lab_of_which_a_task_failed_keeps_what_was_done_before() -> None:
    told = conclusion({"failed": True, "msg": "no", "step": "link"})
    assert told["state"] == "failed" and steps_of(told, "changed") == ["access_key"]


def test_results_of_an_earlier_pass_do_not_count_where_the_lab_could_not_be_read() -> None:
    failure = {"failed": True, "msg": "no", "step": "observe"}
    told = conclusion(failure, lab_account_outcome=failure, lab_account_aws_account_id="111122223333")
    assert (told["state"], told["account_id"]) == ("failed", "111122223333") and not steps_of(told, "changed")


def test_a_conclusion_of_an_operation_that_there_is_not_is_refused() -> None:
    told = conclusion(lab_account_operation="dance")
    assert told["failed"] and "lab_account_operation" in told["msg"]
