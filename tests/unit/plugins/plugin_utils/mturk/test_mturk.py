# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What MTurk's answers mean, and the waiting for better ones, with real botocore clients and no real clock."""

from __future__ import annotations

import datetime
import decimal
import http.server
import threading
import typing as t

import botocore.exceptions
import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import connection as aws
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import vocabulary
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.mturk import proof
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.mturk import requester as mturk
from ansible_collections.labops.cloudresearch.tests.unit.plugins.plugin_utils.aws.aws_answers import (
    AwsAnswers,
    Refusal,
    aws_answers,
)

__all__ = ["aws_answers"]

KEY = {"access_key": "AKIALAB0000000000001", "secret_key": "the-secret-of-the-lab"}
BOTH: dict[str, str | None] = {"production": None, "sandbox": None}
LINKED = {"AvailableBalance": "25.00", "OnHoldBalance": "1.50"}
NOT_LINKED = Refusal("RequestError", "must be linked", members={"TurkErrorCode": "AWS.AccountNotLinked"})
NOT_AUTHORIZED = Refusal("RequestError", members={"TurkErrorCode": "AWS.NotAuthorized"})
UNKNOWN_KEY = Refusal("UnrecognizedClientException", "The security token included in the request is invalid.")
DENIED = Refusal("AccessDeniedException", "not authorized to perform: mechanicalturk:GetAccountBalance")
THROTTLED = Refusal("ThrottlingException", "Rate exceeded")
NOWHERE = botocore.exceptions.EndpointConnectionError(endpoint_url="https://mturk")
CLOSED = Refusal("ForbiddenException", "This service is only available for existing customers.")
SKEWED = Refusal("InvalidSignatureException", "Signature expired: 20261124T1 is now earlier than 20261124T2")
FAULT = Refusal("ServiceFault", "Try again.", 500, {"TurkErrorCode": "AWS.ServiceUnavailable"})
BEFORE_CLOSING = datetime.date(2026, 9, 29)
AFTER_CLOSING = datetime.date(2026, 11, 24)


class Time:
    """A clock that only sleeping moves. C(events) happen at their second."""

    def __init__(self, events: dict[float, t.Callable[[], None]] | None = None) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self._events = {self.now + after: event for after, event in (events or {}).items()}

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert 0 < seconds < 600, "neither a busy loop nor forever"
        self.slept.append(seconds)
        self.now += seconds
        for moment in [moment for moment in self._events if moment <= self.now]:
            self._events.pop(moment)()


def connection(**more: str) -> aws.AwsConnection:
    return aws.AwsConnection({**KEY, **more})


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (NOT_LINKED, "not_linked", "AWS.AccountNotLinked"),
        (UNKNOWN_KEY, "invalid_credentials", "UnrecognizedClientException"),
        (Refusal("InvalidSignatureException"), "invalid_credentials", "InvalidSignatureException"),
        (Refusal("ExpiredTokenException"), "invalid_credentials", "ExpiredTokenException"),
        (DENIED, "access_denied", "AccessDeniedException"),
        (THROTTLED, "throttled", "ThrottlingException"),
        (Refusal("RequestLimitExceeded"), "throttled", "RequestLimitExceeded"),
        (NOWHERE, "unreachable", "EndpointConnectionError"),
        (botocore.exceptions.ReadTimeoutError(endpoint_url="x"), "unreachable", "ReadTimeoutError"),
        (botocore.exceptions.ConnectionClosedError(endpoint_url="x"), "unreachable", "ConnectionClosedError"),
        (botocore.exceptions.SSLError(endpoint_url="x", error="e"), "unreachable", "SSLError"),
        (Refusal("410", "<html><title>Gone</title></html>", 410), "service_closed", "HTTP 410"),
        (Refusal("", "?", 502), "unreachable", "HTTP 502"),
        (FAULT, "error", "AWS.ServiceUnavailable"),
        (
            Refusal("RequestError", members={"TurkErrorCode": "AWS.NotAuthorized"}),
            "invalid_credentials",
            "AWS.NotAuthorized",
        ),
        (Refusal("UnknownOperationException", ""), "service_closed", "UnknownOperationException"),
        (Refusal("NeverHeardOf"), "error", "NeverHeardOf"),
    ],
)
def test_what_each_refusal_means(aws_answers: AwsAnswers, answer: t.Any, status: str, code: str) -> None:
    aws_answers.answers = {"GetAccountBalance": answer}
    seen = mturk.check_environment(connection(), "production", today=AFTER_CLOSING)
    assert (seen["status"], seen["error_code"], seen["linked"]) == (status, code, False)
    assert seen["available_balance"] is None and seen["on_hold_balance"] is None and not seen["balance_low"]
    assert "production" in seen["message"] and seen["next_step"]
    assert "{" not in seen["message"] + seen["next_step"] and "<" not in seen["message"]
    told = "MTurk closed on 2026-09-30" in seen["next_step"]
    assert told == (status in ("not_linked", "access_denied", "unreachable", "service_closed", "error"))


