# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints what each MTurk endpoint answers to the key in the environment: C(mturk_balance.py <url> ...)."""

from __future__ import annotations

import json
import sys

import boto3

print(
    json.dumps(
        {url: boto3.client("mturk", endpoint_url=url).get_account_balance()["AvailableBalance"] for url in sys.argv[1:]}
    )
)
