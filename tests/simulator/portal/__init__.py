# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The CloudResearch double: real pages over HTTP from two origins, as strict as an ASP.NET MVC site.

    state = PortalState(verify_key=ask_mturk, clock=time.time)
    state.add_account("pi@uni.example", "correct horse", totp_secret=None, lab="lab-01", rendering="classic")
    with serve_portal(state, port=0) as portal:          # both origins and a foreign host, each its own listener
        portal.url, portal.signin_url, portal.foreign_url
        portal.url_for("split_signin")                    # the same site in another rendering, on a listener of its own
        portal.url_for("classic", tls="self_signed")      # https with a certificate nobody trusts

A visitor's rendering is, in this order: the listener's (`url_for`), the signed-in account's, the state's. A lab with
a rendering of its own should therefore be told `portal.url_for(its rendering)` as its portal_url, as the pages before
sign-in cannot know who is coming.

`make_portal` gives the bare WSGI apps for those who want to serve them otherwise.
"""

from __future__ import annotations

from .products import PRODUCTS
from .records import FAULT_KINDS, PAGES, KeyVerdict, PortalAccount
from .renderings import RENDERINGS, Rendering, rendering_named
from .serving import PortalServer, serve_portal
from .site import PortalApps, make_portal
from .state import PortalState

__all__ = [
    "FAULT_KINDS",
    "PAGES",
    "PRODUCTS",
    "RENDERINGS",
    "KeyVerdict",
    "PortalAccount",
    "PortalApps",
    "PortalServer",
    "PortalState",
    "Rendering",
    "make_portal",
    "rendering_named",
    "serve_portal",
]
