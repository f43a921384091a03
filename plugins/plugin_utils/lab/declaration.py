# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab is declared to be: the options of M(labops.cloudresearch.lab_account_info), and what they mean."""

from __future__ import annotations

import decimal
import typing as t

from ..base import vocabulary
from ..base.errors import invalid_options
from ..keys.situation import KeyRequest, KeyState
from ..portal.link import account_link
from ..store.options import STORE_ARGUMENT_SPEC
from . import drift, known_principals
from .declared import Declaration, PortalLook
from .shapes import Link
from .thresholds import Thresholds

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "lab": {"type": "str", "required": True},
    "state": {"type": "str", "choices": [state.value for state in KeyState], "default": "present"},
    "account_id": {"type": "str"},
    "user_name": {"type": "str", "default": vocabulary.DEFAULT_USER_NAME},
    "policy_arn": {"type": "str", "default": vocabulary.MTURK_POLICY_ARN},
    "tags": {"type": "dict", "default": {}},
    "adopt_existing_user": {"type": "bool", "default": False},
    "onboard_although_closed": {"type": "bool", "default": False},
    "remove_foreign_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "remove_drift": {
        "type": "list",
        "elements": "str",
        "choices": ["console_access", "inline_policies", "groups", "attached_policies"],
        "default": [],
    },
    "max_age_days": {"type": "int", "default": 0},
    "grace_days": {"type": "int", "default": 0},
    "retire_after_days": {"type": "int", "default": 0},
    "store": {**STORE_ARGUMENT_SPEC, "required": False},
    "environments": {
        "type": "list",
        "elements": "str",
        "choices": list(vocabulary.ENVIRONMENTS),
        "default": list(vocabulary.ENVIRONMENTS),
    },
    "production_endpoint_url": {"type": "str"},
    "sandbox_endpoint_url": {"type": "str"},
    "minimum_balance": {"type": "float", "default": 0.0},
    "link_check": {"type": "str", "choices": ["record", "page", "none"], "default": "record"},
    "judge_key_use": {"type": "bool", "default": False, "no_log": False},
    "cloudresearch": {
        "type": "dict",
        "options": {
            "email": {"type": "str"},
            "password": {"type": "str", "no_log": True},
            "totp_secret": {"type": "str", "no_log": True},
            "options": {"type": "dict", "default": {}},
        },
    },
    "thorough": {"type": "bool", "default": True},
    "thresholds": {"type": "dict", "default": {}},
    "find_principals": {"type": "bool", "default": False},
    "known_principals": known_principals.ARGUMENT_SPEC,
}


def declaration(options: t.Mapping[str, t.Any], *, check_mode: bool) -> Declaration:
    """The validated options as what they declare.

    :param options: as C(ARGUMENT_SPEC) has them.
    :raises CollectionError: an option is wrong.
    """
    minimum = decimal.Decimal(str(options["minimum_balance"]))
    if not minimum.is_finite():
        raise invalid_options("minimum_balance is not a number.", "Give an amount in US dollars.", "observe")
    return Declaration(
        lab=options["lab"],
        account_id=vocabulary.checked_account_id(options["account_id"]),
        user=drift.Declared(
            lab=options["lab"],
            state="present" if options["state"] == KeyState.ROTATED else options["state"],
            user_name=options["user_name"],
            policy_arn=options["policy_arn"],
            tags={str(key): str(value) for key, value in options["tags"].items()},
        ),
        endpoints={name: options[f"{name}_endpoint_url"] for name in options["environments"]},
        request=KeyRequest(
            state=KeyState(options["state"]),
            max_age_days=options["max_age_days"] or None,
            grace_days=options["grace_days"],
            retire_after_days=options["retire_after_days"],
            adopt_existing_user=options["adopt_existing_user"],
            remove_foreign_keys=frozenset(options["remove_foreign_keys"]),
        ),
        thresholds=Thresholds.from_mapping(options["thresholds"]),
        remove_drift=frozenset(options["remove_drift"]),
        minimum_balance=minimum or None,
        look=_portal_look(options),
        link_wanted=options["link_check"] != "none",
        judge_key_use=options["judge_key_use"],
        onboard_although_closed=options["onboard_although_closed"],
        ask_mturk=not (options["judge_key_use"] and check_mode),
        thorough=options["thorough"],
        find_principals=options["find_principals"],
        known_principals=known_principals.known_principals(options["known_principals"]),
    )


def warnings(options: t.Mapping[str, t.Any]) -> list[str]:
    """What was put right in the options, in sentences for whoever keeps them."""
    return list(_portal_account(options["cloudresearch"] or {}).warnings)


def _portal_account(given: t.Mapping[str, t.Any]) -> account_link.PortalAccount:
    email, password, totp_secret = (given.get(name) or "" for name in ("email", "password", "totp_secret"))
    return account_link.PortalAccount(email, password, totp_secret)


def _portal_look(options: t.Mapping[str, t.Any]) -> PortalLook | None:
    """How to look at the portal, if that is asked for; checks the portal's options in any case."""
    given = options["cloudresearch"] or {}
    if options["link_check"] == "none" or not given.get("email"):
        return None
    settings = account_link.PortalSettings.from_params(given["options"])
    account = _portal_account(given)
    if not settings.by_hand:
        account_link.check_account(account)
    # The link of a suspended lab stays as it is, so there is nothing to sign in for.
    if options["link_check"] != "page" or options["state"] == KeyState.SUSPENDED:
        return None

    def look(wanted: str, recorded: str) -> Link:
        key = account_link.KnownKey(wanted, recorded_access_key_id=recorded)
        return t.cast("Link", account_link.look(settings, account, key).as_link())

    return look
