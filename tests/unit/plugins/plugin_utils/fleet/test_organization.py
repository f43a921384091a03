# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
import re
import typing as t

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.fleet.organization import (
    OrganizationReader,
    Selection,
    Unit,
    find_unit,
    management_account_id,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.fleet.organization_hosts import (
    check_preferences,
    name_accounts,
)

exceptions = pytest.importorskip("botocore.exceptions")

MANAGEMENT = "999999999999"
Pages = t.Iterator[dict[str, t.Any]]


class Organizations:
    """Answers as the Organizations API does, in pages of two, and counts the calls."""

    def __init__(self) -> None:
        self.units: dict[str, list[dict[str, str]]] = {}
        self.accounts: dict[str, list[dict[str, t.Any]]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.refusals: dict[str, Exception] = {}
        self.calls: list[tuple[str, str]] = []

    def unit(self, parent: str, unit_id: str, name: str) -> None:
        self.units.setdefault(parent, []).append({"Id": unit_id, "Name": name})

    def account(self, parent: str, account_id: str, name: str, state: str = "ACTIVE", **more: t.Any) -> None:
        self.accounts.setdefault(parent, []).append(
            {
                "Id": account_id,
                "Name": name,
                "Email": f"{account_id}@example.edu",
                "Arn": f"arn:aws:organizations::{MANAGEMENT}:account/o-abc/{account_id}",
                "State": state,
                "JoinedMethod": "CREATED",
                "JoinedTimestamp": datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC),
                **more,
            }
        )

    def get_paginator(self, operation: str) -> Paginator:
        return Paginator(self, operation)

    def describe_organization(self) -> dict[str, t.Any]:
        self.refuse("describe_organization")
        return {"Organization": {"MasterAccountId": MANAGEMENT}}

    def refuse(self, operation: str) -> None:
        if operation in self.refusals:
            raise self.refusals[operation]


class Paginator:
    def __init__(self, service: Organizations, operation: str) -> None:
        self.service, self.operation = service, operation

    def paginate(self, ParentId: str = "", ResourceId: str = "") -> Pages:
        self.service.calls.append((self.operation, ParentId or ResourceId))
        self.service.refuse(self.operation)
        key, items = {
            "list_roots": ("Roots", [{"Id": "r-1"}]),
            "list_organizational_units_for_parent": ("OrganizationalUnits", self.service.units.get(ParentId, [])),
            "list_accounts_for_parent": ("Accounts", self.service.accounts.get(ParentId, [])),
            "list_tags_for_resource": (
                "Tags",
                [{"Key": key, "Value": value} for key, value in self.service.tags.get(ResourceId, {}).items()],
            ),
        }[self.operation]
        # AWS: a page can be empty although more follow.
        yield {key: []}
        for start in range(0, len(items), 2):
            yield {key: items[start : start + 2]}


@pytest.fixture
def service() -> Organizations:
    service = Organizations()
    service.unit("r-1", "ou-1-research", "Research")
    service.unit("r-1", "ou-1-sandbox", "Sandbox")
    service.unit("ou-1-research", "ou-1-psych", "Psychology")
    service.unit("ou-1-research", "ou-1-econ", "Economics")
    service.unit("ou-1-psych", "ou-1-vision", "Vision")
    service.unit("ou-1-sandbox", "ou-1-econ2", "Economics")
    service.account("r-1", MANAGEMENT, "Management")
    service.account("r-1", "100000000001", "Rootless")
    for number in range(5):
        service.account("ou-1-psych", f"20000000000{number}", f"Psych {number}")
    service.account("ou-1-vision", "300000000001", "Vision")
    service.account("ou-1-econ", "400000000001", "Econ", "SUSPENDED")
    service.account("ou-1-econ2", "400000000002", "Econ sandbox")
    return service


def reader(service: Organizations) -> OrganizationReader:
    return OrganizationReader(service, lambda: "123456789012")


def ids(service: Organizations, **selection: t.Any) -> list[str]:
    return [account["id"] for account in reader(service).accounts(Selection(**selection))]


def client_error(code: str, message: str) -> Exception:
    return t.cast(Exception, exceptions.ClientError({"Error": {"Code": code, "Message": message}}, "ListRoots"))


PSYCHOLOGY = [f"20000000000{number}" for number in range(5)] + ["300000000001"]


def test_all_active_members_of_every_page_and_unit_are_read(service: Organizations) -> None:
    assert ids(service) == ["100000000001", *PSYCHOLOGY, "400000000002"]


@pytest.mark.parametrize("name", ["ou-1-psych", "/Research/Psychology", "research/PSYCHOLOGY/", "Psychology"])
def test_a_unit_is_named_by_id_path_or_name_and_means_those_below_it(service: Organizations, name: str) -> None:
    assert ids(service, organizational_units=[name]) == PSYCHOLOGY


def test_units_that_are_not_asked_for_are_not_listed(service: Organizations) -> None:
    ids(service, organizational_units=["Vision"])
    assert [parent for operation, parent in service.calls if operation == "list_accounts_for_parent"] == ["ou-1-vision"]
    assert not [call for call in service.calls if call[0] == "list_tags_for_resource"]


def test_excluded_units_go_before_included_ones(service: Organizations) -> None:
    assert ids(service, organizational_units=["/Research"], exclude_organizational_units=["Psychology"]) == []
    assert ids(service, exclude_organizational_units=["Research"]) == ["100000000001", "400000000002"]
    assert ids(service, exclude_organizational_units=["/"]) == []


def test_statuses_are_asked_of_state_and_of_the_older_status(service: Organizations) -> None:
    service.account("ou-1-vision", "300000000002", "Old answer", State=None, Status="ACTIVE")
    assert "300000000002" in ids(service)
    assert ids(service, statuses=["suspended"]) == ["400000000001"]
    assert len(ids(service, statuses=["all"])) == 10


def test_an_unknown_status_is_refused(service: Organizations) -> None:
    with pytest.raises(CollectionError, match="DELETED: no such account status"):
        ids(service, statuses=["deleted"])


def test_the_management_account_is_a_lab_only_if_asked(service: Organizations) -> None:
    assert MANAGEMENT not in ids(service)
    assert MANAGEMENT in ids(service, include_management_account=True)
    assert management_account_id("nonsense") == ""


def test_an_account_carries_its_place_and_dates(service: Organizations) -> None:
    (account,) = reader(service).accounts(Selection(organizational_units=["Vision"]))
    assert account == {
        "id": "300000000001",
        "name": "Vision",
        "email": "300000000001@example.edu",
        "arn": f"arn:aws:organizations::{MANAGEMENT}:account/o-abc/300000000001",
        "status": "ACTIVE",
        "joined": "2026-01-02T03:04:05Z",
        "joined_method": "CREATED",
        "organizational_unit_path": "/Research/Psychology/Vision",
        "organizational_unit_ids": ["r-1", "ou-1-research", "ou-1-psych", "ou-1-vision"],
        "organizational_unit_names": ["Research", "Psychology", "Vision"],
    }


def test_what_steers_a_terminal_never_gets_in(service: Organizations) -> None:
    hostile = "\x1b]0;title\x07Li\u202eons\x9b31m\u200b"
    service.unit("ou-1-research", "ou-1-lions", hostile)
    service.account("ou-1-lions", "500000000001", hostile, Email=f"{hostile}@example.edu")
    service.tags = {"500000000001": {hostile: hostile}}
    (account,) = reader(service).accounts(Selection(organizational_units=["Lions"]))
    assert account["name"] == "Lions" and account["email"] == "Lions@example.edu"
    assert account["organizational_unit_path"] == "/Research/Lions"
    assert account["organizational_unit_names"] == ["Research", "Lions"]
    assert reader(service).tags(["500000000001"]) == {"500000000001": {"Lions": "Lions"}}


def test_a_name_that_two_units_have_is_refused_with_both(service: Organizations) -> None:
    with pytest.raises(CollectionError, match="More than one") as caught:
        ids(service, organizational_units=["Economics"])
    assert "/Research/Economics (ou-1-econ)" in str(caught.value)
    assert "/Sandbox/Economics (ou-1-econ2)" in str(caught.value)
    assert ids(service, organizational_units=["/Sandbox/Economics"]) == ["400000000002"]


def test_a_unit_that_is_missing_is_refused_with_those_that_exist(service: Organizations) -> None:
    with pytest.raises(CollectionError, match="no organizational unit 'Physics'") as caught:
        ids(service, organizational_units=["Physics"])
    assert "/Research/Psychology/Vision" in caught.value.next_step


@pytest.mark.parametrize("name", ["", "  "])
def test_an_empty_name_never_means_the_whole_organization(service: Organizations, name: str) -> None:
    with pytest.raises(CollectionError, match="is empty"):
        ids(service, organizational_units=[name])


def test_of_names_that_differ_in_case_the_written_one_is_meant() -> None:
    units = [Unit(("r",), ()), Unit(("r", "a"), ("Lab",)), Unit(("r", "b"), ("LAB",))]
    assert find_unit(units, "LAB").id == "b"
    with pytest.raises(CollectionError, match="More than one"):
        find_unit(units, "lab")


def test_tags_are_read_of_the_given_accounts_only(service: Organizations) -> None:
    service.tags = {"300000000001": {"lab": "v", "a": "1", "b": "2"}}
    assert reader(service).tags(["300000000001", "100000000001"]) == {
        "300000000001": {"lab": "v", "a": "1", "b": "2"},
        "100000000001": {},
    }
    assert len(service.calls) == 2


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        ({"mturk": "production"}, True),
        ({"mturk": ["sandbox", "production"]}, True),
        ({"mturk": None}, True),
        ({"mturk": "sandbox"}, False),
        ({"mturk": []}, False),
        ({"mturk": "production", "lab": None}, False),
        ({"year": 2026}, True),
        ({}, True),
    ],
)
def test_conditions_on_tags(wanted: dict[str, t.Any], fits: bool) -> None:
    assert Selection(tags=wanted).has_tags({"mturk": "production", "year": "2026"}) is fits


