# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only a person can pass: with a window and time for it the module waits and goes on, without it stops."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from tests.desktop import BOX, captcha, close_the_window, desktop, somebody_who_clicks
from tests.stack.portal_site import PASSWORD
from tests.stack.written_sites import BUTTON, FORM, HOME, Request, Run, Site, good_site, runner

__all__ = ["desktop"]

# The page asks whether the person has passed it, as such pages do, and leaves when it is so.
ASKS = "setInterval(async () => { if (await (await fetch('/passed')).text() === 'yes') location.href = '%s'; }, 200)"
CAPTCHA = "<title>Check</title><div class='g-recaptcha'>I am not a robot</div><script>" + ASKS % "/after" + "</script>"
APPROVE = (
    "<title>Approve</title><h1>Approve sign in</h1><p>Check your phone and approve the sign-in there.</p><script>"
    + ASKS % "/home"
    + "</script>"
)


class Somebody:
    """Passes the page at the third time it asks."""

    def __init__(self, comes: bool = True) -> None:
        self.asked = 0
        self.comes = comes

    def __call__(self, _request: Request) -> Any:
        self.asked += 1
        return "yes" if self.comes and self.asked > 2 else "no"


@pytest.fixture(autouse=True)
def some_display(monkeypatch: pytest.MonkeyPatch) -> None:
    """A display that the running browser of these tests does not use."""
    monkeypatch.setenv("DISPLAY", ":99")


def person_site(site: Site, page: str, *, comes: bool = True) -> None:
    good_site(site)
    site.answers["/after"] = site.answers["/"]
    if page == CAPTCHA:
        site.answers["/"] = CAPTCHA
    else:
        site.answers["/login"] = APPROVE
    site.answers["/home"] = HOME
    site.answers["/passed"] = Somebody(comes)


@pytest.mark.parametrize("page", [CAPTCHA, APPROVE], ids=["captcha", "approval"])
def test_a_person_passes_it_and_the_module_goes_on(sites: tuple[Site, Site], in_browser: Run, page: str) -> None:
    own, _foreign = sites
    person_site(own, page)
    assert in_browser(own, wait_timeout=120).link.status == "linked"


@pytest.mark.parametrize(
    ("page", "reason"), [(CAPTCHA, "captcha"), (APPROVE, "second_factor_required")], ids=["captcha", "approval"]
)
def test_without_a_display_nobody_is_waited_for(
    sites: tuple[Site, Site], in_browser: Run, monkeypatch: pytest.MonkeyPatch, page: str, reason: str
) -> None:
    monkeypatch.delenv("DISPLAY")
    own, _foreign = sites
    person_site(own, page, comes=False)
    with pytest.raises(CollectionError) as caught:
        in_browser(own, wait_timeout=120)
    assert caught.value.reason == reason


def test_nobody_comes(sites: tuple[Site, Site], in_browser: Run) -> None:
    own, _foreign = sites
    person_site(own, CAPTCHA, comes=False)
    with pytest.raises(CollectionError) as caught:
        in_browser(own, wait_timeout=1)
    assert caught.value.reason == "captcha"


def test_a_person_ticks_the_box_in_the_window_and_the_module_does_the_rest(
    sites: tuple[Site, Site], desktop: None, tmp_path: pathlib.Path
) -> None:
    own, foreign = sites
    good_site(own)
    foreign.answers = {"/box": BOX, "/judge": "a person"}
    own.answers["/"] = FORM.format("method=post action=/login", captcha(foreign.url) + BUTTON)
    # And once more, when the password is on its way already and other hosts are shut out for what it was typed into.
    own.answers["/login"] = "<title>Check</title>" + captcha(foreign.url, "location.href = '/home'")
    told: list[str] = []
    with somebody_who_clicks("Chromium", told) as titles:
        done = runner("browser", tmp_path)(own, wait_timeout=120, announce=told.append)
    assert done.link.status == "linked"
    assert any("Log in" in title for title in titles) and any("Check" in title for title in titles)
    (sent,) = [request.body for request in own.requests if request.path == "/login"]
    assert "g-recaptcha-response=a+person" in sent
    assert [request.body for request in foreign.requests if request.path == "/judge"] == ["clicked"] * 2
    assert not foreign.saw(PASSWORD)
    assert told and all("for pi@uni.example in the browser window" in text and PASSWORD not in text for text in told)


def test_who_closes_the_window_will_not_do_it_now(
    sites: tuple[Site, Site], desktop: None, tmp_path: pathlib.Path
) -> None:
    own, _foreign = sites
    person_site(own, CAPTCHA, comes=False)
    with pytest.raises(CollectionError) as caught:
        runner("browser", tmp_path)(own, wait_timeout=120, announce=lambda _text: close_the_window("Check"))
    assert caught.value.reason == "captcha" and "when somebody is there" in caught.value.next_step


def test_a_display_that_lets_nobody_in_is_told(
    sites: tuple[Site, Site], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", ":4711")
    own, _foreign = sites
    person_site(own, CAPTCHA)
    with pytest.raises(CollectionError) as caught:
        runner("browser", tmp_path)(own, wait_timeout=120)
    assert "could not open a window" in caught.value.message and not own.requests
