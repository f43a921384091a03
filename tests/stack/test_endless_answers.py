# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store's server, or whoever answers in AWS's place, cannot keep a lab for ever; nor can a store fill the memory."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Callable

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import iam_keys
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws.connection import AwsConnection
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.mturk import requester
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store import open_store
from tests.stack.raw_server import Raw, drip

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
KEY = {"access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
# Whoever reads all of it needs gigabytes when it is parsed; nobody who has a limit reads so much.
ENDLESS = 400
PIECE = b"[" * 1_000_000

Serve = Callable[[Callable[[socket.socket], None]], Raw]


def ask_vault(url: str) -> None:
    open_store({"type": "hashi_vault", "url": url, "token": "t", "timeout": 1}).get("lab-01")


def aws(url: str) -> AwsConnection:
    patience = {"read_timeout": 1, "retries": {"total_max_attempts": 1}}
    return AwsConnection({**KEY, "endpoint_url": url, "region": "us-east-1", "aws_config": patience})


def ask_iam(url: str) -> None:
    iam_keys.list_keys(aws(url).client("iam"), "a-user")


def ask_mturk(url: str) -> None:
    status = requester.check_environment(aws(url), "production", url)["status"]
    if status == "unreachable":
        raise CollectionError("MTurk gave no answer.", reason=status)


WHOM = {"vault": ask_vault, "iam": ask_iam, "mturk": ask_mturk}
DRIPS = {
    "headers": (HEAD, b"X-More: x\r\n"),
    "body": (HEAD + b"Content-Length: 5000000\r\n\r\n", b" "),
    "chunks": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "many interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.parametrize("drips", DRIPS)
@pytest.mark.parametrize("whom", WHOM)
def test_an_answer_in_drips_ends_at_the_time_limit(whom: str, drips: str, raw: Serve) -> None:
    site = raw(lambda connection: drip(connection, *DRIPS[drips]))
    start = time.monotonic()
    with pytest.raises(CollectionError) as caught:
        WHOM[whom](site.url)
    assert caught.value.reason in ("store_unreachable", "unreachable"), caught.value
    assert time.monotonic() - start < 20


@pytest.mark.parametrize("way", ["until it is closed", "in chunks"])
def test_an_answer_of_a_store_without_end_is_not_read(way: str, raw: Serve) -> None:
    sent: list[int] = []

    def serve(connection: socket.socket) -> None:
        chunked = way == "in chunks"
        connection.sendall(HEAD + (b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"\r\n"))
        size = b"%x\r\n" % len(PIECE) if chunked else b""
        sent.append(0)
        for _unused in range(ENDLESS):
            connection.sendall(size + PIECE + (b"\r\n" if chunked else b""))
            sent[-1] += len(PIECE)

    site = raw(serve)
    with pytest.raises(CollectionError):
        ask_vault(site.url)
    assert max(sent) < 100_000_000


def test_a_small_answer_of_a_store_that_unpacks_without_end_is_not_read(raw: Serve) -> None:
    packed = gzip.compress(b" " * 200_000_000, 1)
    head = HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed)
    asked: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        asked.append(b"")
        connection.sendall(head + packed)

    with pytest.raises(CollectionError, match="encoded in a way that was not asked for") as caught:
        ask_vault(raw(serve).url)
    assert (caught.value.reason, len(asked)) == ("store_unavailable", 1)
