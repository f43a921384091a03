# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The renderings of the site: what differs is data here, what they share is in the templates."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from markupsafe import Markup

#: What is written on the classic site. A rendering overrides single words; a Markup value may hold entities.
WORDS: dict[str, str] = {
    "brand": "CloudResearch",
    "sign_in_heading": "Log in",
    "email": "Email",
    "password": "Password",
    "remember_me": "Remember me?",
    "next": "Next",
    "sign_in": "Log in",
    "sign_in_link": "Log in",
    "wrong_password": "Invalid login attempt.",
    "attempts": "Failed attempts: {failed} of {allowed}.",
    "locked_heading": "Locked out.",
    "locked": "This account has been locked out, please try again later.",
    "code_heading": "Two-factor authentication",
    "code_help": "Enter the code from your authenticator app.",
    "code": "Authenticator code",
    "remember_browser": "Remember this browser",
    "verify": "Verify",
    "wrong_code": "Invalid code.",
    "user_menu": "User menu",
    "dashboard": "Dashboard",
    "settings": "Account settings",
    "integrations": "Integrations",
    "link_entry": "Link Mechanical Turk",
    "sign_out": "Log off",
    "link_heading": "Link Mechanical Turk",
    "link_help": "To run studies on Mechanical Turk from here, enter the access key of your AWS account.",
    "access_key_id": "Access Key ID",
    "secret_access_key": "Secret Access Key",
    "submit": "Submit",
    "success": "Success",
    "success_text": "Your Mechanical Turk account has been linked.",
    "error": "Error",
    "refused_text": "Mechanical Turk did not accept this key. Check the Access Key ID and the Secret Access Key.",
    "unreachable_text": "We could not reach Mechanical Turk. Please try again later.",
    "required": "The {label} field is required.",
    "balance": "MTurk balance",
    "linked_key": "Linked Access Key ID",
    "is_linked": "Mechanical Turk is linked.",
    "not_linked": "Mechanical Turk is not linked.",
    "replace": "Replace the key",
    "unlink": "Unlink",
    "unlinked_text": "Mechanical Turk has been unlinked.",
    "whats_new_heading": "What\u2019s new",
    "got_it": "Got it",
    "announcement_heading": "Scheduled maintenance on Sunday",
    "continue": "Continue",
    "terms_heading": "Our terms of use have changed",
    "terms_agree": "I have read and agree to the terms of use",
    "accept": "Accept",
    "decline": "Decline",
}

PATHS: dict[str, str] = {
    "landing": "/",
    "signin": "/Account/Login",
    "password": "/Account/Password",
    "second_factor": "/Account/VerifyCode",
    "locked": "/Account/Lockout",
    "external": "/Account/ExternalLogin",
    "register": "/Account/Register",
    "forgot": "/Account/ForgotPassword",
    "authorize": "/connect/authorize",
    "callback": "/signin-oidc",
    "signout": "/Account/LogOff",
    "dashboard": "/Dashboard",
    "menu_page": "/Account",
    "settings": "/Manage",
    "integrations": "/Manage/Integrations",
    "link": "/MechanicalTurk/Link",
    "unlink": "/MechanicalTurk/Unlink",
    "whats_new": "/Announcements/WhatsNew",
    "announcement": "/Announcements/Next",
    "terms": "/Terms/Review",
    "newsletter": "/Newsletter/Subscribe",
    "search": "/Search",
    "profile": "/Manage/Profile",
    "change_password": "/Manage/ChangePassword",
}


@dataclass(frozen=True)
class Rendering:
    """One look of the site.

    `labels` says how a field gets its name, `button` what one presses, `menu` how one comes to the link page,
    `shown_key` what the link page tells of a linked key, `success` how a good key is answered, `drawn` by whom.
    """

    name: str
    exercises: str
    labels: Literal[
        "for", "wrapping", "aria_label", "aria_labelledby", "placeholder", "table", "definition_list", "span"
    ] = "for"
    button: Literal["button", "input", "image", "anchor"] = "button"
    random_names: bool = False
    mark_required: bool = False
    button_outside: bool = False
    leave_out_action: bool = False
    base_href: bool = False
    named_button: bool = False
    email_input: Literal["email", "text"] = "email"
    landing: Literal["redirect", "public"] = "redirect"
    signin_on: Literal["app", "signin"] = "app"
    handover: Literal["redirect", "form_post"] = "redirect"
    after_signin: Literal["redirect", "meta_refresh"] = "redirect"
    two_pages: bool = False
    menu: Literal["open", "script", "details", "hover", "page", "hub"] = "open"
    interstitials: tuple[str, ...] = ()
    shown_key: Literal["whole", "masked", "hidden"] = "whole"
    secret_input: Literal["password", "text"] = "password"
    unlink: bool = False
    unlink_asks: bool = False
    form_when_linked: Literal["shown", "behind_link"] = "shown"
    success: Literal["box", "flash", "alert", "toast", "heading"] = "box"
    balance_on: tuple[str, ...] = ("dashboard",)
    other_forms: bool = True
    decoys: frozenset[str] = frozenset()
    drawn: Literal["server", "script", "script_link_page"] = "server"
    words: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)

    def word(self, key: str) -> str:
        """What this rendering writes for a thing."""
        return self.words.get(key, WORDS[key])

    def text(self, key: str) -> str:
        """The same as a person reads it: entities resolved."""
        return html.unescape(self.word(key))

    def path(self, page: str, slug: str = "") -> str:
        """The path of a page; `slug` fills the part that some renderings make new for every session."""
        return self.paths.get(page, PATHS[page]).replace("{slug}", slug)

    def page_at(self, path: str, slug: str = "") -> str:
        """The page at a path, "" if none."""
        return next((page for page in PATHS if self.path(page, slug).lower() == path.lower()), "")


