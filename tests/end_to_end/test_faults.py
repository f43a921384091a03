# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every call of an onboarding, a rotation and a retirement goes wrong once; what onboarding creates, in every way a
call can.

The run either still converges, or fails with a message and is healed by the next one. There is one lab for each fault
that a lab may not get over, and all labs are in one run. The calls come from an undisturbed run.
"""

from __future__ import annotations

import collections
import typing as t

import pytest

from tests import seed
from tests.end_to_end.test_crash import LOOKING, calls_of, check_timeline, end_state, fleet, simulator
from tests.fleet import Fleet

__all__ = ["fleet", "simulator"]

pytestmark = pytest.mark.timeout(900)

PLAYBOOKS = ["onboard", "rotate", "retire"]
BEFORE = [("throttle", "before"), ("cut", "before"), ("http_500", "before"), ("timeout", "before")]
AFTER = [("http_500", "after"), ("cut", "after")]
# So many labs share the faults at calls that only look.
LOOKERS = 3
# Service, action and environment.
Call = tuple[str, str, str]
Fault = tuple[Call, str, str]


def distinct_calls(fleet: Fleet, lab: str, since: int) -> list[Call]:
    """Service, action and environment of what a run asked of AWS and MTurk, each once."""
    asked = [
        (call["service"], call["action"], call["environment"])
        for call in calls_of(fleet, lab)[since:]
        if call["service"] != "portal"
    ]
    return list(dict.fromkeys(asked))


def undisturbed(fleet: Fleet, playbook: str) -> tuple[list[Call], dict[str, t.Any]]:
    """The calls of a run over one lab, and what the lab looks like then."""
    if playbook != "onboard":
        seed.add_onboarded(fleet, "undisturbed")
    else:
        fleet.add("undisturbed")
    since = len(calls_of(fleet, "undisturbed"))
    run = fleet.run(playbook, "-e", "retire_confirm=1")
    assert run.return_code == 0, run.told
    found = distinct_calls(fleet, "undisturbed", since), end_state(fleet, "undisturbed")
    del fleet.hosts["undisturbed"]
    return found


def faults_of(calls: list[Call], playbook: str) -> list[list[Fault]]:
    """By lab, which call meets which fault, and when.

    In the onboarding, the creation of a user and of a key meet all of them. Others meet one of those that come
    before a call has an effect, the next one the next, and if they change something one of those that come after
    it: the client of amazon.aws and our own each repeat all of their calls in the same way, as
    tests/stack/test_hiccups.py shows. After a call that only looks, a fault is the same as before it; and since it
    is ridden out, a lab can meet many of those.
    """
    found: list[list[Fault]] = []
    looks: list[Fault] = []
    # In the next playbook, a call meets another.
    for number, call in enumerate(calls, PLAYBOOKS.index(playbook)):
        before = BEFORE[number % len(BEFORE)]
        if call[1].startswith(LOOKING):
            looks.append((call, *before))
        elif playbook == "onboard" and call[1] in ("CreateUser", "CreateAccessKey"):
            found += [[(call, *fault)] for fault in (*BEFORE, *AFTER)]
        else:
            found += [[(call, *fault)] for fault in (before, AFTER[number % len(AFTER)])]
    return [*found, *(looks[first::LOOKERS] for first in range(LOOKERS))]


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_a_fault_at_any_call_is_ridden_out_or_healed(fleet: Fleet, playbook: str) -> None:
    # A client waits long for an answer that never comes; what it does then is the point, not how long it waited.
    fleet.simulator.control.set(hang_seconds=0.2)
    calls, expected = undisturbed(fleet, playbook)
    faults = enumerate(faults_of(calls, playbook))
    labs = {f"{'-'.join(met[0][1:])}-{len(met)}-{number:03d}": met for number, met in faults}
    if playbook == "onboard":
        for lab in labs:
            fleet.add(lab)
    else:
        seed.add_onboarded(fleet, *labs)
    for lab, met in labs.items():
        for (service, action, environment), kind, when in met:
            fleet.simulator.control.inject_fault(
                service=service,
                action=action,
                kind=kind,
                account_id=fleet.hosts[lab]["lab_account_aws_account_id"],
                when=when,
                environment=environment or None,
            )
    options = ("-e", f"retire_confirm={len(labs)}", "-e", "rotate_stop_after=9999")
    first = fleet.run(playbook, "--forks", "8", *options)
    assert set(first.outcomes) == set(labs), first.output
    told = collections.Counter(outcome["state"] for outcome in first.outcomes.values())
    for lab, outcome in first.outcomes.items():
        if outcome["state"] == "failed":
            assert lab in outcome["message"]
            assert outcome["next_steps"], (lab, outcome)
            assert not all(call[1].startswith(LOOKING) for call, _kind, _when in labs[lab]), outcome["message"]
    assert not fleet.simulator.control.pending_faults(), "each fault was met"

    # Those that rode it out are as they should be already. Onboarding goes on with a rotation that was begun; it begins
    # none.
    failed = [lab for lab, outcome in first.outcomes.items() if outcome["state"] == "failed"]
    options = ("-e", f"retire_confirm={len(failed)}")
    healing = ("onboard" if playbook == "rotate" else playbook, "--limit", ",".join(failed), "--forks", "8", *options)
    second = fleet.run(*healing) if failed else first
    assert second.return_code == 0, second.told
    for lab, fault in labs.items():
        assert end_state(fleet, lab) == expected, (lab, fault)
        check_timeline(fleet, lab, portal_may_lose_its_key=playbook == "retire")
    # Most faults are ridden out without anybody noticing.
    assert told["changed"] > told["failed"], told
