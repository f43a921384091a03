# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts are the same to the module where they are the same to a person, and no further."""

from __future__ import annotations

import itertools
import random

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page import matching as words
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.wording import Wording

PHRASES = sorted({phrase for phrases in Wording() for phrase in phrases})
SPACES = (" ", "  ", "\u00a0", "\t", "\n", "\u2009")
ENDS = ("", ":", " *", "…", " ›", "!", " \u200b", ".", "?")


def disguise(text: str, chance: random.Random) -> str:
    """The same text in other case, spacing, punctuation and invisible characters."""
    drawn = "".join(chance.choice(SPACES) if letter == " " else letter for letter in text)
    drawn = "".join(letter + ("\u00ad" if letter.isalpha() and chance.random() < 0.1 else "") for letter in drawn)
    drawn = drawn.replace("'", chance.choice("'\u2019\u2018"))
    return chance.choice(("", " ", "» ")) + chance.choice((drawn.upper(), drawn.lower(), drawn)) + chance.choice(ENDS)


@pytest.mark.parametrize("seed", range(5))
def test_disguises_do_not_matter(seed: int) -> None:
    chance = random.Random(seed)
    for phrase in PHRASES:
        assert words.score(disguise(phrase, chance), phrase) == words.EXACT, phrase


def test_scores_are_bounded_and_best_for_the_phrase_itself() -> None:
    chance = random.Random(7)
    for text, phrase in itertools.islice(
        zip(chance.sample(PHRASES, 200), chance.sample(PHRASES, 200), strict=True), 200
    ):
        reached = words.score(text, phrase)
        assert reached == 0 or words.MATCH <= reached <= words.EXACT
        assert reached <= words.score(phrase, phrase)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Sign-in", "log in"),
        ("LOG ON", "Login"),
        ("E-Mail", "email"),
        ("M-Turk", "Mechanical Turk"),
        ("MTurk", "mechanical turk"),
        ("AccessKeyID", "Access Key ID"),
        ("Two‑factor", "2-step"),
        ("Passcode", "pass code"),
        ("Username", "user name"),
        ("ＡＣＣＥＳＳ Ｋｅｙ ＩＤ", "access key id"),
    ],
)
def test_spellings_of_one_word(one: str, other: str) -> None:
    assert words.words(one) == words.words(other)


@pytest.mark.parametrize(
    ("text", "phrase", "least"),
    [
        ("Your AWS Access Key ID", "access key id", words.SAME_CONTENT),
        ("Link your Mechanical Turk account", "link mechanical turk", words.SAME_CONTENT),
        ("Linking MTurk", "link mechanical turk", words.EXACT),
        ("Access Key ID (20 characters)", "access key id", 70),
        ("MTurk account linking", "link mechanical turk", words.MATCH),
    ],
)
def test_small_changes_of_wording_match(text: str, phrase: str, least: int) -> None:
    assert words.score(text, phrase) >= least


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("Unlink Mechanical Turk", "link mechanical turk"),
        ("Link Prolific", "link mechanical turk"),
        ("Lonk Mechanical Turk", "link mechanical turk"),
        ("Secret", "access key id"),
        ("", "email"),
        ("***", "email"),
        ("Link the studies that you run elsewhere to those which you have on Mechanical Turk", "link mechanical turk"),
    ],
)
def test_other_things_do_not_match(text: str, phrase: str) -> None:
    assert words.score(text, phrase) == 0


def test_what_is_avoided_counts_before_and_right_behind_the_phrase_only() -> None:
    assert words.best(["Secret access key"], ["access key"], ["secret"]) == 0
    assert words.best(["Access key secret"], ["access key"], ["secret"]) == 0
    assert words.best(["Access key ID (not the secret)"], ["access key id"], ["secret"]) > 0


def test_a_phrase_of_one_word_has_to_be_all_if_strict() -> None:
    assert words.best(["Close your account"], ["close"], strict=True) == 0
    assert words.best(["Close"], ["close"], strict=True) == words.EXACT


SAID = [
    ("Your account has been temporarily locked.", "account locked"),
    ("Success! Your account is linked.", "success"),
    ("The key is not valid.", "not valid"),
    ("We couldn\u2019t verify this key", "couldn't"),
    ("Account: linked", "account linked"),
]
UNSAID = [
    ("After five wrong passwords your account will be locked.", "account locked"),
    ("To keep your account from being locked, never guess.", "account locked"),
    ("The submission was not successful.", "successful"),
    ("Once your account is linked, studies can start.", "is linked"),
    ("If your account is locked, call us.", "account locked"),
    ("Make sure that your AWS account is linked.", "is linked"),
    ("Link account", "linked account"),
    ("Unsuccessful", "successful"),
    ("Learn how success is measured", "success"),
]


@pytest.mark.parametrize(("text", "phrase"), SAID)
def test_statements_are_heard(text: str, phrase: str) -> None:
    assert words.says(text, [phrase])


@pytest.mark.parametrize(("text", "phrase"), UNSAID)
def test_denials_and_conditions_are_no_statements(text: str, phrase: str) -> None:
    assert not words.says(text, [phrase])
