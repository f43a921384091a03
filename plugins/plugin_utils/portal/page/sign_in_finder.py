# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find where one signs in: e-mail address, password, the second factor's code."""

from __future__ import annotations

import dataclasses

from . import sought
from . import wording as avoid
from .changed import PageChanged
from .elements import Button, Field, Form, Link, Page
from .matching import BEGINS, CONTAINS, MATCH, SAME_CONTENT, best, says_any
from .picking import (
    FORM_MARGIN,
    LOOSELY,
    MARGIN,
    Picker,
    best_form,
    buttons_of,
    fields_of,
    pick_one,
    preference,
    ranked,
    to_leave_empty,
)


@dataclasses.dataclass
class SignInForm:
    """Where the e-mail address, the password or both go; C(code) if the second factor is asked for at once."""

    form: Form
    email: Field | None
    password: Field | None
    button: Button | None
    code: Field | None = None


@dataclasses.dataclass
class CodeForm:
    """Where a code from the authenticator goes: one field, or one for each digit."""

    form: Form
    fields: list[Field]
    button: Button | None


class SignInFinder(Picker):
    """Finds what belongs to signing in."""

    def sign_in(self, page: Page, *, email_known: bool) -> SignInForm | None:
        """The sign-in form, if there is one.

        :param email_known: whether the address was given on a page before, so that the password may be asked alone.
        """
        candidates: list[tuple[int, SignInForm]] = []
        for form in page.forms:
            found = self._as_sign_in(page, form, email_known)
            if found is not None:
                candidates.append((self._sign_in_likeness(page, found), found))
        chosen = best_form(page, candidates, sought.SIGN_IN_FORM, FORM_MARGIN)
        if chosen is None or candidates[0][0] < 0:
            return None
        fields = fields_of(chosen.email, chosen.password, chosen.code)
        chosen.button = self.button(page, chosen.form, sought.SIGN_IN_BUTTON, fields)
        return chosen

    def sign_in_links(self, page: Page) -> list[tuple[int, Link | Button]]:
        """What leads to the sign-in form, best first."""
        return self.ranked(page.controls, sought.SIGN_IN_LINK, least=BEGINS - 8, strict=True)

    def applications(self, page: Page) -> list[Button]:
        """The cards or buttons, to be pressed before the form shows, that choose what to sign in to.

        Nothing that a participant would choose is among them.
        """
        return [
            button
            for button in page.buttons
            if (form := page.form_of(button)) is None or not form.fillable
            if not any(says_any(name.text, avoid.NOT_APPLICATION) for name in button.names)
        ]

    def application(self, page: Page) -> Button | None:
        """The one to choose: by the first words in the list that any of them goes by."""
        offered = self.applications(page)
        for phrase in self.wording.application_card:
            found = ranked(offered, (phrase,), least=BEGINS - 4, strict=True)
            if found:
                return pick_one(page, found, sought.APPLICATION)
        return None

    def has_other_sign_in(self, page: Page, card: Button) -> bool:
        """Whether the page leads to a sign-in otherwise, so that what looks like a card is only its menu."""
        return any(
            control is not card and not (isinstance(control, Button) and control.plain)
            for _points, control in self.sign_in_links(page)
        )

    def sign_out(self, page: Page) -> bool:
        """Whether the page offers to sign out, as only those of a signed-in account do."""
        return bool(ranked(page.controls, self.wording.sign_out_control, least=LOOSELY, strict=True))

    def _as_sign_in(self, page: Page, form: Form, email_known: bool) -> SignInForm | None:
        fields = [field for field in form.fillable if not to_leave_empty(field)]
        secrets = [field for field in fields if field.kind == "password" or self._named_password(field)]
        secrets = [field for field in secrets if not self._is_key_field(field)]
        codes = [
            field for field in secrets if self._code_score(field) >= BEGINS - 10 and not self._named_password(field)
        ]
        passwords = [field for field in secrets if field not in codes]
        if len(passwords) > 1 or (not passwords and codes):
            return None
        others = [field for field in fields if field not in secrets and field.kind != "textarea"]
        found = self.ranked(others, sought.EMAIL)
        if passwords:
            # What looks like an address field to the browser itself, or the only nameless field beside a password.
            if not found:
                found = [
                    (MATCH, field) for field in others if field.kind == "email" or "username" in field.autocomplete
                ]
            if not found and len(others) == 1 and not others[0].names:
                found = [(MATCH, others[0])]
            named = self._named_password(passwords[0])
            if not found and not named and (others or passwords[0].names):
                # Dots instead of letters: that alone makes no password, an access key's secret looks the same.
                return None
            if not found and others and not (email_known and all(self._code_score(field) for field in others)):
                raise PageChanged(page, sought.EMAIL)
            scored = [(self._code_score(field), field) for field in (*others, *codes)]
            scored = sorted((pair for pair in scored if pair[0] >= CONTAINS), key=lambda pair: -pair[0])
            code = pick_one(page, scored, sought.CODE) if scored else None
            email = pick_one(page, found, sought.EMAIL) if found else None
            return SignInForm(form, email, passwords[0], None, code if code is not email else None)
        if not found:
            found = [(MATCH, field) for field in others if field.kind == "email" and not field.names]
        if not found or len([field for field in others if field.required]) > 1:
            return None
        return SignInForm(form, pick_one(page, found, sought.EMAIL), None, None)

    def _named_password(self, field: Field) -> bool:
        return bool(ranked([field], self.wording.password_field, avoid.NOT_PASSWORD, least=BEGINS - 8))

    def _is_key_field(self, field: Field) -> bool:
        named_password = ranked([field], self.wording.password_field, least=SAME_CONTENT)
        return bool(self.ranked([field], sought.SECRET, least=CONTAINS)) and not named_password

    def _code_score(self, field: Field) -> int:
        if "one-time-code" in field.autocomplete:
            return SAME_CONTENT
        found = self.ranked([field], sought.CODE, strict=True)
        return found[0][0] if found else 0

    def _sign_in_likeness(self, page: Page, found: SignInForm) -> int:
        """How much a form is for signing in rather than for registering or a newsletter; below 0: not at all."""
        labels = buttons_of(found.form, fields_of(found.email, found.password, found.code))
        likes = self.ranked(labels, sought.SIGN_IN_BUTTON, strict=True)
        names = [button.label for button in labels]
        around = [*found.form.context, *names]
        likeness = 40 if found.password else 0
        likeness += preference(found.form, self.wording.sign_in_form)
        likeness += 30 if likes else 0
        likeness += 10 if best([*around, page.title], self.wording.sign_in_link, ("signup",)) else 0
        if best(names, ("create account", "sign up", "register", "subscribe", "search", "reset password", "join")):
            likeness -= 60
        elif best(found.form.context[:1], ("create an account", "sign up", "register", "newsletter", "reset password")):
            likeness -= 25
        if not found.password and not likes and len(labels) > 0 and not likeness:
            return -1
        return likeness

    def code(self, page: Page) -> CodeForm | None:
        """The form for a second factor's code, if there is one."""
        found: list[tuple[int, CodeForm]] = []
        for form in page.forms:
            fields = [field for field in form.fillable if not to_leave_empty(field)]
            digits = [field for field in fields if field.maxlength == 1 and field.kind != "textarea"]
            if len(digits) in (6, 8):
                found.append((BEGINS, CodeForm(form, digits, None)))
                continue
            # A second factor is asked for alone; a form with more to fill in is for something else.
            if len(fields) != 1:
                continue
            points = self._code_score(fields[0])
            labels = [button.label for button in form.usable_buttons]
            if points >= MATCH and not best(labels, ("search", "subscribe", "apply", "redeem"), strict=True):
                found.append((points, CodeForm(form, fields, None)))
        chosen = best_form(page, found, sought.CODE_FORM, MARGIN)
        if chosen is not None:
            chosen.button = self.button(page, chosen.form, sought.CODE_BUTTON, chosen.fields)
        return chosen
