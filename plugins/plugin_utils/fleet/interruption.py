# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make sure that an interrupted run ends."""

from __future__ import annotations

import os
import signal
import threading
import time
import types
import typing as t

# Ansible ends within a second once its main thread has heard of the interruption.
PATIENCE = 3.0
# A report of thousands of labs takes its time to be written.
PATIENCE_WITH_FILES = 60.0
# Then the main thread cannot hear it at all.
MOST_REPEATS = 5


class Interruption:
    """Repeats Ctrl-C until the run has ended.

    The signal becomes an exception in the main thread, and that can get lost: Python drops it where it may not be
    raised (while a worker is forked, for one), and then Ansible waits for good for workers that it has stopped itself.
    Or a worker was stopped while it handed over a result, and nobody can use the queue any more.

    SIGTERM, by which a service manager or a job's time limit ends a run, is heard as Ctrl-C is: Ansible's own handler
    would end the process at once, without a word on how far the run came.

    :param give_up: called in another thread before the process is ended by force.
    """

    def __init__(self, give_up: t.Callable[[], None]) -> None:
        self._give_up = give_up
        self._process = os.getpid()
        self._ended = threading.Event()
        self._begun = False
        self._patience = PATIENCE
        self._handler: t.Callable[[int, types.FrameType | None], object] = signal.default_int_handler

    def watch(self) -> None:
        """Stand before the handler that is installed now. Only the main thread may call this."""
        handler = signal.getsignal(signal.SIGINT)
        if callable(handler):
            self._handler = handler
            signal.signal(signal.SIGINT, self._on_interrupt)
            signal.signal(signal.SIGTERM, self._on_terminate)

    def end(self, *, writes_files: bool = False) -> None:
        """The run has come to its end: do not interrupt what it still says.

        :param writes_files: whether what is left takes longer than some lines on the screen.
        """
        self._patience = PATIENCE_WITH_FILES if writes_files else PATIENCE
        self._ended.set()

    @property
    def begun(self) -> bool:
        """Whether the run was interrupted."""
        return self._begun

    def _on_interrupt(self, number: int, frame: types.FrameType | None) -> None:
        if os.getpid() != self._process or self._begun:
            if not self._ended.is_set():
                raise KeyboardInterrupt
            return
        self._begun = True
        threading.Thread(target=self._interrupt_until_ended, daemon=True).start()
        try:
            self._handler(number, frame)
        finally:
            # Ansible's handler lets the next signal end the process, without a word on how far the run came.
            signal.signal(signal.SIGINT, self._on_interrupt)

    def _on_terminate(self, number: int, frame: types.FrameType | None) -> None:
        if os.getpid() == self._process:
            self._on_interrupt(signal.SIGINT, frame)
        else:  # a worker of an ansible-core that sets no handler of its own there
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def _interrupt_until_ended(self) -> None:
        for _turn in range(MOST_REPEATS):
            if self._ended.wait(PATIENCE):
                break
            os.kill(self._process, signal.SIGINT)
        else:
            self._give_up()
        # A process that ends takes this thread with it, so what is still there hangs.
        time.sleep(self._patience)
        os._exit(128 + signal.SIGINT)
