# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as proof of a link, and what does not."""

from __future__ import annotations

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link.signs import Masked, Signs, read_signs
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link.state import KnownKey, LinkState
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link.state import judge as judge_key
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.reader import read_page
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.wording import Wording

KEY, OTHER = "AKIAIOSFODNN7LABWXYZ", "AKIAIOSFODNN7LABOTHR"


def signs(html: str) -> Signs:
    return read_signs(read_page(html, "https://app.cloudresearch.com/link"), Wording())


def judge(found: Signs, key: str = "", recorded: str = "", *, used: bool = False) -> LinkState:
    return judge_key(found, KnownKey(key, recorded_access_key_id=recorded, used_by_portal=used))


SHOWS_THIS_KEY = {
    "whole": f"<p>Linked Access Key ID: <code>{KEY}</code></p>",
    "in a cell": f"<table><tr><td>Access key</td><td>{KEY}</td><td><button>Remove</button></td></tr></table>",
    "in a field": f"<form><label>Access Key ID<input value={KEY}></label></form>",
    "in a locked field": f"<form><label>Access Key ID<input readonly value={KEY}></label></form>",
    "stars": "<p>Linked key: ****************WXYZ</p>",
    "prefix and stars": "<p>Access Key ID: AKIA************WXYZ</p>",
    "bullets apart": "<dl><dt>Access key<dd>•••• •••• •••• WXYZ</dl>",
    "dots": "<p>Your key AKIA…WXYZ is linked.</p>",
    "ending": "<p>Mechanical Turk is linked with the key ending in WXYZ.</p>",
    "long beginning": "<p>Linked access key AKIAIOSFODNN************</p>",
    "beside the documentation's example": f"<p>It looks like AKIAIOSFODNN7EXAMPLE.</p><p>Current key: {KEY}</p>",
    "beside former ones": f"<p>Current key: {KEY}</p><h3>History</h3><p>{OTHER} was removed in May.</p>",
    "with its secret masked": f"<p>Access Key ID: {KEY}</p><p>Secret access key: ••••••••OTHR</p>",
}


@pytest.mark.parametrize("name", SHOWS_THIS_KEY)
def test_the_page_shows_this_key(name: str) -> None:
    state = judge(signs(SHOWS_THIS_KEY[name]), KEY)
    assert (state.status, state.evidence, state.access_key_id) == ("linked", "page", KEY), state


SHOWS_ANOTHER = {
    "whole": f"<p>Linked Access Key ID: {OTHER}</p>",
    "masked": "<p>Linked key: ****************OTHR</p>",
    "beginning": "<p>Linked access key AKIAXXXXQQQQ************</p>",
    "ending": "<p>The key ending in OTHR is linked.</p>",
}


@pytest.mark.parametrize("name", SHOWS_ANOTHER)
def test_the_page_shows_another_key(name: str) -> None:
    state = judge(signs(SHOWS_ANOTHER[name]), KEY, KEY, used=True)
    assert (state.status, state.evidence) == ("other_key", "page"), state


SAYS_NOTHING_OF_THE_KEY = {
    "balance": "<p>MTurk balance: $25.00</p>",
    "statement": "<p>Your Mechanical Turk account is linked.</p>",
    "two letters": "<p>Linked key: ******************YZ</p>",
    "masked secret": "<p>Mechanical Turk is linked.</p><p>Secret access key: ************WXYZ</p>",
    "two keys": f"<p>Access keys: {KEY}, {OTHER}</p>",
}


@pytest.mark.parametrize("name", SAYS_NOTHING_OF_THE_KEY)
def test_without_proof_it_is_unknown(name: str) -> None:
    state = judge(signs(SAYS_NOTHING_OF_THE_KEY[name]), KEY)
    assert (state.status, state.evidence, state.access_key_id) == ("unknown", "", ""), state


NOT_LINKED = {
    "statement": "<p>Mechanical Turk is not linked.</p>",
    "form only": "<p>To run studies once your account is linked, enter a key.</p><form><label>Access Key ID"
    "<input placeholder=AKIA...></label></form>",
    "no key": "<p>No access key on file.</p>",
    "example only": "<p>An access key ID looks like AKIAIOSFODNN7EXAMPLE.</p>",
    "card of the account": "<h2>Billing</h2><p>Visa **** **** **** WXYZ</p>",
    "hidden": f"<p hidden>Linked key: {KEY}</p><template>Current key: {KEY}</template><!-- {KEY} -->",
    "former": f"<p>Previous access key: {KEY} (removed)</p>",
    "refused": f"<p>Error: the key {KEY} is not valid.</p>",
}


@pytest.mark.parametrize("name", NOT_LINKED)
def test_nothing_is_linked(name: str) -> None:
    assert judge(signs(NOT_LINKED[name]), KEY).status == "not_linked"


def test_the_record_counts_where_the_page_hides_the_key() -> None:
    hidden = signs("<p>MTurk balance: $25.00</p>")
    assert judge(hidden, KEY, recorded=KEY).evidence == "record"
    other = judge(hidden, KEY, recorded=OTHER)
    assert (other.status, other.access_key_id, other.evidence) == ("other_key", OTHER, "record")


def test_a_denial_on_the_page_outdoes_the_record() -> None:
    assert judge(signs("<p>Mechanical Turk is not linked.</p>"), KEY, KEY, used=True).status == "not_linked"


def test_use_by_the_portal_proves_the_link() -> None:
    hidden = signs("<p>Mechanical Turk is linked.</p>")
    assert judge(hidden, KEY, used=True).evidence == "key_use"


def test_without_a_key_to_compare_any_link_counts() -> None:
    assert judge(signs(f"<p>Linked key: {OTHER}</p>")).access_key_id == OTHER
    assert judge(signs("<p>Mechanical Turk is linked.</p>")).status == "linked"
    assert judge(signs("<p>Mechanical Turk is not linked.</p>")).status == "not_linked"


@pytest.mark.parametrize(
    ("begins", "ends", "same"),
    [
        ("", "WXYZ", True),
        ("AKIA", "WXYZ", True),
        ("AKIAIOSF", "", True),
        ("", "XYZ", None),
        ("AKIA", "YZ", None),
        ("", "XXYZ", False),
        ("ASIA", "WXYZ", False),
    ],
)
def test_masked_keys_are_compared_with_caution(begins: str, ends: str, same: bool | None) -> None:
    assert Masked("*", begins, ends).compare(KEY) is same
