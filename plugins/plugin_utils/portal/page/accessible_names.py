# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names under which a person knows the things on a page.

Follows the order of the W3C's "Accessible Name and Description Computation" (aria-labelledby, aria-label, label, title,
placeholder), and adds what sighted people go by where the markup does not say it: the cell before the field, the term
of a definition list, the text in front of it, the legend or heading around it.
"""

from __future__ import annotations

import dataclasses
import itertools
import typing as t
from collections import Counter

from .elements import Name, Seen
from .html_tree import CONTROLS, HEADINGS, TYPED, Effort, Tag, attribute, destination, is_text, is_typed, tags
from .matching import plain
from .visibility import Visibility

if t.TYPE_CHECKING:
    import bs4

# A longer text is no name, and an element that refers to more than these names nothing.
_LONGEST_NAME = 300
_MOST_REFERENCES = 10
# Longer names need no heading to say what they are about; a card is no deeper.
_SHORT = 30
_CARD_DEPTH = 5


class Naming:
    """Finds names in one tree."""

    def __init__(self, soup: bs4.BeautifulSoup, visibility: Visibility, effort: Effort) -> None:
        self._effort = effort
        self._visibility = visibility
        self._rows: dict[int, list[Tag]] = {}
        self._cells: dict[int, list[Tag]] = {}
        # By element, how many fields, how many controls of any kind, and how many headings it is or has in it.
        self._typed_in: Counter[int] = Counter()
        self._controls_in: Counter[int] = Counter()
        self._headings_in: Counter[int] = Counter()
        for tag in reversed(soup.find_all(True)):
            for counted, own in (
                (self._typed_in, is_typed(tag)),
                (self._controls_in, tag.name in CONTROLS),
                (self._headings_in, tag.name in HEADINGS),
            ):
                counted[id(tag)] += own
                counted[id(tag.parent)] += counted[id(tag)]
        self._labels: dict[str, list[Tag]] = {}
        for tag in soup.find_all("label"):
            if attribute(tag, "for"):
                self._labels.setdefault(attribute(tag, "for"), []).append(tag)

    def text(self, tag: Tag, *, hidden_too: bool = False, skip_controls: bool = False) -> str:
        """What an element says, with the texts of its images, without what is hidden in it."""
        self._effort.check()
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
                    parts.append(f" {attribute(child, 'aria-label') or self._svg_title(child)} ")
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

    @staticmethod
    def _svg_title(svg: Tag) -> str:
        title = svg.find("title")
        return title.get_text() if isinstance(title, Tag) else ""

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
        heading = tag.find(list(HEADINGS))
        if isinstance(heading, Tag):
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
        card = next(
            (parent for parent in itertools.islice(tag.parents, _CARD_DEPTH) if self._headings_in[id(parent)]), None
        )
        if not isinstance(card, Tag) or self._headings_in[id(card)] > 1:
            return ""
        alike = [other for other in (card.find_previous_sibling(), card.find_next_sibling()) if isinstance(other, Tag)]
        if not any(other.name == card.name and self._headings_in[id(other)] for other in alike):
            return ""
        heading = card.find(list(HEADINGS))
        return self.text(heading) if isinstance(heading, Tag) and heading.find_parent(tag.name) is None else ""

    def labelled(self, tag: Tag) -> t.Iterator[Name]:
        """The names that an element's ARIA attributes give it."""
        texts = [self._text_by_id(name) for name in attribute(tag, "aria-labelledby").split()[:_MOST_REFERENCES]]
        yield Name(plain(" ".join(texts)))
        yield Name(plain(attribute(tag, "aria-label")))

    def _text_by_id(self, identifier: str) -> str:
        tag = self._visibility.by_id.get(identifier)
        return self.text(tag, hidden_too=True, skip_controls=True) if tag is not None else ""

    def field(self, tag: Tag) -> list[Name]:
        """The names of a field, the surest first."""
        names = [*self.labelled(tag)]
        for label in self._labels.get(attribute(tag, "id"), [])[:_MOST_REFERENCES] if attribute(tag, "id") else []:
            hidden = self._visibility.seen(label) is Seen.HIDDEN
            names.append(Name(self.text(label, skip_controls=True, hidden_too=hidden), 4 if hidden else 0))
        wrapping = tag.find_parent("label")
        if isinstance(wrapping, Tag):
            names.append(Name(self.text(wrapping, skip_controls=True)))
        labelled = any(name.text for name in names)
        names += self._table_names(tag)
        description = tag.find_parent("dd")
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
        cell = tag.find_parent(["td", "th"])
        row = cell.find_parent("tr") if isinstance(cell, Tag) else None
        if not isinstance(cell, Tag) or not isinstance(row, Tag):
            return
        cells = self._cells_of(row)
        position = next((index for index, item in enumerate(cells) if item is cell), 0)
        for before in reversed(cells[:position]):
            if self._typed_in[id(before)]:
                break
            text = self.text(before, skip_controls=True)
            if text:
                yield Name(text)
                break
        table = row.find_parent("table")
        if not isinstance(table, Tag):
            return
        if id(table) not in self._rows:
            self._rows[id(table)] = [item for item in table.find_all("tr") if item.find_parent("table") is table]
        rows = self._rows[id(table)]
        above = rows[: next((index for index, item in enumerate(rows) if item is row), 0)]
        for upper in reversed(above):
            self._effort.check()
            for header in self._cells_of(upper)[position : position + 1]:
                text = "" if self._typed_in[id(header)] else self.text(header, skip_controls=True)
                if text:
                    yield Name(text, 1)
                    return

    def _cells_of(self, row: Tag) -> list[Tag]:
        if id(row) not in self._cells:
            self._cells[id(row)] = [item for item in tags(row) if item.name in ("td", "th")]
        return self._cells[id(row)]

    def _text_before(self, tag: Tag) -> str:
        """The text in front of a field, unless it belongs to another control."""
        here: Tag = tag
        for _level in range(4):
            parts: list[str] = []
            for before in here.previous_siblings:
                if is_text(before):
                    parts.insert(0, str(before))
                elif isinstance(before, Tag):
                    if self._controls_in[id(before)]:
                        if before.name == "input" and not is_typed(before):
                            continue
                        if before.name == "button" or (before.name not in TYPED and not self._typed_in[id(before)]):
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
            if self._typed_in[id(here)] > 1:
                break
        return ""

    def _text_after(self, tag: Tag) -> str:
        parts: list[str] = []
        for after in tag.next_siblings:
            if is_text(after):
                parts.append(str(after))
            elif isinstance(after, Tag):
                if self._controls_in[id(after)]:
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
                legend = next((child for child in tags(parent) if child.name == "legend"), None)
                return self.text(legend) if legend is not None else ""
            if attribute(parent, "role") in ("group", "radiogroup"):
                return next((name.text for name in self.labelled(parent) if name.text), "")
        return ""

    def context(self, form: Tag) -> list[str]:
        """What says what a form is for: its own name, a heading in it, the nearest headings before it."""
        texts = [name.text for name in self.labelled(form)]
        texts += [self.text(tag) for tag in form.find_all(list(HEADINGS)) if self._visibility.seen(tag).usable][:2]
        for parent in form.parents:
            if parent.name in ("section", "div", "article", "dialog", "fieldset", "details"):
                texts += [name.text for name in self.labelled(parent)]
                if parent.name in ("fieldset", "details"):
                    texts += [self.text(child) for child in tags(parent) if child.name in ("legend", "summary")]
        self._effort.check()
        before = form.find_all_previous(
            lambda tag: tag.name in HEADINGS or attribute(tag, "role") == "heading", limit=12
        )
        headings = [tag for tag in before if isinstance(tag, Tag) and self._visibility.seen(tag).usable]
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
