# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every key in the report: the CSV with a row a key, the page to print, the findings as OCSF, and the manifest."""

from __future__ import annotations

import csv
import datetime
import hashlib
import html
import io
import json
import re

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import vocabulary
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys import journal
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import (
    build,
    evidence,
    files,
    merge,
    ocsf,
    tables,
)
from ansible_collections.labops.cloudresearch.tests.fixtures.outcomes import NOW, outcomes, situation
from ansible_collections.labops.cloudresearch.tests.fixtures.principals import change, key, principal, principals

# Of the changes that the fixture makes.
ACCOUNT = "000000000000"
SUSPENDED = "2026-11-20T09:00:00Z"


def report(*labs, hours=0):
    return build.build(labs, title="Labs", now=NOW + datetime.timedelta(hours=hours))


def lab(name="lab-01", *, found=(), changes=(), look=True, **changed):
    """A lab without keys of its own, in whose account these principals were found."""
    outcome = {**situation("converged", lab=name), "access_keys": [], "changes": list(changes), **changed}
    if look:
        outcome["principals"] = principals(outcome["account_id"], *found)
    return outcome


def rows(made):
    text = tables.keys_to_csv(made).removeprefix(tables.BYTE_ORDER_MARK)
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_a_row_for_every_key_of_every_user_that_was_seen():
    one, two, gone = key("AKIA0000000000000001"), key("AKIA0000000000000002", status="inactive"), key("AKIA000000GONE")
    tags = {f"labops-cloudresearch-suspended-{two['access_key_id']}": SUSPENDED}
    found = [
        principal("ada", keys=[one], how=["policy a", "group b"]),
        principal("bob", keys=[two], tags=tags, path="/people/"),
        principal("cyd", keys=[gone], mturk_right="unknown"),
        principal("readers", kind="group"),
    ]
    deleted = change("deleted", gone["access_key_id"], request_id="req-1")
    first, second, third = rows(report(lab(found=found, changes=[deleted])))
    assert (first["principal"], first["status"], first["mturk_right"]) == (
        "arn:aws:iam::000000000000:user/ada",
        "active",
        "yes",
    )
    assert (first["how"], first["owner"], first["looked_by"]) == (
        "policy a; group b",
        "foreign",
        principals("")["caller_arn"],
    )
    assert (second["status"], second["suspended_on"]) == ("inactive", SUSPENDED)
    assert second["principal"].endswith("user/people/bob")
    assert (third["status"], third["retired_on"], third["request_id"]) == ("deleted", deleted["time"], "req-1")
    assert third["mturk_right"] == "unknown"


@pytest.mark.parametrize(
    ("status", "tag", "suspended_on"),
    [
        ("inactive", SUSPENDED, SUSPENDED),
        ("inactive", f"{SUSPENDED} found inactive", SUSPENDED),
        ("inactive", "last week", ""),
        # In no year of the calendar in UTC. Anybody who may tag one lab's user can write it; the report is about all.
        ("inactive", "0001-01-01T00:00:00+14:00", ""),
        ("active", SUSPENDED, ""),
    ],
)
def test_since_when_a_key_is_suspended_is_told_of_keys_that_are(status, tag, suspended_on):
    tags = {"labops-cloudresearch-suspended-AKIA0000000000000001": tag}
    found = principal("ada", keys=[key("AKIA0000000000000001", status=status)], tags=tags)
    assert [row["suspended_on"] for row in rows(report(lab(found=[found])))] == [suspended_on]


def test_the_columns_begin_as_promised_and_each_field_is_quoted():
    text = tables.keys_to_csv(report(lab(found=[principal("=cmd", keys=[key("=1+1")])])))
    heading, row = text.removeprefix(tables.BYTE_ORDER_MARK).splitlines()
    promised = (
        "account_id principal access_key_id status created last_used last_used_service mturk_right how owner "
        "suspended_on retired_on request_id"
    )
    assert heading.startswith(",".join(f'"{name}"' for name in promised.split()))
    assert re.fullmatch(r'"[^"]*"(,"[^"]*")*', row)
    assert '"\'=1+1"' in row


