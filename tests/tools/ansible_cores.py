# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The releases of ansible-core that the collection is checked against, and an environment for each.

The project's own .venv holds the middle one. The oldest and the newest get a virtual environment under build/cores,
with the amazon.aws that was current with them: so the two ends of galaxy.yml's dependency range are checked too.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

from .tree import BUILD, PROJECT, alone, copy_collection

COLLECTIONS_INSIDE_VENV = "ansible_collections"
INSIDE_COMMUNITY = ("ansible_collections/amazon/", "ansible_collections/ansible/posix/")
TOOLS = ("pytest", "pytest-xdist", "pytest-timeout", "jsonschema", "hvac", "playwright")
OWN_TO_EACH_CORE = ("ansible==", "ansible-core==", "resolvelib==")
# ansible-test downloads a script that installs pip from a host that networks with only a package registry refuse. This
# one takes its place in ansible-test's cache: the pip of the release's own environment will do, as it only installs
# pinned wheels. It is copied as it is, because ensurepip would compile it anew for each sanity test.
GET_PIP = """\
import pathlib, shutil, sysconfig

for part in ("pip", "pip-*.dist-info"):
    for found in pathlib.Path({site_packages!r}).glob(part):
        shutil.copytree(found, pathlib.Path(sysconfig.get_path("purelib"), found.name), dirs_exist_ok=True)
"""


@dataclasses.dataclass(frozen=True)
class Core:
    """One release of ansible-core. `community` is the PyPI package "ansible" that ships the matching amazon.aws."""

    series: str
    package: str
    community: str
    pythons: tuple[str, ...]


CORES = (
    Core("2.18", "ansible-core==2.18.19", "ansible==11.13.0", ("3.11", "3.12", "3.13")),
    Core("2.19", "ansible-core==2.19.14", "ansible==12.3.0", ("3.11", "3.12", "3.13")),
    Core("2.20", "ansible-core==2.20.10", "ansible==13.8.0", ("3.14", "3.13", "3.12")),
    Core("2.21", "ansible-core==2.21.5", "ansible==14.5.0", ("3.14", "3.13", "3.12")),
    # A release candidate until there is a release.
    Core("2.22", "ansible-core==2.22.0rc1", "ansible==15.0.0a3", ("3.14", "3.13")),
)


class MissingPythonError(Exception):
    """No Python on this machine can run the release."""


@dataclasses.dataclass(frozen=True)
class Environment:
    """Where a release lives: `python` of its virtual environment, and a directory that holds `amazon/`."""

    core: Core
    venv: pathlib.Path
    amazon: pathlib.Path
    work: pathlib.Path

    @property
    def python_version(self) -> str:
        config = (self.venv / "pyvenv.cfg").read_text()
        found = re.search(r"^version\s*=\s*(\d+\.\d+)", config, re.MULTILINE)
        if not found:
            raise MissingPythonError(f"{self.venv} is not a virtual environment")
        return found.group(1)

    def variables(self) -> dict[str, str]:
        """The process environment: this release first on PATH, a home of its own, no Ansible setting of the user."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))}
        home = self.work / "home"
        home.mkdir(parents=True, exist_ok=True)
        kept["PATH"] = os.pathsep.join([str(self.venv / "bin"), kept.get("PATH", os.defpath)])
        kept["VIRTUAL_ENV"] = str(self.venv)
        # ansible-test caches in the home directory, and two releases must not share that. pip's own files stay where
        # the user has them.
        user_home = pathlib.Path.home()
        kept.setdefault("PIP_CACHE_DIR", str(user_home / ".cache" / "pip"))
        for settings in (user_home / ".config/pip/pip.conf", user_home / ".pip/pip.conf"):
            if settings.exists():
                kept.setdefault("PIP_CONFIG_FILE", str(settings))
        kept["HOME"] = str(home)
        return kept

    def lay_out_in(self, collections: pathlib.Path) -> pathlib.Path:
        """Copy the collection into a collections directory, with the release's amazon.aws beside it; the copy."""
        collection = copy_collection(collections)
        amazon = collection.parents[1] / "amazon"
        amazon.unlink(missing_ok=True)
        amazon.symlink_to(self.amazon / "amazon", target_is_directory=True)
        # Tools that ask git for the files would else ask the repository around the copy, which ignores build/.
        subprocess.run(["git", "init", "--quiet", str(collection)], check=True)
        return collection


