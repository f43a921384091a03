# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import contextlib
import datetime
import json
import os
import stat

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import limited_answers
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import (
    build,
    compare,
    files,
    merge,
    model,
    writing,
)
from ansible_collections.labops.cloudresearch.tests.fixtures.outcomes import NOW, outcomes, situation


def report(labs, hours=0):
    return build.build(labs, title="Labs", now=NOW + datetime.timedelta(hours=hours))


def run(made, place, previous=None):
    prepared = files.prepare(made, place, previous)
    files.write(prepared, place)
    return prepared


@pytest.fixture
def place(tmp_path):
    return files.Place(tmp_path / "reports")


def snapshot(directory):
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in directory.rglob("*") if path.is_file()}


def test_all_three_files_are_written_for_their_owner_only(place):
    writing = run(report(outcomes(10)), place)
    assert writing.changed == ("html", "csv", "json", "evidence", "keys", "ocsf", "plan", "manifest")
    assert sorted(path.name for path in place.directory.iterdir()) == [
        "fleet-report-evidence.html",
        "fleet-report-keys.csv",
        "fleet-report-ocsf.json",
        "fleet-report.csv",
        "fleet-report.html",
        "fleet-report.json",
        "manifest.sha256",
        "retire-plan.yml",
    ]
    for path in place.directory.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert files.load(place.path("json")) == files.load(place.path("html")) == writing.report


@pytest.mark.parametrize(
    "name",
    [
        *("fleet-report.html", "fleet-report.csv", "fleet-report.json", "retire-plan.yml", "manifest.sha256"),
        *("earlier/fleet-report-20260101T000000Z.json", "letters/old.eml"),
    ],
)
def test_a_named_pipe_that_somebody_put_there_keeps_nobody_waiting(tmp_path, name):
    place = files.Place(tmp_path, letters=True)
    run(report(outcomes(3)), place)
    pipe = tmp_path / name
    pipe.parent.mkdir(exist_ok=True)
    pipe.unlink(missing_ok=True)
    os.mkfifo(pipe, 0o600)
    limited_answers.in_time(lambda: run(report(outcomes(4), hours=2), place), 20)
    assert files.load(place.path("json")) == files.load(place.path("html"))
    assert pipe.is_file() or pipe.parent != tmp_path


@pytest.mark.parametrize("number", ["x", None, True, -1, -(10**400), 10**400])
@pytest.mark.parametrize("there", ["fleet-report.json", "earlier/fleet-report-20260101T000000Z.json"])
def test_a_report_with_absurd_numbers_is_left_out_with_a_warning(tmp_path, there, number):
    place = files.Place(tmp_path)
    made = json.loads(json.dumps(report(outcomes(3))))
    made["summary"]["mturk_keys"]["live"] = number
    (tmp_path / "earlier").mkdir()
    (tmp_path / there).write_text(json.dumps(made))
    writing = run(report(outcomes(3), hours=2), place)
    assert there in " ".join(writing.warnings)
    assert writing.report["trend"] == []
    assert files.load(place.path("json")) == writing.report


def balance_of(value):
    known = {"status": "linked", "available_balance": "1.00"}
    return {"production": {**known, "available_balance": value}, "sandbox": known}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("lab", value) for value in (1, [], None, "\ud800")),
        *(("account_id", value) for value in (1, [], {})),
        *(("finished", value) for value in (1, "yesterday")),
        *(("account_keys", value) for value in (None, 1, "x", [1], [{"x": 1}], [{"access_key_id": []}])),
        *(("state", value) for value in ([], {}, None)),
        *(("link", value) for value in ({"status": []}, {"status": 1}, None)),
        *(("access_keys", [{"access_key_id": key_id, "status": 1}]) for key_id in ("AKIAIOSFODNN7EXAMPLE", [])),
        *(("findings", [{"code": "x", "severity": severity, "access_key_id": ""}]) for severity in ("worst", [])),
        *(("next_steps", [{"step": "link", "who": "person", "text": text, "url": ""}]) for text in ([], 1)),
        *(("requester", balance_of(value)) for value in ("x", [], {}, "NaN", "Infinity")),
    ],
)
def test_no_earlier_report_keeps_the_next_one_from_being_written(tmp_path, field, value):
    place = files.Place(tmp_path)
    made = json.loads(json.dumps(report(outcomes(3))))
    made["labs"][0][field] = value
    if isinstance(value, list) and len(value) == 1 and "status" in str(value):
        made["labs"][0]["user"] = {"exists": True}  # else the keys were not read
    (tmp_path / "earlier").mkdir()
    for there in ("fleet-report.json", "earlier/fleet-report-20260101T000000Z.json", "slice.json"):
        (tmp_path / there).write_text(json.dumps(made))
    run(report(outcomes(3), hours=2), place)
    assert len(files.load(place.path("json"))["labs"]) == 3
    with contextlib.suppress(CollectionError):
        merge.warnings(merge.labs_of([tmp_path / "slice.json"])[0])


