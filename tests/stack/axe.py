# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accessibility checker axe-core, at one version, from npm.

It is fetched once, checked against the pinned digest, and kept in build/. To take a newer one: change VERSION, and
INTEGRITY to what `npm view axe-core@VERSION dist.integrity` says.
"""

from __future__ import annotations

import base64
import hashlib
import pathlib
import shutil
import subprocess
import tarfile

VERSION = "4.14.1"
INTEGRITY = "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="

KEPT = pathlib.Path(__file__).resolve().parents[2] / "build" / f"axe-core-{VERSION}.tgz"


def source() -> str | None:
    """The checker's JavaScript; None when it is not here and there is no npm to fetch it with."""
    if not KEPT.exists():
        npm = shutil.which("npm")
        if not npm:
            return None
        KEPT.parent.mkdir(exist_ok=True)
        command = [npm, "pack", "--silent", f"axe-core@{VERSION}", "--pack-destination", str(KEPT.parent)]
        subprocess.run(command, check=True, timeout=100, capture_output=True)
    content = KEPT.read_bytes()
    digest = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
    if digest != INTEGRITY:
        raise RuntimeError(f"{KEPT} is not axe-core {VERSION} as pinned: its digest is {digest}.")
    with tarfile.open(KEPT) as archive:
        file = archive.extractfile("package/axe.min.js")
        assert file is not None
        return file.read().decode()
