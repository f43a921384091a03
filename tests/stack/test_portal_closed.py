# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A CloudResearch that has closed, in the ways in which services close."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.network import (
    plain_cause,
    tls_error,
    unreachable,
)
from tests.stack.written_sites import BUTTON, FORM, Run, Site, good_site

MARKETING = """<title>Panels for every question</title><h1>Panels for every question</h1>
<p>Reach millions of respondents.</p><a href="/pricing">Pricing</a> <a href="/blog">Blog</a>"""
RETIRED = "<title>CloudResearch</title><h1>MTurk Toolkit has been retired</h1><p>Thank you for ten years.</p>"
NO_ENTRY = "<title>Dashboard</title><h1>Projects</h1><a href=/out>Sign out</a>"


def error_of(run: Run, site: Site, **options: Any) -> CollectionError:
    with pytest.raises(CollectionError) as caught:
        run(site, **options)
    for text in (caught.value.message, caught.value.next_step):
        assert "later" not in text
        assert "tomorrow" not in text
    return caught.value


def closed(error: CollectionError) -> None:
    assert error.reason == "service_closed", error.message
    assert "labops.cloudresearch.retire" in error.next_step


@pytest.mark.parametrize("address", ["/", "/home"], ids=["in place of everything", "behind the sign-in"])
def test_a_page_that_says_that_it_has_been_retired(sites: tuple[Site, Site], run: Run, address: str) -> None:
    own, _foreign = sites
    good_site(own)
    own.answers[address] = RETIRED
    error = error_of(run, own)
    closed(error)
    assert "MTurk Toolkit has been retired" in error.message


def test_an_answer_that_says_gone(sites: tuple[Site, Site], over_http: Run) -> None:
    own, _foreign = sites
    own.answers["/"] = (410, {}, "<h1>Gone</h1>")
    error = error_of(over_http, own)
    closed(error)
    assert "410" in error.message


def test_a_redirect_to_a_marketing_page_is_told_with_the_page(sites: tuple[Site, Site], over_http: Run) -> None:
    own, foreign = sites
    own.answers["/"] = (301, {"Location": f"{foreign.url}/panels"}, "")
    foreign.answers["/panels"] = MARKETING
    error = error_of(over_http, own)
    assert error.reason == "page_changed"
    assert "Panels for every question" in error.message
    assert f"{foreign.url}/panels" in error.message
    assert not foreign.saw("correct")


@pytest.mark.parametrize(
    ("notice", "reason"), [("", "page_changed"), ("<p>The MTurk Toolkit was discontinued.</p>", "service_closed")]
)
def test_a_sign_in_that_works_without_the_menu_entry(
    sites: tuple[Site, Site], over_http: Run, notice: str, reason: str
) -> None:
    own, _foreign = sites
    good_site(own)
    own.answers["/home"] = NO_ENTRY + notice
    error = error_of(over_http, own)
    assert error.reason == reason
    assert ("discontinued" if notice else 'link "Sign out"') in error.message


def test_what_a_project_says_of_itself_closes_no_service(sites: tuple[Site, Site], over_http: Run) -> None:
    own, _foreign = sites
    own.answers["/"] = FORM.format("method=post action=/login", BUTTON)
    own.answers["/login"] = NO_ENTRY + "<p>Your study is closed.</p><p>Recruiting has ended.</p>"
    assert error_of(over_http, own).reason == "page_changed"


def test_a_host_name_that_is_gone(sites: tuple[Site, Site], over_http: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_arguments: Any, **_more: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    error = error_of(over_http, sites[0], portal_url="https://app.cloudresearch.example")
    closed(error)
    assert "its host name is not known" in error.message


def test_a_resolver_that_does_not_answer_says_nothing_about_the_service() -> None:
    asleep = plain_cause(socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution"))
    assert unreachable(asleep, "signing in", "").reason == "portal_unavailable"


def test_a_certificate_for_another_name() -> None:
    error = tls_error("app.cloudresearch.com", Exception("hostname doesn't match"))
    closed(error)
    assert "Nothing was sent" in error.message
