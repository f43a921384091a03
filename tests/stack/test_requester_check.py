# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mturk_requester_check through the real ansible-playbook, against the MTurk double: every status, and the waiting."""

from __future__ import annotations

import json
import pathlib
import threading
import time
import typing as t

import pytest

from tests.simulator.process import Simulator
from tests.stack.ansible_tasks import Task, TaskRun, control, inside, run_tasks

pytestmark = pytest.mark.timeout(240)

MODULE = "labops.cloudresearch.mturk_requester_check"
POLICY = "arn:aws:iam::aws:policy/AmazonMechanicalTurkFullAccess"
USER = "cloudresearch-mturk"
RETURNED = {
    "status",
    "linked",
    "available_balance",
    "on_hold_balance",
    "balance_low",
    "error_code",
    "message",
    "next_step",
}


class Labs:
    """Labs with a user and a key made by hand, and the tasks that check them."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.control = simulator.control
        self.secrets: list[str] = []

    def add(self, name: str, *, policy: bool = True, **options: t.Any) -> dict[str, str]:
        """Make a lab; its key's options for the module."""
        self.control.create_lab(name, portal=False, **options)
        self.control.create_user(name, USER, policy_arns=[POLICY] if policy else [])
        key = self.control.create_access_key(name, USER)
        self.secrets.append(key["secret_access_key"])
        return {"access_key": key["access_key_id"], "secret_key": key["secret_access_key"]}

    def check(self, name: str, key: dict[str, str], **options: t.Any) -> Task:
        """The task that checks a key."""
        keywords = {word: options.pop(word) for word in ("check_mode", "environment") if word in options}
        endpoints = {
            "production_endpoint_url": self.simulator.mturk_production_url,
            "sandbox_endpoint_url": self.simulator.mturk_sandbox_url,
        }
        return {"name": name, MODULE: {**endpoints, **key, **options}, **keywords}

    def knobs(self, name: str, **knobs: t.Any) -> Task:
        """The task that turns knobs of the double."""
        return control(name, "set", **knobs)


@pytest.fixture
def labs(simulator: Simulator) -> t.Iterator[Labs]:
    simulator.control.reset()
    yield Labs(simulator)
    simulator.control.reset()


def asked(run: TaskRun, name: str) -> dict[str, dict[str, t.Any]]:
    """What each environment answered; checks what holds for all answers."""
    entry = run.entry(name)
    result = entry["result"]
    assert entry["outcome"] == "ok", result
    assert result["changed"] is False and not result.get("failed")
    for seen in result["environments"].values():
        assert set(seen) == RETURNED
        assert seen["linked"] == (seen["status"] == "linked") and seen["message"]
        assert seen["linked"] or (seen["next_step"] and seen["available_balance"] is None)
    assert result["linked"] == all(seen["linked"] for seen in result["environments"].values())
    return t.cast("dict[str, dict[str, t.Any]]", result["environments"])


def statuses(run: TaskRun, name: str) -> tuple[str, str]:
    """The status words of production and sandbox."""
    seen = asked(run, name)
    return seen["production"]["status"], seen["sandbox"]["status"]


