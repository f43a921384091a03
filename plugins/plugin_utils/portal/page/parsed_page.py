# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A page's HTML as a tree, with all that its readers ask of an element."""

from __future__ import annotations

import typing as t

from .accessible_names import Naming
from .addresses import join
from .document import Document
from .html_tree import Tag, attribute
from .visibility import Visibility

# How the attributes begin that the browser driver adds; this one is for an element's number.
MARKS = "data-labops-"
REF_MARK = f"{MARKS}ref"


class ParsedPage:
    """The tree of a page.

    :param address: where it came from, to make relative addresses absolute.
    :param scripts_run: whether this is a browser's tree, with the browser driver's marks.
    :param styles: style sheets that the page uses, if they were fetched.
    :raises PortalError: the page is too large.
    """

    def __init__(self, html: str, address: str, *, scripts_run: bool, styles: t.Sequence[str]) -> None:
        self.document = Document(html)
        self.tags = self.document.tags
        if not scripts_run and MARKS in html.lower():
            self._drop_marks()
        self.scripts_run = scripts_run
        self.effort = self.document.effort
        self.seen = Visibility(self.document, scripts_run=scripts_run, styles=styles)
        self.naming = Naming(self.document, self.seen)
        self.address = address
        base = next((tag for tag in self.document.by_name["base"] if tag.has_attr("href")), None)
        self._base = join(address, attribute(base, "href")) if base is not None else address

    def _drop_marks(self) -> None:
        """A page that no browser has read has no marks but such as it made up."""
        for tag in self.tags:
            for name in [name for name in tag.attrs if name.startswith(MARKS)]:
                del tag[name]

    def ref(self, tag: Tag) -> int:
        """The element's number in the browser, or else in the page; -1 for the page itself."""
        mark = attribute(tag, REF_MARK)
        return int(mark) if mark else self.document.place(tag)

    def opener(self, tag: Tag) -> int | None:
        """The number of what has to be pressed before the element can be seen."""
        opener = self.seen.opener(tag)
        return self.ref(opener) if opener is not None else None

    def absolute(self, address: str) -> str:
        """An address in the page, made absolute."""
        return join(self._base, address)
