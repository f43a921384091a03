# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import outcome

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "operation": {"type": "str", "choices": ["onboard", "audit", "rotate", "retire"], "default": "onboard"},
    "lab": {"type": "str", "required": True},
    "account_id": {"type": "str", "default": ""},
    "observed": {"type": "dict"},
    "results": {"type": "dict", "default": {}},
    "failure": {"type": "dict"},
}


class ActionModule(ActionBase):  # type: ignore[misc]
    """Puts a lab's outcome together and sets it as the host fact C(lab_account_outcome)."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Compose."""
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        _validated, given = self.validate_argument_spec(ARGUMENT_SPEC)
        composed = outcome.compose(check_mode=bool(self._task.check_mode), **given)
        return {**result, "changed": False, "ansible_facts": {"lab_account_outcome": composed}}
