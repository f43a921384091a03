# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which driver to begin with, and when to go on in a browser."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import missing_required_lib

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers import http_driver, wire
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.base import Deadline, Driver
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.settings import PortalSettings
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.snapshots import Snapshots
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.errors import SettingsError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page import html_tree as tree


def require_libraries(driver: str) -> None:
    """Fail in plain words if a library that a driver needs is not installed.

    :raises SettingsError: naming the library and the Python that lacks it.
    """
    needed = [("beautifulsoup4", tree.HAS_BS4)]
    if driver in ("auto", "http"):
        needed.append(("requests", wire.HAS_REQUESTS))
    for library, there in needed:
        if not there:
            raise SettingsError(
                missing_required_lib(library, reason="for the CloudResearch portal"),
                next_step=f"Install it for that Python: pip install {library}.",
            )


def first_driver(
    settings: PortalSettings,
    deadline: Deadline,
    snapshots: Snapshots | None,
    slow_down: t.Callable[[float], None],
    browser: t.Any,
) -> Driver:
    """The driver to begin with: the cheap one, unless a browser was asked for."""
    require_libraries(settings.driver)
    if settings.driver == "browser":
        # Playwright is worth its import only to those who use it.
        from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.browser import BrowserDriver

        return BrowserDriver(settings, deadline, snapshots, running=browser, slow_down=slow_down)
    return http_driver.HttpDriver(settings, deadline, snapshots, slow_down)


def browser_after(
    driver: Driver,
    settings: PortalSettings,
    deadline: Deadline,
    snapshots: Snapshots | None,
    slow_down: t.Callable[[float], None],
    running: t.Any,
) -> Driver | None:
    """A browser that goes on where plain HTTP got stuck, with its cookies; None if there is no browser here."""
    from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.browser import BrowserDriver
    from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.browser_start import is_available

    if running is None and not is_available(settings):
        return None
    cookies = driver.cookies() if isinstance(driver, http_driver.HttpDriver) else []
    return BrowserDriver(settings, deadline, snapshots, running=running, cookies=cookies, slow_down=slow_down)
