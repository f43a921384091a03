# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What playbooks require of their variables before they begin."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.fleet.inventory_labs import trust_as_template

PLAYBOOKS = pathlib.Path(__file__).resolve().parents[2] / "playbooks"


def fulfilled(playbook: str, **variables: t.Any) -> bool:
    """Whether the assertions that a playbook begins with hold."""
    tasks = yaml.safe_load((PLAYBOOKS / f"{playbook}.yml").read_text())[0]["tasks"]
    conditions = [trust_as_template("{{ " + task["ansible.builtin.assert"]["that"] + " }}") for task in tasks]
    return all(Templar(loader=DataLoader(), variables=variables).template(condition) for condition in conditions)


@pytest.mark.parametrize("number", ["abc", "0", 0, "-1", "1.5", "", "3 labs"])
def test_a_number_of_failures_that_is_none_is_refused(number: object) -> None:
    assert not fulfilled("rotate", rotate_stop_after=number)


@pytest.mark.parametrize("number", ["1", 3, " 12 "])
def test_a_number_of_failures_is_taken_however_it_is_written(number: object) -> None:
    assert fulfilled("rotate", rotate_stop_after=number)


def test_a_number_of_failures_need_not_be_given() -> None:
    assert fulfilled("rotate")


def test_a_rotation_follows_no_plan() -> None:
    assert not fulfilled("rotate", retire_plan="approved.yml")