def test_a_member_account_is_told_where_to_ask(service: Organizations) -> None:
    # What Organizations answers to any member account.
    service.refusals["list_roots"] = client_error(
        "AccessDeniedException", "You don't have permissions to access this resource."
    )
    with pytest.raises(CollectionError) as caught:
        ids(service)
    assert "organizations:ListRoots to the AWS account 123456789012" in str(caught.value)
    assert f"the management account is {MANAGEMENT}" in str(caught.value)
    assert "delegated administrator" in caught.value.next_step
    assert caught.value.reason == "not_management_account"


def test_the_explanation_survives_refusals_of_its_own(service: Organizations) -> None:
    denied = client_error("AccessDeniedException", "You don't have permissions to access this resource.")
    service.refusals = {"list_roots": denied, "describe_organization": denied}

    def identify() -> str:
        raise denied

    with pytest.raises(CollectionError, match="neither the management account nor a delegated administrator"):
        OrganizationReader(service, identify).accounts(Selection())


@pytest.mark.parametrize(
    "operation", ["list_roots", "list_organizational_units_for_parent", "list_accounts_for_parent"]
)
def test_a_missing_permission_is_named(service: Organizations, operation: str) -> None:
    action = "organizations:" + re.sub(r"(^|_)(\w)", lambda found: found.group(2).upper(), operation)
    service.refusals[operation] = client_error(
        "AccessDeniedException", f"User: arn:aws:iam::1:user/x is not authorized to perform: {action} on resource: *"
    )
    with pytest.raises(CollectionError) as caught:
        ids(service)
    assert caught.value.reason == "access_denied"
    assert caught.value.next_step == f"Allow {action} to the role or user that reads the inventory."


