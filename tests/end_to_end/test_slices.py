# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several runs at once: slices of one fleet as AWX runs them, and runs that by mistake have the same lab."""

from __future__ import annotations

import collections
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import time
import typing as t

import ansible_runner
import pytest

from tests import processes, seed
from tests.end_to_end.test_crash import calls_of, check_timeline
from tests.fleet import PROJECT, Fleet, tool
from tests.simulator.process import Simulator, running_simulator

pytestmark = pytest.mark.timeout(600)

SLICES = 2
LABS = [f"lab-{number}" for number in range(3)]


@pytest.fixture(scope="module")
def simulator() -> t.Iterator[Simulator]:
    """A stack of its own: its timeline is only this module's."""
    with running_simulator() as running:
        yield running


@pytest.fixture
def fleet(simulator: Simulator, tmp_path: pathlib.Path) -> Fleet:
    """An empty fleet."""
    simulator.control.reset()
    return Fleet(simulator, tmp_path / "fleet")


def use_central_store(fleet: Fleet) -> None:
    """Keep the records in the management account's Secrets Manager."""
    fleet.variables["lab_account_secret_store"] = {
        "type": "aws_secretsmanager",
        "region": "us-east-1",
        "endpoint_url": fleet.simulator.aws_url,
    }


def credentials_file(fleet: Fleet) -> pathlib.Path:
    """The ops user's credentials where the AWS SDK finds them."""
    path = fleet.directory / "credentials"
    keys = f"aws_access_key_id={fleet.simulator.ops_access_key}\naws_secret_access_key={fleet.simulator.ops_secret_key}"
    path.write_text(f"[default]\n{keys}\n")
    path.chmod(0o600)
    return path


def run_slices(fleet: Fleet, playbook: str) -> list[ansible_runner.Runner]:
    """Run a playbook as so many jobs of ansible-runner at once, each with a home and a part of the labs of its own."""
    jobs = []
    for number in range(SLICES):
        directory = fleet.directory / f"job-{playbook}-{number}"
        directory.mkdir()
        arguments = {
            "fleet_report_directory": str(fleet.directory / "reports" / "slices"),
            "fleet_report_name": f"slice-{number}",
            "fleet_report_formats": ["json"],
        }
        command = fleet.command(playbook)
        environment = {
            **fleet.environment(ANSIBLE_HOME=str(directory / "home")),
            "HOME": str(directory),
            "PATH": f"{pathlib.Path(command[0]).parent}:{os.environ['PATH']}",
            "AWS_SHARED_CREDENTIALS_FILE": str(credentials_file(fleet)),
        }
        # Runner writes a job's environment to a file.
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            del environment[name]
        jobs.append(
            ansible_runner.run_async(
                private_data_dir=str(directory),
                playbook=command[1],
                inventory=str(fleet.inventory),
                limit=",".join(LABS[number::SLICES]),
                extravars=arguments,
                envvars=environment,
                cmdline=f"--vault-password-file {fleet.vault_password}",
                quiet=True,
                suppress_env_files=True,
            )
        )
    for thread, _runner in jobs:
        thread.join(timeout=240)
    return [runner for _thread, runner in jobs]


def require_done_once(fleet: Fleet, jobs: t.Sequence[ansible_runner.Runner], since: int) -> None:
    """Each job did its labs and no others; each lab got one new key, which is stored, linked and the only one."""
    for number, job in enumerate(jobs):
        assert job.rc == 0, job.stdout.read()
        assert sorted(job.stats["processed"]) == LABS[number::SLICES]
    control = fleet.simulator.control
    created = collections.Counter(call["lab"] for call in control.calls(since) if call["action"] == "CreateAccessKey")
    assert created == dict.fromkeys(LABS, 1)
    for lab in LABS:
        (key,) = control.keys(lab)
        assert control.portal_key(lab) == key["access_key_id"]
        assert len(control.submissions(lab=lab)) == 1
        check_timeline(fleet, lab)


