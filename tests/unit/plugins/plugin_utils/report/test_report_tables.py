# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import csv
import decimal
import io
import random
import re
import time

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import build, model, tables
from ansible_collections.labops.cloudresearch.tests.fixtures import outcomes
from ansible_collections.labops.cloudresearch.tests.fixtures.outcomes import NOW, situation


def read(text):
    """As a program reads the file: the mark off, then one apostrophe off each cell."""
    assert text.startswith(tables.BYTE_ORDER_MARK)
    rows = csv.DictReader(io.StringIO(text.removeprefix(tables.BYTE_ORDER_MARK), newline=""))
    return [{name: cell.removeprefix("'") for name, cell in row.items()} for row in rows]


def table(labs):
    report = build.build(labs, title="Labs", now=NOW)
    return report, tables.to_csv(report)


def test_it_comes_back_as_it_was():
    report, text = table(outcomes.outcomes(60) + outcomes.hostile_outcomes())
    rows = read(text)
    assert len(rows) == len(report["labs"])
    for row, lab in zip(rows, report["labs"], strict=True):
        assert row["lab"] == lab["lab"]
        assert row["account_id"] == lab["account_id"]
        assert row["state"] == lab["state"]
        assert row["step_link"] == lab["steps"][4]["status"]
        assert row["production_available_balance"] == (lab["requester"]["production"]["available_balance"] or "")
        assert row["finding_codes"].split(" ")[0] == (
            lab["findings"][0]["code"].split(" ")[0] if lab["findings"] else ""
        )
        assert int(row["live_keys"]) == len(model.live_keys(lab))


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "@SUM(A1)", "-2+3", "\t=1", "\r=1", "\n=1", "＝1+1", "%0A", "|calc"])
def test_no_cell_is_a_formula(text):
    assert tables.safe_cell(text).startswith("'")
    assert tables.safe_cell(text).replace("'", "") == text


@pytest.mark.parametrize(
    "text",
    [
        "a;=1+1",
        "a,=1",
        "a\t=1",
        "a\n=1",
        "a\r=1",
        "a|=1",
        'a;"=1',
        "a; =1",
        'a; " @x',
        "a;-1",
        "a;+1",
        "a,＝1",
        "x;;=1",
    ],
)
def test_nothing_behind_a_separator_is_a_formula(text):
    safe = tables.safe_cell(text)
    assert safe != text
    assert safe.replace("'", "") == text


# Bits of which cells are made that try to become formulas, whoever splits the file at whatever.
BITS = (
    "=1+1",
    "=",
    "+",
    "-",
    "@",
    ",",
    ";",
    "\t",
    "|",
    '"',
    '""',
    "'",
    " ",
    "\n",
    "\r\n",
    "a",
    "1",
    "-5.00",
    "＝",
    "%",
)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_no_separator_makes_a_formula_of_any_text(separator):
    random_ = random.Random(separator)
    labs = outcomes.hostile_outcomes()
    for number in range(400):
        text = "".join(random_.choices(BITS, k=random_.randrange(1, 9)))
        lab = situation("waits_for_requester", lab=f"{text}{number}")
        lab["next_steps"][0]["text"] = "".join(random_.choices(BITS, k=8))
        lab["user"]["groups"] = ["".join(random_.choices(BITS, k=5)) for _each in range(3)]
        labs.append(lab)
    text = table(labs)[1].removeprefix(tables.BYTE_ORDER_MARK)
    by_reader = [cell for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) for cell in row]
    by_force = [cell for line in text.splitlines() for cell in line.split(separator)]
    for cell in [*by_reader, *by_force]:
        begin = cell.strip().strip('" \t')
        assert not begin.startswith(("=", "+", "@", "＝", "％")) and not (
            begin.startswith("-") and not re.fullmatch(r"-\d+(\.\d+)?", begin)
        ), cell


def test_a_text_of_line_ends_is_no_work():
    """It took hours: the work grew with the square of the text."""
    start = time.thread_time()
    assert tables.safe_cell("a" + "\n" * 1_000_000 + "b") == "a" + "\n" * 1_000_000 + "b"
    assert tables.safe_cell("a" + "\n" * 1_000_000 + "=b").endswith("\n'\n'=b")
    assert time.thread_time() - start < 5


def test_every_field_is_quoted():
    _report, text = table(outcomes.outcomes(3))
    for line in text.removeprefix(tables.BYTE_ORDER_MARK).split("\r\n")[:2]:
        assert re.fullmatch(r'"[^"]*"(,"[^"]*")*', line)


@pytest.mark.parametrize("text", ["12", "lab-01", "a=b", "", "a, b; c", decimal.Decimal("-5.00"), -5])
def test_other_cells_stay_as_they_are(text):
    assert tables.safe_cell(text) == str(text)


def test_no_cell_of_hostile_labs_is_a_formula():
    _report, text = table(outcomes.hostile_outcomes())
    for row in csv.reader(io.StringIO(text.removeprefix(tables.BYTE_ORDER_MARK), newline="")):
        for cell in row:
            assert cell[:1] not in tuple("=+@\t\r\n")
            assert not cell.startswith("-") or float(cell) < 0


def test_the_columns_stay():
    """People's spreadsheets refer to columns by place: add at the end only."""
    assert tables.COLUMNS[:5] == ("lab", "account_id", "operation", "check_mode", "state")
    assert tables.COLUMNS.index("finding_codes") == 16
    assert tables.COLUMNS.index("link_access_key_id") == 41
    assert len(set(tables.COLUMNS)) == len(tables.COLUMNS)


def test_the_same_labs_at_another_time_give_the_same_file():
    labs = outcomes.outcomes(5)
    first = table(labs)[1]
    for lab in labs:
        lab["ended"] = "2026-12-01T00:00:00Z"
    assert table(labs)[1] == first


def test_the_current_key_is_the_one_in_the_row():
    lab = situation("superseded_lives")
    lab["access_keys"].reverse()
    [row] = read(table([lab])[1])
    assert row["key_slot"] == "current"
    assert row["live_keys"] == "2"