def _renderings() -> list[Rendering]:
    return [
        Rendering("classic", "label for=, <button>, sign-in on the app, an open menu, Success in a box"),
        Rendering(
            "wrapped",
            "wrapping labels, <input type=submit>, forms without action, public home, menu by script, flash, Unlink",
            leave_out_action=True,
            labels="wrapping",
            button="input",
            landing="public",
            menu="script",
            success="flash",
            unlink=True,
            balance_on=("dashboard", "link"),
            words={"sign_in_link": "Sign in", "sign_in": "Sign in", "email": "E-mail address", "sign_in_heading": ""},
            paths={"signin": "/identity/sign-in", "link": "/settings/mturk"},
        ),
        Rendering(
            "aria",
            "aria-label only, new ids and names each time, <details> menu, role=alert, masked key, one-session paths",
            labels="aria_label",
            random_names=True,
            menu="details",
            shown_key="masked",
            success="alert",
            paths={"link": "/s/{slug}/link", "unlink": "/s/{slug}/unlink", "settings": "/s/{slug}/settings"},
            words={"submit": "SUBMIT", "success": "success!", "link_entry": Markup("Link&nbsp;Mechanical&nbsp;Turk")},
        ),
        Rendering(
            "labelledby",
            "aria-labelledby, sign-in on another origin with redirects and two pages, what's-new page, hover menu",
            labels="aria_labelledby",
            signin_on="signin",
            two_pages=True,
            interstitials=("whats_new",),
            shown_key="masked",
            menu="hover",
            words={"next": "Continue", "sign_in": "Continue", "whats_new_heading": Markup("What&rsquo;s new")},
        ),
        Rendering(
            "placeholder",
            "placeholders only, <input type=image alt>, new names each time, the linked key not shown at all",
            labels="placeholder",
            button="image",
            random_names=True,
            shown_key="hidden",
            secret_input="text",
            menu="script",
            words={"email": "name@university.edu — your e-mail", "code": "6-digit code", "verify": "Confirm"},
        ),
        Rendering(
            "table",
            "the name in the table cell before, asterisks, colons, capitals, nbsp, terms page with a box to tick",
            mark_required=True,
            labels="table",
            button="input",
            interstitials=("terms",),
            shown_key="hidden",
            success="flash",
            words={
                "email": Markup("E-MAIL&nbsp;:"),
                "password": Markup("PASSWORD&nbsp;:"),
                "access_key_id": Markup("ACCESS&nbsp;KEY&nbsp;ID&nbsp;:"),
                "secret_access_key": Markup("SECRET&nbsp;ACCESS&nbsp;KEY&nbsp;:"),
                "sign_in": Markup("&nbsp;Log&nbsp;in&nbsp;"),
                "submit": Markup("&nbsp;Submit&nbsp;»"),
                "success": Markup("S&#117;ccess"),
            },
            paths={"signin": "/Login.aspx", "link": "/LinkMTurk.aspx", "dashboard": "/Default.aspx"},
        ),
        Rendering(
            "definitions",
            "definition lists, a styled <a> as the button, typographic apostrophes, result page with heading, Remove",
            labels="definition_list",
            button="anchor",
            success="heading",
            menu="details",
            unlink=True,
            words={
                "link_entry": "Link your Mechanical Turk account",
                "link_heading": Markup("Link your lab&rsquo;s Mechanical Turk account"),
                "access_key_id": "Your Access Key ID",
                "secret_access_key": "Your Secret Access Key",
                "unlink": "Remove",
                "success_text": Markup("You&rsquo;re all set: your Mechanical Turk account is linked."),
            },
        ),
        Rendering(
            "spans",
            "a <span> before each field, buttons outside their forms, announcement page with a link, menu as a page",
            button_outside=True,
            labels="span",
            menu="page",
            interstitials=("announcement",),
            success="alert",
            words={
                "user_menu": "Your account",
                "continue": "Continue to CloudResearch",
                "refused_text": "The key {key} was refused by Mechanical Turk.",
            },
        ),
        Rendering(
            "oidc",
            "OpenID Connect form_post between two origins, one sign-in page, user name as plain text field",
            email_input="text",
            signin_on="signin",
            handover="form_post",
            success="flash",
            menu="script",
            shown_key="masked",
            words={"email": "Username or email", "sign_in": "Sign In", "sign_in_heading": "Sign in to your account"},
        ),
        Rendering(
            "oidc_split",
            "form_post, two sign-in pages, new names each time, what's-new and terms pages in between, key not shown",
            named_button=True,
            labels="aria_label",
            random_names=True,
            signin_on="signin",
            handover="form_post",
            two_pages=True,
            landing="public",
            interstitials=("whats_new", "terms"),
            shown_key="hidden",
            success="flash",
            menu="details",
        ),
        Rendering(
            "crowded",
            "sign-up beside sign-in, social buttons, honeypots, hidden Success, help texts with the fields' names",
            landing="public",
            decoys=frozenset(
                {"register", "social", "honeypot", "hidden_success", "help_text", "captcha_badge", "success_stories"}
            ),
            menu="script",
            balance_on=("dashboard", "link"),
            unlink=True,
        ),
        Rendering(
            "hub",
            "menu to settings, to integrations, to the link page; new names each time; asterisks in the labels",
            labels="wrapping",
            mark_required=True,
            random_names=True,
            menu="hub",
            named_button=True,
            shown_key="masked",
            words={"settings": "Settings", "integrations": "Connected services"},
            paths={
                "settings": "/preferences",
                "integrations": "/preferences/services",
                "link": "/preferences/services/7",
            },
        ),
        Rendering(
            "toast",
            "the answer to a key is a toast that a script draws a moment later; key masked; two factor pages as usual",
            success="toast",
            shown_key="masked",
            menu="script",
            button="anchor",
            balance_on=("dashboard", "link"),
        ),
        Rendering(
            "reworded",
            "'Connect Mechanical Turk', 'AWS Access Key ID', 'Secret key', 'Save', 'Your account was linked'; <base>",
            base_href=True,
            labels="for",
            button="input",
            shown_key="masked",
            success="alert",
            words={
                "link_entry": "Connect Mechanical Turk",
                "link_heading": "Connect Mechanical Turk",
                "access_key_id": "AWS Access Key ID",
                "secret_access_key": "Secret key",
                "submit": "Save",
                "success": "",
                "success_text": "Your account was linked.",
                "error": "",
                "refused_text": "Your account could not be linked: the key was not accepted.",
                "sign_in": "Sign in",
                "email": "Email address",
                "linked_key": "Connected AWS key",
                "unlink": "Disconnect",
            },
            unlink=True,
        ),
        Rendering(
            "replace",
            "when a key is linked the form appears only behind 'Replace the key'; Unlink asks once more",
            form_when_linked="behind_link",
            unlink=True,
            unlink_asks=True,
            success="flash",
            menu="details",
            balance_on=("dashboard", "link"),
        ),
        Rendering(
            "sso",
            "another origin, a page that refreshes itself after sign-in, labels in a table, menu page, no other forms",
            after_signin="meta_refresh",
            leave_out_action=True,
            labels="table",
            signin_on="signin",
            landing="public",
            menu="page",
            shown_key="hidden",
            other_forms=False,
            success="box",
        ),
        Rendering(
            "script",
            "drawn by JavaScript only: empty pages without it, client-side routing, fetch, toasts, confirm()",
            drawn="script",
            success="toast",
            shown_key="masked",
            unlink=True,
            paths={"link": "/app/mturk", "dashboard": "/app", "signin": "/app/login", "settings": "/app/settings"},
        ),
        Rendering(
            "script_link_page",
            "sign-in and menu by the server on two pages, but the link page is drawn by JavaScript and sends by fetch",
            drawn="script_link_page",
            two_pages=True,
            success="alert",
            labels="wrapping",
            shown_key="whole",
        ),
    ]


RENDERINGS: dict[str, Rendering] = {rendering.name: rendering for rendering in _renderings()}


def rendering_named(name: str) -> Rendering:
    """A rendering by its name; ValueError names those there are."""
    try:
        return RENDERINGS[name]
    except KeyError:
        raise ValueError(f"unknown rendering {name!r}; there are: {', '.join(RENDERINGS)}") from None
