# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a lab comes out: each state, each step's failure, and the words for people."""

from __future__ import annotations

import datetime
import json
import typing as t

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import vocabulary
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import outcome, steps
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab.finding_kinds import CATALOGUE
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab.gaps import UNTOLD_STATUSES
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.mturk import requester as mturk

NOW = datetime.datetime(2026, 11, 24, 12, 0, tzinfo=datetime.UTC)
KEY = "AKIALAB0000000000001"
TAGS = {vocabulary.MANAGED_TAG_KEY: vocabulary.MANAGED_TAG_VALUE}
ALL_STEPS = list(vocabulary.STEPS[1:])


def environment(status: str, next_step: str = "do it") -> dict[str, t.Any]:
    return {
        **mturk.not_checked(f"It is {status}."),
        "status": status,
        "linked": status == "linked",
        "next_step": next_step,
    }


def requester(production: str = "linked", sandbox: str = "linked") -> dict[str, dict[str, t.Any]]:
    given = {"production": production, "sandbox": sandbox}
    return {name: environment(status, "" if status == "linked" else f"do {name}") for name, status in given.items()}


def observed(missing: t.Sequence[str] = (), **more: t.Any) -> dict[str, t.Any]:
    lab: dict[str, t.Any] = {
        "lab": "lab-01",
        "account_id": "111122223333",
        "declared_state": "present",
        "started": "2026-11-24T11:59:00Z",
        "user": {"exists": True, "name": "u", "arn": "arn:aws:iam::111122223333:user/u", "managed": True, "tags": TAGS},
        "access_keys": [],
        "requester": requester(),
        "link": {"status": "linked", "access_key_id": KEY, "evidence": "record", "message": "recorded"},
        "store": {"readable": True, "access_key_ids": []},
        "drift": [],
        "findings": [],
        "missing": list(missing),
        "why_missing": {step: f"{step} is missing" for step in missing},
    }
    return {**lab, **more}


def linked(changed: bool = True) -> dict[str, t.Any]:
    return {
        "changed": changed,
        "link": {"status": "linked", "access_key_id": KEY, "evidence": "page", "message": "it is"},
    }


def compose(**more: t.Any) -> dict[str, t.Any]:
    given = {
        "operation": "onboard",
        "lab": "lab-01",
        "account_id": "",
        "observed": observed(),
        "results": {},
        "now": NOW,
    }
    composed = outcome.compose(**{**given, **more})
    assert composed["schema"] == outcome.SCHEMA and composed["state"] in list(vocabulary.OutcomeState)
    assert [step["name"] for step in composed["steps"]] == list(vocabulary.STEPS)
    assert {step["status"] for step in composed["steps"]} <= {status.value for status in vocabulary.StepStatus}
    assert "lab-01" in composed["message"]
    json.dumps(composed)
    return composed


def statuses(composed: dict[str, t.Any]) -> dict[str, str]:
    return {step["name"]: step["status"] for step in composed["steps"]}


def test_nothing_missing_is_converged() -> None:
    composed = compose()
    assert composed["state"] == "converged" and set(statuses(composed).values()) == {"ok"}
    assert composed["account_id"] == "111122223333" and composed["next_steps"] == []
    # Ansible makes a truth value of a result's "finished".
    assert "finished" not in composed
    assert (composed["started"], composed["ended"]) == ("2026-11-24T11:59:00Z", "2026-11-24T12:00:00Z")


def test_everything_done_is_changed() -> None:
    stored = {"access_key_id": KEY, "status": "Active", "stored": True, "owner": "ours", "slot": "current"}
    key = {**stored, "created": "2026-11-24T11:59:30Z", "age_days": 0, "last_used": None, "last_used_service": ""}
    made = {"arn": "arn:aws:iam::111122223333:user/u", "tags": TAGS, "attached_policies": [{"policy_arn": "arn:p"}]}
    results = {
        "iam_user": {"changed": True, "user": made},
        "access_key": {"changed": True, "access_keys": [key]},
        "requester": {"changed": False, "environments": requester()},
        "link": linked(),
        "retire": {"changed": True, "access_keys": [key]},
    }
    before = observed(
        ALL_STEPS,
        user={"exists": False, "name": "u", "arn": "", "managed": False, "tags": {}},
        requester={name: mturk.not_checked("no key") for name in ("production", "sandbox")},
        link={"status": "unknown", "access_key_id": "", "evidence": "", "message": "?"},
        drift=[{"code": "user_missing", "message": "m", "next_step": "n"}],
    )
    composed = compose(observed=before, results=results)
    assert composed["state"] == "changed"
    assert statuses(composed) == {
        "observe": "ok",
        "iam_user": "changed",
        "access_key": "changed",
        "requester": "ok",
        "link": "changed",
        "retire": "changed",
    }
    assert (
        composed["user"]["exists"]
        and composed["user"]["managed"]
        and composed["user"]["attached_policies"] == ["arn:p"]
    )
    assert composed["access_keys"] == [key] and composed["store"]["access_key_ids"] == [KEY]
    assert composed["link"]["evidence"] == "page" and composed["requester"]["production"]["linked"]
    assert composed["drift"] == [] and composed["next_steps"] == []
    assert "was changed: iam_user, access_key, link, retire" in composed["message"]


def test_check_mode_predicts_and_keeps_what_was_observed() -> None:
    before = observed(["iam_user", "access_key"], drift=[{"code": "tag_missing", "message": "m", "next_step": "n"}])
    results = {
        "iam_user": {"changed": True},
        "access_key": {"changed": True, "access_keys": [{"access_key_id": "(new key)", "status": "Active"}]},
    }
    composed = compose(observed=before, results=results, check_mode=True)
    assert composed["state"] == "changed" and composed["check_mode"] is True
    assert "would be changed: iam_user, access_key" in composed["message"]
    assert composed["access_keys"] == [] and composed["drift"] == before["drift"]


