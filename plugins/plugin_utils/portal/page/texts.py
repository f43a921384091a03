# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a page says: its texts, headings and notices, and the values that it shows in fields."""

from __future__ import annotations

import re

from .elements import Notice, Page
from .html_tree import Tag, attribute, is_heading, is_text
from .matching import plain, word_set
from .parsed_page import ParsedPage

_INLINE = word_set(
    "a abbr b bdi bdo cite code data dfn em i img kbd label mark q s samp small span strong sub sup time u var font "
    "button svg ins del"
)
# Attributes that can make an element a notice.
_TELLING = word_set("class role aria-live open")
# In the class names of an element, as they stand side by side.
_NOTICE_CLASS = re.compile(
    r"(?:^|[-_\s])(?:alerts?|notice|notification|notify|toast|flash|error|errors|success|warning|message|messages|msg|"
    r"validation|invalid|feedback|callout|snackbar|banner|infobar|growl|status)(?:[-_\s]|$)"
)
_ERROR_CLASS = re.compile(r"error|danger|invalid|fail|validation|critical|negative")
_SUCCESS_CLASS = re.compile(r"success|positive|(?:^|[-_\s])ok(?:[-_\s]|$)|confirmation")


def read_texts(tree: ParsedPage, page: Page) -> None:
    """Add to the page the texts, headings, notices and shown values. Its forms must have been read."""
    runs: dict[int, list[str]] = {}
    _collect_blocks(tree, tree.document.soup, id(tree.document.soup), runs)
    page.blocks = [text for text in (plain("".join(parts)) for parts in runs.values()) if text]
    for tag in tree.tags:
        seen = tree.seen.seen(tag)
        if not seen.usable:
            continue
        if tag.name != "caption" and is_heading(tag):
            text = tree.naming.text(tag)
            if text:
                page.headings.append(text)
        tone = _notice_tone(tag)
        if tone is not None:
            text = _visible_text(tree, tag)
            if text and len(text) <= 600:
                page.notices.append(Notice(text, tone))
    for form in page.forms:
        for field in form.fields:
            shows = field.kind in ("text", "email", "textarea", "tel", "search") and field.seen.usable
            if shows and field.value.strip():
                page.shown_values.append((field.label, plain(field.value)))


def _visible_text(tree: ParsedPage, tag: Tag) -> str:
    tree.effort.check()
    runs: dict[int, list[str]] = {}
    _collect_blocks(tree, tag, id(tag), runs)
    return plain(" \n ".join("".join(parts) for parts in runs.values()))


def _collect_blocks(tree: ParsedPage, tag: Tag, block: int, runs: dict[int, list[str]]) -> None:
    """Visible text by the paragraph it stands in; a new run begins behind each nested block."""
    current = block
    for child in tag.children:
        if is_text(child):
            runs.setdefault(current, []).append(str(child))
        elif isinstance(child, Tag):
            if child.name == "br":
                current = id(child)
                continue
            if not tree.seen.seen(child).usable or child.name in ("textarea", "select", "title"):
                continue
            if child.name in _INLINE:
                if child.name in ("button", "a"):
                    runs.setdefault(current, []).append(" ")
                _collect_blocks(tree, child, current, runs)
                if child.name in ("button", "a"):
                    runs.setdefault(current, []).append(" ")
            elif child.name != "input":
                _collect_blocks(tree, child, id(child), runs)
                current = -id(child)


def _notice_tone(tag: Tag) -> str | None:
    """error, success or empty for a notice; None for what is none."""
    if _TELLING.isdisjoint(tag.attrs) and tag.name != "output":
        return None
    named = attribute(tag, "class").lower()
    is_notice = (
        attribute(tag, "role").lower() in ("alert", "status", "alertdialog", "log")
        or attribute(tag, "aria-live").lower() in ("polite", "assertive")
        or tag.name == "output"
        or (tag.name == "dialog" and tag.has_attr("open"))
        or _NOTICE_CLASS.search(named) is not None
    )
    if not is_notice or tag.name in ("html", "body", "form", "input", "label", "button", "a", "select", "main"):
        return None
    if _ERROR_CLASS.search(named):
        return "error"
    return "success" if _SUCCESS_CLASS.search(named) else ""
