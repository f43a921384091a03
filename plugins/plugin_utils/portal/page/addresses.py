# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read web addresses with the parser that sends them, and refuse those that two parsers could read in two ways.

Browsers end the host of C(https://evil.example\\@portal.example/) at the backslash, and so does urllib3; Python's
urllib.parse takes what comes before the C(@) for a user name. Whoever judges an address must read it as the one who
connects does, so nothing in the portal's packages takes an address apart in another way than by C(read_address).
"""

from __future__ import annotations

import dataclasses
import functools
import ipaddress
import re
import urllib.parse

try:
    from urllib3.exceptions import LocationParseError
    from urllib3.util import parse_url

    HAS_URLLIB3 = True
except ImportError:
    HAS_URLLIB3 = False

PORTS = {"http": 80, "https": 443}

UNREADABLE = "(an address that cannot be read)"

_HTML_SPACE = " \t\n\f\r"
# Letters, digits, dots, hyphens and (in private networks) underscores. Anything else means different hosts to different
# parsers: percent signs, full-width dots, letters beyond ASCII. Such names have an ASCII form (xn--...).
_HOST_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9._-]*[a-z0-9._])?")
_PARAMETERS = re.compile(r";[^/]*")
_GOES_TO = re.compile(
    r"(?:window|document|self|top)?\.?location(?:\.href)?\s*=\s*(['\"])(.{1,2000}?)\1"
    r"|location\.(?:assign|replace)\(\s*(['\"])(.{1,2000}?)\3"
)


class UnsafeAddressError(ValueError):
    """An address that is no web address, or could mean one host here and another there; the text says why."""


@dataclasses.dataclass(frozen=True)
class Address:
    """A web address. C(host) is in lower case and without brackets, C(port) always a number, C(path) without query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """Scheme, host and port as browsers write them in the header Origin."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == PORTS[self.scheme] else f":{self.port}")


# Each address of a page is judged several times.
@functools.lru_cache(maxsize=512)
def read_address(address: str) -> Address:
    """Take an address apart.

    :raises UnsafeAddressError: for backslashes, white space, control characters, user information, odd hosts, and
        anything but http and https.
    """
    if is_ambiguous(address):
        raise UnsafeAddressError("it holds a backslash, white space or a control character")
    try:
        # As in requests, which reads with both: urllib3 when it prepares a request, urllib.parse when it connects.
        parts, again = parse_url(address), urllib.parse.urlsplit(address)
        port_again = again.port
    except (LocationParseError, ValueError):
        raise UnsafeAddressError("it is not a web address") from None
    scheme, host = (parts.scheme or "").lower(), (parts.host or "").lower().strip("[]")
    if scheme not in PORTS or not host:
        raise UnsafeAddressError("it is not a web address")
    if parts.auth is not None or "@" in again.netloc:
        raise UnsafeAddressError("it holds a user name")
    if not (_is_ip_address(host) if ":" in host else _HOST_NAME.fullmatch(host)):
        raise UnsafeAddressError("its host name holds characters that are not in host names")
    if (host, parts.port) != ((again.hostname or "").lower(), port_again) or parts.port == 0:
        raise UnsafeAddressError("its host or port can be read in two ways")
    return Address(scheme, host, parts.port or PORTS[scheme], parts.path or "")


def _is_ip_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def is_ambiguous(address: str) -> bool:
    """Whether an address holds characters that parsers drop, replace, or end the host at."""
    # All white space but the plain space is not printable.
    return "\\" in address or " " in address or not address.isprintable()


def join(base: str, address: str) -> str:
    """An absolute address from one that a page or a header gives.

    What is ambiguous comes back as it is, so that whoever is to go there refuses it.
    """
    address = address.strip(_HTML_SPACE)
    if is_ambiguous(address):
        return address
    if is_ambiguous(base):
        return base
    try:
        return urllib.parse.urljoin(base, address)
    except ValueError:
        return UNREADABLE


def without_fragment(address: str) -> str:
    """An address as it is sent."""
    return address.partition("#")[0]


def looks_like_web(address: str) -> bool:
    """Whether an address means to be http or https, safe or not."""
    return address.lower().startswith(("http:", "https:"))


def bare_address(address: str) -> str:
    """An address without user information, parameters, query and fragment, for messages and for telling pages apart.

    Servers of the Java world put the session's id into a parameter of the path (C(;jsessionid=...)).
    """
    try:
        found = read_address(address)
    except UnsafeAddressError:
        scheme, colon, _rest = address.partition(":")
        return UNREADABLE if looks_like_web(address) or not colon or not scheme.isalpha() else f"{scheme}:"
    return found.origin + _PARAMETERS.sub("", found.path)


def set_by_script(script: str) -> list[str]:
    """The addresses, as they are written, to which a script may send the browser."""
    return [str(found[2] or found[4]) for found in _GOES_TO.finditer(script)]
