# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a secret can look where somebody else has written it down: in a request, on a page, in an address."""

from __future__ import annotations

import base64
import functools
import json
import re
import urllib.parse

from ..page.matching import plain


def spellings(value: str) -> set[str]:
    """How a value can look inside a request."""
    return {
        value,
        urllib.parse.quote(value, safe=""),
        urllib.parse.quote_plus(value),
        urllib.parse.quote(value),
        json.dumps(value)[1:-1],
        base64.b64encode(value.encode()).decode().rstrip("="),
    }


@functools.lru_cache(maxsize=8)
def any_of(secrets: tuple[str, ...]) -> re.Pattern[str] | None:
    """What finds these secrets in a text, in any of their spellings, case and white space; None if there are none.

    What a page says is shown as C(plain) has it, so that is how a secret is looked for, too.
    """
    found = {written for secret in secrets for one in (secret, plain(secret)) for written in spellings(one)}
    patterns = [_pattern(written) for written in sorted(found, key=len, reverse=True) if written.strip()]
    return re.compile("|".join(patterns), re.IGNORECASE) if patterns else None


def _pattern(written: str) -> str:
    # Between words, addresses have other signs than texts.
    return r"[\s_.+-]*".join(r"\s*".join(map(re.escape, word)) for word in written.split())
