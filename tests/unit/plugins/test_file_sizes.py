# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file is small enough to be held in the head: docs/architecture.md says how small, and names the exceptions."""

from __future__ import annotations

import ast
import pathlib
import tokenize

PROJECT = pathlib.Path(__file__).resolve().parents[3]
MOST = 300
PLACES = ("extensions", "playbooks", "plugins", "roles", "tests")
KINDS = {".css", ".j2", ".js", ".py", ".yml"}
NO_CODE = {
    tokenize.COMMENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
    tokenize.INDENT,
    tokenize.NEWLINE,
    tokenize.NL,
}
DOCUMENTATION = {"DOCUMENTATION", "EXAMPLES", "RETURN"}


def is_documentation(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign):
        return any(isinstance(target, ast.Name) and target.id in DOCUMENTATION for target in node.targets)
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def lines_of_python(path: pathlib.Path) -> int:
    """Lines with code: no blank ones, comments, docstrings, or documentation of a plugin."""
    lines: set[int] = set()
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type not in NO_CODE:
                lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(path.read_bytes())):
        if is_documentation(node):
            lines.difference_update(range(node.lineno, (node.end_lineno or node.lineno) + 1))  # type: ignore[attr-defined]
    return len(lines)


def lines_of_code(path: pathlib.Path) -> int:
    lines = path.read_text(encoding="utf-8").splitlines()
    # A short file need not be read as Python.
    if path.suffix == ".py" and len(lines) >= MOST:
        return lines_of_python(path)
    return sum(1 for line in lines if line.strip().strip("#/*"))


def test_files_are_small_but_for_the_exceptions_that_are_named() -> None:
    named = (PROJECT / "docs" / "architecture.md").read_text()
    paths = [path for place in PLACES for path in (PROJECT / place).rglob("*") if path.suffix in KINDS]
    assert len(paths) > 300
    large = {
        str(path.relative_to(PROJECT))
        for path in paths
        # Tests of one subject are read one by one, and share what they set up.
        if not path.name.startswith("test_") and "output" not in path.parts and lines_of_code(path) >= MOST
    }
    assert {name for name in large if f"`{name}`" not in named} == set()
