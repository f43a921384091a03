# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sees to it that there is a Chromium for the browser tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main() -> int:
    """Find one, or install Debian's as root; without either say what to do and let the tests that need it skip."""
    if any(map(shutil.which, NAMES)):
        return 0
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.stdout.write(
            "No Chromium or Chrome found: tests that need a browser will be skipped. Install one of them.\n"
        )
        return 0
    sys.stdout.write("Installing Debian's chromium for the browser tests\n")
    sys.stdout.flush()
    quiet = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    subprocess.run(["apt-get", "update", "-qq"], check=True, env=quiet)
    options = ["--yes", "-qq", "--no-install-recommends"]
    return subprocess.run(["apt-get", "install", *options, "chromium"], check=False, env=quiet).returncode


if __name__ == "__main__":
    sys.exit(main())
