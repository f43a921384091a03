# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the stores in AWS have in common: whose account they are in, and how a record is named."""

from __future__ import annotations

import contextlib
import re
import shlex
import typing as t

from ..aws.connection import GLOBAL_REGION, AwsConnection, Client
from ..aws.errors import AWS_FAILURES, aws_error
from ..base.errors import invalid_options
from . import base
from .options import CENTRAL_ACCOUNT
from .reasons import StoreReason

# What both Secrets Manager and Parameter Store take in names (their API references).
_PREFIX = re.compile(r"/?([A-Za-z0-9_-][A-Za-z0-9_.-]*/)*([A-Za-z0-9_-][A-Za-z0-9_.-]*)?")


# What AWS says of the lab's account is said of the store, so that nobody looks for the cause in the wrong account.
_REASONS: dict[str, str] = {
    "access_denied": StoreReason.DENIED,
    "tls": StoreReason.TLS,
    "unreachable": StoreReason.UNREACHABLE,
}


class AwsStore(base.SecretStore):
    """A store in an AWS account: the lab's own, or a central one of the operator's."""

    service: t.ClassVar[str]
    default_prefix: t.ClassVar[str]

    def __init__(self, options: base.Options, surroundings: base.Surroundings) -> None:
        self._options = dict(options)
        self._in_lab = options.get("account") == "lab"
        self._lab_connection = surroundings.lab_connection
        self._connection: AwsConnection | None = None
        self._prefix = str(options.get("prefix", self.default_prefix))
        if not _PREFIX.fullmatch(self._prefix):
            raise invalid_options(
                f"store.prefix {self._prefix!r} cannot begin a name in AWS.",
                "Use letters, digits, full stops, hyphens, underscores, and slashes between the parts.",
            )
        central = sorted(CENTRAL_ACCOUNT.keys() & options)
        if self._in_lab and central:
            raise invalid_options(
                f"store.account is lab, so the task's options say how to reach it, not store.{central[0]}.",
                "Remove it, or set store.account to central.",
            )

    @property
    def location(self) -> str:
        """The service, whose account, and what the names begin with."""
        whose = "the lab's account" if self._in_lab else "a central account"
        where = self._options.get("region") or self._options.get("profile") or ""
        return f"AWS {self.service} of {whose}{f' ({where})' if where else ''} under {self._prefix}"

    @property
    def client(self) -> Client:
        """A client of the store's service."""
        if self._connection is None:
            self._connection = self._connect()
        return self._connection.client(
            self.service,
            region_name=self._options.get("region"),
            endpoint_url=self._options.get("endpoint_url"),
        )

    def _connect(self) -> AwsConnection:
        if not self._in_lab:
            return AwsConnection({name: self._options.get(name) for name in CENTRAL_ACCOUNT})
        if self._lab_connection is None:
            raise invalid_options("Nothing says how to reach the lab's account.", "Set store.account to central.")
        return self._lab_connection()

    def shell_command(self, *words: str) -> str:
        """A command of AWS's command line on the store's service.

        Credentials are those of the person's shell or of the store's profile, and with a role those that it gives; for
        a store in the lab's account, the shell has to be signed in there.
        """
        options = self._options
        where = [
            f"--{name.replace('_', '-')}={options[option]}"
            for name, option in (("region", "region"), ("endpoint_url", "endpoint_url"), ("ca_bundle", "aws_ca_bundle"))
            if options.get(option)
        ]
        profile = [f"--profile={options['profile']}"] if options.get("profile") else []
        command = ["aws", self.service, *words, *where]
        if not options.get("assume_role_arn"):
            return shlex.join([*command, *profile])
        role = ["aws", "sts", "assume-role", f"--role-arn={options['assume_role_arn']}", *profile]
        role += [f"--external-id={options['external_id']}"] if options.get("external_id") else []
        fields = "Credentials.[AccessKeyId,SecretAccessKey,SessionToken]"
        region = f"--region={options.get('region') or GLOBAL_REGION}"
        ask = [*role, "--role-session-name=labops-cloudresearch", region, f"--query={fields}", "--output=text"]
        variables = "AWS_ACCESS_KEY_ID=$1 AWS_SECRET_ACCESS_KEY=$2 AWS_SESSION_TOKEN=$3"
        return f"( set -- $({shlex.join(ask)}) && {variables} {shlex.join(command)} )"

    def name(self, lab: str) -> str:
        """The name of the lab's record."""
        return f"{self._prefix}{base.lab_name(lab)}"

    def details_of_new(self, lab: str) -> dict[str, object]:
        """What a new record is told of, in the words that both services have."""
        details: dict[str, object] = {"Description": f"labops.cloudresearch: access keys of lab {lab}"}
        if self._options.get("tags"):
            details["Tags"] = [{"Key": str(key), "Value": str(text)} for key, text in self._options["tags"].items()]
        return details

    def check(self, lab: str) -> None:
        """Read the record: AWS cannot tell without a trace whether it could be written."""
        self.get(lab)

    @contextlib.contextmanager
    def saying(self, doing: str, lab: str) -> t.Iterator[None]:
        """Turn what AWS refuses into an error for people."""
        try:
            yield
        except AWS_FAILURES as exc:
            # Not chained: the failed call's parameters can hold the record.
            error = aws_error(exc, f"{doing} the record of lab {lab} ({self.location})")
            error.reason = _REASONS.get(error.reason, error.reason)
            raise error from None
