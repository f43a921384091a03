# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a roster of labs from a CSV file as spreadsheet programs export it.

Three stages, each of which reports all that it finds: bytes to text (encoding), text to records (delimiter, quotes),
records to labs (headings, values). Nothing is guessed that could give a lab another lab's account.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ..base.errors import CollectionError
from ..base.lab_name import host_name, same_name
from ..base.masking import secret_in
from ..base.text import first_few
from ..base.vocabulary import ACCOUNT_ID_VARIABLE as ACCOUNT_ID
from . import roster_cells, roster_csv
from .roster_csv import Problem, Record
from .roster_headings import (
    CONTACT,
    DEPARTMENT,
    EMAIL,
    HOST,
    STATE,
    WHERE_SECRETS_BELONG,
    Column,
    Layout,
    known_headings,
    lay_out,
    title_above,
)

# The variable that holds the columns which no variable was named for.
EXTRA_VARIABLE = "lab_roster"

# As many places as a warning names.
MOST_PLACES = 5


@dataclasses.dataclass(frozen=True)
class RosterOptions:
    """How to read a roster.

    C(columns) maps headings to variable names; None as the variable leaves a column out. C(required) names variables
    that each lab must have; C(unique) variables whose value no two labs may share.
    """

    columns: t.Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    required: t.Sequence[str] = (HOST, ACCOUNT_ID)
    unique: t.Sequence[str] = (HOST, ACCOUNT_ID, EMAIL)
    delimiter: str = "auto"
    encoding: str = "auto"


@dataclasses.dataclass(frozen=True)
class RosterLab:
    """One lab of the roster: its host name, variables (all text), the other columns, and where it stands."""

    host: str
    variables: dict[str, str]
    extra: dict[str, str]
    line: int


@dataclasses.dataclass(frozen=True)
class Roster:
    """What was read: the labs in the file's order, and sentences that a person should see."""

    labs: list[RosterLab]
    warnings: list[str]


