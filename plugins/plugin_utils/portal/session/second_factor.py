# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The second factor: a code from the account's authenticator, and what needs a person instead."""

from __future__ import annotations

from ..errors import PortalError, Reason
from ..page import sought
from ..page.elements import Page
from ..page.matching import first_saying
from ..page.picking import pick_one, ranked
from ..page.sign_in_finder import CodeForm
from .authenticator import Authenticator
from .stops import stop_if_locked
from .visit import Visit, prominent_texts

# Second factors that no authenticator secret can answer.
_SENT_CODE = (
    *("we sent", "was sent", "sent you", "sent to your", "sent a code"),
    *("we emailed", "we texted", "text message", "sms"),
)


class SecondFactor:
    """The stage between the password and the signed-in account."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._authenticator: Authenticator | None = None
        self._last_step_before = 0

    def fill_in(self, page: Page, found: CodeForm) -> Page:
        """Send a code from the authenticator: the present one, and after a refusal its neighbour."""
        visit, state = self._visit, self._visit.state
        if not state.code_steps and state.password_sent:
            # Who asks for the second factor has taken the first.
            visit.journal.accepted()
        texts = [text for text in page.texts() if len(text) < 300]
        by_app = any("authenticat" in text.lower() or " app" in text.lower() for text in texts)
        if bool(first_saying(texts, _SENT_CODE, gap=1)) and not by_app:
            chosen = self._choose_authenticator(page)
            if chosen is not None:
                return chosen
            visit.note(page, "second factor")
            raise self._needs_person(page, "a code that it sends to a telephone or mailbox")
        if not visit.account.totp_secret:
            visit.note(page, "second factor", code_field=found.fields[0])
            raise self._needs_person(page, "a code from an authenticator, and no totp_secret is configured")
        if state.code_steps:
            settled = visit.driver.settle(page)
            if settled is not None:
                return settled
            is_first = len(state.code_steps) == 1
            stop_if_locked(visit, page, visit.new_texts(page, state.said_before) if is_first else page.texts())
        if len(state.code_steps) >= 2:
            visit.journal.refused(Reason.SECOND_FACTOR_FAILED)
            visit.note(page, "second factor refused")
            raise PortalError(
                Reason.SECOND_FACTOR_FAILED,
                f"The portal refused the code for {visit.account.email}, the current one and an adjacent one.",
                next_step="Check that totp_secret belongs to this account and that this machine's clock is right (to "
                "a few seconds), then run it again.",
            )
        visit.settings.trust.require(page.address, "verification code")
        code = self.next_code()
        digits = code if len(found.fields) > 1 else [code]
        fill = {field.ref: digit for field, digit in zip(found.fields, digits, strict=False)}
        state.said_before = page.texts()
        visit.note(page, "second factor", code_field=found.fields[0], code_button=found.button)
        return visit.driver.send(page, found.form, fill, found.button, what="verification code")

    def next_code(self) -> str:
        """The code to send now; waits for the next one if the present one is used up."""
        visit, steps = self._visit, self._visit.state.code_steps
        if self._authenticator is None:
            self._authenticator = Authenticator(visit.account.totp_secret)
        authenticator = self._authenticator
        if steps:
            step = authenticator.neighbour(steps[-1], visit.driver.clock_difference)
            if step < steps[-1] and step <= self._last_step_before:
                # That one was used up; going on is all that can help.
                step = steps[-1] + 1
            early = step - authenticator.step()
            if early > 0 and step == steps[-1]:
                self._wait(authenticator, early - 1)
        else:
            # A code is good for one sign-in; if the present one was used, portals commonly take the next early.
            self._last_step_before = visit.journal.last_code_step
            step = authenticator.first_step(self._last_step_before)
            early = step - authenticator.step()
            if early > 1:
                self._wait(authenticator, early - 2)
        steps.append(step)
        visit.journal.used_code(max(step, visit.journal.last_code_step))
        return authenticator.code(step)

    def _wait(self, authenticator: Authenticator, steps: int) -> None:
        seconds = steps * authenticator.seconds + authenticator.until_next() + 0.2
        self._visit.deadline.sleep(seconds, "waiting for a fresh code")

    def _needs_person(self, page: Page, what: str) -> PortalError:
        return PortalError(
            Reason.SECOND_FACTOR_REQUIRED,
            f'The portal asks {self._visit.account.email} for {what} ("{page.title}", {page.place}).',
            next_step="Give the module the account's totp_secret (the text shown when the authenticator was set up), "
            "set up an authenticator for the account, or enter the key by hand: driver=manual says how.",
        )

    def _choose_authenticator(self, page: Page) -> Page | None:
        """Choose the authenticator among several second factors, by a link, a button or a radio button."""
        visit = self._visit
        chosen = visit.finder.control(page, sought.WAY_TO_VERIFY)
        if chosen is not None and visit.may_act_on(page, 2):
            return visit.press(page, chosen)
        radios = [field for form in page.forms for field in form.fields if field.kind == "radio" and field.seen.usable]
        found = ranked(radios, visit.wording.authenticator_choice)
        if not found or not visit.may_act_on(page, 2):
            return None
        radio = pick_one(page, found, sought.WAY_TO_VERIFY)
        form = page.form_of(radio)
        if form is None:
            return None
        button = visit.finder.button(page, form, sought.CONTINUE_BUTTON)
        for field in radios:
            field.checked = field is radio
        return visit.driver.send(page, form, {}, button, check=[radio.ref])

    def without_form(self, page: Page) -> Page | None:
        """A page that wants a second factor of another kind, or a choice among several."""
        visit = self._visit
        if visit.state.signed_in or not visit.state.password_sent:
            return None
        chosen = self._choose_authenticator(page) if visit.account.totp_secret else None
        if chosen is not None:
            return chosen
        if first_saying(prominent_texts(page), visit.wording.second_factor_notice, gap=2):
            if visit.finder.control(page, sought.SKIP):
                # An invitation to set one up, not a demand.
                return None
            raise self._needs_person(page, "a second factor that is not a code from an authenticator")
        return None
