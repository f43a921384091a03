# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Playwright and the gate live: an event loop in a thread, so that every wait for a browser has an end.

A page that never stops computing answers no question about itself, and Playwright's own time limits do not cover that.
The thread that waits here stops waiting at its time, whatever the browser does.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
import typing as t

try:
    from playwright.async_api import Error as PlaywrightError
    from playwright.async_api import TimeoutError as PlaywrightTimeout

    HAS_PLAYWRIGHT = True
except ImportError:
    # No browser is started without it, see browser_start.py; only the names are needed.
    HAS_PLAYWRIGHT = False
    if not t.TYPE_CHECKING:
        PlaywrightError, PlaywrightTimeout = Exception, TimeoutError

__all__ = ["HAS_PLAYWRIGHT", "LoopThread", "PlaywrightError", "PlaywrightTimeout"]

Result = t.TypeVar("Result")


class LoopThread:
    """An event loop of its own thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="portal browser", daemon=True).start()

    def run(self, work: t.Coroutine[t.Any, t.Any, Result], seconds: float) -> Result:
        """The result of C(work).

        :raises TimeoutError: if it has none after C(seconds); the work is called off.
        """
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(max(0.05, seconds))
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise TimeoutError from None

    def stop(self) -> None:
        """End the thread; nothing can be run afterwards."""
        self._loop.call_soon_threadsafe(self._loop.stop)