def test_a_person_is_waited_for() -> None:
    seen = requester(sandbox="not_linked")
    composed = compose(
        observed=observed(["requester", "link", "retire"]),
        results={
            "requester": {"changed": False, "environments": seen},
            "link": {"skipped": True},
            "retire": {"skipped": True},
        },
    )
    assert composed["state"] == "waiting_for_person"
    assert statuses(composed)["requester"] == "waiting" and statuses(composed)["link"] == "skipped"
    url = vocabulary.REQUESTER_LINK_URLS["sandbox"]
    assert composed["next_steps"] == [{"step": "requester", "who": "person", "text": "do sandbox", "url": url}]
    assert "waits for a person at step requester: do sandbox" in composed["message"]


def test_both_environments_have_a_next_step_of_their_own() -> None:
    seen = requester("not_linked", "not_linked")
    composed = compose(observed=observed(["requester"]), results={"requester": {"environments": seen}})
    assert [entry["url"] for entry in composed["next_steps"]] == list(vocabulary.REQUESTER_LINK_URLS.values())


def test_nobody_is_sent_to_the_pages_of_a_service_that_is_closed() -> None:
    seen = requester(production="service_closed", sandbox="not_linked")
    composed = compose(observed=observed(["requester"]), results={"requester": {"environments": seen}})
    assert composed["state"] == "failed"
    assert {(entry["who"], entry["url"]) for entry in composed["next_steps"]} == {("operator", "")}


@pytest.mark.parametrize("status", ["invalid_credentials", "access_denied", "throttled", "unreachable", "error"])
def test_what_no_person_can_click_away_is_a_failure(status: str) -> None:
    seen = requester(production="not_linked", sandbox=status)
    composed = compose(observed=observed(["requester"]), results={"requester": {"environments": seen}})
    assert composed["state"] == "failed"
    step = next(step for step in composed["steps"] if step["name"] == "requester")
    assert (step["status"], step["reason"]) == ("failed", status)
    assert {(entry["who"], entry["text"]) for entry in composed["next_steps"]} == {
        ("person", "do production"),
        ("operator", "do sandbox"),
    }


def test_a_low_balance_is_told_and_changes_no_state() -> None:
    seen = requester()
    seen["production"] = {**seen["production"], "balance_low": True, "next_step": "Add money."}
    composed = compose(observed=observed(requester=seen))
    assert composed["state"] == "converged"
    assert composed["next_steps"] == [{"step": "requester", "who": "operator", "text": "Add money.", "url": ""}]


@pytest.mark.parametrize("step", ALL_STEPS)
def test_a_failure_at_each_step(step: str) -> None:
    failure = {"failed": True, "msg": "It broke.", "reason": "broken", "step": step, "next_step": "Mend it."}
    done = {name: {"changed": True} for name in ALL_STEPS[: ALL_STEPS.index(step)]}
    done = {**done, **({"requester": {"environments": requester()}} if "requester" in done else {})}
    done = {**done, **({"link": linked()} if "link" in done else {})}
    composed = compose(observed=observed(ALL_STEPS), results={**done, step: failure}, failure=failure)
    assert composed["state"] == "failed"
    assert [name for name, status in statuses(composed).items() if status == "failed"] == [step]
    after = ALL_STEPS[ALL_STEPS.index(step) + 1 :]
    assert {statuses(composed)[name] for name in after} <= {"skipped"}
    assert composed["message"] == f"Lab lab-01 failed at step {step}: It broke. Next step: Mend it."
    assert {"step": step, "who": "operator", "text": "Mend it.", "url": ""} in composed["next_steps"]


def test_a_stock_module_that_failed_gets_a_step_and_a_next_step() -> None:
    failure = {"failed": True, "msg": "An error occurred (LimitExceeded)"}
    composed = compose(observed=observed(["iam_user"]), results={"iam_user": failure}, failure=failure)
    assert statuses(composed)["iam_user"] == "failed" and composed["next_steps"][0]["step"] == "iam_user"
    assert "LimitExceeded" in composed["message"] and "Next step:" in composed["message"]


def test_an_observation_that_failed() -> None:
    failure = {"failed": True, "msg": "No role.", "reason": "role_not_assumable", "next_step": "Check it."}
    composed = compose(observed=None, account_id="111122223333", failure=failure)
    assert composed["state"] == "failed" and composed["account_id"] == "111122223333"
    assert statuses(composed) == {"observe": "failed", **dict.fromkeys(ALL_STEPS, "skipped")}
    assert composed["user"] is None and composed["access_keys"] == [] and composed["started"] == composed["ended"]


def test_variables_of_a_later_step_that_are_wrong_from_the_start() -> None:
    failure = {"failed": True, "msg": "No password.", "step": "link", "next_step": "Give one."}
    assert statuses(compose(observed=None, failure=failure))["link"] == "failed"


@pytest.mark.parametrize("step", ["", "somewhere", None])
@pytest.mark.parametrize("seen", [None, observed()])
def test_no_failure_goes_by_unseen(seen: dict[str, t.Any] | None, step: str | None) -> None:
    """Whatever failed, such as a task of somebody's own in between: the lab has failed."""
    composed = compose(observed=seen, failure={"failed": True, "msg": "What was that?", "step": step})
    assert composed["state"] == "failed" and statuses(composed)["observe"] == "failed"
    assert composed["next_steps"]