class RosterError(CollectionError):
    """The roster cannot be used. C(problems) holds every one that was found."""

    def __init__(self, name: str, problems: t.Sequence[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: problem.line)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        listed = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(
            f"The roster {name} has {count}, so no lab was read from it:\n{listed}",
            next_step="Correct the spreadsheet, export it as CSV (UTF-8) again, and run again.",
            reason="bad_roster",
            details={"problems": [dataclasses.asdict(problem) for problem in self.problems]},
        )


def read_roster(content: bytes, options: RosterOptions, name: str = "") -> Roster:
    """Read the labs of a CSV file.

    :param name: what to call the file in messages.
    :raises RosterError: with all problems of the file, each with its line.
    """
    problems: list[Problem] = []
    known = known_headings(options.columns)
    records = roster_csv.read_records(content, options.encoding, options.delimiter, known, problems)
    if not records:
        problems = problems or [Problem(1, "", "the file is empty: a line with the headings is needed first")]
        raise RosterError(name, problems)
    title = title_above(records, known)
    if title:
        raise RosterError(name, [*problems, title])
    layout = lay_out(records[0], records[1:], options.columns, list(dict.fromkeys((HOST, *options.required))), problems)
    reader = _RowReader(layout, options, problems)
    labs = [lab for lab in map(reader.read, records[1:]) if lab]
    if problems:
        raise RosterError(name, problems)
    return Roster(labs, [*layout.warnings, *reader.warnings()])


class _RowReader:
    """Turns records into labs, collecting every problem on the way."""

    def __init__(self, layout: Layout, options: RosterOptions, problems: list[Problem]) -> None:
        self._layout = layout
        self._required = {HOST, *options.required}
        self._unique = {HOST, *options.unique}
        self._problems = problems
        self._seen: dict[tuple[str, str], tuple[int, str]] = {}
        self._padded: list[str] = []
        self._tidied: list[str] = []
        self._left_out: list[str] = []

    def read(self, record: Record) -> RosterLab | None:
        """The record's lab; None if the row has problems, or AWS says that the account is not in use."""
        before = len(self._problems)
        variables: dict[str, str] = {}
        extra: dict[str, str] = {}
        columns = self._layout.columns
        in_use = self._is_in_use(record)
        if any(record.cells[len(columns) :]):
            self._add_problem(record, "", "the row has more cells than there are headings: a delimiter inside a value?")
        for index, column in enumerate(columns):
            cell = record.cells[index] if index < len(record.cells) else ""
            secret = secret_in(cell)
            if secret:
                where = column.heading if column else f"column {index + 1}"
                self._add_problem(record, where, f"the cell looks like {secret}. {WHERE_SECRETS_BELONG}")
            elif column and column.variable and in_use:
                if index in record.tidied:
                    self._tidied.append(f"line {record.line} ({column.heading})")
                self._read_cell(record, column, cell, variables)
            if column and not secret and column.variable in ("", CONTACT, DEPARTMENT):
                extra[roster_csv.normalised(column.heading).replace(" ", "_")] = cell
        if self._layout.hosts_by_id and ACCOUNT_ID in variables:
            variables[HOST] = variables[ACCOUNT_ID]
        if len(self._problems) > before or HOST not in variables:
            return None
        return RosterLab(variables.pop(HOST), variables, extra, record.line)

    def _is_in_use(self, record: Record) -> bool:
        index = self._layout.status
        status = record.cells[index].upper() if index is not None and index < len(record.cells) else ""
        if status in ("", "ACTIVE"):
            return True
        ids = (
            cell
            for column, cell in zip(self._layout.columns, record.cells, strict=False)
            if column and column.variable == ACCOUNT_ID
        )
        self._left_out.append(f"line {record.line}: {next(ids, 'no account id')} is {status}")
        return False

    def _read_cell(self, record: Record, column: Column, cell: str, variables: dict[str, str]) -> None:
        variable = column.variable
        if not cell:
            if variable in self._required:
                self._add_problem(record, column.heading, "the cell is empty, but each lab needs a value")
            return
        try:
            value = self._checked_value(variable, cell)
        except ValueError as exc:
            self._add_problem(record, column.heading, str(exc))
            return
        if variable == ACCOUNT_ID and sum(map(str.isdigit, cell)) < len(value):
            self._padded.append(f"line {record.line}: {cell} became {value}")
        if variable in self._unique:
            line, first = self._seen.setdefault((variable, same_name(value)), (record.line, cell))
            if line != record.line:
                spelled = f", written {first!r}" if first != cell else ""
                self._add_problem(record, column.heading, f"{value!r} is already on line {line}{spelled}")
        variables[variable] = value

    @staticmethod
    def _checked_value(variable: str, cell: str) -> str:
        roster_cells.refuse_spreadsheet_error(cell)
        if variable == HOST:
            name = host_name(cell)
            if not name:
                raise ValueError(
                    f"{cell!r} gives no host name: letters (A-Z) or digits are needed, and not a name "
                    "that Ansible reserves"
                )
            return name
        if variable == ACCOUNT_ID:
            return roster_cells.account_id(cell)
        if variable == STATE:
            return roster_cells.state(cell)
        if variable == EMAIL or variable.endswith("_email"):
            return roster_cells.email(cell)
        return cell

    def _add_problem(self, record: Record, heading: str, message: str) -> None:
        self._problems.append(Problem(record.line, heading, message))

    def warnings(self) -> list[str]:
        """What was put right or left out on the way, in sentences."""
        found = []
        if self._padded:
            count = "1 account id" if len(self._padded) == 1 else f"{len(self._padded)} account ids"
            found.append(
                f"Leading zeros were restored in {count}; check them, and format the column as text in the spreadsheet "
                f"({'; '.join(self._padded)})."
            )
        if self._tidied:
            found.append(
                "White space, line breaks or characters that cannot be seen were taken from around or within values: "
                f"{first_few(self._tidied, MOST_PLACES)}."
            )
        if self._left_out:
            count = "1 account is" if len(self._left_out) == 1 else f"{len(self._left_out)} accounts are"
            found.append(
                f"{count} left out, because AWS does not list them as ACTIVE: {first_few(self._left_out, MOST_PLACES)}."
            )
        return found
