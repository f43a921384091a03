# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ties the CloudResearch double to the rest: it checks keys at the MTurk double, and its requests join the timeline."""

from __future__ import annotations

import json
import threading
import typing as t

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.simulator.faults import BadRequest, Fault, FaultTarget
from tests.simulator.identity import HttpRequest
from tests.simulator.mturk import PORTAL_USER_AGENT, REGION, SIGNING_NAME, MTurkApp
from tests.simulator.portal import PAGES, KeyVerdict, PortalState
from tests.simulator.server import CutConnection, Hang
from tests.simulator.world import World

# The portal has faults of its own; these are the ones that mean the same as ours.
_PORTAL_KINDS = {
    "throttle": "rate_limited",
    "http_500": "server_error",
    "cut": "drop",
    "timeout": "hang",
    "access_denied": "bot_check",
}
# The portal's faults go by its own words for pages, the timeline by method and page.
_PAGE_OF_ACTION = {"POST link": "submit", "POST password": "password", "POST second_factor": "code"}

# Ends the connection's thread without an answer and without a traceback: no handler of errors catches it, and
# threading says nothing about it.
_NO_ANSWER = SystemExit("the answer is lost on purpose")


def sign_request(host: str, operation: str, access_key_id: str, secret_access_key: str) -> HttpRequest:
    """A request for an MTurk operation without parameters, signed with a key as the portal would."""
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": f"MTurkRequesterServiceV20170117.{operation}",
        "User-Agent": PORTAL_USER_AGENT,
    }
    request = AWSRequest("POST", f"http://{host}/", headers=headers, data=b"{}")
    SigV4Auth(Credentials(access_key_id, secret_access_key), SIGNING_NAME, REGION).add_auth(request)
    signed = {name.lower(): str(value) for name, value in request.headers.items()}
    return HttpRequest("POST", "/", "", {"host": host, **signed}, b"{}")


class PortalBridge:
    """Makes a PortalState part of a world."""

    def __init__(self) -> None:
        self.state = PortalState(verify_key=self.verify_key)
        self._log_request = self.state.log_request
        self.state.log_request = self._note_request  # type: ignore[method-assign]
        self._world: World | None = None
        self._mturk: MTurkApp | None = None

    def connect(self, world: World, mturk: MTurkApp) -> None:
        """Say where calls are noted, and which MTurk checks submitted keys."""
        self._world, self._mturk = world, mturk

    def verify_key(self, access_key_id: str, secret_access_key: str) -> KeyVerdict:
        """Ask MTurk for the balance with a submitted key."""
        assert self._mturk is not None
        request = sign_request(
            "mturk-requester.us-east-1.amazonaws.com", "GetAccountBalance", access_key_id, secret_access_key
        )
        try:
            status, _headers, body = self._mturk.answer(request)
        except (CutConnection, Hang):
            return KeyVerdict(False, error_code="Unreachable", message="No answer from MTurk.", reachable=False)
        try:
            answer = json.loads(body)
        except ValueError:
            return KeyVerdict(False, error_code=f"HTTP {status}", message="MTurk is not available.", reachable=False)
        if status == 200:
            return KeyVerdict(True, balance=answer["AvailableBalance"])
        code = answer.get("TurkErrorCode") or answer["__type"]
        return KeyVerdict(False, error_code=code, message=answer.get("Message") or answer.get("message", ""))

    def inject(self, fault: Fault) -> None:
        """Switch on a fault of ours (service portal) at the portal. :raises BadRequest: it has no such page."""
        assert self._world is not None
        lab = self._world.by_account.get(fault.account_id or "")
        page = "any" if fault.action == "*" else _PAGE_OF_ACTION.get(fault.action, fault.action.rpartition(" ")[2])
        if fault.kind not in _PORTAL_KINDS:
            raise BadRequest(f"the portal knows no {fault.kind}; there are: {', '.join(_PORTAL_KINDS)}")
        if fault.skip:
            raise BadRequest("a fault of the portal that hits before a page takes effect cannot skip requests")
        if page not in PAGES:
            raise BadRequest(f"the portal has no page {fault.action!r}; there are: {', '.join(PAGES)}")
        self.state.inject(_PORTAL_KINDS[fault.kind], where=page, times=fault.times, email=lab.email if lab else "")

    def _note_request(self, **values: t.Any) -> t.Any:
        record = self._log_request(**values)
        world = self._world
        if world is None or record.asset:
            return record
        # The portal calls this when a request has taken effect, before its answer is sent.
        action = f"{record.method} {record.page or record.path}"
        with world.lock:
            lab = world.labs.get(record.lab)
            entry = world.record(
                "portal",
                action,
                environment=record.origin,
                account_id=lab.account_id if lab else "",
                access_key_id=world.portal_key(record.lab),
                status=record.status,
                error="" if record.status < 400 else f"HTTP {record.status}",
            )
            if world.kill.count(entry["lab"]):
                raise _NO_ANSWER
            fault = world.faults.take(FaultTarget("portal", (action, record.page), entry["account_id"]), "after")
            if fault is None:
                return record
            entry["fault"] = f"after:{fault}"
        if fault == "timeout":
            threading.Event().wait(world.knobs.hang_seconds)
        raise _NO_ANSWER
