# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real ansible-rulebook and the rulebook that suspends a lab whose key AWS found in public.

Only the SQS queue is not there: a source plugin of the same name puts into the event what ansible.eda's does, the
message's body as C(body).
"""

from __future__ import annotations

import copy
import json
import pathlib
import re
import shutil
import subprocess
import typing as t

import pytest

from tests import seed
from tests.fleet import PROJECT, Fleet, tool, type_command

RULEBOOK = PROJECT / "extensions" / "eda" / "rulebooks" / "suspend_exposed_key.yml"
SOURCE = """import json
async def main(queue, args):
    assert args["name"] == "our-queue" and args["region"] == "us-east-1", args
    for line in open({events!r}):
        await queue.put({{"body": json.loads(line), "meta": {{"MessageId": "1"}}}})
"""
ELSEWHERE = "999999999999"


def exposed(account: t.Any, key_id: t.Any, **detail: t.Any) -> dict[str, t.Any]:
    """An event as EventBridge hands it on, by AWS Health's user guide."""
    return {
        "version": "0",
        "id": "121345678-1234-1234-1234-123456789012",
        "detail-type": "AWS Health Event",
        "source": "aws.health",
        "account": account,
        "region": "us-east-1",
        "resources": [key_id],
        "detail": {
            "service": "RISK",
            "eventTypeCode": "AWS_RISK_CREDENTIALS_EXPOSED",
            "eventTypeCategory": "issue",
            "affectedEntities": [{"entityValue": key_id}],
            **detail,
        },
    }


