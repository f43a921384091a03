# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the documentation and builds the site into build/docs/html; any warning is an error."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

import yaml

from .ansible_cores import core_named, prepare
from .ansible_test import lay_out_in
from .tree import BUILD, PROJECT, alone

SITE = BUILD / "docs"


def unlisted_guides() -> list[str]:
    """Guides that no section of extra-docs.yml lists: nobody would find them."""
    docsite = PROJECT / "docs" / "docsite"
    sections = yaml.safe_load((docsite / "extra-docs.yml").read_text())["sections"]
    listed = {name for section in sections for name in section["toctree"]}
    return sorted({path.stem for path in (docsite / "rst").glob("*.rst")} - listed)


def main() -> int:
    """Lint, then build. Stops at the first step that fails."""
    if guides := unlisted_guides():
        sys.stdout.write(f"docs/docsite/extra-docs.yml lists no {', '.join(guides)}\n")
        return 1
    # The project's own environment has the hundred collections of "ansible", and antsibull-docs would read all of them
    # to validate references. This one has only what we refer to.
    environment = prepare(core_named("2.18"))
    collection = lay_out_in(SITE / "collections", environment)
    variables = dict(environment.variables(), ANSIBLE_COLLECTIONS_PATH=str(SITE / "collections"))
    rst = SITE / "rst"
    shutil.rmtree(rst, ignore_errors=True)
    rst.mkdir(parents=True)
    # antsibull-docs refuses a directory that others can write.
    for directory in (SITE, rst):
        directory.chmod(0o755)
    shutil.copy(PROJECT / "docs/sphinx/index.rst", rst)
    architecture = PROJECT / "docs/architecture.md"
    if architecture.exists():
        shutil.copy(architecture, rst)
    lint = ["lint-collection-docs", "--plugin-docs", "--validate-collection-refs", "all"]
    strict = ["--check-extra-docs-refs", "--disallow-unknown-collection-refs"]
    pages = ["collection", "--use-current", "--squash-hierarchy", "--fail-on-error", "--no-add-antsibull-docs-version"]
    site = ["-M", "html", str(rst), str(SITE), "-c", str(PROJECT / "docs/sphinx"), "-W", "--keep-going", "-q"]
    # antsibull-docs copies the pages only.
    shutil.copytree(PROJECT / "docs/docsite/rst/pictures", rst / "collections" / "docsite" / "pictures")
    steps: list[tuple[pathlib.Path, list[str]]] = [
        (collection, ["antsibull-changelog", "lint"]),
        (collection, ["antsibull-docs", *lint, *strict, "."]),
        (SITE, ["antsibull-docs", *pages, "--dest-dir", str(rst / "collections"), "labops.cloudresearch"]),
        (SITE, ["sphinx-build", *site]),
    ]
    for directory, command in steps:
        sys.stdout.write(f"{' '.join(command[:2])}\n")
        sys.stdout.flush()
        tool = str(pathlib.Path(sys.executable).with_name(command[0]))
        status = subprocess.run([tool, *command[1:]], cwd=directory, env=variables, check=False).returncode
        if status:
            return status
    sys.stdout.write(f"The site: {os.path.relpath(SITE / 'html' / 'index.html', PROJECT)}\n")
    return 0


if __name__ == "__main__":
    with alone("docs"):
        sys.exit(main())
