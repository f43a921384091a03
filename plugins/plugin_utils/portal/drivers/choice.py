# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which driver to begin with, and when to go on in a browser."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import missing_required_lib

from ..errors import SettingsError
from ..page import html_tree as tree
from . import http_driver, wire
from .base import Cookie, Driver, Errand
from .settings import PortalSettings


def require_libraries(driver: str) -> None:
    """Fail in plain words if a library that a driver needs is not installed.

    :raises SettingsError: naming the library and the Python that lacks it.
    """
    for library, there in (("beautifulsoup4", tree.HAS_BS4), ("requests", wire.HAS_REQUESTS or driver == "browser")):
        if not there:
            raise SettingsError(
                missing_required_lib(library, reason="for the CloudResearch portal"),
                next_step=f"Install it for that Python: pip install {library}.",
            )


def first_driver(errand: Errand) -> Driver:
    """The driver to begin with: the cheap one, unless a browser was asked for."""
    require_libraries(errand.settings.driver)
    return _browser(errand) if errand.settings.driver == "browser" else http_driver.HttpDriver(errand)


def why_no_browser(settings: PortalSettings) -> str:
    """What keeps a browser from going on where plain HTTP got stuck, and what to do; empty if nothing does."""
    from .browser_start import check_startable

    try:
        if settings.browser is None:
            check_startable(settings)
    except SettingsError as exc:
        return f"{exc.message} {exc.next_step}"
    return ""


def browser_after(driver: Driver, errand: Errand) -> Driver:
    """A browser that goes on where plain HTTP got stuck, with its cookies.

    :raises SettingsError: if no browser can be started here; C(why_no_browser) tells that before.
    """
    return _browser(errand, driver.cookies() if isinstance(driver, http_driver.HttpDriver) else ())


def _browser(errand: Errand, cookies: t.Sequence[Cookie] = ()) -> Driver:
    # Playwright is worth its import only to those who use it.
    from .browser import BrowserDriver

    return BrowserDriver(errand, cookies)
