# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain elements that react to clicks, and the choice of what to sign in to."""

from __future__ import annotations

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.changed import PageChanged
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.elements import Page
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.finder import Finder
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.reader import read_page
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.wording import Wording

ADDRESS = "https://account.cloudresearch.com/Account/Login"


def page_of(*cards: str) -> Page:
    return read_page("<title>Sign in</title>" + "".join(cards), ADDRESS)


def card(destination: str, text: str) -> str:
    return f'<div class="card" data-app-destination="{destination}"><h3>{text}</h3><p>More about it</p></div>'


def chosen(*cards: str, **words: list[str]) -> str:
    button = Finder(Wording.from_overrides(words)).application(page_of(*cards))
    return button.label if button else ""


PARTICIPANT = card("Connect_Participant", "Researcher of the day")


def test_the_first_words_of_the_list_decide() -> None:
    cards = [PARTICIPANT, card("x", "Connect researcher"), card("y", "Toolkit"), card("z", "MTurk Toolkit")]
    assert chosen(*cards).startswith("MTurk Toolkit")
    assert chosen(*cards[:3]).startswith("Toolkit")
    assert chosen(*cards[:2]).startswith("Connect researcher")


def test_a_card_is_known_by_where_it_leads_too() -> None:
    assert chosen(PARTICIPANT, card("Connect_Researcher", "Run studies")).startswith("Run studies")


@pytest.mark.parametrize(
    "text", ["Participant", "Connect participants", "Toolkit for workers", "Researcher (participant view)"]
)
def test_a_participants_card_is_never_chosen(text: str) -> None:
    assert chosen(card("x", text), application_card=[text, "Toolkit", "Researcher"]) == ""
    assert chosen(PARTICIPANT, application_card=["Researcher of the day"]) == ""


def test_two_equal_cards_are_a_question() -> None:
    with pytest.raises(PageChanged) as caught:
        chosen(card("x", "Toolkit"), card("y", "Toolkit"))
    assert caught.value.ambiguous
    assert "application_card" in caught.value.next_step


@pytest.mark.parametrize(
    ("html", "plain"),
    [
        ('<div onclick="go()">Toolkit</div>', True),
        ('<section data-goto="/toolkit">Toolkit</section>', True),
        ("<div>Toolkit</div>", False),
        ('<div data-app-destination="x"><a href="/x">Toolkit</a></div>', False),
        ('<button onclick="go()">Toolkit</button>', False),
        ('<div onclick="close()"><form><input name=q></form></div>', False),
    ],
)
def test_what_counts_as_a_plain_element_that_is_pressed(html: str, plain: bool) -> None:
    assert any(button.plain for button in page_of(html).buttons) is plain
