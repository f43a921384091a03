# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages that are made to be work: read in seconds, or refused with the reason page_changed."""

from __future__ import annotations

import cProfile
import time

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.snapshots import blot
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.wire import Answer
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page import html_tree
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.reader import read_page

ADDRESS = "https://app.cloudresearch.com/"
# The processor's time; some of these took minutes, or ended in a RecursionError, when nothing was done about them.
# A tenth of what a page is given: those that are refused take all of it.
SECONDS_OF_WORK = 1.0
SECONDS = SECONDS_OF_WORK + 4
BUTTONS = "<div><button>x</button><input></div>"
HEAVY = {
    "400 rules": "<style>" + "".join(f".a .b{n} * > .c ~ div{{display:none}}" for n in range(400)) + "</style>"
    + "<div class='a c'>" * 60 + "<p>x</p>" * 2000,
    "rules for everything": "<style>" + "".join(f"body div{{display:none;x:{n}}}" for n in range(9000)) + "</style>"
    + "<div>x</div>" * 5000,
    "clever selectors": "<style>" + ":has(:has(:has(*))) :nth-child(2n+1 of :has(*)){display:none}" * 300 + "</style>"
    + "<div>x</div>" * 3000,
    "a style without end": "<style>" + "a" * 1_500_000 + "</style>",
    "a selector without end": "<style>" + "a" * 1_500_000 + " b{display:none}</style>",
    "comments without end": "<style>" + "/*" * 700_000 + "</style>",
    "800 nested inputs": "<div><input>" * 800,
    "190 nested inputs": "<div><input>" * 190,
    "flat inputs": "<input>" * 900 + "<button>x</button>",
    "inputs behind text": "<b>x</b><input>" * 900,
    "inputs in a table": "<table>" + "<tr><td>x</td><td><input></td></tr>" * 900 + "</table>",
    "buttons and inputs": BUTTONS * 450,
    "too many inputs": "<input>" * 5000,
    "3,000 nested divs": "<div>" * 3000,
    "nested links": "<a href=/x>" * 190 + "<i>x</i>" * 15_000,
    "nested notices": "<div class=alert>" * 190 + "<i>x</i>" * 15_000,
    "menus": "<button>x</button>" + "<ul class=menu hidden><li><a href=/x>x</a></ul>" * 4000,
    "many elements": "<i></i>" * 100_000,
    "many forms": "<form>" * 5000,
    "many labels": "<label for=x>" * 5000 + "<input id=x>",
    "references": "<p id=x>" + "word " * 5000 + "</p>" + ("<input aria-labelledby='" + "x " * 2000 + "'>") * 100,
    "one long word": "<p>" + "x" * 1_500_000,
    "one long name": "<button>" + "link mechanical turk " * 60_000 + "</button>",
    "one long attribute": "<meta http-equiv=refresh content='1" + " " * 500_000 + "x'>",
    "scripts": "<script>" + "location='" * 150_000 + "</script>",
    "submits": "<script>" + ". " * 500_000 + "</script>",
    "tags without end": "<a <b " * 300_000,
    "tags with one end": "<a <b " * 150_000 + ">",
    "attributes without end": "<a b='" * 300_000,
    "comments of markup without end": "<!--" * 400_000,
    "comments with one end": "<!--" * 400_000 + "-->",
    "end tags without end": "</" * 900_000,
    "sections without end": "<![CDATA[" * 200_000,
    "instructions without end": "<?x " * 400_000,
    "references without a number": "&#" * 900_000,
    "references without end": "&#1" * 600_000,
    "as many references as are read": "&a &#1" * 9_900,
    "names without end": "&a" * 900_000,
    "megabytes": "x" * 3_000_000,
}  # fmt: skip


# What a browser has run is read by the same code, without judging style rules.
WITH_SCRIPTS = ("800 nested inputs", "nested links", "many elements")


