# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gives pip to the virtual environment that runs this, from the wheel that comes with Python.

ansible-test downloads a script for that from a host that networks with only a package registry refuse. This file
takes its place in ansible-test's cache (see ansible_cores.py). The pip version that ansible-test asks for is not
needed: it only installs pinned wheels and removes pip again.
"""

from __future__ import annotations

import subprocess
import sys

if __name__ == "__main__":
    subprocess.run([sys.executable, "-m", "ensurepip", "--default-pip"], check=True, stdout=subprocess.DEVNULL)
