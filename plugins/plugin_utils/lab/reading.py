# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks AWS, MTurk and, if wanted, the portal about one lab. Independent reads go out at once; nothing is changed."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import typing as t

from ..aws import caller, iam_keys, iam_user
from ..aws.connection import AwsConnection, Client
from ..aws.principals import look
from ..aws.principals.shapes import Principals
from ..aws.shared_advice import ACCESS_DENIED_CODES
from ..base import times, vocabulary
from ..base.errors import CollectionError
from ..base.vocabulary import LinkStatus
from ..keys import superseded
from ..keys.actions import Slot
from ..keys.looking import require_gone, require_record_of
from ..keys.situation import KeyState, Situation, UserOwner
from ..keys.suspension import tag_key
from ..mturk import requester as mturk
from ..store.record import LabRecord, StoredKey
from .declared import Declaration
from .gaps import UNTOLD_STATUSES
from .shapes import Link, OtherUser, Requester, Unseen


class Reader:
    """Reads one lab, and notes what it could not read.

    :param pool: threads for reads that do not wait for each other.
    """

    def __init__(
        self,
        connection: AwsConnection,
        declared: Declaration,
        record: LabRecord | None,
        pool: concurrent.futures.Executor,
    ) -> None:
        self.connection = connection
        self.declared = declared
        self.record = record
        self.pool = pool
        self.user: iam_user.UserDescription | None = None
        self.listing = iam_keys.KeyListing((), times.now())
        self.other_users: list[OtherUser] | None = None
        self.principals: Principals | None = None
        self.requester: Requester = {}
        self.account_id = declared.account_id
        self.unseen: list[Unseen] = []

    def read(self) -> None:
        """Ask AWS and MTurk.

        :raises CollectionError: AWS could not be reached, the credentials do not work, or it is another account than
            declared or recorded. What AWS refuses to tell is only noted.
        """
        if self.declared.store_error:
            self._not_seen("store", self.declared.store_error, "store_unreadable", self.declared.store_next_step)
        # The role is assumed once, before the threads need it.
        iam = self.connection.client("iam")
        asked_keys = self.pool.submit(iam_keys.list_keys, iam, self.declared.user.user_name)
        # A use by others can only be told from our own before we ask MTurk ourselves; and with a suspended key there is
        # nothing to ask.
        keys_first = self.declared.judge_key_use or self.declared.request.suspends
        asked_mturk = None if keys_first else self.pool.submit(self._ask_mturk)
        self._read_user(iam)
        self._check_account()
        others = self.pool.submit(self._other_users, iam) if self._looks_for_others() else None
        with self._noting_refusals("access_keys"):
            listing = asked_keys.result()
            keys = tuple(self.pool.map(lambda key: self._with_last_use(iam, key), listing.keys))
            self.listing = dataclasses.replace(listing, keys=keys)
        self._look_for_unlisted_keys(iam)
        if others:
            with self._noting_refusals("other_users"):
                self.other_users = others.result()
                self._note_missing_policy()
        if self.declared.find_principals:
            self._look_at_principals()
        self.requester = asked_mturk.result() if asked_mturk else self._ask_mturk()
        for answer in self.requester.values():
            if answer["status"] in UNTOLD_STATUSES:
                self._not_seen("mturk", answer["message"], answer["status"], answer["next_step"])

    def _not_seen(self, part: str, message: str, reason: str, next_step: str) -> None:
        self.unseen.append({"part": part, "message": message, "reason": reason, "next_step": next_step})

    @contextlib.contextmanager
    def _noting_refusals(self, part: str) -> t.Iterator[None]:
        """Note a part that AWS refuses to tell; any other failure goes on."""
        try:
            yield
        except CollectionError as exc:
            if exc.details.get("error_code") not in ACCESS_DENIED_CODES:
                raise
            self._not_seen(part, exc.message, exc.reason, exc.next_step)

    def _read_user(self, iam: Client) -> None:
        with self._noting_refusals("user"):
            reading = iam_user.read_user(
                iam, self.declared.user.user_name, thorough=self.declared.thorough, pool=self.pool
            )
            self.user = reading.user
            for part, error in reading.unread.items():
                self._not_seen(part, error.message, error.reason, error.next_step)

    def _with_last_use(self, iam: Client, key: iam_keys.IamKey) -> iam_keys.IamKey:
        in_use = self.record is not None and self.record.slot_of(key.access_key_id) in (Slot.CURRENT, Slot.PENDING)
        tags = self.user["tags"] if self.user else {}
        judged = self.declared.request.suspends and tag_key(key.access_key_id) in tags
        if in_use and not self.declared.thorough and not self.declared.judge_key_use and not judged:
            return key
        try:
            return iam_keys.with_last_use(iam, key)
        except CollectionError as exc:
            self._not_seen("last_use", exc.message, exc.reason, exc.next_step)
            return key

    def _look_for_unlisted_keys(self, iam: Client) -> None:
        """Note that a stored key is not the lab's user's any more. Other runs than a suspension find that out later."""
        if self.record is None or self.declared.request.state != KeyState.SUSPENDED:
            return
        if self._part_unseen("access_keys"):
            return
        try:
            require_gone(iam, self.record, self.listing)
        except CollectionError as exc:
            self._not_seen("access_keys", exc.message, exc.reason, exc.next_step)

    def _note_missing_policy(self) -> None:
        """Note that nobody can have the lab's policy, so that a look for its holders told nothing."""
        if self.other_users is None and not self.declared.find_principals:
            self._not_seen(
                "other_users",
                f"AWS has no policy {self.declared.user.policy_arn}, so the account's other users that can call "
                "Mechanical Turk could not be found by it.",
                "no_such_policy",
                "Correct lab_account_policy_arn, or look at everybody in the account: set "
                "lab_account_find_principals: true.",
            )

    def _look_at_principals(self) -> None:
        # The keys of the lab's own user are not asked for again.
        known = {} if self._part_unseen("access_keys") else {self.declared.user.user_name: self.listing}
        looked = look.look(self.connection, listed=known)
        self.principals = looked.principals
        for error in looked.errors.values():
            self._not_seen("principals", error.message, error.reason, error.next_step)

    def _looks_for_others(self) -> bool:
        return self.declared.request.state == KeyState.ABSENT and bool(self.declared.user.policy_arn)

    def _other_users(self, iam: Client) -> list[OtherUser] | None:
        """The account's other users that have the lab's policy: what a retirement must not leave behind unseen.

        None if there is no such policy.
        """
        holders = iam_user.policy_holders(iam, self.declared.user.policy_arn)
        if holders is None:
            return None
        found: list[OtherUser] = []
        for holder in holders:
            if holder.user_name == self.declared.user.user_name:
                continue
            keys = iam_keys.list_keys(iam, holder.user_name).keys
            found.append(
                {
                    "user_name": holder.user_name,
                    "how": holder.how,
                    "access_key_ids": [key.access_key_id for key in keys],
                    "live_access_key_ids": [key.access_key_id for key in keys if key.active],
                }
            )
        return found

    def _check_account(self) -> None:
        # With an assumed role the account is the one in the role's ARN; without a user, nobody has said so yet.
        found = self.user["arn"].split(":")[4] if self.user and self.user["arn"] else ""
        found = found or caller.account_of(self.connection)
        if self.declared.account_id and found != self.declared.account_id:
            raise CollectionError(
                f"These credentials belong to AWS account {found}, not to {self.declared.account_id}.",
                next_step="Correct the lab's account id, or its profile or role.",
                reason="wrong_account",
                step="observe",
            )
        self.account_id = found
        if self.record:
            require_record_of(self.record, found, self.declared.user.user_name)

    def _ask_mturk(self) -> Requester:
        key = self.record.key_in_use if self.record else None
        if key is None:
            if self.declared.request.state == KeyState.PRESENT and not self.declared.store_error:
                return mturk.check_without_key(self.connection, self.declared.endpoints)
            why = self.declared.store_error or "There is no key to ask with yet."
            return dict.fromkeys(self.declared.endpoints, mturk.not_checked(why))
        if any(listed.access_key_id == key.access_key_id and not listed.active for listed in self.listing.keys):
            why = f"Key {key.access_key_id} is inactive in AWS, so MTurk was not asked with it."
            return dict.fromkeys(self.declared.endpoints, mturk.not_checked(why))
        if not self.declared.ask_mturk:
            why = "MTurk was not asked, so that only CloudResearch uses the key and its use proves the link."
            return dict.fromkeys(self.declared.endpoints, mturk.not_checked(why))
        return mturk.check_environments(
            self.connection.with_credentials(key.access_key_id, key.secret_access_key),
            self.declared.endpoints,
            minimum_balance=self.declared.minimum_balance,
        )

    def situation(self) -> Situation:
        """What the decisions on the lab's keys rest on."""
        if not self.user or not self.user["exists"]:
            # The step before the key's makes the user; what follows is planned for then.
            owner = UserOwner.OURS if self.declared.request.wants_key else UserOwner.MISSING
        else:
            owner = UserOwner.OURS if self.user["managed"] else UserOwner.FOREIGN
        return Situation(
            user=owner,
            keys=self.listing.keys,
            record=self.record,
            request=self.declared.request,
            now=self.listing.at,
            tags=self.user["tags"] if self.user else {},
        )

    def link(self, situation: Situation) -> Link:
        """Which key CloudResearch holds, as far as anybody knows and AWS bears it out."""
        found = self._read_link(situation)
        if found.get("reason"):
            self._not_seen("portal", found["message"], found["reason"], found.get("next_step", ""))
        return found if self._part_unseen("access_keys") else _judged_by_aws(found, situation)

    def _part_unseen(self, part: str) -> bool:
        return any(entry["part"] == part for entry in self.unseen)

    def _read_link(self, situation: Situation) -> Link:
        wanted = situation.key_to_use or situation.suspended_key
        if self._part_unseen("access_keys") and self.record and self.record.key_in_use:
            # Nobody knows of any other, and that AWS did not list it is no sign that it is gone.
            wanted = self.record.key_in_use.access_key_id
        if not self.declared.link_wanted:
            return _link_as_known("not_linked", "", "", "The lab is declared to have no CloudResearch account.")
        recorded = [key for slot, key in situation.stored if key.linked]
        key = max(recorded, key=lambda entry: entry.linked or "") if recorded else None
        if self.declared.look is not None:
            try:
                return t.cast(Link, dict(self.declared.look(wanted, key.access_key_id if key else "")))
            except CollectionError as exc:
                # What AWS and MTurk said is worth having all the same; the step that links will fail by itself.
                reason = exc.reason or "error"
                return {**_link_as_known("unknown", "", "", exc.message), "reason": reason, "next_step": exc.next_step}
        if key and key.access_key_id == wanted:
            return _recorded("linked", key)
        stored = self.record.find(wanted) if self.record and wanted else None
        if stored and self.declared.judge_key_use and used_by_others(stored, situation.iam_key(wanted)):
            return _link_as_known(
                "linked", wanted, "key_use", f"Key {wanted} was used for MTurk, and not by this collection."
            )
        if key:
            return _recorded("other_key", key)
        return _link_as_known("unknown", "", "", "No run has recorded which key CloudResearch holds.")


