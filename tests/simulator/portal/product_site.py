# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A product's two hosts as WSGI apps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from .products import PRODUCTS
from .products.call import Call
from .visit import BadForm

if TYPE_CHECKING:
    from .site import Site


def respond(site: Site, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer one request to a product, and log it."""
    request = Request(environ)
    call = Call(site, request, site.rendering)
    if request.path == "/favicon.ico":
        return Response("", 404)(environ, start_response)
    try:
        response = PRODUCTS[site.rendering].answer(call) or call.page("<h1>Not found</h1>", status=404)
    except BadForm as problem:
        response = call.page(f"<h1>Bad request</h1><p>{problem}</p>", status=400)
    call.finish(response)
    site.state.log_request(
        origin=site.role,
        method=call.method,
        path=request.path,
        page="",
        asset=False,
        account=call.email,
        status=response.status_code,
        user_agent=request.headers.get("User-Agent", ""),
        rendering=site.rendering,
    )
    return response(environ, start_response)