def core_named(series: str) -> Core:
    """The release, by its series ("2.18"); raises SystemExit with the known ones."""
    for core in CORES:
        if core.series == series:
            return core
    raise SystemExit(f"Unknown ansible-core {series}; known: {', '.join(core.series for core in CORES)}")


def find_python(versions: tuple[str, ...]) -> str:
    """The first interpreter of `versions` that really runs: on PATH, or kept by pyenv without being on PATH."""
    for version in versions:
        candidates = [shutil.which(f"python{version}")]
        if shutil.which("pyenv"):
            root = subprocess.run(["pyenv", "root"], check=False, capture_output=True, text=True).stdout.strip()
            kept = pathlib.Path(root, "versions").glob(f"{version}.*/bin/python{version}")
            candidates += sorted(map(str, kept), reverse=True)
        for candidate in candidates:
            # A pyenv shim is on PATH for every version that pyenv has, and fails unless that version is selected.
            if candidate and _runs(candidate):
                return candidate
    raise MissingPythonError(f"no Python {' or '.join(versions)} on this machine")


def _runs(python: str) -> bool:
    return subprocess.run([python, "-c", "import venv, ensurepip"], check=False, capture_output=True).returncode == 0


def prepare(core: Core) -> Environment:
    """The environment of a release, made when it is missing or its definition changed; raises MissingPythonError."""
    work = BUILD / "cores" / core.series
    venv = PROJECT / ".venv"
    if not list(_site_packages(venv).glob(f"ansible_core-{core.package.partition('==')[2]}.dist-info")):
        venv = work / "venv"
        with alone(f"core-{core.series}"):
            _install(core, work)
    environment = Environment(core, venv, _site_packages(venv) / COLLECTIONS_INSIDE_VENV, work)
    _seed_pip(environment)
    return environment


def _install(core: Core, work: pathlib.Path) -> None:
    pins = [
        re.sub(r"\[.*\]", "", line)  # pip takes no extras in constraints
        for name in ("requirements.txt", "constraints.txt")
        for line in (PROJECT / "tests" / name).read_text().splitlines()
        if "==" in line and not line.startswith(OWN_TO_EACH_CORE)
    ]
    definition = "\n".join([core.package, core.community, *TOOLS, *pins])
    stamp = work / "installed"
    wanted = hashlib.sha256(definition.encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    python = find_python(core.pythons)
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    constraints = work / "constraints.txt"
    constraints.write_text("\n".join(pins) + "\n")
    venv = work / "venv"
    subprocess.run([python, "-m", "venv", str(venv)], check=True)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        # Compiling what is never imported would take half of the time.
        [*pip, "install", "--no-compile", core.package, "-r", PROJECT / "requirements.txt", *TOOLS, "-c", constraints],
        check=True,
    )
    # The whole of "ansible" is large; its amazon.aws, where Ansible looks for what came with it, and the callback json
    # of ansible.posix are all we need.
    subprocess.run([*pip, "download", "--no-deps", "--dest", work, core.community], check=True)
    (wheel,) = work.glob("ansible-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        members = [name for name in archive.namelist() if name.startswith(INSIDE_COMMUNITY)]
        archive.extractall(_site_packages(venv), members)
    wheel.unlink()
    stamp.write_text(wanted)


def _seed_pip(environment: Environment) -> None:
    site_packages = _site_packages(environment.venv)
    source = site_packages / "ansible_test" / "_internal" / "python_requirements.py"
    cache = pathlib.Path(environment.variables()["HOME"], ".ansible", "test", "cache")
    cache.mkdir(parents=True, exist_ok=True)
    for version in re.findall(r"pip='([\d.]+)'", source.read_text()):
        (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(GET_PIP.format(site_packages=str(site_packages)))


def _site_packages(venv: pathlib.Path) -> pathlib.Path:
    (found,) = venv.glob("lib/python3.*/site-packages")
    return found


def main() -> int:
    """Make the environments and print where each is; a release that no Python here can run is skipped, and said so."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("series", nargs="*", default=[core.series for core in CORES])
    parser.add_argument("--copy", type=pathlib.Path, help="also copy the collection into this collections directory")
    arguments = parser.parse_args()
    for series in arguments.series:
        try:
            environment = prepare(core_named(series))
        except MissingPythonError as error:
            sys.stdout.write(f"SKIPPED ansible-core {series}: {error}\n")
            continue
        if arguments.copy:
            environment.lay_out_in(arguments.copy)
        sys.stdout.write(f"ansible-core {series}: {environment.venv}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
