# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the columns of a roster mean: by the operator's mapping, else by headings that leave no doubt."""

from __future__ import annotations

import dataclasses
import typing as t

from ..base.masking import names_a_secret, redact
from ..base.vocabulary import ACCOUNT_ID_VARIABLE as ACCOUNT_ID
from .roster_cells import STATES
from .roster_csv import Problem, Record, normalised, squeezed

HOST = "inventory_hostname"
EMAIL = "lab_account_cloudresearch_email"
STATE = "lab_account_state"
PROFILE = "lab_account_aws_profile"
ROLE = "lab_account_assume_role_name"
CONTACT = "lab_contact_email"
DEPARTMENT = "lab_department"

# Headings that need no mapping, best first: of two that fit, the first of this list is taken.
USUAL_HEADINGS: dict[str, tuple[str, ...]] = {
    HOST: ("inventory hostname", "lab", "lab name", "lab id", "host", "hostname", "name"),
    ACCOUNT_ID: (
        *("aws account id", "aws account", "aws account number", "aws id"),
        *("account id", "account number", "account"),
    ),
    EMAIL: ("cloudresearch email", "cloudresearch account", "cloudresearch login"),
    STATE: ("lab state",),
    PROFILE: ("aws profile",),
    ROLE: ("assume role name", "assume role"),
    "lab_account_iam_user": ("iam user", "iam user name"),
    # What reports and letters are addressed by.
    CONTACT: ("lab contact email", "contact email", "contact email address", "lab contact"),
    DEPARTMENT: ("lab department", "department", "department name"),
}
# Headings that may mean the variable, and may as well mean something else; and what to call the column instead.
VAGUE_HEADINGS: dict[str, tuple[str, ...]] = {
    EMAIL: ("email", "email address", "mail"),
    STATE: ("state", "status"),
    PROFILE: ("profile",),
    ROLE: ("role", "role name"),
    CONTACT: ("contact", "contact person"),
}
CLEAR_HEADINGS = {
    EMAIL: "CloudResearch e-mail",
    STATE: "Lab state",
    PROFILE: "AWS profile",
    ROLE: "Assume role name",
    CONTACT: "Contact e-mail",
}

# The account export of the AWS Organizations console (user guide, "Exporting details for an account").
_EXPORT_HEADINGS = frozenset({"joinedmethod", "joinedtimestamp"})
_STATUS_HEADINGS = ("state", "status", "account state", "account status", "aws state", "aws status")
ACCOUNT_STATUSES = frozenset({"PENDING", "PENDING_ACTIVATION", "ACTIVE", "SUSPENDED", "PENDING_CLOSURE", "CLOSED"})

# Rows above the headings that somebody may have put a title into.
_TITLE_ROWS = 10

WHERE_SECRETS_BELONG = (
    "A spreadsheet is no place for secrets. Keep passwords and authenticator secrets in a file encrypted with "
    "ansible-vault (host_vars/<lab>/vault.yml) or in a secret manager read with a lookup plugin; AWS keys are made by "
    "the collection and kept in lab_account_secret_store, and the lookup labops.cloudresearch.lab_secret reads them. "
    "Delete the column, and treat what it held as known to others: change it."
)


@dataclasses.dataclass(frozen=True)
class Column:
    """A column that is kept; without a variable, under its heading."""

    heading: str
    variable: str


@dataclasses.dataclass
class Layout:
    """What becomes of the columns.

    C(columns) has an entry for each heading, None for what is left out. C(status) is the index of the column with AWS's
    status of each account, or None. With C(hosts_by_id), account ids are the host names.
    """

    columns: list[Column | None]
    status: int | None
    hosts_by_id: bool
    warnings: list[str]


def known_headings(columns: t.Mapping[str, str | None]) -> set[str]:
    """All headings that mean something, squeezed."""
    lists = [columns, *USUAL_HEADINGS.values(), *VAGUE_HEADINGS.values()]
    return {squeezed(heading) for listed in lists for heading in listed} | _EXPORT_HEADINGS


def title_above(records: t.Sequence[Record], known: t.Collection[str]) -> Problem | None:
    """The problem that a title stands where the headings should, if a later row has headings and the first has none."""
    if not records or _known_in(records[0], known) > 1:
        return None
    for record in records[1:_TITLE_ROWS]:
        if _known_in(record, known) > 1:
            listed = ", ".join(repr(redact(cell)) for cell in record.cells if cell)
            message = f"line {record.line} looks like the header ({listed}): delete what stands above it"
            return Problem(records[0].line, "", message)
    return None


def _known_in(record: Record, known: t.Collection[str]) -> int:
    return len({squeezed(cell) for cell in record.cells if cell}.intersection(known))


