# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.fleet import closing, progress
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.fleet.progress import Finding, Lab, NextStep

LINK_URL = "https://requester.mturk.com/developer"
LINK = NextStep("requester", "Link this AWS account to the requester account.", LINK_URL, "person")
PASSWORD = NextStep("link", "Put the password right.", "", "operator")
FOREIGN = Finding("high", "Live key that the collection did not create")
UNUSED = Finding("medium", "Live key that nobody uses")


def texts(lines: list[progress.Line]) -> list[str]:
    return [text for text, _state in lines]


def fleet() -> list[Lab]:
    return [
        Lab("lab-04", "converged"),
        Lab("lab-03", "waiting_for_person", "", [LINK]),
        Lab("lab-02", "failed", "link: Sign-in refused.", [PASSWORD, LINK], ["link: Sign-in refused."]),
        Lab("lab-01", "unreachable", "no route"),
        Lab("lab-05", "converged"),
        Lab("lab-06", "converged", "1 high", findings=[FOREIGN]),
        Lab("lab-07", "no_outcome", "not begun", told=False),
    ]


def test_counts_are_in_words_with_trouble_first() -> None:
    assert list(closing.counts(fleet()).items()) == [
        ("failed", 1),
        ("unreachable", 1),
        ("no_outcome", 1),
        ("waiting_for_person", 1),
        ("converged", 3),
    ]
    assert list(closing.counts([*fleet(), Lab("x", "odd")]))[:2] == ["odd", "failed"]


def test_next_steps_are_complete_and_urls_stand_alone() -> None:
    assert texts(closing.next_step_lines(fleet())) == [
        "lab-02 (failed)",
        "  [ ] link: Put the password right. (for the operator)",
        "  [ ] requester: Link this AWS account to the requester account.",
        f"      {LINK_URL}",
        "lab-03 (waiting_for_person)",
        "  [ ] requester: Link this AWS account to the requester account.",
        f"      {LINK_URL}",
    ]


def test_labs_with_the_same_next_step_stand_together() -> None:
    labs = [Lab(f"lab-{number:02}", "waiting_for_person", "", [LINK]) for number in range(38)]
    lines = texts(closing.next_step_lines(labs))
    assert lines[0].startswith("38 labs: lab-00, lab-01, ") and lines[0].endswith(
        "lab-09 and 28 more (waiting_for_person)"
    )
    assert len(lines) == 3
    failed = [Lab(f"lab-{number}", "failed", "x", [], ["link: No."]) for number in (1, 2)]
    assert texts(closing.problem_lines(failed)) == ["2 labs: lab-1, lab-2: link: No."]


def test_steps_that_differ_only_in_host_and_account_stand_together_with_one_command() -> None:
    def lab(number: int) -> Lab:
        account = f"{number:012}"
        text = (
            f"For account {account}, run ansible-playbook retire --limit host-{number} -e retire_confirm=host-{number}."
        )
        return Lab(f"host-{number}", "failed", "", [NextStep("retire", text)], account_id=account)

    lines = texts(closing.next_step_lines([lab(1), lab(2), Lab("c", "failed", "", [PASSWORD])]))
    assert lines == [
        "c (failed)",
        "  [ ] link: Put the password right. (for the operator)",
        "2 labs: host-1, host-2 (failed)",
        "  [ ] retire: For account (the account's id), run ansible-playbook retire --limit host-1,host-2 "
        "-e retire_confirm=host-1,host-2.",
    ]
    assert "For account 000000000001, run" in texts(closing.next_step_lines([lab(1)]))[1]


def test_the_table_tells_findings_by_name_and_counts_the_healthy() -> None:
    assert texts(closing.table_lines(fleet(), None)) == [
        "LAB     STATE               FINDINGS",
        "lab-02  failed",
        "lab-01  unreachable",
        "lab-07  no_outcome          not begun",
        "lab-03  waiting_for_person",
        "lab-06  converged           1 high: Live key that the collection did not create",
        "2 labs need nothing.",
    ]
    everyone = texts(closing.table_lines(fleet(), None, "all"))
    assert len(everyone) == 8 and "lab-05  converged" in everyone


def test_labs_of_which_the_same_is_to_be_said_have_one_row() -> None:
    labs = [Lab(f"lab-{number}", "converged", "", findings=[FOREIGN]) for number in range(3)]
    assert texts(closing.table_lines(labs, None))[1:] == [
        "3 labs: lab-0, lab-1, lab-2  converged  1 high: Live key that the collection did not create"
    ]


@pytest.mark.parametrize(
    "lab",
    [
        Lab("a", "converged", findings=[UNUSED]),
        Lab("a", "converged", next_steps=[LINK]),
        Lab("a", "changed", check_mode=True, to_run="do"),
        Lab("a", "unknown"),
        Lab("a", "drifted"),
    ],
)
def test_a_lab_with_something_to_do_or_to_look_at_never_needs_nothing(lab: Lab) -> None:
    assert not any("need" in text for text in texts(closing.table_lines([lab], None)))
    assert "nothing to do" not in "".join(texts(last([lab])))


@pytest.mark.parametrize("width", [20, 40, 59, 60, 80, 120])
def test_the_table_fits_the_terminal_and_breaks_no_word(width: int) -> None:
    lines = texts(closing.table_lines(fleet(), width, "all"))
    for text in lines:
        assert progress.display_width(text) < max(width, 39)
    words = " ".join(lines).split()
    assert {"collection", "converged", "waiting_for_person", "unreachable"} <= {word.strip(":;,") for word in words}


def test_no_labs_give_no_lines() -> None:
    assert closing.table_lines([], 80) == []
    assert closing.next_step_lines([]) == []


