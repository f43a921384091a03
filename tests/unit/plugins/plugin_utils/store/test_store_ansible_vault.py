# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is special about the vault-encrypted files; tests/stack/test_store_contract.py has what all stores share."""

from __future__ import annotations

import dataclasses
import grp
import multiprocessing
import os
import pathlib
import pwd
import stat
import subprocess
import sys
import threading
import typing as t

import pytest
import yaml
from ansible import constants
from ansible.cli import CLI
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret

from ansible_collections.labops.cloudresearch.plugins.plugin_utils import store as secret_store
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store import vault_passwords
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.ansible_vault import (
    CHECK_FILE,
    warning_about_place,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.reasons import StoreReason
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.record import LabRecord
from ansible_collections.labops.cloudresearch.tests.fixtures.records import RECORD, SECRET

needs_permissions = pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")


class Loader:
    def __init__(self, **passwords: str) -> None:
        secrets = [(name, VaultSecret(text.encode())) for name, text in passwords.items()]
        self._vault = type("Vault", (), {"secrets": secrets})


def open_store(directory: pathlib.Path, loader: Loader | None = None, **options: t.Any) -> secret_store.SecretStore:
    return secret_store.open_store(
        {"type": "ansible_vault", "directory": str(directory), **options},
        loader=loader or Loader(default="a vault password"),
    )


def written(directory: pathlib.Path, loader: Loader | None = None, **options: t.Any) -> pathlib.Path:
    store = open_store(directory, loader, **options)
    store.put(RECORD, store.get("lab-01"))
    return directory / "lab-01.yml"


def mode(path: pathlib.Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_nobody_else_can_read_file_or_directory_whatever_the_umask(tmp_path: pathlib.Path) -> None:
    previous = os.umask(0)
    try:
        path = written(tmp_path / "store")
    finally:
        os.umask(previous)
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700
    path.chmod(0o644)
    store = open_store(path.parent)
    store.put(RECORD, store.get("lab-01"))
    assert mode(path) == 0o600


def test_the_plaintext_is_in_no_file(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[t.Any] = []
    write = os.fdopen

    def spy(descriptor: int, *arguments: t.Any, **options: t.Any) -> t.Any:
        opened.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        return write(descriptor, *arguments, **options)

    if os.path.exists("/proc/self/fd"):
        monkeypatch.setattr(os, "fdopen", spy)
    written(tmp_path / "store")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(path.name for path in files) == [CHECK_FILE, "lab-01.yml"], "nothing else is left behind"
    for path in files:
        assert path.read_bytes().startswith(b"$ANSIBLE_VAULT;1.1;AES256\n")
        assert SECRET.encode() not in path.read_bytes()
        assert mode(path) == 0o600
    assert all(os.path.dirname(path) == str(tmp_path / "store") for path in opened), "a temporary file elsewhere"


def real_loader(*vault_ids: str) -> DataLoader:
    loader = DataLoader()
    loader.set_vault_secrets(CLI.setup_vault_secrets(loader, list(vault_ids), auto_prompt=False))
    return loader


def test_typed_passwords_are_typed_again_to_read_a_record(tmp_path: pathlib.Path) -> None:
    command = open_store(tmp_path / "a store", Loader(default="x", other="y")).read_command("lab-01")
    assert command == (
        f"ansible-vault view --vault-id=default@prompt --vault-id=other@prompt '{tmp_path}/a store/lab-01.yml'"
    )


def test_the_read_command_shows_the_record(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path / "store")
    password = tmp_path / "password"
    password.write_text("a vault password\n")
    store = secret_store.open_store(
        {"type": "ansible_vault", "directory": str(path.parent)}, loader=real_loader(f"default@{password}")
    )
    shown = subprocess.run(
        store.read_command("lab-01"),
        shell=True,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=command_line(tmp_path),
    ).stdout
    assert f"secret_access_key: {SECRET}" in shown
    assert LabRecord.from_dict(yaml.safe_load(shown)) == RECORD


def test_a_missing_vault_password_is_told_before_anything_exists(tmp_path: pathlib.Path) -> None:
    store = open_store(tmp_path / "store", Loader())
    for action in (lambda: store.check("lab-01"), lambda: store.put(RECORD, store.get("lab-01"))):
        with pytest.raises(CollectionError) as caught:
            action()
        assert caught.value.reason == "vault_password_missing"
        assert "--vault-password-file" in caught.value.next_step
    assert not (tmp_path / "store").exists() or not list((tmp_path / "store").iterdir())


def test_a_wrong_vault_password_is_told(tmp_path: pathlib.Path) -> None:
    written(tmp_path / "store")
    for action in ("get", "check"):
        with pytest.raises(CollectionError) as caught:
            getattr(open_store(tmp_path / "store", Loader(default="wrong")), action)("lab-01")
        assert caught.value.reason == "vault_password_wrong"
        assert "a vault password" not in str(caught.value.as_result())


def test_a_mistyped_password_is_told_before_it_writes(tmp_path: pathlib.Path) -> None:
    """Not even that there is no record may be believed: what comes next is that a user and a key are made."""
    written(tmp_path / "store")
    before = {path: path.read_bytes() for path in (tmp_path / "store").iterdir()}
    mistyped = open_store(tmp_path / "store", Loader(default="a vault passwort"))
    other = dataclasses.replace(RECORD, lab="lab-02")
    for action in (
        lambda: mistyped.get("lab-02"),
        lambda: mistyped.check("lab-02"),
        lambda: mistyped.put(other, secret_store.Snapshot("lab-02", None)),
    ):
        with pytest.raises(CollectionError) as caught:
            action()
        assert caught.value.reason == "vault_password_wrong"
        assert CHECK_FILE in caught.value.message
        assert "lab-02" in caught.value.message
        assert "passwort" not in repr(caught.value.as_result())
    assert {path: path.read_bytes() for path in (tmp_path / "store").iterdir()} == before


def test_a_store_from_before_there_was_a_check_file_gets_one_by_the_right_password(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path / "store")
    (path.parent / CHECK_FILE).unlink()
    other = dataclasses.replace(RECORD, lab="lab-02")
    with pytest.raises(CollectionError) as caught:
        open_store(path.parent, Loader(default="wrong")).put(other, secret_store.Snapshot("lab-02", None))
    assert caught.value.reason == "vault_password_wrong"
    assert not (path.parent / CHECK_FILE).exists()
    store = open_store(path.parent)
    store.put(other, store.get("lab-02"))
    assert (path.parent / CHECK_FILE).exists()


def test_a_check_file_that_is_damaged_is_written_anew(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path / "store")
    check = path.parent / CHECK_FILE
    check.write_bytes(check.read_bytes()[:-40])
    with pytest.raises(CollectionError):
        open_store(path.parent, Loader(default="wrong")).get("lab-02")
    store = open_store(path.parent)
    store.put(RECORD, store.get("lab-01"))
    assert VaultLib([("default", VaultSecret(b"a vault password"))]).decrypt(check.read_bytes())


def test_reading_a_record_costs_nothing_more(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "store")
    decrypted: list[bytes] = []
    decrypt = VaultLib.decrypt
    monkeypatch.setattr(VaultLib, "decrypt", lambda self, text: decrypted.append(text) or decrypt(self, text))
    open_store(tmp_path / "store").get("lab-01")
    assert len(decrypted) == 1


def test_a_run_proves_its_password_once(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To try a password takes longer than all else that a store does, and each worker of a run is to have done it."""
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    check = written(tmp_path / "store").parent / CHECK_FILE
    opened: list[bytes] = []
    decrypt = VaultLib.decrypt
    monkeypatch.setattr(VaultLib, "decrypt", lambda self, text: opened.append(text) or decrypt(self, text))

    def look_for_a_new_lab(password: str) -> None:
        vault_passwords._decrypted.cache_clear()  # as another worker does it
        open_store(check.parent, Loader(default=password)).get("lab-02")

    for _worker in range(3):
        look_for_a_new_lab("a vault password")
    assert len(opened) == 1
    with pytest.raises(CollectionError):
        look_for_a_new_lab("wrong")
    check.write_bytes(VaultLib([]).encrypt("x", VaultSecret(b"another")))
    with pytest.raises(CollectionError):
        look_for_a_new_lab("a vault password")
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", "/nonexistent")
    with pytest.raises(CollectionError):
        look_for_a_new_lab("a vault password")
    assert "a vault password" not in "".join(path.name for path in tmp_path.iterdir())


def test_of_first_writers_with_different_passwords_only_those_with_one_of_them_write(tmp_path: pathlib.Path) -> None:
    start = threading.Barrier(6)
    outcomes: dict[str, list[str]] = {"one": [], "two": []}

    def write(number: int) -> None:
        password = "one" if number % 2 else "two"
        lab = f"lab-{number:02}"
        store = open_store(tmp_path / "store", Loader(default=password))
        snapshot = secret_store.Snapshot(lab, None)
        start.wait(10)
        try:
            store.put(dataclasses.replace(RECORD, lab=lab), snapshot)
            outcomes[password].append("written")
        except CollectionError as exc:
            outcomes[password].append(exc.reason)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes.values()) == [["vault_password_wrong"] * 3, ["written"] * 3]
    assert not list((tmp_path / "store").glob(".*")), "no lock is left behind"


def test_the_last_record_takes_the_check_file_along(tmp_path: pathlib.Path) -> None:
    store = open_store(tmp_path / "store")
    one = store.put(RECORD, store.get("lab-01"))
    other = store.put(dataclasses.replace(RECORD, lab="lab-02"), store.get("lab-02"))
    store.delete(one)
    assert (tmp_path / "store" / CHECK_FILE).exists()
    store.delete(other)
    assert list((tmp_path / "store").iterdir()) == []


def test_a_store_with_records_under_two_vault_ids_goes_on_with_both(tmp_path: pathlib.Path) -> None:
    """As earlier versions of the collection let it grow."""
    both = Loader(first="one", second="two")
    first, second = (open_store(tmp_path / "store", both, vault_id=vault_id) for vault_id in ("first", "second"))
    (tmp_path / "store").mkdir(mode=0o700)
    (tmp_path / "store" / "lab-09.yml").write_bytes(VaultLib([]).encrypt("x", VaultSecret(b"two"), "second"))
    (tmp_path / "store" / "lab-08.yml").write_bytes(VaultLib([]).encrypt("x", VaultSecret(b"one"), "first"))
    for number, store in enumerate((first, second, first)):
        lab = f"lab-0{number}"
        store.put(dataclasses.replace(RECORD, lab=lab), store.get(lab))
    mistyped = Loader(first="one", second="typo")
    with pytest.raises(CollectionError) as caught:
        open_store(tmp_path / "store", mistyped, vault_id="second").get("lab-05")
    assert caught.value.reason == "vault_password_wrong"


def test_a_vault_id_that_is_new_in_a_store_is_told_to_use_a_directory_of_its_own(tmp_path: pathlib.Path) -> None:
    written(tmp_path / "store", Loader(first="one"), vault_id="first")
    with pytest.raises(CollectionError) as caught:
        open_store(tmp_path / "store", Loader(first="one", second="two"), vault_id="second").get("lab-02")
    assert caught.value.reason == "vault_password_wrong"
    assert "store.vault_id to first" in caught.value.next_step


def test_rekeying_all_files_takes_the_check_file_along(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path / "store")
    (tmp_path / "old").write_text("a vault password")
    (tmp_path / "new").write_text("another one")
    command = (
        f"ansible-vault rekey --vault-id old@{tmp_path}/old --new-vault-password-file {tmp_path}/new {path.parent}"
    )
    subprocess.run(f"{command}/*.yml", shell=True, check=True, timeout=120, env=command_line(tmp_path))
    store = open_store(path.parent, Loader(default="another one"))
    store.put(RECORD, store.get("lab-01"))


def command_line(tmp_path: pathlib.Path) -> dict[str, str]:
    """An environment in which Ansible's own commands work."""
    programs = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": programs, "PAGER": "cat", "ANSIBLE_LOCAL_TEMP": str(tmp_path / "tmp")}


def test_the_vault_id_chooses_the_password(tmp_path: pathlib.Path) -> None:
    both = Loader(first="one", second="two")
    path = written(tmp_path / "store", both, vault_id="second")
    assert path.read_bytes().startswith(b"$ANSIBLE_VAULT;1.2;AES256;second\n")
    assert VaultLib([("second", VaultSecret(b"two"))]).decrypt(path.read_bytes())
    assert open_store(tmp_path / "store", Loader(second="two")).get("lab-01").record == RECORD
    with pytest.raises(CollectionError) as caught:
        open_store(tmp_path / "store", both, vault_id="third").check("lab-01")
    assert caught.value.reason == "vault_password_missing"
    assert "third" in caught.value.message


def test_a_file_that_is_not_encrypted_is_refused(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path / "store")
    path.write_text(f"secret_access_key: {SECRET}\n")
    with pytest.raises(CollectionError) as caught:
        open_store(tmp_path / "store").get("lab-01")
    assert SECRET not in repr(caught.value.as_result())
    assert caught.value.reason == "store_record_malformed"


@pytest.mark.parametrize("text", [f"- {SECRET}\n", f"a: b: {SECRET}\n", f"{SECRET}\n", ""])
def test_an_encrypted_file_that_is_no_record_is_refused_without_being_shown(tmp_path: pathlib.Path, text: str) -> None:
    path = written(tmp_path / "store")
    path.write_bytes(VaultLib([("default", VaultSecret(b"a vault password"))]).encrypt(text))
    with pytest.raises(CollectionError) as caught:
        open_store(tmp_path / "store").get("lab-01")
    assert caught.value.reason == "store_record_malformed"
    assert SECRET not in repr(caught.value.as_result())
    assert caught.value.__cause__ is None


DAMAGES: dict[str, t.Callable[[bytes], bytes]] = {
    "cut off": lambda content: content[:-40],
    "cut off after a line": lambda content: content[: content.rindex(b"\n", 0, -1) + 1],
    "empty": lambda content: b"",
    "header only": lambda content: content[: content.index(b"\n") + 1],
    "no hexadecimal digits": lambda content: content.replace(b"3", b"x"),
    "a digit lost": lambda content: content[:100] + content[101:],
}


@pytest.mark.parametrize("password", ["a vault password", "wrong"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_not_called_a_wrong_password(tmp_path: pathlib.Path, damage: str, password: str) -> None:
    path = written(tmp_path / "store")
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(CollectionError) as caught:
        open_store(tmp_path / "store", Loader(default=password)).get("lab-01")
    assert caught.value.reason == "store_record_malformed"
    assert "estore" in caught.value.next_step


def test_damage_inside_is_told_from_a_wrong_password_by_the_check_file(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path / "store")
    # Well-formed, but the ciphertext is another one.
    whole = path.read_bytes()
    path.write_bytes(whole[:-9] + (b"30" if whole[-9:-7] != b"30" else b"31") + whole[-7:])
    with pytest.raises(CollectionError, match="damaged, or was encrypted with another password") as caught:
        open_store(tmp_path / "store").get("lab-01")
    assert caught.value.reason == "store_record_malformed"
    with pytest.raises(CollectionError) as caught:
        open_store(tmp_path / "store", Loader(default="wrong")).get("lab-01")
    assert caught.value.reason == "vault_password_wrong"


def test_line_ends_of_another_system_are_no_damage(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path / "store")
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert open_store(tmp_path / "store").get("lab-01").record == RECORD
    with pytest.raises(CollectionError) as caught:
        open_store(tmp_path / "store", Loader(default="wrong")).get("lab-01")
    assert caught.value.reason == "vault_password_wrong"


@pytest.mark.parametrize("shape", ["[", "{a: ", "- "])
@pytest.mark.parametrize("depth", [1_000, 4_000, 30_000])
def test_a_record_nested_too_deeply_is_an_error_not_a_crash(tmp_path: pathlib.Path, shape: str, depth: int) -> None:
    path = written(tmp_path / "store")
    text = shape * depth
    path.write_bytes(VaultLib([("default", VaultSecret(b"a vault password"))]).encrypt(text))
    reasons: multiprocessing.SimpleQueue[str] = multiprocessing.get_context("fork").SimpleQueue()

    def read() -> None:
        try:
            open_store(path.parent).get("lab-01")
        except CollectionError as exc:
            reasons.put(exc.reason)

    # In a process of its own, which what this is about kills.
    process = multiprocessing.get_context("fork").Process(target=read)
    process.start()
    process.join(60)
    assert process.exitcode == 0
    assert reasons.get() == "store_record_malformed"


def test_a_file_too_large_for_a_record_is_not_read_to_its_end(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path / "store")
    with path.open("ab") as file:
        file.truncate(10**10)
    with pytest.raises(CollectionError, match="too large") as caught:
        open_store(tmp_path / "store").get("lab-01")
    assert caught.value.reason == "store_record_malformed"


def test_a_named_pipe_in_place_of_a_record_does_not_hang(tmp_path: pathlib.Path) -> None:
    (tmp_path / "store").mkdir(mode=0o700)
    os.mkfifo(tmp_path / "store" / "lab-01.yml")
    with pytest.raises(CollectionError, match="not an ordinary file"):
        open_store(tmp_path / "store").get("lab-01")


def test_a_write_that_fails_leaves_the_old_record_and_no_rest(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "store")
    before = path.read_bytes()
    store = open_store(tmp_path / "store")
    snapshot = store.get("lab-01")

    def fail(*_arguments: t.Any) -> t.NoReturn:
        raise OSError(28, "No space left on device")

    for step in ("fsync", "rename"):
        with monkeypatch.context() as broken:
            broken.setattr(os, step, fail)
            with pytest.raises(CollectionError, match="No space left"):
                store.put(RECORD, snapshot)
        assert path.read_bytes() == before
        assert sorted(found.name for found in path.parent.iterdir()) == [CHECK_FILE, "lab-01.yml"]


@needs_permissions
def test_a_directory_that_cannot_be_written_is_told(tmp_path: pathlib.Path) -> None:
    written(tmp_path / "store")
    (tmp_path / "store").chmod(0o500)
    try:
        with pytest.raises(CollectionError, match="not writable"):
            open_store(tmp_path / "store").check("lab-02")
        with pytest.raises(CollectionError):
            open_store(tmp_path / "store" / "below").check("lab-02")
    finally:
        (tmp_path / "store").chmod(0o700)


def test_a_file_system_that_takes_no_files_is_told_whatever_its_permission_bits_say() -> None:
    # Root passes every permission bit there, and still cannot make anything.
    with pytest.raises(CollectionError, match="/proc/no/such/place is not writable"):
        open_store(pathlib.Path("/proc/no/such/place")).check("lab-01")


def test_the_check_leaves_nothing_behind(tmp_path: pathlib.Path) -> None:
    open_store(tmp_path / "store").check("lab-01")
    assert not list(tmp_path.iterdir())


def test_a_file_in_place_of_the_directory_is_told(tmp_path: pathlib.Path) -> None:
    (tmp_path / "store").write_text("")
    for directory in (tmp_path / "store", tmp_path / "store" / "below"):
        store = open_store(directory)
        with pytest.raises(CollectionError, match="directory"):
            store.check("lab-01")
        with pytest.raises(CollectionError), store.lock("lab-01"):
            pass


def test_the_record_in_place_of_which_there_is_a_link_elsewhere_is_replaced_not_followed(
    tmp_path: pathlib.Path,
) -> None:
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "store").mkdir(mode=0o700)
    (tmp_path / "store" / "lab-01.yml").symlink_to(elsewhere)
    written(tmp_path / "store")
    assert not elsewhere.exists()
    assert not (tmp_path / "store" / "lab-01.yml").is_symlink()


def test_the_directory_is_needed() -> None:
    with pytest.raises(CollectionError, match="directory"):
        secret_store.open_store({"type": "ansible_vault"}, loader=Loader())


@pytest.mark.parametrize("place", ["host_vars", "host_vars/lab-01", "group_vars/all/keys"])
def test_a_directory_whose_files_become_variables_is_refused(tmp_path: pathlib.Path, place: str) -> None:
    with pytest.raises(CollectionError) as caught:
        open_store(tmp_path / place)
    assert caught.value.reason == "invalid_options" and "variables" in str(caught.value)
    assert "store.directory" in caught.value.next_step
    assert not list(tmp_path.iterdir())


def test_a_directory_that_is_read_as_inventory_is_warned_of(tmp_path: pathlib.Path) -> None:
    inventory = tmp_path / "inventory"
    inventory.mkdir()
    (inventory / "labs.yml").touch()

    def told(directory: pathlib.Path, *sources: pathlib.Path, **options: str) -> str:
        given = {"type": "ansible_vault", "directory": str(directory), **options}
        return warning_about_place(given, [str(source) for source in sources])

    warning = told(inventory / "lab_keys", tmp_path / "other.yml", inventory)
    assert str(inventory / "lab_keys") in warning and "store.directory" in warning
    assert told(inventory, inventory) and told(inventory / "a" / "b", inventory)
    # A file is no place for others, and what is hidden is not read.
    assert not told(inventory / "lab_keys", inventory / "labs.yml")
    assert not told(inventory / ".lab_keys", inventory)
    assert not told(inventory / ".." / "lab_keys", inventory)
    assert not told(tmp_path / "inventory2", inventory)
    assert not warning_about_place({"type": "aws_ssm"}, [str(inventory)])
    assert not warning_about_place({"type": "ansible_vault"}, [str(inventory)])


def test_options_of_other_types_are_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(CollectionError, match="mount_point"):
        open_store(tmp_path, mount_point="secret")
    open_store(tmp_path, mount_point=None)


def test_an_unknown_type_names_the_known_ones() -> None:
    with pytest.raises(CollectionError) as caught:
        secret_store.open_store({"type": "lastpass"})
    assert all(name in caught.value.next_step for name in secret_store.REGISTRY)


def test_every_type_of_the_registry_has_its_options_and_an_option_is_the_same_for_all_types() -> None:
    from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.options import (
        OPTIONS_BY_TYPE,
        STORE_ARGUMENT_SPEC,
    )

    assert list(OPTIONS_BY_TYPE) == list(secret_store.REGISTRY)
    assert all(secret_store.store_class(name).type_name == name for name in secret_store.REGISTRY)
    spec = STORE_ARGUMENT_SPEC["options"]
    assert all(spec[name] == option for options in OPTIONS_BY_TYPE.values() for name, option in options.items())


SHARED: dict[str, t.Callable[[pathlib.Path], None]] = {
    "for everybody": lambda store: store.chmod(0o707),
    "for everybody, sticky": lambda store: store.chmod(0o1707),
    "for a group of others": lambda store: (os.chown(store, -1, OTHERS), store.chmod(0o770))[1],
    "somebody else's": lambda store: os.chown(store, OTHERS, -1),
    "below a directory for everybody": lambda store: store.parent.chmod(0o777),
    "below somebody else's": lambda store: os.chown(store.parent, OTHERS, -1),
}
# No user or group of this number exists.
OTHERS = 54321


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
@pytest.mark.parametrize("how", SHARED)
def test_a_directory_that_others_may_write_is_refused(
    tmp_path: pathlib.Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "above" / "store"
    before = open_store(directory).put(RECORD, secret_store.Snapshot("lab-01", None))
    SHARED[how](directory)
    for action in ("get", "check", "put", "delete"):
        store = open_store(directory)
        arguments = {"put": (RECORD, before), "delete": (before,)}.get(action, ("lab-01",))
        with pytest.raises(CollectionError, match="others may replace") as caught:
            getattr(store, action)(*arguments)
        assert caught.value.reason == "store_not_private"
        assert "allow_shared_directory" in caught.value.next_step
    warnings: list[str] = []
    monkeypatch.setattr(secret_store._display, "warning", warnings.append)
    assert open_store(directory, allow_shared_directory=True).get("lab-01").record == RECORD
    assert len(warnings) == 1
    assert str(directory) in warnings[0]


def test_a_directory_that_only_its_owner_and_root_may_write_is_fine(tmp_path: pathlib.Path) -> None:
    directory = tmp_path / "store"
    written(directory)
    directory.chmod(0o755)
    tmp_path.chmod(0o1777)
    assert open_store(directory).get("lab-01").record == RECORD


def test_a_group_of_the_owner_alone_is_nobody_else(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where each user has a group of the same name, umask 002 is usual, and directories are writable for the group."""
    written(tmp_path / "store")
    (tmp_path / "store").chmod(0o770)
    owner = pwd.getpwuid(os.geteuid()).pw_name
    group = grp.struct_group((owner, "x", os.getegid(), [owner]))
    monkeypatch.setattr(grp, "getgrgid", lambda number: group)
    assert open_store(tmp_path / "store").get("lab-01").record == RECORD
    group = grp.struct_group((owner, "x", os.getegid(), [owner, "somebody"]))
    with pytest.raises(CollectionError, match="its group"):
        open_store(tmp_path / "store").get("lab-01")


def test_directories_that_are_made_are_private_whatever_the_umask(tmp_path: pathlib.Path) -> None:
    previous = os.umask(0)
    try:
        written(tmp_path / "a" / "b" / "store")
    finally:
        os.umask(previous)
    assert [mode(tmp_path / part) for part in ("a", "a/b", "a/b/store")] == [0o700] * 3


def test_what_may_not_be_read_is_told_as_that(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "store")

    def denied(path: str, *_arguments: t.Any, **_options: t.Any) -> t.NoReturn:
        raise PermissionError(13, "Permission denied", path)

    # Root passes every permission bit.
    monkeypatch.setattr(os, "open", denied)
    with pytest.raises(CollectionError) as caught:
        open_store(tmp_path / "store").get("lab-01")
    assert caught.value.reason == "store_denied"
    assert "lab-01.yml" in caught.value.message


def test_a_line_break_at_the_end_of_an_option_is_left_out_and_said(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(secret_store._display, "warning", warnings.append)
    written(tmp_path / "store")
    assert (
        secret_store.open_store(
            {"type": "ansible_vault", "directory": f"{tmp_path}/store\n"}, loader=Loader(default="a vault password")
        )
        .get("lab-01")
        .record
    )
    assert warnings == ["The store's option directory ended with a line break, which was removed."]


def test_every_reason_is_in_the_troubleshooting_guide() -> None:
    guide = pathlib.Path(__file__).parents[5] / "docs/docsite/rst/guide_troubleshooting.rst"
    text = guide.read_text()
    assert [reason for reason in StoreReason if f"``{reason}``" not in text] == []


def test_the_documentation_has_the_options_of_the_argument_spec() -> None:
    from ansible_collections.labops.cloudresearch.plugins.doc_fragments.store import ModuleDocFragment
    from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.options import STORE_ARGUMENT_SPEC

    documented = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]["store"]["suboptions"]
    spec = STORE_ARGUMENT_SPEC["options"]
    assert set(documented) == set(spec)
    for name, option in spec.items():
        assert documented[name]["type"] == option["type"], name
        assert documented[name].get("choices") == option.get("choices"), name


def test_the_lookup_documents_the_same_store_and_takes_the_roles() -> None:
    from ansible_collections.labops.cloudresearch.plugins.doc_fragments.store import ModuleDocFragment
    from ansible_collections.labops.cloudresearch.plugins.lookup import lab_secret

    documented = yaml.safe_load(lab_secret.DOCUMENTATION)
    assert "labops.cloudresearch.store" in documented["extends_documentation_fragment"]
    # What a plugin says itself goes before what a fragment says.
    store = documented["options"]["store"]
    assert store["vars"] == [{"name": "lab_account_secret_store"}] and store["required"] is False
    assert "suboptions" not in store
    assert yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]["store"]["required"] is True