@pytest.mark.parametrize(
    ("name", "scripts_run"), [*((name, False) for name in HEAVY), *((name, True) for name in WITH_SCRIPTS)]
)
def test_a_heavy_page_is_read_or_refused_in_seconds(
    name: str, scripts_run: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(html_tree, "_SECONDS_OF_WORK", SECONDS_OF_WORK)
    start = time.thread_time()
    try:
        read_page(HEAVY[name], ADDRESS, scripts_run=scripts_run)
    except CollectionError as exc:
        assert exc.reason == "page_changed"
        assert "manual" in exc.next_step
    assert time.thread_time() - start < SECONDS


def test_a_large_page_of_a_real_product_is_read() -> None:
    rows = "".join(f"<tr><td>{n}<td><a href=/study/{n}>Study {n}</a><td><span>open</span></tr>" for n in range(900))
    page = read_page(f"<nav><a href=/mturk>Link Mechanical Turk</a></nav><table>{rows}</table>", ADDRESS)
    assert len(page.links) == 901


ROWS = {
    "fields in a column": "<tr><td><input><td><a href=/x>x</a>",
    "menus": "<tr><td>x<td><div class=menu><a href=#>Actions</a><ul hidden><li><a href=/x>x</a></ul></div>",
    "labelled fields": "<tr><td><label for=f>x</label><td><input id=f>",
    "cards": "<div><h3>x</h3><button>x</button></div>",
    "notices": "<div class=alert><p>x</div>",
    "forms": "<h2>x</h2><form><input><button>x</button></form>",
}


def calls_for(row: str, count: int) -> int:
    profile = cProfile.Profile()
    style = "<style>.menu ul{display:none} td a{color:red}</style>"
    profile.runcall(read_page, f"{style}<table>{row * count}</table>", ADDRESS)
    return sum(entry.callcount for entry in profile.getstats())


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_twice_the_page_is_twice_the_work(row: str) -> None:
    calls_for(row, 2)
    small, large = calls_for(row, 50), calls_for(row, 100)
    assert large < 2.04 * small


def test_style_rules_still_count() -> None:
    css = """
    /* a { display: none } */ @media print { .p { display: none } }
    @media (min-width: 3px) { .wide, div.q > a { display: none } }
    @keyframes k { from { display: none } } @import url(x.css);
    .h:not(.open) { display: none !important } .menu:hover ul { display: block } [data-x="1"] { visibility: hidden }
    """
    html = f"""<style>{css}</style><a class=p href=/p>p</a><a class=wide href=/w>w</a>
    <div class=q><a href=/q>q</a></div>
    <a class=h href=/h>h</a><a class="h open" href=/o>o</a><a data-x=1 href=/x>x</a><a href=/z>z</a>"""
    assert [link.label for link in read_page(html, ADDRESS).links] == ["p", "o", "z"]


@pytest.mark.parametrize("charset", ["punycode", "idna", "undefined", "unicode_escape", "utf-7", "iso-8859-99"])
def test_encodings_that_are_none_of_the_web_are_read_as_utf_8(charset: str) -> None:
    """Python has codecs that take time by the square, that fail at what they cannot read, or that make other text."""
    text = f"Gr\u00fc\u00dfe \\x3cb> +ADw-b> {'a' * 200_000}-{'b9' * 100_000}"
    for header, page in ((f"text/html; charset={charset}", text), ("text/html", f"<meta charset={charset}>{text}")):
        answer = Answer("https://app.cloudresearch.com/", 200, {"content-type": header}, page.encode())
        assert answer.text == page


def test_encodings_of_the_web_are_read() -> None:
    for charset in (
        "utf-8",
        "UTF8",
        "iso-8859-1",
        "windows-1252",
        "utf-16",
        "latin1",
        "koi8-r",
        "shift_jis",
        "gb18030",
    ):
        text = "\u041f\u0440" if charset in ("koi8-r", "shift_jis", "gb18030") else "Gr\u00fc\u00dfe"
        header = {"content-type": f'text/html; charset="{charset}"'}
        assert Answer("https://app.cloudresearch.com/", 200, header, text.encode(charset)).text == text


def test_blotting_a_long_word_is_quick() -> None:
    start = time.thread_time()
    blot("x." * 400_000)
    assert time.thread_time() - start < SECONDS
