# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small verbs on an IAM user's access keys.

What AWS answers is turned into our own small types, and what it refuses into errors for people.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
import typing as t

from ..base import masking, times
from ..base.errors import CollectionError
from .connection import Client
from .errors import ClientError, aws_error, aws_errors_during, error_code, is_connection_failure, plain_message
from .shared_advice import ACCESS_DENIED_CODES

# The user in a refusal, by its name or by its ARN with its path.
_REFUSED_USER = re.compile(r"on resource: (?:user |arn:[\w-]+:iam::\d{12}:user/(?:[^\s/]+/)*)([\w+=,.@-]*[\w+=,@-])")

# IAM User Guide, "IAM and AWS STS quotas".
KEYS_A_USER = 2

# What IAM's CreateAccessKey answers before it has done anything (IAM API reference, errors of CreateAccessKey, and
# the errors common to all actions). After any other failure the key may exist.
_REFUSED_STATUS = range(400, 500)


@dataclasses.dataclass(frozen=True)
class IamKey:
    """One access key as IAM knows it.

    :param last_used: when it last signed a call, as far as IAM knows; None: never, or nobody asked.
    :param last_used_service: for which service, such as V(mturk-requester); empty as C(last_used).
    :param last_used_region: in which AWS region; empty as C(last_used).
    :param last_use_known: IAM was asked for the last use, and answered.
    """

    access_key_id: str
    active: bool
    created: datetime.datetime
    last_used: datetime.datetime | None = None
    last_used_service: str = ""
    last_used_region: str = ""
    last_use_known: bool = False


@dataclasses.dataclass(frozen=True)
class KeyListing:
    """A user's keys, oldest first, and what AWS's clock said when they were listed."""

    keys: tuple[IamKey, ...]
    at: datetime.datetime


@dataclasses.dataclass(frozen=True)
class NewKey:
    """A key at the one moment when its secret is known."""

    key: IamKey
    secret_access_key: str = dataclasses.field(repr=False)
    request_id: str = ""


@dataclasses.dataclass(frozen=True)
class KeyCall:
    """What came of a call that changes a key.

    :param request_id: by which AWS, and CloudTrail, know the call; empty if AWS gave none.
    :param found: whether there was such a key; one that is gone was not changed.
    """

    request_id: str
    found: bool = True


class CreationUnclear(CollectionError):
    """Nobody can tell whether the key was created: the answer was lost, or was no answer."""


# Of botocore.
Answer = t.Mapping[str, t.Any]


def list_keys(client: Client, user_name: str) -> KeyListing:
    """The user's access keys; none when there is no such user. Their last use is not asked for."""
    with aws_errors_during(f"list the access keys of the IAM user {user_name}"):
        try:
            # Few as they are, IAM may give them on several pages (IAM API reference, ListAccessKeys, IsTruncated).
            pages: list[Answer] = list(client.get_paginator("list_access_keys").paginate(UserName=user_name))
        except ClientError as exc:
            if error_code(exc) != "NoSuchEntity":
                raise
            pages = [t.cast(Answer, exc.response)]
    keys = [_iam_key(data) for page in pages for data in page.get("AccessKeyMetadata", ())]
    keys.sort(key=lambda key: (key.created, key.access_key_id))
    return KeyListing(tuple(keys), server_time(pages[-1]))


def with_last_use(client: Client, key: IamKey) -> IamKey:
    """The key with its last use, as IAM knows it (it can lag behind for a while)."""
    with aws_errors_during(f"read the last use of the access key {key.access_key_id}"):
        try:
            used = client.get_access_key_last_used(AccessKeyId=key.access_key_id)["AccessKeyLastUsed"]
        except ClientError as exc:
            if error_code(exc) == "NoSuchEntity":
                return key
            raise
    service, region = used.get("ServiceName", ""), used.get("Region", "")
    return dataclasses.replace(
        key,
        last_used=used.get("LastUsedDate"),
        last_used_service="" if service == "N/A" else service,
        last_used_region="" if region == "N/A" else region,
        last_use_known=True,
    )


