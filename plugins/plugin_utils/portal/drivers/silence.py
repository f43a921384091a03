# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A portal that does not answer is waited for once a run (see C(base.silence)), for both automatic drivers."""

from __future__ import annotations

import contextlib
import typing as t

from ...base import silence
from ..errors import NoAnswer, PortalError, Reason
from ..page.addresses import read_address


@contextlib.contextmanager
def heeded(address: str) -> t.Iterator[None]:
    """Ask for what is at an address, in one try or in several, and note whether anybody answered.

    :raises PortalError: whoever is there did not answer other labs.
    """
    with _silence_as_portal_error():
        question = silence.ask(read_address(address).origin)
    try:
        yield
    except NoAnswer:
        question.silent()
        raise
    question.answered()


def check(address: str) -> None:
    """Make sure that it is worth taking one's turn.

    :raises PortalError: whoever is there did not answer other labs.
    """
    with _silence_as_portal_error():
        silence.check(read_address(address).origin)


@contextlib.contextmanager
def _silence_as_portal_error() -> t.Iterator[None]:
    try:
        yield
    except silence.NotAskedError as exc:
        raise PortalError(
            Reason.PORTAL_UNAVAILABLE,
            f"The portal was {exc}.",
            next_step="Remove the cause first (network, proxy, portal_url, or a portal that is down); then run again "
            "for this lab.",
        ) from None
