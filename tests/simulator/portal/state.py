# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The memory of the CloudResearch double: accounts, sessions, tokens, logs, faults, knobs.

The simulator makes one PortalState, gives it `verify_key` (which asks the MTurk double with the submitted key)
and `clock`, and hands it to `make_portal` or `serve_portal`. All methods are safe to call from any thread.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

from .records import (
    FAULT_KINDS,
    PAGES,
    ForeignRequest,
    KeyVerdict,
    LinkedKey,
    PortalAccount,
    PortalFault,
    RequestRecord,
    Session,
    StrayForm,
    Submission,
)

VerifyKey = Callable[[str, str], KeyVerdict]


def _nobody_verifies(access_key_id: str, secret_access_key: str) -> KeyVerdict:
    return KeyVerdict(False, error_code="NotConfigured", message="The double has no verify_key.", reachable=False)


@dataclass
class Knobs:
    """How strict, how slow. Times in seconds unless the name says otherwise."""

    latency_ms: float = 0.0
    submit_seconds: float = 0.0
    session_seconds: float = 1200.0
    signin_session_seconds: float = 36000.0
    lockout_attempts: int = 5
    lockout_seconds: float = 900.0
    totp_window: int = 1
    totp_clock_skew: float = 0.0
    balance_refresh_seconds: float = 60.0
    toast_delay_ms: int = 600
    rate_limit_per_minute: int = 0


@dataclass
class FormTicket:
    """An issued anti-forgery field token: the cookie it pairs with, whose it is, and the field names of that form."""

    cookie: str
    identity: str
    form: str
    names: dict[str, str] = field(default_factory=dict)
    #: What each button of the form sends, by our own name of the button.
    buttons: dict[str, tuple[str, str]] = field(default_factory=dict)


