# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A score of accounts from the first look to the evidence, with runs killed on the way: what was made by hand is found,
all of it and nothing else; what was approved is done, once.
"""

from __future__ import annotations

import collections
import csv
import datetime
import json
import pathlib
import subprocess
import typing as t

import pytest
import yaml

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import vocabulary
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.lab import finding_kinds
from tests.fixtures import hand_made
from tests.fixtures.hand_made import TrueKey
from tests.fleet import Fleet, Run
from tests.tools.iam_scenarios import administrator

pytestmark = pytest.mark.timeout(600)

# One more than have what people made by hand.
LABS = len(hand_made.ACCOUNTS) + 1
FORKS = 6
UNDONE = ("inline", "wildcard", "administrator")
YEAR = datetime.timedelta(days=365)
Found = set[tuple[str, str, str]]


def test_a_score_of_accounts_from_the_first_look_to_the_evidence(fleet: Fleet, tmp_path: pathlib.Path) -> None:
    truth = make_accounts(fleet)
    tour = Tour(fleet, tmp_path)
    audit_finds_all_and_nothing_else(tour, truth)
    approved = approve(tour, truth)
    undone = [key["access_key_id"] for key in keys_of(approved) if lab_of(truth, key["access_key_id"]) in UNDONE][::-1]
    undone = undone[:3]
    wanted = {key["access_key_id"] for key in keys_of(approved)}
    active = {key.access_key_id for key in truth if key.key.active} & wanted

    tour.with_a_kill("suspend", tour.plan("approved", approved))
    assert tour.status(wanted) == dict.fromkeys(wanted, "Inactive")
    assert tour.done("UpdateAccessKey") == len(active), "no key is switched off twice"

    tour.with_a_kill("onboard", tour.plan("undo", only(approved, undone)))
    back = {key_id for key_id, status in tour.status(wanted).items() if status == "Active"}
    assert back == set(undone)
    assert tour.done("UpdateAccessKey") == len(active) + len(undone)

    rest = wanted - set(undone)
    tour.with_a_kill("retire", tour.plan("rest", only(approved, rest)))
    assert set(tour.status(wanted)) == set(undone)
    assert tour.done("DeleteAccessKey") == len(rest), "no key is deleted twice"
    assert tour.done("UpdateAccessKey") == len(active) + len(undone), "what is suspended is not switched off once more"
    assert not any(tags for lab, tags in tour.suspension_tags().items()), "nobody is left with a note"

    fleet.simulator.control.delete_root_key("root")
    until = f"{datetime.datetime.now(datetime.UTC) + YEAR:%Y-%m-%d}"
    for key_id in undone:
        known = fleet.hosts[lab_of(truth, key_id)].setdefault("lab_account_known_principals", [])
        known.append({"access_key_id": key_id, "reason": "somebody complained", "until": until})
    evidence_says_none_left(tour, truth, rest, undone)


def make_accounts(fleet: Fleet) -> list[TrueKey]:
    """Twenty accounts with what people made by hand, and an ordinary one; every key there is but root's."""
    # As in the guide: no store, no CloudResearch.
    wanted = ("lab_account_aws_endpoint_url", "lab_account_mturk_production_endpoint_url")
    fleet.variables = {name: value for name, value in fleet.variables.items() if name.startswith(wanted)}
    fleet.variables |= {"lab_account_state": "absent"}
    names = [*hand_made.ACCOUNTS, "plain"]
    for lab in fleet.simulator.control.create_labs([{"name": name, "portal": False} for name in names]):
        fleet.put(lab)
    assert len(fleet.hosts) == LABS
    truth = [
        key
        for lab in names
        for user in hand_made.ACCOUNTS.get(lab, (hand_made.PLAIN,))
        for key in hand_made.make_user(fleet, lab, user)
    ]
    fleet.simulator.control.set_root_key("root", "2026-10-05T10:00:00+00:00", "mechanicalturk")
    today = datetime.datetime.now(datetime.UTC)
    for lab, until in (("excepted", today + YEAR), ("run-out", today - datetime.timedelta(days=2))):
        exception = {"name": hand_made.ACCOUNTS[lab][0].name, "reason": "ticket 4711", "until": f"{until:%Y-%m-%d}"}
        fleet.hosts[lab]["lab_account_known_principals"] = [exception]
    return truth


