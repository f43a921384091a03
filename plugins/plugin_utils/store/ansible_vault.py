# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A vault-encrypted file a lab, which C(ansible-vault view) can read."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
import tempfile
import typing as t

import yaml
from ansible.module_utils.common.yaml import yaml_dump

from ..base.errors import CollectionError, invalid_options
from . import base, private_files, vault_passwords
from .reasons import StoreReason, store_error
from .record import LabRecord
from .vault_proof import CHECK_FILE, PasswordProof

_HEADER = "# Written by labops.cloudresearch: the access keys of one lab. Do not edit.\n"
# libyaml's parser runs out of stack, and the process dies, on texts that nest some ten thousand levels deep.
_SAFE_FOR_LIBYAML = 4096

# Directories whose files Ansible decrypts and reads as variables, beside an inventory or a playbook.
_READ_AS_VARIABLES = frozenset({"group_vars", "host_vars"})


def _full_path(options: base.Options) -> str:
    return os.path.abspath(os.path.expanduser(os.path.expandvars(str(options["directory"]))))


def warning_about_place(options: base.Options, inventory_sources: t.Iterable[str]) -> str:
    """What to say of a store whose directory Ansible reads as inventory; empty if it does not.

    :param options: those of a store of any type.
    :param inventory_sources: files and directories, C(ansible_inventory_sources) of a task.
    """
    if options.get("type") != AnsibleVaultStore.type_name or not options.get("directory"):
        return ""
    directory = pathlib.Path(_full_path(options))
    for source in map(os.path.abspath, inventory_sources):
        inside = directory.is_relative_to(source) and os.path.isdir(source)
        if inside and not any(part.startswith(".") for part in directory.relative_to(source).parts):
            return (
                f"The store's directory {directory} is inside the inventory {source}. Ansible decrypts the labs' "
                "records and tries to read them as inventory, which is slow, prints warnings, and fails without the "
                "vault password. Move the directory out of the inventory, for example to "
                "{{ inventory_dir }}/../lab_keys, and set store.directory to it."
            )
    return ""