@pytest.mark.parametrize("reason", sorted(steps.PERSON_REASONS))
def test_failures_that_a_person_clears_up_at_the_portal(reason: str) -> None:
    failure = {"failed": True, "msg": "A captcha.", "reason": reason, "next_step": "Solve it.", "url": "https://portal"}
    composed = compose(observed=observed(["link", "retire"]), results={"link": failure}, failure=failure)
    assert composed["state"] == "waiting_for_person"
    assert composed["next_steps"] == [{"step": "link", "who": "person", "text": "Solve it.", "url": "https://portal"}]


@pytest.mark.parametrize(
    "reason", ["login_failed", "account_locked", "page_changed", "portal_unavailable", "timeout", "tls"]
)
def test_failures_that_no_person_at_the_portal_clears_up(reason: str) -> None:
    failure = {"failed": True, "msg": "No.", "reason": reason, "next_step": "Mend it."}
    assert compose(observed=observed(["link"]), results={"link": failure}, failure=failure)["state"] == "failed"


def test_a_person_who_has_to_enter_the_key() -> None:
    link = {**linked(False), "waiting_for_person": True, "next_step": "Enter it.", "url": "https://portal"}
    link["link"] = {"status": "unknown", "access_key_id": "", "evidence": "", "message": "Nobody knows."}
    composed = compose(observed=observed(["link", "retire"]), results={"link": link, "retire": {"skipped": True}})
    assert composed["state"] == "waiting_for_person"
    assert composed["next_steps"] == [{"step": "link", "who": "person", "text": "Enter it.", "url": "https://portal"}]


@pytest.mark.parametrize("status", ["unknown", "other_key", "not_linked"])
def test_a_link_without_evidence_is_no_success(status: str) -> None:
    link = {"changed": False, "link": {"status": status, "access_key_id": "", "evidence": "", "message": ""}}
    composed = compose(observed=observed(["link"]), results={"link": link})
    assert composed["state"] == "failed" and statuses(composed)["link"] == "failed"
    assert any(entry["step"] == "link" for entry in composed["next_steps"])


# -- audit -----------------------------------------------------------------------------------------------------------


def test_an_audit_without_anything_amiss() -> None:
    assert compose(operation="audit")["state"] == "converged"


@pytest.mark.parametrize(
    "more",
    [
        {"missing": ["access_key"], "why_missing": {"access_key": "It is due."}},
        {"drift": [{"code": "tag_differs", "message": "m", "next_step": "n"}]},
        {"missing": ["requester"], "requester": requester("access_denied")},
    ],
)
def test_an_audit_finds_drift(more: dict[str, t.Any]) -> None:
    composed = compose(operation="audit", observed=observed(**more))
    assert composed["state"] == "drifted" and "failed" not in statuses(composed).values()
    assert "differs from its declared state" in composed["message"]


UNDECLARED_KEY_CODES = [code for code, kind in CATALOGUE.items() if kind.undeclared_key]


def finding(code: str, key_id: str = "AKIASTRANGER") -> dict[str, str]:
    return {"code": code, "severity": "high", "message": "m", "next_step": "n", "access_key_id": key_id}


@pytest.mark.parametrize("operation", ["audit", "onboard", "rotate"])
@pytest.mark.parametrize("code", UNDECLARED_KEY_CODES)
def test_a_live_key_that_nobody_declared_is_drift(code: str, operation: str) -> None:
    composed = compose(operation=operation, observed=observed(findings=[finding("key_old", KEY), finding(code)]))
    assert composed["state"] == "drifted" and KEY not in composed["message"]
    assert "live keys that nobody declared (AKIASTRANGER)" in composed["message"]


def test_a_run_that_leaves_a_key_that_nobody_declared_says_what_it_changed_and_what_is_left() -> None:
    stranger = {"access_key_id": "AKIASTRANGER", "status": "Active", "stored": False, "owner": "foreign", "slot": ""}
    unused = {"created": "2026-11-24T11:59:30Z", "age_days": 0, "last_used": None, "last_used_service": ""}
    seen = observed(["link"], access_keys=[{**stranger, **unused}])
    composed = compose(observed=seen, results={"link": linked()})
    assert composed["state"] == "drifted" and [f["code"] for f in composed["findings"]] == ["foreign_live_key"]
    assert composed["message"] == (
        f"Lab {composed['lab']} was changed: link. Lab {composed['lab']} differs from its declared state: live keys "
        "that nobody declared (AKIASTRANGER)."
    )


def test_a_key_that_another_run_stored_meanwhile_is_no_longer_told_as_unstored() -> None:
    key = {"access_key_id": KEY, "status": "Active", "stored": True, "owner": "ours", "slot": "current"}
    stored = {**key, "created": "2026-11-24T11:59:30Z", "age_days": 0, "last_used": None, "last_used_service": ""}
    seen = observed(["access_key"], access_keys=[{**stored, "stored": False}], findings=[finding("unstored_live_key")])
    composed = compose(observed=seen, results={"access_key": {"changed": False, "access_keys": [stored]}})
    assert composed["state"] == "converged" and not composed["findings"]


EXTRA_GROUP = {"code": "extra_groups", "message": "The user is in a group.", "next_step": "n"}
MISSING_TAG = {"code": "tag_missing", "message": "m", "next_step": "n"}


