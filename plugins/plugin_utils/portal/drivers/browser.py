# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In a real browser, for pages that need JavaScript: Playwright with the Chromium or Chrome of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import time
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import hiccups
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers import browser_script, silence
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.base import Deadline, out_of_time
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.browser_gate import Gate
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.browser_guard import Guard
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.browser_start import (
    RunningBrowser,
    start_browser,
    user_agent,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.browser_stillness import stays_as_sent
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.browser_watch import Watch
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.network import (
    BROWSER_CAUSES,
    BROWSER_SILENCE,
    tls_error,
    unreachable,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.settings import PortalSettings
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.snapshots import Snapshots
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.errors import (
    PORTAL_UNAVAILABLE,
    PortalError,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.addresses import (
    bare_address,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.elements import (
    Button,
    Control,
    Fill,
    Form,
    Link,
    Notice,
    Page,
    Seen,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.html_tree import (
    DEEPEST_ELEMENT,
    MOST_ELEMENTS,
    too_large,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.matching import plain
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.reader import read_page

try:
    from playwright.async_api import Error as PlaywrightError
    from playwright.async_api import TimeoutError as PlaywrightTimeout
except ImportError:
    pass

if t.TYPE_CHECKING:
    from playwright.async_api import (
        BrowserContext,
        ElementHandle,
        JSHandle,
    )
    from playwright.async_api import Page as Tab

# Seconds. A page is at rest when it has asked for nothing and changed nothing for QUIET.
_QUIET = 0.15
_REST_AT_MOST = 20.0
# A browser does more than a request before an answer begins to come.
_ANSWER_SECONDS = 25
# Some scripts act only a moment later, such as a notice that slides in.
_PATIENCE = 2.5
_SHORTEST = 0.1
_POLL = 0.04
_ACT_MS = 5000
_CLOSE_SECONDS = 5.0
# A request that is older is a channel that stays open, not an answer that is due.
_LASTING = 6.0
# No answer is waited for longer before a thing counts as missing.
_SLOWEST = 30.0


# As Playwright takes it.
Cookie = dict[str, t.Any]
Act = t.Callable[[], t.Awaitable[None]]
Result = t.TypeVar("Result")


class BrowserDriver:
    """One browser window with a memory of its own, which is gone when it closes."""

    name = "browser"
    runs_scripts = True

    def __init__(
        self,
        settings: PortalSettings,
        deadline: Deadline,
        snapshots: Snapshots | None = None,
        *,
        running: RunningBrowser | None = None,
        cookies: t.Sequence[Cookie] = (),
        slow_down: t.Callable[[float], None] | None = None,
    ) -> None:
        """Open a window.

        :param running: a browser to open it in; without one, a browser is started and stopped with it.
        :param cookies: what another driver was given by the portal, as Playwright takes them.
        :raises SettingsError: if Playwright or the browser is missing.
        """
        self.shows_window = settings.window_for_person
        self._settings = settings
        self._deadline = deadline
        self._snapshots = snapshots
        self._slow_down = slow_down
        self._refs: JSHandle | None = None
        self._typed_into: JSHandle | None = None
        # The state in which a page had nothing more to do, until something is done with it.
        self._rested: tuple[t.Any, ...] | None = None
        self._gate = Gate(settings.trust)
        self._guard = Guard(settings.trust, self._gate, self._secret_is_gone)
        self._watch = Watch(self._guard, self._gate)
        self._context: BrowserContext | None = None
        self._own = start_browser(settings, deadline.left()) if running is None else None
        self._running = running or t.cast(RunningBrowser, self._own)
        try:
            self._tab = self._run(self._open_window(cookies), "opening a window")
        except BaseException:
            self.close()
            raise

    @property
    def clock_difference(self) -> float | None:
        """The portal's clock minus ours, in seconds, as its last answer had it."""
        return self._watch.clock_difference

    def _run(self, work: t.Coroutine[t.Any, t.Any, Result], doing: str) -> Result:
        try:
            return self._running.loop.run(work, self._deadline.left())
        except TimeoutError:
            self._guard.raise_if_refused()
            raise out_of_time(doing, self._settings.timeout) from None

    async def _open_window(self, cookies: t.Sequence[Cookie]) -> Tab:
        browser = self._running.browser
        await self._gate.start()
        self._context = await browser.new_context(
            ignore_https_errors=not self._settings.validate_certs,
            user_agent=user_agent(browser.version),
            locale="en-US",
            viewport={"width": 1280, "height": 1000},
            accept_downloads=False,
            service_workers="block",
            # Playwright's word for: also what is on this machine.
            proxy={"server": self._gate.address, "bypass": "<-loopback>"},
        )
        await self._context.route("**/*", self._guard.handle)
        for cookie in cookies:
            # One that the browser will not take only costs another sign-in.
            with contextlib.suppress(PlaywrightError):
                domain = cookie["domain"].removesuffix(".local")
                await self._context.add_cookies(t.cast(t.Any, [{**cookie, "domain": domain}]))
        tab = await self._context.new_page()
        self._adopt(tab)
        self._context.on("page", self._adopt)
        return tab

    def _adopt(self, tab: Tab) -> None:
        """Watch a window; what opens a new one means it to be looked at."""
        self._tab = tab
        tab.set_default_timeout(_ACT_MS)
        self._watch.follow(tab)

    async def _secret_is_gone(self) -> bool:
        """Whether the document that a secret was typed into is no more."""
        if self._typed_into is None:
            return False
        try:
            await asyncio.wait_for(self._typed_into.evaluate("() => 1"), 1)
        except TimeoutError:
            return False
        except PlaywrightError:
            return True
        return False

    # The driver's interface

    def open(self, address: str) -> Page:
        """Go to an address."""
        with silence.heeded(address):
            return self._open(address)

    def _open(self, address: str) -> Page:
        for attempt in range(1, hiccups.TRIES + 1):
            try:
                page = self._do(lambda: self._goto(address), f"reading {bare_address(address)}")
            except PortalError as exc:
                if exc.reason != PORTAL_UNAVAILABLE or self._guard.refusal or self._is_last(attempt):
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

    async def _goto(self, address: str) -> None:
        if not self._guard.refuse(address):
            left = self._deadline.left()
            try:
                await self._tab.goto(address, wait_until="commit", timeout=self._milliseconds(_ANSWER_SECONDS))
            except PlaywrightTimeout:
                self._guard.raise_if_refused()
                doing = f"reading {bare_address(address)}"
                raise out_of_time(doing, min(left, _ANSWER_SECONDS), silent=left > _ANSWER_SECONDS) from None

    def follow(self, page: Page, link: Link) -> Page:
        """Follow a link: press it if it can be seen, else go to its address."""
        if link.seen is Seen.VISIBLE and self._settings.trust.encrypted_enough(link.address):
            here = self._tab.url
            arrived = self._do(lambda: self._click(link.ref), f"following a link on {page.place}")
            if self._tab.url != here or _signature(arrived) != _signature(page):
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
            self._guard.watch(value, what)

        async def act() -> None:
            if what:
                self._typed_into = self._refs
            last: ElementHandle | None = None
            for ref, value in fill.items():
                last = await self._element(ref)
                try:
                    await last.fill(value)
                except PlaywrightError:
                    await last.evaluate(browser_script.SET_VALUE, value)
            for ref in check:
                await self._check(ref)
            if button is not None:
                await self._click(button.ref)
            elif last is not None:
                await last.press("Enter")
            else:
                await (await self._element(form.ref)).evaluate("form => form.requestSubmit()")

        return self._do(act, f"sending a form to {bare_address(action) if action else page.place}")

    def press(self, page: Page, button: Button) -> Page:
        """Press a button that belongs to no form."""
        return self._do(lambda: self._click(button.ref), f"pressing a button on {page.place}")

    def reveal(self, page: Page, ref: int) -> Page | None:
        """Open a menu as a mouse does: move over it, and press it if that shows nothing new."""
        return self._run(self._reveal(page, ref), f"opening a menu on {page.place}")

    async def _reveal(self, page: Page, ref: int) -> Page | None:
        before, doing = _signature(page), f"opening a menu on {page.place}"

        async def hover() -> None:
            with contextlib.suppress(PlaywrightError):
                await (await self._element(ref)).hover(timeout=1000)

        opened = await self._act(hover, doing)
        if _signature(opened) == before:
            opened = await self._act(lambda: self._click(ref), doing)
        return opened if _signature(opened) != before else None

    def settle(self, page: Page) -> Page | None:
        """Wait for the page to change by itself."""
        return self._run(self._settle(page), f"waiting for {page.place}")

    async def _settle(self, page: Page) -> Page | None:
        """Wait until the page has changed, or has nothing more to do.

        A busy machine makes a page late, so it is its own timer that says when patience is over: what the page itself
        set for an earlier moment has happened by then, however slow it is. Answers that are due and animations count as
        work that is still going on. A page that has been waited for, or that cannot change by itself, gets one look,
        unless a person may do something in the window.
        """
        before, doing = _signature(page), f"waiting for {page.place}"
        begun = time.monotonic()
        waited_before = before == self._rested and not self.shows_window
        if waited_before or (not self.shows_window and await self._stays_as_sent()):
            begun -= _PATIENCE
        while True:
            patience = max(_SHORTEST, _PATIENCE - (time.monotonic() - begun))
            is_last = patience == _SHORTEST
            active = await self._active(patience)
            now = await self._act(_nothing, doing, quiet=0.05)
            if _signature(now) != before:
                return await self._act(_nothing, doing)
            waited = time.monotonic() - begun
            working = (active and waited < 4 * _PATIENCE) or self._watch.waiting(_SLOWEST)
            over = waited_before or (is_last and not working) or waited > _SLOWEST
            if over or self._deadline.left() < 2 * _PATIENCE:
                self._rested = before
                return None

    async def _stays_as_sent(self) -> bool:
        """Whether the document is all there, in this window, and has nothing that could change it."""
        document = self._watch.document
        if document is None or self._watch.navigating() or document.frame != self._tab.main_frame:
            return False
        try:
            if await self._tab.evaluate("document.readyState") != "complete":
                return False
        except PlaywrightError:
            return False
        return await stays_as_sent(document)

    async def _active(self, seconds: float) -> bool:
        """Whether the page changes, moves or leaves within some seconds of its own time."""
        try:
            return bool(await self._tab.evaluate(browser_script.IS_ACTIVE, 1000 * seconds))
        except PlaywrightError:
            # It left, or a dialog came up.
            await asyncio.sleep(_POLL)
            return True

    def look_closer(self, page: Page) -> Page | None:
        """Nothing more to know: a browser sees what is there."""
        return None

    @contextlib.contextmanager
    def confirming(self) -> t.Iterator[None]:
        """Say yes when the page asks in a dialog whether it is meant."""
        self._watch.accept_dialogs = True
        try:
            yield
        finally:
            self._watch.accept_dialogs = False

    def close(self) -> None:
        """Close the window, and the browser if it was started for it."""
        loop = self._running.loop
        with contextlib.suppress(PlaywrightError, TimeoutError):
            if self._context is not None:
                loop.run(self._context.close(), _CLOSE_SECONDS)
        with contextlib.suppress(TimeoutError):
            loop.run(self._gate.stop(), _CLOSE_SECONDS)
        if self._own is not None:
            self._own.close()

    # Acting and reading

    def _milliseconds(self, at_most: float) -> float:
        return 1000 * max(0.05, min(at_most, self._deadline.left()))

    async def _element(self, ref: int) -> ElementHandle:
        element = None
        if self._refs is not None:
            element = (await self._refs.evaluate_handle("(refs, index) => refs[index]", ref)).as_element()
        if element is None:
            raise PlaywrightError("the element is gone")
        return element

    async def _click(self, ref: int) -> None:
        element = await self._element(ref)
        try:
            await element.click(timeout=min(3000, self._milliseconds(3)))
        except PlaywrightError as exc:
            if "Timeout" not in str(exc) and "not visible" not in str(exc) and "outside" not in str(exc):
                raise
            # Something lies over it, such as a cookie notice.
            await element.evaluate("element => element.click()")

    async def _check(self, ref: int) -> None:
        element = await self._element(ref)
        if not await element.is_checked():
            try:
                await element.check(timeout=1000)
            except PlaywrightError:
                # A box drawn by a style sheet, with the real one out of sight.
                await element.evaluate("element => element.click()")

    def _do(self, act: Act, doing: str) -> Page:
        return self._run(self._act(act, doing), doing)

    async def _act(self, act: Act, doing: str, quiet: float = _QUIET) -> Page:
        """Do something, wait until the page is at rest, read it."""
        for _attempt in range(hiccups.TRIES):
            page = await self._act_once(act, doing, quiet)
            wait = page.retry_after
            if page.status not in (429, 503) or wait is None:
                return page
            if self._slow_down is not None:
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
        self._watch.begin()
        if act is not _nothing:
            self._rested = None
        try:
            await act()
            await self._rest(doing, quiet)
            return await self._read(doing)
        except PlaywrightTimeout:
            self._guard.raise_if_refused()
            raise out_of_time(doing, self._settings.timeout) from None
        except PlaywrightError as exc:
            self._guard.raise_if_refused()
            raise self._network_error(str(exc), doing) from None

    async def _rest(self, doing: str, quiet: float) -> None:
        end = time.monotonic() + min(_REST_AT_MOST, self._deadline.left())
        while time.monotonic() < end:
            await asyncio.sleep(_POLL)
            self._guard.raise_if_refused()
            if not self._watch.waiting(_LASTING) and self._watch.quiet_for() >= quiet:
                return
        if self._deadline.left() <= 0 or self._watch.navigating():
            raise out_of_time(doing, self._settings.timeout)

    async def _read(self, doing: str) -> Page:
        for _attempt in range(20):
            if self._watch.failure and self._tab.url.startswith(("chrome-error:", "about:")):
                raise self._network_error(self._watch.failure, doing)
            try:
                handle = await self._tab.evaluate_handle(browser_script.READ_TREE, [MOST_ELEMENTS, DEEPEST_ELEMENT])
                html = await (await handle.get_property("html")).json_value()
                if await (await handle.get_property("tooLarge")).json_value():
                    raise too_large(f"it has more than {MOST_ELEMENTS} elements, or they are nested too deep")
                self._refs = await handle.get_property("refs")
                break
            except PlaywrightError as exc:
                if "context" not in str(exc).lower() and "navigat" not in str(exc).lower():
                    raise
                # It moved on while it was being read.
                await self._rest(doing, _QUIET)
        else:
            raise out_of_time(doing, self._settings.timeout)
        page = read_page(
            html, self._tab.url, status=self._watch.status, scripts_run=True, retry_after=self._watch.retry_after
        )
        page.notices = [Notice(text) for text in self._watch.said] + page.notices
        page.trail = list(self._watch.trail)
        page.blocked = list(self._guard.blocked)
        if self._snapshots is not None:
            self._snapshots.keep(page, html)
        return page

    def _network_error(self, text: str, doing: str) -> PortalError:
        failure, self._watch.failure = text, ""
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


async def _nothing() -> None:
    """Only wait and read."""


def _signature(page: Page) -> tuple[t.Any, ...]:
    """What tells one state of a page from another."""
    controls: list[Control] = [*page.links, *page.buttons, *(field for form in page.forms for field in form.fillable)]
    return (
        page.address,
        page.title,
        tuple(page.blocks),
        tuple((item.label, item.seen) for item in controls),
        len(page.notices),
    )
