# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import shlex
import sys

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.next_command import (
    command_for,
    next_command,
    playbook_command,
    stands_for,
)

RUN = "/opt/venv/bin/ansible-playbook labops.cloudresearch.onboard -i labs.yml --limit psychology -e a=1"


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (RUN, "labops.cloudresearch.onboard -i labs.yml -e a=1 --limit x,y"),
        ("ansible-playbook p.yml -i i -l old --forks 5", "p.yml -i i --forks 5 --limit x,y"),
        ("ansible-playbook p.yml -lold -i i --limit=older", "p.yml -i i --limit x,y"),
        ("ansible-playbook -i 'my labs.yml' p.yml -e @v.yml -vv", "-i 'my labs.yml' p.yml -e @v.yml -vv --limit x,y"),
        ("ansible-playbook p.yml -e retire_confirm=12 -i i", "p.yml -i i --limit x,y"),
        ("ansible-playbook p.yml --extra-vars 'a=1 retire_confirm=12'", "p.yml --extra-vars a=1 --limit x,y"),
        ("""ansible-playbook p.yml -e '{"retire_confirm": 2}'""", "p.yml --limit x,y"),
        ("ansible-playbook p.yml --ask-vault-pass -C", "p.yml --ask-vault-pass -C --limit x,y"),
    ],
)
def test_the_runs_own_options_stay_and_the_limit_is_the_labs(typed: str, expected: str) -> None:
    assert next_command(shlex.split(typed), ["x", "y"]) == f"ansible-playbook {expected}"


@pytest.mark.parametrize(
    "secret",
    [
        "-e lab_account_cloudresearch_password=hunter2",
        "-e a=1 --extra-vars='token=hunter2'",
        """-e '{"lab_account_cloudresearch_totp_secret": "hunter2"}'""",
        "--extra-vars key=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ],
)
def test_secrets_of_the_command_line_are_never_repeated(secret: str) -> None:
    command = next_command(shlex.split(f"ansible-playbook p.yml -i i {secret}"), ["x"])
    assert "hunter2" not in command and "wJalr" not in command and command.startswith("ansible-playbook p.yml -i i")


def test_many_labs_or_odd_names_leave_the_runs_own_limit() -> None:
    for labs in ([f"lab-{number}" for number in range(21)], ["a", "b:c"], []):
        assert next_command(shlex.split(RUN), labs).endswith("--limit psychology -e a=1")


def test_check_mode_is_taken_off_or_put_on() -> None:
    typed = shlex.split("ansible-playbook labops.cloudresearch.audit -i i --check -D")
    assert command_for(typed)([], "do") == "ansible-playbook labops.cloudresearch.audit -i i"
    shown = "ansible-playbook labops.cloudresearch.onboard -i i --limit x --check --diff"
    assert command_for(typed)(["x"], "show") == shown


def test_the_way_from_an_audit_to_the_last_key() -> None:
    audit = command_for(shlex.split("ansible-playbook labops.cloudresearch.audit -i i --forks 9 -e a=1"))
    check = "-i i --forks 9 -e a=1 --check --diff"
    prefix = "ansible-playbook labops.cloudresearch"
    assert audit([], "suspend") == f"{prefix}.suspend {check} -e retire_plan=approved.yml"
    assert audit(["x"], "remove") == f"{prefix}.retire -i i --forks 9 -e a=1 --limit x --check --diff"
    suspend = command_for(shlex.split("ansible-playbook labops.cloudresearch.suspend -i i -e retire_plan=p.yml"))
    assert suspend([], "delete") == f"{prefix}.retire -i i -e retire_plan=p.yml --check --diff"
    own = command_for(shlex.split("ansible-playbook site.yml -i i"))
    assert own([], "suspend") == own([], "delete") == own(["x"], "remove") == ""


def test_no_report_about_all_labs_is_replaced_by_one_about_some(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor the plan, of which accounts would be missing."""
    typed = [
        "ansible-playbook",
        "labops.cloudresearch.audit",
        "-i",
        "i",
        "-e",
        "fleet_report_directory='my reports' a=1",
    ]
    assert "--limit" not in command_for(typed)(["x"], "again")
    assert "report" not in command_for(typed)(["x"], "remove") and "a=1" in command_for(typed)(["x"], "remove")
    assert command_for([*typed[:-2], "-e", "a=1"])(["x"], "again").endswith("--limit x")
    assert command_for([typed[0], "labops.cloudresearch.onboard", *typed[2:]])(["x"], "again").endswith("--limit x")
    monkeypatch.setattr("sys.argv", typed)
    assert playbook_command("audit", "x").endswith("audit -i i -e a=1 --limit x")
    assert "my reports" in playbook_command("retire", "x"), "what is changed is noted beside the report"
    monkeypatch.setattr("sys.argv", [*typed[:-1], "fleet_report_directory=reports"])
    assert playbook_command("audit", "x").endswith("audit -i i --limit x")
    assert command_for(sys.argv)(["x"], "remove").endswith("retire -i i --limit x --check --diff")


@pytest.mark.parametrize("argv", [[], ["pytest"], ["/usr/lib/python3/ansible/__main__.py", "playbook", "p.yml"]])
def test_a_run_that_nobody_typed_gives_no_command(argv: list[str]) -> None:
    assert next_command(argv, ["x"]) == ""


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("/opt/bin/ansible-playbook site.yml -i labs.yml --limit other -C -vv --forks 9", "-i labs.yml"),
        ("ansible-playbook -ilabs.yml --inventory=more.yml p.yml", "-i labs.yml --inventory more.yml"),
        ("ansible lab -i labs.yml -m debug --ask-vault-pass", "-i labs.yml --ask-vault-pass"),
        ("ansible-playbook p.yml --vault-id lab@prompt -J", "--vault-id lab@prompt -J"),
        ("ansible-playbook p.yml -e @vars.yml -e retire_confirm=9 -e password=hunter2", "-e @vars.yml"),
        ("pytest -i x", ""),
    ],
)
def test_the_command_for_one_lab_finds_the_same_inventory_and_secrets(
    monkeypatch: pytest.MonkeyPatch, typed: str, expected: str
) -> None:
    monkeypatch.setattr("sys.argv", shlex.split(typed))
    begin = " ".join(["ansible-playbook labops.cloudresearch.onboard", expected]).strip()
    assert playbook_command("onboard", "x y") == f"{begin} --limit '~^x.y$'", "two patterns would be two other hosts"
    assert playbook_command("retire", "x, y").endswith("--limit '~^x..y$' -e retire_confirm=1")


def test_a_retirement_is_confirmed_by_the_labs_name() -> None:
    assert playbook_command("retire", "psych").endswith("retire --limit psych -e retire_confirm=psych")


def test_a_run_is_limited_to_the_host_that_a_lab_is_whatever_its_name() -> None:
    stands_for("host-7", "cognition")
    assert playbook_command("onboard", "cognition").endswith("--limit host-7")
    assert playbook_command("retire", "cognition").endswith("--limit host-7 -e retire_confirm=host-7")
