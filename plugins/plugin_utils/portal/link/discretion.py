# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nothing that is told of a visit holds a secret, or more than anybody reads.

A page may show again whatever was sent to it, and its title or its address may be as long as a page can be.
"""

from __future__ import annotations

import typing as t

from ...base.errors import CollectionError
from ...base.text import with_each_text
from ..drivers.snapshots import without_secrets
from .state import LinkResult

_LONGEST = 4_000


class Discretion:
    """Takes the secrets of one visit out of what is told of it, and shortens it."""

    def __init__(self, secrets: t.Iterable[str]) -> None:
        self._secrets = [secret for secret in secrets if secret]

    def _clean(self, text: str) -> str:
        clean = without_secrets(text, self._secrets)
        return clean if len(clean) <= _LONGEST else f"{clean[:_LONGEST]}..."

    def over_result(self, result: LinkResult) -> LinkResult:
        """The result, with the texts in it cleaned."""
        for state in (result.link, result.before):
            state.message, state.next_step = self._clean(state.message), self._clean(state.next_step)
            state.driver_reason, state.balance = self._clean(state.driver_reason), self._clean(state.balance)
            state.recognised = with_each_text(self._clean, state.recognised)
        return result

    def over_error(self, error: CollectionError) -> None:
        """Clean the texts of an error."""
        error.message, error.next_step = self._clean(error.message), self._clean(error.next_step)
        error.args = (error.message,)
        error.details = with_each_text(self._clean, error.details)
