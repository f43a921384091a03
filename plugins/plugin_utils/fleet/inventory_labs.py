# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory plugins have in common: one host for each lab, and no host for two accounts."""

from __future__ import annotations

import difflib
import pathlib
import typing as t

from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable
from ansible.utils.unsafe_proxy import wrap_var

from ..base.vocabulary import ACCOUNT_ID_VARIABLE, COLLECTION

try:
    from ansible.template import trust_as_template
except ImportError:  # ansible-core 2.18, where all text is a template that is not marked otherwise

    def trust_as_template(value: str) -> str:
        """The text as it is."""
        return value


# How tasks get into a lab's account. As variables of the group they give way to whatever an operator sets.
CONNECTION = {
    "ansible_connection": f"{COLLECTION}.aws_account",
    "ansible_python_interpreter": "{{ ansible_playbook_python }}",
}


def has_name_of(plugin: BaseInventoryPlugin, path: str, suffixes: tuple[str, ...]) -> bool:
    """Whether a file is named as one of the plugin's sources; warns of one that only says so inside.

    Ansible says of such a file that it "could not be verified", and not why.
    """
    if path.endswith(suffixes):
        return True
    if path.endswith((".yml", ".yaml")) and _names_plugin(path, plugin.NAME):
        plugin.display.warning(
            f"{path} is for the inventory plugin {plugin.NAME}, which reads only files whose names end in "
            f"{' or '.join(suffixes)}. Rename it."
        )
    return False


def _names_plugin(path: str, name: str) -> bool:
    try:
        lines = pathlib.Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return False
    return any(line.startswith("plugin:") and name in line for line in lines)


def refuse_unknown_options(plugin: BaseInventoryPlugin, path: str, given: t.Iterable[str]) -> None:
    """Refuse names that are no option of the plugin: Ansible ignores them, and a mistyped filter lets all labs through.

    :param given: the keys of the file at C(path).
    :raises AnsibleParserError: naming them all.
    """
    definitions: dict[str, dict[str, t.Any]] = plugin.option_definitions
    known = {*definitions, *(str(alias) for one in definitions.values() for alias in one.get("aliases") or ())}
    unknown = sorted(str(name) for name in given if name not in known)
    if unknown:
        nearest = {name: next(iter(difflib.get_close_matches(name, known, 1)), "") for name in unknown}
        told = [repr(name) + (f" (did you mean {near!r}?)" if near else "") for name, near in nearest.items()]
        raise AnsibleParserError(
            f"{path}: {plugin.NAME} has no option {', '.join(told)}. No lab was read. "
            f"See ansible-doc -t inventory {plugin.NAME}."
        )


def add_labs(plugin: Constructable, group: str, labs: t.Mapping[str, t.Mapping[str, object]]) -> None:
    """Add the labs as hosts, with the connection into their accounts and their constructed variables and groups.

    :param plugin: the inventory plugin, after its options were read.
    :param labs: variables by host name. They are what others wrote, so they are plain text for Ansible and never
        templates, whatever they look like.
    :raises AnsibleParserError: another source of the inventory has a host of one of these names for another AWS
        account; then no lab is added.
    """
    inventory = plugin.inventory
    # All of them first: what was added before an error would stay in the inventory.
    for host, variables in labs.items():
        _refuse_second_account(inventory, host, str(variables.get(ACCOUNT_ID_VARIABLE) or ""))
    inventory.add_group(group)
    for name, text in CONNECTION.items():
        inventory.set_variable(group, name, trust_as_template(text))
    strict = plugin.get_option("strict")
    compose, groups, keyed_groups = (plugin.get_option(name) for name in ("compose", "groups", "keyed_groups"))
    for host, variables in labs.items():
        inventory.add_host(host, group=group)
        plain: dict[str, object] = wrap_var(dict(variables))
        for name, value in plain.items():
            inventory.set_variable(host, name, value)
        plugin._set_composite_vars(compose, plain, host, strict=strict)
        plugin._add_host_to_composed_groups(groups, plain, host, strict=strict)
        plugin._add_host_to_keyed_groups(keyed_groups, plain, host, strict=strict)


def _refuse_second_account(inventory: InventoryData, host: str, account_id: str) -> None:
    known = inventory.get_host(host)
    other = str(known.get_vars().get(ACCOUNT_ID_VARIABLE) or "") if known else ""
    if account_id and other and other != account_id:
        raise AnsibleParserError(
            f"The host {host} stands for the AWS account {other} in another inventory source and for {account_id} in "
            "this one, and would get the variables and passwords of both, so no lab was taken from this source. "
            "Rename the host in one of them."
        )
