# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way in which the portal can fail gets its reason and a next step, by each driver that may see it otherwise."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.errors import Reason
from tests.simulator.portal import PortalServer, PortalState, serve_portal
from tests.stack.portal_site import BAD_KEY, DRIVERS, KEY, PASSWORD, SECRET, TOTP, Lab, by_driver, verify


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[PortalState, PortalServer]]:
    state = PortalState(verify_key=verify)
    with serve_portal(state) as portal:
        yield state, portal


@pytest.fixture(params=DRIVERS)
def lab(
    request: pytest.FixtureRequest, site: tuple[PortalState, PortalServer], tmp_path: pathlib.Path
) -> Iterator[Lab]:
    state, portal = site
    browser = request.getfixturevalue("chromium") if request.param == "browser" else None
    yield Lab(state, portal, "classic", request.param, tmp_path, browser)
    state.clear_faults()


@pytest.fixture
def second_factor_lab(lab: Lab) -> Lab:
    lab.totp = TOTP
    lab.state.add_account(lab.email, PASSWORD, totp_secret=TOTP, rendering="classic")
    return lab


# For what is done about a page that was read, which is the same code for both drivers.
READ_OVER_HTTP = pytest.mark.parametrize("lab", ["http"], indirect=True)


def inject(lab: Lab, kind: str, **where: Any) -> None:
    lab.state.inject(kind, email="", **where)


@READ_OVER_HTTP
def test_wrong_password_is_tried_once_and_never_again_until_it_changes(lab: Lab) -> None:
    wrong = lab.account(password="not the password")
    error = lab.fails(account=wrong)
    assert error.reason == "login_failed"
    assert "Invalid login attempt" in error.message
    assert lab.failed_attempts() == 1
    requests = len(lab.state.requests())
    again = lab.fails(account=wrong)
    assert again.reason == "login_failed"
    assert "not tried again" in again.message
    assert len(lab.state.requests()) == requests
    assert lab.failed_attempts() == 1
    assert lab.present().link.status == "linked"


@READ_OVER_HTTP
def test_locked_account(lab: Lab) -> None:
    account = lab.state.account(lab.email)
    assert account is not None
    account.locked_until = lab.state.clock() + 900
    error = lab.fails()
    assert error.reason == "account_locked"
    assert error.next_step


@READ_OVER_HTTP
def test_second_factor_without_secret(second_factor_lab: Lab) -> None:
    error = second_factor_lab.fails(account=second_factor_lab.account(totp_secret=""))
    assert error.reason == "second_factor_required"
    assert "totp_secret" in error.next_step


@READ_OVER_HTTP
def test_wrong_second_factor_is_tried_twice_at_most(second_factor_lab: Lab) -> None:
    error = second_factor_lab.fails(account=second_factor_lab.account(totp_secret="KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU"))
    assert error.reason == "second_factor_failed"
    assert second_factor_lab.failed_attempts() == 2


DEMANDS = [
    ("code_by_email", "second_factor_required"),
    ("enrol_second_factor", "second_factor_required"),
    ("password_expired", "login_failed"),
]


@pytest.mark.parametrize(("lab", "kind", "reason"), by_driver(DEMANDS, in_browser=DEMANDS[:1]), indirect=["lab"])
def test_demands_that_only_a_person_can_meet(lab: Lab, kind: str, reason: str) -> None:
    inject(lab, kind, where="any", times=None)
    error = lab.fails()
    assert error.reason == reason, error.message
    assert lab.submissions() == 0


@pytest.mark.parametrize("kind", ["captcha", "bot_check"])
def test_captcha(lab: Lab, kind: str) -> None:
    inject(lab, kind, where="signin", times=None)
    error = lab.fails()
    assert error.reason == "captcha"
    assert "driver=manual" in error.next_step


@pytest.mark.parametrize(
    ("kind", "where"),
    [("maintenance", "signin"), ("server_error", "dashboard"), ("drop", "signin"), ("server_error", "submit")],
)
def test_portal_that_does_not_work(lab: Lab, kind: str, where: str) -> None:
    inject(lab, kind, where=where, times=None)
    error = lab.fails(timeout=20)
    assert error.reason == "portal_unavailable", error.message


def test_portal_that_cannot_be_reached(lab: Lab) -> None:
    error = lab.fails(portal_url="http://127.0.0.1:9")
    assert error.reason == "portal_unavailable"


def test_portal_that_never_answers(lab: Lab) -> None:
    inject(lab, "hang", where="signin", times=None, value=20)
    error = lab.fails(timeout=3)
    assert error.reason == "timeout"


@pytest.mark.parametrize("kind", ["self_signed", "expired", "wrong_host", "unknown_ca"])
def test_untrustworthy_certificate(lab: Lab, kind: str) -> None:
    error = lab.fails(portal_url=lab.portal.url_for("classic", tls=kind))
    # The one for another host is of an authority that nobody knows, too, and that is what is told.
    assert error.reason == "tls", error.message
    assert "Nothing was sent" in error.message


