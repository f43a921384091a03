# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's IAM user as it is: tags, and everything that gives it rights or a way in."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import typing as t

from ..base import vocabulary
from ..base.errors import CollectionError
from ..base.times import timestamp
from .connection import Client
from .errors import AWS_FAILURES, aws_error, aws_errors_during, error_code

# IAM's answer for a user, a login profile or a policy that does not exist.
MISSING_CODE = "NoSuchEntity"

Read = t.Callable[[], t.Any]


class UserDescription(t.TypedDict):
    """The outcome's C(user). A part that was not read is None."""

    exists: bool
    name: str
    arn: str
    created: str | None
    managed: bool
    tags: dict[str, str]
    attached_policies: list[str] | None
    inline_policies: list[str] | None
    groups: list[str] | None
    console_access: bool | None


@dataclasses.dataclass(frozen=True)
class IamUser:
    """One IAM user, as C(GetUser) tells it."""

    name: str
    arn: str
    created: str | None
    tags: t.Mapping[str, str]

    @property
    def managed(self) -> bool:
        """Whether it carries the tag by which the collection knows its own users."""
        return self.tags.get(vocabulary.MANAGED_TAG_KEY) == vocabulary.MANAGED_TAG_VALUE

    @property
    def account_id(self) -> str:
        """The 12-digit id of the user's AWS account."""
        return self.arn.split(":")[4]


def get_user(iam: Client, user_name: str) -> IamUser | None:
    """The user, or None when there is none of that name.

    :param iam: a botocore IAM client.
    :raises CollectionError: IAM refused or could not be reached.
    """
    found = _unless_missing(lambda: iam.get_user(UserName=user_name)["User"], f"read the IAM user {user_name}")
    if found is None:
        return None
    created = timestamp(found["CreateDate"]) if "CreateDate" in found else None
    return IamUser(user_name, found["Arn"], created, {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])})


@dataclasses.dataclass(frozen=True)
class UserReading:
    """What could be read of a user.

    :param unread: by part, why it could not be read.
    """

    user: UserDescription
    unread: t.Mapping[str, CollectionError]


# By part, the call of IAM's that lists it, where its answer has the list, and the names in it; and what is done.
_LISTS = {
    "attached_policies": (
        *("list_attached_user_policies", "AttachedPolicies", "PolicyArn"),
        "list the policies attached to",
    ),
    "inline_policies": ("list_user_policies", "PolicyNames", "", "list the inline policies of"),
    "groups": ("list_groups_for_user", "Groups", "GroupName", "list the groups of"),
}


def read_user(iam: Client, user_name: str, *, thorough: bool, pool: concurrent.futures.Executor) -> UserReading:
    """Read the user and what is attached to it, with one call for each kind of thing, all but the first at once.

    :param iam: a botocore IAM client.
    :param thorough: also read inline policies, groups and console access, three calls more.
    :raises CollectionError: IAM refused the user itself, or could not be reached.
    """
    user = get_user(iam, user_name)
    if user is None:
        return UserReading(no_user(user_name), {})
    parts = _LISTS if thorough else {"attached_policies": _LISTS["attached_policies"]}
    reads: dict[str, tuple[Read, str]] = {
        part: (functools.partial(_listed, iam, user_name, *where), f"{doing} the IAM user {user_name}")
        for part, (*where, doing) in parts.items()
    }
    if thorough:
        doing = f"see whether the IAM user {user_name} has a console password"
        reads["console_access"] = (lambda: bool(iam.get_login_profile(UserName=user_name)), doing)
    asked = {part: pool.submit(_unless_missing, read, doing) for part, (read, doing) in reads.items()}
    seen: dict[str, t.Any] = {}
    unread: dict[str, CollectionError] = {}
    for part, future in asked.items():
        try:
            seen[part] = future.result() or []
        except CollectionError as exc:
            unread[part] = exc
    description: UserDescription = {
        "exists": True,
        "name": user_name,
        "arn": user.arn,
        "created": user.created,
        "managed": user.managed,
        "tags": dict(user.tags),
        "attached_policies": seen.get("attached_policies"),
        "inline_policies": seen.get("inline_policies"),
        "groups": seen.get("groups"),
        "console_access": bool(seen["console_access"]) if "console_access" in seen else None,
    }
    return UserReading(description, unread)


@dataclasses.dataclass(frozen=True)
class PolicyHolder:
    """A user that has a policy.

    :param how: V(policy), or the group through which the user has it.
    """

    user_name: str
    how: str


