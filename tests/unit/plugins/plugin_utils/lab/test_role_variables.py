# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's variables as options of its observation."""

from __future__ import annotations

import pathlib
import re
import typing as t

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import declaration, role_variables
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link import options as link_options


class Plain:
    """A templar for values that hold no templates."""

    def template(self, value: t.Any) -> t.Any:
        return value


def variables(**given: t.Any) -> dict[str, t.Any]:
    return {f"lab_account_{name}": value for name, value in given.items()}


def read(**given: t.Any) -> dict[str, t.Any]:
    return role_variables.read({**variables(**given), "not_of_the_role": object()}, Plain())


ROLE = pathlib.Path(__file__).resolve().parents[5] / "roles" / "lab_account"


def test_documentation_and_specification_say_the_same() -> None:
    documented = yaml.safe_load((ROLE / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    assert sorted(documented) == sorted(role_variables.ARGUMENT_SPEC)
    words = ("type", "elements", "choices", "default", "options")
    for name, spec in role_variables.ARGUMENT_SPEC.items():
        said = {word: documented[name][word] for word in words if word in documented[name]}
        meant = {
            word: spec[word] for word in words if spec.get(word) is not None and (word, spec[word]) != ("default", None)
        }
        # What a suboption is for stands in the documentation only, and that it is no secret in the specification.
        said["options"] = _bare(said.get("options", {}))
        meant["options"] = _bare(meant.get("options", {}))
        assert said == meant, name
        assert bool(documented[name].get("no_log")) is bool(spec.get("no_log")), name


def _bare(options: dict[str, t.Any]) -> dict[str, t.Any]:
    return {
        name: {word: value for word, value in spec.items() if word not in ("description", "no_log")}
        for name, spec in options.items()
    }


def test_defaults_are_those_of_the_specification() -> None:
    defaults = yaml.safe_load((ROLE / "defaults" / "main.yml").read_text())
    specified = {name: spec["default"] for name, spec in role_variables.ARGUMENT_SPEC.items() if "default" in spec}
    assert {**defaults, "lab_account_lab": None} == {**specified, "lab_account_lab": None}


def test_values_are_converted_and_empty_texts_are_not_given() -> None:
    options = role_variables.as_options(
        read(aws_account_id=111122223333, key_max_age_days="90", mturk_sandbox_endpoint_url="", tags={"a": "b"})
    )
    assert options["account_id"] == "111122223333"
    assert options["max_age_days"] == 90
    assert options["sandbox_endpoint_url"] is None
    assert options["tags"] == {"a": "b"}


def test_a_lab_is_its_host_unless_it_has_a_name_of_its_own() -> None:
    host = {"inventory_hostname": "host-7"}
    assert role_variables.read(host, Plain())["lab_account_lab"] == "host-7"
    assert role_variables.read({**host, "lab_account_lab": "lab-01"}, Plain())["lab_account_lab"] == "lab-01"


def test_the_observation_is_given_every_option_it_knows() -> None:
    assert set(role_variables.as_options(read())) == set(declaration.ARGUMENT_SPEC)


def test_the_portal_is_told_once_and_its_further_options_win() -> None:
    given = read(
        cloudresearch_email="pi@example.org",
        cloudresearch_password="",
        link_driver="http",
        portal_url="https://portal.example.org",
        portal_options={"timeout": 5, "driver": "browser"},
    )
    assert role_variables.as_options(given)["cloudresearch"]["email"] == "pi@example.org"
    assert role_variables.as_options(given)["cloudresearch"]["password"] is None
    told = role_variables.as_options(given)["cloudresearch"]["options"]
    assert (told["timeout"], told["driver"], told["portal_url"]) == (5, "browser", "https://portal.example.org")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"wait_for_person": "soon"}, "lab_account_wait_for_person"),
        ({"environments": ["staging"]}, "production, sandbox"),
        ({"portal_options": "fast"}, "lab_account_portal_options"),
    ],
)
def test_wrong_values_are_told_with_their_variable(given: dict[str, t.Any], words: str) -> None:
    with pytest.raises(CollectionError) as caught:
        read(**given)
    assert words in caught.value.message
    assert caught.value.next_step
    assert caught.value.step == "observe"


