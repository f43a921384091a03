# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The rules of the site, whoever draws the pages: passwords, codes, lock-out, keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass

from .records import KeyVerdict, LinkedKey, PortalAccount, fingerprint
from .state import PortalState

TOTP_SECONDS = 30


@dataclass(frozen=True)
class Check:
    """`result` is ok, wrong or locked; `failed` counts wrong tries in a row (password and code together)."""

    result: str
    failed: int = 0


def check_password(state: PortalState, email: str, password: str) -> Check:
    """A password against the account. An unknown address is told apart by nothing."""
    account = state.account(email)
    if account is None:
        return Check("wrong", 1)
    with state.lock:
        if account.locked_until > state.clock():
            return Check("locked", account.failed_attempts)
        if password != account.password:
            return _count_failure(state, account)
        if account.totp_secret is None:
            account.failed_attempts = 0
        return Check("ok")


def totp_code(secret: str, step: int) -> str:
    """The six digits of a 30-second step (RFC 6238, SHA-1).

    By hand, as libraries began to refuse the 80-bit secrets (16 letters) that many sites have given out.
    """
    compact = re.sub(r"[\s-]", "", secret).upper()
    key = base64.b32decode(compact + "=" * (-len(compact) % 8))
    digest = hmac.new(key, step.to_bytes(8, "big"), hashlib.sha1).digest()
    start = digest[-1] & 0x0F
    return f"{(int.from_bytes(digest[start : start + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06d}"


def check_code(state: PortalState, account: PortalAccount, code: str) -> Check:
    """An authenticator code: good within the window, and each step's code once."""
    with state.lock:
        if account.locked_until > state.clock():
            return Check("locked", account.failed_attempts)
        here = int((state.clock() + state.knobs.totp_clock_skew) // TOTP_SECONDS)
        for step in range(here - state.knobs.totp_window, here + state.knobs.totp_window + 1):
            if step > account.last_totp_step and totp_code(account.totp_secret or "", step) == re.sub(r"\s", "", code):
                account.last_totp_step = step
                account.failed_attempts = 0
                return Check("ok")
        return _count_failure(state, account)


def _count_failure(state: PortalState, account: PortalAccount) -> Check:
    account.failed_attempts += 1
    failed = account.failed_attempts
    if failed >= state.knobs.lockout_attempts:
        account.locked_until = state.clock() + state.knobs.lockout_seconds
        account.failed_attempts = 0
        return Check("locked", failed)
    return Check("wrong", failed)


@dataclass(frozen=True)
class KeyOutcome:
    """`outcome` is linked, refused, unreachable or invalid; `missing` names the fields that were empty."""

    outcome: str
    verdict: KeyVerdict | None = None
    missing: tuple[str, ...] = ()


def submit_key(
    state: PortalState,
    account: PortalAccount,
    access_key_id: str,
    secret_access_key: str,
    *,
    method: str,
    path: str,
    rendering: str,
) -> KeyOutcome:
    """Take an entered key: ask MTurk with it, link it if it is good, and log that it came."""
    access_key_id, secret_access_key = access_key_id.strip(), secret_access_key.strip()
    values = {"access_key_id": access_key_id, "secret_access_key": secret_access_key}
    missing = tuple(name for name, value in values.items() if not value)
    if missing:
        result = KeyOutcome("invalid", missing=missing)
    else:
        result = _verify(state, account, access_key_id, secret_access_key)
    if result.outcome == "linked":
        now = state.clock()
        balance = result.verdict.balance if result.verdict else None
        with state.lock:
            account.linked = LinkedKey(access_key_id, secret_access_key, now, balance, now)
    state.log_submission(
        account=account.email,
        method=method,
        path=path,
        access_key_id=access_key_id,
        secret_fingerprint=fingerprint(secret_access_key) if secret_access_key else "",
        outcome=result.outcome,
        error_code=result.verdict.error_code if result.verdict else "",
        rendering=rendering,
    )
    return result


def _verify(state: PortalState, account: PortalAccount, access_key_id: str, secret_access_key: str) -> KeyOutcome:
    if state.take_fault("mturk_unreachable", "submit", account.email):
        return KeyOutcome("unreachable")
    if state.take_fault("refuse_key", "submit", account.email):
        return KeyOutcome("refused", KeyVerdict(False, error_code="RefusedByFault"))
    try:
        verdict = state.verify_key(access_key_id, secret_access_key)
    except Exception as error:  # the site shows its own page, whatever went wrong behind it
        return KeyOutcome("unreachable", KeyVerdict(False, error_code=type(error).__name__, reachable=False))
    if not verdict.reachable:
        return KeyOutcome("unreachable", verdict)
    return KeyOutcome("linked" if verdict.accepted else "refused", verdict)


def unlink_key(state: PortalState, account: PortalAccount) -> None:
    """Forget the key."""
    with state.lock:
        account.linked = None


def current_balance(state: PortalState, account: PortalAccount) -> str | None:
    """The MTurk balance for the account page, asked anew with the linked key when the last one is old."""
    linked = account.linked
    if linked is None:
        return None
    if linked.secret_access_key and state.clock() - linked.balance_at > state.knobs.balance_refresh_seconds:
        try:
            verdict = state.verify_key(linked.access_key_id, linked.secret_access_key)
        except Exception:  # as above
            verdict = KeyVerdict(False, reachable=False)
        with state.lock:
            linked.balance_at = state.clock()
            linked.balance = verdict.balance if verdict.accepted else None
            linked.broken = "" if verdict.accepted or not verdict.reachable else verdict.error_code or "refused"
    return linked.balance


def shown_key(account: PortalAccount, how: str) -> str:
    """The linked key's id as the page shows it: whole, masked (last four), or "" (hidden or none)."""
    if account.linked is None or how == "hidden":
        return ""
    key = account.linked.access_key_id
    return key if how == "whole" else "•" * (len(key) - 4) + key[-4:]
