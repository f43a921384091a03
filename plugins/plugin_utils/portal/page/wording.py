# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words that the portal is known, or likely, to use; the one place to teach it new ones.

The documented words (CloudResearch's knowledge base: "Link Mechanical Turk", "Access Key ID", "Secret Access Key",
"Submit", "Success") stand first. Each name is a key of the option C(portal), whose value replaces the list.
See C(matching) for how they are compared.
"""

from __future__ import annotations

import difflib
import typing as t

from ..errors import SettingsError

Phrases = tuple[str, ...]


def _phrases_in(texts: str) -> Phrases:
    return tuple(text.strip() for text in texts.split("|"))


class Wording(t.NamedTuple):
    """What to look for. Names ending in C(_field) are labels, C(_notice) sentences, the rest links and buttons."""

    # Signing in
    sign_in_link: Phrases = _phrases_in(
        "sign in | log in | sign in to your account | researcher login | i am a researcher | i'm a researcher | "
        "researchers | for researchers"
    )
    # What to sign in to, where one has to choose first; the first of these that is there.
    application_card: Phrases = _phrases_in("mturk toolkit | toolkit | researcher | connect researcher")
    sign_in_with_email: Phrases = _phrases_in(
        "sign in with email | continue with email | use email | email and password | sign in with password | "
        "use password | use your password instead | with a password"
    )
    email_field: Phrases = _phrases_in(
        "email | email address | username or email | email or username | username | user id | signin id | "
        "signin name | signin email | work email | signin"
    )
    password_field: Phrases = _phrases_in("password | passphrase | account password")
    # Headings, legends or labels that single out one of several forms; there are none by default.
    sign_in_form: Phrases = ()
    sign_in_button: Phrases = _phrases_in(
        "sign in | log in | next | continue | submit | go | enter | sign me in | proceed"
    )

    # What only an account's own pages have; words that mean the same ("log off") are one to the collection.
    sign_out_control: Phrases = _phrases_in("sign out | sign out of your account | end session")

    # Second factor
    code_field: Phrases = _phrases_in(
        "verification code | authentication code | authenticator code | authenticator app code | security code | "
        "2fa code | 6digit code | onetime code | onetime password | onetime passcode | passcode | confirmation code | "
        "access code | signin code | code from your authenticator app | code | onetime | token"
    )
    code_button: Phrases = _phrases_in(
        "verify | verify code | sign in | continue | submit | confirm | submit code | next | validate | check code | go"
    )
    authenticator_choice: Phrases = _phrases_in(
        "authenticator app | use authenticator app | authentication app | authenticator | google authenticator | "
        "verification code from your app | code from app | time-based code"
    )
    new_password_notice: Phrases = _phrases_in(
        "password expired | password has expired | change your password | choose a new password | set a new password | "
        "create a new password | reset your password | update your password"
    )
    second_factor_notice: Phrases = _phrases_in(
        "2fa | 2fa verification | enter verification code | verify identity | verify it is you | security key | "
        "approve sign in | check your phone | authenticator"
    )

    # Pages in between
    in_between_notice: Phrases = _phrases_in(
        "terms of use | terms of service | terms and conditions | updated terms | user agreement | privacy policy | "
        "privacy notice | announcement | announcements | what's new | important notice | scheduled maintenance | "
        "important update | welcome back | remember this browser | remember this device | trust this browser | "
        "trust this device | stay signed in | before you continue | before we continue | one more thing | "
        "please review | survey | keep your account secure"
    )
    skip_control: Phrases = _phrases_in(
        "not now | skip | skip for now | skip this step | maybe later | later | remind me later | no thanks | "
        "no, thanks | do not remember | do not remember this browser | not on this device | ask me later | "
        "don't ask again | no | dismiss | close"
    )
    continue_control: Phrases = _phrases_in(
        "continue | continue to cloudresearch | continue to dashboard | continue to your account | go to dashboard | "
        "take me to my dashboard | next | got it | ok | okay, got it | proceed | i understand | i have read this | "
        "understood | done | yes | remember this browser | let's go | start | enter site | confirm | submit | "
        "save and continue | return to application"
    )
    accept_terms: Phrases = _phrases_in(
        "accept | i accept | agree | i agree | accept terms | accept terms of use | accept terms of service | "
        "accept and continue | agree and continue | i have read and agree to the terms | "
        "i have read and accept the terms | i agree to the terms of use | i accept the terms of service"
    )
    terms_checkbox: Phrases = _phrases_in(
        "i agree | i accept | i have read | agree to the terms | accept the terms | terms of use | terms of service | "
        "terms and conditions | privacy policy | i consent | i understand"
    )

    # The way to the page, and the page
    user_menu: Phrases = _phrases_in(
        "user menu | account menu | user | my account | account | profile | my profile | account settings | "
        "user account | profile menu | user profile | settings | open user menu | menu | avatar | your account | "
        "user settings | integrations | linked accounts | connected accounts | connected services | connected apps | "
        "services | connections | external accounts | preferences | api keys | more"
    )
    link_page: Phrases = _phrases_in(
        "link mechanical turk | link mechanical turk account | link your mturk account | connect mechanical turk | "
        "mechanical turk link | mechanical turk account link | mechanical turk settings | "
        "mechanical turk account settings | mechanical turk connection | mechanical turk credentials | "
        "mechanical turk access key | mechanical turk integration | manage mechanical turk | "
        "mechanical turk account | mechanical turk"
    )
    access_key_id_field: Phrases = _phrases_in(
        "access key id | aws access key id | access key | access id | key id | public access key | "
        "access key id from aws | id of the access key"
    )
    secret_access_key_field: Phrases = _phrases_in(
        "secret access key | aws secret access key | secret key | secret | access key secret | secret access | "
        "access secret | private key"
    )
    key_form: Phrases = ()
    link_button: Phrases = _phrases_in(
        "submit | link mechanical turk | link account | link | save | save key | save keys | save changes | connect | "
        "connect account | connect mechanical turk | link key | update | update key | update link | send | apply | "
        "add key | verify | verify and save | verify and link | replace key | continue | confirm"
    )
    change_key_control: Phrases = _phrases_in(
        "change key | change access key | replace key | replace access key | update key | update access key | "
        "enter new key | enter a new access key | edit key | use a different key | use another key | "
        "link another key | link a different key | relink | relink mechanical turk | change credentials | "
        "update credentials | replace credentials | edit credentials | new key | enter key | enter access key | "
        "add key | add access key | link account | link mechanical turk | connect | change | replace | edit"
    )
    # A wizard's way to the form, and its last step after the form.
    begin_control: Phrases = _phrases_in("start | begin | get started | next | continue | set up | let's go")
    link_confirm: Phrases = _phrases_in(
        "finish | finish and link | finish setup | complete | complete setup | confirm | confirm and link | "
        "yes, link | link it | done"
    )
    unlink_control: Phrases = _phrases_in(
        "unlink | unlink mechanical turk | unlink account | disconnect | disconnect mechanical turk | remove link | "
        "remove key | remove access key | remove credentials | remove mechanical turk | delete key | "
        "delete access key | delete credentials | delete link | forget key | forget this key | remove | "
        "revoke access"
    )
    unlink_confirm: Phrases = _phrases_in(
        "yes, unlink | unlink | yes | confirm | confirm unlink | yes, remove | remove | yes, disconnect | "
        "disconnect | delete | yes, delete | continue | ok | unlink mechanical turk | unlink account | remove key | "
        "remove link"
    )

    # What the portal says
    success_notice: Phrases = _phrases_in(
        "success | successful | successfully | has been linked | is now linked | was linked | account linked | "
        "is linked | key linked | mechanical turk linked | linked to mechanical turk | has been saved | key saved | "
        "keys saved | has been updated | key updated | has been connected | is now connected | account connected | "
        "all set"
    )
    unlinked_notice: Phrases = _phrases_in(
        "success | successful | successfully | unlinked | disconnected | has been removed | was removed | "
        "key removed | has been deleted | key deleted | link removed | no longer linked | not linked | forgotten"
    )
    error_notice: Phrases = _phrases_in(
        "error | errors | failed | failure | unsuccessful | not successful | invalid | not valid | incorrect | "
        "not correct | wrong | could not | couldn't | cannot | can't | unable | rejected | refused | denied | "
        "not accepted | not recognized | not recognised | does not match | do not match | not found | not linked | "
        "was not saved | not authorized | try again | problem | went wrong | is required | check your | "
        "did not work | didn't work | expired"
    )
    linked_notice: Phrases = _phrases_in(
        "is linked | are linked | currently linked | linked key | linked account | linked since | already linked | "
        "has been linked | is connected | currently connected | connected key | connected since | account linked | "
        "account connected | status linked | status connected | mechanical turk linked | mechanical turk connected | "
        "key on file | key is stored | key ending | current key"
    )
    not_linked_notice: Phrases = _phrases_in(
        "not linked | isn't linked | not yet linked | not connected | isn't connected | not been linked | "
        "no account linked | no key | no access key | no mechanical turk account | unlinked | haven't linked | "
        "have not linked | nothing linked | no linked | status none"
    )
    balance_label: Phrases = _phrases_in(
        "mechanical turk balance | mturk balance | available balance | account balance | balance | prepaid balance | "
        "available funds | mturk funds"
    )
    locked_notice: Phrases = _phrases_in(
        "account locked | locked account | locked out | account temporarily locked | account disabled | "
        "account suspended | account blocked | account deactivated | account frozen | too many attempts | "
        "too many failed | too many sign in attempts | too many incorrect | too many unsuccessful | "
        "temporarily locked | sign in is locked | sign in is disabled"
    )
    captcha_notice: Phrases = _phrases_in(
        "captcha | not a robot | you are human | you're human | you're a human | security check | "
        "characters you see | letters you see | letters in the picture | characters shown | text in the image | "
        "prove you are not a robot | unusual traffic | checking your browser"
    )
    expired_notice: Phrases = _phrases_in(
        "session expired | session timed out | session has ended | page expired | form expired | sign in again | "
        "signed out due to inactivity | anti-forgery token | antiforgery | timed out | refresh the page | "
        "reload the page"
    )
    unavailable_notice: Phrases = _phrases_in(
        "temporarily unavailable | currently unavailable | service unavailable | down for maintenance | "
        "under maintenance | performing maintenance | performing scheduled maintenance | maintenance in progress | "
        "maintenance mode | be right back | try again later | internal server error | bad gateway | "
        "too many requests | at capacity | is offline"
    )

    closed_notice: Phrases = _phrases_in(
        "has been retired | was retired | has been discontinued | was discontinued | has been shut down | "
        "has shut down | has been sunset | toolkit closed | service closed | cloudresearch closed | service ended | "
        "mturk ended | toolkit no longer available | service no longer available | mturk no longer available | "
        "mturk no longer supported | toolkit no longer supported | no longer offer | no longer in service | "
        "closed its doors | closed for good"
    )

    @classmethod
    def from_overrides(cls, overrides: t.Mapping[str, t.Any] | None) -> Wording:
        """The default wording with some lists replaced.

        :param overrides: by the names above; a text or a list of texts each.
        :raises SettingsError: for an unknown name or an empty list.
        """
        known = set(cls._fields)
        replaced: dict[str, Phrases] = {}
        for name, value in (overrides or {}).items():
            if name not in known:
                close = difflib.get_close_matches(str(name), known, n=1)
                hint = f" Did you mean {close[0]}?" if close else ""
                raise SettingsError(
                    f"The option portal has no setting {name!r}.{hint}",
                    next_step=f"Use one of: {', '.join(sorted(known))}.",
                )
            listed = [value] if isinstance(value, str) else value
            if not isinstance(listed, (list, tuple)) or not all(isinstance(item, str) for item in listed):
                raise SettingsError(
                    f"portal.{name} must be a text or a list of texts.",
                    next_step=f'Write it as {name}: ["the words on the page"].',
                )
            texts = tuple(item.strip() for item in listed if item.strip())
            if not texts:
                raise SettingsError(
                    f"portal.{name} is empty.", next_step="Leave it out to keep the default, or say what to look for."
                )
            replaced[name] = texts
        return cls(**replaced)


# Words that rule a thing out although it has the right name otherwise.
NOT_EMAIL = _phrases_in(
    "key | secret | access | newsletter | subscribe | friend | recovery | backup | search | confirm | invite"
)
NOT_PASSWORD = _phrases_in("new | confirm | repeat | retype | onetime | forgot | reset | old | secret")
NOT_CODE = _phrases_in(
    "promo | coupon | postal | zip | country | area | referral | recovery | backup | discount | invitation | invite | "
    "key | secret | csrf | gift | survey | project | study | access key"
)
NOT_ACCESS_KEY_ID = _phrases_in("secret | private | sandbox")
NOT_SECRET_ACCESS_KEY = _phrases_in("sandbox | confirm | recovery | totp")
NOT_LINK_PAGE = _phrases_in(
    "unlink | disconnect | how | help | guide | learn | why | about | video | faq | tutorial | sandbox | worker | "
    "documentation | docs | what | remove | delete | blog | pricing | news"
)
NOT_SIGN_IN = _phrases_in(
    "google | facebook | apple | microsoft | linkedin | orcid | github | twitter | sso | single | passkey | "
    "institution | institutional | forgot | reset | signup | register | create | subscribe | search | cancel | back | "
    "resend | help | okta | shibboleth | university | phone | participant | worker | show | another | different | "
    "without | trouble | problem | link | magic | delete | demo"
)
NOT_APPLICATION = _phrases_in("participant | worker | respondent | panelist")
NOT_GOING_ON = _phrases_in(
    "signout | cancel | decline | disagree | reject | delete | back | unlink | disconnect | resend | do not agree | "
    "shopping | browsing | reading | google | facebook | apple | microsoft | without signing"
)
NOT_USER_MENU = _phrases_in(
    "signout | delete | signin | signup | help | new | create | back | password | billing | search"
)
NOT_UNLINK = _phrases_in(
    "project | study | survey | user | member | signout | how | help | card | photo | cookie | worker"
)
NOT_CHANGE = _phrases_in(
    "password | email | profile | photo | language | unlink | remove | delete | how | help | card | plan"
)
LEAVE_EMPTY = _phrases_in(
    "leave this field empty | leave blank | leave this blank | leave empty | do not fill | don't fill | "
    "if you are human | should be empty | should be left blank | keep empty | not fill this"
)
