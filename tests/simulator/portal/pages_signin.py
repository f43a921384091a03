# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Signing in: e-mail, password, second factor, lock-out. Served by the app or by the sign-in host."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Response

from . import rules
from .site import route
from .visit import BROWSER_COOKIE, FLOW_COOKIES, SESSION_COOKIES, BadForm, Button, Field, Form, Visit

REMEMBER_SECONDS = 30 * 24 * 3600
SECOND_FACTOR_KINDS = ("code_by_email", "enrol_second_factor", "password_expired")


def _email_field(visit: Visit, value: str = "") -> Field:
    return Field("email", "email", visit.rendering.email_input, value, "username")


def _password_field() -> Field:
    return Field("password", "password", "password", "", "current-password")


def _action(visit: Visit, page: str) -> str:
    query = visit.request.query_string.decode()
    return visit.path(page) + (f"?{query}" if query else "")


def _signin_form(visit: Visit, email: str = "") -> Form:
    """The first page's form: e-mail and password, or e-mail only."""
    fields = [_email_field(visit, email)]
    if visit.rendering.two_pages:
        buttons = [Button(visit.word("next"))]
    else:
        fields += [_password_field(), Field("remember_me", "remember_me", "checkbox", required=False)]
        buttons = [Button(visit.word("sign_in"))]
    return _with_faults(visit, visit.form("signin", _action(visit, "signin"), fields, buttons))


def _with_faults(visit: Visit, form: Form) -> Form:
    if visit.fault("captcha_in_form"):
        visit.add_captcha(form)
    away = visit.fault("foreign_action")
    if away:
        form.action = away.value or f"{visit.site.origins.foreign}/collect"
    away = visit.fault("foreign_script")
    if away:
        form.buttons[0].formaction = away.value or f"{visit.site.origins.foreign}/collect"
    if visit.fault("no_button"):
        form.buttons = []
    return form


def _signin_page(visit: Visit, notices: list[dict[str, str]] | None = None, email: str = "") -> Response:
    forms = [] if visit.fault("no_form") else [_signin_form(visit, email)]
    if visit.fault("ambiguous_form"):
        forms.append(_signin_form(visit, email))
    others: list[Form] = []
    if "register" in visit.rendering.decoys:
        others.append(_register_form(visit))
    if "social" in visit.rendering.decoys:
        names = ("Google", "Microsoft", "ORCID")
        buttons = [Button(f"Log in with {name}", name.lower(), look="plain") for name in names]
        others.append(visit.form("external", visit.path("external"), [], buttons))
    return visit.render("signin.html", forms=forms, others=others, notices=notices or [], shown_email="")


def _register_form(visit: Visit) -> Form:
    fields = [
        Field("name", "Full name"),
        Field("email", "email", "email", "", "username"),
        Field("password", "password", "password", "", "new-password"),
        Field("confirm_password", "Confirm password", "password", "", "new-password"),
    ]
    return visit.form("register", visit.path("register"), fields, [Button("Create account")], heading="New here?")


@route("landing")
def landing(visit: Visit) -> Response:
    """The home page, or straight on."""
    if visit.session is not None:
        return visit.go("dashboard")
    if visit.rendering.landing == "public":
        return visit.render("landing.html")
    return visit.need_signin() if visit.rendering.signin_on == "signin" else visit.go("signin", visit.path("dashboard"))


@route("signin")
def signin(visit: Visit) -> Response:
    """The sign-in page; those who are signed in already are sent on."""
    if visit.session is not None:
        return visit.go_to(visit.local(visit.request.args.get("ReturnUrl", "")))
    return _signin_page(visit)


