# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let a person pass what only a person can, in a browser window on this machine's display, and go on from there."""

from __future__ import annotations

import contextlib
import dataclasses
import time
import typing as t

from ...base.errors import CollectionError
from ..drivers.settings import PortalSettings
from ..drivers.snapshots import without_secrets
from ..errors import PortalError, Reason
from ..page.elements import Page
from . import state_files
from .visit import Visit

# What a person can pass in a window: a captcha; a security key, an e-mailed code, an approval on the telephone.
PASSED_BY_PERSONS = frozenset((Reason.CAPTCHA, Reason.SECOND_FACTOR_REQUIRED))

_POLL = 0.2


@contextlib.contextmanager
def turn_at_display(settings: PortalSettings) -> t.Iterator[PortalSettings]:
    """Wait for the display's only window, for a visit that wants one; an error that a person could have spared says so.

    Of many labs at the same time, a person is shown one after another. If nobody was there for the whole time that one
    waited, those that had queued up behind it do not wait as long again, but go without a window.

    Gives the settings to go on with.

    :raises SettingsError: C(state_dir) cannot be used.
    """
    queued = time.time()
    window: t.IO[str] | None = None
    how = _how(settings)
    with contextlib.ExitStack() as turn:
        if settings.window_for_person:
            path = settings.state_dir / "window.json"
            window = turn.enter_context(state_files.locked(path, lambda: time.sleep(_POLL)))
            if state_files.number_or_zero(state_files.load(window).get("nobody_came")) > queued:
                turn.close()
                window, settings = None, dataclasses.replace(settings, wait_timeout=0)
                how = "Nobody was at the window of the lab before, so none was opened for this one: run it again."
        opened = time.time()
        try:
            yield settings
        except CollectionError as exc:
            if exc.reason in PASSED_BY_PERSONS:
                if window is not None and time.time() - opened >= settings.wait_timeout:
                    state_files.store(window, {"nobody_came": time.time()})
                exc.next_step = f"{exc.next_step} {how}"
            raise


def _how(settings: PortalSettings) -> str:
    """What there is to do so that a person can pass it."""
    if settings.window_for_person:
        return "A browser's window was open for it on this machine's display: run it again when somebody is there."
    if settings.driver == "browser" and settings.wait_timeout > 0:
        return (
            "Or let a person pass it: there is no display here for a window, so run Ansible where DISPLAY or "
            "WAYLAND_DISPLAY is set (ssh -X lends a machine yours)."
        )
    return (
        "Or let a person pass it in a browser's window on this machine's display: driver=browser and wait_timeout (in "
        "the role, lab_account_link_driver and lab_account_wait_for_person)."
    )


class Person:
    """The person at this machine's display, who has C(wait_timeout) seconds altogether."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._left = visit.settings.wait_timeout
        self._told = ""

    def passes(self, page: Page, wanted: PortalError) -> Page | None:
        """Wait until the page has moved on.

        :param wanted: what stopped the way.
        :returns: the next page; None if nobody can be waited for, nobody came in time, or the window was closed.
        """
        if wanted.reason not in PASSED_BY_PERSONS or not self._can_come():
            return None
        visit, begun, allowed = self._visit, time.monotonic(), self._left
        self._announce(wanted)
        # The person's time is none of the portal's.
        visit.deadline.extend(allowed)
        try:
            while self._can_come():
                moved = visit.driver.settle(page)
                self._left = allowed - (time.monotonic() - begun)
                if moved is not None:
                    visit.note(moved, "passed by a person")
                    return moved
        except PortalError:
            # What a window says that was closed is nothing of the portal's.
            if visit.driver.shows_window:
                raise
        finally:
            visit.deadline.extend(time.monotonic() - begun - allowed)
        return None

    def _can_come(self) -> bool:
        """Whether there is a window that a person sees, and time for it."""
        return self._left > 0 and self._visit.driver.shows_window

    def _announce(self, wanted: PortalError) -> None:
        announce = self._visit.settings.announce
        if announce is not None and self._told != wanted.message:
            self._told = wanted.message
            told = without_secrets(wanted.message, self._visit.account.secrets())
            announce(
                f"{told} Pass it for {self._visit.account.email} in the browser window that is open on this "
                f"machine's display; the module waits up to {self._left:.0f} seconds and then continues."
            )
