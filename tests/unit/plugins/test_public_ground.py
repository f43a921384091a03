# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plugins use no private name of anything that is not theirs."""

from __future__ import annotations

import ast
import pathlib
import re
import typing as t

PLUGINS = pathlib.Path(__file__).resolve().parents[3] / "plugins"

# Names with an underscore that are meant for others, or that cannot be done without.
ALLOWED = {
    # Python's own documented names.
    "_exit": "os",
    "_replace": "named tuples",
    "_fields": "named tuples",
    "_value_": "enums",
    # What Ansible's developer guide tells plugins to use.
    "_task": "actions",
    "_templar": "actions and lookups",
    "_loader": "actions and lookups",
    "_connection": "actions",
    "_play_context": "actions and connections",
    "_cache": "inventory plugins",
    "_read_config_data": "inventory plugins",
    "_set_composite_vars": "inventory plugins",
    "_add_host_to_composed_groups": "inventory plugins",
    "_add_host_to_keyed_groups": "inventory plugins",
    "_handle_warnings": "callbacks",
    # ansible-core 2.18 has no others.
    "_result": "results in callbacks",
    "_host": "results in callbacks",
    # There is no other way to the passwords of the vault.
    "_vault": "the data loader",
}


def is_private(name: t.Any) -> bool:
    return isinstance(name, str) and name.startswith("_") and not name.startswith("__")


def names_of_our_own(tree: ast.AST) -> t.Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and ast.unparse(node.value) == "self":
            yield node.attr


def private_names(tree: ast.AST) -> t.Iterator[tuple[str, str, int]]:
    """Whose they are, the names, and where."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            yield ast.unparse(node.value), node.attr, node.lineno
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "hasattr", "setattr"):
            name = node.args[1]
            if isinstance(name, ast.Constant) and is_private(name.value):
                yield ast.unparse(node.args[0]), str(name.value), node.lineno


def test_no_private_name_of_others() -> None:
    trees = {path: ast.parse(path.read_text()) for path in PLUGINS.rglob("*.py")}
    ours = {name for tree in trees.values() for name in names_of_our_own(tree)}
    found = [
        f"{path.relative_to(PLUGINS)}:{line}: {whose}.{name}"
        for path, tree in trees.items()
        for whose, name, line in private_names(tree)
        if name not in ALLOWED and not (whose in ("self", "cls") and name in ours)
    ]
    assert not found, "\n".join(found)


# How Ansible runs modules and botocore builds sessions: names for these two to use, with an underscore or without.
INNER_WORKS = re.compile(
    "_execute_module|_configure_module|_low_level_execute|_BuiltModule|_ansiballz|create_loader|__class__ ="
)


def test_no_inner_works_of_ansible_and_botocore() -> None:
    found = [
        f"{path.relative_to(PLUGINS)}: {name}"
        for path in PLUGINS.rglob("*.py")
        for name in INNER_WORKS.findall(path.read_text())
    ]
    assert not found, "\n".join(found)
