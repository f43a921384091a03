# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run is killed after each single call; the next run must leave what an undisturbed run leaves.

There is one lab for each kill point, and all of them are in one run: whoever makes a lab's last call stands still, and
when that is so for each lab, the run is killed. The kill points are counted from an undisturbed run, never written
down. Of calls in a row that only look, the last is one: after any of the others, the lab is as it was. That the key's
life survives a kill after each of them, too, is tested in memory (test_key_lifecycle.py).
"""

from __future__ import annotations

import pathlib
import typing as t

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret

from tests import seed
from tests.fleet import Fleet
from tests.simulator.process import Simulator, running_simulator

pytestmark = pytest.mark.timeout(900)

USER = "cloudresearch-mturk"
# Calls that only look. At the portal, a session is begun by what is posted.
LOOKING = ("Assume", "Generate", "Get", "List", "GET ")


@pytest.fixture(scope="module")
def simulator() -> t.Iterator[Simulator]:
    """A stack of its own: its timeline is only this module's."""
    with running_simulator() as running:
        yield running


@pytest.fixture
def fleet(simulator: Simulator, tmp_path: pathlib.Path) -> Fleet:
    """An empty fleet."""
    simulator.control.reset()
    return Fleet(simulator, tmp_path / "fleet")


def end_state(fleet: Fleet, lab: str) -> dict[str, t.Any]:
    """What a lab looks like to AWS, CloudResearch and the store, with ids told by what they are."""
    keys = fleet.simulator.control.keys(lab)
    held = fleet.simulator.control.portal_key(lab)
    record = stored(fleet, lab)
    known = {key["access_key_id"]: key["secret_access_key"] for key in keys}
    slots = {}
    for slot in ("current", "pending"):
        if record.get(slot):
            key = record[slot]
            slots[slot] = {
                "in_aws": key["access_key_id"] in known,
                "right_secret": known.get(key["access_key_id"]) == key["secret_access_key"],
                "held_by_portal": key["access_key_id"] == held,
                "proved": bool(key.get("proved")),
                "linked": bool(key.get("linked")),
            }
    return {
        "keys": sorted(key["status"] for key in keys),
        "slots": slots,
        "superseded": len(record.get("superseded", [])),
        "creating": bool(record.get("creating")),
        "portal_holds_a_live_key": held in {key["access_key_id"] for key in keys if key["status"] == "Active"},
    }


def stored(fleet: Fleet, lab: str) -> dict[str, t.Any]:
    """The lab's record in its vault-encrypted file."""
    path = fleet.store / f"{lab}.yml"
    if not path.exists():
        return {}
    password = VaultSecret(fleet.vault_password.read_bytes().strip())
    text = VaultLib([("default", password)]).decrypt(path.read_bytes())
    return t.cast("dict[str, t.Any]", yaml.safe_load(text))


def calls_of(fleet: Fleet, lab: str) -> list[dict[str, t.Any]]:
    """The lab's part of the timeline, without what the test and the portal did."""
    return [call for call in fleet.simulator.control.key_timeline(lab) if call["caller"] == "client"]


def kill_points(fleet: Fleet, playbook: str, lab: str, *arguments: str) -> dict[str, int]:
    """By name of a lab, after how many calls its run is to be killed, as an undisturbed run over one lab shows it."""
    before = len(calls_of(fleet, lab))
    run = fleet.run(playbook, "--limit", f"{lab}", *arguments)
    assert run.return_code == 0, run.told
    calls = [call["action"] for call in calls_of(fleet, lab)[before:]]
    # The last call is one, whatever it is.
    looks = [*(action.startswith(LOOKING) for action in calls), False]
    numbers = [n for n in range(1, len(calls) + 1) if not all(looks[n - 1 : n + 1])]
    return {f"killed-after-{number:02d}": number for number in numbers}


def killed_run(fleet: Fleet, playbook: str, points: t.Mapping[str, int], *arguments: str) -> None:
    """A run over these labs that is killed when so many calls have been made for each."""
    process = fleet.start(playbook, "--limit", ",".join(points), "--forks", str(len(points)), *arguments)
    fleet.simulator.control.kill_at_each(points, process.pid)
    fleet.let_go(process)
    process.wait(timeout=120)
    assert not fleet.simulator.control.disarm_kill() or process.returncode != 0
    assert process.returncode == -9, (fleet.directory / "output.log").read_text()


def check_timeline(fleet: Fleet, lab: str, *, portal_may_lose_its_key: bool = False) -> None:
    """At every moment: two keys at most, and the key that CloudResearch holds is active."""
    for call in calls_of(fleet, lab):
        user_keys = [key for key in call["keys"] if key["user_name"] == USER]
        assert len(user_keys) <= 2, call
        held = call["portal_key"]
        if held and not portal_may_lose_its_key:
            assert {"Active"} == {key["status"] for key in user_keys if key["access_key_id"] == held}, call


def heal(fleet: Fleet, playbook: str, *arguments: str) -> None:
    """One further run over all labs, undisturbed."""
    run = fleet.run(playbook, *arguments)
    assert run.return_code == 0, run.told


def test_onboarding_survives_a_kill_after_every_call(fleet: Fleet) -> None:
    fleet.add("undisturbed")
    labs = kill_points(fleet, "onboard", "undisturbed")
    expected = end_state(fleet, "undisturbed")
    assert expected["slots"]["current"]["held_by_portal"]

    for lab in labs:
        fleet.add(lab)
    killed_run(fleet, "onboard", labs)
    heal(fleet, "onboard")
    for lab in labs:
        assert end_state(fleet, lab) == expected, lab
        check_timeline(fleet, lab)
    again = fleet.run("onboard")
    assert not any(again.changed().values()), again.output


def test_rotation_survives_a_kill_after_every_call(fleet: Fleet) -> None:
    seed.add_onboarded(fleet, "undisturbed")
    labs = kill_points(fleet, "rotate", "undisturbed")
    expected = end_state(fleet, "undisturbed")

    seed.add_onboarded(fleet, *labs)
    first_keys = {lab: fleet.simulator.control.portal_key(lab) for lab in labs}
    # All at once, so that no lab waits for one that stands still.
    killed_run(fleet, "rotate", labs, "-e", f"rotate_batch_size={len(labs)}")
    # Onboarding goes on with a rotation that was begun; it begins none.
    heal(fleet, "onboard")
    for lab in labs:
        assert end_state(fleet, lab) == expected, lab
        check_timeline(fleet, lab)
        record = stored(fleet, lab)
        assert record["current"]["access_key_id"] == fleet.simulator.control.portal_key(lab)
    # Where the new key had been created before the kill, the rotation has ended with a new key.
    assert any(fleet.simulator.control.portal_key(lab) != first_keys[lab] for lab in labs)


def test_retirement_survives_a_kill_after_every_call(fleet: Fleet) -> None:
    confirm = ("-e", "retire_confirm=1")
    seed.add_onboarded(fleet, "undisturbed")
    labs = kill_points(fleet, "retire", "undisturbed", *confirm)
    expected = end_state(fleet, "undisturbed")
    assert expected["keys"] == []
    assert not (fleet.store / "undisturbed.yml").exists()

    seed.add_onboarded(fleet, *labs)
    killed_run(fleet, "retire", labs, "-e", f"retire_confirm={len(labs)}")
    heal(fleet, "retire", "-e", f"retire_confirm={len(labs) + 1}")
    for lab in labs:
        assert end_state(fleet, lab) == expected, lab
        assert not (fleet.store / f"{lab}.yml").exists()
        check_timeline(fleet, lab, portal_may_lose_its_key=True)
