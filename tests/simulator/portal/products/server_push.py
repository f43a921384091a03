# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An app whose server draws: the page holds a line open, sends every event up, and gets pieces of HTML pushed down.

Blazor Server and Phoenix LiveView work so, over a WebSocket; here the line down is server-sent events.
"""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator

from werkzeug.wrappers import Response

from . import pieces
from .call import Call

EXERCISES = "server push: the server draws the page piece by piece over a line that stays open (as Blazor Server does)"

SHELL = """<div id="app"><p>Loading...</p></div><script>
const line = new EventSource('/_push?circuit=CIRCUIT'), app = document.getElementById('app');
line.onmessage = event => { const piece = JSON.parse(event.data);
  (piece.into ? document.getElementById(piece.into) : app).innerHTML = piece.html; };
const up = async values => { const answer = await fetch('/_event?circuit=CIRCUIT', { method: 'POST',
  headers: { 'Content-Type': 'application/json', RequestVerificationToken: TOKEN }, body: JSON.stringify(values) });
  TOKEN = (await answer.json()).token; };
document.addEventListener('click', event => { const target = event.target.closest('[data-event]');
  if (target) { event.preventDefault(); up({ event: target.dataset.event }); } });
document.addEventListener('submit', event => { event.preventDefault();
  up({ event: event.target.id, ...Object.fromEntries(new FormData(event.target)) }); });
</script>"""
MENU = """<header><button type="button" data-event="menu" aria-label="User menu">&#9786;</button><div id="menu"></div>
</header>"""
ENTRIES = """<a href="#" data-event="link-page">Link Mechanical Turk</a>
<button type="button" data-event="out">Sign out</button>"""


def _link_page(call: Call, said: str = "") -> str:
    linked = f"<p>Linked access key: {call.linked}</p>" if call.linked else "<p>No key is linked.</p>"
    unlink = '<button type="button" data-event="unlink">Unlink</button>' if call.linked else ""
    return f"""{MENU}<h1>Link Mechanical Turk</h1>{pieces.SAID[said]}{linked}{unlink}<form id="key">
<label>Access Key ID <input name="access_key_id"></label>
<label>Secret Access Key <input name="secret_access_key" type="password"></label><button>Submit</button></form>"""


def _form(fields: str, problem: str = "") -> str:
    form = f'<form id="in">{fields}<button>Sign in</button></form>'
    return f'<h1>Sign in</h1><p role="alert" class="error">{problem}</p>{form}'


def _drawn(call: Call) -> dict[str, str]:
    """What an event draws."""
    match call.sent.get("event", ""):
        case "in" if "code" in call.sent:
            result = call.code(call.sent["code"])
            if result != "ok":
                return {"html": _form(pieces.CODE, "Invalid code.")}
        case "in":
            result = call.password(call.sent.get("email", ""), call.sent.get("password", ""))
            if result != "ok":
                code = result == "code"
                return {"html": _form(pieces.CODE if code else pieces.PASSWORD, "" if code else "Invalid password.")}
        case "menu":
            return {"html": ENTRIES, "into": "menu"}
        case "link-page":
            return {"html": _link_page(call)}
        case "key":
            said = call.take_key(call.sent.get("access_key_id", ""), call.sent.get("secret_access_key", ""))
            return {"html": _link_page(call, said)}
        case "unlink":
            call.unlink()
            return {"html": _link_page(call, "unlinked")}
    return {"html": f"{MENU}<h1>Projects</h1><p>You have no projects.</p>"}


def answer(call: Call) -> Response | None:
    """The shell, the line down, and the events up."""
    circuits: dict[str, queue.Queue[dict[str, str]]] = call.state.__dict__.setdefault("circuits", {})
    circuit = call.request.args.get("circuit", "")
    match call.at:
        case "app", "GET", "/_push" if circuit in circuits:
            return Response(_pushed(call, circuits[circuit]), mimetype="text/event-stream")
        case "app", "POST", "/_event" if circuit in circuits:
            circuits[circuit].put(_drawn(call))
            return call.json(token=call.token())
        case "app", "GET", "/":
            circuit = call.state.issue(8)
            circuits[circuit] = queue.Queue()
            circuits[circuit].put({"html": _form(pieces.PASSWORD)} if not call.session else {"html": MENU})
            shell = SHELL.replace("CIRCUIT", circuit)
            return call.page(f"<script>let TOKEN = '{{token}}';</script>{shell}", title="Research")
    return None


def _pushed(call: Call, pieces_to_come: queue.Queue[dict[str, str]]) -> Iterator[bytes]:
    """What is pushed, as long as somebody listens and the site is up."""
    while not call.site.stopping.is_set():
        try:
            yield f"data: {json.dumps(pieces_to_come.get(timeout=0.5))}\n\n".encode()
        except queue.Empty:
            yield b": still here\n\n"
