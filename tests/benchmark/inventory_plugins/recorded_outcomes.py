# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives hosts the outcomes of a file, as if their tasks had registered them.

What ansible-core reads from an inventory in YAML or JSON it keeps twice, with the place of each text in the file. That
takes several times the memory and the time of a registered result, which has none of it.
"""

from __future__ import annotations

import json
import pathlib

from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.inventory import BaseInventoryPlugin

DOCUMENTATION = """
name: recorded_outcomes
short_description: Hosts with recorded outcomes
description: Reads a JSON object with an outcome for each host.
"""


class InventoryModule(BaseInventoryPlugin):
    """Reads files whose name is C(outcomes.json)."""

    NAME = "recorded_outcomes"

    def verify_file(self, path: str) -> bool:
        """Whether the file has outcomes."""
        return pathlib.Path(path).name == "outcomes.json"

    def parse(self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True) -> None:
        """Add the hosts and their outcomes."""
        super().parse(inventory, loader, path, cache)
        for host, outcome in json.loads(pathlib.Path(path).read_text(encoding="utf-8")).items():
            inventory.add_host(host)
            inventory.set_variable(host, "lab_account_outcome", outcome)
