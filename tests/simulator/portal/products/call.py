# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One request to a product, and what every product has in common: sessions, anti-forgery tokens, passwords, keys."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from werkzeug.wrappers import Request, Response

from .. import rules
from ..records import Session, StrayForm
from ..state import FormTicket
from ..visit import TOKEN, BadForm

if TYPE_CHECKING:
    from ..site import Site

COOKIE = "product.{}"
FLOW = "product.flow.{}"
HEADER = "RequestVerificationToken"


class Call:
    """A request, and the answers to it."""

    def __init__(self, site: Site, request: Request, product: str) -> None:
        self.site, self.state, self.role, self.request = site, site.state, site.role, request
        self.product = product
        self.path, self.method = request.path, "GET" if request.method == "HEAD" else request.method
        self.session: Session | None = self.state.session(request.cookies.get(COOKIE.format(self.role), ""), self.role)
        self._flow_cookie = request.cookies.get(FLOW.format(self.role), "")
        self.email = self.session.email if self.session else str((self.flow or {}).get("email", ""))
        self._cookies: dict[str, str] = {}

    @property
    def at(self) -> tuple[str, str, str]:
        """Which host, method and path was asked for."""
        return self.role, self.method, self.path

    def app(self, path: str = "/", **query: str) -> str:
        """An address of the app."""
        return self.site.origins.app + path + (f"?{urlencode(query)}" if query else "")

    def account_host(self, path: str = "/", **query: str) -> str:
        """An address of the sign-in's own host."""
        return self.site.origins.signin + path + (f"?{urlencode(query)}" if query else "")

    # Answers

    def page(self, body: str, *, title: str = "CloudResearch", status: int = 200, head: str = "") -> Response:
        """A page; {token} in its body becomes an anti-forgery token."""
        body = body.replace("{token}", self.token()) if "{token}" in body else body
        start = f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>{head}</head>'
        return Response(f"{start}<body>{body}</body></html>", status, mimetype="text/html")

    def json(self, status: int = 200, **values: Any) -> Response:
        """The answer of an API."""
        return Response(json.dumps(values), status, mimetype="application/json")

    def go(self, address: str) -> Response:
        """A redirect."""
        return Response("", 302, {"Location": address})

    def finish(self, response: Response) -> Response:
        """Give the cookies along."""
        for name, value in self._cookies.items():
            age = 0 if not value else None
            response.set_cookie(name, value, httponly=True, samesite="Lax", path="/", max_age=age)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    # Forms

    def token(self) -> str:
        """A new anti-forgery token, good for this browser and whoever is signed in with it."""
        return self.state.new_ticket(FormTicket(self._browser(), self._identity(), self.product))

    def hidden(self) -> str:
        """The same as a hidden field."""
        return f'<input type="hidden" name="{TOKEN}" value="{self.token()}">'

    def _browser(self) -> str:
        name = COOKIE.format("browser")
        value = self.request.cookies.get(name) or self._cookies.get(name) or self.state.issue()
        self._cookies.setdefault(name, value)
        return value

    def _identity(self) -> str:
        return self.session.sid if self.session else ""

    @functools.cached_property
    def sent(self) -> dict[str, str]:
        """What was posted, as a form or as JSON. BadForm unless its token is this browser's and this person's."""
        given: dict[str, Any] = self.request.form.to_dict()
        if self.request.is_json:
            given = self.request.get_json(silent=True) or {}
        ticket = self.state.ticket(str(given.get(TOKEN) or self.request.headers.get(HEADER, "")))
        browser = self.request.cookies.get(COOKIE.format("browser"), "")
        if (
            ticket is None
            or not browser
            or (ticket.cookie, ticket.identity, ticket.form)
            != (
                browser,
                self._identity(),
                self.product,
            )
        ):
            raise BadForm("The anti-forgery token is missing, or was meant for somebody else.")
        return {name: str(value) for name, value in given.items()}

    def stray(self, what: str) -> Response:
        """Note what nobody who links a key has a reason to send or enter."""
        self.state.stray_forms.append(StrayForm(self.state.clock(), self.email, what, self.path))
        return self.page("<h1>Thank you</h1>")

    # Signing in

    @property
    def flow(self) -> dict[str, Any] | None:
        """A sign-in that has begun."""
        return self.state.flow(self._flow_cookie)

    def begin(self, **values: Any) -> None:
        """Keep what is known of a sign-in."""
        self.state.end_flow(self._flow_cookie)
        self._flow_cookie = self.state.start_flow(values)
        self._cookies[FLOW.format(self.role)] = self._flow_cookie

    def password(self, email: str, password: str) -> str:
        """Try a password: "wrong", "locked", "code" (of the authenticator is wanted next), or "ok": signed in."""
        self.email = email.strip()
        result = rules.check_password(self.state, self.email, password).result
        account = self.state.account(self.email)
        if result == "ok" and account is not None and account.totp_secret:
            self.begin(**{**(self.flow or {}), "email": self.email, "password_ok": True})
            return "code"
        if result == "ok":
            self.sign_in(self.email)
        return result

    def code(self, code: str) -> str:
        """Try an authenticator code for whose password was right: "wrong", "locked", or "ok": signed in."""
        flow = self.flow or {}
        account = self.state.account(str(flow.get("email", ""))) if flow.get("password_ok") else None
        if account is None:
            raise BadForm("No password came before this code.")
        result = rules.check_code(self.state, account, code).result
        if result == "ok":
            self.sign_in(account.email)
        return result

    def sign_in(self, email: str) -> None:
        """Open a session on this host."""
        self.session = self.state.open_session(email, self.role)
        self.email = email
        self._cookies[COOKIE.format(self.role)] = self.session.sid

    def hand_over(self, path: str) -> Response:
        """Go back to the app with a code that signs in there, once."""
        return self.go(self.app(path, code=self.state.new_handover({"email": self.email})))

    def take_over(self) -> bool:
        """Sign in at the app with such a code."""
        values = self.state.take_handover(self.request.args.get("code", ""))
        if values is not None:
            self.sign_in(str(values["email"]))
        return values is not None

    # The key

    @property
    def linked(self) -> str:
        """The ID of the linked key, or nothing."""
        account = self.state.account(self.email)
        return account.linked.access_key_id if account and account.linked else ""

    def take_key(self, access_key_id: str, secret_access_key: str) -> str:
        """A key was entered: "linked", "refused", "unreachable" or "invalid"."""
        account = self.state.account(self.email)
        if account is None or self.session is None:
            raise BadForm("Nobody is signed in.")
        return rules.submit_key(
            self.state,
            account,
            access_key_id,
            secret_access_key,
            method=self.method,
            path=self.path,
            rendering=self.product,
        ).outcome

    def unlink(self) -> None:
        """Forget the key."""
        account = self.state.account(self.email)
        if account is not None and self.session is not None:
            rules.unlink_key(self.state, account)
