# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of the control interface."""

from __future__ import annotations

import base64
import json
import secrets
import time
import typing as t

from tests.simulator import account_reads, moto_adapter, policies
from tests.simulator.faults import ANY_LAB, BadRequest, Fault
from tests.simulator.stack import ADMINISTRATOR, Stack, public
from tests.simulator.world import ENVIRONMENTS, MANAGEMENT_ACCOUNT, OPS_USER, ROLE_NAME, Lab, check_environment

Result = t.Any


class Operations:
    """Each public method is an operation. They are described in tests/simulator/control.py."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._world = stack.world
        self._next_account = 200000000000
        self._policy_of_all: str | None = None

    # Labs

    def reset(self) -> Result:
        self._stack.reset()
        self._next_account = 200000000000
        self._policy_of_all = None

    def addresses(self) -> Result:
        return self._stack.addresses()

    def create_lab(
        self,
        name: str,
        account_id: str | None = None,
        balance: str = "25.00",
        on_hold_balance: str = "0.00",
        requester_linked: t.Sequence[str] = ENVIRONMENTS,
        email: str | None = None,
        password: str | None = None,
        totp_secret: str | bool | None = None,
        rendering: str = "",
        portal: bool = True,
        ou: str | t.Sequence[str] = (),
        tags: t.Mapping[str, str] | None = None,
        requester_email: str | None = None,
        requester_password: str | None = None,
    ) -> Result:
        with self._world.lock:
            if account_id is None:
                self._next_account += 7
                account_id = str(self._next_account)
            if len(account_id) != 12 or not account_id.isdigit():
                raise BadRequest(f"an account id has 12 digits: {account_id!r}")
            path = ou.strip("/").split("/") if isinstance(ou, str) else list(ou)
            lab = Lab(
                name=name,
                account_id=account_id,
                email=email or f"{name}@labs.university.example",
                password=password or f"pw-{secrets.token_urlsafe(12)}",
                totp_secret=_new_totp_secret() if totp_secret is True else (totp_secret or None),
                requester_email=requester_email or f"{name}@requesters.university.example",
                requester_password=requester_password or f"pw-{secrets.token_urlsafe(12)}",
                rendering=rendering,
                portal=portal,
                ou=tuple(part for part in path if part),
                tags=dict(tags or {}),
                available_balance=str(balance),
                on_hold_balance=str(on_hold_balance),
            )
            for environment in requester_linked:
                self._world.link(lab, environment, settled=True)
            self._stack.add_lab(lab)
            if self._policy_of_all is not None:
                moto_adapter.replace_role_policies(lab.account_id, ROLE_NAME, self._policy_of_all)
            self._note("create_lab", lab)
            return self._described(lab)

    def create_labs(self, labs: t.Sequence[t.Mapping[str, t.Any]]) -> Result:
        return [self.create_lab(**arguments) for arguments in labs]

    def lab(self, name: str) -> Result:
        return self._described(self._world.lab(name))

    def labs(self) -> Result:
        return [self._described(lab) for lab in self._world.labs.values()]

    def _described(self, lab: Lab) -> dict[str, t.Any]:
        portal = self._stack.portal
        return {**lab.as_dict(), "portal_url": portal.url_for(lab.rendering) if lab.rendering else portal.url}

    def create_ou(self, path: str | t.Sequence[str]) -> Result:
        names = path.strip("/").split("/") if isinstance(path, str) else list(path)
        with self._world.lock:
            return moto_adapter.organizational_unit(MANAGEMENT_ACCOUNT, names)

    def close_account(self, lab: str) -> Result:
        with self._world.lock:
            found = self._world.lab(lab)
            moto_adapter.close_account(MANAGEMENT_ACCOUNT, found.account_id)

    # Requester account

    def link_requester(self, lab: str, environment: str) -> Result:
        with self._world.lock:
            self._world.link(self._world.lab(lab), environment)
            self._note("link_requester", self._world.lab(lab), environment)

    def unlink_requester(self, lab: str, environment: str) -> Result:
        check_environment(environment)
        with self._world.lock:
            self._world.lab(lab).links.pop(environment, None)
            self._note("unlink_requester", self._world.lab(lab), environment)

    def set_balance(self, lab: str, available: str, on_hold: str | None = None) -> Result:
        found = self._world.lab(lab)
        found.available_balance = str(available)
        if on_hold is not None:
            found.on_hold_balance = str(on_hold)

    # IAM behind the collection's back

    def create_user(
        self,
        lab: str,
        user_name: str,
        policy_arns: t.Sequence[str] = (),
        inline_policies: t.Mapping[str, t.Any] | None = None,
        groups: t.Sequence[str] = (),
        tags: t.Mapping[str, str] | None = None,
        console_password: str | None = None,
        path: str = "/",
    ) -> Result:
        with self._world.lock:
            backend = moto_adapter.iam(self._account(lab))
            pairs = [{"Key": key, "Value": value} for key, value in (tags or {}).items()]
            user = backend.create_user("us-east-1", user_name, path, pairs)
            for arn in policy_arns:
                backend.attach_user_policy(arn, user_name)
            for name, document in (inline_policies or {}).items():
                backend.put_user_policy(user_name, name, json.dumps(document))
            for group in groups:
                if group not in backend.groups:
                    backend.create_group(group)
                backend.add_user_to_group(group, user_name)
            if console_password:
                self._world.passwords.append(console_password)
                backend.create_login_profile(user_name, console_password)
            return {"user_name": user.name, "arn": user.arn}

    def create_users(self, lab: str, user_names: t.Sequence[str]) -> Result:
        with self._world.lock:
            backend = moto_adapter.iam(self._account(lab))
            for name in user_names:
                backend.create_user("us-east-1", name, "/", [])

    def limit_user(self, lab: str, user_name: str, policy_arn: str) -> Result:
        with self._world.lock:
            user = moto_adapter.iam(self._account(lab)).get_user(user_name)
            user.permissions_boundary = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": policy_arn}

    def set_root_key(self, lab: str, last_used: str = "", service: str = "") -> Result:
        with self._world.lock:
            account_reads.set_root_key(self._account(lab), last_used, service)

    def delete_root_key(self, lab: str) -> Result:
        with self._world.lock:
            account_reads.delete_root_key(self._account(lab))

    def create_access_key(self, lab: str, user_name: str, status: str = "Active") -> Result:
        with self._world.lock:
            key = moto_adapter.create_key(self._account(lab), user_name)
            key.status = status
            self._world.settle_key(key.access_key_id)
            return {"access_key_id": key.access_key_id, "secret_access_key": key.secret_access_key}

    def note_key_use(
        self, access_key_id: str, service: str = "mturk-requester", region: str = "us-east-1", days_ago: float = 0
    ) -> Result:
        with self._world.lock:
            found = moto_adapter.find_key(access_key_id)
            if found is None:
                raise BadRequest(f"there is no key {access_key_id}")
            moto_adapter.note_key_use(found[1], service, region, days_ago)

    def age_key(self, access_key_id: str, days: float) -> Result:
        with self._world.lock:
            found = moto_adapter.find_key(access_key_id)
            if found is None:
                raise BadRequest(f"there is no key {access_key_id}")
            moto_adapter.make_older(found[1], days)

    def keys(self, lab: str) -> Result:
        with self._world.lock:
            return moto_adapter.describe_keys(self._account(lab))

    def _account(self, lab: str) -> str:
        return MANAGEMENT_ACCOUNT if lab in ("management", MANAGEMENT_ACCOUNT) else self._world.lab(lab).account_id

    # Permissions

    def set_role_policy(self, lab_or_all: str, policy_document: t.Any) -> Result:
        text = _policy_text(policy_document)
        with self._world.lock:
            if lab_or_all != "all":
                moto_adapter.replace_role_policies(self._account(lab_or_all), ROLE_NAME, text)
                return
            self._policy_of_all = text
            for lab in self._world.labs.values():
                if moto_adapter.has_role(lab.account_id, ROLE_NAME):
                    moto_adapter.replace_role_policies(lab.account_id, ROLE_NAME, text)

    def set_role_trust(self, lab: str, policy_document: t.Any) -> Result:
        with self._world.lock:
            role = moto_adapter.iam(self._account(lab)).get_role(ROLE_NAME)
            trust = policy_document or moto_adapter.trust_policy(MANAGEMENT_ACCOUNT)
            role.assume_role_policy_document = json.dumps(trust)

    def delete_role(self, lab: str) -> Result:
        with self._world.lock:
            moto_adapter.delete_role(self._account(lab), ROLE_NAME)

    def expire_role_sessions(self, lab: str) -> Result:
        with self._world.lock:
            return moto_adapter.expire_sessions(self._account(lab))

    def set_ops_policy(self, policy_document: t.Any) -> Result:
        text = _policy_text(policy_document or ADMINISTRATOR)
        with self._world.lock:
            moto_adapter.iam(MANAGEMENT_ACCOUNT).put_user_policy(OPS_USER, "operations", text)

    # Faults and knobs

    def set(self, **knobs: t.Any) -> Result:
        with self._world.lock:
            current = self._world.knobs
            portal = {name.removeprefix("portal_"): knobs.pop(name) for name in list(knobs) if name[:7] == "portal_"}
            unknown = [name for name in knobs if not hasattr(current, name)]
            unknown += [f"portal_{name}" for name in portal if not hasattr(self._world.portal.knobs, name)]
            if unknown:
                raise BadRequest(f"unknown knobs: {', '.join(unknown)}")
            before = {name: getattr(current, name) for name in knobs}
            for name, value in knobs.items():
                setattr(current, name, value)
            try:
                current.check()
            except BadRequest:
                for name, value in before.items():
                    setattr(current, name, value)
                raise
            if "latency_ms" in knobs:
                portal.setdefault("latency_ms", knobs["latency_ms"])
            for name, value in portal.items():
                setattr(self._world.portal.knobs, name, value)
            self._stack.apply_modes()

    def knobs(self) -> Result:
        portal = {f"portal_{name}": value for name, value in public(self._world.portal.knobs).items()}
        return {**public(self._world.knobs), **portal}

    def inject_fault(
        self,
        service: str = "*",
        action: str = "*",
        kind: str = "http_500",
        times: int = 1,
        account_id: str | None = None,
        when: str = "before",
        environment: str | None = None,
        skip: int = 0,
        caller: str = "client",
    ) -> Result:
        with self._world.lock:
            account = None if account_id is None else self._account(account_id)
            fault = Fault(service, action, kind, times, account, environment, when, skip, caller)
            if service == "portal" and when == "before":
                self._stack.portal_faults(fault)
            else:
                self._world.faults.add(fault)

    def portal_fault(
        self, kind: str, where: str = "any", times: int | None = 1, lab: str | None = None, value: t.Any = None
    ) -> Result:
        email = self._world.lab(lab).email if lab else ""
        try:
            self._world.portal.inject(kind, where=where, times=times, email=email, value=value)
        except ValueError as exc:
            raise BadRequest(str(exc)) from exc

    def clear_faults(self) -> Result:
        with self._world.lock:
            self._world.faults.clear()
            self._world.portal.clear_faults()

    def pending_faults(self) -> Result:
        with self._world.lock:
            return self._world.faults.pending()

    def kill_after(self, n: int, pgid: int) -> Result:
        with self._world.lock:
            self._world.kill.arm({ANY_LAB: int(n)}, int(pgid))

    def kill_at_each(self, points: dict[str, int], pgid: int) -> Result:
        with self._world.lock:
            self._world.kill.arm({self._world.lab(lab).name: int(n) for lab, n in points.items()}, int(pgid))

    def disarm_kill(self) -> Result:
        with self._world.lock:
            self._world.kill.disarm()
            return {"fired": self._world.kill.fired}

    # The timeline

    def calls(self, since: int = 0) -> Result:
        return self._world.calls(since)

    def clear_calls(self) -> Result:
        with self._world.lock:
            self._world.entries.clear()

    def mark(self, text: str) -> Result:
        with self._world.lock:
            return self._world.record("control", text, caller="control")["n"]

    def key_timeline(self, lab: str, since: int = 0) -> Result:
        name = self._world.lab(lab).name
        wanted = ("n", "at", "service", "environment", "action", "status", "caller", "keys", "portal_key")
        return [{k: entry[k] for k in wanted} for entry in self._world.calls(since) if entry["lab"] == name]

    def issued_secrets(self) -> Result:
        return self._stack.issued_secrets()

    # The portal

    def submissions(self, since: int = 0, lab: str | None = None) -> Result:
        email = self._world.lab(lab).email if lab else ""
        return [submission.as_dict() for submission in self._world.portal.submissions(since, email=email)]

    def portal_key(self, lab: str) -> Result:
        return self._world.portal_key(self._world.lab(lab).name)

    def set_portal_key(self, lab: str, access_key_id: str, secret_access_key: str = "") -> Result:
        found = self._world.lab(lab)
        self._world.portal.set_linked(found.email, access_key_id, secret_access_key)
        with self._world.lock:
            self._note("set_portal_key", found)

    def set_portal_password(self, lab: str, password: str) -> Result:
        found = self._world.lab(lab)
        account = self._world.portal.account(found.email)
        if account is None:
            raise BadRequest(f"{lab} has no CloudResearch account")
        account.password = found.password = password
        self._world.passwords.append(password)

    def portal_account(self, lab: str) -> Result:
        account = self._world.portal.account_of_lab(self._world.lab(lab).name)
        return account.public(time.time()) if account else None

    def portal_requests(self, since: int = 0, lab: str | None = None) -> Result:
        email = self._world.lab(lab).email if lab else ""
        return [record.as_dict() for record in self._world.portal.requests(since, email=email)]

    def foreign_requests(self) -> Result:
        return [request.as_dict() for request in self._world.portal.foreign_requests]

    def stray_forms(self) -> Result:
        return [public(form) for form in self._world.portal.stray_forms]

    def expire_portal_sessions(self, lab: str | None = None, realm: str = "") -> Result:
        return self._world.portal.expire_sessions(self._world.lab(lab).email if lab else "", realm)

    def portal_url_for(self, rendering: str, tls: str = "") -> Result:
        return self._stack.portal.url_for(rendering, tls)

    def portal_ca_file(self) -> Result:
        return self._stack.portal.ca_file

    def _note(self, action: str, lab: Lab, environment: str = "") -> None:
        self._world.record("control", action, account_id=lab.account_id, environment=environment, caller="control")


def _policy_text(document: t.Any) -> str | None:
    if document is None:
        return None
    text = document if isinstance(document, str) else json.dumps(document)
    try:
        policies.check_supported(policies.parse(text))
    except policies.PolicyError as exc:
        raise BadRequest(f"this policy cannot be judged: {exc}") from exc
    return text


def _new_totp_secret() -> str:
    return base64.b32encode(secrets.token_bytes(20)).decode()