def audit_finds_all_and_nothing_else(tour: Tour, truth: t.Sequence[TrueKey]) -> None:
    """The first look, killed once: recall and precision of keys and of findings."""
    tour.kill("audit", 60, tour.reports)
    assert not (tour.directory / "reports" / "fleet-report-keys.csv").exists()
    run = tour.run("audit", tour.reports)
    assert set(run.changed().values()) == {0}
    rows = tour.rows()
    found = {row["access_key_id"]: row for row in rows if row["mturk_right"] != "no" and row["access_key_id"]}
    matter = {key.access_key_id: key for key in truth if key.user.right != "no"}
    assert set(found) == set(matter)
    for key_id, key in matter.items():
        row = found[key_id]
        told = [row[name] for name in ("lab", "account_id", "principal", "mturk_right", "status", "last_used_service")]
        status = "active" if key.key.active else "inactive"
        assert told == [key.lab, key.account_id, key.arn, key.user.right, status, key.key.service], row
        assert bool(row["last_used"]) == bool(key.key.service), row
        assert row["how"], row
    others = collections.Counter(row["principal"] for row in rows if row["mturk_right"] == "no")
    assert others == collections.Counter(key.arn for key in truth if key.user.right == "no")
    [root] = [row for row in rows if not row["access_key_id"] and row["mturk_right"] != "no"]
    assert (root["lab"], root["status"], root["principal"][-5:]) == ("root", "active", ":root")

    told_findings: Found = {
        (lab, finding["code"], finding["access_key_id"])
        for lab, outcome in run.outcomes.items()
        for finding in outcome["findings"]
        if finding_kinds.CATALOGUE[finding["code"]].needs == ("principals",)
    }
    assert told_findings == expected_findings(truth)
    undeclared = {lab for lab, code, _key_id in told_findings if finding_kinds.CATALOGUE[code].undeclared_key}
    assert {run.outcomes[lab]["state"] for lab in undeclared} == {"drifted"}, "no lab ends well with such a key"
    codes = {finding["code"] for outcome in run.outcomes.values() for finding in outcome["findings"]}
    assert "live_key_of_other_user" not in codes, "each key is told once"


def expected_findings(truth: t.Sequence[TrueKey]) -> Found:
    """What there is to say about these accounts."""
    found: Found = {("root", "root_key", ""), ("no-key", "user_with_right_and_no_key", "")}
    found.add(("run-out", "exception_run_out", ""))
    for key in truth:
        if key.user.right == "no" or not key.key.active or key.lab == "excepted":
            continue
        used = key.last_used
        since = used is not None and used.date() >= vocabulary.CLOSED_FOR_GOOD
        codes = ["undeclared_key_used" if since else "undeclared_live_key"]
        codes += ["undeclared_key_never_used"] if used is None else []
        codes += ["quarantined_key"] if key.user.quarantined else []
        if key.user.administrator and key.key.service == "mturk-requester":
            codes.append("administrators_key_for_mturk")
        found |= {(key.lab, code, key.access_key_id) for code in codes}
    return found


def approve(tour: Tour, truth: t.Sequence[TrueKey]) -> dict[str, t.Any]:
    """The plan of the audit is right; a person decides about what it left open."""
    plan: dict[str, t.Any] = yaml.safe_load((tour.directory / "reports" / "retire-plan.yml").read_text())
    certain = {key.access_key_id for key in truth if key.user.right == "yes" and key.lab != "excepted"}
    assert {key["access_key_id"] for key in keys_of(plan)} == certain
    open_keys = [(a["lab"], key["access_key_id"]) for a in plan["accounts"] for key in a["undecided"]]
    [doubtful] = [key.access_key_id for key in truth if key.user.right == "unknown"]
    assert sorted(open_keys) == [("doubt", doubtful), ("root", "")]
    for account in plan["accounts"]:
        for key in account["undecided"]:
            if key["access_key_id"]:
                account["keys"].append({**key, "last_used": "", "do": "retire"})
        account["undecided"] = []
    return plan


def evidence_says_none_left(tour: Tour, truth: t.Sequence[TrueKey], rest: set[str], undone: t.Sequence[str]) -> None:
    """The second look, and what the runs before it left for the one who asks for proof."""
    tour.run("audit", tour.reports)
    directory = tour.directory / "reports"
    subprocess.run(["sha256sum", "-c", "--quiet", "manifest.sha256"], cwd=directory, check=True)
    page = (directory / "fleet-report-evidence.html").read_text()
    assert f"None left, but for 4 declared exceptions: {LABS} accounts were looked at in full" in page
    rows = {row["access_key_id"]: row for row in tour.rows() if row["access_key_id"]}
    left = {key_id for key_id, row in rows.items() if row["status"] != "deleted" and row["mturk_right"] != "no"}
    excepted = {key_id for key_id, row in rows.items() if row["exception"]}
    assert left == excepted == {key.access_key_id for key in truth if key.lab == "excepted"} | set(undone)
    plan: dict[str, t.Any] = yaml.safe_load((directory / "retire-plan.yml").read_text())
    assert keys_of(plan) == []
    arns = {key.access_key_id: key.arn for key in truth}
    assert {key_id: rows[key_id]["principal"] for key_id in rest} == {key_id: arns[key_id] for key_id in rest}
    assert {rows[key_id]["status"] for key_id in rest} == {"deleted"}
    assert {key_id: rows[key_id]["mturk_right"] for key_id in rest} == {
        key.access_key_id: key.user.right for key in truth if key.access_key_id in rest
    }
    assert all(rows[key_id]["how"] and rows[key_id]["created"] for key_id in rest)
    unanswered = {key_id for key_id in rest if not (rows[key_id]["retired_on"] and rows[key_id]["request_id"])}
    assert len(unanswered) <= FORKS
    assert all(key_id in page for key_id in rest)


