# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab should worry about because of what MTurk answers."""

from __future__ import annotations

import decimal
import typing as t

from ..base import vocabulary
from .examined import Examined, Facts, Found, listed

# What MTurk says of a key that it does not know, or does not let in (see the module mturk_requester_check).
REFUSALS = {
    "invalid_credentials": "does not know the key",
    "access_denied": "denies the key the right to ask for its balance",
    "temporary_credentials": "takes no temporary credentials",
}

# How production looks when it is gone.
_GONE = {"unreachable": "could not be reached", "service_closed": "answered like a closed service"}


def examine(seen: Examined) -> t.Iterator[Found]:
    """What MTurk said, in each environment."""
    for environment, answer in seen.environments.items():
        status = answer.get("status") or ""
        if status == "not_linked":
            yield from _not_linked(seen, environment, answer)
    if seen.live_keys:
        yield from _refused(seen)
    production = seen.environments.get("production") or {}
    yield from _balance(seen, production)
    if production.get("status") in _GONE or _fails_after_closing(seen, production):
        yield from _service_closed(seen, production)


def _refused(seen: Examined) -> t.Iterator[Found]:
    refusals = {name: answer for name, answer in seen.environments.items() if answer.get("status") in REFUSALS}
    if refusals:
        [answer, *_others] = refusals.values()
        yield Found(
            "key_refused",
            f"MTurk ({listed(refusals)}) {REFUSALS[answer['status']]}.{_code_in_words(answer)}",
            answer.get("next_step") or f"Check the lab's key and policy: {seen.playbook('audit')}.",
        )


def _fails_after_closing(seen: Examined, production: Facts) -> bool:
    # What a closed MTurk answers is not documented: after the announced day an unknown error may be just that.
    return production.get("status") == "error" and seen.now.date() >= vocabulary.CLOSED_FOR_GOOD


def _service_closed(seen: Examined, production: Facts) -> t.Iterator[Found]:
    observed = _GONE.get(str(production.get("status")), "did not answer as a working service")
    # What answered that it is closed was reached.
    doubt = "" if production.get("status") == "service_closed" else "Make sure that it is not this network. "
    for key in seen.live_keys:
        key_id = str(key.get("access_key_id", ""))
        yield Found(
            "key_active_service_closed",
            f"MTurk (production) {observed}, and key {key_id} is still active.{_code_in_words(production)}",
            doubt + vocabulary.closing_notice(seen.now.date()),
            key_id,
        )


def _not_linked(seen: Examined, environment: str, answer: Facts) -> t.Iterator[Found]:
    url = vocabulary.REQUESTER_LINK_URLS.get(environment, "")
    step = answer.get("next_step") or f"Sign in at {url} and link the AWS account."
    notice = vocabulary.closing_notice(seen.now.date())
    if seen.now.date() >= vocabulary.CLOSED_TO_NEW_CUSTOMERS and notice not in step:
        step = f"{step} {notice}"
    yield Found(
        "requester_not_linked",
        f"The lab's AWS account is not linked to a requester account in {environment}.",
        step,
    )


def _balance(seen: Examined, production: Facts) -> t.Iterator[Found]:
    minimum = seen.thresholds.minimum_balance
    if minimum is None or production.get("available_balance") in (None, ""):
        return
    try:
        available = decimal.Decimal(str(production["available_balance"]))
    except decimal.InvalidOperation:
        return
    if available < minimum:
        today = seen.now.date()
        advice = "Tell the lab: prepay HITs at https://requester.mturk.com/account."
        if vocabulary.is_closed(today):
            advice = f"Do not add money: there are no HITs to pay for any more. {vocabulary.REFUND_NOTICE}"
        yield Found(
            "low_balance",
            f"{available} US dollars are available in production; the limit is {minimum}.",
            f"{advice} {vocabulary.closing_notice(today)}",
        )


def _code_in_words(answer: Facts) -> str:
    code = answer.get("error_code")
    return f" It answered {code}." if code else ""
