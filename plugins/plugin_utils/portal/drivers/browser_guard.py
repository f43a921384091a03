# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches every request that the browser is about to make: a secret that was typed leaves for trusted hosts only."""

from __future__ import annotations

import base64
import html
import json
import typing as t
import urllib.parse

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.trust import Trust
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.errors import PAGE_CHANGED, PortalError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.addresses import bare_address

try:
    from playwright.sync_api import Error as PlaywrightError
except ImportError:
    pass

_RESENDING = (307, 308)
# Hands a form on to the address that a 307 names, as a request of its own, so that it is looked at like any other.
_HAND_ON = (
    '<!doctype html><title>One moment</title><body onload="document.forms[0].submit()">'
    '<form method="post" action="{}">{}</form>'
)


class Guard:
    """Decides about requests, and remembers the first one that it refused."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self._watched: dict[str, str] = {}
        self.refusal: PortalError | None = None

    def watch(self, value: str, what: str) -> None:
        """From now on, look out for a value. Without C(what) it is no secret."""
        # Very short values, such as one digit of a code, turn up everywhere.
        if what and len(value) >= 6:
            for form in _spellings(value):
                self._watched[form] = what

    def raise_if_refused(self) -> None:
        """Fail if something had to be refused."""
        if self.refusal is not None:
            refusal, self.refusal = self.refusal, None
            raise refusal

    def refuse_unreadable(self, address: str) -> None:
        """Remember why an address was not gone to."""
        try:
            self._trust.require_readable(address)
        except PortalError as exc:
            self.refusal = self.refusal or exc

    def _refuse(self, message: str, next_step: str, address: str) -> None:
        if self.refusal is None:
            self.refusal = PortalError(
                PAGE_CHANGED, message, next_step=next_step, details={"refused_address": bare_address(address)}
            )

    def _secret_in(self, text: str) -> str:
        return next((what for form, what in self._watched.items() if form in text), "")

    def handle(self, route: t.Any, request: t.Any) -> None:
        """Playwright's route handler."""
        try:
            self._decide(route, request)
        except PlaywrightError:
            # The page has moved on or the window is closed: nobody waits for this request any more.
            return

    def _decide(self, route: t.Any, request: t.Any) -> None:
        address = request.url
        scheme = urllib.parse.urlsplit(address).scheme
        if scheme not in ("http", "https"):
            route.continue_()
            return
        navigation = request.is_navigation_request() and request.frame.parent_frame is None
        if not self._trust.encrypted_enough(address):
            if navigation:
                self.refuse_unreadable(address)
            route.abort("blockedbyclient")
            return
        body = request.post_data_buffer or b""
        in_body = self._secret_in(body.decode("utf-8", "replace"))
        in_address = self._secret_in(address)
        if in_address:
            self._refuse(
                f"The page would have put the {in_address} into an address ({bare_address(address)}), where it "
                "ends up in "
                "logs. Nothing was sent.",
                "Enter it by hand, and report it to CloudResearch.",
                address,
            )
            route.abort("blockedbyclient")
            return
        if (in_body or (navigation and request.method == "POST")) and not self._trust.trusts(address):
            self._untrusted(address, in_body or "form")
            route.abort("blockedbyclient")
            return
        if in_body:
            self._send_once(route, request, in_body, navigation)
            return
        route.continue_()

    def _untrusted(self, address: str, what: str) -> None:
        try:
            self._trust.require(address, what)
        except PortalError as exc:
            self.refusal = self.refusal or exc

    def _send_once(self, route: t.Any, request: t.Any, what: str, navigation: bool) -> None:
        """Send without following a redirect: the browser would repeat the body to wherever a 307 points, unasked."""
        response = route.fetch(max_redirects=0, timeout=60000)
        target = response.headers.get("location")
        if response.status not in _RESENDING or not target:
            route.fulfill(response=response)
            return
        address = urllib.parse.urljoin(request.url, target)
        if not self._trust.trusts(address):
            self._untrusted(address, what)
            route.abort("blockedbyclient")
            return
        kind = request.headers.get("content-type", "")
        if not navigation or not kind.startswith("application/x-www-form-urlencoded"):
            self._refuse(
                f"The portal sends the {what} on to {bare_address(address)} in a way that cannot be watched.",
                "Report it; until then, driver=manual says how to enter the key by hand.",
                address,
            )
            route.abort("blockedbyclient")
            return
        pairs = urllib.parse.parse_qsl(request.post_data or "", keep_blank_values=True)
        fields = "".join(
            f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">' for name, value in pairs
        )
        route.fulfill(
            status=200, content_type="text/html; charset=utf-8", body=_HAND_ON.format(html.escape(address), fields)
        )


def _spellings(value: str) -> set[str]:
    """How a value can look inside a request."""
    return {
        value,
        urllib.parse.quote(value, safe=""),
        urllib.parse.quote_plus(value),
        urllib.parse.quote(value),
        json.dumps(value)[1:-1],
        base64.b64encode(value.encode()).decode().rstrip("="),
    }
