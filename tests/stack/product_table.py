# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of renderings and drivers in the portal guide: what stands there has to be what the tests find.

`make portal-table` writes it, with every rendering visited by both drivers. A visit in a browser costs thirty times as
much as one over HTTP, so otherwise a browser visits only those that it might see otherwise than the driver http does.
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterable

from tests.simulator.portal import PRODUCTS, RENDERINGS

GUIDE = pathlib.Path(__file__).parents[2] / "docs/docsite/rst/guide_portal.rst"
BEGIN, END = ".. The tests write this table (tests/stack/product_table.py).", ".. End of the table."
DRIVERS = ("http", "browser")
PASSES, NEEDS_BROWSER = "passes", "needs a browser"

WRITE = os.environ.get("PORTAL_TABLE") == "write"
# Plain forms drawn by the server: what is particular about them is in words, labels and the order of the pages, which
# one reader judges for both drivers. `classic` is visited in a browser by test_portal_reasons.py. A new rendering is
# not here.
SEEN_ALIKE = frozenset(
    (
        *("classic", "placeholder", "table", "definitions", "spans", "oidc_split", "hub", "reworded", "replace"),
        *("auth0", "cards", "keycloak", "wizard"),
    )
)

Rows = dict[str, list[str]]


def for_a_browser(names: Iterable[str]) -> list[str]:
    """The renderings that are visited in a browser now."""
    return [name for name in names if WRITE or name not in SEEN_ALIKE]


def what_it_exercises() -> dict[str, str]:
    """Every rendering of the local stack, with what it exercises."""
    return {
        **{name: rendering.exercises for name, rendering in RENDERINGS.items()},
        **{name: product.exercises for name, product in PRODUCTS.items()},
    }


def read() -> Rows:
    """The results in the guide, by rendering, in the order of DRIVERS."""
    text = GUIDE.read_text()
    lines = text[text.index(BEGIN) : text.index(END)].splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("   * - ``")]
    return {
        lines[start].split("``")[1]: [lines[start + offset].removeprefix("     - ") for offset in (2, 3)]
        for start in starts
    }


def needs_browser(name: str) -> bool:
    """Whether the driver http cannot read it, as the guide says; what is not in the guide yet may need one."""
    return WRITE or read().get(name, [NEEDS_BROWSER])[0] == NEEDS_BROWSER


def write(rows: Rows) -> None:
    """Put results into the guide."""
    text = GUIDE.read_text()
    drawn = [BEGIN, "", ".. list-table::", "   :header-rows: 1", "   :widths: 18 58 12 12", ""]
    drawn += ["   * - Rendering", "     - What is particular", "     - ``http``", "     - ``browser``"]
    for name, exercises in what_it_exercises().items():
        drawn += [f"   * - ``{name}``", f"     - {_plain(exercises)}"]
        drawn += [f"     - {result}" for result in rows.get(name, ["", ""])]
    GUIDE.write_text(text[: text.index(BEGIN)] + "\n".join([*drawn, "", ""]) + text[text.index(END) :])


def compare(name: str, driver: str, result: str) -> None:
    """Fail unless the guide says the same."""
    place, rows = DRIVERS.index(driver), read()
    if WRITE:
        rows.setdefault(name, ["", ""])[place] = result
        write(rows)
    assert read()[name][place] == result


def _plain(text: str) -> str:
    """Text without what reStructuredText would take for markup."""
    return "".join(f"\\{letter}" if letter in "*`|_\\" else letter for letter in text)
