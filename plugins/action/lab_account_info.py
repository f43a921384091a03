# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ..plugin_utils.lab import declaration
from ..plugin_utils.lab_action import Options, Result, Variables
from ..plugin_utils.observing_action import ObservingAction


class ActionModule(ObservingAction):
    """Reads everything about one lab and changes nothing."""

    def work(self, options: Options, task_vars: Variables) -> Result:
        return {"changed": False, "lab_account": self.observe(options), "warnings": declaration.warnings(options)}
