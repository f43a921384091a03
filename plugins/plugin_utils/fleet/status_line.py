# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One line at the bottom of a terminal that is rewritten in place, and leaves when other output comes."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
import typing as t

# How often the line is rewritten at most while nothing else is written.
MIN_INTERVAL = 0.1


def columns() -> int:
    """The width of the terminal."""
    return shutil.get_terminal_size().columns


def is_terminal(stream: t.TextIO) -> bool:
    """Whether a stream leads to a terminal that can rewrite a line."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


class StatusLine:
    """Draws one line on a terminal and keeps it out of the way of everything that is shown through a C(Display).

    Ansible writes from several places (warnings, prompts, results of workers), all through the methods of one
    Display object. :meth:`attach` wraps those, so that the line is taken away before and drawn again behind.

    :param stream: a text stream that leads to a terminal.
    :param render: gives the text, which must fit into one row; empty for no line.
    """

    def __init__(self, stream: t.TextIO, render: t.Callable[[], str]) -> None:
        self._stream = stream
        self._render = render
        self._process = os.getpid()
        # Ansible sends callbacks from one thread and displays from another.
        self._lock = threading.RLock()
        self._drawn = False
        self._paused = 0
        self._last = 0.0

    def attach(self, display: t.Any) -> None:
        """Wrap what C(display) writes with, on this object only; workers that are forked later are not affected."""
        display.display = self._around(display.display)
        # A person types behind the prompt of these: no line there until they return.
        for name in ("prompt_until", "do_var_prompt"):
            if hasattr(display, name):
                setattr(display, name, self._without_line(getattr(display, name)))

    def refresh(self) -> None:
        """Draw the line anew, unless it was drawn a moment ago."""
        with self._lock:
            if self._drawn and time.monotonic() - self._last < MIN_INTERVAL:
                return
            self._draw()

    def remove(self) -> None:
        """Take the line away; what is written next begins where it was."""
        with self._lock:
            if self._drawn:
                self._write("\r\x1b[K")
                self._drawn = False

    def _draw(self) -> None:
        text = "" if self._paused else self._render()
        if not text:
            self.remove()
            return
        self._write(f"\r{text}\x1b[K")
        self._drawn = True
        self._last = time.monotonic()

    def _write(self, text: str) -> None:
        # A terminal that has gone away is no reason to stop the run; Ansible itself notices with its next output.
        with contextlib.suppress(OSError):
            self._stream.write(text)
            self._stream.flush()

    def _around(self, write: t.Callable[..., t.Any]) -> t.Callable[..., t.Any]:
        def write_above(*args: t.Any, **kwargs: t.Any) -> t.Any:
            # Workers hand their output to the main process, which comes by here again.
            if os.getpid() != self._process or kwargs.get("log_only"):
                return write(*args, **kwargs)
            with self._lock:
                self.remove()
                try:
                    return write(*args, **kwargs)
                finally:
                    # Text without a line end waits for more on the same line.
                    if kwargs.get("newline", True):
                        self._draw()

        return write_above

    def _without_line(self, ask: t.Callable[..., t.Any]) -> t.Callable[..., t.Any]:
        def ask_without_line(*args: t.Any, **kwargs: t.Any) -> t.Any:
            if os.getpid() != self._process:
                return ask(*args, **kwargs)
            with self._lock:
                self._paused += 1
                self.remove()
            try:
                return ask(*args, **kwargs)
            finally:
                with self._lock:
                    self._paused -= 1

        return ask_without_line
