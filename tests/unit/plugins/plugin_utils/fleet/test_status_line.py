# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import typing as t

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.fleet import status_line
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.fleet.status_line import StatusLine


class Display:
    """Writes lines as Ansible's Display does."""

    def __init__(self, stream: io.StringIO) -> None:
        self.stream = stream

    def display(self, text: str, newline: bool = True, log_only: bool = False) -> None:
        if not log_only:
            self.stream.write(text + ("\n" if newline else ""))

    def prompt_until(self, text: str) -> bytes:
        self.display(text)
        self.display("echo of the typed text")
        return b"answer"


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def line(stream: io.StringIO) -> StatusLine:
    return StatusLine(t.cast(t.TextIO, stream), lambda: "[##--] 2/4")


def attached(line: StatusLine, stream: io.StringIO) -> Display:
    display = Display(stream)
    line.attach(display)
    return display


def test_output_of_others_comes_above_the_line(line: StatusLine, stream: io.StringIO) -> None:
    display = attached(line, stream)
    line.refresh()
    display.display("[WARNING]: x")
    assert stream.getvalue() == "\r[##--] 2/4\x1b[K" + "\r\x1b[K" + "[WARNING]: x\n" + "\r[##--] 2/4\x1b[K"


def test_half_a_line_is_not_written_over(line: StatusLine, stream: io.StringIO) -> None:
    display = attached(line, stream)
    display.display("half", newline=False)
    assert stream.getvalue() == "half"


def test_no_line_while_a_person_types(line: StatusLine, stream: io.StringIO) -> None:
    display = attached(line, stream)
    line.refresh()
    stream.truncate(0)
    assert display.prompt_until("Press a key") == b"answer"
    assert "[##--]" not in stream.getvalue()
    display.display("after")
    assert stream.getvalue().endswith("\r[##--] 2/4\x1b[K")


def test_what_only_goes_to_the_log_does_not_touch_the_screen(line: StatusLine, stream: io.StringIO) -> None:
    display = attached(line, stream)
    display.display("secret", log_only=True)
    assert stream.getvalue() == ""


def test_it_is_drawn_at_most_ten_times_a_second(
    line: StatusLine, stream: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(status_line.time, "monotonic", lambda: now[0])
    for _step in range(100):
        line.refresh()
        now[0] += 0.01
    assert 9 <= stream.getvalue().count("\r") <= 11


def test_it_leaves_when_there_is_nothing_to_show(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status_line, "MIN_INTERVAL", 0.0)
    texts = ["busy", "", ""]
    line = StatusLine(t.cast(t.TextIO, stream), lambda: texts.pop(0))
    for _step in range(3):
        line.refresh()
    line.remove()
    assert stream.getvalue() == "\rbusy\x1b[K\r\x1b[K"


def test_a_terminal_that_has_gone_does_not_stop_the_run() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError("EIO")

    StatusLine(Gone(), lambda: "busy").refresh()
