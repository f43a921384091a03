# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file in the report's directory to which each change of a key is added as soon as AWS has confirmed it.

A run that is killed writes no report; what it had changed by then is in the journal, and in the next report.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import tempfile

from ..base import json_of_others, ordinary_files
from ..base.errors import FULL, CollectionError, about_unwritable
from .changes import KeyChange

NAME = "key-changes.jsonl"
# Some 400 bytes a change.
MOST_BYTES = 200_000_000
# The room that there has to be for the next ones, in bytes.
ROOM = 16_384


class ChangeJournal:
    """The journal of one directory. Several processes may add to it at once.

    :param directory: of the report; made if it is not there.
    """

    def __init__(self, directory: pathlib.Path) -> None:
        self._path = directory / NAME

    def require(self) -> None:
        """Make sure that changes can be added.

        :raises CollectionError: they cannot, so that nothing should be changed.
        """
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(self._open())
            self._require_room()
        except OSError as exc:
            raise CollectionError(
                f"The journal of changes {self._path} cannot be written: {exc.strerror or exc}. Without it, nothing "
                "is changed.",
                next_step=about_unwritable(exc, "set another fleet_report_directory"),
                reason="journal_unwritable",
            ) from exc

    def _require_room(self) -> None:
        """Make sure that the disk is not full: an empty file can still be opened there, and nothing be added to it.

        :raises OSError: it is.
        """
        try:
            with tempfile.TemporaryFile(dir=self._path.parent) as room:
                room.write(bytes(ROOM))
                room.flush()
                os.fsync(room.fileno())
        except OSError as exc:
            # A directory may be closed to all files but this one.
            if exc.errno in FULL:
                raise

    def add(self, change: KeyChange) -> None:
        """Add a change that was made. If that fails now, only the run's outcome tells of the change."""
        with contextlib.suppress(OSError):
            handle = self._open()
            try:
                # One write a line: lines of several processes do not get into each other.
                os.write(handle, f"{json.dumps(change)}\n".encode())
                os.fsync(handle)
            finally:
                os.close(handle)

    def _open(self) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        return ordinary_files.open_ordinary(self._path, flags)


def content(directory: pathlib.Path) -> bytes:
    """What a directory's journal holds; nothing if there is none.

    :raises CollectionError: there is a journal that cannot be read.
    """
    path = directory / NAME
    try:
        found = ordinary_files.read(path, MOST_BYTES + 1)
    except FileNotFoundError:
        return b""
    except OSError as exc:
        raise CollectionError(
            f"The journal of changes {path} cannot be read: {exc.strerror or exc}.",
            next_step=(
                "Set another directory for the report."
                if isinstance(exc, (NotADirectoryError, IsADirectoryError))
                else "Give the operator's account permission to read it."
            ),
        ) from exc
    if len(found) > MOST_BYTES:
        raise CollectionError(
            f"The journal of changes {path} is larger than any could be.",
            next_step="Move it away, and see who wrote it.",
        )
    return found


def changes_in(journal: bytes) -> list[dict[str, object]]:
    """The changes in a journal, in the order in which they were made, as anybody may have written them."""
    changes = []
    for line in journal.decode("utf-8", "replace").splitlines():
        # A machine that lost power may have left half a line.
        with contextlib.suppress(ValueError):
            change = json_of_others.loads(line)
            if isinstance(change, dict):
                changes.append(change)
    return changes
