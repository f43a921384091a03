# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS clients share TLS contexts; nobody trusts more for it."""

from __future__ import annotations

import ssl
import typing as t

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import aws_tls, errors
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import connection as aws
from tests.simulator.process import Simulator

KEY = {"access_key": "AKIAEXAMPLEEXAMPLE00", "secret_key": "not-a-secret"}


def what_came_of_it(url: str, **options: t.Any) -> str:
    """The reason why a call fails: something that is no AWS answers, or TLS keeps it from being asked."""
    client = aws.AwsConnection({**KEY, **options, "endpoint_url": url}).client("sts", max_attempts=1)
    try:
        client.get_caller_identity()
    except errors.AWS_FAILURES as exc:
        return errors.aws_error(exc, "ask").message
    raise AssertionError("the portal answers no AWS calls")


@pytest.fixture
def url(simulator: Simulator) -> str:
    return simulator.control.portal_url_for("classic", "trusted")


def test_only_those_who_name_the_authority_trust_it(simulator: Simulator, url: str) -> None:
    authority = simulator.control.portal_ca_file()
    for _twice in range(2):
        assert "CERTIFICATE_VERIFY_FAILED" in what_came_of_it(url)
        assert "CERTIFICATE_VERIFY_FAILED" not in what_came_of_it(url, aws_ca_bundle=authority)
        assert "CERTIFICATE_VERIFY_FAILED" not in what_came_of_it(url, validate_certs=False)
    # One who does not verify has not made the others careless.
    assert "CERTIFICATE_VERIFY_FAILED" in what_came_of_it(url)
    assert "CERTIFICATE_VERIFY_FAILED" in what_came_of_it(
        simulator.control.portal_url_for("classic", "self_signed"), aws_ca_bundle=authority
    )


def test_a_bundle_is_read_once(simulator: Simulator, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[t.Any] = []
    original = ssl.SSLContext.load_verify_locations
    aws_tls._context.cache_clear()

    def counting(self: ssl.SSLContext, *args: t.Any, **kwargs: t.Any) -> None:
        read.append(args or kwargs)
        original(self, *args, **kwargs)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", counting)
    for _client in range(3):
        what_came_of_it(url, aws_ca_bundle=simulator.control.portal_ca_file())
    assert len(read) == 1
