# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument spec of the option C(store), for everything that has one (documentation: doc fragment C(store))."""

from __future__ import annotations

import typing as t

STORE_TYPES = ("ansible_vault", "aws_secretsmanager", "aws_ssm", "hashi_vault")

STORE_ARGUMENT_SPEC: dict[str, t.Any] = {
    "type": "dict",
    "required": True,
    "options": {
        "type": {"type": "str", "choices": list(STORE_TYPES), "default": "ansible_vault"},
        # ansible_vault
        "directory": {"type": "path"},
        "vault_id": {"type": "str"},
        "allow_shared_directory": {"type": "bool"},
        # aws_secretsmanager, aws_ssm
        "account": {"type": "str", "choices": ["central", "lab"]},
        "prefix": {"type": "str"},
        "kms_key_id": {"type": "str"},
        "tags": {"type": "dict"},
        "recovery_window_days": {"type": "int"},
        "tier": {"type": "str", "choices": ["Standard", "Advanced", "Intelligent-Tiering"]},
        "access_key": {"type": "str", "no_log": False},
        "secret_key": {"type": "str", "no_log": True},
        "session_token": {"type": "str", "no_log": True},
        "profile": {"type": "str"},
        "region": {"type": "str"},
        "endpoint_url": {"type": "str"},
        "aws_ca_bundle": {"type": "path"},
        "assume_role_arn": {"type": "str"},
        "external_id": {"type": "str"},
        # hashi_vault
        "url": {"type": "str"},
        "namespace": {"type": "str"},
        "mount_point": {"type": "str"},
        "token": {"type": "str", "no_log": True},
        "role_id": {"type": "str"},
        "secret_id": {"type": "str", "no_log": True},
        "approle_mount_point": {"type": "str"},
        "ca_cert": {"type": "path"},
        "timeout": {"type": "float"},
        # all that are reached over the network
        "validate_certs": {"type": "bool"},
    },
}