def owner_of(client: Client, access_key_id: str) -> str:
    """The user that has the key, whatever its name is now; empty if there is no such key in the account.

    A user that was renamed keeps its keys (IAM API reference, UpdateUser). A role that may look at the lab's user only
    is refused then. So it is for a key that is gone; but that refusal names the key as its resource, not the user.
    """
    with aws_errors_during(f"find out whose the access key {access_key_id} is"):
        try:
            return str(client.get_access_key_last_used(AccessKeyId=access_key_id).get("UserName", ""))
        except ClientError as exc:
            if error_code(exc) in ACCESS_DENIED_CODES:
                found = _REFUSED_USER.search(plain_message(exc))
                return found.group(1) if found else ""
            if error_code(exc) == "NoSuchEntity":
                return ""
            raise


def create_key(client: Client, user_name: str) -> NewKey:
    """Create an access key.

    :param client: one that sends each call once: a lost answer must not make a second key.
    :raises CreationUnclear: the key may exist.
    :raises CollectionError: it does not exist.
    """
    doing = f"create an access key for the IAM user {user_name}"
    try:
        answer = client.create_access_key(UserName=user_name)
        data = answer["AccessKey"]
        masking.register(data["SecretAccessKey"])
        return NewKey(_iam_key(data), data["SecretAccessKey"], _request_id(answer))
    except Exception as exc:
        # Whatever it is: what botocore raises for an answer that it cannot read quotes the answer, secret included.
        error = _creation_error(exc, doing)
    raise error


def _creation_error(exc: Exception, doing: str) -> CollectionError:
    if isinstance(exc, ClientError):
        error = aws_error(exc, doing)
        if exc.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in _REFUSED_STATUS:
            return error
    elif is_connection_failure(exc):
        error = aws_error(exc, doing)
    else:
        error = CollectionError(
            f"Could not {doing}: the answer of AWS could not be read ({type(exc).__name__}).",
            next_step="Run again.",
            reason="aws_error",
        )
    return CreationUnclear(error.message, next_step=error.next_step, reason=error.reason, details=error.details)


def deactivate_key(client: Client, user_name: str, access_key_id: str) -> KeyCall:
    """Switch a key off; that it is gone already is fine."""
    return _change_key(
        f"deactivate the access key {access_key_id} of the IAM user {user_name}",
        lambda: client.update_access_key(UserName=user_name, AccessKeyId=access_key_id, Status="Inactive"),
    )


def activate_key(client: Client, user_name: str, access_key_id: str) -> KeyCall:
    """Switch a key on again; one that is gone cannot be."""
    return _change_key(
        f"activate the access key {access_key_id} of the IAM user {user_name}",
        lambda: client.update_access_key(UserName=user_name, AccessKeyId=access_key_id, Status="Active"),
    )


def delete_key(client: Client, user_name: str, access_key_id: str) -> KeyCall:
    """Delete a key; that it is gone already is fine."""
    return _change_key(
        f"delete the access key {access_key_id} of the IAM user {user_name}",
        lambda: client.delete_access_key(UserName=user_name, AccessKeyId=access_key_id),
    )


def _change_key(doing: str, call: t.Callable[[], Answer]) -> KeyCall:
    with aws_errors_during(doing):
        try:
            return KeyCall(_request_id(call()))
        except ClientError as exc:
            if error_code(exc) != "NoSuchEntity":
                raise
            # A call that botocore had to repeat may have found what its own first try, whose answer was lost, had left.
            repeated = exc.response.get("ResponseMetadata", {}).get("RetryAttempts", 0) > 0
            return KeyCall(_request_id(exc.response), found=repeated)


def _request_id(answer: Answer) -> str:
    return str(answer.get("ResponseMetadata", {}).get("RequestId", ""))


def _iam_key(data: Answer) -> IamKey:
    return IamKey(data["AccessKeyId"], data["Status"] == "Active", data["CreateDate"])


def server_time(answer: Answer) -> datetime.datetime:
    """AWS's own clock, so that a control node whose clock is off judges ages and intents right."""
    text = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    return times.parse_http_date(text) or times.now()
