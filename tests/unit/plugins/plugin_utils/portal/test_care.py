# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may be given a secret, what is remembered of a refusal, and how a fleet keeps its pace."""

from __future__ import annotations

import json
import pathlib
import stat
import threading
import time
import typing as t

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.base import Deadline
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.settings import (
    PortalAccount,
    PortalSettings,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.snapshots import (
    BLOT,
    blotted_page,
    without_secrets,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.drivers.trust import Trust
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.errors import (
    AnswerLost,
    PortalError,
    Reason,
    SettingsError,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link import by_hand
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.session.authenticator import Authenticator
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.session.journal import Journal
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.session.stops import attempts_left

HOME = "https://app.cloudresearch.com"


@pytest.mark.parametrize(
    ("portal", "listed", "address", "trusted"),
    [
        (HOME, (), "https://app.cloudresearch.com/Account/Login", True),
        (HOME, (), "https://login.cloudresearch.com/x", True),
        (HOME, (), "https://cloudresearch.com", True),
        (HOME, (), "https://app.cloudresearch.com:8443/", True),
        (HOME, (), "https://cloudresearch.com.evil.example/", False),
        (HOME, (), "https://evilcloudresearch.com/", False),
        (HOME, (), "https://cloudresearch.com@evil.example/", False),
        (HOME, (), "http://app.cloudresearch.com/", False),
        (HOME, (), "http://localhost/", False),
        (HOME, (), "https://login.vendor.example/", False),
        (HOME, ("login.vendor.example",), "https://login.vendor.example/x", True),
        (HOME, ("LOGIN.vendor.example",), "https://login.Vendor.example/x", True),
        (HOME, ("login.vendor.example",), "http://login.vendor.example/x", False),
        (HOME, ("login.vendor.example",), "https://other.vendor.example/", False),
        (HOME, ("*.vendor.example",), "https://login.vendor.example/", True),
        (HOME, ("*.vendor.example",), "https://vendor.example/", False),
        (HOME, ("login.vendor.example:8443",), "https://login.vendor.example:8443/", True),
        (HOME, ("login.vendor.example:8443",), "https://login.vendor.example/", False),
        (HOME, (), "javascript:alert(1)", False),
        (HOME, (), "https://[broken", False),
        ("https://portal.uni.example", (), "https://login.uni.example/", False),
        ("https://portal.uni.example", (), "https://cloudresearch.com/", False),
        ("http://127.0.0.1:8000", (), "http://localhost:9000/", True),
        ("http://127.0.0.1:8000", (), "http://[::1]:9000/", True),
        ("http://127.0.0.1:8000", (), "http://127.0.0.2:9000/", False),
        ("http://127.0.0.1:8000", (), "http://evil.example/", False),
        ("http://127.0.0.1:8000", ("127.0.0.2",), "http://127.0.0.2:9000/", True),
    ],
)
def test_trust(portal: str, listed: tuple[str, ...], address: str, trusted: bool) -> None:
    assert Trust.of(portal, listed).trusts(address) is trusted


@pytest.mark.parametrize(
    "portal",
    [
        "http://app.cloudresearch.com",
        "ftp://x.example",
        "app.cloudresearch.com",
        "",
        "https://u:p@x.example",
        "http://localhost.evil.example",
        "https://x:port",
    ],
)
def test_portal_addresses_that_are_refused_before_anything_is_sent(portal: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Trust.of(portal)
    assert caught.value.next_step


@pytest.mark.parametrize("entry", ["https://x.example", "*", "x.example/path", "", "a b"])
def test_entries_that_are_no_hosts_are_refused(entry: str) -> None:
    with pytest.raises(SettingsError):
        Trust.of(HOME, [entry])


def test_an_unlisted_site_is_named_with_the_option_that_would_list_it() -> None:
    with pytest.raises(PortalError) as caught:
        Trust.of(HOME).require("https://login.vendor.example/a?token=secret", "password")
    assert 'trusted_hosts: ["login.vendor.example"]' in caught.value.next_step
    assert "token" not in str(caught.value)


class Clock:
    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


def journal(directory: pathlib.Path, clock: t.Callable[[], float], password: str = "wrong", **more: t.Any) -> Journal:
    settings = PortalSettings.from_params({"state_dir": str(directory / "state"), "pace": 0, **more})
    return Journal(settings, PortalAccount("pi@uni.example", password, "JBSWY3DPEHPK3PXP"), clock)


def refuse(one: Journal, reason: str = "login_failed", left: int | None = None) -> None:
    with one.held(Deadline(1)):
        one.refused(reason, left)


def check(one: Journal) -> None:
    with one.held(Deadline(1)):
        one.check()


@pytest.mark.parametrize("wrong", ["x", ["x", None, {}], {"a": 1}, 7])
def test_a_damaged_memory_of_mistakes_keeps_nobody_from_signing_in(tmp_path: pathlib.Path, wrong: t.Any) -> None:
    one = journal(tmp_path, Clock())
    one.path.parent.mkdir()
    one.path.write_text(json.dumps({"wrong": wrong}))
    check(one)


def test_what_is_no_address_is_refused_and_not_shown() -> None:
    with pytest.raises(SettingsError, match="does not hold an e-mail address") as caught:
        PortalAccount("a password in the wrong place", "pi@uni.example")
    assert "wrong place" not in repr(caught.value.as_result())


def test_a_refused_password_is_not_tried_again_and_a_new_one_is(tmp_path: pathlib.Path) -> None:
    clock = Clock()
    refuse(journal(tmp_path, clock))
    clock.now += 30 * 86400
    with pytest.raises(PortalError, match="not tried again") as caught:
        check(journal(tmp_path, clock))
    assert caught.value.reason == "login_failed"
    check(journal(tmp_path, clock, "another"))


def send(one: Journal, end: BaseException | None = None) -> None:
    with one.held(Deadline(1)):
        one.check()
        one.sending_password()
        if end:
            raise end


@pytest.mark.parametrize("end", [KeyboardInterrupt(), AnswerLost(Reason.TIMEOUT, "Nothing came.", next_step="Wait.")])
def test_a_run_that_was_killed_or_got_no_answer_leaves_one_more_try(tmp_path: pathlib.Path, end: BaseException) -> None:
    clock = Clock()
    for _number in range(2):
        with pytest.raises(type(end)):
            send(journal(tmp_path, clock), end)
    with pytest.raises(PortalError, match="not tried again"):
        check(journal(tmp_path, clock))


@pytest.mark.parametrize("end", [None, RuntimeError()])
def test_a_run_that_comes_to_its_end_leaves_none(tmp_path: pathlib.Path, end: Exception | None) -> None:
    clock = Clock()
    if end:
        with pytest.raises(RuntimeError):
            send(journal(tmp_path, clock), end)
    else:
        send(journal(tmp_path, clock))
    with pytest.raises(PortalError, match="not tried again"):
        check(journal(tmp_path, clock))


def test_accepted_credentials_forget_the_refusal(tmp_path: pathlib.Path) -> None:
    clock = Clock()
    one = journal(tmp_path, clock)
    refuse(one)
    with one.held(Deadline(1)):
        one.accepted()
    check(one)


def test_three_different_passwords_within_an_hour_are_enough(tmp_path: pathlib.Path) -> None:
    clock = Clock()
    for number in range(3):
        refuse(journal(tmp_path, clock, f"guess {number}"))
    with pytest.raises(PortalError, match="lock"):
        check(journal(tmp_path, clock, "guess 4"))
    clock.now += 3601
    check(journal(tmp_path, clock, "guess 4"))


def test_the_portals_own_count_of_attempts_is_heeded(tmp_path: pathlib.Path) -> None:
    clock = Clock()
    refuse(journal(tmp_path, clock), left=1)
    with pytest.raises(PortalError, match="1 attempt is left"):
        check(journal(tmp_path, clock, "another"))


def test_a_refused_code_is_forgiven_after_a_while_because_clocks_get_repaired(tmp_path: pathlib.Path) -> None:
    clock = Clock()
    refuse(journal(tmp_path, clock), "second_factor_failed")
    with pytest.raises(PortalError):
        check(journal(tmp_path, clock))
    clock.now += 901
    check(journal(tmp_path, clock))


def test_the_files_hold_no_secret_and_are_the_owners_alone(tmp_path: pathlib.Path) -> None:
    one = journal(tmp_path, Clock(), "hunter2hunter2")
    refuse(one)
    for path in (tmp_path / "state").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert "hunter2" not in path.read_text()
        assert "uni.example" not in path.name + path.read_text()
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


def test_a_broken_file_is_no_obstacle(tmp_path: pathlib.Path) -> None:
    one = journal(tmp_path, Clock())
    refuse(one)
    one.path.write_text("{broken")
    check(one)


def test_a_state_directory_that_cannot_be_used_is_told(tmp_path: pathlib.Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(CollectionError, match="state_dir"):
        check(journal(tmp_path, Clock()))


def test_two_runs_on_one_account_take_turns(tmp_path: pathlib.Path) -> None:
    first, second = journal(tmp_path, Clock()), journal(tmp_path, Clock())
    with first.held(Deadline(1)), pytest.raises(PortalError) as caught, second.held(Deadline(0.1)):
        pass
    assert caught.value.reason == "timeout"


def test_sign_ins_of_a_fleet_are_spaced(tmp_path: pathlib.Path) -> None:
    moments: list[float] = []

    def run() -> None:
        journal(tmp_path, time.time, pace=0.05).take_turn(Deadline(5))
        moments.append(time.time())

    threads = [threading.Thread(target=run) for _number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    moments.sort()
    assert moments[-1] - moments[0] >= 0.24


def test_what_the_portal_asks_of_one_holds_for_all(tmp_path: pathlib.Path) -> None:
    journal(tmp_path, time.time).slow_down(0.3)
    start = time.monotonic()
    journal(tmp_path, time.time, "other").take_turn(Deadline(5))
    assert time.monotonic() - start >= 0.25


# RFC 6238, appendix B, cut to six digits.
@pytest.mark.parametrize(
    ("moment", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_codes_are_those_of_the_standard(moment: int, code: str) -> None:
    authenticator = Authenticator("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", lambda: float(moment))
    assert authenticator.code(authenticator.step()) == code


@pytest.mark.parametrize(
    "secret",
    [
        "jbsw y3dp ehpk 3pxp",
        "JBSW-Y3DP-EHPK-3PXP",
        "JBSWY3DPEHPK3PXP====",
        "otpauth://totp/CR:pi?secret=JBSWY3DPEHPK3PXP&issuer=CR",
    ],
)
def test_secrets_are_taken_as_people_keep_them(secret: str) -> None:
    assert Authenticator(secret).code(1) == Authenticator("JBSWY3DPEHPK3PXP").code(1)


@pytest.mark.parametrize(
    "secret", ["", "not base32!", "otpauth://totp/x", "otpauth://totp/x?secret=JBSWY3DPEHPK3PXP&algorithm=MD5", "1890"]
)
def test_other_texts_are_refused_without_being_quoted(secret: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Authenticator(secret)
    assert not secret or secret not in str(caught.value)


def test_the_neighbouring_code() -> None:
    clock = Clock()
    clock.now = 30 * 1000 + 3
    authenticator = Authenticator("JBSWY3DPEHPK3PXP", clock)
    assert authenticator.first_step(0) == 1000
    assert authenticator.first_step(1000) == 1001
    assert authenticator.neighbour(1000, None) == 999
    assert authenticator.neighbour(1000, 60.0) == 1001
    clock.now += 24
    assert authenticator.neighbour(1000, None) == 1001
    assert authenticator.neighbour(1000, -60.0) == 999
    clock.now += 5
    assert authenticator.neighbour(1000, None) == 1001


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("You have 2 attempts left.", 2),
        ("1 attempt remaining before your account is locked", 1),
        ("One more try left", 1),
        ("Attempts remaining: 3", 3),
        ("No attempts left", 0),
        ("After 5 attempts your account will be locked", None),
        ("Failed attempts: 1 of 5.", 4),
    ],
)
def test_attempts_left_are_read(text: str, left: int | None) -> None:
    assert attempts_left([text]) == left


def test_line_breaks_at_the_end_are_no_part_of_a_value_and_are_told() -> None:
    kept = PortalAccount("pi@uni.example\n", "correct horse \r\n", "JBSWY3DPEHPK3PXP\n")
    assert (kept.email, kept.password, kept.totp_secret) == ("pi@uni.example", "correct horse ", "JBSWY3DPEHPK3PXP")
    assert [text.split()[2] for text in kept.warnings] == ["email", "password", "totp_secret"]
    assert "correct" not in repr(kept.warnings)
    assert PortalAccount("pi@uni.example", "correct horse ").warnings == ()


def test_the_secret_is_shown_by_the_stores_own_command_and_in_no_task() -> None:
    command = "ansible-vault view --vault-id=default@prompt '/srv/lab keys/lab-01.yml'"
    settings = PortalSettings.from_params({"driver": "manual"}, read_secret=command)
    text = by_hand.instructions(settings, PortalAccount("pi@uni.example"), "AKIAIOSFODNN7LABWXYZ")
    # At the end of the text, so that it can be marked and pasted.
    assert text.endswith(f": {command}")
    assert "debug" not in text


HIDDEN_PLACES = {
    "CDATA": "<p><![CDATA[{secret}]]>seen</p>",
    "document type": "<!DOCTYPE {secret}><p>seen</p>",
    "declaration": "<!ENTITY {secret}><p>seen</p>",
    "processing instruction": "<?{secret} x?><p>seen</p>",
    "comment": "<!-- {secret} --><p>seen</p>",
    "attribute's name": "<p {secret}='1'>seen</p>",
    "name of a data attribute": "<p data-{secret}='1'>seen</p>",
    "element's name": "<x-{secret}>seen</x-{secret}>",
    "known attribute's value": "<p title='{secret}'>seen</p>",
    "unknown attribute's value": "<p data-x='{secret}'>seen</p>",
    "text": "<p>{secret} seen</p>",
}


@pytest.mark.parametrize("place", HIDDEN_PLACES)
def test_a_snapshot_has_no_secret_in_any_place(place: str) -> None:
    for secret in ("Corr3ct-horse", "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEYxx"):
        kept = blotted_page(f"<html><body>{HIDDEN_PLACES[place].format(secret=secret)}</body></html>", [secret])
        assert secret.casefold() not in kept.casefold(), kept
        assert "seen" in kept


def test_a_secret_in_pieces_leaves_nothing_of_a_page() -> None:
    page = "<p>seen</p><b>Corr3</b><i>ct-</i>\n<b>horse</b><p>seen</p>"
    assert blotted_page(page, ["Corr3ct-horse"]) == f"<p>{BLOT}</p>"
    assert "horse" in blotted_page(page, ["another"])


@pytest.mark.parametrize(
    ("secret", "written"),
    [
        ("correct  horse", "It was correct horse."),
        ("correct horse", "It was CORRECT\n HORSE."),
        ("correct horse", "It was https://x.example/correct-horse."),
        ("c0rrect/h+rse", "It was https://x.example/c0rrect%2Fh%2Brse."),
        ("c0rrect horse", "It was YzBycmVjdCBob3JzZQ."),
        ("\ufb01nal-\uff30ass", "It was final-Pass."),
        ("\ufb01nal-\uff30ass", "It was \ufb01nal-\uff30ass."),
        ('a"b\u00e9', 'It was a\\"b\\u00e9.'),
    ],
)
def test_a_secret_is_taken_out_however_it_is_spelled(secret: str, written: str) -> None:
    assert without_secrets(written, ["", "other", secret]) in (
        f"It was {BLOT}.",
        f"It was https://x.example/{BLOT}.",
    )
    assert without_secrets("It was fine.", [secret]) == "It was fine."


def test_a_snapshot_keeps_what_shows_how_a_page_is_built() -> None:
    page = (
        "<div data-app-destination='Connect'><input id='Email' type='email' value='x'>"
        "<a href='/Account?id=1'>Log in</a></div>"
    )
    kept = blotted_page(page, ["a secret"])
    for part in ("data-app-destination", 'id="Email"', 'type="email"', 'href="/Account?', "Log in"):
        assert part in kept, kept
    assert "Connect" not in kept and 'value="x"' not in kept
