# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This process's environment, for what is started from it."""

from __future__ import annotations

import contextlib
import os
import time
import typing as t


@contextlib.contextmanager
def only(environment: t.Mapping[str, str]) -> t.Iterator[None]:
    """For a while, this process has no other environment than the one given; what is started meanwhile inherits it."""
    original = dict(os.environ)
    try:
        _replace(environment)
        yield
    finally:
        _replace(original)


def _replace(environment: t.Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
