# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.addresses import is_loopback, may_take_a_secret


@pytest.mark.parametrize("host", ["localhost", "a.localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_this_machine_is_known(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "localhost.example.org", "10.0.0.1", "::2", "0.0.0.0"])
def test_no_other_machine_is_taken_for_it(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("address", ["https://vault.example.edu", "http://127.0.0.1:8200", "HTTP://[::1]:8200/x"])
def test_secrets_go_over_https_or_stay_on_this_machine(address: str) -> None:
    assert may_take_a_secret(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "vault.example.edu",
        "//127.0.0.1",
        "ftp://127.0.0.1",
        "http://vault.example.edu",
        "http://10.0.0.1:8200",
        "http://127.0.0.1:port",
        "http://127.0.0.1@evil.example",
        "https://user:password@vault.example.edu",
        "http://evil.example\\@127.0.0.1/",
        "http://127.0.0.1\\.evil.example/",
        "http://evil.example\t.localhost",
        "https://vault.example.edu\n",
    ],
)
def test_nothing_else_is_given_a_secret(address: str) -> None:
    assert not may_take_a_secret(address)