def test_a_linked_account(aws_answers: AwsAnswers) -> None:
    aws_answers.answers = {"GetAccountBalance": LINKED}
    seen = mturk.check_environment(connection(), "production")
    assert seen["linked"] and seen["next_step"] == "" and seen["error_code"] == ""
    assert (seen["available_balance"], seen["on_hold_balance"]) == ("25.00", "1.50")
    assert aws_answers.calls[0].access_key == KEY["access_key"]


def test_nothing_on_hold_is_not_known(aws_answers: AwsAnswers) -> None:
    aws_answers.answers = {"GetAccountBalance": {"AvailableBalance": "0.00"}}
    assert mturk.check_environment(connection(), "sandbox")["on_hold_balance"] is None


@pytest.mark.parametrize(
    ("environment", "minimum", "low"),
    [
        ("production", "25.01", True),
        ("production", "25.00", False),
        ("production", "9.99", False),
        ("production", "100", True),
        ("production", None, False),
        ("sandbox", "100000", False),
    ],
)
def test_minimum_balance(aws_answers: AwsAnswers, environment: str, minimum: str | None, low: bool) -> None:
    aws_answers.answers = {"GetAccountBalance": LINKED}
    limit = None if minimum is None else decimal.Decimal(minimum)
    seen = mturk.check_environment(connection(), environment, minimum_balance=limit)
    assert seen["linked"] and seen["balance_low"] is low
    assert bool(seen["next_step"]) is low and (
        not low or (str(minimum) in seen["next_step"] and "25.00" in seen["next_step"])
    )


@pytest.mark.parametrize("answer", [NOT_LINKED, {"AvailableBalance": "3.00"}])
def test_after_the_closing_nobody_is_sent_to_link_or_to_pay(aws_answers: AwsAnswers, answer: t.Any) -> None:
    aws_answers.answers = {"GetAccountBalance": answer}
    limit = decimal.Decimal("25")
    seen = {
        day: mturk.check_environment(connection(), "production", minimum_balance=limit, today=day)["next_step"]
        for day in (BEFORE_CLOSING, AFTER_CLOSING)
    }
    assert "link the AWS account" in seen[BEFORE_CLOSING] or "Add money" in seen[BEFORE_CLOSING]
    assert not [word for word in ("https://", "Sign in", "Add money") if word in seen[AFTER_CLOSING]]
    assert "2027-01-28" in seen[AFTER_CLOSING] and "retire" in seen[AFTER_CLOSING]
    assert ("refunds of prepaid balances" in seen[AFTER_CLOSING]) == (answer is not NOT_LINKED)


def test_what_mturk_says_cannot_command_the_terminal(aws_answers: AwsAnswers) -> None:
    said = {"TurkErrorCode": "AWS.\x1b[2JOdd"}
    aws_answers.answers = {"GetAccountBalance": Refusal("RequestError", "\x1b]0;owned\x07no\u202e\x9b1m", members=said)}
    seen = mturk.check_environment(connection(), "production")
    assert seen["message"] == "MTurk (production) answered with an error (AWS.Odd): no."
    assert repr(seen).isprintable() and "\\x" not in repr(seen) and "\\u" not in repr(seen)


