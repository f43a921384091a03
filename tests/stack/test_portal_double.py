# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The CloudResearch double is strict and honest: seen by a plain HTTP session, and in Chromium where a script draws."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pyotp
import pytest
import requests
from bs4 import BeautifulSoup

from tests.simulator.portal import RENDERINGS, KeyVerdict, PortalServer, PortalState, serve_portal
from tests.simulator.portal.rules import totp_code
from tests.simulator.portal.visit import TOKEN
from tests.tools.browser import light_chromium

EMAIL, PASSWORD, TOTP = "pi@uni.example", "correct horse battery", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
GOOD_KEY, GOOD_SECRET = "AKIAGOODGOODGOODGOOD", "s3cret+secret/secret+secret/secret+secre"
BAD_KEY = "AKIABADBADBADBADBAD0"
SERVER_DRAWN = [name for name, rendering in RENDERINGS.items() if rendering.drawn == "server"]


@dataclass
class Clock:
    """A clock that a test sets."""

    now: float = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class MTurk:
    """Stands for the simulator's MTurk double: knows one good key and who asked."""

    asked: list[str] = field(default_factory=list)

    def __call__(self, access_key_id: str, secret_access_key: str) -> KeyVerdict:
        self.asked.append(access_key_id)
        if (access_key_id, secret_access_key) == (GOOD_KEY, GOOD_SECRET):
            return KeyVerdict(True, "25.00")
        return KeyVerdict(False, error_code="UnrecognizedClientException")


@dataclass
class Reader:
    """A plain session that fills in forms. It asks the state which name a field has: this tests the site, no reader."""

    state: PortalState
    url: str
    session: requests.Session = field(default_factory=requests.Session)
    page: requests.Response = field(default_factory=requests.Response)

    def __post_init__(self) -> None:
        # An authority named in the environment would take the place of the one that a test names.
        self.session.trust_env = False

    def get(self, address: str = "/", **options: Any) -> requests.Response:
        self.page = self.session.get(self._absolute(address), timeout=10, **options)
        return self._follow_form_post()

    def _absolute(self, address: str) -> str:
        base = self.soup().find("base") if self.page.url else None
        return urljoin(urljoin(self.page.url or self.url, base["href"] if base else ""), address)

    def soup(self) -> BeautifulSoup:
        return BeautifulSoup(self.page.text, "html.parser")

    def forms(self, kind: str) -> list[tuple[Any, Any]]:
        found = []
        for form in self.soup().find_all("form"):
            token = form.find("input", {"name": TOKEN})
            ticket = self.state.ticket(token["value"]) if token else None
            if ticket and ticket.form == kind:
                found.append((form, ticket))
        return found

    def has(self, kind: str) -> bool:
        return bool(self.forms(kind))

    def fill(self, kind: str, button: str = "", **values: str) -> tuple[str, dict[str, str]]:
        form, ticket = self.forms(kind)[0]
        data = {i["name"]: i.get("value", "") for i in form.find_all("input", type="hidden") if i.get("name")}
        for item in form.find_all("input"):
            if item.get("type") not in ("hidden", "checkbox", "image", "submit") and item.get("name"):
                data[item["name"]] = item.get("value", "")
        data.update({ticket.names[key]: value for key, value in values.items()})
        name, sends = ticket.buttons.get(button) or ticket.buttons.get(kind, ("", ""))
        if name:
            image = form.find("input", {"name": name, "type": "image"})
            data.update({f"{name}.x": "3", f"{name}.y": "4"} if image else {name: sends})
        return self._absolute(form.get("action", self.page.url)), data

    def send(self, kind: str, button: str = "", **values: str) -> requests.Response:
        action, data = self.fill(kind, button, **values)
        self.page = self.session.post(action, data, timeout=10)
        return self._follow_form_post()

    def _follow_form_post(self) -> requests.Response:
        refresh = self.soup().find("meta", {"http-equiv": "refresh"})
        if refresh is not None:
            self.page = self.session.get(urljoin(self.page.url, refresh["content"].partition("url=")[2]), timeout=10)
        form = self.soup().find("form")
        if form is not None and "document.forms[0].submit" in self.page.text:
            data = {i["name"]: i["value"] for i in form.find_all("input", type="hidden")}
            self.page = self.session.post(form["action"], data, timeout=10)
        return self.page

    def sign_in(self, password: str = PASSWORD, email: str = EMAIL) -> requests.Response:
        self.get("/")
        if not self.has("signin"):
            link = self.soup().find("a", string=re.compile("Log in|Sign in"))
            self.get(link["href"])
        if self.forms("signin")[0][1].names.get("password"):
            return self.send("signin", email=email, password=password)
        self.send("signin", email=email)
        return self.send("password", password=password)

    def pass_interstitials(self) -> None:
        for _page in range(3):
            if self.has("whats_new"):
                self.send("whats_new")
            elif self.has("terms"):
                self.send("terms", button="accept", agree="true")
            elif "announcement" in self.page.url.lower():
                self.get(self.soup().select_one("main a.btn")["href"])

    def find_link_page(self) -> requests.Response:
        """By the words of the menu, by the settings, or by the menu's own page."""
        rendering = RENDERINGS[self.state.requests()[-1].rendering]
        entry = rendering.text("link_entry")
        hops = {"hub": ["settings", "integrations"], "page": ["user_menu"]}.get(rendering.menu, [])
        for hop in hops:
            self._click(rendering.text(hop))
        return self._click(entry)

    def _click(self, text: str) -> requests.Response:
        found = [a for a in self.soup().find_all("a") if text in (a.get_text(strip=True), a.get("aria-label"))]
        assert found, f"no link {text!r} on {self.page.url}"
        return self.get(found[0]["href"])

    def text(self) -> str:
        """What stands on the page, with plain spaces."""
        return re.sub(r"\s+", " ", self.soup().get_text(" "))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def mturk() -> MTurk:
    return MTurk()


