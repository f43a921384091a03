# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the two actions that read a lab share: M(labops.cloudresearch.lab_account_info) and the role's own."""

from __future__ import annotations

import dataclasses
import typing as t

from .aws.connection import AwsConnection
from .base.errors import CollectionError
from .lab import declaration, observation
from .lab.shapes import Observation
from .lab_action import LabAction, Options
from .store import lab_store
from .store.record import LabRecord


class ObservingAction(LabAction):
    """An action that reads everything about one lab."""

    spec = declaration.ARGUMENT_SPEC
    step = "observe"

    def observe(
        self, options: Options, *, operation: str = "", portal_problem: CollectionError | None = None
    ) -> Observation:
        """Read the lab.

        :param options: validated, as C(declaration.ARGUMENT_SPEC) has them.
        :param operation: what the role is about to do; empty if nothing follows.
        :param portal_problem: why nobody can tell which key the portal holds for the lab, if so.
        :raises CollectionError: the lab cannot be read. An audit also goes on without the store.
        """
        account = self.account(options)
        # Wrong options are told before anything is asked.
        declared = declaration.declaration(options, check_mode=self.check_mode)
        record: LabRecord | None = None
        if options["store"] is not None:
            try:
                record = self._record(options, account, operation)
            except CollectionError as exc:
                if operation != "audit":
                    raise
                declared = dataclasses.replace(declared, store_error=exc.message, store_next_step=exc.next_step)
        elif operation == "audit":
            declared = dataclasses.replace(declared, store_missing="No store is declared (lab_account_secret_store).")
        if portal_problem is not None:
            problem = portal_problem

            def tell_problem(_wanted: str, _recorded: str) -> t.NoReturn:
                raise problem

            declared = dataclasses.replace(declared, look=tell_problem)
        return observation.observe(account, declared, record)

    def _record(self, options: Options, account: AwsConnection, operation: str) -> LabRecord | None:
        """What the store holds of the lab, once the store has shown that it takes what the operation will write."""
        store, lab = self.store(options, account), str(options["lab"])
        record = store.get(lab).record
        if record is None:
            if operation in ("onboard", "rotate") and options["state"] != "absent":
                # Nothing is made in AWS for a store that would not take the key.
                store.check(lab)
        elif options["judge_key_use"] and not self.check_mode:
            lab_store.note_own_use(store, lab)
        return record
