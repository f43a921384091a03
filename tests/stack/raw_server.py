# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that keep to no protocol."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator

import pytest


class Raw:
    """A server that is given the socket, once a request has begun."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                try:
                    # Until the other side waits for an answer; hanging up on what is not read yet would cut that off.
                    self.request.settimeout(0.2)
                    with contextlib.suppress(TimeoutError):
                        while self.request.recv(65536):
                            pass
                    self.request.settimeout(None)
                    serve(self.request)
                except OSError:
                    # The other side has hung up, as it should.
                    return

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def raw() -> Iterator[Callable[[Callable[[socket.socket], None]], Raw]]:
    servers: list[Raw] = []

    def serve(how: Callable[[socket.socket], None]) -> Raw:
        servers.append(Raw(how))
        return servers[-1]

    yield serve
    for server in servers:
        server.server.shutdown()


def drip(connection: socket.socket, first: bytes, again: bytes) -> None:
    """A little now and then, so that no time limit for a single read is ever reached."""
    connection.sendall(first)
    for _unused in range(600):
        connection.sendall(again)
        time.sleep(0.1)
