# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ansible-lint, profile production, on a copy of the collection in which nothing else lies about."""

from __future__ import annotations

import subprocess
import sys

from .ansible_cores import core_named, prepare
from .ansible_test import lay_out_in
from .tree import BUILD, alone


def main() -> int:
    """Return ansible-lint's exit status; further arguments go to it."""
    environment = prepare(core_named("2.19"))
    collections = BUILD / "lint"
    collection = lay_out_in(collections, environment)
    variables = dict(environment.variables(), ANSIBLE_COLLECTIONS_PATH=str(collections))
    command = ["ansible-lint", "--offline", "--strict", "--profile", "production", *sys.argv[1:]]
    return subprocess.run(command, cwd=collection, env=variables, check=False).returncode


if __name__ == "__main__":
    with alone("ansible_lint"):
        sys.exit(main())
