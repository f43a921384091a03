# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWS refused, in plain words, and what to do about it."""

from __future__ import annotations

import re

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError

try:
    import botocore.exceptions
    import botocore.parsers

    # Everything that a call can end in. An unreadable answer is neither of botocore's two families of errors.
    AWS_FAILURES: tuple[type[Exception], ...] = (
        botocore.exceptions.ClientError,
        botocore.exceptions.BotoCoreError,
        botocore.parsers.ResponseParserError,
    )
except ImportError:
    AWS_FAILURES = ()

# Characters of an answer that a message quotes at most.
MESSAGE_LENGTH = 500

# Error codes of AWS services, by what they mean for us. IAM's query protocol and MTurk's JSON protocol differ in names.
INVALID_CREDENTIALS_CODES = frozenset(
    {
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
        "AuthFailure",
    }
)
ACCESS_DENIED_CODES = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
EXPIRED_CODES = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
THROTTLING_CODES = frozenset(
    {
        "LimitExceededException",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)


def error_code(exc: BaseException) -> str:
    """The AWS error code of a C(ClientError), else the name of the exception's class."""
    response = getattr(exc, "response", None)
    if isinstance(response, dict):
        return str(response.get("Error", {}).get("Code", ""))
    return type(exc).__name__


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
    """Say in plain words what AWS refused.

    :param doing: what was tried, to complete "could not ...", such as C(list the user's access keys).
    :returns: an error with C(error_code) in its details and a next step that fits the code.
    """
    code = error_code(exc)
    answer = plain_message(exc)
    details = {"error_code": code}
    if code in ACCESS_DENIED_CODES:
        action = re.search(r"not authorized to perform:? ([\w-]+:\w+)", answer)
        missing = action.group(1) if action else ""
        return CollectionError(
            f"Could not {doing}: AWS denied {missing or 'the call'} ({answer}).",
            next_step=(
                f"Allow {missing} to the role or user that runs this (see the guide on permissions)."
                if missing
                else "Allow the call to the role or user that runs this (see the guide on permissions)."
            ),
            reason="access_denied",
            details={**details, "missing_action": missing},
        )
    if code in INVALID_CREDENTIALS_CODES or code in EXPIRED_CODES:
        return CollectionError(
            f"Could not {doing}: AWS does not accept the credentials ({code}: {answer}).",
            next_step="Check the access key, profile or session of the operator's side; renew it if it has expired.",
            reason="invalid_credentials",
            details=details,
        )
    if code in THROTTLING_CODES:
        return CollectionError(
            f"Could not {doing}: AWS still throttled the call after several tries ({code}).",
            next_step="Run again; use fewer forks if it happens often.",
            reason="throttled",
            details=details,
        )
    if code in ("NoCredentialsError", "PartialCredentialsError"):
        return no_credentials()
    if is_connection_failure(exc):
        return CollectionError(
            f"Could not {doing}: AWS could not be reached ({answer}).",
            next_step="Check the network, the proxy and, if set, endpoint_url; then run again.",
            reason="unreachable",
            details=details,
        )
    if code == "ProfileNotFound":
        return CollectionError(
            f"Could not {doing}: {answer}.",
            next_step="Correct the profile's name, or add it to the AWS configuration of the control node.",
            reason="no_credentials",
            details=details,
        )
    return CollectionError(
        f"Could not {doing}: {code}: {answer}.",
        next_step="See the AWS error code; run again when its cause is gone.",
        reason="aws_error",
        details=details,
    )


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
    # Proxies and parked addresses answer with whole web pages.
    if text.lstrip().startswith("<"):
        title = re.search(r"<title[^>]*>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        text = f"a web page came back, titled {title.group(1).strip()!r}" if title else "a web page came back"
    line = " ".join(text.split()).rstrip(". :")
    return line if len(line) <= MESSAGE_LENGTH else f"{line[:MESSAGE_LENGTH]}..."


def no_credentials() -> CollectionError:
    """Nothing to sign a call with was found, wherever botocore looks for it."""
    return CollectionError(
        "No AWS credentials were found.",
        next_step="Give a profile, an access key, or credentials in the environment of the control node.",
        reason="no_credentials",
    )


def not_assumable(exc: BaseException, role_arn: str) -> CollectionError:
    """Say why the role could not be assumed."""
    code = error_code(exc)
    if code not in ACCESS_DENIED_CODES:
        return aws_error(exc, f"assume the role {role_arn}")
    # AWS deliberately answers the same whether the account, the role or only the trust is missing.
    return CollectionError(
        f"The role {role_arn} cannot be assumed: {plain_message(exc)}.",
        next_step=(
            "Check that the account id is right, that the role exists in that account and trusts the operator's "
            "account, and that the operator may call sts:AssumeRole on it."
        ),
        reason="role_not_assumable",
        details={"error_code": code},
    )
