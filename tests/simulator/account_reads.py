# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IAM's reads of a whole account, where moto is more lenient than AWS or knows less.

moto gives C(GetAccountAuthorizationDetails) in one page with all of AWS's policies, and a credential report without
root, regions and services.
"""

from __future__ import annotations

import csv
import datetime
import io
import itertools
import typing as t

from moto.core.responses import ActionResult
from moto.iam.exceptions import ReportNotPresentException
from moto.iam.responses import IamResponse

# The lists of C(GetAccountAuthorizationDetails), in the order in which it gives them.
_LISTS = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
_COLUMNS = (
    *("user", "arn", "user_creation_time", "password_enabled", "password_last_used", "password_last_changed"),
    *("password_next_rotation", "mfa_active"),
    *(
        f"access_key_{place}_{what}"
        for place in (1, 2)
        for what in ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service")
    ),
    *("cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated"),
)
#: By account, root's keys as L(set_root_key) made them.
_root_keys: dict[str, list[dict[str, str]]] = {}
DEFAULT_PAGE = 100


def forget_everything() -> None:
    """No account's root has a key."""
    _root_keys.clear()


def set_root_key(account_id: str, last_used: str, service: str) -> None:
    """Give the account's root an active key, last used at this moment (ISO 8601; empty: never) for this service."""
    used = (last_used, "us-east-1", service) if last_used else ("N/A", "N/A", "N/A")
    names = ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service")
    made = dict(zip(names, ("true", "2019-05-01T00:00:00+00:00", *used), strict=True))
    _root_keys[account_id] = [made]


def delete_root_key(account_id: str) -> None:
    """What a person does who signed in as the account's root."""
    _root_keys.pop(account_id, None)


class AccountReads(IamResponse):  # type: ignore[misc]  # moto has no types
    """moto's IAM with AWS's answers to the reads of a whole account."""

    def get_account_authorization_details(self) -> ActionResult:
        """In pages, with those of AWS's managed policies that somebody has."""
        found = self.backend.get_account_authorization_details([])
        holders = [*found["users"], *found["groups"], *found["roles"]]
        used = {arn for holder in holders for arn in holder.managed_policies}
        limits = [getattr(holder, "permissions_boundary", None) for holder in holders]
        used |= {limit["PermissionsBoundaryArn"] for limit in limits if limit}
        policies = [each for each in found["managed_policies"] if each.arn in used or ":iam::aws:" not in each.arn]
        entries = [
            (name, entry)
            for name, entries in zip(_LISTS, (found["users"], found["groups"], found["roles"], policies), strict=True)
            for entry in entries
        ]
        start = int(self._get_param("Marker") or 0)
        end = start + int(self._get_param("MaxItems") or DEFAULT_PAGE)
        page: dict[str, t.Any] = {name: [] for name in _LISTS}
        for name, entry in itertools.islice(entries, start, end):
            page[name].append(entry)
        more = {"IsTruncated": True, "Marker": str(end)} if end < len(entries) else {"IsTruncated": False}
        return ActionResult({**page, **more})

    def get_account_summary(self) -> ActionResult:
        """With what root has."""
        summary = dict(self.backend.get_account_summary().summary_map)
        summary["AccountAccessKeysPresent"] = int(bool(_root_keys.get(self.current_account)))
        return ActionResult({"SummaryMap": summary})

    def get_credential_report(self) -> ActionResult:
        """With root, and with regions and services."""
        if not self.backend.report_generated():
            raise ReportNotPresentException("Credential report not present")
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_COLUMNS)
        root = f"arn:aws:iam::{self.current_account}:root"
        writer.writerow(_row("<root_account>", root, _root_keys.get(self.current_account, [])))
        for user in self.backend.users.values():
            writer.writerow(_row(user.name, user.arn, [_described(key) for key in user.access_keys]))
        generated = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
        return ActionResult({"Content": text.getvalue(), "ReportFormat": "text/csv", "GeneratedTime": generated})


def _described(key: t.Any) -> dict[str, str]:
    used = key.last_used
    return {
        "active": str(key.status == "Active").lower(),
        "last_rotated": f"{key.create_date:%Y-%m-%dT%H:%M:%S}+00:00",
        "last_used_date": f"{used.timestamp:%Y-%m-%dT%H:%M:%S}+00:00" if used else "N/A",
        "last_used_region": used.region if used else "N/A",
        "last_used_service": used.service if used else "N/A",
    }


def _row(name: str, arn: str, keys: t.Sequence[t.Mapping[str, str]]) -> list[str]:
    cells = {"user": name, "arn": arn, "user_creation_time": "2019-05-01T00:00:00+00:00", "password_enabled": "false"}
    for place in (1, 2):
        cells[f"access_key_{place}_active"] = "false"
        if place <= len(keys):
            cells |= {f"access_key_{place}_{what}": text for what, text in keys[place - 1].items()}
    return [cells.get(column, "N/A") for column in _COLUMNS]
