# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuses a branch that changes the collection and has no changelog fragment: make lint-fragment.

A change that no user notices has one, too, in the section C(trivial), which is not printed.
"""

from __future__ import annotations

import subprocess
import sys

from .tree import PROJECT

# What users run or read. Tests, tools and the site's own files are not theirs.
SHIPPED = ("plugins/", "roles/", "playbooks/", "meta/", "requirements.txt", "requirements.yml")
FRAGMENTS = "changelogs/"


def git(*arguments: str) -> list[str]:
    """The lines that git prints; none when it fails."""
    done = subprocess.run(["git", *arguments], cwd=PROJECT, check=False, capture_output=True, text=True)
    return done.stdout.splitlines() if done.returncode == 0 else []


def main() -> int:
    """Compare with the commit where the branch left main; 1 if a fragment is missing."""
    base = git("merge-base", "HEAD", "origin/main") or git("merge-base", "HEAD", "main")
    if not base:
        sys.stdout.write("SKIPPED the changelog check: git knows no main branch to compare with\n")
        return 0
    changed = git("diff", "--name-only", base[0])
    shipped = [name for name in changed if name.startswith(SHIPPED)]
    if shipped and not any(name.startswith(FRAGMENTS) for name in changed):
        sys.stdout.write(
            f"{shipped[0]} (of {len(shipped)} changed) has no changelog fragment: "
            "add changelogs/fragments/<topic>.yml, with the section trivial if no user notices it. "
            "CONTRIBUTING.md shows one.\n"
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
