# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages of plugin_utils import from packages below them only, so that each can be read and tested alone."""

from __future__ import annotations

import ast
import importlib.util
import pathlib

import pytest

PLUGIN_UTILS = pathlib.Path(__file__).resolve().parents[4] / "plugins" / "plugin_utils"
PREFIX = "ansible_collections.labops.cloudresearch.plugins."

# From the bottom. What stands in plugin_utils itself is above all packages.
PACKAGES = (
    "base",
    "aws",
    "mturk",
    "store",
    "keys",
    "plan",
    "portal",
    "portal.page",
    "portal.drivers",
    "portal.session",
    "portal.link",
    "lab",
    "fleet",
    "report",
)


def _package(module: str) -> str:
    """The package of PACKAGES that a module of plugin_utils is in; empty if it stands above them."""
    name = module
    while name and name not in PACKAGES:
        name = name.rpartition(".")[0]
    return name


def _imports(path: pathlib.Path) -> list[str]:
    """The modules of the collection that a file imports, relative to plugins."""
    own = PREFIX + ".".join(path.relative_to(PLUGIN_UTILS.parent).parent.parts)
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            module = importlib.util.resolve_name("." * node.level + (node.module or ""), own)
            if module.startswith(PREFIX):
                found += [f"{module.removeprefix(PREFIX)}.{alias.name}" for alias in node.names]
    return found


def _files() -> list[pathlib.Path]:
    return sorted(path for package in PACKAGES for path in (PLUGIN_UTILS / package.replace(".", "/")).glob("*.py"))


@pytest.mark.parametrize("path", _files(), ids=lambda path: str(path.relative_to(PLUGIN_UTILS)))
def test_imports_point_down(path: pathlib.Path) -> None:
    own = _package(str(path.relative_to(PLUGIN_UTILS).with_suffix("")).replace("/", "."))
    upwards = []
    for module in _imports(path):
        target = _package(module.removeprefix("plugin_utils.")) if module.startswith("plugin_utils.") else ""
        if not target or PACKAGES.index(target) > PACKAGES.index(own):
            upwards.append(module)
    assert upwards == []