def test_every_status_word(labs: Labs, tmp_path: pathlib.Path) -> None:
    stack = labs.control
    linked = labs.add("linked", balance="25.00")
    not_linked = labs.add("not-linked", requester_linked=())
    production = labs.add("production-only", requester_linked=("production",))
    sandbox = labs.add("sandbox-only", requester_linked=("sandbox",))
    no_policy = labs.add("no-policy", policy=False)
    throttled, broken, denied = labs.add("throttled"), labs.add("broken"), labs.add("denied")
    cut, recovers = labs.add("cut"), labs.add("recovers")
    inactive = stack.create_access_key("linked", USER, status="Inactive")
    unknown = {"access_key": "AKIANOSUCHKEY0000000", "secret_key": "a-secret-that-opens-nothing"}
    ops = {"access_key": labs.simulator.ops_access_key, "secret_key": labs.simulator.ops_secret_key}
    role = {"assume_role_arn": stack.lab("linked")["role_arn"], "endpoint_url": labs.simulator.aws_url}
    session = {"access_key": "ASIAIOSFODNN7EXAMPLE", "secret_key": "x", "session_token": "a-token-of-a-session"}
    for lab, kind in (("throttled", "throttle"), ("broken", "http_500"), ("denied", "access_denied"), ("cut", "cut")):
        stack.inject_fault("mturk", "*", kind, 1000, lab)
    stack.inject_fault("mturk", "*", "throttle", 1, "recovers", environment="production")
    # Five tries are the module's own; two show the same here without the pauses in between.
    impatient = {"aws_config": {"retries": {"total_max_attempts": 2}}}
    tasks = [
        labs.check("linked", linked),
        labs.check("linked, check mode", linked, check_mode=True),
        labs.check("balance below minimum", linked, minimum_balance=25.01),
        labs.check("balance at minimum", linked, minimum_balance=25),
        labs.check("one environment", linked, environments=["sandbox"]),
        labs.check("not linked", not_linked),
        labs.check("production only", production),
        labs.check("sandbox only", sandbox),
        labs.check("deleted key", unknown),
        labs.check(
            "inactive key", {"access_key": inactive["access_key_id"], "secret_key": inactive["secret_access_key"]}
        ),
        labs.check("wrong secret", {**linked, "secret_key": "not-the-secret-of-this-key"}),
        labs.check("no policy", no_policy),
        labs.check("denied", denied),
        labs.check("a role's credentials", {**ops, **role}),
        labs.check("a session's credentials", session),
        labs.check("throttled", throttled, **impatient),
        labs.check("throttled once", recovers),
        labs.check("error", broken, **impatient),
        labs.check("cut", cut, **impatient),
    ]
    run = run_tasks(tmp_path, tasks, "-vvv")

    assert statuses(run, "linked") == statuses(run, "linked, check mode") == ("linked", "linked")
    seen = asked(run, "linked")
    assert (seen["production"]["available_balance"], seen["sandbox"]["available_balance"]) == ("25.00", "10000.00")
    assert seen["production"]["on_hold_balance"] == "0.00" and seen["production"]["next_step"] == ""
    low = asked(run, "balance below minimum")["production"]
    assert low["balance_low"] and low["linked"] and "25.00" in low["next_step"] and "25.01" in low["next_step"]
    assert not asked(run, "balance at minimum")["production"]["balance_low"]
    assert set(asked(run, "one environment")) == {"sandbox"}

    assert statuses(run, "not linked") == ("not_linked", "not_linked")
    assert statuses(run, "production only") == ("linked", "not_linked")
    assert statuses(run, "sandbox only") == ("not_linked", "linked")
    seen = asked(run, "not linked")
    assert seen["production"]["error_code"] == "AWS.AccountNotLinked"
    # What was announced about the closing is why nobody is sent to link it.
    assert "2026-09-30" in seen["production"]["next_step"]

    for name in ("deleted key", "inactive key", "wrong secret"):
        assert statuses(run, name) == ("invalid_credentials", "invalid_credentials"), name
    for name in ("no policy", "denied"):
        assert statuses(run, name) == ("access_denied", "access_denied"), name
    assert POLICY in asked(run, "no policy")["production"]["next_step"]
    for name in ("a role's credentials", "a session's credentials"):
        assert statuses(run, name) == ("temporary_credentials", "temporary_credentials"), name
    assert statuses(run, "throttled") == ("throttled", "throttled")
    assert statuses(run, "throttled once") == ("linked", "linked")
    assert statuses(run, "error") == ("error", "error")
    assert asked(run, "error")["production"]["error_code"] == "AWS.ServiceUnavailable"
    assert statuses(run, "cut") == ("unreachable", "unreachable")

    calls = [call for call in stack.calls() if call["service"] == "mturk"]
    assert not [call for call in calls if call["access_key_id"].startswith("ASIA")], "MTurk is not asked in vain"
    assert {call["action"] for call in calls} == {"GetAccountBalance"}
    assert not [secret for secret in [*labs.secrets, labs.simulator.ops_secret_key] if secret in run.output]


