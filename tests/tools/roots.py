# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints the Python files of plugins that no other file there imports as it is loaded: python -m tests.tools.roots.

Importing these imports all of plugins. ansible-test imports each file that it is given on its own, with all that the
file imports; as no two files import each other, it finds with these what it finds with all of them, in a fifth of the
time.
"""

from __future__ import annotations

import ast
import importlib.util
import pathlib
import sys
import typing as t

from .tree import PROJECT

PLUGINS = PROJECT / "plugins"
INSIDE = "ansible_collections.labops.cloudresearch"


def _loaded_with(body: t.Iterable[ast.stmt]) -> t.Iterator[ast.ImportFrom]:
    """The imports that are run when a module is loaded, which those in its functions are not."""
    for node in body:
        if isinstance(node, ast.ImportFrom):
            yield node
        elif isinstance(node, ast.Try):
            yield from _loaded_with([*node.body, *node.orelse, *node.finalbody])


def _imported_by(path: pathlib.Path) -> t.Iterator[pathlib.Path]:
    package = ".".join([INSIDE, *path.relative_to(PROJECT).parent.parts])
    for node in _loaded_with(ast.parse(path.read_text()).body):
        module = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
        if module.startswith(f"{INSIDE}."):
            place = PROJECT.joinpath(*module.removeprefix(f"{INSIDE}.").split("."))
            yield place.with_suffix(".py")
            yield from (place / f"{alias.name}.py" for alias in node.names)


def roots() -> list[pathlib.Path]:
    """The files, but for those that only mark a package, relative to the collection."""
    files = set(PLUGINS.rglob("*.py"))
    imported = {found for path in files for found in _imported_by(path)}
    return sorted(path.relative_to(PROJECT) for path in files - imported if path.name != "__init__.py")


if __name__ == "__main__":
    sys.stdout.write("\n".join(map(str, roots())) + "\n")
