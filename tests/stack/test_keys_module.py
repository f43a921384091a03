# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module mturk_access_key and the lookup lab_secret, run by the real ansible-playbook against the local stack."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import typing as t

import pytest
import yaml

from tests.fleet import COLLECTIONS, tool
from tests.simulator.clients import MTURK_POLICY, new_lab
from tests.simulator.process import Simulator

USER = "cloudresearch-mturk"
VAULT_PASSWORD = "the vault password of these tests"


@dataclasses.dataclass
class Playbook:
    """Runs tasks on the control node for one lab."""

    simulator: Simulator
    lab: dict[str, t.Any]
    directory: pathlib.Path

    @property
    def store(self) -> dict[str, t.Any]:
        return {"type": "ansible_vault", "directory": str(self.directory / "store")}

    def key_task(self, **options: t.Any) -> dict[str, t.Any]:
        common = {
            "lab": self.lab["name"],
            "store": self.store,
            "assume_role_arn": self.lab["role_arn"],
            "endpoint_url": self.simulator.aws_url,
            "production_endpoint_url": self.simulator.mturk_production_url,
            "propagation_timeout": 10,
        }
        return {"labops.cloudresearch.mturk_access_key": {**common, **options}, "register": "result"}

    def run(self, *tasks: dict[str, t.Any], arguments: tuple[str, ...] = (), password: bool = True) -> Result:
        """Run the tasks; gives what each of them returned."""
        plays = [{"hosts": "all", "gather_facts": False, "tasks": list(tasks)}]
        (self.directory / "play.yml").write_text(yaml.safe_dump(plays))
        (self.directory / "password").write_text(VAULT_PASSWORD)
        environment = {
            **os.environ,
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_HOME": str(self.directory / "home"),
            "ANSIBLE_STDOUT_CALLBACK": "json",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOG_PATH": str(self.directory / "log"),
            "AWS_ACCESS_KEY_ID": self.simulator.ops_access_key,
            "AWS_SECRET_ACCESS_KEY": self.simulator.ops_secret_key,
        }
        command = [tool("ansible-playbook"), "-i", f"{self.lab['name']},", "-c", "local", *arguments]
        if password:
            command += ["--vault-password-file", str(self.directory / "password")]
        finished = subprocess.run(
            [*command, str(self.directory / "play.yml")],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        begin = finished.stdout.find("{\n")
        told = json.JSONDecoder().raw_decode(finished.stdout[begin:])[0] if begin >= 0 else {"plays": []}
        tasks_told = [task for play in told["plays"] for task in play["tasks"]]
        answers = [task["hosts"][self.lab["name"]] for task in tasks_told]
        return Result(finished.returncode, answers, finished.stdout + finished.stderr)

    def keys(self) -> dict[str, str]:
        return {key["access_key_id"]: key["status"] for key in self.simulator.control.keys(self.lab["name"])}


@dataclasses.dataclass
class Result:
    return_code: int
    answers: list[dict[str, t.Any]]
    output: str


@pytest.fixture
def playbook(simulator: Simulator, tmp_path: pathlib.Path) -> Playbook:
    lab = new_lab(simulator)
    tags = {"managed-by": "labops.cloudresearch"}
    simulator.control.create_user(lab["name"], USER, policy_arns=[MTURK_POLICY], tags=tags)
    return Playbook(simulator, lab, tmp_path)


def lookup(playbook: Playbook, **options: t.Any) -> str:
    arguments = "".join(f", {name}={value!r}" for name, value in options.items())
    name = "labops.cloudresearch.lab_secret"
    return f"{{{{ lookup({name!r}, {playbook.lab['name']!r}, store={playbook.store!r}{arguments}) }}}}"


def test_check_mode_then_the_run_then_nothing_then_rotation_and_retirement(playbook: Playbook) -> None:
    link = {"linked_access_key_id": "{{ result.access_key_id }}", "link_evidence": "page"}
    result = playbook.run(
        {**playbook.key_task(), "check_mode": True, "diff": True},
        playbook.key_task(),
        playbook.key_task(),
        playbook.key_task(**link),
        playbook.key_task(state="rotated"),
        playbook.key_task(**link, grace_days=7),
        playbook.key_task(grace_days=7),
        playbook.key_task(),
        {**playbook.key_task(state="absent"), "check_mode": True},
        playbook.key_task(state="absent"),
        playbook.key_task(state="absent"),
    )
    assert result.return_code == 0, result.output
    predicted, made, again, recorded, rotated, graced, waits, dropped, would_go, gone, nothing = result.answers
    first, second = made["access_key_id"], rotated["access_key_id"]

    assert predicted["changed"]
    assert predicted["access_key_id"] == "(new key)"
    assert predicted["actions"] == [words.replace(first, "(new key)") for words in made["actions"]]
    assert predicted["diff"]["before"] == {"access_keys": [], "record": {}}
    assert predicted["diff"]["after"]["record"]["lab"] == playbook.lab["name"]
    assert made["changed"]
    assert made["proof"]["by"] == "mturk"
    assert made["record"]["current"]["access_key_id"] == first
    assert not again["changed"]
    assert "diff" not in again
    assert recorded["actions"] == [f"record that the portal holds key {first}"]
    assert {key["access_key_id"]: key["slot"] for key in rotated["access_keys"]} == {
        first: "current",
        second: "pending",
    }
    assert [note["code"] for note in rotated["notes"]] == ["pending_key_not_linked"]
    assert {key["access_key_id"]: key["status"] for key in graced["access_keys"]} == {
        first: "Inactive",
        second: "Active",
    }
    assert graced["access_key_id"] == second
    assert not waits["changed"]
    assert [note["code"] for note in waits["notes"]] == ["superseded_key_in_grace"]
    assert dropped["actions"] == [f"delete key {first}, which is superseded"]
    assert would_go["actions"] == gone["actions"]
    assert gone["access_keys"] == []
    assert gone["record"] == {}
    assert not nothing["changed"]
    assert not playbook.keys()


def test_the_secret_is_nowhere_but_in_the_store(playbook: Playbook) -> None:
    result = playbook.run(
        playbook.key_task(),
        playbook.key_task(state="rotated"),
        {
            # The module that takes the secret as it should be taken.
            "labops.cloudresearch.mturk_requester_check": {
                "access_key": lookup(playbook, field="access_key_id"),
                "secret_key": lookup(playbook),
                "production_endpoint_url": playbook.simulator.mturk_production_url,
                "sandbox_endpoint_url": playbook.simulator.mturk_sandbox_url,
            }
        },
        arguments=("-vvvvv", "--diff"),
    )
    assert result.return_code == 0, result.output
    assert result.answers[2]["linked"]
    secrets = [key["secret_access_key"] for key in playbook.simulator.control.keys(playbook.lab["name"])]
    secrets += [playbook.simulator.ops_secret_key, VAULT_PASSWORD]
    assert len(secrets) == 4
    files = [path for path in playbook.directory.rglob("*") if path.is_file() and path.name != "password"]
    written = {str(path): path.read_text(errors="replace") for path in files}
    assert any("log" in path for path in written)
    for where, text in {**written, "output": result.output}.items():
        for number, secret in enumerate(secrets):
            assert secret not in text, f"secret {number} is in {where}"


def test_the_lookup_gives_each_part_of_each_key(playbook: Playbook) -> None:
    def show(**options: t.Any) -> dict[str, t.Any]:
        return {"ansible.builtin.debug": {"msg": lookup(playbook, **options)}}

    result = playbook.run(
        playbook.key_task(),
        playbook.key_task(state="rotated"),
        show(field="pair"),
        show(field="pair", slot="current"),
        show(field="access_key_id", slot="pending"),
        show(),
        {**show(access_key_id="AKIAIOSFODNN7EXAMPLE"), "ignore_errors": True},
    )
    assert result.return_code == 0, result.output
    first, second = result.answers[0]["access_key_id"], result.answers[1]["access_key_id"]
    truth = {
        key["access_key_id"]: key["secret_access_key"] for key in playbook.simulator.control.keys(playbook.lab["name"])
    }
    newest, current, pending, secret, missing = (answer["msg"] for answer in result.answers[2:])
    assert newest == {"access_key_id": second, "secret_access_key": truth[second]}
    assert current == {"access_key_id": first, "secret_access_key": truth[first]}
    assert pending == second
    assert secret == truth[second]
    assert result.answers[6]["failed"] and "AKIAIOSFODNN7EXAMPLE" in missing


def test_the_lookup_without_a_store_takes_the_role_s(playbook: Playbook) -> None:
    """As the guides and the way by hand tell people to write it."""
    value = "{{ lookup('labops.cloudresearch.lab_secret', inventory_hostname, field='access_key_id') }}"
    show = {"ansible.builtin.debug": {"msg": value}}
    variables = {
        "store_directory": playbook.store["directory"],
        "lab_account_secret_store": {"type": "ansible_vault", "directory": "{{ store_directory }}"},
    }
    result = playbook.run(playbook.key_task(), {**show, "vars": variables}, {**show, "ignore_errors": True})
    assert result.return_code == 0, result.output
    made, shown, nothing = result.answers
    assert shown["msg"] == made["access_key_id"]
    assert nothing["failed"]
    assert "Nothing says in which store" in nothing["msg"]
    assert "lab_account_secret_store" in nothing["msg"]


def test_a_mistyped_vault_password_makes_nothing(playbook: Playbook, monkeypatch: pytest.MonkeyPatch) -> None:
    assert playbook.run(playbook.key_task()).return_code == 0
    before = playbook.keys()
    monkeypatch.setattr(sys.modules[__name__], "VAULT_PASSWORD", "mistyped")
    result = playbook.run(playbook.key_task(lab="another-lab"))
    assert result.return_code
    assert result.answers[0]["reason"] == "vault_password_wrong"
    assert playbook.keys() == before
    assert not (playbook.directory / "store" / "another-lab.yml").exists()


FAILURES: dict[str, tuple[dict[str, t.Any], str]] = {
    "no store directory": ({"store": {"type": "ansible_vault"}}, "invalid_options"),
    "store of another kind": ({"store": {"type": "ansible_vault", "directory": "/x", "url": "y"}}, "invalid_options"),
    "a path for a name": ({"lab": "../lab"}, "invalid_lab_name"),
    "no key named": ({"link_status": "linked"}, "invalid_options"),
    "too much said": ({"link_status": "not_linked", "linked_access_key_id": "AKIA"}, "invalid_options"),
    "no age": ({"max_age_days": 0}, "invalid_options"),
    "negative grace": ({"grace_days": -1}, "invalid_options"),
    "no such user": ({"user_name": "nobody"}, "user_missing"),
    "no such account": (
        {"assume_role_arn": "arn:aws:iam::999999999999:role/OrganizationAccountAccessRole"},
        "role_not_assumable",
    ),
    "no role": ({"assume_role_arn": "OrganizationAccountAccessRole"}, "invalid_options"),
    "nobody there": ({"endpoint_url": "http://127.0.0.1:9"}, "unreachable"),
    "store not writable": ({"store": {"type": "ansible_vault", "directory": "/proc/store"}}, "store_unavailable"),
}


def test_bad_input_is_told_with_what_to_do_and_makes_nothing(playbook: Playbook) -> None:
    tasks = [{**playbook.key_task(**options), "ignore_errors": True} for options, _reason in FAILURES.values()]
    result = playbook.run(*tasks)
    for (case, (_options, reason)), answer in zip(FAILURES.items(), result.answers, strict=True):
        assert answer["failed"], case
        assert answer.get("reason") == reason, (case, answer)
        assert answer["next_step"], case
        assert answer["next_step"] in answer["msg"], case
    assert not playbook.keys()


def test_a_missing_vault_password_is_told_before_a_key_is_made(playbook: Playbook) -> None:
    tasks = [{**playbook.key_task(), "check_mode": check_mode, "ignore_errors": True} for check_mode in (False, True)]
    for answer in playbook.run(*tasks, password=False).answers:
        assert answer["reason"] == "vault_password_missing"
        assert "--vault-password-file" in answer["msg"]
    assert not playbook.keys()


def test_check_mode_foresees_that_the_operator_has_to_choose(playbook: Playbook) -> None:
    for _number in range(2):
        playbook.simulator.control.create_access_key(playbook.lab["name"], USER)
    result = playbook.run(playbook.key_task(), arguments=("--check",))
    assert result.answers[0]["failed"]
    assert result.answers[0]["reason"] == "two_foreign_keys"
    assert len(result.answers[0]["choices"]) == 3


def test_the_documentation_has_the_options_that_the_action_takes() -> None:
    from ansible_collections.labops.cloudresearch.plugins.action import mturk_access_key as action
    from ansible_collections.labops.cloudresearch.plugins.modules import mturk_access_key as module

    documented = yaml.safe_load(module.DOCUMENTATION)["options"]
    assert set(documented) == set(action.OPTIONS) - {"store"}
    for name, option in documented.items():
        spec = action.OPTIONS[name]
        assert option["type"] == spec["type"], name
        assert option.get("default") == spec.get("default"), name
        assert option.get("choices") == spec.get("choices"), name
        assert option.get("required", False) == spec.get("required", False), name
