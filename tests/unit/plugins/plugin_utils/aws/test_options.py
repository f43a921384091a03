# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import inspect
import pathlib
import sys

import pytest
import yaml
from ansible.errors import AnsibleError

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import options

GALAXY = pathlib.Path(__file__).resolve().parents[5] / "galaxy.yml"


def test_without_amazon_aws_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    # None stands for a module that cannot be found.
    monkeypatch.setitem(sys.modules, "ansible_collections.amazon.aws.plugins.module_utils.modules", None)
    with pytest.raises(AnsibleError) as caught:
        exec(inspect.getsource(options), {"__name__": "options"})
    needed = yaml.safe_load(GALAXY.read_text())["dependencies"]["amazon.aws"]
    assert f"ansible-galaxy collection install 'amazon.aws:{needed}'" in str(caught.value)
