# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run says is true, over labs that it never comes to as well."""

from __future__ import annotations

import pathlib
import subprocess

import pytest

from tests.fleet import Fleet, tool


@pytest.mark.parametrize("arguments", [("-e", "labs=mistyped"), ("-e", "labs=one", "--limit", "two")])
def test_a_run_over_no_lab_does_not_end_well(fleet: Fleet, arguments: tuple[str, ...]) -> None:
    for lab in ("one", "two"):
        fleet.hosts[lab] = {}
    run = fleet.run("audit", *arguments)
    assert run.return_code != 0 and "No lab was in this run" in run.output


def test_an_inventory_that_cannot_be_read_does_not_end_well(fleet: Fleet, tmp_path: pathlib.Path) -> None:
    broken = tmp_path / "broken.lab_roster.yml"
    broken.write_text("plugin: labops.cloudresearch.lab_roster\nfile: there-is-none.csv\n")
    finished = subprocess.run(
        [tool("ansible-playbook"), "labops.cloudresearch.audit", "-i", str(broken)],
        env=fleet.environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert finished.returncode != 0 and "No lab was in this run" in finished.stdout


def test_a_forgotten_limit_is_answered_with_names_and_not_with_the_number_of_all(fleet: Fleet) -> None:
    for lab in ("one", "two", "three"):
        fleet.hosts[lab] = {}
    run = fleet.run("retire", "-e", "retire_confirm=1")
    said = " ".join(run.output.split())
    assert run.return_code != 0 and "Nothing was retired" in said
    assert "one, three, two" in said and "--limit" in said and "retire_confirm=3" not in said
