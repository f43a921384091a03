# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sees to it that there is a Chromium for the browser tests, and a display with somebody at it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

# By Debian's package: the programs of which one will do.
PACKAGES = {
    "chromium": ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    "xvfb": ("Xvfb",),
    "xdotool": ("xdotool",),
}
# Chromium without what is around its pages: the same engine at a third of the processor time, but not the whole program
# that users have. Other systems have no package of it.
LIGHT = {"chromium-headless-shell": ("chromium-headless-shell",)}

_APT = ("apt-get", "-qq", "--yes", "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20")


def program(package: str) -> str | None:
    """The path of the program that a package has, if it is there."""
    return next(filter(None, map(shutil.which, {**PACKAGES, **LIGHT}[package])), None)


def chromium() -> str | None:
    """The whole Chromium, or a Chrome: what users have, for tests of how it is started and of what it lets out."""
    return program("chromium")


def light_chromium() -> str | None:
    """What shows pages as Chromium does for less; Chromium itself where there is no such thing."""
    return program("chromium-headless-shell") or chromium()


def main() -> int:
    """Find them, or install Debian's as root; else say what to do and let the tests that need them skip."""
    missing = [package for package in PACKAGES if not program(package)]
    wished = [package for package in LIGHT if not program(package)]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        if missing:
            sys.stdout.write(f"Not found: {', '.join(missing)}. Tests that need them will be skipped. Install them.\n")
        return 0
    if not missing and not wished:
        return 0
    sys.stdout.write(f"Installing Debian's {', '.join([*missing, *wished])} for the browser tests\n")
    sys.stdout.flush()
    _apt("update")
    for package in wished:
        if _apt("install", package) != 0:
            sys.stdout.write(f"{package} is not to be had, so Chromium itself is used where that would do.\n")
    return _apt("install", *missing) if missing else 0


def _apt(command: str, *packages: str) -> int:
    """Call apt-get; its exit status."""
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    options = ["--no-install-recommends"] if command == "install" else []
    return subprocess.run([*_APT, command, *options, *packages], check=False, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
