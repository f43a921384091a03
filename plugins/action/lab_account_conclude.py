# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ..plugin_utils.lab import flow, role_variables
from ..plugin_utils.lab_action import Options, Result, Spec, Variables
from .lab_account_outcome import ActionModule as OutcomeAction


class ActionModule(OutcomeAction):
    """Belongs to the role lab_account: puts the lab's outcome together from what the role's tasks registered."""

    spec: t.ClassVar[Spec] = {"failure": {"type": "dict"}}

    def work(self, options: Options, task_vars: Variables) -> Result:
        said = role_variables.read(
            task_vars, self._templar, ("lab_account_operation", "lab_account_lab", "lab_account_aws_account_id")
        )
        # What was registered is plain data. As options, each part of it would pass through templates.
        observation = task_vars.get("lab_account_outcome") or {}
        # Before a step is taken, there can only be results of an earlier pass.
        results = {} if observation.get("failed") else flow.results(task_vars)
        given = {
            "operation": said["lab_account_operation"],
            "lab": said["lab_account_lab"],
            "account_id": said["lab_account_aws_account_id"],
            "observed": observation.get("lab_account"),
            "results": results,
            "failure": options["failure"],
        }
        return super().work(given, task_vars)
