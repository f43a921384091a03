# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints that do not answer are waited for once a run: what one lab met, the workers of all other labs know.

They tell each other by small files in the run's private temporary directory (C(run_directory)). What counts is silence,
never an answer, whatever it says:

- A lab notes that nobody answered it, unless somebody was answered since it began to ask: then the trouble is its own.
- Nobody asks any more once two labs have met it. A single lab may go on asking: its run has nobody to save time for.
- An answer, for whichever lab, takes the notes away. So that there can be one, a single lab asks again now and then.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import json
import os
import pathlib
import time
import types
import typing as t
import urllib.request

from . import run_directory
from .text import printable

try:
    import requests
    import urllib3
except ImportError:  # whoever needs them says so
    pass

# Labs that must have met the silence before anybody takes their word for it.
WITNESSES = 2
# Seconds after which one lab asks again.
ASK_AGAIN_AFTER = 120.0

# For whom this process asks just now.
_asker = types.SimpleNamespace(lab="")


class NotAskedError(Exception):
    """Nobody was asked, because nobody answered other labs; the text completes "it was ..."."""


@dataclasses.dataclass(frozen=True)
class Question:
    """A question that is put to an endpoint. Tell it how it came out: C(answered), C(silent), or neither.

    :param notes: the file of those whom nobody answered; None if nobody is to be told.
    :param began: when it was put, in seconds since the epoch.
    """

    lab: str
    notes: pathlib.Path | None
    began: float

    def answered(self) -> None:
        """Something came back, whatever it said."""
        if self.notes:
            with contextlib.suppress(OSError):
                answer = _answer_to(self.notes)
                answer.touch(mode=0o600)
                # Of the same clock as C(began): the file system's own may be some milliseconds behind it.
                os.utime(answer, (time.time(),) * 2)
                self.notes.unlink()

    def silent(self, what: str = "no answer") -> None:
        """Nothing came back: no connection, or no answer in time.

        :param what: the same in words.
        """
        if self.notes is None or _modified(_answer_to(self.notes)) >= self.began:
            return
        with contextlib.suppress(OSError):
            file = os.open(self.notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(file, "a", encoding="utf-8") as notes:
                notes.write(json.dumps([self.lab, what, time.time()]) + "\n")


@contextlib.contextmanager
def asking_for(lab: str) -> t.Iterator[None]:
    """Say for which lab this process asks whatever it asks within. Without that, nothing is told and nobody heeded."""
    before, _asker.lab = _asker.lab, printable(lab)
    try:
        yield
    finally:
        _asker.lab = before


def ask(endpoint: str, proxies: t.Mapping[str, str] | None = None) -> Question:
    """Put a question to an endpoint.

    :param endpoint: scheme, host and port. What else decides which way the question goes makes it another endpoint:
    :param proxies: those of the options, by scheme; those of the environment count anyway.
    :raises NotAskedError: it does not answer, and this lab is not the one to ask again.
    """
    notes = _notes_file(endpoint, proxies)
    if notes and _is_due(notes):
        # Others wait for how this comes out.
        with contextlib.suppress(OSError):
            os.utime(notes)
    return Question(_asker.lab, notes, time.time())


def check(endpoint: str, proxies: t.Mapping[str, str] | None = None) -> bool:
    """Whether it is time to ask an endpoint again that did not answer.

    :raises NotAskedError: it does not answer, and it is too early to ask again.
    """
    notes = _notes_file(endpoint, proxies)
    return notes is not None and _is_due(notes)


def _is_due(notes: pathlib.Path) -> bool:
    """Whether the endpoint of these notes did not answer and may be asked again; raises as C(check)."""
    try:
        entries = [json.loads(line) for line in notes.read_text(encoding="utf-8").splitlines()]
        labs = {lab for lab, _what, _moment in entries}
        if len(labs) < WITNESSES:
            return False
        lab, what, moment = entries[-1]
        at = datetime.datetime.fromtimestamp(moment, datetime.UTC)
    except (OSError, ValueError, TypeError, IndexError):
        return False
    if time.time() - _modified(notes) >= ASK_AGAIN_AFTER:
        return True
    raise NotAskedError(f"not asked: {what} for {lab} at {at:%H:%M} UTC")


def nobody_answered(exc: BaseException) -> bool:
    """Whether an exception of requests means that nothing came back: refused, not resolved, or not in time."""
    if isinstance(exc, requests.exceptions.Timeout):
        return True
    reason = getattr(exc.args[0] if exc.args else None, "reason", None)
    return isinstance(reason, (urllib3.exceptions.NewConnectionError, urllib3.exceptions.TimeoutError))


def _notes_file(endpoint: str, proxies: t.Mapping[str, str] | None) -> pathlib.Path | None:
    if not _asker.lab:
        return None
    way = [endpoint.lower().rstrip("/"), sorted((proxies or {}).items()), sorted(urllib.request.getproxies().items())]
    name = hashlib.sha256(json.dumps(way).encode()).hexdigest()
    return run_directory.note(f"{name}.silent")


def _answer_to(notes: pathlib.Path) -> pathlib.Path:
    return notes.with_suffix(".answered")


def _modified(path: pathlib.Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
