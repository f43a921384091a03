# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks between processes: who waits, who gives up, and that a dead holder is none."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import threading
import typing as t

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.locks import exclusive


class GaveUp(Exception):
    pass


def give_up() -> t.NoReturn:
    raise GaveUp


@pytest.mark.parametrize("remove", [False, True])
def test_a_second_holder_waits_until_the_first_lets_go(tmp_path: pathlib.Path, remove: bool) -> None:
    path = str(tmp_path / "new" / "x.lock")
    let_go = threading.Event()
    waits: list[None] = []

    def wait() -> None:
        waits.append(None)
        let_go.set()
        first_left.wait(10)

    first_left = threading.Event()
    order: list[str] = []

    def second() -> None:
        with exclusive(path, wait, remove=remove):
            order.append("second")

    thread = threading.Thread(target=second)
    with exclusive(path, give_up, remove=remove) as file:
        file.write("kept")
        thread.start()
        assert let_go.wait(10)
        order.append("first")
    first_left.set()
    thread.join(10)
    assert order == ["first", "second"]
    assert waits
    assert pathlib.Path(path).exists() is not remove


def test_whoever_waits_may_give_up(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "x.lock")
    with exclusive(path, give_up), pytest.raises(GaveUp), exclusive(path, give_up):
        pass
    with exclusive(path, give_up):
        pass


def test_a_holder_that_was_killed_is_none(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "x.lock")
    hold = f"import fcntl, sys; f = open({path!r}, 'w'); fcntl.flock(f, 2); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(GaveUp), exclusive(path, give_up):
            pass
        holder.kill()
        holder.wait(10)
        with exclusive(path, give_up):
            pass


def test_a_link_in_place_of_the_file_is_not_followed(tmp_path: pathlib.Path) -> None:
    (tmp_path / "x.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError), exclusive(str(tmp_path / "x.lock"), give_up):
        pass
    assert not (tmp_path / "elsewhere").exists()
