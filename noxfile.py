# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# /// script
# dependencies = ["nox>=2025.2.9", "antsibull-nox"]
# ///
"""Sessions for contributors and for CI: `nox --list`.

License and extra checks are antsibull-nox's own (antsibull-nox.toml). All others are targets of the Makefile,
which keeps its pinned tools in one virtual environment, so `nox --session lint` and `make lint` are the same.
"""

from __future__ import annotations

import antsibull_nox
import nox

antsibull_nox.load_antsibull_nox_toml()

CORES = ("2.18", "2.19", "2.20", "2.21", "2.22")


def make(session: nox.Session, target: str) -> None:
    """Make a target; further arguments are variables for make, as in `nox -s unit -- WORKERS=4`."""
    session.run("make", target, *session.posargs, external=True)


@nox.session(venv_backend="none")
def check(session: nox.Session) -> None:
    """The quick checks for every commit: format, syntax, unit tests (two minutes)."""
    make(session, "check")


@nox.session(venv_backend="none", default=False)
def lint(session: nox.Session) -> None:
    """ruff, mypy --strict, yamllint, shellcheck, ansible-lint, schemas of the workflows, changelog fragment."""
    make(session, "lint")


@nox.session(venv_backend="none", default=False)
def docs(session: nox.Session) -> None:
    """Check the documentation and build the site."""
    make(session, "docs")


@nox.session(venv_backend="none", default=False)
def package(session: nox.Session) -> None:
    """Build the artifact, use it from an empty place, let Galaxy's importer judge it."""
    make(session, "package")


@nox.session(venv_backend="none", default=False)
@nox.parametrize("core", CORES, ids=CORES)
def sanity(session: nox.Session, core: str) -> None:
    """ansible-test sanity, without containers."""
    make(session, f"sanity-{core}")


@nox.session(venv_backend="none", default=False)
@nox.parametrize("core", CORES, ids=CORES)
def units(session: nox.Session, core: str) -> None:
    """ansible-test units, without containers."""
    make(session, f"units-{core}")


@nox.session(venv_backend="none", default=False)
def unit(session: nox.Session) -> None:
    """Pure tests."""
    make(session, "unit")


@nox.session(venv_backend="none", default=False)
def stack(session: nox.Session) -> None:
    """Tests against the local stack: AWS, MTurk and portal doubles, OpenBao, Chromium."""
    make(session, "stack")
    make(session, "stack-portal")


@nox.session(venv_backend="none", default=False)
def e2e(session: nox.Session) -> None:
    """The real ansible-playbook against the local stack."""
    make(session, "e2e")


@nox.session(venv_backend="none", default=False)
@nox.parametrize("core", CORES, ids=CORES)
def e2e_core(session: nox.Session, core: str) -> None:
    """The README's commands on one ansible-core and its amazon.aws."""
    make(session, f"e2e-{core}")


@nox.session(venv_backend="none", default=False)
def integration(session: nox.Session) -> None:
    """ansible-test integration against the local stack."""
    make(session, "integration")


@nox.session(venv_backend="none", default=False)
def molecule(session: nox.Session) -> None:
    """Molecule: converge, idempotence, verify."""
    make(session, "molecule")


@nox.session(venv_backend="none", default=False)
def demo(session: nox.Session) -> None:
    """Onboard twelve labs on the local stack and say what happened."""
    make(session, "demo")


@nox.session(venv_backend="none", default=False)
def bench(session: nox.Session) -> None:
    """Measure fleets of labs on the local stack (-- BENCH=--short: minutes instead of hours)."""
    make(session, "bench")