def policy_holders(iam: Client, policy_arn: str) -> list[PolicyHolder] | None:
    """The account's users that have a managed policy, of their own or through a group; None if there is no such policy.

    :raises CollectionError: IAM refused or could not be reached.
    """
    doing = f"find the users that have the policy {policy_arn}"
    found = _unless_missing(
        lambda: iam.get_paginator("list_entities_for_policy").paginate(PolicyArn=policy_arn).build_full_result(),
        doing,
    )
    if found is None:
        return None
    entities: t.Mapping[str, t.Any] = found
    holders = [PolicyHolder(user["UserName"], "policy") for user in entities.get("PolicyUsers", [])]
    for group in entities.get("PolicyGroups", []):
        name = group["GroupName"]
        members = _unless_missing(functools.partial(_all_pages, iam, "get_group", "Users", GroupName=name), doing)
        holders += [PolicyHolder(user["UserName"], f"group {name}") for user in members or []]
    return holders


# What can give a user rights or a way in besides its declared policy, in the words of C(lab_account_remove_drift).
EXCESS_KINDS = ("console_access", "inline_policies", "groups", "attached_policies")


def excess(user: UserDescription, policy_arn: str) -> dict[str, list[str]]:
    """By kind, what the user has besides its declared policy; kinds of which there is nothing are left out.

    :param user: what C(read_user) returned.
    :param policy_arn: the declared policy, which is no excess.
    """
    found = {
        "console_access": ["password"] if user.get("console_access") else [],
        "inline_policies": list(user.get("inline_policies") or []),
        "groups": list(user.get("groups") or []),
        "attached_policies": [arn for arn in user.get("attached_policies") or [] if arn != policy_arn],
    }
    return {kind: names for kind, names in found.items() if names}


# By kind, the call of IAM's that takes it away, the parameter that names it, and what is done.
_REMOVALS = {
    "console_access": ("delete_login_profile", "", "delete the console"),
    "inline_policies": ("delete_user_policy", "PolicyName", "delete the inline policy"),
    "groups": ("remove_user_from_group", "GroupName", "end the membership in group"),
    "attached_policies": ("detach_user_policy", "PolicyArn", "detach the policy"),
}


def remove_excess(iam: Client, user_name: str, found: t.Mapping[str, t.Sequence[str]]) -> None:
    """Take from the user what C(excess) found; that some of it is gone already is fine.

    :raises CollectionError: IAM refused or could not be reached; what was removed before stays removed.
    """
    for kind, names in found.items():
        call, parameter, doing = _REMOVALS[kind]
        for name in names:
            named = {parameter: name} if parameter else {}
            _unless_missing(
                functools.partial(getattr(iam, call), UserName=user_name, **named),
                f"{doing} {name} of the IAM user {user_name}",
            )


def tag_user(iam: Client, user_name: str, key: str, value: str) -> None:
    """Give the user a tag, or its tag another value; other tags stay.

    :raises CollectionError: IAM refused, or could not be reached.
    """
    with aws_errors_during(f"tag the IAM user {user_name}"):
        iam.tag_user(UserName=user_name, Tags=[{"Key": key, "Value": value}])


def untag_user(iam: Client, user_name: str, key: str) -> None:
    """Take a tag from the user; that either is gone already is fine.

    :raises CollectionError: IAM refused, or could not be reached.
    """
    _unless_missing(
        lambda: iam.untag_user(UserName=user_name, TagKeys=[key]), f"remove the tag {key} of the IAM user {user_name}"
    )


def no_user(user_name: str) -> UserDescription:
    """What C(read_user) returns of a user that does not exist."""
    return {
        "exists": False,
        "name": user_name,
        "arn": "",
        "created": None,
        "managed": False,
        "tags": {},
        "attached_policies": [],
        "inline_policies": [],
        "groups": [],
        "console_access": False,
    }


def _all_pages(iam: Client, operation: str, key: str, **parameters: str) -> list[t.Any]:
    return list(iam.get_paginator(operation).paginate(**parameters).build_full_result().get(key, []))


def _listed(iam: Client, user_name: str, operation: str, key: str, name: str) -> list[str]:
    listed = _all_pages(iam, operation, key, UserName=user_name)
    return [entry[name] for entry in listed] if name else listed


def _unless_missing(read: Read, doing: str) -> t.Any:
    try:
        return read()
    except AWS_FAILURES as exc:
        if error_code(exc) == MISSING_CODE:
            return None
        raise aws_error(exc, doing) from exc
