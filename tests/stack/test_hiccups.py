# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One disturbed request in turn, over a real socket: what may be repeated is, and nothing else."""

from __future__ import annotations

import http.server
import json
import pathlib
import threading
import typing as t

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import iam_keys
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws.connection import AwsConnection
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import hiccups
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.mturk import requester
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.base import Deadline, Errand
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.http_driver import HttpDriver
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.settings import PortalSettings
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store import open_store
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.base import Snapshot
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.record import LabRecord
from tests import seed
from tests.simulator.process import Simulator
from tests.stack.ansible_tasks import inside, run_tasks

KINDS = ["throttled", "failed", "reset", "web page", "cut"]
KEY = {"access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
KEYS = (
    '<ListAccessKeysResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListAccessKeysResult>'
    "<IsTruncated>false</IsTruncated><AccessKeyMetadata/></ListAccessKeysResult></ListAccessKeysResponse>"
)
XML, JSON, HTML = "text/xml", "application/json", "text/html; charset=utf-8"
Answer = tuple[int, str, str]


class Service:
    """Answers each request with the next of its answers, the last one for good. An answer may be the kind of a hiccup.

    :param throttled: status, type and body with which it asks for patience.
    """

    def __init__(self, *answers: Answer | str, throttled: Answer = (429, JSON, "{}")) -> None:
        self.answers = list(answers)
        self.requests: list[str] = []
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.requests.append(f"{self.command} {self.path}")
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answer = service.answers.pop(0) if len(service.answers) > 1 else service.answers[0]
                if answer == "reset":
                    self.close_connection = True
                    return
                named = {
                    "throttled": throttled,
                    "failed": (500, JSON, "{}"),
                    "web page": (200, HTML, "<!DOCTYPE html><html><title>Bad gateway</title></html>"),
                    "cut": (200, JSON, "{"),
                }
                status, kind, body = named[answer] if isinstance(answer, str) else answer
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body) + (100 if answer == "cut" else 0)))
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(body.encode())

            do_POST = do_PUT = do_GET

            def log_message(self, *_arguments: t.Any) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> Service:
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "VAULT_TOKEN", "VAULT_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)


def aws(service: Service) -> AwsConnection:
    return AwsConnection({**KEY, "endpoint_url": service.url, "region": "us-east-1"})


def error_of_iam(code: str, status: int) -> Answer:
    return status, XML, f"<ErrorResponse><Error><Code>{code}</Code><Message>No.</Message></Error></ErrorResponse>"


@pytest.mark.parametrize("kind", KINDS)
def test_iam(kind: str) -> None:
    with Service(kind, (200, XML, KEYS), throttled=error_of_iam("Throttling", 400)) as service:
        assert iam_keys.list_keys(aws(service).client("iam"), "a-user").keys == ()
    assert len(service.requests) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_mturk(kind: str) -> None:
    balance = json.dumps({"AvailableBalance": "25.00", "OnHoldBalance": "0.00"})
    throttled = (400, JSON, json.dumps({"__type": "ThrottlingException", "message": "Rate exceeded"}))
    with Service(kind, (200, JSON, balance), throttled=throttled) as service:
        seen = requester.check_environment(aws(service), "production", service.url)
    assert (seen["status"], len(service.requests)) == ("linked", 2), seen


def test_what_stays_unreadable_is_told() -> None:
    with Service("web page") as service, pytest.raises(CollectionError) as caught:
        iam_keys.list_keys(aws(service).client("iam"), "a-user")
    assert "could not be read" in caught.value.message
    assert len(service.requests) == hiccups.TRIES


def test_a_change_whose_answer_was_unreadable_counts_as_made() -> None:
    with Service("web page", error_of_iam("NoSuchEntity", 404)) as service:
        assert iam_keys.delete_key(aws(service).client("iam"), "a-user", "AKIAIOSFODNN7EXAMPLE").found
    with Service(error_of_iam("NoSuchEntity", 404)) as service:
        assert not iam_keys.delete_key(aws(service).client("iam"), "a-user", "AKIAIOSFODNN7EXAMPLE").found


def run_step(
    simulator: Simulator, tmp_path: pathlib.Path, step: str, faults: list[tuple[str, str, str]]
) -> dict[str, t.Any]:
    """How a step of the role ends if calls go wrong: whether it failed and changed something, and its tries."""
    lab = simulator.control.create_lab("lab-01", portal=False)
    if step == "remove_user":
        simulator.control.create_user("lab-01", seed.USER_NAME, policy_arns=[seed.POLICY_ARN], tags=seed.TAGS)
    for action, kind, when in faults:
        simulator.control.inject_fault(service="iam", action=action, kind=kind, when=when)
    role = {"name": "labops.cloudresearch.lab_account", "tasks_from": step}
    outcome = {"derived": {"tags": {}}, "lab_account": {"access_keys": []}}
    run = run_tasks(
        tmp_path,
        [{"name": "The step", "ansible.builtin.include_role": role, "vars": {"lab_account_outcome": outcome}}],
        hosts={"lab-01": inside(lab["account_id"], simulator.aws_url)},
        AWS_ACCESS_KEY_ID=simulator.ops_access_key,
        AWS_SECRET_ACCESS_KEY=simulator.ops_secret_key,
        AWS_EC2_METADATA_DISABLED="true",
    )
    assert not simulator.control.pending_faults(), (run.output, run.results)
    seen = next(entry["result"] for entry in run.results if "attempts" in entry["result"])
    return {"failed": seen.get("failed", False), "changed": seen["changed"], "attempts": seen["attempts"]}


