# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.labops.cloudresearch.plugins.plugin_utils import direct_execution

direct_execution.preload("ansible_collections.labops.cloudresearch.plugins.modules.iam_user_excess")
direct_execution.warm_up_botocore()


class ActionModule(direct_execution.DirectExecution):
    """Runs the module of the same name, directly if possible."""
