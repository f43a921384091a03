# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose program is at the other end of a connection on this machine."""

from __future__ import annotations

import os
import pathlib
import socket
import sys

# The kernel's table of connections, with the user of each end (Linux: Documentation/networking/proc_net_tcp.rst).
_TABLE = pathlib.Path("/proc/net/tcp")
_LOCAL, _REMOTE, _USER = 1, 2, 7


def is_of_the_same_user(peer: tuple[str, int], own: tuple[str, int]) -> bool:
    """Whether the program that connected belongs to the user of this process.

    True where the system does not tell: only Linux does in this way.

    :param peer: IPv4 address and port of the other end.
    :param own: those of this end.
    """
    try:
        rows = [line.split() for line in _TABLE.read_text(encoding="ascii").splitlines()[1:]]
    except OSError:
        return True
    ends = (_as_in_table(peer), _as_in_table(own))
    users = {row[_USER] for row in rows if (row[_LOCAL], row[_REMOTE]) == ends}
    return users == {str(os.geteuid())}


def _as_in_table(end: tuple[str, int]) -> str:
    """Address and port as the table has them: the address's bytes in the machine's order."""
    number = int.from_bytes(socket.inet_aton(end[0]), sys.byteorder)
    return f"{number:08X}:{end[1]:04X}"