def merge_reports(fleet: Fleet) -> dict[str, t.Any]:
    """The slices' reports as one, made by a task of its own."""
    options = {
        "directory": str(fleet.directory / "reports"),
        "merge": [str(fleet.directory / "reports" / "slices" / "slice-*.json")],
    }
    subprocess.run(
        [tool("ansible"), "localhost", "-m", "labops.cloudresearch.fleet_report_files", "-a", json.dumps(options)],
        env=fleet.environment(),
        check=True,
        timeout=60,
        stdout=subprocess.DEVNULL,
    )
    return t.cast("dict[str, t.Any]", json.loads((fleet.directory / "reports" / "fleet-report.json").read_text()))


def test_slices_at_once_do_every_lab_once(fleet: Fleet) -> None:
    """A rotation, which does all that an onboarding does and retires a key, too. With the central store;
    L(test_two_runs_on_the_same_lab_do_no_harm) is with files, and test_runner_nodes.py onboards in slices.
    """
    use_central_store(fleet)
    seed.add_onboarded(fleet, *LABS)
    control = fleet.simulator.control

    before = control.mark("rotation")
    rotated = run_slices(fleet, "rotate")
    require_done_once(fleet, rotated, since=before)
    report = merge_reports(fleet)
    assert [lab["lab"] for lab in report["labs"]] == LABS
    assert report["operations"] == ["rotate"]
    assert report["summary"]["states"]["changed"] == len(LABS)
    keys = {"total": len(LABS), "stored": len(LABS), "not_stored": 0, "foreign": 0, "not_known": 0}
    assert report["summary"]["live_keys"] == keys
    assert {lab["lab"]: [key["access_key_id"] for key in lab["access_keys"]] for lab in report["labs"]} == {
        lab: [key["access_key_id"] for key in control.keys(lab)] for lab in LABS
    }
    # What the jobs left behind in their directories holds no secret, and nothing is left to do.
    issued = [secret for kind in control.issued_secrets().values() for secret in kind if kind]
    for job in rotated:
        artifacts = [path for path in pathlib.Path(job.config.artifact_dir).rglob("*") if path.is_file()]
        assert len(artifacts) > 10
        for path in artifacts:
            text = path.read_text(errors="replace")
            assert not [secret for secret in issued if secret in text], path
    again = fleet.run("onboard")
    assert again.changed() == dict.fromkeys(LABS, 0), again.output


def outcomes_to(path: pathlib.Path) -> dict[str, str]:
    """The environment that makes a run write its outcomes there."""
    return {
        "ANSIBLE_CALLBACK_PLUGINS": str(PROJECT / "tests" / "callbacks"),
        "ANSIBLE_CALLBACKS_ENABLED": "outcomes_to_file",
        "LABOPS_OUTCOMES_FILE": str(path),
    }


