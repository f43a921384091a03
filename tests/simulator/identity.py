# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who signed a request: signature version 4 checked with the key's real secret, and what that identity may do."""

from __future__ import annotations

import dataclasses
import datetime
import functools
import hashlib
import hmac
import re
import typing as t
import urllib.parse

from moto.iam.models import AccessKey

from tests.simulator import moto_adapter, policies

# AWS allows five minutes between the two clocks.
CLOCK_SKEW = datetime.timedelta(minutes=5)


@dataclasses.dataclass(frozen=True)
class HttpRequest:
    """A request as the signature saw it. C(headers) by lower-case name."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes = dataclasses.field(repr=False)

    @classmethod
    def from_environ(cls, environ: dict[str, t.Any]) -> HttpRequest:
        """From a WSGI environ made by L(HttpServer, tests.simulator.server)."""
        headers = {name[5:].lower().replace("_", "-"): value for name, value in environ.items() if name[:5] == "HTTP_"}
        if "CONTENT_TYPE" in environ:
            headers["content-type"] = environ["CONTENT_TYPE"]
        body = environ["wsgi.input"].getvalue()
        headers["content-length"] = str(len(body))
        raw_path = str(environ.get("RAW_URI", "/")).partition("?")[0]
        return cls(environ["REQUEST_METHOD"], raw_path or "/", environ.get("QUERY_STRING", ""), headers, body)


@dataclasses.dataclass(frozen=True)
class Authorization:
    """The parts of an Authorization header."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str


@dataclasses.dataclass(frozen=True)
class Caller:
    """An identity whose signature was right. C(kind): user or session (temporary credentials of a role)."""

    kind: str
    account_id: str
    access_key_id: str
    arn: str
    principal_id: str
    name: str
    role_arn: str = ""
    session_policy: str = ""
    key: AccessKey | None = dataclasses.field(default=None, repr=False)


