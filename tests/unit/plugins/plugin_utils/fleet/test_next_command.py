# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import shlex

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.fleet.next_command import command_for, next_command

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


@pytest.mark.parametrize("argv", [[], ["pytest"], ["/usr/lib/python3/ansible/__main__.py", "playbook", "p.yml"]])
def test_a_run_that_nobody_typed_gives_no_command(argv: list[str]) -> None:
    assert next_command(argv, ["x"]) == ""
