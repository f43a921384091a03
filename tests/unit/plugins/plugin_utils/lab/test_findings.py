# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import datetime
import decimal

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import finding_kinds, findings
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab.thresholds import Thresholds
from ansible_collections.labops.cloudresearch.tests.fixtures import outcomes
from ansible_collections.labops.cloudresearch.tests.fixtures.outcomes import NOW, situation

# For each code, a lab that has it. `converged` has none of them.
LABS_WITH = {
    "unstored_live_key": "key_not_stored",
    "foreign_live_key": "stranger_has_a_key",
    "key_active_service_closed": "mturk_gone",
    "policy_too_wide": "policy_wide",
    "portal_other_key": "portal_other_key",
    "stored_key_missing_in_aws": "stored_key_gone",
    "key_refused": "key_refused",
    "inline_policy": "rights_elsewhere",
    "group_membership": "rights_elsewhere",
    "console_access": "rights_elsewhere",
    "key_unused": "key_never_used",
    "key_old": "key_forgotten",
    "superseded_key_live": "superseded_lives",
    "requester_not_linked": "waits_for_requester",
    "low_balance": "balance_low",
    "portal_unproved": "portal_not_asked",
    "observation_incomplete": "store_unreadable",
}

BEFORE_ANY_CLOSING = datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC)


def codes(lab, **options):
    return [finding["code"] for finding in findings.evaluate(lab, now=options.pop("now", NOW), **options)]


def test_every_code_has_a_lab_that_shows_it():
    # Those of keys beside the portal, of other users and of suspensions are tested with the observation, those of all
    # principals in test_principal_findings.py.
    of_principals = {code for code, kind in finding_kinds.CATALOGUE.items() if kind.needs == ("principals",)}
    elsewhere = {"portal_dead_key", "live_key_of_other_user", "key_suspended"}
    assert {*LABS_WITH, *of_principals, *elsewhere} == set(finding_kinds.CATALOGUE)


@pytest.mark.parametrize(("code", "name"), LABS_WITH.items())
def test_a_lab_that_has_it_and_one_that_has_not(code, name):
    assert code in codes(situation(name))
    assert code not in codes(situation("converged"))


def test_a_lab_as_it_should_be_has_no_finding():
    assert codes(outcomes.converged_lab()) == []


@pytest.mark.parametrize("name", outcomes.SITUATIONS)
def test_findings_have_words_for_people_and_the_worst_comes_first(name):
    found = findings.evaluate(situation(name), now=NOW)
    for finding in found:
        assert set(finding) == {"code", "severity", "message", "next_step", "access_key_id"}
        assert finding["severity"] == finding_kinds.CATALOGUE[finding["code"]].severity
        assert finding["message"].endswith(".")
        assert finding["next_step"]
    ranks = [finding_kinds.SEVERITIES.index(finding["severity"]) for finding in found]
    assert ranks == sorted(ranks)


def test_a_finding_about_a_key_names_the_key():
    lab = situation("key_not_stored")
    [finding] = findings.evaluate(lab, now=NOW)
    assert finding["access_key_id"] == lab["access_keys"][1]["access_key_id"]
    assert finding["access_key_id"] in finding["message"]


def test_inactive_keys_are_no_risk_in_use():
    lab = situation("stranger_has_a_key")
    lab["access_keys"][1]["status"] = "Inactive"
    assert codes(lab) == []


@pytest.mark.parametrize(("age", "expected"), [(364, []), (365, ["key_old"])])
def test_key_age_counts_from_the_limit_on(age, expected):
    lab = outcomes.converged_lab()
    lab["access_keys"][0].update(age_days=age, created=outcomes.iso(age))
    assert codes(lab) == expected


def test_key_age_is_worked_out_when_it_is_not_given():
    lab = outcomes.converged_lab()
    lab["access_keys"][0].update(age_days=None, created=outcomes.iso(400))
    assert codes(lab) == ["key_old"]


@pytest.mark.parametrize(("days", "expected"), [(89, []), (90, ["key_unused"])])
def test_use_counts_from_the_limit_on(days, expected):
    lab = outcomes.converged_lab()
    lab["access_keys"][0].update(age_days=200, created=outcomes.iso(200), last_used=outcomes.iso(days))
    assert codes(lab) == expected


def test_a_new_key_that_was_not_used_yet_is_no_finding():
    lab = outcomes.converged_lab()
    lab["access_keys"][0].update(age_days=3, created=outcomes.iso(3), last_used=None)
    assert codes(lab) == []


def test_thresholds_can_be_moved_and_switched_off():
    lab = situation("key_forgotten")
    off = Thresholds.from_mapping({"key_unused_days": 0, "key_old_days": "0", "minimum_balance": None})
    assert codes(lab, thresholds=off) == []
    lab = outcomes.converged_lab()
    strict = Thresholds.from_mapping({"minimum_balance": "1000000"})
    assert strict.minimum_balance == decimal.Decimal(1000000)
    assert codes(lab, thresholds=strict) == ["low_balance"]
    lab["user"]["attached_policies"] = ["arn:aws:iam::123456789012:policy/ours"]
    allowed = Thresholds.from_mapping({"allowed_policy_arns": ["arn:aws:iam::123456789012:policy/ours"]})
    assert codes(lab, thresholds=allowed) == []
    assert codes(lab) == ["policy_too_wide"]