def wait_for(condition: t.Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about within {seconds} s"
        time.sleep(0.02)


class Halted:
    """A run over labs that stands still, for each, between the creation of a key and its place in the store."""

    def __init__(self, fleet: Fleet, *labs: str) -> None:
        self.fleet = fleet
        self.results = fleet.directory / "halted.json"
        # The first upload is the one after the key's creation. It hangs for long enough to halt the run there.
        fleet.simulator.control.set(hang_seconds=10)
        fleet.simulator.control.inject_fault("secretsmanager", "PutSecretValue", "timeout", times=len(labs))
        self.process = fleet.start("onboard", "--limit", ",".join(labs), **outcomes_to(self.results))
        fleet.let_go(self.process)
        calls = fleet.simulator.control.calls
        wait_for(lambda: sum(bool(call["fault"]) for call in calls()) == len(labs), "the store's silence")
        assert all(len(fleet.simulator.control.keys(lab)) == 1 for lab in labs)
        processes.halt(self.process.pid)

    def __enter__(self) -> Halted:
        return self

    def __exit__(self, *_exc: object) -> None:
        if self.process.poll() is None:
            processes.kill(self.process.pid)
            self.process.wait()

    def go_on(self) -> dict[str, dict[str, t.Any]]:
        """Let it end; its outcomes."""
        processes.send(processes.family(self.process.pid), signal.SIGCONT)
        self.process.wait(timeout=120)
        return t.cast("dict[str, dict[str, t.Any]]", json.loads(self.results.read_text())["outcomes"])


def require_whole(fleet: Fleet) -> None:
    """Each lab has one key, CloudResearch holds it, and a further run finds nothing to do."""
    for lab in fleet.hosts:
        (key,) = fleet.simulator.control.keys(lab)
        assert fleet.simulator.control.portal_key(lab) == key["access_key_id"]
        check_timeline(fleet, lab)
    again = fleet.run("onboard")
    assert again.changed() == dict.fromkeys(fleet.hosts, 0), again.output


def waits_for_a_lock(fleet: Fleet, process: int) -> bool:
    """Whether a process or one below it has one of the locks open that the home directory's stores use."""
    locks = str(fleet.directory / "ansible-home" / "labops_cloudresearch" / "locks")
    for pid in processes.family(process):
        for descriptor in pathlib.Path(f"/proc/{pid}/fd").glob("*"):
            with contextlib.suppress(OSError):
                if os.readlink(descriptor).startswith(locks):
                    return True
    return False


def test_a_run_waits_for_another_on_its_node_and_of_two_nodes_the_slow_one_is_told(fleet: Fleet) -> None:
    use_central_store(fleet)
    for lab in ("waited-for", "overtaken"):
        fleet.add(lab)
    results = fleet.directory / "second.json"
    with Halted(fleet, "waited-for", "overtaken") as halted:
        other = fleet.run("onboard", "--limit", "overtaken", ANSIBLE_HOME=str(fleet.directory / "other-node"))
        assert other.outcomes["overtaken"]["state"] == "changed", other.output
        (key,) = fleet.simulator.control.keys("overtaken")
        second = subprocess.Popen(
            fleet.command("onboard", "--limit", "waited-for"),
            env=fleet.environment(**outcomes_to(results)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        wait_for(lambda: waits_for_a_lock(fleet, second.pid), "the second run's waiting")
        outcomes = halted.go_on()
    second.wait(timeout=120)
    assert outcomes["waited-for"]["state"] == "changed"
    assert json.loads(results.read_text())["outcomes"]["waited-for"]["state"] in ("changed", "converged")
    created = [call for call in calls_of(fleet, "waited-for") if call["action"] == "CreateAccessKey"]
    assert len(created) == 1

    outcome = outcomes["overtaken"]
    assert outcome["state"] == "failed"
    (step,) = [entry for entry in outcome["steps"] if entry["status"] == "failed"]
    assert (step["name"], step["reason"]) == ("access_key", "store_conflict")
    assert "The record of lab overtaken in AWS secretsmanager" in outcome["message"]
    assert "was changed by another run while this one worked on it" in outcome["message"]
    assert any(entry["text"] == "Let the other run end, then run again." for entry in outcome["next_steps"])
    # It has taken nothing from the other.
    assert [entry["access_key_id"] for entry in fleet.simulator.control.keys("overtaken")] == [key["access_key_id"]]
    require_whole(fleet)


def test_two_runs_on_the_same_lab_do_no_harm(fleet: Fleet) -> None:
    # One lab: with more, the runs meet no other way.
    fleet.add(LABS[0])
    # Slow calls, so that they meet everywhere.
    fleet.simulator.control.set(latency_ms=20)
    for playbook in ("onboard", "rotate"):
        results = [fleet.directory / f"{playbook}-{number}.json" for number in range(2)]
        runs = [
            subprocess.Popen(
                fleet.command(playbook, "-e", "rotate_stop_after=1000"),
                env=fleet.environment(**outcomes_to(path), ANSIBLE_HOME=str(fleet.directory / path.stem)),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
            for path in results
        ]
        for run in runs:
            run.wait(timeout=200)
        for path in results:
            for lab, outcome in json.loads(path.read_text())["outcomes"].items():
                if outcome["state"] == "failed":
                    assert lab in outcome["message"]
                    assert outcome["next_steps"], outcome
    healed = fleet.run("onboard")
    assert healed.return_code == 0, healed.told
    require_whole(fleet)
