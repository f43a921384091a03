# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads an inventory source as Ansible does, without the second or two that each start of ansible-inventory costs."""

from __future__ import annotations

import pathlib
import typing as t

from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import inventory_loader


def read(plugin: str, source: pathlib.Path, *, cache: bool = False) -> dict[str, dict[str, t.Any]]:
    """The variables of all hosts.

    :param cache: whether the cache that the source names may be used, as it is without C(--flush-cache).
    :raises AnsibleParserError: the plugin refuses the source.
    """
    reader = inventory_loader.get(plugin)
    assert reader.verify_file(str(source))
    inventory = InventoryData()
    reader.parse(inventory, DataLoader(), str(source), cache=cache)
    return {name: dict(host.vars) for name, host in inventory.hosts.items()}
