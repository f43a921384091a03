# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every access key of a lab's account, from what an outcome tells of principals, the lab's own keys, and changes.

An outcome may hold anything; C(untrusted) makes plain words of it.
"""

from __future__ import annotations

import typing as t

from ..aws.principals.shapes import Right, Unread
from ..base import times, vocabulary
from ..keys import suspension
from ..keys.changes import KeyChange, KeyChangeAction
from . import untrusted
from .evidence_shapes import AccountKey, AccountKeyStatus, Look
from .untrusted import Untrusted

OWNERS = ("ours", "foreign", "unknown")


def looked(outcome: Untrusted) -> Look | None:
    """Who looked at the account's principals; None if nobody did.

    :param outcome: of a run, or a lab of a report.
    """
    found = _principals(outcome)
    look = found or untrusted.mapping(outcome.get("look"))
    if not look:
        return None
    unread = [
        untrusted.shaped(Unread, each, reason=untrusted.text(each.get("reason")))
        for each in untrusted.mappings(look.get("unread"))
    ]
    return untrusted.shaped(Look, look, unread=unread)


def changes_of(outcome: Untrusted) -> list[KeyChange]:
    """What the run changed."""
    return [_change(each) for each in untrusted.mappings(outcome.get("changes"))]


def account_keys(outcome: Untrusted, look: Look | None, changes: t.Sequence[KeyChange]) -> list[AccountKey]:
    """All keys, those of each principal together, as they are once the changes were made."""
    listed = outcome.get("account_keys")
    if isinstance(listed, (list, tuple)):  # a lab of a report
        return of_report(listed)
    own = {untrusted.line(key.get("access_key_id")): key for key in untrusted.mappings(outcome.get("access_keys"))}
    exceptions = _exceptions(outcome, look)
    own_arn = untrusted.mapping(outcome.get("user")).get("arn")
    rows = []
    for principal in untrusted.mappings(_principals(outcome).get("principals")):
        for key in untrusted.mappings(principal.get("keys")):
            if own and not key.get("access_key_id") and principal.get("arn") == own_arn:
                continue  # the look did not ask for the id of a key that the lab's own observation has
            row = _discovered(principal, key, own, complete=look is not None and look["complete"])
            row["exception"] = "" if row["quarantined"] else _exception(exceptions, principal, row)
            rows.append(row)
    seen = {row["access_key_id"] for row in rows}
    rows += [_of_lab(outcome, key) for key_id, key in own.items() if key_id not in seen]
    # What a plan was to delete and somebody, or a run that was killed, deleted before.
    rows += [_row(key, status=AccountKeyStatus.DELETED.value) for key in untrusted.mappings(outcome.get("gone"))]
    return _as_changed(rows, changes)


def of_report(value: object) -> list[AccountKey]:
    """The rows that a report holds for a lab, as far as they are such."""
    return [_row(each) for each in untrusted.mappings(value)]


def _principals(outcome: Untrusted) -> Untrusted:
    observed = untrusted.mapping(outcome.get("observation"))
    return untrusted.mapping(outcome.get("principals")) or untrusted.mapping(observed.get("principals"))


def _row(key: Untrusted, **more: object) -> AccountKey:
    values = {**key, **more}
    return untrusted.shaped(
        AccountKey,
        values,
        status=untrusted.one_of(untrusted.line(values.get("status")).lower(), AccountKeyStatus),
        mturk_right=untrusted.one_of(values.get("mturk_right"), Right, Right.UNKNOWN),
        owner=untrusted.one_of(values.get("owner"), OWNERS, "unknown"),
    )


def _discovered(principal: Untrusted, key: Untrusted, own: t.Mapping[str, Untrusted], *, complete: bool) -> AccountKey:
    key_id = untrusted.line(key.get("access_key_id"))
    known = own.get(key_id, {})
    return _row(
        key,
        principal=principal.get("arn"),
        # The same key as the lab's own observation saw it, which asked for its use and its state later.
        **{name: known[name] for name in ("status", "last_used", "last_used_service") if known.get(name)},
        last_use_known=bool(key.get("last_used")) or complete,
        mturk_right=principal.get("mturk_right"),
        how=principal.get("how"),
        owner=known.get("owner") if known else "foreign",
        quarantined=principal.get("quarantined"),
        administrator=principal.get("administrator"),
        suspended_on=_suspended_on(principal, {**key, **known}),
    )


def _exceptions(outcome: Untrusted, look: Look | None) -> list[Untrusted]:
    """The exceptions of the inventory that held on the day of the look."""
    day = look["looked_at"][:10] if look else ""
    known = untrusted.mappings(outcome.get("known_principals"))
    return [entry for entry in known if day and untrusted.line(entry.get("until")) >= day]


def _exception(exceptions: t.Sequence[Untrusted], principal: Untrusted, row: AccountKey) -> str:
    seen = {"arn": principal.get("arn"), "name": principal.get("name"), "access_key_id": row["access_key_id"]}
    for entry in exceptions:
        if any(entry.get(name) and entry.get(name) == value for name, value in seen.items()):
            return untrusted.line(f"{entry.get('reason')} (until {entry.get('until')})")
    return ""


def _of_lab(outcome: Untrusted, key: Untrusted) -> AccountKey:
    """A key of the lab's own user, where nobody looked at all principals: a policy of MTurk's gives the right."""
    user = untrusted.mapping(outcome.get("user"))
    policies = untrusted.lines(user.get("attached_policies")) or []
    how = [f"policy {arn}" for arn in policies if arn == vocabulary.MTURK_POLICY_ARN]
    return _row(
        key,
        principal=user.get("arn"),
        mturk_right=Right.YES if how else Right.UNKNOWN,
        how=how,
        suspended_on=_suspended_on(user, key),
    )


def _suspended_on(principal: Untrusted, key: Untrusted) -> str | None:
    """Since when the key is out of service. The tag of a key that is active again is out of date."""
    if untrusted.line(key.get("status")).lower() == AccountKeyStatus.ACTIVE:
        return None
    tags = {str(name): untrusted.line(value) for name, value in untrusted.mapping(principal.get("tags")).items()}
    found = suspension.tagged_suspension(tags, untrusted.line(key.get("access_key_id")))
    return times.timestamp(found.at) if found else None


def as_changes_tell(changes: t.Sequence[KeyChange]) -> dict[str, AccountKey]:
    """By key id, what changes alone tell of keys.

    :param changes: in the order in which they were made.
    """
    return {row["access_key_id"]: row for row in _as_changed([], changes) if row["access_key_id"]}


def _as_changed(rows: list[AccountKey], changes: t.Sequence[KeyChange]) -> list[AccountKey]:
    by_id = {row["access_key_id"]: row for row in rows if row["access_key_id"]}
    for change in changes:
        row = by_id.get(change["access_key_id"])
        if row is None:
            row = by_id[change["access_key_id"]] = _row(change)
            row["last_used"] = change["last_used_before"]
            rows.append(row)
        row["request_id"] = change["request_id"]
        row["principal"] = row["principal"] or change["principal"]
        match change["action"]:
            case KeyChangeAction.DEACTIVATED:
                row["status"], row["suspended_on"] = AccountKeyStatus.INACTIVE.value, change["time"]
            case KeyChangeAction.DELETED:
                row["status"], row["retired_on"] = AccountKeyStatus.DELETED.value, change["time"]
            case KeyChangeAction.CREATED | KeyChangeAction.ACTIVATED:
                row["status"], row["suspended_on"] = AccountKeyStatus.ACTIVE.value, ""
    return rows


def _change(change: Untrusted) -> KeyChange:
    return untrusted.shaped(KeyChange, change, action=untrusted.one_of(change.get("action"), KeyChangeAction))
