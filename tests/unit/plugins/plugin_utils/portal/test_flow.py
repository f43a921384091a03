# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to the link page through whatever stands in it."""

from __future__ import annotations

import pathlib

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.errors import PortalError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.changed import PageChanged
from ansible_collections.labops.cloudresearch.tests.unit.plugins.plugin_utils.portal.scripted import (
    EMAIL,
    HOME,
    LINK,
    PASSWORD,
    SIGN_IN,
    Answer,
    ScriptedSite,
    flow_over,
    password_is_right,
)

CODE = (
    "<title>Two-step verification</title><form method=post action=/code><label>Authenticator code<input "
    "name=c></label><label><input type=checkbox name=r>Remember this browser</label>"
    "<button>Verify</button></form>"
)


def site(
    between: dict[str, str] | None = None, answers: dict[str, str | Answer] | None = None, first: str = "/home"
) -> ScriptedSite:
    """Sign-in page, C(between), home, link page; C(first) is where the right password leads."""
    return ScriptedSite(
        {"/": SIGN_IN, "/home": HOME, "/link": LINK, **(between or {})},
        {"/login": password_is_right(first), **(answers or {})},
    )


def test_the_straight_way_asks_for_nothing_more(tmp_path: pathlib.Path) -> None:
    pages = site()
    view = flow_over(pages, tmp_path).reach_link_page()
    assert view.form is not None
    assert pages.asked == ["/", "/link"]
    assert pages.sent == [("/login", {"e": EMAIL, "p": PASSWORD})]


SEVERAL_WAYS = {
    "forms": (
        "<form action=/a><input type=hidden name=t value=1></form><form action=/b><input type=hidden name=t value=2>"
        "</form><script>choose().submit()</script>",
        ["a form to https://app.cloudresearch.com/a", "a form to https://app.cloudresearch.com/b"],
    ),
    "addresses": (
        "<script>if (old) location.href = '/a?t=1'; else location.replace('/b')</script>",
        ["https://app.cloudresearch.com/a", "https://app.cloudresearch.com/b"],
    ),
}


@pytest.mark.parametrize("name", SEVERAL_WAYS)
def test_several_ways_on_by_script_are_a_question(name: str, tmp_path: pathlib.Path) -> None:
    html, ways = SEVERAL_WAYS[name]
    pages = site({"/between": html}, first="/between")
    with pytest.raises(PageChanged, match="more than one way on by script") as caught:
        flow_over(pages, tmp_path).reach_link_page()
    assert caught.value.details["page_changed"]["found"] == ways
    # A browser runs the script, and so decides.
    assert caught.value.needs_javascript and "driver=browser" in caught.value.next_step
    assert [path for path, _values in pages.sent] == ["/login"]


def test_the_same_way_twice_is_one_way(tmp_path: pathlib.Path) -> None:
    html = "<script>try { location.replace('/home') } catch { location.href = '/home' }</script>"
    assert flow_over(site({"/between": html}, first="/between"), tmp_path).reach_link_page().form is not None


