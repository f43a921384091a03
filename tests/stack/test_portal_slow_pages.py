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

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.browser_start import RunningBrowser
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
