# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one rule on where a secret may be sent unencrypted: to this machine, and nowhere else."""

from __future__ import annotations

import ipaddress
import re
import urllib.parse

# Parsers disagree about addresses with these, so the host that is judged need not be the host that is asked.
_AMBIGUOUS = re.compile(r"[\\\s\x00-\x1f\x7f-\x9f]")


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine and cannot mean another."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def may_take_a_secret(address: str) -> bool:
    """Whether what is sent to an address stays unreadable on the way: https, or http on this machine.

    False as well for an address that holds a user name or characters that parsers read in different ways.
    """
    if _AMBIGUOUS.search(address):
        return False
    try:
        parts = urllib.parse.urlsplit(address)
        host = (parts.hostname or "").lower()
        _checked = parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
