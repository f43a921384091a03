# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cards that are told apart by their headings, and what a page only means to do."""

from __future__ import annotations

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link.signs import read_signs
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.changed import PageChanged
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.finder import Finder
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.reader import read_page
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.wording import Wording

ADDRESS = "https://app.cloudresearch.com/integrations"
KEY = "AKIAGOODGOODGOODGOOD"


def card(name: str, button: str = "Connect") -> str:
    return f"<article><h3>{name}</h3><p>Use {name}.</p><p><button>{button}</button></p></article>"


def way(html: str) -> str:
    found = Finder(Wording()).way_to_link_page(read_page(html, ADDRESS), lambda _address: True)
    return "; ".join(name.text for name in found.names) if found else ""


def test_a_button_goes_by_its_cards_heading() -> None:
    assert "Connect Mechanical Turk" in way(card("Slack") + card("Mechanical Turk") + card("Prolific"))
    assert "Manage Mechanical Turk" in way(card("Slack") + card("Mechanical Turk", "Manage"))


def test_a_heading_above_a_lonely_button_is_no_card() -> None:
    assert way("<section><h3>Mechanical Turk</h3><button>Connect</button></section>") == ""


def test_a_heading_over_several_cards_names_none_of_them() -> None:
    rows = "<div><p>Slack</p><button>Connect</button></div><div><p>Zapier</p><button>Connect</button></div>"
    assert way(f"<h2>Mechanical Turk</h2>{rows}") == ""
    with pytest.raises(PageChanged) as caught:
        way(f"<section><h2>Mechanical Turk</h2>{rows}</section><section><h2>More</h2></section>")
    assert caught.value.ambiguous


def signs_of(text: str) -> tuple[list[str], bool]:
    signs = read_signs(read_page(f"<h1>Link Mechanical Turk</h1><p>{text}</p>", ADDRESS), Wording())
    return signs.ids, signs.linked


def test_what_is_about_to_be_linked_is_not_linked() -> None:
    for text in (f"You are about to link {KEY}.", f"The key {KEY} will be linked.", f"Ready to link {KEY}?"):
        assert signs_of(text) == ([], False), text
    assert signs_of(f"Linked access key: {KEY}") == ([KEY], True)
