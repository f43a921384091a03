# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that waits while people link requester accounts, lab after lab."""

from __future__ import annotations

import threading
import time

from tests.desktop import BOX, captcha, desktop, somebody_who_clicks
from tests.fleet import Fleet
from tests.stack.written_sites import good_site, one_site

__all__ = ["desktop"]


def wait_until(condition: object, timeout: float = 60.0) -> None:
    """Wait for something that a run in another process brings about."""
    deadline = time.monotonic() + timeout
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.05)


def test_labs_go_on_as_soon_as_their_person_is_done_and_hold_up_nobody(fleet: Fleet) -> None:
    control = fleet.simulator.control
    waiting = ["waits-1", "waits-2", "waits-3"]
    for lab in waiting:
        fleet.add(lab, requester_linked=("sandbox",))
    fleet.add("needs-nobody")

    def people() -> None:
        # Nobody is waited for before the lab that needs nobody is done.
        wait_until(lambda: control.portal_key("needs-nobody"))
        # The second person is the first to come, and her lab does not wait for the others.
        for lab in ("waits-2", "waits-3"):
            control.link_requester(lab, "production")
            wait_until(lambda lab=lab: control.portal_key(lab))  # type: ignore[misc]
            assert not control.portal_key("waits-1")
        done.set()

    done = threading.Event()
    helper = threading.Thread(target=people)
    helper.start()
    # Fewer forks than labs that wait.
    run = fleet.run("onboard", "--forks", "2", "-e", "lab_account_wait_for_person=30")
    helper.join()
    assert done.is_set(), run.output
    states = {lab: outcome["state"] for lab, outcome in run.outcomes.items()}
    assert states == {
        "needs-nobody": "changed",
        "waits-1": "waiting_for_person",
        "waits-2": "changed",
        "waits-3": "changed",
    }, run.output
    assert run.return_code == 0
    assert "Waiting for lab waits-1" in run.output


def test_who_passes_a_captcha_in_the_window_gets_the_lab_linked(fleet: Fleet, desktop: None) -> None:
    """The first pass, without a window, has sent the password already when it meets the captcha."""
    fleet.add("asks")
    with one_site() as own, one_site("127.0.0.2") as foreign:
        good_site(own)
        own.answers["/login"] = "<title>Check</title>" + captcha(foreign.url, "location.href = '/home'")
        foreign.answers = {"/box": BOX, "/judge": "a person"}
        fleet.variables |= {"lab_account_portal_url": own.url, "lab_account_link_driver": "browser"}
        # Tests run as root, too, for whom Chromium has no sandbox.
        fleet.variables["lab_account_portal_options"]["allow_unsandboxed_browser"] = True
        with somebody_who_clicks("Check") as titles:
            run = fleet.run("onboard", "-e", "lab_account_wait_for_person=60")
    assert run.outcomes["asks"]["state"] == "changed", run.output
    assert titles and not foreign.saw("p=")
