# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find and start the browser of this machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import typing as t

from ansible.module_utils.basic import missing_required_lib

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.settings import (
    USER_AGENT,
    PortalSettings,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.errors import SettingsError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.matching import plain

try:
    from playwright.sync_api import Error as PlaywrightError
    from playwright.sync_api import sync_playwright

    HAS_PLAYWRIGHT = True
except ImportError:
    HAS_PLAYWRIGHT = False

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")


def executable(settings: PortalSettings) -> str:
    """The browser to start; empty if none is found."""
    if settings.browser_executable:
        return settings.browser_executable
    return next((found for found in map(shutil.which, _BROWSERS) if found), "")


def is_available(settings: PortalSettings) -> bool:
    """Whether a browser could be started here."""
    path = executable(settings)
    return HAS_PLAYWRIGHT and bool(path) and os.access(path, os.X_OK)


def start_browser(settings: PortalSettings, seconds: float, close: contextlib.ExitStack) -> t.Any:
    """Start a browser.

    :param seconds: how long that may take.
    :param close: gets what stops it again.
    :raises SettingsError: if Playwright or the browser is missing.
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
    playwright = sync_playwright().start()
    close.callback(playwright.stop)
    arguments = ["--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--disable-sync"]
    if os.geteuid() == 0:
        # Chromium's sandbox refuses to run as root, as in containers.
        arguments.append("--no-sandbox")
    try:
        browser = playwright.chromium.launch(
            executable_path=path, args=arguments, timeout=1000 * max(1.0, min(30.0, seconds))
        )
    except PlaywrightError as exc:
        raise SettingsError(
            f"The browser {path} could not be started: {plain(str(exc).splitlines()[0])[:200]}.",
            next_step="Start it by hand to see what it lacks, or name another with browser_executable.",
        ) from None
    close.callback(browser.close)
    return browser


def user_agent(version: str) -> str:
    """The browser's own name, without hiding who drives it."""
    major = version.partition(".")[0]
    return (
        f"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{major}.0.0.0 Safari/537.36 "
        f"{USER_AGENT}"
    )
