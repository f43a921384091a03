# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import pathlib

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import finding_kinds
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import compare, model
from ansible_collections.labops.cloudresearch.tests.fixtures import outcomes
from ansible_collections.labops.cloudresearch.tests.fixtures.outcomes import NOW, situation


def build(labs, **options):
    return model.build(labs, title="Labs", now=NOW, **options)


def test_counts_are_those_of_the_labs():
    report = build([situation("converged"), situation("key_not_stored", lab="lab-02")], missing_labs=["lab-03"])
    summary = report["summary"]
    assert summary["labs"] == 3
    assert summary["states"] == {"failed": 1, "waiting_for_person": 0, "drifted": 0, "changed": 0, "converged": 2}
    assert summary["findings"]["critical"] == 1
    assert summary["live_keys"] == {"total": 3, "stored": 2, "not_stored": 1, "foreign": 0, "not_known": 0}
    assert summary["requester"]["production"]["linked"] == 2
    assert summary["requester"]["production"]["not_checked"] == 1


def test_a_lab_without_an_outcome_is_there_and_failed():
    [lab] = build([], missing_labs=["lab-09"])["labs"]
    assert (lab["lab"], lab["state"]) == ("lab-09", "failed")
    assert lab["steps"][0] == {
        "name": "observe",
        "status": "failed",
        "message": model.NO_OUTCOME,
        "reason": "no_outcome",
    }
    assert lab["next_steps"][0]["who"] == "operator"


def test_only_known_fields_get_in():
    lab = situation("converged")
    lab["password"] = "hunter2"
    lab["user"]["password"] = "hunter2"
    lab["access_keys"][0]["secret"] = "hunter2"
    lab["user"]["tags"]["note"] = "hunter2"
    lab["requester"]["production"]["raw"] = "hunter2"
    lab["requester"]["staging"] = {"status": "hunter2"}
    assert "hunter2" not in json.dumps(build([lab]))


def test_words_that_are_not_known_do_not_get_in():
    lab = situation("converged")
    lab.update(state="exploded", operation="<b>")
    lab["access_keys"][0]["status"] = "<b>"
    lab["requester"]["production"]["status"] = "<b>"
    [shown] = build([lab])["labs"]
    assert (shown["state"], shown["operation"], shown["access_keys"][0]["status"]) == ("failed", "", "")
    assert shown["requester"]["production"]["status"] == "not_checked"


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://requester.mturk.com/developer", True),
        ("http://127.0.0.1:8080/developer", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ('https://x/"onclick=', False),
        ("//evil.example", False),
    ],
)
def test_only_web_addresses_become_links(url, kept):
    lab = situation("waits_for_requester")
    lab["next_steps"][0]["url"] = url
    assert build([lab])["labs"][0]["next_steps"][0]["url"] == (url if kept else "")


@pytest.mark.parametrize("address", ["pi@uni.example", "p.i+lab@uni.example"])
def test_contacts_are_addresses(address):
    assert build([situation("converged")], contacts={"lab-01": address})["labs"][0]["contact"] == address


@pytest.mark.parametrize("address", ["pi", "a@b?cc=c@d", "a@b,c@d", "<pi@uni.example>", "a b@c", "a@b\nbcc:c@d"])
def test_what_is_no_address_is_no_contact(address):
    assert build([situation("converged")], contacts={"lab-01": address})["labs"][0]["contact"] == ""


def test_times_are_utc():
    lab = situation("converged")
    lab["started"] = "2026-11-24T12:00:00+02:00"
    report = build([lab])
    assert report["labs"][0]["started"] == "2026-11-24T10:00:00Z"
    assert report["generated"] == "2026-11-24T10:40:00Z"


def test_labs_are_sorted_as_people_count():
    names = [lab["lab"] for lab in build([situation("converged", lab=f"lab-{n}") for n in (10, 2, 1)])["labs"]]
    assert names == ["lab-1", "lab-2", "lab-10"]


def test_two_labs_of_one_name_stay_two():
    names = [lab["lab"] for lab in build([situation("converged"), situation("changed")])["labs"]]
    assert names == ["lab-01", "lab-01 #2"]


def test_every_lab_has_every_step_in_order():
    for lab in build(outcomes.outcomes(40))["labs"]:
        assert [step["name"] for step in lab["steps"]] == list(model.vocabulary.STEPS)


def test_an_audit_says_which_steps_a_run_would_take():
    lab = situation("not_onboarded")
    statuses = {step["name"]: step["status"] for step in build([lab])["labs"][0]["steps"]}
    assert statuses["iam_user"] == "to_do"
    assert statuses["retire"] == "ok"
    # Without the list of missing steps, a step that was skipped for a reason is one that a run would take.
    del lab["missing"]
    lab["steps"] += [{"name": "iam_user", "status": "skipped", "message": "The user does not exist."}]
    lab["steps"] += [{"name": "retire", "status": "skipped", "message": ""}]
    statuses = {step["name"]: step["status"] for step in build([lab])["labs"][0]["steps"]}
    assert (statuses["iam_user"], statuses["retire"]) == ("to_do", "skipped")


def test_a_lab_that_was_not_seen_has_no_step_that_is_ok():
    lab = situation("account_out_of_reach")
    statuses = [step["status"] for step in build([lab])["labs"][0]["steps"]]
    assert statuses == ["failed", *["not_run"] * 5]


@pytest.mark.parametrize("junk", [None, 7, "text", [], {}, [None], [1, "a"], {"a": []}])
@pytest.mark.parametrize(
    "field", ["steps", "next_steps", "findings", "drift", "user", "access_keys", "requester", "link", "lab"]
)
def test_junk_in_an_outcome_does_not_break_the_report(field, junk):
    lab = situation("key_not_stored")
    lab[field] = junk
    assert build([lab])["summary"]["labs"] == 1


def test_control_characters_do_not_get_in():
    [lab] = build([{**situation("converged"), "lab": "a\x00b\x1bc\ud800d"}])["labs"]
    assert lab["lab"] == "a\ufffdb\ufffdc\ufffdd"


def test_severities_are_those_of_the_findings():
    assert tuple(build([])["summary"]["findings"]) == finding_kinds.SEVERITIES


def test_it_fits_its_schema():
    jsonschema = pytest.importorskip("jsonschema")
    root = pathlib.Path(__file__).resolve().parents[5]
    schema = json.loads((root / "roles/fleet_report/files/fleet-report.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    labs = outcomes.outcomes(60) + outcomes.hostile_outcomes()
    report = build(labs, missing_labs=["gone"], contacts={labs[0]["lab"]: "pi@uni.example"})
    validator.validate(report)
    earlier = build(outcomes.outcomes(50, seed=2))
    validator.validate({**report, "comparison": compare.compare(earlier, report)})
    for name in outcomes.SITUATIONS:
        changed = build([situation(name)])
        validator.validate({**changed, "comparison": compare.compare(build([situation("converged")]), changed)})
    assert not validator.is_valid({**report, "password": "x"})
