# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which addresses may be read, and which may be given a password, a code or a key."""

from __future__ import annotations

import dataclasses
import enum
import functools
import re
import typing as t

from ansible.module_utils.basic import missing_required_lib

from ...base.addresses import is_loopback
from ..errors import PortalError, Reason, SettingsError
from ..page.addresses import HAS_URLLIB3, Address, UnsafeAddressError, bare_address, read_address

# CloudResearch's own registrable domain: its sign-in may move between its own hosts.
_HOME = "cloudresearch.com"
# A host name or IPv4 address, with *. before it or a port behind it; an IPv6 address, in brackets if it has a port.
_LISTED = re.compile(
    r"(?:(?P<host>(?:\*\.)?[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(?::(?P<port>\d{1,5}))?|(?P<ipv6>[0-9a-f.]*:[0-9a-f.]*:[0-9a-f:.]*))"
)


class Verdict(enum.StrEnum):
    """What an address may be used for."""

    TRUSTED = "trusted"
    # May be read, and is given no secret.
    FOREIGN = "foreign"
    UNENCRYPTED = "unencrypted"
    UNREADABLE = "unreadable"


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
        if not HAS_URLLIB3:
            raise SettingsError(
                missing_required_lib("urllib3", reason="for the CloudResearch portal"),
                next_step="Install it for that Python: pip install requests.",
            )
        url = portal_url.strip()
        try:
            portal = read_address(url)
        except UnsafeAddressError as exc:
            raise SettingsError(
                f"portal_url must be an address that begins with https://, but {exc}.",
                next_step="Write it like https://app.cloudresearch.com; e-mail address and password are options of "
                "their own.",
            ) from None
        if portal.scheme == "http" and not is_loopback(portal.host):
            raise SettingsError(
                f"portal_url {bare_address(url)} is not encrypted: a password and a key would cross the network "
                "readable by anyone.",
                next_step="Use https://. Only a portal on this machine (localhost) may use http://.",
            )
        listed = []
        for entry in trusted_hosts:
            name = entry.strip().lower()
            if not _LISTED.fullmatch(name):
                raise SettingsError(
                    f"trusted_hosts: {entry!r} is not a host name.",
                    next_step="List host names such as login.example.org, host:port, or *.example.org.",
                )
            listed.append(name)
        return cls(url, tuple(listed))

    @functools.cached_property
    def portal(self) -> Address:
        """The portal's address, taken apart."""
        return read_address(self.portal_url)

    @property
    def host(self) -> str:
        """The portal's host."""
        return self.portal.host

    @property
    def site(self) -> str:
        """The portal's host and port: what tells one portal from another."""
        return f"{self.portal.host}:{self.portal.port}"

    def judge(self, address: str) -> Verdict:
        """What an absolute address may be used for."""
        try:
            asked = read_address(address)
        except UnsafeAddressError:
            return Verdict.UNREADABLE
        # http on this machine is enough if the portal itself is so.
        if asked.scheme != "https" and not (self.portal.scheme == "http" and is_loopback(asked.host)):
            return Verdict.UNENCRYPTED
        return Verdict.TRUSTED if self._is_own(asked.host) or self._is_listed(asked) else Verdict.FOREIGN

    def _is_own(self, host: str) -> bool:
        if _same_machine(host) == _same_machine(self.host):
            return True
        return _is_in_domain(self.host, _HOME) and _is_in_domain(host, _HOME)

    def _is_listed(self, asked: Address) -> bool:
        for entry in self.trusted_hosts:
            found = _LISTED.fullmatch(entry)
            if found is None or (found["port"] and int(found["port"]) != asked.port):
                continue
            host = found["ipv6"] or found["host"].strip("[]")
            if host == asked.host or (host.startswith("*.") and asked.host.endswith(host[1:])):
                return True
        return False

    def encrypted_enough(self, address: str) -> bool:
        """Whether an address may be read: https, or http on this machine if the portal itself is so."""
        return self.judge(address) in (Verdict.TRUSTED, Verdict.FOREIGN)

    def trusts(self, address: str) -> bool:
        """Whether an address may be given a secret."""
        return self.judge(address) is Verdict.TRUSTED

    def require_readable(self, address: str) -> None:
        """Fail unless an address may be read.

        :raises PortalError: saying where the portal leads.
        """
        verdict = self.judge(address)
        if verdict is Verdict.UNENCRYPTED:
            told = f"The portal leads to {bare_address(address)}, which is not encrypted. It was not followed."
            raise _refusal_error(address, told, "Report it to CloudResearch.")
        if verdict is Verdict.UNREADABLE:
            told = f"The portal leads to an address that was not followed: {_why_unsafe(address)}."
            raise _refusal_error(
                address, told, "Look at the page in a browser, and report the address to CloudResearch."
            )

    def require(self, address: str, what: str) -> None:
        """Fail unless an address may be given C(what).

        :raises PortalError: saying where the portal wants it sent.
        """
        verdict = self.judge(address)
        if verdict is Verdict.TRUSTED:
            return
        wants = f"The portal wants the {what} sent to"
        if verdict is Verdict.UNENCRYPTED:
            told = f"{wants} {bare_address(address)}, which is not encrypted."
            step = "Do not send it. Report it to CloudResearch; use https:// for portal_url."
        elif verdict is Verdict.UNREADABLE:
            told = f"{wants} an address that browsers and programs may read differently: {_why_unsafe(address)}."
            step = "Do not send it: the portal may have been tampered with. Tell CloudResearch."
        else:
            host = read_address(address).host
            told = f"{wants} another site, {bare_address(address)}, which is not listed."
            step = (
                f"If you know that {host} belongs to the portal's sign-in, list it: "
                f'trusted_hosts: ["{host}"]. Otherwise the portal may have been tampered with: tell CloudResearch.'
            )
        raise _refusal_error(address, f"{told} Nothing was sent there.", step)


def _refusal_error(address: str, message: str, next_step: str) -> PortalError:
    details = {"refused_address": bare_address(address)}
    return PortalError(Reason.PAGE_CHANGED, message, next_step=next_step, details=details)


def _why_unsafe(address: str) -> str:
    try:
        read_address(address)
    except UnsafeAddressError as exc:
        return str(exc)
    return "it was refused"


def _is_in_domain(host: str, domain: str) -> bool:
    return host == domain or host.endswith("." + domain)
