# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a Python program in a fork of this process instead of in a new Python, which would have to import all it needs.

C(program_in_fork) says what the program finds there.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import threading
import types
import typing as t

from . import program_in_fork

_READ_AT_ONCE = 1 << 20


def can_fork() -> bool:
    """Whether this process can be forked without harm: of several threads, only one would live on, with all locks."""
    return hasattr(os, "fork") and threading.active_count() == 1


def run_program(
    program: bytes,
    environment: t.Mapping[str, str],
    directory: str | bytes | None = None,
    prepare: t.Callable[[], None] | None = None,
) -> tuple[int, bytes, bytes]:
    """Run a program in a child process and wait for its end. The child never outlives the call.

    :param program: Python source, as a new interpreter would read it from its standard input.
    :param directory: where to run; None: where this process is.
    :param prepare: called in the child just before the program.
    :returns: return code (128 plus its number for a signal, as a shell tells it), standard output, standard error.
    """
    readers, writers = zip(os.pipe(), os.pipe(), strict=True)
    with _child_ends_with_us() as child:
        child.pid = os.fork()
        if child.pid == 0:
            program_in_fork.be_the_program(program, environment, directory, writers, prepare)
        for descriptor in writers:
            os.close(descriptor)
        output, errors = _read_all(readers)
        code = child.wait()
    return (128 - code if code < 0 else code), output, errors


@contextlib.contextmanager
def _child_ends_with_us() -> t.Iterator[_Child]:
    """Kill the child when this process is interrupted or told to end.

    Since ansible-core 2.19 a worker that is told to end takes its whole process group along; until then it just ends.
    """
    child = _Child()
    terminated = False

    def end(_number: int, _frame: types.FrameType | None) -> t.NoReturn:
        nonlocal terminated
        terminated = True
        raise SystemExit(128 + signal.SIGTERM)

    replaced = signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    if replaced:
        signal.signal(signal.SIGTERM, end)
    try:
        yield child
    except BaseException:
        child.kill()
        raise
    finally:
        if replaced:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if terminated:
            os.kill(os.getpid(), signal.SIGTERM)


class _Child:
    """A child process, from before its birth until it has been waited for."""

    pid = 0

    def wait(self) -> int:
        """Wait for the end: the exit status, or the negative number of the signal that killed it."""
        _pid, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def kill(self) -> None:
        """End it now, if there is one."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()


def _read_all(descriptors: t.Sequence[int]) -> tuple[bytes, ...]:
    """Read pipes to their ends, side by side, so that no writer waits for a reader, and close them."""
    chunks: dict[int, list[bytes]] = {descriptor: [] for descriptor in descriptors}
    try:
        with selectors.DefaultSelector() as selector:
            for descriptor in descriptors:
                selector.register(descriptor, selectors.EVENT_READ)
            while selector.get_map():
                for key, _events in selector.select():
                    chunk = os.read(key.fd, _READ_AT_ONCE)
                    chunks[key.fd].append(chunk)
                    if not chunk:
                        selector.unregister(key.fd)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    return tuple(b"".join(chunks[descriptor]) for descriptor in descriptors)
