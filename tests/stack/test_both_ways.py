# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same tasks, run in Ansible's worker and as ordinary modules, come to the same.

Each run of ansible-playbook has two hosts, V(direct) and V(ordinary), which differ in the switch only. A probe module
does what modules do and what is easy to get wrong; then our modules and amazon.aws.iam_user do their work.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import typing as t

import pytest

from tests.simulator.process import Simulator
from tests.stack.ansible_tasks import Task, TaskRun, run_tasks

PROBE = pathlib.Path(__file__).parent / "probe"
SWITCH = "labops_cloudresearch_direct_execution"
DIRECT, ORDINARY = "direct", "ordinary"
SECRET = "hunter2-is-a-secret-word"

pytestmark = pytest.mark.timeout(240)


def task(name: str, do: str, args: dict[str, t.Any] | None = None, **keywords: t.Any) -> Task:
    """A task of the probe."""
    return {"name": name, "labops_tests.probe.probe": {"do": do, **(args or {})}, **keywords}


# What is compared as it is, by name.
SAME: list[Task] = [
    task("nothing", "nothing"),
    task(
        "results of all types", "report", {"text": "x", "password": SECRET, "nested": {"secret": SECRET, "path": "~/x"}}
    ),
    task("text that looks like a template", "report", {"text": "{{ '{{ 1 + 1 }}' }}"}),
    task("check mode", "report", check_mode=True),
    task("diff mode", "report", diff=True),
    task("no_log keyword", "report", {"text": SECRET}, no_log=True),
    task("not a number", "nothing", {"number": "x"}),
    task("not a choice", "nothing", {"word": "blue"}),
    task("mutually exclusive", "nothing", {"word": "red", "text": "x"}),
    task("unknown option", "nothing", {"nonsense": 1}),
    task("missing option", "nothing", {"do": "{{ omit }}"}),
    task("option of the action group", "nothing"),
    task("removed option, unmarked secret", "nothing", {"old": "x", "token_without_no_log": "x"}),
    task("warnings and deprecations", "warn"),
    task("failure", "fail", {"password": SECRET}),
    task("failure with a cause", "fail_with_cause"),
    task("exception", "raise"),
    task("exit with words", "exit_with_text"),
    task("exit without a result", "exit_without_result"),
    task("no exit", "return"),
    task("no JSON", "print_no_json"),
    task("two results", "print_twice"),
    task("bytes on stdout", "bytes_on_stdout"),
    task("threads", "threads"),
    task("surroundings", "surroundings"),
    task("environment keyword", "surroundings", environment={"PROBE_SUM": "{{ 1 + 1 }}", "TZ": "Asia/Tokyo"}),
    task("spoils, then looks", "{{ item }}", loop=["spoil", "surroundings"], environment={"PROBE_KEPT": "yes"}),
    task("until", "report", register="tried", until="tried.attempts == 2", retries=2, delay=0),
    task("timeout keyword", "sleep", timeout=1),
]


