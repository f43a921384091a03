# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the report says first: every number in it is true, and what nobody saw is said."""

from __future__ import annotations

import datetime
import json

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import (
    build,
    decision,
    files,
    glance,
    key_counts,
    letters,
    matrix,
    packing,
    steps,
)
from ansible_collections.labops.cloudresearch.tests.fixtures import principals as seen
from ansible_collections.labops.cloudresearch.tests.fixtures.outcomes import NOW, converged_lab, outcomes, situation

PUBLIC = {"quarantined": True}
LONG_AGO, SINCE = "2026-09-29T23:59:59Z", "2026-09-30T00:00:00Z"


def lab(name, *found, account="111122223333", **changes):
    """A lab without keys of its own, in whose account a look found these principals."""
    look = seen.principals(account, *found, **changes.pop("look", {}))
    blank = {**converged_lab(name), "account_id": account, "access_keys": [], "principals": look}
    blank["user"]["exists"] = False
    blank["requester"]["production"]["available_balance"] = changes.pop("balance", None)
    return {**blank, **changes}


def user(name, *keys, **changes):
    arn = f"arn:aws:iam::111122223333:user/{name}"
    return seen.principal(name, keys=list(keys), arn=arn, **changes)


def report(*labs, **options):
    return build.build(list(labs), title="Labs", now=options.pop("now", NOW), **options)


def headline(*labs, **options):
    return decision.headline(report(*labs, **options))


def test_the_headline_counts_keys_in_the_words_of_who_decides():
    ada = user("ada", seen.key("AKIA1", last_used=SINCE), seen.key("AKIA2", last_used=LONG_AGO))
    eve = user("eve", seen.key("AKIA3", last_used=LONG_AGO), **PUBLIC)
    assert headline(lab("one", ada, eve), converged_lab("two")) == (
        "4 live keys with MTurk rights in 2 accounts; 1 found in public; 2 used since the closing; 3 that nobody "
        "declared; 1 account was not looked at in full."
    )


def test_a_fleet_that_is_as_declared_is_not_all_green_while_keys_live_after_the_closing():
    made = report(*[converged_lab(f"lab-{number}") for number in range(12)])
    assert glance.run_in_a_sentence(made).startswith("All 12 labs are as declared")
    assert decision.headline(made).startswith("12 live keys with MTurk rights in 12 accounts; ")
    assert steps.nothing_to_do(made) != "Nobody has anything to do."


@pytest.mark.parametrize(
    ("labs", "said"),
    [
        ([], "No lab was in this run."),
        ([lab("one")], "No live key with MTurk rights is left in 1 account."),
        (
            [lab("one"), situation("account_out_of_reach", lab="two")],
            "No live key with MTurk rights was seen; 1 account could not be read.",
        ),
        (
            [lab("one", look={"complete": False, "unread": [{"what": "users", "reason": "denied"}]})],
            "No live key with MTurk rights was seen; 1 account was not looked at in full.",
        ),
        (
            [lab("one", user("ada", seen.key("AKIA1"), mturk_right="unknown"))],
            "No live key with MTurk rights was seen; 1 key could not be judged.",
        ),
        (
            [lab("one", user("ada", seen.key("AKIA1", status="inactive")))],
            "No live key with MTurk rights is left in 1 account; 1 suspended key can be made active again.",
        ),
        ([lab("one", user("ada", seen.key("AKIA1"), mturk_right="no"))], "No live key with MTurk rights is left"),
    ],
)
def test_what_nobody_saw_is_never_none(labs, said):
    assert headline(*labs).startswith(said)


def test_labs_that_were_not_begun_could_not_be_read():
    assert headline(lab("one"), not_begun=["two", "three"]).endswith("; 2 accounts could not be read.")