@pytest.mark.parametrize("values", [{"key_olds_days": 1}, {"key_old_days": "soon"}, {"key_old_days": -1}])
def test_thresholds_that_make_no_sense_are_refused(values):
    with pytest.raises(CollectionError) as caught:
        Thresholds.from_mapping(values)
    assert caught.value.next_step


def test_a_closed_service_is_told_as_such_and_not_as_a_matter_of_the_network():
    lab = situation("mturk_gone")
    lab["requester"]["production"] = outcomes.requester("service_closed", error_code="HTTP 410")
    found = findings.evaluate(lab, now=NOW)
    closed = next(finding for finding in found if finding["code"] == "key_active_service_closed")
    assert "like a closed service" in closed["message"] and "network" not in closed["next_step"]
    assert not [one for one in found if one["code"] == "observation_incomplete" and "production" in one["message"]]


def test_the_announced_closing_is_named_only_behind_an_observation_and_only_once_it_fits():
    after = findings.evaluate(situation("mturk_gone"), now=NOW)
    closed = next(finding for finding in after if finding["code"] == "key_active_service_closed")
    assert "could not be reached" in closed["message"]
    assert "2026-09-30" in closed["next_step"]
    assert "2026-09-30" not in closed["message"]
    # A service that answers is not called closed, whatever the date.
    assert "key_active_service_closed" not in codes(outcomes.converged_lab(), now=NOW)


def test_an_unknown_error_counts_as_closed_only_after_the_announced_day():
    lab = outcomes.converged_lab()
    lab["access_keys"][0].update(age_days=1, created="2026-02-27T00:00:00Z", last_used="2026-02-28T00:00:00Z")
    lab["requester"]["production"] = outcomes.requester("error", error_code="ServiceFault")
    assert "key_active_service_closed" not in codes(lab, now=BEFORE_ANY_CLOSING)
    after = findings.evaluate(lab, now=NOW)
    closed = next(finding for finding in after if finding["code"] == "key_active_service_closed")
    assert "ServiceFault" in closed["message"]


def test_a_closed_service_without_a_live_key_is_no_risk():
    lab = situation("mturk_gone")
    lab["access_keys"][0]["status"] = "Inactive"
    assert codes(lab) == []


def test_what_was_not_seen_is_said_and_not_guessed():
    lab = situation("account_out_of_reach")
    [finding] = findings.evaluate(lab, now=NOW)
    assert finding["code"] == "observation_incomplete"
    assert "IAM user" in finding["message"]


def test_a_store_that_could_not_be_read_does_not_make_keys_unstored():
    found = codes(situation("store_unreadable"))
    assert "unstored_live_key" not in found
    assert "observation_incomplete" in found


def test_a_key_in_the_portal_that_is_not_the_current_one_is_another_key():
    lab = situation("superseded_lives")
    lab["link"] = outcomes.link("linked", access_key_id=lab["access_keys"][1]["access_key_id"], evidence="page")
    assert "portal_other_key" in codes(lab)


def test_a_command_to_copy_is_safe_whatever_the_lab_is_called():
    lab = situation("key_not_stored", lab="x; rm -rf ~ #")
    [finding] = findings.evaluate(lab, now=NOW)
    assert "--limit '~^x..rm.-rf....$'" in finding["next_step"]


def test_an_outcome_with_nothing_in_it_does_not_break():
    assert codes({}) == ["observation_incomplete"]


def test_nobody_is_told_to_pay_for_hits_that_there_cannot_be_any_more():
    def advice(day):
        found = findings.evaluate(situation("balance_low"), now=datetime.datetime(*day, tzinfo=datetime.UTC))
        return next(finding["next_step"] for finding in found if finding["code"] == "low_balance")

    assert "prepay HITs" in advice((2026, 9, 29))
    assert "prepay" not in advice((2026, 9, 30)) and "refunds" in advice((2026, 9, 30))


@pytest.mark.parametrize(("days", "told"), [(1, False), (-1, True)])
@pytest.mark.parametrize("by", ["access_key_id", "name"])
def test_a_strangers_key_on_the_labs_user_that_the_inventory_declares_is_no_finding(by, days, told):
    lab = situation("stranger_has_a_key")
    [key_id] = [key["access_key_id"] for key in lab["access_keys"] if key["owner"] == "foreign"]
    declared = {"access_key_id": key_id} if by == "access_key_id" else {"name": lab["user"]["name"]}
    until = (NOW + datetime.timedelta(days=days)).date().isoformat()
    exception = {"name": "", "arn": "", "access_key_id": "", "reason": "ticket 4711", "until": until, **declared}
    assert ("foreign_live_key" in codes({**lab, "known_principals": [exception]})) is told
