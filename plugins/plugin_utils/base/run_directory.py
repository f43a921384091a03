# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the workers of a run leave notes for each other."""

from __future__ import annotations

import pathlib

from ansible import constants


def note(name: str) -> pathlib.Path:
    """The path of a note in the run's private temporary directory.

    That is Ansible's setting C(DEFAULT_LOCAL_TMP), a directory which Ansible makes anew for each run and removes at
    its end.
    """
    return pathlib.Path(constants.DEFAULT_LOCAL_TMP) / f"labops.cloudresearch-{name}"
