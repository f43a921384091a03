# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""People are shown one window at a time, and a password goes in again only where a person passes what follows it."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import threading
import typing as t

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.base import Deadline
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.settings import (
    PortalAccount,
    PortalSettings,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.errors import PortalError, Reason
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.reader import read_page
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.session.journal import Journal
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.session.person import turn_at_display


@pytest.fixture(autouse=True)
def display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":99")


def settings(directory: pathlib.Path, wait: int = 60, driver: str = "browser") -> PortalSettings:
    return PortalSettings.from_params({"state_dir": str(directory), "driver": driver, "wait_timeout": wait})


def wants_person() -> PortalError:
    return PortalError(Reason.CAPTCHA, "It wants a person.", next_step="Sign in by hand.")


class NextLab:
    """The next lab, in a thread that queues up while another has the window."""

    def __init__(self, options: PortalSettings) -> None:
        self.got: PortalSettings | None = None
        self.thread = threading.Thread(target=self._visit, args=(options,))
        self.thread.start()

    def _visit(self, options: PortalSettings) -> None:
        with turn_at_display(options) as got:
            self.got = got

    def settings(self) -> PortalSettings:
        self.thread.join(10)
        assert self.got is not None
        return self.got


def test_a_window_at_a_time(tmp_path: pathlib.Path) -> None:
    options = settings(tmp_path)
    with turn_at_display(options):
        following = NextLab(options)
        # A visit without a window waits for none.
        with turn_at_display(settings(tmp_path, driver="http")):
            assert following.got is None
    assert following.settings().window_for_person


def test_who_queued_up_behind_a_window_at_which_nobody_was_goes_without(tmp_path: pathlib.Path) -> None:
    options = dataclasses.replace(settings(tmp_path), wait_timeout=0.5)
    with pytest.raises(PortalError), turn_at_display(options):
        following = NextLab(options)
        following.thread.join(0.6)
        raise wants_person()
    assert not following.settings().window_for_person
    # A later run asks anew.
    with turn_at_display(options) as got:
        assert got.window_for_person


def test_a_window_that_was_closed_early_says_nothing_of_the_next(tmp_path: pathlib.Path) -> None:
    options = settings(tmp_path)
    with pytest.raises(PortalError), turn_at_display(options):
        following = NextLab(options)
        following.thread.join(0.1)
        raise wants_person()
    assert following.settings().window_for_person


@pytest.mark.parametrize(
    ("options", "display", "says"),
    [
        ({"driver": "browser", "wait": 60}, ":99", "run it again when somebody is there"),
        ({"driver": "browser", "wait": 60}, "", "there is no display here"),
        ({"driver": "browser", "wait": 0}, ":99", "driver=browser and wait_timeout"),
        ({"driver": "http", "wait": 60}, ":99", "lab_account_wait_for_person"),
    ],
)
def test_what_a_person_could_do_is_told(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, t.Any], display: str, says: str
) -> None:
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(PortalError) as caught, turn_at_display(settings(tmp_path, **options)):
        raise wants_person()
    assert caught.value.next_step.startswith("Sign in by hand.") and says in caught.value.next_step


def visit(options: PortalSettings, ends: str = "") -> None:
    """Send the password, and stop for a person."""
    journal = Journal(options, PortalAccount("pi@uni.example", "a password"))
    with journal.held(Deadline(1)):
        journal.check()
        journal.sending_password()
        if ends:
            journal.person_wanted(ends)
            assert "unless a person is there" in journal.advice() or ends == Reason.CAPTCHA
        else:
            journal.accepted()


def refused(options: PortalSettings) -> str:
    with pytest.raises(PortalError) as caught:
        visit(options)
    return caught.value.reason


@pytest.mark.parametrize("reason", [Reason.CAPTCHA, Reason.SECOND_FACTOR_REQUIRED])
def test_a_password_that_a_person_has_to_follow_up_is_sent_again_in_a_window_only(
    tmp_path: pathlib.Path, reason: str
) -> None:
    alone, window = settings(tmp_path, wait=0), settings(tmp_path)
    visit(alone, ends=reason)
    # The lab waits for a person, and its password is left alone.
    assert refused(alone) == reason
    visit(window)
    visit(alone)


def test_behind_a_captcha_it_is_sent_once_more_and_no_further(tmp_path: pathlib.Path) -> None:
    window = settings(tmp_path)
    visit(window, ends=Reason.CAPTCHA)
    visit(window, ends=Reason.CAPTCHA)
    assert refused(window) == Reason.LOGIN_FAILED


def test_who_asks_for_a_second_factor_has_taken_the_password(tmp_path: pathlib.Path) -> None:
    for _time in range(5):
        visit(settings(tmp_path), ends=Reason.SECOND_FACTOR_REQUIRED)
    (file,) = tmp_path.glob("account-*.json")
    assert json.loads(file.read_text())["wrong"] == []


@pytest.mark.parametrize("answer", ["g-recaptcha-response", "h-captcha-response", "cf-turnstile-response"])
def test_a_captcha_that_is_passed_is_none(answer: str) -> None:
    page = "<form><div class=g-recaptcha></div><textarea hidden name={} data-labops-value={!r}></textarea></form>"
    assert read_page(page.format(answer, ""), "https://x.example/", scripts_run=True).captcha
    assert not read_page(page.format(answer, "token"), "https://x.example/", scripts_run=True).captcha
