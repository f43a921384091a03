# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The whole site in Hebrew, from right to left, with English names for assistive technology."""

from __future__ import annotations

from werkzeug.wrappers import Response

from .call import Call

EXERCISES = "Hebrew, right to left: every label and button is translated, an English aria-label stands beside each"

SAID = {
    "linked": '<p role="alert" aria-label="Success" class="alert-success">&#1492;&#1510;&#1500;&#1495;&#1492;</p>',
    "refused": '<p role="alert" aria-label="Error" class="alert-danger">&#1513;&#1490;&#1497;&#1488;&#1492;</p>',
    "unlinked": '<p role="alert" aria-label="Success: unlinked">&#1492;&#1493;&#1505;&#1512;</p>',
}
MENU = """<nav><details><summary aria-label="User menu">&#1495;&#1513;&#1489;&#1493;&#1503;</summary>
<a href="/link" aria-label="Link Mechanical Turk">&#1511;&#1497;&#1513;&#1493;&#1512;</a>
<a href="/signout" aria-label="Sign out">&#1497;&#1510;&#1497;&#1488;&#1492;</a></details></nav>"""
PASSWORD = """<p>&#1491;&#1493;&#1488;&#1500; <input name="email" type="email" aria-label="Email"></p>
<p>&#1505;&#1497;&#1505;&#1502;&#1492; <input name="password" type="password" aria-label="Password"></p>"""
CODE = '<p>&#1511;&#1493;&#1491; <input name="code" aria-label="Authenticator code"></p>'


def _page(call: Call, body: str) -> Response:
    return call.page(f'<div dir="rtl" lang="he">{body}</div>', title="&#1502;&#1495;&#1511;&#1512;")


def _sign_in(call: Call, fields: str, problem: str = "") -> Response:
    button = '<button aria-label="Sign in">&#1499;&#1504;&#1497;&#1505;&#1492;</button>'
    heading = f'<h1 aria-label="Sign in">&#1499;&#1504;&#1497;&#1505;&#1492;</h1>{problem}'
    return _page(call, f'{heading}<form method="post" action="/login">{call.hidden()}{fields}{button}</form>')


def answer(call: Call) -> Response | None:
    """Sign-in, dashboard, link page."""
    said = ""
    match call.at:
        case "app", "POST", "/login" if "code" in call.sent:
            result = call.code(call.sent["code"])
            return call.go("/dashboard") if result == "ok" else _sign_in(call, CODE, SAID["refused"])
        case "app", "POST", "/login":
            result = call.password(call.sent.get("email", ""), call.sent.get("password", ""))
            if result == "ok":
                return call.go("/dashboard")
            return _sign_in(call, CODE) if result == "code" else _sign_in(call, PASSWORD, SAID["refused"])
        case "app", "GET", _ if not call.session:
            return _sign_in(call, PASSWORD)
        case "app", "GET", "/dashboard":
            return _page(call, f"{MENU}<h1>&#1508;&#1512;&#1493;&#1497;&#1511;&#1496;&#1497;&#1501;</h1>")
        case "app", "POST", "/link":
            said = call.take_key(call.sent.get("access_key_id", ""), call.sent.get("secret_access_key", ""))
        case "app", "POST", "/unlink" if call.sent is not None:
            call.unlink()
            said = "unlinked"
        case "app", "GET", "/link":
            pass
        case _:
            return None
    button = '<button aria-label="Unlink">&#1492;&#1505;&#1512;</button>'
    unlink = f'<form method="post" action="/unlink">{call.hidden()}{button}</form>'
    linked = f'<p aria-label="Linked access key">&#1502;&#1508;&#1514;&#1495;: {call.linked}</p>{unlink}'
    form = f"""<form method="post" action="/link">{call.hidden()}
<p>&#1502;&#1494;&#1492;&#1492; <input name="access_key_id" aria-label="Access Key ID"></p>
<p>&#1505;&#1493;&#1491; <input name="secret_access_key" type="password" aria-label="Secret Access Key"></p>
<button aria-label="Submit">&#1513;&#1500;&#1495;</button></form>"""
    heading = '<h1 aria-label="Link Mechanical Turk">&#1511;&#1497;&#1513;&#1493;&#1512;</h1>'
    return _page(call, f"{MENU}{heading}{SAID.get(said, '')}{linked if call.linked else ''}{form}")
