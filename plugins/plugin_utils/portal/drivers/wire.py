# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP request at a time: judged as it is sent, ended at the deadline, and no more of the answer than fits.

A server that sends a byte now and then never lets a socket's own timeout pass. So each request is made in a thread that
is given up when the time is over; its socket is shut, and a connection that opens later is not used.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
import socket
import typing as t
import zlib

from ...base import library_logs, limited_answers
from ...base.addresses import is_loopback
from ...base.silence import nobody_answered
from ..errors import PortalError, Reason, page_changed
from ..page.addresses import bare_address, read_address
from ..page.html_tree import LARGEST_PAGE, too_large
from .base import Deadline, out_of_time
from .network import plain_cause, tls_error, unreachable
from .settings import USER_AGENT, PortalSettings

try:
    import requests
    import requests.adapters
    import urllib3
    import urllib3.connection
    import urllib3.connectionpool

    HAS_REQUESTS = True
except ImportError:
    HAS_REQUESTS = False

if t.TYPE_CHECKING:
    from requests.cookies import RequestsCookieJar

library_logs.keep_apart("charset_normalizer", "requests", "urllib3")

_CONNECT_SECONDS = 5.0
# A form may keep the portal busy for a while, and is not sent again; a page is asked for again.
_READ_SECONDS = {"GET": 12.0, "POST": 30.0}
_HEADERS = {
    "User-Agent": USER_AGENT,
    "Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.5",
    "Accept-Language": "en-US,en;q=0.8",
    # One encoding, which is undone here and within a limit. Some servers answer with two, one inside the other.
    "Accept-Encoding": "gzip",
}

_META_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*['\"]?([\w-]+)", re.IGNORECASE)
# Those that browsers know (https://encoding.spec.whatwg.org/). Python knows others, which are no encodings of pages, do
# not forgive a wrong byte, or take time by the square.
_CHARSETS = re.compile(
    r"utf-?8|utf-?16(?:-?[bl]e)?|(?:us-)?ascii|latin-?1|iso-?8859-\d{1,2}|(?:windows|cp)-?(?:125\d|874)|koi8-[ru]"
    r"|macintosh|gb(?:k|2312|18030)|big5|shift_jis|euc-(?:jp|kr)|iso-2022-jp",
    re.IGNORECASE,
)
_HEADER_CHARSET = re.compile(r"charset\s*=\s*['\"]?([\w-]+)", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Filled:
    """A form that is ready to be sent; C(what) says in words what secret is in it, if any."""

    pairs: list[tuple[str, str]] = dataclasses.field(repr=False)
    multipart: bool = False
    what: str = ""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What came back, decoded; C(header) by names in lower case."""

    address: str
    status: int
    header: t.Mapping[str, str]
    body: bytes = dataclasses.field(repr=False)

    @property
    def text(self) -> str:
        """The body as text, by the charset of the header, or of the page's own meta element, or UTF-8."""
        declared = _HEADER_CHARSET.search(self.header.get("content-type", ""))
        meta = None if declared else _META_CHARSET.search(self.body[:2048])
        encoding = declared[1] if declared else meta[1].decode("ascii") if meta else ""
        try:
            return self.body.decode(encoding if _CHARSETS.fullmatch(encoding) else "utf-8", "replace")
        except LookupError:
            return self.body.decode("utf-8", "replace")


class Wire:
    """A session of requests with the portal."""

    def __init__(self, settings: PortalSettings, deadline: Deadline) -> None:
        self._trust = settings.trust
        self._deadline = deadline
        self._connections: list[urllib3.connection.HTTPConnection] = []
        self._session = requests.Session()
        self._session.headers.update(_HEADERS)
        self._session.auth = _without_netrc
        self._session.verify = settings.validate_certs
        adapter = _watched_adapter(self._note_connection)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        if not settings.validate_certs:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)

    @property
    def cookies(self) -> RequestsCookieJar:
        """The session's cookies."""
        return self._session.cookies

    def close(self) -> None:
        """Forget cookies and connections."""
        self._session.close()
        self._session.cookies.clear()

    def request(self, method: str, address: str, headers: t.Mapping[str, str], form: Filled | None = None) -> Answer:
        """Send one request, and follow no redirect.

        :raises PortalError: if it may not go there, or nothing (or too much, or too late) came back.
        """
        try:
            request = self._session.prepare_request(
                requests.Request(
                    method,
                    address,
                    headers=dict(headers),
                    data=form.pairs if form and not form.multipart else None,
                    files=[(name, (None, value)) for name, value in form.pairs] if form and form.multipart else None,
                )
            )
        except requests.exceptions.RequestException:
            self._trust.require_readable(address)
            told = f"The portal leads to an address that cannot be asked, {bare_address(address)}."
            raise page_changed(told) from None
        # What is judged is what is sent: preparing may have changed how the address is written.
        sent = request.url or ""
        for written in (address, sent):
            self._trust.require_readable(written)
            if method == "POST":
                self._trust.require(written, (form and form.what) or "form")
        doing = f"{'reading' if method == 'GET' else 'sending a form to'} {bare_address(sent)}"
        self._deadline.check(doing)
        return self._run_in_time(lambda: self._send(request, doing), doing)

    def _run_in_time(self, work: t.Callable[[], Answer], doing: str) -> Answer:
        try:
            return limited_answers.in_time(work, self._deadline.left())
        except TimeoutError:
            self._shut_connections()
            raise out_of_time(doing, self._deadline.seconds) from None

    def _note_connection(self, connection: urllib3.connection.HTTPConnection) -> None:
        """Called before a connection is opened and again when it is open."""
        if self._deadline.left() <= 0:
            raise TimeoutError
        if connection not in self._connections:
            self._connections.append(connection)

    def _shut_connections(self) -> None:
        for connection in self._connections:
            if connection.sock is not None:
                with contextlib.suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)

    def _send(self, request: requests.PreparedRequest, doing: str) -> Answer:
        sent = request.url or ""
        left = self._deadline.left()
        limit = min(_READ_SECONDS[request.method or "GET"], left)
        # Without a word for this request, REQUESTS_CA_BUNDLE would count before the session's own.
        verify = None if self._session.verify else False
        found = self._session.merge_environment_settings(sent, {}, True, verify, None)
        if is_loopback(read_address(sent).host):
            # What is not encrypted because it stays on this machine must not go through a proxy.
            found["proxies"] = {}
        try:
            response = self._session.send(
                request,
                allow_redirects=False,
                timeout=(min(_CONNECT_SECONDS, left), limit),
                **found,
            )
            with contextlib.closing(response):
                body = _read_body(response, sent)
        except requests.exceptions.SSLError as exc:
            raise tls_error(read_address(sent).host, exc) from None
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as exc:
            silent = nobody_answered(exc)
            if isinstance(exc, requests.exceptions.Timeout) or "timed out" in str(exc).lower():
                raise out_of_time(doing, limit, silent=silent and limit < left and request.method == "GET") from None
            what_then = "" if request.method == "GET" else "The next run looks first whether the form was accepted."
            raise unreachable(plain_cause(exc), doing, what_then, silent=silent) from None
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(sent, response.status_code, headers, body)


