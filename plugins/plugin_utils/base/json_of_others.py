# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON that others wrote."""

from __future__ import annotations

import json


def loads(text: str) -> object:
    """What a text holds.

    :raises ValueError: it is no JSON, or JSON that is nested deeper than anything that is meant.
    """
    try:
        found: object = json.loads(text)
    except RecursionError:
        raise ValueError("It is nested too deep.") from None
    return found
