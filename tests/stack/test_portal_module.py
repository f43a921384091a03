# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as Ansible runs it, against the double: results, secrets, the second factor's clock, the person."""

from __future__ import annotations

import base64
import os
import pathlib
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultSecret

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link import account_link as link
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store import open_store
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.store.record import LabRecord, StoredKey
from tests.simulator.portal import PortalServer, PortalState, serve_portal
from tests.stack.ansible_tasks import ansible_bin, run_tasks
from tests.stack.portal_site import BAD_KEY, CHROMIUM, KEY, OTHER_KEY, PASSWORD, SECRET, TOTP, Lab, verify


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[PortalState, PortalServer]]:
    state = PortalState(verify_key=verify)
    with serve_portal(state) as portal:
        yield state, portal


@pytest.fixture
def lab(site: tuple[PortalState, PortalServer], tmp_path: pathlib.Path) -> Iterator[Lab]:
    state, portal = site
    yield Lab(state, portal, "classic", "http", tmp_path, totp=TOTP)
    state.clear_faults()


def task(site_lab: Lab, name: str = "link", check_mode: bool = False, **options: Any) -> dict[str, Any]:
    """The module as a task."""
    arguments = {
        "portal_url": site_lab.url,
        "email": site_lab.email,
        "password": PASSWORD,
        "totp_secret": TOTP,
        "access_key_id": KEY,
        "secret_access_key": SECRET,
        "state_dir": str(site_lab.directory / "state"),
        "driver": site_lab.driver,
        "browser_executable": CHROMIUM,
        "allow_unsandboxed_browser": True,
        **options,
    }
    given = {name: value for name, value in arguments.items() if value is not None}
    return {"name": name, "labops.cloudresearch.cloudresearch_link": given, "check_mode": check_mode}


def run_module(site_lab: Lab, **options: Any) -> tuple[dict[str, Any], str]:
    """The module as Ansible runs it; its result and everything that was printed."""
    arguments_of_run = ["-vvv", "--diff"]
    if "store" in options:
        arguments_of_run.append(f"--vault-id=default@{site_lab.directory / 'vault password'}")
    run = run_tasks(site_lab.directory / "run", [task(site_lab, **options)], *arguments_of_run)
    entry = run.entry("link")
    return {**entry["result"], "failed": entry["outcome"] == "failed"}, run.output


def assert_silent(lab: Lab, text: str) -> None:
    """Nothing secret of the site is in a text, in any usual spelling."""
    for secret in [*lab.state.issued_secrets(), PASSWORD, TOTP, SECRET]:
        for spelling in (secret, base64.b64encode(secret.encode()).decode()):
            assert spelling not in text


@pytest.mark.timeout(240)
def test_present_twice_then_absent(lab: Lab) -> None:
    first, said = run_module(lab)
    assert (first["changed"], first["link"]["status"], first["link"]["evidence"]) == (True, "linked", "page")
    assert first["diff"]["before"]["status"] == "not_linked"
    assert first["diff"]["after"] == {"status": "linked", "access_key_id": KEY}
    lab.wait_for_new_code()
    second, said_again = run_module(lab, recorded_access_key_id=KEY)
    assert (second["changed"], second["link"]["status"]) == (False, "linked")
    lab.wait_for_new_code()
    # A directory that knows of no code yet: else the module waits for one that it has not used.
    third, said_at_last = run_module(lab, state="absent", state_dir=str(lab.directory / "another state"))
    assert third["changed"] is False
    assert third["next_step"]
    assert_silent(lab, said + said_again + said_at_last)


def test_check_mode_looks_and_tells_what_it_recognised(lab: Lab) -> None:
    seen, said = run_module(lab, check_mode=True, access_key_id=None, secret_access_key=None)
    assert (seen["changed"], seen["link"]["status"]) == (False, "not_linked")
    assert [page["page"] for page in seen["recognised"]] == ["sign-in", "second factor", "home", "link page"]
    assert seen["recognised"][-1]["recognised"]["access_key_id_field"] == "Access Key ID"
    assert lab.submissions() == 0
    assert_silent(lab, said)


# Where it happens.
FAILURES = {
    "captcha": "password",
    "no_form": "link",
    "server_error": "password",
    "open_redirect": "submit",
    "survey": "link",
}


def test_failures_and_their_snapshots_hold_nothing_secret(
    site: tuple[PortalState, PortalServer], tmp_path: pathlib.Path
) -> None:
    state, _portal = site
    labs = {kind: Lab(*site, "classic", "http", tmp_path / kind, totp=TOTP) for kind in FAILURES}
    for kind, lab in labs.items():
        lab.directory.mkdir()
        state.inject(kind, where=FAILURES[kind], times=None, email=lab.email)
    tasks = [task(lab, kind, snapshot_dir=str(lab.directory / "pages")) for kind, lab in labs.items()]
    run = run_tasks(tmp_path / "run", tasks, "-vvv", "--diff")
    state.clear_faults()
    for kind, lab in labs.items():
        entry = run.entry(kind)
        assert entry["outcome"] == "failed", kind
        for told in ("reason", "next_step", "recognised"):
            assert entry["result"][told], (kind, told)
        kept = "".join(path.read_text() for path in (lab.directory / "pages").iterdir())
        assert "Log in" in kept, kind
        assert lab.email not in kept, kind
        assert_silent(lab, run.output + kept)