@pytest.fixture
def state(clock: Clock, mturk: MTurk) -> PortalState:
    state = PortalState(mturk, clock)
    state.add_account(EMAIL, PASSWORD, lab="lab-01")
    return state


@pytest.fixture
def portal(state: PortalState) -> Iterator[PortalServer]:
    with serve_portal(state) as portal:
        yield portal


@pytest.fixture
def reader(state: PortalState, portal: PortalServer) -> Reader:
    return Reader(state, portal.url)


def to_link_page(reader: Reader) -> None:
    reader.sign_in()
    reader.pass_interstitials()
    reader.find_link_page()


# Every rendering


@pytest.mark.parametrize("name", SERVER_DRAWN)
def test_key_is_linked_in_every_server_drawn_rendering(
    name: str, state: PortalState, portal: PortalServer, mturk: MTurk
) -> None:
    reader = Reader(state, portal.url_for(name))
    to_link_page(reader)
    reader.send("link", access_key_id=BAD_KEY, secret_access_key="x" * 40)
    assert state.account(EMAIL).linked is None
    assert "linked." not in reader.text().replace("not linked.", "")
    reader.send("link", access_key_id=GOOD_KEY, secret_access_key=GOOD_SECRET)
    rendering = RENDERINGS[name]
    if rendering.success == "toast":
        assert reader.soup().find("script", class_="js-toast") is not None
    else:
        assert rendering.text("success_text") in reader.text()
    assert state.account(EMAIL).linked.access_key_id == GOOD_KEY
    assert [s.outcome for s in state.submissions()] == ["refused", "linked"]
    assert mturk.asked[:2] == [BAD_KEY, GOOD_KEY]
    shown = {"whole": True, "masked": False, "hidden": False}[rendering.shown_key]
    reader.find_link_page()
    assert (GOOD_KEY in reader.text()) is shown
    assert (GOOD_KEY[-4:] in reader.text()) is (rendering.shown_key != "hidden")
    assert not state.stray_forms and not state.foreign_requests
    assert {r.status for r in state.requests()} <= {200, 302}
    assert all(not secret or secret not in reader.page.text for secret in (PASSWORD, GOOD_SECRET))


@pytest.mark.parametrize("name", SERVER_DRAWN)
def test_second_factor_is_asked_for_in_every_server_drawn_rendering(
    name: str, state: PortalState, portal: PortalServer, clock: Clock
) -> None:
    state.add_account(EMAIL, PASSWORD, totp_secret=TOTP)
    reader = Reader(state, portal.url_for(name))
    reader.sign_in()
    assert reader.has("code")
    reader.send("code", code=pyotp.TOTP(TOTP).at(int(clock.now)), remember_browser="true")
    reader.pass_interstitials()
    assert reader.find_link_page().status_code == 200
    assert reader.has("link")


