# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The renderings that a script draws: one empty page for every address, and the JSON that the script asks for."""

from __future__ import annotations

import html
from typing import Any

from werkzeug.wrappers import Response

from . import rules
from .pages_link import outcome_notices
from .pages_signin import REMEMBER_SECONDS, sign_in
from .renderings import PATHS, WORDS
from .site import route
from .visit import BROWSER_COOKIE, FLOW_COOKIES, BadForm, Visit


def shell(visit: Visit) -> Response:
    """The empty page of the rendering that a script draws."""
    return visit.render("shell.html")


def _sent(visit: Visit) -> dict[str, Any]:
    """The JSON of a POST whose anti-forgery header is right."""
    visit.check_token("api", visit.request.headers.get("RequestVerificationToken"))
    values = visit.request.get_json(silent=True)
    if not isinstance(values, dict):
        raise BadForm("The request body is not a JSON object.")
    return values


@route("/api/site")
def site(visit: Visit) -> Response:
    """What the script needs to draw: words, addresses, whether one is signed in, and a token for the next POST."""
    shown = ("landing", "signin", "second_factor", "dashboard", "settings", "link")
    words = {key: visit.rendering.text(key) for key in WORDS}
    return visit.json(
        {
            "signedIn": visit.session is not None,
            "name": visit.account.name if visit.session else "",
            "awaitingCode": bool(visit.flow and visit.flow.get("password_ok")),
            "words": words,
            "paths": {page: visit.path(page) for page in PATHS if page in shown},
            "entry": html.unescape(visit.menu_entry) if visit.session else "",
            "token": visit.header_token(),
            "toastDelay": visit.state.knobs.toast_delay_ms,
        }
    )


@route("/api/signin", "POST")
def api_signin(visit: Visit) -> Response:
    """E-mail and password."""
    values = _sent(visit)
    email = str(values.get("email", "")).strip()
    check = rules.check_password(visit.state, email, str(values.get("password", "")))
    if check.result == "locked":
        return visit.json({"result": "locked"})
    if check.result == "wrong":
        allowed = visit.state.knobs.lockout_attempts
        text = visit.word("attempts").format(failed=check.failed, allowed=allowed)
        return visit.json({"result": "wrong", "text": f"{visit.word('wrong_password')} {text}"})
    for kind in ("code_by_email", "enrol_second_factor", "password_expired"):
        if visit.fault(kind):
            return visit.json({"result": kind})
    account = visit.state.account(email)
    browser = visit.request.cookies.get(BROWSER_COOKIE, "")
    if account and account.totp_secret and not visit.state.is_remembered(browser, email):
        visit.flow_cookie = visit.state.start_flow({"email": email, "password_ok": True})
        visit.set_cookie(FLOW_COOKIES["app"], visit.flow_cookie)
        return visit.json({"result": "code"})
    sign_in(visit, email)
    return visit.json({"result": "ok"})


@route("/api/code", "POST")
def api_code(visit: Visit) -> Response:
    """The authenticator's code."""
    values = _sent(visit)
    account = visit.state.account(visit.flow["email"]) if visit.flow and visit.flow.get("password_ok") else None
    if account is None:
        return visit.json({"error": "signed_out"}, 401)
    check = rules.check_code(visit.state, account, str(values.get("code", "")))
    if check.result != "ok":
        return visit.json({"result": check.result, "text": visit.rendering.text("wrong_code")})
    if values.get("remember"):
        visit.set_cookie(BROWSER_COOKIE, visit.state.remember_browser(account.email), seconds=REMEMBER_SECONDS)
    visit.state.end_flow(visit.flow_cookie)
    visit.set_cookie(FLOW_COOKIES["app"], "")
    sign_in(visit, account.email)
    return visit.json({"result": "ok"})


@route("/api/account", private=True)
def api_account(visit: Visit) -> Response:
    """What the dashboard shows."""
    account = visit.account
    return visit.json(
        {
            "name": account.name,
            "linked": account.linked is not None,
            "balance": rules.current_balance(visit.state, account),
        }
    )


@route("/api/link", private=True)
def api_link(visit: Visit) -> Response:
    """What the link page shows."""
    account = visit.account
    renamed = visit.fault("renamed_fields", "link")
    return visit.json(
        {
            "labels": ["Marketplace user", "Marketplace token"] if renamed else [],
            "linked": account.linked is not None,
            "shownKey": rules.shown_key(account, visit.rendering.shown_key),
            "unlink": visit.rendering.unlink and account.linked is not None,
            "form": not visit.fault("no_form", "link"),
            "forms": 2 if visit.fault("ambiguous_form", "link") else 1,
            "button": not visit.fault("no_button", "link"),
        }
    )


@route("/api/link", "POST", private=True)
def api_submit(visit: Visit) -> Response:
    """A key was entered."""
    values = _sent(visit)
    if visit.state.knobs.submit_seconds:
        visit.site.stopping.wait(visit.state.knobs.submit_seconds)
    result = rules.submit_key(
        visit.state,
        visit.account,
        str(values.get("access_key_id", "")),
        str(values.get("secret_access_key", "")),
        method=visit.method,
        path=visit.request.path,
        rendering=visit.rendering.name,
    )
    notices = [
        {key: html.unescape(text) for key, text in notice.items()}
        for notice in outcome_notices(visit, result, str(values.get("access_key_id", "")))
    ]
    return visit.json({"linked": result.outcome == "linked", "notices": notices})


@route("/api/unlink", "POST", private=True)
def api_unlink(visit: Visit) -> Response:
    """The Unlink control."""
    _sent(visit)
    rules.unlink_key(visit.state, visit.account)
    text = visit.rendering.text("unlinked_text")
    return visit.json({"notices": [{"kind": "success", "title": visit.rendering.text("success"), "text": text}]})


@route("/api/signout", "POST", private=True)
def api_signout(visit: Visit) -> Response:
    """Log off."""
    _sent(visit)
    visit.forget_session(everywhere=True)
    return visit.json({"result": "ok"})
