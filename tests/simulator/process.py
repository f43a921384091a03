# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the simulator in a process of its own, which ends with the caller whatever happens to it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import selectors
import subprocess
import sys
import time
import typing as t

from tests.simulator.control import ControlClient

PROJECT = pathlib.Path(__file__).resolve().parent.parent.parent


@dataclasses.dataclass(frozen=True)
class Simulator:
    """The addresses of a running simulator, and its control interface."""

    aws_url: str
    mturk_production_url: str
    mturk_sandbox_url: str
    requester_url: str
    requester_production_url: str
    requester_sandbox_url: str
    portal_url: str
    portal_signin_url: str
    control_url: str
    management_account_id: str
    ops_access_key: str
    ops_secret_key: str = dataclasses.field(repr=False)
    pid: int

    @property
    def control(self) -> ControlClient:
        """The control interface."""
        return ControlClient(self.control_url)


class SimulatorFailed(Exception):
    """The simulator did not start; its output says why."""


@contextlib.contextmanager
def running_simulator(*arguments: str, start_timeout: float = 60.0) -> t.Iterator[Simulator]:
    """Start the simulator, give its addresses, stop it at the end.

    :param arguments: for the command line of tests.simulator, such as C(--latency-ms=80).
    :raises SimulatorFailed: it did not print its addresses in time.
    """
    # In a session of its own: a Ctrl-C, or a test that kills its own process group, must not end it half-way.
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.simulator", "--until-stdin-closes", *arguments],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )
    try:
        line = _first_line(process, start_timeout)
        yield Simulator(**json.loads(line))
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


def _first_line(process: subprocess.Popen[bytes], timeout: float) -> bytes:
    assert process.stdout is not None
    deadline = time.monotonic() + timeout
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(max(0.0, deadline - time.monotonic())):
            raise SimulatorFailed(f"the simulator did not start within {timeout:.0f} s")
    line = process.stdout.readline()
    if not line:
        raise SimulatorFailed(f"the simulator ended with status {process.wait(10)}; its messages are above")
    return line
