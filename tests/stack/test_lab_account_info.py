# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""lab_account_info through the real ansible-playbook: what it sees, what it asks, and what it concludes."""

from __future__ import annotations

import collections
import json
import pathlib
import typing as t

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import role_variables
from tests.simulator.process import Simulator
from tests.stack.ansible_tasks import Task, TaskRun, control, inside, run_tasks

pytestmark = pytest.mark.timeout(240)

USER = "cloudresearch-mturk"
POLICY = "arn:aws:iam::aws:policy/AmazonMechanicalTurkFullAccess"
TAG = {"managed-by": "labops.cloudresearch"}
STEPS = ["iam_user", "access_key", "requester", "link"]


class Bench:
    """Labs, and the tasks that observe them, in one run."""

    def __init__(self, simulator: Simulator, directory: pathlib.Path) -> None:
        self.simulator = simulator
        self.control = simulator.control
        self.directory = directory
        self.labs: dict[str, dict[str, t.Any]] = {}
        self.tasks: list[Task] = []
        (directory / "vault-password").write_text("the vault password\n")

    def add(self, name: str, **options: t.Any) -> None:
        self.labs[name] = self.control.create_lab(name, **options)

    def way_in(self, lab: str) -> dict[str, t.Any]:
        return {
            "assume_role_arn": self.labs[lab]["role_arn"],
            "endpoint_url": self.simulator.aws_url,
            "lab": lab,
            "store": {"type": "ansible_vault", "directory": str(self.directory / "store")},
            "production_endpoint_url": self.simulator.mturk_production_url,
        }

    def info(self, name: str, lab: str, **options: t.Any) -> None:
        """Observe a lab, with a mark in the timeline before it."""
        keywords = {word: options.pop(word) for word in ("check_mode",) if word in options}
        self.mark(name)
        arguments = {
            **self.way_in(lab),
            "sandbox_endpoint_url": self.simulator.mturk_sandbox_url,
            "account_id": self.labs[lab]["account_id"],
            **options,
        }
        arguments = {key: value for key, value in arguments.items() if value is not None}
        self.tasks.append({"name": name, "labops.cloudresearch.lab_account_info": arguments, **keywords})

    def observe(self, name: str, lab: str, operation: str, **variables: t.Any) -> None:
        """Observe a lab as the role does."""
        self.mark(name)
        url, account_id = self.simulator.aws_url, self.labs[lab]["account_id"]
        options = {**self.way_in(lab), "account_id": account_id}
        known = {
            role_variables.OPTIONS[option]: value
            for option, value in options.items()
            if option in role_variables.OPTIONS
        }
        given = {
            **inside(account_id, url),
            **known,
            "lab_account_operation": operation,
            "lab_account_mturk_sandbox_endpoint_url": self.simulator.mturk_sandbox_url,
            **{f"lab_account_{variable}": value for variable, value in variables.items()},
        }
        self.tasks.append({"name": name, "labops.cloudresearch.lab_account_observe": {}, "vars": given})

    def mark(self, text: str) -> None:
        self.tasks.append(control(f"mark {text}", "mark", text=text))

    def user(self, lab: str) -> None:
        options = {"name": USER, "state": "present", "managed_policies": [POLICY], "tags": TAG}
        given = inside(self.labs[lab]["account_id"], self.simulator.aws_url)
        self.tasks.append({"name": f"user of {lab}", "amazon.aws.iam_user": options, "vars": given})

    def key(self, lab: str, what: str = "key", **options: t.Any) -> None:
        arguments = {**self.way_in(lab), **options}
        self.tasks.append(
            {"name": f"{what} of {lab}", "labops.cloudresearch.mturk_access_key": arguments, "register": "made"}
        )

    def run(self) -> TaskRun:
        return run_tasks(
            self.directory / "run",
            self.tasks,
            "-vvv",
            "--vault-password-file",
            str(self.directory / "vault-password"),
            LABOPS_CONTROL_URL=self.simulator.control_url,
            AWS_ACCESS_KEY_ID=self.simulator.ops_access_key,
            AWS_SECRET_ACCESS_KEY=self.simulator.ops_secret_key,
        )

    def asked(self, run: TaskRun, name: str) -> list[str]:
        """The AWS and MTurk calls of one observation."""
        marks = {entry["task"]: entry["result"]["answer"] for entry in run.results if entry["task"].startswith("mark ")}
        start = marks[f"mark {name}"]
        end = min((n for n in marks.values() if n > start), default=10**9)
        calls = [call for call in self.control.calls(since=start) if call["n"] < end and call["lab"]]
        return [f"{call['service']}:{call['action']}" for call in calls if call["service"] in ("iam", "sts", "mturk")]


