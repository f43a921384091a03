# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the CloudResearch double keeps and what it tells a test: plain records, no behaviour."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from typing import Any

#: Fault kinds that PortalState.inject accepts, each with what the site does then. `value` is in brackets.
FAULT_KINDS: dict[str, str] = {
    "maintenance": "503 page with Retry-After [seconds, 120]",
    "rate_limited": "429 page with Retry-After [seconds, 2]",
    "server_error": "500 page",
    "captcha": "a page that asks to prove that one is human, in place of the page asked for",
    "captcha_in_form": "the form on the page (sign-in or link, drawn by the server) has a CAPTCHA that must be solved",
    "survey": "a page in between that nobody knows, with a question to answer and no way around it",
    "bot_check": "403 'checking your browser' page of an edge network",
    "slow": "the answer comes late [seconds, 2]",
    "hang": "no answer until the client gives up [seconds at most, 60]",
    "drop": "the connection is closed without an answer",
    "session_expired": "the session is gone when the request arrives ['all': at the sign-in host too]",
    "lose_antiforgery": "the site has forgotten its anti-forgery tokens when the request arrives (400 page on a POST)",
    "open_redirect": "307 to the foreign host, which would get the body again [url, the foreign origin]",
    "foreign_action": "the form on the page sends to the foreign host [url, the foreign origin]",
    "foreign_script": "the form's button sends to the foreign host (formaction) [url, the foreign origin]",
    "no_menu_entry": "the menu and the settings page have no entry for Mechanical Turk",
    "renamed_menu_entry": "the entry reads otherwise ['Worker marketplace']",
    "no_form": "the page has lost its form",
    "renamed_fields": "the labels of the key's fields read otherwise ('Marketplace user', 'Marketplace token')",
    "ambiguous_form": "the page has the form twice",
    "no_button": "the form has no button",
    "no_notice": "the submission is handled but the page says nothing about it",
    "both_notices": "the answer to a submission says Success and Error",
    "hidden_success": "an Error notice, and a Success notice that is not visible",
    "password_expired": "after the password: a page that wants a new password",
    "code_by_email": "after the password: a code was sent by e-mail (no authenticator code is accepted)",
    "enrol_second_factor": "after the password: a page that wants an authenticator app to be set up",
    "mturk_unreachable": "the site cannot reach Mechanical Turk to check the submitted key",
    "refuse_key": "the site says that Mechanical Turk refused the submitted key",
}

#: Pages that a fault's `where` can name. "password" and "code" are the POSTs of those steps, "submit" that of a key.
PAGES = (
    "any",
    "landing",
    "signin",
    "password",
    "second_factor",
    "code",
    "callback",
    "dashboard",
    "interstitial",
    "settings",
    "link",
    "submit",
    "unlink",
)


def fingerprint(secret: str) -> str:
    """A short digest by which a test can tell that the right secret arrived, without the secret."""
    return hashlib.sha256(secret.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class KeyVerdict:
    """MTurk's answer to a key, as the site learns it. `balance` is a decimal string in US dollars."""

    accepted: bool
    balance: str | None = None
    error_code: str = ""
    message: str = ""
    reachable: bool = True


@dataclass
class LinkedKey:
    """The key by which the site acts on MTurk for an account. `balance` is the last one seen, at `balance_at`."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    linked_at: float
    balance: str | None = None
    balance_at: float = 0.0
    broken: str = ""


@dataclass
class PortalAccount:
    """One CloudResearch account. `rendering` "" means the portal's own."""

    email: str
    password: str = field(repr=False)
    totp_secret: str | None = field(default=None, repr=False)
    name: str = ""
    lab: str = ""
    rendering: str = ""
    linked: LinkedKey | None = None
    failed_attempts: int = 0
    locked_until: float = 0.0
    last_totp_step: int = -1
    seen: set[str] = field(default_factory=set)
    profile: dict[str, str] = field(default_factory=dict)

    def public(self, now: float) -> dict[str, Any]:
        """The account without its secrets."""
        return {
            "email": self.email,
            "name": self.name,
            "lab": self.lab,
            "rendering": self.rendering,
            "second_factor": self.totp_secret is not None,
            "linked_access_key_id": self.linked.access_key_id if self.linked else "",
            "linked_at": self.linked.linked_at if self.linked else None,
            "failed_attempts": self.failed_attempts,
            "locked": self.locked_until > now,
        }


@dataclass
class Session:
    """A signed-in browser. `realm` is "app" or "signin" (the sign-in host's single sign-on)."""

    sid: str = field(repr=False)
    email: str
    realm: str
    last_seen: float
    slug: str
    flash: list[dict[str, str]] = field(default_factory=list)


@dataclass
class RequestRecord:
    """One request. `path` has no query; `asset` is a style sheet or script; `page` is "" when nothing is there."""

    n: int
    at: float
    origin: str
    method: str
    path: str
    page: str
    asset: bool
    account: str
    lab: str
    status: int
    user_agent: str
    rendering: str

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass
class Submission:
    """A key that somebody entered.

    `outcome` is linked, refused, unreachable (MTurk), invalid (a field was empty), trap (a honeypot was filled in)
    or captcha (it was not solved).
    """

    n: int
    at: float
    account: str
    lab: str
    method: str
    path: str
    access_key_id: str
    secret_fingerprint: str
    outcome: str
    error_code: str = ""
    rendering: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass
class StrayForm:
    """A form that nobody who links a key has a reason to send, such as newsletter, search, profile or sign-up."""

    at: float
    account: str
    form: str
    path: str


@dataclass
class ForeignRequest:
    """What reached the foreign host.

    `secrets` names what it got: password, totp_code, secret_access_key, access_key_id, cookie.
    """

    at: float
    method: str
    path: str
    user_agent: str
    secrets: list[str]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass
class PortalFault:
    """A switched-on fault: what (FAULT_KINDS), where (PAGES), for whom ("" = all), how often (None = until cleared)."""

    kind: str
    where: str = "any"
    times: int | None = 1
    email: str = ""
    value: Any = None
