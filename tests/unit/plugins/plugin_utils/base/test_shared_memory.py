# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a fork's garbage collection leaves alone, and that the parent's is as before."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import gc, os, sys
sys.path.insert(0, sys.argv[1])
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import shared_memory
shared_memory.keep_through_forks()
before = gc.get_freeze_count()
child = os.fork()
if child == 0:
    os._exit(0 if gc.get_freeze_count() > len(gc.get_objects()) else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), gc.get_freeze_count() - before)
"""


def test_a_fork_leaves_alone_what_was_there_and_the_parent_does_not() -> None:
    from tests.fleet import COLLECTIONS

    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(COLLECTIONS)], stdout=subprocess.PIPE, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["0", "0"]