class AuthenticationFailed(Exception):
    """C(kind): missing, incomplete, unknown_key, wrong_signature, expired, clock."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<id>[^/,]+)/(?P<date>\d{8})/(?P<region>[^/,]+)/(?P<service>[^/,]+)/aws4_request"
    r"\s*,\s*SignedHeaders=(?P<headers>[^,]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)

INVALID_TOKEN = "The security token included in the request is invalid."
WRONG_SIGNATURE = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)


def read_authorization(request: HttpRequest) -> Authorization:
    """Parse the header. :raises AuthenticationFailed: there is none, or it is not signature version 4."""
    header = request.headers.get("authorization", "")
    if not header:
        raise AuthenticationFailed("missing", "Missing Authentication Token")
    match = _AUTHORIZATION.fullmatch(header.strip())
    if match is None:
        raise AuthenticationFailed("incomplete", "Authorization header requires signature version 4.")
    return Authorization(
        access_key_id=match["id"],
        date=match["date"],
        region=match["region"],
        service=match["service"],
        signed_headers=tuple(match["headers"].split(";")),
        signature=match["signature"],
    )


def authenticate(request: HttpRequest, authorization: Authorization) -> Caller:
    """Find the key and check the signature with its secret.

    :raises AuthenticationFailed: unknown, inactive or deleted key, wrong signature, expired session, wrong clock.
    """
    found = moto_adapter.find_key(authorization.access_key_id)
    if found is None:
        raise AuthenticationFailed("unknown_key", INVALID_TOKEN)
    account_id, key = found
    session = moto_adapter.find_session(authorization.access_key_id)
    token = request.headers.get("x-amz-security-token")
    if key.status != "Active" or token != (session.session_token if session else None):
        raise AuthenticationFailed("unknown_key", INVALID_TOKEN)
    _check_what_is_signed(request, authorization)
    _check_clock(request)
    if not hmac.compare_digest(_signature(request, authorization, key.secret_access_key), authorization.signature):
        raise AuthenticationFailed("wrong_signature", WRONG_SIGNATURE)
    if session is not None:
        if session.expiration <= datetime.datetime.now(datetime.UTC).replace(tzinfo=None):
            raise AuthenticationFailed("expired", "The security token included in the request is expired")
        return Caller(
            kind="session",
            account_id=account_id,
            access_key_id=key.access_key_id,
            arn=session.arn,
            principal_id=session.user_id,
            name=session.role_arn.rsplit("/", 1)[-1],
            role_arn=session.role_arn,
            session_policy=session.policy or "",
            key=key,
        )
    user = moto_adapter.iam(account_id).users[str(key.user_name)]
    return Caller("user", account_id, key.access_key_id, user.arn, user.id, user.name, key=key)


def _check_what_is_signed(request: HttpRequest, authorization: Authorization) -> None:
    must = {"host", *({"x-amz-security-token", "x-amz-target"} & set(request.headers))}
    missing = sorted(must - set(authorization.signed_headers))
    if missing:
        raise AuthenticationFailed(
            "wrong_signature", f"{missing[0]!r} must be a 'SignedHeader' in the AWS Authorization."
        )
    if request.headers.get("x-amz-date", "")[:8] != authorization.date:
        raise AuthenticationFailed(
            "wrong_signature", "Date in Credential scope does not match YYYYMMDD from 'X-Amz-Date'."
        )


def _check_clock(request: HttpRequest) -> None:
    stamp = request.headers.get("x-amz-date", "")
    try:
        signed = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
    except ValueError as exc:
        raise AuthenticationFailed("incomplete", "Authorization header requires existence of 'X-Amz-Date'.") from exc
    now = datetime.datetime.now(datetime.UTC)
    if abs(now - signed) > CLOCK_SKEW:
        raise AuthenticationFailed(
            "clock", f"Signature expired: {stamp} is now earlier or later than {now:%Y%m%dT%H%M%SZ} by over 5 min."
        )


def _signature(request: HttpRequest, authorization: Authorization, secret: str) -> str:
    # AWS, "Create a signed AWS API request": canonical request, text to sign, derived key.
    headers = "".join(
        f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in authorization.signed_headers
    )
    payload = request.headers.get("x-amz-content-sha256") or hashlib.sha256(request.body).hexdigest()
    canonical = "\n".join(
        (
            request.method,
            urllib.parse.quote(urllib.parse.unquote(request.path), safe="/-_.~"),
            _canonical_query(request.query),
            headers,
            ";".join(authorization.signed_headers),
            payload,
        )
    )
    scope = f"{authorization.date}/{authorization.region}/{authorization.service}/aws4_request"
    text = "\n".join(
        (
            "AWS4-HMAC-SHA256",
            request.headers["x-amz-date"],
            scope,
            hashlib.sha256(canonical.encode("latin-1")).hexdigest(),
        )
    )
    key = _signing_key(secret, authorization.date, authorization.region, authorization.service)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _canonical_query(query: str) -> str:
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
    quoted = [(urllib.parse.quote(k, safe="-_.~"), urllib.parse.quote(v, safe="-_.~")) for k, v in pairs]
    return "&".join(f"{name}={value}" for name, value in sorted(quoted))


@functools.lru_cache(maxsize=8192)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _document(policy: t.Any) -> policies.Document:
    version = next(version for version in policy.versions if version.is_default)
    return policies.parse(version.document)


def identity_policies(caller: Caller) -> list[policies.Document]:
    """All documents that grant or deny something to the caller, except boundary and session policy."""
    backend = moto_adapter.iam(caller.account_id)
    if caller.kind == "session":
        role = next((role for role in backend.roles.values() if role.arn == caller.role_arn), None)
        holders: list[t.Any] = [] if role is None else [role]
    else:
        holders = [backend.users[caller.name], *backend.get_groups_for_user(caller.name)]
    documents: list[policies.Document] = []
    for holder in holders:
        documents.extend(policies.parse(text) for text in holder.policies.values())
        documents.extend(_document(policy) for policy in holder.managed_policies.values())
    return documents


def boundary_policy(caller: Caller) -> policies.Document | None:
    """The permissions boundary of the caller's role, if it has one (moto keeps none for users)."""
    if caller.kind != "session":
        return None
    backend = moto_adapter.iam(caller.account_id)
    role = next((role for role in backend.roles.values() if role.arn == caller.role_arn), None)
    arn = role.permissions_boundary_arn if role else None
    return _document(backend.managed_policies[arn]) if arn else None


def context_of(caller: Caller) -> dict[str, str | list[str]]:
    """The condition keys that every request has."""
    context: dict[str, str | list[str]] = {
        "aws:PrincipalArn": caller.role_arn or caller.arn,
        "aws:PrincipalAccount": caller.account_id,
        "aws:PrincipalType": "AssumedRole" if caller.kind == "session" else "User",
        "aws:userid": caller.principal_id,
        "aws:SecureTransport": "true",
        "aws:CurrentTime": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    organization = moto_adapter.organization_id(caller.account_id)
    if organization:
        context["aws:PrincipalOrgID"] = organization
    if caller.kind == "user":
        context["aws:username"] = caller.name
    return context


def permission(caller: Caller, action: str, resource: str, context: policies.Context) -> str:
    """V(allow), V(deny) or V(none): identity policies, within boundary and session policy."""
    result = policies.decide(identity_policies(caller), action, resource, context)
    boundary = boundary_policy(caller)
    limits = [boundary] if boundary else []
    if caller.session_policy:
        limits.append(policies.parse(caller.session_policy))
    for limit in limits:
        within = policies.decide([limit], action, resource, context)
        if within == "deny" or result == "deny":
            return "deny"
        if within == "none":
            result = "none"
    return result