def test_a_key_without_a_status_in_a_lab_whose_keys_were_not_read_keeps_no_report_from_being_written(tmp_path):
    place = files.Place(tmp_path)
    made = json.loads(json.dumps(report(outcomes(3))))
    made["labs"][0].update({"user": None, "access_keys": [{"access_key_id": "AKIAIOSFODNN7EXAMPLE"}]})
    place.path("json").write_text(json.dumps(made))
    assert any("is not a fleet report" in warning for warning in run(report(outcomes(3), hours=2), place).warnings)


def test_what_an_earlier_report_says_of_keys_stays_as_it_was_written(tmp_path):
    place = files.Place(tmp_path)
    written = run(report(outcomes(40)), place).report
    assert files.load(place.path("json")) == files.load(place.path("html")) == written


def test_a_journal_that_is_a_named_pipe_is_told(tmp_path):
    os.mkfifo(tmp_path / "key-changes.jsonl", 0o600)
    with pytest.raises(CollectionError, match="is not an ordinary file"):
        limited_answers.in_time(lambda: run(report(outcomes(3)), files.Place(tmp_path)), 20)


def test_what_lies_in_the_way_of_letters_is_no_letter(tmp_path):
    place = files.Place(tmp_path, letters=True)
    (tmp_path / "letters" / "kept.eml").mkdir(parents=True)
    assert not run(report(outcomes(3)), place).outdated
    assert (tmp_path / "letters" / "kept.eml").is_dir()


DEEP = "[" * 100_000 + "]" * 100_000


def test_an_earlier_report_that_is_nested_too_deep_is_none(place):
    run(report(outcomes(3)), place)
    place.path("json").write_text(DEEP)
    (place.directory / files.EARLIER).mkdir()
    (place.directory / files.EARLIER / "fleet-report-20260101T000000Z.json").write_text(DEEP)
    (place.directory / "key-changes.jsonl").write_text(DEEP)
    writing = run(report(outcomes(3)), place)
    assert len(writing.warnings) == 2
    assert files.load(place.path("json")) == writing.report
    with pytest.raises(CollectionError, match="is not a fleet report"):
        page = place.directory / "a.html"
        page.write_text(f'<script type="application/json" id="report-data">{DEEP}</script>')
        files.load(page)


def test_other_people_may_read_it_if_the_operator_says_so(tmp_path):
    run(report(outcomes(3)), files.Place(tmp_path, mode=0o644))
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o644}


def test_an_hour_later_with_the_same_labs_nothing_is_touched(place):
    run(report(outcomes(10)), place)
    before = snapshot(place.directory)
    assert run(report(outcomes(10), hours=1), place).changed == ()
    assert snapshot(place.directory) == before


def test_a_third_run_that_sees_what_the_second_saw_keeps_the_comparison(place):
    run(report([situation("key_not_stored")]), place)
    second = run(report([situation("converged")], hours=1), place)
    third = run(report([situation("converged")], hours=2), place)
    assert second.report["comparison"]["findings_gone"]
    assert third.changed == ()
    assert third.report["comparison"] == second.report["comparison"]


@pytest.mark.parametrize("formats", [("html",), ("csv",), ("json",), ("html", "csv")])
def test_any_choice_of_formats_is_stable(tmp_path, formats):
    place = files.Place(tmp_path, formats=formats)
    written = run(report(outcomes(10)), place).changed
    assert written == (*place.parts, "plan", "manifest")
    assert written[: len(formats)] == formats
    assert run(report(outcomes(10), hours=1), place).changed == ()
    assert set(run(report(outcomes(10, seed=2), hours=2), place).changed) == {*place.parts, "plan", "manifest"}


