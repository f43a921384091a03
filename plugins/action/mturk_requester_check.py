# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import decimal
import typing as t

from ..plugin_utils.aws.connection import AwsConnection
from ..plugin_utils.base.errors import invalid_options
from ..plugin_utils.lab_action import STORE_ARGUMENT_SPEC, LabAction, Options, Result, Spec, Variables
from ..plugin_utils.mturk import requester
from ..plugin_utils.store import lab_store


class ActionModule(LabAction):
    """Asks MTurk whether a key's account is linked to a requester account, and waits for that if told to."""

    step = "requester"
    spec: t.ClassVar[Spec] = {
        "lab": {"type": "str"},
        "store": {**STORE_ARGUMENT_SPEC, "required": False},
        "note_key_use": {"type": "bool", "default": False, "no_log": False},
        "environments": {
            "type": "list",
            "elements": "str",
            "choices": list(requester.ENVIRONMENTS),
            "default": list(requester.ENVIRONMENTS),
        },
        "production_endpoint_url": {"type": "str"},
        "sandbox_endpoint_url": {"type": "str"},
        "minimum_balance": {"type": "float"},
        "wait_timeout": {"type": "int", "default": 0},
        "wait_interval": {"type": "int", "default": 15},
    }

    def work(self, options: Options, task_vars: Variables) -> Result:
        if options["wait_timeout"] < 0 or options["wait_interval"] < 1:
            told = "wait_timeout must not be negative, and wait_interval must be at least 1."
            raise invalid_options(told, "Correct them; leave both out to ask once.")
        minimum = options["minimum_balance"]
        environments, waited = requester.wait_until_linked(
            self._signing(options),
            {name: options[f"{name}_endpoint_url"] for name in options["environments"]},
            minimum_balance=None if minimum is None else decimal.Decimal(str(minimum)),
            timeout=options["wait_timeout"],
            interval=options["wait_interval"],
        )
        return {
            "changed": False,
            "linked": all(seen["linked"] for seen in environments.values()),
            "environments": environments,
            "waited": round(waited, 1),
        }

    def _signing(self, options: Options) -> AwsConnection:
        """The way to MTurk: with the lab's stored key where a store is named, else with the task's credentials."""
        account = self.account(options)
        if options["store"] is None:
            return account
        store, lab = self.store(options, account), str(options["lab"] or "")
        if options["note_key_use"] and not self.check_mode:
            lab_store.note_own_use(store, lab)
        key = lab_store.key_in_use(store.get(lab).record, store, lab)
        return account.with_credentials(key.access_key_id, key.secret_access_key)
