# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One suite that every store type passes: the vault file, both AWS stores, and a real OpenBao server."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import threading
import typing as t
import uuid

import pytest
from ansible.parsing.vault import VaultSecret

from ansible_collections.labops.cloudresearch.plugins.plugin_utils import store as secret_store
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.record import (
    CreationIntent,
    LabRecord,
    StoredKey,
)
from tests.stack.openbao import OpenBao, running_openbao

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCY'\"\\:{%#EXAMPLE"

OpenStore = t.Callable[[], secret_store.SecretStore]


class Loader:
    """Ansible's data loader, as far as stores look into it."""

    def __init__(self, *passwords: tuple[str, bytes]) -> None:
        self._vault = type("Vault", (), {"secrets": [(name, VaultSecret(text)) for name, text in passwords]})


@pytest.fixture(scope="module")
def openbao() -> t.Iterator[OpenBao]:
    with running_openbao() as server:
        yield server


@pytest.fixture(params=sorted(secret_store.REGISTRY))
def open_store(request: pytest.FixtureRequest, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> OpenStore:
    """Opens the same store anew each time, as another run would."""
    monkeypatch.setenv("ANSIBLE_HOME", str(tmp_path / "home"))
    options: dict[str, t.Any] = {"type": request.param}
    unique = uuid.uuid4().hex[:8]
    if request.param == "ansible_vault":
        options["directory"] = str(tmp_path / "store")
    elif request.param == "hashi_vault":
        server: OpenBao = request.getfixturevalue("openbao")
        options.update(url=server.url, token=server.token, prefix=f"{unique}/labs/")
    else:
        simulator = request.getfixturevalue("simulator")
        slash = "/" if request.param == "aws_ssm" else ""
        options.update(
            endpoint_url=simulator.aws_url,
            access_key=simulator.ops_access_key,
            secret_key=simulator.ops_secret_key,
            region="eu-central-1",
            prefix=f"{slash}{unique}/labs/",
        )
    return lambda: secret_store.open_store(options, loader=Loader(("default", b"a vault password")))


def record(lab: str = "lab-01", **slots: t.Any) -> LabRecord:
    return LabRecord(lab=lab, account_id="012345678901", user_name="cloudresearch-mturk", **slots)


def key(number: int, **details: t.Any) -> StoredKey:
    return StoredKey(f"AKIAIOSFODNN7EXAMPL{number}", f"{SECRET}{number}", created="2026-01-31T12:00:00Z", **details)


FULL = record(
    current=key(1, proved="2026-01-31T12:00:09Z", proved_by="mturk", linked="2026-01-31T12:01:00Z"),
    pending=key(2),
    superseded=(key(3, superseded_by=key(1).access_key_id, superseded_at="2026-01-31T12:02:00Z"),),
    creating=CreationIntent("2026-01-31T12:03:00Z", (key(1).access_key_id, key(2).access_key_id)),
)


def test_nothing_is_there_at_first(open_store: OpenStore) -> None:
    found = open_store().get("lab-01")
    assert found.record is None
    open_store().check("lab-01")
    assert open_store().get("lab-01").record is None, "check leaves something behind"


def test_another_run_reads_all_of_what_was_written(open_store: OpenStore) -> None:
    store = open_store()
    written = store.put(FULL, store.get("lab-01"))
    found = open_store().get("lab-01")
    assert found.record == FULL
    assert found.version == written.version


def test_writes_follow_each_other(open_store: OpenStore) -> None:
    store = open_store()
    snapshot = store.get("lab-01")
    for number in range(1, 6):
        snapshot = store.put(record(current=key(number)), snapshot)
    assert open_store().get("lab-01").record == record(current=key(5))


def test_labs_are_kept_apart(open_store: OpenStore) -> None:
    store = open_store()
    for number, lab in enumerate(("lab-01", "lab-02", "lab.03_x"), start=1):
        store.put(record(lab, current=key(number)), store.get(lab))
    store.delete(store.get("lab-02"))
    assert store.get("lab-01").record == record("lab-01", current=key(1))
    assert store.get("lab-02").record is None
    assert store.get("lab.03_x").record == record("lab.03_x", current=key(3))


def test_the_slower_of_two_first_writers_changes_nothing(open_store: OpenStore) -> None:
    fast, slow = open_store(), open_store()
    before = slow.get("lab-01")
    fast.put(record(current=key(1)), fast.get("lab-01"))
    with pytest.raises(CollectionError) as caught:
        slow.put(record(current=key(2)), before)
    assert caught.value.reason == "store_conflict"
    assert open_store().get("lab-01").record == record(current=key(1))


def test_the_slower_of_two_writers_changes_nothing(open_store: OpenStore) -> None:
    fast, slow = open_store(), open_store()
    fast.put(record(current=key(1)), fast.get("lab-01"))
    before = slow.get("lab-01")
    fast.put(record(current=key(2)), fast.get("lab-01"))
    with pytest.raises(CollectionError) as caught:
        slow.put(record(current=key(3)), before)
    assert caught.value.reason == "store_conflict"
    assert open_store().get("lab-01").record == record(current=key(2))


def test_writing_the_same_content_again_counts_as_a_write(open_store: OpenStore) -> None:
    """A run claims a record in this way before it deletes the key that another one may be about to store."""
    fast, slow = open_store(), open_store()
    fast.put(FULL, fast.get("lab-01"))
    before = slow.get("lab-01")
    fast.put(FULL, fast.get("lab-01"))
    with pytest.raises(CollectionError, match="another run"):
        slow.put(record(current=key(3)), before)


def test_of_many_writers_at_once_exactly_one_wins(open_store: OpenStore) -> None:
    first = open_store()
    before = first.put(record(current=key(0)), first.get("lab-01"))
    start = threading.Barrier(4)
    won: list[int] = []

    def write(number: int) -> None:
        store = open_store()
        start.wait(10)
        try:
            store.put(record(current=key(number)), before)
        except CollectionError as exc:
            assert exc.reason == "store_conflict"
        else:
            won.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if first.type_name == "aws_ssm":
        # No conditional write there: the best that can be had is that nobody wins without noticing the others.
        assert len(won) <= 1
    else:
        assert len(won) == 1
        assert open_store().get("lab-01").record == record(current=key(won[0]))


def test_a_record_is_gone_once_deleted_and_its_name_can_be_used_again(open_store: OpenStore) -> None:
    store = open_store()
    store.delete(store.put(FULL, store.get("lab-01")))
    gone = open_store().get("lab-01")
    assert gone.record is None
    store.delete(gone)
    store.put(record(current=key(1)), store.get("lab-01"))
    assert open_store().get("lab-01").record == record(current=key(1))


def test_a_record_that_another_run_changed_is_not_deleted(open_store: OpenStore) -> None:
    fast, slow = open_store(), open_store()
    fast.put(FULL, fast.get("lab-01"))
    before = slow.get("lab-01")
    fast.put(record(current=key(2)), fast.get("lab-01"))
    with pytest.raises(CollectionError, match="another run"):
        slow.delete(before)
    assert open_store().get("lab-01").record == record(current=key(2))


def test_a_record_under_the_name_of_another_lab_is_refused(open_store: OpenStore) -> None:
    store = open_store()
    stray = dataclasses.replace(FULL, lab="lab-02")
    store.put(stray, store.get("lab-02"))
    store.put(record(current=key(1)), store.get("lab-01"))
    rename_record(store, "lab-02", "lab-01")
    with pytest.raises(CollectionError, match="lab-02") as caught:
        open_store().get("lab-01")
    assert caught.value.reason == "store_record_of_other_lab"
    assert SECRET not in str(caught.value)


def rename_record(store: t.Any, source: str, target: str) -> None:
    """What a person who copies records by hand can do."""
    if store.type_name == "ansible_vault":
        pathlib.Path(store._path(target)).write_bytes(pathlib.Path(store._path(source)).read_bytes())
    elif store.type_name == "hashi_vault":
        data = store._kv.read_secret_version(path=store._path(source), raise_on_deleted_version=True)["data"]["data"]
        store._kv.create_or_update_secret(path=store._path(target), secret=data)
    elif store.type_name == "aws_ssm":
        value = store.client.get_parameter(Name=store.name(source), WithDecryption=True)["Parameter"]["Value"]
        store.client.put_parameter(Name=store.name(target), Value=value, Type="SecureString", Overwrite=True)
    else:
        value = store.client.get_secret_value(SecretId=store.name(source))["SecretString"]
        store.client.put_secret_value(SecretId=store.name(target), SecretString=value)


def test_what_is_no_record_is_refused_without_being_shown(open_store: OpenStore) -> None:
    store = t.cast(t.Any, open_store())
    if store.type_name == "ansible_vault":
        pytest.skip("its file is encrypted as a whole; see the tests of that store")
    if store.type_name == "hashi_vault":
        store._kv.create_or_update_secret(path=store._path("lab-01"), secret={"password": SECRET})
    elif store.type_name == "aws_ssm":
        store.client.put_parameter(Name=store.name("lab-01"), Value=SECRET, Type="SecureString")
    else:
        store.client.create_secret(Name=store.name("lab-01"), SecretString=SECRET)
    with pytest.raises(CollectionError) as caught:
        open_store().get("lab-01")
    assert caught.value.reason == "store_record_malformed"
    assert SECRET not in repr(caught.value.as_result())


@pytest.mark.parametrize(
    "lab", ["", ".", "..", "../lab", "a/b", "/etc/passwd", ".hidden", "-x", "a\0b", "a\nb", "lab 1", "läb", "x" * 128]
)
def test_names_that_could_lead_elsewhere_are_refused(open_store: OpenStore, lab: str) -> None:
    with pytest.raises(CollectionError) as caught:
        open_store().get(lab)
    assert caught.value.reason == "invalid_lab_name"


def test_a_lock_keeps_the_second_run_waiting_until_the_first_lets_go(open_store: OpenStore) -> None:
    entered: list[str] = []
    waiting = threading.Event()

    def second() -> None:
        waiting.set()
        with open_store().lock("lab-01"):
            entered.append("second")

    thread = threading.Thread(target=second)
    with open_store().lock("lab-01"), open_store().lock("lab-02"):
        thread.start()
        assert waiting.wait(10)
        with pytest.raises(CollectionError) as caught, open_store().lock("lab-01", timeout=0.3):
            pass
        assert caught.value.reason == "lab_busy"
        assert f"process {os.getpid()} on " in caught.value.message, "who is at work"
        entered.append("first")
    thread.join(10)
    assert entered == ["first", "second"]


def test_no_text_about_a_store_holds_a_secret(open_store: OpenStore) -> None:
    store = open_store()
    snapshot = store.put(FULL, store.get("lab-01"))
    told = f"{store!r} {store.location} {snapshot!r} {FULL!r} {FULL.public()!r} {open_store().get('lab-01')!r}"
    assert SECRET not in told
    assert FULL.current is not None
    assert FULL.current.access_key_id in told
