# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Watches a browser's windows: what they ask for, how they are answered, and what they say in dialogs."""

from __future__ import annotations

import contextlib
import re
import time
import typing as t

from ..page.addresses import bare_address, read_address
from ..page.matching import plain
from .base import clock_difference
from .browser_gate import Gate
from .browser_guard import Guard
from .browser_loop import PlaywrightError
from .network import retry_after

if t.TYPE_CHECKING:
    from playwright.async_api import Dialog, Frame, Request, Response
    from playwright.async_api import Page as Tab

# Tells documents that stay as they were sent, as error pages often do: nobody has to wait for them to change.
# Scripts, handlers in attributes, documents within the document, refreshing, and SVG's own animations. Those of a style
# sheet are left out, because the browser can be asked for them.
_ACTS = re.compile(
    r"""<(script|i?frame|frameset|object|embed|animate|set)\b|[\s"'/]on[a-z]+\s*=|\bhttp-equiv\s*=\s*["']?\s*refresh""",
    re.IGNORECASE,
)
_AWAITED = frozenset(("document", "xhr", "fetch", "script"))


class Watch:
    """What happened in a browser's windows since the last time that something was done in them.

    :ivar status: the status of the document, as its answer had it.
    :ivar retry_after: seconds that this answer asks to wait, if it does.
    :ivar failure: why the last navigation failed, in the browser's words; empty if it did not.
    :ivar said: the texts of dialogs.
    :ivar trail: the addresses, without queries, that redirected on the way here.
    :ivar document: the answer that brought the last document.
    :ivar clock_difference: the portal's clock minus ours, in seconds, as its last answer had it.
    :ivar accept_dialogs: whether to say yes when a dialog asks whether it is meant.
    """

    def __init__(self, guard: Guard, gate: Gate, on_document: t.Callable[[Tab], None]) -> None:
        """Prepare.

        :param on_document: is told of a window that shows another document, or none any more.
        """
        self._guard = guard
        self._gate = gate
        self._on_document = on_document
        self._arriving: Response | None = None
        self._pending: dict[int, tuple[Request, float]] = {}
        self._last_event = 0.0
        self.status = 200
        self.retry_after: float | None = None
        self.failure = ""
        self.said: list[str] = []
        self.trail: list[str] = []
        self.document: Response | None = None
        self.clock_difference: float | None = None
        self.accept_dialogs = False

    def follow(self, tab: Tab) -> None:
        """Watch a window."""
        tab.on("request", self._on_request)
        tab.on("requestfinished", self._on_request_end)
        tab.on("requestfailed", self._on_request_failed)
        tab.on("websocket", self._guard.note_socket)
        tab.on("response", self._on_response)
        tab.on("dialog", self._on_dialog)
        tab.on("close", self._on_document)
        tab.on("framenavigated", self._on_navigated)

    def begin(self) -> None:
        """Something is about to be done."""
        self.said, self.trail = [], []
        self._note_event()

    def quiet_for(self) -> float:
        """Seconds since anything was asked for or answered."""
        return time.monotonic() - self._last_event

    def waiting(self, lasting: float) -> bool:
        """Whether an answer is due.

        :param lasting: a request that is older, in seconds, is a channel that stays open, unless it is for a document.
        """
        now = time.monotonic()
        return any(
            now - since < lasting or request.is_navigation_request() for request, since in self._pending.values()
        )

    def navigating(self) -> bool:
        """Whether a document is due."""
        return any(request.is_navigation_request() for request, _since in self._pending.values())

    def _note_event(self) -> None:
        self._last_event = time.monotonic()

    def _on_navigated(self, frame: Frame) -> None:
        self._note_event()
        # A page that only changes its address has had no answer.
        if frame.parent_frame is None and self._arriving is not None and self._arriving.frame == frame:
            self._arriving = None
            self._on_document(frame.page)

    def _on_request(self, request: Request) -> None:
        self._guard.note_request(request)
        if request.resource_type in _AWAITED:
            self._pending[id(request)] = (request, time.monotonic())
            self._note_event()

    def _on_request_end(self, request: Request) -> None:
        if self._pending.pop(id(request), None) is not None:
            self._note_event()

    def _on_request_failed(self, request: Request) -> None:
        self._on_request_end(request)
        if request.is_navigation_request() and request.frame.parent_frame is None:
            failure = str(request.failure or "")
            # A navigation that another one replaced has not failed.
            if "ERR_ABORTED" not in failure and not self._guard.refuse(request.url):
                origin = read_address(request.url).origin
                self.failure = self._gate.failures.pop(origin, "") or failure

    def _on_response(self, response: Response) -> None:
        request = response.request
        if not request.is_navigation_request() or request.frame.parent_frame is not None:
            return
        if response.status in (301, 302, 303, 307, 308):
            self.trail.append(bare_address(response.url))
            return
        self.document = self._arriving = response
        self.status = response.status
        self.failure = ""
        self.retry_after = retry_after(response.headers.get("retry-after"))
        there = clock_difference(response.headers.get("date"))
        self.clock_difference = self.clock_difference if there is None else there

    async def _on_dialog(self, dialog: Dialog) -> None:
        self.said.append(plain(dialog.message))
        self._note_event()
        with contextlib.suppress(PlaywrightError):
            if dialog.type in ("alert", "beforeunload") or self.accept_dialogs:
                await dialog.accept()
            else:
                await dialog.dismiss()


def is_still(source: str) -> bool:
    """Whether nothing in a document's source could change the page without anybody doing something."""
    return not _ACTS.search(source)


async def stays_as_sent(response: Response) -> bool:
    """Whether the document of an answer that has arrived cannot change by itself; False if that cannot be told."""
    if "refresh" in response.headers:
        return False
    try:
        return is_still(await response.text())
    except (PlaywrightError, UnicodeDecodeError):
        return False
