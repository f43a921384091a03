# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the bytes of a CSV file to records with line numbers: encoding, delimiter, quotes."""

from __future__ import annotations

import codecs
import csv
import dataclasses
import io
import re
import typing as t
import unicodedata

from ..base.text import printable

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t"}

# Rows that may stand above the headings (a title, a date); the headings tell the delimiter wherever they are.
_ROWS_TO_TRY = 10

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# How the files of spreadsheet programs begin: a ZIP archive (.xlsx, .ods), or Microsoft's compound file (.xls).
_MARKS_OF_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")


@dataclasses.dataclass(frozen=True)
class Problem:
    """Something wrong at a line of the file (from 1), in a column if one can be named."""

    line: int
    column: str
    message: str

    def __str__(self) -> str:
        where = f"line {self.line}, {self.column!r}" if self.column else f"line {self.line}"
        return f"{where}: {self.message}"


@dataclasses.dataclass(frozen=True)
class Record:
    """One row: the line it begins on (a quoted value can hold line breaks), and its cells as they are used.

    Outer white space and what cannot be seen is gone; C(tidied) has the indexes of cells that had any.
    """

    line: int
    cells: list[str]
    tidied: frozenset[int] = frozenset()


def normalised(heading: str) -> str:
    """A heading without case, signs and doubled space: C(AWS_Account  ID:) and C(aws account-id) are the same."""
    folded = unicodedata.normalize("NFKC", heading).casefold()
    return re.sub(r"[\W_]+", " ", folded).strip()


def squeezed(heading: str) -> str:
    """The same without spaces, because C(AccountID) and C(E-mail) are also written C(Account ID) and C(email)."""
    return normalised(heading).replace(" ", "")


def read_records(
    content: bytes, encoding: str, delimiter: str, known_headings: t.Collection[str], problems: list[Problem]
) -> list[Record]:
    """The records of a CSV file that are not blank; the first one holds the headings.

    :param encoding: V(auto) or the name of a codec.
    :param delimiter: V(auto), V(comma), V(semicolon) or V(tab).
    :param known_headings: squeezed headings that help to tell the delimiter.
    :param problems: takes what was found wrong.
    """
    text = _decoded_text(content, encoding, problems)
    if not text:
        return []
    announced = re.match(r"sep=([^\r\"])\r?\n?", text)  # Excel writes and reads such a first line
    skip = 1 if announced else 0
    separator = DELIMITERS.get(delimiter) or (
        announced.group(1) if announced else _detected_delimiter(text, known_headings)
    )
    records: list[Record] = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    line = 1
    try:
        for cells in reader:
            tidy = [_printable_cell(cell) for cell in cells]
            if line > skip and any(tidy):
                changed = frozenset(index for index, cell in enumerate(cells) if cell != tidy[index])
                records.append(Record(line, tidy, changed))
            line = reader.line_num + 1
    except csv.Error as exc:
        wrong = f"the row that begins here is not valid CSV ({exc}): a quotation mark without its partner?"
        problems.append(Problem(line, "", wrong))
    return records


def _decoded_text(content: bytes, encoding: str, problems: list[Problem]) -> str:
    if content.startswith(_MARKS_OF_WORKBOOKS):
        wrong = "the file is a workbook (.xlsx, .ods or .xls), not CSV. Open it and save the sheet as 'CSV UTF-8'"
        problems.append(Problem(1, "", wrong))
        return ""
    codec, line = encoding, 1
    if encoding == "auto":
        codec = next((name for mark, name in _BOMS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(codec)
        if "\0" not in text:
            return text.removeprefix("\ufeff")
        wrong = (
            "the file has NUL characters: it is UTF-16 without a mark, or no CSV file. Export the sheet as "
            "'CSV UTF-8', or set the option encoding to utf-16-le"
        )
    except LookupError:
        wrong = f"{encoding!r} is no encoding that Python knows; for example: utf-8, windows-1252"
    except UnicodeDecodeError as exc:
        line = content[: exc.start].replace(b"\r\n", b"\n").replace(b"\r", b"\n").count(b"\n") + 1
        wrong = (
            f"the bytes from here on are not {codec}. Export the sheet again as 'CSV UTF-8', or set the option "
            "encoding to what it was exported in (Excel's plain 'CSV' is windows-1252 in Western Europe and the "
            "Americas)"
        )
    problems.append(Problem(line, "", wrong))
    return ""


def _detected_delimiter(text: str, known_headings: t.Collection[str]) -> str:
    """The delimiter under which the first record has the most headings that we know, then the most cells."""
    return max(DELIMITERS.values(), key=lambda delimiter: _delimiter_fitness(text, delimiter, known_headings))


def _delimiter_fitness(text: str, delimiter: str, known_headings: t.Collection[str]) -> tuple[int, int]:
    known, most = 0, 0
    try:
        for number, cells in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)):
            if number >= _ROWS_TO_TRY:
                break
            known = max(known, sum(squeezed(cell) in known_headings for cell in cells if cell))
            most = max(most, len(cells))
    except csv.Error:
        return 0, 0
    return known, most


def _printable_cell(cell: str) -> str:
    # A pasted value often has a line break behind it; a hostile one may steer the terminal that shows it.
    return printable(cell).strip()
