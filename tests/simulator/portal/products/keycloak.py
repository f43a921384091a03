# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sign-in hosted by Keycloak: realms in the path, one page for the password, one for the code, then back."""

from __future__ import annotations

from html import escape

from werkzeug.wrappers import Response

from . import pieces
from .call import Call

EXERCISES = "Keycloak: realm paths, a button that its own script disables, one-time code, 'Try Another Way'"

REALM = "/realms/research/protocol/openid-connect/auth"
ACTION = "/realms/research/login-actions/authenticate"


def _frame(call: Call, heading: str, form: str, problem: str) -> Response:
    alert = f'<div class="alert-error pf-c-alert"><span class="kc-feedback-text">{problem}</span></div>'
    body = f"""<div class="login-pf-page"><div id="kc-header">RESEARCH</div>
<div class="card-pf"><header><h1 id="kc-page-title">{heading}</h1></header>
<div id="kc-content">{alert if problem else ""}{form}</div></div></div>"""
    return call.page(body, title=f"{heading} - Research")


def _password(call: Call, problem: str = "", email: str = "") -> Response:
    form = f"""<form id="kc-form-login" onsubmit="login.disabled = true; return true;" action="{ACTION}" method="post">
{call.hidden()}<div class="form-group"><label for="username">Username or email</label>
<input tabindex="1" id="username" name="username" value="{escape(email)}" type="text" autocomplete="off"></div>
<div class="form-group"><label for="password">Password</label>
<input tabindex="2" id="password" name="password" type="password" autocomplete="off"></div>
<div class="checkbox"><label><input tabindex="3" id="rememberMe" name="rememberMe" type="checkbox"> Remember me</label>
</div><span><a tabindex="5" href="/realms/research/login-actions/reset-credentials">Forgot Password?</a></span>
<input type="hidden" id="id-hidden-input" name="credentialId">
<input tabindex="4" name="login" id="kc-login" type="submit" value="Sign In"></form>
<div id="kc-registration">New user? <a href="/realms/research/login-actions/registration">Register</a></div>
<div id="kc-social-providers"><hr><h4>Or sign in with</h4><ul><li><a href="/realms/research/broker/google/login">
<span>Google</span></a></li><li><a href="/realms/research/broker/saml/login"><span>University login</span></a></li>
</ul></div>"""
    return _frame(call, "Sign in to your account", form, problem)


def _code(call: Call, problem: str = "") -> Response:
    form = f"""<div id="kc-username"><label id="kc-attempted-username">{escape(call.email)}</label>
<a id="reset-login" href="{REALM}" aria-label="Restart login">&#8635;</a></div>
<form id="kc-otp-login-form" action="{ACTION}" method="post">{call.hidden()}
<label for="otp">One-time code</label><input id="otp" name="otp" autocomplete="one-time-code" type="text" autofocus>
<input name="login" id="kc-login" type="submit" value="Sign In"></form>
<form id="kc-select-try-another-way-form" action="{ACTION}/try" method="post">{call.hidden()}
<a href="#" onclick="document.forms['kc-select-try-another-way-form'].submit();return false;">Try Another Way</a>
</form>"""
    return _frame(call, "Sign in to your account", form, problem)


def answer(call: Call) -> Response | None:
    """The realm, and the app behind it."""
    match call.at:
        case "signin", "GET", path if path == REALM:
            return _password(call)
        case "signin", "POST", path if path == ACTION and "otp" in call.sent:
            result = call.code(call.sent["otp"])
            return call.hand_over("/callback") if result == "ok" else _code(call, "Invalid authenticator code.")
        case "signin", "POST", path if path == ACTION:
            email = call.sent.get("username", "")
            result = call.password(email, call.sent.get("password", ""))
            if result == "code":
                return _code(call)
            if result == "ok":
                return call.hand_over("/callback")
            return _password(call, "Invalid username or password.", email)
        case "app", "GET", "/callback" if call.take_over():
            return call.go("/dashboard")
    if call.role == "app" and call.session:
        return pieces.app(call)
    query = {"client_id": "app", "response_type": "code", "scope": "openid", "redirect_uri": call.app("/callback")}
    return call.go(call.account_host(REALM, **query)) if call.role == "app" else None
