# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way out for everything that the browser sends: a proxy on this machine that knows which hosts may be reached.

Whatever a page uses (requests, redirects, WebSockets, beacons, workers, prefetching) ends as a connection, and each one
names its host here before anything is sent. Chromium is told to send nothing around it, and asks it for names, too.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import pathlib
import socket
import sys
import typing as t
import urllib.parse
import urllib.request

from ...base.addresses import is_loopback
from ..page.addresses import Address, UnsafeAddressError, read_address
from .network import plain_cause
from .trust import Trust, Verdict

_HEAD_SECONDS = 60.0
_LARGEST_HEAD = 1 << 20
_CHUNK = 65536
_OWN_HEADERS = (b"connection", b"proxy-connection", b"proxy-authorization", b"keep-alive")
# The kernel's table of connections, with the user of each end (Linux: Documentation/networking/proc_net_tcp.rst).
_TABLE = pathlib.Path("/proc/net/tcp")
_LOCAL, _REMOTE, _USER = 1, 2, 7

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Gate:
    """Decides about connections.

    Before a secret is typed, any encrypted host may be reached. From then on only trusted hosts may, and, until the
    next secret is typed, those that the guard grants for a script or style sheet of a later page; what is open to other
    hosts is cut. Programs of this
    machine's other users are not served: they could go out as the operator, with the operator's proxy password. (A
    password of the gate's own would be no better: Playwright gives a proxy's password to every site that asks for one.)
    """

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.StreamWriter, str] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._granted: set[str] = set()
        self._strict = False
        # Why a host (by its origin) could not be reached.
        self.failures: dict[str, str] = {}

    async def start(self) -> None:
        """Listen on a port of the loopback address."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=_LARGEST_HEAD)

    @property
    def address(self) -> str:
        """What to give the browser as its proxy, once it listens."""
        if self._server is None:
            raise RuntimeError("start() comes first")
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def be_strict(self) -> None:
        """From now on, reach trusted hosts only, whatever was granted before."""
        self._strict = True
        self._granted.clear()
        for writer, origin in list(self._open.items()):
            if not self._permits(origin):
                writer.close()

    def grant(self, address: str) -> None:
        """Let the host of an address be reached, although it is not trusted."""
        self._granted.add(read_address(address).origin)

    async def stop(self) -> None:
        """Close everything, and end what still serves a connection while the event loop runs."""
        if self._server is not None:
            self._server.close()
        serving = list(self._serving)
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    def _permits(self, address: str) -> bool:
        verdict = self._trust.judge(address)
        if verdict is not Verdict.FOREIGN:
            return verdict is Verdict.TRUSTED
        return not self._strict or read_address(address).origin in self._granted

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if not _is_of_the_same_user(writer.get_extra_info("peername"), writer.get_extra_info("sockname")):
                return
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _HEAD_SECONDS)
            line, _separator, fields = head.partition(b"\r\n")
            method, target, _version = line.decode("ascii", "replace").split(" ", 2)
            if method == "CONNECT":
                await self._tunnel(target, (reader, writer))
            else:
                await self._forward(method, target, fields, (reader, writer))
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            # Whoever sent it gets no answer.
            pass
        finally:
            self._open.pop(writer, None)
            writer.close()

    async def _tunnel(self, target: str, browser: Streams) -> None:
        # A WebSocket without encryption comes this way, too.
        plain = target.endswith(":80") and not is_loopback(target.rpartition(":")[0].strip("[]"))
        upstream = await self._connect(f"{'http' if plain else 'https'}://{target}/", browser[1])
        if upstream is None:
            browser[1].write(b"HTTP/1.1 502 Not reached\r\nContent-Length: 0\r\n\r\n")
            await browser[1].drain()
            return
        browser[1].write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            await asyncio.gather(_pump(browser[0], upstream[1]), _pump(upstream[0], browser[1]))
        finally:
            upstream[1].close()

    async def _forward(self, method: str, target: str, fields: bytes, browser: Streams) -> None:
        """One request of http, which only a portal on this machine uses; the next one has to ask again."""
        upstream = await self._connect(target, browser[1])
        if upstream is None:
            return
        try:
            path = urllib.parse.urlsplit(target)._replace(scheme="", netloc="", fragment="").geturl() or "/"
            upstream[1].write(f"{method} {path} HTTP/1.1\r\n".encode() + _with_connection_closed(fields))
            left = _content_length(fields)
            while left and (chunk := await browser[0].read(min(left, _CHUNK))):
                upstream[1].write(chunk)
                left -= len(chunk)
            while True:
                head = await upstream[0].readuntil(b"\r\n\r\n")
                line, _separator, answered = head.partition(b"\r\n")
                browser[1].write(line + b"\r\n" + _with_connection_closed(answered))
                if not line.split(b" ", 2)[1].startswith(b"1"):
                    break
            await _pump(upstream[0], browser[1])
        finally:
            upstream[1].close()

    async def _connect(self, address: str, browser: asyncio.StreamWriter) -> Streams | None:
        """A connection to the host of an address; None if it may not or cannot be reached."""
        try:
            asked = read_address(address)
        except UnsafeAddressError:
            return None
        if not self._permits(address):
            return None
        # From now on it can be cut.
        self._open[browser] = address
        try:
            return await _dial(asked)
        except socket.gaierror as exc:
            self.failures[asked.origin] = plain_cause(exc)
        except ConnectionRefusedError:
            self.failures[asked.origin] = "the connection was refused"
        except OSError as exc:
            self.failures[asked.origin] = exc.strerror or "the network is unreachable"
        return None


async def _dial(asked: Address) -> Streams:
    """Connect, through the proxy that this machine's environment names, if there is one for such addresses."""
    proxy = urllib.request.getproxies().get(asked.scheme, "")
    if not proxy or is_loopback(asked.host) or urllib.request.proxy_bypass(asked.host):
        return await asyncio.open_connection(asked.host, asked.port, limit=_LARGEST_HEAD)
    parts = urllib.parse.urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise OSError(None, "the proxy of this machine is of a kind that cannot be used")
    reader, writer = await asyncio.open_connection(
        parts.hostname, parts.port or (443 if parts.scheme == "https" else 80), ssl=parts.scheme == "https" or None
    )
    host = asked.origin.partition("://")[2].removesuffix(f":{asked.port}")
    request = f"CONNECT {host}:{asked.port} HTTP/1.1\r\nHost: {host}:{asked.port}\r\n"
    if parts.username:
        user = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        request += f"Proxy-Authorization: Basic {base64.b64encode(user.encode()).decode()}\r\n"
    writer.write(request.encode() + b"\r\n")
    answer = await reader.readuntil(b"\r\n\r\n")
    if answer.split(b" ", 2)[1:2] != [b"200"]:
        writer.close()
        raise OSError(None, "the proxy of this machine refused it")
    return reader, writer


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while chunk := await source.read(_CHUNK):
            sink.write(chunk)
            await sink.drain()
    sink.close()


