# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to AWS, with real botocore clients, and AWS errors in plain words."""

from __future__ import annotations

import pathlib
import typing as t

import botocore.exceptions
import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import connection as aws
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import errors
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import options as aws_options
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.tests.unit.plugins.plugin_utils.aws.aws_answers import (
    CREATED,
    AwsAnswers,
    Refusal,
    aws_answers,
)

__all__ = ["aws_answers"]

ROLE = "arn:aws:iam::111122223333:role/OrganizationAccountAccessRole"
OPS = {"access_key": "AKIAOPS0000000000001", "secret_key": "the-secret-of-ops"}
ASSUMED = {
    "AccessKeyId": "ASIAASSUMED000000001",
    "SecretAccessKey": "the-secret-of-the-session",
    "SessionToken": "the-token-of-the-session",
    "Expiration": CREATED,
}


def client_error(code: str, message: str = "no", status: int = 400) -> botocore.exceptions.ClientError:
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return botocore.exceptions.ClientError(response, "SomeOperation")


@pytest.mark.parametrize(
    ("exc", "reason", "code"),
    [
        (client_error("AccessDenied"), "access_denied", "AccessDenied"),
        (client_error("AccessDeniedException"), "access_denied", "AccessDeniedException"),
        (client_error("InvalidClientTokenId"), "invalid_credentials", "InvalidClientTokenId"),
        (client_error("SignatureDoesNotMatch"), "invalid_credentials", "SignatureDoesNotMatch"),
        (client_error("ExpiredToken"), "invalid_credentials", "ExpiredToken"),
        (client_error("503", "<html>", 503), "aws_error", "HTTP 503"),
        (client_error("Throttling"), "throttled", "Throttling"),
        (client_error("ThrottlingException"), "throttled", "ThrottlingException"),
        (client_error("NoSuchEntity"), "aws_error", "NoSuchEntity"),
        (
            botocore.exceptions.EndpointConnectionError(endpoint_url="http://x"),
            "unreachable",
            "EndpointConnectionError",
        ),
        (botocore.exceptions.ConnectTimeoutError(endpoint_url="http://x"), "unreachable", "ConnectTimeoutError"),
        (botocore.exceptions.ReadTimeoutError(endpoint_url="http://x"), "unreachable", "ReadTimeoutError"),
        (botocore.exceptions.SSLError(endpoint_url="http://x", error="bad"), "tls", "SSLError"),
        (botocore.exceptions.ProxyConnectionError(proxy_url="http://p"), "unreachable", "ProxyConnectionError"),
        (botocore.exceptions.ProfileNotFound(profile="ops"), "no_credentials", "ProfileNotFound"),
    ],
)
def test_errors_in_plain_words(exc: Exception, reason: str, code: str) -> None:
    error = errors.aws_error(exc, "list the labs")
    assert error.reason == reason and error.details["error_code"] == code
    assert "Could not list the labs" in error.message and error.message.endswith(".") and ".." not in error.message
    assert error.next_step


@pytest.mark.parametrize("code", ["NoCredentialsError", "PartialCredentialsError"])
def test_missing_credentials_say_so(code: str) -> None:
    kinds = {
        "NoCredentialsError": botocore.exceptions.NoCredentialsError(),
        "PartialCredentialsError": botocore.exceptions.PartialCredentialsError(provider="env", cred_var="X"),
    }
    error = errors.aws_error(kinds[code], "do it")
    assert error.reason == "no_credentials" and "profile" in error.next_step


def test_a_denial_names_the_missing_action() -> None:
    said = "User: arn:aws:sts::1:assumed-role/x/y is not authorized to perform: iam:ListUsers on resource: arn because"
    error = errors.aws_error(client_error("AccessDenied", said), "list the users")
    assert error.details["missing_action"] == "iam:ListUsers"
    assert "AWS denied iam:ListUsers" in error.message and "Allow iam:ListUsers" in error.next_step


def test_a_web_page_does_not_fill_the_message() -> None:
    page = "<!DOCTYPE html><html><head><title> Sign in to\n the network </title></head>" + "<p>x</p>" * 500
    error = errors.aws_error(client_error("503", page, 503), "do it")
    assert "Sign in to" in error.message and len(error.message) < 200 and "<" not in error.message
    assert len(errors.plain_message(client_error("X", "y" * 5000))) < 600
    assert len(errors.plain_message(client_error("400", '{"a": ' + "[" * 100_000, 400))) < 600


def test_error_code_of_what_is_no_client_error() -> None:
    assert errors.error_code(ValueError("x")) == "ValueError"


