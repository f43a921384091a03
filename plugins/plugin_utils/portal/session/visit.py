# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One visit to the portal by one account: what every stage of it needs, and what it has come to."""

from __future__ import annotations

import dataclasses
import typing as t

from ..drivers.base import Deadline, Driver
from ..drivers.snapshots import blot
from ..page.addresses import bare_address
from ..page.changed import describe
from ..page.elements import Button, Control, Link, Page
from ..page.finder import Finder
from ..page.matching import plain
from .journal import Journal


class PageSeen(t.TypedDict):
    """What was recognised on one page, without values: an entry of the return value C(recognised)."""

    page: str
    title: str
    address: str
    recognised: dict[str, str | bool]
    notices: list[str]
    found: list[str]


@dataclasses.dataclass
class VisitState:
    """How far the visit has come.

    :param signed_in: whether a page was recognisably that of a signed-in account.
    :param followed: whether the link to the page for the key was followed.
    :param link_address: where that page is, as soon as known.
    :param form_was_stale: whether the sign-in form was sent again because it had been too old.
    :param said_before: what the page said before the last form of the sign-in was sent.
    :param code_steps: the steps of the authenticator whose codes were sent.
    :param renewals: how often the session ended and was renewed.
    :param passed: pages of the account on the way, which may show signs of a link, such as the balance in the header.
    """

    signed_in: bool = False
    email_sent: bool = False
    password_sent: bool = False
    followed: bool = False
    link_address: str = ""
    form_was_stale: bool = False
    said_before: set[str] = dataclasses.field(default_factory=set)
    code_steps: list[int] = dataclasses.field(default_factory=list)
    renewals: int = 0
    passed: list[Page] = dataclasses.field(default_factory=list)
    recognised: list[PageSeen] = dataclasses.field(default_factory=list)
    times_acted_on: dict[str, int] = dataclasses.field(default_factory=dict)

    def begin_sign_in_again(self) -> None:
        """Forget what was sent, so that it may be sent again."""
        self.email_sent = self.password_sent = False
        self.code_steps = []
        self.said_before = set()

    def is_link_page(self, page: Page) -> bool:
        """Whether a page is where the link to the page for the key led."""
        return bool(self.link_address) and bare_address(self.link_address) == page.place


class Visit:
    """The driver, the account, what is looked for, and the state."""

    def __init__(self, driver: Driver, journal: Journal, deadline: Deadline) -> None:
        self.driver = driver
        self.settings = journal.settings
        self.account = journal.account
        self.journal = journal
        self.deadline = deadline
        self.wording = journal.settings.wording
        self.finder = Finder(self.wording)
        # A driver that goes on where another got stuck finds the password sent.
        self.state = VisitState(password_sent=journal.password_sent, email_sent=journal.password_sent)

    def press(self, page: Page, control: Link | Button, *, check: t.Sequence[int] = ()) -> Page:
        """Follow a link or press a button, with its form if it has one."""
        if isinstance(control, Link):
            return self.driver.follow(page, control)
        form = page.form_of(control)
        if form is None:
            return self.driver.press(page, control)
        return self.driver.send(page, form, {}, control, check=check)

    def needs_browser(self, page: Page) -> bool:
        """Whether JavaScript could draw more of the page than this driver sees."""
        return page.scripts and not self.driver.runs_scripts

    def may_act_on(self, page: Page, times: int) -> bool:
        """Whether the same page may be acted upon (again); a portal that goes in circles is not followed for ever."""
        key = f"{page.place}|{page.title}|{'|'.join(page.headings[:2])}"
        self.state.times_acted_on[key] = self.state.times_acted_on.get(key, 0) + 1
        return self.state.times_acted_on[key] <= times

    def new_texts(self, page: Page, before: set[str]) -> list[str]:
        """What the page says that the one before did not, notices first."""
        notices = sorted(page.notices, key=lambda notice: notice.tone != "error")
        texts = [*(notice.text for notice in notices), *page.blocks, page.title]
        return [text for text in dict.fromkeys(texts) if text not in before]

    def quote(self, text: str) -> str:
        """What the portal said, short and without secrets."""
        # The address is the operator's own and helps to read the message.
        clean = blot(plain(text).replace(self.account.email, "\x00"), self.account.secrets()).replace(
            "\x00", self.account.email
        )
        return clean if len(clean) <= 200 else clean[:197] + "..."

    def note(self, page: Page, kind: str, **recognised: Control | str | bool | None) -> None:
        """Remember what was recognised on a page, for the result: controls by their labels."""
        told = {name: value.label if isinstance(value, Control) else value for name, value in recognised.items()}
        self.state.recognised.append(
            {
                "page": kind,
                "title": self.quote(page.title),
                "address": page.place,
                "recognised": {name: value for name, value in told.items() if value},
                "notices": [self.quote(notice.text) for notice in page.notices[:5]],
                "found": describe(page),
            }
        )


def prominent_texts(page: Page) -> list[str]:
    """What a page says first: title, headings, notices."""
    return [page.title, *page.headings, *(notice.text for notice in page.notices if len(notice.text) < 300)]
