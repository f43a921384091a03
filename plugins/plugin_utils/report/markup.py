# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds HTML and SVG so that text can never become markup: everything that is not C(Markup) is escaped."""

from __future__ import annotations

import html
import json
import re
import typing as t

Child: t.TypeAlias = "str | int | t.Iterable[Child] | None"
Attribute: t.TypeAlias = str | int | float | bool | None

_VOID = frozenset({"br", "col", "input", "meta"})
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9-]*\Z")
_SAFE_ADDRESS = re.compile(r"(https?:|mailto:|#)", re.IGNORECASE)


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def element(tag: str, attributes: t.Mapping[str, Attribute] | None = None, *children: Child) -> Markup:
    """One element.

    :param attributes: None and False leave an attribute out, True writes it without a value.
    :raises ValueError: an address that a browser would run, or an attribute that holds script or style (the page's
        content security policy forbids those, so they would do nothing).
    """
    written = "".join(_attribute(name, value) for name, value in (attributes or {}).items())
    if tag in _VOID:
        return Markup(f"<{tag}{written}>")
    return Markup(f"<{tag}{written}>{join(children)}</{tag}>")


def join(children: t.Iterable[Child]) -> Markup:
    """Children one after another; text is escaped, None is left out."""
    parts: list[str] = []
    for child in children:
        if isinstance(child, Markup):
            parts.append(child)
        elif isinstance(child, (str, int)):
            parts.append(html.escape(str(child)))
        elif child is not None:
            parts.append(join(child))
    return Markup("".join(parts))


def data_block(identifier: str, value: t.Any) -> Markup:
    """JSON that a script reads: no character in it can end the block or begin a comment in it."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(f'<script type="application/json" id="{html.escape(identifier)}">{text}</script>')


def _attribute(name: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    if not _NAME.match(name) or name.lower().startswith("on") or name.lower() == "style":
        raise ValueError(f"Attribute {name} is not allowed.")
    if value is True:
        return f" {name}"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    if name in ("href", "src", "action") and not _SAFE_ADDRESS.match(text):
        raise ValueError(f"Attribute {name} holds an address that is not allowed.")
    return f' {name}="{html.escape(text)}"'
