# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The browser's way out: whom it serves, how it goes through a proxy, and that it ends with the browser."""

from __future__ import annotations

import asyncio
import base64
import os
import pathlib
import socket
import urllib.parse

import pytest

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


async def whatever_comes(reader: asyncio.StreamReader) -> bytes:
    """The beginning of an answer; nothing if the connection is cut before one."""
    try:
        return await reader.read(100)
    except ConnectionResetError:
        return b""


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


@pytest.mark.skipif(not pathlib.Path("/proc/net/tcp").exists(), reason="the system does not tell whose a connection is")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be other users")
@pytest.mark.parametrize(("user", "served"), [(0, True), (65534, False)])
def test_programs_of_other_users_are_not_served(user: int, served: bool) -> None:
    async def ask() -> bytes:
        gate, port = await silent_upstream_and_gate()
        os.seteuid(user)
        try:
            # A connection belongs to whoever makes its socket.
            connection = socket.socket()
        finally:
            os.seteuid(0)
        connection.connect(("127.0.0.1", urllib.parse.urlsplit(gate.address).port))
        reader, writer = await asyncio.open_connection(sock=connection)
        writer.write(f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        answered = await whatever_comes(reader)
        await gate.stop()
        return answered

    assert asyncio.run(ask()).startswith(b"HTTP/1.1 200 OK") is served


def test_another_user_than_the_browsers_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for whoever does not run the tests as root."""
    if not pathlib.Path("/proc/net/tcp").exists():
        pytest.skip("the system does not tell whose a connection is")

    async def answer() -> bytes:
        gate, port = await silent_upstream_and_gate()
        monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
        reader, writer = await asyncio.open_connection("127.0.0.1", urllib.parse.urlsplit(gate.address).port)
        writer.write(f"GET http://127.0.0.1:{port}/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        answered = await whatever_comes(reader)
        await gate.stop()
        return answered

    assert asyncio.run(answer()) == b""


@pytest.mark.parametrize(("status", "answered"), [("200 OK", b"200 OK"), ("407 Who?", b"502 Not reached")])
def test_the_machines_own_proxy_is_gone_through(monkeypatch: pytest.MonkeyPatch, status: str, answered: bytes) -> None:
    """With its password, which the browser never gets."""
    asked: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(f"HTTP/1.1 {status}\r\n\r\n".encode())
        if status.startswith("200"):
            asked.append(await reader.readexactly(5))
            writer.write(b"world")
        writer.close()

    async def through() -> tuple[bytes, bytes]:
        server = await asyncio.start_server(proxy, "127.0.0.1", 0)
        monkeypatch.setenv("https_proxy", f"http://lab:p%40ss@127.0.0.1:{server.sockets[0].getsockname()[1]}")
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        gate = Gate(Trust.of("https://portal.example"))
        await gate.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", urllib.parse.urlsplit(gate.address).port)
        writer.write(b"CONNECT portal.example:443 HTTP/1.1\r\nHost: portal.example:443\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"hello")
        rest = await reader.read()
        await gate.stop()
        server.close()
        return head, rest

    head, rest = asyncio.run(through())
    assert answered in head
    assert asked[0].startswith(b"CONNECT portal.example:443 HTTP/1.1\r\nHost: portal.example:443\r\n")
    assert b"Proxy-Authorization: Basic " + base64.b64encode(b"lab:p@ss") + b"\r\n" in asked[0]
    if status.startswith("200"):
        assert (asked[1], rest) == (b"hello", b"world")
    assert len(asked) == (2 if status.startswith("200") else 1)