def test_every_refusal_leads_to_its_own_next_step(labs: Labs, tmp_path: pathlib.Path) -> None:
    """In the services' own words, over the wire."""
    expected = {
        "scp_deny": ("access_denied", "those who manage the organization's policies"),
        "boundary_deny": ("access_denied", "permissions boundary of the key's IAM user"),
        "explicit_deny": ("access_denied", "Effect Deny"),
        "clock_skew": ("clock_skew", "Set the clock"),
        "wrong_region": ("error", "AWS_REGION"),
        "not_activated": ("error", "sign-up"),
        "turk_not_authorized": ("invalid_credentials", "matches its secret"),
        "turk_bad_credential": ("invalid_credentials", "matches its secret"),
        "turk_must_register": ("not_linked", "need not be linked any more"),
        "turk_permission_denied": ("access_denied", "not from IAM"),
        "turk_bad_claims": ("clock_skew", "Set the clock"),
        "turk_link_untyped": ("not_linked", "need not be linked any more"),
    }
    tasks = []
    for kind in expected:
        key = labs.add(kind.replace("_", "-"))
        labs.control.inject_fault("mturk", "*", kind, 1000, kind.replace("_", "-"))
        tasks.append(labs.check(kind, key, environments=["production"]))
    run = run_tasks(tmp_path, tasks)
    for kind, (status, step) in expected.items():
        seen = asked(run, kind)["production"]
        assert (seen["status"], step in seen["next_step"]) == (status, True), seen
        assert status != "access_denied" or "Attach" not in seen["next_step"]


def test_a_passing_error_does_not_end_the_wait_for_a_person(labs: Labs, tmp_path: pathlib.Path) -> None:
    """The first answer is a fault of the service; while waiting, the account turns out to be linked."""
    key = labs.add("recovering")
    labs.control.inject_fault("mturk", "*", "http_500", 1, "recovering", environment="production")
    once = {"aws_config": {"retries": {"total_max_attempts": 1}}}
    run = run_tasks(tmp_path, [labs.check("waits", key, wait_timeout=60, wait_interval=1, **once)])
    assert statuses(run, "waits") == ("linked", "linked")
    assert run.result("waits")["waited"] >= 1


