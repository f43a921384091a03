# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line: starts the local stack, prints one JSON line with its addresses, runs until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pathlib
import signal
import sys
import threading


def main() -> int:
    """Run the simulator; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("--state-file", type=pathlib.Path, help="also write the line with the addresses to this file")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="time that each call takes besides its work")
    parser.add_argument(
        "--until-stdin-closes",
        action="store_true",
        help="also stop when standard input ends (as a parent's death does)",
    )
    # The names are repeated here so that --help and a typing error need not wait for moto.
    services = ("aws", "mturk-production", "mturk-sandbox", "requester", "portal", "portal-signin", "control")
    for service in services:
        parser.add_argument(f"--{service}-port", type=int, default=0, help="chosen by the system if not given")
    arguments = parser.parse_args()

    # A signal may reach any thread, and Python's handlers run only when the main thread wakes up. The wake-up pipe is
    # written to at once, in whichever thread; the main thread waits for it.
    stopped, stop = os.pipe()
    os.set_blocking(stop, False)
    signal.set_wakeup_fd(stop)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_ignored: None)

    from tests.simulator.control_server import ControlApp
    from tests.simulator.operations import Operations
    from tests.simulator.stack import Stack

    stack = Stack({service: getattr(arguments, f"{service.replace('-', '_')}_port") for service in services})
    operations = Operations(stack)
    stack.start_control(ControlApp(operations))
    if arguments.latency_ms:
        operations.set(latency_ms=arguments.latency_ms)
    line = json.dumps({**stack.addresses(), "pid": os.getpid()})
    if arguments.state_file:
        _write_private(arguments.state_file, line)
    print(line, flush=True)
    if arguments.until_stdin_closes:
        threading.Thread(target=_wait_for_end_of_input, args=(stop,), daemon=True).start()
    os.read(stopped, 1)
    stack.close()
    if arguments.state_file:
        arguments.state_file.unlink(missing_ok=True)
    return 0


def _write_private(path: pathlib.Path, text: str) -> None:
    # Readers wait for the file to appear, so it must appear complete.
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text + "\n")
    temporary.replace(path)


def _wait_for_end_of_input(stop: int) -> None:
    with contextlib.suppress(OSError):
        while os.read(sys.stdin.fileno(), 4096):
            pass
    os.write(stop, b".")


if __name__ == "__main__":
    sys.exit(main())
