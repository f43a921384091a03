# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prepares, once in the parent, what reading the portal's pages needs."""

from __future__ import annotations

from ..page import html_tree as tree
from ..page import matching as words
from ..page.wording import Wording


def warm_up_portal() -> None:
    """Read a page and the wording before workers are forked.

    Beautiful Soup builds its table of HTML's entities when it meets the first one, which takes longer than signing in.
    The words of a phrase are remembered.
    """
    if tree.HAS_BS4:
        tree.parse("<p>&copy;</p>")
    for phrases in Wording():
        for phrase in phrases:
            words.content(phrase)
