# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CloudResearch double with accounts, and the entry points called as the modules call them."""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link import account_link as link
from tests.simulator.portal import RENDERINGS, KeyVerdict, PortalServer, PortalState
from tests.tools.browser import chromium, light_chromium

PASSWORD, TOTP = "correct horse battery", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
KEY, SECRET = "AKIAGOODGOODGOODGOOD", "s3cret+secret/secret+secret/secret+secre"
OTHER_KEY, OTHER_SECRET = "AKIAOTHEROTHEROTHER0", "0ther+secret/secret+secret/secret+secre"
BAD_KEY = "AKIABADBADBADBADBAD0"
CHROMIUM = chromium() or "/usr/bin/chromium"
LIGHT_CHROMIUM = light_chromium() or CHROMIUM

DRIVERS = ("http", "browser")

SERVER_DRAWN = [name for name, rendering in RENDERINGS.items() if rendering.drawn == "server"]
ALL = list(RENDERINGS)

_numbers = itertools.count(1)


def verify(access_key_id: str, secret_access_key: str) -> KeyVerdict:
    """Stands for the MTurk double: knows two good keys."""
    if (access_key_id, secret_access_key) in ((KEY, SECRET), (OTHER_KEY, OTHER_SECRET)):
        return KeyVerdict(True, "25.00")
    return KeyVerdict(False, error_code="UnrecognizedClientException")


def by_driver(cases: Iterable[Any], in_browser: Collection[Any]) -> list[tuple[Any, ...]]:
    """Cases with the driver before each: all of them over HTTP, and in a browser those that it might see otherwise.

    What comes after the reading of a page (whose words mean what, what is done next, what is remembered) is the same
    code for both drivers, and a visit in a browser costs thirty times as much.
    """
    several = [case if isinstance(case, tuple) else (case,) for case in cases]
    chosen = [case for case in several if (case if len(case) > 1 else case[0]) in in_browser]
    assert len(chosen) == len(in_browser), "each case is there"
    return [("http", *case) for case in several] + [("browser", *case) for case in chosen]


@dataclass
class Lab:
    """One account of the double, and what a run has to know about it."""

    state: PortalState
    portal: PortalServer
    rendering: str
    driver: str
    directory: pathlib.Path
    browser: Any = None
    email: str = ""
    totp: str | None = None
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.email = f"pi-{next(_numbers)}@uni.example"
        self.state.add_account(self.email, PASSWORD, totp_secret=self.totp, rendering=self.rendering)

    @property
    def url(self) -> str:
        return self.portal.url_for(self.rendering)

    def settings(self, **options: Any) -> link.PortalSettings:
        return link.PortalSettings.from_params(
            {
                "portal_url": self.url,
                "driver": self.driver,
                "state_dir": str(self.directory / "state"),
                "timeout": 60,
                "browser_executable": CHROMIUM,
                "allow_unsandboxed_browser": True,
                **self.options,
                **options,
            },
            browser=self.browser,
        )

    def account(self, **other: str) -> link.PortalAccount:
        return link.PortalAccount(
            **{"email": self.email, "password": PASSWORD, "totp_secret": self.totp or "", **other}
        )

    def look(self, access_key_id: str | None = KEY, recorded: str | None = None, **options: Any) -> link.LinkState:
        known = link.KnownKey(access_key_id or "", recorded_access_key_id=recorded or "")
        return link.look(self.settings(**options), self.account(), known)

    def present(
        self,
        key: str = KEY,
        secret: str = SECRET,
        recorded: str | None = None,
        check_mode: bool = False,
        account: link.PortalAccount | None = None,
        **options: Any,
    ) -> link.LinkResult:
        return link.ensure_present(
            self.settings(**options),
            account or self.account(),
            link.KnownKey(key, secret, recorded or ""),
            check_mode=check_mode,
        )

    def absent(self, key: str | None = KEY, recorded: str | None = None, **options: Any) -> link.LinkResult:
        known = link.KnownKey(key or "", recorded_access_key_id=recorded or "")
        return link.ensure_absent(self.settings(**options), self.account(), known)

    def fails(self, **call: Any) -> CollectionError:
        """The error of a call that has to fail."""
        try:
            done = self.present(**call)
        except CollectionError as exc:
            for secret in (PASSWORD, TOTP, SECRET):
                assert secret not in repr(exc.as_result())
            return exc
        raise AssertionError(f"it did not fail: {done}")

    def linked(self) -> str:
        """The key that the double holds, or nothing."""
        account = self.state.account(self.email)
        return account.linked.access_key_id if account and account.linked else ""

    def submissions(self) -> int:
        return len(self.state.submissions(email=self.email))

    def failed_attempts(self) -> int:
        account = self.state.account(self.email)
        return account.failed_attempts if account else 0

    def wait_for_new_code(self) -> None:
        """Let a code be used again, as if half a minute had passed."""
        account = self.state.account(self.email)
        if account is not None:
            account.last_totp_step = -1
