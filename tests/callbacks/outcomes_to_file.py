# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the outcomes of a run to a file, for tests and the demo."""

from __future__ import annotations

import json
import os
import typing as t

from ansible.parsing.ajson import AnsibleJSONEncoder
from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: outcomes_to_file
type: aggregate
short_description: Write outcomes to a file
description:
  - Writes the results that are outcomes and the play's statistics to the file that LABOPS_OUTCOMES_FILE names.
requirements:
  - none
"""


# What every result has.
OF_ANY_TASK = ("changed", "warnings", "deprecations", "derived", "unknown_variables")


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Collects the outcomes as they come, since results are gone when the run has ended."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "outcomes_to_file"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self.outcomes: dict[str, t.Any] = {}

    def v2_runner_on_ok(self, result: t.Any) -> None:
        """Keep the newest outcome of each lab."""
        data = getattr(result, "result", None) or result._result
        if data.get("schema") and data.get("state") and data.get("lab"):
            host = getattr(result, "host", None) or result._host
            self.outcomes[host.get_name()] = {name: value for name, value in data.items() if name not in OF_ANY_TASK}

    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        """Write the file."""
        counts = {host: stats.summarize(host) for host in stats.processed}
        text = json.dumps({"outcomes": self.outcomes, "stats": counts}, cls=AnsibleJSONEncoder)
        with open(os.environ["LABOPS_OUTCOMES_FILE"], "w", encoding="utf-8") as file:
            file.write(text)