def lay_out(
    header: Record,
    rows: t.Sequence[Record],
    asked: t.Mapping[str, str | None],
    required: t.Sequence[str],
    problems: list[Problem],
) -> Layout:
    """Say for each column what becomes of its cells.

    :param asked: the operator's mapping of headings to variables; None leaves a column out.
    :param required: the variables that a column is needed for.
    :param problems: takes what was found wrong.
    """
    wishes = {squeezed(heading): variable for heading, variable in asked.items()}
    headings = [squeezed(cell) for cell in header.cells]
    is_export = "accountid" in headings and not _EXPORT_HEADINGS.isdisjoint(headings)
    variables = _variables_of(headings, wishes, is_export)
    layout = Layout(
        columns=_columns(header, rows, wishes, variables, problems),
        status=_status_column(headings, rows, wishes),
        # Whoever owns an account can choose its name, and with it the host_vars of another lab.
        hosts_by_id=is_export and HOST not in variables.values() and ACCOUNT_ID in variables.values(),
        warnings=[],
    )
    needed = [variable for variable in required if not (variable == HOST and layout.hosts_by_id)]
    _report_missing(header, headings, layout, asked, needed, problems)
    _report_vague(header, rows, layout, is_export, problems)
    return layout


def _variables_of(headings: t.Sequence[str], wishes: t.Mapping[str, str | None], is_export: bool) -> dict[str, str]:
    """The variable for each heading that has one: as asked, else by its usual names."""
    variables = {heading: variable for heading, variable in wishes.items() if variable}
    for variable, usual in USUAL_HEADINGS.items():
        if variable not in variables.values():
            fitting = (squeezed(heading) for heading in usual if not (is_export and heading == "name"))
            found = next((heading for heading in fitting if heading in headings and heading not in wishes), None)
            if found:
                variables[found] = variable
    return variables


def _columns(
    header: Record,
    rows: t.Sequence[Record],
    wishes: t.Mapping[str, str | None],
    variables: t.Mapping[str, str],
    problems: list[Problem],
) -> list[Column | None]:
    columns: list[Column | None] = []
    seen: set[str] = set()
    for index, cell in enumerate(header.cells):
        heading, shown = squeezed(cell), redact(cell)
        variable = variables.get(heading, "")
        column: Column | None = None
        if not heading:
            if any(index < len(row.cells) and row.cells[index] for row in rows):
                problems.append(Problem(header.line, f"column {index + 1}", "the column holds values but no heading"))
        elif names_a_secret(shown) or names_a_secret(variable) or shown != cell:
            problems.append(Problem(header.line, shown, f"the column is named like a secret. {WHERE_SECRETS_BELONG}"))
        elif heading in seen:
            problems.append(Problem(header.line, shown, "the heading occurs twice"))
        elif not (heading in wishes and wishes[heading] is None):
            column = Column(shown, variable)
        columns.append(column)
        seen.add(heading)
    return columns


def _status_column(
    headings: t.Sequence[str], rows: t.Sequence[Record], wishes: t.Mapping[str, str | None]
) -> int | None:
    """The column that holds nothing but AWS's words for the status of an account."""
    for heading in map(squeezed, _STATUS_HEADINGS):
        if heading in headings and heading not in wishes:
            index = headings.index(heading)
            words = _words_in_column(rows, index)
            if words and words <= ACCOUNT_STATUSES:
                return index
    return None


def _words_in_column(rows: t.Sequence[Record], index: int) -> set[str]:
    return {row.cells[index].upper() for row in rows if index < len(row.cells) and row.cells[index]}


def _report_missing(
    header: Record,
    headings: t.Sequence[str],
    layout: Layout,
    asked: t.Mapping[str, str | None],
    needed: t.Sequence[str],
    problems: list[Problem],
) -> None:
    present = ", ".join(repr(redact(cell)) for cell in header.cells if cell) or "none"
    for heading in asked:
        if squeezed(heading) not in headings:
            message = f"no such heading, though the option columns names it (found: {present})"
            problems.append(Problem(header.line, heading, message))
    filled = {column.variable for column in layout.columns if column}
    for variable in needed:
        if variable not in filled:
            usual = ", ".join(repr(heading) for heading in USUAL_HEADINGS.get(variable, ())) or "so"
            message = f"no column for {variable}: name one of them {usual} or map it with the option columns"
            problems.append(Problem(header.line, "", f"{message} (found: {present})"))


def _report_vague(
    header: Record, rows: t.Sequence[Record], layout: Layout, is_export: bool, problems: list[Problem]
) -> None:
    """Tell of columns that set no variable although somebody may think so."""
    filled = {column.variable for column in layout.columns if column}
    for index, column in enumerate(layout.columns):
        if not column or column.variable or index == layout.status:
            continue
        variable = next(
            (name for name, vague in VAGUE_HEADINGS.items() if squeezed(column.heading) in map(squeezed, vague)), ""
        )
        if not variable or variable in filled or (is_export and variable == EMAIL):
            continue
        advice = (
            f"{column.heading!r} alone does not say that it is {variable}: name the column "
            f"{CLEAR_HEADINGS[variable]!r}, or map it with the option columns"
        )
        words = {word.lower() for word in _words_in_column(rows, index)}
        if variable == STATE and words and words <= set(STATES):
            # Without it, labs that are to be gone would be made anew.
            problems.append(Problem(header.line, column.heading, advice))
        else:
            name = normalised(column.heading).replace(" ", "_")
            layout.warnings.append(f"The column {advice}. For now, it is kept only as lab_roster.{name}.")