@route("signin", "POST")
def send_signin(visit: Visit) -> Response:
    """E-mail and password, or the e-mail only."""
    values = visit.posted("signin")
    visit.email = values["email"]
    if values.get("trap"):
        return _signin_page(visit, [_error("We could not log you in. Please contact support.")])
    if values.get("captcha"):
        return _signin_page(visit, [_error("Please show that you are not a robot.")], values["email"])
    if not values["email"].strip():
        return _signin_page(visit, [_error(visit.word("required").format(label=visit.word("email")))])
    if visit.rendering.two_pages:
        _start_flow(visit, {"email": values["email"].strip()})
        return visit.go_to(_action(visit, "password"))
    return _try_password(visit, values["email"].strip(), values["password"], values["remember_me"] == "true")


def _password_form(visit: Visit, email: str) -> Form:
    fields = [Field("email", type="hidden", value=email), _password_field()]
    fields.append(Field("remember_me", "remember_me", "checkbox", required=False))
    form = visit.form("password", _action(visit, "password"), fields, [Button(visit.word("sign_in"))])
    return _with_faults(visit, form)


@route("password")
def password(visit: Visit) -> Response:
    """The second page of a sign-in that asks for one thing at a time."""
    if not visit.flow:
        return visit.go_to(_action(visit, "signin"))
    forms = [] if visit.fault("no_form") else [_password_form(visit, visit.flow["email"])]
    return visit.render("signin.html", forms=forms, others=[], shown_email=visit.flow["email"])


@route("password", "POST")
def send_password(visit: Visit) -> Response:
    """The password of the e-mail that was given before."""
    values = visit.posted("password")
    if not visit.flow or values["email"] != visit.flow["email"]:
        raise BadForm("The sign-in has not been started or is another person's.")
    if values.get("captcha"):
        notices = [_error("Please show that you are not a robot.")]
        forms = [_password_form(visit, visit.flow["email"])]
        return visit.render("signin.html", forms=forms, others=[], notices=notices, shown_email=visit.flow["email"])
    return _try_password(visit, visit.flow["email"], values["password"], values["remember_me"] == "true")


def _try_password(visit: Visit, email: str, given: str, remember_me: bool) -> Response:
    check = rules.check_password(visit.state, email, given)
    if check.result == "locked":
        return locked(visit)
    if check.result == "wrong":
        text = visit.word("attempts").format(failed=check.failed, allowed=visit.state.knobs.lockout_attempts)
        notice = _error(f"{visit.word('wrong_password')} {text}")
        if visit.rendering.two_pages:
            forms = [_password_form(visit, email)]
            return visit.render("signin.html", forms=forms, others=[], notices=[notice], shown_email=email)
        return _signin_page(visit, [notice], email)
    account = visit.state.account(email)
    assert account is not None
    for kind in SECOND_FACTOR_KINDS:
        if visit.fault(kind):
            return visit.render("instead.html", kind=kind, form=_instead_form(visit, kind))
    browser = visit.request.cookies.get(BROWSER_COOKIE, "")
    if account.totp_secret and not visit.state.is_remembered(browser, email):
        _start_flow(visit, {"email": email, "password_ok": True, "remember_me": remember_me})
        return visit.go_to(_action(visit, "second_factor"))
    return _complete(visit, email, remember_me)


def _instead_form(visit: Visit, kind: str) -> Form:
    if kind == "password_expired":
        fields = [
            Field("old", "Current password", "password", "", "current-password"),
            Field("new", "New password", "password", "", "new-password"),
            Field("again", "Confirm new password", "password", "", "new-password"),
        ]
        return visit.form("expired", visit.path("change_password"), fields, [Button("Change password")])
    return visit.form("other_code", _action(visit, "second_factor"), [_code_field()], [Button(visit.word("verify"))])


def _code_field() -> Field:
    return Field("code", "code", "code", "", "one-time-code")


def _code_page(visit: Visit, notices: list[dict[str, str]] | None = None) -> Response:
    fields = [_code_field(), Field("remember_browser", "remember_browser", "checkbox", required=False)]
    form = visit.form("code", _action(visit, "second_factor"), fields, [Button(visit.word("verify"))])
    forms = [] if visit.fault("no_form") else [_with_faults(visit, form)]
    return visit.render("code.html", forms=forms, notices=notices or [])