def used_by_others(stored: StoredKey, key: iam_keys.IamKey | None) -> bool:
    """Whether AWS reports a use of the key for MTurk that cannot have been the collection's own.

    The collection records each use of its own before it happens; IAM reports uses to the minute and somewhat late, so
    a use counts only well after that.
    """
    if key is None or key.last_used is None or key.last_used_service != vocabulary.MTURK_SERVICE:
        return False
    if not stored.collection_used_at:
        return False
    return key.last_used > times.moment(stored.collection_used_at) + superseded.USE_TOLERANCE


def _judged_by_aws(link: Link, situation: Situation) -> Link:
    """The link, unless AWS shows that the key which the portal is said to hold does not work.

    What AWS says of a key counts before what a page or a record says of its link: a key that is gone or inactive links
    nothing.
    """
    key_id = link["access_key_id"]
    key = situation.iam_key(key_id)
    stored = situation.record is not None and bool(situation.record.find(key_id))
    may_be_elsewhere = link["status"] == LinkStatus.OTHER_KEY and key is None and not stored
    if not key_id or may_be_elsewhere or (key and key.active):
        return link
    suspended = situation.suspension(key) if key else None
    if suspended:
        # The link is left as it is, and works again once the key is active.
        return {**link, "message": f"{link['message']} The key is suspended since {suspended.at:%Y-%m-%d}.".strip()}
    state = "is inactive" if key else "does not exist any more"
    message = (
        f"{link['message'].rstrip('.') or f'CloudResearch holds key {key_id}'}, but in AWS this key {state}: "
        "the link is dead."
    )
    if link["evidence"] == "record":
        link = _link_as_known(LinkStatus.UNKNOWN.value, "", "record", message)
    else:
        link = {**link, "status": LinkStatus.OTHER_KEY.value, "message": message}
    return {**link, "dead_access_key_id": key_id}


def _recorded(status: str, key: StoredKey) -> Link:
    message = f"An earlier run recorded that CloudResearch holds key {key.access_key_id} (since {key.linked})."
    return _link_as_known(status, key.access_key_id, "record", message)


def _link_as_known(status: str, access_key_id: str, evidence: str, message: str) -> Link:
    return {"status": status, "access_key_id": access_key_id, "evidence": evidence, "message": message}