def test_a_format_that_is_asked_for_later_is_added_from_the_same_report(tmp_path):
    first = run(report(outcomes(10)), files.Place(tmp_path, formats=("json",)))
    second = run(report(outcomes(10), hours=1), files.Place(tmp_path))
    assert second.changed == ("html", "csv", "evidence", "keys", "manifest")
    assert second.report["generated"] == first.report["generated"]


def test_a_file_that_somebody_changed_is_put_right(place):
    run(report(outcomes(3)), place)
    place.path("csv").write_text("scribble")
    place.path("html").chmod(0o666)
    assert run(report(outcomes(3)), place).changed == ("html", "csv")
    assert stat.S_IMODE(place.path("html").stat().st_mode) == 0o600


def test_preparing_writes_nothing(place):
    files.prepare(report(outcomes(3)), place)
    assert not place.directory.exists()


def test_earlier_reports_are_kept_and_the_oldest_go(tmp_path):
    place = files.Place(tmp_path, keep_earlier=2)
    for hour in range(5):
        run(report(outcomes(3, seed=hour), hours=hour), place)
    kept = sorted(path.name for path in (tmp_path / "earlier").glob("*.json"))
    assert kept == ["fleet-report-20261124T124000Z.json", "fleet-report-20261124T134000Z.json"]
    assert files.load(tmp_path / "earlier" / kept[0])["generated"] == "2026-11-24T12:40:00Z"


def test_keeping_none_keeps_none_and_reports_of_other_names_are_left_alone(tmp_path):
    for hour in range(3):
        run(report(outcomes(3, seed=hour), hours=hour), files.Place(tmp_path, name="fleet-report-20", keep_earlier=9))
    other = snapshot(tmp_path)
    for hour in range(3):
        run(report(outcomes(3, seed=hour), hours=hour), files.Place(tmp_path, keep_earlier=0))
    after = snapshot(tmp_path)
    assert {path: after[path] for path in other} == other
    assert len(list((tmp_path / "earlier").glob("*.json"))) == 2


def test_another_report_can_be_compared_with(tmp_path):
    old = files.Place(tmp_path / "old")
    run(report([situation("key_not_stored")]), old)
    place = files.Place(tmp_path / "new")
    writing = run(report([situation("converged")], hours=1), place, old.path("json"))
    assert [found["code"] for found in writing.report["comparison"]["findings_gone"]] == ["unstored_live_key"]
    assert run(report([situation("converged")], hours=2), place, old.path("json")).changed == ()


def test_a_report_to_compare_with_that_is_none_is_refused(tmp_path):
    path = tmp_path / "other.json"
    for content in (
        "{}",
        "[]",
        "not json",
        json.dumps({**report([]), "schema": 99}),
        json.dumps({**report([]), "labs": [1]}),
    ):
        path.write_text(content)
        with pytest.raises(CollectionError) as caught:
            files.prepare(report([]), files.Place(tmp_path / "x"), path)
        assert caught.value.next_step
    with pytest.raises(CollectionError, match="could not be read"):
        files.prepare(report([]), files.Place(tmp_path / "x"), tmp_path / "missing.json")


def test_a_broken_report_in_the_place_is_said_and_replaced(place):
    run(report(outcomes(3)), place)
    place.path("json").write_text("{broken")
    writing = run(report(outcomes(3)), place)
    assert writing.warnings
    assert files.load(place.path("json"))["comparison"] is None


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "a b", "x\n"])
def test_names_are_plain(tmp_path, name):
    with pytest.raises(CollectionError):
        files.Place(tmp_path, name=name)


