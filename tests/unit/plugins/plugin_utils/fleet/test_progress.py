# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.fleet import progress
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.fleet.progress import Lab, NextStep

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
LINK_URL = "https://requester.mturk.com/developer"


def outcome(state: str, **parts: t.Any) -> dict[str, t.Any]:
    return {"schema": 1, "lab": "lab-01", "state": state, "steps": [], "next_steps": [], **parts}


def line(state: str, **parts: t.Any) -> str:
    return progress.lab_line(progress.lab_from_outcome("lab-01", outcome(state, **parts)))[0]


def texts(lines: list[progress.Line]) -> list[str]:
    return [text for text, _state in lines]


def test_a_lab_that_changed_names_its_steps() -> None:
    steps = [
        {"name": "observe", "status": "ok"},
        {"name": "iam_user", "status": "changed"},
        {"name": "link", "status": "changed"},
    ]
    assert line("changed", steps=steps) == "changed             lab-01  iam_user, link"
    assert line("changed", steps=steps, check_mode=True) == "changed (check mode)  lab-01  would change iam_user, link"


def test_a_waiting_lab_names_the_next_step_with_its_link() -> None:
    step = {"step": "requester", "who": "person", "text": "Link this account.", "url": LINK_URL}
    assert line("waiting_for_person", next_steps=[step]).endswith(f"requester: Link this account. {LINK_URL}")


def test_a_failed_lab_names_each_step_that_failed() -> None:
    steps = [{"name": "link", "status": "failed", "message": "Sign-in refused."}, {"name": "retire", "status": "ok"}]
    assert line("failed", steps=steps) == "failed              lab-01  link: Sign-in refused."
    assert line("failed", message="Cannot assume the role.").endswith("Cannot assume the role.")


def test_what_to_do_is_said_in_its_own_place_only() -> None:
    message = f"Sign-in refused. Next step: Look at {LINK_URL}."
    step = {"step": "link", "text": f"Look at {LINK_URL}.", "url": LINK_URL, "who": "operator"}
    parts = outcome("failed", steps=[{"name": "link", "status": "failed", "message": message}], next_steps=[step])
    lab = progress.lab_from_outcome("lab-01", parts)
    assert progress.lab_line(lab)[0].endswith("link: Sign-in refused.")
    assert lab.problems == ["link: Sign-in refused."]
    assert texts(progress.table_lines([lab], None))[1].count(LINK_URL) == 1
    failed = progress.lab_from_failure("lab-01", "Link", {"msg": message, "next_step": f"Look at {LINK_URL}."})
    assert failed.summary == "Link: Sign-in refused."
    # Without a next step of its own, nothing is cut off.
    assert message in progress.lab_from_failure("lab-01", "Link", {"msg": message}).summary


def test_a_failure_that_repeats_the_outcome_is_recognised() -> None:
    lab = progress.lab_from_outcome("lab-01", outcome("failed", message="It went\nwrong."))
    assert progress.says_the_same(lab, {"msg": "It went wrong."})
    assert not progress.says_the_same(lab, {"msg": "Something else."})
    assert not progress.says_the_same(progress.lab_from_outcome("lab-01", outcome("failed")), {})
    assert not progress.says_the_same(progress.lab_from_outcome("x", outcome("changed", message="a")), {"msg": "a"})
    assert not progress.says_the_same(None, {"msg": "a"})


def test_findings_are_counted_by_severity() -> None:
    findings = [{"severity": "high"}, {"severity": "critical"}, {"severity": "high"}]
    assert line("converged", findings=findings).endswith("lab-01  findings: 1 critical, 2 high")


@pytest.mark.parametrize("broken", [{}, {"steps": None, "findings": "x", "next_steps": [1]}, {"drift": {"a": 1}}])
@pytest.mark.parametrize("state", ["converged", "changed", "failed", "drifted", "waiting_for_person", "new_word"])
def test_outcomes_with_missing_or_strange_parts_are_shown_nevertheless(state: str, broken: dict[str, t.Any]) -> None:
    lab = progress.lab_from_outcome("lab-01", {"state": state, **broken})
    assert progress.lab_line(lab)[0].startswith(state)
    assert texts(progress.table_lines([lab], 80, "all"))[1].startswith("lab-01")


@pytest.mark.parametrize("value", [None, "failed", [], {}, {"state": ""}])
def test_facts_that_are_no_outcomes(value: t.Any) -> None:
    assert not progress.is_outcome(value)


def test_secrets_and_control_characters_never_come_through() -> None:
    hostile = f"key {SECRET}\x1b[2J\r\nnext\u202eline\x07"
    parts = outcome(
        "failed",
        steps=[{"name": "link", "status": "failed", "message": hostile}],
        next_steps=[{"step": hostile, "text": hostile, "url": hostile, "who": hostile}],
        drift=[{"message": hostile}],
    )
    lab = progress.lab_from_outcome("lab-01", parts)
    failed = progress.lab_from_failure("lab-02", hostile, {"msg": hostile, "next_step": hostile})
    shown = [progress.lab_line(lab), progress.lab_line(failed), *progress.problem_lines([lab])]
    shown += progress.next_step_lines([lab, failed]) + progress.table_lines([lab, failed], None)
    for text in texts(shown):
        assert SECRET not in text
        assert text.isprintable()
    assert "(hidden: looks like a secret)" in texts(shown)[0]


