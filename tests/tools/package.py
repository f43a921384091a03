# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the artifact, looks through it, uses it from an empty place, and lets Galaxy's importer judge it.

The artifact stays in build/package.
"""

from __future__ import annotations

import fnmatch
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile

from .ansible_cores import core_named, prepare
from .tree import BUILD, PROJECT, alone

WORK = BUILD / "package"

# All that users have a use for. What is not named here must be in build_ignore of galaxy.yml.
BELONGS = (
    *("CHANGELOG.rst", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "COPYING", "FILES.json", "LICENSES/*", "MAINTAINERS"),
    *("MANIFEST.json", "README.md", "REUSE.toml", "SECURITY.md", "bindep.txt", "changelogs/*", "docs/*.md"),
    *("docs/docsite/*", "docs/iam/*", "execution-environment.yml", "extensions/audit/*", "extensions/eda/*", "meta/*"),
    *("playbooks/*", "plugins/*", "requirements.txt", "requirements.yml", "roles/*"),
)


class PackageError(Exception):
    """The artifact is not what it should be."""


def run(command: list[str], variables: dict[str, str], directory: pathlib.Path) -> str:
    """Run, show what it said only when it failed; return what it said."""
    done = subprocess.run(
        command, cwd=directory, env=variables, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode:
        raise PackageError(f"{' '.join(command)} failed ({done.returncode}):\n{done.stdout}")
    return done.stdout


def members(artifact: pathlib.Path) -> list[str]:
    """Names of the files in an artifact."""
    with tarfile.open(artifact) as archive:
        return sorted(member.name for member in archive.getmembers() if member.isfile())


def build(source: pathlib.Path, destination: pathlib.Path, variables: dict[str, str]) -> pathlib.Path:
    """ansible-galaxy collection build; return the artifact."""
    run(["ansible-galaxy", "collection", "build", "--force", "--output-path", str(destination)], variables, source)
    (artifact,) = destination.glob("labops-cloudresearch-*.tar.gz")
    return artifact


def check_contents(artifact: pathlib.Path, from_working_tree: pathlib.Path) -> None:
    """Nothing that does not belong; the same from a working tree full of build products as from a clean copy."""
    names = members(artifact)
    strangers = [name for name in names if not any(fnmatch.fnmatch(name, pattern) for pattern in BELONGS)]
    if strangers:
        raise PackageError(f"In the artifact, but no user has a use for them (build_ignore): {', '.join(strangers)}")
    local = sorted(set(members(from_working_tree)) - set(names))
    if local:
        raise PackageError(f"Files of the working tree get into the artifact (build_ignore): {', '.join(local)}")


def check_use(artifact: pathlib.Path, variables: dict[str, str]) -> None:
    """Install into an empty collections path, and check every playbook there."""
    collections = WORK / "installed"
    run(
        ["ansible-galaxy", "collection", "install", "--no-deps", "-p", str(collections), str(artifact)], variables, WORK
    )
    installed = collections / "ansible_collections" / "labops" / "cloudresearch"
    playbooks = [f"labops.cloudresearch.{path.stem}" for path in sorted((installed / "playbooks").glob("*.yml"))]
    if not playbooks:
        raise PackageError("There are no playbooks in the artifact.")
    used = dict(variables, ANSIBLE_COLLECTIONS_PATH=str(collections))
    run(["ansible-playbook", "--syntax-check", "-i", "localhost,", *playbooks], used, WORK)


def import_as_galaxy_does(artifact: pathlib.Path, variables: dict[str, str]) -> None:
    """galaxy-importer, with its ansible-doc run; a warning fails."""
    settings = {
        "RUN_ANSIBLE_DOC": "true",
        "RUN_ANSIBLE_LINT": "false",  # make lint does, with the same profile, all rules and more files
        "CHECK_CHANGELOG": "true",
        "RUN_ANSIBLE_TEST": "false",  # make sanity does, and without containers
    }
    importer = {f"GALAXY_IMPORTER_{name}": value for name, value in settings.items()}
    said = run([sys.executable, "-m", "galaxy_importer.main", str(artifact)], variables | importer, WORK)
    complaints = [line for line in said.splitlines() if line.startswith(("WARNING", "ERROR", "CRITICAL"))]
    if complaints or "Importer processing completed successfully" not in said:
        raise PackageError("galaxy-importer:\n" + ("\n".join(complaints) or said))


def check_execution_environment(variables: dict[str, str]) -> None:
    """ansible-builder can make a build context of our definition, with the artifact in it."""
    context = WORK / "execution-environment"
    run(["ansible-builder", "create", "-f", "execution-environment.yml", "-c", str(context)], variables, PROJECT)
    run(["ansible-builder", "introspect", str(WORK / "installed")], variables, WORK)
    if not list(context.glob("_build/collections/labops-cloudresearch-*.tar.gz")):
        raise PackageError("execution-environment.yml does not bring the artifact into the build context.")


def main() -> int:
    """Do all of it, and say what was checked."""
    environment = prepare(core_named("2.19"))
    variables = environment.variables()
    shutil.rmtree(WORK, ignore_errors=True)
    (WORK / "from-working-tree").mkdir(parents=True)
    try:
        source = environment.lay_out_in(WORK / "source")
        artifact = build(source, WORK, variables)
        check_contents(artifact, build(PROJECT, WORK / "from-working-tree", variables))
        check_use(artifact, variables)
        import_as_galaxy_does(artifact, variables)
        check_execution_environment(variables)
    except PackageError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    sys.stdout.write(
        f"{os.path.relpath(artifact, PROJECT)}: built, used from an empty place, accepted by the importer\n"
    )
    return 0


if __name__ == "__main__":
    with alone("package"):
        sys.exit(main())
