# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sign-in forms as real sites draw them."""

from __future__ import annotations

import pytest

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.changed import PageChanged
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.finder import Finder
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.reader import read_page
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.wording import Wording

ADDRESS = "https://app.cloudresearch.com/Account/Login"
FINDER = Finder(Wording())

# Each: (fields found by their name attribute: e-mail, password, button label), HTML.
ON_ONE_PAGE = {
    "mvc scaffold": (
        ("Input.Email", "Input.Password", "Log in"),
        """
        <section><form id="account" method="post"><h2>Use a local account to log in.</h2><hr />
        <div class="text-danger validation-summary-valid" data-valmsg-summary="true"><ul><li
        style="display:none"></li></ul></div>
        <div class="form-floating"><input name="Input.Email" id="a" class="form-control" type="email"
        placeholder="name@example.com" aria-required="true"/>
        <label for="a" class="form-label">Email</label></div>
        <div class="form-floating"><input name="Input.Password" id="b" type="password" placeholder="password"/>
        <label for="b">Password</label></div>
        <div class="checkbox"><label><input type="checkbox" name="Input.RememberMe" value="true"/>Remember
        me?</label></div>
        <button type="submit">Log in</button>
        <p><a href="/Account/Register">Register as a new user</a></p>
        <input name="__RequestVerificationToken" type="hidden" value="t0ken" /></form></section>
        <section><h3>Use another service to log in.</h3><form action="/ExternalLogin" method="post">
        <button type="submit" name="provider" value="Google">Google</button></form></section>""",
    ),
    "material, label behind the field": (
        ("u", "p", "SIGN IN"),
        """<form method=post><mat-form-field><div><input matInput name=u aria-labelledby="l1"><span><label
        id=l1>E‑mail&nbsp;address *</label></span></div></mat-form-field>
        <mat-form-field><input name=p type=password aria-labelledby="l2"><span><label id=l2>Pass­word *</label></span>
        <button type=button aria-label="Hide password">visibility_off</button></mat-form-field>
        <button mat-raised-button color=primary><span class=mat-button-wrapper>SIGN IN</span></button></form>""",
    ),
    "old tables without labels": (
        ("txtUser", "txtPass", "Login"),
        """<form method="post" action="login.aspx"><table><tr><td colspan=2><b>Researcher login</b><tr><td>User
        name:<td><input name=txtUser>
        <tr><td>Password:<td><input type=password name=txtPass><tr><td><td><input type=submit
        value=Login></table></form>""",
    ),
    "labels above in a table": (
        ("e", "p", "Go"),
        """<form method=post><table><tr><th>Email<th>Password<th><tr><td><input name=e><td><input name=p
        type=password><td><button>Go</button></table></form>""",
    ),
    "placeholders only, image button": (
        ("e", "p", "Sign in"),
        """<form method=post><input name=e placeholder="Your e-mail"><input name=p type=password
        placeholder="Your password"><input type=image src=x.png alt="Sign in"></form>""",
    ),
    "definition list and plain text": (
        ("e", "p", "Enter"),
        """<form method=post><dl><dt>E-Mail<dd><input name=e><dt>Password<dd><input name=p type=password></dl>
        <input type=submit value=Enter></form>""",
    ),
    "button outside of its form": (
        ("e", "p", "Sign in"),
        """<form id=f method=post><p>Email<br><input name=e type=email><p>Password<br><input name=p
        type=password></form>
        <footer><button form=f>Sign in</button></footer>""",
    ),
    "registration beside it": (
        ("lu", "lp", "Log in"),
        """<div><h2>New here?</h2><form method=post action=/register><label>Email <input name=re></label>
        <label>Password <input type=password name=rp></label>
        <label>Confirm password <input type=password name=rp2></label><button>Create account</button></form></div>
        <div><h2>Log in</h2><form method=post action=/login><label>Email <input name=lu></label><label>Password
        <input type=password name=lp></label>
        <button>Log in</button></form></div><form action=/newsletter method=post><input name=n
        placeholder="Email address"><button>Subscribe</button></form>
        <form action=/search><input name=q aria-label=Search><button>Search</button></form>""",
    ),
    "short registration beside it": (
        ("lu", "lp", "Sign in"),
        """<form method=post action=/join><h3>Create an account</h3><label>Email<input name=re></label>
        <label>Choose a password<input type=password name=rp></label><button>Sign up</button></form>
        <form method=post action=/in><h3>Sign in</h3><label>Email<input name=lu></label><label>Password<input
        type=password name=lp></label><button>Sign in</button></form>""",
    ),
    "traps for robots": (
        ("real", "p", "Log in"),
        """<style>.hp{position:absolute;left:-9999px} .gone{display:none}</style><form method=post>
        <div class=hp><label for=w>Email</label><input id=w name=trap1></div><div class=gone><label>E-mail
        <input name=trap2></label></div>
        <div aria-hidden=true><label>Email<input name=trap3 tabindex=-1></label></div><p
        style="opacity:0;height:0"><label>Email<input name=trap4></label></p>
        <label>Leave this field empty: Email <input name=trap5></label>
        <template><label>Email<input name=trap6></label></template><!-- <label>Email<input name=trap7></label> -->
        <label for=r>Email</label><input id=r name=real><label for=p>Password</label><input id=p type=password
        name=p><button>Log in</button></form>""",
    ),
    "screen reader labels": (
        ("e", "p", "Continue"),
        """<form method=post><label class="sr-only" for=i1>Email address</label><input id=i1 name=e><label
        class="visually-hidden" for=i2>Password</label>
        <input id=i2 type=password name=p><a href="/forgot" class=btn>Forgot your password?</a><button
        class="btn">Continue</button>
        <button type=submit name=provider value=g>Sign in with Google</button></form>""",
    ),
    "several submit buttons": (
        ("e", "p", "Log in"),
        """<form method=post><label>Email<input name=e></label><label>Password<input name=p type=password></label>
        <input type=submit name=cancel value=Cancel><input type=submit name=ok value="Log in"><input
        type=submit name=reset value="Reset password"></form>""",
    ),
    "aspnet web forms, link as button": (
        ("ctl$User", "ctl$Pw", "Sign In"),
        """<form method=post action="./Default.aspx"><input type=hidden name=__VIEWSTATE value=x><span>Username
        </span><input name="ctl$User"><span>Password</span>
        <input type=password name="ctl$Pw"><a id=btn href="javascript:__doPostBack('ctl$Btn','')">Sign In</a></form>""",
    ),
    "legend and short labels": (
        ("e", "p", "Submit"),
        """<form method=post><fieldset><legend>Log in</legend><p>Username or e-mail address:</p><p><input
        name=e></p><p>Password (case sensitive):</p><p><input type=password name=p></p></fieldset><input
        type=submit></form>""",
    ),
    "no words at all": (
        ("e", "p", "→"),
        """<form method=post><input type=email name=e autocomplete=username><input type=password name=p>
        <button>→</button></form>""",
    ),
}