def test_every_way_to_be_closed_or_out_of_reach(labs: Labs, tmp_path: pathlib.Path) -> None:
    """What a closed endpoint answers is not documented; whatever it is, the check says what it observed."""
    key = labs.add("lab")
    impatient = {"aws_config": {"retries": {"total_max_attempts": 1}, "read_timeout": 1, "connect_timeout": 1}}
    closed = {"production": "closed"}
    ways: dict[str, tuple[dict[str, t.Any], str]] = {
        "refused": ({"mturk_mode": closed, "mturk_closed_answer": "refused"}, "unreachable"),
        "gone": ({"mturk_mode": closed, "mturk_closed_answer": "gone_html"}, "service_closed"),
        "unavailable": ({"mturk_mode": closed, "mturk_closed_answer": "unavailable_html"}, "unreachable"),
        "access denied": ({"mturk_mode": closed, "mturk_closed_answer": "access_denied"}, "service_closed"),
        "no new customers": ({"mturk_mode": closed, "mturk_closed_answer": "no_new_customers"}, "service_closed"),
        "existing only": ({"mturk_mode": closed, "mturk_closed_answer": "existing_customers"}, "service_closed"),
        "forbidden in XML": ({"mturk_mode": closed, "mturk_closed_answer": "forbidden_xml"}, "service_closed"),
        "gone in JSON": ({"mturk_mode": closed, "mturk_closed_answer": "gone_json"}, "service_closed"),
        "unavailable in JSON": ({"mturk_mode": closed, "mturk_closed_answer": "unavailable_json"}, "service_closed"),
        "unknown operation": ({"mturk_mode": closed, "mturk_closed_answer": "unknown_operation"}, "service_closed"),
        "service closed": ({"mturk_mode": closed, "mturk_closed_answer": "service_closed"}, "service_closed"),
        "unreachable": (
            {"mturk_mode": {"production": "unreachable"}, "mturk_unreachable_as": "refused"},
            "unreachable",
        ),
        "hangs": ({"mturk_mode": {"production": "unreachable"}, "mturk_unreachable_as": "hang"}, "unreachable"),
    }
    tasks = []
    for name, (knobs, _status) in ways.items():
        tasks += [labs.knobs(f"set {name}", **knobs), labs.check(name, key, **impatient)]
    nowhere = {"production_endpoint_url": "http://127.0.0.1:1", "sandbox_endpoint_url": "http://no-such-host.invalid"}
    tasks.append({"name": "nowhere", MODULE: {**key, **nowhere, **impatient}})
    # The double of IAM answers too, but it is not MTurk.
    elsewhere = {"production_endpoint_url": labs.simulator.portal_url, "environments": ["production"]}
    tasks.append({"name": "elsewhere", MODULE: {**key, **elsewhere, **impatient}})
    run = run_tasks(tmp_path, tasks, LABOPS_CONTROL_URL=labs.simulator.control_url)

    for name, (_knobs, status) in ways.items():
        assert statuses(run, name) == (status, "linked"), name
        seen = asked(run, name)["production"]
        assert "2026-09-30" in seen["next_step"], name
        assert "<" not in seen["message"], "a web page is not a message"
        if status == "service_closed":
            assert "Attach" not in seen["next_step"] and "network" not in seen["next_step"], name
    for name, quoted in (
        ("gone", "(HTTP 410): a web page came back, titled 'Amazon Mechanical Turk'."),
        ("forbidden in XML", "(Forbidden): Forbidden: This Requester API is no longer supported."),
        ("gone in JSON", "(HTTP 410): Gone."),
        ("existing only", "(ForbiddenException): This service is only available for existing customers."),
    ):
        assert quoted in asked(run, name)["production"]["message"], asked(run, name)["production"]["message"]
    assert statuses(run, "nowhere") == ("unreachable", "unreachable")
    assert asked(run, "elsewhere")["production"]["status"] == "unreachable"


def test_waiting_for_a_person(labs: Labs, tmp_path: pathlib.Path) -> None:
    stack = labs.control
    waits = labs.add("waits", requester_linked=("sandbox",))
    never = labs.add("never", requester_linked=())
    no_use = labs.add("no-use", policy=False)
    clicked: list[float] = []

    def person() -> None:
        """Links the account once the module has found that it is not."""
        deadline = time.monotonic() + 100
        while time.monotonic() < deadline:
            seen = [call for call in stack.calls() if call["lab"] == "waits" and call["environment"] == "production"]
            if len(seen) >= 2:
                stack.link_requester("waits", "production")
                clicked.append(time.monotonic())
                return
            time.sleep(0.1)

    thread = threading.Thread(target=person)
    thread.start()
    try:
        run = run_tasks(
            tmp_path,
            [
                labs.check("linked while waiting", waits, wait_timeout=90, wait_interval=1),
                labs.check("never linked", never, wait_timeout=2, wait_interval=1),
                labs.check("waiting cannot help", no_use, wait_timeout=90, wait_interval=1),
                labs.check("does not wait", never),
                labs.check("hammers", waits, wait_timeout=5, wait_interval=0),
                labs.check("wrong environment", waits, environments=["staging"]),
                labs.check("half a key", {"access_key": waits["access_key"]}),
                labs.check("wrong aws_config", waits, aws_config={"nonsense": 1}),
            ],
        )
    finally:
        thread.join()

    assert clicked and statuses(run, "linked while waiting") == ("linked", "linked")
    assert 0 < run.result("linked while waiting")["waited"] < 90
    calls = [call for call in stack.calls() if call["service"] == "mturk" and call["lab"] == "waits"]
    first_task = calls[: [call["environment"] for call in calls].count("production") + 1]
    assert [call["environment"] for call in first_task].count("sandbox") == 1, "what is linked is not asked again"
    assert statuses(run, "never linked") == ("not_linked", "not_linked")
    assert run.result("never linked")["waited"] >= 2
    assert statuses(run, "waiting cannot help") == ("access_denied", "access_denied")
    assert run.result("waiting cannot help")["waited"] < 30
    assert run.result("does not wait")["waited"] == 0
    for name, words in (
        ("hammers", "wait_interval"),
        ("wrong environment", "production, sandbox"),
        ("half a key", "secret_key"),
        ("wrong aws_config", "nonsense"),
    ):
        assert run.entry(name)["outcome"] == "failed" and words in run.result(name)["msg"], name