def test_a_failure_without_outcome_names_task_message_and_next_step() -> None:
    lab = progress.lab_from_failure("lab-01", "Observe", {"msg": "No credentials.", "next_step": "Log in."})
    assert progress.lab_line(lab) == ("failed              lab-01  Observe: No credentials.", "failed")
    assert texts(progress.next_step_lines([lab])) == ["lab-01 (failed)", "  [ ] Log in."]


def test_a_censored_failure_says_that_it_is_censored() -> None:
    lab = progress.lab_from_failure("lab-01", "x", {"censored": "hidden due to no_log"})
    assert "hidden due to no_log" in lab.summary


# -- bar ---------------------------------------------------------------------------------------------------------------


def test_the_bar_shows_count_time_and_notes() -> None:
    shown = progress.progress_bar(5, 10, 60.0, 100, ["1 failed", "", "Prove the key"])
    assert shown == "[###############---------------] 5/10 labs, about 60 s left, 1 failed, Prove the key"


@pytest.mark.parametrize("finished", [0, 1, 1000])
def test_the_bar_fits_any_width(finished: int) -> None:
    for width in range(200):
        shown = progress.progress_bar(finished, 1000, 9999.0, width, ["実験室" * 30])
        assert progress.display_width(shown) <= width


def test_no_time_is_promised_before_the_first_lab_or_after_the_last() -> None:
    assert "left" not in progress.progress_bar(0, 10, 60.0, 100)
    assert "left" not in progress.progress_bar(10, 10, 60.0, 100)
    assert progress.time_left(0, 10, 60.0) is None
    assert progress.time_left(2, 10, 60.0) == pytest.approx(240.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (89, "89 s"), (90, "2 min"), (3600, "60 min"), (5400, "1 h 30 min"), (86400, "24 h 00 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert progress.duration(seconds) == text


# -- end ---------------------------------------------------------------------------------------------------------------


def fleet() -> list[Lab]:
    step = NextStep("requester", "Link this AWS account to the requester account.", LINK_URL, "person")
    other = NextStep("link", "Put the password right.", "", "operator")
    return [
        Lab("lab-04", "converged"),
        Lab("lab-03", "waiting_for_person", "", [step]),
        Lab("lab-02", "failed", "link: Sign-in refused.", [other, step], ["link: Sign-in refused."]),
        Lab("lab-01", "unreachable", "no route"),
        Lab("lab-05", "converged"),
    ]


def test_counts_are_in_words_with_trouble_first() -> None:
    assert texts(progress.count_lines(fleet())) == [
        "failed              1",
        "unreachable         1",
        "waiting_for_person  1",
        "converged           2",
        "total               5",
    ]


def test_an_unknown_state_is_listed_first() -> None:
    assert list(progress.counts([*fleet(), Lab("x", "odd")]))[:2] == ["odd", "failed"]


def test_next_steps_are_complete_and_urls_stand_alone() -> None:
    assert texts(progress.next_step_lines(fleet())) == [
        "lab-02 (failed)",
        "  [ ] link: Put the password right. (for the operator)",
        "  [ ] requester: Link this AWS account to the requester account.",
        f"      {LINK_URL}",
        "lab-03 (waiting_for_person)",
        "  [ ] requester: Link this AWS account to the requester account.",
        f"      {LINK_URL}",
    ]


def test_the_plain_table_has_one_line_a_lab() -> None:
    assert texts(progress.table_lines(fleet(), None)) == [
        "LAB     STATE               NEXT STEP",
        "lab-02  failed              link: Put the password right. (and 1 more, see above)",
        "lab-01  unreachable         no route",
        f"lab-03  waiting_for_person  requester: Link this AWS account to the requester account. {LINK_URL}",
        "lab-04  converged",
        "lab-05  converged",
    ]


@pytest.mark.parametrize("width", [20, 40, 59, 60, 80, 120])
def test_the_table_fits_the_terminal_except_for_urls(width: int) -> None:
    for text in texts(progress.table_lines(fleet(), width)):
        assert progress.display_width(text) < max(width, 39) or LINK_URL in text


def test_urls_are_never_cut_in_two() -> None:
    url = LINK_URL + "/a-long-path" * 5
    lab = Lab("lab-01", "waiting_for_person", "", [NextStep("requester", "Link this account.", url)])
    for width in (20, 60, 80):
        assert any(url in text for text in texts(progress.table_lines([lab], width)))


def test_many_labs_are_only_listed_if_they_need_attention() -> None:
    labs = [*fleet(), *(Lab(f"many-{number}", "converged") for number in range(60))]
    lines = texts(progress.table_lines(labs, 200))
    assert len(lines) == 5 and lines[-1] == "62 more labs need nothing."
    assert len(progress.table_lines(labs, None, "all")) == 66
    assert len(progress.table_lines(fleet(), None, "attention")) == 5


def test_no_labs_give_no_lines() -> None:
    assert progress.table_lines([], 80) == []
    assert progress.next_step_lines([]) == []
    assert texts(progress.count_lines([])) == ["total  0"]


def test_wide_characters_take_two_columns() -> None:
    assert progress.display_width("実験a\u0301") == 5
    assert progress.padded("実", 4) == "実  "
    assert progress.clipped("実験室", 4) == "実~"