@pytest.mark.parametrize("name", ON_ONE_PAGE)
def test_form_is_found(name: str) -> None:
    (email, password, button), html = ON_ONE_PAGE[name]
    found = FINDER.sign_in(read_page(f"<title>x</title><body>{html}", ADDRESS), email_known=False)
    assert found is not None
    assert found.email is not None
    assert found.password is not None
    assert found.button is not None
    assert (found.email.name, found.password.name, found.button.label) == (email, password, button)


EMAIL_FIRST = {
    "plain": """<h1>Sign in</h1><form method=post><label>Email address<input name=e></label><button>Next</button></form>
        <form action=/n method=post><label>Email for our newsletter<input name=n></label>
        <button>Subscribe</button></form>""",
    "identity provider": """<form method=post><input name=e type=text placeholder="Email, phone or user name"
        aria-label="Email or username">
        <input type=hidden name=csrf value=x><input type=submit value=Continue></form><button>Continue with
        Google</button>""",
    "password hidden until later": """<form method=post><label>Email<input name=e></label><div style="display:
        none"><label>Password<input type=password name=p></label></div>
        <button>Continue</button></form>""",
}


@pytest.mark.parametrize("name", EMAIL_FIRST)
def test_address_is_asked_first(name: str) -> None:
    found = FINDER.sign_in(read_page(EMAIL_FIRST[name], ADDRESS), email_known=False)
    assert found is not None
    assert found.password is None
    assert found.email is not None
    assert found.email.name == "e"


def test_password_is_asked_alone() -> None:
    html = """<p>pi@uni.example <a href=/other>Not you?</a></p><form method=post><input type=hidden name=u
        value=pi@uni.example>
        <label>Enter your password<input type=password name=p></label><label><input type=checkbox name=s>Show
        password</label><button>Sign in</button></form>"""
    found = FINDER.sign_in(read_page(html, ADDRESS), email_known=True)
    assert found is not None
    assert found.email is None
    assert found.password is not None
    assert found.password.name == "p"


