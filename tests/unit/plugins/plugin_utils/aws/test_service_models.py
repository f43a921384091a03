# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Service models are read once for all sessions, and each session finds those that are meant for it."""

from __future__ import annotations

import json
import os
import pathlib

import botocore.session
import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import connection as aws
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import service_models
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import forked_program

# Without directories, nothing but what is in memory already can be found.
PROGRAM = b"""
import os, botocore.session
def no_listing(path): raise OSError('a directory was listed')
os.listdir = no_listing
session = botocore.session.Session()
print(session.create_client('sts', region_name='us-east-1').meta.service_model.service_name)
"""


def session_with(**variables: str) -> botocore.session.Session:
    session = botocore.session.Session(session_vars={"data_path": (None, None, variables.get("data_path"), None)})
    service_models.share_with(session)
    return session


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    return {"PATH": os.defpath, "HOME": os.path.expanduser("~")}


def test_sessions_share_what_they_read(tmp_path: pathlib.Path) -> None:
    one, other, elsewhere = (session_with(**paths) for paths in ({}, {}, {"data_path": str(tmp_path)}))
    loaders = [session.get_component("data_loader") for session in (one, other, elsewhere)]
    assert loaders[0] is loaders[1] is not loaders[2]


@pytest.mark.usefixtures("environment")
def test_a_program_in_a_fork_finds_what_its_parent_read(environment: dict[str, str]) -> None:
    aws.warm_up(["sts"])
    prepared = forked_program.run_program(PROGRAM, environment, prepare=service_models.share_with_all)
    assert prepared == (0, b"sts\n", b"")
    assert b"a directory was listed" in forked_program.run_program(PROGRAM, environment)[2]


@pytest.mark.usefixtures("environment")
def test_a_program_has_its_own_search_path(environment: dict[str, str], tmp_path: pathlib.Path) -> None:
    model = tmp_path / "of-our-own" / "2026-01-01" / "service-2.json"
    model.parent.mkdir(parents=True)
    model.write_text(json.dumps({"metadata": {}}))
    program = b"import botocore.session; print('of-our-own' in botocore.session.Session().get_available_services())"
    with_path = {**environment, "AWS_DATA_PATH": str(tmp_path)}
    for given, expected in ((environment, b"False\n"), (with_path, b"True\n")):
        assert forked_program.run_program(program, given, prepare=service_models.share_with_all)[1] == expected
