# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything is run as loudly as Ansible can be; then every file and the process list are searched for every secret."""

from __future__ import annotations

import contextlib
import os
import pathlib
import threading
import typing as t
import urllib.parse

import pytest

from tests.fleet import Fleet

pytestmark = pytest.mark.timeout(600)


def content(path: str) -> bytes:
    """What is in a file; V(open) alone, since it is asked thousands of times."""
    with open(path, "rb") as file:
        return file.read()


class ProcessWatch(threading.Thread):
    """Keeps every command line and every environment that shows up while it runs."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[bytes] = set()
        # What runs before is nothing of ours, and there may be much of it.
        self._others = set(os.listdir("/proc"))
        self.environments: set[bytes] = set()
        self._ended = threading.Event()

    def run(self) -> None:
        """Look again and again."""
        while not self._ended.wait(0.03):
            for name in set(os.listdir("/proc")) - self._others:
                if name.isdigit():
                    with contextlib.suppress(OSError):
                        self.seen.add(content(f"/proc/{name}/cmdline"))
                        self.environments.add(content(f"/proc/{name}/environ"))

    def end(self) -> set[bytes]:
        """Stop looking."""
        self._ended.set()
        self.join()
        return self.seen


def secrets_of(fleet: Fleet) -> dict[str, str]:
    """Every secret that the doubles ever issued or were given, except the ops side's own, by a word on what it is."""
    found = {}
    for kind, values in fleet.simulator.control.issued_secrets().items():
        for value in values:
            if value and value != fleet.simulator.ops_secret_key:
                found[value] = kind
    return found


def forms_of(secret: str) -> set[bytes]:
    """How a secret could be written down."""
    return {secret.encode(), urllib.parse.quote(secret, safe="").encode(), urllib.parse.quote_plus(secret).encode()}


def leaks(secrets: t.Mapping[str, str], texts: t.Iterable[tuple[str, bytes]]) -> list[tuple[str, str]]:
    """Where which kind of secret was found."""
    needles = [(kind, form) for secret, kind in secrets.items() for form in forms_of(secret)]
    return [(where, kind) for where, text in texts for kind, form in needles if form in text]


def files_below(directory: pathlib.Path, *, but: t.Container[pathlib.Path]) -> t.Iterator[tuple[str, bytes]]:
    """Every file, except those that the test itself wrote the passwords into."""
    for path in directory.rglob("*"):
        if path.is_file() and path not in but:
            yield str(path), path.read_bytes()


def test_no_secret_is_anywhere_but_in_the_store(fleet: Fleet, tmp_path: pathlib.Path) -> None:
    control = fleet.simulator.control
    fleet.add("good")
    # Not the one that is rotated: a code is good for one sign-in, and the next one takes half a minute to come.
    fleet.add("second-factor", totp_secret=True)
    fleet.add("unlinked", requester_linked=("sandbox",))
    fleet.add("wrong-password")
    wrong = "a wrong pass-word that nobody may see"
    fleet.hosts["wrong-password"]["lab_account_cloudresearch_password"] = wrong
    fleet.add("hand-made", portal=False)
    control.create_user("hand-made", "cloudresearch-mturk")
    control.create_access_key("hand-made", "cloudresearch-mturk")
    fleet.variables["lab_account_portal_options"]["snapshot_dir"] = str(tmp_path / "snapshots")

    loud = {
        "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
        "ANSIBLE_DEBUG": "1",
        "ANSIBLE_LOG_PATH": str(tmp_path / "ansible.log"),
        "ANSIBLE_KEEP_REMOTE_FILES": "1",
        "ANSIBLE_REMOTE_TEMP": str(tmp_path / "remote-tmp"),
        "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local-tmp"),
        "TMPDIR": str(tmp_path / "tmp"),
        "ANSIBLE_CACHE_PLUGIN": "ansible.builtin.jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(tmp_path / "facts"),
        "ANSIBLE_INJECT_FACT_VARS": "true",
        # Whoever becomes somebody is given what to run, options included, in a file. Nothing of ours does.
        "ANSIBLE_BECOME": "true",
        "ANSIBLE_BECOME_METHOD": "labops.nobody.becomes_this",
    }
    (tmp_path / "tmp").mkdir()
    # Ansible writes a page to its debug log each time that it looks for results.
    (tmp_path / "ansible.cfg").write_text("[defaults]\ninternal_poll_interval = 0.05\n")
    watch = ProcessWatch()
    watch.start()
    printed = []
    report = ("-e", f"fleet_report_directory={tmp_path / 'reports'}")
    for number, (playbook, arguments, stdout) in enumerate(
        [
            ("onboard", ("--check",), "ansible.builtin.default"),
            ("onboard", (), "ansible.builtin.default"),
            ("audit", ("-e", "lab_account_link_check=page"), "ansible.posix.json"),
            ("rotate", ("--limit", "good"), "labops.cloudresearch.fleet_progress"),
            ("retire", ("-e", "retire_confirm=5"), "ansible.builtin.default"),
        ]
    ):
        run = fleet.run(playbook, "-vvvvv", "--diff", *report, *arguments, ANSIBLE_STDOUT_CALLBACK=stdout, **loud)
        assert "cannot become" not in " ".join(outcome["message"] for outcome in run.outcomes.values()), run.output
        well = {run.outcomes[lab]["state"] for lab in ("good", "second-factor") if lab in run.outcomes}
        assert well and not well & {"failed", "unknown"}, run.output
        printed.append((f"output of run {number} ({playbook})", run.output.encode()))
        printed.append((f"outcomes of run {number}", (fleet.directory / "results.json").read_bytes()))
    processes = watch.end()

    secrets = {**secrets_of(fleet), wrong: "a wrong password"}
    kinds = set(secrets.values())
    assert len(secrets) > 10, kinds
    # What a person has to type in is in the inventory, and nowhere else.
    own = {fleet.inventory, fleet.vault_password}
    texts = [
        *printed,
        *files_below(tmp_path, but=own),
        *((f"process {line[:80]!r}", line) for line in processes),
    ]
    # A program in a lab's account has that account's session for a while, and nothing that lasts.
    lasting = {secret: kind for secret, kind in secrets.items() if not kind.startswith("session_")}
    assert not leaks(lasting, [("an environment", text) for text in watch.environments])
    assert any("snapshots" in where for where, _text in texts)
    assert not any(b"lab_account_outcome" in text for where, text in texts if "/facts/" in where)
    assert any("reports" in where for where, _text in texts)
    assert not leaks(secrets, texts)
    for path in fleet.store.rglob("*"):
        if path.is_file():
            assert path.stat().st_mode & 0o077 == 0, path


def test_the_search_finds_what_is_there(fleet: Fleet, tmp_path: pathlib.Path) -> None:
    lab = fleet.add("lab-01")
    (tmp_path / "leak.txt").write_text(f"...{lab['password']}...")
    assert leaks(secrets_of(fleet), files_below(tmp_path, but=()))
