# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain elements that a script makes react to a click, without the role, C(tabindex) or address of a control.

How they are known: by the attribute C(onclick); by a C(data-) attribute that says where a click leads, as the cards of
CloudResearch's sign-in have it (C(data-app-destination), from public scripts); and, in a browser, by the hand that
shows under the mouse (the computed style C(cursor), see browser_script.py). A listener that a script added leaves no
other public trace in a page.
"""

from __future__ import annotations

import re
import typing as t

from .html_tree import attribute

if t.TYPE_CHECKING:
    from bs4.element import Tag

# The browser driver's mark for what shows a hand.
PLAIN_MARK = "data-labops-plain"

_DESTINATION = re.compile(r"^data-(?:\w+-)*(?:destination|goto)$")
_INSIDE = ["a", "button", "input", "select", "textarea", "label", "form"]
_OTHERWISE_PRESSED = ["a", "button", "label", "summary", "select"]
_STRUCTURE = frozenset(("html", "head", "body", "main", "form", "table", "tbody", "tr", "script", "style", "template"))


def destination(tag: Tag) -> str:
    """Where the element says that a click leads; empty if it does not."""
    return next((attribute(tag, name) for name in tag.attrs if _DESTINATION.match(name)), "")


def is_plain_control(tag: Tag) -> bool:
    """Whether an element is none of HTML's controls and is there to be clicked all the same."""
    if tag.has_attr(PLAIN_MARK):
        return True
    if not (tag.has_attr("onclick") or destination(tag)) or tag.name in (*_INSIDE, *_STRUCTURE, "summary", "option"):
        return False
    if tag.has_attr("role") or tag.find(_INSIDE) is not None or tag.find_parent(_OTHERWISE_PRESSED) is not None:
        return False
    return not any(parent.has_attr("onclick") or destination(parent) for parent in tag.parents if parent.name != "body")
