# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.lab_name import host_name, same_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("perception", "perception"),
        ("Müller lab (Psych)", "Muller-lab-Psych"),
        ("lab_01.example", "lab_01.example"),
        ("a:b[1:3]!c&d~e,f", "a-b-1-3-c-d-e-f"),
        ("../../etc/passwd", "etc-passwd"),
        ("-rf", "rf"),
        ("{{ lookup('pipe', 'id') }}", "lookup-pipe-id"),
        ("Žofie\nØster", "Zofie-ster"),
        ("実験室", ""),
        ("localhost", ""),
        ("All", ""),
        ("", ""),
    ],
)
def test_host_names_have_only_what_patterns_paths_and_groups_can_take(text: str, name: str) -> None:
    assert host_name(text) == name


def test_names_that_a_file_system_may_not_tell_apart_are_the_same() -> None:
    assert same_name("Lab-A") == same_name("lab-a")
