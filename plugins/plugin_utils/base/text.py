# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text of others, made fit to be shown."""

from __future__ import annotations

import re
import typing as t
import unicodedata

# Sequences that terminals obey (ECMA-48): control sequences; the strings of OSC, DCS, SOS, PM and APC, with what they
# carry; other escapes. Each begins with ESC or with the one C1 character that stands for the same. No part runs over
# the beginning of another, so that the work stays linear. A string that nothing ends loses its beginning only.
_TERMINAL_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f])[^\x07\x1b\x80-\x9f]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]"
)

# Unicode's general categories: control characters (C0, DEL, C1), format characters (bidirectional controls, zero-width
# characters, soft hyphens, tags), lone surrogates.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs"})
_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")


def printable(text: str) -> str:
    """The text without what a terminal, a log or a reader could be deceived with; line ends and tabs stay.

    What comes from the portal, AWS, a roster, an organization or a page goes through here where it comes in.
    C(CollectionError) does it with all that it is given, so errors need nothing more.
    """
    if text.isascii() and text.isprintable():
        return text
    text = _LINE_ENDS.sub("\n", _TERMINAL_SEQUENCE.sub("", text))
    return "".join(char for char in text if char in "\n\t" or unicodedata.category(char) not in _INVISIBLE)


def printable_values(value: t.Any) -> t.Any:
    """The same for all texts in lists, tuples and dictionaries, keys included."""
    return with_each_text(printable, value)


def first_few(values: t.Sequence[str], most: int) -> str:
    """Values in a sentence: the first ones, and how many there are more."""
    more = len(values) - most
    return ", ".join(values[:most]) + (f" and {more:,} more" if more > 0 else "")


def with_each_text(change: t.Callable[[str], str], value: t.Any) -> t.Any:
    """A value with all texts changed in lists, tuples and dictionaries, keys included."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {with_each_text(change, name): with_each_text(change, entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [with_each_text(change, entry) for entry in value]
    return tuple(with_each_text(change, entry) for entry in value) if isinstance(value, tuple) else value
