# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A display of its own, somebody at it, and a captcha to pass there."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import subprocess
import threading
from collections.abc import Iterator

import pytest

# A widget like reCAPTCHA's: a frame of another host over the page, which asks its own server and hands on the answer.
_WIDGET = (
    "<div class=g-recaptcha data-sitekey=x><textarea name=g-recaptcha-response hidden></textarea>"
    "<iframe src={}/box style='position:fixed;inset:0;width:100%;height:100%'></iframe></div><script>"
    "onmessage = told => {{ document.querySelector('textarea').value = told.data;"
    " document.querySelector('iframe').remove(); {} }}</script>"
)
BOX = (
    "<body style='background:#eee'>I am not a robot<script>onclick = async () =>"
    " parent.postMessage(await (await fetch('/judge', {method: 'POST', body: 'clicked'})).text(), '*')</script>"
)


def captcha(host: str, then: str = "") -> str:
    """The widget, to be put on a page.

    :param host: the address of the other host, which answers with C(BOX) at C(/box) and with a text at C(/judge).
    :param then: what the page does when it is passed.
    """
    return _WIDGET.format(host, then)


@pytest.fixture
def desktop(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> Iterator[None]:
    """A display of its own, as E(DISPLAY)."""
    if not (shutil.which("Xvfb") and shutil.which("xdotool")):
        pytest.skip("needs Xvfb and xdotool (Debian: apt install xvfb xdotool)")
    ours, theirs = os.pipe()
    command = ["Xvfb", "-displayfd", str(theirs), "-screen", "0", "1400x1200x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=[theirs], stderr=subprocess.DEVNULL) as server:
        os.close(theirs)
        with os.fdopen(ours) as told:
            monkeypatch.setenv("DISPLAY", f":{told.readline().strip()}")
        yield
        server.terminate()


def close_the_window(title: str) -> None:
    """Close a window as a person does."""
    _xdotool("search", "--sync", "--onlyvisible", "--name", title, "windowfocus", "key", "ctrl+w")


@contextlib.contextmanager
def somebody_who_clicks(title: str, told: list[str] | None = None) -> Iterator[list[str]]:
    """A person who clicks in the middle of each window with some words in its title; the titles.

    :param told: what the person is told; without that, such a person does not begin.
    """
    gone, seen = threading.Event(), list[str]()

    def look() -> None:
        while not gone.wait(0.3):
            for window in [] if told == [] else _xdotool("search", "--onlyvisible", "--name", title).split():
                seen.append(_xdotool("getwindowname", window))
                _xdotool("mousemove", "--window", window, "640", "600", "click", "1")

    person = threading.Thread(target=look)
    person.start()
    try:
        yield seen
    finally:
        gone.set()
        person.join()


def _xdotool(*words: str) -> str:
    return subprocess.run(["xdotool", *words], capture_output=True, text=True, check=False, timeout=60).stdout.strip()
