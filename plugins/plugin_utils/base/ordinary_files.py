# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files in directories that others may write to as well: who puts a named pipe there keeps nobody waiting."""

from __future__ import annotations

import os
import pathlib
import stat


def open_ordinary(path: str | pathlib.Path, flags: int, mode: int = 0o600) -> int:
    """The descriptor of a file that is opened as C(os.open) does.

    :raises OSError: it cannot be opened, or is no ordinary file.
    """
    # Opening a named pipe would otherwise wait for somebody at its other end.
    descriptor = os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC, mode)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "it is not an ordinary file", str(path))
    return descriptor


def read(path: str | pathlib.Path, most: int = -1) -> bytes:
    """What is in a file, and no more than so many bytes of it.

    :raises OSError: it cannot be read, or is no ordinary file.
    """
    with os.fdopen(open_ordinary(path, os.O_RDONLY), "rb") as file:
        return file.read(most)
