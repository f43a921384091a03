# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults that take the place of an answer; those that change a page are asked for where the page is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from werkzeug.utils import redirect
from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from .visit import Visit


class Hangup(Exception):
    """The connection is to be closed without an answer."""


def before(visit: Visit) -> Response | None:
    """Act out the faults that hit this request; a Response stands in for the page."""
    expired = visit.fault("session_expired")
    if expired is not None:
        visit.forget_session(everywhere=expired.value == "all")
    if visit.fault("lose_antiforgery"):
        visit.state.forget_tickets()
    slow = visit.fault("slow")
    if slow is not None:
        visit.site.stopping.wait(float(slow.value or 2))
    hang = visit.fault("hang")
    if hang is not None:
        visit.site.stopping.wait(float(hang.value or 60))
        raise Hangup
    if visit.fault("drop"):
        raise Hangup
    for kind, status, seconds in (("maintenance", 503, 120), ("rate_limited", 429, 2)):
        fault = visit.fault(kind)
        if fault is not None:
            return visit.message(kind, status, retry_after=fault.value if fault.value is not None else seconds)
    for kind, status in (("server_error", 500), ("captcha", 200), ("survey", 200), ("bot_check", 403)):
        if visit.fault(kind):
            return visit.message(kind, status)
    away = visit.fault("open_redirect")
    if away is not None:
        return redirect(away.value or f"{visit.site.origins.foreign}/collect", 307)
    return None