@pytest.mark.parametrize("operation", ["onboard", "rotate"])
def test_a_right_that_nobody_declared_and_that_a_run_leaves_is_drift(operation: str) -> None:
    composed = compose(operation=operation, observed=observed(drift=[EXTRA_GROUP]))
    assert composed["state"] == "drifted" and composed["message"].endswith("declared state: see its drift.")


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize(("removed", "state"), [({}, "drifted"), ({"groups": ["admins"]}, "changed")])
def test_what_a_run_takes_away_is_no_drift_that_stays(
    removed: dict[str, list[str]], state: str, check_mode: bool
) -> None:
    results = {"iam_user": {"changed": True}, "iam_user_excess": {"changed": bool(removed), "removed": removed}}
    seen = observed(["iam_user"], drift=[MISSING_TAG, EXTRA_GROUP])
    assert compose(observed=seen, results=results, check_mode=check_mode)["state"] == state


@pytest.mark.parametrize("declared", ["suspended", "absent"])
def test_rights_of_a_lab_that_is_out_of_service_are_no_drift_of_its_run(declared: str) -> None:
    seen = observed(declared_state=declared, drift=[EXTRA_GROUP])
    assert compose(operation="onboard", observed=seen)["state"] == "converged"


def own_key(key_id: str, **more: t.Any) -> dict[str, t.Any]:
    key = {"access_key_id": key_id, "status": "Active", "stored": True, "owner": "ours", "slot": "current"}
    unused = {"created": "2026-11-24T11:59:30Z", "age_days": 0, "last_used": None, "last_used_service": ""}
    return {**key, **unused, **more}


@pytest.mark.parametrize(
    ("left", "state"),
    [
        ([], "changed"),
        ([own_key("AKIASTRANGER", status="Inactive")], "changed"),
        ([own_key("AKIASTRANGER")], "drifted"),
    ],
)
@pytest.mark.parametrize(("operation", "step"), [("onboard", "access_key"), ("retire", "retire")])
def test_a_check_calls_a_lab_drifted_only_for_a_key_that_the_run_would_leave(
    operation: str, step: str, left: list[dict[str, t.Any]], state: str
) -> None:
    there = [own_key("AKIASTRANGER", owner="foreign", stored=False, slot="")]
    seen = observed([step], access_keys=there, findings=[finding("foreign_live_key")])
    results = {step: {"changed": True, "access_keys": left}}
    composed = compose(operation=operation, observed=seen, results=results, check_mode=True)
    assert composed["state"] == state, composed["message"]
    assert [f["code"] for f in composed["findings"]] == ["foreign_live_key"], "a check tells of the lab as it is"


@pytest.mark.parametrize(
    ("left", "state", "told"),
    [
        ([], "changed", []),
        ([own_key(KEY, status="Inactive")], "changed", []),
        ([own_key("AKIANEW")], "drifted", [("quarantined_key", "AKIANEW")]),
    ],
)
def test_a_key_in_quarantine_that_the_run_took_away_is_none_that_it_leaves(
    left: list[dict[str, t.Any]], state: str, told: list[tuple[str, str]]
) -> None:
    user = {"kind": "user", "name": "u", "path": "/", "arn": "arn:aws:iam::111122223333:user/u", "tags": {}}
    right = {"mturk_right": "yes", "how": ["it may"], "administrator": False, "read_only": False, "quarantined": True}
    exposed = {"access_key_id": KEY, "status": "active", "created": "", "last_used": "", "last_used_service": ""}
    account = {"principals": [{**user, **right, "keys": [exposed]}], "looked_at": "2026-11-24T11:59:30Z"}
    seen = observed(
        ["access_key"],
        access_keys=[own_key(KEY)],
        declared_user="u",
        principals=account,
        findings=[finding("quarantined_key", KEY)],
    )
    composed = compose(observed=seen, results={"access_key": {"changed": True, "access_keys": left}})
    assert composed["state"] == state, composed["message"]
    found = [(f["code"], f["access_key_id"]) for f in composed["findings"] if f["code"] == "quarantined_key"]
    assert found == told
    assert composed["principals"] == account, "what was seen stays what was seen"


def test_who_waits_for_a_person_waits_with_a_key_that_nobody_declared_too() -> None:
    seen = observed(["requester"], findings=[finding("foreign_live_key")])
    step = {"changed": False, "environments": requester("not_linked")}
    assert compose(observed=seen, results={"requester": step})["state"] == "waiting_for_person"


def test_a_key_without_an_id_is_named_by_its_finding() -> None:
    composed = compose(operation="audit", observed=observed(findings=[finding("root_key", "")]))
    assert "nobody declared (Access key of root)" in composed["message"]


def test_findings_about_declared_keys_are_no_drift() -> None:
    others = [finding(code) for code in CATALOGUE if code not in UNDECLARED_KEY_CODES]
    assert compose(operation="audit", observed=observed(findings=others))["state"] == "converged"


@pytest.mark.parametrize(
    "more",
    [
        {"findings": [finding("undeclared_live_key")]},
        {"drift": [{"code": "extra_groups", "message": "m", "next_step": "n"}]},
    ],
)
def test_waiting_for_a_person_hides_no_key_and_no_right_that_nobody_declared(
    more: dict[str, t.Any],
) -> None:
    """With audit_fail_on_drift, an audit of such a lab must not end well."""
    seen = observed(["requester"], requester=requester("not_linked"), **more)
    composed = compose(operation="audit", observed=seen)
    assert composed["state"] == "drifted" and statuses(composed)["requester"] == "waiting"
    assert [entry["who"] for entry in composed["next_steps"]] == ["person"]


def test_an_audit_tells_what_a_person_has_to_do() -> None:
    seen = observed(["requester"], requester=requester("not_linked"))
    composed = compose(operation="audit", observed=seen)
    assert composed["state"] == "waiting_for_person" and statuses(composed)["requester"] == "waiting"


