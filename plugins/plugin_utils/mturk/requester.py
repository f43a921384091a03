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

from ..aws import connection as aws
from ..aws import errors
from ..base import times, vocabulary
from ..base.advice import advise
from ..base.text import printable
from .advice import MTURK_ROWS
from .status import Status

ENVIRONMENTS = vocabulary.ENVIRONMENTS

# botocore knows production's endpoint only (MTurk's one region is us-east-1).
DEFAULT_ENDPOINTS: dict[str, str] = {
    "production": "https://mturk-requester.us-east-1.amazonaws.com",
    "sandbox": "https://mturk-requester-sandbox.us-east-1.amazonaws.com",
}

# The identifier of an access key tells its kind (IAM User Guide, "Unique identifiers"): ASIA is temporary.
TEMPORARY_KEY_PREFIX = "ASIA"

# What botocore, or a look at its result, raises when something other than an AWS service answered.
UNREADABLE = (AttributeError, KeyError, TypeError, ValueError, ArithmeticError)

Clock = t.Callable[[], float]
Sleep = t.Callable[[float], None]


# Statuses that AWS's announcement may explain.
_EXPLAINED = frozenset(
    {Status.NOT_LINKED, Status.ACCESS_DENIED, Status.UNREACHABLE, Status.SERVICE_CLOSED, Status.ERROR}
)


class EnvironmentAnswer(t.TypedDict):
    """What one environment said, as modules return it. Balances are US dollars as text, None when not known."""

    status: str
    linked: bool
    available_balance: str | None
    on_hold_balance: str | None
    balance_low: bool
    error_code: str
    message: str
    next_step: str


# By environment.
Answers = dict[str, EnvironmentAnswer]


@dataclasses.dataclass(frozen=True)
class _Seen:
    """An answer, and whether it may change without anybody touching the key."""

    answer: EnvironmentAnswer
    passing: bool = False


def check_environments(
    connection: aws.AwsConnection,
    endpoints: t.Mapping[str, str | None],
    *,
    minimum_balance: decimal.Decimal | None = None,
    today: datetime.date | None = None,
) -> Answers:
    """Ask each environment for its balance, all at once. Never raises for what MTurk answers.

    :param connection: signs with the key to check.
    :param endpoints: by environment, the endpoint URL, or None for AWS's own.
    :param minimum_balance: in US dollars; a linked production account below it gets a next step.
    :param today: the day that the next steps are to fit, by default this one.
    :raises CollectionError: there are no credentials to sign with.
    """
    return {name: seen.answer for name, seen in _ask_all(connection, endpoints, minimum_balance, today).items()}


def check_environment(
    connection: aws.AwsConnection,
    environment: str,
    endpoint_url: str | None = None,
    *,
    minimum_balance: decimal.Decimal | None = None,
    today: datetime.date | None = None,
) -> EnvironmentAnswer:
    """The same for one environment."""
    return _ask(connection, environment, endpoint_url, minimum_balance, today).answer


def check_without_key(connection: aws.AwsConnection, endpoints: t.Mapping[str, str | None]) -> Answers:
    """What can be seen of MTurk without a key: whether production answers like a closed service.

    MTurk refuses a call without a signature, so any other answer says nothing, and is V(not_checked).

    :param connection: any way to AWS; its credentials are not used.
    :param endpoints: as for C(check_environments).
    """
    answers = dict.fromkeys(endpoints, not_checked("There is no key to ask with yet."))
    if "production" in endpoints:
        seen = check_environment(connection.unsigned(), "production", endpoints["production"])
        if seen["status"] == Status.SERVICE_CLOSED:
            answers["production"] = seen
    return answers


def wait_until_linked(
    connection: aws.AwsConnection,
    endpoints: t.Mapping[str, str | None],
    *,
    timeout: float,
    interval: float,
    minimum_balance: decimal.Decimal | None = None,
    clock: Clock = time.monotonic,
    sleep: Sleep = time.sleep,
) -> tuple[Answers, float]:
    """Ask until every environment is linked, none can change any more by waiting, or the time is over.

    :param timeout: seconds; V(0) asks once.
    :param interval: seconds between two questions.
    :returns: what C(check_environments) returned last, and the seconds spent waiting.
    """
    start = clock()
    seen = _ask_all(connection, endpoints, minimum_balance)
    while True:
        waiting = {name: endpoints[name] for name, one in seen.items() if one.passing}
        left = start + timeout - clock()
        if not waiting or left <= 0:
            return {name: one.answer for name, one in seen.items()}, clock() - start if timeout else 0.0
        sleep(min(interval, left))
        seen = {**seen, **_ask_all(connection, waiting, minimum_balance)}