def test_rejected_key(lab: Lab) -> None:
    error = lab.fails(key=BAD_KEY, timeout=12)
    assert error.reason == "key_rejected"
    assert BAD_KEY in error.message
    assert lab.submissions() == 1
    assert lab.linked() == ""


@READ_OVER_HTTP
def test_portal_that_cannot_reach_mturk_says_nothing_about_the_key(lab: Lab) -> None:
    inject(lab, "mturk_unreachable", where="submit", times=None)
    error = lab.fails(timeout=12)
    assert error.reason == "portal_unavailable"
    assert lab.linked() == ""


CHANGES = {
    "no_menu_entry": ("link to the Mechanical Turk page", "link_page"),
    "renamed_menu_entry": ("link to the Mechanical Turk page", "link_page"),
    "no_form": ("field for the access key ID", "access_key_id_field"),
    "renamed_fields": ("field for the access key ID", "access_key_id_field"),
    "ambiguous_form": ("form with an access key's two fields", "key_form"),
}


@pytest.mark.parametrize(
    ("lab", "kind"), by_driver(CHANGES, in_browser=("renamed_menu_entry", "ambiguous_form")), indirect=["lab"]
)
def test_changed_page_is_told_with_what_would_teach_it(lab: Lab, kind: str) -> None:
    thing, setting = CHANGES[kind]
    inject(lab, kind, where="any" if "menu" in kind else "link", times=None)
    error = lab.fails()
    assert error.reason == "page_changed"
    told = error.details["page_changed"]
    assert told["thing"] == thing
    assert told["setting"] == setting
    assert told["found"]
    assert "?" not in told["address"]
    assert setting in error.next_step
    assert lab.submissions() == 0


@READ_OVER_HTTP
def test_the_words_of_a_changed_page_can_be_taught(lab: Lab) -> None:
    inject(lab, "renamed_menu_entry", times=None)
    inject(lab, "renamed_fields", times=None)
    taught = {
        "link_page": "Worker marketplace",
        "access_key_id_field": ["Marketplace user"],
        "secret_access_key_field": ["Marketplace token"],
    }
    assert lab.present(portal=taught).link.status == "linked"
    assert lab.linked() == KEY


@pytest.mark.parametrize(
    ("lab", "kind"),
    by_driver(["no_notice", "both_notices", "hidden_success"], in_browser=["hidden_success"]),
    indirect=["lab"],
)
def test_success_is_never_guessed(lab: Lab, kind: str) -> None:
    inject(lab, kind, times=None)
    result: Any
    try:
        result = lab.present(timeout=40)
    except Exception as exc:  # any reason is honest here, a success without proof is not
        assert getattr(exc, "reason", "") in ("page_changed", "key_rejected")
        return
    # The classic page shows the key, which is proof.
    assert result.link.evidence == "page"
    assert lab.linked() == KEY


@pytest.mark.parametrize(
    ("lab", "where"), by_driver(["dashboard", "link", "submit"], in_browser=["submit"]), indirect=["lab"]
)
def test_session_that_ends_half_way(lab: Lab, where: str) -> None:
    inject(lab, "session_expired", where=where, times=1)
    assert lab.present().link.status == "linked"
    assert lab.linked() == KEY


@pytest.mark.parametrize(("lab", "where"), by_driver(["password", "submit"], in_browser=["submit"]), indirect=["lab"])
def test_forgotten_anti_forgery_token(lab: Lab, where: str) -> None:
    inject(lab, "lose_antiforgery", where=where, times=1)
    assert lab.present().link.status == "linked"
    assert lab.linked() == KEY


@pytest.mark.parametrize(
    ("kind", "where"),
    [
        ("open_redirect", "password"),
        ("open_redirect", "submit"),
        ("foreign_action", "signin"),
        ("foreign_action", "link"),
        ("foreign_script", "link"),
    ],
)
def test_no_secret_goes_to_another_site(lab: Lab, kind: str, where: str) -> None:
    inject(lab, kind, where=where, times=None)
    before = len(lab.state.foreign_requests)
    error = lab.fails()
    assert error.reason == "page_changed"
    assert "trusted_hosts" in error.next_step
    assert not [seen for seen in lab.state.foreign_requests[before:] if seen.secrets]


def test_retry_after_is_honoured(lab: Lab) -> None:
    inject(lab, "rate_limited", where="signin", times=1, value=1)
    start = lab.state.clock()
    assert lab.present().link.status == "linked"
    assert lab.state.clock() - start >= 1


def test_the_reasons_are_the_documented_ones() -> None:
    assert set(Reason) == {
        "login_failed",
        "second_factor_required",
        "second_factor_failed",
        "account_locked",
        "captcha",
        "page_changed",
        "key_rejected",
        "portal_unavailable",
        "timeout",
        "tls",
        "service_closed",
    }
    assert SECRET
