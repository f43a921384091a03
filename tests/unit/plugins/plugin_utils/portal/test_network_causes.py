# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every row of the tables that say in words why the portal gave no answer."""

from __future__ import annotations

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal import errors
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers import network

HOST = "app.cloudresearch.com"


@pytest.mark.parametrize(("sign", "cause"), network.CAUSES)
def test_a_failed_connection_is_told_in_words(sign: str, cause: str) -> None:
    """No row stands in the shadow of one before it."""
    assert network.plain_cause(OSError(f"HTTPSConnectionPool(host='{HOST}'): {sign}: and more")) == cause


def test_what_no_row_knows_is_called_by_its_kind() -> None:
    assert network.plain_cause(TimeoutError("no words for it")) == "TimeoutError"


@pytest.mark.parametrize("cause", sorted({*dict(network.CAUSES).values(), *network.BROWSER_CAUSES.values()}))
@pytest.mark.parametrize("silent", [False, True])
def test_every_cause_has_a_reason_and_a_next_step(cause: str, silent: bool) -> None:
    error = network.unreachable(
        cause, "opening the page", "Whether the key was taken is looked up first.", silent=silent
    )
    gone = cause == network.UNKNOWN_NAME
    assert error.reason == (errors.Reason.SERVICE_CLOSED if gone else errors.Reason.PORTAL_UNAVAILABLE)
    assert isinstance(error, errors.NoAnswer) is silent
    assert cause in error.message and "portal_url" in error.next_step
    # Nobody is told to try a service again and again that may be gone for good.
    assert ("run it again" in error.next_step) is not gone


@pytest.mark.parametrize(("sign", "cause"), network.TLS_CAUSES)
def test_a_certificate_that_is_not_trusted_is_told_in_words(sign: str, cause: str) -> None:
    error = network.tls_error(HOST, OSError(f"[SSL] {sign.upper()} (_ssl.c:1006)"))
    assert (error.reason, cause in error.message) == (errors.Reason.TLS, True)
    assert "Nothing was sent" in error.message and "validate_certs" in error.next_step


def test_a_certificate_of_another_host_may_be_a_name_that_was_given_up() -> None:
    said = f"certificate verify failed: Hostname mismatch, certificate is not valid for '{HOST}'"
    assert network.tls_error(HOST, OSError(said)).reason == errors.Reason.SERVICE_CLOSED


def test_any_other_failure_of_tls_is_told_too() -> None:
    assert "no secure connection" in network.tls_error(HOST, OSError("wrong version number")).message


def test_what_means_silence_in_the_browser_is_in_its_table() -> None:
    assert set(network.BROWSER_SILENCE) <= set(network.BROWSER_CAUSES)
