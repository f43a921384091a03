# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the verdict says of a lab, and that it does not look through the whole inventory for each lab that failed."""

from __future__ import annotations

import collections
import pathlib
import typing as t

import ansible.template
import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.fleet.inventory_labs import trust_as_template

PLAYBOOKS = pathlib.Path(__file__).resolve().parents[2] / "playbooks"
LABS = [f"lab-{number}" for number in range(1, 21)]
GROUPS = {"all": LABS, "psychology": LABS[:3]}
FAILED = {"schema": 2, "state": "failed", "message": "Lab failed at step observe."}
CONVERGED = {"schema": 2, "state": "converged", "message": "All is well."}


@pytest.fixture
def looked_through(monkeypatch: pytest.MonkeyPatch) -> collections.Counter[str]:
    """How often the lookup that walks through the inventory was asked."""
    asked: collections.Counter[str] = collections.Counter()
    look = InventoryManager.get_hosts

    def counted(*arguments: t.Any, **options: t.Any) -> t.Any:
        asked["get_hosts"] += 1
        return look(*arguments, **options)

    monkeypatch.setattr(InventoryManager, "get_hosts", counted)
    return asked


def verdict(host: str, **variables: t.Any) -> str:
    """What the verdict's tasks say of a host of the play; empty if they leave it alone."""
    play = next(play for play in yaml.safe_load((PLAYBOOKS / "finish.yml").read_text()) if play["name"] == "Verdict")
    skip, fail = yaml.safe_load((PLAYBOOKS / "tasks" / "verdict.yml").read_text())
    own_groups = {True: ["psychology"], False: ["ungrouped"]}[host in LABS[:3]] if host in LABS else []
    given = {"groups": GROUPS, "group_names": own_groups, "inventory_hostname": host}
    own = {name: trust_as_template(text) for name, text in play["vars"].items()}
    templar = Templar(loader=DataLoader(), variables={**own, **given, **variables})
    if templar.template(trust_as_template(f"{{{{ {skip['when']} }}}}")):
        return ""
    return str(templar.template(trust_as_template(fail["ansible.builtin.fail"]["msg"])))


@pytest.mark.parametrize("labs", [{}, {"labs": "all"}, {"labs": "psychology"}])
def test_labs_that_failed_and_those_left_alone_cost_no_look_through_the_inventory(
    labs: dict[str, str], looked_through: collections.Counter[str]
) -> None:
    assert verdict("lab-1", lab_account_outcome=FAILED, **labs) == FAILED["message"]
    assert verdict("lab-2", lab_account_outcome={"lab_account": {}}, **labs).startswith("Lab lab-2 was started")
    assert verdict("lab-3", **labs).startswith("Lab lab-3 was left alone")
    assert verdict("lab-1", lab_account_outcome=CONVERGED, **labs) == ""
    assert not looked_through


@pytest.mark.skipif(not hasattr(ansible.template, "trust_as_template"), reason="ansible-core 2.18 reads all of groups")
@pytest.mark.parametrize("labs", [{}, {"labs": "all"}, {"labs": "psychology"}])
def test_labs_that_failed_do_not_read_who_else_is_in_their_group(labs: dict[str, str]) -> None:
    unreadable = [trust_as_template("{{ nobody_set_this }}")]
    groups = {"all": unreadable, "psychology": unreadable}
    assert verdict("lab-1", lab_account_outcome=FAILED, groups=groups, **labs) == FAILED["message"]
    assert verdict("lab-3", groups=groups, **labs).startswith("Lab lab-3 was left alone")


def test_a_lab_outside_of_the_group_is_none_of_the_run() -> None:
    assert verdict("lab-4", labs="psychology").startswith("No lab was in this run")


@pytest.mark.parametrize(
    ("labs", "expected"),
    [
        ("lab-1,lab-2", "Lab lab-1 was left alone"),
        ("mistyped", "No lab was in this run"),
    ],
)
def test_a_pattern_that_is_no_group_is_looked_up(
    labs: str, expected: str, looked_through: collections.Counter[str]
) -> None:
    assert verdict("lab-1", labs=labs).startswith(expected)
    assert looked_through


@pytest.mark.parametrize("outcome", [{}, {"lab_account_outcome": CONVERGED}])
def test_a_host_that_stands_in_for_no_lab_fails_and_says_so(outcome: dict[str, t.Any]) -> None:
    assert verdict("localhost", **outcome).startswith("No lab was in this run")


def test_a_run_of_which_tags_leave_nothing_has_its_verdict() -> None:
    """Ansible would end it with 0, and nobody would have looked at a lab."""
    play = next(play for play in yaml.safe_load((PLAYBOOKS / "finish.yml").read_text()) if play["name"] == "Verdict")
    assert play["tags"] == ["always"]
    assert "--skip-tags" in verdict("lab-1")
