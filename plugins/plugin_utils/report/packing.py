# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON without the names of its fields, which are most of a large report: each set of names is written once.

An object becomes a list of the number of its set and its values, another list gets a 0 in front. C(page.js) unpacks the
same way.
"""

from __future__ import annotations

import json
import typing as t


class Packed(t.TypedDict):
    """Packed JSON: the sets of names, whose numbers begin at 1, and the values."""

    names: list[list[str]]
    value: object


def pack(value: t.Mapping[str, object], dumps: t.Callable[[object], str] = json.dumps) -> str:
    """The text of a packed object, whose lists are packed piece by piece: all of them take many times the memory.

    :param dumps: writes JSON.
    """
    numbers: dict[tuple[str, ...], int] = {tuple(value): 1}

    def packed(each: object) -> object:
        if isinstance(each, dict):
            return [numbers.setdefault(tuple(each), len(numbers) + 1), *map(packed, each.values())]
        return [0, *map(packed, each)] if isinstance(each, list) else each

    def text(each: object) -> str:
        if isinstance(each, list):
            return f"[{','.join(['0', *(dumps(packed(item)) for item in each)])}]"
        return dumps(packed(each))

    values = ",".join(["1", *map(text, value.values())])
    return f'{{"names":{dumps(list(numbers))},"value":[{values}]}}'


def unpack(value: object) -> object:
    """What was packed.

    :raises ValueError: or KeyError, TypeError, IndexError, AttributeError: it is nothing that C(pack) made.
    """
    packed = t.cast(Packed, value)
    names = packed["names"]

    def unpacked(each: object) -> object:
        if not isinstance(each, list):
            return each
        number, *values = each
        if number == 0:
            return list(map(unpacked, values))
        return dict(zip(names[number - 1], map(unpacked, values), strict=True))

    return unpacked(packed["value"])
