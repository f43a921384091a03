# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import json

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import build, files, merge
from ansible_collections.labops.cloudresearch.tests.fixtures.outcomes import NOW, hostile_outcomes, outcomes, situation


def report(labs, **options):
    return build.build(labs, title="Labs", now=NOW, **options)


def slice_of(directory, name, labs, **options):
    """A slice's report on disk."""
    place = files.Place(directory, name=name, formats=("json",))
    files.write(files.prepare(report(labs, **options), place), place)
    return place.path("json")


def merged(paths):
    labs, contacts = merge.labs_of(paths)
    return report(labs, contacts=contacts)


def test_slices_together_are_what_one_run_would_have_reported(tmp_path):
    labs = [*outcomes(24), *hostile_outcomes()]
    # Names are made unique in each report; these are so already.
    labs = list({lab["lab"]: lab for lab in labs}.values())
    contacts = {lab["lab"]: f"lab{number}@uni.example" for number, lab in enumerate(labs)}
    paths = [
        slice_of(tmp_path, f"slice-{number}", labs[number::3], contacts=contacts, not_begun=[f"lost-{number}"])
        for number in range(3)
    ]
    assert merged(paths) == report(labs, contacts=contacts, not_begun=["lost-0", "lost-1", "lost-2"])


def test_of_a_lab_in_two_slices_the_later_run_counts(tmp_path):
    early, late, lost = situation("key_not_stored"), situation("converged"), situation("converged")
    early["ended"], late["ended"] = "2026-11-24T10:00:00Z", "2026-11-24T11:00:00Z"
    paths = [slice_of(tmp_path, name, [lab]) for name, lab in (("late", late), ("early", early))]
    paths.append(slice_of(tmp_path, "lost", [], not_begun=[lost["lab"]]))
    (lab,) = merged(paths)["labs"]
    assert lab["finished"] == late["ended"]
    assert lab["state"] == "converged"


@pytest.mark.parametrize(("minutes", "state"), [(60, "failed"), (-60, "converged")])
def test_a_run_that_was_cut_short_in_the_middle_of_a_lab_counts_when_it_was_the_last(tmp_path, minutes, state):
    """It may have changed what an earlier run saw, so that nobody knows whether the lab is well any more."""
    seen = situation("converged")
    ended = datetime.datetime.fromisoformat(seen["ended"])
    cut = build.build([], title="Labs", now=ended + datetime.timedelta(minutes=minutes), interrupted=[seen["lab"]])
    place = files.Place(tmp_path, name="cut", formats=("json",))
    files.write(files.prepare(cut, place), place)
    (lab,) = merged([slice_of(tmp_path, "whole", [seen]), place.path("json")])["labs"]
    assert lab["state"] == state


def test_labs_of_two_accounts_are_two_labs(tmp_path):
    here, there = situation("converged"), situation("converged")
    there["account_id"] = "999999999999"
    paths = [slice_of(tmp_path, name, [lab]) for name, lab in (("here", here), ("there", there))]
    assert len(merged(paths)["labs"]) == 2


def test_patterns_find_all_but_the_report_itself(tmp_path):
    for name in ("slice-1", "slice-2", "all"):
        slice_of(tmp_path, name, outcomes(1))
    found = merge.find([str(tmp_path / "*.json"), str(tmp_path / "slice-1.json")], files.Place(tmp_path, name="all"))
    assert [path.stem for path in found] == ["slice-1", "slice-2"]


def test_a_slice_that_is_not_there_is_told(tmp_path):
    with pytest.raises(CollectionError, match=r"no report .*slice-3\.json") as caught:
        merge.find([str(tmp_path / "slice-3.json")], files.Place(tmp_path))
    assert "has to be run again" in caught.value.next_step


def test_labs_that_no_slice_reports_are_unknown(tmp_path):
    paths = [slice_of(tmp_path, "slice-1", [{**situation("converged"), "lab": name} for name in ("lab-1", "chem")])]
    labs, _contacts = merge.labs_of(paths)
    hostvars = {"lab-1": {}, "lab-2": {"lab_account_lab": "chem"}, "lab-3": {"lab_account_lab": "bio"}}
    missing = merge.without_report([*hostvars, "gone"], labs, hostvars)
    assert missing == ["lab-3", "gone"]
    told = {lab["lab"]: lab for lab in report(labs, not_reported=missing)["labs"]}
    assert {name: lab["state"] for name, lab in told.items()} == {
        **dict.fromkeys(("lab-1", "chem"), "converged"),
        **dict.fromkeys(missing, "unknown"),
    }
    for name in missing:
        assert told[name]["steps"][0]["reason"] == "not_reported"
        assert told[name]["next_steps"][0]["text"] == "Run the lab's slice again, then merge the reports again."


def test_reports_that_are_nested_too_deep_are_none(tmp_path):
    deep = "[" * 100_000 + "]" * 100_000
    page = files.PARTS["html"].render(report([situation("converged")])).decode()
    begin, data, end = page.partition('{"names":')
    assert data
    for name, text in (
        ("a.json", deep),
        ("b.json", f'{{"schema": 4, "labs": {deep}}}'),
        ("c.html", begin + deep + end),
    ):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        with pytest.raises(CollectionError, match="is not a fleet report"):
            merge.labs_of([path])


def test_a_report_to_compare_with_holds_nothing_that_a_report_may_not_hold(tmp_path):
    path = slice_of(tmp_path, "before", [situation("converged")])
    before = json.loads(path.read_text())
    now = report([situation("key_not_stored")])
    for field, hostile in (("status", ["linked"]), ("status", 1.5), ("status", "\x1b[2Jlinked"), ("status", "\ud800")):
        before["labs"][0]["link"][field] = hostile
        path.write_text(json.dumps(before))
        prepared = files.prepare(now, files.Place(tmp_path / "now"), path)
        (moved,) = prepared.report["comparison"]["link"] or [{"before": "unknown"}]
        assert moved["before"] == "unknown"
        assert prepared.contents["html"]


@pytest.mark.parametrize(("hours", "told"), [(2, False), (24, False), (25, True), (24 * 9, True)])
def test_slices_of_different_days_are_told(tmp_path, hours, told):
    """What a slice saw nine days ago is no news of today, though the report was made today."""
    late = [{**situation("converged"), "lab": "new", "ended": "2026-11-24T11:00:00Z"}]
    before = datetime.datetime(2026, 11, 24, 11, tzinfo=datetime.UTC) - datetime.timedelta(hours=hours)
    early = [{**situation("converged"), "lab": "old", "ended": f"{before:%Y-%m-%dT%H:%M:%SZ}"}]
    paths = [slice_of(tmp_path, name, labs) for name, labs in (("late", late), ("early", early))]
    paths.append(slice_of(tmp_path, "lost", [], not_begun=["never"]))
    found = merge.warnings(merge.labs_of(paths)[0])
    assert bool(found) is told
    if told:
        assert f"lab old was seen on {before:%Y-%m-%d}, the last one on 2026-11-24" in found[0]