def test_an_account_without_organization_is_told_so(service: Organizations) -> None:
    service.refusals["list_roots"] = client_error("AWSOrganizationsNotInUseException", "Your account is not a member")
    with pytest.raises(CollectionError, match="123456789012 is not a member of an organization"):
        ids(service)


def test_a_refusal_of_tags_ends_all_threads_with_one_error(service: Organizations) -> None:
    service.refusals["list_tags_for_resource"] = client_error(
        "AccessDeniedException", "User: x is not authorized to perform: organizations:ListTagsForResource"
    )
    with pytest.raises(CollectionError) as caught:
        reader(service).tags([f"{number:012}" for number in range(200)])
    assert caught.value.details["missing_action"] == "organizations:ListTagsForResource"
    assert len(service.calls) < 200


# -- host names --------------------------------------------------------------------------------------------------------


def account(account_id: str, name: str, joined: str = "2026-01-01T00:00:00Z", **tags: str) -> dict[str, t.Any]:
    return {"id": account_id, "name": name, "email": f"{name}@x.edu", "joined": joined, "tags": tags}


def test_the_first_preference_that_gives_a_name_is_taken() -> None:
    accounts = [account("1", "One", lab="first"), account("2", "Two"), account("3", "実験室")]
    assert name_accounts(accounts, ["tag:lab", "name", "id"])[0] == {"1": "first", "2": "Two", "3": "3"}
    assert name_accounts(accounts, ["tag:lab"])[0] == {"1": "first", "2": "2", "3": "3"}
    assert name_accounts(accounts, ["email"])[0]["1"] == "One-x.edu"


