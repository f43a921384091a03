# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A wizard in three steps: what one needs, the key, and a last look before it is linked."""

from __future__ import annotations

from html import escape

from werkzeug.wrappers import Response

from . import pieces
from .call import Call

EXERCISES = "a wizard in three steps: before you begin, the key, review; the key counts when the last step is finished"

MENU = """<nav><a href="/dashboard">Projects</a> <a href="/mturk">Link Mechanical Turk</a>
<a href="/signout">Sign out</a></nav>"""


def _page(call: Call, body: str) -> Response:
    return call.page(f"{MENU}<h1>Link Mechanical Turk</h1>{body}", title="Link Mechanical Turk")


def _step(call: Call, number: int, heading: str, body: str, button: str, action: str) -> Response:
    form = f'<form method="post" action="{action}">{call.hidden()}{body}<button>{button}</button></form>'
    return _page(call, f"<p>Step {number} of 3</p><h2>{heading}</h2>{form}")


def _key_step(call: Call, problem: str = "") -> Response:
    fields = f"""{problem}<label>Access Key ID <input name="access_key_id"></label>
<label>Secret Access Key <input name="secret_access_key" type="password"></label>"""
    return _step(call, 2, "Enter your key", fields, "Next", "/mturk/key")


def answer(call: Call) -> Response | None:
    """A plain sign-in, then the wizard, or what is linked."""
    match call.at:
        case "app", "GET", "/dashboard" if call.session:
            return call.page(f"{MENU}<h1>Projects</h1>", title="Projects")
        case "app", "GET", "/mturk" if call.session and call.linked:
            forms = "".join(
                f'<form method="post" action="/mturk/{name}">{call.hidden()}<button>{text}</button></form>'
                for name, text in (("begin", "Replace key"), ("unlink", "Unlink"))
            )
            return _page(call, f"<p>Linked access key: {call.linked}</p>{forms}")
        case "app", "GET", "/mturk" if call.session:
            needed = "<p>No key is linked yet. You need an access key of your AWS account.</p>"
            return _step(call, 1, "Before you begin", needed, "Next", "/mturk/begin")
        case "app", "POST", "/mturk/begin" if call.session and call.sent is not None:
            return _key_step(call)
        case "app", "POST", "/mturk/key" if call.session:
            key = call.sent.get("access_key_id", "").strip()
            call.begin(key=key, secret=call.sent.get("secret_access_key", ""))
            review = f"<p>You are about to link {escape(key)}.</p>"
            return _step(call, 3, "Review", review, "Finish", "/mturk/finish")
        case "app", "POST", "/mturk/finish" if call.session and call.sent is not None and call.flow:
            said = call.take_key(call.flow["key"], call.flow["secret"])
            if said != "linked":
                return _key_step(call, pieces.SAID[said])
            return _page(call, f"{pieces.SAID[said]}<p>Linked access key: {call.linked}</p>")
        case "app", "POST", "/mturk/unlink" if call.session and call.sent is not None:
            call.unlink()
            return _page(call, pieces.SAID["unlinked"])
    return pieces.sign_in(call)