def test_each_environment_names_its_own_page(aws_answers: AwsAnswers) -> None:
    aws_answers.answers = {"GetAccountBalance": NOT_LINKED}
    seen = mturk.check_environments(connection(), BOTH, today=BEFORE_CLOSING)
    for environment, url in vocabulary.REQUESTER_LINK_URLS.items():
        assert f"{url} " in seen[environment]["next_step"]


@pytest.mark.parametrize(
    ("today", "says"), [("2026-01-01", "takes no new customers from"), ("2026-11-24", "MTurk closed on")]
)
def test_the_closing_is_told_by_date(aws_answers: AwsAnswers, today: str, says: str) -> None:
    aws_answers.answers = {"GetAccountBalance": NOT_LINKED}
    seen = mturk.check_environment(connection(), "production", today=datetime.date.fromisoformat(today))
    assert says in seen["next_step"] and says not in seen["message"], "an announcement explains, it is no observation"


@pytest.mark.parametrize("more", [{"session_token": "t"}, {"access_key": "ASIATEMPORARY0000001"}])
def test_temporary_credentials_are_not_even_tried(aws_answers: AwsAnswers, more: dict[str, str]) -> None:
    seen = mturk.check_environments(connection(**more), BOTH)
    assert {found["status"] for found in seen.values()} == {"temporary_credentials"}
    assert aws_answers.calls == []


def test_no_environment_no_question(aws_answers: AwsAnswers) -> None:
    assert mturk.check_environments(connection(), {}) == {}


def test_the_endpoints(aws_answers: AwsAnswers) -> None:
    """Production and sandbox are at their own addresses, in the one region, whatever else is set."""
    away = {"region": "eu-central-1", "endpoint_url": "http://elsewhere"}
    lab = connection(**away)
    aws_answers.answers = {"GetAccountBalance": LINKED}
    mturk.check_environments(lab, {"production": None, "sandbox": "http://127.0.0.1:9"})
    production = lab.client("mturk", region_name="us-east-1", endpoint_url=mturk.DEFAULT_ENDPOINTS["production"])
    sandbox = lab.client("mturk", region_name="us-east-1", endpoint_url="http://127.0.0.1:9")
    assert {production.meta.endpoint_url, sandbox.meta.endpoint_url} == {
        "https://mturk-requester.us-east-1.amazonaws.com",
        "http://127.0.0.1:9",
    }
    assert len(lab._clients) == 2, "the checks made these same clients"


def test_not_checked_has_the_shape_of_an_observation(aws_answers: AwsAnswers) -> None:
    aws_answers.answers = {"GetAccountBalance": LINKED}
    assert set(mturk.not_checked("why")) == set(mturk.check_environment(connection(), "production"))
    assert mturk.not_checked("why")["message"] == "why" and not mturk.not_checked("why")["linked"]