def test_without_discovery_there_are_the_keys_of_the_labs_own_user():
    outcome = situation("converged")
    [row] = rows(report(outcome))
    assert row["access_key_id"] == outcome["access_keys"][0]["access_key_id"]
    assert (row["principal"], row["status"], row["owner"]) == (outcome["user"]["arn"], "active", "ours")
    assert (row["mturk_right"], row["looked_at"]) == ("yes", "")
    outcome["user"]["attached_policies"] = []
    assert rows(report(outcome))[0]["mturk_right"] == "unknown"


def test_a_key_of_the_lab_that_discovery_saw_too_is_one_row_and_stays_ours():
    outcome = situation("converged")
    own = outcome["access_keys"][0]
    arn = outcome["user"]["arn"]
    found = principal(vocabulary.DEFAULT_USER_NAME, keys=[key(own["access_key_id"], last_used="")])
    outcome["principals"] = principals(outcome["account_id"], {**found, "arn": arn})
    found["keys"].append(key(""))
    [row] = rows(report(outcome))
    assert (row["owner"], row["last_used"]) == ("ours", own["last_used"])


def test_what_is_deleted_stays_in_the_reports_that_follow(tmp_path):
    place = files.Place(tmp_path)
    one = key("AKIA0000000000000001")

    def run(outcome, hours):
        writing = files.prepare(report(outcome, hours=hours), place)
        files.write(writing, place)
        return writing

    first = lab(found=[principal("ada", keys=[one], how=["policy a"])])
    run(first, 0)
    plan_run = lab(
        changes=[change("deactivated", one["access_key_id"]), change("deleted", one["access_key_id"])], look=False
    )
    [row] = rows(run(plan_run, 1).report)
    assert (row["status"], row["how"], row["created"]) == ("deleted", "policy a", one["created"])
    assert row["suspended_on"] == row["retired_on"] == change("deleted", "x")["time"]
    second = run(lab(), 2)
    assert rows(second.report)[0]["retired_on"] == row["retired_on"]
    assert evidence.headline(evidence.accounts(second.report)) == "None left: 1 account was looked at in full"
    assert run(lab(), 3).changed == ()
    # A lab of another account that is called the same had no such key.
    assert rows(run({**lab(), "account_id": "999999999999"}, 4).report) == []


def journaled(place, *changes):
    with (place.directory / journal.NAME).open("a") as stream:
        stream.writelines(f"{json.dumps(each)}\n" for each in changes)


def test_what_a_killed_run_did_is_in_the_next_report(tmp_path):
    place = files.Place(tmp_path)
    one, two, three = (f"AKIA000000000000000{number}" for number in (1, 2, 3))
    found = [principal("ada", keys=[key(one), key(two), key(three)], how=["policy a"])]
    files.write(files.prepare(report(lab(found=found, account_id=ACCOUNT)), place), place)
    journaled(
        place,
        change("deactivated", one, request_id="req-1", time="2026-11-24T10:35:00Z"),
        change("deactivated", two, request_id="req-2", time="2026-11-24T10:36:00Z"),
        change("deleted", one, request_id="req-3", time="2026-11-24T10:37:00Z"),
        change("deleted", "AKIA0000000000000009", account_id="999999999999"),
        change("deactivated", three, request_id="req-4", time="2026-11-24T10:38:00Z"),
    )
    gone = {"access_key_id": one, "principal": "arn:aws:iam::000000000000:user/ada", "last_used": ""}
    lost = {**gone, "access_key_id": three}
    writing = files.prepare(report(lab(look=False, gone=[gone, lost], account_id=ACCOUNT), hours=1), place)
    files.write(writing, place)
    by_id = {row["access_key_id"]: row for row in rows(writing.report)}
    told = {
        key_id: [row[name] for name in ("status", "how", "suspended_on", "retired_on", "request_id")]
        for key_id, row in by_id.items()
    }
    assert told == {
        one: ["deleted", "policy a", "2026-11-24T10:35:00Z", "2026-11-24T10:37:00Z", "req-3"],
        two: ["inactive", "policy a", "2026-11-24T10:36:00Z", "", "req-2"],
        # Its deletion was never answered.
        three: ["deleted", "policy a", "2026-11-24T10:38:00Z", "", "req-4"],
    }
    page = evidence.to_html(writing.report).decode()
    assert "found it gone" in page and "CloudTrail, by the key" in page
    assert f"{hashlib.sha256((tmp_path / journal.NAME).read_bytes()).hexdigest()}  {journal.NAME}" in (
        place.path(files.MANIFEST).read_text()
    )
    # A look is newer than the journal: the key was made active again by hand, and nobody noted it.
    looked = files.prepare(report(lab(found=[principal("ada", keys=[key(two)])], account_id=ACCOUNT), hours=2), place)
    by_id = {row["access_key_id"]: row for row in rows(looked.report)}
    assert (by_id[two]["status"], by_id[two]["suspended_on"]) == ("active", "")
    assert {key_id for key_id, row in by_id.items() if row["status"] == "deleted"} == {one, three}


