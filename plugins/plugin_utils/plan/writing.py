# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a plan for people to read, to shorten, and to approve."""

from __future__ import annotations

import re

import yaml

from ..base import times
from ..base.vocabulary import COLLECTION
from .shapes import MOST_DAYS, SCHEMA, Plan, PlannedAccount

_HEADING = f"""\
# Access keys to be taken out of service, as an audit found them. Nothing happens by itself.
#
# Whoever decides takes out what is not to happen: a key with all its lines, or a whole account. For a key that is to
# be suspended and not deleted, write do: suspend. Keep a copy elsewhere, because the next audit writes this file anew.
#
#   ansible-playbook {COLLECTION}.suspend -i INVENTORY -e retire_plan=FILE   makes these keys inactive
#   ansible-playbook {COLLECTION}.onboard -i INVENTORY -e retire_plan=FILE   makes them active again
#   ansible-playbook {COLLECTION}.retire  -i INVENTORY -e retire_plan=FILE   deletes those with do: retire
#
# With --check, each shows what it would do. A key that was used after the plan was made is left alone, and so is one
# whose user is another by then. The plan holds for {MOST_DAYS} days. What is "undecided" is left alone in any case.
"""
# What tells when somebody looked, and not what was seen.
_MOMENTS = re.compile(r"^ *(- )?(made_at|looked_at): .*$", re.MULTILINE)


def to_yaml(plan: Plan) -> str:
    """The text of the plan's file. It is read back as the same plan by C(reading.read)."""
    head = _dumped({"schema": SCHEMA, "made_at": times.timestamp(plan.made_at)})
    # One by one: what PyYAML builds of a value before it writes takes many times the value's memory.
    accounts = "".join(_dumped([_account(account)]) for account in plan.accounts)
    return _HEADING + head + (f"accounts:\n{accounts}" if accounts else "accounts: []\n")


def _account(account: PlannedAccount) -> dict[str, object]:
    return {
        "account_id": account.account_id,
        "lab": account.lab,
        "looked_at": account.looked_at,
        "caller_arn": account.caller_arn,
        "keys": [dict(key) for key in account.keys],
        "undecided": [dict(key) for key in account.undecided],
    }


def _dumped(value: object) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1000)


def without_moments(text: str) -> str:
    """A plan's text without when it was made, to tell whether two plans say the same."""
    return _MOMENTS.sub("", text)