def test_a_value_of_another_type_is_told_without_the_class_that_it_has_inside_of_ansible() -> None:
    """What Ansible read from YAML is of classes of its own."""
    given = DataLoader().load("{name: ann, reason: her own key, until: 2027-01-31}")
    with pytest.raises(CollectionError) as caught:
        read(known_principals=given)
    assert "lab_account_known_principals" in caught.value.message and "list" in caught.value.message
    assert "class" not in caught.value.message


def test_a_wrong_secret_is_not_told() -> None:
    with pytest.raises(CollectionError) as caught:
        read(cloudresearch_password=["the secret", "in a list"], environments=["staging"], minimum_balance="much")
    assert "the secret" not in caught.value.message


@pytest.mark.parametrize(
    ("given", "name", "expected"),
    [
        ({"key_max_age_days": "0"}, "max_age_days", 0),
        ({"wait_for_person": "900"}, "wait_for_person", 900),
        ({"operation": "rotate"}, "key_state", "rotated"),
        ({"operation": "rotate", "key_max_age_days": 90}, "key_state", "present"),
        ({"operation": "rotate", "state": "absent"}, "key_state", "absent"),
        ({"operation": "onboard"}, "key_state", "present"),
        ({"cloudresearch_email": "pi@example.org"}, "manual_link", False),
        ({"cloudresearch_email": "pi@example.org", "link_driver": "manual"}, "manual_link", True),
        ({"cloudresearch_email": ""}, "manual_link", True),
        ({"cloudresearch_email": "", "link_check": "none"}, "manual_link", False),
        ({"cloudresearch_email": "", "link_driver": "http"}, "link_driver", "manual"),
        ({"cloudresearch_email": "pi@example.org", "link_driver": "http"}, "link_driver", "http"),
    ],
)
def test_what_follows_from_them(given: dict[str, t.Any], name: str, expected: t.Any) -> None:
    assert role_variables.derive(read(**given))[name] == expected


def test_dictionaries_may_come_as_text_from_the_command_line() -> None:
    derived = role_variables.derive(read(tags='{"team": "x"}', portal_options="timeout=5 pace=0"))
    assert derived["tags"] == {"team": "x"}
    assert derived["portal_options"] == {"timeout": "5", "pace": "0"}
    assert role_variables.derive(read())["portal_options"] == {}


def test_no_task_of_the_role_reads_a_dictionary_or_a_number_as_it_was_typed() -> None:
    typed = [name for name, spec in role_variables.ARGUMENT_SPEC.items() if spec["type"] in ("dict", "int", "float")]
    inside = "|".join(typed)
    for file in [*(ROLE / "tasks").glob("*.yml"), ROLE / "vars" / "main.yml"]:
        # Handing a value on whole is fine: the module that gets it converts it.
        found = re.findall(rf"(?<!\w)(?:{inside})(?:\.|\[| *\|| *[<>=!+*-])[^}}]*", file.read_text())
        assert not found, (file.name, found)


def test_the_role_hands_on_each_option_of_linking_that_is_for_the_operator_to_choose() -> None:
    task = (ROLE / "tasks" / "link.yml").read_text()
    handed = set(re.findall(r"^    (\w+):", task, re.MULTILINE))
    # The store has the secret; the way to a store in the lab's account, and what AWS tells, come with the connection.
    of_the_flow = {
        "secret_access_key",
        "key_used_by_portal",
        "assume_role_arn",
        "external_id",
        "profile",
        "endpoint_url",
    }
    assert link_options.ARGUMENT_SPEC.keys() - of_the_flow == handed


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("lab_acount_state", "lab_account_state"),
        ("lab_acocunt_aws_account_id", "lab_account_aws_account_id"),
        ("labaccount_iam_user", "lab_account_iam_user"),
        ("lab_accounts_tags", "lab_account_tags"),
        ("lab_Account_policy_arn", "lab_account_policy_arn"),
        ("flet_report_directory", "fleet_report_directory"),
        ("lab_account_stat", "lab_account_state"),
        ("rotate_batchsize", "rotate_batch_size"),
    ],
)
def test_a_mistyped_name_is_told_from_the_names_of_others(name: str, meant: str) -> None:
    others = ["lab_name", "lab_contact_email", "lab_department", "lab_roster", "lab_accounting_code", "fleet_size"]
    organization = ["aws_account_name", "aws_account_id", "aws_account_tags", "aws_account_state"]
    assert role_variables.unknown([*others, name, *organization, "lab_account_state", "retire_plan"]) == {name: meant}
