# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the working tree importable as ansible_collections.labops.cloudresearch, and starts the local stack."""

from __future__ import annotations

import os
import pathlib
import typing as t

import pytest

PROJECT = pathlib.Path(__file__).resolve().parent.parent


def _collections_path() -> pathlib.Path:
    """A collections directory in which this working tree is labops.cloudresearch."""
    collections = PROJECT / "build" / "collections"
    link = collections / "ansible_collections" / "labops" / "cloudresearch"
    if not link.exists():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(PROJECT, link.parent), target_is_directory=True)
    return collections


def _install_collection_loader() -> None:
    # ansible-test brings its own loader, with the collection already in place.
    if "ANSIBLE_CONTROLLER_MIN_PYTHON_VERSION" in os.environ:  # how ansible-test units is known
        return
    from ansible.plugins.loader import init_plugin_loader

    os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(_collections_path())
    init_plugin_loader([str(_collections_path())])


_install_collection_loader()


@pytest.fixture(scope="session")
def simulator() -> t.Iterator[t.Any]:
    """The local stack in a process of its own; each test makes labs with names of its own."""
    from tests.simulator.process import running_simulator

    with running_simulator() as running:
        yield running
