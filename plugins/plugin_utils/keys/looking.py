# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at a lab's access keys, in AWS and in the store, before anything is decided about them."""

from __future__ import annotations

import dataclasses
import datetime
import time
import typing as t

from ..aws import caller, iam_keys, iam_user
from ..aws.connection import AwsConnection, Client
from ..base import times
from ..base.errors import CollectionError
from ..base.next_command import iam_command
from ..store.base import SecretStore, Snapshot
from ..store.record import LabRecord
from . import suspension
from .actions import Slot
from .situation import KeyRequest, LinkKnowledge, Situation, UserOwner

# How long to look out for a key that IAM may not list yet, when something says that it should be there.
SETTLE_SECONDS = 10.0
# A key or an intent that is older has settled: IAM's listings lag by seconds.
SETTLED_AGE = datetime.timedelta(minutes=1)


@dataclasses.dataclass(frozen=True)
class KeysSeen:
    """What a look found.

    :param snapshot: what the store holds, for writing it back.
    :param account_id: and C(user_arn): empty where there is no user, and no record that made it worth asking.
    """

    situation: Situation
    snapshot: Snapshot
    account_id: str
    user_arn: str


class KeyObserver:
    """Looks at one lab's keys.

    :param connection: the way into the lab's AWS account, with permissions on the user's access keys.
    """

    def __init__(
        self,
        connection: AwsConnection,
        store: SecretStore,
        *,
        lab: str,
        user_name: str,
        request: KeyRequest,
        link: LinkKnowledge,
        sleep: t.Callable[[float], None] = time.sleep,
        settle_seconds: float = SETTLE_SECONDS,
    ) -> None:
        self.connection = connection
        self.store = store
        self.lab = lab
        self.user_name = user_name
        self.request = request
        self._link = link
        self.sleep = sleep
        self._settle_seconds = settle_seconds

    @property
    def _iam(self) -> Client:
        return self.connection.client("iam")

    def look(self) -> KeysSeen:
        """Read the user, the keys and the record.

        :raises CollectionError: AWS or the store cannot be read, or they do not belong together.
        """
        user = iam_user.get_user(self._iam, self.user_name)
        snapshot = self.store.get(self.lab)
        record, account_id = snapshot.record, ""
        if user:
            account_id = user.account_id
        elif record:
            # Without a user, nothing else tells whether this is the account in which the record's keys are gone.
            account_id = caller.account_of(self.connection)
        if record:
            require_record_of(record, account_id, self.user_name)
        listing = self._settled_listing(record) if user else iam_keys.list_keys(self._iam, self.user_name)
        if record:
            require_gone(self._iam, record, listing)
        tags = user.tags if user else {}
        owner = UserOwner.MISSING if user is None else UserOwner.OURS if user.managed else UserOwner.FOREIGN
        situation = Situation(
            user=owner,
            keys=tuple(self._with_last_use(record, key, tags) for key in listing.keys),
            record=record,
            request=self.request,
            now=listing.at,
            # What came from the record is asked of the record: another run may have written it since.
            link=LinkKnowledge() if self._link.evidence == "record" else self._link,
            tags=tags,
        )
        return KeysSeen(situation, snapshot, account_id, user.arn if user else "")

    def _settled_listing(self, record: LabRecord | None) -> iam_keys.KeyListing:
        listing = iam_keys.list_keys(self._iam, self.user_name)
        pause, waited = 0.5, 0.0
        while record and _unsettled(record, listing) and waited < self._settle_seconds:
            self.sleep(pause)
            waited += pause
            pause = min(pause * 2, 4.0)
            listing = iam_keys.list_keys(self._iam, self.user_name)
        return listing

    def _with_last_use(
        self, record: LabRecord | None, key: iam_keys.IamKey, tags: t.Mapping[str, str]
    ) -> iam_keys.IamKey:
        """Ask for the last use where a decision rests on it: not for keys that simply stay."""
        slot = record.slot_of(key.access_key_id) if record else ""
        # A key that was used since is not suspended any more.
        judged = self.request.suspends and suspension.tag_key(key.access_key_id) in tags
        # So is one that the operator named.
        judged = judged or key.access_key_id in self.request.remove_foreign_keys
        in_use = slot in (Slot.CURRENT, Slot.PENDING) and not judged
        return key if in_use else iam_keys.with_last_use(self._iam, key)


def require_record_of(record: LabRecord, account_id: str, user_name: str) -> None:
    """Make sure that the store's record and the AWS account belong together.

    :raises CollectionError: they do not: nothing must be done on the strength of the one to the other.
    """
    if record.account_id != account_id:
        raise CollectionError(
            f"The store's record of lab {record.lab} belongs to AWS account {record.account_id}, but the credentials "
            f"lead to account {account_id}.",
            next_step="Correct the lab's account id, role or profile, or give the lab its own name in the store.",
            reason="wrong_account",
        )
    if record.user_name != user_name:
        raise CollectionError(
            f"The store's record of lab {record.lab} is about the IAM user {record.user_name}, not {user_name}.",
            next_step=f"Retire the keys of {record.user_name} first, or use that user name.",
            reason="record_of_other_user",
        )


def require_gone(iam: Client, record: LabRecord, listing: iam_keys.KeyListing) -> None:
    """Make sure that stored keys which are not listed are gone, and not another user's by now, or listed late.

    :param iam: a botocore IAM client.
    :param listing: of the keys of the record's user.
    :raises CollectionError: one of them is not gone, or AWS could not be asked.
    """
    listed = {key.access_key_id for key in listing.keys}
    for _slot, stored in record.slots():
        key_id = stored.access_key_id
        owner = "" if key_id in listed else iam_keys.owner_of(iam, key_id)
        if not owner:
            continue
        if owner == record.user_name:
            raise CollectionError(
                f"AWS knows key {key_id} of lab {record.lab}, but does not list it among the keys of {owner}.",
                next_step="Run again in some minutes: AWS lists changes with a delay.",
                reason="key_not_listed",
                details={"access_key_id": key_id},
            )
        rename = iam_command("update-user", user_name=owner, new_user_name=record.user_name)
        raise CollectionError(
            f"Key {key_id} of lab {record.lab} belongs to the IAM user {owner} by now, not to "
            f"{record.user_name}: somebody renamed the user.",
            next_step=f"Give the user its name back ({rename}), then run again.",
            reason="key_of_other_user",
            details={"access_key_id": key_id},
        )


def _unsettled(record: LabRecord, listing: iam_keys.KeyListing) -> bool:
    """Whether IAM's listing may still lack a key of ours that was created a moment ago."""
    listed = {key.access_key_id for key in listing.keys}

    def young(text: str) -> bool:
        return listing.at - times.moment(text) < SETTLED_AGE

    if any(young(key.created) and key.access_key_id not in listed for slot, key in record.slots()):
        return True
    intent = record.creating
    if intent is None or not young(intent.started):
        return False
    return not listed - set(intent.known_key_ids) - {key.access_key_id for slot, key in record.slots()}
