# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The two sites as WSGI apps: routing, faults, the log; what a page does is in the pages_* files."""

from __future__ import annotations

import contextlib
import importlib
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Request, Response

from . import faults, foreign
from .product_site import respond
from .products import PRODUCTS
from .renderings import PATHS
from .state import PortalState
from .visit import BadForm, Visit

StartResponse = Callable[..., Any]
Handler = Callable[[Visit], Response]

STATIC = Path(__file__).parent / "static"
_ASSETS = {"/Content/site.css": "text/css", "/Scripts/site.js": "text/javascript", "/Scripts/app.js": "text/javascript"}
#: In the rendering drawn by a script these addresses all answer with the same empty page.
_DRAWN_BY_SCRIPT = ("landing", "signin", "second_factor", "dashboard", "settings", "link")


@dataclass
class Origins:
    """Where the sites are for a browser: scheme, host and port, no slash at the end. Fill in before serving."""

    app: str = ""
    signin: str = ""
    foreign: str = ""


@dataclass(frozen=True)
class Route:
    """A handler and whether it is for signed-in people only."""

    handler: Handler
    private: bool


#: (page or api path, method) -> Route. Filled by `route`.
ROUTES: dict[tuple[str, str], Route] = {}


def route(page: str, method: str = "GET", *, private: bool = False) -> Callable[[Handler], Handler]:
    """Register a page's handler."""

    def register(handler: Handler) -> Handler:
        ROUTES[page, method] = Route(handler, private)
        return handler

    return register


@dataclass(frozen=True)
class PortalApps:
    """WSGI apps: the app's origin, the sign-in host, and a foreign host that only collects what it should never get."""

    app: Site
    signin: Site
    foreign: foreign.ForeignHost


def make_portal(
    state: PortalState,
    *,
    rendering: str = "",
    origins: Origins | None = None,
    stopping: threading.Event | None = None,
) -> PortalApps:
    """The site's WSGI apps. `rendering` "" means the account's or the state's; `stopping` ends answers held back.

    The origins must be filled in before the first request, since the sites redirect to each other.
    """
    for pages in ("pages_signin", "pages_oidc", "pages_app", "pages_link", "pages_script"):
        importlib.import_module(f"{__package__}.{pages}")
    origins = origins if origins is not None else Origins()
    stopping = stopping or threading.Event()
    return PortalApps(
        Site(state, "app", rendering, origins, stopping),
        Site(state, "signin", rendering, origins, stopping),
        foreign.ForeignHost(state),
    )


@dataclass
class Site:
    """One origin. `role` is "app" or "signin"."""

    state: PortalState
    role: str
    rendering: str
    origins: Origins
    stopping: threading.Event
    _recent: list[float] = field(default_factory=list)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        if self.rendering in PRODUCTS:
            return respond(self, environ, start_response)
        if request.path in _ASSETS:
            return self._asset(request)(environ, start_response)
        if self.state.knobs.latency_ms:
            self.stopping.wait(self.state.knobs.latency_ms / 1000)
        visit = Visit(self, request)
        try:
            response = self._answer(visit)
        except faults.Hangup:
            _hang_up(environ)
            self._log(visit, 0)
            return []
        except BadForm as problem:
            response = visit.message("bad_request", 400, detail=str(problem))
        except Exception:
            traceback.print_exc(file=sys.stderr)
            response = visit.message("server_error", 500)
        visit.finish(response)
        self._log(visit, response.status_code)
        return response(environ, start_response)

    def _answer(self, visit: Visit) -> Response:
        refused = self._too_fast()
        if refused is not None:
            return visit.message("rate_limited", 429, retry_after=refused)
        stand_in = faults.before(visit)
        if stand_in is not None:
            return stand_in
        if visit.rendering.drawn == "script" and visit.page in _DRAWN_BY_SCRIPT and visit.method == "GET":
            from .pages_script import shell

            return shell(visit)
        found = ROUTES.get((visit.page, visit.method))
        if found is None:
            known = any(page == visit.page for page, _method in ROUTES)
            return visit.message("not_found", 405 if known and visit.page else 404)
        if not self._is_mine(visit):
            return visit.message("not_found", 404)
        if found.private and visit.session is None:
            return visit.need_signin()
        if found.private and visit.method == "GET":
            between = visit.next_interstitial()
            if between is not None:
                return between
        return found.handler(visit)

    def _is_mine(self, visit: Visit) -> bool:
        signin_pages = ("signin", "password", "second_factor", "locked", "external", "register", "forgot")
        if visit.page == "authorize":
            return self.role == "signin"
        if visit.page in signin_pages:
            return self.role == visit.rendering.signin_on
        return self.role == "app"

    def _too_fast(self) -> float | None:
        """Seconds to wait when the site's own rate limit is on and exceeded."""
        limit = self.state.knobs.rate_limit_per_minute
        if not limit:
            return None
        now = time.monotonic()
        with self.state.lock:
            self._recent[:] = [at for at in self._recent if at > now - 60]
            if len(self._recent) >= limit:
                return max(1.0, 60 - (now - self._recent[0]))
            self._recent.append(now)
        return None

    def _asset(self, request: Request) -> Response:
        content = (STATIC / Path(request.path).name).read_bytes()
        self.state.log_request(
            origin=self.role,
            method=request.method,
            path=request.path,
            page="",
            asset=True,
            account="",
            status=200,
            user_agent=request.headers.get("User-Agent", ""),
            rendering="",
        )
        return Response(content, mimetype=_ASSETS[request.path], headers={"Cache-Control": "max-age=3600"})

    def _log(self, visit: Visit, status: int) -> None:
        self.state.log_request(
            origin=self.role,
            method=visit.method,
            path=visit.request.path,
            page=visit.page if visit.page in PATHS or visit.page.startswith("/api/") else "",
            asset=visit.request.path == "/favicon.ico",
            account=visit.email,
            status=status,
            user_agent=visit.request.headers.get("User-Agent", ""),
            rendering=visit.rendering.name,
        )


def _hang_up(environ: dict[str, Any]) -> None:
    connection = environ.get("werkzeug.socket")
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