@pytest.fixture(scope="module")
def probe_collections(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A collections directory with labops_tests.probe."""
    collections = tmp_path_factory.mktemp("collections")
    collection = collections / "ansible_collections" / "labops_tests" / "probe"
    for kind in ("action", "modules"):
        (collection / "plugins" / kind).mkdir(parents=True)
    shutil.copy(PROBE / "action.py", collection / "plugins" / "action" / "probe.py")
    module = "#!/usr/bin/python\n" + (PROBE / "module.py").read_text()
    (collection / "plugins" / "modules" / "probe.py").write_text(module)
    (collection / "meta").mkdir()
    (collection / "meta" / "runtime.yml").write_text('requires_ansible: ">=2.18.0"\naction_groups: {all: [probe]}\n')
    return collections


def run_both_ways(directory: pathlib.Path, tasks: list[Task], *arguments: str, **more: t.Any) -> TaskRun:
    variables = more.pop("variables", {})
    hosts = {
        DIRECT: {**variables.get(DIRECT, {}), SWITCH: True},
        ORDINARY: {**variables.get(ORDINARY, {}), SWITCH: False},
    }
    more.setdefault("ANSIBLE_STRATEGY", "free")
    return run_tasks(directory, tasks, *arguments, hosts=hosts, **more)


@pytest.fixture(scope="module")
def probed(probe_collections: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> TaskRun:
    """All tasks of SAME, both ways."""
    return run_both_ways(
        tmp_path_factory.mktemp("probed"),
        SAME,
        "-vvv",
        collections=[probe_collections],
        play={"module_defaults": {"group/labops_tests.probe.all": {"number": 5}}},
        # In both settings the result of a module is the same; the display decides what to show.
        ANSIBLE_DEPRECATION_WARNINGS="false",
        # Since ansible-core 2.21 it is left out unless asked for.
        ANSIBLE_INJECT_INVOCATION="true",
    )


def comparable(value: t.Any) -> t.Any:
    """A result without what two programs never have in common: tracebacks and where in memory things are."""
    if isinstance(value, dict):
        return {key: comparable(found) for key, found in value.items()}
    if isinstance(value, list):
        return [comparable(found) for found in value]
    if isinstance(value, str):
        if "Traceback (most recent call last)" in value:
            # The exceptions themselves, by their own lines; a program names its own classes without their module.
            return re.findall(r"^(?:[\w.]+\.)?(\w+: .*)$", value, re.MULTILINE)
        if re.match(r'  File "', value):
            return "a stack"
        return re.sub(r"<frame at .*", "a frame", value)
    return value


@pytest.mark.parametrize("name", [found["name"] for found in SAME])
def test_a_module_comes_to_the_same_both_ways(probed: TaskRun, name: str) -> None:
    direct, ordinary = (probed.entry(name, host) for host in (DIRECT, ORDINARY))
    assert direct["outcome"] == ordinary["outcome"]
    assert comparable(direct["result"]) == comparable(ordinary["result"])


def test_the_probe_did_what_its_tasks_are_named_for(probed: TaskRun) -> None:
    result = {found["name"]: probed.result(found["name"], DIRECT) for found in SAME}
    outcome = {found["name"]: probed.entry(found["name"], DIRECT)["outcome"] for found in SAME}
    everything = result["results of all types"]
    assert everything["some_bytes"] == "bytes" and everything["a_tuple"] == [1, 2] and everything["stdout_lines"]
    assert everything["umlaut_key"] == {"\u00e4": 1} and everything["unicode"] == "\u00e4\u4e2d\U0001f600"
    assert everything["echoed"] == "the password is ********"
    invoked = everything["invocation"]["module_args"]
    assert invoked["password"] == invoked["nested"]["secret"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
    assert invoked["nested"]["path"].startswith("/")
    assert result["nothing"]["invocation"]["module_args"]["number"] == 5, "module_defaults"
    assert result["text that looks like a template"]["given"] == "{{ 1 + 1 }}"
    assert result["check mode"]["check"] is True and result["check mode"]["changed"] is False
    assert result["diff mode"]["diff"] == {"before": "a\n", "after": "b\n"}
    assert everything["verbosity"] == 3
    assert "one of" in result["not a choice"]["msg"] and "nonsense" in result["unknown option"]["msg"]
    assert result["warnings and deprecations"]["warnings"][:2] == ["first", "second"]
    deprecated = [found["msg"] for found in result["warnings and deprecations"]["deprecations"]]
    assert [message for message in deprecated if message in ("old thing", "dated thing")] == [
        "old thing",
        "dated thing",
    ]
    assert result["failure"]["warnings"] == ["before it failed"] and result["failure"]["rc"] == 7
    assert "it broke" in json.dumps(result["exception"])
    assert outcome["exit with words"] == outcome["no exit"] == outcome["no JSON"] == "failed"
    surroundings = result["environment keyword"]
    assert (surroundings["environment"], surroundings["hour"]) == ({"PROBE_SUM": "2"}, "09:00 JST")
    after_spoiling = result["spoils, then looks"]["results"][1]
    assert after_spoiling["environment"] == {"PROBE_KEPT": "yes"} and after_spoiling["directory"] != "/"
    assert after_spoiling["umask"] != "77" and after_spoiling["arguments"] == 1
    assert result["spoils, then looks"]["warnings"] == ["spoiled"]
    assert result["until"]["attempts"] == 2
    assert outcome["timeout keyword"] == "failed" and result["timeout keyword"]["timedout"]["period"] == 1


def test_no_secret_at_the_highest_verbosity_of_a_bug_report(probed: TaskRun) -> None:
    assert "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER" in probed.output
    assert SECRET not in probed.output
    assert SECRET not in json.dumps(probed.results)


def test_what_is_left_behind(probe_collections: pathlib.Path, tmp_path: pathlib.Path) -> None:
    """Temporary directories go, exit functions run, and no secret is in a file even if files are to be kept."""
    trace = f"{tmp_path}/{{{{ inventory_hostname }}}}"
    remote = tmp_path / "remote-tmp"
    remote.mkdir()
    tasks = [
        task("temporary directory", "temporary", {"text": f"{trace}-directory"}),
        task("exit functions", "at_exit", {"text": f"{trace}-exit"}),
    ]
    run = run_both_ways(
        tmp_path / "run", tasks, "-vvv", collections=[probe_collections], ANSIBLE_REMOTE_TEMP=str(remote)
    )
    for host in (DIRECT, ORDINARY):
        assert run.result("temporary directory", host)["mode"] == "0o700"
        assert not pathlib.Path((tmp_path / f"{host}-directory").read_text()).exists()
        assert (tmp_path / f"{host}-exit").read_text() == "first registered, last run"

    kept = run_tasks(
        tmp_path / "kept",
        [task("with a secret", "report", {"password": SECRET})],
        "-vvvvv",
        hosts={DIRECT: {}},
        collections=[probe_collections],
        ANSIBLE_KEEP_REMOTE_FILES="true",
        ANSIBLE_REMOTE_TEMP=str(remote),
        ANSIBLE_LOCAL_TEMP=str(tmp_path / "local-tmp"),
        ANSIBLE_LOG_PATH=str(tmp_path / "ansible.log"),
        TMPDIR=str(remote),
    )
    assert kept.entry("with a secret", DIRECT)["outcome"] == "ok"
    mine = (tmp_path / "kept" / "playbook.json").resolve()
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.resolve() != mine]
    assert (tmp_path / "ansible.log") in files
    assert [path for path in files if SECRET in path.read_text(errors="replace")] == []


# Host variables, and why the ordinary path is to be taken; empty if it is not.
FALLBACKS: dict[str, tuple[dict[str, t.Any], str]] = {
    "plain": ({}, ""),
    "switched-off": ({SWITCH: False}, f"{SWITCH} is false"),
    "switched-off-as-text": ({SWITCH: "no"}, f"{SWITCH} is false"),
    "switched-off-by-a-template": ({SWITCH: "{{ not wanted }}", "wanted": True}, f"{SWITCH} is false"),
    "switched-on-by-a-template": ({SWITCH: "{{ wanted }}", "wanted": True}, ""),
    "asynchronous": ({"seconds": 30}, "the task is asynchronous"),
    "ssh": ({"ansible_connection": "ssh"}, "the connection is ssh, not local"),
    "delegated-away": ({"delegate": "ssh"}, "the connection is ssh, not local"),
    "delegated-here": ({"ansible_connection": "ssh", "delegate": "plain"}, ""),
}
if os.geteuid() == 0 and shutil.which("su"):
    FALLBACKS["become"] = ({"ansible_become": True, "ansible_become_method": "su"}, "the task uses become")


@pytest.fixture(scope="module")
def fallen_back(probe_collections: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> TaskRun:
    keywords = {
        "async": "{{ seconds | default(0) }}",
        "poll": 1,
        "delegate_to": "{{ delegate | default(inventory_hostname) }}",
        "ignore_unreachable": True,
    }
    return run_tasks(
        tmp_path_factory.mktemp("fallbacks"),
        [task("fallback", "nothing", **keywords)],
        "-vvv",
        hosts={
            # Nothing listens on port 1, so that ssh ends at once.
            host: {"ansible_host": "127.0.0.1", "ansible_port": 1, **variables}
            for host, (variables, _reason) in FALLBACKS.items()
        },
        collections=[probe_collections],
    )


@pytest.mark.parametrize("host", FALLBACKS)
def test_the_ordinary_path_is_taken_where_it_has_to_be(fallen_back: TaskRun, host: str) -> None:
    reasons = re.findall(
        rf"^<{host}> labops_tests.probe.probe runs as an ordinary module: (.*)$", fallen_back.output, re.M
    )
    assert reasons == [reason for reason in [FALLBACKS[host][1]] if reason]
    reached = "ssh" not in (host, FALLBACKS[host][0].get("delegate"))
    assert fallen_back.entry("fallback", host)["outcome"] == ("ok" if reached else "unreachable")


POLICY = "arn:aws:iam::aws:policy/AmazonMechanicalTurkFullAccess"


def our_modules(simulator: Simulator) -> list[Task]:
    """Tasks for our modules, and amazon.aws's through ours. Each host has a lab of its own in its variables."""
    way_in = {"assume_role_arn": "{{ role_arn }}", "endpoint_url": simulator.aws_url}
    mturk = {
        "production_endpoint_url": simulator.mturk_production_url,
        "sandbox_endpoint_url": simulator.mturk_sandbox_url,
    }
    key = {"access_key": "{{ access_key }}", "secret_key": "{{ secret_key }}"}
    user = {"name": "made", "state": "present", "managed_policies": [POLICY], "tags": {"a": "{{ '{{ b }}' }}"}}
    amazon = {"endpoint_url": simulator.aws_url, "region": "us-east-1"}
    portal = {
        "portal_url": simulator.portal_url,
        "driver": "http",
        "email": "{{ email }}",
        "password": "{{ password }}",
        "state_dir": "{{ playbook_dir }}/state-{{ inventory_hostname }}",
        "pace": 0,
    }
    portal_key = {"access_key_id": "{{ access_key }}", "secret_access_key": "{{ secret_key }}"}

    def ours(name: str, module: str, args: dict[str, t.Any], **keywords: t.Any) -> Task:
        return {"name": name, f"labops.cloudresearch.{module}": args, **keywords}

    def iam_user(name: str, options: dict[str, t.Any], **keywords: t.Any) -> Task:
        args = {"module": "amazon.aws.iam_user", "assume_role_arn": "{{ role_arn }}", "options": {**amazon, **options}}
        return ours(name, "amazon_aws", args, **keywords)

    link = "cloudresearch_link"
    return [
        ours("requester", "mturk_requester_check", {**mturk, **key}),
        ours("requester, check mode", "mturk_requester_check", {**mturk, **key}, check_mode=True, diff=True),
        ours("requester, no such environment", "mturk_requester_check", {**mturk, **key, "environments": ["moon"]}),
        ours("requester, wrong secret", "mturk_requester_check", {**mturk, **key, "secret_key": SECRET}),
        ours("requester, default of the group", "mturk_requester_check", key),
        ours("info", "lab_account_info", {**mturk, **way_in, "lab": "{{ inventory_hostname }}"}),
        ours("info, audit", "lab_account_info", {**mturk, **way_in, "lab": "x", "operation": "audit"}),
        ours("info, wrong account", "lab_account_info", {**mturk, **way_in, "lab": "x", "account_id": "123456789012"}),
        ours("info, no lab", "lab_account_info", way_in),
        iam_user("user, check mode", user, check_mode=True, diff=True),
        iam_user("user", user, diff=True),
        iam_user("user again", user),
        iam_user("user, deprecated or wrong option", {**user, "nonsense": 1}),
        iam_user("user, password", {**user, "password": "{{ 'a-Str0ng-' ~ password }}"}),
        iam_user("user, no state", {"name": "made"}),
        iam_user("user, refused", {**user, "managed_policies": ["arn:aws:iam::aws:policy/NoSuchPolicy"]}),
        iam_user("user gone", {"name": "made", "state": "absent"}),
        ours("link, predicted", link, {**portal, **portal_key}, check_mode=True, diff=True),
        ours("link", link, {**portal, **portal_key}, diff=True),
        ours("link again", link, {**portal, **portal_key}),
        ours("link, http elsewhere", link, {**portal, **portal_key, "portal_url": "http://portal.invalid"}),
        ours(
            "link, wrong password",
            link,
            {**portal, **portal_key, "password": SECRET},
        ),
        ours("link, no password", link, {"email": "a@b.example", **portal_key}),
        ours("outcome", "lab_account_outcome", {"lab": "x", "observed": {"missing": []}}),
    ]


@pytest.fixture(scope="module")
def ours_run(simulator: Simulator, tmp_path_factory: pytest.TempPathFactory) -> tuple[TaskRun, dict[str, list[str]]]:
    """Our tasks both ways, and what is each host's own, to be overlooked."""
    control = simulator.control
    control.reset()
    variables, own = {}, {}
    for host in (DIRECT, ORDINARY):
        lab = control.create_lab(f"lab-{host}", requester_linked=("production", "sandbox"))
        control.create_user(lab["name"], "cloudresearch-mturk", policy_arns=[POLICY])
        made = control.create_access_key(lab["name"], "cloudresearch-mturk")
        variables[host] = {
            "role_arn": lab["role_arn"],
            "access_key": made["access_key_id"],
            "secret_key": made["secret_access_key"],
            "email": lab["email"],
            "password": lab["password"],
        }
        own[host] = [lab["account_id"], made["access_key_id"], lab["email"], lab["name"], host]
    run = run_both_ways(
        tmp_path_factory.mktemp("ours"),
        our_modules(simulator),
        "-vvv",
        variables=variables,
        play={"module_defaults": {"group/labops.cloudresearch.all": {"production_endpoint_url": "http://127.0.0.1:1"}}},
        ANSIBLE_INJECT_INVOCATION="true",
        AWS_ACCESS_KEY_ID=simulator.ops_access_key,
        AWS_SECRET_ACCESS_KEY=simulator.ops_secret_key,
    )
    return run, own


OUR_NAMES = [
    "requester",
    "requester, check mode",
    "requester, no such environment",
    "requester, wrong secret",
    "info",
    "info, audit",
    "info, wrong account",
    "info, no lab",
    "user, check mode",
    "user",
    "user again",
    "user, deprecated or wrong option",
    "user, password",
    "user, no state",
    "user, refused",
    "user gone",
    "link, predicted",
    "link",
    "link again",
    "link, http elsewhere",
    "link, wrong password",
    "link, no password",
    "outcome",
]


@pytest.mark.parametrize("name", OUR_NAMES)
def test_our_modules_come_to_the_same_both_ways(ours_run: tuple[TaskRun, dict[str, list[str]]], name: str) -> None:
    run, own = ours_run
    results = []
    for host in (DIRECT, ORDINARY):
        text = json.dumps(comparable(run.result(name, host)), sort_keys=True)
        for number, value in enumerate(own[host]):
            text = text.replace(value, f"(own {number})")
        text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|\+00:00)", "(time)", text)
        text = re.sub(r"\bASIA\w+|account-\w{32}", "(id)", text)
        text = re.sub(r'\(\d{13} s\)|("(?:user_id|date|request_id|x-amzn-requestid)": )"[^"]*"', r'\1""', text)
        results.append((run.entry(name, host)["outcome"], json.loads(text)))
    assert results[0] == results[1]


