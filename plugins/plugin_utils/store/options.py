# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument spec of the option C(store), for everything that has one (documentation: doc fragment C(store))."""

from __future__ import annotations

import typing as t

Spec = dict[str, dict[str, t.Any]]

_TEXT: dict[str, t.Any] = {"type": "str"}
_SECRET: dict[str, t.Any] = {"type": "str", "no_log": True}

# How to reach a central account. In the lab's account the task's own options say that.
CENTRAL_ACCOUNT: Spec = {
    "access_key": {"type": "str", "no_log": False},
    "secret_key": _SECRET,
    "session_token": _SECRET,
    "profile": _TEXT,
    "aws_ca_bundle": {"type": "path"},
    "validate_certs": {"type": "bool"},
    "assume_role_arn": _TEXT,
    "external_id": _TEXT,
}
_AWS: Spec = {
    **CENTRAL_ACCOUNT,
    "account": {"type": "str", "choices": ["central", "lab"]},
    "region": _TEXT,
    "endpoint_url": _TEXT,
    "prefix": _TEXT,
    "kms_key_id": _TEXT,
    "tags": {"type": "dict"},
}

# The options of each type, besides C(type).
OPTIONS_BY_TYPE: dict[str, Spec] = {
    "ansible_vault": {
        "directory": {"type": "path"},
        "vault_id": _TEXT,
        "allow_shared_directory": {"type": "bool"},
    },
    "aws_secretsmanager": {**_AWS, "recovery_window_days": {"type": "int"}},
    "aws_ssm": {**_AWS, "tier": {"type": "str", "choices": ["Standard", "Advanced", "Intelligent-Tiering"]}},
    "hashi_vault": {
        "url": _TEXT,
        "namespace": _TEXT,
        "mount_point": _TEXT,
        "prefix": _TEXT,
        "token": _SECRET,
        "role_id": _TEXT,
        "secret_id": _SECRET,
        "approle_mount_point": _TEXT,
        "ca_cert": {"type": "path"},
        "validate_certs": {"type": "bool"},
        "timeout": {"type": "float"},
    },
}

STORE_ARGUMENT_SPEC: dict[str, t.Any] = {
    "type": "dict",
    "required": True,
    "options": {
        "type": {"type": "str", "choices": list(OPTIONS_BY_TYPE), "default": "ansible_vault"},
        **{name: spec for options in OPTIONS_BY_TYPE.values() for name, spec in options.items()},
    },
}
