# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting and stopping the simulator, carrying a large fleet, forgetting everything."""

from __future__ import annotations

import concurrent.futures
import json
import os
import pathlib
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import typing as t
import urllib.parse

import botocore.exceptions
import pytest

from tests.simulator.clients import lab_client, mturk_client, new_key, new_lab, ops_client
from tests.simulator.process import PROJECT, Simulator, SimulatorFailed, running_simulator

DENY = {"Effect": "Deny", "Action": "*", "Resource": "*"}


@pytest.fixture(scope="module")
def own() -> t.Iterator[Simulator]:
    """A simulator that this module may reset."""
    with running_simulator() as running:
        yield running


def listens(url: str) -> bool:
    address = urllib.parse.urlsplit(url)
    try:
        socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=2).close()
    except OSError:
        return False
    return True


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(condition: t.Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for unused in range(count)]
    ports = [server.getsockname()[1] for server in sockets]
    for server in sockets:
        server.close()
    return ports


class TestProcess:
    def test_command_line(self, tmp_path: pathlib.Path, request: pytest.FixtureRequest) -> None:
        services = ["aws", "mturk-production", "mturk-sandbox", "requester", "portal", "portal-signin", "control"]
        ports = dict(zip(services, free_ports(len(services)), strict=True))
        state_file = tmp_path / "state.json"
        arguments = [f"--{service}-port={port}" for service, port in ports.items()]
        command = [sys.executable, "-m", "tests.simulator", f"--state-file={state_file}", "--latency-ms=1", *arguments]
        process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE)
        request.addfinalizer(process.kill)  # a failure must leave nothing behind
        assert process.stdout is not None
        addresses = json.loads(process.stdout.readline())
        assert json.loads(state_file.read_text()) == addresses
        assert stat.S_IMODE(state_file.stat().st_mode) == 0o600
        for service, port in ports.items():
            url = addresses[f"{service.replace('-', '_')}_url"]
            assert urllib.parse.urlsplit(url).port == port
            assert urllib.parse.urlsplit(url).hostname in ("127.0.0.1", "localhost")
        urls = [value for name, value in addresses.items() if name.endswith("_url")]
        assert all(listens(url) for url in urls)
        process.send_signal(signal.SIGINT)  # the others end by SIGTERM
        rest, _errors = process.communicate(timeout=20)
        assert (process.returncode, rest) == (0, b"")
        assert not any(listens(url) for url in urls)
        assert not state_file.exists()

    def test_stops_with_open_and_hanging_connections(self) -> None:
        with running_simulator() as running:
            iam = ops_client(running, "iam")
            iam.list_users()
            running.control.inject_fault(service="iam", kind="timeout")
            pool = concurrent.futures.ThreadPoolExecutor(1)
            hanging = pool.submit(iam.list_users)
            wait_until(lambda: bool(running.control.calls() and running.control.calls()[-1]["fault"]))
            started = time.monotonic()
        assert time.monotonic() - started < 5
        with pytest.raises(botocore.exceptions.HTTPClientError):
            hanging.result(10)
        pool.shutdown()
        assert not is_alive(running.pid)

    def test_ends_when_its_starter_is_killed(self, request: pytest.FixtureRequest) -> None:
        code = (
            "from tests.simulator.process import running_simulator\n"
            "import time\n"
            "with running_simulator() as s:\n"
            "    print(s.pid, s.aws_url, flush=True)\n"
            "    time.sleep(60)\n"
        )
        starter = subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, stdout=subprocess.PIPE)
        request.addfinalizer(starter.kill)
        assert starter.stdout is not None
        pid, url = starter.stdout.readline().decode().split()
        assert listens(url)
        starter.kill()
        starter.wait()
        starter.stdout.close()
        wait_until(lambda: not is_alive(int(pid)))
        assert not listens(url)

    def test_a_port_in_use(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(SimulatorFailed), running_simulator(f"--aws-port={port}"):
                pass

    def test_only_on_loopback(self, own: Simulator) -> None:
        listening = set()
        for table in ("tcp", "tcp6"):
            path = pathlib.Path(f"/proc/{own.pid}/net/{table}")
            for line in path.read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A":
                    listening.add((fields[9], fields[1].split(":")[0]))
        links = [os.readlink(link) for link in pathlib.Path(f"/proc/{own.pid}/fd").iterdir() if link.is_symlink()]
        inodes = {match.group(1) for link in links if (match := re.match(r"socket:\[(\d+)\]", link))}
        addresses = {address for inode, address in listening if inode in inodes}
        assert addresses and all(address.endswith("7F") for address in addresses), addresses  # 127.x, little-endian

    def test_the_ops_secret_is_not_in_its_repr(self, own: Simulator) -> None:
        assert own.ops_secret_key not in repr(own)


class TestReset:
    def test_everything_is_forgotten_but_addresses_and_the_ops_key(self, own: Simulator) -> None:
        lab = new_lab(own, account_id="456789012345")
        key = new_key(own, lab)
        own.control.set(link_propagation_uses=5, mturk_mode="unreachable")
        own.control.inject_fault(service="iam", kind="throttle", times=9)
        own.control.set_ops_policy({"Version": "2012-10-17", "Statement": [DENY]})
        addresses = own.control.addresses()
        own.control.reset()
        assert own.control.addresses() == addresses
        assert own.control.pending_faults() == []
        assert own.control.labs() == [] and own.control.calls() == []
        assert own.control.issued_secrets()["access_key_secrets"] == []
        assert own.control.knobs()["link_propagation_uses"] == 0
        ops_client(own, "iam").list_users()
        with pytest.raises(botocore.exceptions.ClientError, match="UnrecognizedClientException"):
            mturk_client(own, "production", *key).get_account_balance()
        again = new_lab(own, account_id="456789012345")
        assert lab_client(own, again, "iam").list_users()["Users"] == []


class TestPolicyOfAll:
    def test_all_labs_can_be_restricted_also_later_ones(self, own: Simulator) -> None:
        without_role = new_lab(own)
        own.control.delete_role(without_role["name"])
        labs = [new_lab(own)]
        allow = {"Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*"}
        own.control.set_role_policy("all", {"Version": "2012-10-17", "Statement": [allow]})
        labs.append(new_lab(own))
        for lab in labs:
            iam = lab_client(own, lab, "iam")
            iam.list_users()
            with pytest.raises(botocore.exceptions.ClientError, match="iam:ListRoles"):
                iam.list_roles()
        own.control.set_role_policy("all", None)
        for lab in [*labs, new_lab(own)]:
            lab_client(own, lab, "iam").list_roles()


class TestFleet:
    def test_a_thousand_labs(self, own: Simulator) -> None:
        cpu = _cpu_seconds(own.pid)  # not the clock's time, which says more about what else the machine does
        labs = own.control.create_labs([{"name": f"fleet-{n}"} for n in range(1000)])
        assert _cpu_seconds(own.pid) - cpu < 8
        assert len({lab["account_id"] for lab in labs}) == 1000
        assert all(re.fullmatch(r"\d{12}", lab["account_id"]) for lab in labs)
        iam = lab_client(own, labs[-1], "iam")
        iam.create_user(UserName="u")
        iam.list_access_keys(UserName="u")
        cpu = _cpu_seconds(own.pid)
        for _unused in range(100):
            iam.list_access_keys(UserName="u")
        assert (_cpu_seconds(own.pid) - cpu) / 100 < 0.005, "an IAM call costs the simulator under 5 ms"

    def test_connections_are_kept_open(self, own: Simulator) -> None:
        client = ops_client(own, "iam")
        answers = [client.list_users()["ResponseMetadata"]["HTTPHeaders"]["connection"] for unused in range(2)]
        assert answers == ["keep-alive", "keep-alive"]

    def test_many_at_once(self, own: Simulator) -> None:
        labs = own.control.create_labs([{"name": f"crowd-{n}"} for n in range(24)])

        def onboard(lab: dict[str, t.Any]) -> str:
            iam = lab_client(own, lab, "iam")
            iam.create_user(UserName="u")
            iam.attach_user_policy(UserName="u", PolicyArn="arn:aws:iam::aws:policy/AmazonMechanicalTurkFullAccess")
            key = iam.create_access_key(UserName="u")["AccessKey"]
            mturk = mturk_client(own, "production", key["AccessKeyId"], key["SecretAccessKey"])
            return str(mturk.get_account_balance()["AvailableBalance"])

        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            assert list(pool.map(onboard, labs)) == ["25.00"] * 24
        for lab in labs:
            assert len(own.control.keys(lab["name"])) == 1


def _cpu_seconds(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
