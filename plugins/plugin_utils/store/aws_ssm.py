# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A C(SecureString) parameter a lab in AWS Systems Manager Parameter Store.

Parameter Store has no conditional write, but it numbers versions without gaps and keeps the old ones. So a write first
compares, and afterwards looks at its own number: a gap means that another run wrote in between, and then that run's
content is put back.
"""

from __future__ import annotations

from ..aws.errors import ClientError, error_code
from ..base.errors import invalid_options
from . import aws_base, base
from .record import LabRecord


class ParameterStore(aws_base.AwsStore):
    """Parameters named C(<prefix><lab>), each with one record as JSON."""

    type_name = "aws_ssm"
    service = "ssm"
    default_prefix = "/cloudresearch/labs/"

    def __init__(self, options: base.Options, surroundings: base.Surroundings) -> None:
        super().__init__(options, surroundings)
        if "/" in self._prefix.strip("/") and not self._prefix.startswith("/"):
            raise invalid_options(
                f"store.prefix {self._prefix!r} has several parts, so it has to begin with a slash.",
                f"Set it to /{self._prefix}.",
            )

    def get(self, lab: str) -> base.Snapshot:
        """Read and decrypt the lab's parameter."""
        found = self._read(lab, self.name(lab))
        if found is None:
            return base.Snapshot(lab, None)
        value, version = found
        return base.Snapshot(lab, base.load_record(value, lab), str(version))

    def put(self, record: LabRecord, after: base.Snapshot) -> base.Snapshot:
        """Write the lab's parameter, noticing writes by others."""
        value = base.dump_record(record)
        version = self._replace(record.lab, value, after) if after.version else self._create(record.lab, value)
        return base.Snapshot(record.lab, record, str(version))

    def delete(self, after: base.Snapshot) -> None:
        """Remove the lab's parameter with all its versions."""
        if not self._still_there(after):
            return
        with self.saying("remove", after.lab):
            try:
                self.client.delete_parameter(Name=self.name(after.lab))
            except ClientError as exc:
                if error_code(exc) != "ParameterNotFound":
                    raise

    def read_command(self, lab: str) -> str:
        """C(get-parameter)."""
        return self.shell_command(
            "get-parameter", f"--name={self.name(lab)}", "--with-decryption", "--query=Parameter.Value", "--output=text"
        )

    def _read(self, lab: str, name: str) -> tuple[str, int] | None:
        with self.saying("read", lab):
            try:
                parameter = self.client.get_parameter(Name=name, WithDecryption=True)["Parameter"]
            except ClientError as exc:
                if error_code(exc) in ("ParameterNotFound", "ParameterVersionNotFound"):
                    return None
                raise
        return parameter["Value"], int(parameter["Version"])

    def _write(self, lab: str, value: str, **how: object) -> int:
        if self._options.get("kms_key_id"):
            how["KeyId"] = self._options["kms_key_id"]
        how["Tier"] = self._options.get("tier", "Standard")
        return int(self.client.put_parameter(Name=self.name(lab), Value=value, Type="SecureString", **how)["Version"])

    def _create(self, lab: str, value: str) -> int:
        with self.saying("write", lab):
            try:
                return self._write(lab, value, Overwrite=False, **self.details_of_new(lab))
            except ClientError as exc:
                if error_code(exc) != "ParameterAlreadyExists":
                    raise
        # A call that AWS answered late is sent again, and then meets its own parameter.
        found = self._read(lab, self.name(lab))
        if found and found[0] == value:
            return found[1]
        raise base.conflict(lab, self.location)

    def _replace(self, lab: str, value: str, after: base.Snapshot) -> int:
        found = self._read(lab, self.name(lab))
        if found is None or str(found[1]) != after.version:
            raise base.conflict(lab, self.location)
        with self.saying("write", lab):
            version = self._write(lab, value, Overwrite=True)
        first = int(after.version) + 1
        if version != first:
            self._yield_to_others(lab, value, first)
        return version

    def _yield_to_others(self, lab: str, value: str, first: int) -> None:
        """Let the first write after the one that was read stand, as all others who came too late do."""
        others = self._read(lab, f"{self.name(lab)}:{first}")
        if others and others[0] == value:
            # That write is our own: the call was sent again because its answer was lost.
            return
        with self.saying("write", lab):
            if others:
                self._write(lab, others[0], Overwrite=True)
            else:
                # The other run removed the record, and the write brought it back.
                self.client.delete_parameter(Name=self.name(lab))
        raise base.conflict(lab, self.location)
