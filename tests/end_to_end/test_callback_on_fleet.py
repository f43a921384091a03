# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The callback fleet_progress over the collection's own playbooks and the local stack."""

from __future__ import annotations

import dataclasses
import re

from tests import pictures, seed
from tests.end_to_end.callback_terminal import Session
from tests.fleet import Fleet, Run

CALLBACK = "labops.cloudresearch.fleet_progress"
EVERY_LAB = {"ANSIBLE_STDOUT_CALLBACK": CALLBACK, "ANSIBLE_FLEET_PROGRESS_TABLE": "all"}
LINK_URL = "https://requester.mturk.com/developer"


def onboard(fleet: Fleet, *arguments: str) -> Run:
    return fleet.run("onboard", *arguments, **EVERY_LAB, ANSIBLE_NOCOLOR="true")


def table(output: str) -> dict[str, str]:
    """States by lab, from the closing table."""
    lines = output[output.index("LABS **") : output.index("PLAY RECAP **")].splitlines()
    return {found[1]: found[2] for found in (re.match(r"(lab-\d\d) +(\w+)", line) for line in lines) if found}


def without_paths(fleet: Fleet, output: str) -> str:
    """A run's output as it would be for somebody's own inventory."""
    password = f"--vault-password-file {fleet.vault_password}"
    return output.replace(str(fleet.inventory), "labs.yml").replace(password, "--ask-vault-pass")


def test_a_fleet_in_every_state_and_its_picture(fleet: Fleet) -> None:
    fleet.add("lab-01")
    fleet.add("lab-02", requester_linked=[])
    fleet.add("lab-03")
    fleet.hosts["lab-03"]["lab_account_cloudresearch_password"] = "mistyped"
    fleet.add("lab-04")
    fleet.hosts["lab-04"]["lab_account_aws_account_id"] = "999999999999"
    seed.add_onboarded(fleet, "lab-05")

    coloured = fleet.run("onboard", **EVERY_LAB, ANSIBLE_FORCE_COLOR="true")
    run = dataclasses.replace(coloured, output=re.sub(r"\x1b\[[\d;]*m", "", coloured.output))
    states = {lab: outcome["state"] for lab, outcome in run.outcomes.items()}
    assert states == {
        "lab-01": "changed",
        "lab-02": "waiting_for_person",
        "lab-03": "failed",
        "lab-04": "failed",
        "lab-05": "converged",
    }
    assert table(run.output) == states, run.output
    assert run.return_code == 2

    # One line a lab in the play that does the work, and none in those that report and judge.
    for lab, state in states.items():
        assert len(re.findall(rf"^{state} .*{lab}", run.output, re.MULTILINE)) == 1, run.output
    assert "TASK [" not in run.output and "skipping: [" not in run.output
    # A failure is said in full, and the verdict does not say it again.
    failures = run.output[run.output.index("FAILURES **") : run.output.index("NEXT STEPS **")]
    assert failures.count("lab-03: link: ") == 1 and failures.count("lab-04: observe: ") == 1
    assert "fatal: [" not in run.output
    # What people have to do.
    steps = run.output[run.output.index("NEXT STEPS **") : run.output.index("LABS **")]
    assert LINK_URL in steps and "lab-02 (waiting_for_person)" in steps
    assert re.search(r"^5 labs +: ok=\d+ .* failed=2 ", run.output, re.MULTILINE)

    secrets = [lab["password"] for lab in fleet.simulator.control.labs()]
    assert not [secret for secret in [*secrets, "mistyped"] if secret in run.output]

    text, shown = (without_paths(fleet, output[output.index("LABS **") :]) for output in (run.output, coloured.output))
    # How many tasks there were is no matter of the picture.
    text = re.sub(r"\b(ok|skipped)=\d+ *", r"\1=... ", text)
    title = "ansible-playbook labops.cloudresearch.onboard -i labs.yml"
    pictures.require("terminal.svg", text, lambda: pictures.terminal(shown, columns=130, title=title))


def test_verbose_output_has_tasks_and_lab_lines(fleet: Fleet) -> None:
    fleet.add("lab-01", requester_linked=[])
    run = onboard(fleet, "-v")
    assert "TASK [labops.cloudresearch.lab_account : " in run.output
    assert re.search(r"^waiting_for_person .*lab-01", run.output, re.MULTILINE)
    assert table(run.output) == {"lab-01": "waiting_for_person"}


def test_a_terminal_shows_the_bar_on_the_way(fleet: Fleet) -> None:
    labs = [f"lab-0{number}" for number in range(1, 5)]
    seed.add_onboarded(fleet, *labs)
    command = fleet.command("onboard", "--forks", "1")
    session = Session(command, fleet.environment(**EVERY_LAB), fleet.directory, columns=100)
    assert session.finish(200) == 0, session.output
    assert any(re.search(r"[1-3]/4 labs, about .* left", shown) for shown in session.screen.rewritten)
    screen = "\n".join(session.screen.lines)
    assert "/4 labs" not in screen
    assert table(screen) == dict.fromkeys(labs, "converged")
