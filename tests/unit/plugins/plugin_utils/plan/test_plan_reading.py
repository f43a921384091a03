# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan that people may have edited: what is followed, and what is refused with its line."""

from __future__ import annotations

import dataclasses
import datetime

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.plan import reading, writing
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.plan.shapes import (
    Plan,
    PlannedAccount,
    PlannedKey,
    UndecidedKey,
    user_name,
)

NOW = datetime.datetime(2026, 11, 24, 10, 40, tzinfo=datetime.UTC)


def key(number=1, account="000000000001", name="ada", **changes):
    return PlannedKey(
        **{
            "access_key_id": f"AKIA00000000000000{number:02d}",
            "user_arn": f"arn:aws:iam::{account}:user/people/{name}",
            "status": "active",
            "last_used": "2026-09-01T08:00:00Z",
            "last_used_service": "mturk-requester",
            "do": "retire",
            "why": "can call MTurk",
            **changes,
        }
    )


PLAN = Plan(
    NOW,
    (
        PlannedAccount(
            "000000000001",
            "lab-01",
            (key(1, why="can call MTurk: yes\nand # more"), key(2, last_used="", do="suspend")),
            (UndecidedKey(access_key_id="", user_arn="arn:aws:iam::000000000001:root", why="root's"),),
            looked_at="2026-11-24T10:30:00Z",
            caller_arn="arn:aws:sts::000000000001:assumed-role/R/s",
        ),
        PlannedAccount("000000000002", "lab ümlaut", (key(3, "000000000002"),)),
    ),
)
TEXT = writing.to_yaml(PLAN)


@pytest.fixture
def read(tmp_path):
    def reader(text):
        path = tmp_path / "retire-plan.yml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return reading.read(path)

    return reader


def refusal(read, text):
    with pytest.raises(CollectionError) as caught:
        read(text)
    assert "Nothing was changed." in caught.value.message
    assert caught.value.next_step
    return caught.value


def test_what_is_written_is_read_back(read):
    plan = read(TEXT)
    assert plan.made_at == PLAN.made_at
    assert [(a.account_id, a.lab, a.keys, a.undecided, a.looked_at, a.caller_arn) for a in plan.accounts] == [
        (a.account_id, a.lab, a.keys, a.undecided, a.looked_at, a.caller_arn) for a in PLAN.accounts
    ]


def test_a_plan_without_quotes_and_with_parts_taken_out_is_followed(read):
    lines = writing.to_yaml(dataclasses.replace(PLAN, accounts=PLAN.accounts[1:])).replace("'", "").splitlines()
    [account] = read("\n".join(lines)).accounts
    assert (account.account_id, account.keys[0]["last_used"]) == ("000000000002", "2026-09-01T08:00:00Z")
    lines = TEXT.splitlines()
    start = next(number for number, line in enumerate(lines) if "AKIA0000000000000002" in line)
    end = next(number for number, line in enumerate(lines) if line == "  undecided:")
    plan = read("\n".join(lines[:start] + lines[end:]))
    assert [key["access_key_id"][-2:] for account in plan.accounts for key in account.keys] == ["01", "03"]


def test_a_list_whose_entries_were_all_taken_out_is_empty(read):
    text = "\n".join(line for line in TEXT.splitlines() if "root" not in line and line.strip() != "- access_key_id: ''")
    assert read(text).accounts[0].undecided == ()


LINE = {line.strip(): number for number, line in reversed(list(enumerate(TEXT.splitlines(), start=1)))}


