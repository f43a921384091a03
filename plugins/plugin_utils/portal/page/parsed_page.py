# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A page's HTML as a tree, with all that its readers ask of an element."""

from __future__ import annotations

import typing as t

from .accessible_names import Naming
from .addresses import join
from .html_tree import CONTROLS, MOST_CONTROLS, MOST_FORMS, Effort, Tag, attribute, parse, too_large
from .visibility import Visibility

# The browser driver's mark for an element's number.
REF_MARK = "data-labops-ref"


class ParsedPage:
    """The tree of a page.

    :param address: where it came from, to make relative addresses absolute.
    :param scripts_run: whether this is a browser's tree, with the browser driver's marks.
    :param styles: style sheets that the page uses, if they were fetched.
    :raises PortalError: the page is too large.
    """

    def __init__(self, html: str, address: str, *, scripts_run: bool, styles: t.Sequence[str]) -> None:
        self.soup = parse(html)
        self.scripts_run = scripts_run
        self.effort = Effort()
        self.seen = Visibility(self.soup, effort=self.effort, scripts_run=scripts_run, styles=styles)
        self.naming = Naming(self.soup, self.seen, self.effort)
        self.address = address
        base = self.soup.find("base", href=True)
        self._base = join(address, attribute(base, "href")) if isinstance(base, Tag) else address
        self.tags = list(self.soup.find_all(True))
        controls = sum(tag.name in CONTROLS for tag in self.tags)
        if controls > MOST_CONTROLS or sum(tag.name == "form" for tag in self.tags) > MOST_FORMS:
            raise too_large(f"it has more than {MOST_CONTROLS} controls or {MOST_FORMS} forms")
        self._order = {id(tag): index for index, tag in enumerate(self.tags)}

    def order(self, tag: Tag) -> int:
        """How many elements stand before this one."""
        return self._order.get(id(tag), 0)

    def ref(self, tag: Tag) -> int:
        """The element's number in the browser, or else in the page; -1 for the page itself."""
        mark = attribute(tag, REF_MARK)
        return int(mark) if mark else self._order.get(id(tag), -1)

    def opener(self, tag: Tag) -> int | None:
        """The number of what has to be pressed before the element can be seen."""
        opener = self.seen.opener(tag)
        return self.ref(opener) if opener is not None else None

    def absolute(self, address: str) -> str:
        """An address in the page, made absolute."""
        return join(self._base, address)
