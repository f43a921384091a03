# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stores that keep the labs' keys, by type."""

from __future__ import annotations

import importlib
import typing as t

from ansible.parsing.dataloader import DataLoader
from ansible.utils.display import Display

from ..aws.connection import AwsConnection
from ..base import masking
from ..base.errors import invalid_options
from .base import Options, SecretStore, Snapshot, Surroundings, VaultSecret
from .options import OPTIONS_BY_TYPE, STORE_ARGUMENT_SPEC

__all__ = [
    "DEFAULT_TYPE",
    "REGISTRY",
    "SecretStore",
    "Snapshot",
    "Surroundings",
    "open_store",
    "store_class",
    "vault_secrets",
]

_display = Display()

DEFAULT_TYPE = "ansible_vault"

# Store type: its file in this directory and its class. Files are loaded when their type is used, so that a store's
# Python libraries are needed by those who use it only.
REGISTRY: dict[str, tuple[str, str]] = {
    "ansible_vault": ("ansible_vault", "AnsibleVaultStore"),
    "aws_secretsmanager": ("aws_secretsmanager", "SecretsManagerStore"),
    "aws_ssm": ("aws_ssm", "ParameterStore"),
    "hashi_vault": ("hashi_vault", "HashiVaultStore"),
}


def open_store(
    options: Options,
    *,
    loader: DataLoader | None = None,
    lab_connection: t.Callable[[], AwsConnection] | None = None,
) -> SecretStore:
    """The store that the options describe. Nothing is connected to yet.

    :param options: the store option of the modules; options of value None count as not given.
    :param loader: Ansible's data loader, which has the vault passwords (V(ansible_vault)).
    :param lab_connection: makes the way into the lab's AWS account (AWS stores with C(account=lab)).
    :raises CollectionError: the type is unknown, or an option is missing, unknown or wrong.
    """
    given = {name: _without_line_break(name, value) for name, value in options.items() if value is not None}
    # An option of a role's variable, unlike a module's, is not known to be secret yet.
    masking.register(*(given.get(name) for name, spec in STORE_ARGUMENT_SPEC["options"].items() if spec.get("no_log")))
    type_name = str(given.pop("type", DEFAULT_TYPE))
    if type_name not in REGISTRY:
        raise invalid_options(
            f"There is no store type {type_name!r}.", f"Set store.type to one of: {', '.join(REGISTRY)}."
        )
    chosen = store_class(type_name)
    known = OPTIONS_BY_TYPE[type_name]
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise invalid_options(
            f"The store type {type_name} has no option {', '.join(unknown)}.", f"It has: {', '.join(sorted(known))}."
        )
    return chosen(given, Surroundings(lab_connection, vault_secrets(loader), _display.warning))


def _without_line_break(name: str, value: object) -> object:
    """Tokens that were read from files often end with a line break, which no server takes."""
    if not isinstance(value, str) or value == value.rstrip("\r\n"):
        return value
    _display.warning(f"The store's option {name} ended with a line break, which was removed.")
    return value.rstrip("\r\n")


def store_class(type_name: str) -> type[SecretStore]:
    """The class of a registered type."""
    file_name, class_name = REGISTRY[type_name]
    return t.cast("type[SecretStore]", getattr(importlib.import_module(f"{__name__}.{file_name}"), class_name))


def vault_secrets(loader: DataLoader | None) -> list[VaultSecret]:
    """The run's vault passwords. Ansible has no public way to them; its own plugins take this one."""
    return list(getattr(getattr(loader, "_vault", None), "secrets", None) or ())
