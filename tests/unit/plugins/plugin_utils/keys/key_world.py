# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lab in memory: an IAM user with its keys, a store, a portal. Every call can be the last one of its run.

It checks after each call what must hold at every moment, seen from outside.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import re
import typing as t

import botocore.exceptions

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys import lifecycle as key_lifecycle
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys import suspension
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.looking import KeyObserver
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.outcome import KeyOutcome
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.situation import KeyRequest, LinkKnowledge
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.mturk.proof import KeyProof
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.record import LabRecord

LAB = "lab-01"
USER = "cloudresearch-mturk"
ACCOUNT = "123456789012"
CALLER = f"arn:aws:sts::{ACCOUNT}:assumed-role/OrganizationAccountAccessRole/labops.cloudresearch"
START = datetime.datetime(2026, 3, 1, 12, 0, tzinfo=datetime.UTC)

WRITES = ("create_access_key", "update_access_key", "delete_access_key", "tag_user", "untag_user", "put", "delete")


class Killed(BaseException):
    """The run's process is gone."""


@dataclasses.dataclass
class Key:
    active: bool
    created: datetime.datetime
    secret: str = dataclasses.field(repr=False)
    foreign: bool = False
    last_used: datetime.datetime | None = None


@dataclasses.dataclass
class World:
    """The truth.

    :param hook: called with the name of each call and whether it has taken effect; may raise.
    """

    user: bool = True
    #: The user's name by now, if somebody renamed it; it keeps its keys.
    renamed_to: str = ""
    # The role may look at the lab's user only; how AWS names another user as the resource of a refusal.
    only_the_user: str = ""
    # IAM does not list the keys, however long one waits.
    lists_nothing: bool = False
    managed: bool = True
    #: The user's tags besides the collection's mark.
    tags: dict[str, str] = dataclasses.field(default_factory=dict)
    keys: dict[str, Key] = dataclasses.field(default_factory=dict)
    #: By id, the accounts of keys of other accounts.
    accounts_of_keys: dict[str, str] = dataclasses.field(default_factory=dict)
    #: The strangers' keys that an approved plan names.
    given_up: set[str] = dataclasses.field(default_factory=set)
    record: LabRecord | None = None
    version: int = 0
    portal: str = ""
    retiring: bool = False
    made: int = 0
    now: datetime.datetime = START
    calls: list[str] = dataclasses.field(default_factory=list)
    hook: t.Callable[[str, bool], None] | None = None
    hidden_listings: int = 0
    #: The run was killed: nothing of it has an effect any more, not even its clean-up.
    dead: bool = False
    #: The key that was created last, while nobody can have stored it yet.
    in_creation: str = ""

    def add_key(self, *, active: bool = True, foreign: bool = True) -> str:
        self.made += 1
        key_id = f"AKIA{self.made:016d}"
        # Older than any intent of a run.
        self.keys[key_id] = Key(active, self.now - datetime.timedelta(days=40), f"secret of {key_id}", foreign)
        return key_id

    @contextlib.contextmanager
    def call(self, name: str) -> t.Iterator[None]:
        if self.dead:
            raise Killed
        self.calls.append(name)
        self.now += datetime.timedelta(seconds=1)
        if self.hook:
            self.hook(name, False)
        yield
        self.check()
        if self.hook:
            self.hook(name, True)

    def check(self) -> None:
        """What holds at every moment."""
        assert len(self.keys) <= 2, "more than two keys"
        if self.portal and not self.retiring:
            assert self.portal in self.keys, "the portal's key was deleted"
            suspended = suspension.tag_key(self.portal) in self.tags
            assert self.keys[self.portal].active or suspended, "the portal's key was deactivated"
        stored = {key.access_key_id: key.secret_access_key for slot, key in self.record.slots()} if self.record else {}
        for key_id, key in self.keys.items():
            if key.foreign or key_id == self.in_creation:
                continue
            healable = self.record is not None and self.record.creating is not None
            assert stored.get(key_id) == key.secret or healable, f"the secret of {key_id} is lost"

    def require_given_up(self, key_id: str) -> None:
        assert not self.keys[key_id].foreign or key_id in self.given_up, "a stranger's key was touched"

    def shape(self) -> t.Any:
        """The state without ids and times, to compare end states."""
        record = self.record
        slots = [
            (slot, key.access_key_id in self.keys, bool(key.proved), bool(key.linked))
            for slot, key in (record.slots() if record else [])
        ]
        return (
            sorted((key.active, key.foreign) for key in self.keys.values()),
            slots,
            sorted(name in map(suspension.tag_key, self.keys) for name in self.tags),
            bool(record and record.creating),
            bool(record and record.current and self.portal == record.current.access_key_id),
        )


