# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Slices on several execution nodes, as AWX runs them: ansible-runner's transmit, worker and process.

A node is a directory and, where the tests run as root and others may read them, a Unix user of its own who is in no
list of users, as in a container. The commands are those of the guide on many labs.
"""

from __future__ import annotations

import collections
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import tempfile
import textwrap
import typing as t

import pytest

from tests import processes, seed
from tests.end_to_end.test_crash import check_timeline
from tests.end_to_end.test_slices import use_central_store, wait_for
from tests.fleet import COLLECTIONS, PROJECT, Fleet, tool
from tests.simulator.process import Simulator, running_simulator

pytestmark = pytest.mark.timeout(300)

LABS = [f"lab-{number}" for number in range(4)]
BIN = pathlib.Path(tool("ansible-runner")).parent
# Ids that no user has.
USER_IDS = {"node-1": 61001, "node-2": 61002}
SECTION = re.search(
    r"^Several machines\n-+\n(.*?)^\w[^\n]*\n-+\n",
    (PROJECT / "docs" / "docsite" / "rst" / "guide_scale.rst").read_text(),
    re.DOTALL | re.MULTILINE,
)
# With this, a pipeline ends with the status of the worker.
PIPES = "set -o pipefail"
# What AWX does and the command line cannot: without fact storage, ansible-runner gets no type of a cache.
TRANSMIT = "import json, sys, ansible_runner; ansible_runner.run(streamer='transmit', **json.loads(sys.argv[1]))"


def from_guide(language: str) -> list[str]:
    """The code blocks of the guide's section."""
    assert SECTION
    found = re.findall(rf"^\.\. code-block:: {language}\n\n((?:    .*\n|\n)+)", SECTION[1], re.MULTILINE)
    return [textwrap.dedent(block) for block in found]


def guide_commands() -> list[str]:
    """The guide's two slices, cut for four labs, and its merge; what it says of pipes holds for all of our commands."""
    joined = "".join(from_guide("console")).replace("\\\n", "")
    fewer = joined.replace("all[0:499]", "all[0:1]").replace("all[500:999]", "all[2:3]")
    pipes, *others = [line.removeprefix("$ ") for line in fewer.splitlines() if line.startswith("$ ")]
    assert pipes == PIPES
    return others


def change_user(user_id: str) -> list[str]:
    """What begins a command of another user."""
    return ["setpriv", f"--reuid={user_id}", f"--regid={user_id}", "--clear-groups"]


