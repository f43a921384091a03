# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each lab adds to the work of the report, the merge of slices and the end of a run: no more in a larger fleet.

Calls of functions are counted, which are the same on each machine, not seconds.
"""

from __future__ import annotations

import cProfile
import pathlib
import pstats
import tracemalloc
import typing as t

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.fleet import closing, progress
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import (
    build,
    collect,
    files,
    merge,
    model,
    retire_plan,
    writing,
)
from tests.fixtures.outcomes import NOW, SITUATIONS, outcomes, situation

Json = dict[str, t.Any]
# As many of each situation, so that the labs of a larger fleet differ in nothing but their number.
SIZES = tuple(len(SITUATIONS) * times for times in (1, 2, 4))
SLICES = 3


def write_report(
    directory: pathlib.Path, collected: collect.Collected, formats: t.Sequence[str] = files.FORMATS
) -> None:
    options = {name: option.get("default") for name, option in writing.OPTIONS.items()}
    options.update(directory=str(directory), formats=list(formats))
    place = writing.place_of(options)
    files.write(writing.prepare(options, place, collected), place)


def report_from_hosts(directory: pathlib.Path, labs: list[Json]) -> None:
    hostvars = {lab["lab"]: {collect.VARIABLE: lab, "lab_contact_email": "pi@uni.example"} for lab in labs}
    found = collect.from_hosts([*hostvars], hostvars, contact_variable="lab_contact_email")
    write_report(directory / "report", found)


def merge_slices(directory: pathlib.Path, labs: list[Json]) -> None:
    place = files.Place(directory / "merged")
    found, contacts = merge.labs_of(merge.find([str(directory / "slice-*" / "fleet-report.json")], place))
    assert len(found) == len(labs) and merge.without_report([lab["lab"] for lab in labs], found, {}) == []
    write_report(place.directory, collect.Collected(outcomes=[*found], contacts=contacts))


def end_of_run(_directory: pathlib.Path, labs: list[Json]) -> None:
    known = [progress.lab_from_outcome(lab["lab"], lab) for lab in labs]
    closing.problem_lines(known)
    closing.next_step_lines(known)
    closing.table_lines(known, 120, "all")
    ending = closing.Ending("", [lab.host for lab in known], False, lambda names, _how: " ".join(names))
    closing.last_lines(known, ending)


def calls(work: t.Callable[[pathlib.Path, list[Json]], None], directory: pathlib.Path, size: int) -> int:
    """How many calls of functions a piece of work takes for so many labs."""
    kinds = list(SITUATIONS)
    labs = [situation(kinds[number % len(kinds)], lab=f"lab-{number:03d}") for number in range(size)]
    for number in range(SLICES if work is merge_slices else 0):
        write_report(directory / f"slice-{number}", collect.Collected(outcomes=labs[number::SLICES]), ["json"])
    profile = cProfile.Profile()
    profile.runcall(work, directory, labs)
    return t.cast("int", pstats.Stats(profile).total_calls)  # type: ignore[attr-defined]


@pytest.mark.parametrize("work", [report_from_hosts, merge_slices, end_of_run])
def test_a_lab_adds_no_more_in_a_larger_fleet(
    work: t.Callable[[pathlib.Path, list[Json]], None], tmp_path: pathlib.Path
) -> None:
    calls(work, tmp_path / "first", SIZES[0])  # what is done once a process
    small, middle, large = (calls(work, tmp_path / str(size), size) for size in SIZES)
    assert (large - middle) / (SIZES[2] - SIZES[1]) <= 1.1 * (middle - small) / (SIZES[1] - SIZES[0])


def _plan(report: model.Report) -> bytes:
    return retire_plan.content(report, NOW, pathlib.Path("nowhere")) or b""


@pytest.mark.parametrize(
    ("render", "times"), [(files.PARTS["json"].render, 2), (files.PARTS["html"].render, 5), (_plan, 8)]
)
def test_a_file_of_the_report_is_not_made_of_many_copies_of_it(
    render: t.Callable[[model.Report], bytes], times: int
) -> None:
    report = build.build(outcomes(200), title="Labs", now=NOW)
    render(report)  # what is done once a process
    tracemalloc.start()
    try:
        content = render(report)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < times * len(content)


def test_outcomes_are_gone_when_the_report_is_made_of_them(tmp_path: pathlib.Path) -> None:
    collected = collect.Collected(outcomes=[*outcomes(3)])
    write_report(tmp_path, collected)
    assert collected.outcomes == []
