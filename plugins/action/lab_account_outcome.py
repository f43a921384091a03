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
        return self.compose(options, task_vars)

    def compose(self, given: Options, task_vars: Variables) -> Result:
        """The outcome.

        :param given: as C(spec) has it.
        """
        # A module of amazon.aws says what AWS answered, and not what to do about it.
        steps = {name: {**result, **told_by_module(result)} for name, result in given["results"].items()}
        failure = given["failure"] and {**given["failure"], **told_by_module(given["failure"])}
        composed = outcome.compose(check_mode=self.check_mode, **{**given, "results": steps, "failure": failure})
        return {"changed": False, "unknown_variables": role_variables.unknown(task_vars), **composed}
