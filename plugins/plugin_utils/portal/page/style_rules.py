# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Style rules that hide or show something, and the elements that they are about.

Read from the front to the back once. Selectors are matched by soupsieve, which Beautiful Soup brings, and only against
elements that have the tag, class or id of the selector's last part.
"""

from __future__ import annotations

import re
import typing as t

from .document import Document
from .html_tree import Tag, attribute, too_large

try:
    import soupsieve
except ImportError:
    pass

_MOST_RULES = 10_000
_LONGEST_SELECTOR = 200

_ANY = "*"
_TOKENS = re.compile(r"[{};]")
_LAST_PART = re.compile(r"[^\s>+~]*$")
_KEY = re.compile(r"#(?P<id>[\w-]+)|\.(?P<cls>[\w-]+)|^(?P<tag>[a-zA-Z][\w-]*)")
# The rest (:has, :nth-child, many combinators) can take a page's size to some power, and hides nothing on real pages.
_SELECTOR = re.compile(
    r"(?:\*|[a-zA-Z][\w-]*)?(?:[.#][\w-]+|\[[^\]]*\]|:not\([.#\w-]+\)|:(?:root|first-child|last-child))*"
)


def style_rules(sheets: t.Iterable[str]) -> t.Iterator[tuple[str, str]]:
    """Selectors and declarations of each rule for screens.

    :raises PortalError: if there are too many.
    """
    count = 0
    for sheet in sheets:
        text = _without_comments(sheet)
        preludes: list[str] = []
        declarations: list[str] = []
        start = 0
        for token in _TOKENS.finditer(text):
            piece = text[start : token.start()].strip()
            start = token.end()
            if token[0] == "{":
                preludes.append(piece)
                declarations = []
                continue
            declarations.append(piece)
            if token[0] == "}":
                prelude = preludes.pop() if preludes else "@"
                count += 1
                if count > _MOST_RULES:
                    raise too_large(f"it has more than {_MOST_RULES} style rules")
                if not prelude.startswith("@") and all(_is_for_screens(outer) for outer in preludes):
                    yield prelude, ";".join(declarations)
                declarations = []
            elif not preludes:
                declarations = []


def _without_comments(sheet: str) -> str:
    parts: list[str] = []
    position = 0
    while (begin := sheet.find("/*", position)) >= 0:
        parts.append(sheet[position:begin])
        end = sheet.find("*/", begin + 2)
        if end < 0:
            return " ".join(parts)
        position = end + 2
    return " ".join([*parts, sheet[position:]])


def _is_for_screens(prelude: str) -> bool:
    """Whether what is in a block counts: rules for paper or narrow screens say nothing about what is on the screen."""
    condition = prelude.lower()
    return condition.startswith("@media") and not any(word in condition for word in ("print", "max-width", "speech"))


class Matcher:
    """Finds the elements that selectors are about."""

    def __init__(self, document: Document) -> None:
        self._effort = document.effort
        self._index: dict[str, list[Tag]] = {_ANY: document.tags, **document.by_name}
        for tag in document.tags:
            keys = [f".{name}" for name in set(attribute(tag, "class").split())]
            if attribute(tag, "id"):
                keys.append(f"#{attribute(tag, 'id')}")
            for key in keys:
                self._index.setdefault(key, []).append(tag)

    def select(self, selector: str) -> t.Iterator[Tag]:
        """The elements that a selector matches; none for one that cannot be read."""
        selector = selector.strip()
        if len(selector) > _LONGEST_SELECTOR:
            return
        last = _LAST_PART.search(selector)
        parts = re.split(r"\s*[>+~]\s*|\s+", selector)
        if last is None or not 1 <= len(parts) <= 3 or not all(map(_SELECTOR.fullmatch, parts)):
            return
        keys = [
            f"#{key['id']}" if key["id"] else f".{key['cls']}" if key["cls"] else key["tag"].lower()
            for key in _KEY.finditer(last[0].partition(":not(")[0].partition("[")[0])
        ]
        candidates = min((self._index.get(key, []) for key in keys or [_ANY]), key=len)
        if not candidates:
            return
        try:
            pattern = soupsieve.compile(selector)
        except (soupsieve.SelectorSyntaxError, NotImplementedError, ValueError):
            return
        for tag in candidates:
            self._effort.check()
            if pattern.match(tag):
                yield tag
