# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a page goes by itself: by a refresh, by a script that goes elsewhere, by a script that sends a form."""

from __future__ import annotations

import re

from .addresses import all_set_by_script
from .elements import Form, Page
from .html_tree import attribute
from .parsed_page import ParsedPage

_SUBMITS = re.compile(r"\.\s*submit\s*\(|requestSubmit\s*\(|\.\s*click\s*\(\s*\)")
_REFRESH = re.compile(r"^\s*(\d+(?:\.\d+)?)?\s*[;,]?\s*(?:url\s*=\s*)?['\"]?(.*?)['\"]?\s*$", re.IGNORECASE)
_FORM_NUMBER = re.compile(r"\bforms\s*\[\s*(\d{1,3})\s*\]")


class OwnMoves:
    """Finds them in a tree whose forms and links were read before."""

    def __init__(self, tree: ParsedPage) -> None:
        self._tree = tree

    def read(self, page: Page) -> None:
        """Put into the page where it goes."""
        self._read_refresh(page)
        scripts = " ".join(tag.get_text() for tag in self._tree.tags if tag.name == "script")
        scripts += " ".join(attribute(tag, "onload") for tag in self._tree.tags if tag.has_attr("onload"))
        usable = any(form.fillable for form in page.forms)
        if _SUBMITS.search(scripts) and not usable:
            page.send_themselves = self._sent_by_script(page, scripts)
        if not page.moves_to and not self._tree.scripts_run and not page.forms and not page.links:
            goes = list(dict.fromkeys(map(self._tree.absolute, all_set_by_script(scripts))))
            if len(goes) == 1:
                page.moves_to = goes[0]
            else:
                page.may_move_to = goes

    def _read_refresh(self, page: Page) -> None:
        # Of several refreshes the first one counts (HTML, "shared declarative refresh steps").
        for tag in self._tree.tags:
            if tag.name == "meta" and attribute(tag, "http-equiv").lower() == "refresh":
                match = _REFRESH.match(attribute(tag, "content")[:2000])
                if match and match[2]:
                    page.moves_to = self._tree.absolute(match[2]) if float(match[1] or 0) <= 10 else ""
                    return

    def _sent_by_script(self, page: Page, scripts: str) -> list[Form]:
        """The forms of hidden fields only that a script may send; one, if the script names it."""
        forms = page.forms
        found = [
            form for form in forms if form.real and form.fields and all(field.kind == "hidden" for field in form.fields)
        ]
        if len(found) < 2:
            return found
        names = {
            self._tree.ref(tag): {attribute(tag, "id"), attribute(tag, "name")} - {""}
            for tag in self._tree.tags
            if tag.name == "form"
        }
        words = set(re.findall(r"[\w-]+", scripts))
        named = [form for form in found if names.get(form.ref, set()) & words]
        numbers = {int(number) for number in _FORM_NUMBER.findall(scripts)}
        by_number = [form for number, form in enumerate(forms) if number in numbers and form in found]
        # A page that leads elsewhere is one to read; its script may wait for a click.
        doubtful = [] if page.links else found
        return next((group for group in (named, by_number) if len(group) == 1), doubtful)