def test_an_audit_that_could_not_look() -> None:
    failure = {"failed": True, "msg": "No role.", "next_step": "Check it."}
    assert compose(operation="audit", observed=None, failure=failure)["state"] == "failed"


UNSEEN = {"part": "store", "message": "The password is wrong.", "reason": "store_unreadable", "next_step": "Give it."}


def test_an_audit_that_could_not_see_everything_knows_nothing() -> None:
    composed = compose(
        operation="audit", observed=observed(unseen=[UNSEEN], not_looked_for=[{"code": "c", "why": "w"}])
    )
    assert composed["state"] == "unknown"
    assert {name for name, status in statuses(composed).items() if status == "unknown"} == {
        "access_key",
        "requester",
        "link",
        "retire",
    }
    assert composed["message"] == (
        "It is unknown whether lab lab-01 is as declared: The password is wrong. Next step: Give it."
    )
    assert composed["unseen"] == [UNSEEN] and composed["not_looked_for"] == [{"code": "c", "why": "w"}]
    assert [entry["text"] for entry in composed["next_steps"]] == ["Give it."]


def test_drift_does_not_hide_what_could_not_be_seen() -> None:
    seen = observed(["iam_user"], unseen=[UNSEEN], requester=requester("not_linked"))
    composed = compose(operation="audit", observed=seen)
    assert composed["state"] == "unknown" and composed["missing"] == ["iam_user"]
    assert composed["message"] == (
        "Lab lab-01 differs from its declared state: iam_user. What else there is, is unknown: The password is wrong. "
        "Next step: Give it."
    )


def mturk_untold(status: str, *, production: str = "linked") -> dict[str, t.Any]:
    """A lab that has everything, of which the sandbox told nothing."""
    entry = {"part": "mturk", "message": f"MTurk (sandbox): {status}.", "reason": status, "next_step": "do sandbox"}
    return observed(["requester"], unseen=[entry], requester=requester(production, status))


@pytest.mark.parametrize("status", sorted(UNTOLD_STATUSES))
def test_an_audit_that_mturk_did_not_answer_knows_nothing_of_its_link(status: str) -> None:
    composed = compose(operation="audit", observed=mturk_untold(status))
    assert (composed["state"], composed["missing"]) == ("unknown", [])
    assert statuses(composed)["requester"] == "unknown"
    assert f"MTurk (sandbox): {status}. Next step: do sandbox" in composed["message"]
    assert [entry["text"] for entry in composed["next_steps"]] == ["do sandbox"]


def test_what_one_environment_told_is_known_whatever_the_other_did_not_tell() -> None:
    composed = compose(operation="audit", observed=mturk_untold("throttled", production="not_linked"))
    assert (composed["state"], composed["missing"]) == ("unknown", ["requester"])
    assert statuses(composed)["requester"] == "waiting"


@pytest.mark.parametrize("reason", sorted(steps.PERSON_REASONS))
def test_an_audit_whose_portal_wants_a_person_waits(reason: str) -> None:
    entry = {"part": "portal", "message": "A captcha.", "reason": reason, "next_step": "Solve it."}
    composed = compose(operation="audit", observed=observed(unseen=[entry]))
    assert composed["state"] == "waiting_for_person" and composed["next_steps"][0]["who"] == "person"


def test_what_a_run_can_do_without_makes_it_no_worse() -> None:
    assert compose(observed=observed(unseen=[{**UNSEEN, "part": "groups"}]))["state"] == "converged"


# -- retire ----------------------------------------------------------------------------------------------------------


def test_a_retired_lab() -> None:
    before = observed(["link", "retire", "iam_user"], declared_state="absent")
    off = {"status": "not_linked", "access_key_id": "", "evidence": "page", "message": "removed"}
    results = {
        "link": {"changed": True, "link": off},
        "retire": {"changed": True, "access_keys": []},
        "iam_user": {"changed": True},
    }
    composed = compose(operation="retire", observed=before, results=results)
    assert (
        composed["state"] == "changed" and composed["access_keys"] == [] and composed["link"]["status"] == "not_linked"
    )


def test_a_retired_lab_is_shown_as_it_is_afterwards() -> None:
    user = {**observed()["user"], "attached_policies": ["arn:p"], "inline_policies": [], "groups": []}
    retired = {
        "access_key_id": KEY,
        "owner": "ours",
        "created": "2026-01-01T00:00:00Z",
        "last_used": None,
        "last_used_service": "",
        "deactivated": True,
        "deactivated_at": "2026-11-24T12:00:00Z",
        "deleted": True,
        "deleted_at": "2026-11-24T12:00:01Z",
    }
    before = observed(
        ["link", "retire", "iam_user"],
        declared_state="absent",
        user={**user, "console_access": False, "created": None},
        access_keys=[{"access_key_id": KEY, "status": "Active", "owner": "ours", "stored": True, "slot": "current"}],
        drift=[{"code": "user_not_retired", "message": "m", "next_step": "n"}],
    )
    down = {"failed": True, "msg": "The portal is down.", "reason": "portal_unavailable"}
    removal = {"changed": True, "access_keys": [], "actions": [f"delete key {KEY}"], "retired_keys": [retired]}
    results = {"link": down, "retire": removal, "iam_user": {"changed": True}}
    composed = compose(operation="retire", observed=before, results=results)
    assert composed["state"] == "changed" and composed["retired_keys"] == [retired]
    assert composed["user"]["exists"] is False and composed["user"]["attached_policies"] == []
    assert (composed["access_keys"], composed["drift"], composed["findings"]) == ([], [], [])
    assert composed["link"]["status"] == "unknown" and "was deleted" in composed["link"]["message"]
    assert all(step["message"] for step in composed["steps"])
    told = {step["name"]: step["message"] for step in composed["steps"]}
    assert told["iam_user"] == "User u was removed." and told["retire"] == f"delete key {KEY}"
    foreseen = {**retired, "deactivated_at": None, "deleted_at": None}
    results["retire"] = {**removal, "retired_keys": [foreseen]}
    predicted = compose(operation="retire", observed=before, results=results, check_mode=True)
    assert predicted["state"] == "changed" and predicted["retired_keys"] == [foreseen]
    assert predicted.keys() == composed.keys() and predicted["user"]["exists"]


