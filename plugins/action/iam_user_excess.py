# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import concurrent.futures
import typing as t

from ..plugin_utils.aws import iam_user
from ..plugin_utils.base import vocabulary
from ..plugin_utils.lab_action import LabAction, Options, Result, Spec, Variables


class ActionModule(LabAction):
    """Says what an IAM user may do besides its declared policy, and takes from it what the operator named."""

    step = "iam_user"
    spec: t.ClassVar[Spec] = {
        "user_name": {"type": "str", "default": vocabulary.DEFAULT_USER_NAME},
        "policy_arn": {"type": "str", "default": vocabulary.MTURK_POLICY_ARN},
        "remove": {"type": "list", "elements": "str", "choices": list(iam_user.EXCESS_KINDS), "default": []},
    }

    def work(self, options: Options, task_vars: Variables) -> Result:
        iam = self.account(options).client("iam")
        with concurrent.futures.ThreadPoolExecutor() as pool:
            reading = iam_user.read_user(iam, options["user_name"], thorough=True, pool=pool)
        for error in reading.unread.values():
            raise error
        found = iam_user.excess(reading.user, options["policy_arn"])
        removed = {kind: names for kind, names in found.items() if kind in options["remove"]}
        if not self.check_mode:
            iam_user.remove_excess(iam, options["user_name"], removed)
        left = {kind: names for kind, names in found.items() if kind not in removed}
        return {"changed": bool(removed), "excess": left, "removed": removed, "diff": {"before": found, "after": left}}
