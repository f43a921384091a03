# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done on the page with the key's form: read the link, submit a key, remove the link. Each needs evidence."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime

from ...base import times
from ...base.vocabulary import LinkStatus
from ..errors import PortalError, Reason
from ..page import sought
from ..page.changed import PageChanged
from ..page.elements import Button, Link, Page, Seen
from ..page.key_finder import LinkForm
from ..page.matching import first_saying, says
from ..session.flow import Flow, LinkView
from ..session.stops import unavailable
from .signs import Signs, read_signs
from .state import PAGE, SUBMISSION, KnownKey, LinkState, judge

# IAM needs some seconds until everybody knows a new key, so a refusal can be premature. One more try, after a pause.
_PAUSE_SECONDS = 8.0
_LOOKS = 3
_NEW_KEY = datetime.timedelta(minutes=5)
# What a portal says of a key that AWS does not know everywhere yet; "incorrect" or "rejected" is a verdict.
_NOT_KNOWN_YET = (
    *("not valid", "invalid", "not recognized", "not recognised", "unrecognized", "unrecognised", "unknown"),
    *("not found", "does not exist", "doesn't exist", "could not verify", "couldn't verify", "unable to verify"),
    *("could not find", "couldn't find", "could not validate", "couldn't validate", "not active yet"),
)
# The portal asks MTurk with the key; that it cannot is no verdict.
_AWAY = (
    *("could not reach", "couldn't reach", "unable to reach"),
    *("could not connect", "couldn't connect", "unable to connect"),
)


# What a portal calls a success besides the link.
_SESSION = ("signed in", "signed out", "sign in", "signing in", "logged in", "logged out", "log in", "login", "logout")
_LINK = ("key", "keys", "link", "linked", "credentials", "turk", "mturk", "connected")


@dataclasses.dataclass(frozen=True)
class _Refused:
    """The portal does not take the key, in these words."""

    said: str


@dataclasses.dataclass(frozen=True)
class _Again:
    """The portal did not look at the key: the form was too old, or the session had ended."""

    said: str
    view: LinkView | None = None


