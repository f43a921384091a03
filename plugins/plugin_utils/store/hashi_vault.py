# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret a lab in a KV version 2 engine of HashiCorp Vault or OpenBao, written with check-and-set."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil

from ..base.addresses import may_take_a_secret
from ..base.errors import CollectionError, invalid_options
from . import base, hashi_client
from .reasons import StoreReason, record_deleted, store_error
from .record import LabRecord

try:
    import hvac.exceptions
except ImportError:  # the client says what is missing
    pass

_PREFIX = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9_.-]*/)*")


class HashiVaultStore(base.SecretStore):
    """Secrets C(<prefix><lab>) of one KV version 2 engine."""

    type_name = "hashi_vault"

    def __init__(self, options: base.Options, surroundings: base.Surroundings) -> None:
        self._options = dict(options)
        self._url = str(options.get("url") or os.environ.get("VAULT_ADDR") or os.environ.get("BAO_ADDR") or "").strip()
        self._mount = str(options.get("mount_point", "secret")).strip("/")
        self._prefix = str(options.get("prefix", "cloudresearch/labs/"))
        self._client: hvac.Client | None = None
        if not self._url:
            raise invalid_options(
                "The store of type hashi_vault needs the server's address.", "Set store.url or VAULT_ADDR."
            )
        if not may_take_a_secret(self._url):
            raise invalid_options(
                "The store's address has to begin with https:// and to hold no user name: else a token and keys could "
                "cross the network readable by anyone.",
                "Set store.url (or VAULT_ADDR) to https://<host>:<port>. Only a server on this machine may use http://.",
            )
        if not _PREFIX.fullmatch(self._prefix):
            raise invalid_options(
                f"store.prefix {self._prefix!r} cannot begin a path in the store.",
                "Use letters, digits, full stops, hyphens and underscores, each part followed by a slash.",
            )
        if bool(options.get("role_id")) != bool(options.get("secret_id")):
            raise invalid_options(
                "AppRole needs both store.role_id and store.secret_id.", "Give both, or a token instead."
            )
        if options.get("role_id") and options.get("token"):
            raise invalid_options("Both a token and an AppRole were given for the store.", "Give one of them.")

    @property
    def location(self) -> str:
        """The server's address and the path of the records."""
        namespace = self._namespace
        return f"{self._url}{f' (namespace {namespace})' if namespace else ''} under {self._mount}/{self._prefix}"

    @property
    def _namespace(self) -> str | None:
        return self._options.get("namespace") or os.environ.get("VAULT_NAMESPACE") or None

    def _path(self, lab: str) -> str:
        return f"{self._prefix}{base.lab_name(lab)}"

    def get(self, lab: str) -> base.Snapshot:
        """Read the newest version of the lab's secret."""
        with self._errors_during("read", lab):
            kv = self._kv
            try:
                answer = kv.read_secret_version(
                    path=self._path(lab), mount_point=self._mount, raise_on_deleted_version=True
                )
            except hvac.exceptions.InvalidPath as exc:
                # What is deleted or destroyed comes as an error that describes it.
                answer = exc.json
                if not (isinstance(answer, dict) and answer.get("data")):
                    self._prove_engine(lab)
                    return base.Snapshot(lab, None)
        try:
            found, data = answer["data"]["metadata"], answer["data"]["data"]
            version, destroyed = str(found["version"]), found["destroyed"]
        except (KeyError, TypeError):
            raise self._no_engine(lab, "what answers there is not a KV engine of version 2") from None
        if data is None and not destroyed:
            command = self._cli_command("undelete", lab, f"-versions={version}")
            raise record_deleted(lab, f"version {version}, {self.location}", command)
        # After a version that was destroyed, writing goes on with its number.
        return base.Snapshot(lab, base.checked_record(data, lab) if data is not None else None, version)

    def put(self, record: LabRecord, after: base.Snapshot) -> base.Snapshot:
        """Write a new version if the newest one is still the one that was read."""
        with self._errors_during("write", record.lab):
            kv = self._kv
            try:
                answer = kv.create_or_update_secret(
                    path=self._path(record.lab),
                    secret=record.to_dict(),
                    cas=int(after.version or 0),
                    mount_point=self._mount,
                )
            except hvac.exceptions.InvalidRequest as exc:
                if "check-and-set" not in str(exc):
                    raise
                # It may be this very write, made again because the first answer was lost.
                found = self.get(record.lab)
                if found.version == str(int(after.version or 0) + 1) and found.record == record:
                    return found
                raise base.conflict(record.lab, self.location) from None
            return base.Snapshot(record.lab, record, str(answer["data"]["version"]))

    def delete(self, after: base.Snapshot) -> None:
        """Remove the lab's secret with all its versions."""
        if not self._still_there(after):
            return
        with self._errors_during("remove", after.lab):
            self._kv.delete_metadata_and_all_versions(path=self._path(after.lab), mount_point=self._mount)

    def check(self, lab: str) -> None:
        """Prove the engine, read the record, and ask the server whether this token may write it."""
        self._prove_engine(lab)
        self.get(lab)
        path = f"{self._mount}/data/{self._path(lab)}"
        with self._errors_during("write", lab):
            try:
                answer = self._connected.adapter.post("/v1/sys/capabilities-self", json={"paths": [path]})
            except hvac.exceptions.Forbidden:
                # A token without the default policy may not ask; the first write will tell.
                return
            allowed = set((answer.get("data") or answer).get(path, ()))
        needed = {"create", "update"}
        if "root" not in allowed and not needed <= allowed:
            missing = ", ".join(sorted(needed - allowed))
            raise store_error(
                StoreReason.DENIED,
                f"write the record of lab {lab}",
                f"the token may not {missing} {path}.",
                f"Give its policy {self._needed_rights}.",
            )

    def _prove_engine(self, lab: str) -> None:
        """Make sure that a KV engine of version 2 is mounted there.

        Version 1 answers the requests of version 2, too: everything looks empty, and writes go to wrong paths. What is
        mounted where is told by the endpoint that the servers' own command line asks before each KV command
        (/sys/internal/ui/mounts/:path); a token may ask if its policy names any path in the mount.

        :raises CollectionError: something else is mounted there, or nothing.
        """
        with self._errors_during("find the engine of", lab):
            adapter = self._connected.adapter
            try:
                found = adapter.get(f"/v1/sys/internal/ui/mounts/{self._mount}")["data"]
            except hvac.exceptions.Forbidden as exc:
                if "preflight" not in str(exc):
                    raise
                raise self._no_engine(lab, "nothing is mounted there, or the token has no rights in it") from None
            except (KeyError, TypeError):
                raise self._no_engine(lab, "what answers there is not a KV engine of version 2") from None
            version = (found.get("options") or {}).get("version", "1")
        if found.get("type") != "kv":
            raise self._no_engine(lab, f"the engine there is of type {found.get('type')}, not kv")
        if str(found.get("path")).strip("/") != self._mount:
            raise self._no_engine(lab, f"the engine is mounted at {found.get('path')}")
        if version != "2":
            raise self._no_engine(lab, f"the KV engine there is of version {version}")

    def _no_engine(self, lab: str, why: str) -> CollectionError:
        return store_error(
            StoreReason.WRONG_ENGINE,
            f"use the record of lab {lab} ({self.location})",
            f"{why}; the store needs a KV engine of version 2.",
            f"Set store.mount_point to one (and check store.url and store.namespace), or give the token's policy "
            f"{self._needed_rights}.",
        )

    @property
    def _needed_rights(self) -> str:
        below = f"{self._prefix}*"
        return f"create, read and update on {self._mount}/data/{below} and delete on {self._mount}/metadata/{below}"

    def read_command(self, lab: str) -> str:
        """C(kv get); the token is the one that the command line has."""
        return self._cli_command("get", lab, "-format=json")

    def _cli_command(self, verb: str, lab: str, *flags: str) -> str:
        # The two servers' command lines take the same arguments, and each of them works with both servers.
        program = "bao" if shutil.which("bao") and not shutil.which("vault") else "vault"
        where = [f"-address={self._url}", f"-mount={self._mount}"]
        if self._namespace:
            where.append(f"-namespace={self._namespace}")
        if self._ca_cert:
            where.append(f"-ca-cert={self._ca_cert}")
        return shlex.join([program, "kv", verb, *where, *flags, self._path(lab)])

    @property
    def _ca_cert(self) -> str:
        return str(self._options.get("ca_cert") or os.environ.get("VAULT_CACERT") or "")

    @property
    def _kv(self) -> hvac.api.secrets_engines.KvV2:
        return self._connected.secrets.kv.v2

    @property
    def _connected(self) -> hvac.Client:
        if self._client is None:
            self._client = hashi_client.sign_in(self._url, self._namespace, self._ca_cert, self._options)
        return self._client

    def _errors_during(self, doing: str, lab: str) -> contextlib.AbstractContextManager[None]:
        return hashi_client.saying(f"{doing} the record of lab {lab} ({self.location})", self._needed_rights)