@pytest.fixture
def bench(simulator: Simulator, tmp_path: pathlib.Path) -> t.Iterator[Bench]:
    simulator.control.reset()
    yield Bench(simulator, tmp_path)
    simulator.control.reset()


def seen(run: TaskRun, name: str) -> dict[str, t.Any]:
    entry = run.entry(name)
    assert entry["outcome"] == "ok" and entry["result"]["changed"] is False, entry
    return t.cast("dict[str, t.Any]", entry["result"]["lab_account"])


def outcome(run: TaskRun, name: str) -> dict[str, t.Any]:
    result = run.result(name)
    assert result["changed"] is False and "ansible_facts" not in result
    return t.cast("dict[str, t.Any]", result if "state" in result else {})


def test_a_lab_from_nothing_to_converged(bench: Bench) -> None:
    bench.add("lab", requester_linked=("production",))
    portal = {"portal_url": bench.simulator.portal_url, "driver": "http", "state_dir": str(bench.directory / "state")}
    sign_in = {
        "email": bench.labs["lab"]["email"],
        "password": bench.labs["lab"]["password"],
        "options": portal,
    }
    bench.info("nothing yet", "lab")
    bench.info("nothing yet, check mode", "lab", check_mode=True)
    bench.observe("nothing yet, onboarding", "lab", "onboard")
    bench.observe("nothing yet, audit", "lab", "audit")
    bench.user("lab")
    bench.info("user only", "lab")
    bench.key("lab")
    bench.info("key, not linked", "lab")
    bench.info("key, not linked, page", "lab", link_check="page", cloudresearch=sign_in)
    recorded = {"link_status": "linked", "link_evidence": "page", "linked_access_key_id": "{{ made.access_key_id }}"}
    bench.key("lab", "link", **recorded)
    bench.info("sandbox not wanted", "lab", environments=["production"])
    bench.observe("sandbox not wanted, onboarding", "lab", "onboard", environments=["production"])
    bench.observe("sandbox not linked", "lab", "onboard")
    bench.info("shallow", "lab", environments=["production"], thorough=False)
    bench.info("due", "lab", state="rotated", environments=["production"])
    bench.info("to be gone", "lab", state="absent")
    bench.info("no portal", "lab", link_check="none", environments=["production"])
    run = bench.run()

    nothing = seen(run, "nothing yet")
    assert nothing["missing"] == STEPS and not nothing["user"]["exists"] and nothing["access_keys"] == []
    assert nothing["account_id"] == bench.labs["lab"]["account_id"]
    assert {found["status"] for found in nothing["requester"].values()} == {"not_checked"}
    assert all(nothing["why_missing"][step] for step in ("iam_user", "access_key", "requester"))
    assert seen(run, "nothing yet, check mode")["missing"] == STEPS
    assert not outcome(run, "nothing yet, onboarding"), "the run decides"
    assert outcome(run, "nothing yet, audit")["state"] == "drifted"
    assert outcome(run, "nothing yet, audit")["operation"] == "audit"

    assert seen(run, "user only")["missing"] == STEPS[1:] and seen(run, "user only")["user"]["managed"]
    key = seen(run, "key, not linked")
    assert key["missing"] == ["requester", "link"]
    assert [(found["owner"], found["slot"], found["stored"]) for found in key["access_keys"]] == [
        ("ours", "current", True)
    ]
    assert key["requester"]["production"]["available_balance"] == "25.00"
    assert key["requester"]["sandbox"]["status"] == "not_linked"
    assert key["link"]["status"] == "unknown"
    page = seen(run, "key, not linked, page")["link"]
    assert (page["status"], page["evidence"]) == ("not_linked", "page")

    converged = seen(run, "sandbox not wanted")
    assert converged["missing"] == [] and converged["blocked"] == {} and converged["drift"] == []
    assert converged["link"]["status"] == "linked" and converged["link"]["evidence"] == "record"
    assert converged["user"]["attached_policies"] == [POLICY]
    assert outcome(run, "sandbox not wanted, onboarding")["state"] == "converged"
    assert seen(run, "sandbox not linked")["missing"] == ["requester"]
    assert not outcome(run, "sandbox not linked")
    assert seen(run, "shallow")["missing"] == [] and seen(run, "shallow")["user"]["groups"] is None
    assert seen(run, "due")["missing"] == ["access_key", "link", "retire"]
    assert any("create" in words for words in seen(run, "due")["plan"])
    assert set(seen(run, "to be gone")["missing"]) == {"link", "retire", "iam_user"}
    assert "link" not in seen(run, "no portal")["missing"]

    everything = run.output + json.dumps(run.results)
    secrets = bench.control.issued_secrets()
    assert [value for kind in secrets for value in secrets[kind] if len(value) > 7 and value in everything] == []

    # Each read once, all the user's parts only where there is a user, and MTurk only where there is a key.
    assert collections.Counter(bench.asked(run, "nothing yet")) == collections.Counter(
        ["sts:AssumeRole", "iam:GetUser", "iam:ListAccessKeys"]
    )
    assert collections.Counter(bench.asked(run, "sandbox not linked")) == collections.Counter(
        [
            "sts:AssumeRole",
            "iam:GetUser",
            "iam:ListAccessKeys",
            "iam:ListAttachedUserPolicies",
            "iam:ListUserPolicies",
            "iam:ListGroupsForUser",
            "iam:GetLoginProfile",
            "iam:GetAccessKeyLastUsed",
            "mturk:GetAccountBalance",
            "mturk:GetAccountBalance",
        ]
    )
    assert collections.Counter(bench.asked(run, "shallow")) == collections.Counter(
        [
            "sts:AssumeRole",
            "iam:GetUser",
            "iam:ListAccessKeys",
            "iam:ListAttachedUserPolicies",
            "mturk:GetAccountBalance",
        ]
    )
    for name in ("nothing yet, check mode", "due", "to be gone", "no portal"):
        for call in bench.asked(run, name):
            assert call.partition(":")[2].startswith(("Assume", "Get", "List")), f"{name}: {call}"


