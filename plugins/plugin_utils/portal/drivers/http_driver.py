# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Over plain HTTP: fast, no browser, for pages whose forms work without JavaScript.

Redirects are followed by hand, because each hop decides whether a secret may go along.
"""

from __future__ import annotations

import time
import typing as t
import urllib.parse

from ...base import hiccups
from ..errors import NoAnswer, PortalError, Reason, page_changed
from ..page import sought
from ..page.addresses import bare_address, join, looks_like_web, read_address, without_fragment
from ..page.changed import PageChanged
from ..page.elements import Button, Fill, Form, Link, Page
from ..page.forms import post_back, successful_controls
from ..page.html_tree import attribute, parse
from ..page.reader import read_page
from . import silence
from .base import Cookie, Driver, Errand, clock_difference
from .network import retry_after
from .wire import Answer, Filled, Wire

_REDIRECTS = 15
# Each of them takes as long as one waits for an answer.
_SILENT_TRIES = 2


class HttpDriver(Driver):
    """requests for the session, Beautiful Soup for the pages."""

    name = "http"

    def __init__(self, errand: Errand) -> None:
        self._errand = errand
        self._trust = errand.settings.trust
        self._deadline = errand.deadline
        self._html = ""
        self._trail: list[str] = []
        self._wire = Wire(errand.settings, errand.deadline)

    # The driver's interface

    def open(self, address: str) -> Page:
        """Go to an address."""
        return self._open_page("GET", address)

    def follow(self, page: Page, link: Link) -> Page:
        """Follow a link."""
        return self._open_page("GET", link.address, referer=page)

    def send(
        self, page: Page, form: Form, fill: Fill, button: Button | None, *, check: t.Sequence[int] = (), what: str = ""
    ) -> Page:
        """Send a form as a browser without JavaScript would."""
        if not form.real:
            raise _needs_script(page, "the form is no form without it")
        extra: dict[str, str] = {}
        if button is not None and button.kind in ("button", "link"):
            posted = post_back(button.script)
            if posted is None and not button.script and form.method == "post" and _has_no_submit(form):
                # All that such a link or button can be for in a form like this is to send it.
                posted = {}
            if posted is None:
                if button.address and not fill:
                    return self._open_page("GET", button.address, referer=page)
                raise _needs_script(page, f'the button "{button.label}" does nothing without it')
            extra, button = posted, None
        action = (button.action if button else "") or form.action
        method = ((button.method if button else "") or form.method).lower()
        if not looks_like_web(action):
            raise _needs_script(page, "the form has no address to send it to")
        pairs = successful_controls(form, fill, button, check, extra)
        if method == "dialog":
            raise _needs_script(page, "the form closes a dialog")
        if method != "post":
            if what:
                # A secret in an address would end up in logs; such forms are meant to be sent by script.
                raise _needs_script(page, f"the form would put the {what} into the page's address")
            bare = without_fragment(action).partition("?")[0]
            return self._open_page("GET", f"{bare}?{urllib.parse.urlencode(pairs)}", referer=page)
        if what:
            self._trust.require(page.address, what)
        form_to_send = Filled(pairs, form.encoding == "multipart/form-data", what)
        return self._open_page("POST", action, referer=page, form=form_to_send)

    def press(self, page: Page, button: Button) -> Page:
        """Press a button that belongs to no form."""
        if button.address:
            return self._open_page("GET", button.address, referer=page)
        raise _needs_script(page, f'the button "{button.label}" does nothing without it')

    def look_closer(self, page: Page) -> Page | None:
        """Read the page again with its own style sheets, which may hide some of it."""
        sheets = []
        links = parse(self._html).find_all("link", href=True)
        for tag in [tag for tag in links if "stylesheet" in attribute(tag, "rel").split()][:6]:
            address = join(page.address, attribute(tag, "href"))
            if self._trust.trusts(address):
                answer = self._fetch("GET", address, referer=page)
                if answer.status == 200:
                    sheets.append(answer.text)
        if not sheets:
            return None
        return read_page(self._html, page.address, status=page.status, styles=sheets)

    def close(self) -> None:
        """Forget cookies and pages."""
        self._wire.close()
        self._html = ""

    def cookies(self) -> list[Cookie]:
        """The session's cookies as Playwright takes them, to go on in a browser."""
        return [
            {
                "name": cookie.name,
                "value": cookie.value or "",
                "domain": cookie.domain,
                "path": cookie.path or "/",
                "secure": bool(cookie.secure),
                "httpOnly": cookie.has_nonstandard_attr("HttpOnly"),
                "expires": cookie.expires or -1,
            }
            for cookie in self._wire.cookies
        ]

    # The network

    def _open_page(self, method: str, address: str, *, referer: Page | None = None, form: Filled | None = None) -> Page:
        answer = self._fetch(method, address, referer=referer, form=form)
        trail = list(self._trail)
        self._html = answer.text
        page = read_page(
            self._html, answer.address, status=answer.status, retry_after=retry_after(answer.header.get("retry-after"))
        )
        page.trail = trail
        if self._errand.snapshots is not None:
            self._errand.snapshots.keep(page, self._html)
        return page

    def _fetch(self, method: str, address: str, *, referer: Page | None = None, form: Filled | None = None) -> Answer:
        """One request and the redirects that follow it; each hop is judged like the first."""
        self._trail = []
        for _hop in range(_REDIRECTS):
            address = without_fragment(address)
            if not looks_like_web(address):
                raise page_changed("The portal redirects to something that is not a web address.")
            self._trust.require_readable(address)
            with silence.heeded(address):
                answer = self._fetch_patiently(method, address, _headers(method, address, referer), form)
            target = answer.header.get("location")
            if answer.status not in (301, 302, 303, 307, 308) or not target:
                return answer
            self._trail.append(bare_address(address))
            # Headers are latin-1 by the book and UTF-8 in practice.
            address = join(address, target.encode("latin-1", "ignore").decode("utf-8", "replace"))
            if answer.status not in (307, 308):
                method, form = "GET", None
        raise PortalError(
            Reason.PAGE_CHANGED,
            f"The portal redirects in a circle (at {bare_address(address)}).",
            next_step="Sign in with a browser and see whether it works there; then report what is different.",
        )

    def _fetch_patiently(self, method: str, address: str, headers: dict[str, str], form: Filled | None) -> Answer:
        """One request; again if the portal asks for patience, or is briefly away and nothing was sent."""
        for attempt in range(1, hiccups.TRIES + 1):
            last = attempt == hiccups.TRIES
            hurried = last or self._deadline.left() < 3
            try:
                answer = self._wire.request(method, address, headers, form)
                there = clock_difference(answer.header.get("date"))
                self.clock_difference = self.clock_difference if there is None else there
            except PortalError as exc:
                passing = exc.reason == Reason.PORTAL_UNAVAILABLE or (
                    isinstance(exc, NoAnswer) and attempt < _SILENT_TRIES
                )
                if method != "GET" or not passing or hurried:
                    raise
                self._deadline.sleep(hiccups.pause(attempt), f"waiting to reach {bare_address(address)} again")
                continue
            wait = retry_after(answer.header.get("retry-after"))
            if answer.status in (429, 503) and wait is not None:
                self._errand.slow_down(wait)
                # An answer of these kinds says that the request was not dealt with, so a form may be sent again, too.
                if last or wait >= self._deadline.left():
                    return answer
                time.sleep(wait)
            elif method == "GET" and answer.status in hiccups.PASSING and not hurried:
                self._deadline.sleep(hiccups.pause(attempt), "waiting for the portal to come back")
            else:
                return answer
        return answer


def _headers(method: str, address: str, referer: Page | None) -> dict[str, str]:
    if referer is None:
        return {}
    here = read_address(referer.address).origin
    # What browsers send by default (strict-origin-when-cross-origin), without the query, which may hold tokens.
    same = here == read_address(address).origin
    headers = {"Referer": referer.place if same else here + "/"}
    return {**headers, "Origin": here} if method == "POST" else headers


def _has_no_submit(form: Form) -> bool:
    return not any(button.kind in ("submit", "image") for button in form.usable_buttons)


def _needs_script(page: Page, why: str) -> PageChanged:
    told = f"The page needs a browser ({why})"
    return PageChanged(page, sought.FORM_WITHOUT_SCRIPT, needs_javascript=True, why=told)
