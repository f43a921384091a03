# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps what libraries log out of Ansible's log file, to which a worker must not write.

With C(log_path), Ansible gives Python's root logger a file. Its workers are forked while another thread of the parent
may be writing to that file, and a lock that is held during a fork is never released in the child: a library's message
would make the worker wait for good. Ansible's own messages go through its parent process.
"""

from __future__ import annotations

import logging


def keep_apart(*libraries: str) -> None:
    """Let the loggers of these libraries, such as C(botocore), pass nothing on to the root logger."""
    for library in libraries:
        logger = logging.getLogger(library)
        # Without any handler, Python would print warnings on standard error.
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