@pytest.mark.parametrize(
    ("old", "new", "problem", "begins"),
    [
        ("do: retire", "do: delete", "do is 'delete', and may be suspend or retire", "do: retire"),
        ("do: suspend", "do: [suspend]", "should be a text", "do: suspend"),
        ("do: suspend", "doo: suspend", "'doo' is not a field of a plan: is it do?", "do: suspend"),
        ("do: suspend", "do: suspend\n    do: suspend", "do is there twice", None),
        ("do: suspend", "do: !vault suspend", "should be a text", "do: suspend"),
        ("do: suspend", "do: true", "should be a text", "do: suspend"),
        ("AKIA0000000000000002", "AKIA0000000000000001", "key AKIA0000000000000001 is in the plan twice", None),
        ("AKIA0000000000000002", "ASIA0000000000000002", "is not the id of a user's access key", None),
        ("AKIA0000000000000002", "AKIA;rm -rf /", "is not the id of a user's access key", None),
        ("user/people/ada", "user/people/", "is not the ARN of an IAM user", None),
        ("user/people/ada", "role/people/ada", "is not the ARN of an IAM user", None),
        ("arn:aws:iam::000000000002:user", "arn:aws:iam::000000000001:user", "is not in account 000000000002", None),
        ("account_id: '000000000002'", "account_id: 2", "is not an account id", "- account_id: '000000000002'"),
        ("lab: lab ümlaut", "lab: lab-01", "lab lab-01 is in the plan twice", "lab: lab ümlaut"),
        ("lab: lab ümlaut", "lab: ''", "lab is empty", "lab: lab ümlaut"),
        ("lab: lab ümlaut", "lab: null", "should be a text", "lab: lab ümlaut"),
        ("last_used: '2026-09-01T08:00:00Z'", "last_used: yesterday", "is not a time", None),
        ("schema: 1", "schema: 2", "another version of the collection wrote it", "schema: 1"),
        ("schema: 1", "", "schema is missing", None),
        ("made_at: '2026-11-24T10:40:00Z'", "made_at: soon", "is not a time", "made_at: '2026-11-24T10:40:00Z'"),
        ("undecided: []", "undecided: 3", "should be a list", "undecided: []"),
        ("schema: 1", "schema: 1\n\tx: 2", "is not YAML", None),
    ],
)
def test_nonsense_is_refused_with_its_line(read, old, new, problem, begins):
    body = TEXT.index("schema: 1")
    assert old in TEXT[body:]
    error = refusal(read, TEXT[:body] + TEXT[body:].replace(old, new, 1))
    assert problem in error.message
    assert error.reason == "plan_invalid"
    assert ", line " in error.message
    if begins:
        assert f"line {LINE[begins]}:" in error.message


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"hello",
        b"\xff\xfe\x00",
        b"schema: 1\nmade_at: 2026-11-24T10:40:00Z\naccounts: []\n",
        b"schema: 1\nmade_at: 2026-11-24T10:40:00Z\naccounts:\n",
        b"a: &a [*a]",
        b"schema: 1\nmade_at: 2026-11-24T10:40:00Z\naccounts: &a\n- *a\n",
        b"[" * 100_000,
        b"- " * 5_000,
        b"schema: 1\n---\nschema: 1\n",
    ],
)
def test_what_is_no_plan_at_all_is_refused(read, text):
    assert refusal(read, text).reason == "plan_invalid"


def test_aliases_are_refused(read):
    text = TEXT.replace("status: active", "status: &s active", 1).replace("status: active", "status: *s", 1)
    assert "no aliases" in refusal(read, text).message


def test_a_file_that_is_not_there_or_is_a_directory(tmp_path):
    for path in (tmp_path / "missing.yml", tmp_path):
        with pytest.raises(CollectionError) as caught:
            reading.read(path)
        assert caught.value.reason == "plan_unreadable"


@pytest.mark.parametrize(
    ("days", "reason"), [(0, ""), (29.9, ""), (30.1, "plan_too_old"), (400, "plan_too_old"), (-1, "plan_invalid")]
)
def test_a_plan_holds_for_thirty_days(tmp_path, days, reason):
    path = tmp_path / "plan.yml"
    now = NOW + datetime.timedelta(days=days)
    if not reason:
        reading.check_age(PLAN, path, now)
        return
    with pytest.raises(CollectionError) as caught:
        reading.check_age(PLAN, path, now)
    assert caught.value.reason == reason


def test_names_come_from_arns_without_their_path():
    assert user_name("arn:aws:iam::000000000001:user/a/b/ada.l@x") == "ada.l@x"
    assert user_name("arn:aws-cn:iam::000000000001:user/ada") == "ada"
    assert user_name("arn:aws:iam::000000000001:root") == ""
