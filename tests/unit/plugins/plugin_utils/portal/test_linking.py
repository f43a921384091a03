# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a portal answers to a key, and what is made of it."""

from __future__ import annotations

import datetime
import pathlib

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.errors import PortalError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link import key_page
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link.key_page import KeyPage
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link.state import KnownKey, LinkState
from ansible_collections.labops.cloudresearch.tests.unit.plugins.plugin_utils.portal.scripted import (
    HOME,
    LINK,
    SIGN_IN,
    Answer,
    ScriptedSite,
    flow_over,
)

KEY, SECRET, OTHER = "AKIAIOSFODNN7LABWXYZ", "s3cret+secret", "AKIAIOSFODNN7LABOTHR"
FORM = LINK[LINK.index("<form") :]
HEAD = LINK[: LINK.index("<form")]


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second try comes at once."""
    monkeypatch.setattr(key_page, "_PAUSE_SECONDS", 0.0)


def new_key(minutes_old: int | None = 0) -> KnownKey:
    """A key of this age; None: nobody knows."""
    if minutes_old is None:
        return KnownKey(KEY, SECRET)
    return KnownKey(KEY, SECRET, created=datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=minutes_old))


def site(answer: str | Answer, link: str = LINK, **pages: str) -> ScriptedSite:
    named = {"/" + name: html for name, html in pages.items()}
    given = answer if not isinstance(answer, str) or answer in named or answer in ("/home", "/link") else "/answer"
    if isinstance(answer, str):
        named.setdefault("/answer", answer)
    return ScriptedSite(
        {"/": SIGN_IN, "/home": HOME, "/link": link, **named}, {"/login": "/home", "/link": given, "/unlink": "/answer"}
    )


def submit(pages: ScriptedSite, directory: pathlib.Path) -> LinkState:
    return KeyPage(flow_over(pages, directory)).submit(new_key())


def submissions(pages: ScriptedSite) -> int:
    return len([path for path, values in pages.sent if path == "/link" and values.get("s") == SECRET])


ACCEPTED = {
    "notice": f"{HEAD}<div class='alert alert-success'>Success</div>{FORM}",
    "sentence": f"{HEAD}<p role=status>Your Mechanical Turk account was linked successfully.</p>{FORM}",
    "heading on another page": "<title>Done</title><h1>Success!</h1><p>You can launch studies now.</p><a "
    "href=/home>Back to the dashboard</a>",
    "green box without a known word": f"{HEAD}<div class='alert alert-success'>Thanks, we have got it.</div>{FORM}",
    "the key": f"{HEAD}<p>Linked key: {KEY}</p>{FORM}",
    "the masked key": f"{HEAD}<p>Linked key: ****************WXYZ</p>{FORM}",
    "the key and a warning": f"{HEAD}<p>Linked key: {KEY}</p><p>MTurk balance: $0.00</p><p>You may want to add "
    f"funds.</p>{FORM}",
    "on the dashboard": f"{HOME}<div class=toast>Mechanical Turk linked: success</div>",
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_success(name: str, tmp_path: pathlib.Path) -> None:
    pages = site(ACCEPTED[name])
    state = submit(pages, tmp_path)
    assert (state.status, state.evidence, state.access_key_id) == ("linked", "page", KEY)
    assert submissions(pages) == 1
    assert pages.asked.count("/link") == 1


AT_FIELD = "<span class=field-validation-error>The Secret Access Key is incorrect.</span>"
REFUSED = {
    "notice": f"{HEAD}<div class='alert alert-danger'>Error: this key is not valid.</div>{FORM}",
    "sentence": f"{HEAD}<p>We couldn\u2019t verify these credentials with Amazon.</p>{FORM}",
    "with the key echoed": f"{HEAD}<p>The access key {KEY} was rejected by "
    f"AWS.</p>{FORM.replace('name=a', f'name=a value={KEY}')}",
    "at the field": f"{HEAD}{FORM.replace('<button>', AT_FIELD + '<button>')}",
    "red box without a known word": f"{HEAD}<div class='alert alert-danger'>Amazon says: "
    f"SignatureDoesNotMatch</div>{FORM}",
    "hidden success": f"{HEAD}<div hidden class=alert-success>Success</div><div role=alert>Error: not "
    f"accepted</div>{FORM}",
    "denied success": f"{HEAD}<div role=alert>The key could not be linked successfully.</div>{FORM}",
    "linked elsewhere": f"{HEAD}<div role=alert>Your AWS account is not linked to an MTurk requester "
    f"account.</div>{FORM}",
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusal(name: str, tmp_path: pathlib.Path) -> None:
    pages = site(REFUSED[name])
    with pytest.raises(PortalError) as caught:
        submit(pages, tmp_path)
    assert caught.value.reason == "key_rejected"
    assert 1 <= submissions(pages) <= 2
    assert SECRET not in str(caught.value.as_result())


SILENT = {
    "success beside another key": f"{HEAD}<div role=status>Success</div><p>Linked key: {OTHER}</p>{FORM}",
    "the same page": LINK,
    "static praise": LINK + "<p>Success is one step away: link your account.</p>",
    "both at once": f"{HEAD}<div role=alert>Success</div><div role=alert>Error</div>{FORM}",
}


@pytest.mark.parametrize("name", SILENT)
def test_silence_is_no_success(name: str, tmp_path: pathlib.Path) -> None:
    pages = site(SILENT[name])
    if name in ("static praise", "success beside another key"):
        pages.pages["/link"] = SILENT[name]
    with pytest.raises(PortalError) as caught:
        submit(pages, tmp_path)
    assert caught.value.reason == "page_changed"
    assert caught.value.details["page_changed"]["setting"] == "success_notice"
    assert submissions(pages) == 1


def test_silence_and_a_balance_is_a_submission(tmp_path: pathlib.Path) -> None:
    pages = site("/home")
    page = KeyPage(flow_over(pages, tmp_path))
    pages.pages["/link"] = LINK + "<p>MTurk balance: $25.00</p>"
    state = page.submit(new_key())
    assert (state.status, state.evidence, state.balance) == ("linked", "submission", "$25.00")


def test_silence_and_the_key_on_the_page_is_proof(tmp_path: pathlib.Path) -> None:
    pages = site("/home")
    page = KeyPage(flow_over(pages, tmp_path))
    pages.pages["/link"] = LINK + f"<p>Linked key: {KEY}</p>"
    assert page.submit(new_key()).evidence == "page"


def test_a_key_that_is_not_known_everywhere_yet_gets_one_more_try(tmp_path: pathlib.Path) -> None:
    tries: list[int] = []

    def answer(_values: dict[str, str]) -> str:
        tries.append(1)
        return "/bad" if len(tries) == 1 else "/good"

    pages = site(answer, bad=REFUSED["notice"], good=ACCEPTED["notice"])
    assert submit(pages, tmp_path).status == "linked"
    assert submissions(pages) == 2


@pytest.mark.parametrize(
    ("refusal", "minutes_old"),
    [
        (REFUSED["notice"], 20),
        (REFUSED["notice"], None),
        (REFUSED["at the field"], 0),
        (REFUSED["hidden success"], 0),
        (REFUSED["linked elsewhere"], 0),
    ],
)
def test_any_other_refused_key_is_entered_once(refusal: str, minutes_old: int | None, tmp_path: pathlib.Path) -> None:
    pages = site(refusal)
    with pytest.raises(PortalError) as caught:
        KeyPage(flow_over(pages, tmp_path)).submit(new_key(minutes_old))
    assert caught.value.reason == "key_rejected"
    assert submissions(pages) == 1


def test_a_session_that_ends_at_the_submission_costs_no_key(tmp_path: pathlib.Path) -> None:
    tries: list[int] = []

    def answer(_values: dict[str, str]) -> str:
        tries.append(1)
        return "/" if len(tries) == 1 else "/good"

    pages = site(answer, good=ACCEPTED["notice"])
    assert submit(pages, tmp_path).status == "linked"
    assert [path for path, _values in pages.sent] == ["/login", "/link", "/login", "/link"]


BALANCE = "<p>MTurk balance: $25.00</p>"


def test_a_balance_that_was_there_before_is_no_sign_of_the_new_key(tmp_path: pathlib.Path) -> None:
    """The portal hides which key it holds, and may have dropped the submission: the old key must not go for that."""
    pages = site("/link", link=LINK + BALANCE)
    with pytest.raises(PortalError) as caught:
        submit(pages, tmp_path)
    assert caught.value.reason == "page_changed"
    assert caught.value.details["page_changed"]["setting"] == "success_notice"
    assert submissions(pages) == 1


@pytest.mark.parametrize("notice", ["", "<div class=alert-success>Signed in successfully.</div>", "<p>Success</p>"])
@pytest.mark.parametrize("balance", ["", BALANCE])
def test_a_sign_in_that_succeeds_is_no_success_of_the_key(notice: str, balance: str, tmp_path: pathlib.Path) -> None:
    tries: list[int] = []

    def answer(_values: dict[str, str]) -> str:
        tries.append(1)
        pages.pages["/link"] = LINK + balance + notice
        return "/" if len(tries) == 1 else "/good"

    pages = site(answer, link=LINK + balance, good=ACCEPTED["sentence"])
    assert submit(pages, tmp_path).evidence == "page"
    assert submissions(pages) == 2


def test_a_page_that_asks_to_sign_in_again_tells_no_success_of_the_key(tmp_path: pathlib.Path) -> None:
    tries: list[int] = []

    def answer(_values: dict[str, str]) -> str:
        tries.append(1)
        return "/out" if len(tries) == 1 else "/good"

    signed_out = SIGN_IN.replace("<form", "<div class=alert-success>You were signed out successfully.</div><form", 1)
    pages = site(answer, out=signed_out, good=ACCEPTED["notice"])
    assert submit(pages, tmp_path).status == "linked"
    assert submissions(pages) == 2


def test_an_expired_form_is_sent_once_more(tmp_path: pathlib.Path) -> None:
    tries: list[int] = []

    def answer(_values: dict[str, str]) -> str:
        tries.append(1)
        return "/old" if len(tries) == 1 else "/good"

    old = f"{HEAD}<div role=alert>Error: this page has expired, please try again.</div>{FORM}"
    pages = site(answer, old=old, good=ACCEPTED["notice"])
    assert submit(pages, tmp_path).status == "linked"


def test_a_form_behind_a_link_is_brought_up_first(tmp_path: pathlib.Path) -> None:
    shown = f"{HEAD}<p>Linked key: {OTHER}</p><a href=/change>Replace key</a>"
    pages = site(ACCEPTED["notice"], link=shown, change=LINK)
    assert submit(pages, tmp_path).status == "linked"
    assert pages.asked[-1] == "/change"


def unlink(pages: ScriptedSite, directory: pathlib.Path) -> LinkState | None:
    page = KeyPage(flow_over(pages, directory))
    control = page.removal()
    return page.remove(control) if control is not None else None


LINKED_PAGE = f"{HEAD}<p>Linked key: {KEY}</p><form method=post action=/unlink><button>Unlink</button></form>{FORM}"


@pytest.mark.parametrize(
    "answer",
    [
        f"{HEAD}<div role=status>Your key has been removed.</div>{FORM}",
        f"{HEAD}<p>Mechanical Turk is not linked.</p>{FORM}",
        "<h1>Unlinked</h1><p>Mechanical Turk has been disconnected.</p><a href=/home>Continue</a>",
    ],
)
def test_removal(answer: str, tmp_path: pathlib.Path) -> None:
    state = unlink(site(answer, link=LINKED_PAGE), tmp_path)
    assert state is not None
    assert state.status == "not_linked"


def test_removal_that_asks_again(tmp_path: pathlib.Path) -> None:
    pages = site(
        "<h1>Are you sure?</h1><form method=post action=/sure><button name=a value=no>Cancel</button><button "
        "name=a value=yes>Yes, unlink</button></form>",
        link=LINKED_PAGE,
        gone=f"{HEAD}<p role=status>The key was removed.</p>{FORM}",
    )
    pages.answers["/sure"] = lambda values: "/gone" if values["a"] == "yes" else "/link"
    state = unlink(pages, tmp_path)
    assert state is not None
    assert state.status == "not_linked"


def test_removal_that_did_nothing_is_an_error(tmp_path: pathlib.Path) -> None:
    with pytest.raises(PortalError) as caught:
        unlink(site(LINKED_PAGE, link=LINKED_PAGE), tmp_path)
    assert caught.value.details["page_changed"]["setting"] == "unlinked_notice"


@pytest.mark.parametrize(
    "answer",
    [
        SIGN_IN.replace("<form", "<div class=alert-success>Success</div><form", 1),
        f"{LINKED_PAGE}<div role=status>Signed in successfully.</div>",
    ],
)
def test_a_session_that_ends_or_begins_removes_nothing(answer: str, tmp_path: pathlib.Path) -> None:
    with pytest.raises(PortalError) as caught:
        unlink(site(answer, link=LINKED_PAGE), tmp_path)
    assert caught.value.details["page_changed"]["setting"] == "unlinked_notice"


def test_no_control_no_removal(tmp_path: pathlib.Path) -> None:
    assert unlink(site("", link=f"{HEAD}<p>Linked key: {KEY}</p>{FORM}"), tmp_path) is None
