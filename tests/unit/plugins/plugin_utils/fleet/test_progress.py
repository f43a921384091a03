# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.fleet import closing, progress
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab.outcome import is_outcome

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
LINK_URL = "https://requester.mturk.com/developer"


def outcome(state: str, **parts: t.Any) -> dict[str, t.Any]:
    return {"schema": 2, "lab": "lab-01", "state": state, "steps": [], "next_steps": [], **parts}


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
    assert "".join(texts(closing.next_step_lines([lab]))).count(LINK_URL) == 1
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


def test_findings_are_told_by_name() -> None:
    findings = [
        {"severity": "high", "code": "foreign_live_key", "message": "Key AKIAIOSFODNN7EXAMPLE is not ours."},
        {"severity": "critical", "code": "unstored_live_key"},
        {"severity": "high", "code": "foreign_live_key"},
        {"severity": "low", "code": "of_another_release", "title": "Something new"},
    ]
    assert line("converged", findings=findings).endswith(
        "lab-01  1 critical: Live key whose secret nobody stored; "
        "2 high: Live key that the collection did not create; 1 low: Something new"
    )


def test_an_unknown_lab_says_why() -> None:
    message = "The store could not be read: wrong vault password. Next step: Give the right one."
    assert line("unknown", message=message).endswith("lab-01  The store could not be read: wrong vault password.")


def test_a_drifted_lab_says_what_is_missing_and_whether_a_run_would_change_it() -> None:
    undeclared = {"code": "undeclared_live_key", "severity": "high"}
    audit = {"operation": "audit", "state": "drifted", "missing": [], "drift": []}
    by_people = progress.lab_from_outcome("a", {**audit, "findings": [undeclared]})
    assert (
        by_people.to_run == "suspend" and by_people.summary == "1 high: Live key with MTurk rights that nobody declared"
    )
    by_a_run = progress.lab_from_outcome("b", {**audit, "missing": ["access_key", "link"]})
    assert (by_a_run.to_run, by_a_run.summary) == ("show", "missing: access_key, link")
    gone = {**audit, "drift": [{"code": "user_not_retired", "message": "Still there."}], "missing": ["retire"]}
    assert progress.lab_from_outcome("c", gone).to_run == "remove"
    assert progress.lab_from_outcome("d", {**gone, "findings": [undeclared]}).to_run == "suspend"


def test_keys_that_a_plan_suspended_are_to_be_deleted_some_day() -> None:
    suspended = {"operation": "suspend", "state": "changed", "refused": []}
    assert progress.lab_from_outcome("a", suspended).to_run == "delete"
    assert progress.lab_from_outcome("b", {**suspended, "check_mode": True}).to_run is None
    own = {"operation": "suspend", "state": "changed"}
    assert progress.lab_from_outcome("c", own).to_run is None, "without a plan, onboard may activate them again"


@pytest.mark.parametrize(
    ("check_mode", "to_run", "changes"), [(True, "do", "would change link"), (False, None, "link")]
)
def test_a_lab_that_a_run_leaves_drifted_says_what_the_run_did(
    check_mode: bool, to_run: str | None, changes: str
) -> None:
    steps = [{"name": "link", "status": "changed"}]
    findings = [{"code": "foreign_live_key", "severity": "high"}]
    outcome = {"operation": "onboard", "state": "drifted", "check_mode": check_mode, "steps": steps}
    lab = progress.lab_from_outcome("a", {**outcome, "findings": findings})
    assert lab.summary == f"{changes}; 1 high: Live key that the collection did not create"
    assert lab.to_run == to_run and not lab.is_quiet


@pytest.mark.parametrize(
    "broken", [{}, {"missing": 5}, {"steps": None, "findings": "x", "next_steps": [1]}, {"drift": {"a": 1}}]
)
@pytest.mark.parametrize(
    "state", ["converged", "changed", "failed", "drifted", "unknown", "waiting_for_person", "new_word"]
)
def test_outcomes_with_missing_or_strange_parts_are_shown_nevertheless(state: str, broken: dict[str, t.Any]) -> None:
    lab = progress.lab_from_outcome("lab-01", {"state": state, **broken})
    assert progress.lab_line(lab)[0].startswith(state)
    assert texts(closing.table_lines([lab], 80, "all"))[1].startswith("lab-01")


@pytest.mark.parametrize(
    "value",
    [None, "failed", [], {}, {"state": "", "schema": 2}, {"state": "started"}, {"state": "failed", "schema": 1}],
)
def test_results_that_are_no_outcomes(value: t.Any) -> None:
    assert not is_outcome(value)


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
    shown = [progress.lab_line(lab), progress.lab_line(failed), *closing.problem_lines([lab])]
    shown += closing.next_step_lines([lab, failed]) + closing.table_lines([lab, failed], None)
    for text in texts(shown):
        assert SECRET not in text
        assert text.isprintable()
    assert "(hidden: looks like a secret)" in texts(shown)[0]


def test_a_failure_without_outcome_names_task_message_and_next_step() -> None:
    lab = progress.lab_from_failure("lab-01", "Observe", {"msg": "No credentials.", "next_step": "Log in."})
    assert progress.lab_line(lab) == ("failed              lab-01  Observe: No credentials.", "failed")
    assert texts(closing.next_step_lines([lab])) == ["lab-01 (failed)", "  [ ] Log in."]


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


def test_wide_characters_take_two_columns() -> None:
    assert progress.display_width("実験a\u0301") == 5
    assert progress.padded("実", 4) == "実  "
    assert progress.clipped("実験室", 4) == "実~"
