# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
import functools
import json
import pathlib

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import vocabulary
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import finding_kinds
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.mturk.status import Status as RequesterStatus
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import build as building
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import compare, model
from ansible_collections.labops.cloudresearch.tests.fixtures import outcomes
from ansible_collections.labops.cloudresearch.tests.fixtures.outcomes import NOW, situation

SCHEMA_FILE = pathlib.Path(__file__).resolve().parents[5] / "roles/fleet_report/files/fleet-report.schema.json"


def build(labs, **options):
    return building.build(labs, title="Labs", now=NOW, **options)


def test_counts_are_those_of_the_labs():
    labs = [situation("converged"), situation("key_not_stored", lab="lab-02")]
    report = build(labs, not_begun=["lab-03"], interrupted=["lab-04"])
    summary = report["summary"]
    assert summary["labs"] == 4
    assert summary["states"] == {
        "failed": 1,
        "unknown": 1,
        "waiting_for_person": 0,
        "drifted": 0,
        "changed": 0,
        "converged": 2,
    }
    assert summary["findings"]["critical"] == 1
    assert summary["live_keys"] == {"total": 3, "stored": 2, "not_stored": 1, "foreign": 0, "not_known": 0}
    assert summary["requester"]["production"]["linked"] == 2
    assert summary["requester"]["production"]["not_checked"] == 2


def test_labs_that_were_not_begun_are_told_from_labs_in_the_middle():
    middle, before = build([], not_begun=["lab-10"], interrupted=["lab-09"])["labs"]
    assert (middle["lab"], middle["state"]) == ("lab-09", "failed")
    assert middle["steps"][0] == {
        "name": "observe",
        "status": "failed",
        "message": building.INTERRUPTED,
        "reason": "interrupted",
    }
    assert (before["lab"], before["state"]) == ("lab-10", "unknown")
    assert before["steps"][0] == {
        "name": "observe",
        "status": "unknown",
        "message": building.NOT_BEGUN,
        "reason": "not_begun",
    }
    assert middle["next_steps"][0]["who"] == before["next_steps"][0]["who"] == "operator"


def test_what_was_not_looked_for_and_what_was_retired_is_told():
    lab = {**situation("converged", operation="retire"), "state": "unknown"}
    lab["not_looked_for"] = [{"code": "unstored_live_key", "why": "The store is sealed.", "secret": "x"}, "junk"]
    lab["unseen"] = [
        {"part": "store", "message": "Sealed.", "reason": "x", "next_step": "Unseal it.", "secret": "x"},
        7,
    ]
    lab["retired_keys"] = [
        {
            "access_key_id": "AKIAOLD",
            "deactivated": True,
            "deactivated_at": "2026-11-24T12:00:00+02:00",
            "deleted": False,
            "deleted_at": None,
            "secret": "x",
        }
    ]
    [shown] = build([lab])["labs"]
    assert shown["state"] == "unknown"
    assert shown["not_looked_for"] == [{"code": "unstored_live_key", "why": "The store is sealed."}]
    assert shown["unseen"] == [{"part": "store", "message": "Sealed.", "reason": "x", "next_step": "Unseal it."}]
    [key] = shown["retired_keys"]
    assert (key["access_key_id"], key["deactivated"], key["deactivated_at"]) == (
        "AKIAOLD",
        True,
        "2026-11-24T10:00:00Z",
    )
    assert (key["deleted"], key["deleted_at"]) == (False, "")
    assert "secret" not in key


def test_what_was_not_looked_at_is_not_told_as_nothing():
    lab = situation("converged")
    lab["user"].update(inline_policies=None, groups=None, console_access=None)
    lab["access_keys"][0].update(last_used=None, last_use_known=False)
    [shown] = build([lab])["labs"]
    assert shown["user"]["inline_policies"] is shown["user"]["groups"] is shown["user"]["console_access"] is None
    assert shown["access_keys"][0]["last_use_known"] is False


