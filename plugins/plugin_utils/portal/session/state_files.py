# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small files in C(state_dir), which the processes of a machine share, one at a time; their owner alone reads them."""

from __future__ import annotations

import contextlib
import json
import pathlib
import typing as t

from ...base import json_of_others, locks
from ..errors import SettingsError


@contextlib.contextmanager
def locked(path: pathlib.Path, wait: t.Callable[[], None]) -> t.Iterator[t.IO[str]]:
    """Hold one of the files, open for reading and writing.

    :param wait: called again and again while another process holds it: it pauses, or raises to give up.
    :raises SettingsError: the directory cannot be used.
    """
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(locks.exclusive(str(path), wait))
        except OSError as exc:
            raise SettingsError(
                f"state_dir {path.parent} cannot be used: {exc.strerror}. Nothing was sent to the portal.",
                next_step="Name a directory that you can write to (option state_dir, in the role in "
                "lab_account_portal_options); it keeps the module from trying a refused password twice.",
            ) from None
        yield file


def number_or_zero(value: t.Any) -> float:
    """A number that a file should hold; 0 for anything else."""
    return float(value) if isinstance(value, (int, float)) else 0.0


def load(file: t.IO[str]) -> dict[str, t.Any]:
    """What a file holds; empty if that cannot be read."""
    file.seek(0)
    try:
        state = json_of_others.loads(file.read())
    except ValueError:
        return {}
    return state if isinstance(state, dict) else {}


def store(file: t.IO[str], state: t.Mapping[str, t.Any]) -> None:
    """Put something else into a file."""
    file.seek(0)
    file.truncate()
    json.dump(state, file)
    file.flush()
