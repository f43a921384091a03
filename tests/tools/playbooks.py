# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the syntax of the collection's playbooks, as users name them."""

from __future__ import annotations

import pathlib
import subprocess
import sys

from .tree import PROJECT


def main() -> int:
    """ansible-playbook --syntax-check for all of them at once; further arguments go to ansible-playbook."""
    names = [f"labops.cloudresearch.{path.stem}" for path in sorted((PROJECT / "playbooks").glob("*.yml"))]
    if not names:
        sys.stdout.write("There are no playbooks\n")
        return 1
    command = [str(pathlib.Path(sys.executable).with_name("ansible-playbook")), "--syntax-check"]
    return subprocess.run([*command, "-i", "localhost,", *sys.argv[1:], *names], cwd=PROJECT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
