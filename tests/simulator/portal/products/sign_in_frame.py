# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The sign-in inside an iframe of a page that is otherwise about the product."""

from __future__ import annotations

from werkzeug.wrappers import Response

from . import pieces
from .call import Call

EXERCISES = "the sign-in in an iframe from the other host, which leads the whole window on"


def _widget(call: Call, fields: str, problem: str = "") -> Response:
    form = f"""<h2>Sign in</h2><p role="alert" class="error">{problem}</p>
<form method="post" target="_self">{call.hidden()}{fields}<button>Sign in</button></form>"""
    return call.page(form, title="Sign in")


PASSWORD = """<p><label>Email <input name="email" type="email"></label></p>
<p><label>Password <input name="password" type="password"></label></p>"""
CODE = '<p><label>Authenticator code <input name="code" inputmode="numeric"></label></p>'


def answer(call: Call) -> Response | None:
    """The page around it, the frame, and the app."""
    done = f"<p>You are signed in.</p><a href='{call.app('/dashboard')}' target='_top'>Continue to the app</a>"
    match call.at:
        case "app", "GET", "/" if not call.session:
            body = f"""<h1>Welcome</h1><p>Research made easy.</p><ul><li><a href="/pricing">Pricing</a></li></ul>
<iframe title="Sign in" src="{call.account_host("/widget")}" width="400" height="400"></iframe>"""
            return call.page(body, title="Welcome")
        case "signin", "GET", "/widget":
            return _widget(call, PASSWORD)
        case "signin", "POST", "/widget":
            if "code" in call.sent:
                result, again, wrong = call.code(call.sent["code"]), CODE, "That code is wrong."
            else:
                result = call.password(call.sent.get("email", ""), call.sent.get("password", ""))
                again, wrong = (CODE, "") if result == "code" else (PASSWORD, "Invalid email or password.")
            if result != "ok":
                return _widget(call, again, wrong)
            onward = call.app("/enter", code=call.state.new_handover({"email": call.email}))
            return call.page(done.replace(call.app("/dashboard"), onward), title="Signed in")
        case "app", "GET", "/enter" if call.take_over():
            return call.go("/dashboard")
    if call.role == "app" and call.session:
        return pieces.app(call) or call.go("/dashboard")
    return call.go("/") if call.role == "app" and call.method == "GET" and call.path != "/" else None
