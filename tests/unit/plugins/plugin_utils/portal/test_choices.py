# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two things that are equally good are a question; the button that is pressed belongs to the fields that are filled."""

from __future__ import annotations

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page import sought
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.changed import PageChanged
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.finder import Finder
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.forms import successful_controls
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.key_finder import LinkForm
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.reader import read_page
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.sign_in_finder import SignInForm
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.wording import Wording

ADDRESS = "https://app.cloudresearch.com/page"


def key_form(action: str) -> str:
    return (
        f"<form method=post action={action}><label>Access Key ID<input name=a></label><label>Secret Access Key"
        "<input name=s type=password></label><button>Submit</button></form>"
    )


def link_form(html: str, **portal: str) -> LinkForm:
    found = Finder(Wording.from_overrides(portal)).link_form(read_page(html, ADDRESS), expected=True)
    assert found is not None
    return found


def sign_in(html: str, **portal: str) -> SignInForm:
    found = Finder(Wording.from_overrides(portal)).sign_in(read_page(html, ADDRESS), email_known=False)
    assert found is not None
    return found


TITLE = "<title>Link Mechanical Turk</title><h1>Link Mechanical Turk</h1>"
# Each: the page, and the words that decide for the form that sends to /mine.
TWO_KEY_FORMS = {
    "one under each heading": (
        f"{TITLE}<h2>Personal</h2>{key_form('/mine')}<h2>Workspace Psychology</h2>{key_form('/workspace')}",
        "Personal",
    ),
    "only the other has a heading": (
        f"{TITLE}{key_form('/mine')}<h2>Workspace Psychology</h2>{key_form('/workspace')}",
        "Link Mechanical Turk",
    ),
    "sections": (
        f"{TITLE}<section aria-label='Your own account'>{key_form('/mine')}</section>"
        f"<section aria-label='Workspace'>{key_form('/workspace')}</section>",
        "Your own account",
    ),
    "the workspace comes first": (
        f"{TITLE}<h2>Workspace</h2>{key_form('/workspace')}<h2>Your account</h2>{key_form('/mine')}",
        "Your account",
    ),
}


@pytest.mark.parametrize("name", TWO_KEY_FORMS)
def test_two_forms_for_a_key_are_a_question_that_the_operator_can_answer(name: str) -> None:
    html, words = TWO_KEY_FORMS[name]
    with pytest.raises(PageChanged) as caught:
        link_form(html)
    assert caught.value.ambiguous
    assert len(caught.value.details["page_changed"]["found"]) == 2
    assert "Workspace" in caught.value.message
    assert "key_form" in caught.value.next_step
    assert link_form(html, key_form=words).form.action.endswith("/mine")


def test_a_form_for_another_service_is_no_rival() -> None:
    html = f"<h1>Integrations</h1><h2>Amazon S3</h2>{key_form('/s3')}<h2>Mechanical Turk</h2>{key_form('/mine')}"
    assert link_form(html).form.action.endswith("/mine")


def test_two_sign_in_forms_are_decided_by_a_heading() -> None:
    form = (
        "<h2>{0}</h2><form method=post action=/{0}><label>Email<input name=e></label>"
        "<label>Password<input type=password name=p></label><button>Log in</button></form>"
    )
    html = form.format("Participants") + form.format("Researchers")
    with pytest.raises(PageChanged) as caught:
        sign_in(html)
    assert "sign_in_form" in caught.value.next_step
    assert sign_in(html, sign_in_form="Researchers").form.action.endswith("/Researchers")


def test_two_fields_for_a_code_are_a_question() -> None:
    with pytest.raises(PageChanged, match="verification code"):
        sign_in(
            "<form method=post><label>Email<input name=e></label><label>Password<input type=password name=p></label>"
            "<label>Authenticator code<input name=c></label><label>Authenticator code<input name=d></label>"
            "<button>Log in</button></form>"
        )


SEARCH = "<input name=q placeholder=Search><input type=submit name=go value=Go>"
CREDENTIALS = "<label>Email<input name=e></label><label>Password<input type=password name=p></label>"
# ASP.NET Web Forms and others put one form around the whole page. Each: its content; the button to press is "right".
ONE_FORM = {
    "search in the head": f"{SEARCH}<div>{CREDENTIALS}<input type=submit name=right value='Log in'></div>",
    "search in the head, words that say less": f"{SEARCH}{CREDENTIALS}<input type=submit name=right value=OK>",
    "newsletter in the foot": f"{CREDENTIALS}<input type=submit name=right value=Enter>"
    "<label>News by mail<input name=n></label><input type=submit name=news value='Submit'>",
    "cells of a table": f"<table><tr><td>{SEARCH}</td></tr><tr><td>Email</td><td><input name=e></td></tr><tr><td>"
    "Password</td><td><input type=password name=p></td></tr><tr><td></td><td><button name=right value=1>Continue"
    "</button></td></tr></table>",
    "both": f"{SEARCH}{CREDENTIALS}<button type=button name=show>Show</button><button name=right>Sign in</button>"
    "<input name=z placeholder='Search the help'><button name=help>Go</button>",
    "a picture of an arrow": f"{SEARCH}{CREDENTIALS}<input type=image name=right src=x alt='→'>",
}


@pytest.mark.parametrize("name", ONE_FORM)
def test_the_button_belongs_to_its_fields(name: str) -> None:
    found = sign_in(f"<title>Log in</title><form method=post action=/l>{ONE_FORM[name]}</form>")
    assert found.email is not None
    assert found.button is not None
    assert found.button.name == "right"
    sent = dict(successful_controls(found.form, {found.email.ref: "x"}, found.button))
    assert not {"go", "news", "help"} & set(sent)


def test_a_button_elsewhere_that_names_the_form_belongs_to_it() -> None:
    found = sign_in(
        f"<title>Log in</title><header><button form=f name=right>Log in</button></header>"
        f"<form id=f method=post action=/l>{CREDENTIALS}<button type=button>Show</button></form>"
    )
    assert found.button is not None
    assert found.button.name == "right"


def test_the_keys_button_is_not_that_of_the_search() -> None:
    found = link_form(
        f"{TITLE}<form method=post>{SEARCH}<label>Access Key ID<input name=a></label><label>Secret Access Key"
        "<input name=s></label><input type=submit name=right value=OK></form>"
    )
    assert found.button is not None
    assert found.button.name == "right"


def test_what_is_looked_for_has_its_words_in_the_wording() -> None:
    settings = {item.setting for item in vars(sought).values() if isinstance(item, sought.Sought)}
    assert settings - {""} <= set(Wording._fields)
