# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The app behind the sign-in, drawn by the server, for products whose own part is the sign-in."""

from __future__ import annotations

from html import escape

from werkzeug.wrappers import Response

from .call import Call

SAID = {
    "linked": '<div role="alert" class="alert alert-success"><strong>Success</strong> The account is linked.</div>',
    "refused": '<div role="alert" class="alert alert-danger">Error: Mechanical Turk did not accept this key.</div>',
    "unreachable": '<div role="alert" class="alert alert-danger">We could not reach Mechanical Turk.</div>',
    "invalid": '<div role="alert" class="alert alert-danger">Both fields are required.</div>',
    "unlinked": '<div role="alert" class="alert alert-success">Mechanical Turk has been unlinked.</div>',
    "": "",
}


def linked(call: Call) -> str:
    """What is linked, and the way to remove it."""
    if not call.linked:
        return "<p>No key is linked.</p>"
    return f"""<p>Linked Access Key ID: <code>{call.linked}</code></p>
<form method="post" action="/unlink">{call.hidden()}<button>Unlink</button></form>"""


def key_form(call: Call) -> str:
    """The form for the key, and what is linked."""
    return f"""{linked(call)}
<form method="post" action="/link">{call.hidden()}
  <label for="id">Access Key ID</label> <input id="id" name="access_key_id" autocomplete="off">
  <label for="secret">Secret Access Key</label> <input id="secret" name="secret_access_key" type="password">
  <button type="submit">Submit</button>
</form>"""


def menu(call: Call) -> str:
    """The menu under the user icon, and what signs out."""
    return f"""<nav><a href="/dashboard">Projects</a>
<details><summary aria-label="User menu">{escape(call.email[:2].upper())}</summary>
<a href="/link">Link Mechanical Turk</a>
<form method="post" action="/signout">{call.hidden()}<button>Log off</button></form></details></nav>"""


def app(call: Call) -> Response | None:
    """Dashboard, link page and what they send; for whoever is signed in at the app."""
    if call.session is None:
        return None
    said = ""
    match call.method, call.path:
        case "GET", "/dashboard":
            return call.page(menu(call) + "<h1>Projects</h1><p>You have no open projects.</p>", title="Dashboard")
        case "POST", "/link":
            said = call.take_key(call.sent.get("access_key_id", ""), call.sent.get("secret_access_key", ""))
        case "POST", "/unlink":
            assert call.sent
            call.unlink()
            said = "unlinked"
        case "GET", "/link":
            pass
        case _:
            return None
    body = f"{menu(call)}<h1>Link Mechanical Turk</h1>{SAID[said]}{key_form(call)}"
    return call.page(body, title="Link Mechanical Turk")


def sign_in(call: Call) -> Response | None:
    """A plain sign-in on the app's own host, for products whose own part is the app."""
    problem, fields = "", PASSWORD
    match call.at:
        case "app", "GET", "/login":
            pass
        case "app", "POST", "/login":
            if "code" in call.sent:
                result, fields = call.code(call.sent["code"]), CODE
            else:
                result = call.password(call.sent.get("email", ""), call.sent.get("password", ""))
            if result == "ok":
                return call.go("/dashboard")
            if result == "code":
                fields = CODE
            else:
                problem = "That is not right. Please check what you entered."
        case "app", "GET", _ if not call.session:
            return call.go("/login")
        case _:
            return None
    form = f'<form method="post" action="/login">{call.hidden()}{fields}<button>Sign in</button></form>'
    return call.page(f'<h1>Sign in</h1><p role="alert" class="error">{problem}</p>{form}', title="Sign in")


PASSWORD = """<p><label>Email <input name="email" type="email" autocomplete="username"></label></p>
<p><label>Password <input name="password" type="password" autocomplete="current-password"></label></p>"""
CODE = '<p><label>Authenticator code <input name="code" inputmode="numeric" autocomplete="one-time-code"></label></p>'


def api(call: Call) -> Response | None:
    """The JSON that scripts ask the app for. Each answer has a new anti-forgery token."""
    match call.at:
        case "app", "GET", "/api/me":
            who = call.email if call.session else ""
            return call.json(email=who, linked=call.linked if who else "", token=call.token())
        case "app", "POST", "/api/login":
            result = call.password(call.sent.get("email", ""), call.sent.get("password", ""))
            return call.json(result=result, token=call.token())
        case "app", "POST", "/api/code":
            return call.json(result=call.code(call.sent.get("code", "")), token=call.token())
        case "app", "POST", "/api/key" if call.session:
            result = call.take_key(call.sent.get("access_key_id", ""), call.sent.get("secret_access_key", ""))
            return call.json(result=result, linked=call.linked, token=call.token())
        case "app", "POST", "/api/unlink" if call.session and call.sent is not None:
            call.unlink()
            return call.json(result="unlinked", linked="", token=call.token())
    return None


# What a page's own script needs to use it: `me()` and `post(path, values)`, which hand on the token.
CLIENT = """<script>
let token = '';
async function take(answer) { const said = await answer.json(); token = said.token || token; return said; }
const me = async () => take(await fetch('/api/me'));
const post = async (path, values) => take(await fetch(path, { method: 'POST', body: JSON.stringify(values || {}),
  headers: { 'Content-Type': 'application/json', RequestVerificationToken: token } }));
const SAYS = { linked: 'Success! Your account is linked.', refused: 'Error: the key was not accepted.',
  unlinked: 'Mechanical Turk has been unlinked.', wrong: 'Invalid email, password or code.',
  locked: 'This account is locked.', invalid: 'Error: both fields are required.' };
</script>"""
