# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the network reports, in words, for both automatic drivers."""

from __future__ import annotations

import re

from ...base import times
from ..errors import AnswerLost, NoAnswer, PortalError, Reason, service_closed

# What the address book of the internet says: there is no such host (any more).
UNKNOWN_NAME = "its host name is not known"


def tls_error(host: str | None, exc: Exception) -> PortalError:
    """The error for a connection that cannot be trusted."""
    text = str(exc).lower()
    if "doesn't match" in text or "mismatch" in text:
        return service_closed(
            f"The portal at {host} could not be trusted: its certificate is for another host. Nothing was sent. This "
            "happens if the name was given up by its owner, or if something in the network intercepts the connection."
        )
    cause = next((cause for sign, cause in TLS_CAUSES if sign in text), "no secure connection could be made")
    return PortalError(
        Reason.TLS,
        f"The portal at {host} could not be trusted: {cause}. Nothing was sent.",
        next_step="Check portal_url, the clock of this machine and its trusted authorities (REQUESTS_CA_BUNDLE for a "
        "proxy's own). Only if you are sure of the network: validate_certs=false.",
    )


def unreachable(cause: str, doing: str, what_then: str, *, silent: bool = False) -> PortalError:
    """The error for a portal to which there is no connection.

    :param cause: in words, as C(plain_cause) has it.
    :param what_then: what the next run does about a form that may have been sent; empty if none was.
    :param silent: nothing came back at all.
    """
    if cause == UNKNOWN_NAME:
        return service_closed(
            f"The portal could not be reached while {doing}: {cause}. "
            "A service that has closed or moved looks like this; if other names cannot be looked up on this machine "
            "either, the network is the cause.",
            silent=silent,
        )
    return (NoAnswer if silent else AnswerLost)(
        Reason.PORTAL_UNAVAILABLE,
        f"The portal could not be reached while {doing}: {cause}.",
        next_step=f"Check the network and portal_url, then run it again. {what_then}".rstrip(),
    )


def plain_cause(exc: Exception) -> str:
    """What a failed connection means, in words."""
    text = str(exc)
    return next((cause for sign, cause in CAUSES if sign in text), type(exc).__name__)


def retry_after(value: str | None) -> float | None:
    """Seconds from the header Retry-After, which holds seconds or a date (RFC 9110)."""
    if not value:
        return None
    value = value.strip()
    if re.fullmatch(r"\d+(?:\.\d+)?", value):
        return float(value)
    when = times.parse_http_date(value)
    return None if when is None else max(0.0, (when - times.now()).total_seconds())


# What OpenSSL says, in lower case, and what it means; the first that fits.
TLS_CAUSES = (
    ("expired", "its certificate has expired"),
    ("self-signed", "its certificate is self-signed"),
    ("self signed", "its certificate is self-signed"),
    ("unable to get local issuer", "its certificate comes from an authority that is not trusted here"),
    ("certificate_verify_failed", "its certificate comes from an authority that is not trusted here"),
    ("certificate verify failed", "its certificate comes from an authority that is not trusted here"),
)
# What requests, urllib3 and the systems below them say; the first that fits.
CAUSES = (
    ("Temporary failure in name resolution", "host names cannot be looked up at the moment"),
    ("NameResolutionError", UNKNOWN_NAME),
    ("Name or service not known", UNKNOWN_NAME),
    ("nodename nor servname provided", UNKNOWN_NAME),
    ("No address associated with hostname", UNKNOWN_NAME),
    ("Connection refused", "the connection was refused"),
    ("Connection aborted", "the connection was cut"),
    ("RemoteDisconnected", "the connection was cut"),
    ("reset by peer", "the connection was cut"),
    ("IncompleteRead", "the answer broke off"),
    ("unreachable", "the network is unreachable"),
)
# What Chromium calls it.
BROWSER_CAUSES = {
    "NAME_NOT_RESOLVED": UNKNOWN_NAME,
    "CONNECTION_REFUSED": "the connection was refused",
    "CONNECTION_RESET": "the connection was cut",
    "CONNECTION_CLOSED": "the connection was cut",
    "EMPTY_RESPONSE": "the connection was cut",
    "socket hang up": "the connection was cut",
    "INTERNET_DISCONNECTED": "the network is unreachable",
    "ADDRESS_UNREACHABLE": "the network is unreachable",
    "TOO_MANY_REDIRECTS": "it redirects in a circle",
}
# Those of them that mean that nobody answered.
BROWSER_SILENCE = ("NAME_NOT_RESOLVED", "CONNECTION_REFUSED", "INTERNET_DISCONNECTED", "ADDRESS_UNREACHABLE")
