# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of each module and the specification of its action say the same."""

from __future__ import annotations

import importlib
import pathlib
import typing as t

import pytest
from ansible.plugins.loader import fragment_loader
from ansible.utils.plugin_docs import get_docstring

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import options as aws_options
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab_action import LabAction

PLUGINS = pathlib.Path(__file__).resolve().parents[4] / "plugins"
ACTIONS = "ansible_collections.labops.cloudresearch.plugins.action"
MODULES = sorted(path.stem for path in (PLUGINS / "modules").glob("*.py"))
WORDS = ("type", "elements", "choices", "required", "default")


def specification(module: str) -> dict[str, t.Any]:
    action = importlib.import_module(f"{ACTIONS}.{module}")
    if not issubclass(action.ActionModule, LabAction):
        return dict(action.OPTIONS)
    if module == "lab_account_observe":  # takes its input from the role's variables
        return {}
    own = action.ActionModule.spec
    return {**aws_options.lab_aws_argument_spec(), **own} if action.ActionModule.aws else dict(own)


def compare(documented: dict[str, t.Any], specified: dict[str, t.Any], where: str) -> None:
    assert sorted(documented) == sorted(specified), where
    for name, spec in specified.items():
        said = documented[name]
        for word in WORDS:
            found, meant = said.get(word), spec.get(word)
            # What is not said is the same as what does not hold.
            if word == "type":
                found, meant = found or "str", meant or "str"
            if word == "required":
                found, meant = bool(found), bool(meant)
            if word == "default" and isinstance(meant, bool) and isinstance(found, str):
                found = found.lower() in ("yes", "true")
            assert found == meant, f"{where} {name}: {word}"
        if spec.get("options") and said.get("suboptions"):
            compare(said["suboptions"], spec["options"], f"{where} {name}")


@pytest.mark.parametrize("module", MODULES)
def test_documentation_and_specification_say_the_same(module: str) -> None:
    documentation, examples, returned, _metadata = get_docstring(
        str(PLUGINS / "modules" / f"{module}.py"), fragment_loader, collection_name="labops.cloudresearch"
    )
    assert examples and returned
    compare(documentation.get("options") or {}, specification(module), module)


def test_each_module_is_an_action() -> None:
    assert [path.stem for path in sorted((PLUGINS / "action").glob("*.py"))] == MODULES
