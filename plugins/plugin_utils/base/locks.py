# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks between processes, on files."""

from __future__ import annotations

import contextlib
import fcntl
import os
import typing as t


@contextlib.contextmanager
def exclusive(path: str, wait: t.Callable[[], None], *, remove: bool = False) -> t.Iterator[t.IO[str]]:
    """Hold an exclusive lock on a file, which is made if need be; a process that dies lets go of it.

    Gives the file, open for reading and writing.

    :param wait: called again and again while another process holds the lock: it pauses, or raises to give up.
    :param remove: remove the file at the end.
    :raises OSError: the file or its directory cannot be made, or its file system has no locks.
    """
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with _locked(path, wait) as file:
        try:
            yield file
        finally:
            if remove:
                # Before letting go, which is safe: whoever waits finds that its file is no longer the named one.
                with contextlib.suppress(OSError):
                    os.unlink(path)


def _locked(path: str, wait: t.Callable[[], None]) -> t.IO[str]:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        file = os.fdopen(descriptor, "r+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_path_of(path, descriptor):
                return file
        except BlockingIOError:
            wait()
        except BaseException:
            file.close()
            raise
        file.close()


def _is_path_of(path: str, descriptor: int) -> bool:
    try:
        named = os.stat(path)
    except FileNotFoundError:
        return False
    return os.path.samestat(named, os.fstat(descriptor))
