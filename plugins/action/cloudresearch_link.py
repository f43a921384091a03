# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ansible.utils.display import Display

from ..plugin_utils.base import times
from ..plugin_utils.base.errors import CollectionError
from ..plugin_utils.keys.actions import NEW_KEY
from ..plugin_utils.lab_action import STORE_ARGUMENT_SPEC, LabAction, Options, Result, Spec, Variables
from ..plugin_utils.portal.link import account_link
from ..plugin_utils.portal.link import options as link_options
from ..plugin_utils.store import lab_store
from ..plugin_utils.store.record import LabRecord

# Strategies load an action in the parent process before they fork, so this is ready in each worker.
account_link.warm_up()


@dataclasses.dataclass(frozen=True)
class _Key:
    """The key to link, and what the store knows of the link.

    :param created: when the stored key was made.
    :param to_come: in check mode, the key is still to be created.
    :param record: the lab's record; None without a store.
    :param read_secret: the store's command with which a person sees the key.
    """

    access_key_id: str | None
    secret_access_key: str | None
    recorded_access_key_id: str | None
    created: datetime.datetime | None = None
    to_come: bool = False
    record: LabRecord | None = None
    read_secret: str = ""


class ActionModule(LabAction):
    """Makes sure that the CloudResearch account holds the lab's key, or no key, and records that in the store."""

    step = "link"
    aws = False
    spec: t.ClassVar[Spec] = {
        **link_options.ARGUMENT_SPEC,
        "store": {**STORE_ARGUMENT_SPEC, "required": False},
    }

    def work(self, options: Options, task_vars: Variables) -> Result:
        key = self._key(options)
        asked: Options = {
            **options,
            "access_key_id": key.access_key_id,
            "secret_access_key": key.secret_access_key,
            "recorded_access_key_id": key.recorded_access_key_id,
            "created": key.created,
            "read_secret": key.read_secret,
        }
        warnings: list[str] = []
        result = _act_on_link(asked, self.check_mode, warnings.append)
        if warnings:
            result["warnings"] = warnings
        if key.to_come:
            link = {**result["link"], "status": "linked", "access_key_id": NEW_KEY, "evidence": ""}
            link["message"] = "The key would be created, then submitted."
            after = {"status": "linked", "access_key_id": NEW_KEY}
            result.update(changed=True, link=link, diff={**result["diff"], "after": after})
        if options["store"] is not None:
            self._record(options, key, result)
        return result

    def _key(self, options: Options) -> _Key:
        """The key of the options, or the store's."""
        named, recorded = options["access_key_id"], options["recorded_access_key_id"]
        if options["store"] is None:
            return _Key(named, options["secret_access_key"], recorded)
        lab = str(options["lab"] or "")
        store = self.store(options, self.account(options))
        record = store.get(lab).record
        if recorded is None and record and record.linked_key_ids:
            recorded = record.linked_key_ids[0]
        if self.check_mode and named == NEW_KEY:
            # Signing in and looking is what can be tried of it already.
            return _Key(None, None, recorded, to_come=True, record=record)
        stored = lab_store.key_in_use(record, store, lab)
        created = times.parse_time(stored.created)
        return _Key(
            stored.access_key_id,
            stored.secret_access_key,
            recorded,
            created,
            record=record,
            read_secret=store.read_command(lab),
        )

    def _record(self, options: Options, key: _Key, result: Result) -> None:
        """Record what the portal holds, unless the record says so already, and say so in the result."""
        held = _key_held_by_portal(result)
        before = list(key.record.linked_key_ids) if key.record else []
        after = [held] if held else []
        if held is None or before == after or (key.record is None and not held):
            return
        try:
            if not self.check_mode:
                # Anew: who waited for a person can have outlived the credentials for the store.
                store = self.store(options, self.account(options))
                lab_store.record_link(store, str(options["lab"]), held, result["link"]["evidence"])
        except CollectionError as exc:
            exc.step = exc.step or self.step
            result.update(exc.as_result(), failed=True)
            return
        diff = result["diff"]
        result["changed"] = True
        result["diff"] = {
            "before": {**diff["before"], "recorded": before},
            "after": {**diff["after"], "recorded": after},
        }


def _act_on_link(options: Options, check_mode: bool, warn: t.Callable[[str], None]) -> Result:
    """Do what the options say at the portal."""
    # At once, for a person who is waited for, and on one line, so that a command in it can be pasted.
    announce = Display().display
    settings = account_link.PortalSettings.from_params(
        options, announce=announce, read_secret=options.get("read_secret") or ""
    )
    account = account_link.PortalAccount(
        options["email"] or "", options["password"] or "", options["totp_secret"] or ""
    )
    for text in account.warnings:
        warn(text)
    link_options.check(options, check_mode)
    key = account_link.KnownKey(
        access_key_id=options["access_key_id"] or "",
        secret_access_key=options["secret_access_key"] or "",
        recorded_access_key_id=options["recorded_access_key_id"] or "",
        used_by_portal=options["key_used_by_portal"],
        created=options.get("created"),
    )
    if options["state"] == "absent":
        done = account_link.ensure_absent(settings, account, key, check_mode=check_mode)
    elif not key.access_key_id:
        done = account_link.LinkResult.unchanged(account_link.look(settings, account, key))
    else:
        done = account_link.ensure_present(settings, account, key, check_mode=check_mode)
    return link_options.as_result(done, check_mode, with_snapshots=settings.snapshot_dir is not None)


def _key_held_by_portal(result: t.Mapping[str, t.Any]) -> str | None:
    """The key that the portal was proved to hold; empty: the link was removed; None: nothing new is known."""
    link = result["link"]
    if link["status"] == "linked" and link["evidence"] != "record":
        return str(link["access_key_id"])
    return "" if link["status"] == "not_linked" and result["changed"] else None
