# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import sys
import time
import unicodedata

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.text import printable, printable_values


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("Zoë, 研究室, לעב, é, 👩", "Zoë, 研究室, לעב, é, 👩"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;a title\x07after", "after"),
        ("\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\", "click"),
        ("\x9d52;c;Y29weQ==\x9cafter", "after"),
        ("\x1bP1$r0m\x1b\\after", "after"),
        ("\x1b]0;nothing ends it", "0;nothing ends it"),
        ("\x1bcreset", "reset"),
        ("a lone \x1b", "a lone "),
        ("a\x00b\x08c\x7fd\x9be", "abcd"),
        ("over\rwritten", "over\nwritten"),
        ("line\r\nend\x85next\u2028more\u2029last", "line\nend\nnext\nmore\nlast"),
        ("gnp\u202egpj.exe\u202c", "gnpgpj.exe"),
        ("\u2066iso\u2069\u061c\u200e\u200f", "iso"),
        ("ze\u200bro\u200d\u2060\ufeff\u00ad", "zero"),
        ("tag\U000e0041", "tag"),
        ("lone \ud800", "lone "),
    ],
)
def test_what_is_shown(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_no_character_that_acts_gets_through() -> None:
    everything = "".join(chr(code) for code in range(sys.maxunicode + 1))
    shown = printable(" ".join(everything))
    acting = {char for char in shown if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert acting == {"\n", "\t"}


def test_twice_is_as_once() -> None:
    """Taking one sequence out must not make another one out of what was around it."""
    for inner in ("\x1b[31m", "\x1b]0;x\x07", "\x1bc"):
        for outer in ("\x1b", "\x1b[", "\x9b", "\x1b]0;"):
            once = printable(f"{outer}{inner}31m text")
            assert printable(once) == once


@pytest.mark.parametrize("part", ["\x1b", "\x1b[", "\x1b[1", "\x1b]", "\x1b]x", "\x9b1;", "\x9d", "\x1bP", "\u202e"])
def test_the_work_is_linear(part: str) -> None:
    begin = time.process_time()
    printable(part * 20_000)
    assert time.process_time() - begin < 2


def test_values_at_any_depth() -> None:
    assert printable_values({"a\x1b[1m": ["\x07b", ("c\u202e",)], "n": 7, "none": None}) == {
        "a": ["b", ("c",)],
        "n": 7,
        "none": None,
    }
