# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts of the local stack in which people made users and keys by hand, and the truth about each key."""

from __future__ import annotations

import dataclasses
import datetime
import json
import typing as t

from tests.fleet import Fleet
from tests.tools.iam_scenarios import administrator

AWS = "arn:aws:iam::aws:policy/"
MTURK = AWS + "AmazonMechanicalTurkFullAccess"
VERSION = "2012-10-17"
Document = dict[str, t.Any]


def allow(**more: t.Any) -> Document:
    """A policy with one statement that allows something on all resources."""
    return {"Version": VERSION, "Statement": [{"Effect": "Allow", "Resource": "*", **more}]}


def deny(**more: t.Any) -> Document:
    """A policy with one statement that denies something on all resources."""
    return {"Version": VERSION, "Statement": [{"Effect": "Deny", "Resource": "*", **more}]}


TURK = allow(Action="mechanicalturk:*")
ONLY_S3 = allow(Action="s3:*")
MFA = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


@dataclasses.dataclass(frozen=True)
class Key:
    """A key to make. C(service) is what it was last used for, so many days ago; empty: it was never used."""

    service: str = ""
    days_ago: float = 0
    active: bool = True


@dataclasses.dataclass(frozen=True)
class User:
    """A user to make by hand.

    :param right: whether it may call MTurk: yes, no, or unknown where a condition decides.
    :param policies: ARNs of AWS's managed policies.
    :param inline: policies of the user's own.
    :param customer: a policy of the account's, attached to the user.
    :param boundary: a policy of the account's that limits the user.
    :param group: what the user's only group allows: an ARN, or a policy of the group's own.
    """

    name: str
    right: str = "yes"
    policies: tuple[str, ...] = ()
    inline: tuple[Document, ...] = ()
    customer: Document | None = None
    boundary: Document | None = None
    group: str | Document | None = None
    path: str = "/"
    administrator: bool = False
    quarantined: bool = False
    keys: tuple[Key, ...] = (Key(),)


@dataclasses.dataclass(frozen=True)
class TrueKey:
    """One key as it was made."""

    lab: str
    account_id: str
    arn: str
    access_key_id: str
    user: User
    key: Key

    @property
    def last_used(self) -> datetime.datetime | None:
        """When the key was last used; None: never."""
        now = datetime.datetime.now(datetime.UTC)
        return now - datetime.timedelta(days=self.key.days_ago) if self.key.service else None


def make_user(fleet: Fleet, lab: str, user: User) -> list[TrueKey]:
    """Make a user with its keys in a lab's account."""
    control, iam = fleet.simulator.control, administrator(fleet, lab)
    group = f"group-of-{user.name}" if user.group is not None else ""
    made = control.create_user(
        lab,
        user.name,
        path=user.path,
        policy_arns=list(user.policies),
        inline_policies={f"policy-{number}": text for number, text in enumerate(user.inline)},
        groups=[group] if group else [],
    )
    if isinstance(user.group, str):
        iam.attach_group_policy(GroupName=group, PolicyArn=user.group)
    elif user.group:
        iam.put_group_policy(GroupName=group, PolicyName="turk", PolicyDocument=json.dumps(user.group))
    if user.customer:
        policy = iam.create_policy(PolicyName=f"of-{user.name}", PolicyDocument=json.dumps(user.customer))["Policy"]
        iam.attach_user_policy(UserName=user.name, PolicyArn=policy["Arn"])
    if user.boundary:
        limit = iam.create_policy(PolicyName=f"limit-of-{user.name}", PolicyDocument=json.dumps(user.boundary))
        control.limit_user(lab, user.name, limit["Policy"]["Arn"])
    return [_make_key(fleet, lab, made["arn"], user, key) for key in user.keys]


def _make_key(fleet: Fleet, lab: str, arn: str, user: User, key: Key) -> TrueKey:
    control = fleet.simulator.control
    key_id = control.create_access_key(lab, user.name, status="Active" if key.active else "Inactive")["access_key_id"]
    if key.service:
        control.note_key_use(key_id, key.service, days_ago=key.days_ago)
    return TrueKey(lab, fleet.hosts[lab]["lab_account_aws_account_id"], arn, key_id, user, key)


#: By lab, who was made in its account by hand.
ACCOUNTS: dict[str, tuple[User, ...]] = {
    "full": (User("old-mturk", policies=(MTURK,), keys=(Key("mturk-requester"),)),),
    "reader": (User("auditor", policies=(AWS + "AmazonMechanicalTurkReadOnly",)),),
    "inline": (User("script", inline=(TURK,), keys=(Key("mturk-requester", 400),)),),
    "wildcard": (
        User("getter", inline=(allow(Action=["mechanicalturk:?et*", "s3:*"]),), keys=(Key("s3", 3),)),
        User("upper", inline=(allow(Action="MechanicalTurk:CreateHIT"),)),
    ),
    "administrator": (
        User("root2", policies=(AWS + "AdministratorAccess",), administrator=True, keys=(Key("mturk-requester", 2),)),
    ),
    "power": (User("it", policies=(AWS + "PowerUserAccess",), administrator=True, keys=(Key("ec2", 1),)),),
    "not-action": (User("rest", inline=(allow(NotAction="iam:*"),), administrator=True),),
    "path": (User("psych", policies=(MTURK,), path="/labs/psychology/", keys=(Key("sts", 90), Key(active=False))),),
    "quarantined": (
        User("leaked", policies=(AWS + "AWSCompromisedKeyQuarantineV3", MTURK), quarantined=True, keys=(Key("ec2"),)),
    ),
    "group": (
        User("ada", group=MTURK, keys=(Key("mturk-requester", 10), Key())),
        User("bob", group=MTURK, keys=(Key(), Key())),
    ),
    "group-inline": (User("postdoc", group=TURK, keys=(Key("mturk-requester"),)),),
    "customer": (User("theirs", customer=TURK),),
    "boundary": (
        User("limited", "no", policies=(MTURK,), boundary=ONLY_S3),
        User("bounded", policies=(MTURK,), boundary=TURK),
    ),
    "denied": (
        User("denied", "no", policies=(MTURK,), inline=(deny(Action="mechanicalturk:*"),)),
        User("all-but", "no", inline=(allow(NotAction="mechanicalturk:*"),), administrator=True),
        User("storage", "no", policies=(AWS + "AmazonS3ReadOnlyAccess",)),
    ),
    "root": (),
    "doubt": (User("with-mfa", "unknown", inline=(allow(Action="mechanicalturk:*", Condition=MFA),)),),
    "no-key": (User("nobody", policies=(MTURK,), keys=()),),
    "excepted": (User("billing-export", policies=(MTURK,), keys=(Key("mturk-requester"),)),),
    "run-out": (User("once-excepted", policies=(MTURK,), keys=(Key("mturk-requester", 30),)),),
    "own-name": (User("cloudresearch-mturk", policies=(MTURK,), keys=(Key("mturk-requester"), Key(active=False))),),
}
#: Whom an account without anything of MTurk has.
PLAIN = User("plain", "no", policies=(AWS + "AmazonS3ReadOnlyAccess",), keys=(Key("s3", 1),))
