# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory aws_organization, read from the simulator's organization, where it matters by the real command."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import typing as t

import pytest
import yaml
from ansible.errors import AnsibleParserError

from tests.fleet import tool, unmarked
from tests.simulator.process import Simulator
from tests.stack.inventory_source import read

PLUGIN = "labops.cloudresearch.aws_organization"
ALLOWED_WITHOUT_TAGS = [
    "organizations:ListRoots",
    "organizations:ListOrganizationalUnitsForParent",
    "organizations:ListAccountsForParent",
]


class Inventory:
    """Runs ansible-inventory over one source."""

    def __init__(self, directory: pathlib.Path, simulator: Simulator) -> None:
        self.directory = directory
        self.simulator = simulator

    def run(
        self,
        *arguments: str,
        environment: dict[str, str] | None = None,
        before: pathlib.Path | None = None,
        **options: t.Any,
    ) -> t.Any:
        source = self.write(**options)
        return subprocess.run(
            [tool("ansible-inventory"), *(["-i", str(before)] if before else []), "-i", str(source), *arguments],
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
                "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
                "ANSIBLE_NOCOLOR": "true",
                "HOME": str(self.directory),
                **(environment or {}),
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def write(self, **options: t.Any) -> pathlib.Path:
        """Write the source down."""
        source = self.directory / "labs.aws_organization.yml"
        credentials = {
            "endpoint_url": self.simulator.aws_url,
            "access_key": self.simulator.ops_access_key,
            "secret_key": self.simulator.ops_secret_key,
        }
        # Names are easier to read in a test than ids.
        named = {"hostnames": ["name"]}
        config = {"plugin": PLUGIN, **credentials, **named, **options}
        source.write_text(yaml.safe_dump({name: value for name, value in config.items() if value is not None}))
        return source

    def list(self, **options: t.Any) -> dict[str, t.Any]:
        done = self.run("--list", **options)
        assert done.returncode == 0, done.stderr
        return t.cast("dict[str, t.Any]", unmarked(json.loads(done.stdout)))

    def hosts(self, **options: t.Any) -> dict[str, dict[str, t.Any]]:
        """Read in this process."""
        return read(PLUGIN, self.write(**options))

    def error(self, **options: t.Any) -> str:
        """Why it is refused, in this process."""
        with pytest.raises(AnsibleParserError) as caught:
            self.hosts(**options)
        return " ".join(str(caught.value).split())


@pytest.fixture
def inventory(tmp_path: pathlib.Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Inventory:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    return Inventory(tmp_path, simulator)


@pytest.fixture(scope="module", autouse=True)
def fleet(simulator: Simulator) -> list[dict[str, t.Any]]:
    """More accounts than fit on a page, over units that lie in each other."""
    psychology = [
        {"name": f"Org psych {number}", "ou": "Inv/Psychology", "tags": {"mturk": "production", "department": "psych"}}
        for number in range(45)
    ]
    others = [
        {"name": "Org vision", "ou": "Inv/Psychology/Vision", "tags": {"mturk": "sandbox", "lab": "vision one"}},
        {"name": "Org economics", "ou": "Inv/Economics", "tags": {"department": "econ"}},
        {"name": "Org {{ 7 * 191 }}", "ou": "Inv/Hostile", "tags": {"note": "{{ 7 * 191 }}"}},
        {"name": "Org twin", "ou": "Inv/Twins/A"},
        {"name": "Org TWIN", "ou": "Inv/Twins/B"},
        {"name": "Org closed", "ou": "Inv/Closed"},
    ]
    labs = simulator.control.create_labs([{"portal": False, **lab} for lab in [*psychology, *others]])
    simulator.control.close_account("Org closed")
    return t.cast("list[dict[str, t.Any]]", labs)


def test_all_pages_of_nested_units_are_read(inventory: Inventory) -> None:
    hosts = inventory.hosts(organizational_units=["/Inv/Psychology"])
    assert set(hosts) == {*(f"Org-psych-{number}" for number in range(45)), "Org-vision"}


def test_host_variables_carry_account_unit_and_the_roles_account_id(
    inventory: Inventory, fleet: list[dict[str, t.Any]]
) -> None:
    (lab,) = [lab for lab in fleet if lab["name"] == "Org vision"]
    variables = inventory.hosts(organizational_units=["/Inv/Psychology/Vision"], fetch_tags="always")["Org-vision"]
    assert variables["aws_account_id"] == variables["lab_account_aws_account_id"] == lab["account_id"]
    assert variables["aws_account_name"] == "Org vision"
    assert "@" in variables["aws_account_email"]
    assert variables["aws_account_arn"].endswith(lab["account_id"])
    assert variables["aws_account_status"] == "ACTIVE"
    assert variables["aws_account_joined"].endswith("Z")
    assert variables["aws_organizational_unit_path"] == "/Inv/Psychology/Vision"
    assert variables["aws_organizational_unit_names"] == ["Inv", "Psychology", "Vision"]
    assert len(variables["aws_organizational_unit_ids"]) == 4
    assert variables["aws_account_tags"] == {"mturk": "sandbox", "lab": "vision one"}


def test_prefix_and_suffix_leave_the_roles_variable_alone(inventory: Inventory) -> None:
    options = {"organizational_units": ["Vision"], "hostvars_prefix": "org_", "hostvars_suffix": "_x"}
    variables = inventory.hosts(**options)["Org-vision"]
    assert variables["org_account_name_x"] == "Org vision"
    assert "lab_account_aws_account_id" in variables and "aws_account_name" not in variables


def test_tags_choose_name_and_group(inventory: Inventory) -> None:
    listed = inventory.list(
        organizational_units=["/Inv"],
        tags={"mturk": ["production", "sandbox"]},
        hostnames=["tag:lab", "name"],
        strict=True,
        keyed_groups=[
            {"prefix": "department", "key": "aws_account_tags.department | default('none')"},
            {"prefix": "unit", "key": "aws_organizational_unit_names"},
        ],
        groups={"sandbox_only": "aws_account_tags.mturk == 'sandbox'"},
        compose={"lab_account_cloudresearch_email": "aws_account_email | upper"},
    )
    assert listed["sandbox_only"]["hosts"] == listed["unit_Vision"]["hosts"] == ["vision-one"]
    assert len(listed["department_psych"]["hosts"]) == 45
    assert len(listed["aws_organization"]["hosts"]) == 46
    email = listed["_meta"]["hostvars"]["vision-one"]["lab_account_cloudresearch_email"]
    assert email == email.upper()


def test_tags_are_only_asked_for_when_used(inventory: Inventory, simulator: Simulator) -> None:
    def asked(**options: t.Any) -> list[str]:
        start = len(simulator.control.calls())
        inventory.hosts(organizational_units=["/Inv/Psychology/Vision"], **options)
        return [call["action"] for call in simulator.control.calls()[start:] if call["service"] == "organizations"]

    assert "ListTagsForResource" not in asked()
    assert asked().count("ListAccountsForParent") == 1
    assert asked(compose={"x": "aws_account_tags.lab"}).count("ListTagsForResource") == 1
    assert "ListTagsForResource" not in asked(compose={"x": "aws_account_tags.lab"}, fetch_tags="never")


def test_text_from_aws_is_never_a_template(inventory: Inventory) -> None:
    hosts = inventory.list(
        organizational_units=["/Inv/Hostile"], compose={"copy": "aws_account_name"}, fetch_tags="always"
    )["_meta"]["hostvars"]
    assert hosts["Org-7-191"]["aws_account_name"] == hosts["Org-7-191"]["copy"] == "Org {{ 7 * 191 }}"
    # What a play makes of it.
    done = subprocess.run(
        [
            tool("ansible"),
            "all",
            *("-i", str(inventory.directory / "labs.aws_organization.yml")),
            *("-m", "ansible.builtin.debug", "-a", "msg='{{ aws_account_name }} {{ aws_account_tags.note }}'"),
        ],
        env={**os.environ, "ANSIBLE_NOCOLOR": "true"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Org {{ 7 * 191 }} {{ 7 * 191 }}" in done.stdout and "1337" not in done.stdout


def test_names_that_are_the_same_without_case_are_kept_apart_and_reported(
    inventory: Inventory, fleet: list[dict[str, t.Any]]
) -> None:
    done = inventory.run("--list", organizational_units=["/Inv/Twins"])
    hosts = json.loads(done.stdout)["_meta"]["hostvars"]
    twins = {lab["name"]: lab["account_id"] for lab in fleet if lab["name"].lower() == "org twin"}
    assert set(hosts) == {f"Org-{name.split()[1]}-{account_id}" for name, account_id in twins.items()}
    assert "2 accounts lead to the host name" in " ".join(done.stderr.split())


def test_by_default_a_host_is_named_by_what_its_owner_cannot_choose(
    inventory: Inventory, fleet: list[dict[str, t.Any]]
) -> None:
    (lab,) = [lab for lab in fleet if lab["name"] == "Org vision"]
    assert set(inventory.hosts(organizational_units=["Vision"], hostnames=None)) == {lab["account_id"]}


def test_a_host_never_stands_for_two_accounts(inventory: Inventory, tmp_path: pathlib.Path) -> None:
    """Whoever renames an account so that it is called like a host of another source must not get that one's secrets."""
    other = tmp_path / "labs.yml"
    victim = {"lab_account_aws_account_id": "999999999999"}
    other.write_text(yaml.safe_dump({"all": {"hosts": {"Org-vision": victim}}}))
    done = inventory.run("--list", organizational_units=["/Inv/Psychology"], before=other)
    assert done.returncode != 0
    assert "The host Org-vision stands for the AWS account 999999999999 in another inventory source" in " ".join(
        done.stderr.split()
    )


def test_closed_accounts_are_left_out_unless_asked_for(inventory: Inventory) -> None:
    assert inventory.hosts(organizational_units=["/Inv/Closed"]) == {}
    assert set(inventory.hosts(organizational_units=["/Inv/Closed"], statuses=["all"])) == {"Org-closed"}


def test_graph_shows_the_groups(inventory: Inventory) -> None:
    done = inventory.run(
        "--graph",
        organizational_units=["/Inv/Economics", "/Inv/Psychology/Vision"],
        keyed_groups=[{"prefix": "unit", "key": "aws_organizational_unit_names | last"}],
    )
    assert done.stdout.splitlines() == [
        "@all:",
        "  |--@ungrouped:",
        "  |--@aws_organization:",
        "  |  |--Org-economics",
        "  |  |--Org-vision",
        "  |--@unit_Economics:",
        "  |  |--Org-economics",
        "  |--@unit_Vision:",
        "  |  |--Org-vision",
    ]


def test_options_can_be_templates(inventory: Inventory) -> None:
    done = inventory.run(
        "--list",
        environment={"LABS_UNIT": "/Inv/Economics", "LABS_KEY": inventory.simulator.ops_access_key},
        access_key="{{ lookup('ansible.builtin.env', 'LABS_KEY') }}",
        organizational_units=["{{ lookup('ansible.builtin.env', 'LABS_UNIT') }}"],
    )
    assert set(json.loads(done.stdout)["_meta"]["hostvars"]) == {"Org-economics"}, done.stderr


def test_a_template_that_comes_out_empty_never_means_all_accounts(inventory: Inventory) -> None:
    error = inventory.error(organizational_units=["{{ lookup('ansible.builtin.env', 'LABS_UNIT') }}"])
    assert "The name of an organizational unit is empty" in error


def test_the_cache_spares_all_calls_until_the_question_changes(
    inventory: Inventory, simulator: Simulator, tmp_path: pathlib.Path
) -> None:
    cache = {"cache": True, "cache_plugin": "ansible.builtin.jsonfile", "cache_connection": str(tmp_path / "cache")}

    def cached(**options: t.Any) -> dict[str, dict[str, t.Any]]:
        return read(PLUGIN, inventory.write(**options), cache=True)

    economics = {"organizational_units": ["/Inv/Economics"], **cache}
    first = inventory.list(**economics)["_meta"]["hostvars"]
    start = len(simulator.control.calls())
    # Another process finds what the first one has kept, and so does this one.
    assert inventory.list(**economics)["_meta"]["hostvars"] == first
    # Names are made from what is cached.
    assert set(cached(**economics, hostnames=["id"])) == {first["Org-economics"]["aws_account_id"]}
    assert len(simulator.control.calls()) == start
    assert set(cached(**{**economics, "organizational_units": ["/Inv/Psychology/Vision"]})) == {"Org-vision"}
    assert len(simulator.control.calls()) > start


def test_a_throttled_organization_is_asked_again(inventory: Inventory, simulator: Simulator) -> None:
    simulator.control.inject_fault(service="organizations", action="ListTagsForResource", kind="throttle", times=3)
    try:
        hosts = inventory.hosts(organizational_units=["/Inv/Psychology"], fetch_tags="always")
        assert all(variables["aws_account_tags"] for variables in hosts.values())
    finally:
        simulator.control.clear_faults()


@pytest.mark.parametrize("denied", [*ALLOWED_WITHOUT_TAGS, "organizations:ListTagsForResource"])
def test_a_missing_permission_is_named(inventory: Inventory, simulator: Simulator, denied: str) -> None:
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    refusal = {"Effect": "Deny", "Action": denied, "Resource": "*"}
    simulator.control.set_ops_policy({"Version": "2012-10-17", "Statement": [everything, refusal]})
    try:
        error = inventory.error(organizational_units=["/Inv/Economics"], fetch_tags="always")
    finally:
        simulator.control.set_ops_policy(None)
    assert f"AWS refused {denied}" in error
    assert f"Allow {denied} to the role or user that reads the inventory" in error


def test_tags_can_be_done_without_if_they_are_denied(inventory: Inventory, simulator: Simulator) -> None:
    allowed = {"Effect": "Allow", "Action": ALLOWED_WITHOUT_TAGS, "Resource": "*"}
    simulator.control.set_ops_policy({"Version": "2012-10-17", "Statement": [allowed]})
    options: dict[str, t.Any] = {"organizational_units": ["/Inv/Economics"], "strict_permissions": False}
    try:
        done = inventory.run("--list", **options, fetch_tags="always")
        assert "aws_account_tags" not in json.loads(done.stdout)["_meta"]["hostvars"]["Org-economics"]
        assert "The accounts come without their tags" in done.stderr
        assert "organizations:ListTagsForResource" in inventory.error(**options, tags={"department": "econ"})
    finally:
        simulator.control.set_ops_policy(None)


def test_a_lab_account_is_told_to_ask_the_management_account(
    inventory: Inventory, fleet: list[dict[str, t.Any]]
) -> None:
    (lab,) = [lab for lab in fleet if lab["name"] == "Org vision"]
    error = inventory.error(assume_role_arn=lab["role_arn"])
    assert f"to the AWS account {lab['account_id']}, while the management account is" in error
    assert "delegated administrator" in error


def test_the_external_id_of_a_role_is_sent(
    inventory: Inventory, fleet: list[dict[str, t.Any]], simulator: Simulator
) -> None:
    (lab,) = [lab for lab in fleet if lab["name"] == "Org vision"]
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": simulator.management_account_id},
        "Condition": {"StringEquals": {"sts:ExternalId": "ours"}},
    }
    simulator.control.set_role_trust(lab["name"], {"Version": "2012-10-17", "Statement": [statement]})
    try:
        assert "cannot be assumed" in inventory.error(assume_role_arn=lab["role_arn"])
        error = inventory.error(assume_role_arn=lab["role_arn"], external_id="ours")
        assert f"to the AWS account {lab['account_id']}, while" in error, "it got in, and was told where it is"
    finally:
        simulator.control.set_role_trust(lab["name"], None)


def test_a_role_that_cannot_be_assumed_is_named(inventory: Inventory) -> None:
    error = inventory.error(assume_role_arn="arn:aws:iam::999999999999:role/Nobody")
    assert "The role arn:aws:iam::999999999999:role/Nobody cannot be assumed" in error


def test_wrong_credentials_are_told_apart(inventory: Inventory) -> None:
    assert "AWS does not accept the credentials" in inventory.error(access_key="AKIAIOSFODNN7EXAMPLE")


def test_an_unreachable_aws_is_told_apart(inventory: Inventory) -> None:
    assert "AWS could not be reached" in inventory.error(endpoint_url="http://127.0.0.1:9")


def test_the_secret_key_is_in_no_error(inventory: Inventory, simulator: Simulator) -> None:
    done = inventory.run("--list", "-vvvv", organizational_units=["/Nowhere"])
    assert simulator.ops_secret_key not in done.stdout + done.stderr
