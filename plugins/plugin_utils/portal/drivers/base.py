# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every driver offers, and the clock they share."""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import time
import typing as t

from ...base import times
from ..errors import AnswerLost, NoAnswer, PortalError, Reason
from ..page.elements import Button, Fill, Form, Link, Page
from .settings import PortalSettings
from .snapshots import Snapshots


class Deadline:
    """The time that is left for one piece of work at the portal."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._end - time.monotonic())

    def extend(self, seconds: float) -> None:
        """Give more time."""
        self._end += seconds

    def check(self, doing: str) -> None:
        """Fail if no time is left."""
        if self.left() <= 0:
            raise out_of_time(doing, self.seconds)

    def sleep(self, seconds: float, doing: str) -> None:
        """Wait, or fail at once if the wait would not end in time."""
        if seconds >= self.left():
            raise out_of_time(doing, self.seconds)
        time.sleep(seconds)


def out_of_time(doing: str, seconds: float, *, silent: bool = False) -> PortalError:
    """The error for work that took too long.

    :param silent: nothing came back at all.
    """
    return (NoAnswer if silent else AnswerLost)(
        Reason.TIMEOUT,
        f"The portal did not finish in {seconds:g} seconds ({doing}).",
        next_step="Run it again later, or give it more time with the option timeout.",
    )


class Cookie(t.TypedDict):
    """A cookie as Playwright takes it; one that ends with the session C(expires) at -1."""

    name: str
    value: str
    domain: str
    path: str
    secure: bool
    httpOnly: bool
    expires: float


@dataclasses.dataclass(frozen=True)
class Errand:
    """What a driver works with.

    :param snapshots: keeps the pages seen, if that was asked for.
    :param slow_down: told the seconds that the portal asks to be left alone, so that a whole fleet can heed it.
    """

    settings: PortalSettings
    deadline: Deadline
    snapshots: Snapshots | None = None
    slow_down: t.Callable[[float], None] = lambda _seconds: None


class Driver(abc.ABC):
    """Reads pages and sends forms.

    Every method that goes somewhere returns the page it arrived at, and raises PortalError for what the network or
    the browser reports. A value is a secret if it is passed in C(fill): it goes to trusted addresses only.

    :ivar clock_difference: the portal's clock minus ours, in seconds, as its last answer had it.
    """

    name: str
    runs_scripts = False
    clock_difference: float | None = None

    @property
    def shows_window(self) -> bool:
        """Whether a person at this machine's display sees it, and can take part."""
        return False

    @abc.abstractmethod
    def open(self, address: str) -> Page:
        """Go to an address."""

    @abc.abstractmethod
    def follow(self, page: Page, link: Link) -> Page:
        """Follow a link."""

    @abc.abstractmethod
    def send(
        self, page: Page, form: Form, fill: Fill, button: Button | None, *, check: t.Sequence[int] = (), what: str = ""
    ) -> Page:
        """Fill fields (by C(ref)), tick the boxes in C(check), press the button.

        :param what: what C(fill) holds, in words, for messages; empty if it holds no secret.
        """

    @abc.abstractmethod
    def press(self, page: Page, button: Button) -> Page:
        """Press a button that belongs to no form."""

    def reveal(self, page: Page, ref: int) -> Page | None:
        """Open a menu and read again; None if this driver sees inside closed menus anyway."""
        return None

    def settle(self, page: Page) -> Page | None:
        """Wait for the page to change by itself; None if it does not, or cannot."""
        return None

    def look_closer(self, page: Page) -> Page | None:
        """Read the same page with more effort; None if there is nothing more to know."""
        return None

    def confirming(self) -> contextlib.AbstractContextManager[None]:
        """Say yes meanwhile when a dialog of the browser asks whether it is meant."""
        return contextlib.nullcontext()

    @abc.abstractmethod
    def close(self) -> None:
        """Forget everything."""


def clock_difference(date: str | None) -> float | None:
    """A server's clock minus ours in seconds, by the header Date, which has whole seconds; None without one."""
    there = times.parse_http_date(date)
    if there is None:
        return None
    difference = there.timestamp() + 0.5 - time.time()
    return difference if abs(difference) > 2 else 0.0
