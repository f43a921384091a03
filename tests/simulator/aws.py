# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The AWS double: a strict front before moto.

The front checks who calls and what they may do, acts out faults, and keeps the timeline; moto does the work.
"""

from __future__ import annotations

import json
import re
import traceback
import typing as t
import urllib.parse
import uuid

import werkzeug.exceptions
from moto.core.request import Request
from moto.organizations.responses import OrganizationsResponse
from moto.secretsmanager.responses import SecretsManagerResponse
from moto.sts.responses import TokenResponse

from tests.simulator import identity, moto_adapter, policies, protocol, resources
from tests.simulator.account_reads import AccountReads
from tests.simulator.faults import BadRequest, FaultTarget
from tests.simulator.identity import AuthenticationFailed, Authorization, Caller, HttpRequest
from tests.simulator.protocol import Answer, AwsError
from tests.simulator.server import CutConnection, Hang
from tests.simulator.world import MANAGEMENT_ACCOUNT, World


def _ssm() -> t.Any:
    # It brings moto's EC2 with it, which takes longer to import than everything else together.
    from moto.ssm.responses import SimpleSystemManagerResponse

    return SimpleSystemManagerResponse


_MOTO: dict[str, t.Callable[[], t.Any]] = {
    "iam": lambda: AccountReads,
    "organizations": lambda: OrganizationsResponse,
    "secretsmanager": lambda: SecretsManagerResponse,
    "ssm": _ssm,
    "sts": lambda: TokenResponse,
}
# Without a user's name, IAM takes the user whose key signed the request. A role has no user.
_IMPLICIT_USER = frozenset(
    {
        "ChangePassword",
        "CreateAccessKey",
        "DeleteAccessKey",
        "GetUser",
        "ListAccessKeys",
        "ListMFADevices",
        "ListSSHPublicKeys",
        "ListSigningCertificates",
        "UpdateAccessKey",
    }
)


class _MotoRequest(Request):  # type: ignore[misc]  # moto has no types
    from_wsgi_server = True


class Call:
    """One request to AWS, as far as it is understood."""

    def __init__(self, environ: dict[str, t.Any]) -> None:
        self.environ = environ
        self.request = HttpRequest.from_environ(environ)
        self.authorization: Authorization | None = None
        self.service = ""
        self.action = ""
        self.parameters: dict[str, t.Any] = {}
        self.account_id = ""
        self.caller: Caller | None = None

    @property
    def access_key_id(self) -> str:
        """The id that the caller claims."""
        return self.authorization.access_key_id if self.authorization else ""

    @property
    def fault_target(self) -> FaultTarget:
        """What faults go by."""
        return FaultTarget(self.service, (self.action,), self.account_id)

    def understand(self) -> None:
        """Find service, action, parameters and account. :raises AwsError: it is no call to a service of ours."""
        target = self.request.headers.get("x-amz-target", "")
        self.service = _service_of(target) if target else "iam"
        try:
            self.authorization = identity.read_authorization(self.request)
        except AuthenticationFailed as exc:
            raise protocol.authentication_error(self.service, exc) from exc
        self.service = self.authorization.service
        if self.service not in _MOTO:
            raise AwsError("UnknownOperationException", f"The simulator has no service {self.service!r}.", 404)
        body = self.request.body.decode() or self.request.query
        self.action = target.rpartition(".")[2]
        if self.service in protocol.QUERY_SERVICES:
            self.action = dict(urllib.parse.parse_qsl(body)).get("Action", "")
        found = moto_adapter.find_key(self.authorization.access_key_id)
        self.account_id = found[0] if found else ""
        self.parameters = protocol.parameters_of(self.service, self.action, body)
        if self.action == "AssumeRole":
            match = re.match(r"arn:aws:iam::(\d{12}):", str(self.parameters.get("RoleArn", "")))
            self.account_id = match.group(1) if match else self.account_id


def _service_of(target: str) -> str:
    prefix = target.partition(".")[0]
    return {"AWSOrganizationsV20161128": "organizations", "AmazonSSM": "ssm"}.get(prefix, prefix)


class AwsApp:
    """The WSGI application."""

    def __init__(self, world: World) -> None:
        self._world = world

    def __call__(self, environ: dict[str, t.Any], start_response: t.Callable[..., t.Any]) -> t.Iterable[bytes]:
        self._world.wait_latency()
        call = Call(environ)
        with self._world.lock:
            status, headers, body = self._handle(call)
        start_response(f"{status} {_REASONS.get(status, 'Error')}", headers)
        return [body]

    def _handle(self, call: Call) -> Answer:
        world = self._world
        try:
            call.understand()
            fault = world.faults.take(call.fault_target, "before")
            if fault is not None:
                return self._fail(call, fault)
            answer = self._perform(call)
        except AwsError as exc:
            answer = protocol.error_answer(call.service, exc)
        entry = self._record(call, answer)
        if world.kill.count(entry["lab"]):
            raise CutConnection
        after = world.faults.take(call.fault_target, "after")
        if after is None:
            return answer
        entry["fault"] = f"after:{after}"
        return self._lose(call, after)

    def _record(self, call: Call, answer: Answer, fault: str = "") -> dict[str, t.Any]:
        status, _headers, body = answer
        return self._world.record(
            call.service,
            call.action,
            account_id=call.account_id,
            access_key_id=call.access_key_id,
            status=status,
            error=protocol.error_code(body) if status >= 400 else "",
            fault=fault,
        )

    def _fail(self, call: Call, kind: str) -> Answer:
        """A fault before the call takes effect."""
        if kind in ("cut", "timeout", "web_page"):
            self._record(call, (0, [], b""), f"before:{kind}")
            return self._lose(call, kind)
        arn = call.caller.arn if call.caller else f"arn:aws:iam::{call.account_id}:user/unknown"
        error = protocol.refusal(kind, call.service, arn, f"{call.service}:{call.action}")
        answer = protocol.error_answer(call.service, error or protocol.internal_failure())
        self._record(call, answer, f"before:{kind}")
        return answer

    def _lose(self, call: Call, kind: str) -> Answer:
        if kind == "cut":
            raise CutConnection
        if kind == "timeout":
            raise Hang(self._world.knobs.hang_seconds)
        if kind == "web_page":
            return protocol.WEB_PAGE
        return protocol.error_answer(call.service, protocol.internal_failure())

    def _perform(self, call: Call) -> Answer:
        assert call.authorization is not None
        if not self._world.key_has_spread(call.access_key_id, call.service):
            raise protocol.authentication_error(
                call.service, AuthenticationFailed("unknown_key", identity.INVALID_TOKEN)
            )
        try:
            call.caller = identity.authenticate(call.request, call.authorization)
        except AuthenticationFailed as exc:
            raise protocol.authentication_error(call.service, exc) from exc
        if call.caller.kind == "user" and call.caller.key is not None:
            moto_adapter.note_key_use(call.caller.key, call.service, call.authorization.region)
        self._authorize(call)
        self._check_implicit_user(call)
        self._check_organization(call)
        if call.action == "AssumeRole":
            self._check_assume_role(call)
        return self._ask_moto(call)

    def _authorize(self, call: Call) -> None:
        caller, authorization = call.caller, call.authorization
        assert caller is not None and authorization is not None
        if not self._world.knobs.enforce_policies or call.action == "GetCallerIdentity":
            return
        base = identity.context_of(caller)
        base["aws:RequestedRegion"] = authorization.region
        for action, resource, extra in resources.checks(
            call.service, call.action, call.parameters, caller, authorization.region
        ):
            context = {**base, **extra}
            owner = moto_adapter.organization_id(_account_in(resource) or caller.account_id)
            if owner:
                context["aws:ResourceOrgID"] = owner
            if action == "sts:AssumeRole":
                context |= _assume_role_context(call)
            verdict = identity.permission(caller, action, resource, context)
            if verdict != "allow":
                raise self._access_denied(call, verdict, resource, action)

    def _access_denied(self, call: Call, verdict: str, resource: str, action: str = "") -> AwsError:
        arn = call.caller.arn if call.caller else f"arn:aws:iam::{call.account_id}:user/unknown"
        return protocol.access_denied(call.service, arn, action or f"{call.service}:{call.action}", resource, verdict)

    def _check_implicit_user(self, call: Call) -> None:
        caller = call.caller
        assert caller is not None
        if call.service != "iam" or call.action not in _IMPLICIT_USER or call.parameters.get("UserName"):
            return
        if caller.kind != "user":
            raise AwsError("ValidationError", "Must specify userName when calling with non-User credentials")
        key_id = call.parameters.get("AccessKeyId")
        if key_id and not any(key.access_key_id == key_id for key in moto_adapter.keys_of_user(caller)):
            raise AwsError("NoSuchEntity", f"The Access Key with id {key_id} cannot be found.", 404)

    def _check_organization(self, call: Call) -> None:
        assert call.caller is not None
        if call.service != "organizations" or call.action == "DescribeOrganization":
            return
        if call.caller.account_id != MANAGEMENT_ACCOUNT:
            raise AwsError("AccessDeniedException", "You don't have permissions to access this resource.")

    def _check_assume_role(self, call: Call) -> None:
        caller = call.caller
        assert caller is not None
        role_arn = str(call.parameters.get("RoleArn", ""))
        # AWS answers the same whether account, role or trust is missing, so that nobody can probe for them.
        denied = AwsError(
            "AccessDenied",
            f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {role_arn}",
            403,
        )
        if not moto_adapter.is_open_account(MANAGEMENT_ACCOUNT, call.account_id):
            raise denied
        role = next((r for r in moto_adapter.iam(call.account_id).roles.values() if r.arn == role_arn), None)
        if role is None:
            raise denied
        principals = [
            caller.arn,
            f"arn:aws:iam::{caller.account_id}:root",
            *([caller.role_arn] * bool(caller.role_arn)),
        ]
        context = {**identity.context_of(caller), **_assume_role_context(call)}
        document = policies.parse(_as_text(role.assume_role_policy_document))
        if policies.trusts(document, "sts:AssumeRole", principals, context) != "allow":
            raise denied
        duration = int(call.parameters.get("DurationSeconds") or 3600)
        limit = 3600 if caller.kind == "session" else int(role.max_session_duration or 3600)
        if duration > limit:
            raise AwsError(
                "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
            )

    def _no_service_credentials(self, call: Call) -> Answer:
        # Moto lacks the action; no user here ever has credentials of this kind.
        assert call.caller is not None
        moto_adapter.iam(call.caller.account_id).get_user(call.parameters.get("UserName"))
        result = "<ServiceSpecificCredentials/><IsTruncated>false</IsTruncated>"
        body = (
            f'<{call.action}Response xmlns="https://iam.amazonaws.com/doc/2010-05-08/">'
            f"<{call.action}Result>{result}</{call.action}Result>"
            f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></{call.action}Response>"
        )
        return 200, [("Content-Type", protocol.content_type("iam"))], body.encode()

    def _ask_moto(self, call: Call) -> Answer:
        assert call.caller is not None
        if (call.service, call.action) == ("iam", "ListServiceSpecificCredentials"):
            return self._no_service_credentials(call)
        environ = {**call.environ, "HTTP_X_MOTO_ACCOUNT_ID": call.caller.account_id}
        request = _MotoRequest(environ)
        try:
            status, headers, body = _MOTO[call.service]().dispatch(request, request.raw_url, request.headers)
        except werkzeug.exceptions.HTTPException as exc:
            status, headers, body = exc.code or 500, dict(exc.get_headers()), exc.get_body()
        except NotImplementedError as exc:
            code = "InvalidAction" if call.service in protocol.QUERY_SERVICES else "UnknownOperationException"
            raise AwsError(code, str(exc) or "moto does not offer it") from exc
        except (policies.PolicyError, BadRequest):
            raise
        except Exception as exc:
            traceback.print_exc()
            raise protocol.internal_failure(f"moto failed: {type(exc).__name__}") from exc
        content = body if isinstance(body, bytes) else str(body).encode()
        kept = [(name, str(value)) for name, value in headers.items() if name.lower() not in ("status", "date")]
        if not any(name.lower() == "content-type" for name, _value in kept):
            kept.append(("Content-Type", protocol.content_type(call.service)))
        return int(status), kept, content


def _as_text(document: t.Any) -> str:
    return document if isinstance(document, str) else json.dumps(document)


def _account_in(resource: str) -> str:
    """The account in an ARN; empty for what belongs to nobody's account, such as AWS's own policies."""
    found = re.match(r"arn:[\w-]+:[\w-]+:[^:]*:(\d{12}):", resource)
    return found.group(1) if found else ""


def _assume_role_context(call: Call) -> dict[str, str | list[str]]:
    context: dict[str, str | list[str]] = {}
    if "ExternalId" in call.parameters:
        context["sts:ExternalId"] = str(call.parameters["ExternalId"])
    if "RoleSessionName" in call.parameters:
        context["sts:RoleSessionName"] = str(call.parameters["RoleSessionName"])
    return context


_REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 409: "Conflict", 500: "Server Error"}
