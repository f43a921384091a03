# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection where tools want it: under ansible_collections/labops/cloudresearch, and nothing else there.

ansible-test, antsibull-docs and galaxy-importer take every file they find for the collection's. They get a copy of
what git knows or would add, so that no virtual environment and no left-over can make them pass or fail.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import shutil
import subprocess
import sys
import typing as t

PROJECT = pathlib.Path(__file__).resolve().parents[2]
BUILD = PROJECT / "build"


@contextlib.contextmanager
def alone(name: str) -> t.Iterator[None]:
    """Two processes that would make the same thing under build: the second waits for the first."""
    lock = BUILD / "locks" / name
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def collection_files() -> list[pathlib.Path]:
    """The files of the collection, relative to its root: tracked by git, or new and not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return sorted(pathlib.Path(name) for name in listed.split("\0") if name and (PROJECT / name).is_file())


def copy_collection(collections: pathlib.Path) -> pathlib.Path:
    """Make `collections`/ansible_collections/labops/cloudresearch a fresh copy, and return it."""
    destination = collections / "ansible_collections" / "labops" / "cloudresearch"
    shutil.rmtree(destination, ignore_errors=True)
    destination.mkdir(parents=True)
    for name in collection_files():
        target = destination / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(PROJECT / name, target)
    return destination


def link_working_tree() -> pathlib.Path:
    """A collections directory in which the working tree itself is labops.cloudresearch, for tools that follow links."""
    collections = BUILD / "collections"
    link = collections / "ansible_collections" / "labops" / "cloudresearch"
    if not link.is_symlink():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(PROJECT, link.parent), target_is_directory=True)
    return collections


if __name__ == "__main__":
    sys.stdout.write(f"{link_working_tree()}\n")
