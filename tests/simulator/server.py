# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small threaded HTTP/1.1 server for WSGI applications.

werkzeug's own server closes the connection after every answer, which would make each API call pay for a new
connection. This one keeps connections alive, and lets an application cut a connection or hang, as faults need it.
"""

from __future__ import annotations

import contextlib
import io
import select
import socket
import sys
import threading
import time
import traceback
import typing as t
import urllib.parse

WsgiApp = t.Callable[[dict[str, t.Any], t.Callable[..., t.Any]], t.Iterable[bytes]]

IDLE_SECONDS = 120.0
_serving = threading.local()
LOOPBACK = "127.0.0.1"


def note_peer(peer: tuple[str, int]) -> None:
    """Say whose connection the current thread serves."""
    _serving.port = peer[1]


def peer_port() -> int:
    """The client's port of the connection that the current thread serves."""
    return int(_serving.port)


class CutConnection(BaseException):
    """Raised by an application: close the connection without an answer."""


class Hang(BaseException):
    """Raised by an application: never answer; wait until the client gives up, at most C(seconds)."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


class HttpServer:
    """Serves one WSGI application on one loopback port, one thread a connection.

    :param port: 0 lets the system choose.
    :param before_application: called with nothing before each request is handed on (to add latency).
    """

    def __init__(self, name: str, port: int = 0) -> None:
        self.name = name
        self.app: WsgiApp | None = None
        self._listener: socket.socket | None = None
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._bind(port)

    def _bind(self, port: int) -> None:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except OSError as exc:
            listener.close()
            raise SystemExit(f"tests.simulator: cannot use port {port} for {self.name}: {exc.strerror}") from exc
        listener.listen(1024)
        self.port: int = listener.getsockname()[1]
        self._listener = listener

    @property
    def url(self) -> str:
        """Base address without a trailing slash."""
        return f"http://{LOOPBACK}:{self.port}"

    def start(self, app: WsgiApp) -> None:
        """Begin to accept connections."""
        self.app = app
        self._accept_in_background()

    def _accept_in_background(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True, name=f"{self.name}-accept").start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, peer = listener.accept()
            except OSError:
                return
            with self._lock:
                if listener is not self._listener:
                    connection.close()
                    return
                self._connections.add(connection)
            threading.Thread(target=self._serve, args=(connection, peer), daemon=True, name=self.name).start()

    def stop(self) -> None:
        """Refuse new connections and close the open ones. The port stays ours to L(resume)."""
        with self._lock:
            listener, self._listener = self._listener, None
            connections = list(self._connections)
        if listener is not None:
            # shutdown() wakes the thread in accept(); close() alone would leave it, and the port, in use.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def resume(self) -> None:
        """Accept connections again, on the same port."""
        if self._listener is None:
            self._bind(self.port)
            self._accept_in_background()

    def _serve(self, connection: socket.socket, peer: tuple[str, int]) -> None:
        note_peer(peer)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(IDLE_SECONDS)
            reader = t.cast("io.BufferedReader", connection.makefile("rb", 65536))
            while self._serve_one(connection, reader, peer):
                pass
        except CutConnection:
            pass
        except Hang as hang:
            _wait_until_closed(connection, hang.seconds)
        except (OSError, ValueError):
            pass  # the client went away, was killed, or does not speak HTTP
        finally:
            with self._lock:
                self._connections.discard(connection)
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _serve_one(self, connection: socket.socket, reader: io.BufferedReader, peer: tuple[str, int]) -> bool:
        request_line = reader.readline(65536)
        if not request_line.strip():
            return False
        method, target, protocol = request_line.decode("latin-1").split()
        headers = _read_headers(reader)
        if headers.get("expect", "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = _read_body(reader, headers)
        keep_alive = protocol == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        environ = self._environ(method, target, protocol, headers, body, peer)
        connection.sendall(self._answer(environ, keep_alive))
        return keep_alive

    def _environ(
        self,
        method: str,
        target: str,
        protocol: str,
        headers: dict[str, str],
        body: bytes,
        peer: tuple[str, int],
    ) -> dict[str, t.Any]:
        path, _question_mark, query = target.partition("?")
        environ: dict[str, t.Any] = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": urllib.parse.unquote_to_bytes(path).decode("latin-1"),
            "RAW_URI": target,
            "QUERY_STRING": query,
            "CONTENT_LENGTH": str(len(body)),
            "SERVER_NAME": LOOPBACK,
            "SERVER_PORT": str(self.port),
            "SERVER_PROTOCOL": protocol,
            "REMOTE_ADDR": peer[0],
            "REMOTE_PORT": peer[1],
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in headers.items():
            key = name.upper().replace("-", "_")
            if key == "CONTENT_TYPE":
                environ[key] = value
            elif key not in ("CONTENT_LENGTH", "TRANSFER_ENCODING"):
                environ[f"HTTP_{key}"] = value
        return environ

    def _answer(self, environ: dict[str, t.Any], keep_alive: bool) -> bytes:
        status_line = "500 Internal Server Error"
        header_list: list[tuple[str, str]] = []

        def start_response(status: str, response_headers: list[tuple[str, str]], exc_info: t.Any = None) -> None:
            nonlocal status_line, header_list
            status_line, header_list = status, response_headers

        assert self.app is not None
        try:
            chunks = self.app(environ, start_response)
            body = b"".join(chunks)
            close = getattr(chunks, "close", None)
            if close is not None:
                close()
        except Exception:
            # A bug of the double must be seen where its output is, and by the client as what it is.
            traceback.print_exc()
            body = f"The simulator itself failed:\n{traceback.format_exc()}".encode()
            status_line, header_list = "500 Simulator Failure", [("Content-Type", "text/plain")]
        head = [f"HTTP/1.1 {status_line}"]
        names = {name.lower() for name, _value in header_list}
        head.extend(f"{name}: {value}" for name, value in header_list if name.lower() != "connection")
        if "content-length" not in names:
            head.append(f"Content-Length: {len(body)}")
        if "date" not in names:
            head.append(f"Date: {time.strftime('%a, %d %b %Y %H:%M:%S GMT', time.gmtime())}")
        head.append(f"Connection: {'keep-alive' if keep_alive else 'close'}")
        if environ["REQUEST_METHOD"] == "HEAD":
            body = b""
        return "\r\n".join([*head, "", ""]).encode("latin-1") + body


def _read_headers(reader: io.BufferedReader) -> dict[str, str]:
    headers: dict[str, str] = {}
    while True:
        line = reader.readline(65536)
        if line in (b"\r\n", b"\n", b""):
            return headers
        name, _colon, value = line.decode("latin-1").partition(":")
        name, value = name.strip().lower(), value.strip()
        headers[name] = f"{headers[name]},{value}" if name in headers else value


def _read_body(reader: io.BufferedReader, headers: dict[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        return reader.read(int(headers.get("content-length") or 0))
    parts = []
    while size := int(reader.readline().split(b";")[0], 16):
        parts.append(reader.read(size))
        reader.readline()
    _read_headers(reader)
    return b"".join(parts)


def _wait_until_closed(connection: socket.socket, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    with contextlib.suppress(OSError, ValueError):
        while (left := deadline - time.monotonic()) > 0:
            readable, _writable, _failed = select.select([connection], [], [], left)
            if readable and not connection.recv(65536):
                return
