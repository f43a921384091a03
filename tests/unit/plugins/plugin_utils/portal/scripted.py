# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A site made of pages in a table, for the flow: no network, no browser."""

from __future__ import annotations

import pathlib
import typing as t
import urllib.parse

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers import settings as portal_settings
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.base import Deadline, Driver
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.elements import Button, Form, Link, Page
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.forms import successful_controls
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.reader import read_page
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.session.flow import Flow
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.session.journal import Journal

BASE = "https://app.cloudresearch.com"
EMAIL, PASSWORD = "pi@uni.example", "correct horse"
TOTP = "JBSWY3DPEHPK3PXP"

SIGN_IN = (
    "<title>Log in</title><form method=post action=/login><label>Email<input name=e></label>"
    "<label>Password<input type=password name=p></label><button>Log in</button></form>"
)
HOME = "<title>Dashboard</title><details><summary>Me</summary><a href=/link>Link Mechanical Turk</a></details>"
LINK = (
    "<title>Link Mechanical Turk</title><h1>Link Mechanical Turk</h1><form method=post action=/link>"
    "<label>Access Key ID<input name=a></label><label>Secret Access Key<input name=s></label>"
    "<button>Submit</button></form>"
)

# What a site does with what is sent: the next path.
Answer = t.Callable[[dict[str, str]], str]


class ScriptedSite(Driver):
    """Pages by path, answers to forms by path; keeps what it was sent."""

    name = "scripted"

    def __init__(self, pages: dict[str, str], answers: dict[str, str | Answer]) -> None:
        self.pages = pages
        self.answers = answers
        self.asked: list[str] = []
        self.sent: list[tuple[str, dict[str, str]]] = []

    def _page(self, path: str, status: int = 200) -> Page:
        if path[:3].isdigit():
            status, path = int(path[:3]), path[3:]
        return read_page(self.pages[path], BASE + path, status=status)

    def open(self, address: str) -> Page:
        path = urllib.parse.urlsplit(address).path or "/"
        self.asked.append(path)
        return self._page(path)

    def follow(self, page: Page, link: Link) -> Page:
        return self.open(link.address)

    def send(
        self,
        page: Page,
        form: Form,
        fill: t.Mapping[int, str],
        button: Button | None,
        *,
        check: t.Sequence[int] = (),
        what: str = "",
    ) -> Page:
        path = urllib.parse.urlsplit((button.action if button else "") or form.action).path
        values = dict(successful_controls(form, fill, button, check))
        self.sent.append((path, values))
        answer = self.answers[path]
        return self._page(answer if isinstance(answer, str) else answer(values))

    def press(self, page: Page, button: Button) -> Page:
        return self.open(button.address)

    def close(self) -> None:
        return None


def flow_over(site: ScriptedSite, directory: pathlib.Path, *, totp: str = TOTP, **options: t.Any) -> Flow:
    """A flow over the site, as if its journal had been opened."""
    settings = portal_settings.PortalSettings.from_params({"state_dir": str(directory), **options})
    account = portal_settings.PortalAccount(EMAIL, PASSWORD, totp)
    return Flow(site, Journal(settings, account), Deadline(30))


def password_is_right(then: str, otherwise: str = "/") -> Answer:
    """Go on to C(then) if the password is right."""
    return lambda values: then if values.get("p") == PASSWORD else otherwise
