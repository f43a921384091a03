# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labs in every state, audited: each finding has labs with it and labs without, and nothing is changed."""

from __future__ import annotations

import csv
import json
import pathlib
import typing as t

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import finding_kinds
from tests import seed
from tests.fleet import Fleet, Run
from tests.tools.iam_scenarios import administrator

pytestmark = pytest.mark.timeout(600)

USER = "cloudresearch-mturk"
MTURK = "arn:aws:iam::aws:policy/AmazonMechanicalTurkFullAccess"
LABS = 15
INLINE = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'


def only_key(fleet: Fleet, lab: str) -> str:
    """The id of the lab's one key."""
    (key,) = fleet.simulator.control.keys(lab)
    return str(key["access_key_id"])


def make_labs(fleet: Fleet) -> None:
    """All labs, most of them onboarded."""
    seed.add_onboarded(fleet, "unlinked", requester_linked=("sandbox",))
    spoilt = ("foreign", "old", "closed", "poor", "superseded", "gone", "refused", "other-key", "throttled", "messy")
    seed.add_onboarded(fleet, *spoilt)
    fleet.add("never-onboarded")
    seed.lose_secret(fleet, fleet.add("lost-secret"))
    seed.add_onboarded(fleet, *(f"clean-{number:02d}" for number in range(LABS - len(fleet.hosts))))


