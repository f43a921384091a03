# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service that does not answer is waited for once a run, and not once a lab."""

from __future__ import annotations

import contextlib
import pathlib
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

    def close(self) -> None:
        # shutdown() wakes the thread in accept().
        self._listener.shutdown(socket.SHUT_RDWR)
        for open_one in (self._listener, *self.connections):
            open_one.close()


@pytest.fixture
def deaf() -> t.Iterator[Deaf]:
    server = Deaf()
    yield server
    server.close()


@pytest.fixture
def nobody() -> str:
    """An address at which connections are refused."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"http://127.0.0.1:{closed.getsockname()[1]}"


def ask_for_all(tmp_path: pathlib.Path, module: str, options: dict[str, t.Any]) -> TaskRun:
    """One task for each lab, with few forks."""
    tasks = [{"name": "Ask", f"labops.cloudresearch.{module}": options}]
    return run_tasks(
        tmp_path, tasks, f"--forks={FORKS}", hosts={lab: {} for lab in LABS}, play={"strategy": "ansible.builtin.free"}
    )


def not_asked(told: t.Iterable[str]) -> list[str]:
    return [text for text in told if "not asked: no answer for lab-0" in text]


def check_mturk(address: str) -> dict[str, t.Any]:
    return {
        "access_key": "AKIAIOSFODNN7EXAMPLE",
        "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "environments": ["production"],
        "production_endpoint_url": address,
        "aws_config": {"read_timeout": 0.5},
    }


def test_mturk(tmp_path: pathlib.Path, deaf: Deaf) -> None:
    run = ask_for_all(tmp_path, "mturk_requester_check", check_mturk(deaf.address))
    answers = [run.result("Ask", lab)["environments"]["production"] for lab in LABS]
    assert {answer["status"] for answer in answers} == {"unreachable"}
    skipped = not_asked(answer["message"] for answer in answers)
    assert len(skipped) >= len(LABS) - MOST_ASKED
    assert len(deaf.connections) <= MOST_ASKED * TRIES
    assert all(answer["next_step"].startswith(("Check the network", "Remove the cause")) for answer in answers)


def test_a_labs_own_endpoint_is_another_one(tmp_path: pathlib.Path, deaf: Deaf, nobody: str) -> None:
    """The last labs have endpoints of their own: nobody's word counts there."""
    own = {lab: f"http://127.0.0.{number}:9" for number, lab in enumerate(LABS[4:], 2)}
    options = check_mturk("{{ own[inventory_hostname] | default(address) }}")
    run = run_tasks(
        tmp_path,
        [{"name": "Ask", "labops.cloudresearch.mturk_requester_check": options}],
        f"--forks={FORKS}",
        hosts={lab: {"own": own, "address": nobody} for lab in LABS},
    )
    told = [run.result("Ask", lab)["environments"]["production"]["message"] for lab in LABS]
    assert len(not_asked(told[:4])) >= 4 - MOST_ASKED and not not_asked(told[4:])


def test_vault(tmp_path: pathlib.Path, deaf: Deaf) -> None:
    store = {"type": "hashi_vault", "url": deaf.address, "token": "none", "timeout": 0.5}
    options = {"lab": "{{ inventory_hostname }}", "store": store, "access_key": "AKIAIOSFODNN7EXAMPLE"}
    options["secret_key"] = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    run = ask_for_all(tmp_path, "mturk_requester_check", options)
    results = [run.result("Ask", lab) for lab in LABS]
    assert {result["reason"] for result in results} == {"store_unreachable"}
    assert len(not_asked(result["msg"] for result in results)) >= len(LABS) - MOST_ASKED
    assert len(deaf.connections) <= MOST_ASKED * TRIES


def test_portal(tmp_path: pathlib.Path, nobody: str) -> None:
    options = {
        "lab": "{{ inventory_hostname }}",
        "email": "{{ inventory_hostname }}@university.example",
        "password": "a password",
        "access_key_id": "AKIAIOSFODNN7EXAMPLE",
        "secret_access_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "portal_url": nobody,
        "state_dir": str(tmp_path / "state"),
        "driver": "http",
    }
    run = ask_for_all(tmp_path, "cloudresearch_link", options)
    results = [run.result("Ask", lab) for lab in LABS]
    assert {result["reason"] for result in results} == {"portal_unavailable"}
    assert len(not_asked(result["msg"] for result in results)) >= len(LABS) - MOST_ASKED


def test_a_name_that_is_gone(tmp_path: pathlib.Path) -> None:
    run = ask_for_all(tmp_path, "mturk_requester_check", check_mturk("https://mturk-requester.gone.invalid"))
    told = [run.result("Ask", lab)["environments"]["production"]["message"] for lab in LABS]
    assert len(not_asked(told)) >= len(LABS) - MOST_ASKED
