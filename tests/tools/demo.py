# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""make demo: onboard twelve labs on the local stack, help two of them, and run again with nothing to do.

Then accounts in which people made keys by hand, after MTurk's closing: found, switched off, deleted, none left.
"""

from __future__ import annotations

import collections
import csv
import pathlib
import shutil
import sys
import typing as t

from tests.fixtures import hand_made
from tests.fleet import PROJECT, Fleet, Run
from tests.simulator.process import Simulator, running_simulator

LABS = 12
UNLINKED = "lab-05"
WRONG_PASSWORD = "lab-09"
# Of the accounts that tests/fixtures/hand_made.py knows.
HAND_MADE = ("full", "group", "quarantined", "wildcard")

DIRECTORY = PROJECT / "build" / "demo"


class Unexpected(Exception):
    """The demo did not show what it is meant to show."""


def main() -> int:
    """Run the demo; 0 if everything came out as the README says."""
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    say("Starting the local stack: AWS, Mechanical Turk and CloudResearch, all on this machine")
    with running_simulator() as simulator:
        fleet = Fleet(simulator, DIRECTORY)
        for number in range(1, LABS + 1):
            name = f"lab-{number:02d}"
            fleet.add(name, requester_linked=("sandbox",) if name == UNLINKED else ("production", "sandbox"))
        right_password = fleet.hosts[WRONG_PASSWORD]["lab_account_cloudresearch_password"]
        fleet.hosts[WRONG_PASSWORD]["lab_account_cloudresearch_password"] = "not the lab's password"

        say(
            f"First run: {LABS} labs",
            f"{UNLINKED}'s AWS account is not linked to its requester account, and the inventory has a wrong",
            f"CloudResearch password for {WRONG_PASSWORD}. Neither may hold up the others.",
        )
        first = onboard(fleet)
        expect(first, {UNLINKED: "waiting_for_person", WRONG_PASSWORD: "failed"}, others="changed")
        check(first.return_code != 0, "the run says by its exit code that a lab failed")

        say(
            f"A person links {UNLINKED}'s account on the requester site,",
            f"and the password of {WRONG_PASSWORD} is corrected",
        )
        simulator.control.link_requester(UNLINKED, "production")
        fleet.hosts[WRONG_PASSWORD]["lab_account_cloudresearch_password"] = right_password

        say("Second run: only those two labs change")
        second = onboard(fleet)
        expect(second, {UNLINKED: "changed", WRONG_PASSWORD: "changed"}, others="converged")

        say("Third run: nothing is left to do")
        keys = key_ids(fleet)
        submissions = len(simulator.control.submissions())
        third = onboard(fleet)
        expect(third, {}, others="converged")
        check(not any(third.changed().values()), "changed=0 for every lab")
        check(key_ids(fleet) == keys, "no key was made or removed")
        check(len(simulator.control.submissions()) == submissions, "nothing was submitted to CloudResearch")

        held = {name: simulator.control.portal_key(name) for name in fleet.hosts}
        check(
            all(len(keys[name]) == 1 and held[name] == keys[name][0] for name in keys),
            "every lab has one key, and CloudResearch holds that key",
        )
        closing(simulator)
    report = DIRECTORY / "reports" / "fleet-report.html"
    say(
        f"All {LABS} labs are onboarded, and a further run changed nothing.",
        f"Look at what was written: {relative(fleet.store)} (the keys, encrypted), {relative(report)} (the report)",
        f"and {relative(DIRECTORY / 'closing' / 'reports')} (plan, keys and evidence).",
        "Next: the README, from 'Real use' on.",
    )
    return 0


def closing(simulator: Simulator) -> None:
    """The guide 'MTurk has closed' in small: no store, no CloudResearch, keys that nobody declared."""
    fleet = Fleet(simulator, DIRECTORY / "closing")
    services = ("lab_account_aws_", "lab_account_mturk_")
    fleet.variables = {name: value for name, value in fleet.variables.items() if name.startswith(services)}
    fleet.variables["lab_account_state"] = "absent"
    for lab in simulator.control.create_labs([{"name": name, "portal": False} for name in (*HAND_MADE, "clean")]):
        fleet.put(lab)
    users = [(lab, user) for lab in HAND_MADE for user in hand_made.ACCOUNTS[lab]]
    made = {key.access_key_id for lab, user in users for key in hand_made.make_user(fleet, lab, user)}
    hand_made.make_user(fleet, "clean", hand_made.PLAIN)
    reports = fleet.directory / "reports"
    plan = ("-e", f"retire_plan={reports / 'retire-plan.yml'}")

    say(
        "MTurk has closed: which keys can still call it?",
        f"In {len(HAND_MADE)} of {len(fleet.hosts)} other accounts, people made users, groups and keys by hand.",
    )
    succeed(run_shown(fleet, "audit"))
    check(
        {row["access_key_id"] for row in key_rows(fleet) if row["mturk_right"] == "yes"} == made,
        f"the audit found all {len(made)} keys and no others; its plan: {relative(reports / 'retire-plan.yml')}",
    )
    say("The plan is approved as it is: its keys are switched off, with a way back")
    succeed(run_shown(fleet, "suspend", *plan))
    check(statuses(fleet, made) == {"Inactive"}, "all of them are inactive, and nothing is deleted")
    say("Nobody missed them: they are deleted")
    succeed(run_shown(fleet, "retire", *plan))
    check(statuses(fleet, made) == set(), "all of them are gone")
    say("A last look")
    succeed(run_shown(fleet, "audit"))
    page = (reports / "fleet-report-evidence.html").read_text()
    check("None left: 5 accounts were looked at in full" in page, "the page of evidence says: None left")


def key_rows(fleet: Fleet) -> list[dict[str, str]]:
    """The report's row for each key."""
    with (fleet.directory / "reports" / "fleet-report-keys.csv").open(newline="", encoding="utf-8-sig") as stream:
        return list(csv.DictReader(stream))