NO_SIGN_IN = {
    "search": "<form><input name=q placeholder=Search><button>Search</button></form>",
    "newsletter": "<form method=post><label>Email<input name=n></label><button>Subscribe</button></form>",
    "change of password": """<form method=post><label>Current password<input type=password name=a></label>
        <label>New password<input type=password name=b></label>
        <label>Confirm new password<input type=password name=c></label><button>Change password</button></form>""",
    "key with dots": """<form method=post><label>Access Key ID<input name=a></label><label>Secret Access Key<input
        type=password name=b></label><button>Submit</button></form>""",
    "key under unknown names": """<form method=post><label>Marketplace user<input name=a></label>
        <label>Marketplace token<input
        type=password name=b></label><button>Submit</button></form>""",
    "one unknown secret": """<form method=post><label>Marketplace token<input type=password name=b></label>
        <button>Submit</button></form>""",
    "contact form": """<form method=post><label>Your email<input name=a required></label><label>Subject<input name=s
        required></label><label>Message<textarea name=m></textarea></label><button>Send</button></form>""",
}


@pytest.mark.parametrize("email_known", [False, True])
@pytest.mark.parametrize("name", NO_SIGN_IN)
def test_other_forms_are_not_for_signing_in(name: str, email_known: bool) -> None:
    assert FINDER.sign_in(read_page(NO_SIGN_IN[name], ADDRESS), email_known=email_known) is None


def test_two_sign_in_forms_are_an_error_that_lists_them() -> None:
    form = (
        "<form method=post><label>Email<input name=e></label><label>Password<input type=password "
        "name=p></label><button>Log in</button></form>"
    )
    with pytest.raises(PageChanged) as caught:
        FINDER.sign_in(
            read_page(f"<h2>Log in: labs</h2>{form}<h2>Log in: staff</h2>{form}", ADDRESS), email_known=False
        )
    assert caught.value.ambiguous
    assert "labs" in str(caught.value)
    assert "staff" in str(caught.value)


CODES = {
    "plain": ("c", "<form method=post><p>Open your app.</p><label>Authenticator code<input name=c "
                   "inputmode=numeric></label><button>Verify</button><a href=/r>Use a recovery code</a></form>"),
    "six digits": ("c", "<form method=post><label for=i>Enter the 6-digit code from your authenticator "
                        "app</label><input id=i name=c maxlength=6><label><input type=checkbox name=r>Remember "
                        "this browser</label><button>Continue</button></form>"),
    "machine hint only": ("c", "<h1>Check it is you</h1><form method=post><input name=c "
                               "autocomplete=one-time-code><button>Submit</button></form>"),
    "password dots": ("c", "<form method=post><label>One-time password<input type=password name=c></label>"
                           "<button>Sign in</button></form>"),
    "text before": ("c", "<form method=post>Two-step verification code: <input name=c> <input type=submit "
                         "value=OK></form>"),
}  # fmt: skip


@pytest.mark.parametrize("name", CODES)
def test_code_form_is_found(name: str) -> None:
    field, html = CODES[name]
    page = read_page(html, ADDRESS)
    found = FINDER.code(page)
    assert found is not None
    assert [item.name for item in found.fields] == [field]
    assert FINDER.sign_in(page, email_known=True) is None


def test_one_box_for_each_digit() -> None:
    boxes = "".join(f"<input name=d{number} maxlength=1 aria-label='Digit {number}'>" for number in range(6))
    found = FINDER.code(
        read_page(f"<h1>Verification code</h1><form method=post>{boxes}<button>Verify</button></form>", ADDRESS)
    )
    assert found is not None
    assert len(found.fields) == 6


@pytest.mark.parametrize(
    "html",
    [
        "<form method=post><label>Promo code<input name=c></label><button>Apply</button></form>",
        "<form method=post><label>Recovery code<input name=c></label><button>Verify</button></form>",
        "<form method=post><label>Study<input name=a></label><label>Completion code<input name=c></label>"
        "<button>Save</button></form>",
        "<form method=post><label>Marketplace token<input name=c></label><button>Save</button></form>",
    ],
)
def test_other_codes_are_no_second_factor(html: str) -> None:
    assert FINDER.code(read_page(html, ADDRESS)) is None
