# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The app around the link page: dashboard, menu, settings, pages in between, and forms that nobody should send."""

from __future__ import annotations

from werkzeug.wrappers import Response

from .records import StrayForm
from .site import route
from .visit import Button, Field, Form, Visit


def newsletter_form(visit: Visit) -> Form:
    """A form with an e-mail field."""
    fields = [Field("email", "Your e-mail for our newsletter", "email")]
    return visit.form("newsletter", visit.path("newsletter"), fields, [Button("Subscribe", look="plain")])


def profile_form(visit: Visit) -> Form:
    """A form with plain text fields."""
    fields = [
        Field("name", "Display name", value=visit.account.name),
        Field("institution", "Institution", value="Example University", required=False),
        Field("newsletter", "Send me news about new features", "checkbox", required=False),
    ]
    return visit.form("profile", visit.path("profile"), fields, [Button("Save changes")], heading="Profile")


def change_password_form(visit: Visit) -> Form:
    """A form with three password fields."""
    fields = [
        Field("old", "Current password", "password", "", "current-password"),
        Field("new", "New password", "password", "", "new-password"),
        Field("again", "Confirm new password", "password", "", "new-password"),
    ]
    buttons = [Button("Change password")]
    return visit.form("change_password", visit.path("change_password"), fields, buttons, heading="Password")


def note_stray_form(visit: Visit, form: str, text: str) -> Response:
    """Remember that a form was sent that no key is linked by."""
    visit.state.stray_forms.append(StrayForm(visit.state.clock(), visit.email, form, visit.request.path))
    return visit.render("plain_form.html", heading="Thank you", text=text, form=None)


@route("dashboard", private=True)
def dashboard(visit: Visit) -> Response:
    """Where one lands; shows the MTurk balance when linked."""
    return visit.render("dashboard.html")


@route("menu_page", private=True)
def menu_page(visit: Visit) -> Response:
    """The user menu as a page of its own."""
    return visit.render("menu_page.html")


@route("settings", private=True)
def settings(visit: Visit) -> Response:
    """Profile and password, and in some renderings the way on to the integrations."""
    return visit.render("settings.html", forms=[profile_form(visit), change_password_form(visit)])


@route("integrations", private=True)
def integrations(visit: Visit) -> Response:
    """Services that can be connected, Mechanical Turk among them."""
    return visit.render("integrations.html")


def _leave(visit: Visit, page: str) -> Response:
    visit.account.seen.add(page)
    return visit.go_to(visit.local(visit.request.args.get("ReturnUrl", "")))


def _back(visit: Visit, page: str) -> str:
    query = visit.request.query_string.decode()
    return visit.path(page) + (f"?{query}" if query else "")


@route("whats_new", private=True)
def whats_new(visit: Visit) -> Response:
    """A page in between, with one button."""
    form = visit.form("whats_new", _back(visit, "whats_new"), [], [Button(visit.word("got_it"))])
    return visit.render("between.html", kind="whats_new", form=form)


@route("whats_new", "POST", private=True)
def leave_whats_new(visit: Visit) -> Response:
    """The button of that page."""
    visit.posted("whats_new")
    return _leave(visit, "whats_new")


@route("announcement", private=True)
def announcement(visit: Visit) -> Response:
    """A page in between, with a link to go on."""
    if visit.request.args.get("seen") == "1":
        return _leave(visit, "announcement")
    return visit.render("between.html", kind="announcement", form=None, onward=_back(visit, "announcement") + "&seen=1")


@route("terms", private=True)
def terms(visit: Visit) -> Response:
    """Terms of use: a box to tick, one button to accept and one to decline."""
    return _terms_page(visit)


def _terms_page(visit: Visit, problem: str = "") -> Response:
    fields = [Field("agree", "terms_agree", "checkbox")]
    buttons = [Button(visit.word("decline"), "decline", look="plain"), Button(visit.word("accept"), "accept")]
    form = visit.form("terms", _back(visit, "terms"), fields, buttons)
    notices = [{"kind": "error", "title": "", "text": problem}] if problem else []
    return visit.render("between.html", kind="terms", form=form, notices=notices)


@route("terms", "POST", private=True)
def answer_terms(visit: Visit) -> Response:
    """Accepted, declined (which signs out), or accepted without the tick."""
    values = visit.posted("terms")
    if values["button"] == "decline":
        visit.forget_session(everywhere=True)
        return visit.go("landing")
    if values["agree"] != "true":
        return _terms_page(visit, "Please tick the box to accept the terms of use.")
    return _leave(visit, "terms")


@route("newsletter", "POST")
def newsletter(visit: Visit) -> Response:
    """A form that nobody should send."""
    visit.posted("newsletter")
    return note_stray_form(visit, "newsletter", "You are on the list.")


@route("search")
def search(visit: Visit) -> Response:
    """A form that nobody should send (GET, without a token, as searches are)."""
    return note_stray_form(visit, "search", "Nothing found.")


@route("profile", "POST", private=True)
def profile(visit: Visit) -> Response:
    """A form that nobody should send."""
    visit.posted("profile")
    return note_stray_form(visit, "profile", "Your profile was saved.")


@route("change_password", "POST")
def change_password(visit: Visit) -> Response:
    """A form that nobody should send: the password stays as it is."""
    return note_stray_form(visit, "change_password", "Your password was not changed.")