class PortalState:
    """Everything the two sites share. `rendering` is for visitors whose listener and account have none of their own."""

    def __init__(
        self,
        verify_key: VerifyKey = _nobody_verifies,
        clock: Callable[[], float] = time.time,
        rendering: str = "classic",
    ) -> None:
        self.verify_key = verify_key
        self.clock = clock
        self.rendering = rendering
        self.knobs = Knobs()
        self.lock = threading.RLock()
        self._start()

    def _start(self) -> None:
        self._accounts: dict[str, PortalAccount] = {}
        self._sessions: dict[str, Session] = {}
        self._tickets: dict[str, FormTicket] = {}
        self._handover: dict[str, dict[str, Any]] = {}
        self._remembered_browsers: dict[str, str] = {}
        self._flows: dict[str, dict[str, Any]] = {}
        self._faults: list[PortalFault] = []
        self._requests: list[RequestRecord] = []
        self._submissions: list[Submission] = []
        self._secrets: list[str] = []
        self.stray_forms: list[StrayForm] = []
        self.foreign_requests: list[ForeignRequest] = []

    def reset(self) -> None:
        """Forget accounts, sessions, logs and faults, and put the knobs back; verify_key, clock and rendering stay."""
        with self.lock:
            self._start()
            self.knobs = Knobs()

    # Accounts

    def add_account(
        self,
        email: str,
        password: str,
        *,
        totp_secret: str | None = None,
        name: str = "",
        lab: str = "",
        rendering: str = "",
    ) -> PortalAccount:
        """Make (or replace) an account. `totp_secret` is base32; None means no second factor."""
        if rendering:
            from .products import PRODUCTS
            from .renderings import rendering_named

            if rendering not in PRODUCTS:
                rendering_named(rendering)
        account = PortalAccount(email, password, totp_secret, name or email.partition("@")[0], lab, rendering)
        with self.lock:
            self._accounts[email.lower()] = account
        return account

    def account(self, email: str) -> PortalAccount | None:
        """The account of this e-mail address, compared without case."""
        return self._accounts.get(email.strip().lower())

    def accounts(self) -> list[PortalAccount]:
        """All accounts."""
        with self.lock:
            return list(self._accounts.values())

    def account_of_lab(self, lab: str) -> PortalAccount | None:
        """The account made for this lab."""
        return next((a for a in self.accounts() if a.lab == lab), None)

    def set_linked(self, email: str, access_key_id: str, secret_access_key: str = "") -> None:
        """Put a key into an account as if its owner had entered it earlier ("" as the id unlinks)."""
        account = self._accounts[email.lower()]
        with self.lock:
            account.linked = LinkedKey(access_key_id, secret_access_key, self.clock()) if access_key_id else None

    def dump(self) -> list[dict[str, Any]]:
        """The accounts with their secrets, for the simulator's state file."""
        with self.lock:
            return [{**asdict(a), "seen": sorted(a.seen)} for a in self._accounts.values()]

    def load(self, accounts: list[dict[str, Any]]) -> None:
        """Take accounts as `dump` gave them."""
        for values in accounts:
            linked = LinkedKey(**values["linked"]) if values.get("linked") else None
            account = PortalAccount(**{**values, "seen": set(values.get("seen", ())), "linked": linked})
            with self.lock:
                self._accounts[account.email.lower()] = account

    # Secrets, sessions, tokens

    def issue(self, length: int = 24) -> str:
        """A new random secret, remembered for `issued_secrets`."""
        value = secrets.token_urlsafe(length)
        with self.lock:
            self._secrets.append(value)
        return value

    def issued_secrets(self) -> list[str]:
        """Every secret of this site: passwords, TOTP secrets, linked secret keys, cookies, form tokens, codes."""
        with self.lock:
            mine = list(self._secrets)
            for account in self._accounts.values():
                mine.append(account.password)
                mine += [account.totp_secret] if account.totp_secret else []
                mine += [account.linked.secret_access_key] if account.linked else []
        return [secret for secret in dict.fromkeys(mine) if secret]

    def open_session(self, email: str, realm: str) -> Session:
        """Sign a browser in at "app" or "signin"."""
        session = Session(self.issue(), email, realm, self.clock(), secrets.token_hex(4))
        with self.lock:
            self._sessions[session.sid] = session
        return session

    def session(self, sid: str, realm: str) -> Session | None:
        """The live session behind a cookie; its time starts anew. None when unknown, ended or too old."""
        life = self.knobs.session_seconds if realm == "app" else self.knobs.signin_session_seconds
        with self.lock:
            session = self._sessions.get(sid)
            if session is None or session.realm != realm:
                return None
            if self.clock() - session.last_seen > life:
                del self._sessions[sid]
                return None
            session.last_seen = self.clock()
            return session

    def end_session(self, sid: str) -> None:
        """Sign a browser out."""
        with self.lock:
            self._sessions.pop(sid, None)

    def expire_sessions(self, email: str = "", realm: str = "") -> int:
        """End the sessions of an account (or of all) now; how many there were."""
        with self.lock:
            ended = [
                sid
                for sid, s in self._sessions.items()
                if (not email or s.email.lower() == email.lower()) and (not realm or s.realm == realm)
            ]
            for sid in ended:
                del self._sessions[sid]
        return len(ended)

    def new_ticket(self, ticket: FormTicket) -> str:
        """Issue an anti-forgery field token."""
        token = self.issue(48)
        with self.lock:
            self._tickets[token] = ticket
        return token

    def ticket(self, token: str) -> FormTicket | None:
        """What a field token stands for."""
        return self._tickets.get(token)

    def forget_tickets(self) -> None:
        """As after a change of the site's machine key."""
        with self.lock:
            self._tickets.clear()

    def start_flow(self, values: dict[str, Any]) -> str:
        """Keep a half-done sign-in; returns its cookie value."""
        flow = self.issue()
        with self.lock:
            self._flows[flow] = values
        return flow

    def flow(self, cookie: str) -> dict[str, Any] | None:
        """A half-done sign-in."""
        return self._flows.get(cookie)

    def end_flow(self, cookie: str) -> None:
        """A sign-in that was completed or given up."""
        with self.lock:
            self._flows.pop(cookie, None)

    def new_handover(self, values: dict[str, Any]) -> str:
        """A one-time code by which the sign-in host tells the app who signed in. Lives for a minute."""
        code = self.issue()
        with self.lock:
            self._handover[code] = {**values, "until": self.clock() + 60}
        return code

    def take_handover(self, code: str) -> dict[str, Any] | None:
        """Use a one-time code up."""
        with self.lock:
            values = self._handover.pop(code, None)
        return values if values and values["until"] >= self.clock() else None

    def remember_browser(self, email: str) -> str:
        """A cookie that spares this browser the second step."""
        cookie = self.issue()
        with self.lock:
            self._remembered_browsers[cookie] = email.lower()
        return cookie

    def is_remembered(self, cookie: str, email: str) -> bool:
        """Whether a browser may skip the second step of this account."""
        return bool(cookie) and self._remembered_browsers.get(cookie) == email.lower()

    # Faults

    def inject(
        self, kind: str, *, where: str = "any", times: int | None = 1, email: str = "", value: Any = None
    ) -> PortalFault:
        """Switch a fault on. ValueError for an unknown kind or page."""
        if kind not in FAULT_KINDS:
            raise ValueError(f"unknown portal fault {kind!r}; there are: {', '.join(FAULT_KINDS)}")
        if where not in PAGES:
            raise ValueError(f"unknown portal page {where!r}; there are: {', '.join(PAGES)}")
        fault = PortalFault(kind, where, times, email.lower(), value)
        with self.lock:
            self._faults.append(fault)
        return fault

    def clear_faults(self) -> None:
        """Switch all faults off."""
        with self.lock:
            self._faults.clear()

    def take_fault(self, kind: str, page: str, email: str) -> PortalFault | None:
        """The fault to act out now, if one is switched on for this page and account; counts it."""
        with self.lock:
            for fault in self._faults:
                if fault.kind != kind or fault.times == 0 or fault.where not in ("any", page):
                    continue
                if fault.email and fault.email != email.lower():
                    continue
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    # Logs

    def log_request(self, **values: Any) -> RequestRecord:
        """Note a request; its number is given here."""
        account = self.account(values.get("account") or "")
        with self.lock:
            record = RequestRecord(
                n=len(self._requests) + 1, at=self.clock(), lab=account.lab if account else "", **values
            )
            self._requests.append(record)
        return record

    def log_submission(self, **values: Any) -> Submission:
        """Note an entered key."""
        account = self.account(values.get("account") or "")
        with self.lock:
            record = Submission(
                n=len(self._submissions) + 1, at=self.clock(), lab=account.lab if account else "", **values
            )
            self._submissions.append(record)
        return record

    def requests(self, since: int = 0, *, email: str = "", assets: bool = False) -> list[RequestRecord]:
        """Requests with n > since, in order; style sheets and scripts only if asked."""
        with self.lock:
            return [
                r
                for r in self._requests
                if r.n > since and (assets or not r.asset) and (not email or r.account.lower() == email.lower())
            ]

    def submissions(self, since: int = 0, *, email: str = "") -> list[Submission]:
        """Entered keys with n > since, in order."""
        with self.lock:
            return [s for s in self._submissions if s.n > since and (not email or s.account.lower() == email.lower())]

    @contextmanager
    def knob(self, **values: Any) -> Iterator[None]:
        """Knobs with other values for a while. AttributeError for an unknown knob."""
        before = {name: getattr(self.knobs, name) for name in values}
        for name, value in values.items():
            setattr(self.knobs, name, value)
        try:
            yield
        finally:
            for name, value in before.items():
                setattr(self.knobs, name, value)
