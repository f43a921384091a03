# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sign-in hosted by Auth0 ("universal login"): the address first, the password on the next page, then the code."""

from __future__ import annotations

from html import escape

from werkzeug.wrappers import Response

from . import pieces
from .call import Call

EXERCISES = "Auth0: address first, a locked copy of it beside the password, 'Show password', social buttons, asterisks"

STEPS = ("/u/login/identifier", "/u/login/password", "/u/mfa-otp-challenge")


def _step(call: Call, heading: str, fields: str, problem: str = "", more: str = "") -> Response:
    state = escape(call.request.args.get("state", ""))
    error = f'<span class="ulp-input-error-message" role="alert">{problem}</span>' if problem else ""
    body = f"""<main class="_widget login"><section><div><header><h1>{heading}</h1>
<p>Log in to Research to continue to the app.</p></header>
<form method="POST" data-form-primary="true">{call.hidden()}<input type="hidden" name="state" value="{state}">
{fields}{error}<button type="submit" name="action" value="default" data-action-button-primary="true">Continue</button>
</form>{more}</div></section></main>"""
    return call.page(body, title="Log in | Research")


def _identifier(call: Call) -> Response:
    fields = """<div class="input-wrapper"><div class="input _focus"><label for="username">Email address*</label>
<input class="input" inputmode="email" name="username" id="username" type="text" value="" required
autocomplete="email" autocapitalize="none" spellcheck="false" autofocus></div></div>
<p><a href="/u/reset-password">Can't log in to your account?</a></p>"""
    more = f"""<p>Don't have an account? <a href="/u/signup/identifier">Sign up</a></p><div><span>Or</span></div>
<form method="post" data-provider="google" action="/u/social">{call.hidden()}
<input type="hidden" name="connection" value="google-oauth2">
<button type="submit" data-provider="google"><span>Continue with Google</span></button></form>"""
    return _step(call, "Welcome", fields, more=more)


def _password(call: Call, problem: str = "") -> Response:
    email = escape(str((call.flow or {}).get("email", "")))
    fields = f"""<div><div><span>{email}</span><a href="{STEPS[0]}" aria-label="Edit email address">Edit</a></div>
<input type="text" name="username" value="{email}" readonly hidden></div>
<div class="input-wrapper"><label for="password">Password*</label>
<input name="password" id="password" type="password" required autocomplete="current-password">
<button type="button" role="switch" aria-label="Show password" aria-checked="false"></button></div>
<p><a href="/u/reset-password">Forgot password?</a></p>"""
    return _step(call, "Enter Your Password", fields, problem)


def _code(call: Call, problem: str = "") -> Response:
    fields = """<p>Check your preferred one-time password application for a code.</p>
<div class="input-wrapper"><label for="code">Enter your one-time code*</label>
<input name="code" id="code" type="text" required autocomplete="off" inputmode="numeric"></div>
<label><input type="checkbox" name="rememberBrowser" value="true"> Remember this device for 30 days</label>"""
    return _step(call, "Verify Your Identity", fields, problem)


def answer(call: Call) -> Response | None:
    """The three steps, and the app behind them."""
    here = f"?state={escape(call.request.args.get('state', ''))}"
    match call.at:
        case "signin", "GET", "/authorize":
            return call.go(f"{STEPS[0]}?state={call.state.issue(8)}")
        case "signin", "GET", "/u/login/identifier":
            return _identifier(call)
        case "signin", "POST", "/u/login/identifier":
            call.begin(email=call.sent.get("username", "").strip())
            return call.go(STEPS[1] + here)
        case "signin", "GET", "/u/login/password" if call.flow:
            return _password(call)
        case "signin", "POST", "/u/login/password" if call.flow:
            result = call.password(str(call.flow["email"]), call.sent.get("password", ""))
            if result == "code":
                return call.go(STEPS[2] + here)
            return call.hand_over("/callback") if result == "ok" else _password(call, "Wrong email or password")
        case "signin", "GET", "/u/mfa-otp-challenge" if call.flow:
            return _code(call)
        case "signin", "POST", "/u/mfa-otp-challenge" if call.flow:
            result = call.code(call.sent.get("code", ""))
            return call.hand_over("/callback") if result == "ok" else _code(call, "The code you entered is invalid")
        case "signin", "POST", "/u/social":
            return call.stray("external")
        case "app", "GET", "/callback" if call.take_over():
            return call.go("/dashboard")
    if call.role == "app" and call.session:
        return pieces.app(call)
    return call.go(call.account_host("/authorize", client_id="app")) if call.role == "app" else None
