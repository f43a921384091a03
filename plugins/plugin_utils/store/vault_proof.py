# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""That a vault password is the one of a store, and not a mistyped one.

Records under a mistyped password would be lost to the right one. So a store's directory holds one more file, which
the first writer makes. The password that encrypts has to open it before anything is written, and before it counts that
a lab has no record, because then a user and a key are made next.
"""

from __future__ import annotations

import contextlib
import os
import typing as t

from ..base.errors import CollectionError
from . import private_files, vault_passwords
from .reasons import StoreReason, store_error

# No lab's name begins with an underscore, and C(ansible-vault rekey *.yml) takes this file along.
CHECK_FILE = "_vault_check.yml"
_TEXT = "# Written by labops.cloudresearch: opens with the vault password of this store. Keep it.\n"
# How many records are tried in a directory that has no such file yet.
_WITNESSES = 10


class PasswordProof:
    """The check file of one store directory."""

    def __init__(self, directory: str, passwords: vault_passwords.VaultPasswords) -> None:
        self._directory = directory
        self._passwords = passwords
        self._path = os.path.join(directory, CHECK_FILE)
        self._proved = False
        self._left = False

    def require(self, doing: str) -> None:
        """Make sure that the password that encrypts opens what is in the store already.

        :raises CollectionError: it does not, or there is no password and something to open.
        :raises OSError: the directory cannot be read.
        """
        if self._proved:
            return
        witnesses = list(self._files_to_open())
        if witnesses and not any(self._passwords.writer_opens(content) for _path, content in witnesses):
            raise self._wrong_password(doing, *witnesses[0])
        self._proved = True

    def leave(self, doing: str, lock: contextlib.AbstractContextManager[None]) -> None:
        """Write the check file if there is none. Of several first writers one does, and the others are held to it.

        :param lock: what first writers take turns with.
        :raises CollectionError: as C(require).
        :raises OSError: it cannot be written.
        """
        if self._left:
            return
        with lock:
            if self._check_file():
                self._proved = False
                self.require(doing)
            else:
                private_files.write_file(self._path, self._passwords.encrypt(_TEXT))
        self._left = True

    def clear_away(self) -> None:
        """Remove the check file of a store that holds nothing else, which may take another password from now on.

        :raises OSError: it cannot be removed.
        """
        if not self._records():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path)
            self._left = False

    def opened_by_this_run(self) -> bool:
        """Whether one of the run's passwords opens the check file."""
        check = self._check_file()
        return check is not None and self._passwords.decrypt(check) is not None

    def _files_to_open(self) -> t.Iterator[tuple[str, bytes]]:
        """Path and content of the files of which the password has to open one.

        The check file if the same vault id wrote it. Else records of that vault id; if there are none, anything.
        """
        check = self._check_file()
        self._left = check is not None
        if check and vault_passwords.label_of(check) == self._passwords.label:
            yield self._path, check
            return
        found = [(path, private_files.read_file(path) or b"") for path in self._records()]
        whole = [(path, content) for path, content in found if vault_passwords.is_encrypted(content)]
        same_id = [pair for pair in whole if vault_passwords.label_of(pair[1]) == self._passwords.label]
        yield from (same_id or whole)[:_WITNESSES]
        if check and not same_id:
            yield self._path, check

    def _check_file(self) -> bytes | None:
        """The check file, unless it is damaged: then the records are asked, and it is written anew."""
        content = private_files.read_file(self._path)
        return content if content and vault_passwords.is_whole(content) else None

    def _records(self) -> list[str]:
        """Paths of all labs' records, in the order of their names."""
        try:
            names = os.listdir(self._directory)
        except (FileNotFoundError, NotADirectoryError):
            return []
        kept = sorted(name for name in names if name.endswith(".yml") and name != CHECK_FILE and name[0] != ".")
        return [os.path.join(self._directory, name) for name in kept]

    def _wrong_password(self, doing: str, path: str, content: bytes) -> CollectionError:
        if found := self._passwords.id_that_opens(content):
            next_step = f"Set store.vault_id to {found}. A further vault id takes a directory of its own."
        else:
            next_step = (
                "Give the vault password with which the store's records were written (vault id "
                f"{vault_passwords.label_of(content)}). Only if none of them is left, remove {path}."
            )
        return store_error(
            StoreReason.WRONG_PASSWORD,
            doing,
            f"the vault password that encrypts (vault id {self._passwords.encrypting()[0]}) does not open {path}. "
            "Nothing is written with a password that may be mistyped.",
            next_step,
        )
