# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.labops.cloudresearch.plugins.plugin_utils import direct_execution
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store import lab_store

direct_execution.preload("ansible_collections.labops.cloudresearch.plugins.modules.mturk_requester_check")
direct_execution.warm_up_botocore()


class ActionModule(lab_store.StoredKeyAction):
    """Runs the module of the same name with the lab's stored key, if asked to."""

    def options_with_key(self, args: dict[str, t.Any], store: lab_store.SecretStore, lab: str) -> dict[str, t.Any]:
        """The stored key signs the questions."""
        if boolean(args.pop("note_key_use", False), strict=False) and not self._task.check_mode:
            lab_store.note_own_use(store, lab)
        return lab_store.with_stored_key(args, lab_store.key_in_use(store.get(lab).record, store, lab))
