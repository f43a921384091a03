# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS's two protocols, query (IAM, STS) and JSON, with botocore's service models deciding what is valid."""

from __future__ import annotations

import functools
import json
import re
import typing as t
import urllib.parse
import uuid
import xml.sax.saxutils

import botocore.loaders
import botocore.model
import botocore.validate
from moto.core.parse import QueryParser
from moto.core.utils import get_service_model

from tests.simulator.identity import AuthenticationFailed

QUERY_SERVICES = ("iam", "sts")
#: Status, headers, body.
Answer = tuple[int, list[tuple[str, str]], bytes]

# What each kind of failed authentication is called, in the query and in the JSON protocol.
_AUTHENTICATION_ERRORS = {
    "missing": ("MissingAuthenticationToken", "MissingAuthenticationTokenException"),
    "incomplete": ("IncompleteSignature", "IncompleteSignatureException"),
    "unknown_key": ("InvalidClientTokenId", "UnrecognizedClientException"),
    "wrong_signature": ("SignatureDoesNotMatch", "InvalidSignatureException"),
    "clock": ("SignatureDoesNotMatch", "InvalidSignatureException"),
    "expired": ("ExpiredToken", "ExpiredTokenException"),
}
_THROTTLED = {"iam": "Throttling", "sts": "Throttling", "organizations": "TooManyRequestsException"}
_INVALID = {
    "iam": "ValidationError",
    "sts": "ValidationError",
    "organizations": "InvalidInputException",
    "secretsmanager": "InvalidParameterException",
}


