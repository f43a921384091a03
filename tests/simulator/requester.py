# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requester site's Developer page, where a person links an AWS account: /developer, and /sandbox/developer."""

from __future__ import annotations

import html
import secrets
import typing as t

from werkzeug.utils import redirect
from werkzeug.wrappers import Request, Response

from tests.simulator.faults import BadRequest
from tests.simulator.world import Lab, World

_TITLES = {"production": "Amazon Mechanical Turk Requester", "sandbox": "Amazon Mechanical Turk Requester Sandbox"}
_PREFIXES = {"production": "", "sandbox": "/sandbox"}

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body {{ font: 15px/1.5 sans-serif; max-width: 44em; margin: 2em auto; padding: 0 1em; color: #222 }}
header {{ border-bottom: 3px solid {colour}; margin-bottom: 1.5em }} label {{ display: block; margin: .6em 0 }}
button {{ padding: .4em 1em; background: {colour}; color: #fff; border: 0; border-radius: 3px; font: inherit }}
input {{ font: inherit; padding: .3em; width: 22em }} .note {{ background: #eef6ee; padding: .6em 1em }}
.error {{ background: #fbeaea; padding: .6em 1em }}</style></head>
<body><header><h1>{title}</h1></header>{body}</body></html>"""

_SIGN_IN = """<h2>Sign in</h2>{error}
<form method="post" action="{prefix}/signin"><input type="hidden" name="token" value="{token}">
<label>E-mail <input name="email" type="email" autocomplete="username" required></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button type="submit">Sign in</button></form>"""

_DEVELOPER = """<p>Signed in as {email}.</p>
<form method="post" action="{prefix}/signout"><input type="hidden" name="token" value="{token}">
<button type="submit">Sign out</button></form>
<h2>Developer</h2><h3>Step 2: Link your AWS Account</h3>{state}"""

_LINKED = """<p class="note" role="status">Your AWS account {account_id} is linked to this requester account.</p>
<form method="post" action="{prefix}/unlink"><input type="hidden" name="token" value="{token}">
<button type="submit">Unlink your AWS account</button></form>"""

_NOT_LINKED = """<p>No AWS account is linked to this requester account.</p>
<form method="get" action="{prefix}/link"><button type="submit">Link your AWS account</button></form>"""

_CONFIRM = """<h2>Link your AWS account</h2>{error}
<p>Type the number of the AWS account that shall act for {email}. It takes a couple of minutes to take effect.</p>
<form method="post" action="{prefix}/link"><input type="hidden" name="token" value="{token}">
<label>AWS account ID <input name="account_id" inputmode="numeric" required></label>
<button type="submit">Link this account</button></form>"""


class RequesterApp:
    """The WSGI application of both environments; each has its own sign-in, as the two sites do."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._sessions: dict[str, tuple[str, str]] = {}  # cookie -> (environment, lab)
        self._tokens: dict[str, str] = {}  # anti-forgery token -> cookie

    def __call__(self, environ: dict[str, t.Any], start_response: t.Callable[..., t.Any]) -> t.Iterable[bytes]:
        request = Request(environ)
        environment = "sandbox" if request.path.startswith("/sandbox") else "production"
        path = request.path.removeprefix("/sandbox") or "/"
        response = self._respond(request, environment, path)
        return response(environ, start_response)

    def _respond(self, request: Request, environment: str, path: str) -> Response:
        prefix = _PREFIXES[environment]
        cookie_name = f"requester-{environment}"
        cookie = request.cookies.get(cookie_name) or secrets.token_urlsafe(24)
        lab = self._signed_in(cookie, environment)
        if path == "/":
            return redirect(f"{prefix}/developer")
        if request.method == "POST":
            if self._tokens.pop(request.form.get("token", ""), None) != cookie:
                return self._page(
                    environment, "<p class=error>The form is out of date. Go back and try again.</p>", 400
                )
            response = self._post(request, environment, path, cookie, lab)
        elif path == "/link" and lab is not None:
            response = self._page(environment, self._fill(_CONFIRM, environment, cookie, lab))
        elif path in ("/developer", "/link"):
            response = self._developer(environment, cookie, lab)
        else:
            response = self._page(environment, "<p>Page not found.</p>", 404)
        response.set_cookie(cookie_name, cookie, httponly=True, samesite="Lax", path="/")
        return response

    def _post(self, request: Request, environment: str, path: str, cookie: str, lab: Lab | None) -> Response:
        prefix = _PREFIXES[environment]
        if path == "/signin":
            found = self._check_password(request.form.get("email", ""), request.form.get("password", ""))
            if found is None:
                error = '<p class="error" role="alert">E-mail or password is wrong.</p>'
                return self._page(environment, self._fill(_SIGN_IN, environment, cookie, error=error), 401)
            self._sessions[cookie] = (environment, found.name)
            return redirect(f"{prefix}/developer", 303)
        if lab is None:
            return redirect(f"{prefix}/developer", 303)
        if path == "/signout":
            self._sessions.pop(cookie, None)
        elif path == "/link":
            if "".join(request.form.get("account_id", "").replace("-", "").split()) != lab.account_id:
                error = '<p class="error" role="alert">You have no AWS account with this number.</p>'
                return self._page(environment, self._fill(_CONFIRM, environment, cookie, lab, error), 400)
            with self._world.lock:
                self._world.link(lab, environment)
                self._note("Link", lab, environment)
        elif path == "/unlink":
            with self._world.lock:
                lab.links.pop(environment, None)
                self._note("Unlink", lab, environment)
        return redirect(f"{prefix}/developer", 303)

    def _note(self, action: str, lab: Lab, environment: str) -> None:
        self._world.record("requester", action, account_id=lab.account_id, environment=environment, caller="person")

    def _developer(self, environment: str, cookie: str, lab: Lab | None) -> Response:
        if lab is None:
            return self._page(environment, self._fill(_SIGN_IN, environment, cookie))
        state = _LINKED if environment in lab.links else _NOT_LINKED
        return self._page(environment, self._fill(_DEVELOPER.replace("{state}", state), environment, cookie, lab))

    def _fill(self, template: str, environment: str, cookie: str, lab: Lab | None = None, error: str = "") -> str:
        token = secrets.token_urlsafe(24)
        self._tokens[token] = cookie
        # A page may hold several forms, each of which is sent once at most; all share the page's token.
        return template.format(
            prefix=_PREFIXES[environment],
            token=token,
            error=error,
            email=html.escape(lab.requester_email) if lab else "",
            account_id=lab.account_id if lab else "",
        )

    def _page(self, environment: str, body: str, status: int = 200) -> Response:
        colour = "#c45500" if environment == "production" else "#2a6f97"
        page = _PAGE.format(title=_TITLES[environment], colour=colour, body=body)
        return Response(page, status, content_type="text/html; charset=utf-8")

    def _signed_in(self, cookie: str, environment: str) -> Lab | None:
        known = self._sessions.get(cookie)
        if known is None or known[0] != environment:
            return None
        try:
            return self._world.lab(known[1])
        except BadRequest:
            return None

    def _check_password(self, email: str, password: str) -> Lab | None:
        for lab in self._world.labs.values():
            if lab.requester_email.lower() == email.strip().lower() and secrets.compare_digest(
                lab.requester_password.encode(), password.encode()
            ):
                return lab
        return None
