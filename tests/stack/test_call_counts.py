# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many calls a lab costs: no more than the guide says, and nothing is asked twice."""

from __future__ import annotations

import pathlib

import pytest

from tests.benchmark import calls
from tests.simulator.process import Simulator


@pytest.mark.timeout(300)
def test_a_lab_costs_the_calls_that_the_guide_lists(simulator: Simulator, tmp_path: pathlib.Path) -> None:
    simulator.control.reset()
    counts = calls.count(simulator, tmp_path)
    for work in calls.READ_ONLY:
        twice = {call: number for call, number in counts[work].items() if number > 1}
        assert not twice, f"{work}: {twice}"
    # If fewer are needed now: python -m tests.benchmark.calls
    assert calls.as_rst(counts) == calls.written()
    simulator.control.reset()
