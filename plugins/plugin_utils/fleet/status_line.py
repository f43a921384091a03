# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One line at the bottom of a terminal that is rewritten in place, and leaves when other output comes."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import threading
import time
import typing as t

from ansible.utils.display import Display

# How often the line is rewritten at most while nothing else is written.
MIN_INTERVAL = 0.1

# What terminals understand since the VT100 (xterm's documentation: "Control Sequences").
ERASE_BELOW = "\x1b[J"  # from the cursor to the end of the screen
ERASE_BEHIND = "\x1b[K"  # from the cursor to the end of the row
DOWN = "\x1bD"  # one row, in the same column; scrolls at the end of the screen
UP = "\x1b[A"
SAVE, RESTORE = "\x1b7", "\x1b8"  # where the cursor is


def columns() -> int:
    """The width of the terminal."""
    return shutil.get_terminal_size().columns


def is_terminal(stream: t.TextIO) -> bool:
    """Whether a stream leads to a terminal that can rewrite a line."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


class StatusLine:
    """Draws one line in the row below the cursor, which stays where it is.

    So whoever writes without knowing of the line, such as Ansible with a warning, has a row of its own and begins the
    next one over the line, which the next drawing puts below again.

    :param stream: a text stream that leads to a terminal.
    :param render: gives the text, which must fit into one row; empty for no line.
    """

    def __init__(self, stream: t.TextIO, render: t.Callable[[], str]) -> None:
        self._stream = stream
        self._render = render
        # An interrupted run is closed by another thread.
        self._lock = threading.RLock()
        self._drawn = False
        self._last = 0.0

    def refresh(self) -> None:
        """Draw the line anew, unless it was drawn a moment ago."""
        with self._lock:
            text = self._render()
            if not text:
                self.remove()
            elif not self._drawn or time.monotonic() - self._last >= MIN_INTERVAL:
                self._write(f"{ERASE_BELOW}{DOWN}{UP}{SAVE}{DOWN}\r{text}{ERASE_BEHIND}{RESTORE}")
                self._drawn = True
                self._last = time.monotonic()

    def remove(self) -> None:
        """Take the line away."""
        with self._lock:
            if self._drawn:
                self._write(ERASE_BELOW)
                self._drawn = False

    @contextlib.contextmanager
    def away(self) -> t.Iterator[None]:
        """Take the line away while something is written, and draw it again behind."""
        with self._lock:
            self.remove()
            yield
            self.refresh()

    def _write(self, text: str) -> None:
        # A terminal that has gone away is no reason to stop the run; Ansible itself notices with its next output.
        with contextlib.suppress(OSError):
            self._stream.write(text)
            self._stream.flush()


class Call(t.NamedTuple):
    """One call of a method of Ansible's Display."""

    method: str
    arguments: tuple[object, ...]
    options: dict[str, object]


class CallbackDisplay:
    """What a callback writes with: Ansible's Display with the status line out of the way, now or later.

    It has all methods of the Display, which itself is left as it is.
    """

    def __init__(self, display: Display) -> None:
        self._display = display
        self._recorded: list[Call] | None = None
        self._banner: Call | None = None
        self.status: StatusLine | None = None

    def __getattr__(self, name: str) -> t.Any:
        attribute = getattr(self._display, name)
        return functools.partial(self._write, name) if callable(attribute) else attribute

    def _write(self, method: str, *arguments: object, **options: object) -> None:
        call = Call(method, arguments, options)
        if self._recorded is None:
            self._show(call)
        else:
            self._recorded.append(call)

    def _show(self, call: Call) -> None:
        if call.method == "banner":
            self._banner = call
        with self.status.away() if self.status else contextlib.nullcontext():
            getattr(self._display, call.method)(*call.arguments, **call.options)

    def redraw(self) -> None:
        """Draw the status line anew, if there is one."""
        if self.status:
            self.status.refresh()

    @contextlib.contextmanager
    def recording(self) -> t.Iterator[list[Call]]:
        """Keep what is written instead of showing it."""
        recorded: list[Call] = []
        self._recorded = recorded
        try:
            yield recorded
        finally:
            self._recorded = None

    def replay(self, calls: t.Iterable[Call]) -> None:
        """Show what was kept; a banner only if it is not the last one already."""
        for call in calls:
            if call != self._banner:
                self._show(call)
