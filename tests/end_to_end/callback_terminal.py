# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a command in a pseudo-terminal, and see the screen as a person does."""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import pathlib
import pty
import re
import select
import signal
import struct
import termios
import time
import typing as t


class Screen:
    """As much of a terminal as the output needs: line ends, carriage returns, colours, erasing, and a cursor that goes
    one row up or down and comes back to where it was.

    Anything else is an error, so that a test notices.
    """

    def __init__(self, columns: int) -> None:
        self.columns = columns
        self.lines: list[str] = [""]
        self._row = 0
        self._column = 0
        self._saved = (0, 0)
        self._unfinished = ""
        # Each state of a line that was rewritten or erased.
        self.rewritten: list[str] = []

    def feed(self, text: str) -> None:
        text = self._unfinished + text
        # A sequence can come in two pieces.
        self._unfinished = "".join(re.findall(r"\x1b(?:\[[0-9;?]*)?\Z", text))
        for part in re.findall(
            r"\x1b\[[0-9;?]*(?:[A-Za-z]|(?=[\r\x1b]))|\x1b[^\[]|.", text.removesuffix(self._unfinished), re.DOTALL
        ):
            if part.startswith("\x1b"):
                self._control(part)
            elif part == "\r":
                self._column = 0
            elif part == "\n":
                self._down()
            else:
                self._put(part)

    def _control(self, sequence: str) -> None:
        # Ansible's prompts begin a sequence and leave it at that, which terminals take as nothing.
        if sequence.endswith(("m", "[")):
            return
        if sequence == "\x1bD":
            self._down()
        elif sequence == "\x1b[A":
            self._row -= 1
        elif sequence == "\x1b7":
            self._saved = (self._row, self._column)
        elif sequence == "\x1b8":
            self._row, self._column = self._saved
        else:
            assert sequence in ("\x1b[K", "\x1b[J"), f"unknown control sequence {sequence!r}"
            kept = self.lines[self._row][: self._column]
            if sequence == "\x1b[J":
                del self.lines[self._row + 1 :]
            elif kept:
                self.rewritten.append(kept)
            self.lines[self._row] = kept

    def _down(self) -> None:
        self._row += 1
        if self._row == len(self.lines):
            self.lines.append("")

    def _put(self, character: str) -> None:
        if self._column == self.columns:
            self._down()
            self._column = 0
        line = self.lines[self._row]
        self.lines[self._row] = line[: self._column].ljust(self._column) + character + line[self._column + 1 :]
        self._column += 1


class Session:
    """A command in a pseudo-terminal of its own.

    :param command: the program and its arguments.
    """

    def __init__(
        self, command: t.Sequence[str], environment: t.Mapping[str, str], directory: pathlib.Path, columns: int = 80
    ) -> None:
        self.output = ""
        self.screen = Screen(columns)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self.pid, self._terminal = pty.fork()
        if self.pid == 0:
            os.chdir(directory)
            os.execve(command[0], list(command), {**environment, "TERM": "xterm-256color"})
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))

    def wait_for(self, text: str, seconds: float = 60) -> None:
        """Read on until the text has come."""
        self._read(lambda: text in self.output, seconds)
        assert text in self.output, self.output

    def type(self, text: str) -> None:
        """Type on the keyboard; V(\\x03) is Ctrl-C."""
        os.write(self._terminal, text.encode())

    def type_until(self, text: str, answer: str) -> None:
        """Type again and again until the answer comes: a program may throw away what was typed too early."""
        for _attempt in range(60):
            self.type(text)
            deadline = time.monotonic() + 1
            while time.monotonic() < deadline and answer not in self.output:
                if select.select([self._terminal], [], [], 0.1)[0]:
                    self._read_once()
            if answer in self.output:
                return
        raise AssertionError(f"{answer!r} never came:\n{self.output}")

    def finish(self, seconds: float = 60) -> int:
        """Read to the end; the exit status."""
        self._read(lambda: False, seconds)
        os.close(self._terminal)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        raise AssertionError("the command did not end")

    def _read(self, enough: t.Callable[[], bool], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not enough():
            ready = select.select([self._terminal], [], [], max(0.0, deadline - time.monotonic()))[0]
            assert ready, f"nothing came within {seconds} s:\n{self.output}"
            if not self._read_once():
                return

    def _read_once(self) -> bool:
        try:
            read = os.read(self._terminal, 65536)
        except OSError:  # Linux: the other side has closed
            read = b""
        text = self._decoder.decode(read)
        self.output += text
        self.screen.feed(text)
        return bool(read)
