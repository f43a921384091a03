# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells a running simulator what to do. Each method is one HTTP request; the result is plain JSON data."""

from __future__ import annotations

import http.client
import json
import typing as t
import urllib.parse

Json = t.Any


class ControlError(Exception):
    """The simulator refused a control request."""


class ControlClient:
    """Client of the control interface at C(url). Safe to use from several threads, processes and forks."""

    def __init__(self, url: str) -> None:
        self.url = url

    def _call(self, operation: str, **arguments: Json) -> Json:
        address = urllib.parse.urlsplit(self.url)
        connection = http.client.HTTPConnection(str(address.hostname), address.port, timeout=120)
        try:
            connection.request("POST", f"/{operation}", json.dumps(arguments), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            result = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != 200:
            raise ControlError(f"{operation}: {result.get('error')}")
        return result

    # Labs

    def reset(self) -> None:
        """Forget all labs, calls, faults and secrets; put the knobs back. Addresses and the ops key stay."""
        self._call("reset")

    def addresses(self) -> dict[str, str]:
        """The same as the line printed at the start."""
        return t.cast("dict[str, str]", self._call("addresses"))

    def create_lab(self, name: str, **options: Json) -> dict[str, Json]:
        """Make a lab: an AWS account in the organization, a requester account, a CloudResearch account.

        Options: account_id, balance ("25.00"), on_hold_balance, requester_linked (("production", "sandbox")),
        email, password, totp_secret (a base32 text, or True for a new one), rendering ("" is the portal's own),
        portal (False: no CloudResearch account), ou ("Research/Psychology"), tags (dict), requester_email,
        requester_password. Returns all of these and role_arn, portal_url, links.
        """
        return t.cast("dict[str, Json]", self._call("create_lab", name=name, **options))

    def create_labs(self, labs: t.Sequence[t.Mapping[str, Json]]) -> list[dict[str, Json]]:
        """Many at once; each entry has a name and any option of L(create_lab)."""
        return t.cast("list[dict[str, Json]]", self._call("create_labs", labs=list(labs)))

    def lab(self, name: str) -> dict[str, Json]:
        """One lab, by name or account id."""
        return t.cast("dict[str, Json]", self._call("lab", name=name))

    def labs(self) -> list[dict[str, Json]]:
        """All labs."""
        return t.cast("list[dict[str, Json]]", self._call("labs"))

    def create_ou(self, path: str) -> str:
        """Make the organizational units of a path such as "Research/Psychology"; the id of the last."""
        return str(self._call("create_ou", path=path))

    def close_account(self, lab: str) -> None:
        """The account's status in the organization becomes SUSPENDED."""
        self._call("close_account", lab=lab)

    # Requester account

    def link_requester(self, lab: str, environment: str) -> None:
        """What the button on the requester site does."""
        self._call("link_requester", lab=lab, environment=environment)

    def unlink_requester(self, lab: str, environment: str) -> None:
        """Undo the link."""
        self._call("unlink_requester", lab=lab, environment=environment)

    def set_balance(self, lab: str, available: str, on_hold: str | None = None) -> None:
        """The balances in production, as decimal texts in US dollars."""
        self._call("set_balance", lab=lab, available=available, on_hold=on_hold)

    # IAM behind the collection's back

    def create_user(self, lab: str, user_name: str, **options: Json) -> dict[str, str]:
        """Make an IAM user by hand. C(lab) may be "management".

        Options: policy_arns, inline_policies (name to document), groups, tags (dict), console_password, path.
        """
        return t.cast("dict[str, str]", self._call("create_user", lab=lab, user_name=user_name, **options))

    def create_users(self, lab: str, user_names: t.Sequence[str]) -> None:
        """Make many IAM users that may do nothing."""
        self._call("create_users", lab=lab, user_names=list(user_names))

    def limit_user(self, lab: str, user_name: str, policy_arn: str) -> None:
        """Give a user a permissions boundary. It is told, and judged by nobody."""
        self._call("limit_user", lab=lab, user_name=user_name, policy_arn=policy_arn)

    def set_root_key(self, lab: str, last_used: str = "", service: str = "") -> None:
        """Give the account's root an active key, last used at this moment (ISO 8601) for this service."""
        self._call("set_root_key", lab=lab, last_used=last_used, service=service)

    def delete_root_key(self, lab: str) -> None:
        """The account's root deletes its key, as only root can."""
        self._call("delete_root_key", lab=lab)

    def create_access_key(self, lab: str, user_name: str, status: str = "Active") -> dict[str, str]:
        """A stranger's key: access_key_id and secret_access_key. It is known everywhere at once."""
        return t.cast("dict[str, str]", self._call("create_access_key", lab=lab, user_name=user_name, status=status))

    def note_key_use(
        self, access_key_id: str, service: str = "mturk-requester", region: str = "us-east-1", days_ago: float = 0
    ) -> None:
        """Somebody else used this key last, just now or so many days ago."""
        self._call("note_key_use", access_key_id=access_key_id, service=service, region=region, days_ago=days_ago)

    def age_key(self, access_key_id: str, days: float) -> None:
        """The key was created so many days earlier."""
        self._call("age_key", access_key_id=access_key_id, days=days)

    def keys(self, lab: str) -> list[dict[str, Json]]:
        """IAM's truth on the keys of all users of a lab: access_key_id, secret_access_key, user_name, status, created,
        last_used, last_used_service, last_used_region."""
        return t.cast("list[dict[str, Json]]", self._call("keys", lab=lab))

    # Permissions

    def set_role_policy(self, lab_or_all: str, policy_document: Json) -> None:
        """The only policy of the role that the ops side assumes, in one lab or in "all" (also those made later).

        None: administrator again.
        """
        self._call("set_role_policy", lab_or_all=lab_or_all, policy_document=policy_document)

    def set_ops_policy(self, policy_document: Json) -> None:
        """The policy of the ops user in the management account; None: administrator again."""
        self._call("set_ops_policy", policy_document=policy_document)

    def set_role_trust(self, lab: str, policy_document: Json) -> None:
        """The trust policy of the lab's role; None: the management account again."""
        self._call("set_role_trust", lab=lab, policy_document=policy_document)

    def delete_role(self, lab: str) -> None:
        """Remove the role that the ops side assumes."""
        self._call("delete_role", lab=lab)

    def expire_role_sessions(self, lab: str) -> int:
        """End all sessions of roles in a lab's account; how many there were."""
        return int(self._call("expire_role_sessions", lab=lab))

    # Faults and knobs

    def set(self, **knobs: Json) -> None:
        """Turn knobs (see Knobs in tests/simulator/world.py); those of the portal begin with C(portal_)."""
        self._call("set", **knobs)

    def knobs(self) -> dict[str, Json]:
        """How they stand."""
        return t.cast("dict[str, Json]", self._call("knobs"))

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
    ) -> None:
        """The next C(times) matching calls fail.

        :param service: iam, sts, organizations, secretsmanager, ssm, mturk, portal, or a shell pattern.
        :param action: as in the timeline; for the portal also one of its page names (submit, password, ...).
        :param kind: throttle, http_500, cut, timeout, access_denied.
        :param account_id: an account id or the name of a lab.
        :param when: before (no effect) or after (took effect, but the answer is lost).
        :param environment: production or sandbox, for mturk.
        :param skip: how many matching calls go well first.
        :param caller: client, portal (the portal's own calls at MTurk) or *.
        """
        self._call(
            "inject_fault",
            service=service,
            action=action,
            kind=kind,
            times=times,
            account_id=account_id,
            when=when,
            environment=environment,
            skip=skip,
            caller=caller,
        )

    def portal_fault(
        self, kind: str, where: str = "any", times: int | None = 1, lab: str | None = None, value: Json = None
    ) -> None:
        """A fault that only the portal has (FAULT_KINDS in tests/simulator/portal/records.py)."""
        self._call("portal_fault", kind=kind, where=where, times=times, lab=lab, value=value)

    def clear_faults(self) -> None:
        """Switch all faults off."""
        self._call("clear_faults")

    def pending_faults(self) -> list[dict[str, Json]]:
        """Faults (not the portal's) that have not hit yet."""
        return t.cast("list[dict[str, Json]]", self._call("pending_faults"))

    def kill_after(self, n: int, pgid: int) -> None:
        """SIGKILL the process group right after the n-th call from now (AWS, MTurk, portal) took effect."""
        self._call("kill_after", n=n, pgid=pgid)

    def kill_at_each(self, points: t.Mapping[str, int], pgid: int) -> None:
        """Stop the caller of each lab's n-th call from now when that took effect; SIGKILL the group once all are."""
        self._call("kill_at_each", points=dict(points), pgid=pgid)

    def disarm_kill(self) -> bool:
        """Never mind; whether it has fired."""
        return bool(self._call("disarm_kill")["fired"])

    # The timeline

    def calls(self, since: int = 0) -> list[dict[str, Json]]:
        """Calls with n > since, each with n, at, service, environment, action, account_id, lab, access_key_id, caller
        (client, portal, person, control), status (0: no answer), error, fault, and the lab's keys and portal_key as
        they were after the call."""
        return t.cast("list[dict[str, Json]]", self._call("calls", since=since))

    def clear_calls(self) -> None:
        """Forget the calls so far (they take memory); the numbering goes on."""
        self._call("clear_calls")

    def mark(self, text: str) -> int:
        """Put a mark into the timeline; its n."""
        return int(self._call("mark", text=text))

    def key_timeline(self, lab: str, since: int = 0) -> list[dict[str, Json]]:
        """The lab's calls, each with its keys and the portal's key after it."""
        return t.cast("list[dict[str, Json]]", self._call("key_timeline", lab=lab, since=since))

    def issued_secrets(self) -> dict[str, list[str]]:
        """By kind: access_key_secrets, ops_secrets, session_secrets, session_tokens, passwords, totp_secrets,
        portal_tokens (cookies, anti-forgery tokens, codes)."""
        return t.cast("dict[str, list[str]]", self._call("issued_secrets"))

    # The portal

    def submissions(self, since: int = 0, lab: str | None = None) -> list[dict[str, Json]]:
        """Keys that were entered at the portal."""
        return t.cast("list[dict[str, Json]]", self._call("submissions", since=since, lab=lab))

    def portal_key(self, lab: str) -> str:
        """The key id that the lab's CloudResearch account holds, or ''."""
        return str(self._call("portal_key", lab=lab))

    def set_portal_key(self, lab: str, access_key_id: str, secret_access_key: str = "") -> None:
        """As if the account's owner had entered it earlier; "" unlinks."""
        self._call("set_portal_key", lab=lab, access_key_id=access_key_id, secret_access_key=secret_access_key)

    def set_portal_password(self, lab: str, password: str) -> None:
        """The owner chose another password."""
        self._call("set_portal_password", lab=lab, password=password)

    def portal_account(self, lab: str) -> dict[str, Json]:
        """The lab's CloudResearch account without its secrets."""
        return t.cast("dict[str, Json]", self._call("portal_account", lab=lab))

    def portal_requests(self, since: int = 0, lab: str | None = None) -> list[dict[str, Json]]:
        """Requests to the portal's pages."""
        return t.cast("list[dict[str, Json]]", self._call("portal_requests", since=since, lab=lab))

    def foreign_requests(self) -> list[dict[str, Json]]:
        """What reached a host that is no part of the portal."""
        return t.cast("list[dict[str, Json]]", self._call("foreign_requests"))

    def stray_forms(self) -> list[dict[str, Json]]:
        """Forms that nobody who links a key has a reason to send."""
        return t.cast("list[dict[str, Json]]", self._call("stray_forms"))

    def expire_portal_sessions(self, lab: str | None = None, realm: str = "") -> int:
        """End sessions; how many there were."""
        return int(self._call("expire_portal_sessions", lab=lab, realm=realm))

    def portal_url_for(self, rendering: str, tls: str = "") -> str:
        """The portal in another rendering, or over TLS, on a port of its own."""
        return str(self._call("portal_url_for", rendering=rendering, tls=tls))

    def portal_ca_file(self) -> str:
        """The authority of the portal's trusted TLS certificates."""
        return str(self._call("portal_ca_file"))
