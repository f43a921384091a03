# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a portal can do to those who visit it: keep them waiting, fill their memory, give them work."""

from __future__ import annotations

import gzip
import resource
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from tests.stack.written_sites import Run, Site

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


class Raw:
    """A server that is given the socket, once a request has begun."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                self.request.recv(65536)
                try:
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
    for _ in range(600):
        connection.sendall(again)
        time.sleep(0.1)


DRIPS = {
    "status line": (b"HTTP/1.1 200 O", b"K"),
    "header": (HEAD, b"x"),
    "headers": (HEAD, b"X-More: x\r\n"),
    "body": (HEAD + b"Content-Length: 5000000\r\n\r\n<p>", b"x"),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "many interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.parametrize("name", DRIPS)
def test_an_answer_in_drips_ends_at_the_time_limit(
    name: str, raw: Callable[[Callable[[socket.socket], None]], Raw], run: Run
) -> None:
    first, again = DRIPS[name]
    site = raw(lambda connection: drip(connection, first, again))
    start = time.monotonic()
    with pytest.raises(CollectionError) as caught:
        run(site, timeout=4)
    assert caught.value.reason in ("timeout", "portal_unavailable")
    assert time.monotonic() - start < 6.5


def test_a_small_answer_that_unpacks_without_end_is_not_read(sites: tuple[Site, Site], over_http: Run) -> None:
    own, _foreign = sites
    inner = gzip.compress(b"\0" * 200_000_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for encoding, body in (
        ("gzip", inner),
        ("gzip, gzip", gzip.compress(inner)),
        ("gzip,gzip,gzip", gzip.compress(gzip.compress(inner))),
        ("deflate", b"x"),
        ("br", b"x"),
        ("zstd", b"x"),
    ):
        own.answers["/"] = (200, {"Content-Encoding": encoding}, body)
        with pytest.raises(CollectionError) as caught:
            over_http(own)
        assert caught.value.reason == "page_changed"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
    assert all(request.headers["Accept-Encoding"] == "gzip" for request in own.requests)


def test_a_page_of_the_usual_encoding_is_read(sites: tuple[Site, Site], over_http: Run) -> None:
    own, _foreign = sites
    own.answers["/"] = (200, {"Content-Encoding": "gzip"}, gzip.compress("<h1>Grüße</h1>".encode()))
    with pytest.raises(CollectionError, match="Grüße"):
        over_http(own)


def test_a_page_without_end_is_not_read(sites: tuple[Site, Site], over_http: Run) -> None:
    own, _foreign = sites
    own.answers["/"] = "<p>x</p>" * 600_000
    with pytest.raises(CollectionError) as caught:
        over_http(own)
    assert caught.value.reason == "page_changed"
    assert "larger than" in caught.value.message
