# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes CHANGELOG.rst: make changelog.

With fragments in changelogs/fragments it releases the version of galaxy.yml; without, it only brings the lists of new
plugins and modules up to date.
"""

from __future__ import annotations

import shutil
import subprocess
import sys

from .ansible_cores import core_named, prepare
from .ansible_test import lay_out_in
from .tree import BUILD, PROJECT, alone

WRITTEN = ("CHANGELOG.rst", "changelogs/changelog.yaml")


def main() -> int:
    """Run antsibull-changelog on a copy, and take over what it wrote."""
    environment = prepare(core_named("2.19"))
    collections = BUILD / "changelog"
    collection = lay_out_in(collections, environment)
    variables = dict(environment.variables(), ANSIBLE_COLLECTIONS_PATH=str(collections))
    fragments = list((PROJECT / "changelogs/fragments").glob("*.yml"))
    command = ["release"] if fragments else ["generate", "--reload-plugins"]
    done = subprocess.run(["antsibull-changelog", *command], cwd=collection, env=variables, check=False)
    if done.returncode == 0:
        for name in WRITTEN:
            shutil.copyfile(collection / name, PROJECT / name)
        for fragment in fragments:
            fragment.unlink()
    return done.returncode


if __name__ == "__main__":
    with alone("changelog"):
        sys.exit(main())