STRANGERS = {"access_key_id": "AKIASTRANGER", "status": "Active", "owner": "foreign", "stored": False, "slot": ""}


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize("owner", ["foreign", "unknown"])
def test_a_retirement_that_leaves_a_live_key_has_failed(owner: str, check_mode: bool) -> None:
    left = {**STRANGERS, "owner": owner}
    note = {"code": "foreign_key", "message": "Not ours.", "next_step": "Name it.", "access_key_id": "AKIASTRANGER"}
    before = observed(["retire"], declared_state="absent", access_keys=[left], notes=[note])
    results = {"retire": {"changed": True, "access_keys": [left], "notes": [note]}}
    for composed in (
        compose(operation="retire", observed=before, results=results, check_mode=check_mode),
        compose(operation="retire", observed={**before, "missing": []}, check_mode=check_mode),
    ):
        step = next(entry for entry in composed["steps"] if entry["name"] == "retire")
        assert composed["state"] == "failed" and (step["status"], step["reason"]) == ("failed", "live_keys_remain")
        assert "AKIASTRANGER" in composed["message"] and "Name it." in composed["message"]
        assert ("wrong store" in composed["message"]) is (owner == "unknown")


def test_an_inactive_key_that_is_left_fails_no_retirement() -> None:
    left = {**STRANGERS, "status": "Inactive"}
    note = {"code": "foreign_key", "message": "It is not ours.", "next_step": "Name it.", "access_key_id": KEY}
    seen = observed(declared_state="absent", access_keys=[left], notes=[note])
    composed = compose(operation="retire", observed=seen)
    assert composed["state"] == "converged"
    # Its user stays, too, so that the lab is not as declared.
    assert composed["message"] == "Lab lab-01 has nothing left that this run may delete. It is not ours."
    results = {"retire": {"changed": True, "access_keys": [left], "notes": [note]}}
    composed = compose(operation="retire", observed={**seen, "missing": ["retire"]}, results=results)
    assert composed["message"] == "Lab lab-01 was changed: retire. It is not ours."


def test_live_keys_of_other_users_fail_a_retirement() -> None:
    other = {"user_name": "by-hand", "how": "policy", "access_key_ids": ["A"], "live_access_key_ids": ["A"]}
    composed = compose(operation="retire", observed=observed(declared_state="absent", other_users=[other]))
    assert composed["state"] == "failed" and "key A of the IAM user by-hand" in composed["message"]
    none_alive = {**other, "live_access_key_ids": []}
    composed = compose(operation="retire", observed=observed(declared_state="absent", other_users=[none_alive]))
    assert composed["state"] == "converged"


DECLARED = {"arn": "", "name": "", "access_key_id": "", "reason": "Billing export", "until": "2026-12-31"}


@pytest.mark.parametrize(
    "exception",
    [
        {"access_key_id": "A"},
        {"name": "by-hand"},
        {"arn": "arn:aws:iam::111122223333:user/by-hand"},
        {"arn": "arn:aws:iam::111122223333:user/staff/by-hand"},
    ],
)
def test_a_live_key_that_the_inventory_declares_may_stay_until_its_day(exception: dict[str, str]) -> None:
    other = {"user_name": "by-hand", "how": "policy", "access_key_ids": ["A"], "live_access_key_ids": ["A"]}
    seen = observed(declared_state="absent", other_users=[other], known_principals=[{**DECLARED, **exception}])
    composed = compose(operation="retire", observed=seen)
    assert composed["state"] == "converged"
    assert composed["message"].endswith("Key A stays active until 2026-12-31, as declared: Billing export.")
    assert composed["next_steps"] == []
    late = compose(operation="retire", observed=seen, now=NOW + datetime.timedelta(days=60))
    assert late["state"] == "failed" and "key A of the IAM user by-hand" in late["message"]


@pytest.mark.parametrize(
    "exception",
    [
        {"access_key_id": "B"},
        {"name": "hand"},
        {"arn": "arn:aws:iam::444455556666:user/by-hand"},
        {"arn": "arn:aws:iam::111122223333:role/by-hand"},
    ],
)
def test_an_exception_for_somebody_else_excuses_no_key(exception: dict[str, str]) -> None:
    other = {"user_name": "by-hand", "how": "policy", "access_key_ids": ["A"], "live_access_key_ids": ["A"]}
    seen = observed(declared_state="absent", other_users=[other], known_principals=[{**DECLARED, **exception}])
    assert compose(operation="retire", observed=seen)["state"] == "failed"


@pytest.mark.parametrize("state", ["absent", "suspended"])
def test_a_strangers_key_on_the_labs_user_may_stay_if_the_inventory_declares_it(state: str) -> None:
    known = {**DECLARED, "access_key_id": STRANGERS["access_key_id"]}
    note = {"code": "foreign_key", "message": "m", "next_step": "Name it.", "access_key_id": "AKIASTRANGER"}
    seen = observed(declared_state=state, access_keys=[STRANGERS], notes=[note])
    operation = "retire" if state == "absent" else "suspend"
    assert compose(operation=operation, observed=seen)["state"] == "failed"
    composed = compose(operation=operation, observed={**seen, "known_principals": [known]})
    assert (composed["state"], composed["next_steps"]) == ("converged", [])
    assert "Key AKIASTRANGER stays active until 2026-12-31" in composed["message"]
    assert "no key" not in composed["message"]


