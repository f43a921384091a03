# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import typing as t

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.fleet import status_line
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.fleet.status_line import CallbackDisplay, StatusLine
from tests.end_to_end.callback_terminal import Screen

BAR = "[##--] 2/4"


class Terminal(io.StringIO):
    """Shows what is written as a person sees it."""

    def __init__(self) -> None:
        super().__init__()
        self.screen = Screen(40)

    def write(self, text: str) -> int:
        self.screen.feed(text.replace("\n", "\r\n"))
        return super().write(text)


class Display:
    """Writes lines as Ansible's Display does."""

    columns = 40

    def __init__(self, stream: io.StringIO) -> None:
        self.stream = stream

    def display(self, text: str, newline: bool = True) -> None:
        self.stream.write(text + ("\n" if newline else ""))

    def banner(self, text: str) -> None:
        self.display(f"{text} ***")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setattr(status_line, "MIN_INTERVAL", 0.0)
    return Terminal()


@pytest.fixture
def display(terminal: Terminal) -> CallbackDisplay:
    display = CallbackDisplay(Display(terminal))
    display.status = StatusLine(terminal, lambda: BAR)
    return display


def test_output_comes_above_the_line(display: CallbackDisplay, terminal: Terminal) -> None:
    display.redraw()
    display.display("one")
    display.display("two")
    assert terminal.screen.lines == ["one", "two", "", BAR]


def test_what_others_write_stands_in_a_row_of_its_own(display: CallbackDisplay, terminal: Terminal) -> None:
    """Warnings of Ansible itself, for one."""
    display.display("one")
    terminal.write("[WARNING]: x\n")
    display.redraw()
    assert terminal.screen.lines == ["one", "[WARNING]: x", "", BAR]
    terminal.write("[WARNING]: y\n")
    display.display("two")
    assert terminal.screen.lines == ["one", "[WARNING]: x", "[WARNING]: y", "two", "", BAR]


def test_half_a_line_is_not_written_over(display: CallbackDisplay, terminal: Terminal) -> None:
    display.display("half", newline=False)
    display.redraw()
    display.display(" and half")
    assert terminal.screen.lines == ["half and half", "", BAR]


def test_the_display_itself_is_left_as_it_is(terminal: Terminal) -> None:
    display = Display(terminal)
    before = dict(vars(display))
    CallbackDisplay(display).display("text")
    assert vars(display) == before


def test_what_is_recorded_is_shown_later_and_a_banner_once(display: CallbackDisplay, terminal: Terminal) -> None:
    display.status = None
    kept = []
    for text in ("first", "second"):
        with display.recording() as calls:
            display.banner("TASK")
            display.display(text)
        kept += calls
    assert terminal.getvalue() == "" and display.columns == 40
    display.replay(kept)
    display.banner("PLAY")
    display.replay(kept[:2])
    assert terminal.getvalue().splitlines() == ["TASK ***", "first", "second", "PLAY ***", "TASK ***", "first"]


def test_it_is_drawn_at_most_ten_times_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    line = StatusLine(terminal, lambda: BAR)
    now = [100.0]
    monkeypatch.setattr(status_line.time, "monotonic", lambda: now[0])
    for _step in range(100):
        line.refresh()
        now[0] += 0.01
    assert 9 <= terminal.getvalue().count("\r") <= 11


@pytest.mark.parametrize("interval", [0.0, 1000.0])
def test_it_leaves_at_once_when_there_is_nothing_to_show(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, interval: float
) -> None:
    monkeypatch.setattr(status_line, "MIN_INTERVAL", interval)
    texts = ["busy", "", ""]
    line = StatusLine(t.cast(t.TextIO, terminal), lambda: texts.pop(0))
    for _step in range(3):
        line.refresh()
    line.remove()
    assert terminal.screen.lines == [""] and terminal.getvalue().count("busy") == 1


def test_a_terminal_that_has_gone_does_not_stop_the_run() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError("EIO")

    StatusLine(Gone(), lambda: "busy").refresh()