def test_our_tasks_did_what_they_are_named_for(ours_run: tuple[TaskRun, dict[str, list[str]]]) -> None:
    run, _own = ours_run
    outcomes = {name: run.entry(name, DIRECT)["outcome"] for name in OUR_NAMES}
    failed = [name for name in OUR_NAMES if outcomes[name] == "failed"]
    assert failed == [
        "requester, no such environment",
        "info, wrong account",
        "info, no lab",
        "user, deprecated or wrong option",
        "user, no state",
        "user, refused",
        "link, http elsewhere",
        "link, wrong password",
        "link, no password",
    ]
    changed = [name for name in OUR_NAMES if outcomes[name] == "ok" and run.result(name, DIRECT)["changed"]]
    assert changed == ["user, check mode", "user", "user, password", "user gone", "link, predicted", "link"]
    assert run.result("user", DIRECT)["user"]["tags"] == {"a": "{{ b }}"}
    invoked = run.result("user, password", DIRECT)["invocation"]["module_args"]
    assert invoked["password"] == invoked["secret_key"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
    default = run.result("requester, default of the group", DIRECT)["environments"]
    assert default["production"]["status"] == "unreachable", "module_defaults of the group"


def test_no_secret_of_our_modules_in_the_output(
    simulator: Simulator, ours_run: tuple[TaskRun, dict[str, list[str]]]
) -> None:
    run, _own = ours_run
    everything = run.output + json.dumps(run.results)
    issued = simulator.control.issued_secrets()
    assert [value for kind in issued for value in issued[kind] if len(value) > 7 and value in everything] == []
    assert SECRET not in everything


# Notes each file of a service model that a process loads.
LOADS = """
import os
import botocore.loaders
_load = botocore.loaders.JSONFileLoader.load_file
def load_file(self, path):
    with open(os.environ["PROBE_LOADS"], "a") as file:
        file.write(f"{os.getpid()} {path}\\n")
    return _load(self, path)
botocore.loaders.JSONFileLoader.load_file = load_file
"""


def test_service_models_are_loaded_once_by_the_parent(simulator: Simulator, tmp_path: pathlib.Path) -> None:
    """However many labs; for amazon.aws's own sessions, too."""
    control = simulator.control
    control.reset()
    labs = [control.create_lab(f"warm-{number}", portal=False) for number in range(3)]
    for lab in labs:
        control.create_user(lab["name"], "made", policy_arns=[POLICY])
    (tmp_path / "patch").mkdir()
    (tmp_path / "patch" / "sitecustomize.py").write_text(LOADS)
    loads = tmp_path / "loads"
    options = {"endpoint_url": simulator.aws_url, "region": "us-east-1", "name": "made", "state": "present"}
    info = {"lab": "x", "user_name": "made", "assume_role_arn": "{{ role_arn }}", "endpoint_url": simulator.aws_url}
    user = {"module": "amazon.aws.iam_user", "assume_role_arn": "{{ role_arn }}", "options": options}
    run = run_tasks(
        tmp_path / "run",
        [
            {"name": "info", "labops.cloudresearch.lab_account_info": info},
            {"name": "user", "labops.cloudresearch.amazon_aws": user},
        ],
        hosts={lab["name"]: {"role_arn": lab["role_arn"]} for lab in labs},
        PYTHONPATH=str(tmp_path / "patch"),
        PROBE_LOADS=str(loads),
        AWS_ACCESS_KEY_ID=simulator.ops_access_key,
        AWS_SECRET_ACCESS_KEY=simulator.ops_secret_key,
    )
    assert {entry["outcome"] for entry in run.results} == {"ok"}
    loaded = [line.split(" ", 1) for line in loads.read_text().splitlines()]
    models = [path.split("/")[-3] for _pid, path in loaded if path.endswith("/service-2")]
    assert sorted(models) == ["iam", "mturk", "sts"]
    parent = loaded[0][0]
    assert [path for pid, path in loaded if pid != parent] == [], "workers find everything in memory"


def test_an_unusable_aws_configuration_is_the_tasks_failure_not_the_plugins(tmp_path: pathlib.Path) -> None:
    run = run_tasks(
        tmp_path,
        [{"name": "info", "labops.cloudresearch.lab_account_info": {"lab": "x"}}],
        AWS_PROFILE="does-not-exist",
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    )
    result = run.result("info")
    assert run.entry("info")["outcome"] == "failed" and "does-not-exist" in result["msg"] and result["next_step"]
