# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which account is meant, with which credentials, and what a program there finds in its environment."""

from __future__ import annotations

import os
import pathlib
import shlex
import typing as t

import boto3
import botocore.session
import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import account
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import connection as aws
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import options as aws_options
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.tests.unit.plugins.plugin_utils.aws.aws_answers import (
    CREATED,
    AwsAnswers,
    aws_answers,
)

__all__ = ["aws_answers"]

ID = "111122223333"
ARN = f"arn:aws:iam::{ID}:role/path/Operations"
OPS = {"AWS_ACCESS_KEY_ID": "AKIAOPS0000000000001", "AWS_SECRET_ACCESS_KEY": "the-secret-of-ops"}
SESSION = {
    "AccessKeyId": "ASIAASSUMED000000001",
    "SecretAccessKey": "the-secret-of-the-session",
    "SessionToken": "the-token-of-the-session",
    "Expiration": CREATED,
}


@pytest.mark.parametrize(
    ("said", "role"),
    [
        ({"account_id": ID, "role_name": "path/Operations"}, ARN),
        ({"account_id": ID, "role_name": ""}, ""),
        ({"role_name": "Operations", "profile": "ops"}, ""),
        ({"role_arn": ARN, "role_name": "Other"}, ARN),
        ({"account_id": ID, "role_arn": ARN}, ARN),
        ({"account_id": ID, "role_name": "R", "region": "us-gov-west-1"}, f"arn:aws-us-gov:iam::{ID}:role/R"),
        ({"account_id": ID, "role_name": "R", "region": "cn-north-1"}, f"arn:aws-cn:iam::{ID}:role/R"),
        ({"ambient_credentials": True}, ""),
    ],
)
def test_the_role_that_is_meant(said: dict[str, t.Any], role: str) -> None:
    declaration = account.AccountDeclaration(**said)
    declaration.connection()
    assert declaration.is_declared and declaration.role == role


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({}, "no_account"),
        ({"role_name": "OrganizationAccountAccessRole", "external_id": "x"}, "no_account"),
        ({"account_id": "1234"}, "invalid_options"),
        ({"account_id": "44445555666", "role_arn": ARN}, "invalid_options"),
        ({"account_id": "444455556666", "role_arn": ARN}, "wrong_account"),
    ],
)
def test_what_names_no_account(said: dict[str, t.Any], reason: str) -> None:
    with pytest.raises(CollectionError) as raised:
        account.AccountDeclaration(**said).connection()
    assert raised.value.reason == reason and raised.value.next_step


