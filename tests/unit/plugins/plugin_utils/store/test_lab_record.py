# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab's record keeps, and that only to_dict() shows its secrets."""

from __future__ import annotations

import copy
import dataclasses
import json
import typing as t

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import masking
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.record import (
    CreationIntent,
    LabRecord,
    StoredKey,
)

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
AT = "2026-01-31T12:00:00Z"


def key(number: int, **details: t.Any) -> StoredKey:
    return StoredKey(f"AKIAIOSFODNN7EXAMPL{number}", SECRET, created=AT, **details)


RECORD = LabRecord(
    lab="lab-01",
    account_id="012345678901",
    user_name="cloudresearch-mturk",
    current=key(1, proved=AT, proved_by="sts", linked=AT, link_evidence="page", collection_used_at=AT),
    pending=key(2),
    superseded=(key(3, superseded_by="AKIAIOSFODNN7EXAMPL1", superseded_at=AT, deactivated_at=AT),),
    creating=CreationIntent(AT, ("AKIAIOSFODNN7EXAMPL1",)),
)


def test_a_record_survives_json() -> None:
    assert LabRecord.from_dict(json.loads(json.dumps(RECORD.to_dict()))) == RECORD


def test_an_empty_record_is_short() -> None:
    empty = LabRecord(lab="lab-01", account_id="012345678901", user_name="u")
    assert empty.to_dict() == {"version": 1, "lab": "lab-01", "account_id": "012345678901", "user_name": "u"}
    assert LabRecord.from_dict(empty.to_dict()) == empty


def test_no_text_of_a_record_but_its_data_holds_the_secret() -> None:
    for text in (repr(RECORD), str(RECORD), repr(RECORD.current), repr(RECORD.public()), repr(RECORD.slots())):
        assert SECRET not in text
    assert json.dumps(RECORD.to_dict()).count(SECRET) == 3


def test_keys_are_found_in_their_slots() -> None:
    assert [(slot, found.access_key_id[-1]) for slot, found in RECORD.slots()] == [
        ("current", "1"),
        ("pending", "2"),
        ("superseded", "3"),
    ]
    assert RECORD.slot_of("AKIAIOSFODNN7EXAMPL2") == "pending"
    assert RECORD.find("AKIAIOSFODNN7EXAMPL3") == RECORD.superseded[0]
    assert RECORD.slot_of("AKIAIOSFODNN7EXAMPL4") == ""
    assert RECORD.find("AKIAIOSFODNN7EXAMPL4") is None


@pytest.mark.parametrize("number", [1, 2, 3])
def test_one_key_is_replaced_or_removed_and_the_others_stay(number: int) -> None:
    old = next(found for slot, found in RECORD.slots() if found.access_key_id.endswith(str(number)))
    new = dataclasses.replace(old, collection_used_at="2026-02-01T00:00:00Z")
    changed = RECORD.replace_key(new)
    assert changed.find(old.access_key_id) == new
    assert len(changed.slots()) == 3
    assert [found for slot, found in changed.slots() if found != new] == [
        found for slot, found in RECORD.slots() if found != old
    ]
    assert [found for slot, found in RECORD.without(old.access_key_id).slots()] == [
        found for slot, found in RECORD.slots() if found != old
    ]


def broken(**changes: t.Any) -> dict[str, t.Any]:
    data = copy.deepcopy(RECORD.to_dict())
    for path, value in changes.items():
        *parents, name = path.split("__")
        target = data
        for parent in parents:
            target = target[parent]
        target[name] = value
    return data


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        SECRET,
        {},
        {"version": "1"},
        broken(version=0),
        broken(version=True),
        broken(lab=None),
        broken(account_id="12345"),
        broken(account_id=123456789012),
        broken(current=SECRET),
        broken(current__access_key_id=SECRET + "!"),
        broken(current__secret_access_key=None),
        broken(current__secret_access_key=17),
        broken(current__created=SECRET),
        broken(pending__linked=SECRET, pending__created=AT),
        broken(superseded=SECRET),
        broken(superseded=[SECRET]),
        broken(creating=SECRET),
        broken(creating={"started": AT}),
        broken(creating={"started": SECRET, "known_key_ids": []}),
    ],
)
def test_what_is_no_record_is_refused_without_quoting_it(data: t.Any) -> None:
    with pytest.raises(CollectionError) as caught:
        LabRecord.from_dict(data)
    assert caught.value.reason == "store_record_malformed"
    assert SECRET not in repr(caught.value.as_result())
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_newer_record_is_not_misread() -> None:
    with pytest.raises(CollectionError) as caught:
        LabRecord.from_dict(broken(version=2))
    assert caught.value.reason == "store_record_too_new"


def test_fields_of_a_later_minor_version_are_no_harm() -> None:
    assert LabRecord.from_dict(broken(current__colour="blue", colour="blue")) == RECORD


def test_the_secrets_of_a_record_are_masked_where_ansible_can() -> None:
    """ansible-core 2.22 keeps no_log values in results and masks what it knows to be secret."""
    secret = "vNxR8wq3Kd0+fZ5tLm2YbJ7aHc4UoE9iGs1PlT6x"
    key = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": secret, "created": "2026-01-02T03:04:05Z"}
    record = {"version": 1, "lab": "lab-01", "account_id": "111122223333", "user_name": "u", "current": key}
    found = LabRecord.from_dict(record).current
    assert found and found.secret_access_key == secret
    shown = masking.mask_registered(f"a callback writes {secret}.")
    assert (secret in shown) is (masking.mask_secrets is None)
