# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages that draw late in a browser, because of the network, the machine or their own taste."""

from __future__ import annotations

import pathlib
import threading
import time
from typing import Any

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.base import Deadline, Errand
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.browser import BrowserDriver
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.browser_start import RunningBrowser
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.settings import PortalSettings
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.errors import PortalError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.elements import Page
from tests.stack.written_sites import Request, Run, Site, at_once, good_site, one_site, runner

ENTRY = "<a href=/link>Link Mechanical Turk</a>"
START = "<title>Dashboard</title><h1>Projects</h1><p>No projects.</p><a href=/p>Projects</a><a href=/o>Sign out</a>"
ADD = f"document.body.insertAdjacentHTML('beforeend', '<nav>{ENTRY}</nav>')"


def home(script: str) -> str:
    return f"{START}<nav id=n></nav><script>{script}</script>"


# A menu that comes later than the driver's own patience, in ways that say that something is still going on.
LATE = {
    "an answer that comes late": f"fetch('/menu').then(answer => answer.text()).then(() => {{ {ADD}; }});",
    "one answer after the other": (
        f"fetch('/menu').then(() => fetch('/menu')).then(() => setTimeout(() => {{ {ADD}; }}, 300));"
    ),
    "a processor that is busy": (
        "setTimeout(() => { const end = Date.now() + 3500; while (Date.now() < end); "
        f"setTimeout(() => {{ {ADD}; }}, 50); }}, 300);"
    ),
    "an animation": (
        "const a = document.querySelector('h1').animate([{opacity: 0.2}, {opacity: 1}], 3500); "
        f"a.finished.then(() => {{ {ADD}; }});"
    ),
}


def test_a_menu_that_comes_late_is_waited_for(tmp_path: pathlib.Path, chromium: RunningBrowser) -> None:
    held = threading.Event()

    def menu(_request: Request) -> Any:
        held.wait(3)
        return "there"

    def visit(way: str) -> str:
        with one_site() as own:
            good_site(own)
            own.answers["/home"] = home(LATE[way])
            own.answers["/menu"] = menu
            return str(runner("browser", tmp_path / way, chromium)(own, timeout=60).link.status)

    assert at_once(LATE, visit) == dict.fromkeys(LATE, "linked")


def test_a_page_that_never_rests_is_given_up_in_time(sites: tuple[Site, Site], in_browser: Run) -> None:
    own, _foreign = sites
    good_site(own)
    own.answers["/home"] = home("setInterval(() => document.body.classList.toggle('blink'), 50);")
    begun = time.monotonic()
    with pytest.raises(Exception, match="No link to the Mechanical Turk page was found"):
        in_browser(own, timeout=60)
    assert time.monotonic() - begun < 60


# Draws all that is on the page anew, with new ids, as often as its server pushes something.
DRAWS_ANEW = """let drawn = 0;
const draw = () => {
  document.querySelector('main').innerHTML = `<form id="f${++drawn}" action=/done method=post><label>Name<input
    name=name></label><button>Save</button></form><p><a id="a${drawn}" href=/next>Go on</a>
    <button type=button>Buy number ${drawn}</button>`;
};
draw();
// Nobody could work with a page that throws away what was typed just before it is sent.
setInterval(() => { if (!document.querySelector('input').value) { draw(); navigator.sendBeacon('/drawn'); } }, 900);"""


def test_what_a_page_draws_anew_is_found_again(sites: tuple[Site, Site], chromium: RunningBrowser) -> None:
    own, _foreign = sites
    drawn = threading.Event()

    def note(_request: Request) -> str:
        drawn.set()
        return ""

    own.answers.update({"/drawn": note, "/next": "<h1>Next</h1>", "/done": "<h1>Done</h1>"})
    own.answers["/"] = f"<title>Fed</title><main></main><script>{DRAWS_ANEW}</script>"
    settings = PortalSettings.from_params({"portal_url": own.url, "driver": "browser"}, browser=chromium)
    driver = BrowserDriver(Errand(settings, Deadline(60)))

    def page_that_is_no_longer_there() -> Page:
        page = driver.open(own.url)
        drawn.clear()
        assert drawn.wait(10)
        return page

    try:
        page = page_that_is_no_longer_there()
        [form] = [form for form in page.forms if form.fillable]
        arrived = driver.send(page, form, {form.fillable[0].ref: "Ada"}, form.buttons[0])
        assert arrived.address.endswith("/done")
        assert [request.body for request in own.requests if request.path == "/done"] == ["name=Ada"]
        page = page_that_is_no_longer_there()
        [link] = page.links
        assert driver.follow(page, link).address.endswith("/next")
        page = page_that_is_no_longer_there()
        [other] = [button for button in page.buttons if "Buy" in button.label]
        # What stands there now is something else.
        with pytest.raises(PortalError, match="The page replaced what it had shown at the very moment of pressing"):
            driver.press(page, other)
    finally:
        driver.close()


def test_a_field_that_is_drawn_anew_once_it_was_filled_is_filled_again(
    sites: tuple[Site, Site], chromium: RunningBrowser
) -> None:
    own, _foreign = sites
    own.answers["/done"] = "<h1>Done</h1>"
    draws = """const draw = () => { document.querySelector('main').innerHTML = `<form action=/done method=post>
      <label>Name <input name=name></label><button>Save</button></form>`; };
    draw();
    document.querySelector('input').addEventListener('input', draw);"""
    own.answers["/"] = f"<title>Fed</title><main></main><script>{draws}</script>"
    settings = PortalSettings.from_params({"portal_url": own.url, "driver": "browser"}, browser=chromium)
    driver = BrowserDriver(Errand(settings, Deadline(60)))
    try:
        page = driver.open(own.url)
        [form] = [form for form in page.forms if form.fillable]
        driver.send(page, form, {form.fillable[0].ref: "Ada"}, form.buttons[0])
    finally:
        driver.close()
    assert [request.body for request in own.requests if request.path == "/done"] == ["name=Ada"]


# A page's own timers are the driver's, too: this one tells how long each of them is.
TELLS_TIMERS = """const real = window.setTimeout;
window.setTimeout = (act, after) => { navigator.sendBeacon('/timer?' + after); return real(act, after); };"""


def test_a_page_that_has_nothing_more_to_do_is_waited_for_once(sites: tuple[Site, Site], in_browser: Run) -> None:
    own, _foreign = sites
    good_site(own)
    own.answers["/home"] = home(TELLS_TIMERS)
    own.answers["/timer"] = ""
    with pytest.raises(Exception, match="No link to the Mechanical Turk page was found"):
        in_browser(own, timeout=60)
    timers = [float(request.path.partition("?")[2]) for request in own.requests if request.path.startswith("/timer")]
    assert len([timer for timer in timers if timer > 1000]) == 1, timers


def test_a_page_that_cannot_change_by_itself_is_not_waited_for(sites: tuple[Site, Site], in_browser: Run) -> None:
    own, _foreign = sites
    good_site(own)
    own.answers["/home"] = START
    begun = time.monotonic()
    with pytest.raises(Exception, match="No link to the Mechanical Turk page was found"):
        in_browser(own, timeout=60)
    # To wait twice takes five seconds, and the way there one.
    assert time.monotonic() - begun < 5.5
