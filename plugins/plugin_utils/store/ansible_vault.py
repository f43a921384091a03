# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A vault-encrypted file a lab, which C(ansible-vault view) can read."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import tempfile
import typing as t

import yaml
from ansible.errors import AnsibleError
from ansible.parsing.vault import VaultLib, match_encrypt_secret

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store import base
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.record import LabRecord

_HEADER = "# Written by labops.cloudresearch: the access keys of one lab. Do not edit.\n"


class AnsibleVaultStore(base.SecretStore):
    """Files C(<directory>/<lab>.yml) of mode 0600, encrypted with the run's vault password.

    :param options: C(directory) and, to choose among several vault passwords, C(vault_id).
    """

    type_name = "ansible_vault"
    option_names = frozenset({"directory", "vault_id"})

    def __init__(self, options: t.Mapping[str, t.Any], surroundings: base.Surroundings) -> None:
        if not options.get("directory"):
            raise CollectionError(
                "The store of type ansible_vault needs the option directory.",
                next_step="Set store.directory, for example to {{ inventory_dir }}/lab_keys.",
                reason="invalid_options",
            )
        self._directory = os.path.abspath(os.path.expanduser(os.path.expandvars(str(options["directory"]))))
        self._vault_id = str(options["vault_id"]) if options.get("vault_id") else None
        self._secrets = list(surroundings.vault_secrets)

    @property
    def location(self) -> str:
        """The directory."""
        return self._directory

    def _path(self, lab: str) -> str:
        return os.path.join(self._directory, f"{base.lab_name(lab)}.yml")

    def get(self, lab: str) -> base.Snapshot:
        """Read and decrypt the lab's file; its version is the hash of what is on disk."""
        path = self._path(lab)
        try:
            with open(path, "rb") as file:
                content = file.read()
        except FileNotFoundError:
            return base.Snapshot(lab, None)
        except OSError as exc:
            raise self._unusable(f"read the record of lab {lab}", path, exc) from None
        return base.Snapshot(lab, self._decrypt(content, lab, path), hashlib.sha256(content).hexdigest())

    def put(self, record: LabRecord, after: base.Snapshot) -> base.Snapshot:
        """Write the lab's file, encrypted, next to the old one and then in its place."""
        path = self._path(record.lab)
        content = self._encrypt(record, path)
        with self._guarded(f"write the record of lab {record.lab}", path):
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
            with self._short_lock(record.lab):
                self._require_unchanged(after, path)
                self._write(path, content)
        return base.Snapshot(record.lab, record, hashlib.sha256(content).hexdigest())

    def delete(self, after: base.Snapshot) -> None:
        """Remove the lab's file."""
        path = self._path(after.lab)
        if not os.path.isdir(self._directory):
            return
        with self._guarded(f"remove the record of lab {after.lab}", path), self._short_lock(after.lab):
            self._require_unchanged(after, path)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
                self._sync_directory()

    def check(self, lab: str) -> None:
        """Look for the vault password and for a directory that can be written; reads an existing record."""
        path = self._path(lab)
        self._vault_secret()
        nearest = self._directory
        while not os.path.lexists(nearest):
            nearest = os.path.dirname(nearest)
        doing = f"write the record of lab {lab}"
        if not os.path.isdir(nearest):
            raise base.unavailable(doing, f"{nearest} is not a directory.", "Set store.directory to a directory.")
        try:
            # Without a name, so that nothing is left behind. Permission bits alone say too little: root passes them
            # everywhere, and a file system can be full, read-only or of a kind that takes no files.
            with tempfile.TemporaryFile(dir=nearest) as probe:
                probe.write(_HEADER.encode())
                probe.flush()
        except OSError as exc:
            raise base.unavailable(
                doing,
                f"the directory {self._directory} is not writable: {exc.strerror}, for a file in {nearest}.",
                "Make it writable for the user who runs Ansible, or set store.directory to another one.",
            ) from None
        if os.path.lexists(path):
            self.get(lab)

    def lock(self, lab: str, timeout: float = base.DEFAULT_LOCK_TIMEOUT) -> contextlib.AbstractContextManager[None]:
        """Next to the record, so that all who share the directory share the lock (where its file system has locks)."""
        return base.file_lock(os.path.join(self._directory, f".{base.lab_name(lab)}.run.lock"), lab, timeout)

    def _short_lock(self, lab: str) -> contextlib.AbstractContextManager[None]:
        """Held while comparing and writing only, whether or not the writer holds C(lock)."""
        return base.file_lock(os.path.join(self._directory, f".{lab}.write.lock"), lab, base.DEFAULT_LOCK_TIMEOUT)

    def _require_unchanged(self, after: base.Snapshot, path: str) -> None:
        try:
            with open(path, "rb") as file:
                version = hashlib.sha256(file.read()).hexdigest()
        except FileNotFoundError:
            version = ""
        if version != after.version:
            raise base.conflict(after.lab, self.location)

    def _write(self, path: str, content: bytes) -> None:
        temporary = f"{os.path.dirname(path)}/.{os.path.basename(path)}.{secrets.token_hex(8)}.new"
        # Only the encrypted text is ever written, and the mode is right from the first byte on.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.rename(temporary, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
        self._sync_directory()

    def _sync_directory(self) -> None:
        descriptor = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _encrypt(self, record: LabRecord, path: str) -> bytes:
        # Through JSON, because texts from a playbook can be of types that YAML's safe dumper does not take.
        text = _HEADER + yaml.safe_dump(json.loads(json.dumps(record.to_dict())), sort_keys=False)
        secret = self._vault_secret()
        try:
            return t.cast(bytes, VaultLib(self._secrets).encrypt(text, secret=secret, vault_id=self._vault_id))
        except AnsibleError:
            raise base.unavailable(
                f"encrypt the record of lab {record.lab} for {path}",
                "Ansible Vault refused it.",
                "Check the vault password.",
            ) from None

    def _decrypt(self, content: bytes, lab: str, path: str) -> LabRecord:
        doing = f"read the record of lab {lab}"
        if not self._secrets:
            raise self._no_password()
        if not VaultLib.is_encrypted(content):
            raise base.unavailable(
                doing,
                f"{path} is not encrypted with Ansible Vault.",
                "Move the file away if it is not one of this collection's.",
                "store_record_malformed",
            )
        try:
            text = VaultLib(self._secrets).decrypt(content)
        except AnsibleError:
            raise base.unavailable(
                doing,
                f"none of the run's vault passwords opens {path}.",
                "Give the vault password with which the record was written.",
                "vault_password_wrong",
            ) from None
        try:
            # The safe loader in C, where PyYAML has it.
            data = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
        except yaml.YAMLError:
            # The cause is dropped on purpose: it quotes the text.
            data = None
        return base.checked_record(data, lab)

    def _vault_secret(self) -> t.Any:
        if not self._secrets:
            raise self._no_password()
        try:
            found = match_encrypt_secret(self._secrets, self._vault_id)
        except AnsibleError:
            known = ", ".join(sorted({str(vault_id) for vault_id, secret in self._secrets}))
            raise CollectionError(
                f"There is no vault password with the id {self._vault_id}; the run has: {known}.",
                next_step=f"Run with --vault-id {self._vault_id}@<source>, or change store.vault_id.",
                reason="vault_password_missing",
            ) from None
        return found[1]

    def _no_password(self) -> CollectionError:
        return CollectionError(
            f"The store in {self._directory} needs a vault password, and this run has none.",
            next_step=(
                "Run with --vault-password-file, --vault-id or --ask-vault-pass, or set vault_password_file "
                "in ansible.cfg."
            ),
            reason="vault_password_missing",
        )

    @contextlib.contextmanager
    def _guarded(self, doing: str, path: str) -> t.Iterator[None]:
        try:
            yield
        except OSError as exc:
            raise self._unusable(doing, path, exc) from None

    def _unusable(self, doing: str, path: str, exc: OSError) -> CollectionError:
        return base.unavailable(
            doing,
            f"{exc.filename or path}: {exc.strerror}.",
            "Make the store's directory readable and writable for the user who runs Ansible, and see that the disk "
            "has room.",
        )
