# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the virtual environment of the project. Runs before anything is installed: the standard library only."""

from __future__ import annotations

import pathlib
import subprocess
import sys

TESTS = pathlib.Path(__file__).resolve().parents[1]
OLDEST, NEWEST = (3, 11), (3, 13)


def main(venv: pathlib.Path) -> int:
    """Create `venv` if missing, and install the pinned requirements into it."""
    python = venv / "bin" / "python"
    if not python.exists():
        if not OLDEST <= sys.version_info[:2] <= NEWEST:
            sys.stderr.write(
                f"{sys.executable} is Python {sys.version_info[0]}.{sys.version_info[1]}; the pinned ansible-core "
                "needs 3.11, 3.12 or 3.13. Name one: make PYTHON=python3.12 ...\n"
            )
            return 1
        sys.stdout.write(f"Making {venv} (the first time only, about a minute)\n")
        sys.stdout.flush()
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    # Else pip compiles the thousands of modules of all the collections in "ansible", which is half of its time.
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    files = ["--requirement", str(TESTS / "requirements.txt"), "--constraint", str(TESTS / "constraints.txt")]
    return subprocess.run([*install, *files], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
