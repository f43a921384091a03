# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible_collections.labops.cloudresearch.plugins.module_utils.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.module_utils.key_situation import NEW_KEY
from ansible_collections.labops.cloudresearch.plugins.plugin_utils import direct_execution, lab_store, portal_warm_up

direct_execution.preload("ansible_collections.labops.cloudresearch.plugins.modules.cloudresearch_link")
portal_warm_up.warm_up_portal()


class ActionModule(lab_store.StoredKeyAction):
    """Runs the module of the same name with the lab's stored key, if asked to."""

    _key_is_still_to_come = False
    # Where the key came from, which is where the link is recorded.
    _store: lab_store.SecretStore | None = None
    _lab = ""

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
        elif self._store:
            result.update(self._record(self._store, result))
        return result

    def _record(self, store: lab_store.SecretStore, result: dict[str, t.Any]) -> dict[str, t.Any]:
        try:
            with direct_execution.task_environment(self):
                recorded = lab_store.note_link(store, self._lab, result["link"], check_mode=self._task.check_mode)
        except CollectionError as exc:
            exc.step = exc.step or "link"
            return {**exc.as_result(), "failed": True}
        if recorded.before == recorded.after:
            return {}
        moments = {"before": recorded.before, "after": recorded.after}
        diff = {when: {**result["diff"][when], "recorded": list(ids)} for when, ids in moments.items()}
        return {"changed": True, "diff": {**result["diff"], **diff}}

    def options_with_key(self, args: dict[str, t.Any], store: lab_store.SecretStore, lab: str) -> dict[str, t.Any]:
        """The stored key is the one to enter at the portal."""
        self._store, self._lab = store, lab
        named = args.pop("access_key_id", None)
        if self._task.check_mode and named == NEW_KEY:
            # Signing in and looking is what can be tried of it already.
            self._key_is_still_to_come = True
            return args
        key = lab_store.key_in_use(store, lab)
        return {**args, "access_key_id": key.access_key_id, "secret_access_key": key.secret_access_key}
