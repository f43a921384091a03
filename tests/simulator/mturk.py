# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Mechanical Turk double, once for production and once for the sandbox.

botocore's own service model decides what a valid request and a valid answer are.
"""

from __future__ import annotations

import json
import re
import time
import typing as t
import uuid

from tests.simulator import identity, moto_adapter, protocol
from tests.simulator.faults import FaultTarget
from tests.simulator.identity import AuthenticationFailed, Caller, HttpRequest
from tests.simulator.protocol import Answer, AwsError
from tests.simulator.server import CutConnection, Hang
from tests.simulator.world import SANDBOX_BALANCE, World

REGION = "us-east-1"
SIGNING_NAME = "mturk-requester"
#: Requests of the CloudResearch double carry this in the user agent; they are not the client's own calls.
PORTAL_USER_AGENT = "cloudresearch-double"
LINK_PAGES = {
    "production": "https://requester.mturk.com/developer",
    "sandbox": "https://requestersandbox.mturk.com/developer",
}

_LISTS = {
    "ListHITs": "HITs",
    "ListReviewableHITs": "HITs",
    "ListQualificationTypes": "QualificationTypes",
    "ListWorkerBlocks": "WorkerBlocks",
    "ListQualificationRequests": "QualificationRequests",
}


# What MTurk is known to have said (see the issue threads that plugins/plugin_utils/mturk/advice.py names).
_TURK_REFUSALS = {
    "turk_not_authorized": (
        "AWS.NotAuthorized",
        "The identity contained in the request is not authorized to use this AWSAccessKeyId",
    ),
    "turk_bad_credential": ("AWS.BadCredentialSupplied", "The credential supplied is bad."),
    "turk_must_register": ("AWS.MechanicalTurk.MustRegister", "You must register as a requester first."),
    "turk_permission_denied": (
        "AWS.MechanicalTurk.PermissionDenied",
        "This user is not authorized to perform the requested operation.",
    ),
    "turk_bad_claims": (
        "AWS.BadClaimsSupplied",
        "The specified claims are invalid. Check to make sure your system clock and timezone is not incorrect.",
    ),
}

# How other services answered once they had closed, byte for byte as far as public issue threads tell: aws-nuke #373 and
# #559, cloud-custodian #6059, simple-amt #27.
_CLOSED_ANSWERS = {
    "no_new_customers": (
        400,
        "application/x-amz-json-1.1",
        b'{"__type":"AccessDeniedException","Message":"Amazon Mechanical Turk is no longer accepting new customers."}',
    ),
    "existing_customers": (
        403,
        "application/x-amz-json-1.1",
        b'{"__type":"ForbiddenException","message":"This service is only available for existing customers."}',
    ),
    "forbidden_xml": (
        403,
        "text/xml",
        b'<?xml version="1.0"?>\n<Response><Errors><Error><Code>Forbidden</Code><Message>This Requester API is no '
        b"longer supported.</Message></Error></Errors><RequestID>72c8dc1b-b5f9-4388-ab1c-2bbcd891796e</RequestID>"
        b"</Response>",
    ),
    "gone_json": (410, "application/json", b'{"message":"Gone"}'),
    "unavailable_json": (400, "application/x-amz-json-1.1", b'{"message":"This service is unavailable."}'),
    "unknown_operation": (400, "application/x-amz-json-1.1", b'{"__type":"UnknownOperationException"}'),
}

_DOWN = "Amazon Mechanical Turk is temporarily unable to process your request. Try your call again."


def service_model() -> t.Any:
    """botocore's model of MTurk."""
    return protocol.service_model("mturk")


class InvalidAnswer(Exception):
    """The double was about to send something that MTurk never would."""