def test_a_browsers_snapshots_hold_nothing_secret(lab: Lab) -> None:
    snapshots = lab.directory / "pages"
    failed, said = run_module(lab, driver="browser", snapshot_dir=str(snapshots), access_key_id=BAD_KEY, timeout=30)
    assert failed["reason"] == "key_rejected"
    assert_silent(lab, said + "".join(path.read_text() for path in snapshots.iterdir()))


@pytest.mark.parametrize("skew", [0.0, 33.0, -33.0])
def test_a_clock_that_is_off_by_a_step_gets_the_neighbouring_code(lab: Lab, skew: float) -> None:
    with lab.state.knob(totp_window=0, totp_clock_skew=skew):
        try:
            done = lab.present()
        except Exception as exc:
            # Which neighbour is right cannot always be told from here; never more than two codes are tried.
            assert getattr(exc, "reason", "") == "second_factor_failed"
            assert skew
        else:
            assert done.link.status == "linked"
    assert lab.failed_attempts() <= 2


def test_two_runs_within_one_code_do_not_use_it_twice(lab: Lab) -> None:
    assert lab.present(check_mode=True).changed
    assert lab.present().changed
    assert lab.failed_attempts() == 0


def test_another_processes_turn_is_waited_for(site: tuple[PortalState, PortalServer], tmp_path: pathlib.Path) -> None:
    labs = [Lab(*site, "classic", "http", tmp_path) for _number in range(4)]
    start = site[0].clock()
    threads = [threading.Thread(target=lab.present, kwargs={"pace": 0.3}) for lab in labs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(lab.linked() == KEY for lab in labs)
    assert site[0].clock() - start >= 0.9


def test_a_person_pastes_the_key_while_the_manual_driver_waits(lab: Lab) -> None:
    lab.totp = None
    lab.state.add_account(lab.email, PASSWORD, rendering="classic")
    said: list[str] = []

    def person(text: str) -> None:
        said.append(text)
        lab.state.set_linked(lab.email, KEY, SECRET)

    settings = link.PortalSettings.from_params(
        {
            "portal_url": lab.url,
            "driver": "manual",
            "state_dir": str(lab.directory / "state"),
            "wait_timeout": 20,
            "wait_interval": 1,
        },
        announce=person,
    )
    done = link.ensure_present(settings, lab.account(), link.KnownKey(KEY, SECRET))
    assert (done.changed, done.link.status, done.link.evidence) == (True, "linked", "page")
    assert KEY in said[0]
    assert SECRET not in said[0]
    assert lab.submissions() == 0


def test_the_command_that_shows_the_secret_works_when_pasted_and_nothing_else_shows_it(lab: Lab) -> None:
    password = lab.directory / "vault password"
    password.write_text("the vault password\n")
    loader = DataLoader()
    loader.set_vault_secrets([("default", VaultSecret(b"the vault password"))])
    options = {"type": "ansible_vault", "directory": str(lab.directory / "lab keys")}
    store = open_store(options, loader=loader, lab_connection=lambda: None)
    key = StoredKey(access_key_id=KEY, secret_access_key=SECRET, created="2026-01-02T03:04:05Z")
    record = LabRecord(lab="lab-01", account_id="111122223333", user_name="u", current=key)
    store.put(record, after=store.get("lab-01"))
    done, said = run_module(
        lab, driver="manual", password=None, access_key_id=None, secret_access_key=None, lab="lab-01", store=options
    )
    assert done["waiting_for_person"]
    assert SECRET not in said
    _told, command = done["next_step"].split("it goes to no log: ")
    # What the person saw while the task waited is one line that can be marked whole.
    assert any(line.endswith(command) for line in said.splitlines())
    log = lab.directory / "ansible.log"
    shown = subprocess.run(
        command,
        shell=True,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={
            **os.environ,
            "PATH": f"{ansible_bin()}:{os.environ['PATH']}",
            "ANSIBLE_LOG_PATH": str(log),
        },
    ).stdout
    assert SECRET in shown
    assert not log.exists() or SECRET not in log.read_text()


def test_the_right_password_of_another_account_does_not_unlock_a_refusal(lab: Lab) -> None:
    wrong = lab.account(password="not the password", totp_secret="")
    lab.fails(account=wrong)
    attempts = lab.failed_attempts()
    lab.fails(account=wrong, state_dir=str(lab.directory / "state"))
    assert lab.failed_attempts() == attempts == 1


def test_a_foreign_key_is_reported_as_drift(lab: Lab) -> None:
    lab.state.set_linked(lab.email, OTHER_KEY)
    seen = lab.look()
    assert (seen.status, seen.access_key_id) == ("other_key", OTHER_KEY)
