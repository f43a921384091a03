# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Spares workers copying the memory that they share with the process which forked them."""

from __future__ import annotations

import functools
import gc
import os


@functools.cache
def keep_through_forks() -> None:
    """See to it that garbage is looked for only among what a forked process made itself.

    Python's garbage collection writes into each object that it looks at, so one collection in a worker copies nearly
    all of the parent's memory. This is what C(gc.freeze) is for (Python's documentation of C(gc)). In the parent,
    everything is as before once the fork is done.
    """
    os.register_at_fork(before=gc.freeze, after_in_parent=gc.unfreeze)
