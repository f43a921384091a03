# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benchmarks make of their figures: ratios, targets, and the tables of the guide."""

from __future__ import annotations

import pathlib

import pytest

from tests.benchmark import growth, guide, table, ways
from tests.benchmark.measure import Cost


def row(way: str, wall: float, *, labs: int = 200, work: str = "record", latency: int = 0) -> table.Row:
    return table.Row(labs, latency, work, way, Cost(wall, 5.0, 1.0, 90.0, 40.0, 2.0), 10.0, {})


def test_a_missed_target_is_told_and_marked() -> None:
    rows = [row("ours", 14.0), row("bare", 10.0)]
    assert table.missed(rows) == ["200 labs, 0 ms, re-run, portal by record: (b)/(c) 1.40 (at most 1.3)"]
    assert "**1.40 (at most 1.3), missed**" in table.as_rst(rows)
    assert "MISSED" in table.as_text(rows)


def test_a_target_that_is_met_stands_beside_its_figure() -> None:
    rows = [row("ours", 13.0), row("bare", 10.0)]
    assert table.missed(rows) == []
    assert "1.30 (at most 1.3)" in table.as_rst(rows) and "missed" not in table.as_rst(rows)


def test_what_ansible_takes_for_empty_tasks_stands_beside_the_bare_calls() -> None:
    rows = [row("ours", 18.0), row("bare", 10.0), row("empty", 5.0)]
    assert table.ratios(rows, rows[0]).to_least == (1.2, None, False)
    assert "- / 18.0 / 10.0 / 5.0" in table.as_rst(rows)
    assert table.ratios(rows[:2], rows[0]).to_least is None
    titles, cells = table.as_rst(rows).split("   * -")[1:]
    assert titles.count("\n     -") == cells.count("\n     -")


def test_workers_are_counted_in_the_output_of_a_run() -> None:
    output = """
TASK [one] ***
ok: [lab-0001]
changed: [lab-0002]
skipping: [lab-0003]
TASK [two] ***
included: /somewhere/a.yml for lab-0001, lab-0002
included: /somewhere/b.yml for lab-0001
lab-0001                   : ok=10   changed=3
"""
    assert ways.workers(output) == 4


def test_with_latency_all_works_have_one_target() -> None:
    rows = [row("ours", 13.0, latency=80), row("bare", 10.0, latency=80)]
    assert table.missed(rows) == ["200 labs, 80 ms, re-run, portal by record: (b)/(c) 1.30 (at most 1.2)"]


def test_a_small_fleet_has_no_targets() -> None:
    rows = [row("ours", 50.0, labs=20), row("bare", 10.0, labs=20)]
    assert table.missed(rows) == []


def test_what_stock_modules_would_take_is_in_proportion_and_marked() -> None:
    rows = table.with_extrapolated(
        [row("stock", 100.0, labs=20, work="onboard"), row("ours", 90.0, work="onboard")], [20, 200]
    )
    assert "1000.0\\*" in table.as_rst(rows)
    assert table.missed(rows) == []


def test_the_guide_says_that_the_machine_was_shared() -> None:
    quiet = guide.Machine("2026-01-31T12:00:00Z", 4, "Linux-6.1", "3.12.1", "2.19.1", "1.40.0", 0.3)
    assert quiet.sentences() == (
        "Measured on 2026-01-31 on 4 cores (Linux) with Python 3.12.1, ansible-core 2.19.1 and botocore 1.40.0.\n"
    )
    busy = guide.Machine("2026-01-31T12:00:00Z", 4, "Linux-6.1", "3.12.1", "2.19.1", "1.40.0", 7.5)
    assert "was shared" in busy.sentences() and "7.5" in busy.sentences()


def test_each_program_writes_its_own_table(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    page = tmp_path / "guide.rst"
    page.write_text(
        "Before\n\n.. python -m one writes this table\n\nold\n\n.. End of the table\n\n"
        ".. python -m two writes this table\n\n.. End of the table\n\nAfter\n"
    )
    monkeypatch.setattr(guide, "GUIDE", page)
    guide.write("two", "new\n")
    assert (guide.written("one"), guide.written("two")) == ("old\n", "new\n")
    assert page.read_text().startswith("Before\n") and page.read_text().endswith("\nAfter\n")


def grown(labs: int, cpu: float, megabytes: float, *, work: str = "report", child: float = 0.0) -> growth.Growth:
    return growth.Growth(work, labs, Cost(1.0, cpu, cpu / 2, megabytes, 0.0, 0.0, child))


def test_growth_is_told_by_what_a_lab_adds() -> None:
    # A lab adds 10 ms and 20 kB; what the program takes for itself is no lab's.
    found = [grown(500, 6.0, 100.0), grown(2000, 21.0, 129.0), grown(10000, 101.0, 290.0)]
    assert [growth.misses(each, found) for each in found] == [[], [], []]
    faster = [*found[:2], grown(10000, 125.0, 290.0)]
    assert growth.misses(faster[2], faster) == ["a lab adds more than in a small fleet"]
    larger = [*found[:2], grown(10000, 101.0, 350.0)]
    assert growth.misses(larger[2], larger) == ["a lab adds more than in a small fleet"]
    assert "| " not in growth.as_rst(found) and growth.as_rst(found).count("met") == 3


def test_the_worker_that_writes_a_report_counts() -> None:
    assert growth.misses(grown(2000, 21.0, 400.0, child=300.0), []) == ["more than 600 MB"]
    assert growth.misses(grown(10000, 21.0, 400.0, child=300.0), []) == []


def test_work_with_a_worker_a_lab_is_measured_up_to_where_slices_are_advised() -> None:
    assert growth.sizes_for("audit", [500, 2000, 10000]) == [500, 1000, 2000]
    assert growth.sizes_for("merge", [10000, 500]) == [500, 10000]
