# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The world that all doubles share: labs, links, knobs, the timeline of calls, and the secrets that were issued."""

from __future__ import annotations

import dataclasses
import threading
import time
import typing as t

from tests.simulator import moto_adapter
from tests.simulator.faults import BadRequest, Faults, KillSwitch

if t.TYPE_CHECKING:
    from tests.simulator.portal import PortalState

MANAGEMENT_ACCOUNT = "100000000001"
OPS_USER = "labops"
ROLE_NAME = "OrganizationAccountAccessRole"
ENVIRONMENTS = ("production", "sandbox")
SANDBOX_BALANCE = "10000.00"
MTURK_MODES = ("open", "closed", "unreachable")
#: What a closed endpoint answers is not documented, so a client has to cope with each of these.
MTURK_CLOSED_ANSWERS = (
    "refused",
    "gone_html",
    "unavailable_html",
    "access_denied",
    "service_closed",
    "no_new_customers",
    "existing_customers",
    "forbidden_xml",
    "gone_json",
    "unavailable_json",
    "unknown_operation",
)


@dataclasses.dataclass
class Knobs:
    """Settings of the whole stack. Times in seconds unless the name says otherwise."""

    latency_ms: float = 0.0
    enforce_policies: bool = True
    iam_propagation_seconds: float = 0.0
    #: The first uses of a new key that each service refuses as unknown.
    iam_propagation_uses: int = 0
    #: The first uses of a new key that MTurk refuses for want of a permission.
    policy_propagation_uses: int = 0
    link_propagation_seconds: float = 0.0
    #: The first calls after linking that still find the account not linked.
    link_propagation_uses: int = 0
    #: One of MTURK_MODES, or a dict by environment.
    mturk_mode: t.Any = "open"
    mturk_closed_answer: str = "gone_html"
    #: How an unreachable MTurk shows itself: refused or hang.
    mturk_unreachable_as: str = "refused"
    #: How MTurk refuses a role's credentials (not documented): unrecognized_client, access_denied or request_error.
    temporary_credentials_answer: str = "unrecognized_client"
    #: How long a call hangs at most before the connection is closed.
    hang_seconds: float = 90.0

    def mode(self, environment: str) -> str:
        """The mode of one MTurk environment."""
        mode = self.mturk_mode
        return str(mode.get(environment, "open") if isinstance(mode, dict) else mode)

    def check(self) -> None:
        """:raises BadRequest: a value is not one of those allowed."""
        for environment in ENVIRONMENTS:
            if self.mode(environment) not in MTURK_MODES:
                raise BadRequest(f"mturk_mode is one of {', '.join(MTURK_MODES)}")
        if self.mturk_closed_answer not in MTURK_CLOSED_ANSWERS:
            raise BadRequest(f"mturk_closed_answer is one of {', '.join(MTURK_CLOSED_ANSWERS)}")
        if self.mturk_unreachable_as not in ("refused", "hang"):
            raise BadRequest("mturk_unreachable_as is refused or hang")
        if self.temporary_credentials_answer not in ("unrecognized_client", "access_denied", "request_error"):
            raise BadRequest("temporary_credentials_answer is unrecognized_client, access_denied or request_error")


@dataclasses.dataclass
class Link:
    """A link between an AWS account and a requester account. C(uses_refused) calls still find it missing."""

    effective_at: float
    uses_refused: int = 0


@dataclasses.dataclass
class Lab:
    """One lab: an AWS account, a requester account in both environments, a CloudResearch account."""

    name: str
    account_id: str
    email: str
    password: str
    totp_secret: str | None
    requester_email: str
    requester_password: str
    rendering: str
    portal: bool
    ou: tuple[str, ...]
    tags: dict[str, str]
    available_balance: str
    on_hold_balance: str
    links: dict[str, Link] = dataclasses.field(default_factory=dict)

    def as_dict(self) -> dict[str, t.Any]:
        """Everything about the lab, passwords included: it is the operator's configuration."""
        values = dataclasses.asdict(self)
        values["links"] = sorted(self.links)
        values["role_arn"] = f"arn:aws:iam::{self.account_id}:role/{ROLE_NAME}"
        values["ou"] = list(self.ou)
        return values


@dataclasses.dataclass
class _NewKey:
    """How far a new key has spread. Old keys are not in the table."""

    known_at: float
    refusals: int
    denials: int
    refused: dict[str, int] = dataclasses.field(default_factory=dict)
    denied: dict[str, int] = dataclasses.field(default_factory=dict)


