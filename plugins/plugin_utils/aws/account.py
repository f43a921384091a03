# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The AWS account that a host stands for: what is declared of it, the way in, and the environment of programs there."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import typing as t

from ..base import masking
from ..base.errors import CollectionError, invalid_options
from .connection import AwsConnection

# Variables of the operator's environment that no program in a lab's account gets: credentials, and what leads to some.
_OPERATORS_PREFIXES = ("AWS_", "VAULT_", "BAO_", "ANSIBLE_VAULT_", "ANSIBLE_HASHI_VAULT_", "BOTO_")
# Besides what C(masking) knows by its name. Programs that ask for a password are none.
_OPERATORS_SECRETS = re.compile(r"(?i)(?<!ASK)PASS$|(^|_)PAT$")
_NO_SECRETS = frozenset({"PWD", "OLDPWD"})

# Variables by which a program would find other credentials than the account's: those of botocore, and the older ones
# that the options of amazon.aws's modules take, too.
_CREDENTIAL_VARIABLES = re.compile(
    r"(AWS|EC2)_(ACCESS_KEY(_ID)?|SECRET(_ACCESS)?_KEY|SE(SSION|CURITY)_TOKEN)|AWS_(DEFAULT_)?PROFILE"
)
# A shell starts a new command after these.
_COMMAND_ENDS = frozenset({";", "&&", "||", "|", "&"})

# AWS accounts of GovCloud and of China are in partitions of their own, which the ARNs of their roles name.
_PARTITIONS = (("us-gov-", "aws-us-gov"), ("cn-", "aws-cn"))


@dataclasses.dataclass(frozen=True)
class AccountDeclaration:
    """What the inventory says of a host's AWS account. Empty strings and None count as not said.

    :param role_name: the role to assume in C(account_id), with its path; no role without an account id.
    :param role_arn: the role to assume, whole; it comes before C(role_name).
    :param duration: for how many seconds the role is assumed; None: what AWS gives.
    :param ambient_credentials: whether the control node's own credentials are meant where nothing else is said.
    """

    account_id: str = ""
    role_name: str = ""
    role_arn: str = ""
    external_id: str = ""
    session_name: str = ""
    duration: int | None = None
    profile: str = ""
    region: str = ""
    endpoint_url: str = ""
    ca_bundle: str = ""
    validate_certs: bool = True
    ambient_credentials: bool = False

    @property
    def is_declared(self) -> bool:
        """Whether the inventory says which account is meant."""
        return bool(self.account_id or self.role_arn or self.profile or self.ambient_credentials)

    @property
    def role(self) -> str:
        """The ARN of the role to assume; empty without one."""
        if self.role_arn or not (self.account_id and self.role_name):
            return self.role_arn
        partition = next((name for prefix, name in _PARTITIONS if self.region.startswith(prefix)), "aws")
        return f"arn:{partition}:iam::{self.account_id}:role/{self.role_name}"

    def connection(self) -> AwsConnection:
        """The way into the account. Nothing is asked of AWS before it is used.

        :raises CollectionError: the declaration names no account, a wrong one, or two of them.
        """
        if not self.is_declared:
            raise CollectionError(
                "No AWS account is declared.",
                next_step=(
                    "Give the 12-digit account id (ansible_aws_account_id or lab_account_aws_account_id) or a profile "
                    "(ansible_aws_account_profile or lab_account_aws_profile). If the control node's own credentials "
                    "are meant, set ansible_aws_account_ambient_credentials=true."
                ),
                reason="no_account",
            )
        if self.account_id and not re.fullmatch(r"\d{12}", self.account_id):
            told = f"{self.account_id!r} is not the id of an AWS account."
            raise invalid_options(told, "Write its 12 digits in quotes, so that leading zeros stay.")
        in_arn = re.match(r"arn:[\w-]+:iam::(\d{12}):role/", self.role_arn)
        if self.account_id and in_arn and in_arn.group(1) != self.account_id:
            raise CollectionError(
                f"The role {self.role_arn} is not in the account {self.account_id}.",
                next_step="Correct the account id or the ARN of the role.",
                reason="wrong_account",
            )
        return AwsConnection(
            {
                "assume_role_arn": self.role,
                "external_id": self.external_id,
                "role_session_name": self.session_name,
                "role_duration": self.duration,
                "account_id": self.account_id,
                "profile": self.profile,
                "region": self.region,
                "endpoint_url": self.endpoint_url,
                "aws_ca_bundle": self.ca_bundle,
                "validate_certs": self.validate_certs,
            }
        )


def without_the_operators(environment: t.Mapping[str, str]) -> dict[str, str]:
    """An environment without anything by which a program could act as the operator, in AWS or elsewhere."""
    kept = {
        name: value
        for name, value in environment.items()
        if not name.upper().startswith(_OPERATORS_PREFIXES) and not _names_a_secret(name)
    }
    # Neither the operator's profiles nor the instance's role: no credentials are no credentials.
    nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return {**kept, **nowhere, "AWS_EC2_METADATA_DISABLED": "true"}


def _names_a_secret(variable: str) -> bool:
    if variable in _NO_SECRETS:
        return False
    return masking.names_a_secret(variable) or _OPERATORS_SECRETS.search(variable) is not None


def variables_set_in(command: str) -> set[str]:
    """The names of the variables that a command of a shell sets for what it starts, also in shells inside of it.

    A task's C(environment) comes as such assignments, and with C(become) inside of the command that becomes somebody.
    """
    try:
        words = shlex.split(command)
    except ValueError:
        return set()
    found: set[str] = set()
    may_assign = True
    for before, word in zip(["", *words], words, strict=False):
        if before == "-c":
            found |= variables_set_in(word)
        assigned = re.match(r"([A-Za-z_]\w*)=", word) if may_assign else None
        if assigned:
            found.add(assigned.group(1))
        may_assign = bool(assigned) or word in _COMMAND_ENDS
    return found


def refuse_other_credentials(variables: t.Iterable[str]) -> None:
    """Refuse a task whose own environment would lead what it runs out of the lab's account.

    :param variables: the names of the variables that the task sets.
    :raises CollectionError: naming those that lead elsewhere.
    """
    leading = sorted(name for name in variables if _CREDENTIAL_VARIABLES.fullmatch(name))
    if leading:
        raise invalid_options(
            f"The task's environment sets {', '.join(leading)}, so it would not run in the AWS account of its host.",
            "Take it out of the keyword environment of the task, its block, role and play. Give the operator's own "
            "credentials to ansible-playbook itself: export the variables before you start it, or name a profile "
            "(lab_account_aws_profile or ansible_aws_account_profile).",
        )


def account_environment(connection: AwsConnection) -> dict[str, str]:
    """The environment variables by which a program finds itself in the account.

    :raises CollectionError: the account cannot be entered.
    """
    credentials, settings = connection.credentials(), connection.settings()
    values = {
        "AWS_ACCESS_KEY_ID": credentials["access_key"],
        "AWS_SECRET_ACCESS_KEY": credentials["secret_key"],
        "AWS_SESSION_TOKEN": credentials.get("session_token"),
        "AWS_REGION": settings["region"],
        "AWS_DEFAULT_REGION": settings["region"],
        "AWS_ENDPOINT_URL": settings.get("endpoint_url"),
        "AWS_CA_BUNDLE": settings.get("aws_ca_bundle"),
    }
    return {name: value for name, value in values.items() if value}
