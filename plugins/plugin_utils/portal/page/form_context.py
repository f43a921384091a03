# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a form is for, by what stands around it."""

from __future__ import annotations

from .accessible_names import Naming
from .html_tree import HEADINGS, Effort, attribute, tags
from .visibility import Visibility

try:
    from bs4.element import Tag
except ImportError:
    pass


def context(form: Tag, naming: Naming, visibility: Visibility, effort: Effort) -> list[str]:
    """What says what a form is for: its own name, a heading in it, the nearest headings before it."""
    texts = [name.text for name in naming.labelled(form)]
    texts += [naming.text(tag) for tag in form.find_all(list(HEADINGS)) if visibility.seen(tag).usable][:2]
    for parent in form.parents:
        if isinstance(parent, Tag) and parent.name in ("section", "div", "article", "dialog", "fieldset", "details"):
            texts += [name.text for name in naming.labelled(parent)]
            if parent.name in ("fieldset", "details"):
                texts += [naming.text(child) for child in tags(parent) if child.name in ("legend", "summary")]
    effort.check()
    before = form.find_all_previous(lambda tag: tag.name in HEADINGS or attribute(tag, "role") == "heading", limit=12)
    headings = [tag for tag in before if isinstance(tag, Tag) and visibility.seen(tag).usable]
    texts += [naming.text(tag) for tag in headings[:2]]
    # What the nearest heading is a part of, such as the page's first heading, is about every form below it.
    level = _heading_level(headings[0]) if headings else 0
    for tag in headings[1:]:
        if _heading_level(tag) < level:
            level = _heading_level(tag)
            texts.append(naming.text(tag))
    return [text for text in dict.fromkeys(texts) if text]


def _heading_level(heading: Tag) -> int:
    """How deep a heading stands: 1 for the page's own."""
    told = attribute(heading, "aria-level") or heading.name[1:]
    return int(told) if told.isdigit() else 2
