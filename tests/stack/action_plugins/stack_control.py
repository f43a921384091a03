# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import os
import typing as t
import urllib.request

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Tells the local stack something between two tasks of a test, without a second for a module."""

    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Post the option C(arguments) to the control interface's C(operation)."""
        super().run(tmp, task_vars)
        address = f"{os.environ['LABOPS_CONTROL_URL']}/{self._task.args['operation']}"
        body = json.dumps(self._task.args.get("arguments", {})).encode()
        request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
            return {"changed": False, "answer": json.load(answer)}