def test_what_was_known_of_a_lab_outlives_reports_about_other_labs(tmp_path):
    place = files.Place(tmp_path)
    one, two = "AKIA0000000000000001", "AKIA0000000000000002"
    for hours, made in enumerate(
        (
            lab(found=[principal("ada", keys=[key(one), key(two)], how=["policy a"])]),
            lab("lab-02", account_id="222222222222"),
            # A run that follows a plan tells of the keys that it changed only.
            lab(changes=[change("activated", two)], look=False),
            lab(changes=[change("deleted", one)], look=False),
        )
    ):
        writing = files.prepare(report(made, hours=hours), place)
        files.write(writing, place)
    assert [(row["status"], row["how"]) for row in rows(writing.report)] == [("deleted", "policy a")]


def test_an_account_has_none_left_only_where_all_of_it_was_seen():
    live, off = key("AKIA0000000000000001"), key("AKIA0000000000000002", status="inactive")
    unread = {"complete": False, "unread": [{"what": "the policies", "reason": "AccessDenied"}]}
    partly = lab("partly")
    partly["principals"].update(unread)
    made = report(
        lab(
            "clean",
            found=[
                principal("ada", keys=[live], mturk_right="no"),
                principal("bob", keys=[off], mturk_right="unknown"),
            ],
        ),
        lab("live", found=[principal("ada", keys=[live])]),
        lab("off", found=[principal("ada", keys=[off])]),
        lab("doubtful", found=[principal("ada", keys=[live], mturk_right="unknown")]),
        partly,
        lab("not-looked", look=False),
    )
    found = {account.lab["lab"]: account for account in evidence.accounts(made)}
    assert {name: str(account.verdict) for name, account in found.items()} == {
        "doubtful": "left",
        "live": "left",
        "off": "left",
        "not-looked": "not_known",
        "partly": "not_known",
        "clean": "none_left",
    }
    assert found["partly"].gaps == ["the policies: AccessDenied"]
    assert evidence.headline(list(found.values())) == (
        "3 keys are left in 3 accounts (2 live and 1 suspended); 2 accounts were not seen in full"
    )
    assert evidence.headline([found["partly"], found["clean"]]) == "None found, but 1 account was not seen in full"
    text = html.unescape(evidence.to_html(made).decode())
    assert "the policies: AccessDenied" in text
    assert evidence.NOT_LOOKED in text
    assert live["access_key_id"] in text


def test_a_lab_that_has_vanished_since_the_report_before_is_told(tmp_path):
    """Nobody looked at its account, and the page would speak of a fleet that has none left."""
    place = files.Place(tmp_path)
    old = lab("lab-02", found=[principal("ann", keys=[key("AKIAIOSFODNN7EXAMPLE")])], account_id="222233334444")
    files.write(files.prepare(report(lab(), old), place), place)
    writing = files.prepare(report(lab(), hours=1), place)
    page = html.unescape(re.sub(r"<[^>]+>", "", writing.contents["evidence"].decode()))
    assert "had 1 lab that this one has not, or not with the same account: lab-02." in page
    (told,) = writing.warnings
    assert "was also about 1 lab that is not in this run: lab-02." in told

    same_account = {**old, "lab": "renamed"}
    assert not files.prepare(report(lab(), same_account, hours=1), place).warnings
    other_account = {**old, "account_id": "999988887777"}
    assert files.prepare(report(lab(), other_account, hours=1), place).warnings
    out_of_reach = {**situation("account_out_of_reach"), "lab": "lab-02", "account_id": ""}
    assert not files.prepare(report(lab(), out_of_reach, hours=1), place).warnings


