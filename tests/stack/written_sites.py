# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites whose answers a test writes down, on two loopback addresses, and runs of the module against them."""

from __future__ import annotations

import contextlib
import dataclasses
import http.server
import pathlib
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.browser_start import (
    RunningBrowser,
    start_browser,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link import account_link as link
from tests.stack.portal_site import CHROMIUM, KEY, LIGHT_CHROMIUM, PASSWORD, SECRET

FORM = (
    "<title>Log in</title><form {}><label>Email<input name=e></label>"
    "<label>Password<input type=password name=p></label>{}</form>"
)
BUTTON = "<button>Log in</button>"
HOME = "<title>Home</title><a href=/link>Link Mechanical Turk</a>"
LINK_FORM = (
    "<title>Link Mechanical Turk</title><h1>Link Mechanical Turk</h1>"
    "<form method=post action=/link><label>Access Key ID<input name=a></label>"
    "<label>Secret Access Key<input name=s></label><button>Submit</button></form>"
)


@dataclasses.dataclass
class Request:
    method: str
    path: str
    body: str
    headers: dict[str, str]


Answer = str | tuple[int, dict[str, str], str | bytes] | Callable[[Request], Any]


class Site:
    """A server on one loopback address whose answers a test writes down. Without one, it cuts the connection."""

    def __init__(self, host: str, tls: ssl.SSLContext | None = None) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[Request] = []
        self.connections = 0
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                site.connections += 1

            def log_message(self, *_arguments: Any) -> None:
                """Nothing on the terminal."""

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
                headers = {name.title(): value for name, value in self.headers.items()}
                request = Request(self.command, self.path, body, headers)
                if self.path != "/favicon.ico":
                    site.requests.append(request)
                answer = site.answers.get(self.path.split("?")[0], (404, {}, "nothing here"))
                answer = answer(request) if callable(answer) else answer
                if answer is None:
                    self.close_connection = True
                    return
                status, headers, text = (200, {}, answer) if isinstance(answer, str) else answer
                content = text.encode() if isinstance(text, str) else text
                self.send_response(status)
                for name, value in {"Content-Type": "text/html; charset=utf-8", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_OPTIONS = answer

        self.server = http.server.ThreadingHTTPServer((host, 0), Handler)
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"{'https' if tls else 'http'}://{host}:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def saw(self, text: str) -> bool:
        return any(text in request.path + request.body + repr(request.headers) for request in self.requests)


@contextlib.contextmanager
def one_site(host: str = "127.0.0.1") -> Iterator[Site]:
    """A site while it is needed."""
    site = Site(host)
    try:
        yield site
    finally:
        site.server.shutdown()


@pytest.fixture
def sites() -> Iterator[tuple[Site, Site]]:
    with one_site() as own, one_site("127.0.0.2") as foreign:
        yield own, foreign


@contextlib.contextmanager
def running_browser(executable: str) -> Iterator[RunningBrowser]:
    """A browser while it is needed. Tests run as root, too, for whom Chromium has no sandbox."""
    settings = link.PortalSettings.from_params({"browser_executable": executable, "allow_unsandboxed_browser": True})
    running = start_browser(settings, 60)
    try:
        yield running
    finally:
        running.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[RunningBrowser]:
    """One browser for all tests of a file: what counts in most of them is what a page does, not what is around it."""
    with running_browser(LIGHT_CHROMIUM) as running:
        yield running


Run = Callable[..., link.LinkResult]
Result = TypeVar("Result")


def at_once(names: Iterable[str], visit: Callable[[str], Result], *, most: int = 6) -> dict[str, Result]:
    """Visits that mostly wait, some at the same time; the results by name.

    :param visit: gets a name, and makes site and runner of its own: an account is visited once at a time.
    """
    with ThreadPoolExecutor(most) as pool:
        begun = {name: pool.submit(visit, name) for name in names}
    return {name: one.result() for name, one in begun.items()}


def runner(driver: str, directory: pathlib.Path, browser: Any = None) -> Run:
    def run(site: Site, *, announce: Callable[[str], None] | None = None, **options: Any) -> link.LinkResult:
        settings = link.PortalSettings.from_params(
            {
                "portal_url": site.url,
                "driver": driver,
                "state_dir": str(directory / "state"),
                "timeout": 20,
                "browser_executable": CHROMIUM,
                "allow_unsandboxed_browser": True,
                **options,
            },
            announce=announce,
            browser=browser,
        )
        account = link.PortalAccount("pi@uni.example", PASSWORD)
        return link.ensure_present(settings, account, link.KnownKey(KEY, SECRET))

    return run


@pytest.fixture
def over_http(tmp_path: pathlib.Path) -> Run:
    return runner("http", tmp_path)


@pytest.fixture
def in_browser(tmp_path: pathlib.Path, chromium: Any) -> Run:
    return runner("browser", tmp_path, chromium)


@pytest.fixture(params=["http", "browser"])
def run(request: pytest.FixtureRequest) -> Run:
    found: Run = request.getfixturevalue("over_http" if request.param == "http" else "in_browser")
    return found


def good_site(site: Site) -> None:
    site.answers = {
        "/": FORM.format("method=post action=/login", BUTTON),
        "/login": (303, {"Location": "/home"}, ""),
        "/home": HOME,
        "/link": lambda request: LINK_FORM + ("<p role=status>Success</p>" if request.method == "POST" else ""),
    }
