# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pathlib
import re

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError


def test_an_error_reads_on_its_own_and_in_parts() -> None:
    error = CollectionError(
        "It broke.", next_step="Mend it.", reason="broken", step="link", details={"error_code": "E1"}
    )
    assert str(error) == error.message == "It broke."
    assert error.as_result() == {
        "msg": "It broke. Next step: Mend it.",
        "reason": "broken",
        "step": "link",
        "next_step": "Mend it.",
        "error_code": "E1",
    }


def test_without_a_next_step_the_message_is_left_as_it_is() -> None:
    assert CollectionError("It broke.").as_result()["msg"] == "It broke."


def test_details_cannot_hide_the_message() -> None:
    assert (
        CollectionError("It broke.", details={"msg": "all is well", "reason": "none"}).as_result()["msg"] == "It broke."
    )


def test_details_are_the_errors_own() -> None:
    details = {"error_code": "E1"}
    error = CollectionError("It broke.", details=details)
    details["error_code"] = "E2"
    assert error.as_result()["error_code"] == "E1"


def test_what_others_said_cannot_command_the_terminal() -> None:
    hostile = "\x1b]0;owned\x07\x1b[2Jfine\u202e\x9b1m"
    error = CollectionError(
        f"It said {hostile}.", next_step=f"Ask {hostile}.", details={"found": [hostile, {hostile: (hostile, 7)}]}
    )
    result = error.as_result()
    assert str(error) == error.message == "It said fine." and error.next_step == "Ask fine."
    assert result["found"] == ["fine", {"fine": ("fine", 7)}]
    assert result["msg"] == "It said fine. Next step: Ask fine."


def test_the_guide_explains_every_reason() -> None:
    root = pathlib.Path(__file__).resolve().parents[5]
    guide = (root / "docs" / "docsite" / "rst" / "guide_troubleshooting.rst").read_text()
    sources = [path.read_text() for path in (root / "plugins").rglob("*.py")]
    written = re.compile(r"""(?:\breason=|\bStop\()\s*"(\w+)\"""")
    reasons = {reason for text in sources for reason in written.findall(text)}
    assert len(reasons) > 20
    assert sorted(reason for reason in reasons if f"``{reason}``" not in guide) == []