def test_all_that_is_said_of_the_role_reaches_sts(aws_answers: AwsAnswers, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in OPS.items():
        monkeypatch.setenv(name, value)
    aws_answers.answers = {"AssumeRole": {"Credentials": SESSION}}
    said = {"role_arn": ARN, "external_id": "an-id", "session_name": "operator@site", "duration": 900}
    connection = account.AccountDeclaration(**said, region="eu-west-1", ca_bundle="/authorities.pem").connection()
    assert aws_answers.calls == []
    assert account.account_environment(connection) == {
        "AWS_ACCESS_KEY_ID": SESSION["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": SESSION["SecretAccessKey"],
        "AWS_SESSION_TOKEN": SESSION["SessionToken"],
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_CA_BUNDLE": "/authorities.pem",
    }
    account.account_environment(connection)
    (call,) = aws_answers.calls
    assert call.parameters == {
        "RoleArn": ARN,
        "RoleSessionName": "operator@site",
        "ExternalId": "an-id",
        "DurationSeconds": 900,
    }


@pytest.mark.parametrize("found", [ID, "444455556666"])
def test_credentials_without_a_role_must_belong_to_the_account(
    found: str, aws_answers: AwsAnswers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in OPS.items():
        monkeypatch.setenv(name, value)
    aws_answers.answers = {"GetCallerIdentity": {"Account": found}, "ListAccountAliases": {"AccountAliases": []}}
    connection = account.AccountDeclaration(account_id=ID).connection()
    if found == ID:
        connection.client("iam").list_account_aliases()
        assert account.account_environment(connection)["AWS_ACCESS_KEY_ID"] == OPS["AWS_ACCESS_KEY_ID"]
    else:
        for use in (lambda: connection.client("iam"), connection.credentials):
            with pytest.raises(CollectionError) as raised:
                use()
            assert raised.value.reason == "wrong_account" and found in raised.value.message
    assert aws_answers.counts().pop("ListAccountAliases", 0) == (found == ID)
    # A lab's own key is no matter of the operator's account.
    connection.with_credentials("AKIALAB0000000000001", "secret").client("iam")


def test_nothing_of_the_operators_is_passed_on() -> None:
    operators = """AWS_PROFILE AWS_SECRET_ACCESS_KEY AWS_ENDPOINT_URL_STS AWS_WEB_IDENTITY_TOKEN_FILE VAULT_TOKEN
        VAULT_ADDR BAO_TOKEN ANSIBLE_VAULT_PASSWORD_FILE ANSIBLE_HASHI_VAULT_SECRET_ID GITHUB_TOKEN TOKEN SMTP_PASSWORD
        portal_secret OPENAI_API_KEY PGPASSWORD MYSQL_PWD SSHPASS DB_PASS GITHUB_PAT LAB_PASSWORD_1 PASSWORD_FILE
        CLOUDRESEARCH_TOTP GOOGLE_APPLICATION_CREDENTIALS"""
    names = "PATH HOME HTTPS_PROXY TOKENIZERS_PARALLELISM SECRETARY LANG PWD OLDPWD SSH_ASKPASS MPATH COMPASS_ROSE"
    others = dict.fromkeys(names.split(), "y")
    kept = account.without_the_operators({**dict.fromkeys(operators.split(), "x"), **others})
    assert kept == {
        **others,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


CONFIGURATION = """
[default]
aws_access_key_id = AKIADEFAULT000000001
aws_secret_access_key = of-the-default
ca_bundle = /of/the/default.pem
[profile ops]
aws_access_key_id = AKIAPROFILE000000001
aws_secret_access_key = of-the-profile
region = eu-west-1
ca_bundle = /of/the/profile.pem
endpoint_url = https://of.the.profile
[profile other]
aws_access_key_id = AKIAOTHER00000000001
aws_secret_access_key = of-the-other
"""


@pytest.mark.parametrize("given", ["", "other"])
@pytest.mark.parametrize("files", [True, False])
@pytest.mark.parametrize(
    "environment",
    [
        {},
        OPS,
        {**OPS, "AWS_SESSION_TOKEN": "a-token"},
        {"AWS_PROFILE": "ops"},
        {"AWS_DEFAULT_PROFILE": "ops"},
        {**OPS, "AWS_PROFILE": "ops"},
        {**OPS, "AWS_PROFILE": "ops", "AWS_CA_BUNDLE": "/of/the/environment.pem"},
        {**OPS, "AWS_DEFAULT_REGION": "us-west-2"},
        {"AWS_PROFILE": "misspelt"},
    ],
)
def test_what_boto3_finds_we_find(
    given: str, files: bool, environment: dict[str, str], tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the options of a module, and by the connection."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    (tmp_path / "config").write_text(CONFIGURATION)
    places = {
        "AWS_CONFIG_FILE": str(tmp_path / "config" if files else "/nowhere"),
        "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
    }
    for name, value in {**places, "AWS_EC2_METADATA_DISABLED": "true", **environment}.items():
        monkeypatch.setenv(name, value)
    theirs = by_boto3(given)
    declared = account.AccountDeclaration(profile=given, ambient_credentials=True).connection()
    assert found_by(declared, theirs) == theirs
    spec = aws_options.lab_aws_argument_spec()
    defaults = {name: option.get("default") for name, option in spec.items()}
    assert not any("fallback" in spec[name] for name in aws_options.CREDENTIALS)
    assert found_by(aws.AwsConnection({**defaults, "profile": given}), theirs) == theirs


def by_boto3(profile: str) -> dict[str, t.Any]:
    try:
        session = boto3.session.Session(profile_name=profile or None)
        found = session.get_credentials()
        core = botocore.session.Session(profile=profile or None)
        return {
            "credentials": found and tuple(found.get_frozen_credentials())[:3],
            "region": session.region_name or "us-east-1",
            "aws_ca_bundle": core.get_config_variable("ca_bundle"),
            "endpoint_url": core.get_scoped_config().get("endpoint_url"),
        }
    except Exception as exc:
        return {"credentials": type(exc).__name__}


def found_by(connection: aws.AwsConnection, theirs: dict[str, t.Any]) -> dict[str, t.Any]:
    try:
        found = connection.credentials()
    except CollectionError as exc:
        assert exc.reason == "no_credentials"
        if theirs["credentials"]:
            return {"credentials": exc.details["error_code"]}
        values: dict[str, t.Any] = {"credentials": None}
    else:
        values = {"credentials": tuple(found.get(name) for name in ("access_key", "secret_key", "session_token"))}
    settings = connection.settings()
    return {**values, **{name: settings.get(name) for name in ("region", "aws_ca_bundle", "endpoint_url")}}


@pytest.mark.parametrize(
    ("command", "variables"),
    [
        ("/bin/sh -c '/usr/bin/python3 && sleep 0'", set()),
        ("/bin/sh -c 'A=1 AWS_PROFILE=ops /usr/bin/python3 && sleep 0'", {"A", "AWS_PROFILE"}),
        ("""/bin/sh -c 'A='"'"'b AWS_PROFILE=c'"'"' /usr/bin/python3 && sleep 0'""", {"A"}),
        (
            """sudo -H -S -n -u root /bin/sh -c 'echo BECOME-SUCCESS-x ; EC2_SECRET_KEY=y python3' && sleep 0""",
            {"EC2_SECRET_KEY"},
        ),
        (
            "/bin/sh -c "
            + shlex.quote("sudo -n /bin/sh -c " + shlex.quote("echo BECOME-SUCCESS-x ; AWS_ACCESS_KEY_ID=y python3")),
            {"AWS_ACCESS_KEY_ID"},
        ),
        ("/bin/sh -c 'grep AWS_PROFILE= file && A=1 true'", {"A"}),
        ("a 'word that never ends", set()),
    ],
)
def test_the_variables_that_a_command_sets(command: str, variables: set[str]) -> None:
    assert account.variables_set_in(command) == variables


@pytest.mark.parametrize(
    "name",
    [
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE"),
        *("AWS_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_SECURITY_TOKEN"),
        *("EC2_ACCESS_KEY", "EC2_SECRET_KEY", "EC2_SECURITY_TOKEN"),
    ],
)
def test_no_variable_leads_out_of_the_account(name: str) -> None:
    with pytest.raises(CollectionError) as caught:
        account.refuse_other_credentials(["AWS_REGION", name])
    assert caught.value.reason == "invalid_options"
    assert f"sets {name}," in caught.value.message and "ansible-playbook itself" in caught.value.next_step
    account.refuse_other_credentials(["AWS_REGION", "AWS_ENDPOINT_URL", "AWS_MAX_ATTEMPTS", "VAULT_TOKEN", "A"])
