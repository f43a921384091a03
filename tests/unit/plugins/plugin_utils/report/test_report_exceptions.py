# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that the inventory says may be there: no plan names them, and the evidence does not count them as left."""

from __future__ import annotations

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.report import build, evidence, retire_plan
from ansible_collections.labops.cloudresearch.tests.fixtures.outcomes import NOW, converged_lab
from ansible_collections.labops.cloudresearch.tests.fixtures.principals import key, principal, principals

KEY = "AKIAEXAMPLE000000001"
ACCOUNT = "111122223333"
USER = f"arn:aws:iam::{ACCOUNT}:user/billing"


def report(known, *, quarantined=False):
    unused = key(KEY, created="2020-01-01T00:00:00Z", last_used="", last_used_service="", last_used_region="")
    administrator = principal(
        "billing", arn=USER, how=["AdministratorAccess"], administrator=True, quarantined=quarantined, keys=[unused]
    )
    lab = {
        **converged_lab("one"),
        "account_id": ACCOUNT,
        "principals": principals(ACCOUNT, administrator),
        "known_principals": known,
    }
    return build.build([{**lab, "access_keys": []}], title="Labs", now=NOW)


def exception(until="2027-03-31", **whom):
    return [{"arn": "", "name": "", "access_key_id": "", "reason": "ticket 4711", "until": until, **whom}]


@pytest.mark.parametrize("whom", [{"arn": USER}, {"name": "billing"}, {"access_key_id": KEY}])
def test_a_declared_exception_is_in_no_plan_and_not_left(whom):
    made = report(exception(**whom))
    assert retire_plan.propose(made, NOW).accounts == ()
    found = evidence.accounts(made)
    assert evidence.headline(found) == "None left, but for 1 declared exception: 1 account was looked at in full"
    assert "ticket 4711 (until 2027-03-31)" in evidence.to_html(made).decode()


@pytest.mark.parametrize(
    ("known", "quarantined"),
    [
        ([], False),
        (exception(until="2026-11-23", name="billing"), False),
        (exception(name="somebody-else"), False),
        (exception(name=""), False),
        (exception(name="billing"), True),
    ],
    ids=["none", "run out", "of another", "of nobody", "found in public"],
)
def test_everything_else_is_planned_and_left(known, quarantined):
    made = report(known, quarantined=quarantined)
    [account] = retire_plan.propose(made, NOW).accounts
    assert [key["access_key_id"] for key in account.keys] == [KEY]
    assert evidence.headline(evidence.accounts(made)).startswith("1 key is left in 1 account (1 live)")
