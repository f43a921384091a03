# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In a real browser, for pages that need JavaScript: Playwright with the Chromium or Chrome of this machine."""

from __future__ import annotations

import contextlib
import time
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import times
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers import browser_script
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.base import Deadline, out_of_time
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.browser_guard import Guard
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.browser_start import (
    start_browser,
    user_agent,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.network import (
    BROWSER_CAUSES,
    retry_after,
    tls_error,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.settings import PortalSettings
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.snapshots import Snapshots
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.errors import PORTAL_UNAVAILABLE, PortalError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.addresses import bare_address
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
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.matching import plain
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.reader import read_page

try:
    from playwright.sync_api import Error as PlaywrightError
    from playwright.sync_api import TimeoutError as PlaywrightTimeout
except ImportError:
    pass

# Seconds. A page is at rest when it has asked for nothing and changed nothing for QUIET.
_QUIET = 0.15
_REST_AT_MOST = 20.0
# Some scripts act only a moment later, such as a notice that slides in.
_PATIENCE = 2.5
_POLL_MS = 40
_ACT_MS = 5000
_TRIES = 3
# A request that is older is a channel that stays open, not an answer that is due.
_LASTING = 6.0
_AWAITED = frozenset(("document", "xhr", "fetch", "script"))


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
        running: t.Any = None,
        cookies: t.Sequence[dict[str, t.Any]] = (),
        slow_down: t.Callable[[float], None] | None = None,
    ) -> None:
        """Open a window.

        :param running: a Playwright browser to open it in; without one, a browser is started and stopped with it.
        :param cookies: what another driver was given by the portal, as Playwright takes them.
        :raises SettingsError: if Playwright or the browser is missing.
        """
        self._settings = settings
        self._deadline = deadline
        self._snapshots = snapshots
        self._slow_down = slow_down
        self._close = contextlib.ExitStack()
        self._refs: t.Any = None
        self._status = 200
        self._retry_after: float | None = None
        self.clock_difference: float | None = None
        self._pending: dict[int, tuple[t.Any, float]] = {}
        self._last_event = 0.0
        self._failure = ""
        self._said: list[str] = []
        self._trail: list[str] = []
        self._accept_dialogs = False
        self._guard = Guard(settings.trust)
        try:
            browser = running if running is not None else start_browser(settings, deadline.left(), self._close)
            self._context = browser.new_context(
                ignore_https_errors=not settings.validate_certs,
                user_agent=user_agent(browser.version),
                locale="en-US",
                viewport={"width": 1280, "height": 1000},
                accept_downloads=False,
                service_workers="block",
            )
            self._close.callback(self._close_context)
            self._context.route("**/*", self._guard.handle)
            for cookie in cookies:
                # One that the browser will not take only costs another sign-in.
                with contextlib.suppress(PlaywrightError):
                    self._context.add_cookies([{**cookie, "domain": cookie["domain"].removesuffix(".local")}])
            self._page = self._adopt(self._context.new_page())
            self._context.on("page", self._adopt)
        except BaseException:
            self._close.close()
            raise

    def _close_context(self) -> None:
        with contextlib.suppress(PlaywrightError):
            self._context.close()

    def _adopt(self, page: t.Any) -> t.Any:
        """Watch a window; what opens a new one means it to be looked at."""
        self._page = page
        page.set_default_timeout(_ACT_MS)
        page.on("request", self._on_request)
        page.on("requestfinished", self._on_request_end)
        page.on("requestfailed", self._on_request_failed)
        page.on("response", self._on_response)
        page.on("dialog", self._on_dialog)
        page.on("framenavigated", lambda _frame: self._touch())
        return page

    def _touch(self) -> None:
        self._last_event = time.monotonic()

    def _on_request(self, request: t.Any) -> None:
        if request.resource_type in _AWAITED:
            self._pending[id(request)] = (request, time.monotonic())
            self._touch()

    def _on_request_end(self, request: t.Any) -> None:
        if self._pending.pop(id(request), None) is not None:
            self._touch()

    def _on_request_failed(self, request: t.Any) -> None:
        self._on_request_end(request)
        if request.is_navigation_request() and request.frame.parent_frame is None:
            failure = str(request.failure or "")
            # A navigation that another one replaced has not failed.
            if "ERR_ABORTED" not in failure:
                self._failure = failure

    def _on_response(self, response: t.Any) -> None:
        request = response.request
        if not request.is_navigation_request() or request.frame.parent_frame is not None:
            return
        if response.status in (301, 302, 303, 307, 308):
            self._trail.append(bare_address(response.url))
            return
        self._status = response.status
        self._failure = ""
        self._retry_after = retry_after(response.headers.get("retry-after"))
        there = times.parse_http_date(response.headers.get("date"))
        if there:
            difference = there.timestamp() + 0.5 - time.time()
            self.clock_difference = difference if abs(difference) > 2 else 0.0

    def _on_dialog(self, dialog: t.Any) -> None:
        self._said.append(plain(dialog.message))
        self._touch()
        if dialog.type in ("alert", "beforeunload") or self._accept_dialogs:
            dialog.accept()
        else:
            dialog.dismiss()

    # The driver's interface

    def open(self, address: str) -> Page:
        """Go to an address."""
        for attempt in range(1, _TRIES + 1):
            try:
                page = self._act(lambda: self._goto(address), f"reading {bare_address(address)}")
            except PortalError as exc:
                if (
                    exc.reason != PORTAL_UNAVAILABLE
                    or attempt == _TRIES
                    or self._deadline.left() < 3
                    or self._guard.refusal
                ):
                    raise
                self._deadline.sleep(0.5 * attempt, f"waiting to reach {bare_address(address)} again")
                continue
            return page
        raise AssertionError

    def _goto(self, address: str) -> None:
        if not self._settings.trust.encrypted_enough(address):
            self._guard.refuse_unreadable(address)
            return
        self._page.goto(address, wait_until="commit", timeout=self._milliseconds(60))

    def follow(self, page: Page, link: Link) -> Page:
        """Follow a link: press it if it can be seen, else go to its address."""
        if link.seen is Seen.VISIBLE and self._settings.trust.encrypted_enough(link.address):
            here = self._page.url
            arrived = self._act(lambda: self._click(link.ref), f"following a link on {page.place}")
            if self._page.url != here or _signature(arrived) != _signature(page):
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

        def act() -> None:
            last: t.Any = None
            for ref, value in fill.items():
                last = self._element(ref)
                try:
                    last.fill(value)
                except PlaywrightError:
                    last.evaluate(browser_script.SET_VALUE, value)
            for ref in check:
                self._check(ref)
            if button is not None:
                self._click(button.ref)
            elif last is not None:
                last.press("Enter")
            else:
                self._element(form.ref).evaluate("form => form.requestSubmit()")

        return self._act(act, f"sending a form to {bare_address(action) if action else page.place}")

    def press(self, page: Page, button: Button) -> Page:
        """Press a button that belongs to no form."""
        return self._act(lambda: self._click(button.ref), f"pressing a button on {page.place}")

    def reveal(self, page: Page, ref: int) -> Page | None:
        """Open a menu as a mouse does: move over it, and press it if that shows nothing new."""
        before = _signature(page)
        with contextlib.suppress(PlaywrightError):
            self._element(ref).hover(timeout=1000)
        opened = self._act(lambda: None, f"opening a menu on {page.place}")
        if _signature(opened) == before:
            opened = self._act(lambda: self._click(ref), f"opening a menu on {page.place}")
        return opened if _signature(opened) != before else None

    def settle(self, page: Page) -> Page | None:
        """Wait for the page to change by itself."""
        before = _signature(page)
        end = time.monotonic() + min(_PATIENCE, self._deadline.left())
        while True:
            now = self._act(lambda: None, f"waiting for {page.place}", quiet=0.05)
            if _signature(now) != before:
                return self._act(lambda: None, f"waiting for {page.place}")
            if time.monotonic() >= end:
                return None
            self._page.wait_for_timeout(4 * _POLL_MS)

    def look_closer(self, page: Page) -> Page | None:
        """Nothing more to know: a browser sees what is there."""
        return None

    @contextlib.contextmanager
    def confirming(self) -> t.Iterator[None]:
        """Say yes when the page asks in a dialog whether it is meant."""
        self._accept_dialogs = True
        try:
            yield
        finally:
            self._accept_dialogs = False

    def close(self) -> None:
        """Close the window, and the browser if it was started for it."""
        self._close.close()

    # Acting and reading

    def _milliseconds(self, at_most: float) -> float:
        return 1000 * max(0.05, min(at_most, self._deadline.left()))

    def _element(self, ref: int) -> t.Any:
        element = self._refs.evaluate_handle("(refs, index) => refs[index]", ref).as_element()
        if element is None:
            raise PlaywrightError("the element is gone")
        return element

    def _click(self, ref: int) -> None:
        element = self._element(ref)
        try:
            element.click(timeout=min(3000, self._milliseconds(3)))
        except PlaywrightError as exc:
            if "Timeout" not in str(exc) and "not visible" not in str(exc) and "outside" not in str(exc):
                raise
            # Something lies over it, such as a cookie notice.
            element.evaluate("element => element.click()")

    def _check(self, ref: int) -> None:
        element = self._element(ref)
        if not element.is_checked():
            try:
                element.check(timeout=1000)
            except PlaywrightError:
                # A box drawn by a style sheet, with the real one out of sight.
                element.evaluate("element => element.click()")

    def _act(self, act: t.Callable[[], None], doing: str, quiet: float = _QUIET) -> Page:
        """Do something, wait until the page is at rest, read it."""
        for _attempt in range(_TRIES):
            page = self._act_once(act, doing, quiet)
            wait = page.retry_after
            if page.status not in (429, 503) or wait is None:
                return page
            if self._slow_down is not None:
                self._slow_down(wait)
            if wait >= self._deadline.left():
                return page
            self._page.wait_for_timeout(1000 * wait)
            # The answer says that the request was not dealt with, so it may be made again.
            act = self._reload
        return page

    def _reload(self) -> None:
        self._page.reload(wait_until="commit", timeout=self._milliseconds(60))

    def _act_once(self, act: t.Callable[[], None], doing: str, quiet: float) -> Page:
        self._deadline.check(doing)
        self._said, self._trail = [], []
        self._touch()
        try:
            act()
            self._rest(doing, quiet)
            return self._read(doing)
        except PlaywrightTimeout:
            self._guard.raise_if_refused()
            raise out_of_time(doing, self._settings.timeout) from None
        except PlaywrightError as exc:
            self._guard.raise_if_refused()
            raise self._network_error(str(exc), doing) from None

    def _rest(self, doing: str, quiet: float) -> None:
        end = time.monotonic() + min(_REST_AT_MOST, self._deadline.left())
        while time.monotonic() < end:
            self._page.wait_for_timeout(_POLL_MS)
            self._guard.raise_if_refused()
            now = time.monotonic()
            waiting = [
                entry
                for entry in self._pending.values()
                if now - entry[1] < _LASTING or entry[0].is_navigation_request()
            ]
            if not waiting and now - self._last_event >= quiet:
                return
        if self._deadline.left() <= 0 or any(entry[0].is_navigation_request() for entry in self._pending.values()):
            raise out_of_time(doing, self._settings.timeout)

    def _read(self, doing: str) -> Page:
        for _attempt in range(20):
            if self._failure and self._page.url.startswith(("chrome-error:", "about:")):
                raise self._network_error(self._failure, doing)
            try:
                handle = self._page.evaluate_handle(browser_script.READ_TREE)
                html = handle.get_property("html").json_value()
                self._refs = handle.get_property("refs")
                break
            except PlaywrightError as exc:
                if "context" not in str(exc).lower() and "navigat" not in str(exc).lower():
                    raise
                # It moved on while it was being read.
                self._rest(doing, _QUIET)
        else:
            raise out_of_time(doing, self._settings.timeout)
        page = read_page(html, self._page.url, status=self._status, scripts_run=True, retry_after=self._retry_after)
        page.notices = [Notice(text) for text in self._said] + page.notices
        page.trail = list(self._trail)
        if self._snapshots is not None:
            self._snapshots.keep(page, html)
        return page

    def _network_error(self, text: str, doing: str) -> PortalError:
        failure, self._failure = text, ""
        if "ERR_CERT" in failure or "ERR_SSL" in failure or "SSL" in failure:
            known = {"DATE_INVALID": "expired", "COMMON_NAME": "mismatch", "AUTHORITY": "certificate verify failed"}
            cause = next((cause for sign, cause in known.items() if sign in failure), "")
            return tls_error(bare_address(self._settings.portal_url), Exception(cause))
        if "TIMED_OUT" in failure:
            return out_of_time(doing, self._settings.timeout)
        cause = next(
            (cause for sign, cause in BROWSER_CAUSES.items() if sign in failure),
            plain(failure.splitlines()[0])[:120] if failure else "",
        )
        return PortalError(
            PORTAL_UNAVAILABLE,
            f"The portal could not be reached while {doing}: {cause}.",
            next_step="Check the network and portal_url, then run it again. The next run looks first what was "
            "accepted.",
        )


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
