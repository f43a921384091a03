# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Mechanical Turk says of a key: is its account linked to a requester account, and with what balance.

MTurk takes the long-term key of an IAM user only, never temporary credentials (MTurk Getting Started Guide), and it
is asked in each environment separately, because production and sandbox are linked separately.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import datetime
import decimal
import time
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import connection as aws
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import errors
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import vocabulary

ENVIRONMENTS = vocabulary.ENVIRONMENTS

# botocore knows production's endpoint only (MTurk's one region is us-east-1).
DEFAULT_ENDPOINTS: dict[str, str] = {
    "production": "https://mturk-requester.us-east-1.amazonaws.com",
    "sandbox": "https://mturk-requester-sandbox.us-east-1.amazonaws.com",
}

# The identifier of an access key tells its kind (IAM User Guide, "Unique identifiers"): ASIA is temporary.
TEMPORARY_KEY_PREFIX = "ASIA"

NOT_LINKED_TURK_CODE = "AWS.AccountNotLinked"

# What botocore, or a look at its result, raises when something other than an AWS service answered.
UNREADABLE = (AttributeError, KeyError, TypeError, ValueError, ArithmeticError)

# What may change without anybody touching the key: worth asking again while waiting for a person.
PASSING_STATUSES = frozenset({"not_linked", "throttled", "unreachable"})

Clock = t.Callable[[], float]
Sleep = t.Callable[[float], None]


@dataclasses.dataclass(frozen=True)
class KeyProof:
    """Whether a new key works, and who said so.

    :param proved: the key can sign calls.
    :param by: V(mturk) when MTurk itself accepted the key, V(sts) when only AWS did because MTurk gave no answer.
    :param status: the last status that MTurk's answer came to (see RV(labops.cloudresearch.mturk_requester_check)).
    :param message: one sentence for people.
    """

    proved: bool
    by: str
    status: str
    message: str


def check_environments(
    connection: aws.AwsConnection,
    endpoints: t.Mapping[str, str | None],
    *,
    minimum_balance: decimal.Decimal | None = None,
    today: datetime.date | None = None,
) -> dict[str, dict[str, t.Any]]:
    """Ask each environment for its balance, all at once.

    :param connection: signs with the key to check.
    :param endpoints: by environment, the endpoint URL, or None for AWS's own.
    :returns: by environment, what C(check_environment) returns.
    """
    if not endpoints:
        return {}
    with concurrent.futures.ThreadPoolExecutor(max_workers=len(endpoints)) as pool:
        asked = {
            environment: pool.submit(
                check_environment, connection, environment, url, minimum_balance=minimum_balance, today=today
            )
            for environment, url in endpoints.items()
        }
        return {environment: future.result() for environment, future in asked.items()}


def wait_until_linked(
    connection: aws.AwsConnection,
    endpoints: t.Mapping[str, str | None],
    *,
    timeout: float,
    interval: float,
    minimum_balance: decimal.Decimal | None = None,
    clock: Clock = time.monotonic,
    sleep: Sleep = time.sleep,
) -> tuple[dict[str, dict[str, t.Any]], float]:
    """Ask until every environment is linked, none can change any more by waiting, or the time is over.

    :param timeout: seconds; V(0) asks once.
    :param interval: seconds between two questions.
    :returns: what C(check_environments) returned last, and the seconds spent waiting.
    """
    start = clock()
    observed = check_environments(connection, endpoints, minimum_balance=minimum_balance)
    while True:
        waiting = {name: endpoints[name] for name in observed if observed[name]["status"] in PASSING_STATUSES}
        left = start + timeout - clock()
        if not waiting or left <= 0:
            return observed, clock() - start if timeout else 0.0
        sleep(min(interval, left))
        observed = {**observed, **check_environments(connection, waiting, minimum_balance=minimum_balance)}


def check_environment(
    connection: aws.AwsConnection,
    environment: str,
    endpoint_url: str | None = None,
    *,
    minimum_balance: decimal.Decimal | None = None,
    today: datetime.date | None = None,
) -> dict[str, t.Any]:
    """Ask one environment for its balance and say what the answer means.

    :param environment: V(production) or V(sandbox).
    :param minimum_balance: in US dollars; a linked production account below it gets a next step.
    :returns: C(status), C(linked), C(available_balance) and C(on_hold_balance) (US dollars as text, None when not
        known), C(balance_low), C(error_code), C(message), C(next_step). Never raises for what MTurk answers.
    :raises CollectionError: there are no credentials to sign with.
    """
    today = today or datetime.datetime.now(datetime.UTC).date()
    credentials = connection.credentials()
    if credentials.get("session_token") or credentials.get("access_key", "").startswith(TEMPORARY_KEY_PREFIX):
        return _observation("temporary_credentials", environment, today)
    client = connection.client(
        "mturk", region_name=aws.GLOBAL_REGION, endpoint_url=endpoint_url or DEFAULT_ENDPOINTS[environment]
    )
    try:
        balance = client.get_account_balance()
        available = decimal.Decimal(balance["AvailableBalance"])
    except errors.AWS_FAILURES as exc:
        status, code = classify(exc)
        return _observation(status, environment, today, error_code=code, answer=errors.plain_message(exc))
    except UNREADABLE:
        # A parked address or a proxy can answer 200 with anything, which botocore takes for an empty answer.
        answer = "what answered was not MTurk, since it told no balance"
        return _observation("unreachable", environment, today, error_code="UnreadableAnswer", answer=answer)
    low = environment == "production" and minimum_balance is not None and available < minimum_balance
    return _observation(
        "linked",
        environment,
        today,
        available_balance=str(balance["AvailableBalance"]),
        # AWS leaves it out for accounts that have nothing on hold.
        on_hold_balance=balance.get("OnHoldBalance"),
        minimum_balance=minimum_balance if low else None,
    )


