# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is special about Vault and OpenBao: ways to sign in, policies, and what a person is told. On a real server."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading
import typing as t
import uuid

import hvac
import pytest
import requests

from ansible_collections.labops.cloudresearch.plugins.plugin_utils import store as secret_store
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import hiccups
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store import hashi_client, hashi_vault
from ansible_collections.labops.cloudresearch.tests.fixtures.records import RECORD, SECRET
from tests.stack.openbao import OpenBao, running_openbao

# As in the guide on stores.
POLICY = """
path "secret/data/cloudresearch/labs/*"     { capabilities = ["create", "read", "update"] }
path "secret/metadata/cloudresearch/labs/*" { capabilities = ["delete"] }
"""
READ_ONLY = 'path "secret/data/cloudresearch/labs/*" { capabilities = ["read"] }'


@pytest.fixture(scope="module")
def openbao() -> t.Iterator[OpenBao]:
    with running_openbao() as server:
        yield server


@pytest.fixture(autouse=True)
def bare_environment(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VAULT_ADDR", "VAULT_TOKEN", "VAULT_NAMESPACE", "VAULT_CACERT", "BAO_ADDR", "BAO_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def root(openbao: OpenBao) -> t.Any:
    client = hvac.Client(url=openbao.url, token=openbao.token)
    yield client
    client.secrets.kv.v2.delete_metadata_and_all_versions(path="cloudresearch/labs/lab-01")


def open_store(**options: t.Any) -> secret_store.SecretStore:
    return secret_store.open_store({"type": "hashi_vault", **options})


def put(store: secret_store.SecretStore) -> None:
    store.put(RECORD, store.get("lab-01"))


def token_for(root: t.Any, policy: str) -> str:
    name = uuid.uuid4().hex
    root.sys.create_or_update_policy(name=name, policy=policy)
    return str(root.auth.token.create(policies=[name])["auth"]["client_token"])


def test_the_guide_s_policy_is_enough_for_everything(openbao: OpenBao, root: t.Any) -> None:
    store = open_store(url=openbao.url, token=token_for(root, POLICY))
    store.check("lab-01")
    put(store)
    snapshot = store.get("lab-01")
    assert snapshot.record == RECORD
    store.check("lab-01")
    store.delete(store.put(RECORD, snapshot))
    assert store.get("lab-01").record is None


def test_a_token_that_may_only_read_is_found_out_before_a_key_is_made(openbao: OpenBao, root: t.Any) -> None:
    store = open_store(url=openbao.url, token=token_for(root, READ_ONLY))
    with pytest.raises(CollectionError, match="create, update") as caught:
        store.check("lab-01")
    assert caught.value.reason == "store_denied"
    with pytest.raises(CollectionError, match="denied") as caught:
        put(store)
    assert SECRET not in repr(caught.value.as_result())


@pytest.mark.parametrize("source", ["VAULT_TOKEN", "BAO_TOKEN", "file", "option"])
def test_the_token_comes_from_where_people_have_it(
    openbao: OpenBao, root: t.Any, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    if source == "file":
        (tmp_path / ".vault-token").write_text(openbao.token + "\n")
    elif source != "option":
        monkeypatch.setenv(source, openbao.token + "\n")
    monkeypatch.setenv("VAULT_ADDR", openbao.url)
    store = open_store(**({"token": openbao.token + "\n"} if source == "option" else {}))
    put(store)
    assert store.get("lab-01").record == RECORD


def test_approle_signs_in(openbao: OpenBao, root: t.Any) -> None:
    mount = uuid.uuid4().hex
    root.sys.enable_auth_method("approle", path=mount)
    root.sys.create_or_update_policy(name="labs", policy=POLICY)
    root.auth.approle.create_or_update_approle("keys", token_policies=["labs"], mount_point=mount)
    role_id = root.auth.approle.read_role_id("keys", mount_point=mount)["data"]["role_id"]
    secret_id = root.auth.approle.generate_secret_id("keys", mount_point=mount)["data"]["secret_id"]
    options = {"url": openbao.url, "role_id": role_id, "approle_mount_point": mount}
    put(open_store(**options, secret_id=secret_id))
    assert open_store(**options, secret_id=secret_id).get("lab-01").record == RECORD
    wrong = str(uuid.uuid4())
    with pytest.raises(CollectionError) as caught:
        open_store(**options, secret_id=wrong).get("lab-01")
    assert wrong not in repr(caught.value.as_result())


def run(command: str, openbao: OpenBao) -> str:
    """What a command of the server's own command line says, as in the shell of somebody who is signed in."""
    programs = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {"PATH": programs, "HOME": os.environ["HOME"], "BAO_TOKEN": openbao.token}
    return subprocess.run(
        command, shell=True, check=True, capture_output=True, text=True, timeout=60, env=environment
    ).stdout


@pytest.fixture
def own_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}")


@pytest.mark.usefixtures("own_programs")
def test_a_record_that_somebody_deleted_softly_is_restored_not_replaced(openbao: OpenBao, root: t.Any) -> None:
    store = open_store(url=openbao.url, token=openbao.token)
    put(store)
    put(store)
    root.secrets.kv.v2.delete_latest_version_of_secret(path="cloudresearch/labs/lab-01")
    for action in (store.get, store.check):
        with pytest.raises(CollectionError, match="can be restored") as caught:
            action("lab-01")
        assert caught.value.reason == "record_deleted"
    command = caught.value.next_step.removeprefix("Restore it: ").partition(" (or")[0]
    run(command, openbao)
    assert store.get("lab-01").record == RECORD


def test_a_record_whose_newest_version_was_destroyed_is_none(openbao: OpenBao, root: t.Any) -> None:
    store = open_store(url=openbao.url, token=openbao.token)
    put(store)
    root.secrets.kv.v2.destroy_secret_versions(path="cloudresearch/labs/lab-01", versions=[1])
    assert store.get("lab-01").record is None
    store.check("lab-01")
    put(store)
    assert store.get("lab-01").record == RECORD
    root.secrets.kv.v2.delete_latest_version_of_secret(path="cloudresearch/labs/lab-01")
    root.secrets.kv.v2.destroy_secret_versions(path="cloudresearch/labs/lab-01", versions=[2])
    assert store.get("lab-01").record is None


@pytest.mark.usefixtures("own_programs")
def test_the_read_command_shows_the_record(openbao: OpenBao, root: t.Any) -> None:
    store = open_store(url=openbao.url, token=openbao.token)
    put(store)
    command = store.read_command("lab-01")
    assert openbao.token not in command
    shown = json.loads(run(command, openbao))["data"]["data"]
    assert shown["current"]["secret_access_key"] == SECRET


@pytest.mark.parametrize("policy", [None, POLICY.replace("secret/", "{mount}/")])
def test_an_engine_of_version_1_looks_empty_and_is_refused(openbao: OpenBao, root: t.Any, policy: str | None) -> None:
    mount = f"team/{uuid.uuid4().hex}"
    root.sys.enable_secrets_engine("kv", path=mount, options={"version": "1"})
    token = token_for(root, policy.replace("{mount}", mount)) if policy else openbao.token
    store = open_store(url=openbao.url, token=token, mount_point=mount)
    for action in ("get", "check"):
        with pytest.raises(CollectionError, match="version 1") as caught:
            getattr(store, action)("lab-01")
        assert caught.value.reason == "store_wrong_engine"
        assert "lab-01" in caught.value.message
    with pytest.raises(hvac.exceptions.InvalidPath):
        root.secrets.kv.v1.list_secrets(path="", mount_point=mount)


@pytest.mark.parametrize("mount", ["cubbyhole", "secret/cloudresearch", "sys"])
def test_what_is_no_engine_of_records_is_refused(openbao: OpenBao, mount: str) -> None:
    store = open_store(url=openbao.url, token=openbao.token, mount_point=mount)
    for action in ("get", "check"):
        with pytest.raises(CollectionError) as caught:
            getattr(store, action)("lab-01")
        assert caught.value.reason == "store_wrong_engine"


def test_a_converged_lab_costs_one_request(openbao: OpenBao, root: t.Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put(open_store(url=openbao.url, token=openbao.token))
    asked: list[str] = []
    send = requests.Session.send

    def counted(self: requests.Session, request: requests.PreparedRequest, **how: t.Any) -> requests.Response:
        asked.append(str(request.url))
        return send(self, request, **how)

    monkeypatch.setattr(requests.Session, "send", counted)
    assert open_store(url=openbao.url, token=openbao.token).get("lab-01").record == RECORD
    assert len(asked) == 1


def test_the_engine_can_be_mounted_elsewhere(openbao: OpenBao, root: t.Any) -> None:
    mount = uuid.uuid4().hex
    root.sys.enable_secrets_engine("kv", path=mount, options={"version": "2"})
    store = open_store(url=openbao.url, token=openbao.token, mount_point=f"/{mount}/", prefix="a/b/")
    put(store)
    assert root.secrets.kv.v2.read_secret_version(path="a/b/lab-01", mount_point=mount, raise_on_deleted_version=True)
    assert store.get("lab-01").record == RECORD


CASES = {
    "no engine there": ({"mount_point": "nowhere"}, "store_wrong_engine"),
    "wrong token": ({"token": "s.wrong"}, "store_denied"),
    "nobody listens": ({"url": "http://127.0.0.1:9"}, "store_unreachable"),
    "no TLS there": ({"url": "https://127.0.0.1:{port}"}, "store_tls"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_goes_wrong_is_told_with_what_to_do(openbao: OpenBao, case: str) -> None:
    changes, reason = CASES[case]
    options: dict[str, t.Any] = {"url": openbao.url, "token": openbao.token, "timeout": 5, **changes}
    options["url"] = options["url"].replace("{port}", openbao.url.rpartition(":")[2])
    for action in ("get", "check"):
        with pytest.raises(CollectionError) as caught:
            getattr(open_store(**options), action)("lab-01")
        assert caught.value.reason == reason
        assert "lab-01" in caught.value.message
        assert caught.value.next_step
        assert options["token"] not in repr(caught.value.as_result())


def test_a_sealed_server_is_told() -> None:
    with running_openbao() as server:
        hvac.Client(url=server.url, token=server.token).sys.seal()
        for action in ("get", "check"):
            with pytest.raises(CollectionError, match="sealed") as caught:
                getattr(open_store(url=server.url, token=server.token), action)("lab-01")
            assert caught.value.reason == "store_sealed"


def test_hvac_is_asked_for_only_where_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hashi_client, "HAS_HVAC", False)
    monkeypatch.delattr(hashi_vault, "hvac")
    for action in ("get", "check"):
        with pytest.raises(CollectionError, match="hvac") as caught:
            getattr(open_store(url="http://127.0.0.1:9", token="t"), action)("lab-01")
        assert caught.value.reason == "missing_library"


class Standby(http.server.BaseHTTPRequestHandler):
    """A server that sends its callers on to another one, which is not reached by TLS."""

    def do_GET(self) -> None:
        self.send_response(307)
        self.send_header("Location", f"http://127.0.0.2:{self.server.server_address[1]}{self.path}")
        self.end_headers()
        type(self).asked.append(self.client_address[0])

    asked: t.ClassVar[list[str]] = []

    def log_message(self, format: str, *args: t.Any) -> None:
        pass


def test_a_token_is_not_taken_along_into_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    # All of 127/8 is this machine; here the second of its addresses stands for another one.
    monkeypatch.setattr(
        hashi_client, "may_take_a_secret", lambda address: address.startswith(("https://", "http://127.0.0.1:"))
    )
    with http.server.ThreadingHTTPServer(("0.0.0.0", 0), Standby) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        with pytest.raises(CollectionError, match="without TLS") as caught:
            open_store(url=f"http://127.0.0.1:{server.server_port}", token="t").get("lab-01")
        server.shutdown()
        thread.join(10)
    assert caught.value.reason == "store_tls"
    assert len(Standby.asked) == 1


def test_a_standby_s_callers_are_answered_by_the_active_server(openbao: OpenBao, root: t.Any) -> None:
    class Redirecting(Standby):
        def do_GET(self) -> None:
            self.send_response(307)
            self.send_header("Location", f"{openbao.url}{self.path}")
            self.end_headers()

    put(open_store(url=openbao.url, token=openbao.token))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Redirecting) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            store = open_store(url=f"http://127.0.0.1:{server.server_port}", token=openbao.token)
            assert store.get("lab-01").record == RECORD
        finally:
            server.shutdown()


class Page(http.server.BaseHTTPRequestHandler):
    """Some web server that is no Vault."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<html>Welcome</html>")

    def log_message(self, format: str, *args: t.Any) -> None:
        pass


def test_a_server_that_is_no_vault_is_told() -> None:
    with http.server.HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with pytest.raises(CollectionError, match="not a KV engine") as caught:
            open_store(url=f"http://127.0.0.1:{server.server_port}", token="t").get("lab-01")
        thread.join(10)
    assert caught.value.next_step


# No answers of a Vault: what a caller finds in each is of another type than it should be.
SHAPES = (
    *(None, 1, "x", [], {}, {"data": None}, {"data": 1}, {"data": "x"}, {"data": []}, {"data": {"type": []}}),
    {"data": {"type": "kv", "options": "x", "path": "secret/"}},
    {"data": {"data": None, "metadata": {"version": "x", "destroyed": True}}},
    {"data": {"data": [], "metadata": {"version": {}, "destroyed": False}}},
    *({"auth": auth} for auth in (None, {}, {"client_token": []}, {"client_token": "\u2603"})),
    *({"errors": errors} for errors in (1, {"a": 1}, [1, {}])),
)


@pytest.mark.parametrize("status", [200, 400, 404, 500])
def test_answers_of_any_shape_are_told(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = b""

    class Odd(Page):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_PUT = do_DELETE = do_GET

    monkeypatch.setattr(hiccups, "pause", lambda _tries: 0)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Odd) as server:
        threading.Thread(target=server.serve_forever).start()
        options = {"url": f"http://127.0.0.1:{server.server_port}"}
        try:
            for shape in SHAPES:
                answer = json.dumps(shape).encode()
                for signs_in in ({"token": "t"}, {"role_id": "r", "secret_id": "s"}):
                    for action in (lambda store: store.get("lab-01"), lambda store: store.check("lab-01"), put):
                        # Anything else than an error for people is a traceback.
                        with contextlib.suppress(CollectionError):
                            action(open_store(**options, **signs_in))
        finally:
            server.shutdown()


def test_a_missing_token_is_told(openbao: OpenBao) -> None:
    with pytest.raises(CollectionError, match="no token"):
        open_store(url=openbao.url).get("lab-01")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"url": "http://vault.example.edu:8200"},
        {"url": "http://vault.example.edu\\@127.0.0.1:8200"},
        {"url": "https://user:password@vault.example.edu"},
        {"url": "vault.example.edu:8200"},
        {"url": "http://127.0.0.1:9", "prefix": "../"},
        {"url": "http://127.0.0.1:9", "prefix": "a?b/"},
        {"url": "http://127.0.0.1:9", "prefix": "labs"},
        {"url": "http://127.0.0.1:9", "role_id": "r"},
        {"url": "http://127.0.0.1:9", "role_id": "r", "secret_id": "s", "token": "t"},
        {"url": "http://127.0.0.1:9", "directory": "/tmp"},
    ],
)
def test_options_that_make_no_sense_are_refused_at_once(options: dict[str, t.Any]) -> None:
    with pytest.raises(CollectionError) as caught:
        open_store(**options)
    assert caught.value.reason == "invalid_options"
