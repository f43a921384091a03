# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The elements of a page in the order of its markup: walked once, so that nothing has to search the tree again."""

from __future__ import annotations

import bisect
import collections
import typing as t

from .html_tree import (
    CONTROLS,
    HEADINGS,
    MOST_CONTROLS,
    MOST_FORMS,
    Effort,
    Tag,
    attribute,
    is_typed,
    parse,
    too_large,
)

Places = t.Sequence[int]


class Document:
    """A page's elements, each with its place: how many elements begin before it.

    :ivar tags: all elements, by their places.
    :ivar by_name: those of one kind, such as C(table).
    :ivar by_id: the first element of each id.
    :ivar headings: the places of headings, legends and captions.
    :ivar controls: the places of fields and buttons.
    :ivar typed: the places of fields that a person fills in or chooses from.
    :raises PortalError: the page is too large.
    """

    def __init__(self, html: str) -> None:
        self.soup = parse(html)
        self.effort = Effort()
        self.tags: list[Tag] = list(self.soup.find_all(True))
        self.by_name: collections.defaultdict[str, list[Tag]] = collections.defaultdict(list)
        self.by_id: dict[str, Tag] = {}
        self.headings: list[int] = []
        self.controls: list[int] = []
        self.typed: list[int] = []
        self._places = {id(self.soup): -1}
        for place, tag in enumerate(self.tags):
            self._places[id(tag)] = place
            self.by_name[tag.name].append(tag)
            if "id" in tag.attrs:
                self.by_id.setdefault(attribute(tag, "id"), tag)
            if tag.name in HEADINGS:
                self.headings.append(place)
            elif tag.name in CONTROLS:
                self.controls.append(place)
                if is_typed(tag):
                    self.typed.append(place)
        if len(self.controls) > MOST_CONTROLS or len(self.by_name["form"]) > MOST_FORMS:
            raise too_large(f"it has more than {MOST_CONTROLS} controls or {MOST_FORMS} forms")
        # The places of the last elements in them. From the back, the first that is met in an element is its last.
        self._ends = {id(self.soup): len(self.tags) - 1}
        for place in range(len(self.tags) - 1, -1, -1):
            end = self._ends.setdefault(id(self.tags[place]), place)
            self._ends.setdefault(id(self.tags[place].parent), end)
        self._never_there: set[int] = set()
        for name in ("template", "script", "style"):
            for outer in self.by_name[name]:
                if self.is_there(outer):
                    self._never_there.update(map(id, self.descendants(outer)))

    def is_there(self, tag: Tag) -> bool:
        """Whether an element is more than a part of a template or of a script."""
        return id(tag) not in self._never_there

    def place(self, tag: Tag) -> int:
        """How many elements begin before this one; -1 for the page itself."""
        return self._places[id(tag)]

    def descendants(self, tag: Tag) -> list[Tag]:
        """All elements in this one."""
        return self.tags[self._places[id(tag)] + 1 : self._ends[id(tag)] + 1]

    def inside(self, tag: Tag, places: Places) -> list[Tag]:
        """Those of the elements at some places that are in this one."""
        begin, end = self._places[id(tag)], self._ends[id(tag)]
        return [self.tags[place] for place in places[bisect.bisect(places, begin) : bisect.bisect(places, end)]]

    def count(self, tag: Tag, places: Places) -> int:
        """How many of the elements at some places this one is or has in it."""
        return bisect.bisect(places, self._ends[id(tag)]) - bisect.bisect_left(places, self._places[id(tag)])
