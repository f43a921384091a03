# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which addresses may be read, and which may be given a password, a code or a key."""

from __future__ import annotations

import dataclasses
import typing as t
import urllib.parse

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.addresses import is_loopback
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.errors import (
    PAGE_CHANGED,
    PortalError,
    SettingsError,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.elements import bare_address

# CloudResearch's own registrable domain: its sign-in may move between its own hosts.
_HOME = "cloudresearch.com"
_PORTS = {"http": 80, "https": 443}


def _same_machine(host: str) -> str:
    """One name for the names that mean the same host everywhere (RFC 6761 for localhost)."""
    return "localhost" if host in ("127.0.0.1", "::1", "localhost") else host


@dataclasses.dataclass(frozen=True)
class Trust:
    """The portal's own hosts, and those that the operator listed.

    A host is the portal's own if it is the host of C(portal_url), on any port, as browsers' same-site rule has it. If
    that host is cloudresearch.com or in it, all of cloudresearch.com is. Without a list of public suffixes no wider
    guess is safe, so every other host has to be listed.
    """

    portal_url: str
    trusted_hosts: tuple[str, ...] = ()

    @classmethod
    def of(cls, portal_url: str, trusted_hosts: t.Iterable[str] = ()) -> Trust:
        """Check the settings and take them.

        :raises SettingsError: for an address that is not https (or http on this machine), or an entry that is no host.
        """
        address = portal_url.strip()
        parts = _split(address)
        host = (parts.hostname or "").lower() if parts else ""
        if parts is None or parts.scheme not in ("http", "https") or not host:
            raise SettingsError(
                "portal_url must be an address that begins with https://.",
                next_step="Write it like https://app.cloudresearch.com.",
            )
        if parts.username or parts.password:
            raise SettingsError(
                "portal_url must not hold a user name or a password.", next_step="Use the options email and password."
            )
        if parts.scheme == "http" and not is_loopback(host):
            raise SettingsError(
                f"portal_url {bare_address(address)} is not encrypted: a password and a key would cross the network "
                "readable by anyone.",
                next_step="Use https://. Only a portal on this machine (localhost) may use http://.",
            )
        listed = []
        for entry in trusted_hosts:
            name = entry.strip().lower()
            if not name or "/" in name or "@" in name or name in ("*", "*.") or " " in name:
                raise SettingsError(
                    f"trusted_hosts: {entry!r} is not a host name.",
                    next_step="List host names such as login.example.org, host:port, or *.example.org.",
                )
            listed.append(name)
        return cls(address, tuple(listed))

    @property
    def host(self) -> str:
        """The portal's host."""
        return (urllib.parse.urlsplit(self.portal_url).hostname or "").lower()

    @property
    def site(self) -> str:
        """The portal's host and port: what tells one portal from another."""
        parts = urllib.parse.urlsplit(self.portal_url)
        return f"{self.host}:{parts.port or _PORTS[parts.scheme]}"

    def encrypted_enough(self, address: str) -> bool:
        """https, or http on this machine if the portal itself is so."""
        parts = _split(address)
        if parts is None:
            return False
        if parts.scheme == "https":
            return True
        here = parts.scheme == "http" and is_loopback((parts.hostname or "").lower())
        return here and urllib.parse.urlsplit(self.portal_url).scheme == "http"

    def trusts(self, address: str) -> bool:
        """Whether an address may be given a secret."""
        parts = _split(address)
        if parts is None or not self.encrypted_enough(address):
            return False
        host = (parts.hostname or "").lower()
        if _same_machine(host) == _same_machine(self.host):
            return True
        if _within(self.host, _HOME) and _within(host, _HOME) and not is_loopback(host):
            return True
        port = parts.port or _PORTS.get(parts.scheme, 0)
        for entry in self.trusted_hosts:
            name, colon, number = entry.rpartition(":")
            if colon and number.isdigit() and not name.endswith(":"):
                if port != int(number):
                    continue
            else:
                name = entry
            name = name.strip("[]")
            if name == host or (name.startswith("*.") and host.endswith(name[1:])):
                return True
        return False

    def require(self, address: str, what: str) -> None:
        """Fail unless an address may be given C(what)."""
        if self.trusts(address):
            return
        parts = _split(address)
        host = (parts.hostname or "") if parts else ""
        if parts is not None and host and not self.encrypted_enough(address):
            raise PortalError(
                PAGE_CHANGED,
                f"The portal wants the {what} sent to {bare_address(address)}, which is not encrypted. Nothing "
                "was sent there.",
                next_step="Do not send it. Report it to CloudResearch; use https:// for portal_url.",
                details={"refused_address": bare_address(address)},
            )
        raise PortalError(
            PAGE_CHANGED,
            f"The portal wants the {what} sent to another site, "
            f"{bare_address(address) if parts else 'an unreadable address'}, "
            "which is not listed. Nothing was sent there.",
            next_step=f"If you know that {host or 'that site'} belongs to the portal's sign-in, list it: "
            f'trusted_hosts: ["{host}"]. Otherwise the portal may have been tampered with: tell CloudResearch.',
            details={"refused_address": bare_address(address) if parts else ""},
        )


def _split(address: str) -> urllib.parse.SplitResult | None:
    try:
        parts = urllib.parse.urlsplit(address)
        # Reading it is what checks it.
        return parts if parts.port is None or parts.port >= 0 else None
    except ValueError:
        return None


def _within(host: str, domain: str) -> bool:
    return host == domain or host.endswith("." + domain)
