# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ..plugin_utils.aws.principals import look
from ..plugin_utils.lab_action import LabAction, Options, Result, Spec, Variables


class ActionModule(LabAction):
    """Finds who may call Mechanical Turk in an AWS account, and with which keys."""

    step = "observe"
    spec: t.ClassVar[Spec] = {
        "all_keys": {"type": "bool", "default": False, "no_log": False},
    }

    def work(self, options: Options, task_vars: Variables) -> Result:
        found = look.look(self.account(options), all_keys=options["all_keys"]).principals
        result: Result = {"changed": False, **found}
        if found["unread"]:
            # Who looks for keys must not take silence for their absence.
            result["warnings"] = [
                f"AWS account {found['account_id']} was not read in full: {gap['reason']}" for gap in found["unread"]
            ]
        return result
