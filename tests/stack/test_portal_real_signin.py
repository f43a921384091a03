# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sign-in as public scripts describe CloudResearch's own: where it starts, how it is chosen, how it ends."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.simulator.portal import PortalServer, PortalState, serve_portal
from tests.stack.portal_site import KEY, PASSWORD, TOTP, Lab, link, verify

LOGIN = "/Account/Login"


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[PortalState, PortalServer]]:
    state = PortalState(verify_key=verify)
    with serve_portal(state) as portal:
        yield state, portal


@pytest.mark.parametrize("query", ["", "?AppDestination=Toolkit"], ids=["nothing chosen", "chosen by the address"])
def test_the_portal_may_be_given_by_the_address_of_its_sign_in(
    site: tuple[PortalState, PortalServer], tmp_path: pathlib.Path, chromium: Any, query: str
) -> None:
    lab = Lab(*site, "real_signin", "auto", tmp_path, chromium, totp=TOTP)
    done = lab.present(portal_url=site[1].signin_url_for("real_signin") + LOGIN + query)
    assert (done.link.status, lab.linked()) == ("linked", KEY)
    assert (done.link.driver, bool(done.link.driver_reason)) == (("http", False) if query else ("browser", True))


def test_auto_says_why_it_went_on_in_a_browser(
    site: tuple[PortalState, PortalServer], tmp_path: pathlib.Path, chromium: Any
) -> None:
    lab = Lab(*site, "real_signin", "auto", tmp_path, chromium)
    seen = lab.look()
    assert (seen.status, seen.driver) == ("not_linked", "browser")
    assert 'needs a browser (the button "MTurk Toolkit' in seen.driver_reason
    assert {"page": "choice of the application"}.items() <= seen.recognised[0].items()


@pytest.mark.parametrize(
    ("words", "told"),
    [("Panels", "application to sign in to"), ("Connect", "application to sign in to")],
    ids=["no such card", "a participant's card"],
)
def test_a_card_that_is_not_there_or_a_participants_is_not_chosen(
    site: tuple[PortalState, PortalServer], tmp_path: pathlib.Path, chromium: Any, words: str, told: str
) -> None:
    lab = Lab(*site, "real_signin", "browser", tmp_path, chromium)
    error = lab.fails(portal={"application_card": [words]})
    assert (error.reason, error.details["page_changed"]["setting"]) == ("page_changed", "application_card")
    assert told in error.message
    assert "MTurk Toolkit" in error.message
    assert not site[0].stray_forms


def test_the_sign_ins_lock_out_is_told(site: tuple[PortalState, PortalServer], tmp_path: pathlib.Path) -> None:
    state, portal = site
    lab = Lab(*site, "real_signin", "http", tmp_path)
    with state.knob(lockout_attempts=1):
        error = lab.fails(
            portal_url=portal.signin_url_for("real_signin") + LOGIN + "?AppDestination=Toolkit",
            account=link.PortalAccount(lab.email, f"not {PASSWORD}"),
        )
    assert (error.reason, "ocked out" in error.message) == ("account_locked", True), error.message
