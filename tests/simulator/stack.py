# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All doubles together in this process: the world, the servers, and what can be done to them from outside."""

from __future__ import annotations

import dataclasses
import json
import secrets
import typing as t

from tests.simulator import account_reads, moto_adapter
from tests.simulator.aws import AwsApp
from tests.simulator.faults import BadRequest
from tests.simulator.mturk import MTurkApp
from tests.simulator.portal import serve_portal
from tests.simulator.portal_bridge import PortalBridge
from tests.simulator.requester import RequesterApp
from tests.simulator.server import HttpServer
from tests.simulator.world import ENVIRONMENTS, MANAGEMENT_ACCOUNT, OPS_USER, ROLE_NAME, Lab, World

ADMINISTRATOR = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
SERVICES = ("aws", "mturk-production", "mturk-sandbox", "requester", "control", "portal", "portal-signin")


class Stack:
    """The running doubles.

    :param ports: by service name (SERVICES); a missing one, or 0, is chosen by the system.
    """

    def __init__(self, ports: t.Mapping[str, int] | None = None) -> None:
        ports = ports or {}
        moto_adapter.install()
        bridge = PortalBridge()
        self.world = World(bridge.state)
        self.portal_faults = bridge.inject
        self._ops_key = ("AKIA" + secrets.token_hex(8).upper(), secrets.token_urlsafe(30))
        mturk = {environment: MTurkApp(self.world, environment) for environment in ENVIRONMENTS}
        bridge.connect(self.world, mturk["production"])
        self._servers = {
            name: HttpServer(name, ports.get(name, 0)) for name in SERVICES if not name.startswith("portal")
        }
        self._servers["aws"].start(AwsApp(self.world))
        for environment, app in mturk.items():
            self._servers[f"mturk-{environment}"].start(app)
        self._servers["requester"].start(RequesterApp(self.world))
        self.portal = serve_portal(bridge.state, port=ports.get("portal", 0), signin_port=ports.get("portal-signin", 0))
        self.reset()

    def start_control(self, app: t.Any) -> None:
        """Open the control interface, last, when all else answers."""
        self._servers["control"].start(app)

    def close(self) -> None:
        """Stop all servers."""
        self.portal.close()
        for server in self._servers.values():
            server.stop()

    def addresses(self) -> dict[str, str]:
        """What a client has to know."""
        urls = {name: server.url for name, server in self._servers.items()}
        return {
            "aws_url": urls["aws"],
            "mturk_production_url": urls["mturk-production"],
            "mturk_sandbox_url": urls["mturk-sandbox"],
            "requester_url": urls["requester"],
            "requester_production_url": urls["requester"] + "/developer",
            "requester_sandbox_url": urls["requester"] + "/sandbox/developer",
            "portal_url": self.portal.url,
            "portal_signin_url": self.portal.signin_url,
            "control_url": urls["control"],
            "management_account_id": MANAGEMENT_ACCOUNT,
            "ops_access_key": self._ops_key[0],
            "ops_secret_key": self._ops_key[1],
        }

    def reset(self) -> None:
        """Everything as at the start; addresses and the ops key stay."""
        with self.world.lock:
            moto_adapter.forget_everything()
            account_reads.forget_everything()
            self.world.reset()
            self.world.portal.reset()
            moto_adapter.create_organization(MANAGEMENT_ACCOUNT, "cloud-operations@university.example")
            self._create_ops_user()
            self.apply_modes()

    def _create_ops_user(self) -> None:
        backend = moto_adapter.iam(MANAGEMENT_ACCOUNT)
        backend.create_user("us-east-1", OPS_USER)
        backend.put_user_policy(OPS_USER, "operations", json.dumps(ADMINISTRATOR))
        moto_adapter.create_key(MANAGEMENT_ACCOUNT, OPS_USER, *self._ops_key)
        self.world.access_key_secrets.clear()

    @property
    def ops_secret(self) -> str:
        """The secret of the ops key."""
        return self._ops_key[1]

    def apply_modes(self) -> None:
        """Open or close the MTurk ports as the knobs say."""
        knobs = self.world.knobs
        for environment in ENVIRONMENTS:
            server = self._servers[f"mturk-{environment}"]
            mode = knobs.mode(environment)
            refuse = (mode == "unreachable" and knobs.mturk_unreachable_as == "refused") or (
                mode == "closed" and knobs.mturk_closed_answer == "refused"
            )
            if refuse:
                server.stop()
            else:
                server.resume()

    def add_lab(self, lab: Lab) -> None:
        """Make a lab's accounts everywhere. :raises BadRequest: name, account or address is taken."""
        world = self.world
        with world.lock:
            if lab.name in world.labs or moto_adapter.is_open_account(MANAGEMENT_ACCOUNT, lab.account_id):
                raise BadRequest(f"there is a lab {lab.name!r} or an account {lab.account_id} already")
            if lab.portal and world.portal.account(lab.email) is not None:
                raise BadRequest(f"there is a CloudResearch account {lab.email} already")
            account = moto_adapter.create_account(MANAGEMENT_ACCOUNT, lab.account_id, lab.name, lab.email, ROLE_NAME)
            account.parent_id = moto_adapter.organizational_unit(MANAGEMENT_ACCOUNT, lab.ou)
            account.tags = dict(lab.tags)
            world.labs[lab.name] = world.by_account[lab.account_id] = lab
            world.passwords.extend([lab.password, lab.requester_password])
            world.totp_secrets.extend([lab.totp_secret] if lab.totp_secret else [])
            if lab.portal:
                world.portal.add_account(
                    lab.email, lab.password, totp_secret=lab.totp_secret, lab=lab.name, rendering=lab.rendering
                )

    def issued_secrets(self) -> dict[str, list[str]]:
        """All secrets that the doubles issued or were given, by kind."""
        world = self.world
        with world.lock:
            known = {*world.passwords, *world.totp_secrets, *world.access_key_secrets}
            kinds = {
                "access_key_secrets": list(world.access_key_secrets),
                "ops_secrets": [self.ops_secret],
                "session_secrets": list(world.session_secrets),
                "session_tokens": list(world.session_tokens),
                "passwords": list(world.passwords),
                "totp_secrets": list(world.totp_secrets),
                "portal_tokens": [secret for secret in world.portal.issued_secrets() if secret not in known],
            }
        return {kind: list(dict.fromkeys(found)) for kind, found in kinds.items()}


def public(value: t.Any) -> t.Any:
    """For JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value
