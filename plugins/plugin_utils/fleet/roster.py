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

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.lab_name import host_name, same_name
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.masking import names_a_secret, redact, secret_in
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.vocabulary import (
    ACCOUNT_ID_VARIABLE as ACCOUNT_ID,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.fleet import roster_cells, roster_csv
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.fleet.roster_csv import Problem, Record

HOST = "inventory_hostname"
EMAIL = "lab_account_cloudresearch_email"
STATE = "lab_account_state"

# The variable that holds the columns which no variable was named for.
EXTRA_VARIABLE = "lab_roster"

# Headings that need no mapping, best first: of two that fit, the first of this list is taken.
DEFAULT_HEADINGS: dict[str, tuple[str, ...]] = {
    HOST: ("inventory hostname", "lab", "lab name", "lab id", "host", "hostname", "name"),
    ACCOUNT_ID: (
        "aws account id",
        "aws account",
        "aws account number",
        "aws id",
        "account id",
        "account number",
        "account",
    ),
    EMAIL: (
        "cloudresearch email",
        "cloudresearch e mail",
        "cloudresearch account",
        "cloudresearch login",
        "email",
        "e mail",
        "email address",
        "e mail address",
        "mail",
    ),
    STATE: ("state", "lab state"),
    "lab_account_aws_profile": ("aws profile", "profile"),
    "lab_account_assume_role_name": ("assume role name", "assume role", "role name", "role"),
    "lab_account_iam_user": ("iam user", "iam user name"),
}

WHERE_SECRETS_BELONG = (
    "A spreadsheet is no place for secrets. Keep passwords and authenticator secrets in a file encrypted with "
    "ansible-vault (host_vars/<lab>/vault.yml) or in a secret manager read with a lookup plugin; AWS keys are made by "
    "the collection and kept in lab_account_secret_store, and the lookup labops.cloudresearch.lab_secret reads them. "
    "Delete the column, and treat what it held as known to others: change it."
)


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


@dataclasses.dataclass(frozen=True)
class _Column:
    heading: str
    variable: str  # empty: kept under its heading in EXTRA_VARIABLE


def read_roster(content: bytes, options: RosterOptions, name: str = "") -> Roster:
    """Read the labs of a CSV file.

    :param content: the file's bytes.
    :param name: what to call the file in messages.
    :raises RosterError: with all problems of the file, each with its line.
    """
    problems: list[Problem] = []
    records = roster_csv.read_records(content, options.encoding, options.delimiter, _known_headings(options), problems)
    if not records:
        problems = problems or [Problem(1, "", "the file is empty: a line with the headings is needed first")]
        raise RosterError(name, problems)
    columns = _assign_columns(records[0], records[1:], options, problems)
    reader = _RowReader(columns, options, problems)
    labs = [lab for lab in map(reader.read, records[1:]) if lab]
    if problems:
        raise RosterError(name, problems)
    return Roster(labs, reader.warnings())


def _known_headings(options: RosterOptions) -> set[str]:
    known = {roster_csv.normalised(heading) for heading in options.columns}
    return known.union(*DEFAULT_HEADINGS.values())


def _assign_columns(
    header: Record, rows: t.Sequence[Record], options: RosterOptions, problems: list[Problem]
) -> list[_Column | None]:
    """Say for each column what becomes of its cells; None: nothing."""
    asked = {roster_csv.normalised(heading): variable for heading, variable in options.columns.items()}
    headings = [roster_csv.normalised(cell) for cell in header.cells]
    variables = _variables_of(headings, asked)
    columns: list[_Column | None] = []
    for index, heading in enumerate(headings):
        shown = redact(header.cells[index])
        variable = variables.get(heading, "")
        if not heading:
            if any(index < len(row.cells) and row.cells[index] for row in rows):
                problems.append(Problem(header.line, f"column {index + 1}", "the column holds values but no heading"))
            columns.append(None)
        elif names_a_secret(shown) or names_a_secret(variable) or shown != header.cells[index]:
            problems.append(Problem(header.line, shown, f"the column is named like a secret. {WHERE_SECRETS_BELONG}"))
            columns.append(None)
        elif heading in headings[:index]:
            problems.append(Problem(header.line, shown, "the heading occurs twice"))
            columns.append(None)
        elif heading in asked and asked[heading] is None:
            columns.append(None)
        else:
            columns.append(_Column(shown, variable))
    _report_missing(header, headings, columns, options, problems)
    return columns


def _variables_of(headings: t.Sequence[str], asked: t.Mapping[str, str | None]) -> dict[str, str]:
    """The variable for each heading that has one: as asked, else by its usual names."""
    variables = {heading: variable for heading, variable in asked.items() if variable}
    for variable, usual in DEFAULT_HEADINGS.items():
        if variable not in variables.values():
            found = next((heading for heading in usual if heading in headings and heading not in asked), None)
            if found:
                variables[found] = variable
    return variables


def _report_missing(
    header: Record,
    headings: t.Sequence[str],
    columns: t.Sequence[_Column | None],
    options: RosterOptions,
    problems: list[Problem],
) -> None:
    present = ", ".join(repr(redact(cell)) for cell in header.cells if cell) or "none"
    for heading in options.columns:
        if roster_csv.normalised(heading) not in headings:
            problems.append(
                Problem(header.line, heading, f"no such heading, though the option columns names it (found: {present})")
            )
    filled = {column.variable for column in columns if column}
    for variable in {**dict.fromkeys((HOST,)), **dict.fromkeys(options.required)}:
        if variable not in filled:
            usual = ", ".join(repr(heading) for heading in DEFAULT_HEADINGS.get(variable, ()))
            problems.append(
                Problem(
                    header.line,
                    "",
                    f"no column for {variable}: name one of them {usual or 'so'} or map it with the option columns "
                    f"(found: {present})",
                )
            )


class _RowReader:
    """Turns records into labs, collecting every problem on the way."""

    def __init__(self, columns: t.Sequence[_Column | None], options: RosterOptions, problems: list[Problem]) -> None:
        self._columns = columns
        self._required = {HOST, *options.required}
        self._unique = {HOST, *options.unique}
        self._problems = problems
        self._seen: dict[tuple[str, str], int] = {}
        self._padded: list[str] = []

    def read(self, record: Record) -> RosterLab | None:
        """The record's lab; None if the row has problems."""
        before = len(self._problems)
        variables: dict[str, str] = {}
        extra: dict[str, str] = {}
        if any(record.cells[len(self._columns) :]):
            self._problem(record, "", "the row has more cells than there are headings: a delimiter inside a value?")
        for index, column in enumerate(self._columns):
            cell = record.cells[index] if index < len(record.cells) else ""
            secret = secret_in(cell)
            if secret:
                where = column.heading if column else f"column {index + 1}"
                self._problem(record, where, f"the cell looks like {secret}. {WHERE_SECRETS_BELONG}")
            elif column and column.variable:
                self._read_cell(record, column, cell, variables)
            elif column:
                extra[roster_csv.normalised(column.heading).replace(" ", "_")] = cell
        if len(self._problems) > before or HOST not in variables:
            return None
        return RosterLab(variables.pop(HOST), variables, extra, record.line)

    def _read_cell(self, record: Record, column: _Column, cell: str, variables: dict[str, str]) -> None:
        variable = column.variable
        if not cell:
            if variable in self._required:
                self._problem(record, column.heading, "the cell is empty, but each lab needs a value")
            return
        try:
            value = self._checked(variable, cell)
        except ValueError as exc:
            self._problem(record, column.heading, str(exc))
            return
        if variable == ACCOUNT_ID and sum(map(str.isdigit, cell)) < len(value):
            self._padded.append(f"line {record.line}: {cell} became {value}")
        if variable in self._unique:
            first = self._seen.setdefault((variable, same_name(value)), record.line)
            if first != record.line:
                self._problem(record, column.heading, f"{value!r} stands on line {first} already")
        variables[variable] = value

    @staticmethod
    def _checked(variable: str, cell: str) -> str:
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

    def _problem(self, record: Record, heading: str, message: str) -> None:
        self._problems.append(Problem(record.line, heading, message))

    def warnings(self) -> list[str]:
        """What was put right on the way, in sentences."""
        if not self._padded:
            return []
        count = "1 account id" if len(self._padded) == 1 else f"{len(self._padded)} account ids"
        return [
            f"Leading zeros were restored in {count}; check them, and format the column as text in the spreadsheet "
            f"({'; '.join(self._padded)})."
        ]
