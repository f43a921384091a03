# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils import direct_execution
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.situation import NEW_KEY
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link import warm_up as portal_warm_up
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store import lab_store
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.record import LabRecord

direct_execution.preload("ansible_collections.labops.cloudresearch.plugins.modules.cloudresearch_link")
portal_warm_up.warm_up_portal()


class ActionModule(lab_store.StoredKeyAction):
    """Runs the module of the same name with the lab's stored key, if asked to."""

    # The options that lead to the store, and what it had of the lab before the module ran.
    _way_to_store: dict[str, t.Any] | None = None
    _record: LabRecord | None = None
    _key_is_still_to_come = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Fetch the key, link it, record the link; in check mode also say what becomes of a key still to be made."""
        result = super().run(tmp, task_vars)
        if result.get("failed") or "link" not in result:
            return result
        if self._key_is_still_to_come:
            link = {**result["link"], "status": "linked", "access_key_id": NEW_KEY, "evidence": ""}
            link["message"] = "The key would be created, then submitted."
            result.update(changed=True, link=link)
            result["diff"] = {**result.get("diff", {}), "after": {"status": "linked", "access_key_id": NEW_KEY}}
        held = _held(result)
        if self._way_to_store is not None and held is not None:
            result.update(self._recorded(self._way_to_store, held, result))
        return result

    def options_with_key(self, args: dict[str, t.Any], store: lab_store.SecretStore, lab: str) -> dict[str, t.Any]:
        """The stored key is the one to enter at the portal, and its record is evidence."""
        self._way_to_store, self._record = dict(args), store.get(lab).record
        for known in self._record.linked_key_ids if self._record else ():
            args.setdefault("recorded_access_key_id", known)
        named = args.pop("access_key_id", None)
        if self._task.check_mode and named == NEW_KEY:
            # Signing in and looking is what can be tried of it already.
            self._key_is_still_to_come = True
            return args
        key = lab_store.key_in_use(self._record, store, lab)
        return {**args, "access_key_id": key.access_key_id, "secret_access_key": key.secret_access_key}

    def _recorded(self, way_to_store: dict[str, t.Any], held: str, result: dict[str, t.Any]) -> dict[str, t.Any]:
        """Record what the portal holds, unless the record says so already; what that changes in the result."""
        before = list(self._record.linked_key_ids) if self._record else []
        after = [held] if held else []
        if before == after:
            return {}
        try:
            if not self._task.check_mode:
                with direct_execution.task_environment(self):
                    # Anew: a module that waited for a person can have outlived the credentials for the store.
                    store = lab_store.open_lab_store(way_to_store, self._loader)
                    lab_store.record_link(store, str(way_to_store["lab"]), held, result["link"]["evidence"])
        except CollectionError as exc:
            exc.step = exc.step or "link"
            return {**exc.as_result(), "failed": True}
        diff = result["diff"]
        diff = {**diff, "before": {**diff["before"], "recorded": before}, "after": {**diff["after"], "recorded": after}}
        return {"changed": True, "diff": diff}


def _held(result: t.Mapping[str, t.Any]) -> str | None:
    """The key that the portal was proved to hold; empty: the link was removed; None: nothing new is known."""
    link = result["link"]
    if link["status"] == "linked" and link["evidence"] != "record":
        return str(link["access_key_id"])
    return "" if link["status"] == "not_linked" and result["changed"] else None
