# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts labs of the stack into the state that an onboarding leaves, without one: for tests and benchmarks of what comes
after.
"""

from __future__ import annotations

import functools
import typing as t

from ansible.parsing.vault import VaultSecret
from ansible.plugins.loader import init_plugin_loader
from ansible.utils.collection_loader import AnsibleCollectionConfig

from tests.fleet import COLLECTIONS, Fleet

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


def store_keys(fleet: Fleet, labs: t.Iterable[dict[str, t.Any]], keys: t.Mapping[str, Key]) -> None:
    """Write the records that an onboarding would have left in the store."""
    _make_importable()
    from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import times
    from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store import ansible_vault, base, open_store
    from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store import record as lab_record

    now = times.timestamp(times.now())
    options = fleet.variables["lab_account_secret_store"]
    store: base.SecretStore
    if options["type"] == "ansible_vault":
        secret = VaultSecret(fleet.vault_password.read_bytes().strip())
        surroundings = base.Surroundings(vault_secrets=[("default", secret)])
        store = ansible_vault.AnsibleVaultStore({"directory": options["directory"]}, surroundings)
    else:
        ops = {"access_key": fleet.simulator.ops_access_key, "secret_key": fleet.simulator.ops_secret_key}
        store = open_store({**options, **ops})
    for lab in labs:
        name = lab["name"]
        key = lab_record.StoredKey(
            created=now,
            proved=now,
            proved_by="mturk",
            linked=now,
            link_evidence="page",
            collection_used_at=now,
            **keys[name],
        )
        record = lab_record.LabRecord(name, lab["account_id"], USER_NAME, current=key)
        store.put(record, after=store.get(name))


def add_onboarded(fleet: Fleet, *names: str, **options: t.Any) -> None:
    """Make labs and put them in the inventory, as an onboarding leaves them. Options are those of C(Fleet.add)."""
    labs = [fleet.add(name, **options) for name in names]
    store_keys(fleet, labs, make_keys(fleet, labs))
