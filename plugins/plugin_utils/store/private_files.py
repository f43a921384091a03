# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that nobody but the user who runs Ansible may change: finding out, reading and writing."""

from __future__ import annotations

import contextlib
import grp
import os
import pathlib
import pwd
import secrets
import stat
import typing as t

from ..base import ordinary_files

# A record is about a kilobyte, four times that when encrypted. Whatever is so much larger is none.
MAX_BYTES = 256 * 1024


def why_not_private(directory: str) -> str:
    """Why others than this user (and root) may change what is in a directory; empty when they may not.

    Whoever may write a directory above it can put another one in its place. The sticky bit keeps them from that.
    """
    here = os.path.realpath(directory)
    for place in sorted(
        {*_directories_upwards(os.path.abspath(directory)), *_directories_upwards(here)}, key=len, reverse=True
    ):
        with contextlib.suppress(FileNotFoundError):
            status = os.stat(place)
            if place != here and status.st_mode & stat.S_ISVTX and status.st_uid in (0, os.geteuid()):
                continue
            if why := _others_who_may_write(place, status):
                return why
    return ""


def _directories_upwards(place: str) -> t.Iterator[str]:
    while True:
        yield place
        parent = os.path.dirname(place)
        if parent == place:
            return
        place = parent


def _others_who_may_write(place: str, status: os.stat_result) -> str:
    if status.st_uid not in (0, os.geteuid()):
        return f"{place} belongs to {_name_of(status.st_uid)}"
    if status.st_mode & stat.S_IWOTH:
        return f"{place} may be written by everybody (chmod o-w {place})"
    if status.st_mode & stat.S_IWGRP and not _is_own_group(place, status):
        return f"{place} may be written by its group (chmod g-w {place})"
    return ""


def _is_own_group(place: str, status: os.stat_result) -> bool:
    """Whether the group is the owner's alone, as where each user has a group of the same name (umask 002)."""
    # The bits of the group also stand for what an access control list gives to others.
    if hasattr(os, "listxattr"):
        with contextlib.suppress(OSError):
            if "system.posix_acl_access" in os.listxattr(place):
                return False
    try:
        owner, group = pwd.getpwuid(status.st_uid).pw_name, grp.getgrgid(status.st_gid)
    except KeyError:
        return False
    return group.gr_name == owner and set(group.gr_mem) <= {owner}


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def make_private_directory(directory: str) -> None:
    """Make a directory, and those above it that are missing, for this user only.

    :raises OSError: it cannot be made.
    """
    parent = os.path.dirname(directory)
    if not os.path.isdir(directory) and parent != directory:
        make_private_directory(parent)
        with contextlib.suppress(FileExistsError):
            os.mkdir(directory, 0o700)


def read_file(path: str) -> bytes | None:
    """The content of a file, at most one byte more than C(MAX_BYTES); None when there is no file.

    :raises OSError: it cannot be read, or is no ordinary file.
    """
    try:
        return ordinary_files.read(path, MAX_BYTES + 1)
    except FileNotFoundError:
        return None


def write_file(path: str | pathlib.Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file next to the old one, and then put it in its place.

    :raises OSError: it cannot be written; then the old one is as it was.
    """
    directory, name = os.path.split(path)
    temporary = os.path.join(directory, f".{name}.{secrets.token_hex(8)}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    sync_directory(directory)


def sync_directory(directory: str) -> None:
    """Make sure that names written to or removed from a directory survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
