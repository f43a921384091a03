# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done with a lab's stored key beside reading it: find the one in use, note own uses, record the link."""

from __future__ import annotations

import dataclasses

from ..base import times
from ..base.errors import CollectionError
from ..base.next_command import playbook_command
from . import SecretStore
from .base import conflict
from .record import LabRecord, StoredKey


def key_in_use(record: LabRecord | None, store: SecretStore, lab: str) -> StoredKey:
    """The C(LabRecord.key_in_use) of a lab that must have one.

    :raises CollectionError: that is no key.
    """
    key = record.key_in_use if record else None
    if key is None:
        raise CollectionError(
            f"The store ({store.location}) holds no key of lab {lab}.",
            next_step=f"Create one: {playbook_command('onboard', lab)}.",
            reason="no_stored_key",
        )
    return key


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