def _header_fields(head: bytes) -> t.Iterator[tuple[bytes, bytes]]:
    for line in head.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon:
            yield name, value


def _with_connection_closed(head: bytes) -> bytes:
    """Header fields that end the connection after this message, and without those for a proxy."""
    kept = [name + b":" + value for name, value in _header_fields(head) if name.lower() not in _OWN_HEADERS]
    return b"\r\n".join([*kept, b"Connection: close", b"", b""])


def _content_length(head: bytes) -> int:
    for name, value in _header_fields(head):
        if name.lower() == b"content-length" and value.strip().isdigit():
            return int(value)
    return 0


def _is_of_the_same_user(peer: tuple[str, int], own: tuple[str, int]) -> bool:
    """Whether the program that connected belongs to the user of this process.

    True where the system does not tell: only Linux does in this way.

    :param peer: IPv4 address and port of the other end.
    :param own: those of this end.
    """
    try:
        rows = [line.split() for line in _TABLE.read_text(encoding="ascii").splitlines()[1:]]
    except OSError:
        return True
    ends = (_as_in_table(peer), _as_in_table(own))
    users = {row[_USER] for row in rows if (row[_LOCAL], row[_REMOTE]) == ends}
    return users == {str(os.geteuid())}


def _as_in_table(end: tuple[str, int]) -> str:
    """Address and port as the table has them: the address's bytes in the machine's order."""
    number = int.from_bytes(socket.inet_aton(end[0]), sys.byteorder)
    return f"{number:08X}:{end[1]:04X}"
