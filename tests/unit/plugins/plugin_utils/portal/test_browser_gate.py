# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The browser's way out ends with the browser."""

from __future__ import annotations

import asyncio
import urllib.parse

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.browser_gate import Gate
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.trust import Trust


async def silent_upstream_and_gate() -> tuple[Gate, int]:
    async def begin_and_never_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nbegun")

    upstream = await asyncio.start_server(begin_and_never_end, "127.0.0.1", 0)
    port = upstream.sockets[0].getsockname()[1]
    gate = Gate(Trust.of(f"http://127.0.0.1:{port}"))
    await gate.start()
    return gate, port


def test_what_is_under_way_has_ended_once_the_gate_is_stopped() -> None:
    """Otherwise it ends when Python collects it, by when the event loop is closed."""

    async def under_way() -> set[asyncio.Task[object]]:
        before = asyncio.all_tasks()
        gate, port = await silent_upstream_and_gate()
        reader, writer = await asyncio.open_connection("127.0.0.1", urllib.parse.urlsplit(gate.address).port)
        writer.write(f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        await reader.readuntil(b"begun")
        await gate.stop()
        assert await reader.read() == b""
        return {task for task in asyncio.all_tasks() - before if "Gate" in str(task.get_coro())}

    assert asyncio.run(under_way()) == set()


def test_what_is_no_request_gets_no_answer() -> None:
    async def answer() -> bytes:
        gate, _port = await silent_upstream_and_gate()
        reader, writer = await asyncio.open_connection("127.0.0.1", urllib.parse.urlsplit(gate.address).port)
        writer.write(b"not HTTP\r\n\r\n")
        answered = await reader.read()
        await gate.stop()
        return answered

    assert asyncio.run(answer()) == b""