class AwsError(Exception):
    """An error in AWS's words. C(turk_error_code) only with MTurk's RequestError and ServiceFault."""

    def __init__(self, code: str, message: str, status: int = 400, turk_error_code: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.turk_error_code = turk_error_code


def authentication_error(service: str, failed: AuthenticationFailed) -> AwsError:
    """What a service calls a failed authentication."""
    query_code, json_code = _AUTHENTICATION_ERRORS[failed.kind]
    if service in QUERY_SERVICES:
        return AwsError(query_code, failed.message, 403)
    return AwsError(json_code, failed.message, 400)


def throttled(service: str) -> AwsError:
    """Too many calls."""
    return AwsError(_THROTTLED.get(service, "ThrottlingException"), "Rate exceeded")


def internal_failure(message: str = "We encountered an internal error. Please try again.") -> AwsError:
    """The service itself failed."""
    return AwsError("InternalFailure", message, 500)


def access_denied(service: str, arn: str, action: str, resource: str, verdict: str) -> AwsError:
    """C(verdict) is deny (explicitly), none, scp or boundary; the wording is the IAM User Guide's."""
    why = {
        "deny": "with an explicit deny in an identity-based policy",
        "scp": "with an explicit deny in a service control policy",
        "boundary": f"because no permissions boundary allows the {action} action",
    }.get(verdict, f"because no identity-based policy allows the {action} action")
    on_resource = f" on resource: {resource}" if resource else ""
    message = f"User: {arn} is not authorized to perform: {action}{on_resource} {why}"
    if service in QUERY_SERVICES:
        return AwsError("AccessDenied", message, 403)
    return AwsError("AccessDeniedException", message, 400)


_VERDICTS = {"access_denied": "none", "scp_deny": "scp", "boundary_deny": "boundary", "explicit_deny": "deny"}


#: What a proxy, or a network that wants people to sign in, puts in the place of an answer.
WEB_PAGE: Answer = (
    200,
    [("Content-Type", "text/html; charset=utf-8")],
    b"<!DOCTYPE html><html><head><meta charset=utf-8><title>Bad gateway</title><body><p>Try again later.",
)


def refusal(kind: str, service: str, arn: str, action: str) -> AwsError | None:
    """The error of a fault that is an answer in every service's words, else None.

    :param action: with the prefix that policies use.
    """
    if kind == "throttle":
        return throttled(service)
    if kind in _VERDICTS:
        return access_denied(service, arn, action, "*" if service != "mturk" else "", _VERDICTS[kind])
    if kind == "clock_skew":
        late = "Signature expired: 20260101T000000Z is now earlier than 20260101T001500Z (20260101T002000Z - 5 min.)"
        return authentication_error(service, AuthenticationFailed("clock", late))
    if kind == "wrong_region":
        scope = "Credential should be scoped to a valid region."
        return authentication_error(service, AuthenticationFailed("wrong_signature", scope))
    if kind == "not_activated":
        said = "The AWS Access Key Id needs a subscription for the service"
        if service in QUERY_SERVICES:
            return AwsError("OptInRequired", said, 403)
        return AwsError("SubscriptionRequiredException", said, 400)
    return None


def content_type(service: str) -> str:
    """Of answers."""
    return "text/xml" if service in QUERY_SERVICES else "application/x-amz-json-1.1"


def error_answer(service: str, error: AwsError) -> Answer:
    """An error in the protocol of the service."""
    request_id = str(uuid.uuid4())
    headers = [("Content-Type", content_type(service)), ("x-amzn-RequestId", request_id)]
    if error.turk_error_code:
        fault = {"__type": error.code, "Message": error.message, "TurkErrorCode": error.turk_error_code}
        return error.status, headers, json.dumps(fault).encode()
    if service not in QUERY_SERVICES:
        return error.status, headers, json.dumps({"__type": error.code, "message": error.message}).encode()
    who = "Sender" if error.status < 500 else "Receiver"
    message = xml.sax.saxutils.escape(error.message)
    body = (
        f"<ErrorResponse><Error><Type>{who}</Type><Code>{error.code}</Code><Message>{message}</Message></Error>"
        f"<RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    return error.status, headers, body.encode()


def error_code(body: bytes) -> str:
    """The code in an error's body, or ''."""
    match = re.search(rb'<Code>([^<]+)</Code>|"__type": ?"(?:[^"#]*#)?([^"]+)"', body)
    return (match.group(1) or match.group(2)).decode() if match else ""


@functools.cache
def service_model(service: str) -> botocore.model.ServiceModel:
    """botocore's model of a service, by botocore's name for it."""
    if service in QUERY_SERVICES:
        return get_service_model(service)  # the same, in classes that moto's parser needs
    return botocore.model.ServiceModel(botocore.loaders.create_loader().load_service_model(service, "service-2"))


def parameters_of(service: str, action: str, body: str) -> dict[str, t.Any]:
    """The parameters of a request, checked. :raises AwsError: no such action, or parameters that it does not take."""
    model = service_model(service)
    if action not in model.operation_names:
        if service in QUERY_SERVICES:
            raise AwsError("InvalidAction", f"Could not find operation {action} for version {model.api_version}")
        raise AwsError("UnknownOperationException", "")
    operation = model.operation_model(action)
    if service in QUERY_SERVICES:
        flat = dict(urllib.parse.parse_qsl(body, keep_blank_values=True))
        parameters = QueryParser(operation).parse({"values": flat}) if operation.input_shape else {}
    else:
        try:
            parameters = json.loads(body or "{}")
        except ValueError as exc:
            raise AwsError("SerializationException", "The body is not JSON.") from exc
    problem = first_problem(parameters, operation.input_shape) if operation.input_shape else ""
    if problem:
        raise AwsError(_INVALID.get(service, "ValidationException"), f"1 validation error detected: {problem}")
    return dict(parameters)


_validator = botocore.validate.ParamValidator()


def first_problem(value: t.Any, shape: botocore.model.Shape) -> str:
    """The first thing in which a value is not what the model says, or ''.

    botocore itself looks at members, types and lower limits only; upper limits, patterns and enumerations are AWS's.
    """
    report = _validator.validate(value, shape)
    if report.has_errors():
        return str(report.generate_report())
    return next(_constraint_problems(value, shape, ""), "")


def _constraint_problems(value: t.Any, shape: botocore.model.Shape, path: str) -> t.Iterator[str]:
    if shape.type_name == "structure":
        for name, entry in value.items():
            yield from _constraint_problems(entry, shape.members[name], name)
    elif shape.type_name == "list":
        for entry in value:
            yield from _constraint_problems(entry, shape.member, f"{path}.member")
    limits = shape.metadata
    start = f"Value '{value}' at '{path[:1].lower()}{path[1:]}' failed to satisfy constraint: Member must"
    size = value if isinstance(value, (int, float)) else len(value) if isinstance(value, (str, list, dict)) else 0
    if "max" in limits and size > limits["max"]:
        yield f"{start} have length or value less than or equal to {limits['max']}"
    if not isinstance(value, str):
        return
    if "enum" in limits and value not in limits["enum"]:
        yield f"{start} satisfy enum value set: {limits['enum']}"
    pattern = _pattern(limits.get("pattern", ""))
    if pattern is not None and not pattern.fullmatch(value):
        yield f"{start} satisfy regular expression pattern: {limits['pattern']}"


@functools.cache
def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text, re.DOTALL) if text else None
    except re.error:
        return None  # Java's regular expressions know things that Python's do not
