# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is special about the vault-encrypted files; tests/stack/test_store_contract.py has what all stores share."""

from __future__ import annotations

import os
import pathlib
import stat
import subprocess
import sys
import typing as t

import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret

from ansible_collections.labops.cloudresearch.plugins.plugin_utils import store as secret_store
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.record import LabRecord, StoredKey

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
RECORD = LabRecord(
    lab="lab-01",
    account_id="012345678901",
    user_name="cloudresearch-mturk",
    current=StoredKey("AKIAIOSFODNN7EXAMPLE", SECRET, created="2026-01-31T12:00:00Z"),
)
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
    assert [path.name for path in files] == ["lab-01.yml"], "nothing is left behind"
    assert files[0].read_bytes().startswith(b"$ANSIBLE_VAULT;1.1;AES256\n")
    assert SECRET.encode() not in files[0].read_bytes()
    assert all(os.path.dirname(path) == str(tmp_path / "store") for path in opened), "a temporary file elsewhere"


def test_ansible_vault_on_the_command_line_reads_it(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path / "store")
    password = tmp_path / "password"
    password.write_text("a vault password\n")
    program = pathlib.Path(sys.executable).parent / "ansible-vault"
    if not program.exists():
        pytest.skip("ansible-vault is not beside this Python")
    shown = subprocess.run(
        [program, "view", "--vault-password-file", password, path],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "PAGER": "cat", "ANSIBLE_LOCAL_TEMP": str(tmp_path / "tmp")},
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


def test_a_truncated_file_is_refused(tmp_path: pathlib.Path) -> None:
    path = written(tmp_path / "store")
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CollectionError):
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
        assert [found.name for found in path.parent.iterdir()] == ["lab-01.yml"]


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


def test_options_of_other_types_are_refused(tmp_path: pathlib.Path) -> None:
    with pytest.raises(CollectionError, match="mount_point"):
        open_store(tmp_path, mount_point="secret")
    open_store(tmp_path, mount_point=None)


def test_an_unknown_type_names_the_known_ones() -> None:
    with pytest.raises(CollectionError) as caught:
        secret_store.open_store({"type": "lastpass"})
    assert all(name in caught.value.next_step for name in secret_store.REGISTRY)


def test_every_type_of_the_registry_is_in_the_argument_spec_and_knows_only_options_of_it() -> None:
    from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.options import STORE_ARGUMENT_SPEC

    spec = STORE_ARGUMENT_SPEC["options"]
    assert spec["type"]["choices"] == list(secret_store.REGISTRY)
    known: set[str] = {"type"}
    for name in secret_store.REGISTRY:
        store_class = secret_store.store_class(name)
        assert store_class.type_name == name
        known |= store_class.option_names
    assert known == set(spec)


def test_the_documentation_has_the_options_of_the_argument_spec() -> None:
    from ansible_collections.labops.cloudresearch.plugins.doc_fragments.store import ModuleDocFragment
    from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.options import STORE_ARGUMENT_SPEC

    documented = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]["store"]["suboptions"]
    spec = STORE_ARGUMENT_SPEC["options"]
    assert set(documented) == set(spec)
    for name, option in spec.items():
        assert documented[name]["type"] == option["type"], name
        assert documented[name].get("choices") == option.get("choices"), name
