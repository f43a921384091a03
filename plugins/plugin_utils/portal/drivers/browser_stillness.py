# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells documents that stay as they were sent, as error pages often do: nobody has to wait for them to change."""

from __future__ import annotations

import re
import typing as t

try:
    from playwright.async_api import Error as PlaywrightError
except ImportError:
    pass

if t.TYPE_CHECKING:
    from playwright.async_api import Response

# Scripts, handlers in attributes, documents within the document, refreshing, and SVG's own animations. Those of a style
# sheet are left out, because the browser can be asked for them.
_ACTS = re.compile(
    r"""<(script|i?frame|frameset|object|embed|animate|set)\b|[\s"'/]on[a-z]+\s*=|\bhttp-equiv\s*=\s*["']?\s*refresh""",
    re.IGNORECASE,
)


def is_still(source: str) -> bool:
    """Whether nothing in a document's source could change the page without anybody doing something."""
    return not _ACTS.search(source)


async def stays_as_sent(response: Response) -> bool:
    """Whether the document of an answer that has arrived cannot change by itself; False if that cannot be told."""
    if "refresh" in response.headers:
        return False
    try:
        return is_still(await response.text())
    except (PlaywrightError, UnicodeDecodeError):
        return False
