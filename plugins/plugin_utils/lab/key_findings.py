# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab should worry about because of its own user's access keys."""

from __future__ import annotations

import typing as t

from ..base.times import days_between, parse_time
from ..base.vocabulary import WHERE_THE_RECORD_IS
from .examined import Examined, Facts, Found
from .gaps import keys_were_read


def examine(seen: Examined) -> t.Iterator[Found]:
    """Keys that nobody stored, used or renewed, and stored keys that are gone."""
    for key in seen.live_keys:
        yield from _live_key(seen, key, str(key.get("access_key_id", "")))
    for key in seen.all_keys:
        yield from _suspended_key(seen, key, str(key.get("access_key_id", "")))
    known = {key.get("access_key_id") for key in seen.all_keys if key.get("status") in ("Active", "Inactive")}
    if not keys_were_read(seen.lab):
        return  # so nothing is missing there
    for access_key_id in _stored_key_ids(seen):
        if access_key_id not in known:
            yield Found(
                "stored_key_missing_in_aws",
                f"The store holds key {access_key_id}, which AWS does not list for the lab's user.",
                f"Make a new key and link it: {seen.playbook('onboard')}.",
                access_key_id,
            )


def _suspended_key(seen: Examined, key: Facts, key_id: str) -> t.Iterator[Found]:
    since, may_go = parse_time(key.get("suspended_on")), parse_time(key.get("may_go_on"))
    if since is None:
        return
    until = "a retirement may delete it at any time"
    if may_go:
        until = f"a retirement may delete it on {may_go:%Y-%m-%d} (from {may_go:%H:%M} UTC)"
    yield Found(
        "key_suspended",
        f"Key {key_id} is suspended since {since:%Y-%m-%d}; {until}.",
        f"Make it active again: {seen.playbook('onboard')}. Delete it: {seen.playbook('retire')}.",
        key_id,
    )


def _stored_key_ids(seen: Examined) -> list[str]:
    store = seen.lab.get("store") or {}
    ids = [str(key_id) for key_id in store.get("access_key_ids") or []]
    ids += [str(key.get("access_key_id", "")) for key in seen.all_keys if key.get("stored")]
    return list(dict.fromkeys(key_id for key_id in ids if key_id))


def _live_key(seen: Examined, key: Facts, key_id: str) -> t.Iterator[Found]:
    yield from _live_key_without_secret(seen, key, key_id)
    if key.get("slot") == "superseded":
        yield Found(
            "superseded_key_live",
            f"Key {key_id} was superseded by a newer one and is still active.",
            f"Run {seen.playbook('rotate')}: it retires the old key once CloudResearch is proved to hold the new one.",
            key_id,
        )
    yield from _live_key_over_time(seen, key, key_id)


def _live_key_without_secret(seen: Examined, key: Facts, key_id: str) -> t.Iterator[Found]:
    owner = key.get("owner")
    if owner in ("foreign", "unknown") and seen.is_declared(seen.user_name, key_id):
        return  # Whoever created it, the inventory says why it is there.
    if owner == "foreign":
        yield Found(
            "foreign_live_key",
            f"Key {key_id} is active, and the collection did not create it.",
            "Ask the lab who uses it. The collection never changes it unless this lab's inventory names it.",
            key_id,
        )
    elif key.get("stored") is False and owner == "unknown":
        yield Found(
            "unstored_live_key",
            f"Key {key_id} is active, and its user carries the collection's tag, but the store holds no record of "
            "the lab.",
            f"Correct {WHERE_THE_RECORD_IS}. If the record is lost, name the key in lab_account_remove_foreign_keys "
            f"once nobody needs it, then run {seen.playbook('onboard')}.",
            key_id,
        )
    elif key.get("stored") is False:
        yield Found(
            "unstored_live_key",
            f"Key {key_id} is active, but its secret is not in the store.",
            f"Run {seen.playbook('onboard')}: it removes a key that it made "
            "and could not store. If somebody else made it, deactivate it once nobody needs it.",
            key_id,
        )


def _live_key_over_time(seen: Examined, key: Facts, key_id: str) -> t.Iterator[Found]:
    age = key.get("age_days")
    if not isinstance(age, int):
        created = parse_time(key.get("created"))
        age = days_between(created, seen.now) if created else None
    limit = seen.thresholds.key_old_days
    if limit and age is not None and age >= limit:
        yield Found(
            "key_old",
            f"Key {key_id} is {age} days old; the limit is {limit}.",
            f"Rotate it: {seen.playbook('rotate')}.",
            key_id,
        )
    limit = seen.thresholds.key_unused_days
    last_used = parse_time(key.get("last_used"))
    unused = days_between(last_used, seen.now) if last_used else age
    if key.get("last_use_known") is False:
        unused = None
    if limit and unused is not None and unused >= limit:
        use = f"was last used {unused} days ago" if last_used else f"was never used in its {unused} days"
        yield Found(
            "key_unused",
            f"Key {key_id} {use}; the limit is {limit}.",
            f"Ask the lab whether it still works with MTurk; if not: {seen.playbook('retire')}.",
            key_id,
        )
