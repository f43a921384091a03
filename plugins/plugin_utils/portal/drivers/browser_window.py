# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A window of a browser: acting in it, waiting until its page is at rest, and reading the page."""

from __future__ import annotations

import asyncio
import contextlib
import time
import typing as t

from ...base import hiccups
from ..errors import PortalError, Reason
from ..page.addresses import bare_address
from ..page.elements import Notice, Page
from ..page.html_tree import DEEPEST_ELEMENT, LARGEST_PAGE, MOST_ELEMENTS, too_large
from ..page.matching import plain
from ..page.reader import read_page
from . import browser_script
from .base import Cookie, Errand, out_of_time
from .browser_gate import Gate
from .browser_guard import Guard
from .browser_loop import PlaywrightError, PlaywrightTimeout
from .browser_start import user_agent
from .browser_watch import Watch, stays_as_sent
from .network import BROWSER_CAUSES, BROWSER_SILENCE, tls_error, unreachable

if t.TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, ElementHandle, JSHandle
    from playwright.async_api import Page as Tab

# Seconds. A page is at rest when it has asked for nothing and changed nothing for QUIET.
QUIET = 0.15
_REST_AT_MOST = 20.0
# A browser does more than a request before an answer begins to come.
_ANSWER_SECONDS = 25
_POLL = 0.04
# A page that is sent for longer counts as one that repeats a secret.
_SENT_SECONDS = 5
_ACT_MS = 5000
# A request that is older is a channel that stays open, not an answer that is due.
_LASTING = 6.0
# What Playwright says of a window or browser that is gone.
_CLOSED = "has been closed"
# What it says of an element that the page has taken out, and what we say where nothing like it is in its place.
_DETACHED = "not attached"
_GONE = "the element is gone"
# As often, an element is looked for anew that a page draws anew between the look and the click.
MOST_REDRAWS = 10

Act = t.Callable[[], t.Awaitable[None]]
# What tells one state of a page from another.
Signature = tuple[object, ...]


async def nothing() -> None:
    """Only wait and read."""


