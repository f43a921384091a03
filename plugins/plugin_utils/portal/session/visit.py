# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One visit to the portal by one account: what every stage of it needs."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.base import Deadline, Driver
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.settings import (
    PortalAccount,
    PortalSettings,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.snapshots import blot
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.errors import (
    ACCOUNT_LOCKED,
    CAPTCHA,
    PORTAL_UNAVAILABLE,
    PortalError,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.elements import (
    Button,
    Control,
    Form,
    Link,
    Page,
    describe,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.finder import Finder
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.matching import plain, says
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.session.authenticator import Authenticator
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.session.journal import Journal

# Signs of how many attempts are left before a lock.
_ATTEMPTS_LEFT = re.compile(
    r"\b(\d+|one|two|three|no)\s+(?:more\s+|remaining\s+|further\s+)?(?:sign-?in\s+|login\s+)?(?:attempts?|tries|try|chances?)\b"
    r"(?:\s+(?:left|remaining|remain|remains|before))|(?:attempts?|tries)\s+(?:left|remaining)\s*:?\s*(\d+)",
    re.IGNORECASE,
)
_ATTEMPTS_COUNTED = re.compile(r"\battempts?\s*:?\s*(\d+)\s*(?:of|/|out of)\s*(\d+)", re.IGNORECASE)
_NUMBERS = {"no": 0, "one": 1, "two": 2, "three": 3}


class PageSeen(t.TypedDict):
    """What was recognised on one page, without values: an entry of the return value C(recognised)."""

    page: str
    title: str
    address: str
    recognised: dict[str, str | bool]
    notices: list[str]
    found: list[str]


class Visit:
    """The driver, what is looked for, and what was seen so far."""

    def __init__(
        self, driver: Driver, settings: PortalSettings, account: PortalAccount, journal: Journal, deadline: Deadline
    ) -> None:
        self.driver = driver
        self.settings = settings
        self.account = account
        self.finder = Finder(settings.wording)
        self.deadline = deadline
        self.recognised: list[PageSeen] = []
        self.signed_in = False
        self.link_address = ""
        # Signs of a link that other pages of the account showed on the way, such as the balance in the header.
        self.passed: list[Page] = []
        self._journal = journal
        self._wording = settings.wording
        self._authenticator: Authenticator | None = None
        self._followed = False
        self._email_sent = False
        self._password_sent = False
        self._codes: list[int] = []
        self._last_code_before = 0
        self._renewals = 0
        self._renewals_told = 0
        self._expired_form = False
        self._before: set[str] = set()
        self._tried_menus: set[str] = set()
        self._left: dict[str, int] = {}
        self._passed_by: dict[str, int] = {}
        self._closer: set[str] = set()

    def _stop_if_away(self, page: Page) -> None:
        if page.captcha and page.status in (403, 429, 503):
            self._stop_at_captcha(page)
        if page.status >= 500 or page.status == 429:
            wait = f" It asks to wait {page.retry_after:.0f} seconds." if page.retry_after else ""
            what = "asks for fewer requests" if page.status == 429 else "does not work at the moment"
            raise self.unavailable(page, f"The portal {what} (status {page.status} at {page.place}).{wait}")

    def unavailable(self, page: Page, message: str) -> PortalError:
        """The error for a portal that is there but does not serve."""
        return PortalError(
            PORTAL_UNAVAILABLE,
            message,
            next_step="Run it again later.",
            details={"status_code": page.status, "retry_after": page.retry_after},
        )

    def _stop_at_captcha(self, page: Page) -> None:
        labels = [name.text for form in page.forms for field in form.fillable for name in field.names]
        told = page.captcha or next((text for text in labels if says(text, self._wording.captcha_notice)), "")
        if not told and not any(form.fillable for form in page.forms):
            told = next((text for text in self._loud(page) if says(text, self._wording.captcha_notice)), "")
        if not told:
            return
        self._note(page, "captcha", {})
        raise PortalError(
            CAPTCHA,
            f'The portal wants proof that a person is there ("{self.quote(told)}") on "{page.title}" ({page.place}).',
            next_step="Sign in once with a browser from this network, or enter the key by hand: driver=manual "
            "says how.",
        )

    def _stop_if_told(self, page: Page, texts: t.Iterable[str]) -> None:
        for text in texts:
            if says(text, self._wording.locked_notice):
                self._note(page, "locked", {})
                raise PortalError(
                    ACCOUNT_LOCKED,
                    f'The account {self.account.email} is locked: "{self.quote(text)}".',
                    next_step="Wait until the lock ends or unlock the account as the page says, sign in by hand "
                    "once, and only "
                    "then run it again.",
                )

    def _stop_if_said_unavailable(self, page: Page, texts: t.Iterable[str]) -> None:
        for text in texts:
            if says(text, self._wording.unavailable_notice):
                self._note(page, "unavailable", {})
                raise self.unavailable(page, f'The portal is not available: "{self.quote(text)}".')

    def _loud(self, page: Page) -> list[str]:
        """What a page says first: title, headings, notices."""
        return [page.title, *page.headings, *(notice.text for notice in page.notices if len(notice.text) < 300)]

    def press(self, page: Page, control: Control, *, check: t.Sequence[int] = ()) -> Page:
        """Follow a link or press a button, with its form if it has one."""
        if isinstance(control, Link):
            return self.driver.follow(page, control)
        button = t.cast(Button, control)
        form: Form | None = page.form_of(button)
        return (
            self.driver.press(page, button) if form is None else self.driver.send(page, form, {}, button, check=check)
        )

    def _passes_by(self, page: Page, times: int) -> bool:
        """Whether the same page may be acted upon again."""
        key = f"{page.place}|{page.title}|{'|'.join(page.headings[:2])}"
        self._passed_by[key] = self._passed_by.get(key, 0) + 1
        return self._passed_by[key] <= times

    # Telling

    def new_texts(self, page: Page, before: set[str]) -> list[str]:
        """What the page says that the one before did not, notices first."""
        notices = sorted(page.notices, key=lambda notice: notice.tone != "error")
        texts = [*(notice.text for notice in notices), *page.blocks, page.title]
        return [text for text in dict.fromkeys(texts) if text not in before]

    def quote(self, text: str) -> str:
        """What the portal said, short and without secrets."""
        # The address is the operator's own and helps to read the message.
        clean = plain(blot(text.replace(self.account.email, "\x00"), self.account.secrets())).replace(
            "\x00", self.account.email
        )
        return clean if len(clean) <= 200 else clean[:197] + "..."

    def _note(self, page: Page, kind: str, recognised: t.Mapping[str, str | bool]) -> None:
        self.recognised.append(
            {
                "page": kind,
                "title": self.quote(page.title),
                "address": page.place,
                "recognised": {name: value for name, value in recognised.items() if value},
                "notices": [self.quote(notice.text) for notice in page.notices[:5]],
                "found": describe(page),
            }
        )


def attempts_left(texts: t.Iterable[str]) -> int | None:
    """The number of attempts that the portal says are left, if it does."""
    for text in texts:
        counted = _ATTEMPTS_COUNTED.search(text)
        if counted:
            return max(0, int(counted[2]) - int(counted[1]))
        match = _ATTEMPTS_LEFT.search(text)
        if match:
            number = (match[1] or match[2]).lower()
            return _NUMBERS[number] if number in _NUMBERS else int(number)
    return None
