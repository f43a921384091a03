# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the connection refuses before it enters an account. What runs there is tested with the local stack."""

from __future__ import annotations

import shlex
import sys
import typing as t

import pytest
from ansible.errors import AnsibleActionFail
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import become_loader, connection_loader

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws.connection import AwsConnection

INSIDE = {"access_key": "ASIAINSIDE0000000001", "secret_key": "s", "session_token": "t", "region": "us-east-1"}


@pytest.fixture
def connection() -> t.Any:
    """A connection that is in its account already."""
    found = connection_loader.get("labops.cloudresearch.aws_account", PlayContext(), "/dev/null")
    found.set_options(direct={"account_id": "111122223333"})
    found._account = AwsConnection(INSIDE)
    return found


def shell(line: str) -> str:
    """A command as Ansible's shell plugins make it."""
    return f"/bin/sh -c {shlex.quote(line + ' && sleep 0')}"


@pytest.mark.parametrize("assigned", ["AWS_PROFILE=ops", "A='b c' AWS_ACCESS_KEY_ID=AKIA AWS_SECRET_ACCESS_KEY='x y'"])
@pytest.mark.parametrize("in_data", [None, b"print('left')"])
def test_a_tasks_environment_does_not_lead_out_of_the_account(
    connection: t.Any, assigned: str, in_data: bytes | None
) -> None:
    """Neither what would run in a fork, nor what runs as in the local connection."""
    with pytest.raises(AnsibleActionFail) as caught:
        connection.exec_command(shell(f"{assigned} {sys.executable}"), in_data=in_data)
    assert caught.value.result["reason"] == "invalid_options"
    assert "ansible-playbook itself" in caught.value.result["next_step"]
    assert "x y" not in str(caught.value.result)


def test_any_other_environment_is_added_to_the_accounts(connection: t.Any) -> None:
    code, shown, _errors = connection.exec_command(shell("A='b c' /usr/bin/env"))
    lines = shown.decode().splitlines()
    assert code == 0 and "A=b c" in lines and "AWS_ACCESS_KEY_ID=ASIAINSIDE0000000001" in lines


@pytest.mark.parametrize("in_data", [None, b"print('somebody else')"])
def test_nobody_becomes_anybody(connection: t.Any, in_data: bytes | None) -> None:
    """sudo would take the credentials out of the environment, and others would be found."""
    connection.set_become_plugin(become_loader.get("ansible.builtin.sudo"))
    with pytest.raises(AnsibleActionFail) as caught:
        connection.exec_command(shell(sys.executable), in_data=in_data)
    assert caught.value.result["reason"] == "invalid_options"
    assert "become: false" in caught.value.result["next_step"]
