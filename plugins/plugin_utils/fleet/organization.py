# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the accounts of an AWS organization with their organizational units.

The tree of organizational units is walked with C(ListOrganizationalUnitsForParent); accounts are listed per parent
with C(ListAccountsForParent). So an account's place in the tree costs no call of its own, and units that are not asked
for are not listed. Tags are one call for each account.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import datetime
import typing as t

from ..aws.connection import Client
from ..aws.errors import AWS_FAILURES, aws_error, error_code, plain_message
from ..aws.shared_advice import ACCESS_DENIED_CODES
from ..base import times
from ..base.errors import CollectionError, invalid_options
from ..base.text import first_few, printable_values

# AWS API reference, Organizations, Account: State. Its older field Status was to be retired on 2026-09-09.
STATUSES = ("PENDING_ACTIVATION", "ACTIVE", "SUSPENDED", "PENDING_CLOSURE", "CLOSED")

# ListTagsForResource is throttled per organization; more threads only meet the throttle sooner.
TAG_THREADS = 6


@dataclasses.dataclass(frozen=True)
class Unit:
    """The root or an organizational unit. C(ids) and C(names) lead from the root, whose name is left out, to it."""

    ids: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def id(self) -> str:
        """The unit's own id, such as C(ou-ab12-cdefgh34)."""
        return self.ids[-1]

    @property
    def path(self) -> str:
        """The names from the root, such as C(/Research/Psychology); C(/) is the root."""
        return "/" + "/".join(self.names)


@dataclasses.dataclass(frozen=True)
class Selection:
    """Which accounts are wanted. Empty conditions are fulfilled by all; all conditions must be."""

    organizational_units: t.Sequence[str] = ()
    exclude_organizational_units: t.Sequence[str] = ()
    statuses: t.Sequence[str] = ("ACTIVE",)
    tags: t.Mapping[str, object] = dataclasses.field(default_factory=dict)
    include_management_account: bool = False

    def checked_statuses(self) -> frozenset[str]:
        """The statuses in AWS's spelling.

        :raises CollectionError: one of them does not exist.
        """
        wanted = {str(status).upper() for status in self.statuses}
        if "ALL" in wanted or not wanted:
            return frozenset(STATUSES)
        unknown = sorted(wanted.difference(STATUSES))
        if unknown:
            told = f"{', '.join(unknown)}: no such account status."
            raise invalid_options(told, f"Set statuses to some of {', '.join(STATUSES)}, or to all.")
        return frozenset(wanted)

    def has_tags(self, tags: t.Mapping[str, str]) -> bool:
        """Whether the tags fulfil the condition: each key is there with one of its values, or with any for None."""
        return all(
            key in tags and (wanted is None or tags[key] in (_text_list(wanted))) for key, wanted in self.tags.items()
        )


def _text_list(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, (list, tuple)) else [str(value)]


class Account(t.TypedDict):
    """What we keep of an account, as plain data that a cache can hold. C(joined) is ISO 8601 in UTC, or empty."""

    id: str
    name: str
    email: str
    arn: str
    status: str
    joined: str
    joined_method: str
    organizational_unit_path: str
    organizational_unit_ids: list[str]
    organizational_unit_names: list[str]
    tags: t.NotRequired[dict[str, str]]


class OrganizationReader:
    """Reads accounts with an Organizations client.

    :param identify: returns the account id that the credentials belong to; called only to explain a refusal.
    """

    def __init__(self, client: Client, identify: t.Callable[[], str]) -> None:
        self._client = client
        self._identify = identify

    def accounts(self, selection: Selection) -> list[Account]:
        """The selected accounts without their tags, sorted by id. Conditions on tags are not applied.

        :raises CollectionError: AWS refused, or a unit does not exist.
        """
        statuses = selection.checked_statuses()
        found = []
        for unit in chosen_units(self._units(), selection):
            for account in self._list_all_pages("list_accounts_for_parent", "Accounts", ParentId=unit.id):
                described = describe_account(account, unit)
                is_management = described["id"] == management_account_id(described["arn"])
                if described["status"] in statuses and (selection.include_management_account or not is_management):
                    found.append(described)
        return sorted(found, key=lambda account: account["id"])

    def tags(self, account_ids: t.Sequence[str]) -> dict[str, dict[str, str]]:
        """The tags of accounts, by account id.

        :raises CollectionError: AWS refused; C(reason) is C(access_denied) if C(organizations:ListTagsForResource) is
            what is missing.
        """
        with concurrent.futures.ThreadPoolExecutor(max_workers=TAG_THREADS) as threads:
            asked = [threads.submit(self._tags_of, account_id) for account_id in account_ids]
            try:
                return dict(zip(account_ids, (answer.result() for answer in asked), strict=True))
            except CollectionError:
                # The others would only be refused as well.
                threads.shutdown(cancel_futures=True)
                raise

    def _tags_of(self, account_id: str) -> dict[str, str]:
        listed = self._list_all_pages("list_tags_for_resource", "Tags", ResourceId=account_id)
        return {tag["Key"]: tag["Value"] for tag in listed}

    def _units(self) -> list[Unit]:
        """The roots and every organizational unit, each after its parent."""
        units = [Unit((root["Id"],), ()) for root in self._list_all_pages("list_roots", "Roots")]
        for unit in units:  # grows while it is walked
            children = self._list_all_pages(
                "list_organizational_units_for_parent", "OrganizationalUnits", ParentId=unit.id
            )
            units += [Unit((*unit.ids, child["Id"]), (*unit.names, child["Name"])) for child in children]
        return units

    def _list_all_pages(self, operation: str, result_key: str, **arguments: str) -> list[dict[str, t.Any]]:
        try:
            pages = self._client.get_paginator(operation).paginate(**arguments)
            # Names, addresses and tags are what others wrote.
            return [printable_values(item) for page in pages for item in page.get(result_key, [])]
        except AWS_FAILURES as exc:
            raise self._refusal_error(exc, operation) from exc

    def _refusal_error(self, exc: BaseException, operation: str) -> CollectionError:
        action = "organizations:" + "".join(word.capitalize() for word in operation.split("_"))
        code = error_code(exc)
        if code == "AWSOrganizationsNotInUseException":
            return CollectionError(
                f"The AWS account {self._identity()} is not a member of an organization, so {action} has no accounts.",
                next_step="Use credentials of the organization's management account or of a delegated administrator.",
                reason="no_organization",
                details={"error_code": code},
            )
        if code in ACCESS_DENIED_CODES and "not authorized to perform" not in plain_message(exc):
            # What Organizations answers to a member account, whatever its permissions are.
            return CollectionError(
                f"AWS refused {action} to the AWS account {self._identity()}"
                f"{self._management_account()} ({plain_message(exc)}).",
                next_step=(
                    "Use credentials of the organization's management account or of a member account that is a "
                    f"delegated administrator, and allow {action} to them. The option assume_role_arn leads from one "
                    "account into the other."
                ),
                reason="not_management_account",
                details={"error_code": code, "missing_action": action},
            )
        if code in ACCESS_DENIED_CODES:
            return CollectionError(
                f"AWS refused {action}: {plain_message(exc)}.",
                next_step=f"Allow {action} to the role or user that reads the inventory.",
                reason="access_denied",
                details={"error_code": code, "missing_action": action},
            )
        return aws_error(exc, f"read the organization ({action})")

    def _identity(self) -> str:
        try:
            return self._identify()
        except AWS_FAILURES:
            return "of these credentials"

    def _management_account(self) -> str:
        # Every member account may ask this; the answer spares people a search.
        try:
            organization = self._client.describe_organization()["Organization"]
        except AWS_FAILURES:
            return ", which is neither the management account nor a delegated administrator"
        return f", while the management account is {organization.get('MasterAccountId', 'another one')}"