# -- connections -----------------------------------------------------------------------------------------------------


def test_a_role_is_assumed_lazily_and_once(aws_answers: AwsAnswers) -> None:
    aws_answers.answers = {"AssumeRole": {"Credentials": ASSUMED}, "ListAccountAliases": {"AccountAliases": []}}
    connection = aws.AwsConnection({**OPS, "assume_role_arn": ROLE})
    assert aws_answers.calls == [] and connection.assumed_account_id == "111122223333"
    connection.client("iam").list_account_aliases()
    connection.client("iam", max_attempts=1).list_account_aliases()
    assert connection.credentials()["session_token"] == ASSUMED["SessionToken"]
    assert aws_answers.counts() == {"AssumeRole": 1, "ListAccountAliases": 2}
    assert [call.access_key for call in aws_answers.calls] == [OPS["access_key"]] + [ASSUMED["AccessKeyId"]] * 2
    assert aws_answers.calls[0].parameters["RoleArn"] == ROLE


def test_clients_are_made_once_for_each_use(aws_answers: AwsAnswers) -> None:
    connection = aws.AwsConnection(OPS)
    assert connection.client("iam") is connection.client("iam")
    assert connection.client("iam") is not connection.client("iam", max_attempts=1)
    assert connection.client("iam", endpoint_url="http://x").meta.endpoint_url == "http://x"
    assert connection.client("iam", max_attempts=1).meta.config.retries["total_max_attempts"] == 1
    standard = connection.client("iam").meta.config
    assert standard.retries["mode"] == "standard" and "labops.cloudresearch" in standard.user_agent_extra


def test_the_users_configuration_is_merged(aws_answers: AwsAnswers) -> None:
    connection = aws.AwsConnection({**OPS, "aws_config": {"read_timeout": 7}, "region": "eu-central-1"})
    assert connection.client("sts").meta.config.read_timeout == 7
    assert connection.client("sts").meta.region_name == "eu-central-1"
    assert connection.client("mturk", region_name="us-east-1").meta.region_name == "us-east-1"
    with pytest.raises(CollectionError, match="aws_config"):
        aws.AwsConnection({**OPS, "aws_config": {"nonsense": 1}}).client("iam")


def test_a_key_replaces_every_other_way_in(aws_answers: AwsAnswers) -> None:
    aws_answers.answers = {"GetCallerIdentity": {"Account": "1"}}
    params = {**OPS, "session_token": "t", "profile": "p", "assume_role_arn": ROLE, "endpoint_url": "http://x"}
    connection = aws.AwsConnection(params).with_credentials("AKIALAB0000000000001", "the-secret-of-the-lab")
    assert connection.credentials() == {"access_key": "AKIALAB0000000000001", "secret_key": "the-secret-of-the-lab"}
    connection.client("sts").get_caller_identity()
    assert aws_answers.calls[0].access_key == "AKIALAB0000000000001"
    assert connection.client("sts").meta.endpoint_url == "http://x"


def test_blank_options_count_as_not_set(aws_answers: AwsAnswers) -> None:
    blank = {"session_token": "", "profile": "", "assume_role_arn": "", "region": "", "endpoint_url": ""}
    connection = aws.AwsConnection({**OPS, **blank})
    assert connection.credentials() == OPS
    assert connection.client("sts").meta.region_name == "us-east-1"


def test_a_profile_beside_a_key_is_refused(aws_answers: AwsAnswers) -> None:
    with pytest.raises(CollectionError) as caught:
        aws.AwsConnection({**OPS, "profile": "ops"}).client("iam")
    assert caught.value.reason == "invalid_options"


def test_no_credentials_anywhere(aws_answers: AwsAnswers) -> None:
    with pytest.raises(CollectionError) as caught:
        aws.AwsConnection({}).credentials()
    assert caught.value.reason == "no_credentials"


def test_a_profile_that_does_not_exist(aws_answers: AwsAnswers) -> None:
    for use in (lambda it: it.credentials(), lambda it: it.client("iam")):
        with pytest.raises(CollectionError, match="nobody") as caught:
            use(aws.AwsConnection({"profile": "nobody"}))
        assert caught.value.next_step


