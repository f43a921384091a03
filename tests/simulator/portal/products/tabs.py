# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A settings page with tabs, of which one holds the key's form."""

from __future__ import annotations

from werkzeug.wrappers import Response

from . import pieces
from .call import Call

EXERCISES = "a settings page with four tabs; the key's form is in one that is closed at first"

TABS = {"profile": "Profile", "password": "Password", "mturk": "Link Mechanical Turk", "billing": "Billing"}
SCRIPT = """<script>
for (const tab of document.querySelectorAll('[role=tab]')) tab.addEventListener('click', () => {
  for (const other of document.querySelectorAll('[role=tab]')) {
    other.setAttribute('aria-selected', String(other === tab));
    document.getElementById(other.getAttribute('aria-controls')).hidden = other !== tab;
  }
});
</script>"""


def answer(call: Call) -> Response | None:
    """A plain sign-in, then the settings."""
    said, opened = "", "profile"
    match call.at:
        case "app", "GET", "/dashboard" if call.session:
            return call.page(
                '<nav><a href="/settings">Settings</a> <a href="/signout">Sign out</a></nav><h1>Projects</h1>',
                title="Projects",
            )
        case "app", "GET", "/settings" if call.session:
            pass
        case "app", "POST", "/link" if call.session:
            said = call.take_key(call.sent.get("access_key_id", ""), call.sent.get("secret_access_key", ""))
            opened = "mturk"
        case "app", "POST", "/unlink" if call.session and call.sent is not None:
            call.unlink()
            said, opened = "unlinked", "mturk"
        case "app", "POST", "/profile" | "/password":
            return call.stray(call.path[1:])
        case _:
            return pieces.sign_in(call)
    token = call.hidden()
    panels = {
        "profile": f'<form method="post" action="/profile">{token}<label>Name <input name="n"></label>'
        "<button>Save</button></form>",
        "password": f'<form method="post" action="/password">{token}<label>Current password <input type="password" '
        'name="o"></label><label>New password <input type="password" name="w"></label><button>Change</button></form>',
        "mturk": pieces.SAID[said] + pieces.key_form(call),
        "billing": "<p>No invoices.</p>",
    }
    tabs = "".join(
        f'<button role="tab" type="button" id="tab-{name}" aria-controls="panel-{name}" '
        f'aria-selected="{str(name == opened).lower()}">{text}</button>'
        for name, text in TABS.items()
    )
    shown = "".join(
        f'<section role="tabpanel" id="panel-{name}" aria-labelledby="tab-{name}"{"" if name == opened else " hidden"}>'
        f"{panel}</section>"
        for name, panel in panels.items()
    )
    body = f'<h1>Settings</h1><div role="tablist">{tabs}</div>{shown}<a href="/signout">Sign out</a>{SCRIPT}'
    return call.page(body, title="Settings")
