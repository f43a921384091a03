# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let a person pass what only a person can, in a browser window on this machine's display, and go on from there."""

from __future__ import annotations

import time

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.base import Driver
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.errors import (
    CAPTCHA,
    SECOND_FACTOR_REQUIRED,
    PortalError,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.elements import Page
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.session.visit import Visit

# What a person can pass in a window: a captcha; a security key, an e-mailed code, an approval on the telephone.
PASSED_BY_PERSONS = frozenset((CAPTCHA, SECOND_FACTOR_REQUIRED))


def can_show(driver: Driver, wait_timeout: float) -> bool:
    """Whether there is a window that a person sees, and time for it."""
    return wait_timeout > 0 and driver.shows_window


class Person:
    """The person at this machine's display, who has C(wait_timeout) seconds altogether."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._left = visit.settings.wait_timeout
        self._told = ""

    def passes(self, page: Page, wanted: PortalError) -> Page | None:
        """Wait until the page has moved on.

        :param wanted: what stopped the way.
        :returns: the next page; None if nobody can be waited for, or nobody came in time.
        """
        visit = self._visit
        if wanted.reason not in PASSED_BY_PERSONS or not can_show(visit.driver, self._left):
            return None
        if visit.settings.announce is not None and self._told != wanted.message:
            self._told = wanted.message
            visit.settings.announce(
                f"{wanted.message} Pass it in the browser window that is open on this machine's display; the module "
                f"waits up to {self._left:.0f} seconds and then continues."
            )
        while self._left > 0:
            begun = time.monotonic()
            moved = visit.driver.settle(page)
            waited = time.monotonic() - begun
            self._left -= waited
            # The person's time is none of the portal's.
            visit.deadline.extend(waited)
            if moved is not None:
                visit.note(moved, "passed by a person")
                return moved
        return None
