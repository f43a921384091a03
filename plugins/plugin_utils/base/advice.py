# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a refusal becomes a reason and a next step: by a table, the first row of which that fits is the answer.

The tables are in C(aws.advice) and C(mturk.advice).
"""

from __future__ import annotations

import dataclasses
import re
import typing as t


@dataclasses.dataclass(frozen=True)
class Row:
    """One kind of refusal.

    In C(told) and C(next_step), C({service}), C({who}), C({action}), C({code}), C({answer}) and the named groups of
    C(said) are filled in.

    :param reason: the fixed word that scripts test.
    :param told: what happened, without full stop.
    :param next_step: what the reader does now.
    :param codes: the codes that it is for, separated by spaces, without the namespace that MTurk puts before them; none
        means any.
    :param said: a regular expression that must be found in the message, whatever the case of its letters.
    :param passing: it can be over without anybody doing anything.
    :param once_closed: the next step after the announced closing of MTurk, where it is another one.
    """

    reason: str
    told: str
    next_step: str
    codes: str = ""
    said: str = ""
    passing: bool = False
    once_closed: str = ""

    def match(self, codes: t.Collection[str], answer: str) -> dict[str, str] | None:
        """The named groups of C(said) if the row is for this refusal, else None."""
        if self.codes and set(self.codes.split()).isdisjoint(codes):
            return None
        if not self.said:
            return {}
        found = re.search(self.said, answer, re.IGNORECASE)
        return {name: text or "" for name, text in found.groupdict().items()} if found else None


@dataclasses.dataclass(frozen=True)
class Advice:
    """A row with everything filled in."""

    row: Row
    told: str
    next_step: str
    once_closed: str
    action: str


def advise(
    rows: t.Iterable[Row], codes: t.Sequence[str], answer: str, *, service: str = "AWS", who: str = "", **fill: str
) -> Advice:
    """What the first row that is for a refusal says; the last row of a table is for all.

    :param codes: the refusal's code, then others that it is known by, such as C(HTTP 5xx) or the exception's classes.
    :param answer: the message, in one line.
    :param who: whose rights count; by default those of who runs this.
    """
    action = re.search(r"not authorized to perform:? ([\w-]+:\w+)", answer)
    values = {
        "service": service,
        "who": who or "the role or user that runs this",
        "action": action.group(1) if action else "the call",
        "code": codes[0],
        "answer": answer,
        **fill,
    }
    short = [code.rpartition(".")[2].replace(" ", "") for code in codes]
    for row in rows:
        groups = row.match(short, answer)
        if groups is not None:
            told, next_step, once_closed = (
                text.format(**{**groups, **values}) for text in (row.told, row.next_step, row.once_closed)
            )
            return Advice(row, told, next_step, once_closed, action.group(1) if action else "")
    raise LookupError(f"no row for {codes[0]}")
