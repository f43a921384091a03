# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prove that a new key works."""

from __future__ import annotations

import dataclasses
import time
import typing as t

from ..aws import connection as aws
from ..aws import errors
from .requester import Clock, Sleep, check_environment
from .status import Status

# Answers that say nothing of the key, although MTurk would not, or could not, tell its balance.
_SILENT_ON_KEY = frozenset({Status.UNREACHABLE, Status.SERVICE_CLOSED, Status.ERROR})


@dataclasses.dataclass(frozen=True)
class KeyProof:
    """Whether a new key works, and who said so.

    :param proved: the key can sign calls.
    :param by: V(mturk) when MTurk itself accepted the key, V(sts) when only AWS did, because MTurk's answer said
        nothing of the key.
    :param status: the last status that MTurk's answer came to (see RV(labops.cloudresearch.mturk_requester_check)).
    :param message: one sentence for people.
    """

    proved: bool
    by: str
    status: str
    message: str


def prove_key(
    connection: aws.AwsConnection,
    endpoints: t.Mapping[str, str | None],
    *,
    timeout: float,
    clock: Clock = time.monotonic,
    sleep: Sleep = time.sleep,
) -> KeyProof:
    """Wait until a new key works, at most C(timeout) seconds: IAM is eventually consistent.

    Any answer that MTurk gives only after it knows the key is proof, V(not_linked) too. Where its answer says nothing
    of the key, C(sts:GetCallerIdentity), which needs no permission, proves that AWS accepts the key. A denial can pass
    while a new user's policy spreads, so that is waited for before STS is asked.

    :param connection: signs with the new key.
    :param endpoints: as for C(check_environments); the first environment is asked.
    """
    environment, url = next(iter(endpoints.items()), ("production", None))
    deadline = clock() + timeout
    pause = 0.5
    while True:
        answer = check_environment(connection, environment, url)
        status = answer["status"]
        over = clock() + pause > deadline
        if status in (Status.LINKED, Status.NOT_LINKED):
            return KeyProof(True, "mturk", status, f"MTurk ({environment}) accepted the key.")
        asks_sts = status in _SILENT_ON_KEY or (status == Status.ACCESS_DENIED and over)
        if asks_sts and _sts_accepts(connection):
            message = f"AWS accepted the key; MTurk ({environment}) gave no answer to judge by: {answer['message']}"
            return KeyProof(True, "sts", status, message)
        if over or status == Status.CLOCK_SKEW:
            return KeyProof(False, "", status, answer["message"])
        sleep(pause)
        pause = min(pause * 2, 8.0)


def _sts_accepts(connection: aws.AwsConnection) -> bool:
    try:
        connection.client("sts").get_caller_identity()
    except errors.AWS_FAILURES:
        return False
    return True
