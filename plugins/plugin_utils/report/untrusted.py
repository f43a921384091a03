# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that may be anything, as what a report may hold: text without what could deceive, known words, moments."""

from __future__ import annotations

import collections.abc
import functools
import re
import typing as t

from ..base.masking import mask_registered
from ..base.text import printable
from ..base.times import parse_time, timestamp

# Nothing else may become a link in the page: a javascript: address in an outcome stays text.
_URL = re.compile(r"https?://[^\s\"'<>`\\]+\Z", re.IGNORECASE)
# Python's own writer of mails fails at some that are none, such as a@[b.
_IN_EMAIL = r"[^\s@\"'<>(),:;\\?&%#\[\]]+"
_EMAIL = re.compile(rf"(?!\.|.*(?:\.\.|\.@|@\.|\.\Z)){_IN_EMAIL}@{_IN_EMAIL}\Z")
_AMOUNT = re.compile(r"-?\d{1,12}(\.\d{1,4})?")

Untrusted = t.Mapping[str, object]
Shape = t.TypeVar("Shape")


def text(value: object) -> str:
    """The value as text of any number of lines; empty for what is no single value."""
    if value is None or isinstance(value, (collections.abc.Mapping, list, tuple)):
        return ""
    return mask_registered(printable(str(value)).strip())


def line(value: object) -> str:
    """Text on one line: names, codes and identifiers."""
    return " ".join(text(value).split())


def lines(value: object) -> list[str] | None:
    """A list of such lines; None for what is no list."""
    return [line(item) for item in value] if isinstance(value, (list, tuple)) else None


def truth(value: object) -> bool | None:
    """True or false; None for anything else."""
    return value if isinstance(value, bool) else None


def count(value: object) -> int:
    """A number of things; 0 for what is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def one_of(value: object, words: t.Iterable[str], otherwise: str = "") -> str:
    """One of the words, as plain text, or C(otherwise)."""
    return str(next((word for word in words if word == value), otherwise))


def url(value: object) -> str:
    """An address on the web; empty for what is none."""
    return _text_if_matching(_URL, value)


def email(value: object) -> str:
    """An e-mail address; empty for what is none."""
    return _text_if_matching(_EMAIL, value)


def amount(value: object) -> str | None:
    """An amount of money, such as C(12.50); None for what is none."""
    found = text(value)
    return found if _AMOUNT.fullmatch(found) else None


def time(value: object) -> str:
    """A moment as the collection writes it; empty for what is none."""
    moment = parse_time(value)
    return timestamp(moment) if moment else ""


def mapping(value: object) -> Untrusted:
    """A dictionary; empty for anything else."""
    return value if isinstance(value, collections.abc.Mapping) else {}


def mappings(value: object) -> list[Untrusted]:
    """The dictionaries of a list; none for anything else."""
    if not isinstance(value, (list, tuple)):
        return []
    return [item for item in value if isinstance(item, collections.abc.Mapping)]


def shaped(shape: type[Shape], value: Untrusted, **judged: object) -> Shape:
    """What a value has of a shape of plain data, each field as its name or else its type says.

    :param judged: fields of which more is known than that.
    """
    fields = _fields(t.cast(t.Hashable, shape))
    return t.cast(
        Shape,
        {
            name: judged[name] if name in judged else (_BY_NAME.get(name) or _BY_TYPE[kind])(value.get(name))
            for name, kind in fields.items()
        },
    )


@functools.cache
def _fields(shape: t.Hashable) -> dict[str, object]:
    """A shape's fields and their types, worked out once for all labs."""
    return t.get_type_hints(t.cast(type[object], shape))


def all_shaped(shape: type[Shape], value: object) -> list[Shape]:
    """The same for each dictionary of a list."""
    return [shaped(shape, each) for each in mappings(value)]


def _text_if_matching(pattern: re.Pattern[str], value: object) -> str:
    found = text(value)
    return found if pattern.match(found) else ""


# How the fields of the report's shapes are read (C(model), C(evidence_shapes), C(lab.shapes)).
_MOMENTS = (
    *("created", "deactivated_at", "deleted_at", "last_used", "last_used_before", "looked_at", "retired_on"),
    *("suspended_on", "time"),
)
_BY_NAME: dict[str, t.Callable[[object], object]] = {
    **dict.fromkeys(_MOMENTS, time),
    **dict.fromkeys(("message", "next_step", "text", "why"), text),
    **dict.fromkeys(("available_balance", "on_hold_balance"), amount),
    "last_use_known": lambda value: value is not False,
    "url": url,
}
_BY_TYPE: dict[object, t.Callable[[object], object]] = {
    str: line,
    bool: lambda value: value is True,
    int: count,
    list[str]: lambda value: lines(value) or [],
    list[str] | None: lines,
    bool | None: truth,
    int | None: lambda value: int(value) if isinstance(value, int) and not isinstance(value, bool) else None,
}
