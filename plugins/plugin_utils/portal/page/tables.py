# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things stand in a page's tables."""

from __future__ import annotations

import typing as t

from .document import Document
from .html_tree import Tag, above, tags

# The upper end of a column: the number of the column, and the row that it is read from upwards.
Column = tuple[int, Tag | None]


class Tables:
    """The rows and cells of all tables of a page."""

    def __init__(self, document: Document) -> None:
        self._cells: dict[int, list[Tag]] = {}
        self._row_above: dict[int, Tag | None] = {}
        # By row and column, the nearest text from there upwards.
        self._texts: dict[tuple[int, int], str] = {}
        last_rows: dict[int, Tag] = {}
        for row in document.by_name["tr"]:
            table = above(row, "table")
            if table is not None:
                self._row_above[id(row)] = last_rows.get(id(table))
                last_rows[id(table)] = row

    def around(self, tag: Tag) -> tuple[list[Tag], Column]:
        """The cells before the one that an element is in, the nearest first, and what is above that one."""
        cell = above(tag, "td", "th")
        row = above(cell, "tr") if cell is not None else None
        if cell is None or row is None:
            return [], (0, None)
        cells = self._cells_of(row)
        number = next((index for index, item in enumerate(cells) if item is cell), 0)
        return cells[:number][::-1], (number, self._row_above.get(id(row)))

    def nearest_text(self, column: Column, text_of: t.Callable[[Tag], str]) -> str:
        """The lowest text in a column; empty if there is none. Each cell is looked at once.

        :param text_of: tells what a cell says.
        """
        number, row = column
        text, passed = "", []
        while row is not None and not text:
            place = (id(row), number)
            if place in self._texts:
                text = self._texts[place]
                break
            passed.append(place)
            for cell in self._cells_of(row)[number : number + 1]:
                text = text_of(cell)
            row = self._row_above[id(row)]
        self._texts.update(dict.fromkeys(passed, text))
        return text

    def _cells_of(self, row: Tag) -> list[Tag]:
        if id(row) not in self._cells:
            self._cells[id(row)] = [item for item in tags(row.children) if item.name in ("td", "th")]
        return self._cells[id(row)]
