# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the doubles can be told to do wrong, and when the caller is to be killed."""

from __future__ import annotations

import contextlib
import dataclasses
import fnmatch
import os
import pathlib
import signal
import typing as t

from tests import processes
from tests.simulator import server

KINDS = (
    "throttle",
    "http_500",
    "cut",
    "timeout",
    # Somebody on the way, such as a proxy, answers with a page for people and the status of success.
    "web_page",
    "access_denied",
    "scp_deny",
    "boundary_deny",
    "explicit_deny",
    "clock_skew",
    "wrong_region",
    "not_activated",
    # What MTurk alone says, in its RequestError.
    "turk_not_authorized",
    "turk_bad_credential",
    "turk_must_register",
    "turk_permission_denied",
    "turk_bad_claims",
    "turk_link_untyped",
)
#: Kinds that make sense when the call has already taken effect: the answer is lost, or says nothing about the effect.
AFTER_KINDS = ("http_500", "cut", "timeout", "web_page")
#: Where calls are counted whatever lab they are for.
ANY_LAB = ""


class BadRequest(ValueError):
    """A control request that makes no sense; its text is for the person who sent it."""


@dataclasses.dataclass
class Fault:
    """After C(skip) calls that match, the next C(times) fail.

    C(service), C(action) and C(caller) are shell patterns; C(None) matches all. The caller is client, or portal for the
    calls that the portal makes at MTurk.
    """

    service: str = "*"
    action: str = "*"
    kind: str = "http_500"
    times: int = 1
    account_id: str | None = None
    environment: str | None = None
    when: str = "before"
    skip: int = 0
    caller: str = "client"

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BadRequest(f"unknown kind of fault {self.kind!r}; there are: {', '.join(KINDS)}")
        if self.when not in ("before", "after"):
            raise BadRequest(f"when is before or after, not {self.when!r}")
        if self.when == "after" and self.kind not in AFTER_KINDS:
            raise BadRequest(f"a call that took effect is not answered with {self.kind}; use {', '.join(AFTER_KINDS)}")

    def matches(self, call: FaultTarget, when: str) -> bool:
        """Whether this fault is meant for a call like this."""
        return (
            self.times > 0
            and self.when == when
            and fnmatch.fnmatchcase(call.service, self.service)
            and any(fnmatch.fnmatchcase(action, self.action) for action in call.actions)
            and self.account_id in (None, call.account_id)
            and self.environment in (None, call.environment)
            and fnmatch.fnmatchcase(call.caller, self.caller)
        )


@dataclasses.dataclass(frozen=True)
class FaultTarget:
    """A call that a fault may hit. It may be known by several names of its action."""

    service: str
    actions: tuple[str, ...]
    account_id: str = ""
    environment: str = ""
    caller: str = "client"


class Faults:
    """The faults that are switched on, oldest first. Guarded by the world's lock."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Switch one on."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Switch all off."""
        self._faults.clear()

    def pending(self) -> list[dict[str, t.Any]]:
        """Those that have not hit yet."""
        return [dataclasses.asdict(fault) for fault in self._faults if fault.times > 0]

    def take(self, call: FaultTarget, when: str) -> str | None:
        """The kind of fault to act out for this call, which uses it up once."""
        for fault in self._faults:
            if not fault.matches(call, when):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.times -= 1
            if fault.times == 0:
                self._faults.remove(fault)
            return fault.kind
        return None


class KillSwitch:
    """Kills a process group, with all that descends from it, right after the n-th call since arming took effect.

    With a number for each of several labs, the process that makes a lab's n-th call stands still from then on, and the
    kill comes when that is so for each lab: one run is killed at as many points as it has labs.

    Guarded by the world's lock.
    """

    def __init__(self) -> None:
        self._left: dict[str, int] = {}
        self._pgid = 0
        self.fired = False

    def arm(self, points: t.Mapping[str, int], pgid: int) -> None:
        """:param points: by lab, after how many of its calls, 1 for the very next one; V(ANY_LAB) counts all calls.

        :raises BadRequest: not a process group that may be killed.
        """
        if not points or min(points.values()) < 1:
            raise BadRequest("n counts calls from 1")
        if pgid <= 1 or os.getpid() in processes.family(pgid):
            raise BadRequest(f"process group {pgid} is not one to kill: it would end the simulator or more")
        self._left, self._pgid, self.fired = dict(points), pgid, False

    def disarm(self) -> None:
        """Never mind."""
        self._left = {}

    def count(self, lab: str) -> bool:
        """Note a call for a lab; V(True) if it was one to stop at and its caller will not see the answer."""
        point = ANY_LAB if ANY_LAB in self._left else lab
        if point not in self._left:
            return False
        self._left[point] -= 1
        if self._left[point]:
            return False
        del self._left[point]
        if self._left:
            callers = processes.family(self._pgid) - {self._pgid}
            processes.send(_holders(server.peer_port(), callers), signal.SIGSTOP)
            return True
        self.fired = True
        return bool(processes.kill(self._pgid))


def _holders(port: int, among: t.Iterable[int]) -> set[int]:
    """Those of these processes whose end of a connection to us has this port."""
    lines = (line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:])
    # sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode (proc(5)); addresses are hexadecimal.
    sockets = {f"socket:[{columns[9]}]" for columns in lines if int(columns[1].rpartition(":")[2], 16) == port}
    found = set()
    for pid in among:
        for descriptor in pathlib.Path(f"/proc/{pid}/fd").glob("*"):
            with contextlib.suppress(OSError):
                if os.readlink(descriptor) in sockets:
                    found.add(pid)
    if not found:
        raise RuntimeError(f"nobody is to be found who called from port {port}")
    return found
