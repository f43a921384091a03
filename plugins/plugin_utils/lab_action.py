# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The base of the collection's modules: actions that work on the control node, in Ansible's own worker.

An action says which options it takes and does its work in C(work). This base validates the options, applies the
task's C(environment), finds the way into the lab's AWS account and to its store, and turns errors into results.
"""

from __future__ import annotations

import os
import pathlib
import typing as t

from ansible.plugins.action import ActionBase

from .aws import options as aws_options
from .aws.account import refuse_other_credentials
from .aws.connection import AwsConnection
from .base import environment
from .base.errors import CollectionError, invalid_options
from .base.next_command import stands_for
from .base.silence import asking_for
from .base.text import printable_values
from .keys.journal import ChangeJournal
from .store import SecretStore, open_store
from .store.options import STORE_ARGUMENT_SPEC

Spec = dict[str, dict[str, t.Any]]
Options = dict[str, t.Any]
Result = dict[str, t.Any]
# Those of a task, by name.
Variables = dict[str, t.Any]

# The connection that is inside an AWS account already.
ACCOUNT_CONNECTION = "labops.cloudresearch.aws_account"

# Options that lead into an account. A task that gives one of them means it, whatever its connection.
CREDENTIAL_OPTIONS = ("access_key", "secret_key", "session_token", "profile", "assume_role_arn")


class LabAction(ActionBase):
    """An action with the options of C(spec) that does C(work)."""

    _supports_check_mode = True
    _supports_diff = True
    _requires_connection = False

    # The options besides those for AWS, and whether it has those.
    spec: t.ClassVar[Spec] = {}
    aws: t.ClassVar[bool] = True
    # The step of the flow that an error belongs to if it does not say so itself.
    step: t.ClassVar[str] = ""

    def run(self, tmp: str | None = None, task_vars: Variables | None = None) -> Result:
        """Validate the options and do the work."""
        result: Result = super().run(tmp, task_vars)
        try:
            self._refuse_become()
            options = self.options(task_vars or {})
            host = str((task_vars or {}).get("inventory_hostname") or "")
            lab = str(options.get("lab") or host)
            if self.inside_account and host:
                # There the host is the lab, whatever name it has in the store.
                stands_for(host, lab)
            # A worker runs all items of a loop, so the environment is put back.
            with environment.only({**os.environ, **self._task_environment()}), asking_for(lab):
                # AWS, MTurk and the portal give back what others wrote, and a result is shown and logged.
                result.update(printable_values(self.work(options, task_vars or {})))
        except CollectionError as exc:
            exc.step = exc.step or self.step
            result.update({"changed": False, **exc.as_result(), "failed": True})
        return result

    def work(self, options: Options, task_vars: Variables) -> Result:
        """Do what the options say; the task's return values.

        :raises CollectionError: the task fails with it.
        """
        raise NotImplementedError

    def options(self, task_vars: Variables) -> Options:
        """The task's options, validated, with their defaults."""
        if not self.aws:
            _validated, options = self.validate_argument_spec(argument_spec=self.spec)
            return dict(options)
        _validated, options = self.validate_argument_spec(
            argument_spec={**aws_options.lab_aws_argument_spec(), **self.spec},
            mutually_exclusive=aws_options.MUTUALLY_EXCLUSIVE,
            required_together=aws_options.REQUIRED_TOGETHER,
        )
        return aws_options.without_aliases(options)

    @staticmethod
    def journal(options: Options) -> ChangeJournal | None:
        """Where each change of a key is noted at once; None: nowhere."""
        directory = options["report_directory"]
        return ChangeJournal(pathlib.Path(directory).absolute()) if directory else None

    @property
    def check_mode(self) -> bool:
        """Whether nothing may be changed."""
        return bool(self._task.check_mode)

    @property
    def inside_account(self) -> bool:
        """Whether the task's connection is inside an AWS account."""
        return getattr(self._connection, "transport", "") == ACCOUNT_CONNECTION

    def account(self, options: Options) -> AwsConnection:
        """The way into the lab's AWS account: the connection's, unless the task gives credentials of its own."""
        given = aws_options.without_aliases(self._task.args)
        if self.inside_account and not any(given.get(name) for name in CREDENTIAL_OPTIONS):
            return t.cast(AwsConnection, self._connection.account())
        return AwsConnection(options)

    def store(self, options: Options, account: AwsConnection) -> SecretStore:
        """The store that the option C(store) describes. Nothing is connected to yet."""
        return open_store(options["store"], loader=self._loader, lab_connection=lambda: account)

    def _refuse_become(self) -> None:
        if self._play_context.become:
            told = f"{self._task.action} cannot become another user: it works in the process that runs Ansible."
            raise invalid_options(told, "Set become: false for the task or its play.")

    def _task_environment(self) -> dict[str, str]:
        """The task's C(environment), in which the blocks and the play around it take part.

        :raises CollectionError: it leads out of the account that the connection is inside of.
        """
        merged: dict[str, str] = {}
        for part in self._task.environment or []:
            values = self._templar.template(part) or {}
            merged.update({str(name): str(value) for name, value in values.items()})
        if self.inside_account:
            refuse_other_credentials(merged)
        return merged


__all__ = ["STORE_ARGUMENT_SPEC", "LabAction", "Options", "Result", "Spec", "Variables"]
