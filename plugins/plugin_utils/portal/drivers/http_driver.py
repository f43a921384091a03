# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Over plain HTTP: fast, no browser, for pages whose forms work without JavaScript.

Redirects are followed by hand, because each hop decides whether a secret may go along.
"""

from __future__ import annotations

import re
import time
import typing as t
import urllib.parse

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import times
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.base import Deadline, out_of_time
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.network import (
    plain_cause,
    retry_after,
    tls_error,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.settings import (
    USER_AGENT,
    PortalSettings,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.snapshots import Snapshots
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.errors import (
    PAGE_CHANGED,
    PORTAL_UNAVAILABLE,
    PageChanged,
    PortalError,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.elements import (
    Button,
    Fill,
    Form,
    Link,
    Page,
    bare_address,
    describe,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.forms import (
    post_back,
    successful_controls,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.reader import read_page

try:
    import requests
    import requests.auth
    import urllib3

    HAS_REQUESTS = True
except ImportError:
    HAS_REQUESTS = False

_REDIRECTS = 15
_TRIES = 3
_READ_SECONDS = 30.0
_LARGEST_PAGE = 8_000_000
_STYLESHEET = re.compile(r"<link\b[^>]*\brel\s*=\s*['\"]?stylesheet[^>]*>", re.IGNORECASE)
_HREF = re.compile(r"\bhref\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))", re.IGNORECASE)
_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*['\"]?([\w-]+)", re.IGNORECASE)


def _without_netrc(request: t.Any) -> t.Any:
    """An "authentication" that adds nothing: requests would otherwise send what ~/.netrc has for the host."""
    return request


class HttpDriver:
    """requests for the session, Beautiful Soup for the pages."""

    name = "http"
    runs_scripts = False

    def __init__(
        self,
        settings: PortalSettings,
        deadline: Deadline,
        snapshots: Snapshots | None = None,
        slow_down: t.Callable[[float], None] | None = None,
    ) -> None:
        """Prepare a session.

        :param slow_down: told the seconds that the portal asked to be left alone, so that a whole fleet can heed it.
        """
        self._settings = settings
        self._trust = settings.trust
        self._deadline = deadline
        self._snapshots = snapshots
        self._slow_down = slow_down
        self._html = ""
        self._trail: list[str] = []
        # The server's clock minus ours, in seconds, as its last answer had it.
        self.clock_difference: float | None = None
        self._session = requests.Session()
        self._session.headers.update(
            {
                "User-Agent": USER_AGENT,
                "Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.5",
                "Accept-Language": "en-US,en;q=0.8",
            }
        )
        self._session.auth = _without_netrc
        self._session.verify = settings.validate_certs
        if not settings.validate_certs:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    # The driver's interface

    def open(self, address: str) -> Page:
        """Go to an address."""
        return self._go("GET", address)

    def follow(self, page: Page, link: Link) -> Page:
        """Follow a link."""
        return self._go("GET", link.address, referer=page)

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
                    return self._go("GET", button.address, referer=page)
                raise _needs_script(page, f'the button "{button.label}" does nothing without it')
            extra, button = posted, None
        action = (button.action if button else "") or form.action
        method = ((button.method if button else "") or form.method).lower()
        if urllib.parse.urlsplit(action).scheme not in ("http", "https"):
            raise _needs_script(page, "the form has no address to send it to")
        pairs = successful_controls(form, fill, button, check, extra)
        if method == "dialog":
            raise _needs_script(page, "the form closes a dialog")
        if method != "post":
            if what:
                # A secret in an address would end up in logs; such forms are meant to be sent by script.
                raise _needs_script(page, f"the form would put the {what} into the page's address")
            query = urllib.parse.urlencode(pairs)
            return self._go(
                "GET", urllib.parse.urlsplit(action)._replace(query=query, fragment="").geturl(), referer=page
            )
        if what:
            self._trust.require(page.address, what)
        self._trust.require(action, what or "form")
        if form.encoding == "multipart/form-data":
            return self._go(
                "POST", action, referer=page, files=[(name, (None, value)) for name, value in pairs], what=what
            )
        return self._go("POST", action, referer=page, data=pairs, what=what)

    def press(self, page: Page, button: Button) -> Page:
        """Press a button that belongs to no form."""
        if button.address:
            return self._go("GET", button.address, referer=page)
        raise _needs_script(page, f'the button "{button.label}" does nothing without it')

    def reveal(self, page: Page, ref: int) -> Page | None:
        """Not needed: what is in a closed menu can be read."""
        return None

    def settle(self, page: Page) -> Page | None:
        """Nothing changes by itself here."""
        return None

    def look_closer(self, page: Page) -> Page | None:
        """Read the page again with its own style sheets, which may hide some of it."""
        sheets = []
        for tag in _STYLESHEET.findall(self._html)[:6]:
            match = _HREF.search(tag)
            if match:
                address = urllib.parse.urljoin(
                    page.address, (match[1] or match[2] or match[3] or "").replace("&amp;", "&")
                )
                if self._trust.trusts(address):
                    response, _address = self._fetch("GET", address, referer=page)
                    if response.status_code == 200:
                        sheets.append(self._text(response))
        if not sheets:
            return None
        return read_page(self._html, page.address, status=page.status, styles=sheets)

    def close(self) -> None:
        """Forget cookies and pages."""
        self._session.close()
        self._session.cookies.clear()
        self._html = ""

    def cookies(self) -> list[dict[str, t.Any]]:
        """The session's cookies as Playwright takes them, to go on in a browser."""
        return [
            {
                "name": cookie.name,
                "value": cookie.value or "",
                "domain": cookie.domain,
                "path": cookie.path or "/",
                "secure": bool(cookie.secure),
                "httpOnly": cookie.has_nonstandard_attr("HttpOnly"),
                **({"expires": cookie.expires} if cookie.expires else {}),
            }
            for cookie in self._session.cookies
        ]

    # The network

    def _go(self, method: str, address: str, **request: t.Any) -> Page:
        response, address = self._fetch(method, address, **request)
        trail = list(self._trail)
        self._html = self._text(response)
        page = read_page(
            self._html,
            address,
            status=response.status_code,
            retry_after=retry_after(response.headers.get("Retry-After")),
        )
        page.trail = trail
        if self._snapshots is not None:
            self._snapshots.keep(page, self._html)
        return page

    def _fetch(
        self,
        method: str,
        address: str,
        *,
        referer: Page | None = None,
        data: t.Any = None,
        files: t.Any = None,
        what: str = "",
    ) -> tuple[requests.Response, str]:
        """One request and the redirects that follow it; the address is the last one's."""
        self._trail = []
        for _hop in range(_REDIRECTS):
            address = urllib.parse.urldefrag(address)[0]
            if urllib.parse.urlsplit(address).scheme not in ("http", "https"):
                raise PortalError(
                    PAGE_CHANGED,
                    "The portal redirects to something that is no web address.",
                    next_step="Look at the page in a browser and report what has changed.",
                )
            if not self._trust.encrypted_enough(address):
                raise PortalError(
                    PAGE_CHANGED,
                    f"The portal leads to {bare_address(address)}, which is not encrypted. It was not followed.",
                    next_step="Report it to CloudResearch.",
                    details={"refused_address": bare_address(address)},
                )
            if method == "POST":
                self._trust.require(address, what or "form")
            response = self._patiently(method, address, self._headers(method, address, referer), data, files)
            target = response.headers.get("Location")
            if response.status_code not in (301, 302, 303, 307, 308) or not target:
                return response, address
            self._trail.append(bare_address(address))
            # Headers are latin-1 by the book and UTF-8 in practice.
            target = target.encode("latin-1", "ignore").decode("utf-8", "replace")
            address = urllib.parse.urljoin(address, target)
            if response.status_code not in (307, 308):
                method, data, files, what = "GET", None, None, ""
        raise PortalError(
            PAGE_CHANGED,
            f"The portal redirects in a circle (at {bare_address(address)}).",
            next_step="Sign in with a browser and see whether it works there; then report what is different.",
        )

    @staticmethod
    def _headers(method: str, address: str, referer: Page | None) -> dict[str, str]:
        if referer is None:
            return {}
        here, there = urllib.parse.urlsplit(referer.address), urllib.parse.urlsplit(address)
        origin = f"{here.scheme}://{here.netloc}"
        headers = {"Origin": origin} if method == "POST" else {}
        # What browsers send by default (strict-origin-when-cross-origin), without the query, which may hold tokens.
        headers["Referer"] = (
            referer.place if (here.scheme, here.netloc) == (there.scheme, there.netloc) else origin + "/"
        )
        return headers

    def _patiently(
        self, method: str, address: str, headers: dict[str, str], data: t.Any, files: t.Any
    ) -> requests.Response:
        """One request; again if the portal asks for patience, or is briefly away and nothing was sent."""
        for attempt in range(1, _TRIES + 1):
            try:
                response = self._once(method, address, headers, data, files)
            except PortalError as exc:
                if (
                    method != "GET"
                    or exc.reason != PORTAL_UNAVAILABLE
                    or attempt == _TRIES
                    or self._deadline.left() < 3
                ):
                    raise
                self._deadline.sleep(0.5 * attempt, f"waiting to reach {bare_address(address)} again")
                continue
            wait = retry_after(response.headers.get("Retry-After"))
            if response.status_code in (429, 503) and wait is not None:
                if self._slow_down is not None:
                    self._slow_down(wait)
                # An answer of these kinds says that the request was not dealt with, so a form may be sent again, too.
                if attempt < _TRIES and wait < self._deadline.left():
                    time.sleep(wait)
                    continue
                return response
            if (
                method == "GET"
                and response.status_code in (502, 503, 504)
                and attempt < _TRIES
                and self._deadline.left() > 3
            ):
                self._deadline.sleep(0.5 * attempt, "waiting for the portal to come back")
                continue
            return response
        return response

    def _once(self, method: str, address: str, headers: dict[str, str], data: t.Any, files: t.Any) -> requests.Response:
        doing = f"{'reading' if method == 'GET' else 'sending a form to'} {bare_address(address)}"
        self._deadline.check(doing)
        left = self._deadline.left()
        host = urllib.parse.urlsplit(address).hostname
        try:
            response = self._session.request(
                method, address, headers=headers, data=data, files=files, allow_redirects=False, stream=True,
                timeout=(min(10.0, left), min(_READ_SECONDS, left)),
            )  # fmt: skip
            self._read_body(response, doing)
        except requests.exceptions.SSLError as exc:
            raise tls_error(host, exc) from None
        except requests.exceptions.Timeout:
            raise out_of_time(doing, min(_READ_SECONDS, left)) from None
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as exc:
            if "timed out" in str(exc).lower():
                raise out_of_time(doing, min(_READ_SECONDS, left)) from None
            raise PortalError(
                PORTAL_UNAVAILABLE,
                f"The portal could not be reached while {doing}: {plain_cause(exc)}.",
                next_step="Check the network and portal_url, then run it again."
                + ("" if method == "GET" else " The next run looks first whether the form was accepted."),
            ) from None
        self._note_clock(response)
        return response

    def _read_body(self, response: requests.Response, doing: str) -> None:
        chunks, size = [], 0
        for chunk in response.iter_content(65536):
            chunks.append(chunk)
            size += len(chunk)
            self._deadline.check(doing)
            if size > _LARGEST_PAGE:
                break
        response._content = b"".join(chunks)
        response.close() if size > _LARGEST_PAGE else None

    def _note_clock(self, response: requests.Response) -> None:
        there = times.parse_http_date(response.headers.get("Date"))
        if there is None:
            return
        # The header has whole seconds.
        difference = there.timestamp() + 0.5 - time.time()
        self.clock_difference = difference if abs(difference) > 2 else 0.0

    @staticmethod
    def _text(response: requests.Response) -> str:
        content = response.content
        kind = response.headers.get("Content-Type", "")
        encoding = response.encoding if "charset" in kind.lower() else None
        if not encoding:
            declared = _CHARSET.search(content[:2048])
            encoding = declared[1].decode("ascii") if declared else "utf-8"
        try:
            return content.decode(encoding or "utf-8", "replace")
        except LookupError:
            return content.decode("utf-8", "replace")


def _has_no_submit(form: Form) -> bool:
    return not any(button.kind in ("submit", "image") for button in form.usable_buttons)


def _needs_script(page: Page, why: str) -> PageChanged:
    return PageChanged(
        "form that works without JavaScript",
        setting="",
        title=page.title,
        address=page.place,
        found=describe(page),
        needs_javascript=True,
        why=f"The page needs JavaScript ({why})",
    )
