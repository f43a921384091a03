# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which AWS account the credentials of a connection lead to, and as whom."""

from __future__ import annotations

import typing as t

from .connection import AwsConnection
from .errors import aws_errors_during


def identity(connection: AwsConnection) -> t.Mapping[str, t.Any]:
    """What STS answers to C(GetCallerIdentity): C(Account) and C(Arn) among it.

    :raises CollectionError: AWS refused or could not be reached, as for the next two.
    """
    with aws_errors_during("find out which AWS account the credentials belong to"):
        answer: t.Mapping[str, t.Any] = connection.client("sts").get_caller_identity()
    return answer


def account_of(connection: AwsConnection) -> str:
    """The 12-digit id of the account that the connection works in.

    An assumed role has its account in its ARN; otherwise AWS is asked.
    """
    return connection.assumed_account_id or str(identity(connection)["Account"])


def account_of_key(connection: AwsConnection, access_key_id: str) -> str:
    """The 12-digit id of the account that an access key belongs to, whoever asks, also if it is inactive or deleted.

    AWS tells that of each key (STS API reference, GetAccessKeyInfo).
    """
    with aws_errors_during(f"find out which AWS account the access key {access_key_id} belongs to"):
        return str(connection.client("sts").get_access_key_info(AccessKeyId=access_key_id)["Account"])


def arn_of(connection: AwsConnection) -> str:
    """The ARN by which AWS knows whoever makes the connection's calls.

    AWS tells it when a role is assumed; otherwise it is asked.
    """
    return connection.assumed_arn or str(identity(connection)["Arn"])