def statuses(fleet: Fleet, made: set[str]) -> set[str]:
    """What IAM itself says of those of these keys that exist."""
    keys = [key for name in fleet.hosts for key in fleet.simulator.control.keys(name)]
    return {str(key["status"]) for key in keys if key["access_key_id"] in made}


def succeed(run: Run) -> None:
    """The run ended well."""
    if run.return_code != 0:
        raise Unexpected("The run should have ended well.")


def onboard(fleet: Fleet) -> Run:
    """One run of the playbook that onboards."""
    return run_shown(fleet, "onboard")


def run_shown(fleet: Fleet, playbook: str, *arguments: str) -> Run:
    """One run of a playbook, shown as it goes."""
    run = fleet.run(
        playbook,
        *arguments,
        "-e",
        f"fleet_report_directory={fleet.directory / 'reports'}",
        ANSIBLE_STDOUT_CALLBACK="labops.cloudresearch.fleet_progress",
        ANSIBLE_FORCE_COLOR="true" if sys.stdout.isatty() else "false",
    )
    print(run.output, flush=True)
    return run


def expect(run: Run, exceptions: dict[str, str], others: str) -> None:
    """Every lab came out as it should."""
    states = {name: outcome["state"] for name, outcome in run.outcomes.items()}
    wrong = {name: state for name, state in states.items() if state != exceptions.get(name, others)}
    if wrong or len(states) != LABS:
        raise Unexpected(f"Labs that came out otherwise than they should: {wrong or 'some have no outcome'}")
    counts = collections.Counter(states.values())
    check(True, ", ".join(f"{number} {state.replace('_', ' ')}" for state, number in sorted(counts.items())))


def check(fact: bool, words: str) -> None:
    """A fact that the demo shows, in words."""
    if not fact:
        raise Unexpected(f"This should be so, and is not: {words}")
    print(f"  -> seen: {words}", flush=True)


def key_ids(fleet: Fleet) -> dict[str, list[str]]:
    """What IAM itself says of the labs' keys."""
    return {name: [key["access_key_id"] for key in fleet.simulator.control.keys(name)] for name in fleet.hosts}


def relative(path: pathlib.Path) -> t.Any:
    """A path to show."""
    return path.relative_to(PROJECT)


def say(*lines: str) -> None:
    """Something for the reader between two runs."""
    print("\n" + "=" * 88)
    for line in lines:
        print(f"  {line}")
    print("=" * 88 + "\n", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unexpected as exc:
        print(f"\nThe demo went wrong. {exc}", file=sys.stderr)
        sys.exit(1)