class MTurkApp:
    """The WSGI application of one environment."""

    def __init__(self, world: World, environment: str) -> None:
        self._world = world
        self._environment = environment
        service_model()

    def __call__(self, environ: dict[str, t.Any], start_response: t.Callable[..., t.Any]) -> t.Iterable[bytes]:
        self._world.wait_latency()
        status, headers, body = self.answer(HttpRequest.from_environ(environ))
        start_response(f"{status} {'OK' if status == 200 else 'Error'}", headers)
        return [body]

    def answer(self, request: HttpRequest) -> Answer:
        """Answer one request. :raises CutConnection, Hang: no answer is to be sent."""
        with self._world.lock:
            if self._world.knobs.mode(self._environment) != "open":
                return self._closed_answer(request)
            return self._handle(request)

    def _handle(self, request: HttpRequest) -> Answer:
        world = self._world
        caller = "portal" if PORTAL_USER_AGENT in request.headers.get("user-agent", "") else "client"
        values: dict[str, t.Any] = {"environment": self._environment, "caller": caller}
        action = request.headers.get("x-amz-target", "").rpartition(".")[2]
        match = re.search(r"Credential=([^/,]+)/", request.headers.get("authorization", ""))
        found = moto_adapter.find_key(match.group(1)) if match else None
        values["access_key_id"] = match.group(1) if match else ""
        values["account_id"] = account_id = found[0] if found else ""
        target = FaultTarget("mturk", (action,), account_id, self._environment, caller)
        fault = world.faults.take(target, "before")
        if fault is not None:
            return self._fail(fault, action, values)
        try:
            answer = _answer(self._perform(request))
            values["status"] = 200
        except AwsError as exc:
            values |= {"status": exc.status, "error": exc.turk_error_code or exc.code}
            answer = _error(exc)
        entry = world.record("mturk", action, **values)
        if caller == "client" and world.kill.count(entry["lab"]):
            raise CutConnection
        after = world.faults.take(target, "after")
        if after is None:
            return answer
        entry["fault"] = f"after:{after}"
        return self._lose(after)

    def _perform(self, request: HttpRequest) -> dict[str, t.Any]:
        operation = self._operation(request)
        caller = self._authenticate(request)
        parameters = self._parameters(request, operation)
        self._authorize(caller, operation.name)
        if not self._world.is_linked(caller.account_id, self._environment):
            raise _request_error(
                "AWS.AccountNotLinked",
                "To use the MTurk API, you will need an Amazon Web Services (AWS) Account. Your AWS account must be "
                "linked to your Amazon Mechanical Turk Account. "
                f"Visit {LINK_PAGES[self._environment]} to get started.",
            )
        output = self._output(operation, parameters, caller)
        problem = protocol.first_problem(output, operation.output_shape)
        if problem:
            raise InvalidAnswer(f"{operation.name}: {problem}")
        return output

    def _operation(self, request: HttpRequest) -> t.Any:
        model = service_model()
        prefix, _dot, name = request.headers.get("x-amz-target", "").rpartition(".")
        content_type = request.headers.get("content-type", "")
        if request.method != "POST" or prefix != model.metadata["targetPrefix"] or name not in model.operation_names:
            raise AwsError("UnknownOperationException", "")
        if content_type != f"application/x-amz-json-{model.metadata['jsonVersion']}":
            raise AwsError("UnknownOperationException", "")
        return model.operation_model(name)

    def _authenticate(self, request: HttpRequest) -> Caller:
        try:
            authorization = identity.read_authorization(request)
            if authorization.service != SIGNING_NAME or authorization.region != REGION:
                raise AuthenticationFailed(
                    "wrong_signature",
                    f"Credential should be scoped to a valid region, not '{authorization.region}', and to the service "
                    f"'{SIGNING_NAME}', not '{authorization.service}'.",
                )
            where = f"mturk-{self._environment}"
            if not self._world.key_has_spread(authorization.access_key_id, where):
                raise AuthenticationFailed("unknown_key", identity.INVALID_TOKEN)
            caller = identity.authenticate(request, authorization)
        except AuthenticationFailed as exc:
            raise protocol.authentication_error("mturk", exc) from exc
        if caller.kind == "session":
            raise self._temporary_credentials(caller)
        if caller.key is not None:
            moto_adapter.note_key_use(caller.key, SIGNING_NAME, REGION)
        return caller

    def _temporary_credentials(self, caller: Caller) -> AwsError:
        # That MTurk takes none is documented, in the Getting Started Guide; with which words it refuses is not.
        kind = self._world.knobs.temporary_credentials_answer
        if kind == "access_denied":
            return AwsError("AccessDeniedException", f"User: {caller.arn} is not authorized to use this service")
        if kind == "request_error":
            return _request_error(
                "AWS.NotAuthorized",
                "The identity contained in the request is not authorized to use this AWSAccessKeyId",
            )
        return AwsError("UnrecognizedClientException", identity.INVALID_TOKEN)

    def _parameters(self, request: HttpRequest, operation: t.Any) -> dict[str, t.Any]:
        try:
            parameters = json.loads(request.body or b"{}")
        except ValueError as exc:
            raise AwsError("SerializationException", "The body is not JSON.") from exc
        problem = protocol.first_problem(parameters, operation.input_shape)
        if problem:
            code = "SerializationException" if "Invalid type" in problem else "ValidationException"
            raise AwsError(code, f"1 validation error detected: {problem}")
        return t.cast("dict[str, t.Any]", parameters)

    def _authorize(self, caller: Caller, action: str) -> None:
        full_action = f"mechanicalturk:{action}"
        verdict = identity.permission(caller, full_action, "*", identity.context_of(caller))
        if verdict == "allow" and self._world.policy_has_spread(caller.access_key_id, self._environment):
            return
        raise protocol.access_denied("mturk", caller.arn, full_action, "", verdict)

    def _output(self, operation: t.Any, parameters: dict[str, t.Any], caller: Caller) -> dict[str, t.Any]:
        lab = self._world.by_account[caller.account_id]
        if operation.name == "GetAccountBalance":
            if self._environment == "sandbox":
                return {"AvailableBalance": SANDBOX_BALANCE, "OnHoldBalance": "0.00"}
            return {"AvailableBalance": lab.available_balance, "OnHoldBalance": lab.on_hold_balance}
        if operation.name in _LISTS:
            return {"NumResults": 0, _LISTS[operation.name]: []}
        if "HITId" in parameters:
            raise _request_error("AWS.MechanicalTurk.HITDoesNotExist", f"Hit {parameters['HITId']} does not exist.")
        raise _service_fault("The double has no work, workers or qualifications.")

    def _closed_answer(self, request: HttpRequest) -> Answer:
        knobs = self._world.knobs
        mode = knobs.mode(self._environment)
        action = request.headers.get("x-amz-target", "").rpartition(".")[2]
        self._world.record("mturk", action, environment=self._environment, status=0, error=mode)
        if mode == "unreachable":
            if knobs.mturk_unreachable_as == "hang":
                raise Hang(knobs.hang_seconds)
            raise CutConnection
        if knobs.mturk_closed_answer in _CLOSED_ANSWERS:
            status, content_type, body = _CLOSED_ANSWERS[knobs.mturk_closed_answer]
            return status, [("Content-Type", content_type)], body
        html = [("Content-Type", "text/html; charset=utf-8")]
        page = b"<html><head><title>%s</title></head><body><h1>%s</h1></body></html>"
        if knobs.mturk_closed_answer == "gone_html":
            return 410, html, page % (b"Amazon Mechanical Turk", b"Amazon Mechanical Turk is no longer available")
        if knobs.mturk_closed_answer == "unavailable_html":
            return 503, html, page % (b"503 Service Temporarily Unavailable", b"503 Service Temporarily Unavailable")
        if knobs.mturk_closed_answer == "access_denied":
            return _error(AwsError("AccessDeniedException", "Amazon Mechanical Turk is closed."))
        if knobs.mturk_closed_answer == "service_closed":
            return _error(_request_error("AWS.ServiceClosed", "Amazon Mechanical Turk is no longer available."))
        raise CutConnection

    def _fail(self, kind: str, action: str, values: dict[str, t.Any]) -> Answer:
        error: AwsError | None
        if kind == "http_500":
            error = _service_fault(_DOWN)
        elif kind == "turk_link_untyped":
            # Without a code, which the model leaves open.
            error = AwsError("RequestError", "Please link your AWS account to your Mechanical Turk account.")
        elif kind in _TURK_REFUSALS:
            error = _request_error(*_TURK_REFUSALS[kind])
        else:
            arn = f"arn:aws:iam::{values['account_id']}:user/unknown"
            error = protocol.refusal(kind, "mturk", arn, f"mechanicalturk:{action}")
        values |= {"status": error.status if error else 0, "error": error.code if error else ""}
        self._world.record("mturk", action, fault=f"before:{kind}", **values)
        if error is not None:
            return _error(error)
        return self._lose(kind)

    def _lose(self, kind: str) -> Answer:
        if kind == "cut":
            raise CutConnection
        if kind == "timeout":
            raise Hang(self._world.knobs.hang_seconds)
        if kind == "web_page":
            return protocol.WEB_PAGE
        return _error(_service_fault(_DOWN))


def _request_error(code: str, message: str) -> AwsError:
    return AwsError("RequestError", f"{message} ({int(time.time() * 1000)} s)", turk_error_code=code)


def _service_fault(message: str) -> AwsError:
    return AwsError("ServiceFault", message, 500, turk_error_code="AWS.ServiceUnavailable")


def _answer(output: dict[str, t.Any]) -> Answer:
    headers = [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-RequestId", str(uuid.uuid4()))]
    return 200, headers, json.dumps(output).encode()


def _error(error: AwsError) -> Answer:
    if error.turk_error_code:
        problem = protocol.first_problem(
            {"Message": error.message, "TurkErrorCode": error.turk_error_code}, service_model().shape_for(error.code)
        )
        if problem:
            raise InvalidAnswer(f"{error.code}: {problem}")
    return protocol.error_answer("mturk", error)