def test_labs_that_somebody_else_had_a_hand_in(bench: Bench) -> None:
    stack = bench.control
    for name in ("foreign-user", "foreign-keys", "excess", "odd-tags"):
        bench.add(name)
    stack.create_user("foreign-user", USER, policy_arns=[POLICY], tags={"owner": "somebody"})
    stack.create_user("foreign-keys", USER, policy_arns=[POLICY], tags=TAG)
    strangers = [stack.create_access_key("foreign-keys", USER)["access_key_id"] for unused in range(2)]
    administrator = "arn:aws:iam::aws:policy/AdministratorAccess"
    anything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    stack.create_user(
        "excess",
        USER,
        policy_arns=[POLICY, administrator],
        inline_policies={"everything": anything},
        groups=["admins"],
        console_password="a-Console-passw0rd",
        tags=TAG,
    )
    stack.create_user("odd-tags", USER, tags={**TAG, "department": "Physics"})
    bench.info("foreign user", "foreign-user")
    bench.observe("foreign user, onboarding", "foreign-user", "onboard")
    bench.observe("foreign user, audit", "foreign-user", "audit")
    bench.info("foreign user, adopted", "foreign-user", adopt_existing_user=True)
    bench.info("foreign user, absent", "foreign-user", state="absent")
    bench.observe("foreign keys", "foreign-keys", "rotate")
    bench.info("foreign keys, one given up", "foreign-keys", remove_foreign_keys=[strangers[0]], link_check="none")
    bench.info("excess", "excess")
    bench.info("excess to go", "excess", remove_drift=["console_access", "attached_policies"])
    bench.info("odd tags", "odd-tags", tags={"department": "Chemistry", "cost-centre": 4711})
    run = bench.run()

    found = seen(run, "foreign user")
    assert found["blocked"]["reason"] == "user_not_ours" and "iam_user" in found["missing"]
    stopped = run.entry("foreign user, onboarding")
    assert stopped["outcome"] == "failed" and stopped["result"]["reason"] == "user_not_ours"
    assert stopped["result"]["step"] == "access_key" and "adopt_existing_user" in stopped["result"]["next_step"]
    assert outcome(run, "foreign user, audit")["state"] == "drifted"
    assert seen(run, "foreign user, adopted")["blocked"] == {}
    assert seen(run, "foreign user, absent")["missing"] == []

    blocked = run.result("foreign keys")
    assert run.entry("foreign keys")["outcome"] == "failed" and blocked["step"] == "access_key"
    assert all(key in blocked["msg"] + blocked["next_step"] for key in strangers)
    given_up = seen(run, "foreign keys, one given up")
    assert given_up["blocked"] == {} and any(strangers[0] in words for words in given_up["plan"])
    assert not any(strangers[1] in words for words in given_up["plan"]), "a stranger's key is sacred"

    excess = seen(run, "excess")
    assert excess["user"]["console_access"] and excess["user"]["groups"] == ["admins"]
    assert excess["user"]["inline_policies"] == ["everything"]
    assert set(excess["user"]["attached_policies"]) == {POLICY, administrator}
    assert "iam_user" not in excess["missing"]
    assert "console access" in seen(run, "excess to go")["why_missing"]["iam_user"]
    codes = {entry["code"] for entry in seen(run, "odd tags")["drift"]}
    assert codes == {"policy_missing", "tag_missing", "tag_differs"}


