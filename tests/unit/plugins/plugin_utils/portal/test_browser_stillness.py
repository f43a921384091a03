# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which documents can change by themselves."""

from __future__ import annotations

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.browser_watch import is_still

STILL = (
    "",
    "<title>503</title><h1>Down for maintenance</h1><p>We are <b>on</b> it: a = b.</p>",
    "<link rel=stylesheet href=/site.css><form method=post action=/login><input name=one><button>Go</button></form>",
    '<meta charset="utf-8"><meta name="description" content="refreshing"><a href="/iframe">settings</a>',
)
ACTING = (
    "<script src=/app.js></script>",
    "<SCRIPT>draw()</SCRIPT>",
    "<body onload='draw()'>",
    "<img src=x onerror = draw()>",
    '<img src="x"onerror="draw()">',
    "<svg/onload=draw()>",
    "<iframe src=/inner></iframe>",
    "<frameset><frame src=/inner></frameset>",
    "<object data=/inner.html></object>",
    "<embed src=/inner.html>",
    '<meta http-equiv="Refresh" content="5; url=/next">',
    "<meta http-equiv=refresh content=5>",
    "<svg><rect><animate attributeName=display to=none begin=1s /></rect></svg>",
    "<svg><rect><set attributeName=display to=none begin=1s /></rect></svg>",
)


@pytest.mark.parametrize("source", STILL)
def test_what_stays_as_it_was_sent(source: str) -> None:
    assert is_still(source)


@pytest.mark.parametrize("source", ACTING)
def test_what_may_change(source: str) -> None:
    assert not is_still(source)
