# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a snapshot of a page that was not understood to a rendering of the local stack whose test fails, then passes."""

from __future__ import annotations

import importlib.util
import pathlib
import sys
from collections.abc import Iterator

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.snapshots import blotted_page
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.changed import PageChanged
from tests.simulator.portal import PRODUCTS, PortalServer, PortalState, rendering, serve_portal
from tests.simulator.portal.products import Product
from tests.stack.portal_site import KEY, Lab, verify

# Pages as a portal might have them tomorrow; the words that teach each, where the present ones do not do.
PAGES = {
    "sign-in": (
        "<title>Welcome back</title><base href='https://elsewhere.example/'><script src=/app.js></script>"
        "<form action='https://account.cloudresearch.com/in?state=abc'>"
        "<label>Email<input name=Input.Who value=pi@uni.example></label>"
        "<label>Password<input type=password name=Input.Phrase></label><button>Log in</button></form>"
        "<a href=https://elsewhere.example/>About us</a>",
        {},
    ),
    "home": (
        "<title>Dashboard</title><h1>Studies</h1><nav><a href=/a>Dashboard</a><a href=/b>Worker marketplace</a>"
        "<a href=/c>Log out</a></nav><form action=/find><input type=search name=q><button>Find</button></form>",
        {"link_page": "Worker marketplace"},
    ),
    "link": (
        "<title>Link Mechanical Turk</title><h1>Link Mechanical Turk</h1><div><label>Marketplace user<input id=u>"
        "</label><label>Marketplace token<input id=t type=password></label><button>Submit</button></div>",
        {"access_key_id_field": "Marketplace user", "secret_access_key_field": "Marketplace token"},
    ),
}


@pytest.fixture
def site() -> Iterator[tuple[PortalState, PortalServer]]:
    state = PortalState(verify_key=verify)
    with serve_portal(state) as portal:
        yield state, portal


@pytest.mark.parametrize("page", PAGES)
def test_a_snapshot_becomes_a_rendering(
    page: str, site: tuple[PortalState, PortalServer], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    html, words = PAGES[page]
    snapshot = tmp_path / "snapshot.html"
    snapshot.write_text(f"<!-- 200 https://app.cloudresearch.com/x -->\n{blotted_page(html, [])}", encoding="utf-8")
    name = f"snapshot_of_{page.replace('-', '_')}"
    leads = "Worker marketplace" if page == "home" else ""
    rendering.write(snapshot, name, page, leads, 2026, tmp_path)

    place = f"tests.simulator.portal.products.{name}"
    spec = importlib.util.spec_from_file_location(place, tmp_path / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, place, module)
    spec.loader.exec_module(module)
    monkeypatch.setitem(PRODUCTS, name, Product(module.EXERCISES, module.answer))

    state, _portal = site
    lab = Lab(*site, name, "http", tmp_path)
    if words:
        with pytest.raises(PageChanged) as caught:
            lab.present()
        assert caught.value.details["page_changed"]["setting"] in words
        assert lab.submissions() == 0
    lab.options["portal"] = words
    assert lab.present().link.status == "linked"
    again = lab.present(recorded=KEY)
    assert (again.changed, again.link.status) == (False, "linked")
    assert lab.absent(recorded=KEY).link.status == "not_linked"
    assert not state.stray_forms


@pytest.mark.parametrize(
    ("html", "arguments", "said"),
    [
        ("<p>Nothing to fill in</p>", ["odd_page", "--page", "link"], "driver: browser"),
        ("<p>Home</p>", ["odd_page", "--page", "home", "--leads", "Marketplace"], "Copy the words"),
        ("<p>Home</p>", ["Odd page", "--page", "home"], "no name"),
        ("<p>Home</p>", ["wizard", "--page", "home"], "already"),
    ],
)
def test_what_cannot_be_a_rendering_is_told(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str], html: str, arguments: list[str], said: str
) -> None:
    snapshot = tmp_path / "snapshot.html"
    snapshot.write_text(html)
    assert rendering.main([str(snapshot), *arguments]) == 1
    assert said in capsys.readouterr().err
    assert not (rendering.PRODUCTS / "odd_page.py").exists()