def test_the_stored_key_is_used_whatever_the_operator_signed_in_with(labs: Labs, tmp_path: pathlib.Path) -> None:
    """An operator's session, profile or alias options must not take the place of the lab's key."""
    lab = labs.control.create_lab("stored", portal=False)
    (tmp_path / "vault-password").write_text("the vault password\n")
    (tmp_path / "aws-config").write_text("[profile ops]\nregion = us-east-1\n")
    ops = {
        "AWS_ACCESS_KEY_ID": labs.simulator.ops_access_key,
        "AWS_SECRET_ACCESS_KEY": labs.simulator.ops_secret_key,
    }
    store = {"type": "ansible_vault", "directory": str(tmp_path / "store")}
    way_in = {"assume_role_arn": lab["role_arn"], "endpoint_url": labs.simulator.aws_url}
    user = {
        "name": USER,
        "state": "present",
        "managed_policies": [POLICY],
        "tags": {"managed-by": "labops.cloudresearch"},
    }
    access_key = {"lab": "stored", "store": store, "production_endpoint_url": labs.simulator.mturk_production_url}
    session = {"AWS_SESSION_TOKEN": "the-operators-session-token", "AWS_ACCESS_KEY_ID": "ASIAIOSFODNN7EXAMPLE"}
    with_store = {"lab": "stored", "store": store}
    run = run_tasks(
        tmp_path / "run",
        [
            {
                "name": "user",
                "amazon.aws.iam_user": user,
                "vars": inside(lab["account_id"], labs.simulator.aws_url),
            },
            {"name": "key", "labops.cloudresearch.mturk_access_key": {**access_key, **way_in}},
            labs.check("plain", with_store),
            labs.check("session", with_store, environment=session),
            labs.check("profile", with_store, environment={"AWS_PROFILE": "ops"}),
            labs.check("alias", {**with_store, "aws_access_key": "ASIAIOSFODNN7EXAMPLE", "aws_secret_key": "x"}),
            labs.check("option profile", {**with_store, "profile": "nobody"}),
            labs.check("no such lab", {**with_store, "lab": "unheard-of"}),
            labs.check("not a store", {"lab": "stored", "store": {"type": "nonsense"}}),
        ],
        "--vault-password-file",
        str(tmp_path / "vault-password"),
        "-vvv",
        AWS_CONFIG_FILE=str(tmp_path / "aws-config"),
        **ops,
    )
    for name in ("user", "key"):
        assert run.entry(name)["outcome"] == "ok", run.result(name)
    for name in ("plain", "session", "profile", "alias", "option profile"):
        assert statuses(run, name) == ("linked", "linked"), name
    missing = run.result("no such lab")
    assert run.entry("no such lab")["outcome"] == "failed"
    assert missing["reason"] == "no_stored_key" and "unheard-of" in missing["msg"] and missing["next_step"]
    assert run.entry("not a store")["outcome"] == "failed" and "nonsense" in run.result("not a store")["msg"]
    secrets = labs.control.issued_secrets()
    everything = run.output + json.dumps(run.results)
    assert not [value for kind in ("access_key_secrets", "ops_secrets", "session_secrets", "session_tokens")
                for value in secrets[kind] if value in everything]  # fmt: skip
