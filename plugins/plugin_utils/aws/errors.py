# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWS refused, in plain words, and what to do about it."""

from __future__ import annotations

import contextlib
import html
import re
import shlex
import typing as t

from ..base import json_of_others
from ..base.advice import advise
from ..base.errors import CollectionError
from ..base.text import printable
from .advice import AWS_ROWS, NOT_ASSUMABLE
from .shared_advice import ACCESS_DENIED_CODES, ANSWERED, DENIALS

try:
    import botocore.exceptions
    import botocore.parsers

    # Everything that a call can end in. An unreadable answer is neither of botocore's two families of errors.
    AWS_FAILURES: tuple[type[Exception], ...] = (
        botocore.exceptions.ClientError,
        botocore.exceptions.BotoCoreError,
        botocore.parsers.ResponseParserError,
    )
    ClientError = botocore.exceptions.ClientError
except ImportError:  # AwsConnection says what is missing
    AWS_FAILURES = ()
    ClientError = Exception

# Characters of an answer that a message quotes at most.
MESSAGE_LENGTH = 500


def error_code(exc: BaseException) -> str:
    """The AWS error code of a C(ClientError), C(HTTP 403) where it has none; else the name of the exception's class.

    botocore takes the HTTP status for the code where the body is not in the service's protocol. An XML body has a code
    all the same, and so may the header that AWS's JSON services send.
    """
    response = getattr(exc, "response", None)
    if not isinstance(response, dict):
        return type(exc).__name__
    error, about = response.get("Error", {}), response.get("ResponseMetadata", {})
    code = str(error.get("Code", ""))
    if code and not code.isdigit():
        return code
    in_body = _coded_body(str(error.get("Message", "")))[0]
    in_header = str(about.get("HTTPHeaders", {}).get("x-amzn-errortype", "")).partition(":")[0]
    return printable(in_body or in_header) or f"HTTP {code or about.get('HTTPStatusCode', '')}".strip()


def error_codes(exc: BaseException) -> list[str]:
    """All codes that C(advise) may find a row by: the error's own, then those of its kind."""
    code = error_code(exc)
    if not isinstance(getattr(exc, "response", None), dict):
        return [kind.__name__ for kind in type(exc).__mro__]
    return [code, ANSWERED, *([f"{code[:6]}xx"] if code.startswith("HTTP ") else ())]


def is_connection_failure(exc: BaseException) -> bool:
    """Whether no AWS answer arrived: name not resolved, refused, cut, timed out, TLS or proxy trouble."""
    return isinstance(
        exc,
        (
            botocore.exceptions.HTTPClientError,
            botocore.exceptions.ConnectionError,
            botocore.exceptions.EndpointConnectionError,
        ),
    )


def aws_error(exc: BaseException, doing: str) -> CollectionError:
    """Say in plain words what AWS refused, and what to do about it (see C(aws.advice)).

    :param doing: what was tried, to complete "could not ...", such as C(list the user's access keys).
    :returns: an error with C(error_code) in its details, and C(missing_action) if AWS denied it.
    """
    codes = error_codes(exc)
    advice = advise(AWS_ROWS, codes, plain_message(exc))
    denied = {"missing_action": advice.action} if advice.row.reason == "access_denied" else {}
    return CollectionError(
        f"Could not {doing}: {advice.told}.",
        next_step=advice.next_step,
        reason=advice.row.reason,
        details={"error_code": codes[0], **denied},
    )


@contextlib.contextmanager
def aws_errors_during(doing: str) -> t.Iterator[None]:
    """Turn what AWS refuses meanwhile into an error for people.

    :param doing: as for C(aws_error).
    """
    try:
        yield
    except AWS_FAILURES as exc:
        raise aws_error(exc, doing) from exc


