# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of AWS, or of whoever answers in its place, end, also where an answer comes a byte at a time.

What botocore calls a time limit is one for each read. The size of an answer is not limited: botocore has no documented
way to read one in pieces.
"""

from __future__ import annotations

import functools
import typing as t

from ..base import limited_answers
from .client_calls import Call, wrap_calls

try:
    import botocore.config
    import botocore.exceptions
    import botocore.session
except ImportError:  # AwsConnection says what is missing
    pass

# An answer is whole within so many times the seconds in which it has to begin.
_WHOLE_WITHIN = 2
# The longest that botocore waits before it sends a call again ("Retries" in boto3's documentation).
_LONGEST_PAUSE = 20.0
# Seconds in place of a limit that the operator took away.
_UNLIMITED = 600.0


def limit_calls(session: botocore.session.Session) -> None:
    """Let no call of the clients that a session of botocore makes from now on last without end.

    One that does ends as botocore's C(ReadTimeoutError).
    """
    wrap_calls(session, _limited)


def _limited(call: Call) -> Call:
    @functools.wraps(call)
    def limited(client: t.Any, *arguments: object, **options: object) -> t.Any:
        try:
            return limited_answers.in_time(lambda: call(client, *arguments, **options), _seconds(client.meta.config))
        except TimeoutError as exc:
            raise botocore.exceptions.ReadTimeoutError(endpoint_url=client.meta.endpoint_url, error=exc) from None

    return limited


def _seconds(config: botocore.config.Config) -> float:
    """How long a call may last with all its tries; an operator's configuration can leave out what it is made of."""
    connect, answer = config.connect_timeout or _UNLIMITED, config.read_timeout or _UNLIMITED
    tries = (config.retries or {}).get("total_max_attempts", 1)
    return float(tries * (connect + _WHOLE_WITHIN * answer) + (tries - 1) * _LONGEST_PAUSE)
