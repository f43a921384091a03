# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A sign-in hosted by Azure AD B2C: one page whose script sends the fields, then leaves for the next step."""

from __future__ import annotations

from werkzeug.wrappers import Response

from . import pieces
from .call import HEADER, Call

EXERCISES = (
    "Azure AD B2C: fields without a form, sent by script; the code's page drawn in the same place; id_token posted"
)

POLICY = "/research.example/B2C_1_signin"
PAGE = """<div id="api" data-name="Unified"><div class="heading"><h1 role="heading">Sign in</h1></div>
<div class="error pageLevel" role="alert" aria-hidden="true" style="display:none"><p></p></div>
<div id="local" class="localAccount"><div class="intro"><h2>Sign in with your email address</h2></div>
<div class="entry" id="first"><div class="entry-item"><label for="signInName">Email Address</label>
<input type="email" id="signInName" name="Email Address" placeholder="Email Address"></div>
<div class="entry-item"><div class="password-label"><label for="password">Password</label></div>
<input type="password" id="password" name="Password" placeholder="Password" autocomplete="current-password">
<div class="forgot-password"><a id="forgotPassword" href="/forgot">Forgot your password?</a></div></div>
<div class="working"></div><div class="buttons"><button id="next" type="button">Sign in</button></div></div>
<div class="entry" id="second" style="display:none"><p>Enter the code from your authenticator app.</p>
<label for="otpCode">Verification code</label><input type="text" id="otpCode">
<div class="buttons"><button id="continue" type="button">Continue</button></div></div>
<div class="divider"><h2>OR</h2></div><div class="create"><p>Don't have an account?
<a id="createAccount" href="/register">Sign up now</a></p></div></div></div>
<script>
const value = id => document.getElementById(id).value, show = (id, on) =>
  document.getElementById(id).style.display = on ? 'block' : 'none';
async function send(values) {
  const answer = await fetch('POLICY/SelfAsserted', { method: 'POST',
    headers: { 'Content-Type': 'application/json', 'HEADER': SETTINGS.csrf }, body: JSON.stringify(values) });
  const said = await answer.json();
  const error = document.querySelector('.pageLevel');
  error.style.display = said.message ? 'block' : 'none';
  error.setAttribute('aria-hidden', String(!said.message));
  error.firstElementChild.textContent = said.message || '';
  if (said.next === 'code') { show('first', false); show('second', true); }
  if (said.next === 'done') location.replace('POLICY/confirmed');
}
document.getElementById('next').onclick = () => send({ email: value('signInName'), password: value('password') });
document.getElementById('continue').onclick = () => send({ code: value('otpCode') });
</script>""".replace("POLICY", POLICY).replace("HEADER", HEADER)
SAYS = {"code": {"next": "code"}, "ok": {"next": "done"}}


def answer(call: Call) -> Response | None:
    """The policy's pages, and the app behind them."""
    match call.at:
        case "signin", "GET", path if path == POLICY:
            return call.page(f'<script>const SETTINGS = {{"csrf": "{{token}}"}};</script>{PAGE}', title="Sign in")
        case "signin", "POST", path if path == f"{POLICY}/SelfAsserted":
            if "code" in call.sent:
                wrong = "The code is not right. Try again."
                result = call.code(call.sent["code"])
            else:
                wrong = "Invalid username or password."
                result = call.password(call.sent.get("email", ""), call.sent.get("password", ""))
            return call.json(**SAYS.get(result, {"message": wrong}))
        case "signin", "GET", path if path == f"{POLICY}/confirmed" and call.session:
            code = call.state.new_handover({"email": call.email})
            hidden = f"<input type='hidden' name='code' value='{code}'><noscript><button>Continue</button></noscript>"
            form = f"<form method='POST' action='{call.app('/signin-oidc')}'>{hidden}</form>"
            return call.page(f"{form}<script>document.forms[0].submit()</script>")
        case "app", "POST", "/signin-oidc":
            handed = call.state.take_handover(call.request.form.get("code", ""))
            if handed:
                call.sign_in(str(handed["email"]))
                return call.go("/dashboard")
    if call.role == "app" and call.session:
        return pieces.app(call)
    return call.go(call.account_host(POLICY)) if call.role == "app" and call.method == "GET" else None
