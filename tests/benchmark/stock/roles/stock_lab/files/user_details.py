# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints what an IAM user has that no stock module tells: C(user_details.py <url> <user name>)."""

from __future__ import annotations

import json
import sys

import boto3
from botocore.exceptions import ClientError

url, user = sys.argv[1:]
iam = boto3.client("iam", endpoint_url=url)
try:
    console = bool(iam.get_login_profile(UserName=user))
except ClientError as exc:
    if exc.response["Error"]["Code"] != "NoSuchEntity":
        raise
    console = False
keys = [key["AccessKeyId"] for key in iam.list_access_keys(UserName=user)["AccessKeyMetadata"]]
details = {
    "console": console,
    "policies": iam.list_attached_user_policies(UserName=user)["AttachedPolicies"],
    "inline": iam.list_user_policies(UserName=user)["PolicyNames"],
    "groups": iam.list_groups_for_user(UserName=user)["Groups"],
    "last_used": {key: iam.get_access_key_last_used(AccessKeyId=key)["AccessKeyLastUsed"] for key in keys},
}
print(json.dumps(details, default=str))
