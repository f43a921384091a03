# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options and the result of M(labops.cloudresearch.cloudresearch_link)."""

from __future__ import annotations

import re
import typing as t

from ..drivers import settings
from ..errors import SettingsError
from .state import LinkResult

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    # Taken by the action plugin, which puts the stored key in their place.
    "lab": {"type": "str"},
    "store": {"type": "dict"},
    "assume_role_arn": {"type": "str"},
    "external_id": {"type": "str"},
    "profile": {"type": "str"},
    "endpoint_url": {"type": "str"},
    "email": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "totp_secret": {"type": "str", "no_log": True},
    # An ID is no secret, and it is what the result is about.
    "access_key_id": {"type": "str", "no_log": False},
    "secret_access_key": {"type": "str", "no_log": True},
    "recorded_access_key_id": {"type": "str", "no_log": False},
    "key_used_by_portal": {"type": "bool", "default": False, "no_log": False},
    **settings.ARGUMENT_SPEC,
}

# AWS IAM identifiers: long-term keys begin with AKIA, temporary ones with ASIA. MTurk takes long-term keys only.
_KEY_ID = re.compile(r"AKIA[A-Z0-9]{12,124}")


def check(params: t.Mapping[str, t.Any], check_mode: bool) -> None:
    """Refuse what cannot be right before anything is sent.

    :raises SettingsError: naming the option.
    """
    if params["state"] == "present" and not check_mode:
        if not params["access_key_id"]:
            raise SettingsError(
                "The option access_key_id is missing, so there is no key to link.",
                next_step="Give the key's ID and secret, or run with --check to see what is linked.",
            )
        if not params["secret_access_key"] and params["driver"] != "manual":
            raise SettingsError(
                "The option secret_access_key is missing or empty, so the key cannot be entered.",
                next_step="Read it with the lookup labops.cloudresearch.lab_secret.",
            )
    for name in ("access_key_id", "recorded_access_key_id"):
        value = params[name]
        if value and not _KEY_ID.fullmatch(value):
            shown = f"{value[:4]}..., {len(value)} characters" if len(value) > 24 else repr(value)
            raise SettingsError(
                f"The option {name} is not the ID of an IAM user's access key ({shown}).",
                next_step="Such an ID is AKIA followed by capital letters and digits. Temporary keys (ASIA) do not "
                "work with MTurk; a secret does not belong here.",
            )


def as_result(done: LinkResult, check_mode: bool, *, with_snapshots: bool) -> dict[str, t.Any]:
    """The module's return values."""
    state = done.link
    visited = done.before if done.before.recognised else state
    result: dict[str, t.Any] = {
        "changed": done.changed,
        "link": state.as_link(),
        "next_step": state.next_step,
        "waiting_for_person": done.waiting_for_person,
        "balance": state.balance,
        "diff": done.diff(),
    }
    if visited.driver:
        result["driver"] = visited.driver
    if visited.driver_reason:
        result["driver_reason"] = visited.driver_reason
    if check_mode and visited.recognised:
        result["recognised"] = visited.recognised
    if with_snapshots:
        result["snapshots"] = visited.snapshots
    return result