def classify(exc: BaseException) -> tuple[str, str]:
    """The status word and the error code of a failed call.

    The codes are MTurk's (botocore's service model and public reports of what an account that is not linked, an
    unknown key or a missing permission gets).
    """
    code = errors.error_code(exc)
    response: dict[str, t.Any] = getattr(exc, "response", None) or {}
    turk_code = response.get("TurkErrorCode") or response.get("Error", {}).get("TurkErrorCode") or ""
    if turk_code == NOT_LINKED_TURK_CODE:
        return "not_linked", NOT_LINKED_TURK_CODE
    if code in errors.INVALID_CREDENTIALS_CODES or code in errors.EXPIRED_CODES:
        return "invalid_credentials", code
    if code in errors.ACCESS_DENIED_CODES:
        return "access_denied", code
    if code in errors.THROTTLING_CODES:
        return "throttled", code
    if errors.is_connection_failure(exc):
        return "unreachable", code
    if code.isdigit() or code in ("ResponseParserError", ""):
        # botocore makes the HTTP status the code when the body is not an answer of the service's protocol:
        # something answered, but it was not MTurk.
        return "unreachable", f"HTTP {code}" if code.isdigit() else code
    return "error", turk_code or code


def prove_key(
    connection: aws.AwsConnection,
    endpoints: t.Mapping[str, str | None],
    *,
    timeout: float,
    clock: Clock = time.monotonic,
    sleep: Sleep = time.sleep,
) -> KeyProof:
    """Wait until a new key works, at most C(timeout) seconds: IAM is eventually consistent.

    Any answer that MTurk gives only after it knows the key is proof, V(not_linked) too. Where MTurk gives no answer
    at all, C(sts:GetCallerIdentity), which needs no permission, proves that AWS accepts the key.

    :param connection: signs with the new key.
    :param endpoints: as for C(check_environments); the first environment is asked.
    """
    environment, url = next(iter(endpoints.items()), ("production", None))
    deadline = clock() + timeout
    pause = 0.5
    while True:
        observed = check_environment(connection, environment, url)
        status = observed["status"]
        if status in ("linked", "not_linked"):
            return KeyProof(True, "mturk", status, f"MTurk ({environment}) accepted the key.")
        if status in ("unreachable", "error") and _sts_accepts(connection):
            message = f"AWS accepted the key; MTurk ({environment}) gave no answer to judge by: {observed['message']}"
            return KeyProof(True, "sts", status, message)
        if clock() + pause > deadline:
            return KeyProof(False, "", status, observed["message"])
        sleep(pause)
        pause = min(pause * 2, 8.0)


def _sts_accepts(connection: aws.AwsConnection) -> bool:
    try:
        connection.client("sts").get_caller_identity()
    except errors.AWS_FAILURES:
        return False
    return True


def _observation(
    status: str,
    environment: str,
    today: datetime.date,
    *,
    available_balance: str | None = None,
    on_hold_balance: str | None = None,
    minimum_balance: decimal.Decimal | None = None,
    error_code: str = "",
    answer: str = "",
) -> dict[str, t.Any]:
    message, next_step = _MESSAGES[status]
    fill = {
        "environment": environment,
        "url": vocabulary.REQUESTER_LINK_URLS[environment],
        "code": error_code,
        "answer": answer,
        "closing": vocabulary.closing_notice(today),
        "balance": available_balance,
    }
    if minimum_balance is not None:
        next_step = f"Add money: the balance of {available_balance} USD is below the minimum of {minimum_balance} USD."
    return {
        "status": status,
        "linked": status == "linked",
        "available_balance": available_balance,
        "on_hold_balance": on_hold_balance,
        "balance_low": minimum_balance is not None,
        "error_code": error_code,
        "message": message.format(**fill),
        "next_step": next_step.format(**fill),
    }


def not_checked(why: str) -> dict[str, t.Any]:
    """The observation of an environment that nobody asked, because C(why)."""
    return {
        "status": "not_checked",
        "linked": False,
        "available_balance": None,
        "on_hold_balance": None,
        "balance_low": False,
        "error_code": "",
        "message": why,
        "next_step": "",
    }


# Each status: what was observed, and what to do next.
_MESSAGES: dict[str, tuple[str, str]] = {
    "linked": ("The AWS account is linked to an MTurk requester account ({environment}).", ""),
    "not_linked": (
        "The AWS account is not linked to an MTurk requester account ({environment}).",
        (
            "Sign in at {url} as the lab's requester and link the AWS account there; it takes a couple of minutes to "
            "take effect. {closing}"
        ),
    ),
    "invalid_credentials": (
        "MTurk ({environment}) does not know the access key ({code}): {answer}.",
        "Check that the key exists, is active and belongs with its secret; a new key can take some seconds to work.",
    ),
    "access_denied": (
        "MTurk ({environment}) denied the call ({code}): {answer}.",
        (
            f"Attach {vocabulary.MTURK_POLICY_ARN} to the key's IAM user; check for a permissions boundary or an "
            "organization's service control policy. {closing}"
        ),
    ),
    "temporary_credentials": (
        "These are temporary credentials, which MTurk does not take ({environment}); it was not asked.",
        "Give the access key of the lab's IAM user.",
    ),
    "throttled": (
        "MTurk ({environment}) still throttled the call after several tries ({code}).",
        "Run again later, with fewer forks.",
    ),
    "unreachable": (
        "MTurk ({environment}) gave no answer ({code}): {answer}.",
        "Check the network, the proxy and the endpoint. {closing}",
    ),
    "error": (
        "MTurk ({environment}) answered with an error ({code}): {answer}.",
        "Run again; if it stays, look the error code up in the MTurk documentation. {closing}",
    ),
}
