# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names under which a person knows the things on a page.

Follows the order of the W3C's "Accessible Name and Description Computation" (aria-labelledby, aria-label, label, title,
placeholder), and adds what sighted people go by where the markup does not say it: the cell before the field, the term
of a definition list, the text in front of it, the legend or heading around it.
"""

from __future__ import annotations

import bisect
import dataclasses
import itertools
import typing as t

from .document import Document
from .elements import Name, Seen
from .html_tree import (
    CONTROLS,
    HEADINGS,
    TYPED,
    Tag,
    above,
    attribute,
    destination,
    is_heading,
    is_text,
    is_typed,
    tags,
)
from .matching import plain
from .tables import Tables
from .visibility import Visibility

# A longer text is no name, and an element that refers to more than these names nothing.
_LONGEST_NAME = 300
_MOST_REFERENCES = 10
# Longer names need no heading to say what they are about; a card is no deeper.
_SHORT = 30
_CARD_DEPTH = 5
# How many of the headings before a form are looked at.
_NEAR_HEADINGS = 12


class Naming:
    """Finds names in one tree."""

    def __init__(self, document: Document, visibility: Visibility) -> None:
        self._document = document
        self._visibility = visibility
        self._labels: dict[str, list[Tag]] = {}
        for tag in document.by_name["label"]:
            if attribute(tag, "for"):
                self._labels.setdefault(attribute(tag, "for"), []).append(tag)
        self._headings = [place for place, tag in enumerate(document.tags) if is_heading(tag)]
        self._tables = Tables(document)

    def text(self, tag: Tag, *, hidden_too: bool = False, skip_controls: bool = False) -> str:
        """What an element says, with the texts of its images, without what is hidden in it."""
        self._document.effort.check()
        parts: list[str] = []
        self._collect(tag, parts, hidden_too, skip_controls)
        return plain("".join(parts))

    def _collect(self, tag: Tag, parts: list[str], hidden_too: bool, skip_controls: bool) -> None:
        for child in tag.children:
            if is_text(child):
                parts.append(str(child))
            elif isinstance(child, Tag):
                # Text for screen readers names things too.
                if not hidden_too and self._visibility.seen(child) is Seen.HIDDEN:
                    continue
                if child.name in ("script", "style", "template") or (child.name in CONTROLS and skip_controls):
                    continue
                if child.name == "img":
                    parts.append(f" {attribute(child, 'alt')} ")
                elif child.name == "svg":
                    titles = (item.get_text() for item in self._document.descendants(child) if item.name == "title")
                    parts.append(f" {attribute(child, 'aria-label') or next(titles, '')} ")
                elif child.name in ("select", "textarea", "input"):
                    continue
                else:
                    glue = "" if child.name in ("b", "i", "em", "strong", "span", "u", "abbr", "small", "mark") else " "
                    parts.append(glue)
                    label = attribute(child, "aria-label")
                    if label and child.name not in ("a", "button") and not child.get_text(strip=True):
                        parts.append(f" {label} ")
                    self._collect(child, parts, hidden_too, skip_controls)
                    parts.append(glue)

    def pressable(self, tag: Tag) -> list[Name]:
        """The names of a link or button."""
        names = [*self.labelled(tag)]
        if tag.name == "input":
            kind = attribute(tag, "type").lower()
            text = attribute(tag, "alt") if kind == "image" else attribute(tag, "value")
            names.append(Name(plain(text or ("Submit" if kind in ("image", "submit") else ""))))
        else:
            names.append(Name(self.text(tag)))
        names.append(Name(plain(attribute(tag, "title")), 3))
        for heading in self._document.inside(tag, self._document.headings)[:1]:
            # A card that is pressed as a whole goes by its heading.
            names.append(Name(self.text(heading), 1))
        names.append(Name(plain(destination(tag)), 3))
        card = self._card_heading(tag)
        if card:
            names += [Name(f"{name.text} {card}", 2) for name in names if 0 < len(name.text) < _SHORT]
        if not any(name.text for name in names):
            names.append(Name(self.text(tag, hidden_too=True), 4))
        return _distinct_names(names)

    def _card_heading(self, tag: Tag) -> str:
        """The heading of the card that a control is in, one of several that are made alike; else empty."""
        if len(self._document.headings) < 2:
            return ""
        around = itertools.islice(tag.parents, _CARD_DEPTH)
        card = next((parent for parent in around if self._headings_in(parent)), None)
        if card is None or self._headings_in(card) > 1:
            return ""
        beside = (next(tags(nodes), None) for nodes in (card.previous_siblings, card.next_siblings))
        if not any(other is not None and other.name == card.name and self._headings_in(other) for other in beside):
            return ""
        heading = next(iter(self._document.inside(card, self._document.headings)), None)
        return self.text(heading) if heading is not None and above(heading, tag.name) is None else ""

    def _headings_in(self, tag: Tag) -> int:
        return self._document.count(tag, self._document.headings)

    def _typed_in(self, tag: Tag) -> int:
        return self._document.count(tag, self._document.typed)

    def labelled(self, tag: Tag) -> t.Iterator[Name]:
        """The names that an element's ARIA attributes give it."""
        if tag.has_attr("aria-labelledby"):
            texts = [self._text_by_id(name) for name in attribute(tag, "aria-labelledby").split()[:_MOST_REFERENCES]]
            yield Name(plain(" ".join(texts)))
        if tag.has_attr("aria-label"):
            yield Name(plain(attribute(tag, "aria-label")))

    def _text_by_id(self, identifier: str) -> str:
        tag = self._document.by_id.get(identifier)
        return self.text(tag, hidden_too=True, skip_controls=True) if tag is not None else ""

    def field(self, tag: Tag) -> list[Name]:
        """The names of a field, the surest first."""
        names = [*self.labelled(tag)]
        for label in self._labels.get(attribute(tag, "id"), [])[:_MOST_REFERENCES] if attribute(tag, "id") else []:
            hidden = self._visibility.seen(label) is Seen.HIDDEN
            names.append(Name(self.text(label, skip_controls=True, hidden_too=hidden), 4 if hidden else 0))
        wrapping = above(tag, "label")
        if wrapping is not None:
            names.append(Name(self.text(wrapping, skip_controls=True)))
        labelled = any(name.text for name in names)
        names += self._table_names(tag)
        description = above(tag, "dd")
        term = description.find_previous_sibling("dt") if description is not None else None
        if isinstance(term, Tag):
            names.append(Name(self.text(term, skip_controls=True)))
        if not labelled:
            names.append(Name(self._text_before(tag), 2))
        names.append(Name(plain(attribute(tag, "placeholder")), 3))
        names.append(Name(plain(attribute(tag, "title")), 3))
        described = attribute(tag, "aria-describedby").split()[:_MOST_REFERENCES]
        names += [Name(self._text_by_id(name), 12) for name in described]
        group = self._group_name(tag)
        if group:
            first = next((name.text for name in names if name.text), "")
            names.append(Name(plain(f"{group} {first}"), 6 if first else 2))
        if not any(name.text for name in names):
            names.append(Name(self._text_after(tag), 6))
        return _distinct_names(names)

    def _table_names(self, tag: Tag) -> t.Iterator[Name]:
        before, column = self._tables.around(tag)
        for cell in before:
            if self._typed_in(cell):
                break
            text = self.text(cell, skip_controls=True)
            if text:
                yield Name(text)
                break
        yield Name(self._tables.nearest_text(column, self._text_of_cell), 1)

    def _text_of_cell(self, cell: Tag) -> str:
        """What a cell without fields says."""
        return "" if self._typed_in(cell) else self.text(cell, skip_controls=True)

    def _text_before(self, tag: Tag) -> str:
        """The text in front of a field, unless it belongs to another control."""
        here: Tag = tag
        for _level in range(4):
            parts: list[str] = []
            for before in here.previous_siblings:
                if is_text(before):
                    parts.insert(0, str(before))
                elif isinstance(before, Tag):
                    if self._document.count(before, self._document.controls):
                        if before.name == "input" and not is_typed(before):
                            continue
                        if before.name == "button" or (before.name not in TYPED and not self._typed_in(before)):
                            continue
                        break
                    if self._visibility.seen(before) is Seen.HIDDEN:
                        continue
                    text = self.text(before)
                    if text and before.name in ("p", "ul", "ol", "header", "nav") and plain("".join(parts)):
                        break
                    parts.insert(0, f" {text} ")
                    if text and before.name in ("label", "div", "p", "span", "br", *HEADINGS):
                        break
            text = plain(" ".join(parts))
            if text:
                return text if len(text) <= 120 else ""
            if not isinstance(here.parent, Tag) or here.parent.name in ("form", "body", "fieldset", "tr", "table"):
                break
            here = here.parent
            # A container with several fields is not this field's own.
            if self._typed_in(here) > 1:
                break
        return ""

    def _text_after(self, tag: Tag) -> str:
        parts: list[str] = []
        for after in tag.next_siblings:
            if is_text(after):
                parts.append(str(after))
            elif isinstance(after, Tag):
                if self._document.count(after, self._document.controls):
                    break
                parts.append(f" {self.text(after)} ")
            if plain("".join(parts)):
                break
        text = plain("".join(parts))
        return text if len(text) <= 80 else ""

    def _group_name(self, tag: Tag) -> str:
        for parent in tag.parents:
            if parent.name in ("form", "body", "main"):
                break
            if parent.name == "fieldset":
                legend = next((child for child in tags(parent.children) if child.name == "legend"), None)
                return self.text(legend) if legend is not None else ""
            if attribute(parent, "role") in ("group", "radiogroup"):
                return next((name.text for name in self.labelled(parent) if name.text), "")
        return ""

    def context(self, form: Tag) -> list[str]:
        """What says what a form is for: its own name, a heading in it, the nearest headings before it."""
        texts = [name.text for name in self.labelled(form)]
        within = self._document.inside(form, self._document.headings)
        texts += [self.text(tag) for tag in within if self._visibility.seen(tag).usable][:2]
        for parent in form.parents:
            if parent.name in ("section", "div", "article", "dialog", "fieldset", "details"):
                texts += [name.text for name in self.labelled(parent)]
                if parent.name in ("fieldset", "details"):
                    texts += [
                        self.text(child) for child in tags(parent.children) if child.name in ("legend", "summary")
                    ]
        end = bisect.bisect_left(self._headings, self._document.place(form))
        before = [self._document.tags[place] for place in self._headings[max(0, end - _NEAR_HEADINGS) : end]]
        headings = [tag for tag in reversed(before) if self._visibility.seen(tag).usable]
        texts += [self.text(tag) for tag in headings[:2]]
        # What the nearest heading is a part of, such as the page's first heading, is about every form below it.
        level = _heading_level(headings[0]) if headings else 0
        for tag in headings[1:]:
            if _heading_level(tag) < level:
                level = _heading_level(tag)
                texts.append(self.text(tag))
        return [text for text in dict.fromkeys(texts) if text]


def _heading_level(heading: Tag) -> int:
    """How deep a heading stands: 1 for the page's own."""
    told = attribute(heading, "aria-level") or heading.name[1:]
    return int(told) if told.isdigit() else 2


def _distinct_names(names: t.Iterable[Name]) -> list[Name]:
    found: dict[str, Name] = {}
    for name in names:
        text = name.text[:_LONGEST_NAME]
        if text and text not in found:
            found[text] = dataclasses.replace(name, text=text)
    return list(found.values())
