# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words for what MTurk said of a key."""

from __future__ import annotations

import enum


class Status(enum.StrEnum):
    """What was observed in an environment; the words are C(mturk_requester_check)'s."""

    LINKED = "linked"
    NOT_LINKED = "not_linked"
    INVALID_CREDENTIALS = "invalid_credentials"
    ACCESS_DENIED = "access_denied"
    TEMPORARY_CREDENTIALS = "temporary_credentials"
    CLOCK_SKEW = "clock_skew"
    THROTTLED = "throttled"
    UNREACHABLE = "unreachable"
    SERVICE_CLOSED = "service_closed"
    ERROR = "error"
    NOT_CHECKED = "not_checked"
