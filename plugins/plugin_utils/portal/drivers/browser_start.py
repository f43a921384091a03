# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find and start the browser of this machine: in its sandbox, and with nothing of the operator's environment."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import typing as t

from ansible.module_utils.basic import missing_required_lib

from ...base import environment as process_environment
from ...base import library_logs
from ..errors import SettingsError
from ..page.matching import plain
from .browser_loop import HAS_PLAYWRIGHT, LoopThread, PlaywrightError
from .settings import USER_AGENT, PortalSettings

try:
    from playwright.async_api import async_playwright
except ImportError:
    pass

if t.TYPE_CHECKING:
    from playwright.async_api import Browser, Playwright

library_logs.keep_apart("asyncio")

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")

# What a browser needs to start and to show itself. Proxies are the gate's business.
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "DISPLAY", "XAUTHORITY", "WAYLAND_DISPLAY")
_ENVIRONMENT_PREFIXES = ("LC_", "XDG_", "FONTCONFIG_", "PLAYWRIGHT_")

_ARGUMENTS = (
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
    # Nothing goes around the gate: no UDP (WebRTC, QUIC), and no names looked up ahead. Chromium passes over a name
    # that it does not know without a word, so older ones get the name that they knew.
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-quic",
    "--dns-prefetch-disable",
)
_STOP_SECONDS = 5.0

# What Chromium says if it cannot open its window.
_NO_DISPLAY = ("Missing X server", "Failed to connect to Wayland display", "The platform failed to initialize")


@dataclasses.dataclass
class RunningBrowser:
    """A browser, and the thread in which it is talked to."""

    loop: LoopThread
    playwright: Playwright
    browser: Browser

    def close(self) -> None:
        """Stop the browser, however busy a page keeps it."""
        for work in (self.browser.close(), self.playwright.stop()):
            with contextlib.suppress(PlaywrightError, TimeoutError):
                self.loop.run(work, _STOP_SECONDS)
        self.loop.stop()


def executable(settings: PortalSettings) -> str:
    """The browser to start; empty if none is found."""
    if settings.browser_executable:
        return settings.browser_executable
    return next((found for found in map(shutil.which, _BROWSERS) if found), "")


def check_startable(settings: PortalSettings) -> None:
    """Fail in plain words if no browser could be started.

    :raises SettingsError: if Playwright or the browser is missing, or it would have no sandbox.
    """
    if not HAS_PLAYWRIGHT:
        raise SettingsError(
            missing_required_lib("playwright", reason="for driver=browser"),
            next_step="Install it for that Python (pip install playwright), or use driver=http.",
        )
    path = executable(settings)
    if not path or not os.access(path, os.X_OK):
        raise SettingsError(
            f"There is no browser at {path}." if path else "No Chromium or Chrome was found for driver=browser.",
            next_step="Install one (Debian: apt install chromium), or name it with browser_executable.",
        )
    if os.geteuid() == 0 and not settings.allow_unsandboxed_browser:
        raise SettingsError(
            "No browser was started: Chromium does not start its sandbox for root. Without the sandbox, a page that "
            "exploits a flaw in the browser controls this machine, with all its secrets.",
            next_step="Run Ansible as another user. If this is a container for nothing else, say so with "
            "allow_unsandboxed_browser: true.",
        )


def start_browser(settings: PortalSettings, seconds: float) -> RunningBrowser:
    """Start a browser.

    :param seconds: how long that may take.
    :raises SettingsError: if it cannot be started.
    """
    check_startable(settings)
    path = executable(settings)
    sandbox = os.geteuid() != 0 and not settings.allow_unsandboxed_browser
    environment = _environment()
    arguments = list(_ARGUMENTS)
    if settings.window_for_person and not environment.get("DISPLAY"):
        arguments.append("--ozone-platform=wayland")
    loop = LoopThread()
    playwright: Playwright | None = None
    try:
        # Playwright starts a helper of its own, which gets the environment of this process and cannot be given another.
        with process_environment.only(environment):
            playwright = loop.run(async_playwright().start(), seconds)
        browser = loop.run(
            playwright.chromium.launch(
                executable_path=path,
                headless=not settings.window_for_person,
                args=arguments,
                chromium_sandbox=sandbox,
                env=dict(environment),
                timeout=1000 * max(1.0, min(30.0, seconds)),
            ),
            min(35.0, seconds + 1),
        )
    except (PlaywrightError, TimeoutError) as exc:
        if playwright is not None:
            with contextlib.suppress(PlaywrightError, TimeoutError):
                loop.run(playwright.stop(), _STOP_SECONDS)
        loop.stop()
        text = str(exc)
        if "sandbox" in text.lower() and sandbox:
            raise SettingsError(
                f"The browser {path} could not start its sandbox, which needs user namespaces that this machine or "
                "container does not allow.",
                next_step="Allow unprivileged user namespaces, or, in a container for nothing else, say "
                "allow_unsandboxed_browser: true.",
            ) from None
        if settings.window_for_person and any(sign in text for sign in _NO_DISPLAY):
            raise SettingsError(
                f"The browser {path} could not open a window for a person: the display that DISPLAY or WAYLAND_DISPLAY "
                "names does not let it in.",
                next_step="Run Ansible in a terminal of that desktop, or set both to nothing to go without a window.",
            ) from None
        first = plain(text.splitlines()[0])[:200] if text else "it did not answer in time"
        raise SettingsError(
            f"The browser {path} could not be started: {first}.",
            next_step="Start it by hand to see what it lacks, or name another with browser_executable.",
        ) from None
    return RunningBrowser(loop, playwright, browser)


def _environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name in _ENVIRONMENT or name.startswith(_ENVIRONMENT_PREFIXES)
    }


def user_agent(version: str) -> str:
    """The browser's own name, without hiding who drives it."""
    major = version.partition(".")[0]
    return (
        f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{major}.0.0.0 Safari/537.36 "
        f"{USER_AGENT}"
    )
