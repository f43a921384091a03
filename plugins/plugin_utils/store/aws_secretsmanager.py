# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A secret a lab in AWS Secrets Manager.

Check-and-set rests on the staging label C(AWSCURRENT): a new version is uploaded beside the current one, and the label
is then moved from the version that was read. AWS refuses that move when the label is elsewhere by now
(UpdateSecretVersionStage in the API reference).
"""

from __future__ import annotations

from ..aws.errors import ClientError, error_code
from ..base.errors import invalid_options
from . import aws_base, base
from .reasons import record_deleted
from .record import LabRecord

_CURRENT = "AWSCURRENT"
# One fixed label for uploads: AWS moves it along, so labels never pile up.
_UPLOADED = "labops-uploaded"
# Marks the version that was current when the collection itself removed the record, after its keys were gone.
_REMOVED = "labops-removed"


class SecretsManagerStore(aws_base.AwsStore):
    """Secrets named C(<prefix><lab>), each with one record as JSON."""

    type_name = "aws_secretsmanager"
    service = "secretsmanager"
    default_prefix = "cloudresearch/labs/"

    def __init__(self, options: base.Options, surroundings: base.Surroundings) -> None:
        super().__init__(options, surroundings)
        window = int(options.get("recovery_window_days", 0))
        if window and not 7 <= window <= 30:
            raise invalid_options(
                f"store.recovery_window_days is {window}; AWS takes 7 to 30.",
                "Set it to 7 to 30, or to 0 to remove records at once.",
            )
        self._window = window
        self._removal = {"RecoveryWindowInDays": window} if window else {"ForceDeleteWithoutRecovery": True}

    def get(self, lab: str) -> base.Snapshot:
        """Read the current version of the lab's secret."""
        with self.saying("read", lab):
            try:
                answer = self.client.get_secret_value(SecretId=self.name(lab), VersionStage=_CURRENT)
            except ClientError as exc:
                if _is_scheduled_for_deletion(exc):
                    self._require_own_removal(lab)
                elif error_code(exc) != "ResourceNotFoundException":
                    raise
                return base.Snapshot(lab, None)
        return base.Snapshot(lab, base.load_record(answer.get("SecretString", ""), lab), answer["VersionId"])

    def put(self, record: LabRecord, after: base.Snapshot) -> base.Snapshot:
        """Create the secret, or upload a version and make it the current one."""
        with self.saying("write", record.lab):
            version = self._replace(record, after.version) if after.version else self._create(record)
        if version is None:
            raise base.conflict(record.lab, self.location)
        return base.Snapshot(record.lab, record, version)

    def delete(self, after: base.Snapshot) -> None:
        """Remove the secret, at once or after the recovery window."""
        # AWS has no conditional removal; the lock and this comparison are the best there is.
        if not self._still_there(after):
            return
        name = self.name(after.lab)
        with self.saying("remove", after.lab):
            try:
                if self._window:
                    self._move_label(name, _REMOVED, after.version)
                self.client.delete_secret(SecretId=name, **self._removal)
            except ClientError as exc:
                if error_code(exc) != "ResourceNotFoundException" and not _is_scheduled_for_deletion(exc):
                    raise

    def read_command(self, lab: str) -> str:
        """C(get-secret-value)."""
        return self.shell_command(
            "get-secret-value", f"--secret-id={self.name(lab)}", "--query=SecretString", "--output=text"
        )

    def _require_own_removal(self, lab: str) -> dict[str, list[str]]:
        """The secret's versions with their labels, if it was this collection that scheduled its deletion.

        :raises CollectionError: somebody else did.
        """
        name = self.name(lab)
        labels: dict[str, list[str]] = self.client.describe_secret(SecretId=name)["VersionIdsToStages"]
        if not any({_CURRENT, _REMOVED} <= set(stages) for stages in labels.values()):
            command = self.shell_command("restore-secret", f"--secret-id={name}")
            raise record_deleted(lab, f"scheduled for deletion, {self.location}", command)
        return labels

    def _move_label(self, name: str, label: str, version: str) -> None:
        labels = self.client.describe_secret(SecretId=name)["VersionIdsToStages"]
        holder = next((other for other, stages in labels.items() if label in stages), None)
        if holder != version:
            moved = {"MoveToVersionId": version, **({"RemoveFromVersionId": holder} if holder else {})}
            self.client.update_secret_version_stage(SecretId=name, VersionStage=label, **moved)

    def _create(self, record: LabRecord) -> str | None:
        details = self.details_of_new(record.lab)
        if self._options.get("kms_key_id"):
            details["KmsKeyId"] = self._options["kms_key_id"]
        try:
            answer = self.client.create_secret(
                Name=self.name(record.lab), SecretString=base.dump_record(record), **details
            )
        except ClientError as exc:
            if error_code(exc) == "ResourceExistsException" or _is_scheduled_for_deletion(exc):
                return self._take_over(record)
            raise
        return str(answer["VersionId"])

    def _take_over(self, record: LabRecord) -> str | None:
        """The name is taken: a record in its recovery window gives way; this very record and another run's stay."""
        name = self.name(record.lab)
        if not self.client.describe_secret(SecretId=name).get("DeletedDate"):
            # A call that was repeated because its answer was lost meets its own record.
            found = self.get(record.lab)
            return found.version if found.record == record else None
        labels = self._require_own_removal(record.lab)
        self.client.restore_secret(SecretId=name)
        current = next((version for version, stages in labels.items() if _CURRENT in stages), "")
        return self._replace(record, current)

    def _replace(self, record: LabRecord, expected: str) -> str | None:
        name = self.name(record.lab)
        try:
            uploaded = self.client.put_secret_value(
                SecretId=name, SecretString=base.dump_record(record), VersionStages=[_UPLOADED]
            )["VersionId"]
            self.client.update_secret_version_stage(
                SecretId=name, VersionStage=_CURRENT, MoveToVersionId=uploaded, RemoveFromVersionId=expected
            )
        except ClientError as exc:
            if error_code(exc) == "ResourceNotFoundException" or _is_scheduled_for_deletion(exc):
                return None
            # Also the answer to a repeated call whose first answer was lost.
            if error_code(exc) == "InvalidParameterException":
                return str(uploaded) if self.get(record.lab).version == uploaded else None
            raise
        return str(uploaded)


def _is_scheduled_for_deletion(exc: BaseException) -> bool:
    return error_code(exc) == "InvalidRequestException" and "delet" in str(exc)