# -- whoever else answers --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [
        (200, "text/html", b"<html><body>This domain is parked.</body></html>"),
        (200, "application/json", b"{}"),
        (200, "application/json", b""),
        (200, "application/json", b"[]"),
        (200, "application/json", b'"text"'),
        (200, "application/json", b'{"AvailableBalance": "plenty"}'),
        (200, "application/json", b'{"AvailableBalance": "NaN"}'),
        (200, "application/json", b'{"AvailableBalance": "Infinity"}'),
        (200, "application/json", b"[" * 100_000),
        (400, "application/json", b"[" * 100_000),
        (200, "application/json", b"\xff\xfe"),
        (302, "text/html", b""),
        (404, "text/plain", b"not here"),
        (400, "application/json", b"[]"),
        (400, "application/json", b"\xff\xfe"),
    ],
)
def test_what_is_not_mturk_never_counts_as_linked(
    monkeypatch: pytest.MonkeyPatch, status: int, content_type: str, body: bytes
) -> None:
    """A parked address, a proxy's page or another service, over a real socket."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: t.Any) -> None:
            pass

    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            lab = aws.AwsConnection({**KEY, "aws_config": {"retries": {"total_max_attempts": 1}, "read_timeout": 5}})
            seen = mturk.check_environment(lab, "production", f"http://127.0.0.1:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()
    assert (seen["status"], seen["linked"]) == ("unreachable", False)
    assert seen["error_code"] and "<" not in seen["message"]


# -- waiting ---------------------------------------------------------------------------------------------------------


def wait(time: Time, timeout: float, interval: float = 15) -> tuple[dict[str, dict[str, t.Any]], float]:
    return mturk.wait_until_linked(
        connection(), BOTH, timeout=timeout, interval=interval, clock=time.clock, sleep=time.sleep
    )


def test_waiting_ends_when_the_person_has_linked(aws_answers: AwsAnswers) -> None:
    aws_answers.answers = {"GetAccountBalance": NOT_LINKED}
    time = Time({40: lambda: aws_answers.answers.update(GetAccountBalance=LINKED)})
    seen, waited = wait(time, 600)
    assert all(found["linked"] for found in seen.values())
    assert time.slept == [15, 15, 15] and waited == 45


def test_without_a_timeout_it_asks_once(aws_answers: AwsAnswers) -> None:
    aws_answers.answers = {"GetAccountBalance": NOT_LINKED}
    time = Time()
    _seen, waited = wait(time, 0)
    assert (time.slept, waited) == ([], 0) and aws_answers.counts() == {"GetAccountBalance": 2}


@pytest.mark.parametrize("answer", [LINKED, UNKNOWN_KEY, DENIED, CLOSED, SKEWED])
def test_nobody_waits_for_what_waiting_cannot_change(aws_answers: AwsAnswers, answer: t.Any) -> None:
    aws_answers.answers = {"GetAccountBalance": answer}
    time = Time()
    wait(time, 600)
    assert time.slept == [] and aws_answers.counts() == {"GetAccountBalance": 2}


@pytest.mark.parametrize("answer", [NOT_LINKED, THROTTLED, NOWHERE, FAULT, Refusal("InternalFailure", status=500)])
def test_waiting_ends_at_the_deadline(aws_answers: AwsAnswers, answer: t.Any) -> None:
    aws_answers.answers = {"GetAccountBalance": answer}
    time = Time()
    seen, waited = wait(time, 40)
    assert time.slept == [15, 15, 10] and waited == 40
    assert not any(found["linked"] for found in seen.values())


def test_only_what_is_not_settled_is_asked_again(aws_answers: AwsAnswers) -> None:
    lab = connection()
    aws_answers.answers = {"GetAccountBalance": NOT_LINKED}
    # Told apart by their endpoints: only the sandbox's client is made to fail.
    sandbox = lab.client("mturk", region_name="us-east-1", endpoint_url=mturk.DEFAULT_ENDPOINTS["sandbox"])
    production = lab.client("mturk", region_name="us-east-1", endpoint_url=mturk.DEFAULT_ENDPOINTS["production"])
    asked = {"production": 0, "sandbox": 0}
    production.meta.events.register_first(
        "provide-client-params", lambda **_: asked.update(production=asked["production"] + 1)
    )
    sandbox.meta.events.register_first("provide-client-params", lambda **_: asked.update(sandbox=asked["sandbox"] + 1))
    production.meta.events.register_first("before-call", lambda **_: (_Ok(), {**LINKED, "ResponseMetadata": {}}))
    time = Time()
    seen, _waited = mturk.wait_until_linked(lab, BOTH, timeout=30, interval=15, clock=time.clock, sleep=time.sleep)
    assert seen["production"]["linked"] and not seen["sandbox"]["linked"]
    assert asked == {"production": 1, "sandbox": 3}


class _Ok:
    status_code = 200


# -- proving a new key -----------------------------------------------------------------------------------------------


def prove(time: Time, timeout: float = 90) -> proof.KeyProof:
    return proof.prove_key(connection(), {"production": None}, timeout=timeout, clock=time.clock, sleep=time.sleep)


@pytest.mark.parametrize(("answer", "status"), [(LINKED, "linked"), (NOT_LINKED, "not_linked")])
def test_mturk_proves_a_key_linked_or_not(aws_answers: AwsAnswers, answer: t.Any, status: str) -> None:
    aws_answers.answers = {"GetAccountBalance": answer}
    proof = prove(Time())
    assert (proof.proved, proof.by, proof.status) == (True, "mturk", status)


def test_a_new_key_may_take_a_while_to_spread(aws_answers: AwsAnswers) -> None:
    aws_answers.answers = {"GetAccountBalance": UNKNOWN_KEY}
    time = Time({
        5: lambda: aws_answers.answers.update(GetAccountBalance=DENIED),
        20: lambda: aws_answers.answers.update(GetAccountBalance=NOT_LINKED),
    })  # fmt: skip
    proof = prove(time)
    assert proof.proved and time.now - 1000 < 30
    assert time.slept == sorted(time.slept), "it asks less and less often"


@pytest.mark.parametrize("answer", [NOWHERE, FAULT, CLOSED, Refusal("410", "<html>", 410)])
def test_where_mturk_gives_no_answer_sts_proves_the_key(aws_answers: AwsAnswers, answer: t.Any) -> None:
    aws_answers.answers = {"GetAccountBalance": answer, "GetCallerIdentity": {"Account": "111122223333"}}
    proof = prove(Time())
    assert (proof.proved, proof.by) == (True, "sts") and "no answer" in proof.message
    assert {call.access_key for call in aws_answers.calls} == {KEY["access_key"]}


def test_sts_too_may_not_know_the_key_yet(aws_answers: AwsAnswers) -> None:
    aws_answers.answers = {
        "GetAccountBalance": NOWHERE,
        "GetCallerIdentity": Refusal("InvalidClientTokenId", status=403),
    }
    time = Time({10: lambda: aws_answers.answers.update(GetCallerIdentity={"Account": "111122223333"})})
    assert prove(time).by == "sts" and time.now >= 1010


@pytest.mark.parametrize("answer", [UNKNOWN_KEY, THROTTLED])
def test_the_proof_ends_at_the_deadline(aws_answers: AwsAnswers, answer: t.Any) -> None:
    """STS is no way out where MTurk does answer: it would prove a key that MTurk refuses."""
    aws_answers.answers = {"GetAccountBalance": answer}
    time = Time()
    proof = prove(time, timeout=60)
    assert (proof.proved, proof.by) == (False, "") and proof.message
    assert 50 < time.now - 1000 <= 60
    assert "GetCallerIdentity" not in aws_answers.counts()


def test_a_denial_that_stays_leaves_the_proof_to_sts(aws_answers: AwsAnswers) -> None:
    """It says nothing of the key, which AWS accepts; what MTurk said is in the proof."""
    aws_answers.answers = {"GetAccountBalance": DENIED, "GetCallerIdentity": {"Account": "111122223333"}}
    time = Time()
    proof = prove(time, timeout=60)
    assert (proof.proved, proof.by, proof.status) == (True, "sts", "access_denied")
    assert DENIED.message in proof.message and 50 < time.now - 1000 <= 60, "a new user's policy may still spread"


def test_a_denied_key_that_aws_does_not_know_is_not_proved(aws_answers: AwsAnswers) -> None:
    aws_answers.answers = {
        "GetAccountBalance": DENIED,
        "GetCallerIdentity": Refusal("InvalidClientTokenId", status=403),
    }
    assert not prove(Time(), timeout=60).proved


def test_nobody_waits_for_the_clock(aws_answers: AwsAnswers) -> None:
    aws_answers.answers = {"GetAccountBalance": SKEWED}
    time = Time()
    proof = prove(time)
    assert (proof.proved, proof.status, time.slept) == (False, "clock_skew", []) and "clock" in proof.message


def test_a_proof_without_any_time_asks_once(aws_answers: AwsAnswers) -> None:
    aws_answers.answers = {"GetAccountBalance": UNKNOWN_KEY}
    assert not prove(Time(), timeout=0).proved
    assert aws_answers.counts() == {"GetAccountBalance": 1}


def test_no_secret_in_anything_that_is_told(aws_answers: AwsAnswers) -> None:
    for answer in (LINKED, NOT_LINKED, UNKNOWN_KEY, DENIED, THROTTLED, NOWHERE, FAULT):
        aws_answers.answers = {"GetAccountBalance": answer, "GetCallerIdentity": {"Account": "111122223333"}}
        seen = mturk.check_environment(connection(), "production")
        assert KEY["secret_key"] not in repr(seen) + repr(prove(Time(), timeout=1))