def test_no_findings_are_only_told_of_labs_of_which_all_was_looked_for() -> None:
    assert texts(last([Lab("a", "converged")]))[1] == "Findings: none"
    assert texts(last([Lab("a", "converged"), Lab("b", "converged", in_part=True)]))[1] == (
        "Findings: none in what was looked at"
    )


# -- the last five lines -----------------------------------------------------------------------------------------------


def last(labs: list[Lab], **parts: t.Any) -> list[progress.Line]:
    given: dict[str, t.Any] = {
        "report": "",
        "failed": (),
        "cut_short": False,
        "command": lambda hosts, purpose: f"<{purpose} {','.join(hosts)}>",
    }
    return closing.last_lines(labs, closing.Ending(**{**given, **parts}))


def test_the_last_five_lines() -> None:
    labs = [*fleet(), Lab("lab-08", "changed", findings=[UNUSED, FOREIGN, UNUSED])]
    assert texts(last(labs, report="/r/fleet-report.html", failed={"lab-02", "lab-01"})) == [
        "Labs:     8: 1 failed, 1 unreachable, 1 no_outcome, 1 waiting_for_person, 1 changed, 3 converged",
        "Findings: high: Live key that the collection did not create (2 labs); medium: Live key that nobody uses "
        "(1 lab); 3 labs could not be looked at in full",
        "Report:   /r/fleet-report.html",
        "Result:   error, because 2 labs did not end well",
        "Next:     when the next steps above are done: <again lab-02,lab-01,lab-07,lab-03>",
    ]


@pytest.mark.parametrize(
    ("labs", "expected"),
    [
        ([Lab("a", "converged")], "nothing to do"),
        ([Lab("a", "changed")], "nothing to do"),
        ([Lab("a", "converged", findings=[UNUSED])], "look into the findings"),
        ([Lab("a", "converged", next_steps=[PASSWORD])], "see the next steps above"),
        ([Lab("a", "changed", check_mode=True, to_run="do")], "do it: <do >"),
        ([Lab("a", "drifted", to_run="show"), Lab("b", "converged")], "see what would be changed: <show a>"),
        ([Lab("a", "drifted", to_run="remove"), Lab("b", "converged")], "see what would be removed: <remove a>"),
        (
            [Lab("a", "drifted", to_run="suspend", next_steps=[PASSWORD]), Lab("b", "drifted", to_run="remove")],
            "decide about the keys; with -e fleet_report_directory=DIRECTORY, the audit writes a plan of them",
        ),
        (
            [Lab("a", "changed", to_run="delete")],
            "once nobody misses the keys, see what would be deleted: <delete >",
        ),
        ([Lab("a", "drifted", findings=[UNUSED])], "look into the findings"),
        ([Lab("a", "drifted")], "look into the findings"),
        ([Lab("a", "failed")], "<again a>"),
    ],
)
def test_what_is_next(labs: list[Lab], expected: str) -> None:
    assert texts(last(labs))[-1] == f"Next:     {expected}"


def test_after_an_audit_that_found_keys_comes_its_plan() -> None:
    found = [Lab("a", "drifted", to_run="suspend")]
    decide = "Next:     decide about the keys in /r/retire-plan.yml, and save what is approved as approved.yml"
    assert texts(last(found, report="/r/fleet-report.html"))[-1] == (
        f"{decide}; see what would be suspended: <suspend >"
    )
    typed_otherwise = last(found, report="/r/fleet-report.html", command=lambda _hosts, _purpose: "")
    assert texts(typed_otherwise)[-1] == f"{decide} for the playbook suspend"
    suspended = Lab("a", "changed", to_run="delete")
    assert suspended.is_quiet


def test_a_run_that_was_cut_short_is_run_again_even_if_no_lab_lacks_anything() -> None:
    for labs in ([Lab("a", "converged")], [Lab("a", "changed", check_mode=True)], [Lab("a", "drifted")]):
        assert texts(last(labs, cut_short=True))[-1] == "Next:     <again >"
    nobody = texts(last([Lab("a", "converged")], cut_short=True, command=lambda _hosts, _purpose: ""))
    assert nobody[-1] == "Next:     run it again"
    assert texts(last([Lab("a", "converged"), Lab("b", "failed")], cut_short=True))[-1] == "Next:     <again b>"


def test_the_result_names_what_went_wrong() -> None:
    lab = Lab("a", "drifted")

    def result(*labs: Lab, **parts: t.Any) -> str:
        return texts(last([*labs], **parts))[3].removeprefix("Result:   ")

    assert result(lab) == "no error"
    assert result(lab, report="none. Why.", report_failed=True) == "error, because the report was not written"
    both = result(lab, Lab("b", "failed"), failed={"b"}, report_failed=True)
    assert both == "error, because 1 lab did not end well and the report was not written"
    more = result(lab, Lab("b", "failed"), Lab("c", "unknown"), report_failed=True)
    assert more == "error, because 2 labs did not end well and the report was not written"
    assert result(lab, Lab("b", "no_outcome")) == "no error, but 1 lab had no outcome"
    assert result(lab, Lab("b", "failed"), failed={"b"}, cut_short=True) == "cut short; 1 lab did not end well"


def test_without_a_command_the_labs_are_named() -> None:
    labs = [Lab("a", "failed"), Lab("b", "unknown")]
    assert texts(last(labs, command=lambda _hosts, _purpose: ""))[-1] == "Next:     run again for 2 labs: a, b"


@pytest.mark.parametrize("cut_short", [False, True])
def test_without_a_report_the_last_lines_say_how_to_get_one(cut_short: bool) -> None:
    assert "fleet_report_directory" in texts(last([Lab("a", "failed")], cut_short=cut_short))[2]
    assert texts(last([Lab("a", "failed")], cut_short=cut_short, report="none, because"))[2].endswith("none, because")
