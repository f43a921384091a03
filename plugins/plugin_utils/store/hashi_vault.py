# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret a lab in a KV version 2 engine of HashiCorp Vault or OpenBao, written with check-and-set."""

from __future__ import annotations

import contextlib
import os
import re
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store import base
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.record import LabRecord

try:
    import hvac
    import requests.exceptions

    HAS_HVAC = True
except ImportError:
    HAS_HVAC = False

_PREFIX = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9_.-]*/)*")
_DEFAULT_TIMEOUT = 30.0


class HashiVaultStore(base.SecretStore):
    """Secrets C(<prefix><lab>) of one KV version 2 engine."""

    type_name = "hashi_vault"
    option_names = frozenset(
        {
            "url",
            "namespace",
            "mount_point",
            "prefix",
            "token",
            "role_id",
            "secret_id",
            "approle_mount_point",
            "ca_cert",
            "validate_certs",
            "timeout",
        }
    )

    def __init__(self, options: t.Mapping[str, t.Any], surroundings: base.Surroundings) -> None:
        self._options = dict(options)
        self._url = str(options.get("url") or os.environ.get("VAULT_ADDR") or os.environ.get("BAO_ADDR") or "")
        self._mount = str(options.get("mount_point", "secret")).strip("/")
        self._prefix = str(options.get("prefix", "cloudresearch/labs/"))
        self._client: t.Any = None
        if not self._url:
            raise _invalid("The store of type hashi_vault needs the server's address.", "Set store.url or VAULT_ADDR.")
        if not _PREFIX.fullmatch(self._prefix):
            raise _invalid(
                f"store.prefix {self._prefix!r} cannot begin a path in the store.",
                "Use letters, digits, full stops, hyphens and underscores, each part followed by a slash.",
            )
        if bool(options.get("role_id")) != bool(options.get("secret_id")):
            raise _invalid("AppRole needs both store.role_id and store.secret_id.", "Give both, or a token instead.")
        if options.get("role_id") and options.get("token"):
            raise _invalid("Both a token and an AppRole were given for the store.", "Give one of them.")

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
        path = self._path(lab)
        with self._saying("read", lab):
            try:
                answer = self._kv.read_secret_version(
                    path=path, mount_point=self._mount, raise_on_deleted_version=False
                )
            except hvac.exceptions.InvalidPath as exc:
                if getattr(exc, "errors", None):
                    # A path that holds nothing is answered without an error text; a wrong mount point has one.
                    raise
                return base.Snapshot(lab, None)
        try:
            version = str(answer["data"]["metadata"]["version"])
            data = answer["data"]["data"]
        except (KeyError, TypeError):
            raise base.unavailable(
                f"read the record of lab {lab} ({self.location})",
                "what answers there is no KV engine of version 2.",
                "Check store.url and store.mount_point.",
            ) from None
        # Someone may have deleted the newest version by hand; writing goes on after its number.
        return base.Snapshot(lab, base.checked_record(data, lab) if data is not None else None, version)

    def put(self, record: LabRecord, after: base.Snapshot) -> base.Snapshot:
        """Write a new version if the newest one is still the one that was read."""
        with self._saying("write", record.lab):
            try:
                answer = self._kv.create_or_update_secret(
                    path=self._path(record.lab),
                    secret=record.to_dict(),
                    cas=int(after.version or 0),
                    mount_point=self._mount,
                )
            except hvac.exceptions.InvalidRequest as exc:
                if "check-and-set" in str(exc):
                    raise base.conflict(record.lab, self.location) from None
                raise
        return base.Snapshot(record.lab, record, str(answer["data"]["version"]))

    def delete(self, after: base.Snapshot) -> None:
        """Remove the lab's secret with all its versions."""
        found = self.get(after.lab)
        if not found.version:
            return
        # There is no conditional removal; the lock and this comparison are the best there is.
        if found.version != after.version:
            raise base.conflict(after.lab, self.location)
        with self._saying("remove", after.lab):
            self._kv.delete_metadata_and_all_versions(path=self._path(after.lab), mount_point=self._mount)

    def check(self, lab: str) -> None:
        """Read the record, and ask the server whether this token may write it."""
        self.get(lab)
        path = f"{self._mount}/data/{self._path(lab)}"
        with self._saying("write", lab):
            try:
                answer = self._connected.adapter.post("/v1/sys/capabilities-self", json={"paths": [path]})
            except hvac.exceptions.Forbidden:
                # A token without the default policy may not ask; the first write will tell.
                return
        allowed = set((answer.get("data") or answer).get(path, ()))
        needed = {"create", "update"}
        if "root" not in allowed and not needed <= allowed:
            missing = ", ".join(sorted(needed - allowed))
            raise base.unavailable(
                f"write the record of lab {lab}",
                f"the token may not {missing} {path}.",
                f"Give its policy create, read, update on {self._mount}/data/{self._prefix}* and delete on "
                f"{self._mount}/metadata/{self._prefix}*.",
                "access_denied",
            )

    @property
    def _kv(self) -> t.Any:
        return self._connected.secrets.kv.v2

    @property
    def _connected(self) -> t.Any:
        if self._client is None:
            if not HAS_HVAC:
                raise CollectionError(
                    "The store type hashi_vault needs the Python library hvac.",
                    next_step="Install hvac into the Python that runs Ansible.",
                    reason="missing_library",
                )
            self._client = self._sign_in()
        return self._client

    def _sign_in(self) -> t.Any:
        options = self._options
        verify: bool | str = options.get("validate_certs", True)
        ca_cert = options.get("ca_cert") or os.environ.get("VAULT_CACERT")
        if verify and ca_cert:
            verify = str(ca_cert)
        client = hvac.Client(
            url=self._url,
            # Without one, hvac takes VAULT_TOKEN, then ~/.vault-token.
            token=_plain(options.get("token")) or (None if options.get("role_id") else os.environ.get("BAO_TOKEN")),
            namespace=self._namespace,
            verify=verify,
            timeout=float(options.get("timeout", _DEFAULT_TIMEOUT)),
        )
        if options.get("role_id"):
            client.auth.approle.login(
                role_id=_plain(options["role_id"]),
                secret_id=_plain(options["secret_id"]),
                mount_point=str(options.get("approle_mount_point", "approle")),
            )
        elif not client.token:
            raise _invalid(
                f"There is no token for the store at {self._url}.",
                "Set store.token, VAULT_TOKEN or ~/.vault-token, or sign in with store.role_id and store.secret_id.",
            )
        return client

    @contextlib.contextmanager
    def _saying(self, doing: str, lab: str) -> t.Iterator[None]:
        doing = f"{doing} the record of lab {lab} ({self.location})"
        if not HAS_HVAC:
            # Nothing of hvac to catch; the first use says what is missing.
            yield
            return
        try:
            yield
        except hvac.exceptions.Forbidden:
            raise base.unavailable(
                doing,
                "the server denied it.",
                "Check that the token or AppRole is valid and that its policy allows create, read and update on "
                f"{self._mount}/data/{self._prefix}* and delete on {self._mount}/metadata/{self._prefix}*.",
                "access_denied",
            ) from None
        except hvac.exceptions.VaultDown:
            raise base.unavailable(doing, "the server is sealed.", "Unseal it, then run again.") from None
        except hvac.exceptions.VaultError as exc:
            said = "; ".join(str(text) for text in getattr(exc, "errors", None) or ()) or type(exc).__name__
            raise base.unavailable(
                doing,
                f"the server said: {said}.",
                "Check store.url, store.mount_point (a KV engine of version 2) and store.namespace.",
            ) from None
        except requests.exceptions.SSLError:
            raise base.unavailable(
                doing, "its TLS certificate is not trusted.", "Set store.ca_cert to the CA's certificate.", "tls"
            ) from None
        except requests.exceptions.RequestException as exc:
            raise base.unavailable(
                doing,
                f"the server could not be reached ({type(exc).__name__}).",
                "Check store.url and the network, then run again.",
                "unreachable",
            ) from None


def _plain(value: t.Any) -> str | None:
    return str(value) if value else None


def _invalid(message: str, next_step: str) -> CollectionError:
    return CollectionError(message, next_step=next_step, reason="invalid_options")
