# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts labs of the stack into the state that an onboarding leaves, without one: for tests and benchmarks of what comes
after.
"""

from __future__ import annotations

import dataclasses
import functools
import typing as t

from ansible.parsing.vault import VaultSecret
from ansible.plugins.loader import init_plugin_loader
from ansible.utils.collection_loader import AnsibleCollectionConfig

from tests.fleet import COLLECTIONS, Fleet
from tests.simulator.clients import lab_client

POLICY_ARN = "arn:aws:iam::aws:policy/AmazonMechanicalTurkFullAccess"
USER_NAME = "cloudresearch-mturk"
TAGS = {"managed-by": "labops.cloudresearch"}

Key = dict[str, str]


@functools.cache
def _make_importable() -> None:
    if AnsibleCollectionConfig.collection_finder is None:
        init_plugin_loader([str(COLLECTIONS)])


def make_keys(fleet: Fleet, labs: t.Iterable[dict[str, t.Any]]) -> dict[str, Key]:
    """Make each lab's user and key, and enter the key at the portal; by lab, the key."""
    control = fleet.simulator.control
    keys: dict[str, Key] = {}
    for lab in labs:
        name = lab["name"]
        control.create_user(name, USER_NAME, policy_arns=[POLICY_ARN], tags=TAGS)
        keys[name] = control.create_access_key(name, USER_NAME)
        control.set_portal_key(name, keys[name]["access_key_id"], keys[name]["secret_access_key"])
        # An onboarding proves the key against MTurk.
        control.note_key_use(keys[name]["access_key_id"])
    return keys


def _store(fleet: Fleet, lab: str) -> t.Any:
    """The store that the lab's record is in; without an account of its own, in the management account."""
    _make_importable()
    from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store import ansible_vault, base, open_store

    variables = {**fleet.variables, **fleet.hosts.get(lab, {})}
    options = variables["lab_account_secret_store"]
    if options["type"] == "ansible_vault":
        secret = VaultSecret(fleet.vault_password.read_bytes().strip())
        surroundings = base.Surroundings(vault_secrets=[("default", secret)])
        return ansible_vault.AnsibleVaultStore({"directory": options["directory"]}, surroundings)
    ops = {"access_key": fleet.simulator.ops_access_key, "secret_key": fleet.simulator.ops_secret_key}
    return open_store({**options, **ops})


def _linked_key(key: Key) -> t.Any:
    """The key as a record has it that is proved and linked."""
    from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import times
    from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store import record as lab_record

    now = times.timestamp(times.now())
    return lab_record.StoredKey(
        created=now,
        proved=now,
        proved_by="mturk",
        linked=now,
        link_evidence="page",
        collection_used_at=now,
        **key,
    )


def store_keys(fleet: Fleet, labs: t.Iterable[dict[str, t.Any]], keys: t.Mapping[str, Key]) -> None:
    """Write the records that an onboarding would have left in the store."""
    _make_importable()
    from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store import record as lab_record

    for lab in labs:
        name = lab["name"]
        store = _store(fleet, name)
        record = lab_record.LabRecord(name, lab["account_id"], USER_NAME, current=_linked_key(keys[name]))
        store.put(record, after=store.get(name))


def supersede_key(fleet: Fleet, name: str) -> None:
    """Replace an onboarded lab's key, as a rotation leaves it that could not retire the replaced one."""
    store, control = _store(fleet, name), fleet.simulator.control
    snapshot = store.get(name)
    new = control.create_access_key(name, USER_NAME)
    control.set_portal_key(name, new["access_key_id"], new["secret_access_key"])
    control.note_key_use(new["access_key_id"])
    key = _linked_key(new)
    old = dataclasses.replace(
        snapshot.record.current,
        linked=None,
        link_evidence=None,
        superseded_by=key.access_key_id,
        superseded_at=key.created,
    )
    store.put(dataclasses.replace(snapshot.record, current=key, superseded=(old,)), after=snapshot)


def lose_secret(fleet: Fleet, lab: dict[str, t.Any]) -> None:
    """Give a lab a key whose secret nobody has, as an onboarding leaves it that dies before it stores the secret."""
    store, control = _store(fleet, lab["name"]), fleet.simulator.control
    from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import times
    from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store import record as lab_record

    control.create_user(lab["name"], USER_NAME, policy_arns=[POLICY_ARN], tags=TAGS)
    intent = lab_record.CreationIntent(started=times.timestamp(times.now()), known_key_ids=())
    record = lab_record.LabRecord(lab["name"], lab["account_id"], USER_NAME, creating=intent)
    store.put(record, after=store.get(lab["name"]))
    control.create_access_key(lab["name"], USER_NAME)


def suspend(fleet: Fleet, name: str) -> None:
    """Put an onboarded lab out of service, as the playbook suspend does: its keys and the user's tags."""
    _make_importable()
    from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import times
    from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys import suspension

    iam = lab_client(fleet.simulator, fleet.simulator.control.lab(name), "iam")
    for key in fleet.simulator.control.keys(name):
        key_id, since = key["access_key_id"], suspension.Suspension(times.now()).tag_value()
        iam.tag_user(UserName=USER_NAME, Tags=[{"Key": suspension.tag_key(key_id), "Value": since}])
        iam.update_access_key(UserName=USER_NAME, AccessKeyId=key_id, Status="Inactive")


def retire(fleet: Fleet, lab: dict[str, t.Any]) -> None:
    """Leave of a lab what its retirement leaves: a record that its store has deleted."""
    _make_importable()
    from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store import record as lab_record

    store = _store(fleet, lab["name"])
    record = lab_record.LabRecord(lab["name"], lab["account_id"], USER_NAME)
    store.delete(after=store.put(record, after=store.get(lab["name"])))


def add_onboarded(fleet: Fleet, *names: str, **options: t.Any) -> None:
    """Make labs and put them in the inventory, as an onboarding leaves them. Options are those of C(Fleet.add)."""
    onboard(fleet, [fleet.add(name, **options) for name in names])


def onboard(fleet: Fleet, labs: t.Collection[dict[str, t.Any]]) -> None:
    """Bring labs of the fleet to where an onboarding leaves them, each with the store that it has."""
    store_keys(fleet, labs, make_keys(fleet, labs))
