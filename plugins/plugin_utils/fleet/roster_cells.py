# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cell of the roster must be, and what spreadsheets do to it.

Each check returns the value, put right where that is safe, or raises ValueError with a sentence for a person.
"""

from __future__ import annotations

import re

STATES = ("present", "absent")

# More lost zeros than these are less likely than a mistyped or a wrong number: one account in 100,000 begins with five.
MOST_RESTORED_ZEROS = 4

_SCIENTIFIC = re.compile(r"[+-]?\d+([.,]\d+)?[eE][+-]?\d+")
# One @, no space, and a domain with a dot: enough to catch what people mistype. Whether it exists, only mail can tell.
_EMAIL = re.compile(r"[^\s@<>,;:\"()\[\]]+@[A-Za-z0-9\w-]+(\.[A-Za-z0-9\w-]+)+")


def _quoted(cell: str) -> str:
    return repr(cell if len(cell) <= 40 else cell[:37] + "...")


def refuse_spreadsheet_error(cell: str) -> None:
    """Refuse what a spreadsheet shows for a formula that failed, such as C(#REF!)."""
    if re.fullmatch(r"#(REF!|N/A|NAME\?|VALUE!|DIV/0!|NUM!|NULL!|SPILL!|CALC!)|Err:\d+", cell):
        raise ValueError(f"{cell} is the sign of a formula that failed, not a value")


def account_id(cell: str) -> str:
    """An AWS account id of 12 digits; restores the leading zeros that spreadsheets take away.

    Also takes how the console writes it (C(1234-5678-9012)) and the two ways in which people keep a spreadsheet from
    taking it for a number (C('0123...) and C(="0123...")).
    """
    text = re.sub(r'^="(.*)"$', r"\1", cell).removeprefix("'")
    if _SCIENTIFIC.fullmatch(text):
        raise ValueError(
            f"{_quoted(cell)} is an account id that the spreadsheet took for a number and rounded: its digits are "
            "lost. Format the column as text and type the 12 digits again"
        )
    digits = re.sub(r"[ -]", "", text) if re.fullmatch(r"\d{4}([ -])\d{4}\1\d{4}", text) else text
    if not re.fullmatch(r"[0-9]+", digits):
        raise ValueError(f"{_quoted(cell)} is not an AWS account id, which has 12 digits and nothing else")
    if len(digits) > 12:
        raise ValueError(f"{_quoted(cell)} has {len(digits)} digits; an AWS account id has 12")
    if len(digits) < 12 - MOST_RESTORED_ZEROS:
        raise ValueError(
            f"{_quoted(cell)} has {len(digits)} digits; an AWS account id has 12. So many leading zeros are not likely "
            "to have been lost: type the 12 digits, in a column that is formatted as text"
        )
    if not digits.strip("0"):
        raise ValueError(f"{_quoted(cell)} has only zeros and is no account id")
    return digits.zfill(12)


def email(cell: str) -> str:
    """One e-mail address."""
    address = cell.removeprefix("mailto:")
    if not _EMAIL.fullmatch(address) or ".." in address:
        raise ValueError(f"{_quoted(cell)} is not an e-mail address")
    return address


def state(cell: str) -> str:
    """V(present) or V(absent), in any case."""
    word = cell.casefold()
    if word not in STATES:
        raise ValueError(f"{_quoted(cell)} is not a state: write present or absent")
    return word