class World:
    """All state outside moto and the portal. Calls take effect one at a time, under C(lock)."""

    def __init__(self, portal: PortalState) -> None:
        self.lock = threading.RLock()
        self.portal = portal
        self.knobs = Knobs()
        self.faults = Faults()
        self.kill = KillSwitch()
        self.labs: dict[str, Lab] = {}
        self.by_account: dict[str, Lab] = {}
        self.entries: list[dict[str, t.Any]] = []
        self._count = 0
        self._new_keys: dict[str, _NewKey] = {}
        self.access_key_secrets: list[str] = []
        self.session_secrets: list[str] = []
        self.session_tokens: list[str] = []
        #: All that were ever set, also those that were replaced since.
        self.passwords: list[str] = []
        self.totp_secrets: list[str] = []
        moto_adapter.on_new_key.append(self._note_key)
        moto_adapter.on_new_session.append(lambda session: self.session_tokens.append(session.session_token))

    def reset(self) -> None:
        """Forget labs, calls, faults, secrets; knobs go back."""
        with self.lock:
            self.knobs = Knobs()
            self.faults.clear()
            self.kill.disarm()
            for kept in (
                self.labs,
                self.by_account,
                self.entries,
                self._new_keys,
                self.access_key_secrets,
                self.session_secrets,
                self.session_tokens,
                self.passwords,
                self.totp_secrets,
            ):
                kept.clear()
            self._count = 0

    def lab(self, name: str) -> Lab:
        """:raises BadRequest: there is no such lab."""
        found = self.labs.get(name) or self.by_account.get(name)
        if found is None:
            raise BadRequest(f"there is no lab {name!r}")
        return found

    def lab_name(self, account_id: str) -> str:
        """The name of the lab with this account, or ''."""
        found = self.by_account.get(account_id)
        return found.name if found else ""

    def wait_latency(self) -> None:
        """Add the latency of a call. Call it without the lock."""
        if self.knobs.latency_ms:
            time.sleep(self.knobs.latency_ms / 1000)

    # Keys

    def _note_key(self, key: t.Any) -> None:
        if key.user_name is None:
            self.session_secrets.append(key.secret_access_key)
            return
        self.access_key_secrets.append(key.secret_access_key)
        knobs = self.knobs
        if knobs.iam_propagation_seconds or knobs.iam_propagation_uses or knobs.policy_propagation_uses:
            self._new_keys[key.access_key_id] = _NewKey(
                time.monotonic() + knobs.iam_propagation_seconds,
                knobs.iam_propagation_uses,
                knobs.policy_propagation_uses,
            )

    def settle_key(self, access_key_id: str) -> None:
        """This key is not new: every service knows it."""
        self._new_keys.pop(access_key_id, None)

    def key_has_spread(self, access_key_id: str, where: str) -> bool:
        """Whether a service (C(where)) knows a key yet; asking counts as a use."""
        new = self._new_keys.get(access_key_id)
        if new is None:
            return True
        if time.monotonic() < new.known_at:
            return False
        used = new.refused.get(where, 0)
        new.refused[where] = used + 1
        return used >= new.refusals

    def policy_has_spread(self, access_key_id: str, where: str) -> bool:
        """Whether MTurk knows yet what the user of a key may do; asking counts as a use."""
        new = self._new_keys.get(access_key_id)
        if new is None:
            return True
        used = new.denied.get(where, 0)
        new.denied[where] = used + 1
        return used >= new.denials

    def keys_of(self, account_id: str) -> list[dict[str, str]]:
        """The access keys of all users of an account, as they are now."""
        if account_id not in self.by_account:
            return []
        return [
            {"access_key_id": key.access_key_id, "user_name": user.name, "status": key.status}
            for user in moto_adapter.iam(account_id).users.values()
            for key in user.access_keys
        ]

    def portal_key(self, lab: str) -> str:
        """The key id that the lab's CloudResearch account holds, or ''."""
        known = self.labs.get(lab)
        account = self.portal.account(known.email) if known and known.portal else None
        return account.linked.access_key_id if account and account.linked else ""

    # Links

    def link(self, lab: Lab, environment: str, *, settled: bool = False) -> None:
        """Link the AWS account to the requester account; it takes effect as the knobs say."""
        check_environment(environment)
        wait = 0.0 if settled else self.knobs.link_propagation_seconds
        uses = 0 if settled else self.knobs.link_propagation_uses
        lab.links.setdefault(environment, Link(time.monotonic() + wait, uses))

    def is_linked(self, account_id: str, environment: str) -> bool:
        """Whether MTurk sees the link; asking counts as a call."""
        lab = self.by_account.get(account_id)
        link = lab.links.get(environment) if lab else None
        if link is None or time.monotonic() < link.effective_at:
            return False
        if link.uses_refused > 0:
            link.uses_refused -= 1
            return False
        return True

    # The timeline

    def record(self, service: str, action: str, **values: t.Any) -> dict[str, t.Any]:
        """Note a call that has taken effect (or was refused), with the state of the lab's keys after it."""
        account_id = values.get("account_id") or ""
        lab = self.by_account.get(account_id)
        self._count += 1
        entry = {
            "n": self._count,
            "at": time.time(),
            "service": service,
            "environment": "",
            "action": action,
            "account_id": account_id,
            "lab": lab.name if lab else "",
            "access_key_id": "",
            "caller": "client",
            "status": 200,
            "error": "",
            "fault": "",
            **values,
            "keys": self.keys_of(account_id),
            "portal_key": self.portal_key(lab.name) if lab else "",
        }
        self.entries.append(entry)
        return entry

    def calls(self, since: int = 0) -> list[dict[str, t.Any]]:
        """The entries with n > since."""
        with self.lock:
            first = self.entries[0]["n"] if self.entries else 1
            return self.entries[max(0, since - first + 1) :]


def check_environment(environment: str) -> None:
    """:raises BadRequest: neither production nor sandbox."""
    if environment not in ENVIRONMENTS:
        raise BadRequest(f"environment is production or sandbox, not {environment!r}")