def test_what_keeps_it_from_seeing(bench: Bench) -> None:
    stack = bench.control
    for name in ("lab", "other", "no-role", "no-rights"):
        bench.add(name)
    stack.delete_role("no-role")
    reads = ["iam:GetUser", "iam:List*", "iam:GetLoginProfile", "iam:GetAccessKeyLastUsed"]
    allowed = {"Effect": "Allow", "Action": reads, "Resource": "*"}
    denied = {"Effect": "Deny", "Action": "iam:ListGroupsForUser", "Resource": "*"}
    stack.set_role_policy("no-rights", {"Version": "2012-10-17", "Statement": [allowed, denied]})
    stack.create_user("no-rights", USER, tags=TAG)
    a_file = bench.directory / "vault-password"
    bench.user("lab")
    bench.key("lab")
    bench.info("wrong account", "lab", account_id=bench.labs["other"]["account_id"])
    bench.info("wrong account without a user", "other", account_id=bench.labs["lab"]["account_id"])
    bench.info("account id of eleven digits", "lab", account_id="12345678901")
    bench.info("role missing", "no-role")
    bench.info("no rights", "no-rights")
    bench.info("no rights, shallow", "no-rights", thorough=False)
    bench.info("not a role", "lab", assume_role_arn="OrganizationAccountAccessRole")
    bench.info(
        "unreachable", "lab", endpoint_url="http://127.0.0.1:1", aws_config={"retries": {"total_max_attempts": 1}}
    )
    bench.info("unknown environment", "lab", environments=["staging"])
    bench.info("ops account itself", "lab", assume_role_arn=None)
    bench.observe(
        "store not there", "lab", "onboard", secret_store={"type": "ansible_vault", "directory": str(a_file / "store")}
    )
    run = bench.run()

    results = {
        name: run.result(name)
        for name in (entry["task"] for entry in run.results if not entry["task"].startswith("mark"))
        if run.entry(name)["outcome"] == "failed"
    }
    reasons = {name: result.get("reason") for name, result in results.items()}
    assert reasons == {
        "wrong account": "wrong_account",
        "wrong account without a user": "wrong_account",
        "account id of eleven digits": "invalid_options",
        "role missing": "role_not_assumable",
        "not a role": "invalid_options",
        "unreachable": "unreachable",
        "unknown environment": None,  # Ansible's own check of choices
        "ops account itself": "wrong_account",
        "store not there": reasons.get("store not there"),
    }
    for name, result in results.items():
        if name != "unknown environment":
            assert result["next_step"] and result["step"] == "observe", name
    [unseen] = seen(run, "no rights")["unseen"]
    assert unseen["part"] == "groups" and "iam:ListGroupsForUser" in unseen["message"] and unseen["next_step"]
    assert "group_membership" in {entry["code"] for entry in seen(run, "no rights")["not_looked_for"]}
    assert bench.labs["other"]["account_id"] in results["wrong account"]["msg"]
    assert str(a_file) in results["store not there"]["msg"]
    assert seen(run, "no rights, shallow")["user"]["exists"]
    for name in ("account id of eleven digits", "not a role", "unknown environment"):
        assert bench.asked(run, name) == [], "known to be wrong before anything is asked"