def told_by_module(result: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """What the failed result of a module of amazon.aws leaves out: reason, next step, error code, missing action.

    :returns: empty if the task did not fail, if it failed of something else, or if the result says all that itself.
    """
    answer = result.get("error")
    if not result.get("failed") or result.get("reason") or not isinstance(answer, dict) or not answer.get("code"):
        return {}
    refusal = {"Error": {"Code": str(answer["code"]), "Message": str(answer.get("message", ""))}}
    told = aws_error(botocore.exceptions.ClientError(refusal, ""), "do that")
    return {"reason": told.reason, "next_step": told.next_step, **told.details}


def plain_message(exc: BaseException) -> str:
    """What AWS (or the network) said, in one short line without its final full stop."""
    if isinstance(exc, botocore.parsers.ResponseParserError):
        # Its text quotes the answer, and an answer can hold credentials.
        return "the answer could not be read"
    response = getattr(exc, "response", None)
    if isinstance(response, dict):
        return _one_line(str(response.get("Error", {}).get("Message") or response.get("Message") or exc))
    return _one_line(str(exc))


def _one_line(text: str) -> str:
    code, message = _coded_body(text)
    if message:
        text = f"{code}: {message}" if code else message
    elif text.lstrip().startswith("<"):
        # Proxies and parked addresses answer with whole web pages.
        title = re.search(r"<title[^<>]*>([^<]*)</title>", text, re.IGNORECASE)
        titled = f", titled {printable(html.unescape(title.group(1))).strip()!r}" if title else ""
        text = f"a web page came back{titled}"
    line = " ".join(printable(text).split()).rstrip(". :")
    return line if len(line) <= MESSAGE_LENGTH else f"{line[:MESSAGE_LENGTH]}..."


def _coded_body(text: str) -> tuple[str, str]:
    """Code and message of an error that came as XML or JSON where the service's protocol has none; else twice ''."""
    body = text.strip()
    if body.startswith("<") and not re.search(r"<(?:!doctype\s+)?html\b", body, re.IGNORECASE):
        parts = [re.search(rf"<{name}>([^<]*)</{name}>", body) for name in ("Code", "Message")]
        code, message = (html.unescape(part.group(1)).strip() if part else "" for part in parts)
        return code, message or code
    if not body.startswith("{"):
        return "", ""
    try:
        told = json_of_others.loads(body)
    except ValueError:
        return "", ""
    inner = told.get("error", told.get("Error", told)) if isinstance(told, dict) else {}
    named = {str(name).lower(): str(entry) for name, entry in inner.items()} if isinstance(inner, dict) else {}
    return named.get("code") or named.get("__type") or "", named.get("message") or ""


def no_credentials() -> CollectionError:
    """Nothing to sign a call with was found, wherever botocore looks for it."""
    advice = advise(AWS_ROWS, ["NoCredentialsError"], "")
    return CollectionError("No AWS credentials were found.", next_step=advice.next_step, reason=advice.row.reason)


def second_factor_wanted(profile: str) -> CollectionError:
    """The profile has C(mfa_serial): botocore would ask for the code on the terminal, in each worker anew."""
    return CollectionError(
        f"The AWS profile {profile} requires a second factor, which a run cannot ask for.",
        next_step=(
            "Get a session with the second factor first, in the shell that runs this, and run it without that profile: "
            f'eval "$(aws configure export-credentials --format env --profile {shlex.quote(profile)})"'
        ),
        reason="no_credentials",
    )


def not_assumable(exc: BaseException, role_arn: str) -> CollectionError:
    """Say why the role could not be assumed."""
    code = error_code(exc)
    answer = plain_message(exc)
    if code not in ACCESS_DENIED_CODES:
        return aws_error(exc, f"assume the role {role_arn}")
    return CollectionError(
        f"The role {role_arn} cannot be assumed: {answer}.",
        next_step=advise((*DENIALS, NOT_ASSUMABLE), [code], answer).next_step,
        reason="role_not_assumable",
        details={"error_code": code},
    )