class KeyPage:
    """The page with the key's form, of one signed-in account."""

    def __init__(self, flow: Flow) -> None:
        """Sign in and go there."""
        self._flow = flow
        self._visit = flow.visit
        self._wording = flow.visit.wording
        self._view = flow.reach_link_page()

    def state(self, key: KnownKey) -> LinkState:
        """How the account is linked, with the evidence for it."""
        return judge(self._signs_on_all_pages(), key)

    def _signs_on_all_pages(self) -> Signs:
        """What the link page, and those passed on the way to it, say about the link."""
        signs = read_signs(self._view.page, self._wording)
        for page in self._visit.state.passed:
            passed = read_signs(page, self._wording)
            # Another page can tell that something is linked, or show the balance; which key, only the link page.
            signs.balance = signs.balance or passed.balance
            if passed.balance and not signs.not_linked:
                signs.linked = True
        with contextlib.suppress(PageChanged):
            # Two such controls are a question for the one who wants to use them.
            if self.removal() is not None and not signs.not_linked:
                signs.linked = True
        return signs

    # Submitting a key

    def submit(self, key: KnownKey) -> LinkState:
        """Enter a key and press the button.

        :returns: the linked state, with the evidence for it.
        :raises PortalError: if the portal refuses it, or does not say what it did.
        """
        flow, visit, tries = self._flow, self._visit, 0
        # Of a page that showed a link before, the same afterwards says nothing of this key.
        linked_before = self._signs_on_all_pages().linked
        while True:
            tries += 1
            form = self._bring_up_form()
            before = self._view.page.texts()
            # A session that ended on the way here has lost nothing.
            flow.renewed_during_submission()
            answer = self._send_form(form, key)
            outcome = self._outcome_of_submission(answer, before, key.access_key_id, linked_before=linked_before)
            if isinstance(outcome, LinkState):
                return outcome
            if tries == 1 and isinstance(outcome, _Again):
                self._view = outcome.view or flow.reopen_link_page()
                continue
            if tries == 1 and visit.deadline.left() > _PAUSE_SECONDS + 5 and _may_be_premature(outcome.said, key):
                visit.deadline.sleep(_PAUSE_SECONDS, "waiting until the new key is known everywhere")
                self._view = flow.reopen_link_page()
                continue
            raise PortalError(
                Reason.KEY_REJECTED,
                f'The portal did not accept the key {key.access_key_id}: "{visit.quote(outcome.said)}".',
                next_step="Check that the key is active and that its AWS account is linked to an MTurk requester "
                "account (M(labops.cloudresearch.mturk_requester_check) tells), then run it again.",
                details={"submitted": True, "submissions": tries},
            )

    def _bring_up_form(self) -> LinkForm:
        """The key's form, which may be in a closed menu or behind a control."""
        flow, visit = self._flow, self._visit
        for _step in range(3):
            view, form = self._view, self._view.form
            if form is None:
                control = visit.finder.control(view.page, sought.CHANGE_KEY) or visit.finder.control(
                    view.page, sought.BEGIN
                )
                if control is None:
                    # It may still be on its way.
                    settled = visit.driver.settle(view.page)
                    if settled is None:
                        break
                    self._view = flow.continue_from(settled)
                    continue
                self._view = flow.continue_from(visit.press(view.page, control))
                continue
            fields = (form.access_key_id, form.secret_access_key)
            opener = next((field.opener for field in fields if field.opener is not None), None)
            if form.access_key_id.seen is not Seen.REACHABLE or opener is None:
                return form
            opened = visit.driver.reveal(view.page, opener)
            if opened is None:
                return form
            self._view = LinkView(opened, visit.finder.link_form(opened, expected=True))
        if self._view.form is not None:
            return self._view.form
        page = self._view.page
        raise PageChanged(page, sought.ACCESS_KEY_ID, needs_javascript=visit.needs_browser(page))

    def _send_form(self, form: LinkForm, key: KnownKey) -> Page:
        page = self._view.page
        fill = {form.access_key_id.ref: key.access_key_id, form.secret_access_key.ref: key.secret_access_key}
        if form.confirm is not None:
            fill[form.confirm.ref] = key.secret_access_key
        self._visit.settings.trust.require(page.address, "key")
        boxes = [field for field in form.form.fields if field.kind == "checkbox" and field.required]
        check = [field.ref for field in boxes if field.seen is not Seen.HIDDEN and not field.checked]
        return self._visit.driver.send(page, form.form, fill, form.button, check=check, what="key")

    def _outcome_of_submission(
        self, page: Page, before: set[str], access_key_id: str, *, linked_before: bool
    ) -> LinkState | _Refused | _Again:
        """What became of the submission, from this page or those that follow it.

        :param linked_before: whether the portal showed before the submission that some key is linked.
        """
        flow, visit, finished = self._flow, self._visit, False
        for _look in range(_LOOKS):
            if page.status >= 500 or page.status == 429:
                raise unavailable(
                    page,
                    f"The portal answered the submission of the key with an error (status {page.status}); whether it "
                    "took the key is not known. The next run looks first.",
                )
            if self._asks_to_sign_in(page):
                break
            said = self._judge_submission(page, before, access_key_id)
            if said is not None:
                return said
            last_step = None if finished else visit.finder.last_step(page)
            if last_step is not None:
                finished, before = True, before | page.texts()
                page = self._press_and_confirm(page, last_step)
                continue
            settled = visit.driver.settle(page)
            if settled is None:
                break
            page = settled
        # Signed out half-way, a page in between, or an answer without a word: go back and look.
        there = visit.finder.link_form(page, expected=True) is not None
        self._view = flow.reopen_link_page() if there else flow.continue_from(page)
        signs = self._signs_on_all_pages()
        if flow.renewed_during_submission():
            # What succeeded may be the sign-in, and the portal may never have looked at the key.
            if signs.shows(access_key_id):
                return _linked(access_key_id, signs)
            return _Again("The portal asked to sign in again.", self._view)
        said = self._judge_submission(self._view.page, before, access_key_id, fresh=True)
        if said is not None:
            return said
        if signs.linked and not linked_before and not signs.not_linked and not signs.ids:
            told = "The portal took the key without an error and shows that a key is linked, but not which one."
            return LinkState(LinkStatus.LINKED, SUBMISSION, told, access_key_id, balance=signs.balance)
        raise PageChanged(
            self._view.page,
            sought.SUCCESS,
            found=[f'text "{visit.quote(text)}"' for text in visit.new_texts(page, before)[:6]],
            why="The key was submitted, but neither a success nor an error was recognised",
        )

    def _judge_submission(
        self, page: Page, before: set[str], access_key_id: str, *, fresh: bool = False
    ) -> LinkState | _Refused | _Again | None:
        """What one page says about the submission; None if nothing.

        :param fresh: whether it was asked for anew, so that it does not just repeat what was typed.
        """
        visit, wording = self._visit, self._wording
        signs = read_signs(page, wording, editable_values=fresh)
        linked = _linked(access_key_id, signs)
        if fresh and signs.shows(access_key_id):
            return linked
        tones = {notice.text: notice.tone for notice in page.notices}
        errors, successes = [], []
        for text in visit.new_texts(page, before):
            praises = says(text, wording.success_notice, gap=1)
            if praises and _is_about_session(text):
                continue
            if not praises and (tones.get(text) == "error" or says(text, wording.error_notice, gap=1)):
                errors.append(text)
            elif praises or tones.get(text) == "success":
                successes.append(text)
        if errors and not successes:
            if first_saying(errors, wording.expired_notice):
                return _Again(errors[0])
            if any(says(text, _AWAY) or says(text, wording.unavailable_notice) for text in errors):
                told = visit.quote(errors[0])
                raise unavailable(
                    page, f'The portal could not check the key: "{told}". That says nothing about the key.'
                )
            return _Refused(errors[0])
        if errors:
            return None
        if signs.shows(access_key_id):
            return linked
        if successes and not signs.shows_another(access_key_id):
            return dataclasses.replace(linked, message=f'The portal says: "{visit.quote(successes[0])}".')
        return None

    def _asks_to_sign_in(self, page: Page) -> bool:
        """Whether the session has ended: what such a page calls a success is not the key's."""
        finder = self._visit.finder
        with contextlib.suppress(PageChanged):
            sign_in = finder.sign_in(page, email_known=False)
            asks = sign_in is not None and sign_in.password is not None
            return asks and finder.link_form(page, expected=True) is None
        return False

    # Removing the link

    def removal(self) -> Link | Button | None:
        """The page's own control for removing the key, if it offers one."""
        return self._visit.finder.control(self._view.page, sought.UNLINK)

    def remove(self, control: Link | Button) -> LinkState:
        """Remove the link with the page's own control; what the portal shows afterwards."""
        visit, removed = self._visit, LinkState(LinkStatus.NOT_LINKED, PAGE, "The portal removed the key.")
        asked_on = self._view.page
        before = asked_on.texts()
        page = self._press_and_confirm(asked_on, control)
        for _look in range(_LOOKS):
            if self._tells_removal(page, before):
                return removed
            settled = visit.driver.settle(page)
            if settled is None:
                break
            page = settled
        confirm = visit.finder.control(page, sought.UNLINK_CONFIRM, before=asked_on)
        known = {button.label for button in asked_on.buttons}
        # The key's form stays there under a dialog that asks; then only what the dialog brought can be meant.
        asks = confirm is not None and (
            confirm.label not in known or visit.finder.link_form(page, expected=True) is None
        )
        if confirm is not None and asks:
            before = page.texts()
            if self._tells_removal(self._press_and_confirm(page, confirm), before):
                return removed
        self._view = self._flow.reopen_link_page()
        signs = self._signs_on_all_pages()
        # A page that neither says so nor asks for a key proves nothing.
        if not signs.linked and (signs.not_linked or self._view.form is not None):
            return dataclasses.replace(removed, message="The portal shows no linked key any more.")
        why = "The control that removes the key was used, but no sign of it was recognised"
        raise PageChanged(self._view.page, sought.REMOVAL, why=why)

    def _press_and_confirm(self, page: Page, control: Link | Button) -> Page:
        # Only a browser asks "are you sure?" in a dialog of its own.
        with self._visit.driver.confirming():
            return self._visit.press(page, control)

    def _tells_removal(self, page: Page, before: set[str]) -> bool:
        if self._asks_to_sign_in(page):
            return False
        told = [text for text in self._visit.new_texts(page, before) if not _is_about_session(text)]
        return bool(first_saying(told, self._wording.unlinked_notice, gap=1))


def _may_be_premature(said: str, key: KnownKey) -> bool:
    """Whether a refusal can mean that a key which is minutes old is not known everywhere yet."""
    if key.created is None or not says(said, _NOT_KNOWN_YET, gap=3):
        return False
    return times.now() - key.created < _NEW_KEY


def _is_about_session(text: str) -> bool:
    return says(text, _SESSION) and not says(text, _LINK)


def _linked(access_key_id: str, signs: Signs) -> LinkState:
    return LinkState(LinkStatus.LINKED, PAGE, "The page shows this key.", access_key_id, balance=signs.balance)