class AnsibleVaultStore(base.SecretStore):
    """Files C(<directory>/<lab>.yml) of mode 0600, encrypted with the run's vault password.

    :param options: C(directory), C(vault_id) to choose among several vault passwords, and C(allow_shared_directory).
    """

    type_name = "ansible_vault"

    def __init__(self, options: base.Options, surroundings: base.Surroundings) -> None:
        if not options.get("directory"):
            raise invalid_options(
                "The store of type ansible_vault needs the option directory.",
                "Set store.directory, for example to {{ inventory_dir }}/lab_keys.",
            )
        self._directory = _full_path(options)
        if not _READ_AS_VARIABLES.isdisjoint(pathlib.PurePath(self._directory).parts):
            raise invalid_options(
                f"The store's directory {self._directory} is in a place whose files Ansible decrypts and reads as "
                "variables, so the labs' secrets would be among them.",
                "Move the files to a directory of their own, for example {{ inventory_dir }}/lab_keys, and set "
                "store.directory to it.",
            )
        vault_id = str(options["vault_id"]) if options.get("vault_id") else None
        self._passwords = vault_passwords.VaultPasswords(surroundings.vault_secrets, vault_id, self._directory)
        self._only_warn = bool(options.get("allow_shared_directory"))
        self._warn = surroundings.warn
        self._private = False
        self._proof = PasswordProof(self._directory, self._passwords)

    @property
    def location(self) -> str:
        """The directory."""
        return self._directory

    def _path(self, lab: str) -> str:
        return os.path.join(self._directory, f"{base.lab_name(lab)}.yml")

    def get(self, lab: str) -> base.Snapshot:
        """Read and decrypt the lab's file; its version is the hash of what is on disk."""
        path = self._path(lab)
        doing = f"read the record of lab {lab}"
        with self._file_errors_during(doing, path):
            self._require_private(doing)
            content = private_files.read_file(path)
            if content is None:
                self._proof.require(doing)
                return base.Snapshot(lab, None)
            return base.Snapshot(lab, self._decrypt(content, lab, path), _version(content))

    def put(self, record: LabRecord, after: base.Snapshot) -> base.Snapshot:
        """Write the lab's file, encrypted, next to the old one and then in its place."""
        path = self._path(record.lab)
        doing = f"write the record of lab {record.lab}"
        # Through JSON, because texts from a playbook can be of types that YAML's safe dumper does not take.
        text = _HEADER + yaml_dump(json.loads(json.dumps(record.to_dict())), sort_keys=False)
        with self._file_errors_during(doing, path):
            self._require_private(doing)
            self._proof.require(doing)
            content = self._passwords.encrypt(text)
            private_files.make_private_directory(self._directory)
            self._proof.leave(doing, self._check_lock(record.lab))
            with self._short_lock(record.lab):
                self._require_unchanged(after, path)
                private_files.write_file(path, content)
        return base.Snapshot(record.lab, record, _version(content))

    def delete(self, after: base.Snapshot) -> None:
        """Remove the lab's file, and with the last one the file that proves the password."""
        path = self._path(after.lab)
        doing = f"remove the record of lab {after.lab}"
        if not os.path.isdir(self._directory):
            return
        with self._file_errors_during(doing, path):
            self._require_private(doing)
            with self._short_lock(after.lab):
                self._require_unchanged(after, path)
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
                    private_files.sync_directory(self._directory)
            with self._check_lock(after.lab):
                self._proof.clear_away()

    def check(self, lab: str) -> None:
        """Look for the right vault password and for a directory that can be written; reads an existing record."""
        path = self._path(lab)
        doing = f"write the record of lab {lab}"
        self._passwords.encrypting()
        nearest = self._directory
        while not os.path.lexists(nearest):
            nearest = os.path.dirname(nearest)
        if not os.path.isdir(nearest):
            raise store_error(
                StoreReason.UNAVAILABLE,
                doing,
                f"{nearest} is not a directory.",
                "Set store.directory to a directory.",
            )
        try:
            # Without a name, so that nothing is left behind. Permission bits alone say too little: root passes them
            # everywhere, and a file system can be full, read-only or of a kind that takes no files.
            with tempfile.TemporaryFile(dir=nearest) as probe:
                probe.write(_HEADER.encode())
                probe.flush()
        except OSError as exc:
            raise store_error(
                StoreReason.DENIED if isinstance(exc, PermissionError) else StoreReason.UNAVAILABLE,
                doing,
                f"the directory {self._directory} is not writable: {exc.strerror}, for a file in {nearest}.",
                "Make it writable for the user who runs Ansible, or set store.directory to another one.",
            ) from None
        with self._file_errors_during(doing, path):
            self._require_private(doing)
            self._proof.require(doing)
        self.get(lab)

    def read_command(self, lab: str) -> str:
        """C(ansible-vault view), which takes typed passwords from its user again."""
        return self._passwords.view_command(self._path(lab))

    def lock(self, lab: str, timeout: float = base.DEFAULT_LOCK_TIMEOUT) -> contextlib.AbstractContextManager[None]:
        """Next to the record, so that all who share the directory share the lock (where its file system has locks)."""
        return self._file_lock(f".{base.lab_name(lab)}.run.lock", lab, timeout)

    def _short_lock(self, lab: str) -> contextlib.AbstractContextManager[None]:
        """Held while comparing and writing only, whether or not the writer holds C(lock)."""
        return self._file_lock(f".{lab}.write.lock", lab)

    def _check_lock(self, lab: str) -> contextlib.AbstractContextManager[None]:
        return self._file_lock(f".{CHECK_FILE}.lock", lab)

    def _file_lock(
        self, name: str, lab: str, timeout: float = base.DEFAULT_LOCK_TIMEOUT
    ) -> contextlib.AbstractContextManager[None]:
        # What cannot be made is told by the lock itself.
        with contextlib.suppress(OSError):
            private_files.make_private_directory(self._directory)
        return base.file_lock(os.path.join(self._directory, name), lab, timeout)

    def _require_unchanged(self, after: base.Snapshot, path: str) -> None:
        content = private_files.read_file(path)
        if ("" if content is None else _version(content)) != after.version:
            raise base.conflict(after.lab, self.location)

    # --- Who else may write --------------------------------------------------------------------------------------

    def _require_private(self, doing: str) -> None:
        if self._private:
            return
        why = private_files.why_not_private(self._directory)
        if why and self._only_warn:
            self._warn(f"Others may replace and remove the records in {self._directory}: {why}.")
        elif why:
            raise store_error(
                StoreReason.NOT_PRIVATE,
                doing,
                f"others may replace and remove the records in {self._directory}: {why}.",
                "Make the directory, and those above it, writable for the user who runs Ansible only; or set "
                "store.allow_shared_directory: true if that is meant.",
            )
        self._private = True

    def _decrypt(self, content: bytes, lab: str, path: str) -> LabRecord:
        doing = f"read the record of lab {lab}"
        if len(content) > private_files.MAX_BYTES or not vault_passwords.is_encrypted(content):
            raise store_error(
                StoreReason.RECORD_MALFORMED,
                doing,
                f"{path} is not encrypted with Ansible Vault, or too large for a record.",
                "Move the file away if it is not one of this collection's; else restore it from a backup.",
            )
        text = self._passwords.decrypt(content)
        if text is None:
            raise self._cannot_decrypt_error(doing, path, content)
        fast = yaml.SafeLoader if len(text) > _SAFE_FOR_LIBYAML else getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            data = yaml.load(text, Loader=fast)  # noqa: S506
        except (yaml.YAMLError, RecursionError):
            # The cause is dropped on purpose: it quotes the text.
            data = None
        return base.checked_record(data, lab)

    def _cannot_decrypt_error(self, doing: str, path: str, content: bytes) -> CollectionError:
        """Tell a wrong password from a damaged record, as far as that can be told."""
        restore = "Restore it from a backup or from version control"
        if not vault_passwords.is_whole(content):
            why, next_step = f"{path} is damaged: it is cut off or garbled.", f"{restore}, then run again."
        elif self._proof.opened_by_this_run():
            why = f"{path} is damaged, or was encrypted with another password than the store's {CHECK_FILE}."
            next_step = f"{restore}, or run with that other password as a further --vault-id."
        else:
            return store_error(
                StoreReason.WRONG_PASSWORD,
                doing,
                f"none of the run's vault passwords opens {path}.",
                "Give the vault password with which the record was written.",
            )
        return store_error(StoreReason.RECORD_MALFORMED, doing, why, next_step)

    @contextlib.contextmanager
    def _file_errors_during(self, doing: str, path: str) -> t.Iterator[None]:
        try:
            yield
        except PermissionError as exc:
            raise store_error(
                StoreReason.DENIED,
                doing,
                f"{exc.filename or path}: {exc.strerror}.",
                "Make the store's directory and its files readable and writable for the user who runs Ansible.",
            ) from None
        except OSError as exc:
            raise store_error(
                StoreReason.UNAVAILABLE,
                doing,
                f"{exc.filename or path}: {exc.strerror}.",
                "See that the store's directory is one and that its disk is there, healthy and has room.",
            ) from None


def _version(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
