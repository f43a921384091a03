# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults, kills, the timeline and the secrets of the simulator do what tests rely on."""

from __future__ import annotations

import concurrent.futures
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import typing as t

import botocore.exceptions
import pytest

from tests import processes
from tests.simulator.clients import lab_client, mturk_client, new_key, new_lab, ops_client
from tests.simulator.control import ControlError
from tests.simulator.process import PROJECT, Simulator


@pytest.fixture
def lab(simulator: Simulator) -> dict[str, t.Any]:
    return new_lab(simulator)


@pytest.fixture(autouse=True)
def no_callers_are_left() -> t.Iterator[None]:
    yield
    while CALLERS:
        caller = CALLERS.pop()
        caller.kill()
        caller.wait()


@pytest.fixture(autouse=True)
def no_faults_are_left(simulator: Simulator) -> t.Iterator[None]:
    yield
    simulator.control.clear_faults()
    simulator.control.disarm_kill()


def names_of_users(iam: t.Any) -> list[str]:
    return [user["UserName"] for user in iam.list_users()["Users"]]


class TestFaults:
    @pytest.mark.parametrize(
        ("service", "codes"),
        [
            ("iam", {"throttle": "Throttling", "access_denied": "AccessDenied", "http_500": "InternalFailure"}),
            (
                "iam",
                {"clock_skew": "SignatureDoesNotMatch", "scp_deny": "AccessDenied", "not_activated": "OptInRequired"},
            ),
            ("ssm", {"throttle": "ThrottlingException", "access_denied": "AccessDeniedException"}),
            ("organizations", {"throttle": "TooManyRequestsException"}),
        ],
    )
    def test_errors_in_the_service_s_own_words(self, simulator: Simulator, service: str, codes: dict[str, str]) -> None:
        client = ops_client(simulator, service)
        calls = {"iam": "list_users", "ssm": "describe_parameters", "organizations": "list_roots"}
        call = getattr(client, calls[service])
        for kind, code in codes.items():
            simulator.control.inject_fault(service=service, kind=kind)
            with pytest.raises(botocore.exceptions.ClientError) as failure:
                call()
            assert failure.value.response["Error"]["Code"] == code
            call()  # once only

    @pytest.mark.parametrize(("kind", "code"), [("throttle", "ThrottlingException"), ("http_500", "ServiceFault")])
    def test_mturk_s_own_words(self, simulator: Simulator, lab: dict[str, t.Any], kind: str, code: str) -> None:
        mturk = mturk_client(simulator, "sandbox", *new_key(simulator, lab))
        simulator.control.inject_fault(service="mturk", environment="sandbox", kind=kind, times=2)
        for _unused in range(2):
            with pytest.raises(botocore.exceptions.ClientError) as failure:
                mturk.get_account_balance()
            assert failure.value.response["Error"]["Code"] == code
        mturk.get_account_balance()

    def test_a_client_that_retries_gets_over_it(self, simulator: Simulator) -> None:
        for kind in ("throttle", "http_500", "cut"):
            simulator.control.inject_fault(service="iam", action="ListUsers", kind=kind)
            ops_client(simulator, "iam", attempts=3).list_users()

    def test_before_has_no_effect_and_after_has(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        iam = lab_client(simulator, lab, "iam")
        for when, expected in (("before", []), ("after", ["user-after"])):
            simulator.control.inject_fault(service="iam", action="CreateUser", kind="cut", when=when)
            with pytest.raises(botocore.exceptions.HTTPClientError):
                iam.create_user(UserName=f"user-{when}")
            assert names_of_users(iam) == expected

    def test_an_answer_lost_to_a_500(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        iam = lab_client(simulator, lab, "iam")
        simulator.control.inject_fault(service="iam", action="CreateUser", kind="http_500", when="after")
        with pytest.raises(botocore.exceptions.ClientError) as failure:
            iam.create_user(UserName="u")
        assert failure.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
        assert names_of_users(iam) == ["u"]
        entry = [c for c in simulator.control.calls() if c["lab"] == lab["name"] and c["action"] == "CreateUser"][-1]
        assert (entry["status"], entry["fault"]) == (200, "after:http_500"), "it took effect, whatever was answered"

    @pytest.mark.parametrize("when", ["before", "after"])
    def test_a_hanging_call_holds_nobody_else_up(self, simulator: Simulator, lab: dict[str, t.Any], when: str) -> None:
        iam = lab_client(simulator, lab, "iam", read_timeout=0.5)
        simulator.control.inject_fault(service="iam", action="CreateUser", kind="timeout", when=when)
        started = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            hanging = pool.submit(iam.create_user, UserName="u")
            while not [c for c in simulator.control.calls() if c["lab"] == lab["name"] and c["fault"]]:
                assert time.monotonic() - started < 5
            assert not hanging.done()
            ops_client(simulator, "iam").list_users()
            with pytest.raises(botocore.exceptions.ReadTimeoutError):
                hanging.result()
        assert names_of_users(iam) == (["u"] if when == "after" else [])

    def test_only_one_lab_is_hit(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        other = new_lab(simulator)
        simulator.control.inject_fault(service="iam", kind="throttle", account_id=lab["name"])
        lab_client(simulator, other, "iam").list_users()
        with pytest.raises(botocore.exceptions.ClientError, match="Throttling"):
            lab_client(simulator, lab, "iam").list_users()

    def test_calls_can_be_skipped(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        iam = lab_client(simulator, lab, "iam")
        simulator.control.inject_fault(
            service="iam", action="ListUsers", kind="throttle", skip=2, account_id=lab["name"]
        )
        answers = []
        for _unused in range(4):
            try:
                iam.list_users()
                answers.append("ok")
            except botocore.exceptions.ClientError as exc:
                answers.append(exc.response["Error"]["Code"])
        assert answers == ["ok", "ok", "Throttling", "ok"]

    def test_a_role_s_assumption_belongs_to_the_lab(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        simulator.control.inject_fault(service="sts", action="AssumeRole", account_id=lab["account_id"])
        lab_client(simulator, new_lab(simulator), "iam")
        with pytest.raises(botocore.exceptions.ClientError, match="InternalFailure"):
            lab_client(simulator, lab, "iam")

    @pytest.mark.parametrize(
        ("wrong", "why"),
        [
            ({"kind": "explode"}, "unknown kind"),
            ({"kind": "throttle", "when": "after"}, "not answered with throttle"),
            ({"account_id": "no-such-lab"}, "no lab"),
            ({"service": "portal", "action": "POST nowhere"}, "no page"),
        ],
    )
    def test_faults_that_make_no_sense(self, simulator: Simulator, wrong: dict[str, t.Any], why: str) -> None:
        with pytest.raises(ControlError, match=why):
            simulator.control.inject_fault(**wrong)


CALLERS: list[subprocess.Popen[bytes]] = []
CALLER = """
    import sys
    from tests.simulator.clients import client
    iam = client("iam", *sys.argv[1:5])
    for n in range(4):
        iam.create_user(UserName=f"user-{n}")
        print(n, flush=True)
"""


WORKERS = """
import json, subprocess, sys
code, arguments = json.load(sys.stdin)
workers = [subprocess.Popen([sys.executable, "-c", code, *each], start_new_session=True) for each in arguments]
for worker in workers:
    worker.wait()
"""

# Makes one process after the other, slowly, as it has much memory; each says so if it lives on.
FORKING = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
memory = bytearray(b"1") * 800_000_000
print("ready", flush=True)
while True:
    if not os.fork():
        os.setsid()
        time.sleep(1)
        os.write(1, b"alive")
        os._exit(0)
"""


def keys_for(simulator: Simulator, lab: dict[str, t.Any]) -> list[str]:
    """Temporary credentials for a lab's account."""
    credentials = ops_client(simulator, "sts").assume_role(RoleArn=lab["role_arn"], RoleSessionName="tests")
    return [credentials["Credentials"][name] for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]


def start_caller(simulator: Simulator, lab: dict[str, t.Any], before: str = "") -> subprocess.Popen[bytes]:
    """A process group that makes users, one after the other, and waits for a line first."""
    caller = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "input()\n" + before + textwrap.dedent(CALLER),
            simulator.aws_url,
            *keys_for(simulator, lab),
        ],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    CALLERS.append(caller)
    return caller


class TestKill:
    @pytest.mark.parametrize("n", [1, 3])
    def test_dies_after_the_effect_and_before_the_answer(
        self, simulator: Simulator, lab: dict[str, t.Any], n: int
    ) -> None:
        caller = start_caller(simulator, lab)
        since = simulator.control.mark("armed")
        simulator.control.kill_after(n, os.getpgid(caller.pid))
        output, _errors = caller.communicate(b"\n", timeout=20)
        assert caller.returncode == -signal.SIGKILL
        assert output.split() == [str(i).encode() for i in range(n - 1)]
        assert len(names_of_users(lab_client(simulator, lab, "iam"))) == n
        created = [c for c in simulator.control.calls(since) if c["action"] == "CreateUser"]
        assert [c["status"] for c in created] == [200] * n
        assert simulator.control.disarm_kill()

    def test_workers_in_sessions_of_their_own_die_too(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        # As ansible-core does since 2.19.
        forking = "import os\nif os.fork(): os.wait(); os._exit(0)\nos.setsid()\n"
        caller = start_caller(simulator, lab, forking)
        simulator.control.kill_after(1, os.getpgid(caller.pid))
        output, _errors = caller.communicate(b"\n", timeout=20)  # ends when nobody holds the pipe any more
        assert (caller.returncode, output) == (-signal.SIGKILL, b"")
        assert names_of_users(lab_client(simulator, lab, "iam")) == ["user-0"]

    def test_who_is_just_making_a_process_does_not_leave_it_behind(self) -> None:
        for _attempt in range(10):
            run = subprocess.Popen([sys.executable, "-c", FORKING], stdout=subprocess.PIPE, start_new_session=True)
            CALLERS.append(run)
            assert run.stdout is not None
            assert run.stdout.readline() == b"ready\n"
            assert run.pid in processes.kill(run.pid)
            output, _errors = run.communicate(timeout=20)  # ends when nobody holds the pipe any more
            assert (run.returncode, output) == (-signal.SIGKILL, b"")

    def test_calls_to_the_portal_count(self, simulator: Simulator) -> None:
        code = "import sys, requests; input(); requests.get(sys.argv[1], timeout=10); print('answered')"
        caller = subprocess.Popen(
            [sys.executable, "-c", code, simulator.portal_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        since = simulator.control.mark("armed")
        simulator.control.kill_after(1, os.getpgid(caller.pid))
        output, _errors = caller.communicate(b"\n", timeout=20)
        assert (caller.returncode, output) == (-signal.SIGKILL, b"")
        assert [c["service"] for c in simulator.control.calls(since)] == ["portal"]

    def test_one_run_is_killed_at_a_point_of_each_lab(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        other = new_lab(simulator)
        arguments = [[simulator.aws_url, *keys_for(simulator, each)] for each in (lab, other)]
        # As ansible-playbook and its workers: somebody who makes no calls, and below it one process a lab.
        run = subprocess.Popen(
            [sys.executable, "-c", WORKERS], cwd=PROJECT, stdin=subprocess.PIPE, start_new_session=True
        )
        CALLERS.append(run)
        since = simulator.control.mark("armed")
        simulator.control.kill_at_each({lab["name"]: 1, other["name"]: 3}, run.pid)
        assert run.stdin is not None
        run.stdin.write(json.dumps([textwrap.dedent(CALLER), arguments]).encode())
        run.stdin.close()
        assert run.wait(timeout=30) == -signal.SIGKILL
        assert simulator.control.disarm_kill()
        made = [call["lab"] for call in simulator.control.calls(since) if call["action"] == "CreateUser"]
        assert (made.count(lab["name"]), made.count(other["name"])) == (1, 3)

    def test_disarmed(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        caller = start_caller(simulator, lab)
        simulator.control.kill_after(1, os.getpgid(caller.pid))
        assert not simulator.control.disarm_kill()
        caller.communicate(b"\n", timeout=20)
        assert caller.returncode == 0

    @pytest.mark.parametrize("pgid", [0, 1, -1])
    def test_groups_that_are_not_to_be_killed(self, simulator: Simulator, pgid: int) -> None:
        with pytest.raises(ControlError, match="not one to kill"):
            simulator.control.kill_after(1, pgid)

    def test_not_the_simulator_itself(self, simulator: Simulator) -> None:
        with pytest.raises(ControlError, match="not one to kill"):
            simulator.control.kill_after(1, os.getpgid(simulator.pid))


class TestTimeline:
    def test_every_call_with_the_keys_after_it(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        since = simulator.control.mark("start")
        iam = lab_client(simulator, lab, "iam")
        iam.create_user(UserName="u")
        first = iam.create_access_key(UserName="u")["AccessKey"]["AccessKeyId"]
        iam.update_access_key(UserName="u", AccessKeyId=first, Status="Inactive")
        simulator.control.set_portal_key(lab["name"], first)
        second = iam.create_access_key(UserName="u")["AccessKey"]["AccessKeyId"]
        with pytest.raises(botocore.exceptions.ClientError):
            iam.create_access_key(UserName="u")
        iam.delete_access_key(UserName="u", AccessKeyId=first)

        entries = simulator.control.key_timeline(lab["name"], since)
        seen = [
            (e["action"], e["status"], [(k["access_key_id"], k["status"]) for k in e["keys"]], e["portal_key"])
            for e in entries
        ]
        assert seen == [
            ("AssumeRole", 200, [], ""),
            ("CreateUser", 200, [], ""),
            ("CreateAccessKey", 200, [(first, "Active")], ""),
            ("UpdateAccessKey", 200, [(first, "Inactive")], ""),
            ("set_portal_key", 200, [(first, "Inactive")], first),
            ("CreateAccessKey", 200, [(first, "Inactive"), (second, "Active")], first),
            ("CreateAccessKey", 409, [(first, "Inactive"), (second, "Active")], first),
            ("DeleteAccessKey", 200, [(second, "Active")], first),
        ]
        numbers = [e["n"] for e in entries]
        assert numbers == sorted(numbers) and numbers[0] > since

    def test_refused_calls_are_noted_with_their_error(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        since = simulator.control.mark("start")
        key_id, _secret = new_key(simulator, lab)
        for environment in ("production", "sandbox"):
            with pytest.raises(botocore.exceptions.ClientError):
                mturk_client(simulator, environment, key_id, "wrong").get_account_balance()
        noted = [c for c in simulator.control.calls(since) if c["service"] == "mturk"]
        assert [(c["environment"], c["error"], c["access_key_id"], c["lab"]) for c in noted] == [
            ("production", "InvalidSignatureException", key_id, lab["name"]),
            ("sandbox", "InvalidSignatureException", key_id, lab["name"]),
        ]

    def test_calls_since(self, simulator: Simulator) -> None:
        marks = [simulator.control.mark(f"mark {n}") for n in range(3)]
        assert [c["action"] for c in simulator.control.calls(marks[0])] == ["mark 1", "mark 2"]
        assert simulator.control.calls(marks[-1]) == []
        simulator.control.clear_calls()
        assert simulator.control.calls() == []
        assert simulator.control.mark("later") == marks[-1] + 1
        assert [c["action"] for c in simulator.control.calls(marks[-1])] == ["later"]


class TestSecrets:
    def test_all_that_were_issued(self, simulator: Simulator) -> None:
        lab = new_lab(simulator, password="the lab's password", totp_secret=True)
        iam = lab_client(simulator, lab, "iam")
        iam.create_user(UserName="u")
        secret = iam.create_access_key(UserName="u")["AccessKey"]["SecretAccessKey"]
        session = ops_client(simulator, "sts").assume_role(RoleArn=lab["role_arn"], RoleSessionName="tests")
        issued = simulator.control.issued_secrets()
        assert secret in issued["access_key_secrets"]
        assert issued["ops_secrets"] == [simulator.ops_secret_key]
        assert simulator.ops_secret_key not in issued["access_key_secrets"]
        assert session["Credentials"]["SecretAccessKey"] in issued["session_secrets"]
        assert session["Credentials"]["SessionToken"] in issued["session_tokens"]
        assert "the lab's password" in issued["passwords"] and lab["requester_password"] in issued["passwords"]
        assert lab["totp_secret"] in issued["totp_secrets"]

    def test_a_deleted_key_s_secret_stays_on_the_list(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        key_id, secret = new_key(simulator, lab)
        lab_client(simulator, lab, "iam").delete_access_key(UserName="somebody", AccessKeyId=key_id)
        assert secret in simulator.control.issued_secrets()["access_key_secrets"]

    def test_a_replaced_password_stays_on_the_list(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        simulator.control.set_portal_password(lab["name"], "another password")
        assert {lab["password"], "another password"} <= set(simulator.control.issued_secrets()["passwords"])


class TestLabs:
    def test_given_values_are_taken(self, simulator: Simulator) -> None:
        lab = new_lab(simulator, account_id="345678901234", email="pi@lab.example", password="p", portal=True)
        assert lab["account_id"] == "345678901234" and lab["email"] == "pi@lab.example"
        assert simulator.control.lab("345678901234")["name"] == lab["name"]
        assert simulator.control.portal_account(lab["name"])["email"] == "pi@lab.example"

    @pytest.mark.parametrize(
        ("wrong", "why"),
        [
            ({"account_id": "12345"}, "12 digits"),
            ({"account_id": "100000000001"}, "already"),
            ({"requester_linked": ["staging"]}, "production or sandbox"),
            ({"colour": "blue"}, "colour"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, simulator: Simulator, wrong: dict[str, t.Any], why: str) -> None:
        with pytest.raises(ControlError, match=why):
            new_lab(simulator, **wrong)

    def test_unknown_knobs_and_values_are_refused(self, simulator: Simulator) -> None:
        for knobs in ({"speed": 1}, {"mturk_mode": "ajar"}, {"portal_speed": 1}):
            with pytest.raises(ControlError):
                simulator.control.set(**knobs)
        assert simulator.control.knobs()["mturk_mode"] == "open"

    def test_a_key_s_age(self, simulator: Simulator, lab: dict[str, t.Any]) -> None:
        key_id, _secret = new_key(simulator, lab)
        simulator.control.age_key(key_id, 100)
        listed = lab_client(simulator, lab, "iam").list_access_keys(UserName="somebody")["AccessKeyMetadata"][0]
        assert 99.9 < (time.time() - listed["CreateDate"].timestamp()) / 86400 < 100.1

    def test_latency_is_added_without_making_calls_wait_for_each_other(self, simulator: Simulator) -> None:
        clients = [ops_client(simulator, "iam") for unused in range(5)]
        for client in clients:
            client.list_users()
        simulator.control.set(latency_ms=400)
        try:
            started = time.monotonic()
            with concurrent.futures.ThreadPoolExecutor(5) as pool:
                list(pool.map(lambda client: client.list_users(), clients))
            elapsed = time.monotonic() - started
        finally:
            simulator.control.set(latency_ms=0)
        assert 0.4 <= elapsed < 1.8, "one after the other would take two seconds"
