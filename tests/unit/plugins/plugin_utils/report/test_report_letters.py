# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import email
import email.policy

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import build, files, letters
from ansible_collections.labops.cloudresearch.tests.fixtures.outcomes import NOW, converged_lab
from ansible_collections.labops.cloudresearch.tests.fixtures.principals import key, principal, principals

KEY = "AKIAEXAMPLE000000001"


def lab(name, **changes):
    account_id = changes.pop("account_id", "111122223333")
    used = key(KEY, created="2020-01-01T00:00:00Z", last_used="2026-10-05T08:00:00Z")
    found = principal(
        "old", arn=f"arn:aws:iam::{account_id}:user/old", how=["AmazonMechanicalTurkFullAccess"], keys=[used]
    )
    return {
        **converged_lab(name),
        "account_id": account_id,
        "principals": principals(account_id, found),
        **changes,
    }


def written(labs, contacts, now=NOW):
    report = build.build(labs, title="Labs", now=now, contacts=contacts)
    return {
        name: email.message_from_bytes(content, policy=email.policy.default)
        for name, content in letters.letters(report).items()
    }


def test_one_letter_a_person_about_all_their_labs_and_no_one_elses():
    people = {"one": "Pat@example.edu", "two": "pat@example.edu", "three": "kim@example.edu"}
    found = written([lab("one"), lab("two"), lab("three"), lab("four")], people)
    assert sorted(message["To"].casefold() for message in found.values()) == ["kim@example.edu", "pat@example.edu"]
    [pats] = [message for message in found.values() if message["To"] == "Pat@example.edu"]
    text = pats.get_content()
    assert "one (AWS account" in text and "two (AWS account" in text and "three" not in text and "four" not in text
    assert pats["Subject"] == "Amazon Mechanical Turk access of 2 labs"


def test_it_says_what_is_live_what_is_left_and_until_when():
    [message] = written([lab("one")], {"one": "pi@example.edu"}).values()
    text = message.get_content()
    assert f"The access key {KEY} can use Mechanical Turk and is active; it was last used on 5 October 2026." in text
    assert "Mechanical Turk closed on 30 September 2026" in text and "28 January 2027" in text
    assert "US dollars are left" in text and "AWS support" in text


def test_nothing_is_said_of_a_day_that_is_over():
    [message] = written([lab("one")], {"one": "pi@example.edu"}, now=NOW + datetime.timedelta(days=90)).values()
    assert "transaction history" not in message.get_content()


def test_what_the_person_is_to_do_is_in_it_and_no_command():
    step = {
        "step": "link",
        "who": "person",
        "text": "Sign in and open the page. If it is not needed, retire it (playbook labops.cloudresearch.retire).",
        "url": "https://app.cloudresearch.com/",
    }
    operators = {"step": "retire", "who": "operator", "text": "Find the owner.", "url": ""}
    [message] = written([lab("one", next_steps=[step, operators])], {"one": "pi@example.edu"}).values()
    text = message.get_content().replace("\r\n", "\n")
    assert "1. Sign in and open the page.\n   https://app.cloudresearch.com/\n" in text
    assert "labops" not in text and "Find the owner" not in text


def test_labs_without_an_address_are_told(tmp_path):
    place = files.Place(tmp_path, letters=True)
    report = build.build([lab("one"), lab("two")], title="Labs", now=NOW, contacts={"one": "pi@example.edu"})
    told = "No letter was written about 1 lab that has no e-mail address (lab_contact_email): two."
    assert told in files.prepare(report, place).warnings
    assert not files.prepare(report, files.Place(tmp_path)).warnings


def test_a_lab_that_leaves_nothing_to_say_is_in_no_letter():
    quiet = lab("one")
    quiet["principals"]["principals"] = []
    quiet["access_keys"] = []
    quiet["requester"]["production"]["available_balance"] = "0.00"
    assert written([quiet], {"one": "pi@example.edu"}) == {}


@pytest.mark.parametrize("address", ["a@example.edu\r\nBcc: all@example.edu", "a b@example.edu", "=?utf-8?q?x?= <a@b>"])
def test_an_address_that_is_none_gets_no_letter(address):
    assert written([lab("one")], {"one": address}) == {}


def test_addresses_that_look_alike_as_file_names_are_kept_apart():
    assert letters.file_name("a/b@example.edu") != letters.file_name("a_b@example.edu")
    assert "/" not in letters.file_name("../../x@example.edu") and letters.file_name("../x@y").endswith(".eml")


def test_letters_are_files_of_the_report_and_go_when_they_are_outdated(tmp_path):
    place = files.Place(tmp_path / "reports", letters=True)

    def run(contacts):
        writing = files.prepare(build.build([lab("one")], title="Labs", now=NOW, contacts=contacts), place)
        files.write(writing, place)
        return writing

    first = run({"one": "pi@example.edu"})
    name = letters.file_name("pi@example.edu")
    directory = place.directory / letters.DIRECTORY
    assert f"letters/{name}" in first.changed and [path.name for path in directory.iterdir()] == [name]
    assert f"  letters/{name}\n" in place.path("manifest").read_text()
    assert run({"one": "pi@example.edu"}).changed == ()
    theirs = directory / "a-draft-of-mine.eml"
    theirs.write_text("Subject: mine\n\n")
    run({"one": "dean@example.edu"})
    assert sorted(path.name for path in directory.iterdir()) == sorted(
        [theirs.name, letters.file_name("dean@example.edu")]
    )


@pytest.mark.parametrize("contact", ["a@[", "a@[b", "[]@x", "a@b]", "a..b@uni.example", ".@.", "a.@b", "a@b.", "a@.b"])
def test_what_is_no_address_keeps_nobody_from_a_letter(contact):
    """Python's own writer of mails fails at some of these."""
    labs = [lab("lab-01"), lab("lab-02")]
    (letter,) = written(labs, {"lab-01": contact, "lab-02": "pi@uni.example"}).values()
    assert (letter["To"], "lab-02" in letter["Subject"]) == ("pi@uni.example", True)


def test_a_moment_of_no_calendar_is_not_known_and_one_of_long_ago_is_told():
    for moment, told in (("0001-01-01T00:00:00+23:59", "never used"), ("0999-01-01T00:00:00Z", "1 January 999")):
        used = key(KEY, created="2020-01-01T00:00:00Z", last_used=moment)
        found = principal("old", how=["AmazonMechanicalTurkFullAccess"], keys=[used])
        (letter,) = written(
            [lab("lab-01", principals=principals("111122223333", found))], {"lab-01": "pi@uni.example"}
        ).values()
        assert told in letter.get_content()
