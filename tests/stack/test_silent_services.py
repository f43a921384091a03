# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service that does not answer is waited for once a run, and not once a lab."""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import threading
import typing as t

import pytest

from tests.stack.ansible_tasks import TaskRun, run_tasks

LABS = [f"lab-{number:02d}" for number in range(1, 9)]
FORKS = 2
TRIES = 3
# Two labs have to meet it. When the first one has, a third may begin before the second ends: pauses differ.
MOST_ASKED = FORKS + 1


class Deaf:
    """Accepts connections and never answers."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.connections: list[socket.socket] = []
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.connections.append(self._listener.accept()[0])

    def __enter__(self) -> t.Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        # shutdown() wakes the thread in accept().
        self._listener.shutdown(socket.SHUT_RDWR)
        for open_one in (self._listener, *self.connections):
            open_one.close()


def nobody() -> str:
    """An address at which connections are refused."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"http://127.0.0.1:{closed.getsockname()[1]}"


MTURK_KEY = {"access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
# The last labs have endpoints of their own.
OWN = {lab: f"http://127.0.0.{number}:9" for number, lab in enumerate(LABS[4:], 2)}


def check_mturk(address: str) -> dict[str, t.Any]:
    return {
        **MTURK_KEY,
        "environments": ["production"],
        "production_endpoint_url": address,
        "aws_config": {"read_timeout": 0.5},
    }


@dataclasses.dataclass(frozen=True)
class Asked:
    """One run that asks for all labs, by services at addresses that are each one task's alone."""

    run: TaskRun
    mturk: Deaf
    vault: Deaf

    def results(self, task: str) -> list[dict[str, t.Any]]:
        """Of each lab, in order."""
        return [self.run.result(task, lab) for lab in LABS]

    def answers(self, task: str) -> list[dict[str, t.Any]]:
        """What MTurk's production answered each lab."""
        return [result["environments"]["production"] for result in self.results(task)]


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Asked]:
    """With few forks, and without waiting for the slowest lab of a task."""
    directory, refusing = tmp_path_factory.mktemp("silent"), nobody()
    with Deaf() as mturk, Deaf() as vault:
        store = {"type": "hashi_vault", "url": vault.address, "token": "none", "timeout": 0.5}
        portal = {
            "lab": "{{ inventory_hostname }}",
            "email": "{{ inventory_hostname }}@university.example",
            "password": "a password",
            "access_key_id": MTURK_KEY["access_key"],
            "secret_access_key": MTURK_KEY["secret_key"],
            "portal_url": nobody(),
            "state_dir": str(directory / "state"),
            "driver": "http",
        }
        tasks = {
            "mturk": check_mturk(mturk.address),
            "own endpoint": check_mturk("{{ own[inventory_hostname] | default(address) }}"),
            "vault": {**MTURK_KEY, "lab": "{{ inventory_hostname }}", "store": store},
            "name that is gone": check_mturk("https://mturk-requester.gone.invalid"),
        }
        run = run_tasks(
            directory,
            [
                *(
                    {"name": name, "labops.cloudresearch.mturk_requester_check": options}
                    for name, options in tasks.items()
                ),
                {"name": "portal", "labops.cloudresearch.cloudresearch_link": portal},
            ],
            f"--forks={FORKS}",
            hosts={lab: {"own": OWN, "address": refusing} for lab in LABS},
            play={"strategy": "ansible.builtin.free"},
        )
        yield Asked(run, mturk, vault)


def not_asked(told: t.Iterable[str]) -> list[str]:
    return [text for text in told if "not asked: no answer for lab-0" in text]


def test_mturk(asked: Asked) -> None:
    answers = asked.answers("mturk")
    assert {answer["status"] for answer in answers} == {"unreachable"}
    skipped = not_asked(answer["message"] for answer in answers)
    assert len(skipped) >= len(LABS) - MOST_ASKED
    assert 0 < len(asked.mturk.connections) <= MOST_ASKED * TRIES
    assert all(answer["next_step"].startswith(("Check the network", "Remove the cause")) for answer in answers)


def test_a_labs_own_endpoint_is_another_one(asked: Asked) -> None:
    """Nobody's word counts there."""
    told = [answer["message"] for answer in asked.answers("own endpoint")]
    assert len(not_asked(told[:4])) >= 4 - MOST_ASKED and not not_asked(told[4:])


def test_vault(asked: Asked) -> None:
    results = asked.results("vault")
    assert {result["reason"] for result in results} == {"store_unreachable"}
    assert len(not_asked(result["msg"] for result in results)) >= len(LABS) - MOST_ASKED
    assert 0 < len(asked.vault.connections) <= MOST_ASKED * TRIES


def test_portal(asked: Asked) -> None:
    results = asked.results("portal")
    assert {result["reason"] for result in results} == {"portal_unavailable"}
    assert len(not_asked(result["msg"] for result in results)) >= len(LABS) - MOST_ASKED


def test_a_name_that_is_gone(asked: Asked) -> None:
    told = [answer["message"] for answer in asked.answers("name that is gone")]
    assert len(not_asked(told)) >= len(LABS) - MOST_ASKED
