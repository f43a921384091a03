# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Serving the portal's origins from threads, over HTTP or TLS, and the certificates for it."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import tempfile
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from tests.simulator.server import note_peer

from .site import Origins, make_portal
from .state import PortalState

#: "trusted" is signed by the authority in PortalServer.ca_file; the others must be refused by everyone.
TLS_KINDS = ("", "self_signed", "unknown_ca", "expired", "wrong_host", "trusted")

APP_HOST = "127.0.0.1"
SIGNIN_HOST = "localhost"
#: Another loopback host name, so that only the host tells it from the site.
FOREIGN_HOST = "127.0.0.2"


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 120

    def log(self, type: str, message: str, *args: Any) -> None:
        """Nothing on the terminal: PortalState has the log."""

    def run_wsgi(self) -> None:
        note_peer(self.client_address)
        super().run_wsgi()


class _Server(ThreadedWSGIServer):
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; programming errors are raised in the app's own handling."""


class Listener:
    """One origin on one port. `tls` is an ssl context or None; `name` is the host name in the url."""

    def __init__(self, app: Any, name: str, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        bind = APP_HOST if name == "localhost" else name
        self._server = _Server(bind, port, app, handler=_Handler)
        if tls is not None:
            # The handshake belongs into the connection's own thread: one that stalls must not stop the others.
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
            self._server.ssl_context = tls
        self.url = f"{'https' if tls else 'http'}://{name}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()

    def close(self) -> None:
        """Stop answering and free the port."""
        self._server.shutdown()
        self._thread.join(5)
        self._server.server_close()


class PortalServer:
    """The running site. `url` and `signin_url` are its origins, `foreign_url` a host that has no part in it."""

    def __init__(
        self,
        state: PortalState,
        *,
        port: int = 0,
        signin_port: int = 0,
        rendering: str = "",
        tls: str = "",
        signin_host: str = SIGNIN_HOST,
    ) -> None:
        self.state = state
        self._listeners: list[Listener] = []
        self._urls: dict[tuple[str, str], tuple[str, str]] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._signin_host = signin_host
        self._certificates: Certificates | None = None
        foreign = make_portal(state, origins=Origins()).foreign
        self.foreign_url = self._listen(foreign, FOREIGN_HOST, 0, "")
        self.url, self.signin_url = self._serve(rendering, tls, port, signin_port)
        self._urls["", ""] = self._urls[rendering, tls] = (self.url, self.signin_url)

    def url_for(self, rendering: str, tls: str = "") -> str:
        """The app's url in this rendering; its listeners start when first asked for."""
        return self._pair(rendering, tls)[0]

    def signin_url_for(self, rendering: str, tls: str = "") -> str:
        """The sign-in host's url that belongs to `url_for`."""
        return self._pair(rendering, tls)[1]

    @property
    def ca_file(self) -> str:
        """PEM file of the authority that signed the certificates of tls="trusted"."""
        return self._certs().ca_file

    def _certs(self) -> Certificates:
        self._certificates = self._certificates or Certificates()
        return self._certificates

    def _pair(self, rendering: str, tls: str) -> tuple[str, str]:
        with self._lock:
            if (rendering, tls) not in self._urls:
                self._urls[rendering, tls] = self._serve(rendering, tls, 0, 0)
            return self._urls[rendering, tls]

    def _serve(self, rendering: str, tls: str, port: int, signin_port: int) -> tuple[str, str]:
        origins = Origins(foreign=self.foreign_url)
        apps = make_portal(self.state, rendering=rendering, origins=origins, stopping=self._stopping)
        origins.app = self._listen(apps.app, APP_HOST, port, tls, start=False)
        origins.signin = self._listen(apps.signin, self._signin_host, signin_port, tls, start=False)
        for listener in self._listeners[-2:]:
            listener.start()
        return origins.app, origins.signin

    def _listen(self, app: Any, host: str, port: int, tls: str, start: bool = True) -> str:
        context = self._certs().context(tls, host) if tls else None
        listener = Listener(app, host, port, context)
        self._listeners.append(listener)
        if start:
            listener.start()
        return listener.url

    def close(self) -> None:
        """Stop all listeners; answers that are being held back are dropped."""
        self._stopping.set()
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        if self._certificates:
            self._certificates.close()

    def __enter__(self) -> PortalServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def serve_portal(state: PortalState, **options: Any) -> PortalServer:
    """Start the site (see PortalServer for the options) and return when it answers."""
    return PortalServer(state, **options)


class Certificates:
    """Keys and certificates in a directory that lives as long as this object."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory(prefix="portal-tls-")
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._authority = self._sign("labops test authority", [], issuer=None, authority=True)
        self.ca_file = self._write("authority.pem", self._authority)

    def context(self, kind: str, host: str) -> ssl.SSLContext:
        """A server's TLS context whose certificate is good or bad in the way asked for (TLS_KINDS)."""
        if kind not in TLS_KINDS[1:]:
            raise ValueError(f"unknown kind of TLS {kind!r}; there are: {', '.join(TLS_KINDS[1:])}")
        if kind == "self_signed":
            certificate = self._sign(host, [host], issuer=None)
        elif kind == "unknown_ca":
            certificate = self._sign(host, [host], issuer="An authority nobody knows")
        elif kind == "wrong_host":
            certificate = self._sign("other.example", ["other.example"])
        else:
            certificate = self._sign(host, [host], days=-1 if kind == "expired" else 30)
        chain = self._write(f"{kind}-{host}.pem", certificate, with_key=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        return context

    def close(self) -> None:
        """Remove the files."""
        self._directory.cleanup()

    def _sign(
        self,
        name: str,
        hosts: list[str],
        issuer: str | None = "labops test authority",
        days: int = 30,
        authority: bool = False,
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer or name)])
        # An authority nobody knows signs with a key of its own.
        signing_key = ec.generate_private_key(ec.SECP256R1()) if issuer and "nobody" in issuer else self._key
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(signer)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=60))
            .not_valid_after(now + datetime.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        if hosts:
            names: list[x509.GeneralName] = [
                x509.IPAddress(ipaddress.ip_address(h)) if h[0].isdigit() else x509.DNSName(h) for h in hosts
            ]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(signing_key, hashes.SHA256())

    def _write(self, name: str, certificate: x509.Certificate, with_key: bool = False) -> str:
        path = Path(self._directory.name) / name
        content = certificate.public_bytes(serialization.Encoding.PEM)
        if with_key:
            content += self._key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        path.touch(mode=0o600)
        path.write_bytes(content)
        return str(path)