def test_a_key_whose_record_is_lost_is_neither_a_strangers_nor_simply_not_stored():
    lab = situation("converged")
    lab["access_keys"][0].update(owner="unknown", stored=False)
    assert build([lab])["summary"]["live_keys"] == {
        "total": 1,
        "stored": 0,
        "not_stored": 0,
        "foreign": 0,
        "not_known": 1,
    }


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
        assert [step["name"] for step in lab["steps"]] == list(vocabulary.STEPS)


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
    "field",
    [
        "steps",
        "next_steps",
        "findings",
        "drift",
        "user",
        "access_keys",
        "requester",
        "link",
        "lab",
        "not_looked_for",
        "retired_keys",
        "unseen",
    ],
)
def test_junk_in_an_outcome_does_not_break_the_report(field, junk):
    lab = situation("key_not_stored")
    lab[field] = junk
    assert build([lab])["summary"]["labs"] == 1


def test_control_characters_do_not_get_in():
    lab = {**situation("key_not_stored"), "lab": "a\x00b\x1b[31mc\ud800d\x9b2J"}
    lab["findings"][0]["message"] = "up\u202egnp.exe\u2069 to \x1b]8;;http://evil.example\x07here\x1b]8;;\x07"
    lab["user"]["groups"] = ["staff\u200b\r\nadmins"]
    [shown] = build([lab])["labs"]
    assert shown["lab"] == "abcd"
    assert shown["findings"][0]["message"] == "upgnp.exe to here"
    assert shown["user"]["groups"] == ["staff admins"]


def test_severities_are_those_of_the_findings():
    assert tuple(build([])["summary"]["findings"]) == finding_kinds.SEVERITIES


def test_it_fits_its_schema():
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads(SCHEMA_FILE.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    labs = outcomes.outcomes(60) + outcomes.hostile_outcomes()
    labs.append(situation("store_sealed", lab="sealed"))
    labs.append(situation("retired", lab="retired"))
    labs[1]["user"] = {**labs[1]["user"], "groups": None, "console_access": None} if labs[1]["user"] else None
    report = build(labs, not_begun=["gone"], interrupted=["half"], contacts={labs[0]["lab"]: "pi@uni.example"})
    validator.validate(report)
    earlier = build(outcomes.outcomes(50, seed=2))
    validator.validate({**report, "comparison": compare.compare(earlier, report)})
    for name in outcomes.SITUATIONS:
        changed = build([situation(name)])
        validator.validate({**changed, "comparison": compare.compare(build([situation("converged")]), changed)})
    assert not validator.is_valid({**report, "password": "x"})
    for broken in faulty(report):
        assert not validator.is_valid(broken)


def faulty(report):
    """The report without each of its fields in turn, and with one more in each of its objects."""
    comparison = compare.compare(build(outcomes.outcomes(50, seed=2)), report)
    report = {**report, "comparison": comparison, "labs": [lab for lab in report["labs"] if lab["access_keys"]][:1]}

    def places(value, path=()):
        if isinstance(value, dict):
            yield path
        for name, item in value.items() if isinstance(value, dict) else enumerate(value[:1]):
            if isinstance(item, (dict, list)):
                yield from places(item, (*path, name))

    for path in places(report):
        names = list(functools.reduce(lambda value, name: value[name], path, report))
        for name in [*names, "password"]:
            broken = copy.deepcopy(report)
            place = functools.reduce(lambda value, step: value[step], path, broken)
            if name in place:
                del place[name]
            else:
                place[name] = "x"
            yield broken


def test_the_schema_knows_the_words_of_the_report():
    schema = json.loads(SCHEMA_FILE.read_text())
    defs = schema["$defs"]
    assert schema["properties"]["schema"]["const"] == model.SCHEMA
    assert schema["$id"].endswith(f":{model.SCHEMA}")
    for name, words in (
        ("state", vocabulary.OutcomeState),
        ("operation", vocabulary.Operation),
        ("requester_status", RequesterStatus),
        ("who", vocabulary.Who),
        ("severity", finding_kinds.SEVERITIES),
        ("link_status", vocabulary.LINK_STATUSES),
        ("step_name", vocabulary.STEPS),
        ("environment_name", vocabulary.ENVIRONMENTS),
    ):
        assert defs[name]["enum"] == [str(word) for word in words], name
    assert defs["step"]["properties"]["status"]["enum"] == [str(word) for word in model.StepStatus]
    # Where names are limited to the words, as many as there are words must be there.
    for name, each in defs["summary"]["properties"].items():
        if "propertyNames" in each:
            words = defs[each["propertyNames"]["$ref"].removeprefix("#/$defs/")]["enum"]
            assert each["minProperties"] == len(words), name
    assert defs["requester_counts"]["minProperties"] == len(RequesterStatus)