class Tour:
    """The runs, and what they leave."""

    def __init__(self, fleet: Fleet, directory: pathlib.Path) -> None:
        self.fleet = fleet
        self.control = fleet.simulator.control
        self.directory = directory
        self.reports = ("-e", f"fleet_report_directory={directory / 'reports'}")

    def plan(self, name: str, content: dict[str, t.Any]) -> tuple[str, ...]:
        path = self.directory / f"{name}.yml"
        path.write_text(yaml.safe_dump(content, sort_keys=False))
        return ("-e", f"retire_plan={path}", *self.reports)

    def run(self, playbook: str, arguments: t.Sequence[str]) -> Run:
        run = self.fleet.run(playbook, "--forks", str(FORKS), *arguments)
        assert run.return_code == 0, run.told
        return run

    def kill(self, playbook: str, after: int, arguments: t.Sequence[str]) -> None:
        process = self.fleet.start(playbook, "--forks", str(FORKS), *arguments)
        self.control.kill_after(after, process.pid)
        self.fleet.let_go(process)
        process.wait(timeout=120)
        assert self.control.disarm_kill(), (self.fleet.directory / "output.log").read_text()
        assert process.returncode == -9

    def with_a_kill(self, playbook: str, arguments: tuple[str, ...]) -> None:
        """Check mode, a run that is killed on its way, one that ends, and one that has nothing to do."""
        before, at = self.state(), self.control.mark(playbook)
        foreseen = self.run(playbook, (*arguments, "--check"))
        calls = [call for call in self.control.calls(at) if call["caller"] == "client"]
        assert self.state() == before
        # Before the last labs, or the last of three, are done.
        self.kill(playbook, len(calls) + 4, arguments)
        halfway = self.state()
        assert halfway != before, "the run had begun to change things"
        run = self.run(playbook, arguments)
        assert self.state() != halfway, "the killed run had something left"
        under_way = set()
        for lab, outcome in run.outcomes.items():
            predicted = foreseen.outcomes[lab]["actions"]
            assert set(outcome["actions"]) <= set(predicted)
            if before[lab] == halfway[lab] and outcome["actions"] != predicted:
                under_way.add(lab)
        assert len(under_way) < FORKS, "but for calls that took effect after their caller's end, it does what is left"
        assert set(run.outcomes) == set(foreseen.outcomes)
        rows = {row["access_key_id"] for row in self.rows()}
        planned = yaml.safe_load(pathlib.Path(arguments[1].partition("=")[2]).read_text())
        # Of a call that was under way when its run was killed, nobody got AWS's answer.
        unanswered = {key["access_key_id"] for key in keys_of(planned)} - rows
        assert len(unanswered) <= FORKS, "the report has what the killed run did, too"

    def state(self) -> dict[str, t.Any]:
        """By lab, its keys and their status, as IAM knows them, and what is noted of them."""
        tags = self.suspension_tags()
        return {
            lab: ({key["access_key_id"]: key["status"] for key in self.control.keys(lab)}, tags.get(lab))
            for lab in self.fleet.hosts
        }

    def suspension_tags(self) -> dict[str, list[dict[str, str]]]:
        found = {}
        for lab in hand_made.ACCOUNTS:
            iam = administrator(self.fleet, lab)
            users = [user.name for user in hand_made.ACCOUNTS[lab]]
            found[lab] = [tag for name in users for tag in iam.list_user_tags(UserName=name)["Tags"]]
        return found

    def status(self, wanted: t.Collection[str]) -> dict[str, str]:
        """The status of those of these keys that exist."""
        keys = [key for lab in hand_made.ACCOUNTS for key in self.control.keys(lab)]
        return {key["access_key_id"]: key["status"] for key in keys if key["access_key_id"] in wanted}

    def done(self, action: str) -> int:
        """How often AWS did this."""
        return sum(call["action"] == action and call["error"] in ("", None) for call in self.control.calls())

    def rows(self) -> list[dict[str, str]]:
        path = self.directory / "reports" / "fleet-report-keys.csv"
        with path.open(newline="", encoding="utf-8-sig") as stream:
            return list(csv.DictReader(stream))


def keys_of(plan: t.Mapping[str, t.Any]) -> list[dict[str, str]]:
    return [key for account in plan["accounts"] for key in account["keys"]]


def only(plan: t.Mapping[str, t.Any], key_ids: t.Collection[str]) -> dict[str, t.Any]:
    """A copy of the plan with these keys."""
    copy: dict[str, t.Any] = json.loads(json.dumps(plan, default=str))
    for account in copy["accounts"]:
        account["keys"] = [key for key in account["keys"] if key["access_key_id"] in key_ids]
    copy["accounts"] = [account for account in copy["accounts"] if account["keys"]]
    return copy


def lab_of(truth: t.Sequence[TrueKey], key_id: str) -> str:
    return next(key.lab for key in truth if key.access_key_id == key_id)