def principal(name: str, key_id: str, **more: t.Any) -> dict[str, t.Any]:
    key = {"access_key_id": key_id, "status": "active", "last_used": "", "last_used_service": ""}
    kind = more.get("kind", "user")
    arn = f"arn:aws:iam::111122223333:{kind}/{name}"
    made = {"arn": arn, "kind": kind, "name": name, "path": "/", "mturk_right": "yes", "how": [], "keys": [key]}
    return {**made, "administrator": False, "read_only": False, "quarantined": False, "tags": {}, **more}


@pytest.mark.parametrize(
    ("found", "left"),
    [
        (principal("by-hand", "A"), "key A of the IAM user by-hand"),
        (principal("by-hand", "A", mturk_right="unknown"), "key A of the IAM user by-hand"),
        (principal("by-hand", "", tags={"a": "b"}), "a key of the IAM user by-hand"),
        (principal("root", "", kind="root"), "an access key of root"),
        (principal("by-hand", "A", mturk_right="no"), ""),
        (principal("u", "A"), ""),
        (principal("declared", "A"), ""),
    ],
)
@pytest.mark.parametrize("check_mode", [False, True])
def test_a_retirement_that_looked_at_everybody_answers_for_everybody(
    found: dict[str, t.Any], left: str, check_mode: bool
) -> None:
    seen = observed(
        declared_state="absent",
        declared_user="u",
        principals={"principals": [found]},
        # With the policy, but as the look at everybody says, perhaps without the right.
        other_users=[{"user_name": "by-hand", "how": "policy", "access_key_ids": ["A"], "live_access_key_ids": ["A"]}]
        if found["name"] == "by-hand"
        else [],
        known_principals=[{**DECLARED, "name": "declared"}],
    )
    composed = compose(operation="retire", observed=seen, check_mode=check_mode)
    assert composed["state"] == ("failed" if left else "converged"), composed["message"]
    assert ("Key A stays active until 2026-12-31, as declared" in composed["message"]) is (found["name"] == "declared")
    if left:
        assert f"Live keys remain in the account: {left}." in composed["message"]
        assert [step["step"] for step in composed["next_steps"]][:1] == ["retire"]
    # Whoever goes on with the lab is told of it by findings.
    assert compose(operation="onboard", observed={**seen, "declared_state": "present"})["state"] == "converged"


@pytest.mark.parametrize(
    "declared", [{"access_key_id": "AKIAOTHER"}, {"arn": "arn:aws:iam::111122223333:user/by-hand"}]
)
def test_an_exception_for_somebody_else_excuses_no_key_of_a_user_without_a_name(declared: dict[str, str]) -> None:
    seen = observed(declared_state="suspended", user=None, access_keys=[STRANGERS])
    composed = compose(operation="suspend", observed={**seen, "known_principals": [{**DECLARED, **declared}]})
    assert composed["state"] == "failed" and "AKIASTRANGER" in composed["message"]


def test_a_retirement_that_could_not_look_for_other_users_is_unknown() -> None:
    entry = {"part": "other_users", "message": "Denied.", "reason": "access_denied", "next_step": "Allow it."}
    composed = compose(operation="retire", observed=observed(declared_state="absent", unseen=[entry]))
    assert composed["state"] == "unknown" and "Denied. Next step: Allow it." in composed["message"]
    assert statuses(composed)["retire"] == "unknown"
    assert {"step": "retire", "who": "operator", "text": "Allow it.", "url": ""} in composed["next_steps"]


def test_a_portal_that_is_down_fails_no_retirement() -> None:
    before = observed(["link", "retire"], declared_state="absent")
    down = {"failed": True, "msg": "The portal is down.", "reason": "portal_unavailable"}
    results = {"link": down, "retire": {"changed": True, "access_keys": []}}
    composed = compose(operation="retire", observed=before, results=results)
    assert composed["state"] == "changed" and statuses(composed)["link"] == "skipped"
    assert [entry["step"] for entry in composed["next_steps"]] == ["link"]


def test_a_retirement_that_failed_after_the_portal_did() -> None:
    before = observed(["link", "retire"], declared_state="absent")
    down = {"failed": True, "msg": "The portal is down.", "reason": "portal_unavailable"}
    failure = {
        "failed": True,
        "msg": "IAM refused.",
        "reason": "access_denied",
        "step": "retire",
        "next_step": "Allow it.",
    }
    composed = compose(operation="retire", observed=before, results={"link": down, "retire": failure}, failure=failure)
    assert composed["state"] == "failed" and statuses(composed)["retire"] == "failed"
    assert "IAM refused." in composed["message"]


def test_a_lab_that_is_gone_already() -> None:
    gone = observed(
        declared_state="absent", user={"exists": False, "name": "u", "arn": "", "managed": False, "tags": {}}
    )
    assert compose(operation="retire", observed=gone)["state"] == "converged"


def test_a_portal_without_a_control_to_unlink_makes_no_retired_lab_wait() -> None:
    gone = {
        "changed": False,
        "waiting_for_person": True,
        "next_step": "remove it by hand",
        "link": {"message": "stays"},
    }
    composed = compose(
        operation="retire",
        observed=observed(["link", "retire"], declared_state="absent"),
        results={"link": gone, "retire": {"changed": True, "access_keys": []}},
    )
    assert composed["state"] == "changed"
    assert statuses(composed)["link"] == "skipped"
    assert any(entry["text"] == "remove it by hand" for entry in composed["next_steps"])


