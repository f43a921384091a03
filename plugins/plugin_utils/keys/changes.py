# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of each change that was made to an access key: who, when, by which call. What evidence is made of."""

from __future__ import annotations

import enum
import typing as t

from ..aws import caller, iam_keys
from ..aws.connection import AwsConnection, Client
from ..base import times
from ..base.errors import CollectionError

# A user has two keys at most, so a run makes a handful of changes; more would be a mistake that must not fill a result.
CHANGES_A_RUN = 100


class KeyChangeAction(enum.StrEnum):
    """What was done to a key."""

    CREATED = "created"
    ACTIVATED = "activated"
    DEACTIVATED = "deactivated"
    DELETED = "deleted"


class KeyChange(t.TypedDict):
    """One change of one access key that AWS has confirmed; no secret.

    C(time) is an ISO 8601 text; C(caller_arn) is empty if AWS did not tell it; C(request_id) is the id by which
    CloudTrail lists the call; C(principal) is the ARN of the key's user; C(last_used_before) and C(last_used_service)
    are what AWS said of the key's last use just before, empty if it was never used or AWS did not tell.
    """

    time: str
    action: str
    caller_arn: str
    request_id: str
    account_id: str
    principal: str
    access_key_id: str
    last_used_before: str
    last_used_service: str


class Journal(t.Protocol):
    """What is told of each change at once."""

    def require(self) -> None:
        """Make sure that it can be told. :raises CollectionError: it cannot."""

    def add(self, change: KeyChange) -> None:
        """Take note of a change that was made."""


class ChangeRecorder:
    """Changes keys of one user, and keeps a record of each change.

    :param journal: told of each change, where there is one. (See C(journal.ChangeJournal).)
    :ivar user_arn: the user's ARN, once it is known.
    :ivar changes: in the order in which they were made.
    """

    def __init__(self, connection: AwsConnection, user_name: str, journal: Journal | None = None) -> None:
        self._connection = connection
        self._user_name = user_name
        self.user_arn = ""
        self._journal = journal
        self._caller_arn: str | None = None
        self.changes: list[KeyChange] = []

    @property
    def _iam(self) -> Client:
        return self._connection.client("iam")

    def find_caller(self) -> str:
        """The ARN that makes the calls; empty if AWS does not tell it. It is asked once."""
        if self._caller_arn is None:
            try:
                self._caller_arn = caller.arn_of(self._connection)
            except CollectionError:
                self._caller_arn = ""
        return self._caller_arn

    def require_journal(self) -> None:
        """Make sure that a change can be noted, where there is a journal.

        :raises CollectionError: it cannot, so that nothing should be changed.
        """
        if self._journal:
            self._journal.require()

    def created(self, new: iam_keys.NewKey) -> None:
        """Record a key that was just created."""
        self._record_change(KeyChangeAction.CREATED, new.key, new.request_id)

    def activate(self, key: iam_keys.IamKey) -> bool:
        """Switch a key on again; whether there was such a key.

        :raises CollectionError: AWS refused or could not be reached, as for the next two.
        """
        return self._make_and_record(KeyChangeAction.ACTIVATED, iam_keys.activate_key, key)

    def deactivate(self, key: iam_keys.IamKey) -> bool:
        """Switch a key off; whether there was such a key."""
        return self._make_and_record(KeyChangeAction.DEACTIVATED, iam_keys.deactivate_key, key)

    def delete(self, key: iam_keys.IamKey, *, though_unnoted: bool = False) -> bool:
        """Delete a key; whether there was such a key.

        :param though_unnoted: also where the journal cannot take it: a key that nobody has the secret of must not stay.
        """
        return self._make_and_record(KeyChangeAction.DELETED, iam_keys.delete_key, key, though_unnoted=though_unnoted)

    def _make_and_record(
        self,
        action: KeyChangeAction,
        call: t.Callable[[Client, str, str], iam_keys.KeyCall],
        key: iam_keys.IamKey,
        *,
        though_unnoted: bool = False,
    ) -> bool:
        # Asked before, so that the record says what was known when the key was changed.
        seen = self._with_last_use(key)
        self.find_caller()
        if not though_unnoted:
            self.require_journal()
        done = call(self._iam, self._user_name, key.access_key_id)
        if done.found:
            self._record_change(action, seen, done.request_id)
        return done.found

    def _with_last_use(self, key: iam_keys.IamKey) -> iam_keys.IamKey:
        if key.last_use_known:
            return key
        try:
            return iam_keys.with_last_use(self._iam, key)
        except CollectionError:
            # Evidence without the last use is better than a live key.
            return key

    def _record_change(self, action: KeyChangeAction, key: iam_keys.IamKey, request_id: str) -> None:
        change: KeyChange = {
            "time": times.timestamp(times.now()),
            "action": action.value,
            "caller_arn": self.find_caller(),
            "request_id": request_id,
            "account_id": self.user_arn.split(":")[4] if self.user_arn else "",
            "principal": self.user_arn,
            "access_key_id": key.access_key_id,
            "last_used_before": times.timestamp(key.last_used) if key.last_used else "",
            "last_used_service": key.last_used_service,
        }
        self.changes.append(change)
        if self._journal:
            self._journal.add(change)
