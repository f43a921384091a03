# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""botocore clients for a running simulator, for tests and benchmarks. They never retry unless told to."""

from __future__ import annotations

import itertools
import typing as t

import botocore.config
import botocore.session

from tests.simulator.process import Simulator

MTURK_POLICY = "arn:aws:iam::aws:policy/AmazonMechanicalTurkFullAccess"
_session = botocore.session.Session()
_numbers = itertools.count(1)


def client(
    service: str,
    url: str,
    access_key_id: str,
    secret_access_key: str,
    session_token: str | None = None,
    *,
    attempts: int = 1,
    read_timeout: float = 30,
    region: str = "us-east-1",
) -> t.Any:
    """A client with these credentials."""
    return _session.create_client(
        service,
        region_name=region,
        endpoint_url=url,
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret_access_key,
        aws_session_token=session_token,
        config=botocore.config.Config(
            retries={"mode": "standard", "total_max_attempts": attempts}, read_timeout=read_timeout, connect_timeout=5
        ),
    )


def ops_client(simulator: Simulator, service: str, **options: t.Any) -> t.Any:
    """As the ops user in the management account."""
    return client(service, simulator.aws_url, simulator.ops_access_key, simulator.ops_secret_key, **options)


def lab_client(simulator: Simulator, lab: t.Mapping[str, t.Any], service: str, **options: t.Any) -> t.Any:
    """With the role that the ops user assumes in a lab's account."""
    sts = ops_client(simulator, "sts")
    credentials = sts.assume_role(RoleArn=lab["role_arn"], RoleSessionName="tests")["Credentials"]
    return client(
        service,
        simulator.aws_url,
        credentials["AccessKeyId"],
        credentials["SecretAccessKey"],
        credentials["SessionToken"],
        **options,
    )


def mturk_client(simulator: Simulator, environment: str, access_key_id: str, secret: str, **options: t.Any) -> t.Any:
    """MTurk with an IAM user's key."""
    url = simulator.mturk_production_url if environment == "production" else simulator.mturk_sandbox_url
    return client("mturk", url, access_key_id, secret, **options)


def new_lab(simulator: Simulator, **options: t.Any) -> dict[str, t.Any]:
    """A lab with a name that no other test has."""
    return simulator.control.create_lab(f"test-lab-{next(_numbers)}-{simulator.control.mark('new lab')}", **options)


def new_key(simulator: Simulator, lab: t.Mapping[str, t.Any], user_name: str = "somebody") -> tuple[str, str]:
    """An IAM user with the MTurk policy and a key, made behind everybody's back: id and secret."""
    simulator.control.create_user(lab["name"], user_name, policy_arns=[MTURK_POLICY])
    key = simulator.control.create_access_key(lab["name"], user_name)
    return key["access_key_id"], key["secret_access_key"]
