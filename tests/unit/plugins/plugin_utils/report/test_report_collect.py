# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import outcome
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import collect
from ansible_collections.labops.cloudresearch.tests.fixtures.outcomes import situation


def hosts(**outcomes):
    return {name: {"lab_account_outcome": value} if value is not None else {} for name, value in outcomes.items()}


def collected(hostvars, names=None, **options):
    return collect.from_hosts(names or list(hostvars), hostvars, **options)


def test_a_registered_result_with_a_state_is_an_outcome():
    registered = {**situation("converged"), "changed": False, "failed": False, "lab_account": {"state": "present"}}
    assert collected(hosts(a=registered)).outcomes == [registered]


def test_labs_without_an_outcome_are_told_apart():
    found = collected(
        hosts(
            begun={"changed": False, "failed": True, "msg": "The worker was killed."},
            unreachable={"unreachable": True, "msg": "x"},
            without_state={"schema": outcome.SCHEMA, "changed": False},
            skipped={"changed": False, "skipped": True, "skip_reason": "Conditional result was False"},
            nothing=None,
            empty={},
            junk="text",
        ),
        ["begun", "unreachable", "without_state", "skipped", "nothing", "empty", "junk", "not_in_the_inventory"],
    )
    assert found.outcomes == []
    assert found.interrupted == ["begun", "unreachable", "without_state"]
    assert found.not_begun == ["skipped", "nothing", "empty", "junk", "not_in_the_inventory"]


@pytest.mark.parametrize("schema", [outcome.SCHEMA - 1, 0, None, "2"])
def test_what_a_fact_cache_holds_of_an_earlier_run_is_no_outcome(schema):
    remembered = {**situation("converged"), "schema": schema}
    found = collected(hosts(a=remembered))
    assert (found.outcomes, found.not_begun, found.interrupted) == ([], ["a"], [])


def test_a_later_schema_is_one():
    assert collected(hosts(a={**situation("converged"), "schema": outcome.SCHEMA + 1})).outcomes


def test_the_control_node_is_a_lab_only_with_an_outcome():
    assert collected({"localhost": {}}).not_begun == []
    assert len(collected(hosts(localhost=situation("converged"))).outcomes) == 1


def test_a_lab_that_is_named_twice_is_one_lab():
    assert len(collected(hosts(a=situation("converged")), ["a", "a"]).outcomes) == 1


def test_addresses_are_those_of_the_hosts_unless_they_were_given():
    hostvars = hosts(one=situation("converged", lab="first"), two=None, three=None)
    for name, variables in hostvars.items():
        variables["mail"] = f"{name}@uni.example"
    hostvars["three"]["mail"] = ["no", "text"]
    found = collected(hostvars, contacts={"two": "dean@uni.example"}, contact_variable="mail")
    assert found.contacts == {"first": "one@uni.example", "two": "dean@uni.example"}


def test_departments_are_those_of_the_hosts():
    hostvars = hosts(one=situation("converged", lab="first"), two=None, three=None)
    hostvars["one"]["unit"], hostvars["two"]["unit"], hostvars["three"]["unit"] = "Law", "Arts", 7
    assert collected(hostvars, department_variable="unit").departments == {"first": "Law", "two": "Arts"}
