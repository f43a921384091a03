# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What passes by itself, and how long it is waited for: a request that met it is made again, if it may be.

Silence is no hiccup: who does not answer at all is waited for once a run (see C(base.silence)).
"""

from __future__ import annotations

import random

# How often a request is made at most.
TRIES = 3

# Statuses that may be others the next moment (RFC 9110 and RFC 6585).
PASSING = frozenset({429, 500, 502, 503, 504})

# Seconds before the second try, from and to; twice that before the third.
_SHORTEST, _LONGEST = 0.1, 0.4


def pause(tries: int) -> float:
    """The seconds to wait after so many tries: longer each time, and not the same for all labs of a fleet."""
    return random.uniform(_SHORTEST, _LONGEST) * tries  # noqa: S311


def is_web_page(content_type: str) -> bool:
    """Whether an answer is a page for people, as proxies and parked addresses put in a service's place."""
    return content_type.strip().lower().startswith(("text/html", "application/xhtml"))