def test_an_account_of_two_labs_is_one_account_with_each_key_once():
    live = key("AKIA0000000000000001")
    found = [principal("ada", keys=[live])]
    made = report(
        lab("lab-01", look=False, account_id=ACCOUNT),
        lab("lab-02", found=found, account_id=ACCOUNT),
        lab("lab-03", found=found, account_id=ACCOUNT),
    )
    [account] = evidence.accounts(made)
    assert account.labs == ["lab-01", "lab-02", "lab-03"]
    assert [each["access_key_id"] for each in account.left] == [live["access_key_id"]]
    assert account.gaps == []
    assert evidence.headline([account]) == "1 key is left in 1 account (1 live)"
    text = evidence.to_html(made).decode()
    assert all(name in text for name in account.labs)


def test_the_page_tells_each_change_with_who_and_by_which_call():
    made = report(lab(changes=[change("deactivated", "AKIA0000000000000001", request_id="req-7")]))
    text = html.unescape(evidence.to_html(made).decode())
    for told in ("req-7", "deactivated", "AKIA0000000000000001", change("x", "y")["caller_arn"]):
        assert told in text


def test_no_text_becomes_markup_on_the_page():
    bad = "x'\"></td></style><script>alert(1)</script>{{ 7*7 }}"
    found = [principal(bad, keys=[key(bad, last_used_service=bad)], how=[bad])]
    outcome = lab(bad, found=found, changes=[change("deleted", bad, request_id=bad, caller_arn=bad, principal=bad)])
    outcome["principals"].update(caller_arn=bad, unread=[{"what": bad, "reason": bad}])
    text = evidence.to_html(report(outcome)).decode()
    assert "<script" not in text
    assert "{{ 7*7 }}" in text


def test_findings_are_ocsf_detection_findings():
    finding = pytest.importorskip("py_ocsf_models.events.findings.detection_finding")
    made = report(*outcomes(60))
    events = json.loads(ocsf.to_json(made))
    assert len(events) == sum(len(lab["findings"]) for lab in made["labs"]) > 0
    for event in events:
        read = finding.DetectionFinding.model_validate(event)
        # What the schema does not know would be dropped.
        assert json.loads(read.model_dump_json(exclude_none=True, exclude_unset=True)) == event
    assert len({event["finding_info"]["uid"] for event in events}) == len(events)
    later = json.loads(ocsf.to_json(report(*outcomes(60), hours=24)))
    assert [e["finding_info"]["uid"] for e in later] == [e["finding_info"]["uid"] for e in events]


def test_the_manifest_has_the_sum_of_each_file(tmp_path):
    place = files.Place(tmp_path)
    files.write(files.prepare(report(lab()), place), place)
    sums = dict(reversed(line.split("  ")) for line in place.path("manifest").read_text().splitlines())
    others = {path.name for path in tmp_path.iterdir()} - {"manifest.sha256"}
    assert sums == {name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in others}
    assert files.Place(tmp_path, name="other").path("manifest").name == "other-manifest.sha256"


def test_reports_are_merged_without_losing_a_key_and_events_are_no_reports(tmp_path):
    for number in (1, 2):
        place = files.Place(tmp_path / "slices", name=f"slice-{number}")
        found = [principal("ada", keys=[key(f"AKIA000000000000000{number}")])]
        made = report(lab(f"lab-{number}", found=found, changes=[change("deleted", f"AKIAGONE{number}")]))
        files.write(files.prepare(made, place), place)
    labs, _contacts = merge.labs_of(merge.find([str(tmp_path / "slices" / "*.json")], files.Place(tmp_path)))
    merged = report(*labs)
    assert [row["status"] for row in rows(merged)] == ["active", "deleted"] * 2
    assert all(each["look"]["complete"] for each in merged["labs"])


@pytest.mark.parametrize("principals_value", [None, [], "x", {"principals": "x"}, {"principals": [1, {"keys": [1]}]}])
def test_anything_in_place_of_principals_is_borne(principals_value):
    made = report({**situation("converged"), "principals": principals_value, "changes": principals_value})
    assert len(rows(made)) == 1