@route("second_factor")
def second_factor(visit: Visit) -> Response:
    """The page that asks for the authenticator's code."""
    if not visit.flow or not visit.flow.get("password_ok"):
        return visit.go_to(_action(visit, "signin"))
    return _code_page(visit)


@route("second_factor", "POST")
def send_code(visit: Visit) -> Response:
    """The authenticator's code."""
    if not visit.flow or not visit.flow.get("password_ok"):
        return visit.go_to(_action(visit, "signin"))
    values = visit.posted("code")
    account = visit.state.account(visit.flow["email"])
    assert account is not None
    check = rules.check_code(visit.state, account, values["code"])
    if check.result == "locked":
        return locked(visit)
    if check.result == "wrong":
        return _code_page(visit, [_error(visit.word("wrong_code"))])
    if values["remember_browser"] == "true":
        visit.set_cookie(BROWSER_COOKIE, visit.state.remember_browser(account.email), seconds=REMEMBER_SECONDS)
    return _complete(visit, account.email, bool(visit.flow.get("remember_me")))


@route("locked")
def locked(visit: Visit) -> Response:
    """Too many wrong tries."""
    _end_flow(visit)
    return visit.message("locked", 200)


def _start_flow(visit: Visit, values: dict[str, Any]) -> None:
    _end_flow(visit)
    visit.flow = values
    visit.flow_cookie = visit.state.start_flow(values)
    visit.set_cookie(FLOW_COOKIES[visit.role], visit.flow_cookie)


def _end_flow(visit: Visit) -> None:
    visit.state.end_flow(visit.flow_cookie)
    visit.set_cookie(FLOW_COOKIES[visit.role], "")


def sign_in(visit: Visit, email: str, remember_me: bool = False) -> None:
    """Open a session on this origin and give its cookie."""
    session = visit.state.open_session(email, visit.role)
    visit.set_cookie(SESSION_COOKIES[visit.role], session.sid, seconds=REMEMBER_SECONDS if remember_me else None)
    visit.session = session
    visit.email = email


def _complete(visit: Visit, email: str, remember_me: bool) -> Response:
    _end_flow(visit)
    sign_in(visit, email, remember_me)
    return visit.go_to(visit.local(visit.request.args.get("ReturnUrl", "")))


@route("signout", "POST", private=True)
def signout(visit: Visit) -> Response:
    """The form in the menu: ends the app's session and the sign-in host's."""
    visit.posted("signout")
    visit.forget_session(everywhere=True)
    visit.set_cookie(SESSION_COOKIES[visit.role], "")
    return visit.go("landing")


def _stray(visit: Visit, form: str, text: str) -> Response:
    from .pages_app import note_stray_form

    return note_stray_form(visit, form, text)


@route("register", "POST")
def register(visit: Visit) -> Response:
    """Somebody sent the sign-up form."""
    visit.posted("register")
    return _stray(visit, "register", "This address is taken.")


@route("external", "POST")
def external(visit: Visit) -> Response:
    """Somebody pressed a social button."""
    visit.posted("external")
    return _stray(visit, "external", "Signing in with that service is not available.")


@route("forgot")
def forgot(visit: Visit) -> Response:
    """The page behind 'Forgot your password?'."""
    form = visit.form("forgot", visit.path("forgot"), [_email_field(visit)], [Button("Send a reset link")])
    return visit.render("plain_form.html", heading="Forgot your password?", text="", form=form)


@route("forgot", "POST")
def send_forgot(visit: Visit) -> Response:
    """Somebody asked for a new password."""
    visit.posted("forgot")
    return _stray(visit, "forgot", "If the address is known, a message is on its way.")


def _error(text: str) -> dict[str, str]:
    return {"kind": "error", "title": "", "text": text}