def client_error(code: str, status: int, operation: str, message: str = "") -> botocore.exceptions.ClientError:
    return botocore.exceptions.ClientError(
        {"Error": {"Code": code, "Message": message or code}, "ResponseMetadata": {"HTTPStatusCode": status}}, operation
    )


@dataclasses.dataclass(frozen=True)
class _OnePage:
    """A paginator of a list that has one page."""

    list_it: t.Callable[..., dict[str, t.Any]]

    def paginate(self, **parameters: str) -> t.Iterator[dict[str, t.Any]]:
        yield self.list_it(**parameters)


class Iam:
    """The IAM client's methods that the collection calls."""

    def __init__(self, world: World) -> None:
        self.world = world

    def _metadata(self) -> dict[str, t.Any]:
        date = self.world.now.strftime("%a, %d %b %Y %H:%M:%S GMT")
        # The calls so far make an id that is unlike any other.
        return {"HTTPHeaders": {"date": date}, "HTTPStatusCode": 200, "RequestId": f"req-{len(self.world.calls)}"}

    def get_user(self, UserName: str) -> dict[str, t.Any]:
        with self.world.call("get_user"):
            if not self.world.user or self.world.renamed_to:
                raise client_error("NoSuchEntity", 404, "GetUser")
            mark = {"managed-by": "labops.cloudresearch"} if self.world.managed else {}
            tags = [{"Key": key, "Value": value} for key, value in {**mark, **self.world.tags}.items()]
            return {"User": {"UserName": UserName, "Arn": f"arn:aws:iam::{ACCOUNT}:user/{UserName}", "Tags": tags}}

    def tag_user(self, UserName: str, Tags: list[dict[str, str]]) -> None:
        with self.world.call("tag_user"):
            for tag in Tags:
                assert re.fullmatch(r"[\w\s.:/=+@-]{1,128}", tag["Key"]), tag
                assert re.fullmatch(r"[\w\s.:/=+@-]{0,256}", tag["Value"]), tag
                self.world.tags[tag["Key"]] = tag["Value"]

    def untag_user(self, UserName: str, TagKeys: list[str]) -> None:
        with self.world.call("untag_user"):
            for key in TagKeys:
                self.world.tags.pop(key, None)

    def get_paginator(self, operation: str) -> _OnePage:
        return _OnePage(getattr(self, operation))

    def list_access_keys(self, UserName: str) -> dict[str, t.Any]:
        with self.world.call("list_access_keys"):
            if not self.world.user or self.world.renamed_to:
                raise client_error("NoSuchEntity", 404, "ListAccessKeys")
            young = self.world.now - datetime.timedelta(minutes=5)
            hide, self.world.hidden_listings = self.world.hidden_listings > 0, max(self.world.hidden_listings - 1, 0)
            keys = [
                {"AccessKeyId": key_id, "Status": "Active" if key.active else "Inactive", "CreateDate": key.created}
                for key_id, key in self.world.keys.items()
                if not (hide and key.created > young) and not self.world.lists_nothing
            ]
            return {"AccessKeyMetadata": keys, "ResponseMetadata": self._metadata()}

    def get_access_key_last_used(self, AccessKeyId: str) -> dict[str, t.Any]:
        with self.world.call("get_access_key_last_used"):
            if AccessKeyId not in self.world.keys and self.world.only_the_user:
                resource = f"access key {AccessKeyId}"
                message = f"User: a-role is not authorized to perform: iam:GetAccessKeyLastUsed on resource: {resource}"
                raise client_error("AccessDenied", 403, "GetAccessKeyLastUsed", message)
            if AccessKeyId not in self.world.keys:
                raise client_error("NoSuchEntity", 404, "GetAccessKeyLastUsed")
            used = self.world.keys[AccessKeyId].last_used
            service = "mturk-requester" if used else "N/A"
            owner = self.world.renamed_to or USER
            if self.world.only_the_user and owner != USER:
                resource = self.world.only_the_user.format(user=owner)
                message = f"User: a-role is not authorized to perform: iam:GetAccessKeyLastUsed on resource: {resource}"
                raise client_error("AccessDenied", 403, "GetAccessKeyLastUsed", message)
            return {
                "UserName": owner,
                "AccessKeyLastUsed": {"ServiceName": service, **({"LastUsedDate": used} if used else {})},
            }

    def create_access_key(self, UserName: str) -> dict[str, t.Any]:
        with self.world.call("create_access_key"):
            if len(self.world.keys) >= 2:
                raise client_error("LimitExceeded", 409, "CreateAccessKey")
            key_id = self.world.add_key(foreign=False)
            key = self.world.keys[key_id]
            key.created = self.world.now
            self.world.in_creation = key_id
            answer = {
                "AccessKeyId": key_id,
                "SecretAccessKey": key.secret,
                "Status": "Active",
                "CreateDate": key.created,
            }
        return {"AccessKey": answer, "ResponseMetadata": self._metadata()}

    def update_access_key(self, UserName: str, AccessKeyId: str, Status: str) -> dict[str, t.Any]:
        with self.world.call("update_access_key"):
            if AccessKeyId not in self.world.keys:
                raise client_error("NoSuchEntity", 404, "UpdateAccessKey")
            self.world.require_given_up(AccessKeyId)
            self.world.keys[AccessKeyId].active = Status == "Active"
        return {"ResponseMetadata": self._metadata()}

    def delete_access_key(self, UserName: str, AccessKeyId: str) -> dict[str, t.Any]:
        with self.world.call("delete_access_key"):
            if AccessKeyId not in self.world.keys:
                raise client_error("NoSuchEntity", 404, "DeleteAccessKey")
            self.world.require_given_up(AccessKeyId)
            del self.world.keys[AccessKeyId]
        return {"ResponseMetadata": self._metadata()}


