# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host that is judged is the host that is asked, however an address is written."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest
import requests
from requests.adapters import HTTPAdapter

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.trust import Trust, Verdict
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.addresses import (
    UnsafeAddressError,
    join,
    read_address,
)

PORTAL = "https://app.cloudresearch.com"
ADAPTER = HTTPAdapter()
OWN, EVIL = "app.cloudresearch.com", "evil.example"
SEPARATORS = [
    *("", "\\", "\\\\", "@", "\\@", "%5c@", "%40", "#@", "?@", "/@", ";@", ":@", ":80@", " @", "\t@", "\n", "\r\n"),
    *("\x00", "\x1b", "\u3002", "\uff0e", "\u200b", "\u202e", "\uff0f", "\uff20", "%2f", "%2e", "%00", "..", "[]"),
    *".[]|^`{}\"'<>,&=+$!*~-_",
]
SCHEMES = [
    *(
        "https://",
        "HTTPS://",
        "https:",
        "https:/",
        "https:///",
        "https:\\\\",
        "//",
        "\\\\",
        "/\\",
        "http://",
        " https://",
    ),
    *("ht\ttps://", "https://user@", "https://user:pass@", "https://:@"),
]
ENDS = [
    "",
    "/",
    "/x",
    ":443/x",
    ":/x",
    ":0443/",
    ":99999/",
    ":-1/",
    ":４４３/",
    "?q",
    "#f",
    "/x\\y",
    "/%5c",
    ".cloudresearch.com/x",
]


def odd_addresses() -> Iterator[str]:
    """Some ten thousand ways to name one host and mean another."""
    hosts = [(OWN, EVIL), (EVIL, OWN), (EVIL, "cloudresearch.com"), ("x", OWN)]
    for scheme, (first, second), separator, end in itertools.product(SCHEMES, hosts, SEPARATORS, ENDS):
        yield f"{scheme}{first}{separator}{second}{end}"
    chance = random.Random(20261126)
    letters = [*SEPARATORS, "a", OWN, EVIL, "https://", "/", ":", "@", "127.0.0.1", "[::1]", "0x7f.1", "xn--", "ü"]
    for _unused in range(4000):
        yield "https://" + "".join(chance.choices(letters, k=chance.randint(2, 6)))


def host_connected_to(address: str) -> tuple[str, int] | None:
    """Where requests would open a connection to; None if it would not."""
    try:
        request = requests.Request("POST", address).prepare()
        pool = ADAPTER.get_connection_with_tls_context(request, verify=True)
    except (requests.exceptions.RequestException, ValueError):
        return None
    return pool.host.strip("[]").lower(), pool.port or {"http": 80, "https": 443}[pool.scheme]


def test_the_judged_host_is_the_connected_one() -> None:
    trust = Trust.of(PORTAL)
    trusted, seen = 0, 0
    for written in odd_addresses():
        # What is whole already stays as it is written.
        for address in dict.fromkeys((written, join(PORTAL + "/Account/Login", written))):
            seen += 1
            try:
                judged = read_address(address)
            except UnsafeAddressError:
                assert trust.judge(address) is Verdict.UNREADABLE
                continue
            connected = host_connected_to(address)
            assert connected in (None, (judged.host, judged.port)), address
            if trust.trusts(address) and connected is not None:
                trusted += 1
                assert connected[0] == "cloudresearch.com" or connected[0].endswith(".cloudresearch.com"), address
    assert seen > 10_000
    assert trusted > 100


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example\\@app.cloudresearch.com/x",
        "https://evil.example\\.cloudresearch.com/x",
        "https://evil.example\\\\.cloudresearch.com",
        "https://app.cloudresearch.com@evil.example/",
        "https://app.cloudresearch.com:443@evil.example/",
        "https://me@app.cloudresearch.com/",
        "https://@app.cloudresearch.com/",
        "https://evil.example%2f.cloudresearch.com/",
        "https://evil.example\uff0f.cloudresearch.com/",
        "https://app.cloudresearch\u3002com/",
        "https://app.cloudresearch.com\t/",
        "https://app.cloudresearch.com /",
        "https://app.cloudresearch.com/a b",
        "https://app.cloudresearch.com/\x1b]0;owned\x07",
        "https://app.cloudresearch.com/\u202egnp",
        "https://app.cloudresearch.com:0/",
        "https://app.cloudresearch.com:99999/",
        "https:app.cloudresearch.com/",
        "//app.cloudresearch.com/",
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(address: str) -> None:
    trust = Trust.of(PORTAL)
    assert trust.judge(address) is Verdict.UNREADABLE
    with pytest.raises(CollectionError) as caught:
        trust.require(address, "password")
    assert caught.value.reason == "page_changed"
    assert caught.value.message.isprintable()
    with pytest.raises(CollectionError):
        trust.require_readable(address)
    with pytest.raises(CollectionError, match="portal_url"):
        Trust.of(address)


@pytest.mark.parametrize("entry", ["a\\b", "a b", "a/b", "me@a", "*", "*.", "a\n", "ü.example", "a:b", "a:1:2x", "%61"])
def test_a_listed_host_is_a_host(entry: str) -> None:
    with pytest.raises(CollectionError, match="trusted_hosts"):
        Trust.of(PORTAL, [entry.replace("\n", "\n.")])


def test_a_base_that_can_be_read_in_two_ways_spoils_what_stands_on_it() -> None:
    trust = Trust.of(PORTAL)
    base = join(PORTAL, f"https://{EVIL}\\@{OWN}/")
    assert trust.judge(join(base, "/login")) is Verdict.UNREADABLE
