# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to one lab's AWS account.

The options have the names and meanings of C(amazon.aws)'s, plus those of the role to assume, which its modules lack.
What they leave open is found as boto3 finds it, in its order. A profile or a key that is given comes before everything
in the environment. Then the keys of the environment come before its E(AWS_PROFILE), then that profile, else C(default),
then the role of a container or an instance. Authorities to trust: the option, E(AWS_CA_BUNDLE), C(ca_bundle) of the
profile, botocore's own.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import re
import threading
import typing as t

from ..base import library_logs, masking
from ..base.errors import CollectionError, invalid_options
from ..base.vocabulary import COLLECTION
from . import service_models
from .errors import AWS_FAILURES, aws_error, aws_errors_during, no_credentials, not_assumable, second_factor_wanted
from .limits import limit_calls
from .repeating import repeat_unreadable
from .silence import heed

try:
    import botocore.config
    import botocore.exceptions
    import botocore.session

    HAS_BOTOCORE = True
except ImportError:
    HAS_BOTOCORE = False

library_logs.keep_apart("boto3", "botocore", "urllib3")

# Those of botocore have their methods from the models of services, so nothing can tell their types.
Client = t.Any
Session = t.Any

# IAM, Organizations and MTurk live there; STS answers there too.
GLOBAL_REGION = "us-east-1"


@dataclasses.dataclass(frozen=True)
class _Patience:
    """How long a client waits for its service: seconds for a connection and for an answer, and tries."""

    connect: float
    answer: float
    tries: int


# Five tries ride out IAM's usual throttling. A closed MTurk may be silent for ever, and answers within a second else.
_PATIENCE = {"mturk": _Patience(4, 7, 3)}
_USUAL_PATIENCE = _Patience(5, 30, 5)


@functools.cache
def _session_for(profile: str | None, settings: tuple[tuple[str, str], ...]) -> Session:
    """One session for all clients that are set up alike: a session costs more than the calls that most clients make.

    :param settings: the environment variables that botocore reads; a task can change them.
    """
    session = botocore.session.Session(profile=profile)
    service_models.share_with(session)
    # The time limit is for each of the calls that are repeated.
    limit_calls(session)
    repeat_unreadable(session)
    return session


# Sessions are not made for several threads at once. Their clients are.
_session_lock = threading.Lock()


def _shared_session(profile: str | None = None) -> Session:
    names = ("HOME", "USERPROFILE")
    # By name: Python decodes each value that it is asked for, and there can be many.
    settings = {name: os.environ[name] for name in os.environ if name.startswith("AWS_") or name in names}
    return _session_for(profile, tuple(sorted(settings.items())))


def _configured_region(session: Session) -> str:
    # The AWS command line and amazon.aws know AWS_REGION; botocore knows only the older name.
    return str(os.environ.get("AWS_REGION") or session.get_config_variable("region") or GLOBAL_REGION)


def warm_up(services: t.Iterable[str]) -> None:
    """Load the models of services before workers are forked, so that each worker finds them in memory."""
    if not HAS_BOTOCORE:
        return
    connection = AwsConnection({"access_key": "AKIAWARMUPWARMUPWARM", "secret_key": "signs-nothing"})
    for service in services:
        client = connection.client(service)
        # botocore reads the models of waiters and of pages only when they are asked for.
        _unused = client.waiter_names, client.can_paginate(next(iter(client.meta.method_to_api_mapping)))


