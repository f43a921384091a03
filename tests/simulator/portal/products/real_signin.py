# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sign-in as public scripts describe CloudResearch's own (DESIGN 1), in front of a plain app.

Known: a host of its own; a cookie notice with "Accept"; cards that are plain `div`s with `data-app-destination` and
react by script, a participant's being `Connect_Participant`; fields with the ids Email and Password behind them, and
the button `log-in-btn`. Not known, so made up: the other cards' values, and all after the password, which is written
as ASP.NET Core Identity's templates have it.
"""

from __future__ import annotations

from html import escape

from werkzeug.wrappers import Response

from . import pieces
from .call import Call

EXERCISES = "another host, cookie notice, cards that are divs with a script, ASP.NET Core Identity's second factor"

LOGIN, TWO_FACTOR, LOCKOUT = "/Account/Login", "/Account/LoginWith2fa", "/Account/Lockout"
COOKIES = """<div id="cookies" style="position:fixed;bottom:0;left:0;right:0;background:#eee;padding:1em">
We use cookies. <button type="button" onclick="document.getElementById('cookies').remove()">Accept</button></div>"""
CARDS = """<style>.card{display:inline-block;width:12em;padding:2em;border:1px solid #999}#form{display:none}</style>
<h1>Welcome to CloudResearch</h1><p>Where would you like to go?</p>
<div class="cards">
  <div class="card" data-app-destination="Connect_Participant"><h3>Connect</h3><p>Take part in studies</p></div>
  <div class="card" data-app-destination="Connect_Researcher"><h3>Connect researcher</h3><p>Run studies</p></div>
  <div class="card" data-app-destination="Toolkit"><h3>MTurk Toolkit</h3><p>Run studies on Mechanical Turk</p></div>
</div>"""
CHOOSE = """<script>
for (const card of document.querySelectorAll('.card')) card.addEventListener('click', () => {
  document.querySelector('.cards').style.display = 'none';
  document.getElementById('form').style.display = 'block';
  document.getElementById('AppDestination').value = card.dataset.appDestination;
});
</script>"""
ONWARD = """<script>
for (const card of document.querySelectorAll('.card'))
  card.addEventListener('click', () => location.assign('/Account/Enter?AppDestination=' + card.dataset.appDestination));
</script>"""


def _login(call: Call, problem: str = "") -> Response:
    destination = call.request.args.get("AppDestination", "")
    shown = "<style>.cards{display:none}#form{display:block}</style>" if destination or problem else ""
    summary = f'<div class="text-danger validation-summary-errors" role="alert">{problem}</div>' if problem else ""
    body = f"""{CARDS}{shown}
<form id="form" method="post" action="{LOGIN}">{summary}{call.hidden()}
  <input type="hidden" id="AppDestination" name="AppDestination" value="{escape(destination)}">
  <label for="Email">Email</label><input id="Email" name="Email" type="email" autocomplete="username">
  <label for="Password">Password</label><input id="Password" name="Password" type="password">
  <label><input type="checkbox" name="RememberMe" value="true"> Remember me?</label>
  <button id="log-in-btn" type="submit">Log in</button>
  <a href="/Account/ForgotPassword">Forgot your password?</a>
</form>{COOKIES}{CHOOSE}"""
    return call.page(body, title="Log in - CloudResearch")


def _two_factor(call: Call, problem: str = "") -> Response:
    body = f"""<h1>Two-factor authentication</h1><hr>
<p>Your login is protected with an authenticator app. Enter your authenticator code below.</p>
<form method="post" action="{TWO_FACTOR}">{call.hidden()}
  <div class="text-danger" role="alert">{problem}</div>
  <label for="Input_TwoFactorCode">Authenticator code</label>
  <input id="Input_TwoFactorCode" name="Input.TwoFactorCode" autocomplete="off">
  <label><input type="checkbox" name="Input.RememberMachine" value="true"> Remember this machine</label>
  <button type="submit">Log in</button>
</form>
<p>Don't have access to your authenticator device? You can
<a href="/Account/LoginWithRecoveryCode">log in with a recovery code</a>.</p>"""
    return call.page(body, title="Two-factor authentication")


def _after(call: Call, result: str, destination: str) -> Response:
    if result == "locked":
        return call.go(LOCKOUT)
    return call.go("/Account/ManageLogins") if not destination else call.hand_over(f"/enter/{destination}")


def answer(call: Call) -> Response | None:
    """The account host, and the app."""
    match call.at:
        case "signin", "GET", "/Account/Login":
            return _login(call)
        case "signin", "POST", "/Account/Login":
            destination = call.sent.get("AppDestination", "")
            result = call.password(call.sent.get("Email", ""), call.sent.get("Password", ""))
            if result == "wrong":
                return _login(call, "Invalid login attempt.")
            if result == "code":
                call.begin(email=call.email, password_ok=True, destination=destination)
                return call.go(TWO_FACTOR)
            return _after(call, result, destination)
        case "signin", "GET", "/Account/LoginWith2fa":
            return _two_factor(call) if call.flow else call.go(LOGIN)
        case "signin", "POST", "/Account/LoginWith2fa":
            destination = str((call.flow or {}).get("destination", ""))
            result = call.code(call.sent.get("Input.TwoFactorCode", ""))
            if result == "wrong":
                return _two_factor(call, "Invalid authenticator code.")
            return _after(call, result, destination)
        case "signin", "GET", "/Account/Lockout":
            text = "<h1>Locked out</h1><p>This account has been locked out, please try again later.</p>"
            return call.page(text, title="Locked out")
        case "signin", "GET", "/Account/ManageLogins" if call.session:
            body = (
                f"<h1>Manage Logins</h1><p>Signed in as {escape(call.email)}.</p><a href='/Account/AddAuthenticator'>"
            )
            return call.page(f"{body}Add Authenticator App</a>{CARDS}{ONWARD}", title="Manage Logins")
        case "signin", "GET", "/Account/Enter" if call.session:
            return call.hand_over(f"/enter/{call.request.args.get('AppDestination', '')}")
        case "app", "GET", "/enter/Toolkit" if call.take_over():
            return call.go("/dashboard")
        case "app", "GET", path if path.startswith("/enter/") and call.take_over():
            return call.stray("the entry to another application")
    if call.role == "app" and call.session:
        return pieces.app(call)
    return call.go(call.account_host(LOGIN)) if call.role == "app" and call.method == "GET" else None