@dataclasses.dataclass(frozen=True)
class Snapshot:
    lab: str
    record: LabRecord | None
    version: int


class Store:
    """A store with check-and-set, and with a lock that only some runs share."""

    def __init__(self, world: World) -> None:
        self.world = world

    def get(self, lab: str) -> Snapshot:
        with self.world.call("get"):
            return Snapshot(lab, self.world.record, self.world.version)

    def put(self, record: LabRecord, after: Snapshot) -> Snapshot:
        with self.world.call("put"):
            self._require(after)
            self.world.record = record
            self.world.version += 1
            written = Snapshot(after.lab, record, self.world.version)
            self.world.in_creation = ""
        return written

    def delete(self, after: Snapshot) -> None:
        with self.world.call("delete"):
            self._require(after)
            self.world.record = None
            self.world.version += 1

    def _require(self, after: Snapshot) -> None:
        if after.version != self.world.version:
            raise CollectionError("Another run wrote.", reason="store_conflict")

    def check(self, lab: str) -> None:
        with self.world.call("check"):
            pass

    def lock(self, lab: str) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


class Sts:
    """Stands for the client of STS."""

    def __init__(self, world: World) -> None:
        self.world = world

    def get_access_key_info(self, AccessKeyId: str) -> dict[str, str]:
        with self.world.call("get_access_key_info"):
            return {"Account": self.world.accounts_of_keys.get(AccessKeyId, ACCOUNT)}


class Connection:
    """Stands for the AwsConnection."""

    #: The account of the role that is assumed.
    assumed_account_id = ACCOUNT
    assumed_arn = CALLER

    def __init__(self, world: World) -> None:
        self.world = world

    def client(self, service: str, **_overrides: t.Any) -> Iam | Sts:
        return {"iam": Iam, "sts": Sts}[service](self.world)


def prover(world: World) -> t.Callable[[str, str], KeyProof]:
    def prove(access_key_id: str, secret_access_key: str) -> KeyProof:
        with world.call("prove"):
            key = world.keys.get(access_key_id)
            works = key is not None and key.active and key.secret == secret_access_key
            if key and works:
                key.last_used = world.now
            return KeyProof(works, "mturk" if works else "", "linked" if works else "invalid_credentials", "Answer.")

    return prove


def lifecycle(world: World, link: LinkKnowledge | None = None, **wanted: t.Any) -> key_lifecycle.KeyLifecycle:
    """A run that has just begun."""

    def sleep(seconds: float) -> None:
        world.now += datetime.timedelta(seconds=seconds)

    return key_lifecycle.KeyLifecycle(
        KeyObserver(
            t.cast(t.Any, Connection(world)),
            t.cast(t.Any, Store(world)),
            lab=LAB,
            user_name=USER,
            request=KeyRequest(**wanted),
            link=link or LinkKnowledge(),
            sleep=sleep,
        ),
        prove=prover(world),
    )


def run(world: World, link: LinkKnowledge | None = None, **wanted: t.Any) -> KeyOutcome:
    """One run of the module. What it did not store by its end is nobody's any more."""
    world.retiring = wanted.get("state") in ("absent", "suspended")
    try:
        return lifecycle(world, link, **wanted).run()
    finally:
        world.in_creation = ""
        world.dead = False


def converge(world: World, **wanted: t.Any) -> None:
    """What the role does with a lab: key, link, then let go of what was replaced."""
    key_id = run(world, retire_superseded=False, **wanted).after.key_to_use
    if wanted.get("state") in ("absent", "suspended"):
        return
    with world.call("link"):
        world.portal = key_id
    run(world, LinkKnowledge("linked", key_id, "submission"), **{**wanted, "state": "present"})