@pytest.mark.parametrize("name", [name for name in SERVER_DRAWN if RENDERINGS[name].unlink])
def test_unlink_control(name: str, state: PortalState, portal: PortalServer) -> None:
    state.set_linked(EMAIL, GOOD_KEY, GOOD_SECRET)
    reader = Reader(state, portal.url_for(name))
    to_link_page(reader)
    reader.send("unlink")
    if RENDERINGS[name].unlink_asks:
        assert state.account(EMAIL).linked is not None
        reader.send("unlink_sure", button="yes")
    assert state.account(EMAIL).linked is None


def test_renderings_are_at_least_fourteen_and_differ() -> None:
    assert len(RENDERINGS) >= 14
    assert {r.labels for r in RENDERINGS.values()} == {
        "for", "wrapping", "aria_label", "aria_labelledby", "placeholder", "table", "definition_list", "span"
    }  # fmt: skip
    assert {r.button for r in RENDERINGS.values()} == {"button", "input", "image", "anchor"}
    assert {r.menu for r in RENDERINGS.values()} == {"open", "script", "details", "hover", "page", "hub"}
    assert {r.success for r in RENDERINGS.values()} == {"box", "flash", "alert", "toast", "heading"}


def test_accounts_rendering_holds_after_sign_in(state: PortalState, portal: PortalServer) -> None:
    state.add_account(EMAIL, PASSWORD, rendering="reworded")
    reader = Reader(state, portal.url)
    reader.sign_in()
    assert "Connect Mechanical Turk" in reader.text()


# Passwords, codes, lock-out


def test_wrong_password_is_counted_and_locks_at_the_fifth(reader: Reader, state: PortalState, clock: Clock) -> None:
    for tries in range(1, 5):
        reader.sign_in("wrong")
        assert f"Failed attempts: {tries} of 5" in reader.text()
    reader.sign_in("wrong")
    assert "locked out" in reader.text()
    reader.sign_in(PASSWORD)
    assert "locked out" in reader.text() and state.account(EMAIL).public(clock.now)["locked"]
    clock.now += 901
    reader.sign_in(PASSWORD)
    assert "Welcome back" in reader.text()


def test_right_password_starts_the_count_anew(reader: Reader, state: PortalState, portal: PortalServer) -> None:
    for _time in range(2):
        for _try in range(4):
            reader.sign_in("wrong")
        reader.sign_in()
        reader = Reader(state, portal.url)
    assert state.account(EMAIL).locked_until == 0


def test_code_is_good_once_and_only_near_its_time(state: PortalState, portal: PortalServer, clock: Clock) -> None:
    state.add_account(EMAIL, PASSWORD, totp_secret=TOTP)

    def try_code(at: float) -> bool:
        reader = Reader(state, portal.url)
        reader.sign_in()
        reader.send("code", code=pyotp.TOTP(TOTP).at(int(at)))
        return not reader.has("code")

    assert not try_code(clock.now + 90)
    assert try_code(clock.now)
    assert not try_code(clock.now), "a code may be used once"
    assert try_code(clock.now + 30), "the next step's code is within the window"
    clock.now += 300
    with state.knob(totp_window=0):
        assert not try_code(clock.now - 30)
    with state.knob(totp_clock_skew=600):
        assert not try_code(clock.now)


def test_wrong_codes_lock_too(state: PortalState, reader: Reader) -> None:
    state.add_account(EMAIL, PASSWORD, totp_secret=TOTP)
    reader.sign_in()
    for _try in range(5):
        reader.send("code", code="000000")
    assert "locked out" in reader.text()


def test_remembered_browser_skips_the_second_step(state: PortalState, reader: Reader, clock: Clock) -> None:
    state.add_account(EMAIL, PASSWORD, totp_secret=TOTP)
    reader.sign_in()
    reader.send("code", code=pyotp.TOTP(TOTP).at(int(clock.now)), remember_browser="true")
    reader.send("signout")
    reader.sign_in()
    assert "Welcome back" in reader.text()