def other_users_can_run() -> bool:
    """Whether we may become other users, and they may read the programs and the collection."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        return False
    probe = f"{BIN}/ansible-runner --version && cat {COLLECTIONS}/ansible_collections/labops/cloudresearch/galaxy.yml"
    as_other = [*change_user(str(USER_IDS["node-1"])), "sh", "-c", probe]
    return subprocess.run(as_other, check=False, capture_output=True, cwd="/").returncode == 0


class Cluster:
    """A controller and its execution nodes, which have the same programs and nothing else in common."""

    def __init__(self, fleet: Fleet, nodes: pathlib.Path) -> None:
        self.fleet = fleet
        self.nodes = nodes
        self.controller = fleet.directory / "controller"
        self.has_users = other_users_can_run()
        nodes.chmod(0o711)
        for name, user_id in USER_IDS.items():
            self._make_node(nodes / name, user_id)
        self._make_ssh()

    def _make_node(self, home: pathlib.Path, user_id: int) -> None:
        (home / ".aws").mkdir(parents=True)
        ops = self.fleet.simulator
        keys = f"aws_access_key_id={ops.ops_access_key}\naws_secret_access_key={ops.ops_secret_key}"
        (home / ".aws" / "credentials").write_text(f"[default]\n{keys}\n")
        (home / ".aws" / "credentials").chmod(0o600)
        home.chmod(0o700)
        if self.has_users:
            for path in (home, *home.rglob("*")):
                os.chown(path, user_id, user_id)

    def _make_ssh(self) -> None:
        """A command ssh that begins a process on a node, with nothing of the controller's environment."""
        as_user = shlex.join(change_user("USER")).replace("USER", '"$user"') if self.has_users else ""
        programs = self.controller / "bin"
        programs.mkdir(parents=True)
        (programs / "ssh").write_text(
            f"""#!/bin/sh
home={self.nodes}/$1
shift
user=$(stat -c %u "$home")
echo $$ > "$home.pid"
cd "$home"
exec {as_user} env -i HOME="$home" TMPDIR="$home" LANG=C.UTF-8 PATH={BIN}:/usr/bin:/bin \\
    ANSIBLE_COLLECTIONS_PATH={COLLECTIONS} ANSIBLE_LOCALHOST_WARNING=false sh -c "exec $*"
"""
        )
        (programs / "ssh").chmod(0o755)

    def prepare(self, playbook: str = "onboard") -> None:
        """Write the controller's directory as in the guide."""
        project, extravars = from_guide("yaml")
        self.fleet.variables["lab_account_portal_options"] = {"state_dir": "~/portal"}
        self.fleet.command(playbook)
        for name, content in {
            "inventory/labs.json": self.fleet.inventory.read_text(),
            "project/slice.yml": project.replace(".onboard", f".{playbook}"),
            "env/extravars": extravars,
        }.items():
            path = self.controller / "fleet" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)

    def start(self, command: str) -> subprocess.Popen[str]:
        """Begin a command at the controller."""
        return subprocess.Popen(
            ["bash", "-c", f"{PIPES}; {command}"],
            cwd=self.controller,
            env={**self.fleet.environment(), "PATH": f"{self.controller / 'bin'}:{BIN}:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def end(self, *begun: subprocess.Popen[str], statuses: t.Collection[int] = (0,)) -> None:
        """Wait for commands that end with one of these statuses."""
        for process in begun:
            output, _none = process.communicate(timeout=120)
            assert process.returncode in statuses, output

    def start_by_api(self, ident: str, node: str, limit: str, **options: t.Any) -> subprocess.Popen[str]:
        """Begin a slice as AWX does, with options that the command line does not have."""
        job = {"private_data_dir": "fleet", "ident": ident, "playbook": "slice.yml", "limit": limit, **options}
        transmit = shlex.join([str(BIN / "python"), "-c", TRANSMIT, json.dumps(job)])
        worker = f"ssh {node} ansible-runner worker --private-data-dir {ident} --delete"
        return self.start(f"{transmit} | {worker} | ansible-runner process results --ident {ident}")

    def kill(self, node: str) -> None:
        """Let a node die: all its processes at once."""
        worker = int((self.nodes / f"{node}.pid").read_text())
        processes.kill(worker)

    def artifacts(self, ident: str) -> pathlib.Path:
        """Where the artifacts of a slice come back to."""
        return self.controller / "results" / "artifacts" / ident

    def report(self, directory: pathlib.Path | None = None) -> dict[str, dict[str, t.Any]]:
        """The labs of a slice's report or of the merged one."""
        path = (directory or self.controller) / "reports" / "fleet-report.json"
        return {lab["lab"]: lab for lab in json.loads(path.read_text())["labs"]}

    def require_no_secret(self) -> None:
        """What came back from the nodes holds no secret, nor what could pass for an outcome in a later run."""
        control = self.fleet.simulator.control
        issued = {secret for kind in control.issued_secrets().values() for secret in kind if secret}
        files = [path for path in (self.controller / "results").rglob("*") if path.is_file()]
        assert len(files) > 50
        for path in files:
            text = path.read_text(errors="replace")
            assert not [secret for secret in issued if secret in text], path
            assert path.parent.name != "fact_cache" or "lab_account_outcome" not in text, path

    def require_whole(self, labs: t.Iterable[str]) -> None:
        """Each lab has one key, and CloudResearch holds it; at no moment was there one too many or none that works."""
        for lab in labs:
            (key,) = self.fleet.simulator.control.keys(lab)
            assert self.fleet.simulator.control.portal_key(lab) == key["access_key_id"]
            check_timeline(self.fleet, lab)


@pytest.fixture(scope="module")
def simulator() -> t.Iterator[Simulator]:
    """A stack of its own: its timeline is only this module's."""
    with running_simulator() as running:
        yield running


@pytest.fixture
def cluster(simulator: Simulator, tmp_path: pathlib.Path) -> t.Iterator[Cluster]:
    """Two nodes, and a controller with a fleet whose records are in a central store."""
    simulator.control.reset()
    fleet = Fleet(simulator, tmp_path / "fleet")
    use_central_store(fleet)
    # Not below pytest's directory, which is only for the user who runs it.
    with tempfile.TemporaryDirectory(prefix="labops-nodes-") as nodes:
        yield Cluster(fleet, pathlib.Path(nodes))


def test_a_node_that_dies_is_made_up_for(cluster: Cluster) -> None:
    control = cluster.fleet.simulator.control
    for lab in LABS:
        cluster.fleet.add(lab)
    cluster.prepare()
    first, second, merge = guide_commands()

    # In the second slice, one lab has a key whose secret is not in the store yet, and another lab is done.
    control.set(hang_seconds=10)
    control.inject_fault("secretsmanager", "PutSecretValue", "timeout")
    dying = cluster.start(second)
    wait_for(lambda: any(call["fault"] for call in control.calls()), "the store's silence")
    wait_for(lambda: bool(control.submissions()), "a lab of the slice that is done")
    cluster.kill("node-2")
    cluster.end(dying, statuses=(137,))
    assert not (cluster.artifacts("slice-2") / "rc").exists()
    assert any(len(control.keys(lab)) == 1 and not control.portal_key(lab) for lab in LABS[2:])

    cluster.end(cluster.start(first))
    assert (cluster.artifacts("slice-1") / "rc").read_text() == "0"
    cluster.end(cluster.start(merge))
    labs = cluster.report()
    assert {lab: labs[lab]["state"] for lab in LABS} == {
        **dict.fromkeys(LABS[:2], "changed"),
        **dict.fromkeys(LABS[2:], "unknown"),
    }
    assert {labs[lab]["steps"][0]["reason"] for lab in LABS[2:]} == {"not_reported"}

    cluster.end(cluster.start(second.replace("node-2", "node-1")))
    assert (cluster.artifacts("slice-2") / "rc").read_text() == "0"
    cluster.end(cluster.start(merge))
    labs = cluster.report()
    assert {labs[lab]["state"] for lab in LABS} <= {"changed", "converged"}
    cluster.require_whole(LABS)
    held = {lab: [control.portal_key(lab)] for lab in LABS}
    assert {lab: [key["access_key_id"] for key in labs[lab]["access_keys"]] for lab in LABS} == held
    created = collections.Counter(call["lab"] for call in control.calls() if call["action"] == "CreateAccessKey")
    assert sorted(created.values()) == [1] * 3 + [2]

    # With fact storage, as ansible-runner's command line has it; a worker that ends takes its directory with it.
    environment = json.loads((cluster.artifacts("slice-1") / "command").read_text())["env"]
    assert environment["ANSIBLE_CACHE_PLUGIN"] == "jsonfile"
    cluster.require_no_secret()
    assert not (cluster.nodes / "node-1" / "slice-1").exists()
    if cluster.has_users:
        assert (cluster.nodes / "node-1" / ".ansible").stat().st_uid == USER_IDS["node-1"]


def test_slices_that_overlap_do_no_harm(cluster: Cluster) -> None:
    control = cluster.fleet.simulator.control
    labs = LABS[:3]
    seed.add_onboarded(cluster.fleet, *labs)
    cluster.prepare("rotate")
    # Slow calls, so that the slices meet everywhere.
    control.set(latency_ms=20)
    cluster.end(
        cluster.start_by_api("one", "node-1", "all[0:1]", fact_cache_type=""),
        cluster.start_by_api("other", "node-2", "all[1:2]", fact_cache_type=""),
        statuses=(0, 2),
    )
    for ident in ("one", "other"):
        assert "ANSIBLE_CACHE_PLUGIN" not in json.loads((cluster.artifacts(ident) / "command").read_text())["env"]
        for lab, told in cluster.report(cluster.artifacts(ident)).items():
            if told["state"] == "failed":
                assert all(step["reason"] for step in told["steps"] if step["status"] == "failed"), lab
                assert told["next_steps"], lab

    # With fact storage: what an earlier release left there does not count, and nothing is added.
    cluster.prepare("onboard")
    facts = cluster.controller / "fleet" / "artifacts" / "again" / "fact_cache"
    facts.mkdir(parents=True)
    for lab in labs:
        old = {"schema": 1, "lab": lab, "state": "failed", "message": f"Lab {lab} failed long ago."}
        (facts / lab).write_text(json.dumps({"lab_account_outcome": old}))
    cluster.end(cluster.start_by_api("again", "node-1", "all", fact_cache_type="jsonfile"))
    assert (cluster.artifacts("again") / "rc").read_text() == "0"
    for lab in labs:
        assert (cluster.artifacts("again") / "fact_cache" / lab).read_text() == (facts / lab).read_text()
    shutil.rmtree(cluster.artifacts("again") / "fact_cache")
    states = {told["state"] for told in cluster.report(cluster.artifacts("again")).values()}
    assert states <= {"changed", "converged"}
    cluster.require_whole(labs)
    cluster.require_no_secret()
    cluster.end(cluster.start(guide_commands()[-1]))
    assert {lab: told["state"] for lab, told in cluster.report().items()} == {
        lab: told["state"] for lab, told in cluster.report(cluster.artifacts("again")).items()
    }
