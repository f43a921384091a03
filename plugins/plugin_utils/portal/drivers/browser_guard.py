# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches what a page asks for: a secret that was typed leaves for trusted hosts only.

The guard knows what a request is for and what is in it; the gate below it knows only hosts, but of every connection,
those of redirects, sockets and workers included.
"""

from __future__ import annotations

import dataclasses
import html
import typing as t
import weakref

from ..errors import PortalError, Reason
from ..page.addresses import bare_address, looks_like_web
from .browser_gate import Gate
from .browser_loop import PlaywrightError
from .settings import PortalSettings
from .spellings import spellings

if t.TYPE_CHECKING:
    from playwright.async_api import Request, Route, WebSocket

# What a page needs to be drawn, and what no request of a page that is being left is for.
_DRAWING = frozenset(("script", "stylesheet", "font"))
# What can bring code into a page; the page's own loaders run what they fetch, or draw it with its handlers.
_BRINGING_CODE = frozenset(("script", "fetch", "xhr", "eventsource", "websocket"))
_MOST_KEPT = 50
_MOST_BYTES_KEPT = 20_000_000
# The body is kept as it was before it was packed for the way.
_OF_THE_WAY = frozenset(("content-encoding", "content-length", "transfer-encoding"))


@dataclasses.dataclass(frozen=True)
class _Kept:
    """What a host answered that is not trusted."""

    headers: dict[str, str]
    body: bytes = dataclasses.field(repr=False)


class Guard:
    """Decides about requests, and remembers the first one that it had to refuse.

    A script of a host that is not trusted may have been in the page with a secret, and have put the secret where its
    likes in a later page find it. So once there was one, no such host is asked any more: later pages get from memory
    what drew the earlier ones.

    A style sheet needs no script to tell what an attribute holds: it asks for one font or another. So no such host is
    asked either for a page that repeats a secret, or for what a document asked for while the secret was in it.
    """

    def __init__(self, settings: PortalSettings, gate: Gate, secret_is_gone: t.Callable[[], t.Awaitable[bool]]) -> None:
        """Prepare.

        :param secret_is_gone: tells whether the document that a secret was typed into has been left, and the present
            one does not repeat it.
        """
        self._trust = settings.trust
        self._gate = gate
        self._secret_is_gone = secret_is_gone
        # A person may have to pass what another host shows (a captcha).
        self._for_person = settings.window_for_person
        self._watched: dict[str, str] = {}
        self._what = ""
        self._foreign_script = False
        self._overheard = False
        self._secret_is_shown = False
        self._asked_beside_secret: weakref.WeakSet[Request] = weakref.WeakSet()
        self._kept: dict[str, _Kept] = {}
        self.refusal: PortalError | None = None
        # Hosts that were not asked because a secret had been typed.
        self.blocked: dict[str, None] = {}

    def watch(self, value: str, what: str) -> None:
        """From now on, look out for a value, and reach trusted hosts only. Without C(what) it is no secret."""
        if not what:
            return
        self._what = what
        self._overheard = self._foreign_script
        self._secret_is_shown = True
        self._gate.be_strict()
        # Very short values, such as one digit of a code, turn up everywhere.
        if len(value) >= 6:
            for form in spellings(value):
                self._watched[form] = what

    def secret_left(self) -> None:
        """The window shows another document than the one that a secret was typed into."""
        self._secret_is_shown = False

    def repeats_secret(self, source: str) -> bool:
        """Whether the source of a page has a secret that was typed."""
        return bool(self._secret_in(source) or self._secret_in(html.unescape(source)))

    def note_request(self, request: Request) -> None:
        """Note what is asked for, and by redirects, too: may it bring code of an untrusted host, and from when.

        A request is decided about a moment later, when the document that made it may be gone.
        """
        if self._secret_is_shown:
            self._asked_beside_secret.add(request)
        if request.resource_type in _BRINGING_CODE and looks_like_web(request.url):
            self._note_code(request.url)

    def note_socket(self, socket: WebSocket) -> None:
        """Note a WebSocket, which is no request to Playwright."""
        self._note_code("http" + socket.url.removeprefix("ws"))

    def _note_code(self, address: str) -> None:
        if self._trust.trusts(address):
            return
        self._foreign_script = True
        # What is noted beside a secret may have been asked for before it was typed: the browser tells a moment later.
        self._overheard = self._overheard or self._secret_is_shown

    def raise_if_refused(self) -> None:
        """Fail if something had to be refused."""
        if self.refusal is not None:
            refusal, self.refusal = self.refusal, None
            raise refusal

    def refuse(self, address: str) -> bool:
        """Remember why an address may not be gone to; False if it may."""
        return self._refuses(address, self._what)

    def _refuses(self, address: str, what: str) -> bool:
        try:
            self._trust.require_readable(address)
            if what:
                self._trust.require(address, what)
        except PortalError as exc:
            self.refusal = self.refusal or exc
            return True
        return False

    def _secret_in(self, text: str) -> str:
        return next((what for form, what in self._watched.items() if form in text), "")

    async def handle(self, route: Route, request: Request) -> None:
        """Playwright's route handler."""
        try:
            if not looks_like_web(request.url) or await self._allows(request):
                await route.continue_()
                await self._keep(request)
            elif request.method == "GET" and (kept := self._kept.get(request.url)):
                await route.fulfill(status=200, headers=kept.headers, body=kept.body)
            else:
                await route.abort("blockedbyclient")
        except PlaywrightError:
            # The page has moved on or the window is closed: nobody waits for this request any more.
            return

    async def _keep(self, request: Request) -> None:
        """Note what a host that is not trusted gives to draw a page, which may be asked for again."""
        drawing = request.resource_type in _DRAWING and looks_like_web(request.url)
        if not drawing or request.method != "GET" or self._trust.trusts(request.url):
            return
        response = await request.response() if len(self._kept) < _MOST_KEPT else None
        if response is not None and response.status == 200:
            headers = {name: value for name, value in response.headers.items() if name not in _OF_THE_WAY}
            body = await response.body()
            if sum(len(kept.body) for kept in self._kept.values()) + len(body) <= _MOST_BYTES_KEPT:
                self._kept[request.url] = _Kept(headers, body)

    async def _allows(self, request: Request) -> bool:
        address = request.url
        navigation = request.is_navigation_request() and request.frame.parent_frame is None
        if not self._trust.encrypted_enough(address):
            if navigation:
                self.refuse(address)
            return False
        in_address = self._secret_in(address)
        if in_address:
            self.refusal = self.refusal or PortalError(
                Reason.PAGE_CHANGED,
                f"The page would have put the {in_address} into an address ({bare_address(address)}), where it "
                "ends up in logs. Nothing was sent.",
                next_step="Enter it by hand, and report it to CloudResearch.",
                details={"refused_address": bare_address(address)},
            )
            return False
        if self._trust.trusts(address):
            return True
        in_body = self._secret_in((request.post_data_buffer or b"").decode("utf-8", "replace"))
        if in_body or (navigation and request.method == "POST"):
            self._refuses(address, in_body or "form")
            return False
        return not self._what or await self._allows_elsewhere(request, navigation)

    async def _allows_elsewhere(self, request: Request, navigation: bool) -> bool:
        """Whether a host that is not trusted may be asked although a secret has been typed."""
        if navigation:
            self.refuse(request.url)
            return False
        drawing = request.resource_type in _DRAWING and request.method == "GET"
        needed = self._for_person or (drawing and not self._overheard)
        if needed and request not in self._asked_beside_secret:
            if await self._secret_is_gone():
                self._gate.grant(request.url)
                return True
            # What an earlier page was granted is too much for one that repeats the secret.
            self._gate.be_strict()
        self.blocked[bare_address(request.url).partition("://")[2].partition("/")[0]] = None
        return False