def test_a_write_that_fails_leaves_the_earlier_file_whole(place, monkeypatch):
    run(report(outcomes(3)), place)
    before = snapshot(place.directory)

    def full_disk(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(CollectionError, match="No space left"):
        run(report(outcomes(3, seed=2)), files.Place(place.directory, keep_earlier=0))
    monkeypatch.undo()
    assert snapshot(place.directory) == before


def test_what_differs_is_described_in_a_line_a_lab():
    text = files.describe(report([situation("key_not_stored"), situation("converged", lab="a\nb")]))
    lines = text.splitlines()
    assert len(lines) == 2
    assert '"a b": converged' in lines[0]
    assert "unstored_live_key" in lines[1]
    assert files.describe(None) == ""


def test_a_comparison_that_somebody_broke_is_no_report(place):
    run(report(outcomes(3)), place)
    broken = json.loads(place.path("json").read_text())
    broken["comparison"] = "nothing"
    place.path("json").write_text(json.dumps(broken))
    assert files.prepare(report(outcomes(3)), place).warnings


def test_comparisons_do_not_count_as_content():
    made = report(outcomes(3))
    assert compare.fingerprint(made) == compare.fingerprint({**made, "comparison": compare.compare(made, made)})


def as_schema_2(made):
    """The report as the collection wrote it before it told of every key."""
    old = json.loads(json.dumps({**made, "schema": 2}))
    for lab in old["labs"]:
        del lab["look"], lab["account_keys"], lab["changes"]
    return old


def as_schema_1(made):
    """The report as the collection wrote it before 1.1.0."""
    old = {**as_schema_2(made), "schema": 1}
    for lab in old["labs"]:
        del lab["not_looked_for"], lab["retired_keys"], lab["unseen"]
        for key in lab["access_keys"]:
            del key["last_use_known"]
    del old["summary"]["states"]["unknown"]
    return old


def test_a_report_of_the_earlier_schema_is_compared_with_and_kept(place):
    place.directory.mkdir()
    place.path("json").write_text(json.dumps(as_schema_1(report([situation("key_not_stored")]))))
    writing = run(report([situation("converged")], hours=1), place)
    assert writing.warnings == ()
    assert [found["code"] for found in writing.report["comparison"]["findings_gone"]] == ["unstored_live_key"]
    [kept] = (place.directory / "earlier").iterdir()
    assert files.load(kept)["summary"]["states"]["unknown"] == 0


@pytest.mark.parametrize("as_earlier", [as_schema_1, as_schema_2])
def test_a_report_of_an_earlier_schema_becomes_one_of_this_even_if_nothing_else_changed(place, as_earlier):
    place.directory.mkdir()
    place.path("json").write_text(json.dumps(as_earlier(report(outcomes(5)))))
    assert set(run(report(outcomes(5), hours=1), place).changed) == {*place.parts, "plan", "manifest"}
    assert json.loads(place.path("json").read_text())["schema"] == model.SCHEMA


@pytest.mark.parametrize("check_mode", [False, True])
def test_a_check_that_was_cut_short_writes_nothing_and_says_why(tmp_path, check_mode):
    directory = tmp_path / "reports"
    variables = {"fleet_report_directory": str(directory), "ansible_check_mode": check_mode}
    hostvars = {
        "lab-01": {**variables, "lab_account_outcome": situation("converged", lab="lab-01")},
        "lab-02": variables,
    }
    assert writing.is_wanted(hostvars["lab-01"])
    told = writing.write_cut_short(["lab-01", "lab-02"], (), hostvars)
    assert directory.exists() is not check_mode
    assert told == (writing.ONLY_FORESEEN if check_mode else str(directory / "fleet-report.html"))


def test_a_report_of_a_time_to_come_is_not_taken_for_this_runs(place):
    """A clock that was a year ahead wrote it, or somebody changed it: the manifest would vouch for its times."""
    run(report(outcomes(3), hours=24 * 365), place)
    second = run(report(outcomes(3)), place)
    assert second.report["generated"] == report([])["generated"]
    assert "json" in second.changed


def test_runs_that_end_at_once_write_one_after_the_other(place):
    """Each prepares from what the other has written: files of two runs would not fit the manifest of either."""
    with files.writing_alone(place):
        other = files.writing_alone(place, timeout=0.1)
        with pytest.raises(CollectionError, match="Another run has been writing the report") as caught, other:
            pass
        assert "fleet_report_directory" in caught.value.next_step
        run(report(outcomes(3)), place)
    with files.writing_alone(place, timeout=0.1):
        pass
    assert not [path for path in place.directory.iterdir() if path.name.endswith(".lock")]


def test_a_report_that_comes_to_nothing_leaves_no_directory(place):
    with files.writing_alone(place):
        pass
    assert not place.directory.exists()


def test_a_place_that_takes_no_lock_is_written_all_the_same(tmp_path):
    (tmp_path / "file").write_text("not a directory")
    with files.writing_alone(files.Place(tmp_path / "file")):
        pass