def follow(fleet: Fleet, directory: pathlib.Path, *events: t.Any) -> str:
    """What ansible-rulebook says to these events; it ends when the source does."""
    lines = directory / "events.jsonl"
    lines.write_text("".join(json.dumps(event) + "\n" for event in events))
    (directory / "ansible.eda.aws_sqs_queue.py").write_text(SOURCE.format(events=str(lines)))
    (directory / "queue.yml").write_text("exposed_key_queue: our-queue\n")
    fleet.command("suspend")  # writes the inventory
    files = ["-r", str(RULEBOOK), "-S", str(directory), "-e", str(directory / "queue.yml"), "-i", str(fleet.inventory)]
    path = f"{pathlib.Path(tool('ansible-playbook')).parent}:/usr/bin:/bin"
    done = subprocess.run(
        [tool("ansible-rulebook"), *files],
        env=fleet.environment(ANSIBLE_VAULT_PASSWORD_FILE=str(fleet.vault_password), PATH=path, ANSIBLE_NOCOLOR="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def statuses(fleet: Fleet) -> dict[str, list[str]]:
    """What IAM says of each lab's keys."""
    return {name: [key["status"] for key in fleet.simulator.control.keys(name)] for name in fleet.hosts}


@pytest.mark.timeout(400)
@pytest.mark.skipif(shutil.which("java") is None, reason="ansible-rulebook needs Java")
def test_only_the_lab_whose_key_aws_found_in_public_is_suspended(fleet: Fleet, tmp_path: pathlib.Path) -> None:
    seed.add_onboarded(fleet, "lab-1", "lab-2")
    account = str(fleet.hosts["lab-1"]["lab_account_aws_account_id"])
    [key] = fleet.simulator.control.keys("lab-1")
    key_id = key["access_key_id"]
    canary = tmp_path / "canary"
    template = "{{ lookup('pipe', 'touch " + str(canary) + "') }}"
    forged = exposed(account, key_id)
    forged["source"] = "our.own"
    other = copy.deepcopy(exposed(account, key_id))
    other["detail"]["eventTypeCode"] = "AWS_EC2_INSTANCE_STOP_SCHEDULED"
    not_followed = [
        exposed("all", key_id),
        exposed(template, key_id),
        exposed(account, key_id, affectedAccount="all"),
        exposed(account, key_id, affectedAccount=template),
        exposed(account, template),
        exposed(account, key_id, affectedEntities=[]),
        forged,
    ]
    no_lab_of_ours = exposed(ELSEWHERE, key_id, eventDescription=template)
    # The administrator of an organization gets the events of its members.
    members = str(fleet.hosts["lab-2"]["lab_account_aws_account_id"])
    [key] = fleet.simulator.control.keys("lab-2")
    of_a_member = exposed(ELSEWHERE, key["access_key_id"], affectedAccount=members)
    said = follow(fleet, tmp_path, *not_followed, other, "text", no_lab_of_ours, of_a_member)
    assert said.count("An event about an exposed key was not followed") == len(not_followed), said
    assert f"of the AWS account {ELSEWHERE} in public, and no lab of this run has that" in " ".join(said.split())
    # All events but the last are about the first lab.
    assert statuses(fleet) == {"lab-1": ["Active"], "lab-2": ["Inactive"]}, said
    assert f"The key {key['access_key_id']} of lab lab-2 is inactive." in said
    assert not canary.exists()


def test_a_key_that_is_not_the_labs_is_told(fleet: Fleet, tmp_path: pathlib.Path) -> None:
    seed.add_onboarded(fleet, "lab-1", "lab-2")
    event = ("-e", f"exposed_key_account={fleet.hosts['lab-1']['lab_account_aws_account_id']}")
    foreign = (*event, "-e", "exposed_key_id=AKIAIOSFODNN7EXAMPLE")
    refused = fleet.run("suspend_exposed_key", *foreign, "-e", "labs=lab-2")
    assert refused.return_code != 0 and "neither labs nor retire_plan may be given" in " ".join(refused.output.split())
    assert statuses(fleet) == {"lab-1": ["Active"], "lab-2": ["Active"]}
    check = fleet.run("suspend_exposed_key", *foreign, "--check")
    said = " ".join(check.output.split())
    assert check.return_code != 0 and "would be suspended, but that key is none of them" in said, said
    run = fleet.run("suspend_exposed_key", *foreign)
    assert run.return_code != 0 and "so it may still be active" in " ".join(run.output.split()), run.output
    command = re.search(r"ansible-playbook labops\S+ -i .*? fleet_report_directory=[\w-]+", run.output)
    assert command, run.output
    path = f"{pathlib.Path(tool('ansible-playbook')).parent}:/usr/bin:/bin"
    given = fleet.environment(PATH=path, ANSIBLE_VAULT_PASSWORD_FILE=str(fleet.vault_password))
    type_command(command.group(), tmp_path, given)
    assert (tmp_path / "reports-exposed-key" / "fleet-report.json").exists()
    assert statuses(fleet) == {"lab-1": ["Inactive"], "lab-2": ["Active"]}


def test_a_check_of_the_labs_key_ends_well_and_an_exception_for_it_does_not(fleet: Fleet) -> None:
    seed.add_onboarded(fleet, "lab-1")
    [key] = fleet.simulator.control.keys("lab-1")
    account = fleet.hosts["lab-1"]["lab_account_aws_account_id"]
    event = ("-e", f"exposed_key_account={account}", "-e", f"exposed_key_id={key['access_key_id']}")
    check = fleet.run("suspend_exposed_key", *event, "--check")
    assert check.return_code == 0, check.told
    stranger = fleet.simulator.control.create_access_key("lab-1", "cloudresearch-mturk")["access_key_id"]
    known = {"access_key_id": stranger, "reason": "a study is running", "until": "2099-01-01"}
    fleet.hosts["lab-1"]["lab_account_known_principals"] = [known]
    run = fleet.run("suspend_exposed_key", *event[:2], "-e", f"exposed_key_id={stranger}")
    assert run.return_code != 0 and "take it out of lab_account_known_principals" in " ".join(run.output.split())
    assert sorted(statuses(fleet)["lab-1"]) == ["Active", "Inactive"]
