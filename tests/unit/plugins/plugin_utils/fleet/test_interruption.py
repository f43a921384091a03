# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In programs of their own, because the end of patience is the end of the process."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.fleet import interruption

PROGRAM = """
import os, signal, sys, threading, time
sys.path.insert(0, sys.argv[1])
import interruption
interruption.PATIENCE = 0.1
heard = []

def handler(number, frame):
    # As Ansible's: the next signal would end the process without a word.
    signal.signal(number, signal.SIG_DFL)
    heard.append(number)
    {handler}

signal.signal(signal.SIGINT, handler)
watched = interruption.Interruption(lambda: print("given up", flush=True))
watched.watch()
try:
    os.kill(os.getpid(), signal.{number})
    {work}
except KeyboardInterrupt:
    watched.end()
    print("interrupted", len(heard), watched.begun, flush=True)
{afterwards}
"""


def run(
    *, handler: str, work: str, afterwards: str = "", number: str = "SIGINT", program: str = PROGRAM
) -> tuple[str, int]:
    program = program.format(handler=handler, work=work, afterwards=afterwards, number=number)
    done = subprocess.run(
        [sys.executable, "-c", program, str(pathlib.Path(interruption.__file__).parent)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout, done.returncode


def test_an_interruption_that_gets_lost_is_repeated() -> None:
    """Python drops what a handler raises while a process is forked, as here the handler itself does."""
    assert run(handler="pass", work="threading.Event().wait(30)") == ("interrupted 1 True\n", 0)


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_an_interruption_that_is_heard_ends_the_run_as_ever(number: str) -> None:
    work = "threading.Event().wait(30)"
    assert run(handler="raise KeyboardInterrupt", work=work, number=number) == ("interrupted 1 True\n", 0)


def test_what_writes_files_at_the_end_is_given_time() -> None:
    """Longer than what hangs would be."""
    program = PROGRAM.replace("watched.end()", "watched.end(writes_files=True)")
    said, code = run(
        handler="pass",
        work="threading.Event().wait(30)",
        afterwards="time.sleep(0.5); print('written')",
        program=program,
    )
    assert (said, code) == ("interrupted 1 True\nwritten\n", 0)


def test_a_worker_ends_by_sigterm_at_once() -> None:
    """ansible-core 2.18 leaves the handlers of its main process to its workers."""
    work = """worker = os.fork()
    if worker == 0:
        os.kill(os.getpid(), signal.SIGTERM)
        os._exit(0)
    print(os.WTERMSIG(os.waitpid(worker, 0)[1]) == signal.SIGTERM)
    raise KeyboardInterrupt"""
    said, code = run(handler="pass", work=work, number="SIGCONT")
    assert (said, code) == ("True\ninterrupted 0 False\n", 0)


def test_a_process_that_cannot_hear_it_says_how_far_it_came_and_ends() -> None:
    deaf = "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT]); threading.Event().wait(30)"
    assert run(handler="pass", work=deaf) == ("given up\n", 130)


def test_what_hangs_behind_the_end_is_ended() -> None:
    said, code = run(handler="pass", work="threading.Event().wait(30)", afterwards="threading.Event().wait(30)")
    assert (said, code) == ("interrupted 1 True\n", 130)
