# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one error that the collection's own code raises for a person to read."""

from __future__ import annotations

import errno
import typing as t

from .text import printable, printable_values


class CollectionError(Exception):
    """Something a person has to know: what happened, at which step, and what to do next.

    It may quote what others said: control characters and the like are taken out here (see C(base.text)).

    :param message: what happened, in one or two sentences. Never holds a secret.
    :param next_step: what the reader does now.
    :param reason: a fixed word that scripts can test, such as C(login_failed).
    :param step: the step of the flow (see C(vocabulary.STEPS)) at which it happened.
    :param details: further return values, such as C(error_code). Never holds a secret.
    """

    def __init__(
        self,
        message: str,
        *,
        next_step: str = "",
        reason: str = "",
        step: str = "",
        details: dict[str, t.Any] | None = None,
    ) -> None:
        self.message = printable(message)
        super().__init__(self.message)
        self.next_step = printable(next_step)
        # A plain text, whatever enum it comes from: results are written by serializers that know plain types only.
        self.reason = str(reason)
        self.step = step
        self.details: dict[str, t.Any] = printable_values(details or {})

    def as_result(self) -> dict[str, t.Any]:
        """Keyword arguments for C(fail_json): C(msg) reads on its own, the parts are there for scripts."""
        return {
            **self.details,
            "msg": f"{self.message} Next step: {self.next_step}" if self.next_step else self.message,
            "reason": self.reason,
            "step": self.step,
            "next_step": self.next_step,
        }


def invalid_options(message: str, next_step: str, step: str = "") -> CollectionError:
    """An option, or what the inventory says, cannot be."""
    return CollectionError(message, next_step=next_step, reason="invalid_options", step=step)


# A disk, or the operator's share of it, that is full.
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def about_unwritable(exc: OSError, otherwise: str) -> str:
    """The next step where a file or a directory cannot be written.

    :param otherwise: what else one can do, as the end of a sentence.
    """
    first = "Free some space there" if exc.errno in FULL else "Give the operator's account write permission there"
    return f"{first}, or {otherwise}."
