# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that end: whole within a time, and no larger than fits.

The time limits of sockets are for one read, so a server that sends a byte now and then never meets them.
"""

from __future__ import annotations

import concurrent.futures
import threading
import typing as t

_CHUNK = 65536

Result = t.TypeVar("Result")


class TooLargeError(Exception):
    """An answer is larger than any that is meant."""


class Raw(t.Protocol):
    """What is read from: the answers of urllib3."""

    def read(self, amt: int | None = None, decode_content: bool | None = None) -> bytes:
        """Some bytes; none at the end."""


def in_time(work: t.Callable[[], Result], seconds: float) -> Result:
    """What some work gives. It is done in a thread, which is left to itself when the time is over.

    :raises TimeoutError: the time is over.
    """
    done: concurrent.futures.Future[Result] = concurrent.futures.Future()

    def do() -> None:
        try:
            done.set_result(work())
        except BaseException as exc:
            done.set_exception(exc)

    threading.Thread(target=do, name="a request with a time limit", daemon=True).start()
    concurrent.futures.wait([done], seconds)
    if not done.done():
        raise TimeoutError
    return done.result()


def chunks(raw: Raw) -> t.Iterator[bytes]:
    """The pieces of a body as they came, however they are encoded.

    Not by urllib3's own reader of chunks, which took a chunk's size however long it was written (2.6.0 did).
    """
    while chunk := raw.read(_CHUNK, decode_content=False):
        yield chunk


def body(raw: Raw, most: int) -> bytes:
    """A whole body, as it came.

    :raises TooLargeError: it has more than so many bytes.
    """
    parts = []
    room = most
    for chunk in chunks(raw):
        room -= len(chunk)
        if room < 0:
            raise TooLargeError
        parts.append(chunk)
    return b"".join(parts)
