# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab that is looked at for findings, and what a look returns."""

from __future__ import annotations

import datetime
import typing as t

from ..base.next_command import playbook_command
from . import known_principals
from .thresholds import Thresholds

# A part of an observation or of an outcome, which may be an old one, with parts missing.
Facts = t.Mapping[str, t.Any]


class Found(t.NamedTuple):
    """A finding without its severity, which its code has; C(access_key_id) is empty if it is not about one key."""

    code: str
    message: str
    next_step: str
    access_key_id: str = ""


class Examined:
    """One lab as it was observed.

    :param lab: what was observed, shaped as an outcome.
    :param now: the moment to measure ages from.
    """

    def __init__(self, lab: Facts, thresholds: Thresholds, now: datetime.datetime) -> None:
        self.lab = lab
        self.name = str(lab.get("lab") or "<lab>")
        self.thresholds = thresholds
        self.now = now
        self.all_keys: list[Facts] = [key for key in lab.get("access_keys") or [] if isinstance(key, dict)]
        self.live_keys = [key for key in self.all_keys if key.get("status") == "Active"]
        self.environments: t.Mapping[str, Facts] = lab.get("requester") or {}
        self.portal: Facts = lab.get("link") or {}

    @property
    def user_name(self) -> str:
        """The name of the lab's own user; empty if it could not be read."""
        return str((self.lab.get("user") or {}).get("name") or "")

    def is_declared(self, user_name: str, access_key_id: str) -> bool:
        """Whether the inventory declares a key of one of the account's users as an exception that holds now."""
        known, account_id = self.lab.get("known_principals") or [], str(self.lab.get("account_id") or "")
        today = self.now.date()
        return known_principals.exception_for_key(known, user_name, access_key_id, account_id, today) is not None

    def playbook(self, playbook: str) -> str:
        """The command that runs the playbook for this lab."""
        return playbook_command(playbook, self.name)


def listed(values: t.Iterable[object]) -> str:
    """The values in a sentence."""
    return ", ".join(str(value) for value in values)
