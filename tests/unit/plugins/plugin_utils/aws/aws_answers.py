# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers for real botocore clients: the way of botocore's own Stubber, but in any order and from any thread."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import threading
import typing as t

import botocore.handlers
import botocore.session
import botocore.validate
import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import connection as aws

CREATED = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


@dataclasses.dataclass(frozen=True)
class Refusal:
    """What a service answers instead: an error code, or an exception of the network."""

    code: str
    message: str = "refused"
    status: int = 400
    members: dict[str, t.Any] = dataclasses.field(default_factory=dict)

    def parsed(self) -> dict[str, t.Any]:
        error = {"Code": self.code, "Message": self.message, "Type": "Sender"}
        return {"Error": error, "ResponseMetadata": {"HTTPStatusCode": self.status}, **self.members}


@dataclasses.dataclass(frozen=True)
class Call:
    """A call that arrived: the operation, its parameters, and the access key that was to sign it."""

    service: str
    operation: str
    parameters: dict[str, t.Any]
    access_key: str
    client_config: t.Any = dataclasses.field(repr=False, compare=False)


Answer = t.Union[dict[str, t.Any], Refusal, Exception, t.Callable[[dict[str, t.Any]], t.Any]]  # noqa: UP007


class _Http:
    def __init__(self, status_code: int) -> None:
        self.status_code = status_code


class AwsAnswers:
    """Stands where the network would be, for every client that is made while it is there.

    What has no answer fails the test. Answers are checked against the service's model, so that none is made up.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.calls: list[Call] = []
        self._lock = threading.Lock()

    def counts(self) -> dict[str, int]:
        """How often each operation was called."""
        return dict(collections.Counter(call.operation for call in self.calls))

    def __call__(self, model: t.Any, request_signer: t.Any, params: t.Any, **more: t.Any) -> tuple[t.Any, t.Any]:
        parameters = dict(more["context"].get("labops_parameters") or {})
        service = model.service_model.service_name
        # Only the signing credentials tell whose call it is.
        frozen = request_signer._credentials.get_frozen_credentials() if request_signer._credentials else None
        config = more["context"].get("client_config")
        call = Call(service, model.name, parameters, frozen.access_key if frozen else "", config)
        with self._lock:
            self.calls.append(call)
        answer = self.answers.get(model.name)
        assert answer is not None, f"nobody expected {model.name}"
        if callable(answer):
            answer = answer(parameters)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Refusal):
            return _Http(answer.status), answer.parsed()
        if model.output_shape is not None:
            report = botocore.validate.ParamValidator().validate(answer, model.output_shape)
            assert not report.has_errors(), report.generate_report()
        return _Http(200), {**answer, "ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": {}}}

    @staticmethod
    def keep_parameters(params: dict[str, t.Any], context: dict[str, t.Any], **_more: t.Any) -> None:
        """Remember the parameters as they were given, before they are turned into a request."""
        context["labops_parameters"] = dict(params)


@pytest.fixture
def aws_answers(monkeypatch: pytest.MonkeyPatch) -> t.Iterator[AwsAnswers]:
    """Answers for all clients of a test; no test ever reaches the network."""
    answers = AwsAnswers()
    handlers = [
        *botocore.handlers.BUILTIN_HANDLERS,
        ("provide-client-params", answers.keep_parameters),
        ("before-call", answers),
    ]
    monkeypatch.setattr(botocore.handlers, "BUILTIN_HANDLERS", handlers)
    forget_sessions()
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    yield answers
    forget_sessions()


def forget_sessions() -> None:
    """Sessions are kept for the life of a process, and they would keep a test's answers with them."""
    for kept in list(vars(aws).values()):
        if hasattr(kept, "cache_clear"):
            kept.cache_clear()
