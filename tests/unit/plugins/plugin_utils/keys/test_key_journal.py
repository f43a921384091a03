# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each change of a key is on disk as soon as AWS has confirmed it, whatever becomes of the run."""

from __future__ import annotations

import errno
import json
import os
import pathlib
import stat
import tempfile
import typing as t

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base import limited_answers
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys import journal
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.changes import Journal
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.lifecycle import KeyLifecycle
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.looking import KeyObserver
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.keys.situation import (
    KeyRequest,
    KeyState,
    LinkKnowledge,
)
from ansible_collections.labops.cloudresearch.tests.unit.plugins.plugin_utils.keys.key_world import (
    LAB,
    USER,
    Connection,
    Killed,
    Store,
    World,
    converge,
    prover,
)


@pytest.mark.parametrize("read", [False, True], ids=["nobody reads", "somebody reads"])
def test_nothing_is_changed_where_a_named_pipe_is_the_journal(read: bool, tmp_path: pathlib.Path) -> None:
    """It would keep the lab waiting, or take the evidence away."""
    pipe = tmp_path / journal.NAME
    os.mkfifo(pipe, 0o600)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK) if read else None
    try:
        with pytest.raises(CollectionError) as caught:
            limited_answers.in_time(journal.ChangeJournal(tmp_path).require, 20)
        assert caught.value.reason == "journal_unwritable"
    finally:
        if reader is not None:
            os.close(reader)


def lifecycle(world: World, state: KeyState, noting: Journal, store: Store | None = None) -> KeyLifecycle:
    return KeyLifecycle(
        KeyObserver(
            t.cast(t.Any, Connection(world)),
            t.cast(t.Any, store or Store(world)),
            lab=LAB,
            user_name=USER,
            request=KeyRequest(state=state),
            link=LinkKnowledge(),
        ),
        prove=prover(world),
        journal=noting,
    )


def retirement(world: World, directory: pathlib.Path) -> KeyLifecycle:
    world.retiring = True
    return lifecycle(world, KeyState.ABSENT, journal.ChangeJournal(directory))


def linked_lab() -> World:
    world = World()
    converge(world)
    return world


def noted(directory: pathlib.Path) -> list[dict[str, object]]:
    return journal.changes_in(journal.content(directory))


def test_the_journal_has_what_the_outcome_has(tmp_path: pathlib.Path) -> None:
    directory = tmp_path / "reports"
    outcome = retirement(linked_lab(), directory).run()
    assert noted(directory) == json.loads(json.dumps(outcome.changes))
    assert stat.S_IMODE((directory / journal.NAME).stat().st_mode) == 0o600


def test_a_run_that_is_killed_leaves_what_it_did(tmp_path: pathlib.Path) -> None:
    world = linked_lab()

    def kill(name: str, done: bool) -> None:
        if name == "delete_access_key" and not done:
            raise Killed

    world.hook = kill
    with pytest.raises(Killed):
        retirement(world, tmp_path).run()
    assert [change["action"] for change in noted(tmp_path)] == ["deactivated"]


def test_nothing_is_changed_where_it_could_not_be_noted(tmp_path: pathlib.Path) -> None:
    world = linked_lab()
    (tmp_path / "reports").write_text("in the way")
    with pytest.raises(CollectionError, match=r"cannot be written.*nothing is changed"):
        retirement(world, tmp_path / "reports").run()
    assert [key.active for key in world.keys.values()] == [True]


def test_no_key_is_created_where_it_could_not_be_noted(tmp_path: pathlib.Path) -> None:
    world = linked_lab()
    before = set(world.keys)
    (tmp_path / "reports").write_text("in the way")
    with pytest.raises(CollectionError, match=r"cannot be written.*nothing is changed"):
        lifecycle(world, KeyState.ROTATED, journal.ChangeJournal(tmp_path / "reports")).run()
    assert set(world.keys) == before


def test_a_disk_that_is_full_after_the_creation_keeps_no_key_that_nobody_stored(tmp_path: pathlib.Path) -> None:
    """Store and journal can be on the same disk."""
    world = linked_lab()
    before = set(world.keys)
    noting = journal.ChangeJournal(tmp_path)

    class FullStore(Store):
        def put(self, record: t.Any, after: t.Any) -> t.Any:
            if set(world.keys) == before:
                return super().put(record, after)
            # A file where the journal's directory was: nothing can be noted any more, either.
            (tmp_path / journal.NAME).unlink(missing_ok=True)
            (tmp_path / journal.NAME).mkdir()
            raise CollectionError("No space left on device.", next_step="Free some.", reason="store_unavailable")

    with pytest.raises(CollectionError, match=r"No space left.*was deleted again"):
        lifecycle(world, KeyState.ROTATED, noting, FullStore(world)).run()
    assert set(world.keys) == before


def test_nobody_leads_the_journal_elsewhere(tmp_path: pathlib.Path) -> None:
    (tmp_path / journal.NAME).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CollectionError, match="cannot be written"):
        journal.ChangeJournal(tmp_path).require()
    assert not (tmp_path / "elsewhere").exists()


def test_half_a_line_and_other_texts_are_no_changes() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    assert journal.changes_in(b'{"action": "deleted"}\n' + deep + b'\n[1]\n\xff\n\n{"action": "dele') == [
        {"action": "deleted"}
    ]


def test_where_nothing_was_changed_there_is_no_journal(tmp_path: pathlib.Path) -> None:
    assert retirement(linked_lab(), tmp_path).predict().actions
    assert journal.content(tmp_path) == b"" and not list(tmp_path.iterdir())


@pytest.mark.parametrize(("problem", "refused"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EACCES, False)])
def test_on_a_full_disk_nothing_is_changed(
    problem: int, refused: bool, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty journal can be opened there; what is added to it would be lost."""

    def no_room(**_options: t.Any) -> t.NoReturn:
        raise OSError(problem, os.strerror(problem))

    journal.ChangeJournal(tmp_path).require()
    assert [path.name for path in tmp_path.iterdir()] == [journal.NAME]
    monkeypatch.setattr(tempfile, "TemporaryFile", no_room)
    if not refused:
        # Who may write nothing but the journal may write that.
        journal.ChangeJournal(tmp_path).require()
        return
    with pytest.raises(CollectionError) as caught:
        journal.ChangeJournal(tmp_path).require()
    assert caught.value.reason == "journal_unwritable" and "Free some space" in caught.value.next_step


def test_a_file_in_place_of_the_journals_directory_is_told(tmp_path: pathlib.Path) -> None:
    (tmp_path / "reports").touch()
    with pytest.raises(CollectionError, match="Not a directory") as caught:
        journal.content(tmp_path / "reports")
    assert "another directory" in caught.value.next_step