def test_codes_are_those_of_the_rfc_and_of_short_secrets() -> None:
    rfc_secret = base64.b32encode(b"12345678901234567890").decode()
    assert [totp_code(rfc_secret, at // 30) for at in (59, 1111111109, 20000000000)] == ["287082", "081804", "353130"]
    assert totp_code("jbsw y3dp ehpk 3pxp", 0) == totp_code("JBSWY3DPEHPK3PXP", 0)


# Tokens, cookies, sessions


def test_form_without_with_wrong_or_with_foreign_token_is_refused(reader: Reader, portal: PortalServer) -> None:
    to_link_page(reader)
    action, data = reader.fill("link", access_key_id=GOOD_KEY, secret_access_key=GOOD_SECRET)
    for change in ({TOKEN: ""}, {TOKEN: "made-up"}):
        assert reader.session.post(action, {**data, **change}).status_code == 400
    other = Reader(reader.state, portal.url)
    to_link_page(other)
    assert other.session.post(action, data).status_code == 400
    first, second = Reader(reader.state, portal.url), Reader(reader.state, portal.url)
    first.get("/"), second.get("/")
    action, data = first.fill("signin", email=EMAIL, password=PASSWORD)
    assert second.session.post(action, data).status_code == 400, "nobody is signed in, but it is another browser's form"
    assert requests.post(action, {"Email": EMAIL}).status_code == 400
    assert not reader.state.submissions()


def test_token_is_refused_after_sign_out(reader: Reader) -> None:
    to_link_page(reader)
    action, data = reader.fill("link", access_key_id=GOOD_KEY, secret_access_key=GOOD_SECRET)
    reader.send("signout")
    assert "/Account/Login" in reader.session.post(action, data).url
    reader.sign_in()
    assert reader.session.post(action, data).status_code == 400
    assert not reader.state.submissions()


def test_cookies_are_http_only_and_same_site(reader: Reader) -> None:
    reader.sign_in()
    given = [r.raw.headers.getlist("Set-Cookie") for r in (*reader.page.history, reader.page)]
    cookies = [cookie for cookies in given for cookie in cookies]
    assert cookies and all("HttpOnly" in c and "SameSite" in c for c in cookies)


def test_session_ends_by_time_and_return_url_leads_back(reader: Reader, clock: Clock) -> None:
    to_link_page(reader)
    wanted = reader.page.url
    clock.now += 1201
    reader.get(wanted)
    assert reader.has("signin") and "ReturnUrl=%2FMechanicalTurk%2FLink" in reader.page.url
    reader.send("signin", email=EMAIL, password=PASSWORD)
    assert reader.page.url == wanted


def test_return_url_never_leaves_the_site(reader: Reader, portal: PortalServer) -> None:
    for address in (portal.foreign_url, "//127.0.0.2/x", "/\\127.0.0.2"):
        reader.session.cookies.clear()
        reader.get(f"{portal.url}/Account/Login?ReturnUrl={address}")
        reader.send("signin", email=EMAIL, password=PASSWORD)
        assert reader.page.url == f"{portal.url}/Dashboard"


def test_handover_code_is_good_once_and_bound_to_the_browser(state: PortalState, portal: PortalServer) -> None:
    url = portal.url_for("labelledby")
    assert portal.signin_url_for("labelledby").startswith("http://localhost:")
    reader = Reader(state, url)
    reader.sign_in()
    reader.pass_interstitials()

    def callback_address() -> str:
        """Sign in again, with the sign-in host's session, and stop before the app hears of it."""
        state.expire_sessions(realm="app")
        to_host = reader.session.get(f"{url}/Dashboard", allow_redirects=False).headers["Location"]
        return reader.session.get(to_host, allow_redirects=False).headers["Location"]

    first = callback_address()
    assert "Correlation failed" in requests.get(first).text, "another browser has not asked for it"
    assert reader.session.get(first).url == f"{url}/Dashboard"
    used = parse_qs(urlsplit(first).query)["code"][0]
    second = callback_address()
    fresh = parse_qs(urlsplit(second).query)["code"][0]
    assert "invalid_grant" in reader.session.get(second.replace(fresh, used)).text


def test_redirect_uri_of_a_stranger_is_refused(state: PortalState, portal: PortalServer) -> None:
    query = {"client_id": "cloudresearch-app", "redirect_uri": portal.foreign_url, "state": "x"}
    answer = requests.get(f"{portal.signin_url_for('oidc')}/connect/authorize", query, allow_redirects=False)
    assert answer.status_code == 400


def test_terms_need_the_tick_and_can_be_declined(state: PortalState, portal: PortalServer) -> None:
    reader = Reader(state, portal.url_for("table"))
    reader.sign_in()
    reader.send("terms", button="accept")
    assert "Please tick the box" in reader.text()
    reader.send("terms", button="decline")
    assert reader.has("signin")


def test_image_button_must_send_its_coordinates(state: PortalState, portal: PortalServer) -> None:
    reader = Reader(state, portal.url_for("placeholder"))
    reader.get("/")
    action, data = reader.fill("signin", email=EMAIL, password=PASSWORD)
    assert reader.session.post(action, {k: v for k, v in data.items() if k[-2:] != ".y"}).status_code == 400


def test_filled_honeypot_is_not_taken(state: PortalState, portal: PortalServer) -> None:
    reader = Reader(state, portal.url_for("crowded"))
    to_link_page(reader)
    reader.send("link", access_key_id=GOOD_KEY, secret_access_key=GOOD_SECRET, trap_fax="1")
    assert [s.outcome for s in state.submissions()] == ["trap"]
    assert state.account(EMAIL).linked is None


def test_names_are_new_for_each_request(state: PortalState, portal: PortalServer) -> None:
    reader = Reader(state, portal.url_for("aria"))
    names = [sorted(reader.get("/") and reader.forms("signin")[0][1].names.values()) for _time in range(2)]
    assert names[0] != names[1]


def test_stray_forms_are_noted(state: PortalState, reader: Reader) -> None:
    to_link_page(reader)
    reader.send("newsletter", email=EMAIL)
    assert [s.form for s in state.stray_forms] == ["newsletter"]


# The key


def test_empty_field_is_refused_without_asking_mturk(reader: Reader, mturk: MTurk) -> None:
    to_link_page(reader)
    reader.send("link", access_key_id=GOOD_KEY)
    assert "The Secret Access Key field is required." in reader.text()
    assert not mturk.asked and [s.outcome for s in reader.state.submissions()] == ["invalid"]


def test_refused_key_leaves_the_linked_one(reader: Reader, state: PortalState) -> None:
    state.set_linked(EMAIL, GOOD_KEY, GOOD_SECRET)
    to_link_page(reader)
    reader.send("link", access_key_id=BAD_KEY, secret_access_key="y" * 40)
    assert "did not accept" in reader.text()
    assert state.account(EMAIL).linked.access_key_id == GOOD_KEY


def test_balance_is_asked_with_the_linked_key_when_old(reader: Reader, state: PortalState, mturk: MTurk) -> None:
    state.set_linked(EMAIL, GOOD_KEY, GOOD_SECRET)
    reader.sign_in()
    assert "MTurk balance: $25.00" in reader.text()
    asked = len(mturk.asked)
    reader.get("/Dashboard")
    assert len(mturk.asked) == asked


def test_key_that_mturk_no_longer_takes_is_told(reader: Reader, state: PortalState) -> None:
    state.set_linked(EMAIL, BAD_KEY, "z" * 40)
    reader.sign_in()
    assert "refuses the linked key" in reader.text()


# Faults


@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [
        ("maintenance", 503, "right back"),
        ("rate_limited", 429, "Too many requests"),
        ("captcha", 200, "verify you are a human"),
        ("bot_check", 403, "Just a moment"),
        ("survey", 200, "One quick question"),
        ("server_error", 500, "An error occurred"),
    ],
)
def test_page_that_stands_in_for_another(kind: str, status: int, text: str, reader: Reader) -> None:
    reader.state.inject(kind, where="signin", value=7 if kind in ("maintenance", "rate_limited") else None)
    reader.get("/")
    assert (reader.page.status_code, text in reader.text()) == (status, True)
    assert reader.page.headers.get("Retry-After") == ("7" if status in (503, 429) else None)
    reader.get("/")
    assert reader.has("signin"), "a fault is used up"


def test_captcha_in_the_form_is_needed_and_no_wrong_password(reader: Reader, state: PortalState) -> None:
    state.inject("captcha_in_form", where="signin")
    reader.sign_in("wrong")
    assert "not a robot" in reader.text() and state.account(EMAIL).failed_attempts == 0
    state.inject("captcha_in_form", where="link")
    to_link_page(reader)
    reader.send("link", access_key_id=GOOD_KEY, secret_access_key=GOOD_SECRET)
    assert [s.outcome for s in state.submissions()] == ["captcha"]
    assert state.account(EMAIL).linked is None


@pytest.mark.parametrize("where", ["signin", "password", "submit"])
def test_open_redirect_tempts_with_the_body(where: str, reader: Reader, state: PortalState) -> None:
    state.inject("open_redirect", where=where)
    if where == "submit":
        to_link_page(reader)
        reader.send("link", access_key_id=GOOD_KEY, secret_access_key=GOOD_SECRET)
    elif where == "password":
        reader.sign_in()
    else:
        reader.get("/")
    told = {"signin": [], "password": ["password"], "submit": ["access_key_id", "secret_access_key"]}[where]
    assert [request.secrets for request in state.foreign_requests] == [told]


@pytest.mark.parametrize("kind", ["foreign_action", "no_form", "ambiguous_form", "no_button", "renamed_fields"])
def test_changed_link_page(kind: str, reader: Reader, portal: PortalServer) -> None:
    reader.state.inject(kind, where="link")
    to_link_page(reader)
    forms = reader.forms("link")
    shown = {
        "foreign_action": lambda: forms[0][0]["action"].startswith(portal.foreign_url),
        "no_form": lambda: not forms,
        "ambiguous_form": lambda: len(forms) == 2,
        "no_button": lambda: forms[0][0].find("button") is None,
        "renamed_fields": lambda: "Marketplace token" in reader.text(),
    }[kind]
    assert shown()


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [("no_notice", False, False), ("both_notices", True, True), ("hidden_success", False, True)],
)
def test_notices(kind: str, good: bool, bad: bool, reader: Reader) -> None:
    to_link_page(reader)
    reader.state.inject(kind, where="submit")
    reader.send("link", access_key_id=BAD_KEY, secret_access_key=GOOD_SECRET)
    boxes = [box for box in reader.soup().select(".alert") if "display: none" not in box.get("style", "")]
    said = " ".join(box.get_text() for box in boxes)
    assert ("Success" in said, "Error" in said) == (good, bad)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("password_expired", "must choose a new password"),
        ("code_by_email", "sent a verification code"),
        ("enrol_second_factor", "Scan this picture"),
    ],
)
def test_something_else_after_the_password(kind: str, text: str, reader: Reader) -> None:
    reader.state.inject(kind)
    reader.sign_in()
    assert text in reader.text()
    reader.get("/Dashboard")
    assert reader.has("signin")