class AwsConnection:
    """How to reach one lab's AWS account: credentials, region, endpoint and, if asked, the role to assume there.

    :param params: option values by C(amazon.aws)'s names (C(access_key), C(secret_key), C(session_token),
        C(profile), C(region), C(endpoint_url), C(validate_certs), C(aws_ca_bundle), C(aws_config)), the role to assume
        (C(assume_role_arn), C(external_id), C(role_session_name), C(role_duration) in seconds) and C(account_id), the
        account that everything has to happen in. Missing options count as not set.
    :raises CollectionError: botocore is not installed.
    """

    def __init__(self, params: t.Mapping[str, t.Any]) -> None:
        _require_botocore()
        self._params = dict(params)
        self._clients: dict[tuple[object, ...], Client] = {}
        self._assumed: dict[str, str] | None = None
        self._assumed_arn = ""
        self._account_found = ""

    def __repr__(self) -> str:
        profile, role = self._param_or_none("profile"), self._param_or_none("assume_role_arn")
        return f"AwsConnection(profile={profile!r}, assume_role_arn={role!r})"

    def _param_or_none(self, name: str) -> t.Any:
        # botocore does not like empty strings; operators use them to blank an inherited default.
        return self._params.get(name) or None

    @property
    def assumed_account_id(self) -> str:
        """The account of the role to assume; empty without a role."""
        found = re.match(r"arn:[^:]*:iam::(\d{12}):", str(self._param_or_none("assume_role_arn") or ""))
        return found.group(1) if found else ""

    @property
    def assumed_arn(self) -> str:
        """The ARN that the assumed role acts by, session included; empty without a role, or before it was assumed."""
        return self._assumed_arn

    def with_credentials(self, access_key_id: str, secret_access_key: str) -> AwsConnection:
        """The same way to AWS with the long-term key of an IAM user, and no role."""
        return self._as(access_key=access_key_id, secret_key=secret_access_key)

    def unsigned(self) -> AwsConnection:
        """The same way to AWS without any credentials, for questions that need none."""
        return self._as(unsigned=True)

    def _as(self, **who: object) -> AwsConnection:
        own = ("profile", "access_key", "secret_key", "session_token", "assume_role_arn", "account_id")
        return AwsConnection({**{name: value for name, value in self._params.items() if name not in own}, **who})

    def credentials(self) -> dict[str, str]:
        """The credentials that calls are signed with: C(access_key), C(secret_key) and, if temporary, C(session_token).

        :raises CollectionError: no credentials were found, or the role cannot be assumed.
        """
        if self._param_or_none("unsigned"):
            return {}
        if self._param_or_none("assume_role_arn"):
            return dict(self._assumed_credentials())
        self._require_account()
        if self._param_or_none("access_key"):
            given = {name: self._param_or_none(name) for name in ("access_key", "secret_key", "session_token")}
            return {name: value for name, value in given.items() if value}
        try:
            found = self._session().get_credentials()
            frozen = found.get_frozen_credentials() if found else None
        except botocore.exceptions.BotoCoreError as exc:
            raise aws_error(exc, "read the AWS credentials") from exc
        if frozen is None:
            raise no_credentials()
        values = {"access_key": frozen.access_key, "secret_key": frozen.secret_key, "session_token": frozen.token}
        return {name: value for name, value in values.items() if value}

    def client(
        self,
        service: str,
        *,
        region_name: str | None = None,
        endpoint_url: str | None = None,
        max_attempts: int | None = None,
    ) -> Client:
        """A botocore client, made once for each set of arguments.

        :param max_attempts: how often a call is sent at most; V(1) for calls that must not be repeated blindly.
        :raises CollectionError: no credentials were found, or the role cannot be assumed.
        """
        key = (service, region_name, endpoint_url, max_attempts)
        if key not in self._clients:
            assumed = self._assumed_credentials() if self._param_or_none("assume_role_arn") else None
            if assumed is None:
                self._require_account()
            self._clients[key] = self._make_client(service, region_name, endpoint_url, max_attempts, assumed)
        return self._clients[key]

    def _session(self) -> Session:
        if self._param_or_none("profile") and self._param_or_none("access_key"):
            told = "Both a profile and an access key were given."
            raise invalid_options(told, "Give one of the options profile and access_key.")
        with _session_lock:
            session = _shared_session(self._param_or_none("profile"))
            if not self._param_or_none("access_key"):
                self._refuse_to_prompt(session)
        return session

    def _refuse_to_prompt(self, session: Session) -> None:
        """botocore would ask for the code of a second factor on the terminal, in each worker anew, and wait."""
        named = self._param_or_none("profile")
        if not named and os.environ.get("AWS_ACCESS_KEY_ID"):
            return
        profiles = session.full_config.get("profiles", {})
        name = named or session.get_config_variable("profile") or "default"
        seen: set[str] = set()
        while name in profiles and name not in seen:
            if profiles[name].get("role_arn") and profiles[name].get("mfa_serial"):
                raise second_factor_wanted(name)
            seen.add(name)
            name = profiles[name].get("source_profile", "")

    def _make_client(
        self,
        service: str,
        region_name: str | None,
        endpoint_url: str | None,
        max_attempts: int | None,
        assumed: t.Mapping[str, str] | None,
    ) -> Client:
        patience = _PATIENCE.get(service, _USUAL_PATIENCE)
        config = botocore.config.Config(
            user_agent_extra=COLLECTION,
            # Standard mode backs off with jitter, which a fleet needs.
            retries={"mode": "standard", "total_max_attempts": max_attempts or patience.tries},
            connect_timeout=patience.connect,
            read_timeout=patience.answer,
        )
        if self._param_or_none("aws_config"):
            try:
                config = config.merge(botocore.config.Config(**self._param_or_none("aws_config")))
            except (TypeError, botocore.exceptions.BotoCoreError) as exc:
                told = f"The option aws_config is wrong: {exc}."
                raise invalid_options(told, "Write it with the names and types of botocore's Config.") from exc
        if max_attempts is not None:
            config = config.merge(botocore.config.Config(retries={"total_max_attempts": max_attempts}))
        if self._param_or_none("unsigned"):
            config = config.merge(botocore.config.Config(signature_version=botocore.UNSIGNED))
        # Without a word from us botocore takes the bundle of E(AWS_CA_BUNDLE) or of its configuration.
        verify = False if self._params.get("validate_certs") is False else self._param_or_none("aws_ca_bundle")
        static: t.Mapping[str, t.Any] = assumed if assumed is not None else self._params
        try:
            session = self._session() if assumed is None else _shared_session()
            with _session_lock:
                client = session.create_client(
                    service,
                    region_name=region_name or self._param_or_none("region") or _configured_region(session),
                    endpoint_url=endpoint_url or self._param_or_none("endpoint_url"),
                    verify=verify,
                    aws_access_key_id=static.get("access_key") or None,
                    aws_secret_access_key=static.get("secret_key") or None,
                    aws_session_token=static.get("session_token") or None,
                    config=config,
                )
            heed(client)
            return client
        except (botocore.exceptions.BotoCoreError, ValueError) as exc:
            raise aws_error(exc, f"set up the connection to AWS ({service})") from exc

    def _assumed_credentials(self) -> dict[str, str]:
        if self._assumed is None:
            role_arn = self._param_or_none("assume_role_arn")
            if not re.fullmatch(r"arn:[\w-]+:iam::\d{12}:role/.+", str(role_arn)):
                told = f"{role_arn!r} is not the ARN of an IAM role."
                raise invalid_options(told, "Write it as arn:aws:iam::<12-digit account id>:role/<role name>.")
            request = {
                "RoleArn": role_arn,
                "RoleSessionName": self._param_or_none("role_session_name") or COLLECTION,
                "ExternalId": self._param_or_none("external_id"),
                "DurationSeconds": self._param_or_none("role_duration"),
            }
            try:
                answer = self._make_client("sts", None, None, None, None).assume_role(
                    **{name: value for name, value in request.items() if value}
                )
            except AWS_FAILURES as exc:
                raise not_assumable(exc, role_arn) from None
            self._assumed = {
                "access_key": answer["Credentials"]["AccessKeyId"],
                "secret_key": answer["Credentials"]["SecretAccessKey"],
                "session_token": answer["Credentials"]["SessionToken"],
            }
            masking.register(self._assumed["secret_key"], self._assumed["session_token"])
            self._assumed_arn = str(answer.get("AssumedRoleUser", {}).get("Arn", ""))
        return self._assumed

    def _require_account(self) -> None:
        """Make sure, once, that credentials which name no account themselves belong to the one that was declared."""
        wanted = self._param_or_none("account_id")
        if not wanted or self._account_found:
            return
        with aws_errors_during("find out which AWS account the credentials belong to"):
            found = str(self._make_client("sts", None, None, None, None).get_caller_identity()["Account"])
        if found != str(wanted):
            raise CollectionError(
                f"The credentials belong to the AWS account {found}, and not to {wanted}.",
                next_step=f"Give a profile of the account {wanted}, a role in it, or the right account id.",
                reason="wrong_account",
                details={"account_id": found},
            )
        self._account_found = found

    def settings(self) -> dict[str, str]:
        """What another program needs besides credentials: C(region) and, where set, C(endpoint_url), C(aws_ca_bundle).

        :raises CollectionError: the profile does not exist, or the AWS configuration cannot be read.
        """
        try:
            session = self._session()
            configured = os.environ.get("AWS_ENDPOINT_URL") or session.get_scoped_config().get("endpoint_url")
            if session.get_config_variable("ignore_configured_endpoint_urls"):
                configured = None
            values = {
                "region": self._param_or_none("region") or _configured_region(session),
                "endpoint_url": self._param_or_none("endpoint_url") or configured,
                "aws_ca_bundle": self._param_or_none("aws_ca_bundle") or session.get_config_variable("ca_bundle"),
            }
        except botocore.exceptions.BotoCoreError as exc:
            raise aws_error(exc, "read the AWS configuration") from exc
        return {name: str(value) for name, value in values.items() if value}


def _require_botocore() -> None:
    if not HAS_BOTOCORE:
        raise CollectionError(
            "The Python libraries boto3 and botocore are missing.",
            next_step="Install the collection's requirements.txt into the Python that runs Ansible.",
            reason="missing_library",
        )
