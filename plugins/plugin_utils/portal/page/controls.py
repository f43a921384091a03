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


class Controls:
    """Reads the controls of a page."""

    def __init__(self, page: ParsedPage) -> None:
        self._page = page

    def acts_as_button(self, tag: Tag) -> bool:
        """A link or other element that does something by script rather than lead somewhere."""
        if tag.name in ("button", "input", "select", "textarea", "summary", "option") or leads_somewhere(tag):
            return False
        if attribute(tag, "role") in _PRESSED_ROLES:
            # One that only wraps the real thing is no second one.
            return tag.find(["a", "button", "input"]) is None
        if is_plain_control(tag):
            return True
        return tag.name == "a" and (tag.has_attr("onclick") or tag.has_attr("href") or self._page.scripts_run)

    def add_to(self, form: Form, tag: Tag) -> None:
        """Add the control to the form, as a button or as a field."""
        kind = attribute(tag, "type").lower()
        if tag.name in ("button", "a") or self.acts_as_button(tag) or kind in ("submit", "image", "button", "reset"):
            if kind != "reset":
                form.buttons.append(self.button(tag))
        else:
            form.fields.append(self._field(tag))

    def button(self, tag: Tag) -> Button:
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
        goes_to = set_by_script(script)
        named = tag.has_attr("name") and not tag.has_attr("disabled")
        return Button(
            self._page.ref(tag),
            self._page.naming.pressable(tag),
            Seen.HIDDEN if tag.has_attr("disabled") and not self._page.scripts_run else self._page.seen.seen(tag),
            self._page.opener(tag),
            self._page.order(tag),
            name=attribute(tag, "name") if named else "",
            value=attribute(tag, "value"),
            kind=kind,
            action=self._page.absolute(attribute(tag, "formaction")) if attribute(tag, "formaction") else "",
            method=attribute(tag, "formmethod").lower(),
            script=script,
            address=self._page.absolute(goes_to) if goes_to else "",
            opens=any(tag.has_attr(mark) for mark in _OPENING),
            names_form=tag.has_attr("form"),
            plain=is_plain_control(tag),
        )

    def _field(self, tag: Tag) -> Field:
        kind = attribute(tag, "type").lower() or "text"
        if tag.name != "input":
            kind = tag.name
        elif kind in ("date", "month", "week", "time", "datetime-local", "color", "range"):
            kind = "other"
        elif kind not in ("hidden", "checkbox", "radio", "file", "email", "password", "tel", "number", "search", "url"):
            kind = "text"
        seen = Seen.HIDDEN if kind == "hidden" else self._page.seen.seen(tag)
        options, value = self._options(tag) if kind == "select" else ([], self._value(tag, kind))
        length = attribute(tag, "maxlength")
        return Field(
            self._page.ref(tag),
            self._page.naming.field(tag) if seen is not Seen.HIDDEN else [],
            seen,
            self._page.opener(tag),
            self._page.order(tag),
            name=attribute(tag, "name"),
            kind=kind,
            value=value,
            checked=attribute(tag, CHECKED_MARK) == "1" if tag.has_attr(CHECKED_MARK) else tag.has_attr("checked"),
            required=tag.has_attr("required") or attribute(tag, "aria-required") == "true",
            locked=tag.has_attr("readonly"),
            disabled=tag.has_attr("disabled") or self._in_disabled_fieldset(tag),
            maxlength=int(length) if length.isdigit() else 0,
            autocomplete=attribute(tag, "autocomplete").lower(),
            options=options,
        )

    @staticmethod
    def _value(tag: Tag, kind: str) -> str:
        if tag.has_attr(VALUE_MARK):
            return str(tag[VALUE_MARK])
        if kind == "textarea":
            return tag.get_text().removeprefix("\n")
        if kind in ("checkbox", "radio") and not tag.has_attr("value"):
            return "on"
        value = tag.get("value")
        return "" if value is None else str(value)

    @staticmethod
    def _options(tag: Tag) -> tuple[list[tuple[str, str]], str]:
        options: list[tuple[str, str]] = []
        chosen: str | None = None
        for option in tag.find_all("option"):
            text = plain(option.get_text())
            value = str(option["value"]) if option.has_attr("value") else text
            options.append((value, text))
            if option.has_attr("selected"):
                chosen = value
        if tag.has_attr(VALUE_MARK):
            chosen = str(tag[VALUE_MARK])
        return options, chosen if chosen is not None else (options[0][0] if options else "")

    @staticmethod
    def _in_disabled_fieldset(tag: Tag) -> bool:
        return any(parent.name == "fieldset" and parent.has_attr("disabled") for parent in tag.parents)
