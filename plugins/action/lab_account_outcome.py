# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ..plugin_utils.aws.errors import told_by_module
from ..plugin_utils.base import vocabulary
from ..plugin_utils.lab import outcome, role_variables
from ..plugin_utils.lab_action import LabAction, Options, Result, Spec, Variables


class ActionModule(LabAction):
    """Puts a lab's outcome together from its observation and the results of its steps."""

    aws = False
    spec: t.ClassVar[Spec] = {
        "operation": {"type": "str", "choices": list(vocabulary.OPERATIONS), "default": "onboard"},
        "lab": {"type": "str", "required": True},
        "account_id": {"type": "str", "default": ""},
        "observed": {"type": "dict"},
        "results": {"type": "dict", "default": {}},
        "failure": {"type": "dict"},
    }

    def work(self, options: Options, task_vars: Variables) -> Result:
        # A module of amazon.aws says what AWS answered, and not what to do about it.
        steps = {name: {**result, **told_by_module(result)} for name, result in options["results"].items()}
        failure = options["failure"] and {**options["failure"], **told_by_module(options["failure"])}
        given = {**options, "results": steps, "failure": failure}
        composed = outcome.compose(check_mode=self.check_mode, **given)
        return {"changed": False, "unknown_variables": role_variables.unknown(task_vars), **composed}