def test_credentials_of_a_profile(
    aws_answers: AwsAnswers, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = tmp_path / "credentials"
    credentials.write_text("[lab]\naws_access_key_id = AKIAPROFILE000000001\naws_secret_access_key = s\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    found = aws.AwsConnection({"profile": "lab"}).credentials()
    assert found == {"access_key": "AKIAPROFILE000000001", "secret_key": "s"}


@pytest.mark.parametrize("asked", ["mfa", "chain"])
@pytest.mark.parametrize("use", ["credentials", "client"])
def test_a_profile_that_would_ask_for_a_code_on_the_terminal_is_refused(
    aws_answers: AwsAnswers, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, asked: str, use: str
) -> None:
    config = tmp_path / "config"
    config.write_text(
        f"[profile mfa]\nrole_arn = {ROLE}\nsource_profile = base\nmfa_serial = arn:aws:iam::111122223333:mfa/me\n"
        f"[profile chain]\nrole_arn = {ROLE}\nsource_profile = mfa\n"
        "[profile base]\naws_access_key_id = AKIAPROFILE000000001\naws_secret_access_key = s\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setattr("getpass.getpass", lambda *_args: pytest.fail("asked for the code"))

    def enter(connection: aws.AwsConnection) -> t.Any:
        return connection.credentials() if use == "credentials" else connection.client("iam").list_account_aliases()

    by_environment = aws.AwsConnection({})
    for connection in (aws.AwsConnection({"profile": asked}), by_environment):
        with pytest.raises(CollectionError) as caught:
            enter(connection)
        assert caught.value.reason == "no_credentials"
        assert "aws configure export-credentials --format env --profile mfa" in caught.value.next_step
        monkeypatch.setenv("AWS_PROFILE", asked)
    assert aws_answers.calls == []
    # Keys of the environment come before its profile, which nobody asks then.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT00001")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    assert aws.AwsConnection({}).credentials()["access_key"] == "AKIAENVIRONMENT00001"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Refusal("AccessDenied", "not authorized to perform: sts:AssumeRole", 403), "role_not_assumable"),
        (Refusal("InvalidClientTokenId", status=403), "invalid_credentials"),
        (Refusal("Throttling"), "throttled"),
        (botocore.exceptions.EndpointConnectionError(endpoint_url="http://x"), "unreachable"),
        (botocore.exceptions.NoCredentialsError(), "no_credentials"),
    ],
)
def test_a_role_that_cannot_be_assumed(aws_answers: AwsAnswers, answer: t.Any, reason: str) -> None:
    aws_answers.answers = {"AssumeRole": answer}
    with pytest.raises(CollectionError) as caught:
        aws.AwsConnection({**OPS, "assume_role_arn": ROLE}).client("iam")
    assert caught.value.reason == reason and caught.value.next_step
    if reason == "role_not_assumable":
        assert ROLE in caught.value.message and "trusts" in caught.value.next_step


@pytest.mark.parametrize(
    "arn", ["OrganizationAccountAccessRole", "arn:aws:iam::1111:role/x", "arn:aws:iam::111122223333:user/x"]
)
def test_what_is_no_role_is_refused_before_anything_is_asked(aws_answers: AwsAnswers, arn: str) -> None:
    with pytest.raises(CollectionError) as caught:
        aws.AwsConnection({**OPS, "assume_role_arn": arn}).credentials()
    assert caught.value.reason == "invalid_options" and "arn:aws:iam::" in caught.value.next_step
    assert aws_answers.calls == []


def test_roles_of_other_partitions(aws_answers: AwsAnswers) -> None:
    aws_answers.answers = {"AssumeRole": {"Credentials": ASSUMED}}
    arn = "arn:aws-us-gov:iam::111122223333:role/path/to/role"
    assert aws.AwsConnection({**OPS, "assume_role_arn": arn}).credentials()["session_token"]


def test_secrets_are_not_in_the_text_of_a_connection(aws_answers: AwsAnswers) -> None:
    aws_answers.answers = {"AssumeRole": {"Credentials": ASSUMED}}
    connection = aws.AwsConnection({**OPS, "session_token": "a-token", "assume_role_arn": ROLE})
    connection.credentials()
    for text in (repr(connection), str(connection), f"{connection}"):
        assert not [secret for secret in (OPS["secret_key"], "a-token", ASSUMED["SecretAccessKey"]) if secret in text]


# -- options -----------------------------------------------------------------------------------------------------


def test_aliases_become_names() -> None:
    given = {"aws_access_key": "A", "aws_secret_access_key": "S", "aws_profile": "p", "name": "n", "region": "r"}
    expected = {"access_key": "A", "secret_key": "S", "profile": "p", "name": "n", "region": "r"}
    assert aws_options.without_aliases(given) == expected


def test_an_alias_wins_over_the_name_as_in_modules() -> None:
    assert aws_options.without_aliases({"aws_access_key": "alias", "access_key": "name"}) == {"access_key": "alias"}