def spoil(fleet: Fleet) -> None:
    """What happens to labs over the years."""
    control = fleet.simulator.control
    iam = administrator(fleet, "messy")
    iam.create_login_profile(UserName=USER, Password="Not-a-secret-of-ours-1")
    iam.put_user_policy(UserName=USER, PolicyName="extra", PolicyDocument=INLINE)
    iam.create_group(GroupName="students")
    iam.add_user_to_group(UserName=USER, GroupName="students")
    iam.attach_user_policy(UserName=USER, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    stranger = control.create_access_key("foreign", USER)["access_key_id"]
    control.age_key(stranger, 200)
    control.age_key(only_key(fleet, "old"), 400)
    control.set_balance("poor", "1.00")
    control.set_portal_key("other-key", "AKIASOMEBODYELSESKEY")
    administrator(fleet, "gone").delete_access_key(UserName=USER, AccessKeyId=only_key(fleet, "gone"))
    administrator(fleet, "refused").detach_user_policy(UserName=USER, PolicyArn=MTURK)
    seed.supersede_key(fleet, "superseded")
    control.inject_fault(
        service="mturk", action="*", kind="cut", account_id="closed", times=999, environment="production"
    )
    control.inject_fault(
        service="mturk", action="*", kind="throttle", account_id="throttled", times=999, environment="sandbox"
    )


def labs_by_finding(run: Run) -> dict[str, set[str]]:
    """By code, the labs that have the finding."""
    found: dict[str, set[str]] = {code: set() for code in finding_kinds.CATALOGUE}
    for lab, outcome in run.outcomes.items():
        for finding in outcome["findings"]:
            found[finding["code"]].add(lab)
    return found


def test_labs_in_every_state(fleet: Fleet, tmp_path: pathlib.Path) -> None:
    make_labs(fleet)
    spoil(fleet)
    assert len(fleet.hosts) == LABS

    control = fleet.simulator.control
    before = {lab: control.keys(lab) for lab in fleet.hosts}
    since = len(control.calls())
    reports = tmp_path / "reports"
    # The portal is looked at where another key is suspected there.
    fleet.hosts["other-key"]["lab_account_link_check"] = "page"
    run = fleet.run("audit", "--forks", "10", "-e", f"fleet_report_directory={reports}")
    # MTurk gave no answer for two of them, so nobody knows whether they are as declared.
    assert run.return_code == 2, run.output
    assert {lab for lab, outcome in run.outcomes.items() if outcome["state"] == "unknown"} == {"closed", "throttled"}
    assert not any(run.changed().values())

    # Making a credential report changes nothing in the account: it is how IAM lets one be read.
    reading = ("Get", "List", "AssumeRole", "GenerateCredentialReport")
    made = {call["action"] for call in control.calls()[since:] if call["service"] in ("iam", "sts", "mturk")}
    assert all(action.startswith(reading) for action in made), made
    after = {lab: control.keys(lab) for lab in fleet.hosts}
    used = ("last_used", "last_used_service", "last_used_region")
    for lab in fleet.hosts:
        assert [{k: v for k, v in key.items() if k not in used} for key in before[lab]] == [
            {k: v for k, v in key.items() if k not in used} for key in after[lab]
        ]

    found = labs_by_finding(run)
    clean = {lab for lab in fleet.hosts if lab.startswith("clean-")}
    for code, labs in found.items():
        # Only retirements ask who else has the policy. Suspensions and other principals have tests of their own.
        elsewhere = code in ("live_key_of_other_user", "key_suspended")
        elsewhere = elsewhere or finding_kinds.CATALOGUE[code].needs == ("principals",)
        assert labs or elsewhere, f"no lab has the finding {code}"
        assert not labs & clean, code
    assert {run.outcomes[lab]["state"] for lab in clean} == {"converged"}
    expected: dict[str, str] = {
        "foreign": "foreign_live_key",
        "lost-secret": "unstored_live_key",
        "old": "key_old",
        "closed": "key_active_service_closed",
        "poor": "low_balance",
        "superseded": "superseded_key_live",
        "gone": "stored_key_missing_in_aws",
        "refused": "key_refused",
        "other-key": "portal_other_key",
        "unlinked": "requester_not_linked",
        "messy": "policy_too_wide",
        "throttled": "observation_incomplete",
    }
    for lab, code in expected.items():
        assert lab in found[code], (lab, code, run.outcomes[lab]["findings"])
    closed = next(f for f in run.outcomes["closed"]["findings"] if f["code"] == "key_active_service_closed")
    assert "2026-09-30" in closed["next_step"]
    check_reports(reports, found)


def check_reports(reports: pathlib.Path, found: t.Mapping[str, set[str]]) -> None:
    """The files say the same as the outcomes."""
    data = json.loads((reports / "fleet-report.json").read_text())
    assert len(data["labs"]) == LABS
    told = {(lab["lab"], finding["code"]) for lab in data["labs"] for finding in lab["findings"]}
    assert told == {(lab, code) for code, labs in found.items() for lab in labs}
    with (reports / "fleet-report.csv").open(newline="", encoding="utf-8-sig") as file:
        assert {row["lab"] for row in csv.DictReader(file)} == {lab["lab"] for lab in data["labs"]}
    assert "never-onboarded" in (reports / "fleet-report.html").read_text()


def test_from_a_roster_to_a_report(fleet: Fleet, tmp_path: pathlib.Path) -> None:
    labs = [
        fleet.simulator.control.create_lab(f"roster-{number}", account_id=f"00041234123{number}") for number in (1, 2)
    ]
    rows = [["Lab", "AWS account", "CloudResearch e-mail"]]
    # A spreadsheet has eaten the leading zeros.
    rows += [[lab["name"], lab["account_id"].lstrip("0"), lab["email"]] for lab in labs]
    roster = tmp_path / "labs.csv"
    roster.write_text("\r\n".join(";".join(row) for row in rows) + "\r\n", encoding="utf-8-sig")
    source = tmp_path / "labs.lab_roster.yml"
    source.write_text(
        json.dumps(
            {
                "plugin": "labops.cloudresearch.lab_roster",
                "path": "labs.csv",
            }
        )
    )
    passwords = {lab["name"]: lab["password"] for lab in labs}
    extra = tmp_path / "extra.json"
    extra.write_text(
        json.dumps(
            {
                **fleet.variables,
                "passwords": passwords,
                "lab_account_cloudresearch_password": "{{ passwords[inventory_hostname] }}",
                "fleet_report_directory": str(tmp_path / "reports"),
            }
        )
    )
    run = fleet.run("onboard", "-i", str(source), "-e", f"@{extra}")
    assert {lab: outcome["state"] for lab, outcome in run.outcomes.items()} == dict.fromkeys(passwords, "changed"), (
        run.output
    )
    for name in passwords:
        assert fleet.simulator.control.portal_key(name)
    assert all(name in (tmp_path / "reports" / "fleet-report.html").read_text() for name in passwords)
