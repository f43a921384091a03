# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every call of an onboarding, a rotation and a retirement goes wrong once, in every way a call can go wrong.

The run either still converges, or fails with a message and is healed by the next one. There is one lab for each fault,
and all labs of a kind of fault run at once, so this is quick. The calls come from an undisturbed run.
"""

from __future__ import annotations

import collections
import typing as t

import pytest

from tests.end_to_end.test_crash import calls_of, check_timeline, end_state, fleet, prepare, simulator
from tests.fleet import Fleet

__all__ = ["fleet", "simulator"]

pytestmark = pytest.mark.timeout(900)

FAULTS = [
    ("throttle", "before"),
    ("http_500", "before"),
    ("http_500", "after"),
    ("cut", "before"),
    ("cut", "after"),
    ("timeout", "before"),
]


def distinct_calls(fleet: Fleet, lab: str, since: int) -> list[tuple[str, str, str]]:
    """Service, action and environment of what a run asked of AWS and MTurk, each once."""
    asked = [
        (call["service"], call["action"], call["environment"])
        for call in calls_of(fleet, lab)[since:]
        if call["service"] != "portal"
    ]
    return list(dict.fromkeys(asked))


def with_faults(fleet: Fleet, labs: t.Mapping[str, tuple[str, str, str]], kind: str, when: str) -> None:
    """One fault for each lab, for the next time it makes its call."""
    for lab, (service, action, environment) in labs.items():
        account = fleet.hosts[lab]["lab_account_aws_account_id"]
        fleet.simulator.control.inject_fault(
            service=service, action=action, kind=kind, account_id=account, when=when, environment=environment or None
        )


@pytest.mark.parametrize(("kind", "when"), FAULTS)
def test_a_fault_at_any_call_is_ridden_out_or_healed(fleet: Fleet, kind: str, when: str) -> None:
    # A client waits long for an answer that never comes; what it does then is the point, not how long it waited.
    fleet.simulator.control.set(hang_seconds=0.2)
    fleet.add("undisturbed")
    steps: dict[str, tuple[str, ...]] = {
        "onboard": (),
        "rotate": (),
        "retire": ("-e", "retire_confirm={count}"),
    }
    calls: dict[str, list[tuple[str, str, str]]] = {}
    expected: dict[str, t.Any] = {}
    for playbook, arguments in steps.items():
        since = len(calls_of(fleet, "undisturbed"))
        run = fleet.run(playbook, *[word.format(count=1) for word in arguments])
        assert run.return_code == 0, run.output
        calls[playbook] = distinct_calls(fleet, "undisturbed", since)
        expected[playbook] = end_state(fleet, "undisturbed")
    del fleet.hosts["undisturbed"]

    told: collections.Counter[str] = collections.Counter()
    for playbook, arguments in steps.items():
        labs = {f"{playbook}-{number:02d}": call for number, call in enumerate(calls[playbook])}
        fleet.hosts.clear()
        if playbook == "onboard":
            for lab in labs:
                fleet.add(lab)
        else:
            prepare(fleet, labs)
        with_faults(fleet, labs, kind, when)
        words = [word.format(count=len(labs)) for word in arguments]
        first = fleet.run(playbook, *words)
        assert set(first.outcomes) == set(labs), first.output
        for lab, outcome in first.outcomes.items():
            told[outcome["state"]] += 1
            if outcome["state"] == "failed":
                assert lab in outcome["message"]
                assert outcome["next_steps"], (lab, outcome)
        fleet.simulator.control.clear_faults()
        healing = "onboard" if playbook == "rotate" else playbook
        second = fleet.run(healing, *words)
        assert second.return_code == 0, second.output
        for lab in labs:
            assert end_state(fleet, lab) == expected[playbook], (lab, labs[lab])
            check_timeline(fleet, lab, portal_may_lose_its_key=playbook == "retire")
    # Most faults are ridden out without anybody noticing.
    assert told["changed"] > told["failed"]
