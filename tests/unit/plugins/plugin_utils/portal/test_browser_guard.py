# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the browser's guard decides about requests whose moment matters. Whole pages are in the tests of the stack."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.browser_gate import Gate
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.browser_guard import Guard
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.settings import PortalSettings

pytest.importorskip("playwright")


@dataclasses.dataclass(eq=False)
class Asked:
    """A request for a font, and what became of it."""

    url: str = "https://cdn.example/font"
    resource_type: str = "font"
    method: str = "GET"
    post_data_buffer: bytes | None = None
    outcome: str = ""

    def is_navigation_request(self) -> bool:
        return False

    async def response(self) -> None:
        return None

    async def continue_(self) -> None:
        self.outcome = "sent"

    async def abort(self, _reason: str) -> None:
        self.outcome = "refused"


def guard_of(gone: bool) -> Guard:
    settings = PortalSettings.from_params({"portal_url": "https://portal.example"})

    async def secret_is_gone() -> bool:
        return gone

    return Guard(settings, Gate(settings.trust), secret_is_gone)


def outcome(guard: Guard, asked: Any) -> str:
    asyncio.run(guard.handle(asked, asked))
    return str(asked.outcome)


def test_what_a_document_asked_for_beside_a_secret_is_refused_although_it_has_been_left() -> None:
    guard, beside, later = guard_of(gone=True), Asked(), Asked()
    guard.watch("a long password", "password")
    guard.note_request(beside)  # type: ignore[arg-type]
    guard.secret_left()
    guard.note_request(later)  # type: ignore[arg-type]
    assert (outcome(guard, beside), outcome(guard, later)) == ("refused", "sent")


def test_a_page_that_repeats_a_secret_takes_back_what_an_earlier_one_was_granted() -> None:
    gone = True
    settings = PortalSettings.from_params({"portal_url": "https://portal.example"})
    gate = Gate(settings.trust)

    async def secret_is_gone() -> bool:
        return gone

    guard = Guard(settings, gate, secret_is_gone)
    guard.watch("a long password", "password")
    guard.secret_left()
    assert outcome(guard, Asked()) == "sent" and gate._granted
    gone = False
    assert outcome(guard, Asked()) == "refused" and not gate._granted


@pytest.mark.parametrize("source", ["<input value='it&#39;s &lt;long&gt;'>", "it's <long>", "it%27s%20%3Clong%3E"])
def test_a_secret_is_found_in_the_source_of_a_page(source: str) -> None:
    guard = guard_of(gone=True)
    guard.watch("it's <long>", "password")
    assert guard.repeats_secret(source) and not guard.repeats_secret("<input value=''>")


@pytest.mark.parametrize(
    ("resource_type", "address", "later"),
    [
        ("script", "https://cdn.example/x", "refused"),
        ("fetch", "https://cdn.example/x", "refused"),
        ("xhr", "https://cdn.example/x", "refused"),
        ("eventsource", "https://cdn.example/x", "refused"),
        ("socket", "wss://cdn.example/x", "refused"),
        ("fetch", "https://portal.example/x", "sent"),
        ("socket", "wss://portal.example/x", "sent"),
        ("image", "https://cdn.example/x", "sent"),
        ("stylesheet", "https://cdn.example/x", "sent"),
    ],
)
def test_after_what_may_have_brought_code_no_untrusted_host_draws_later_pages(
    resource_type: str, address: str, later: str
) -> None:
    guard, asked = guard_of(gone=True), Asked(url=address, resource_type=resource_type)
    note: Any = guard.note_socket if resource_type == "socket" else guard.note_request
    note(asked)
    guard.watch("a long password", "password")
    guard.secret_left()
    assert outcome(guard, Asked()) == later
