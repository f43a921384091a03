# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventory host names for labs, made from what people call them."""

from __future__ import annotations

import re
import unicodedata

# Ansible gives these names a meaning of its own.
_RESERVED = frozenset({"all", "ungrouped", "localhost"})


def host_name(text: str) -> str:
    """A host name made from a lab's name: letters, digits, full stop, underscore and hyphen; empty if nothing is left.

    Host patterns, group names, store paths and file names all take such names as they are. C(Müller lab (Psych))
    becomes C(Muller-lab-Psych).
    """
    decomposed = unicodedata.normalize("NFKD", text)
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", plain)
    name = re.sub(r"-{2,}", "-", name).strip("-.")
    return "" if name.lower() in _RESERVED else name


def same_name(name: str) -> str:
    """A key under which two host names count as the same: file names of the store may not tell cases apart."""
    return name.casefold()