def test_an_audit_keeps_what_it_saw_when_the_portal_could_not_be_looked_at() -> None:
    unseen = {"status": "unknown", "access_key_id": "", "evidence": "", "message": "The portal is down."}
    entry = {"part": "portal", "message": "The portal is down.", "reason": "portal_unavailable"}
    composed = compose(
        operation="audit",
        observed=observed(link=unseen, unseen=[{**entry, "next_step": "Run it again later."}]),
    )
    assert composed["state"] == "unknown"
    assert statuses(composed)["link"] == "unknown"
    assert statuses(composed)["observe"] == "ok"
    assert composed["user"]["exists"]
    assert [entry["text"] for entry in composed["next_steps"]] == ["Run it again later."]


# --- Suspension ---------------------------------------------------------------------------------------------------


def key(status: str = "Inactive", owner: str = "ours", may_go_on: str | None = None) -> dict[str, t.Any]:
    suspended_on = "2026-11-20T12:00:00Z" if status == "Inactive" else None
    return {
        "access_key_id": KEY,
        "status": status,
        "owner": owner,
        "stored": owner == "ours",
        "slot": "",
        "suspended_on": suspended_on,
        "may_go_on": may_go_on,
        "last_use_known": True,
    }


def test_a_lab_that_was_suspended_says_since_when() -> None:
    step = {"changed": True, "actions": [f"deactivate key {KEY}"], "access_keys": [key()], "notes": []}
    composed = compose(
        operation="suspend",
        observed=observed(["access_key"], declared_state="suspended", access_keys=[key("Active")]),
        results={"access_key": step},
    )
    assert composed["state"] == "changed"
    assert composed["message"] == f"Lab lab-01 was changed: access_key. Key {KEY}: suspended on 2026-11-20."
    again = compose(operation="suspend", observed=observed(declared_state="suspended", access_keys=[key()]))
    assert again["state"] == "converged"
    assert again["message"] == f"Lab lab-01 is suspended. Key {KEY}: suspended on 2026-11-20."
    empty = compose(operation="suspend", observed=observed(declared_state="suspended"))
    assert empty["message"] == "Lab lab-01 is suspended. It has no key."


def test_a_suspension_that_leaves_a_strangers_live_key_has_failed() -> None:
    note = {"code": "foreign_key", "message": "It is not ours.", "next_step": "Name it.", "access_key_id": KEY}
    seen = observed(declared_state="suspended", access_keys=[key("Active", "foreign")], notes=[note])
    composed = compose(operation="suspend", observed=seen)
    assert composed["state"] == "failed" and statuses(composed)["access_key"] == "failed"
    assert KEY in composed["message"] and "Name it." in composed["message"]


def test_a_lab_that_waits_for_its_day_says_which() -> None:
    note = {"code": "suspended_key_waits", "message": "It waits.", "next_step": "Run then.", "access_key_id": KEY}
    waiting = key(may_go_on="2026-12-04T12:00:00Z")
    seen = observed(declared_state="absent", access_keys=[waiting], notes=[note])
    for operation in ("retire", "audit"):
        composed = compose(operation=operation, observed=seen)
        assert composed["state"] == "converged"
        assert composed["message"] == (
            f"Lab lab-01 waits until its keys may be deleted: Key {KEY}: suspended on 2026-11-20, "
            "may be deleted on 2026-12-04 (from 12:00 UTC)."
        )
        assert composed["next_steps"] == [
            {"step": "retire", "who": "operator", "text": "It waits. Run then.", "url": ""}
        ]


def told_of(step: str, composed: t.Any) -> str:
    return str(next(entry["message"] for entry in composed["steps"] if entry["name"] == step))


def test_a_step_says_that_nothing_had_to_be_done_only_where_nothing_is_left() -> None:
    note = {"code": "suspended_key_waits", "message": "It waits.", "next_step": "Run then.", "access_key_id": KEY}
    absent = {"declared_state": "absent"}
    assert told_of("retire", compose(operation="retire", observed=observed(**absent))) == "Nothing had to be done."
    waiting = compose(operation="retire", observed=observed(**absent, notes=[note]))
    assert told_of("retire", waiting) == "Nothing was done. It waits."
    taken = {"retire": {"changed": False, "actions": [], "notes": [note], "access_keys": []}}
    assert told_of("retire", compose(operation="retire", observed=observed(["retire"], **absent), results=taken)) == (
        "Nothing was done. It waits."
    )
    unseen = [{"part": "other_users", "message": "Denied.", "reason": "access_denied", "next_step": ""}]
    assert told_of("retire", compose(operation="retire", observed=observed(**absent, unseen=unseen))) == (
        "Nothing was done. Denied."
    )
    # A stranger's key is nothing that onboarding has to do with.
    strangers = {**note, "code": "foreign_key"}
    assert told_of("retire", compose(operation="onboard", observed=observed(notes=[strangers]))) == (
        "Nothing had to be done."
    )
    done = compose(operation="retire", observed=observed(["retire"], **absent), results={"retire": {"changed": True}})
    assert told_of("retire", done) == "Done."


def test_the_changes_of_keys_survive_into_the_outcome_in_bounds_also_of_a_step_that_failed() -> None:
    change = {"action": "deactivated", "access_key_id": KEY}
    failed = {"failed": True, "msg": "no", "step": "retire", "changes": [change] * 500}
    composed = compose(
        operation="retire",
        observed=observed(["retire"], declared_state="absent"),
        results={"retire": failed},
        failure=failed,
    )
    assert composed["state"] == "failed"
    assert composed["changes"] == [change] * 100