def _without_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """An "authentication" that adds nothing: requests would otherwise send what ~/.netrc has for the host."""
    return request


def _watched_adapter(note: t.Callable[[urllib3.connection.HTTPConnection], None]) -> requests.adapters.HTTPAdapter:
    """requests' own adapter, with connections that say that they exist."""

    class Noted(urllib3.connection.HTTPConnection):
        def connect(self) -> None:
            note(self)
            super().connect()
            note(self)

    class SecureNoted(Noted, urllib3.connection.HTTPSConnection):
        """The same, encrypted: HTTPSConnection comes next in the line of classes."""

    class PlainPool(urllib3.connectionpool.HTTPConnectionPool):
        ConnectionCls = Noted

    class SecurePool(urllib3.connectionpool.HTTPSConnectionPool):
        ConnectionCls = SecureNoted

    pools = {"http": PlainPool, "https": SecurePool}

    class WatchedAdapter(requests.adapters.HTTPAdapter):
        def init_poolmanager(self, *arguments: t.Any, **options: t.Any) -> None:
            super().init_poolmanager(*arguments, **options)
            self.poolmanager.pool_classes_by_scheme = pools

        def proxy_manager_for(self, *arguments: t.Any, **options: t.Any) -> t.Any:
            manager = super().proxy_manager_for(*arguments, **options)
            manager.pool_classes_by_scheme = pools
            return manager

    return WatchedAdapter()


def _read_body(response: requests.Response, address: str) -> bytes:
    """The decoded body.

    :raises PortalError: if it is larger than a page can be, or encoded in a way that was not asked for.
    """
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity", "gzip", "x-gzip"):
        raise PortalError(
            Reason.PAGE_CHANGED,
            f"The page {bare_address(address)} is encoded in a way that was not asked for ({encoding[:40]!r}).",
            next_step="Look at the page in a browser; if it works there, use driver=browser, and report it.",
        )
    unpacking = zlib.decompressobj(16 + zlib.MAX_WBITS) if encoding in ("gzip", "x-gzip") else None
    parts: list[bytes] = []
    room = LARGEST_PAGE
    for chunk in limited_answers.chunks(response.raw):
        try:
            part = unpacking.decompress(chunk, room + 1) if unpacking is not None else chunk
        except zlib.error:
            raise requests.exceptions.ContentDecodingError("the answer is garbled") from None
        parts.append(part)
        room -= len(part)
        if room < 0:
            raise too_large(f"{bare_address(address)} is larger than {LARGEST_PAGE // 1_000_000} MB")
    return b"".join(parts)
