# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the sign-in host to the app and back: plain redirects, or OpenID Connect with form_post."""

from __future__ import annotations

import hmac
import secrets
from urllib.parse import urlencode

from werkzeug.wrappers import Response

from .pages_signin import sign_in
from .site import route
from .visit import CORRELATION_COOKIE, BadForm, Visit

CLIENT_ID = "cloudresearch-app"


def begin_signin(visit: Visit, return_url: str) -> Response:
    """Send the visitor of the app to the sign-in host."""
    form_post = visit.rendering.handover == "form_post"
    state = visit.state.start_flow({"return_url": return_url})
    # No SameSite: a form_post comes back as a POST from another site, with which Lax cookies would not be sent.
    visit.set_cookie(CORRELATION_COOKIE, state, same_site=None, seconds=900)
    query = {
        "client_id": CLIENT_ID,
        "redirect_uri": visit.site.origins.app + visit.path("callback"),
        "response_type": "code id_token" if form_post else "code",
        "response_mode": "form_post" if form_post else "query",
        "scope": "openid profile email",
        "state": state,
        "nonce": secrets.token_urlsafe(16),
    }
    return visit.go_to(f"{visit.site.origins.signin}{visit.path('authorize')}?{urlencode(query)}")


@route("authorize")
def authorize(visit: Visit) -> Response:
    """The sign-in host's end: whoever is signed in there goes back with a one-time code, others sign in first."""
    query = visit.request.args
    callback = visit.site.origins.app + visit.path("callback")
    if query.get("client_id") != CLIENT_ID or query.get("redirect_uri") != callback or not query.get("state"):
        raise BadForm("invalid_request: unknown client or redirect_uri.")
    if visit.session is None:
        return visit.go("signin", visit.request.full_path)
    code = visit.state.new_handover({"email": visit.session.email})
    answer = {"code": code, "state": query["state"], "session_state": secrets.token_urlsafe(16)}
    if query.get("response_mode") == "form_post":
        answer["id_token"] = ".".join(visit.state.issue(32) for _part in range(3))
        return visit.render("form_post.html", action=callback, values=answer)
    return visit.go_to(f"{callback}?{urlencode(answer)}")


@route("callback")
def callback(visit: Visit) -> Response:
    """The app's end, with plain redirects."""
    if visit.rendering.handover != "redirect":
        return visit.message("not_found", 405)
    return _finish(visit, visit.request.args.get("code", ""), visit.request.args.get("state", ""))


@route("callback", "POST")
def callback_form(visit: Visit) -> Response:
    """The app's end, with form_post."""
    sent = visit.request.form
    if visit.rendering.handover != "form_post" or not sent.get("id_token") or not sent.get("session_state"):
        raise BadForm("invalid_request: the sign-in answer is not complete.")
    return _finish(visit, sent.get("code", ""), sent.get("state", ""))


def _finish(visit: Visit, code: str, state: str) -> Response:
    cookie = visit.request.cookies.get(CORRELATION_COOKIE, "")
    begun = visit.state.flow(state)
    if not cookie or begun is None or not hmac.compare_digest(cookie, state):
        raise BadForm("Correlation failed.")
    visit.state.end_flow(state)
    visit.set_cookie(CORRELATION_COOKIE, "", same_site=None)
    handover = visit.state.take_handover(code)
    if handover is None:
        raise BadForm("invalid_grant: the code is unknown, used or too old.")
    sign_in(visit, handover["email"])
    onward = visit.local(begun["return_url"])
    if visit.rendering.after_signin == "meta_refresh":
        return visit.render("refresh.html", onward=onward)
    return visit.go_to(onward)
