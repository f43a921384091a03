# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the whole result of every task to a file, one JSON object a line, for tests."""

from __future__ import annotations

import json
import os
import typing as t

from ansible.parsing.ajson import AnsibleJSONEncoder
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: results_to_file
type: aggregate
short_description: Write results to a file
description:
  - Appends host, task, outcome and result of each task to the file that LABOPS_RESULTS_FILE names.
requirements:
  - none
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Sees what every callback sees, before any of it is prettified."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "results_to_file"
    CALLBACK_NEEDS_ENABLED = True

    def _write(self, outcome: str, result: t.Any) -> None:
        # ansible-core 2.18 has the underscored names only.
        host, task = (getattr(result, name, None) or getattr(result, f"_{name}") for name in ("host", "task"))
        data = getattr(result, "result", None) or result._result
        entry = {"host": host.get_name(), "task": task.get_name(), "outcome": outcome, "result": data}
        with open(os.environ["LABOPS_RESULTS_FILE"], "a", encoding="utf-8") as file:
            file.write(json.dumps(entry, cls=AnsibleJSONEncoder) + "\n")

    def v2_runner_on_ok(self, result: t.Any) -> None:
        """A task succeeded."""
        self._write("ok", result)

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        """A task failed."""
        self._write("failed", result)

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        """A host could not be reached."""
        self._write("unreachable", result)

    def v2_runner_on_skipped(self, result: t.Any) -> None:
        """A task was skipped."""
        self._write("skipped", result)