@pytest.mark.parametrize("name", ["classic", "spans", "hub"])
def test_menu_without_or_with_another_entry(name: str, state: PortalState, portal: PortalServer) -> None:
    for kind in ("no_menu_entry", "renamed_menu_entry"):
        state.clear_faults()
        state.inject(kind, times=None)
        reader = Reader(state, portal.url_for(name))
        reader.sign_in()
        reader.pass_interstitials()
        with pytest.raises(AssertionError, match="no link 'Link Mechanical Turk'"):
            reader.find_link_page()
        assert ("Worker marketplace" in reader.text()) is (kind == "renamed_menu_entry")


def test_session_lost_at_submission(reader: Reader) -> None:
    to_link_page(reader)
    reader.state.inject("session_expired", where="submit")
    reader.send("link", access_key_id=GOOD_KEY, secret_access_key=GOOD_SECRET)
    assert reader.has("signin") and not reader.state.submissions()


def test_session_lost_at_the_app_only_is_renewed_without_a_password(state: PortalState, portal: PortalServer) -> None:
    reader = Reader(state, portal.url_for("oidc"))
    to_link_page(reader)
    wanted = reader.page.url
    state.inject("session_expired", where="link")
    reader.get(wanted)
    assert reader.page.url == wanted and reader.has("link")
    state.inject("session_expired", where="link", value="all")
    reader.get(wanted)
    assert reader.has("signin")


