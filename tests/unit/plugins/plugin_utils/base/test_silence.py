# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who asks an endpoint that does not answer, and who takes others' word for it."""

from __future__ import annotations

import os
import pathlib
import socket
import time

import pytest
import requests
from ansible import constants

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import silence

HERE = "https://service.example:443"


@pytest.fixture(autouse=True)
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> pathlib.Path:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def ask(lab: str, endpoint: str = HERE, **proxies: str) -> silence.Question:
    with silence.asking_for(lab):
        return silence.ask(endpoint, proxies)


def refused(lab: str, endpoint: str = HERE, **proxies: str) -> str:
    try:
        ask(lab, endpoint, **proxies)
    except silence.NotAskedError as exc:
        return str(exc)
    return ""


def grow_old(run: pathlib.Path) -> None:
    """Let the time pass after which one lab asks again."""
    for notes in run.glob("*.silent"):
        os.utime(notes, times=(time.time() - silence.ASK_AGAIN_AFTER - 1,) * 2)


def test_two_labs_that_met_the_silence_speak_for_all() -> None:
    ask("lab-01").silent()
    assert not refused("lab-02") and not refused("lab-01"), "the trouble may be lab-01's own"
    ask("lab-02").silent()
    now = time.strftime("%H:%M UTC", time.gmtime())
    assert refused("lab-03") in (f"not asked: no answer for lab-02 at {now}", refused("lab-99"))


def test_one_lab_that_nobody_answers_is_one_labs_trouble() -> None:
    for _again in range(3):
        ask("lab-01").silent()
    assert not refused("lab-02") and not refused("lab-01")
    ask("lab-02").answered()
    ask("lab-03").silent()
    assert not refused("lab-04"), "an answer came in between"


def test_who_was_not_answered_while_others_were_says_nothing() -> None:
    slow = ask("lab-01")
    ask("lab-02").answered()
    slow.silent()
    ask("lab-03").silent()
    assert not refused("lab-04")


def test_an_answer_for_one_lab_revives_the_endpoint() -> None:
    late = ask("lab-09")
    ask("lab-01").silent()
    ask("lab-02").silent()
    assert refused("lab-03")
    late.answered()
    assert not refused("lab-03") and not refused("lab-01")


def test_one_lab_asks_again_after_a_while(run: pathlib.Path) -> None:
    ask("lab-01").silent()
    ask("lab-02").silent()
    grow_old(run)
    with silence.asking_for("lab-03"):
        assert silence.check(HERE), "looking does not take the turn"
    again = ask("lab-03")
    assert refused("lab-04"), "it waits for how that comes out"
    again.silent()
    assert "lab-03" in refused("lab-04")
    grow_old(run)
    ask("lab-05").answered()
    assert not refused("lab-04")


def test_another_endpoint_or_another_way_to_it_is_another_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    ask("lab-01").silent()
    ask("lab-02").silent()
    assert refused("lab-03", HERE.upper() + "/")
    assert not refused("lab-03", "https://service.example:8443")
    assert not refused("lab-03", "http://service.example:443")
    assert not refused("lab-03", HERE, https="http://proxy.example:3128")
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    assert not refused("lab-03")


def test_without_a_lab_nothing_is_told_and_nobody_heeded(run: pathlib.Path) -> None:
    silence.ask(HERE).silent()
    assert not list(run.iterdir())
    ask("lab-01").silent()
    ask("lab-02").silent()
    silence.ask(HERE).answered()
    assert refused("lab-03")
    assert [path.stat().st_mode & 0o777 for path in run.iterdir()] == [0o600]


@pytest.mark.parametrize("content", ["", "junk\n", "{}\n", '["lab-01"]\n', "[1, 2, 3]\n"])
def test_notes_that_cannot_be_read_stop_nobody(run: pathlib.Path, content: str) -> None:
    ask("lab-01").silent()
    ask("lab-02").silent()
    (notes,) = run.glob("*.silent")
    notes.write_text(content)
    assert not refused("lab-03")


def test_a_directory_that_is_gone_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", "/nonexistent")
    for end in (silence.Question.silent, silence.Question.answered):
        end(ask("lab-01"))


def test_which_failures_of_requests_are_silence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        port = deaf.getsockname()[1]
        with pytest.raises(requests.exceptions.ReadTimeout) as unanswered:
            requests.get(f"http://127.0.0.1:{port}/", timeout=0.1)
    assert silence.nobody_answered(unanswered.value)
    for address in (f"http://127.0.0.1:{port}/", "http://nobody.invalid/"):
        with pytest.raises(requests.exceptions.ConnectionError) as failed:
            requests.get(address, timeout=5)
        assert silence.nobody_answered(failed.value)
    assert not silence.nobody_answered(requests.exceptions.ConnectionError("cut"))
    assert not silence.nobody_answered(requests.exceptions.HTTPError("503"))