def management_account_id(account_arn: str) -> str:
    """The management account's id, which stands in the ARN of every member: C(arn:..::<it>:account/o-../<member>)."""
    parts = account_arn.split(":")
    return parts[4] if len(parts) > 4 else ""


def describe_account(account: t.Mapping[str, t.Any], unit: Unit) -> Account:
    """An account in AWS's words, as we keep it."""
    joined = account.get("JoinedTimestamp")
    if isinstance(joined, datetime.datetime):
        joined = times.timestamp(joined)
    return {
        "id": account["Id"],
        "name": account.get("Name", ""),
        "email": account.get("Email", ""),
        "arn": account.get("Arn", ""),
        "status": account.get("State") or account.get("Status") or "",
        "joined": joined or "",
        "joined_method": account.get("JoinedMethod", ""),
        "organizational_unit_path": unit.path,
        "organizational_unit_ids": list(unit.ids),
        "organizational_unit_names": list(unit.names),
    }


def chosen_units(units: t.Sequence[Unit], selection: Selection) -> list[Unit]:
    """The units whose accounts are wanted: those named and all below them, without the excluded and all below those.

    :raises CollectionError: a unit that is named does not exist, or its name alone is not enough.
    """
    wanted = {find_unit(units, name).id for name in selection.organizational_units}
    unwanted = {find_unit(units, name).id for name in selection.exclude_organizational_units}
    return [unit for unit in units if (not wanted or wanted.intersection(unit.ids)) and unwanted.isdisjoint(unit.ids)]


def find_unit(units: t.Sequence[Unit], name: str) -> Unit:
    """The unit of an id, of a path of names from the root, or of a name that occurs once.

    :raises CollectionError: none or more than one fits.
    """
    text = str(name).strip()
    if not text:
        raise invalid_options(
            "The name of an organizational unit is empty.",
            "Name a unit by its id or path (/ is the root), or leave the list empty to take all accounts.",
        )
    found = _units_called(units, text)
    if len(found) == 1:
        return found[0]
    if found:
        listed = ", ".join(f"{unit.path} ({unit.id})" for unit in found)
        raise CollectionError(
            f"More than one organizational unit is called {text!r}: {listed}.",
            next_step="Name the unit by its id or by its path from the root.",
            reason="ambiguous_organizational_unit",
        )
    known = sorted(unit.path for unit in units)
    listed = first_few(known, 20)
    raise CollectionError(
        f"There is no organizational unit {text!r}.",
        next_step=f"Name a unit by its id (ou-...) or by its path; these exist: {listed}.",
        reason="no_such_organizational_unit",
    )


def _units_called(units: t.Sequence[Unit], text: str) -> list[Unit]:
    """The units that fit best: by id, by path, by name; in the case that was written before any other."""
    path = "/" + text.strip("/")
    ways: list[t.Callable[[Unit], bool]] = [
        lambda unit: unit.id == text,
        lambda unit: unit.path == path,
        lambda unit: unit.path.casefold() == path.casefold(),
    ]
    if "/" not in text:
        ways.append(lambda unit: unit.names[-1:] == (text,))
        ways.append(lambda unit: bool(unit.names) and unit.names[-1].casefold() == text.casefold())
    return next(filter(None, ([unit for unit in units if fits(unit)] for fits in ways)), [])
