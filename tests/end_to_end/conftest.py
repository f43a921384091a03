# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet for each test, on one local stack."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from tests.fleet import Fleet
from tests.simulator.process import Simulator


@pytest.fixture
def fleet(simulator: Simulator, tmp_path: pathlib.Path) -> t.Iterator[Fleet]:
    """An empty fleet; the stack forgets everything before and after."""
    simulator.control.reset()
    yield Fleet(simulator, tmp_path / "fleet")
    simulator.control.reset()
