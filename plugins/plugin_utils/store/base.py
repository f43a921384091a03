# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every store does: read, write and delete one lab's record, one run at a time."""

from __future__ import annotations

import abc
import collections.abc
import contextlib
import dataclasses
import hashlib
import json
import os
import re
import socket
import time
import typing as t

from ..aws.connection import AwsConnection
from ..base import locks, times
from ..base.errors import CollectionError
from .reasons import StoreReason, store_error
from .record import LabRecord

# Names that every store takes as they are: no separators, no leading dot, nothing that a path or an URL could bend.
_LAB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,126}")

DEFAULT_LOCK_TIMEOUT = 120.0


# Those of the option C(store); their types are in C(options.STORE_ARGUMENT_SPEC).
Options = t.Mapping[str, t.Any]
# A vault id, and the password as Ansible holds it.
VaultSecret = tuple[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """A record as it was read or written.

    :param record: None when the store has no record of the lab.
    :param version: names exactly this content, for the check-and-set of the next write; empty when there is none.
    """

    lab: str
    record: LabRecord | None
    version: str = ""


@dataclasses.dataclass(frozen=True)
class Surroundings:
    """What a store may need besides its options.

    :param lab_connection: makes the way into the lab's AWS account, for stores that live there.
    :param vault_secrets: the run's vault passwords, as pairs of vault id and secret.
    :param warn: tells the operator something that is no error.
    """

    lab_connection: t.Callable[[], AwsConnection] | None = None
    vault_secrets: t.Sequence[VaultSecret] = dataclasses.field(default=(), repr=False)
    warn: t.Callable[[str], None] = lambda message: None


class SecretStore(abc.ABC):
    """One place that keeps lab records. A type is one subclass in one file, and one line in the registry.

    :cvar type_name: the value of the store option C(type); what options it has is in C(options.OPTIONS_BY_TYPE).
    """

    type_name: t.ClassVar[str]

    @abc.abstractmethod
    def __init__(self, options: Options, surroundings: Surroundings) -> None:
        """Look at the options only; what needs a connection or a password waits until it is used.

        :raises CollectionError: an option is missing or wrong.
        """

    @property
    @abc.abstractmethod
    def location(self) -> str:
        """Where the records are, for people and to tell stores apart. Never holds a secret."""

    @abc.abstractmethod
    def get(self, lab: str) -> Snapshot:
        """Read a lab's record.

        That there is none counts only where it is proved that the records would be there: the right engine, the right
        password, nothing that is deleted but can be restored.

        :raises CollectionError: the store cannot be read, or what it holds is not this lab's record. The reason is one
            of C(StoreReason), or for AWS stores what AWS says of the credentials.
        """

    @abc.abstractmethod
    def put(self, record: LabRecord, after: Snapshot) -> Snapshot:
        """Write a lab's record, all of it or nothing.

        :param after: what this writer last saw; another content in the store means that another run wrote.
        :raises CollectionError: with C(reason=store_conflict) when another run wrote, and then nothing is changed.
        """

    @abc.abstractmethod
    def delete(self, after: Snapshot) -> None:
        """Remove a lab's record; that it is gone already is fine.

        :raises CollectionError: as for C(put).
        """

    @abc.abstractmethod
    def check(self, lab: str) -> None:
        """Find out whether the lab's record can be written, as far as that can be known without a trace.

        A store that cannot tell without writing reads instead; the intent that is written before every key creation
        is the last proof.

        :raises CollectionError: it cannot be written.
        """

    @abc.abstractmethod
    def read_command(self, lab: str) -> str:
        """The shell command with which a person sees the lab's record, in a terminal and in no log.

        It takes the password or the credentials from where that person's shell has them, and holds no secret.
        """

    def lock(self, lab: str, timeout: float = DEFAULT_LOCK_TIMEOUT) -> contextlib.AbstractContextManager[None]:
        """Keep other runs on this control node from the lab. Runs elsewhere are kept apart by check-and-set."""
        name = hashlib.sha256(f"{self.type_name} {self.location} {lab_name(lab)}".encode()).hexdigest()
        directory = os.path.join(_ansible_home(), "labops_cloudresearch", "locks")
        return file_lock(os.path.join(directory, f"{name}.lock"), lab, timeout)

    def _still_there(self, after: Snapshot) -> bool:
        """Whether the record that was read is still the one in the store, for stores without conditional removal.

        :raises CollectionError: another run wrote it since.
        """
        found = self.get(after.lab)
        if found.version and found.version != after.version:
            raise conflict(after.lab, self.location)
        return bool(found.version)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.location!r})"