def test_a_key_counts_once_in_an_account_that_labs_share():
    own, other = seen.key("AKIA1", last_used=LONG_AGO), seen.key("AKIA2", last_used=LONG_AGO)
    root = seen.principal("root", kind="root", keys=[seen.key(""), seen.key("")], arn="arn:aws:iam::111122223333:root")
    labs = [lab(name, user("first", own), user("second", other), root) for name in ("one", "two")]
    for each, key_id in zip(labs, ("AKIA1", "AKIA2"), strict=True):
        each["access_keys"] = [{"access_key_id": key_id, "status": "Active", "owner": "ours"}]
    counts = report(*labs)["summary"]["mturk_keys"]
    assert (counts["live"], counts["accounts"], counts["accounts_with_live_keys"]) == (4, 1, 1)
    assert counts["undeclared"] == 2  # root's: the others are one of the labs' own


def test_a_key_that_one_lab_deleted_is_gone_whatever_another_saw_before():
    [earlier] = report(lab("one", user("ada", seen.key("AKIA1"))))["labs"]
    deleted = {**earlier, "lab": "two", "finished": "2026-01-01T00:00:00Z"}
    deleted["account_keys"] = [{**earlier["account_keys"][0], "status": "deleted"}]
    assert [key["status"] for key in key_counts.keys_of([earlier, deleted])] == ["deleted"]


def test_departments_are_summed_up_with_most_to_do_first():
    made = report(
        lab("one", user("ada", seen.key("AKIA1", last_used=LONG_AGO)), account="111122223333"),
        lab("two", user("bob", seen.key("AKIA2", last_used=SINCE)), account="222233334444"),
        situation("account_out_of_reach", lab="three"),
        lab("four", account="444455556666"),
        departments={"one": "Law", "two": "Physics", "three": "Arts"},
    )
    rows = [(row.heading, row.counts["accounts"], row.numbers, row.not_in_full) for row in decision.departments(made)]
    assert rows == [
        ("Physics", 1, ["1", "1", "1"], 0),
        ("Law", 1, ["1", "0", "1"], 0),
        ("Arts", 1, ["not known"] * 3, 1),
        ("No department given", 1, ["0"] * 3, 0),
    ]
    assert decision.departments(report(lab("one"))) == []


def test_money_is_told_once_an_account_and_what_was_not_seen_as_well():
    shared = [lab(name, balance="10.50") for name in ("one", "two")]
    said = " ".join(decision.facts(report(*shared, lab("three", account="222233334444"))))
    assert "10.50 US dollars are left in 1 account. AWS announced refunds" in said
    assert "could not be seen in 1 account." in said
    assert "28 January 2027" in said
    assert "28 January" not in " ".join(decision.facts(report(lab("one"), now=NOW + datetime.timedelta(days=90))))


def test_the_table_names_the_worst_finding_and_the_key_that_needs_eyes_first():
    ada = user("ada", seen.key("AKIA1", last_used=LONG_AGO, last_used_service="s3"))
    other = user("bob", seen.key("AKIA2", last_used=SINCE))
    bad = {"code": "undeclared_key_used", "severity": "critical", "message": "", "next_step": "", "access_key_id": ""}
    made = report(lab("one", ada, other, findings=[{**bad, "code": "key_old", "severity": "medium"}, bad]))
    [row] = matrix.rows(made)
    assert (row.worst.word, row.worst.tone, row.more) == ("Undeclared key used since the closing", "crit", 1)
    cells = {cell.column: cell for cell in row.cells}
    assert (cells["key"].text, cells["key"].below) == ("AKIA2", "and 1 other")
    assert (cells["whose"].text, cells["whose"].below) == ("bob", "nobody declared")
    assert (cells["use"].text, cells["use"].below) == ("55 d ago", "mturk-requester")
    assert "department" not in cells
    assert [column.heading for column in matrix.columns(report(departments={"x": "Law"}, not_begun=["x"]))][5] == (
        "Department"
    )


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lab("one"), "none"),
        (converged_lab("one") | {"access_keys": []}, "none seen"),
        (situation("account_out_of_reach"), "not seen"),
        (lab("one", user("ada", seen.key("AKIA1", status="inactive"))), "1 suspended"),
    ],
)
def test_a_lab_without_a_live_key_says_what_that_means(made, said):
    [row] = matrix.rows(report(made))
    assert next(cell.instead for cell in row.cells if cell.column == "key") == said


