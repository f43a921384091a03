# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each product of the local stack over HTTP (link, look again, replace another key, unlink), and many in a browser."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Iterator

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.changed import PageChanged
from tests.simulator.portal import PRODUCTS, PortalServer, PortalState, serve_portal
from tests.stack import product_table
from tests.stack.portal_site import KEY, OTHER_KEY, OTHER_SECRET, TOTP, Lab, verify

_numbers = itertools.count()


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[PortalState, PortalServer]]:
    state = PortalState(verify_key=verify)
    with serve_portal(state) as portal:
        yield state, portal


def forget_codes(lab: Lab) -> None:
    """Let an authenticator's code be used again at both ends, so that nobody waits for the next half minute."""
    lab.wait_for_new_code()
    lab.options["state_dir"] = str(lab.directory / f"state-{next(_numbers)}")


# What is particular about it shows at once, and each of its pages takes seconds to read.
SLOW = ("large",)


def whole_round(lab: Lab, *, whole: bool = True) -> None:
    """Link, look again, replace another key, unlink.

    In a browser, looking again is the beginning of unlinking, which is tried where HTTP cannot do it; another key is
    replaced by linking this one.
    """
    lab.options["timeout"] = 300
    first = lab.present()
    assert (first.before.status, first.changed, first.link.status) == ("not_linked", True, "linked")
    assert (lab.linked(), lab.submissions()) == (KEY, 1)
    forget_codes(lab)
    if lab.driver == "http":
        again = lab.present(recorded=KEY)
        assert (again.changed, again.link.status, lab.submissions()) == (False, "linked", 1)
        forget_codes(lab)
    if not whole:
        return
    if lab.driver == "http":
        lab.state.set_linked(lab.email, OTHER_KEY, OTHER_SECRET)
        replaced = lab.present()
        assert (replaced.before.status, replaced.changed, lab.linked()) == ("other_key", True, KEY)
        forget_codes(lab)
    removed = lab.absent(recorded=KEY)
    assert (removed.before.status, removed.changed, removed.link.status) == ("linked", True, "not_linked")
    assert lab.linked() == ""


CASES = [("http", name) for name in PRODUCTS] + [("browser", name) for name in product_table.for_a_browser(PRODUCTS)]


@pytest.mark.parametrize(("driver", "product"), CASES)
def test_a_product(
    product: str,
    driver: str,
    site: tuple[PortalState, PortalServer],
    tmp_path: pathlib.Path,
    request: pytest.FixtureRequest,
) -> None:
    browser = request.getfixturevalue("chromium") if driver == "browser" else None
    state, _portal = site
    strays = len(state.stray_forms)
    lab = Lab(*site, product, driver, tmp_path, browser, totp=TOTP)
    try:
        whole_round(lab, whole=product not in SLOW and (driver == "http" or product_table.needs_browser(product)))
        result = product_table.PASSES
    except PageChanged as exc:
        assert exc.needs_javascript, exc
        assert "needs a browser" in f"{exc.message} {exc.next_step}"
        assert lab.submissions() == 0
        result = product_table.NEEDS_BROWSER
    assert lab.failed_attempts() == 0
    assert not state.stray_forms[strays:]
    product_table.compare(product, driver, result)
