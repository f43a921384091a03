# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How actions get at a lab's stored key: on the control node, in memory, never through a template."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws import options as aws_options
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.aws.connection import AwsConnection
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import times
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.direct_execution import (
    DirectExecution,
    task_environment,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store import SecretStore, open_store
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.base import conflict
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.record import LabRecord, StoredKey

# Options that belong to the way into the lab's account, which a stored key takes the place of.
_CREDENTIAL_OPTIONS = ("access_key", "secret_key", "session_token", "profile", "assume_role_arn")


def open_lab_store(args: t.Mapping[str, t.Any], loader: t.Any) -> SecretStore:
    """The store that a task's option C(store) names.

    :param args: the task's options; its AWS options lead to the lab's account, for stores that live there.
    """
    store = args.get("store") or {}
    if not isinstance(store, dict):
        raise CollectionError(
            "The option store is not a dictionary.",
            next_step="Write it as store: {type: ansible_vault} (see the guide on stores).",
            reason="invalid_options",
        )
    return open_store(store, loader=loader, lab_connection=lambda: AwsConnection(args))


def key_in_use(record: LabRecord | None, store: SecretStore, lab: str) -> StoredKey:
    """The C(LabRecord.key_in_use) of a lab that must have one.

    :param record: what the store has of the lab.
    :raises CollectionError: that is no key.
    """
    key = record.key_in_use if record else None
    if key is None:
        raise CollectionError(
            f"The store ({store.location}) holds no key of lab {lab}.",
            next_step=f"Create one: ansible-playbook labops.cloudresearch.onboard --limit {lab}.",
            reason="no_stored_key",
        )
    return key


def with_stored_key(args: t.Mapping[str, t.Any], key: StoredKey) -> dict[str, t.Any]:
    """A task's AWS options with the stored key in the place of whatever gave credentials before."""
    kept = {name: value for name, value in args.items() if name not in (*_CREDENTIAL_OPTIONS, "store", "lab")}
    # Blank, not left out: else the module would take them from the environment of an operator who signed in there.
    blank = {"session_token": "", "profile": ""}
    return {**kept, **blank, "access_key": key.access_key_id, "secret_key": key.secret_access_key}


def note_own_use(store: SecretStore, lab: str) -> None:
    """Record, before it happens, that the collection itself uses the lab's key.

    Only then can a later use be told to be CloudResearch's. Keys whose link is proved otherwise need no such note.
    """
    snapshot = store.get(lab)
    record = snapshot.record
    key = record.key_in_use if record else None
    if record is None or key is None or key.linked:
        return
    now = times.timestamp(times.now())
    store.put(record.replace_key(dataclasses.replace(key, collection_used_at=now)), after=snapshot)


def record_link(store: SecretStore, lab: str, access_key_id: str, evidence: str) -> None:
    """Record which of the lab's keys the portal holds.

    :param access_key_id: empty: it holds none of them any more.
    :param evidence: how that is known, see C(StoredKey).
    :raises CollectionError: with C(reason=store_conflict) if the key is not in the store any more.
    """
    with store.lock(lab):
        snapshot = store.get(lab)
        record = snapshot.record
        if record is None or (access_key_id and not record.find(access_key_id)):
            raise conflict(lab, store.location)
        later = record.with_link(access_key_id, evidence, times.now())
        if later is not record:
            store.put(later, after=snapshot)


class StoredKeyAction(DirectExecution):
    """An action whose module can take the lab's key from the store instead of from its own options."""

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Fetch the key if O(store) is given, then run the module."""
        result: dict[str, t.Any] = super(DirectExecution, self).run(tmp, task_vars)
        args = aws_options.without_aliases(self._task.args)
        if args.get("store") is not None:
            lab = str(args.get("lab") or "")
            try:
                with task_environment(self):
                    args = self.options_with_key(args, open_lab_store(args, self._loader), lab)
            except CollectionError as exc:
                return {**result, **exc.as_result(), "failed": True}
            args.pop("store", None)
        return {**result, **self.execute(self._task.action, args, task_vars or {})}

    def options_with_key(self, args: dict[str, t.Any], store: SecretStore, lab: str) -> dict[str, t.Any]:
        """The module's options with the lab's stored key in the right places.

        :raises CollectionError: the store has no key of the lab, or cannot be read.
        """
        raise NotImplementedError
