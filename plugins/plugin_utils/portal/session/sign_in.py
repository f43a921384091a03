# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signing in with e-mail address and password, on one page or two, and what to make of the answer.

A password is sent once. Whatever comes back, it counts as spent until a page is recognisably signed in, see Journal.
"""

from __future__ import annotations

from ..errors import PortalError, Reason
from ..page import sought
from ..page.changed import PageChanged
from ..page.elements import Button, Link, Page
from ..page.matching import first_saying, says, words
from ..page.picking import pick_one
from ..page.sign_in_finder import SignInForm
from .second_factor import SecondFactor
from .stops import attempts_left, stop_if_locked, stop_if_said_unavailable
from .visit import Visit, prominent_texts

_RENEWALS = 2
# What sites answer to a form whose anti-forgery token or session is no longer known (419 and 440 are customary).
_STALE_FORM = (400, 419, 440)
_SAYS_NOTHING = frozenset(("400", "bad", "request", "http", "error"))


class SignIn:
    """The stage from the sign-in form to the signed-in account, without the second factor."""

    def __init__(self, visit: Visit, second_factor: SecondFactor) -> None:
        self._visit = visit
        self._second_factor = second_factor

    def fill_in(self, page: Page, found: SignInForm) -> Page:
        """Send the sign-in form, unless it is there because the portal refused what was sent."""
        visit, state = self._visit, self._visit.state
        if state.password_sent or (state.email_sent and found.password is None):
            if state.signed_in:
                self.renew(page)
            else:
                settled = visit.driver.settle(page)
                if settled is not None:
                    return settled
                self._stop_if_refused(page)
        self._stop_before_a_lock(page)
        fill: dict[int, str] = {}
        if found.email is not None:
            fill[found.email.ref] = visit.account.email
        what = "password" if found.password else "e-mail address"
        visit.settings.trust.require(page.address, what)
        if found.password is not None:
            fill[found.password.ref] = visit.account.password
            if found.code is not None and visit.account.totp_secret:
                fill[found.code.ref] = self._second_factor.next_code()
            if not state.signed_in:
                visit.journal.sending_password()
            state.password_sent = True
        state.email_sent = True
        state.said_before = page.texts()
        visit.note(page, "sign-in", email_field=found.email, password_field=found.password, sign_in_button=found.button)
        return visit.driver.send(page, found.form, fill, found.button, what=what)

    def _stop_before_a_lock(self, page: Page) -> None:
        visit = self._visit
        stop_if_locked(visit, page, [notice.text for notice in page.notices if notice.tone == "error"])
        left = attempts_left(page.texts())
        if left is not None and left <= 1:
            raise PortalError(
                Reason.LOGIN_FAILED,
                f"Signing in as {visit.account.email} was not tried: the portal says that only {left} attempt is left "
                "before it locks the account.",
                next_step="Sign in by hand once to check the password, then run it again.",
                details={"tried": False},
            )

    def renew(self, page: Page) -> None:
        """The session ended half-way: sign in once more, with credentials that are known to be right."""
        state = self._visit.state
        state.renewals += 1
        if state.renewals > _RENEWALS:
            why = "The portal asked to sign in again and again, with accepted credentials,"
            raise PageChanged(page, sought.LASTING_SESSION, why=why)
        state.begin_sign_in_again()
        state.times_acted_on.clear()

    def _stop_if_refused(self, page: Page) -> None:
        """Say why the sign-in form is there again, unless only the form was too old."""
        visit, state = self._visit, self._visit.state
        new = visit.new_texts(page, state.said_before)
        stop_if_locked(visit, page, new)
        stop_if_said_unavailable(visit, page, new)
        told_expired = bool(first_saying(new, visit.wording.expired_notice))
        # Signed in, and sent back from a page of the account: the session was lost, not the password refused.
        came_through = [place for place in page.trail[1:] if place != page.place]
        if not state.form_was_stale and (told_expired or (not new and came_through)):
            self._begin_anew(processed=not told_expired)
            return
        left = attempts_left(new)
        visit.journal.refused(Reason.LOGIN_FAILED, left)
        visit.note(page, "sign-in refused")
        errors = [text for text in new if says(text, visit.wording.error_notice)]
        told = errors or (new if state.said_before else [])
        quoted = f'The portal says: "{visit.quote(told[0])}".' if told else "The sign-in form was shown again."
        raise PortalError(
            Reason.LOGIN_FAILED,
            f"The portal refused the e-mail address or the password of {visit.account.email}. {quoted}",
            next_step="Correct the address or the password where you keep it, then run it again. The same password is "
            f"not tried again until then (see {visit.journal.path}).",
            details={"tried": True, **({"attempts_left": left} if left is not None else {})},
        )

    def _begin_anew(self, *, processed: bool) -> None:
        """Let the form be sent once more, because it had been too old or its session was lost."""
        self._visit.state.form_was_stale = True
        self._visit.state.begin_sign_in_again()
        if not processed:
            self._visit.journal.not_processed()

    def after_stale_form(self, page: Page) -> Page | None:
        """Begin anew, once, when the portal could not deal with the sign-in form at all (a token had expired)."""
        visit, state = self._visit, self._visit.state
        if page.status not in _STALE_FORM or state.signed_in or not state.email_sent or state.form_was_stale:
            return None
        # The status 400 also stands for much else; then the page says what.
        told = bool(first_saying(page.texts(), visit.wording.expired_notice))
        if page.status == 400 and not told and not all(set(words(text)) <= _SAYS_NOTHING for text in page.texts()):
            return None
        self._begin_anew(processed=False)
        visit.note(page, "form refused as too old")
        return visit.driver.open(visit.settings.portal_url)

    def recognise(self, page: Page, way: Link | Button | None) -> None:
        """Take note if a page is recognisably that of a signed-in account; C(way): its link to the key's page."""
        visit = self._visit
        if visit.state.signed_in or not visit.state.password_sent or page.status >= 400:
            return
        complains = bool(first_saying(prominent_texts(page), visit.wording.error_notice))
        if visit.finder.sign_out(page) or (way is not None and not visit.finder.sign_in_links(page) and not complains):
            self.succeeded()

    def succeeded(self) -> None:
        """The account is signed in, so what was sent was right."""
        self._visit.state.signed_in = True
        self._visit.journal.accepted()

    # Pages without a form for it

    def stop_at_new_password(self, page: Page) -> Page | None:
        """A password that has run out is for its owner to renew."""
        visit = self._visit
        asks = any(sum(field.kind == "password" for field in form.fillable) >= 2 for form in page.forms)
        told = [text for text in prominent_texts(page) if says(text, visit.wording.new_password_notice, gap=1)]
        if visit.state.signed_in or not visit.state.password_sent or not asks or not told:
            return None
        visit.note(page, "new password wanted")
        raise PortalError(
            Reason.LOGIN_FAILED,
            f'The portal wants {visit.account.email} to choose a new password: "{visit.quote(told[0])}".',
            next_step="Sign in by hand, choose a new password, put it where you keep the old one, then run it again.",
        )

    def choose_application(self, page: Page) -> Page | None:
        """Choose what to sign in to, where a page asks that first; never a participant's side.

        A page of the account that has the way to the key's page has nothing to choose.
        """
        visit = self._visit
        card = visit.finder.application(page)
        if card is None or visit.finder.has_other_sign_in(page, card) or not visit.may_act_on(page, 2):
            return None
        visit.note(page, "choice of the application", application_card=card)
        return visit.press(page, card)

    def choose_way(self, page: Page) -> Page | None:
        """Choose e-mail and password among several ways to sign in."""
        visit = self._visit
        if visit.state.signed_in or visit.state.password_sent:
            return None
        # A list of accounts, as identity providers show it, offers the address itself.
        control = visit.finder.control(page, sought.WAY_TO_SIGN_IN, also=(visit.account.email,))
        return visit.press(page, control) if control is not None and visit.may_act_on(page, 2) else None

    def leave_public_page(self, page: Page) -> Page | None:
        """Follow a public page's link to the sign-in form."""
        visit = self._visit
        found = visit.finder.sign_in_links(page)
        if not found or not visit.may_act_on(page, 2):
            return None
        control = pick_one(page, found, sought.SIGN_IN_LINK)
        visit.note(page, "public page", sign_in_link=control)
        return visit.press(page, control)
