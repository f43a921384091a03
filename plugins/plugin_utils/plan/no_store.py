# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The store of keys that the collection never stored: it has no record of any lab, and takes none."""

from __future__ import annotations

import contextlib

from ..store.base import SecretStore, Snapshot
from ..store.record import LabRecord

_NO_RECORD = "a key that is not the collection's has no record"


class NoStore(SecretStore):
    """No store. Whoever writes to it has made a mistake."""

    type_name = "none"

    def __init__(self) -> None:
        pass

    @property
    def location(self) -> str:
        """Nothing is kept."""
        return "nowhere"

    def get(self, lab: str) -> Snapshot:
        """No record."""
        return Snapshot(lab, None)

    def put(self, record: LabRecord, after: Snapshot) -> Snapshot:
        """Never asked for."""
        raise AssertionError(_NO_RECORD)

    def delete(self, after: Snapshot) -> None:
        """Never asked for."""
        raise AssertionError(_NO_RECORD)

    def check(self, lab: str) -> None:
        """Never asked for."""
        raise AssertionError(_NO_RECORD)

    def read_command(self, lab: str) -> str:
        """There is nothing to read."""
        return ""

    def lock(self, lab: str, timeout: float = 0) -> contextlib.AbstractContextManager[None]:
        """There is nothing to keep others from."""
        return contextlib.nullcontext()
