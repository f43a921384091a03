# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A page of 5,000 elements: a list of projects with a menu in every row, and the key's form below it."""

from __future__ import annotations

from werkzeug.wrappers import Response

from . import pieces
from .call import Call

EXERCISES = "5,000 elements on every page: a row with a menu, a checkbox and two links for each of 560 projects"

ROW = """<tr><td><input type="checkbox" aria-label="Select project {0}"></td><td><a href="/p/{0}">Project {0}</a></td>
<td><details><summary>More</summary><a href="/p/{0}/copy">Copy</a></details></td></tr>"""
ROWS = "<table><tbody>" + "".join(ROW.format(number) for number in range(560)) + "</tbody></table>"


def answer(call: Call) -> Response | None:
    """A plain sign-in, then the app with the list above everything."""
    response = pieces.sign_in(call) or pieces.app(call)
    if response is not None and call.session and response.status_code == 200:
        response.set_data(response.get_data(as_text=True).replace("</h1>", "</h1>" + ROWS, 1))
    return response
