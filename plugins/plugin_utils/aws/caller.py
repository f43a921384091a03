# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which AWS account the credentials of a connection lead to, and as whom."""

from __future__ import annotations

from .connection import AwsConnection
from .errors import AWS_FAILURES, aws_error


def account_of(connection: AwsConnection) -> str:
    """The 12-digit id of the account that the connection works in.

    An assumed role has its account in its ARN; otherwise AWS is asked.

    :raises CollectionError: AWS refused or could not be reached.
    """
    if connection.assumed_account_id:
        return connection.assumed_account_id
    try:
        return str(connection.client("sts").get_caller_identity()["Account"])
    except AWS_FAILURES as exc:
        raise aws_error(exc, "find out which AWS account the credentials belong to") from exc


def arn_of(connection: AwsConnection) -> str:
    """The ARN by which AWS knows whoever makes the connection's calls.

    AWS tells it when a role is assumed; otherwise it is asked.

    :raises CollectionError: AWS refused or could not be reached.
    """
    if connection.assumed_arn:
        return connection.assumed_arn
    try:
        return str(connection.client("sts").get_caller_identity()["Arn"])
    except AWS_FAILURES as exc:
        raise aws_error(exc, "find out whom the credentials belong to") from exc