# Each: the page in between, and the names and values that it has to be sent (None: it is passed by a link).
BETWEEN = {
    "announcement": ("<h1>What\u2019s new</h1><p>Studies are faster.</p><form method=post action=/next><button>Got it"
                     "</button></form>", {}),
    "announcement with a link": ("<h1>Announcement</h1><p>We moved.</p><a href=/home>Continue to "
                                 "CloudResearch</a>", None),
    "terms": (
        "<h1>Updated terms of use</h1><form method=post action=/next><input type=hidden name=t value=1><label>"
        "<input type=checkbox name=ok value=y required> I have read and agree to the Terms of Use</label>"
        "<label><input type=checkbox name=news>Send me the newsletter</label><button name=do "
        "value=decline>Decline</button><button name=do value=accept>Accept</button></form>",
        {"t": "1", "ok": "y", "do": "accept"},
    ),
    "terms, plain continue": (
        "<h1>Before you continue</h1><form method=post action=/next><input type=checkbox id=c name=ok><label "
        "for=c>I accept the terms of service and the privacy policy</label><button>Continue</button></form><a "
        "href=/out>Log out</a>",
        {"ok": "on"},
    ),
    "remember this browser": (
        "<h1>Remember this browser?</h1><form method=post action=/next><button name=r value=1>Yes</button>"
        "<button name=r value=0>No</button></form>",
        {"r": "0"},
    ),
    "stay signed in": (
        "<h1>Stay signed in?</h1><form method=post action=/next><input type=checkbox name=never><button name=b "
        "value=n type=submit>No</button><button name=b value=y>Yes</button></form>",
        {"b": "n"},
    ),
    "invitation to a second factor": (
        "<h1>Keep your account secure</h1><p>Set up an authenticator app.</p><form method=post action=/setup>"
        "<button>Set up now</button></form><form method=post action=/next><button>Not now</button></form>",
        {},
    ),
    "unknown heading, one way on": ("<h1>Spring is here</h1><form method=post action=/next>"
                                    "<button>Continue</button></form>", {}),
    "survey with a way out": (
        "<h1>One more thing: a survey</h1><form method=post action=/survey><label>How are you?<input "
        "name=q></label><button>Send</button></form><form method=post action=/next><button>Maybe "
        "later</button></form>",
        {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BETWEEN)
def test_pages_in_between_are_passed(name: str, tmp_path: pathlib.Path) -> None:
    html, expected = BETWEEN[name]
    pages = site({"/between": html}, {"/next": "/home"}, first="/between")
    flow = flow_over(pages, tmp_path)
    assert flow.reach_link_page().form is not None
    assert [values for path, values in pages.sent if path == "/next"] == ([expected] if expected is not None else [])
    assert not [path for path, _values in pages.sent if path not in ("/login", "/next")]
    assert "page in between" in [seen["page"] for seen in flow.visit.state.recognised]


def test_a_page_that_comes_back_is_not_passed_for_ever(tmp_path: pathlib.Path) -> None:
    pages = site(
        {"/between": "<h1>Announcement</h1><form method=post action=/next><button>Continue</button></form>"},
        {"/next": "/between"},
        "/between",
    )
    with pytest.raises(PortalError) as caught:
        flow_over(pages, tmp_path).reach_link_page()
    assert caught.value.reason == "page_changed"
    assert len(pages.sent) < 6


def test_a_page_that_has_no_known_way_on_is_told(tmp_path: pathlib.Path) -> None:
    pages = site(
        {
            "/between": "<title>Hello</title><h1>Hello</h1><form method=post action=/x><label>Shoe size<input "
            "name=s></label><button>Tell us</button></form>"
        },
        first="/between",
    )
    with pytest.raises(PageChanged) as caught:
        flow_over(pages, tmp_path).reach_link_page()
    assert 'button "Tell us"' in str(caught.value)
    assert len(pages.sent) == 1


def test_terms_are_not_accepted_if_told_so(tmp_path: pathlib.Path) -> None:
    pages = site({"/between": BETWEEN["terms"][0]}, {"/next": "/home"}, first="/between")
    with pytest.raises(PageChanged, match="accept_terms"):
        flow_over(pages, tmp_path, accept_terms=False).reach_link_page()
    assert len(pages.sent) == 1


def test_second_factor_page_leaves_the_browser_unremembered(tmp_path: pathlib.Path) -> None:
    pages = site({"/code": CODE}, {"/code": "/home"}, first="/code")
    flow_over(pages, tmp_path).reach_link_page()
    path, values = pages.sent[-1]
    assert path == "/code"
    assert list(values) == ["c"]
    assert values["c"].isdigit()


@pytest.mark.parametrize(
    "choice",
    [
        "<h1>Verify it is you</h1><ul><li><a href=/sms>Text message</a><li><a href=/code>Use an authenticator "
        "app</a></ul>",
        "<h1>How do you want to verify?</h1><form method=post action=/choose><label><input type=radio name=m "
        "value=sms checked>Text message</label><label><input type=radio name=m value=app>Authenticator "
        "app</label><button>Continue</button></form>",
    ],
)
def test_the_authenticator_is_chosen_among_second_factors(choice: str, tmp_path: pathlib.Path) -> None:
    pages = site(
        {"/choice": choice, "/code": CODE},
        {"/code": "/home", "/choose": lambda values: "/code" if values["m"] == "app" else "/sms"},
        "/choice",
    )
    assert flow_over(pages, tmp_path).reach_link_page().form is not None


@pytest.mark.parametrize(
    "html",
    [
        "<h1>Check your phone</h1><p>Approve the sign in on your phone.</p>",
        "<h1>Verification</h1><p>We sent a code to p***@uni.example.</p><form method=post action=/c>"
        "<label>Verification code<input name=c></label><button>Verify</button></form>",
        "<h1>Two-factor authentication</h1><p>Insert your security key.</p>",
    ],
)
def test_second_factors_of_another_kind_need_a_person(html: str, tmp_path: pathlib.Path) -> None:
    pages = site({"/second": html}, first="/second")
    with pytest.raises(PortalError) as caught:
        flow_over(pages, tmp_path).reach_link_page()
    assert caught.value.reason == "second_factor_required"
    assert len(pages.sent) == 1


CAPTCHAS = [
    SIGN_IN.replace("<button>", "<div class='g-recaptcha' data-sitekey=x></div><button>"),
    SIGN_IN.replace(
        "<button>", "<iframe src='https://www.google.com/recaptcha/api2/anchor?k=x' title=reCAPTCHA></iframe><button>"
    ),
    SIGN_IN.replace("<button>", "<label>Enter the characters you see in the picture<input name=x></label><button>"),
    "<title>Just a moment...</title><h1>Checking your browser</h1><p>Verify you are human.</p>",
    "<title>Security check</title><h1>Are you a robot?</h1><form method=post action=/x><button>I'm not a "
    "robot</button></form>",
]


@pytest.mark.parametrize("html", CAPTCHAS)
def test_captchas_stop_it_before_anything_is_sent(html: str, tmp_path: pathlib.Path) -> None:
    pages = ScriptedSite({"/": html}, {})
    with pytest.raises(PortalError) as caught:
        flow_over(pages, tmp_path).reach_link_page()
    assert caught.value.reason == "captcha"
    assert pages.sent == []


def test_the_notice_of_an_invisible_captcha_does_not_stop_it(tmp_path: pathlib.Path) -> None:
    pages = site()
    pages.pages["/"] += (
        "<div class=g-recaptcha data-size=invisible></div><p>This site is protected by reCAPTCHA and the Google "
        "Privacy Policy applies.</p>"
    )
    assert flow_over(pages, tmp_path).reach_link_page().form is not None


REFUSALS = {
    "a notice": (SIGN_IN + "<div class=alert>Invalid login attempt.</div>", "login_failed"),
    "a notice in other words": (
        SIGN_IN + "<p>The email or password you entered did not match our records.</p>",
        "login_failed",
    ),
    "nothing": (SIGN_IN, "login_failed"),
    "a lock": (
        SIGN_IN + "<div role=alert>Too many failed attempts. Your account has been temporarily locked.</div>",
        "account_locked",
    ),
    "a lock on a page of its own": (
        "<title>Locked out</title><h1>This account has been locked out, please try again later.</h1>",
        "account_locked",
    ),
    "maintenance": (SIGN_IN + "<div role=alert>Sign in is temporarily unavailable.</div>", "portal_unavailable"),
    "captcha": (CAPTCHAS[0], "captcha"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals_are_told_apart(name: str, tmp_path: pathlib.Path) -> None:
    html, reason = REFUSALS[name]
    pages = ScriptedSite(
        {"/": SIGN_IN + "<p>After five failed attempts your account will be locked.</p>", "/again": html},
        {"/login": "/again"},
    )
    with pytest.raises(PortalError) as caught:
        flow_over(pages, tmp_path).reach_link_page()
    assert caught.value.reason == reason
    assert len(pages.sent) == 1
    assert PASSWORD not in str(caught.value)


def test_an_expired_form_is_filled_in_once_more(tmp_path: pathlib.Path) -> None:
    tries: list[int] = []

    def login(_values: dict[str, str]) -> str:
        tries.append(1)
        return "/stale" if len(tries) == 1 else "/home"

    pages = ScriptedSite(
        {
            "/": SIGN_IN,
            "/stale": SIGN_IN + "<div class=alert>Your session has expired. Please sign in again.</div>",
            "/home": HOME,
            "/link": LINK,
        },
        {"/login": login},
    )
    assert flow_over(pages, tmp_path).reach_link_page().form is not None
    assert len(pages.sent) == 2


def test_it_stops_before_the_last_attempt(tmp_path: pathlib.Path) -> None:
    pages = ScriptedSite(
        {"/": SIGN_IN + "<div class=alert>You have 1 attempt left before your account is locked.</div>"}, {}
    )
    with pytest.raises(PortalError, match="1 attempt is left"):
        flow_over(pages, tmp_path).reach_link_page()
    assert pages.sent == []


@pytest.mark.parametrize(
    "landing",
    [
        "<h1>Research made easy</h1><a href=/in>Log in</a><a href=/up>Sign up</a>",
        "<header><a class=btn href=/in>Sign In</a></header><form action=/n method=post><label>Email<input "
        "name=n></label><button>Subscribe</button></form>",
        "<h1>Welcome</h1><a href=/google>Sign in with Google</a><a href=/in>Sign in with email</a>",
    ],
)
def test_a_public_page_leads_to_the_sign_in_page(landing: str, tmp_path: pathlib.Path) -> None:
    pages = ScriptedSite({"/": landing, "/in": SIGN_IN, "/home": HOME, "/link": LINK}, {"/login": "/home"})
    assert flow_over(pages, tmp_path).reach_link_page().form is not None
    assert pages.asked == ["/", "/in", "/link"]


@pytest.mark.parametrize(
    ("home", "asked"),
    [
        ("<h1>Dashboard</h1><a href=/account title='My account'><i></i></a>", ["/", "/account", "/link"]),
        (
            "<h1>Dashboard</h1><a href=/settings>Settings</a><a href=/signout>Sign out</a>",
            ["/", "/settings", "/account", "/link"],
        ),
    ],
)
def test_the_menu_can_be_a_page(home: str, asked: list[str], tmp_path: pathlib.Path) -> None:
    menu = "<h1>My account</h1><a href=/password>Change password</a><a href=/link>Link Mechanical Turk</a>"
    pages = site(
        {
            "/home": home,
            "/account": menu,
            "/settings": "<h1>Settings</h1><a href=/delete>Delete my account</a><a href=/account>Integrations</a>",
        }
    )
    assert flow_over(pages, tmp_path).reach_link_page().form is not None
    assert pages.asked == asked


def test_a_session_that_ends_is_renewed_without_another_wrong_try(tmp_path: pathlib.Path) -> None:
    pages = site()
    asked: list[int] = []
    original = pages.open

    def open_(address: str) -> object:
        if address.endswith("/link") and not asked:
            asked.append(1)
            return original("https://app.cloudresearch.com/")
        return original(address)

    pages.open = open_  # type: ignore[assignment, method-assign]
    assert flow_over(pages, tmp_path).reach_link_page().form is not None
    assert len(pages.sent) == 2


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_error_statuses(status: int, tmp_path: pathlib.Path) -> None:
    pages = site({"/broken": "<h1>Oops</h1>"}, first=f"{status}/broken")
    with pytest.raises(PortalError) as caught:
        flow_over(pages, tmp_path).reach_link_page()
    assert caught.value.reason == "portal_unavailable"
