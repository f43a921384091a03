# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same tests over every rendering of the site, over HTTP where that can handle it, and many in a browser."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.simulator.portal import RENDERINGS, PortalServer, PortalState, serve_portal
from tests.stack import product_table
from tests.stack.portal_site import ALL, KEY, OTHER_KEY, OTHER_SECRET, SERVER_DRAWN, TOTP, Lab, verify


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[PortalState, PortalServer]]:
    state = PortalState(verify_key=verify)
    with serve_portal(state) as portal:
        yield state, portal


# The drivers read the link page alike, so one of the slow ones is enough.
RERUN_IN_A_BROWSER = "script"
CASES = [("http", name) for name in SERVER_DRAWN] + [("browser", name) for name in product_table.for_a_browser(ALL)]


@pytest.fixture(params=CASES, ids="-".join)
def lab(
    request: pytest.FixtureRequest, site: tuple[PortalState, PortalServer], tmp_path: pathlib.Path
) -> Iterator[Lab]:
    driver, rendering = request.param
    browser = request.getfixturevalue("chromium") if driver == "browser" else None
    state, portal = site
    lab = Lab(state, portal, rendering, driver, tmp_path, browser, totp=TOTP)
    strays, foreign = len(state.stray_forms), len(state.foreign_requests)
    yield lab
    assert not [form for form in state.stray_forms[strays:] if form.account == lab.email]
    assert not [seen for seen in state.foreign_requests[foreign:] if seen.secrets]


def test_a_key_is_linked_once_with_evidence(lab: Lab) -> None:
    first = lab.present()
    assert (first.before.status, first.changed, first.link.status) == ("not_linked", True, "linked")
    assert first.link.evidence == "page"
    assert lab.linked() == KEY
    assert lab.submissions() == 1
    product_table.compare(lab.rendering, lab.driver, product_table.PASSES)
    if lab.driver == "browser" and lab.rendering != RERUN_IN_A_BROWSER:
        return
    lab.wait_for_new_code()
    again = lab.present(recorded=KEY)
    assert (again.changed, again.link.status) == (False, "linked")
    assert again.link.evidence == ("record" if RENDERINGS[lab.rendering].shown_key == "hidden" else "page")
    assert lab.submissions() == 1


@pytest.mark.parametrize("rendering", [name for name in ALL if name not in SERVER_DRAWN])
def test_what_a_script_draws_needs_a_browser(
    site: tuple[PortalState, PortalServer], tmp_path: pathlib.Path, rendering: str
) -> None:
    error = Lab(*site, rendering, "http", tmp_path).fails()
    assert "needs a browser" in f"{error.message} {error.next_step}"
    product_table.compare(rendering, "http", product_table.NEEDS_BROWSER)


@pytest.mark.parametrize("rendering", SERVER_DRAWN)
def test_drift_and_removal(site: tuple[PortalState, PortalServer], tmp_path: pathlib.Path, rendering: str) -> None:
    """What comes after the first link, over HTTP: check mode, another key, its replacement, removal."""
    lab, shown = Lab(*site, rendering, "http", tmp_path), RENDERINGS[rendering].shown_key
    predicted = lab.present(check_mode=True)
    assert (predicted.changed, predicted.link.status) == (True, "linked")
    assert predicted.diff()["after"] == {"status": "linked", "access_key_id": KEY}
    assert (lab.submissions(), lab.linked()) == (0, "")

    lab.state.set_linked(lab.email, OTHER_KEY, OTHER_SECRET)
    seen = lab.look()
    if shown == "hidden":
        assert (seen.status, seen.evidence) == ("unknown", "")
    else:
        assert (seen.status, seen.evidence) == ("other_key", "page")
        assert seen.access_key_id == (OTHER_KEY if shown == "whole" else "")
    assert not lab.absent(recorded=OTHER_KEY).changed, "another key is left alone"
    assert (lab.submissions(), lab.linked()) == (0, OTHER_KEY)
    replaced = lab.present()
    assert (replaced.changed, replaced.link.status, lab.linked()) == (True, "linked", KEY)

    removed = lab.absent(recorded=KEY)
    if RENDERINGS[rendering].unlink:
        assert (removed.changed, removed.link.status, lab.linked()) == (True, "not_linked", "")
        assert not lab.absent().changed
    else:
        assert (removed.changed, removed.link.status, lab.linked()) == (False, "linked", KEY)
        assert "Link Mechanical Turk" in removed.link.next_step


def test_another_key_is_replaced_in_a_browser_and_removal_answers_its_question(
    site: tuple[PortalState, PortalServer], tmp_path: pathlib.Path, chromium: Any
) -> None:
    lab = Lab(*site, "script", "browser", tmp_path, chromium)
    lab.state.set_linked(lab.email, OTHER_KEY, OTHER_SECRET)
    replaced = lab.present()
    assert (replaced.before.status, replaced.changed, lab.linked()) == ("other_key", True, KEY)
    done = lab.absent(recorded=KEY)
    assert (done.changed, done.link.status) == (True, "not_linked")
    assert lab.linked() == ""


@pytest.mark.parametrize("rendering", ["script", "script_link_page"])
def test_auto_goes_on_in_a_browser_where_http_gets_stuck(
    site: tuple[PortalState, PortalServer], tmp_path: pathlib.Path, chromium: Any, rendering: str
) -> None:
    lab = Lab(*site, rendering, "auto", tmp_path, chromium, totp=TOTP)
    done = lab.present()
    assert (done.link.status, done.link.driver) == ("linked", "browser")
    assert lab.submissions() == 1


def test_auto_stays_with_http_where_it_can(site: tuple[PortalState, PortalServer], tmp_path: pathlib.Path) -> None:
    assert Lab(*site, "classic", "auto", tmp_path).present().link.driver == "http"


def test_many_labs_ask_for_no_page_more_than_the_way_has(
    site: tuple[PortalState, PortalServer], tmp_path: pathlib.Path
) -> None:
    state, _portal = site
    labs = [Lab(*site, "classic", "http", tmp_path) for _number in range(20)]
    with state.knob(latency_ms=100):
        first = len(state.requests())
        with ThreadPoolExecutor(20) as pool:
            done = list(pool.map(lambda lab: lab.present(), labs))
        assert all(result.changed and result.link.status == "linked" for result in done)
        # Portal, sign-in page; sign-in, home; link page; submission and its answer.
        asked = len(state.requests()) - first
        second = len(state.requests())
        with ThreadPoolExecutor(20) as pool:
            again = list(pool.map(lambda lab: lab.present(recorded=KEY), labs))
        assert not any(result.changed for result in again)
        asked_again = len(state.requests()) - second
    per_lab = asked / len(labs)
    assert per_lab <= 7, per_lab
    assert asked_again / len(labs) <= per_lab - 1
    assert sum(lab.submissions() for lab in labs) == len(labs)
