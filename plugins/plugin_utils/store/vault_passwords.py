# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The run's vault passwords, as a store uses them: which one encrypts, which file they open, and what is damaged."""

from __future__ import annotations

import binascii
import contextlib
import functools
import hmac
import secrets
import shlex
import typing as t

from ansible.errors import AnsibleError
from ansible.parsing.vault import VaultLib, match_encrypt_secret

from ..base import run_directory
from ..base.errors import CollectionError
from .base import VaultSecret
from .reasons import StoreReason

# What Ansible calls passwords that were given without an id.
DEFAULT_ID = "default"

# In memory only. Workers have it from the process that they are forked from.
_KEY_OF_RUN = secrets.token_bytes(32)


class VaultPasswords:
    """The vault passwords of a run.

    :param passwords: pairs of vault id and password, in the order in which they were given.
    :param vault_id: of the password that encrypts; None: the first one.
    :param place: the store's directory, for messages.
    """

    def __init__(self, passwords: t.Sequence[VaultSecret], vault_id: str | None, place: str) -> None:
        self._secrets = list(passwords)
        self._vault_id = vault_id
        self._place = place

    @property
    def label(self) -> str:
        """The vault id that files carry which this run encrypts."""
        return self._vault_id or DEFAULT_ID

    def encrypting(self) -> VaultSecret:
        """Vault id and password that encrypt.

        :raises CollectionError: the run has no vault password, or none of that id.
        """
        if not self._secrets:
            raise CollectionError(
                f"The store in {self._place} needs a vault password, and this run has none.",
                next_step=(
                    "Run with --vault-password-file, --vault-id or --ask-vault-pass, or set vault_password_file "
                    "in ansible.cfg."
                ),
                reason=StoreReason.NO_PASSWORD,
            )
        try:
            found: VaultSecret = match_encrypt_secret(self._secrets, self._vault_id)
        except AnsibleError:
            known = ", ".join(sorted({str(vault_id) for vault_id, _password in self._secrets}))
            raise CollectionError(
                f"There is no vault password with the id {self._vault_id}; the run has: {known}.",
                next_step=f"Run with --vault-id {self._vault_id}@<source>, or change store.vault_id.",
                reason=StoreReason.NO_PASSWORD,
            ) from None
        return found

    def encrypt(self, text: str) -> bytes:
        """A vault file with that text.

        :raises CollectionError: as C(encrypting).
        """
        _id, password = self.encrypting()
        return t.cast(bytes, VaultLib(self._secrets).encrypt(text, secret=password, vault_id=self._vault_id))

    def decrypt(self, content: bytes) -> bytes | None:
        """The text of a vault file; None if no password opens it.

        :raises CollectionError: the run has no vault password.
        """
        self.encrypting()
        return _decrypted(tuple(self._secrets), content)

    def writer_opens(self, content: bytes) -> bool:
        """Whether the password that encrypts opens a file. Once it did, no worker of the run tries the same file again.

        :raises CollectionError: as C(encrypting).
        """
        secret = self.encrypting()
        # Nobody can tell anything from the name of the note, or leave one, who has not this run's key.
        mark = hmac.digest(_KEY_OF_RUN, secret[1].bytes + b"\0" + content, "sha256").hex()
        opened = run_directory.note(f"opened-{mark}")
        if opened.exists():
            return True
        opens = _decrypted((secret,), content) is not None
        if opens:
            with contextlib.suppress(OSError):
                opened.touch(mode=0o600)
        return opens

    def id_that_opens(self, content: bytes) -> str:
        """The vault id of the run's password that opens a file; empty if none does."""
        return next((str(pair[0]) for pair in self._secrets if _decrypted((pair,), content) is not None), "")

    def view_command(self, path: str) -> str:
        """The shell command that shows a file, with the passwords from where this run has them."""
        sources = []
        for vault_id, password in self._secrets:
            # Passwords from files and programs know their file; all others were typed.
            source = getattr(password, "filename", None) or "prompt"
            sources.append(f"--vault-id={vault_id}@{source}")
        return shlex.join(["ansible-vault", "view", *dict.fromkeys(sources), path])


def is_encrypted(content: bytes) -> bool:
    """Whether a file is one of Ansible Vault's."""
    return bool(VaultLib.is_encrypted(content))


def label_of(content: bytes) -> str:
    """The vault id in the header of a vault file."""
    header = content.split(b"\n", 1)[0].split(b";")
    return header[3].strip().decode(errors="replace") if len(header) > 3 else DEFAULT_ID


def is_whole(content: bytes) -> bool:
    """Whether a vault file can be whole, which needs no password to tell.

    By the vault format 1.1 to 1.2 (Ansible's guide on vault): a header line, then the hexadecimal digits of salt, HMAC
    (SHA-256) and ciphertext (AES in blocks of 16 bytes, padded), each on a line, all that in hexadecimal digits again.
    """
    _header, _newline, body = content.partition(b"\n")
    try:
        salt, mac, ciphertext = binascii.unhexlify(b"".join(body.split())).split(b"\n")
        sizes = [len(binascii.unhexlify(part)) for part in (salt, mac, ciphertext)]
    except ValueError:
        return False
    return body.endswith(b"\n") and sizes[0] > 0 and sizes[1] == 32 and sizes[2] > 0 and sizes[2] % 16 == 0


@functools.lru_cache(maxsize=4)
def _decrypted(passwords: tuple[VaultSecret, ...], content: bytes) -> bytes | None:
    """The text of a vault file; None if no password opens it.

    A key is derived from the password for each file, which takes longer than all else that a store does, so what a
    worker reads twice it opens once.
    """
    try:
        return t.cast(bytes, VaultLib(list(passwords)).decrypt(content))
    except AnsibleError:
        return None