def lab_name(lab: str) -> str:
    """The lab's name, if it can be the name of a record.

    :raises CollectionError: it cannot.
    """
    if not isinstance(lab, str) or not _LAB_NAME.fullmatch(lab):
        raise CollectionError(
            f"{lab!r} cannot be the name of a lab's record in a store.",
            next_step=(
                "Use letters, digits, dots, hyphens and underscores, beginning with a letter or digit, 127 at most; "
                "set the option lab where the inventory name does not fit."
            ),
            reason="invalid_lab_name",
        )
    # A plain str: names from a playbook can be subclasses that carry Ansible's tags.
    return str(lab)


def dump_record(record: LabRecord) -> str:
    """The record as JSON text, for stores that keep texts. Holds the secret."""
    return json.dumps(record.to_dict(), separators=(",", ":"))


def load_record(text: str | bytes, lab: str) -> LabRecord:
    """Read what C(dump_record) wrote, and make sure that it is this lab's.

    :raises CollectionError: it is not.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        # The cause is dropped on purpose: it quotes the text.
        data = None
    return checked_record(data, lab)


def checked_record(data: object, lab: str) -> LabRecord:
    """The record in plain data, if it is this lab's.

    :raises CollectionError: it is not.
    """
    record = LabRecord.from_dict(data)
    if record.lab != lab:
        raise CollectionError(
            f"The store's record under the name {lab} is the record of lab {record.lab}.",
            next_step="Give every lab its own name in the store; some file systems ignore upper and lower case.",
            reason=StoreReason.RECORD_OF_OTHER_LAB,
        )
    return record


def conflict(lab: str, location: str) -> CollectionError:
    """Another run wrote the lab's record since this one read it."""
    return CollectionError(
        f"The record of lab {lab} in {location} was changed by another run while this one worked on it.",
        next_step="Let the other run end, then run again.",
        reason=StoreReason.CONFLICT,
    )


@contextlib.contextmanager
def file_lock(path: str, lab: str, timeout: float) -> collections.abc.Iterator[None]:
    """Hold the lock on a lab's record, which is a file that is gone afterwards.

    :raises CollectionError: another run held it for C(timeout) seconds, and which; or there can be no lock.
    """
    deadline = time.monotonic() + timeout

    def wait() -> None:
        if time.monotonic() >= deadline:
            raise CollectionError(
                f"Another run{_lock_holder(path)} has been working on the keys of lab {lab} for more than "
                f"{timeout:.0f} seconds.",
                next_step="Let it end, then run again.",
                reason=StoreReason.LAB_BUSY,
            )
        time.sleep(0.05)

    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(locks.exclusive(path, wait, remove=True))
            file.write(f"process {os.getpid()} on {socket.gethostname()}, since {times.timestamp(times.now())}")
            file.flush()
        except OSError as exc:
            raise store_error(
                StoreReason.UNAVAILABLE,
                f"lock the record of lab {lab}",
                f"{path}: {exc.strerror}.",
                "Make the directory writable for the user who runs Ansible.",
            ) from None
        yield


def _lock_holder(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            written = file.read(200)
    except (OSError, ValueError):
        return ""
    return f" ({written})" if written.isprintable() and written else ""


def _ansible_home() -> str:
    return os.path.expanduser(os.environ.get("ANSIBLE_HOME") or "~/.ansible")
