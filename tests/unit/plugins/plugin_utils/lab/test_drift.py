# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import drift
from ansible_collections.labops.cloudresearch.tests.fixtures import outcomes


def codes(user, **declared):
    return [entry["code"] for entry in drift.compare(drift.Declared(lab="lab-01", **declared), user)]


@pytest.fixture
def user():
    return outcomes.converged_lab()["user"]


def test_a_user_as_declared_has_not_drifted(user):
    assert codes(user, tags={"lab": "lab-01"}) == []


def test_a_user_that_is_not_there(user):
    assert codes({**user, "exists": False}) == ["user_missing"]


def test_a_user_that_could_not_be_read_is_no_drift():
    assert codes(None) == []


def test_a_missing_policy(user):
    assert codes({**user, "attached_policies": []}) == ["policy_missing"]


def test_a_user_that_somebody_else_made(user):
    assert codes({**user, "managed": False}) == ["user_not_managed"]


def test_tags(user):
    assert codes(user, tags={"cost-centre": "7"}) == ["tag_missing"]
    assert codes(user, tags={"lab": "other"}) == ["tag_differs"]


def test_tags_that_nobody_declared_may_stay(user):
    assert codes({**user, "tags": {**user["tags"], "more": "1"}}) == []


def test_a_lab_that_is_declared_absent(user):
    assert codes(user, state="absent") == ["user_not_retired"]
    assert codes({**user, "exists": False}, state="absent") == []


def test_values_of_tags_are_not_repeated(user):
    [entry] = drift.compare(drift.Declared(lab="lab-01", tags={"lab": "declared-value"}), user)
    assert "declared-value" not in str(entry)
    assert "ansible-playbook labops.cloudresearch.onboard --limit lab-01" in entry["next_step"]
