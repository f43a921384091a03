# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signing in: e-mail address and password on one page or two, the second factor, and what to make of a refusal."""

from __future__ import annotations

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.errors import (
    LOGIN_FAILED,
    SECOND_FACTOR_FAILED,
    SECOND_FACTOR_REQUIRED,
    PortalError,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page import wording as avoid
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.elements import Control, Page
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.finder import (
    CodeForm,
    SignInForm,
    ranked,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.matching import BEGINS, says
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.session.authenticator import Authenticator
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.session.visit import Visit, attempts_left

_RENEWALS = 2
# Second factors that no authenticator secret can answer.
_SENT_CODE = (
    "we sent",
    "was sent",
    "we emailed",
    "we texted",
    "text message",
    "sent you",
    "sms",
    "sent to your",
    "sent a code",
)


class SigningIn(Visit):
    """The stage from the sign-in form to the signed-in account."""

    # Signing in

    def _sign_in(self, page: Page, found: SignInForm) -> Page:
        if self._password_sent or (self._email_sent and found.password is None):
            if not self.signed_in:
                settled = self.driver.settle(page)
                if settled is not None:
                    return settled
                self._sign_in_refused(page)
            else:
                self._renew(page)
        self._stop_if_told(page, [notice.text for notice in page.notices if notice.tone == "error"])
        left = attempts_left(page.texts())
        if left is not None and left <= 1:
            raise PortalError(
                LOGIN_FAILED,
                f"Signing in as {self.account.email} was not tried: the portal says that {left} attempt is left "
                "before it locks "
                "the account.",
                next_step="Sign in by hand once to make sure of the password, then run it again.",
                details={"tried": False},
            )
        fill: dict[int, str] = {}
        if found.email is not None:
            fill[found.email.ref] = self.account.email
        if found.password is not None:
            fill[found.password.ref] = self.account.password
            self._password_sent = True
            if found.code is not None and self.account.totp_secret:
                fill[found.code.ref] = self._next_code()
        self._email_sent = True
        self._before = page.texts()
        self._note(
            page,
            "sign-in",
            {
                "email_field": found.email.label if found.email else "",
                "password_field": found.password.label if found.password else "",
                "sign_in_button": found.button.label if found.button else "",
            },
        )
        what = "password" if found.password else "e-mail address"
        self.settings.trust.require(page.address, what)
        return self.driver.send(page, found.form, fill, found.button, what=what)

    def _renew(self, page: Page) -> None:
        """The session ended half-way: sign in once more, with credentials that are known to be right."""
        self._renewals += 1
        if self._renewals > _RENEWALS:
            raise self.finder.changed(
                page,
                "lasting session",
                "",
                why="The portal asked to sign in again and again, with accepted credentials,",
            )
        self._email_sent = self._password_sent = False
        self._codes = []
        self._before = set()
        self._passed_by = {}

    def _sign_in_refused(self, page: Page) -> None:
        """Say why the sign-in form is there again, unless only the form was too old."""
        new = self.new_texts(page, self._before)
        self._stop_if_told(page, new)
        self._stop_if_said_unavailable(page, new)
        errors = [text for text in new if says(text, self._wording.error_notice)]
        told_expired = any(says(text, self._wording.expired_notice) for text in new)
        # Signed in, and sent back from a page of the account: the session was lost, not the password refused.
        came_through = [place for place in page.trail[1:] if place != page.place]
        if not self._expired_form and (told_expired or (not new and came_through)):
            # The portal did not look at the password, or took it; this was no wrong attempt.
            self._expired_form = True
            self._email_sent = self._password_sent = False
            return
        left = attempts_left(new)
        self._journal.refused(LOGIN_FAILED, left)
        self._note(page, "sign-in refused", {})
        told = (
            f' The portal says: "{self.quote((errors or new)[0])}".'
            if new
            else " The sign-in form was shown again without a word."
        )
        raise PortalError(
            LOGIN_FAILED,
            f"The portal refused the e-mail address or the password of {self.account.email}.{told}",
            next_step="Correct the address or the password where you keep it, then run it again. The same "
            "password is not tried "
            f"again until then (see {self._journal.path}).",
            details={"tried": True, **({"attempts_left": left} if left is not None else {})},
        )

    def _password_accepted(self) -> None:
        if self._password_sent:
            self._journal.accepted()

    def _next_code(self) -> str:
        if self._authenticator is None:
            self._authenticator = Authenticator(self.account.totp_secret)
        authenticator = self._authenticator
        if self._codes:
            step = authenticator.neighbour(self._codes[-1], getattr(self.driver, "clock_difference", None))
            if step < self._codes[-1] and step <= self._last_code_before:
                # That one was used up; going on is all that can help.
                step = self._codes[-1] + 1
            early = step - authenticator.step()
            if early > 0 and step == self._codes[-1]:
                self.deadline.sleep(
                    (early - 1) * authenticator.seconds + authenticator.until_next() + 0.2, "waiting for a fresh code"
                )
        else:
            # A code is good for one sign-in; if the present one was used, portals commonly take the next early.
            self._last_code_before = self._journal.last_code_step
            step = authenticator.first_step(self._last_code_before)
            if step - authenticator.step() > 1:
                self.deadline.sleep(
                    (step - authenticator.step() - 2) * authenticator.seconds + authenticator.until_next() + 0.2,
                    "waiting for a fresh code",
                )
        self._codes.append(step)
        self._journal.used_code(max(step, self._journal.last_code_step))
        return authenticator.code(step)

    def _second_factor(self, page: Page, found: CodeForm) -> Page:
        if self.signed_in and self._codes:
            self._renew(page)
        texts = [text for text in page.texts() if len(text) < 300]
        by_app = any("authenticat" in text.lower() or " app" in text.lower() for text in texts)
        if any(says(text, _SENT_CODE, gap=1) for text in texts) and not by_app:
            chosen = self._choose_authenticator(page)
            if chosen is not None:
                return chosen
            self._note(page, "second factor", {})
            raise self._needs_person(page, "a code that it sends to a telephone or mailbox")
        if not self.account.totp_secret:
            self._password_accepted()
            self._note(page, "second factor", {"code_field": found.fields[0].label})
            raise self._needs_person(page, "a code from an authenticator, and no totp_secret is configured")
        if self._codes:
            settled = self.driver.settle(page)
            if settled is not None:
                return settled
            self._stop_if_told(page, self.new_texts(page, self._before) if len(self._codes) == 1 else page.texts())
        if len(self._codes) >= 2:
            self._journal.refused(SECOND_FACTOR_FAILED)
            self._note(page, "second factor refused", {})
            raise PortalError(
                SECOND_FACTOR_FAILED,
                f"The portal refused the code for {self.account.email}, the present one and its neighbour.",
                next_step="Check that totp_secret belongs to this account and that this machine's clock is "
                "right (to a few "
                "seconds), then run it again.",
            )
        self._password_accepted()
        code = self._next_code()
        if len(found.fields) > 1:
            fill = {field.ref: digit for field, digit in zip(found.fields, code, strict=False)}
        else:
            fill = {found.fields[0].ref: code}
        self._before = page.texts()
        self._note(
            page,
            "second factor",
            {"code_field": found.fields[0].label, "code_button": found.button.label if found.button else ""},
        )
        self.settings.trust.require(page.address, "verification code")
        return self.driver.send(page, found.form, fill, found.button, what="verification code")

    def _needs_person(self, page: Page, what: str) -> PortalError:
        return PortalError(
            SECOND_FACTOR_REQUIRED,
            f'The portal asks {self.account.email} for {what} ("{page.title}", {page.place}).',
            next_step="Give the module the account's totp_secret (the text shown when the authenticator was set "
            "up), set up an "
            "authenticator for the account, or enter the key by hand: driver=manual says how.",
        )

    def _choose_authenticator(self, page: Page) -> Page | None:
        chosen = self.finder.control(page, self._wording.authenticator_choice, "way to verify", "authenticator_choice")
        if chosen is not None and self._passes_by(page, 2):
            return self.press(page, chosen)
        for form in page.forms:
            radios = [field for field in form.fields if field.kind == "radio" and field.seen.usable]
            found = ranked(radios, self._wording.authenticator_choice)
            if found and self._passes_by(page, 2):
                button = self.finder.button(
                    page, form, self._wording.continue_control, avoid.NOT_GOING_ON, "button", "continue_control"
                )
                for radio in radios:
                    radio.checked = radio is found[0][1]
                return self.driver.send(page, form, {}, button, check=[found[0][1].ref])
        return None

    def _other_second_factor(self, page: Page) -> Page | None:
        if self.signed_in or not self._password_sent:
            return None
        chosen = self._choose_authenticator(page) if self.account.totp_secret else None
        if chosen is not None:
            return chosen
        if any(says(text, self._wording.second_factor_notice, gap=2) for text in self._loud(page)):
            if self.finder.control(page, self._wording.skip_control, "control", "skip_control"):
                # An invitation to set one up, not a demand.
                return None
            raise self._needs_person(page, "a second factor that is not a code from an authenticator")
        return None

    def _stop_at_new_password(self, page: Page) -> Page | None:
        """A password that has run out is for its owner to renew."""
        asks = any(sum(field.kind == "password" for field in form.fillable) >= 2 for form in page.forms)
        told = [text for text in self._loud(page) if says(text, self._wording.new_password_notice, gap=1)]
        if self.signed_in or not self._password_sent or not asks or not told:
            return None
        self._note(page, "new password wanted", {})
        raise PortalError(
            LOGIN_FAILED,
            f'The portal wants {self.account.email} to choose a new password: "{self.quote(told[0])}".',
            next_step="Sign in by hand, choose a new password, put it where you keep the old one, then run it again.",
        )

    def _choose_way_to_sign_in(self, page: Page) -> Page | None:
        if self.signed_in or self._password_sent:
            return None
        # A list of accounts, as identity providers show it, offers the address itself.
        words_for_it = (*self._wording.sign_in_with_email, self.account.email)
        control = self.finder.control(page, words_for_it, "way to sign in", "sign_in_with_email")
        return self.press(page, control) if control is not None and self._passes_by(page, 2) else None

    def _landing(self, page: Page) -> Page | None:
        controls: list[Control] = [*page.buttons, *(link for link in page.links if link.seen.usable)]
        found = ranked(controls, self._wording.sign_in_link, avoid.NOT_SIGN_IN, least=BEGINS - 8, strict=True)
        if not found or not self._passes_by(page, 2):
            return None
        control = self.finder.one(page, found, "link to sign in", "sign_in_link")
        self._note(page, "public page", {"sign_in_link": control.label})
        return self.press(page, control)
