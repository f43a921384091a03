# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An "integrations" page of cards that all have a button of the same name."""

from __future__ import annotations

from werkzeug.wrappers import Response

from . import pieces
from .call import Call

EXERCISES = "an integrations page of cards whose buttons are all called 'Connect'; only the card's heading tells which"

SERVICES = ("Prolific", "Qualtrics", "Mechanical Turk", "Slack", "Zapier")


def answer(call: Call) -> Response | None:
    """A plain sign-in, then the cards."""
    match call.at:
        case "app", "GET", "/dashboard" if call.session:
            return call.page(
                '<nav><a href="/integrations">Integrations</a> <a href="/signout">Sign out</a></nav><h1>Projects</h1>',
                title="Projects",
            )
        case "app", "GET", "/integrations" if call.session:
            cards = "".join(
                f'<article class="card"><h3>{name}</h3><p>Use {name} with your projects.</p>'
                f'<form method="post" action="/integrations/{number}">{call.hidden()}<button>'
                f"{'Manage' if name == 'Mechanical Turk' and call.linked else 'Connect'}</button></form></article>"
                for number, name in enumerate(SERVICES)
            )
            return call.page(f'<h1>Integrations</h1>{cards}<a href="/signout">Sign out</a>', title="Integrations")
        case "app", "POST", "/integrations/2" if call.session and call.sent is not None:
            return call.go("/link")
        case "app", "POST", path if path.startswith("/integrations/"):
            return call.stray(f"another service, {path}")
    return pieces.sign_in(call) or pieces.app(call)