@pytest.mark.parametrize(
    ("step", "faults", "attempts"),
    [
        ("iam_user", [("GetUser", "web_page", "before"), ("CreateUser", "web_page", "after")], 3),
        # The module's own client repeats the call, and is told that the user is there. So is who lost a race.
        ("iam_user", [("CreateUser", "http_500", "after")], 2),
        # The same for what is gone.
        ("remove_user", [("DetachUserPolicy", "http_500", "after"), ("DeleteUser", "cut", "after")], 2),
    ],
    ids=["unreadable", "there already", "gone already"],
)
def test_the_user(
    simulator: Simulator, tmp_path: pathlib.Path, step: str, faults: list[tuple[str, str, str]], attempts: int
) -> None:
    """A module of amazon.aws cannot be told what to repeat, so the role's task is repeated."""
    simulator.control.reset()
    assert run_step(simulator, tmp_path, step, faults) == {"failed": False, "changed": True, "attempts": attempts}


@pytest.mark.parametrize("kind", [*KINDS, "refused"])
def test_a_key_is_never_created_twice(kind: str) -> None:
    answer: t.Any = error_of_iam("AccessDenied", 403) if kind == "refused" else kind
    with Service(answer, throttled=error_of_iam("Throttling", 400)) as service:
        client = aws(service).client("iam", max_attempts=1)
        with pytest.raises(CollectionError):
            iam_keys.create_key(client, "a-user")
    assert len(service.requests) == 1


def vault(service: Service, **more: t.Any) -> t.Any:
    return open_store({"type": "hashi_vault", "url": service.url, "token": "a-token", **more})


def held(record: LabRecord, version: int) -> Answer:
    metadata = {"version": version, "destroyed": False}
    return 200, JSON, json.dumps({"data": {"data": record.to_dict(), "metadata": metadata}})


@pytest.mark.parametrize("kind", KINDS)
def test_vault(kind: str) -> None:
    record = LabRecord(lab="lab-01", account_id="123456789012", user_name="a-user")
    with Service(kind, held(record, 3)) as service:
        found = vault(service).get("lab-01")
    assert (found.record, found.version, len(service.requests)) == (record, "3", 2)


REFUSED_WRITE = (400, JSON, json.dumps({"errors": ["check-and-set parameter did not match the current version"]}))


@pytest.mark.parametrize(("kind", "others"), [("reset", False), ("cut", False), ("cut", True)])
def test_a_write_whose_answer_was_lost_is_looked_up(kind: str, others: bool) -> None:
    record = LabRecord(lab="lab-01", account_id="123456789012", user_name="a-user")
    # Written twice, since the first answer was lost; unless somebody else wrote in between.
    with Service(kind, REFUSED_WRITE, held(record, 5 if others else 4)) as service:
        store, after = vault(service), Snapshot("lab-01", None, "3")
        if others:
            with pytest.raises(CollectionError) as caught:
                store.put(record, after)
            assert caught.value.reason == "store_conflict"
        else:
            assert store.put(record, after) == Snapshot("lab-01", record, "4")
    assert [request.split()[0] for request in service.requests] == ["POST", "POST", "GET"]


def test_an_answer_that_is_nested_too_deep_is_told() -> None:
    deep = (200, JSON, '{"data": ' + "[" * 100_000 + "]" * 100_000 + "}")
    with Service(deep) as service:
        seen = requester.check_environment(aws(service), "production", service.url)
        assert (seen["status"], "could not be read" in seen["message"]) == ("unreachable", True), seen
    with Service(deep) as service, pytest.raises(CollectionError, match="nested deeper than any record") as caught:
        vault(service).get("lab-01")
    assert caught.value.reason == "store_record_malformed"


def test_a_vault_on_this_machine_is_asked_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is encrypted there, because nothing leaves the machine."""
    with Service((404, JSON, "{}")) as proxy, Service((404, JSON, "{}")) as service:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        with pytest.raises(CollectionError):
            vault(service).get("lab-01")
    assert service.requests and not proxy.requests


@pytest.mark.parametrize("kind", ["failed", "reset"])
def test_nobody_signs_in_to_vault_twice(kind: str) -> None:
    with Service(kind) as service, pytest.raises(CollectionError):
        vault(service, token=None, role_id="a-role", secret_id="a-secret").get("lab-01")
    assert len(service.requests) == 1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "web page"])
def test_a_page_of_the_portal(kind: str) -> None:
    with Service(kind, (200, HTML, "<title>Home</title><p>Welcome"), throttled=(429, HTML, "Slow down")) as service:
        driver = HttpDriver(Errand(PortalSettings.from_params({"portal_url": service.url}), Deadline(20)))
        page = driver.open(service.url)
        driver.close()
    assert (page.status, page.title, len(service.requests)) == (200, "Home", 2)