def not_checked(why: str) -> EnvironmentAnswer:
    """The answer of an environment that nobody asked, because C(why)."""
    return _answer(Status.NOT_CHECKED, why)


def _ask_all(
    connection: aws.AwsConnection,
    endpoints: t.Mapping[str, str | None],
    minimum_balance: decimal.Decimal | None,
    today: datetime.date | None = None,
) -> dict[str, _Seen]:
    if not endpoints:
        return {}
    with concurrent.futures.ThreadPoolExecutor(max_workers=len(endpoints)) as pool:
        asked = {
            name: pool.submit(_ask, connection, name, url, minimum_balance, today) for name, url in endpoints.items()
        }
        return {name: future.result() for name, future in asked.items()}


def _ask(
    connection: aws.AwsConnection,
    environment: str,
    endpoint_url: str | None,
    minimum_balance: decimal.Decimal | None,
    today: datetime.date | None,
) -> _Seen:
    today = today or times.now().date()
    credentials = connection.credentials()
    if credentials.get("session_token") or credentials.get("access_key", "").startswith(TEMPORARY_KEY_PREFIX):
        message = f"These are temporary credentials, which MTurk does not accept ({environment}); it was not asked."
        return _Seen(
            _answer(Status.TEMPORARY_CREDENTIALS, message, next_step="Give the access key of the lab's IAM user.")
        )
    client = connection.client(
        "mturk", region_name=aws.GLOBAL_REGION, endpoint_url=endpoint_url or DEFAULT_ENDPOINTS[environment]
    )
    try:
        balance = client.get_account_balance()
        available = decimal.Decimal(balance["AvailableBalance"])
        if not available.is_finite():
            raise ValueError(available)
    except errors.AWS_FAILURES as exc:
        codes = errors.error_codes(exc)
        if turk_code := (getattr(exc, "response", None) or {}).get("TurkErrorCode"):
            codes.insert(0, printable(str(turk_code)))
        return _meaning_of_failure(codes, errors.plain_message(exc), environment, today)
    except UNREADABLE:
        # A parked address or a proxy can answer 200 with anything, which botocore takes for an empty answer.
        said = "the answer did not come from MTurk: it contains no balance"
        return _meaning_of_failure(["UnreadableAnswer"], said, environment, today)
    low = environment == "production" and minimum_balance is not None and available < minimum_balance
    answer = _answer(
        Status.LINKED,
        f"The AWS account is linked to an MTurk requester account ({environment}).",
        available_balance=str(balance["AvailableBalance"]),
        # AWS leaves it out for accounts that have nothing on hold.
        on_hold_balance=balance.get("OnHoldBalance"),
        balance_low=low,
        next_step=_about_low_balance(available, minimum_balance, today) if low else "",
    )
    return _Seen(answer)


def _about_low_balance(available: decimal.Decimal, minimum: decimal.Decimal | None, today: datetime.date) -> str:
    found = f"the balance of {available} USD is below the minimum of {minimum} USD."
    if not vocabulary.is_closed(today):
        return f"Add money: {found}"
    return f"Do not add money, although {found} {vocabulary.REFUND_NOTICE} {vocabulary.closing_notice(today)}"


def _meaning_of_failure(codes: t.Sequence[str], said: str, environment: str, today: datetime.date) -> _Seen:
    """What a failed call means, by MTurk's table."""
    advice = advise(
        MTURK_ROWS,
        codes,
        said,
        service=f"MTurk ({environment})",
        who="the key's IAM user",
        environment=environment,
        url=vocabulary.REQUESTER_LINK_URLS[environment],
    )
    reason = advice.row.reason
    status = Status.UNREACHABLE if reason == "tls" else Status(reason) if reason in set(Status) else Status.ERROR
    next_step = (vocabulary.is_closed(today) and advice.once_closed) or advice.next_step
    if status in _EXPLAINED:
        next_step = f"{next_step} {vocabulary.closing_notice(today)}"
    told = _answer(status, f"{advice.told[0].upper()}{advice.told[1:]}.", error_code=codes[0], next_step=next_step)
    return _Seen(told, advice.row.passing)


def _answer(
    status: Status,
    message: str,
    *,
    next_step: str = "",
    error_code: str = "",
    available_balance: str | None = None,
    on_hold_balance: str | None = None,
    balance_low: bool = False,
) -> EnvironmentAnswer:
    # The words themselves: members of an enumeration would not survive every serializer.
    return {
        "status": status.value,
        "linked": status is Status.LINKED,
        "available_balance": available_balance,
        "on_hold_balance": on_hold_balance,
        "balance_low": balance_low,
        "error_code": error_code,
        "message": message,
        "next_step": next_step,
    }
