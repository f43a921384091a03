# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A password is sent once: whatever page comes back, no later run sends it again unless a page is signed in."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link import account_link as link
from tests.stack.portal_site import DRIVERS, KEY, SECRET, by_driver
from tests.stack.written_sites import BUTTON, FORM, HOME, LINK_FORM, Request, Site

SIGN_IN = FORM.format("method=post action=/login", BUTTON)
NOTICE = "<div role=alert>Invalid login attempt.</div>"

# What sites answer to a wrong password besides the plain sign-in form, with the status.
REFUSALS = {
    "two sign-in forms beside the notice": (200, NOTICE + SIGN_IN + SIGN_IN.replace("/login", "/login2")),
    "a form to register beside the notice": (
        200,
        NOTICE + SIGN_IN + "<form method=post action=/new><label>Email<input name=n></label><label>New password"
        "<input type=password name=p></label><button>Sign in</button></form>",
    ),
    "an error page": (200, "<title>Error</title><h1>Something went wrong</h1><p>Please contact support.</p>"),
    "an error page that leads on": (
        200,
        "<title>Sorry</title><h1>That did not work</h1><a href=/link>Mechanical Turk</a><a href=/>Log in</a>",
    ),
    "an error page that is told to be bad": (400, "<h1>Error</h1><p>Your request could not be completed.</p>"),
    "a page that is forbidden": (403, "<h1>Forbidden</h1>"),
    "a server that fails": (500, "<h1>Oops</h1>"),
    "a captcha": (200, SIGN_IN.replace("<button>", "<div class=g-recaptcha data-sitekey=x></div><button>")),
    "a lock": (200, "<h1>This account has been locked out</h1>"),
    "a page that nobody knows": (200, "<h1>Hello</h1><p>How are you?</p>"),
}


@pytest.fixture
def site() -> Iterator[Site]:
    own = Site("127.0.0.1")
    yield own
    own.server.shutdown()


Run = Callable[..., link.LinkResult]


@pytest.fixture(params=DRIVERS)
def run(request: pytest.FixtureRequest, site: Site, tmp_path: pathlib.Path) -> Run:
    browser = request.getfixturevalue("chromium") if request.param == "browser" else None

    def run(password: str) -> link.LinkResult:
        settings = link.PortalSettings.from_params(
            {"portal_url": site.url, "driver": request.param, "state_dir": str(tmp_path / "state"), "timeout": 20},
            browser=browser,
        )
        account = link.PortalAccount("pi@uni.example", password)
        return link.ensure_present(settings, account, link.KnownKey(KEY, SECRET))

    return run


def serve(site: Site, refusal: tuple[int, str]) -> None:
    """A site that knows one password and gives C(refusal) for any other."""

    def login(request: Request) -> Any:
        right = "p=the+right+one" in request.body
        return (303, {"Location": "/home"}, "") if right else (refusal[0], {}, refusal[1])

    site.answers = {
        "/": SIGN_IN,
        "/login": login,
        "/home": HOME,
        "/link": lambda request: LINK_FORM + ("<p role=status>Success</p>" if request.method == "POST" else ""),
    }


def sent(site: Site) -> int:
    return len([request for request in site.requests if request.path.startswith("/login") and request.method == "POST"])


def fails(run: Run, password: str) -> CollectionError:
    with pytest.raises(CollectionError) as caught:
        run(password)
    assert password not in repr(caught.value.as_result())
    return caught.value


# In a browser, those that come with a status of their own, or with what only a browser might see otherwise.
SEEN_BY_A_BROWSER = (
    "two sign-in forms beside the notice",
    "an error page that is told to be bad",
    "a page that is forbidden",
    "a server that fails",
    "a captcha",
    "a lock",
)


@pytest.mark.parametrize(("run", "name"), by_driver(REFUSALS, in_browser=SEEN_BY_A_BROWSER), indirect=["run"])
def test_it_is_sent_once_whatever_the_answer(site: Site, run: Run, name: str, request: pytest.FixtureRequest) -> None:
    serve(site, REFUSALS[name])
    if name == "an error page that leads on":
        site.answers["/link"] = "<h1>About Mechanical Turk</h1>"
    first = fails(run, "a wrong one")
    assert sent(site) == 1
    again = fails(run, "a wrong one")
    assert sent(site) == 1
    # Behind a captcha a person can still find out; the lab waits for that.
    assert again.reason == ("captcha" if name == "a captcha" else "login_failed")
    assert "not tried again" in again.message
    # The way out is told at once and later: a right password, or the word of a person.
    for error in (first, again):
        assert ".json" in error.next_step
    # What was remembered is the same for both drivers, and this one goes the whole way.
    if request.node.callspec.params["run"] == "http" or name == "a lock":
        serve(site, REFUSALS[name])
        assert run("the right one").link.status == "linked"


@pytest.mark.parametrize(("run", "status"), by_driver([429, 503], in_browser=[503]), indirect=["run"])
def test_a_server_that_says_that_it_did_not_look_does_not_cost_the_password(site: Site, run: Run, status: int) -> None:
    serve(site, (200, ""))
    site.answers["/login"] = (status, {}, "<h1>Slow down</h1>")
    assert fails(run, "the right one").reason == "portal_unavailable"
    serve(site, (200, ""))
    assert run("the right one").link.status == "linked"


def test_a_page_that_is_signed_in_but_has_changed_does_not_cost_the_password(site: Site, run: Run) -> None:
    serve(site, (200, ""))
    site.answers["/home"] = "<h1>Dashboard</h1><a href=/link>Worker marketplace</a><a href=/out>Log off</a>"
    error = fails(run, "the right one")
    assert error.reason == "page_changed"
    assert "not sent again" not in error.next_step
    site.answers["/home"] = HOME
    assert run("the right one").link.status == "linked"


@pytest.mark.parametrize("run", ["http"], indirect=True)
def test_an_answer_that_was_lost_costs_the_password_only_if_it_is_lost_again(site: Site, run: Run) -> None:
    serve(site, (200, ""))
    answer = site.answers["/login"]
    site.answers["/login"] = lambda _request: None
    assert "sent once more by the next run" in fails(run, "the right one").next_step
    site.answers["/login"] = answer
    assert run("the right one").link.status == "linked"

    site.answers["/login"] = lambda _request: None
    fails(run, "the right one")
    assert ".json" in fails(run, "the right one").next_step
    before = sent(site)
    assert "not tried again" in fails(run, "the right one").message
    assert sent(site) == before
