# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare what a page says with what is looked for, as forgivingly as a person and no more.

Two texts are the same if they differ in case, spacing, punctuation, typographic characters, word endings, or in words
that carry no meaning here ("your", "please", "Amazon"). Nothing is guessed from similar spelling.
"""

from __future__ import annotations

import functools
import re
import typing as t
import unicodedata

from ...base.text import printable

Words = tuple[str, ...]

# Scores of C(score); only their order matters.
EXACT = 100
SAME_CONTENT = 92
BEGINS = 80
CONTAINS = 66
ALL_WORDS = 52
# Below this, two texts have nothing to do with each other.
MATCH = 40


def word_set(text: str) -> frozenset[str]:
    """The words of a text between its spaces, for lists in code."""
    return frozenset(text.split())


_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
_QUOTES = re.compile("['\u2018\u2019\u201a\u201b\u02bc\u0060\u00b4]")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_NOT_WORD = re.compile(r"[^\w]+|_+")
_CLAUSE_END = re.compile(r"[.,!?;\u2026\u2022]+(?:\s+|$)|\n|\s[\u2013\u2014-]+\s")

# One word for its several spellings; these are how they look after splitting.
_SPELLINGS = {
    "2fa": "two factor | 2 factor | two step | 2 step | multi factor",
    "mturk": "mechanical turk | mech turk | m turk",
    "email": "e mail",
    "signin": "log in | log on | sign in | sign on | log ging in | signing in | logging in",
    "signout": "log out | log off | sign out | sign off",
    "signup": "sign up",
    "setup": "set up",
    "username": "user name",
    "password": "pass word",
    "passcode": "pass code",
    "unlink": "un link",
    "6digit": "six digit | 6 digit",
    "onetime": "one time",
}
_JOINED = [(tuple(said.split()), word) for word, spellings in _SPELLINGS.items() for said in spellings.split("|")]
_ALIASES = {
    "login": "signin",
    "logon": "signin",
    "logout": "signout",
    "logoff": "signout",
    "mfa": "2fa",
    "otp": "onetime",
    "identifier": "id",
    "ids": "id",
    "ok": "okay",
    "amt": "mturk",
    "mechanicalturk": "mturk",
}
_JOINED_FIRST = {said[0] for said, _word in _JOINED}

# Words without meaning for telling one thing from another.
_FILLERS = word_set(
    "a an the your my our this that these to with for of please here now via on at and or in into is are be it its "
    "amazon aws enter type provide account new required optional"
)
# Words that go with anything a button says.
_LIGHT = word_set("please now here the a an")
# Right before a statement, or in it, these take it back: "not successful", "will be locked".
_DENIALS = word_set(
    "not no never without will may might would could should can avoid prevent cannot cant dont isnt wasnt "
    "couldnt didnt wont nor neither from must"
)
# Anywhere before it in its clause, these make it a condition or a question: "once your account is linked".
_CONDITIONS = word_set("if before until unless when once after whether sure ensure how check")


def plain(text: str) -> str:
    """One line, one kind of space, nothing invisible and nothing that a terminal acts upon; for showing to a person."""
    bare = text.strip()
    if not (bare.isascii() and bare.isprintable()):
        bare = printable(unicodedata.normalize("NFKC", text))
    return " ".join(bare.split())


def _stem(word: str) -> str:
    if len(word) <= 3 or word.isdigit():
        return word
    for ending, least in (("ies", 3), ("ing", 3), ("ied", 3), ("ed", 3), ("es", 3), ("s", 3)):
        if word.endswith(ending) and len(word) - len(ending) >= least:
            if ending == "s" and word.endswith(("ss", "us", "is")):
                break
            word = word[: -len(ending)] + ("y" if ending in ("ies", "ied") else "")
            break
    if len(word) > 4 and word[-1] == word[-2] and word[-1] not in "ls":
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word.endswith("e") else word


@functools.lru_cache(maxsize=4096)
def spoken(text: str) -> Words:
    """The words of a text with their endings: C("Log in to M-Turk") gives C(("signin", "to", "mturk"))."""
    text = _QUOTES.sub("", _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)))
    raw = [word for word in _NOT_WORD.split(_CAMEL.sub(" ", text).casefold()) if word]
    result: list[str] = []
    position = 0
    while position < len(raw):
        word, length = raw[position], 1
        if word in _JOINED_FIRST:
            for pattern, joined in _JOINED:
                if tuple(raw[position : position + len(pattern)]) == pattern:
                    word, length = joined, len(pattern)
                    break
        result.append(_ALIASES.get(word, word))
        position += length
    return tuple(result)


@functools.lru_cache(maxsize=4096)
def words(text: str) -> Words:
    """The words of a text in one spelling each: C("Linking M-Turk") and C("link Mechanical Turk") agree."""
    return tuple(_ALIASES.get(_stem(word), _stem(word)) for word in spoken(text))


@functools.lru_cache(maxsize=4096)
def content(text: str) -> Words:
    """The words of a text that carry meaning; all of them if none does."""
    everything = words(text)
    return tuple(word for word in everything if word not in _FILLER_STEMS) or everything


_FILLER_STEMS = frozenset(_stem(word) for word in _FILLERS)


def _position_of(part: Words, whole: Words) -> int:
    """Where C(part) stands in C(whole) without a gap, or -1."""
    for start in range(len(whole) - len(part) + 1):
        if whole[start : start + len(part)] == part:
            return start
    return -1


def score(text: str, phrase: str) -> int:
    """How well C(text) fits C(phrase): EXACT down to MATCH, or 0."""
    said, wanted = words(text), words(phrase)
    if not said or not wanted:
        return 0
    if said == wanted:
        return EXACT
    said, wanted = content(text), content(phrase)
    if said == wanted:
        return SAME_CONTENT
    # Nearly no phrase fits, and its first word tells most of that.
    if wanted[0] not in said:
        return 0
    position, extra = _position_of(wanted, said), len(said) - len(wanted)
    if position == 0:
        return max(BEGINS - 2 * extra, MATCH + 12)
    if position > 0:
        return max(CONTAINS - 2 * extra, MATCH + 4)
    # The order of words changes easily ("MTurk linking"), the words of a longer sentence mean something else.
    if len(wanted) > 1 and extra <= 4 and set(wanted) <= set(said):
        return max(ALL_WORDS - 3 * extra, MATCH)
    return 0


def avoided(text: str, phrase: str, avoid: t.Iterable[str]) -> bool:
    """Whether one of the words in C(avoid) stands before C(phrase) in the text, or right behind it.

    "Secret access key" is no access key, "Access key ID (not the secret)" is one.
    """
    said, wanted = content(text), content(phrase)
    start = _position_of(wanted, said)
    reach = said if start < 0 else said[: start + len(wanted) + 1]
    return any(_position_of(words(word), reach) >= 0 for word in avoid)


def says_any(text: str, single: t.Iterable[str]) -> bool:
    """Whether one of some single words is anywhere in a text."""
    said = set(words(text))
    return any(said.issuperset(words(word)) for word in single)


def best(texts: t.Iterable[str], phrases: t.Sequence[str], avoid: t.Sequence[str] = (), *, strict: bool = False) -> int:
    """The best score of any text with any phrase; 0 if none matches.

    :param avoid: words that rule a text out, see C(avoided); a text that is exactly a phrase is never ruled out.
    :param strict: whether a phrase of one word has to be all that the text says.
    """
    highest = 0
    for text in texts:
        for phrase in phrases:
            reached = score(text, phrase)
            if (
                strict
                and reached < EXACT
                and len(content(phrase)) == 1
                and tuple(word for word in words(text) if word not in _LIGHT) != words(phrase)
            ):
                continue
            if reached > highest and (not avoid or reached == EXACT or not avoided(text, phrase, avoid)):
                highest = reached
    return highest


def _find_in_order(wanted: Words, said: Words, gap: int) -> tuple[int, int] | None:
    """The first place where C(wanted) stands in order with at most C(gap) other words between two of them."""
    for start, first in enumerate(said):
        if first != wanted[0]:
            continue
        position = start
        for word in wanted[1:]:
            following = said[position + 1 : position + 2 + gap]
            if word not in following:
                break
            position += 1 + following.index(word)
        else:
            return start, position
    return None


@functools.lru_cache(maxsize=256)
def _all_spoken(phrases: tuple[str, ...]) -> tuple[Words, ...]:
    return tuple(spoken(phrase) for phrase in phrases)


def says(text: str, phrases: t.Iterable[str], *, gap: int = 4) -> bool:
    """Whether a text states one of the phrases, rather than denying it or making it a condition.

    "Your account has been temporarily locked" says "account locked"; "after five tries your account will be locked"
    and "it was not successful" say nothing.
    """
    wanted_words = _all_spoken(tuple(phrases))
    for clause in _CLAUSE_END.split(text):
        # Endings count here: "Link account" is a button, "linked account" a statement.
        said = spoken(clause)
        all_said = set(said)
        for wanted in wanted_words:
            # Nearly no phrase is there at all, and a set tells that at once.
            place = _find_in_order(wanted, said, gap) if wanted and all_said.issuperset(wanted) else None
            if place is None:
                continue
            start, end = place
            before = set(said[:start])
            around = {word for word in said[max(0, start - 3) : end] if word not in wanted}
            if not _DENIALS & around and not (_CONDITIONS - set(wanted)) & (before | around):
                return True
    return False


def first_saying(texts: t.Iterable[str], phrases: t.Iterable[str], *, gap: int = 4) -> str:
    """The first text that states one of the phrases, see C(says); empty if none does."""
    return next((text for text in texts if says(text, phrases, gap=gap)), "")
