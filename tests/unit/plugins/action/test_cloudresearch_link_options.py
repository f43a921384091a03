# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that cannot be right are refused in plain words before anything is sent."""

from __future__ import annotations

import pathlib
import typing as t

import pytest

from ansible_collections.labops.cloudresearch.plugins.action import cloudresearch_link
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link import options as link_options
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.wording import Wording

KEY = "AKIAIOSFODNN7LAB0001"


def run(directory: pathlib.Path, check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
    # An address that nothing listens at: whatever gets past the checks fails to connect.
    defaults = {name: spec.get("default") for name, spec in link_options.ARGUMENT_SPEC.items()}
    given = {
        **defaults,
        "portal_url": "http://127.0.0.1:9",
        "email": "pi@uni.example",
        "password": "correct horse",
        "access_key_id": KEY,
        "secret_access_key": "s3cret",
        "state_dir": str(directory / "state"),
        "timeout": 3,
        **options,
    }
    return cloudresearch_link._act_on_link(given, check_mode, lambda _text: None)


BAD: dict[str, tuple[dict[str, t.Any], str]] = {
    "empty password": ({"password": ""}, "password is empty"),
    "no address": ({"email": " "}, "email is empty"),
    "http": ({"portal_url": "http://app.cloudresearch.com"}, "not encrypted"),
    "malformed key": ({"access_key_id": "AKIA123"}, "access_key_id"),
    "temporary key": ({"access_key_id": "ASIAIOSFODNN7LAB0001"}, "access_key_id"),
    "secret in the place of the id": ({"access_key_id": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}, "access_key_id"),
    "no key": ({"access_key_id": None}, "access_key_id is missing"),
    "no secret": ({"secret_access_key": ""}, "secret_access_key is missing"),
    "malformed record": ({"recorded_access_key_id": "x"}, "recorded_access_key_id"),
    "unknown wording": ({"portal": {"link_pag": "x"}}, "Did you mean link_page"),
    "empty wording": ({"portal": {"link_page": []}}, "empty"),
    "wording of the wrong kind": ({"portal": {"link_page": {"a": 1}}}, "list of texts"),
    "no host": ({"trusted_hosts": ["https://x.example"]}, "trusted_hosts"),
    "no time": ({"timeout": 0}, "timeout"),
    "negative pace": ({"pace": -1.0}, "pace"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_options(name: str, tmp_path: pathlib.Path) -> None:
    options, told = BAD[name]
    with pytest.raises(CollectionError, match=told) as caught:
        run(tmp_path, **options)
    assert caught.value.next_step
    assert caught.value.reason == ""
    assert "bPxRfiCY" not in repr(caught.value.as_result())


def test_an_unknown_wording_is_answered_with_all_that_there_are(tmp_path: pathlib.Path) -> None:
    with pytest.raises(CollectionError) as caught:
        run(tmp_path, portal={"nonsense": "x"})
    assert all(name in caught.value.next_step for name in Wording._fields)


def test_nothing_of_a_key_is_needed_to_look_in_check_mode(tmp_path: pathlib.Path) -> None:
    with pytest.raises(CollectionError) as caught:
        run(tmp_path, check_mode=True, access_key_id=None, secret_access_key=None)
    assert caught.value.reason == "portal_unavailable"


def test_the_manual_driver_says_where_and_what_but_not_the_secret(tmp_path: pathlib.Path) -> None:
    done = run(tmp_path, driver="manual", password="", secret_access_key="hunter2hunter2")
    assert done["changed"] is False
    assert done["waiting_for_person"] is True
    assert done["link"]["status"] == "unknown"
    for part in ("http://127.0.0.1:9", "pi@uni.example", "Link Mechanical Turk", KEY, "show it in no task"):
        assert part in done["next_step"]
    assert "hunter2" not in repr(done)


def test_the_manual_driver_takes_the_record_and_the_use_as_evidence(tmp_path: pathlib.Path) -> None:
    recorded = run(tmp_path, driver="manual", password="", recorded_access_key_id=KEY)
    assert recorded["link"] == {**recorded["link"], "status": "linked", "evidence": "record"}
    used = run(tmp_path, driver="manual", password="", key_used_by_portal=True)
    assert used["link"] == {**used["link"], "status": "linked", "evidence": "key_use"}
    assert not recorded["changed"]