OLDER = {"account_id": "222222222222", "joined": "2025-01-01T00:00:00Z"}
YOUNGER = {"account_id": "111111111111", "joined": "2026-05-01T00:00:00Z"}


def test_nobody_gets_a_name_that_two_accounts_lead_to() -> None:
    """An account that renames itself must not get the host_vars of another, whichever of them is older."""
    accounts = [account(name="vision LAB", **OLDER), account(name="Vision lab", **YOUNGER)]
    names, warnings = name_accounts(accounts, ["name"])
    assert names == {"222222222222": "vision-LAB-222222222222", "111111111111": "Vision-lab-111111111111"}
    (warning,) = warnings
    assert "222222222222" in warning and "'Vision-lab-111111111111'" in warning and "hostnames" in warning


def test_a_tag_goes_before_a_name_that_a_lab_chose() -> None:
    accounts = [account(name="vision", **OLDER), account(name="x", **YOUNGER, lab="vision")]
    assert name_accounts(accounts, ["tag:lab", "name"])[0] == {
        "222222222222": "vision-222222222222",
        "111111111111": "vision",
    }
    both = [account(name="y", **OLDER, lab="vision"), account(name="x", **YOUNGER, lab="vision")]
    assert set(name_accounts(both, ["tag:lab", "name"])[0].values()) == {"vision-222222222222", "vision-111111111111"}


def test_a_name_like_the_id_of_another_account_takes_nothing_from_it() -> None:
    accounts = [account(name="111111111111", **OLDER), account(name="実験室", **YOUNGER)]
    assert name_accounts(accounts, ["name"])[0] == {
        "222222222222": "111111111111-222222222222",
        "111111111111": "111111111111",
    }


def test_a_name_that_ends_as_a_renamed_one_does_not_collide_either() -> None:
    third = account("333333333333", "Vision lab-222222222222")
    accounts = [account(name="vision lab", **OLDER), account(name="vision lab", **YOUNGER), third]
    names, warnings = name_accounts(accounts, ["name"])
    assert names["222222222222"] == "vision-lab-222222222222"
    assert names["333333333333"] == "Vision-lab-222222222222-333333333333"
    assert len(warnings) == 2 and "has another one's name" in warnings[1]


@pytest.mark.parametrize("names", [["a", "A", "a"], ["1" * 12, "a", "a-" + "1" * 12], ["a-" + "1" * 12, "a", "a"]])
def test_names_are_always_different(names: list[str]) -> None:
    accounts = [account(str(number + 1) * 12, name) for number, name in enumerate(names)]
    assert len({name.casefold() for name in name_accounts(accounts, ["name"])[0].values()}) == 3


@pytest.mark.parametrize("preference", ["tag:", "nam", "tags"])
def test_unknown_preferences_are_refused(preference: str) -> None:
    with pytest.raises(CollectionError, match="Host names cannot be made from"):
        check_preferences(["name", preference])
