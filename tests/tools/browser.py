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


def main() -> int:
    """Find them, or install Debian's as root; else say what to do and let the tests that need them skip."""
    missing = [package for package, programs in PACKAGES.items() if not any(map(shutil.which, programs))]
    if not missing:
        return 0
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.stdout.write(f"Not found: {', '.join(missing)}. Tests that need them will be skipped. Install them.\n")
        return 0
    sys.stdout.write(f"Installing Debian's {', '.join(missing)} for the browser tests\n")
    sys.stdout.flush()
    quiet = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    subprocess.run(["apt-get", "update", "-qq"], check=True, env=quiet)
    options = ["--yes", "-qq", "--no-install-recommends"]
    return subprocess.run(["apt-get", "install", *options, *missing], check=False, env=quiet).returncode


if __name__ == "__main__":
    sys.exit(main())
