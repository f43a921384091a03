# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In a real browser, for pages that need JavaScript: Playwright with the Chromium or Chrome of this machine."""

from __future__ import annotations

import contextlib
import time
import typing as t

from ...base import hiccups
from ..errors import PortalError, Reason
from ..page.addresses import bare_address
from ..page.elements import Button, Control, Fill, Form, Link, Page, Seen
from . import browser_script, silence
from .base import Cookie, Driver, Errand, out_of_time
from .browser_loop import PlaywrightError
from .browser_start import start_browser
from .browser_window import MOST_REDRAWS, Act, BrowserWindow, Signature, nothing

if t.TYPE_CHECKING:
    from playwright.async_api import ElementHandle

# Some scripts act only a moment later, such as a notice that slides in.
_PATIENCE = 2.5
_SHORTEST = 0.1
_CLOSE_SECONDS = 5.0
# No answer is waited for longer before a thing counts as missing.
_SLOWEST = 30.0


Result = t.TypeVar("Result")


class BrowserDriver(Driver):
    """One browser window with a memory of its own, which is gone when it closes."""

    name = "browser"
    runs_scripts = True

    def __init__(self, errand: Errand, cookies: t.Sequence[Cookie] = ()) -> None:
        """Open a window.

        :param cookies: what another driver was given by the portal.
        :raises SettingsError: if Playwright or the browser is missing.
        """
        self._settings, self._deadline = errand.settings, errand.deadline
        self._window = BrowserWindow(errand)
        self._running = self._settings.browser or start_browser(self._settings, self._deadline.left())
        try:
            self._run_in_loop(self._window.open(self._running.browser, cookies), "opening a window")
        except BaseException:
            self.close()
            raise

    @property
    def shows_window(self) -> bool:
        """Whether a person at this machine's display sees it, and has not closed it."""
        return self._settings.window_for_person and not self._window.is_closed

    def _run_in_loop(self, work: t.Coroutine[t.Any, t.Any, Result], doing: str) -> Result:
        try:
            return self._running.loop.run(work, self._deadline.left())
        except TimeoutError:
            self._window.guard.raise_if_refused()
            raise out_of_time(doing, self._settings.timeout) from None
        except PlaywrightError as exc:
            raise self._window.network_error(str(exc), doing) from None
        finally:
            self.clock_difference = self._window.watch.clock_difference

    # The driver's interface

    def open(self, address: str) -> Page:
        """Go to an address."""
        with silence.heeded(address):
            return self._open_patiently(address)

    def _open_patiently(self, address: str) -> Page:
        for attempt in range(1, hiccups.TRIES + 1):
            try:
                page = self._act_in_window(lambda: self._window.goto(address), f"reading {bare_address(address)}")
            except PortalError as exc:
                if exc.reason != Reason.PORTAL_UNAVAILABLE or self._window.guard.refusal or self._is_last(attempt):
                    raise
            else:
                # Where the portal says how long to wait, that was heeded already; a captcha is for a person.
                passing = page.status in hiccups.PASSING and page.retry_after is None and not page.captcha
                if not passing or self._is_last(attempt):
                    return page
            self._deadline.sleep(hiccups.pause(attempt), f"waiting to reach {bare_address(address)} again")
        raise AssertionError

    def _is_last(self, attempt: int) -> bool:
        return attempt == hiccups.TRIES or self._deadline.left() < 3

    def follow(self, page: Page, link: Link) -> Page:
        """Follow a link: press it if it can be seen, else go to its address."""
        if link.seen is Seen.VISIBLE and self._settings.trust.encrypted_enough(link.address):
            here = self._window.address
            arrived = self._act_in_window(lambda: self._window.click(link.ref), f"following a link on {page.place}")
            if self._window.address != here or _signature(arrived) != _signature(page):
                return arrived
        return self.open(link.address)

    def send(
        self, page: Page, form: Form, fill: Fill, button: Button | None, *, check: t.Sequence[int] = (), what: str = ""
    ) -> Page:
        """Type into the fields and press the button."""
        trust = self._settings.trust
        if what:
            trust.require(page.address, what)
        action = (button.action if button else "") or form.action
        if form.real and not form.scripted and (form.method == "post" or (button and button.method == "post")):
            trust.require(action, what or "form")
        for value in fill.values():
            self._window.guard.watch(value, what)

        async def act() -> None:
            if what:
                self._window.secret_goes_in()
            typed: dict[int, ElementHandle] = {}
            for ref, value in fill.items():
                typed[ref] = await self._window.fill(ref, value, what)
            for ref in check:
                await self._window.check(ref)
            for _attempt in range(MOST_REDRAWS):
                # A field that was drawn anew is empty again, and would be sent like that.
                drawn_anew = [
                    ref for ref, field in typed.items() if not await field.evaluate(browser_script.IS_CONNECTED)
                ]
                for ref in drawn_anew:
                    typed[ref] = await self._window.fill(ref, fill[ref], what)
                if not drawn_anew:
                    break
            if button is not None:
                await self._window.click(button.ref)
            elif typed:
                await list(typed.values())[-1].press("Enter")
            else:
                await (await self._window.element(form.ref)).evaluate("form => form.requestSubmit()")

        return self._act_in_window(act, f"sending a form to {bare_address(action) if action else page.place}")

    def press(self, page: Page, button: Button) -> Page:
        """Press a button that belongs to no form."""
        return self._act_in_window(lambda: self._window.click(button.ref), f"pressing a button on {page.place}")

    def reveal(self, page: Page, ref: int) -> Page | None:
        """Open a menu as a mouse does: move over it, and press it if that shows nothing new."""
        return self._run_in_loop(self._open_by_hovering(page, ref), f"opening a menu on {page.place}")

    async def _open_by_hovering(self, page: Page, ref: int) -> Page | None:
        before, doing = _signature(page), f"opening a menu on {page.place}"

        async def hover() -> None:
            with contextlib.suppress(PlaywrightError):
                await (await self._window.element(ref)).hover(timeout=1000)

        opened = await self._window.act(hover, doing)
        if _signature(opened) == before:
            opened = await self._window.act(lambda: self._window.click(ref), doing)
        return opened if _signature(opened) != before else None

    def settle(self, page: Page) -> Page | None:
        """Wait for the page to change by itself."""
        return self._run_in_loop(self._settle(page), f"waiting for {page.place}")

    async def _settle(self, page: Page) -> Page | None:
        """Wait until the page has changed, or has nothing more to do.

        A busy machine makes a page late, so it is its own timer that says when patience is over: what the page itself
        set for an earlier moment has happened by then, however slow it is. Answers that are due and animations count as
        work that is still going on. A page that has been waited for, or that cannot change by itself, gets one look,
        unless a person may do something in the window.
        """
        before, doing = _signature(page), f"waiting for {page.place}"
        begun = time.monotonic()
        waited_before = before == self._window.rested and not self.shows_window
        if waited_before or (not self.shows_window and await self._window.stays_as_sent()):
            begun -= _PATIENCE
        while True:
            patience = max(_SHORTEST, _PATIENCE - (time.monotonic() - begun))
            is_last = patience == _SHORTEST
            active = await self._window.is_active(patience)
            now = await self._window.act(nothing, doing, quiet=0.05)
            if _signature(now) != before:
                return await self._window.act(nothing, doing)
            waited = time.monotonic() - begun
            working = (active and waited < 4 * _PATIENCE) or self._window.watch.waiting(_SLOWEST)
            over = waited_before or (is_last and not working) or waited > _SLOWEST
            if over or self._deadline.left() < 2 * _PATIENCE:
                self._window.rested = before
                return None

    @contextlib.contextmanager
    def confirming(self) -> t.Iterator[None]:
        """Say yes when the page asks in a dialog whether it is meant."""
        self._window.watch.accept_dialogs = True
        try:
            yield
        finally:
            self._window.watch.accept_dialogs = False

    def close(self) -> None:
        """Close the window, and the browser if it was started for it."""
        loop = self._running.loop
        with contextlib.suppress(PlaywrightError, TimeoutError):
            if self._window.context is not None:
                loop.run(self._window.context.close(), _CLOSE_SECONDS)
        with contextlib.suppress(TimeoutError):
            loop.run(self._window.gate.stop(), _CLOSE_SECONDS)
        if self._settings.browser is None:
            self._running.close()

    def _act_in_window(self, act: Act, doing: str) -> Page:
        return self._run_in_loop(self._window.act(act, doing), doing)


def _signature(page: Page) -> Signature:
    """What tells one state of a page from another."""
    controls: list[Control] = [*page.links, *page.buttons, *(field for form in page.forms for field in form.fillable)]
    return (
        page.address,
        page.title,
        page.captcha,
        tuple(page.blocks),
        tuple((item.label, item.seen) for item in controls),
        len(page.notices),
    )