def test_dropped_and_hanging_answers(reader: Reader) -> None:
    reader.state.inject("drop", where="signin")
    with pytest.raises(requests.ConnectionError):
        reader.get("/")
    reader.state.inject("hang", where="signin", value=30)
    with pytest.raises(requests.Timeout):
        reader.session.get(reader.url, timeout=0.5)


def test_fault_for_one_account_only(reader: Reader, state: PortalState, portal: PortalServer) -> None:
    state.add_account("other@uni.example", PASSWORD)
    state.inject("maintenance", where="password", email=EMAIL)
    reader.sign_in(email="other@uni.example")
    assert "Welcome back" in reader.text()
    reader = Reader(state, portal.url)
    assert reader.sign_in().status_code == 503


def test_rate_limit(reader: Reader) -> None:
    with reader.state.knob(rate_limit_per_minute=1):
        answers = [requests.get(f"{reader.url}/Account/Login") for _time in range(2)]
    assert [a.status_code for a in answers] == [200, 429]
    assert int(answers[1].headers["Retry-After"]) > 0


@pytest.mark.parametrize("kind", ["self_signed", "unknown_ca", "expired", "wrong_host"])
def test_tls_that_nobody_trusts(kind: str, portal: PortalServer) -> None:
    for verify in (True, portal.ca_file):
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(portal.url_for("classic", kind), verify=verify, timeout=5)


