# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fields and buttons of a page."""

from __future__ import annotations

import urllib.parse

from .addresses import set_by_script
from .elements import Button, Field, Form, Seen
from .html_tree import Tag, attribute, is_plain_control, leads_somewhere
from .matching import plain
from .parsed_page import ParsedPage

# The browser driver's marks: an element's present value, and whether it is checked.
VALUE_MARK = "data-labops-value"
CHECKED_MARK = "data-labops-checked"

_PRESSED_ROLES = frozenset(("button", "link", "menuitem", "tab"))
_OPENING = ("aria-haspopup", "aria-expanded", "data-toggle", "data-bs-toggle", "popovertarget")


def acts_as_button(tree: ParsedPage, tag: Tag) -> bool:
    """A link or other element that does something by script rather than lead somewhere."""
    if tag.name in ("button", "input", "select", "textarea", "summary", "option") or leads_somewhere(tag):
        return False
    if not tag.attrs:
        return tag.name == "a" and tree.scripts_run
    if attribute(tag, "role") in _PRESSED_ROLES:
        # One that only wraps the real thing is no second one.
        return not any(inner.name in ("a", "button", "input") for inner in tree.document.descendants(tag))
    if is_plain_control(tag):
        return True
    return tag.name == "a" and (tag.has_attr("onclick") or tag.has_attr("href") or tree.scripts_run)


def add_control(tree: ParsedPage, form: Form, tag: Tag) -> None:
    """Add the control to the form, as a button or as a field."""
    kind = attribute(tag, "type").lower()
    if tag.name in ("button", "a") or acts_as_button(tree, tag) or kind in ("submit", "image", "button", "reset"):
        if kind != "reset":
            form.buttons.append(read_button(tree, tag))
    else:
        form.fields.append(_read_field(tree, tag))


def read_button(tree: ParsedPage, tag: Tag) -> Button:
    """The element as something to press."""
    kind = attribute(tag, "type").lower()
    if tag.name == "button":
        kind = kind if kind in ("submit", "button") else "submit"
    elif tag.name != "input":
        kind = "link"
    script = attribute(tag, "onclick")
    address = attribute(tag, "href")
    if address.lower().startswith("javascript:"):
        script = urllib.parse.unquote(address[len("javascript:") :]) or script
    goes_to = next(iter(set_by_script(script)), "")
    named = tag.has_attr("name") and not tag.has_attr("disabled")
    return Button(
        tree.ref(tag),
        tree.naming.pressable(tag),
        Seen.HIDDEN if tag.has_attr("disabled") and not tree.scripts_run else tree.seen.seen(tag),
        tree.opener(tag),
        tree.document.place(tag),
        name=attribute(tag, "name") if named else "",
        value=attribute(tag, "value"),
        kind=kind,
        action=tree.absolute(attribute(tag, "formaction")) if attribute(tag, "formaction") else "",
        method=attribute(tag, "formmethod").lower(),
        script=script,
        address=tree.absolute(goes_to) if goes_to else "",
        opens=any(tag.has_attr(mark) for mark in _OPENING),
        names_form=tag.has_attr("form"),
        plain=is_plain_control(tag),
    )


def _read_field(tree: ParsedPage, tag: Tag) -> Field:
    kind = attribute(tag, "type").lower() or "text"
    if tag.name != "input":
        kind = tag.name
    elif kind in ("date", "month", "week", "time", "datetime-local", "color", "range"):
        kind = "other"
    elif kind not in ("hidden", "checkbox", "radio", "file", "email", "password", "tel", "number", "search", "url"):
        kind = "text"
    seen = Seen.HIDDEN if kind == "hidden" else tree.seen.seen(tag)
    options, value = _options(tree, tag) if kind == "select" else ([], _value(tag, kind))
    length = attribute(tag, "maxlength")
    return Field(
        tree.ref(tag),
        tree.naming.field(tag) if seen is not Seen.HIDDEN else [],
        seen,
        tree.opener(tag),
        tree.document.place(tag),
        name=attribute(tag, "name"),
        kind=kind,
        value=value,
        checked=attribute(tag, CHECKED_MARK) == "1" if tag.has_attr(CHECKED_MARK) else tag.has_attr("checked"),
        required=tag.has_attr("required") or attribute(tag, "aria-required") == "true",
        locked=tag.has_attr("readonly"),
        disabled=tag.has_attr("disabled") or _in_disabled_fieldset(tag),
        maxlength=int(length) if length.isdigit() else 0,
        autocomplete=attribute(tag, "autocomplete").lower(),
        options=options,
    )


def _value(tag: Tag, kind: str) -> str:
    if tag.has_attr(VALUE_MARK):
        return str(tag[VALUE_MARK])
    if kind == "textarea":
        return tag.get_text().removeprefix("\n")
    if kind in ("checkbox", "radio") and not tag.has_attr("value"):
        return "on"
    value = tag.get("value")
    return "" if value is None else str(value)


def _options(tree: ParsedPage, tag: Tag) -> tuple[list[tuple[str, str]], str]:
    options: list[tuple[str, str]] = []
    chosen: str | None = None
    for option in tree.document.descendants(tag):
        if option.name != "option":
            continue
        text = plain(option.get_text())
        value = str(option["value"]) if option.has_attr("value") else text
        options.append((value, text))
        if option.has_attr("selected"):
            chosen = value
    if tag.has_attr(VALUE_MARK):
        chosen = str(tag[VALUE_MARK])
    return options, chosen if chosen is not None else (options[0][0] if options else "")


def _in_disabled_fieldset(tag: Tag) -> bool:
    return any(parent.name == "fieldset" and parent.has_attr("disabled") for parent in tag.parents)
