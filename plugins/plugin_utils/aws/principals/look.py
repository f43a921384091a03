# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at a whole AWS account: who may call MTurk, and with which keys.

An account in which nothing is odd costs six calls, however many users it has up to a thousand: its identity, all users
and policies, its summary, two for the credential report, and the keys of the one user that may call MTurk.
"""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import functools
import threading
import time
import typing as t

from ...base.errors import CollectionError
from ...base.times import timestamp
from .. import caller, iam_keys
from ..connection import AwsConnection
from ..errors import AWS_FAILURES, aws_error, error_code
from . import credential_report, rights
from .shapes import KeyStatus, Principal, PrincipalKey, PrincipalKind, Principals, Right

# The most that IAM gives on one page.
PAGE_SIZE = 1000
# How long IAM may take for a new credential report: the waits between questions, in seconds. A large account takes some
# seconds; IAM says nothing about a limit.
REPORT_WAITS = (1, 2, 3, 4, 5, 5, 10, 10, 20)
# How many users' keys are asked for at once: IAM throttles an account's calls.
AT_ONCE = 4

# What the parts are called of which C(unread) tells.
USERS_AND_POLICIES = "users and policies"
CREDENTIAL_REPORT = "credential report"
ACCOUNT_SUMMARY = "account summary"
ACCESS_KEYS = "access keys"
LAST_USE = "last use of access keys"

# The lists of C(GetAccountAuthorizationDetails), as C(rights.judge_principals) takes them.
_DETAILS = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
_KIND_ORDER = list(PrincipalKind)

T = t.TypeVar("T")


@dataclasses.dataclass(frozen=True)
class AccountLook:
    """What was seen of an account, and by part, why the rest could not be read."""

    principals: Principals
    errors: t.Mapping[str, CollectionError]


def look(
    connection: AwsConnection,
    *,
    all_keys: bool = False,
    listed: t.Mapping[str, iam_keys.KeyListing] | None = None,
    pause: t.Callable[[float], None] = time.sleep,
) -> AccountLook:
    """Look at all principals of an account. Nothing is changed but that IAM makes a credential report.

    :param all_keys: ask for the ids of the keys of users that may not call MTurk, too, one call a user more.
    :param listed: by user name, keys that were listed just now, so that nobody asks for them again.
    :param pause: waits for some seconds.
    :raises CollectionError: the account cannot be entered. What is refused inside of it is told in the result.
    """
    return _Look(connection, listed or {}, pause).run(all_keys=all_keys)


class _Look:
    """One look at one account; counts its calls, and goes on without what is refused."""

    def __init__(
        self,
        connection: AwsConnection,
        listed: t.Mapping[str, iam_keys.KeyListing],
        pause: t.Callable[[float], None],
    ) -> None:
        self._listed = listed
        self._connection = connection
        self._iam = connection.client("iam")
        self._pause = pause
        self._calls = 0
        self._lock = threading.Lock()
        self._errors: dict[str, CollectionError] = {}
        self._details: dict[str, list[t.Any]] = collections.defaultdict(list)

    def run(self, *, all_keys: bool) -> AccountLook:
        identity, looked_at = self._identity()
        # IAM makes the report while the rest is read.
        begun = self._read_or_note(CREDENTIAL_REPORT, self._begin_report)
        self._read_or_note(USERS_AND_POLICIES, self._read_details)
        summary = self._read_or_note(ACCOUNT_SUMMARY, self._read_summary)
        rows = self._read_or_note(CREDENTIAL_REPORT, self._read_report) if begun else None
        by_arn = {row.arn: row for row in rows or ()}
        users = self._judge_all_principals(by_arn)
        self._add_keys([found for found in users if found["kind"] == PrincipalKind.USER], by_arn, rows, all_keys)
        everybody = [*users, self._root(identity["Account"], identity["Arn"], by_arn, summary)]
        listed = [found for found in everybody if found["keys"] or found["mturk_right"] != Right.NO]
        listed.sort(key=lambda found: (_KIND_ORDER.index(PrincipalKind(found["kind"])), found["arn"]))
        principals: Principals = {
            "account_id": identity["Account"],
            "caller_arn": identity["Arn"],
            "looked_at": looked_at,
            "complete": not self._errors,
            "unread": [{"what": what, "reason": error.message} for what, error in self._errors.items()],
            "principals": listed,
            "users_seen": sum(found["kind"] == PrincipalKind.USER for found in users),
            "calls": self._calls,
        }
        return AccountLook(principals, self._errors)

    def _count_call(self) -> None:
        with self._lock:
            self._calls += 1

    def _read_or_note(self, what: str, read: t.Callable[[], T]) -> T | None:
        """What C(read) gives; None, and a note of why, where AWS refuses it or nobody understands it."""
        try:
            return read()
        except CollectionError as exc:
            self._errors.setdefault(what, exc)
        except AWS_FAILURES as exc:
            self._errors.setdefault(what, aws_error(exc, f"read the {what} of the account"))
        return None

    def _identity(self) -> tuple[t.Mapping[str, str], str]:
        self._count_call()
        answer = caller.identity(self._connection)
        return answer, timestamp(iam_keys.server_time(answer))

    def _begin_report(self) -> bool:
        self._count_call()
        self._iam.generate_credential_report()
        return True

    def _read_details(self) -> None:
        pages = self._iam.get_paginator("get_account_authorization_details").paginate(
            PaginationConfig={"PageSize": PAGE_SIZE}
        )
        self._count_call()  # the call that fails, if one does
        for number, page in enumerate(pages):
            if number:
                self._count_call()
            for name in _DETAILS:
                self._details[name] += page.get(name, ())

    def _read_summary(self) -> t.Mapping[str, int]:
        self._count_call()
        return t.cast("t.Mapping[str, int]", self._iam.get_account_summary()["SummaryMap"])

    def _read_report(self) -> list[credential_report.Row]:
        for wait in (*REPORT_WAITS, None):
            self._count_call()
            try:
                content = self._iam.get_credential_report()["Content"]
                return credential_report.parse(content.decode("utf-8", "replace"))
            except ValueError as exc:
                raise CollectionError(
                    f"The account's credential report cannot be understood: {exc}.",
                    next_step="Run again in four hours, when AWS makes a new one.",
                    reason="aws_error",
                ) from exc
            except AWS_FAILURES as exc:
                if error_code(exc) not in ("ReportInProgress", "ReportNotPresent", "ReportExpired"):
                    raise
                if wait is None:
                    break
                if error_code(exc) == "ReportExpired":
                    self._begin_report()
            self._pause(wait)
        raise CollectionError(
            f"AWS did not finish the account's credential report in {sum(REPORT_WAITS)} seconds.",
            next_step="Run again: AWS continues to create it.",
            reason="aws_error",
        )

    def _judge_all_principals(self, rows: t.Mapping[str, credential_report.Row]) -> list[Principal]:
        """All users, groups and roles; also users that only the credential report has, as their policies are unread."""
        found = rights.judge_principals(*(self._details[name] for name in _DETAILS))
        if USERS_AND_POLICIES in self._errors:
            known = {principal["arn"] for principal in found}
            found += [
                rights.unjudged_user(row.arn, row.name)
                for row in rows.values()
                if ":user/" in row.arn and row.arn not in known
            ]
        return found

    def _root(
        self,
        account_id: str,
        caller_arn: str,
        rows: t.Mapping[str, credential_report.Row],
        summary: t.Mapping[str, int] | None,
    ) -> Principal:
        arn = f"arn:{caller_arn.split(':')[1]}:iam::{account_id}:root"
        keys = list(rows[arn].keys) if arn in rows else []
        if summary is not None:
            # The summary is of this moment, the report up to four hours old.
            present = bool(summary.get("AccountAccessKeysPresent"))
            keys = (keys or [_key()]) if present else []
        return rights.root_principal(arn, keys)

    def _add_keys(
        self,
        users: t.Sequence[Principal],
        by_arn: t.Mapping[str, credential_report.Row],
        rows: t.Sequence[credential_report.Row] | None,
        all_keys: bool,
    ) -> None:
        asked = []
        for user in users:
            row = by_arn.get(user["arn"])
            user["keys"] = list(row.keys) if row else []
            # A user that is younger than the report may have any keys.
            unseen = row is None and rows is not None
            if user["mturk_right"] != Right.NO or unseen or (all_keys and (user["keys"] or rows is None)):
                asked.append(user)
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(self._list_keys, asked))

    def _list_keys(self, user: Principal) -> None:
        listed = self._listed.get(user["name"])
        if listed is None and ACCESS_KEYS in self._errors:
            return  # who is refused once is refused again
        listed = listed or self._read_or_note(ACCESS_KEYS, functools.partial(self._user_keys, user["name"]))
        if listed is None:
            return
        reported = user["keys"]
        user["keys"] = [self._with_use(key, reported) for key in listed.keys]

    def _user_keys(self, user_name: str) -> iam_keys.KeyListing:
        self._count_call()
        return iam_keys.list_keys(self._iam, user_name)

    def _with_use(self, key: iam_keys.IamKey, reported: t.Sequence[PrincipalKey]) -> PrincipalKey:
        """The key with its last use: the report's where it has one key of that age, else IAM's word on this key."""
        described = _key(key.access_key_id, active=key.active, created=timestamp(key.created))
        same = [found for found in reported if found["created"] == described["created"]]
        if len(same) == 1 and not key.last_use_known:
            return {**same[0], "access_key_id": key.access_key_id, "status": described["status"]}
        used: iam_keys.IamKey | None = key
        if not key.last_use_known:
            refused = LAST_USE in self._errors
            used = None if refused else self._read_or_note(LAST_USE, functools.partial(self._last_use, key))
        if used is None or used.last_used is None:
            return described
        return {
            **described,
            "last_used": timestamp(used.last_used),
            "last_used_service": used.last_used_service,
            "last_used_region": used.last_used_region,
        }

    def _last_use(self, key: iam_keys.IamKey) -> iam_keys.IamKey:
        self._count_call()
        return iam_keys.with_last_use(self._iam, key)


def _key(access_key_id: str = "", *, active: bool = True, created: str = "") -> PrincipalKey:
    """A key of whose use nothing is known; without arguments, one of which nothing is known but that it is there."""
    return {
        "access_key_id": access_key_id,
        "status": (KeyStatus.ACTIVE if active else KeyStatus.INACTIVE).value,
        "created": created,
        "last_used": "",
        "last_used_service": "",
        "last_used_region": "",
    }