def test_the_sandbox_is_no_row_of_the_counts():
    made = report(*outcomes(20))
    titles = [each.title for each in [*glance.keys_and_accounts(made), *glance.compositions(made)]]
    assert titles == ["Live keys", "Accounts", "Labs", "MTurk", "CloudResearch", "Findings"]
    keys = glance.keys_and_accounts(made)[0]
    assert keys.total == made["summary"]["mturk_keys"]["live"]


def run(made, place):
    writing = files.prepare(made, place)
    files.write(writing, place)
    return writing


def test_the_reports_that_are_in_the_directory_are_the_trend(tmp_path):
    place = files.Place(tmp_path)
    for day in range(3):
        keys = [seen.key(f"AKIA{number}") for number in range(3 - day)]
        made = report(lab("one", user("ada", *keys)), now=NOW + datetime.timedelta(days=day))
        last = run(made, place).report
    assert [point["mturk_keys"]["live"] for point in last["trend"]] == [3, 2]
    assert [row.counts["live"] for row in decision.course(last)] == [1, 2, 3]
    assert run({**made, "generated": "2026-11-26T11:40:00Z"}, place).changed == ()
    assert decision.course(report(lab("one"))) == []


def test_earlier_reports_of_older_schemas_count_and_what_is_none_is_told(tmp_path):
    place = files.Place(tmp_path)
    (tmp_path / "earlier").mkdir()
    old = json.loads(json.dumps(report(lab("one", user("ada", seen.key("AKIA1"))), now=NOW)))
    del old["trend"], old["summary"]["mturk_keys"], old["labs"][0]["department"]
    old["schema"] = 3
    (tmp_path / "earlier" / "fleet-report-20261124T104000Z.json").write_text(json.dumps(old))
    for name, content in (("1", "[]"), ("2", "{"), ("3", '{"schema": 4, "summary": {"labs": 1, "mturk_keys": {}}}')):
        (tmp_path / "earlier" / f"fleet-report-2026112{name}T000000Z.json").write_text(content)
    writing = run(report(lab("one"), now=NOW + datetime.timedelta(days=1)), place)
    assert [(point["generated"], point["mturk_keys"]["live"]) for point in writing.report["trend"]] == [
        ("2026-11-24T10:40:00Z", 1)
    ]
    assert len(writing.warnings) == 3
    assert "the trend leaves it out" in writing.warnings[0]


def test_next_steps_are_grouped_by_person_with_their_departments():
    ask = {"step": "link", "who": "person", "text": "Open the page.", "url": ""}
    labs = [lab(name, next_steps=[ask]) for name in ("one", "two", "three", "four")]
    contacts = {"one": "kim@x.example", "two": "Pat@x.example", "four": "pat@x.example"}
    made = report(*labs, contacts=contacts, departments={"two": "Law", "four": "Arts"})
    [list_] = steps.checklists(made)
    assert [(party.contact, party.departments, len(party.tasks)) for party in list_.parties] == [
        ("pat@x.example", ["Arts", "Law"], 2),
        ("kim@x.example", [], 1),
        ("", [], 1),
    ]
    assert list_.parties[0].mail.startswith("mailto:pat@x.example?subject=Next%20steps%20for%20your%20labs&body=")
    assert "Lab%20two" in list_.parties[0].mail and "Lab%20four" in list_.parties[0].mail
    assert list_.parties[2].mail == ""


def test_no_letter_says_that_an_excepted_key_is_taken_out_of_service():
    known = [{"arn": "", "name": "ada", "access_key_id": "", "reason": "ticket 4711", "until": "2027-03-31"}]
    excepted = lab("one", user("ada", seen.key("AKIA1")), known_principals=known)
    made = report(excepted, contacts={"one": "pi@x.example"})
    assert "; 1 excepted by the inventory." in decision.headline(made)
    assert letters.letters(made) == {}


def test_packed_reports_come_back_and_are_smaller():
    made = report(*outcomes(50))
    packed = packing.pack(made)
    assert packing.unpack(json.loads(packed)) == made
    assert len(packed) < 0.7 * len(json.dumps(made))