class BrowserWindow:
    """A window with a memory of its own, in which one tab is looked at: the one that was opened last.

    :ivar rested: the state in which a page had nothing more to do, until something is done with it.
    """

    def __init__(self, errand: Errand) -> None:
        self._settings, self._deadline = errand.settings, errand.deadline
        self._snapshots, self._slow_down = errand.snapshots, errand.slow_down
        self._refs: JSHandle | None = None
        self._typed_into: JSHandle | None = None
        self._typed_in: Tab | None = None
        self.rested: Signature | None = None
        self.gate = Gate(self._settings.trust)
        self.guard = Guard(self._settings, self.gate, self._secret_is_gone)
        self.watch = Watch(self.guard, self.gate, self._document_left)
        self.context: BrowserContext | None = None

    @property
    def address(self) -> str:
        """The address that the window shows."""
        return self._tab.url

    @property
    def is_closed(self) -> bool:
        """Whether somebody closed the window."""
        return self._tab.is_closed()

    def secret_goes_in(self) -> None:
        """A secret is about to be typed into the document as it was read last."""
        self._typed_into, self._typed_in = self._refs, self._tab

    async def open(self, browser: Browser, cookies: t.Sequence[Cookie]) -> None:
        """Open it, with these cookies."""
        await self.gate.start()
        self.context = await browser.new_context(
            ignore_https_errors=not self._settings.validate_certs,
            user_agent=user_agent(browser.version),
            locale="en-US",
            viewport={"width": 1280, "height": 1000},
            accept_downloads=False,
            service_workers="block",
            # Playwright's word for: also what is on this machine.
            proxy={"server": self.gate.address, "bypass": "<-loopback>"},
        )
        await self.context.add_init_script(browser_script.WITHOUT_CALLS)
        await self.context.route("**/*", self.guard.handle)
        for cookie in cookies:
            # One that the browser will not take only costs another sign-in.
            with contextlib.suppress(PlaywrightError):
                domain = cookie["domain"].removesuffix(".local")
                await self.context.add_cookies(t.cast(t.Any, [{**cookie, "domain": domain}]))
        self._watch_tab(await self.context.new_page())
        self.context.on("page", self._watch_tab)

    def _watch_tab(self, tab: Tab) -> None:
        """Watch a window; what opens a new one means it to be looked at."""
        self._tab = tab
        tab.set_default_timeout(_ACT_MS)
        self.watch.follow(tab)

    def _document_left(self, tab: Tab) -> None:
        if tab is self._typed_in:
            self.guard.secret_left()

    async def _secret_is_gone(self) -> bool:
        """Whether the document that a secret was typed into is no more, and the one in its place does not repeat it."""
        if self._typed_into is None:
            return False
        try:
            await asyncio.wait_for(self._typed_into.evaluate("() => 1"), 1)
        except TimeoutError:
            return False
        except PlaywrightError:
            return not await self._repeats_secret()
        return False

    async def _repeats_secret(self) -> bool:
        """Whether the page has a secret in its source, as it was sent or as its scripts have made it."""
        now = ""
        with contextlib.suppress(PlaywrightError, TimeoutError):
            now = await asyncio.wait_for(self._tab.evaluate("document.documentElement.outerHTML"), 1)
        if self.guard.repeats_secret(str(now)):
            return True
        document = self.watch.document
        if document is None:
            return False
        try:
            sent = await asyncio.wait_for(document.body(), _SENT_SECONDS)
        except (PlaywrightError, TimeoutError):
            return True
        return self.guard.repeats_secret(sent.decode("utf-8", "replace"))

    async def goto(self, address: str) -> None:
        """Go to an address, and wait for the answer to begin.

        :raises PortalError: it does not come.
        """
        if not self.guard.refuse(address):
            left = self._deadline.left()
            try:
                await self._tab.goto(address, wait_until="commit", timeout=self._milliseconds(_ANSWER_SECONDS))
            except PlaywrightTimeout:
                self.guard.raise_if_refused()
                doing = f"reading {bare_address(address)}"
                raise out_of_time(doing, min(left, _ANSWER_SECONDS), silent=left > _ANSWER_SECONDS) from None

    async def stays_as_sent(self) -> bool:
        """Whether the document is all there, in this window, and has nothing that could change it."""
        document = self.watch.document
        if document is None or self.watch.navigating() or document.frame != self._tab.main_frame:
            return False
        try:
            if await self._tab.evaluate("document.readyState") != "complete":
                return False
        except PlaywrightError:
            return False
        return await stays_as_sent(document)

    async def is_active(self, seconds: float) -> bool:
        """Whether the page changes, moves or leaves within some seconds of its own time."""
        try:
            return bool(await self._tab.evaluate(browser_script.IS_ACTIVE, 1000 * seconds))
        except PlaywrightError:
            # It left, or a dialog came up.
            await asyncio.sleep(_POLL)
            return True

    def _milliseconds(self, at_most: float) -> float:
        return 1000 * max(0.05, min(at_most, self._deadline.left()))

    async def element(self, ref: int) -> ElementHandle:
        """The element of that number in the page as it was read last, or its like that the page has drawn in its place.

        Pages that a framework draws, or that their server feeds, replace elements by equal ones at any moment.

        :raises PlaywrightError: it is gone.
        """
        read, element = self._refs, await self._numbered(ref)
        if await element.evaluate(browser_script.IS_CONNECTED):
            return element
        looks = await element.evaluate(browser_script.LOOKS)
        self._refs = await (await self._write_down()).get_property("refs")
        successor = await self._numbered(ref)
        if await successor.evaluate(browser_script.LOOKS) != looks:
            self._refs = read
            raise PlaywrightError(_GONE)
        return successor

    async def _numbered(self, ref: int) -> ElementHandle:
        element = None
        if self._refs is not None:
            element = (await self._refs.evaluate_handle("(refs, index) => refs[index]", ref)).as_element()
        if element is None:
            raise PlaywrightError(_GONE)
        return element

    async def _write_down(self) -> JSHandle:
        """The live tree, and the elements by their numbers."""
        limits = [MOST_ELEMENTS, DEEPEST_ELEMENT, LARGEST_PAGE]
        return await self._tab.evaluate_handle(browser_script.READ_TREE, limits)

    async def click(self, ref: int) -> None:
        """Click on an element once, whatever lies over it.

        Whether it can be clicked is tried before, without a click: a click that ran out of time may have been made, and
        what it sends must not be sent twice.
        """
        for _attempt in range(MOST_REDRAWS):
            element = await self.element(ref)
            try:
                if await self._lies_free(element):
                    await element.click(timeout=self._milliseconds(_ANSWER_SECONDS))
                else:
                    await _click_by_script(element)
                return
            except PlaywrightError as exc:
                # What is not there any more was not clicked on.
                if _DETACHED not in str(exc):
                    raise
        raise PlaywrightError(_GONE)

    async def _lies_free(self, element: ElementHandle) -> bool:
        """Whether it can be clicked on, and nothing lies over it, such as a cookie notice."""
        try:
            await element.click(trial=True, timeout=min(3000, self._milliseconds(3)))
        except PlaywrightError as exc:
            if all(sign not in str(exc) for sign in ("Timeout", "not visible", "outside")):
                raise
            return False
        return True

    async def fill(self, ref: int, value: str, what: str = "") -> ElementHandle:
        """Type into a field; the field.

        :param what: what is typed, in words, if it is a secret.
        :raises PortalError: a secret, and the field's document is not of a trusted host (any more).
        """
        for _attempt in range(MOST_REDRAWS):
            field = await self.element(ref)
            if what:
                # Meanwhile a page can have opened another window, or gone elsewhere.
                frame = await field.owner_frame()
                self._settings.trust.require(frame.url if frame else "", what)
            try:
                await field.fill(value)
            except PlaywrightError as exc:
                if _DETACHED in str(exc):
                    continue
                await field.evaluate(browser_script.SET_VALUE, value)
            return field
        raise PlaywrightError(_GONE)

    async def check(self, ref: int) -> None:
        """Tick a box."""
        element = await self.element(ref)
        if not await element.is_checked():
            try:
                await element.check(timeout=1000)
            except PlaywrightError:
                # A box drawn by a style sheet, with the real one out of sight.
                await element.evaluate("element => element.click()")

    async def act(self, act: Act, doing: str, quiet: float = QUIET) -> Page:
        """Do something, wait until the page is at rest, read it."""
        for _attempt in range(hiccups.TRIES):
            page = await self._act_once(act, doing, quiet)
            wait = page.retry_after
            if page.status not in (429, 503) or wait is None:
                return page
            self._slow_down(wait)
            if wait >= self._deadline.left():
                return page
            await asyncio.sleep(wait)
            # The answer says that the request was not dealt with, so it may be made again.
            act = self._reload
        return page

    async def _reload(self) -> None:
        await self._tab.reload(wait_until="commit", timeout=self._milliseconds(60))

    async def _act_once(self, act: Act, doing: str, quiet: float) -> Page:
        self._deadline.check(doing)
        self.watch.begin()
        if act is not nothing:
            self.rested = None
        try:
            await act()
            await self._wait_for_rest(doing, quiet)
            return await self._read(doing)
        except PlaywrightTimeout:
            self.guard.raise_if_refused()
            raise out_of_time(doing, self._settings.timeout) from None
        except PlaywrightError as exc:
            self.guard.raise_if_refused()
            raise self.network_error(str(exc), doing) from None

    async def _wait_for_rest(self, doing: str, quiet: float) -> None:
        end = time.monotonic() + min(_REST_AT_MOST, self._deadline.left())
        while time.monotonic() < end:
            await asyncio.sleep(_POLL)
            self.guard.raise_if_refused()
            if not self.watch.waiting(_LASTING) and self.watch.quiet_for() >= quiet:
                return
        if self._deadline.left() <= 0 or self.watch.navigating():
            raise out_of_time(doing, self._settings.timeout)

    async def _read(self, doing: str) -> Page:
        for _attempt in range(20):
            if self.watch.failure and self._tab.url.startswith(("chrome-error:", "about:")):
                raise self.network_error(self.watch.failure, doing)
            try:
                handle = await self._write_down()
                html = await (await handle.get_property("html")).json_value()
                if await (await handle.get_property("tooLarge")).json_value():
                    raise too_large(
                        f"it is larger than {LARGEST_PAGE // 1_000_000} MB, has more than {MOST_ELEMENTS} elements, or "
                        "they are nested too deep"
                    )
                self._refs = await handle.get_property("refs")
                break
            except PlaywrightError as exc:
                moved_on = "context" in str(exc).lower() or "navigat" in str(exc).lower()
                if _CLOSED in str(exc) or not moved_on:
                    raise
                # It moved on while it was being read.
                await self._wait_for_rest(doing, QUIET)
        else:
            raise out_of_time(doing, self._settings.timeout)
        page = read_page(
            html, self._tab.url, status=self.watch.status, scripts_run=True, retry_after=self.watch.retry_after
        )
        page.notices = [Notice(text) for text in self.watch.said] + page.notices
        page.trail = list(self.watch.trail)
        page.blocked = list(self.guard.blocked)
        if self._snapshots is not None:
            self._snapshots.keep(page, html)
        return page

    def network_error(self, text: str, doing: str) -> PortalError:
        """The error for what Playwright reports, in its words, about what was being done."""
        failure, self.watch.failure = text, ""
        if _CLOSED in failure:
            return PortalError(
                Reason.PORTAL_UNAVAILABLE,
                f"The browser, or its window, was closed while it was in use ({doing}).",
                next_step="Run it again, and leave its windows open. It looks first what was accepted.",
            )
        if _GONE in failure or _DETACHED in failure:
            return PortalError(
                Reason.PORTAL_UNAVAILABLE,
                f"The page replaced what it had shown at the very moment of {doing}.",
                next_step="Run it again. It looks first what was accepted.",
            )
        if "ERR_CERT" in failure or "ERR_SSL" in failure or "SSL" in failure:
            known = {"DATE_INVALID": "expired", "COMMON_NAME": "mismatch", "AUTHORITY": "certificate verify failed"}
            cause = next((cause for sign, cause in known.items() if sign in failure), "")
            return tls_error(bare_address(self._settings.portal_url), Exception(cause))
        if "TIMED_OUT" in failure:
            return out_of_time(doing, self._settings.timeout, silent=True)
        cause = next(
            (cause for sign, cause in BROWSER_CAUSES.items() if sign in failure),
            plain(failure.splitlines()[0])[:120] if failure else "",
        )
        silent = any(sign in failure for sign in BROWSER_SILENCE)
        return unreachable(cause, doing, "The next run looks first what was accepted.", silent=silent)


async def _click_by_script(element: ElementHandle) -> None:
    try:
        await element.evaluate("element => element.click()")
    except PlaywrightError as exc:
        # The page was left at once, which is what the click is for.
        if "context was destroyed" not in str(exc):
            raise