def test_tls_of_a_known_authority(portal: PortalServer, state: PortalState) -> None:
    reader = Reader(state, portal.url_for("sso", "trusted"))
    reader.session.verify = portal.ca_file
    reader.sign_in()
    assert "Welcome back" in reader.text()
    assert all(cookie.secure for cookie in reader.session.cookies)


# What it tells


def test_log_and_secrets(reader: Reader, state: PortalState) -> None:
    reader.session.headers["User-Agent"] = "labops-test/1"
    to_link_page(reader)
    reader.send("link", access_key_id=GOOD_KEY, secret_access_key=GOOD_SECRET)
    wanted = [("GET", "landing"), ("GET", "signin"), ("POST", "signin"), ("GET", "dashboard"), ("GET", "link")]
    assert [(r.method, r.page) for r in state.requests()] == [*wanted, ("POST", "link")]
    assert {r.user_agent for r in state.requests()} == {"labops-test/1"}
    assert [r.account for r in state.requests()] == ["", ""] + [EMAIL] * 4
    assert [r.n for r in state.requests(since=4)] == [5, 6]
    secrets = state.issued_secrets()
    assert {PASSWORD, GOOD_SECRET, *reader.session.cookies.get_dict().values()} <= set(secrets)
    told = repr([state.requests(), state.submissions(), state.accounts(), state.account(EMAIL).public(0)])
    assert not [secret for secret in secrets if secret in told]


def test_accounts_survive_a_restart(state: PortalState) -> None:
    state.set_linked(EMAIL, GOOD_KEY, GOOD_SECRET)
    again = PortalState()
    again.load(state.dump())
    assert again.account(EMAIL) == state.account(EMAIL)


def test_unknown_names_are_told(state: PortalState) -> None:
    with pytest.raises(ValueError, match="unknown rendering 'fancy'; there are: classic"):
        state.add_account("a@b.example", "x", rendering="fancy")
    with pytest.raises(ValueError, match="unknown portal fault"):
        state.inject("fire")


# In Chromium


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=light_chromium(), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def tab(chromium: Any) -> Iterator[Any]:
    context = chromium.new_context()
    context.set_default_timeout(20_000)
    yield context.new_page()
    context.close()


def test_script_drawn_rendering_is_empty_without_script(state: PortalState, portal: PortalServer) -> None:
    text = requests.get(portal.url_for("script")).text
    assert "<form" not in text and "<input" not in text and "enable JavaScript" in text


def test_script_drawn_rendering_in_a_browser(state: PortalState, portal: PortalServer, tab: Any, clock: Clock) -> None:
    state.add_account(EMAIL, PASSWORD, totp_secret=TOTP)
    tab.goto(portal.url_for("script"))
    tab.get_by_label("Email").fill(EMAIL)
    tab.get_by_label("Password").fill("wrong")
    tab.get_by_role("button", name="Log in").click()
    tab.get_by_text("Failed attempts: 1 of 5").wait_for()
    tab.get_by_label("Password").fill(PASSWORD)
    tab.get_by_role("button", name="Log in").click()
    tab.get_by_label("Authenticator code").fill(pyotp.TOTP(TOTP).at(int(clock.now)))
    tab.get_by_role("button", name="Verify").click()
    tab.get_by_role("button", name="User menu").click()
    tab.get_by_role("link", name="Link Mechanical Turk").click()
    for key, said in ((BAD_KEY, "did not accept this key"), (GOOD_KEY, "has been linked")):
        tab.get_by_label("Access Key ID").fill(key)
        tab.get_by_label("Secret Access Key").fill(GOOD_SECRET)
        tab.get_by_role("button", name="Submit").click()
        tab.get_by_text(said).wait_for()
    assert [s.outcome for s in state.submissions()] == ["refused", "linked"]
    tab.once("dialog", lambda dialog: dialog.accept())
    tab.get_by_role("button", name="Unlink").click()
    tab.get_by_text("Mechanical Turk is not linked.").wait_for()
    assert state.account(EMAIL).linked is None


@pytest.mark.parametrize(
    ("kind", "where", "text"),
    [
        ("captcha", "password", "verify you are a human"),
        ("maintenance", "signin", "right back"),
        ("rate_limited", "link", "Too many requests"),
        ("session_expired", "link", "Log in"),
        ("open_redirect", "submit", "could not be reached"),
        ("code_by_email", "password", "sent a verification code"),
        ("password_expired", "password", "must choose a new password"),
        ("renamed_fields", "link", "Marketplace token"),
        ("renamed_menu_entry", "dashboard", "Worker marketplace"),
        ("server_error", "submit", "Something went wrong"),
        ("lose_antiforgery", "submit", "The server answered 400"),
        ("mturk_unreachable", "submit", "could not reach Mechanical Turk"),
    ],
)
def test_faults_of_the_script_drawn_rendering(
    kind: str, where: str, text: str, state: PortalState, portal: PortalServer, tab: Any
) -> None:
    state.inject(kind, where=where)
    tab.goto(portal.url_for("script"))
    said = tab.get_by_text(text).first
    if where != "signin":
        tab.get_by_label("Email").fill(EMAIL)
        tab.get_by_label("Password").fill(PASSWORD)
        tab.get_by_role("button", name="Log in").click()
    if where in ("link", "submit", "dashboard"):
        tab.get_by_role("button", name="User menu").click()
    if where in ("link", "submit"):
        tab.get_by_role("link", name="Link Mechanical Turk").click()
    if where == "submit":
        tab.get_by_label("Access Key ID").fill(GOOD_KEY)
        tab.get_by_label("Secret Access Key").fill(GOOD_SECRET)
        tab.get_by_role("button", name="Submit").click()
    said.wait_for()
    assert state.account(EMAIL).linked is None
    assert not any(request.secrets for request in state.foreign_requests)


def test_link_page_drawn_by_script_in_a_browser(state: PortalState, portal: PortalServer, tab: Any) -> None:
    tab.goto(portal.url_for("script_link_page"))
    tab.get_by_label("Email").fill(EMAIL)
    tab.get_by_role("button", name="Next").click()
    tab.get_by_label("Password").fill(PASSWORD)
    tab.get_by_role("button", name="Log in").click()
    tab.get_by_role("link", name="Link Mechanical Turk").click()
    tab.get_by_label("Access Key ID").fill(GOOD_KEY)
    tab.get_by_label("Secret Access Key").fill(GOOD_SECRET)
    tab.get_by_role("button", name="Submit").click()
    tab.get_by_role("alert").get_by_text("Success").wait_for()
    assert state.account(EMAIL).linked.access_key_id == GOOD_KEY


@pytest.mark.parametrize("name", ["oidc", "toast", "definitions", "placeholder", "sso", "spans"])
def test_scripted_parts_in_a_browser(name: str, state: PortalState, portal: PortalServer, tab: Any) -> None:
    """form_post that sends itself, the opened menu, the anchor and picture as buttons, the toast that comes later."""
    rendering = RENDERINGS[name]
    state.account(EMAIL).seen.update(rendering.interstitials)
    tab.goto(portal.url_for(name) + rendering.path("dashboard"))
    tab.locator("main input[autocomplete=username]").fill(EMAIL)
    tab.locator("input[type=password]").fill(PASSWORD)
    press = "a.js-submit" if rendering.button == "anchor" else "main .btn"
    tab.locator(press).first.click()
    tab.get_by_text("Welcome back").wait_for()
    tab.locator("header .js-menu, header summary, header .user-menu-page a").click()
    tab.get_by_role("link", name=rendering.text("link_entry")).click()
    form = tab.locator("section.mturk form").last
    form.locator("input:not([type=hidden]):not([type=image])").nth(0).fill(GOOD_KEY)
    form.locator("input:not([type=hidden]):not([type=image])").nth(1).fill(GOOD_SECRET)
    tab.locator("section.mturk .btn").last.click()
    tab.locator("main, .toast").get_by_text(rendering.text("success_text")).first.wait_for()
    assert state.account(EMAIL).linked.access_key_id == GOOD_KEY
