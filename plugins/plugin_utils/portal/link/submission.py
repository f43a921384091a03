# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done on the page with the key's form: read the link, submit a key, remove the link. Each needs evidence."""

from __future__ import annotations

import contextlib
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.errors import (
    KEY_REJECTED,
    PageChanged,
    PortalError,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link import evidence
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.link.evidence import (
    LinkState,
    Signs,
    read_signs,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.elements import Page, Seen
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.finder import LinkForm
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.matching import says
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.session.flow import Flow, LinkView

# IAM needs some seconds until everybody knows a new key, so a refusal can be premature. One more try, after a pause.
_PAUSE_SECONDS = 8.0
# How often to look whether a page has something to say (each look waits for the page to change).
_LOOKS = 3
# What a portal may say of a key that AWS does not know everywhere yet.
_NOT_KNOWN_YET = (
    *("not valid", "invalid", "not recognized", "not recognised", "could not", "couldn't", "did not", "didn't"),
    *("not found", "does not exist", "unable", "incorrect", "not accepted", "rejected", "refused", "try again"),
)
# The portal asks MTurk with the key; that it cannot is no verdict.
_AWAY = (
    "could not reach",
    "couldn't reach",
    "unable to reach",
    "could not connect",
    "couldn't connect",
    "unable to connect",
)


class Linker:
    """Works on the link page of one signed-in account."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self._wording = flow.settings.wording

    def signs(self, view: LinkView) -> Signs:
        """What the link page, and those passed on the way to it, say about the link."""
        signs = read_signs(view.page, self._wording)
        for page in self.flow.passed:
            passed = read_signs(page, self._wording)
            # Another page can tell that something is linked, or show the balance; which key, only the link page.
            signs.balance = signs.balance or passed.balance
            if passed.balance and not signs.not_linked:
                signs.linked = True
        with contextlib.suppress(PageChanged):
            # Two such controls are a question for the one who wants to use them.
            if self.flow.finder.unlink(view.page) is not None and not signs.not_linked:
                signs.linked = True
        return signs

    def submit(self, view: LinkView, access_key_id: str, secret_access_key: str) -> LinkState:
        """Enter a key and press the button.

        :returns: the linked state, with the evidence for it.
        :raises PortalError: if the portal refuses it, or does not say what it did.
        """
        tries = 0
        while True:
            tries += 1
            view = self._with_form(view)
            before = view.page.texts()
            had = self.signs(view)
            page = self._send(view, access_key_id, secret_access_key)
            outcome = self._outcome(page, before, had, access_key_id)
            if isinstance(outcome, LinkState):
                return outcome
            kind, text, view_after = outcome
            if kind == "again" and tries == 1:
                view = view_after or self.flow.reopen_link_page()
                continue
            if (
                kind == "refused"
                and tries == 1
                and self.flow.deadline.left() > _PAUSE_SECONDS + 5
                and _is_premature(text)
            ):
                self.flow.deadline.sleep(_PAUSE_SECONDS, "waiting until the new key is known everywhere")
                view = self.flow.reopen_link_page()
                continue
            raise PortalError(
                KEY_REJECTED,
                f'The portal did not accept the key {access_key_id}: "{self.flow.quote(text)}".',
                next_step="Check that the key is active and that its AWS account is linked to an MTurk "
                "requester account "
                "(M(labops.cloudresearch.mturk_requester_check) tells), then run it again.",
                details={"submitted": True, "submissions": tries},
            )

    def _with_form(self, view: LinkView) -> LinkView:
        """The view with a form that can be filled in, which may have to be brought up first."""
        flow = self.flow
        for _step in range(3):
            form = view.form
            if form is not None:
                opener = (
                    form.access_key_id.opener
                    if form.access_key_id.opener is not None
                    else form.secret_access_key.opener
                )
                if form.access_key_id.seen is not Seen.REACHABLE or opener is None:
                    return view
                opened = flow.driver.reveal(view.page, opener)
                if opened is None:
                    return view
                view = LinkView(opened, flow.finder.link_form(opened, expected=True))
                continue
            control = flow.finder.change_key(view.page)
            if control is None:
                break
            page = flow.press(view.page, control)
            view = flow.continue_from(page)
        if view.form is None:
            raise flow.finder.changed(
                view.page,
                "field for the access key ID",
                "access_key_id_field",
                needs_javascript=view.page.scripts and not flow.driver.runs_scripts,
            )
        return view

    def _send(self, view: LinkView, access_key_id: str, secret_access_key: str) -> Page:
        form = t.cast(LinkForm, view.form)
        fill = {form.access_key_id.ref: access_key_id, form.secret_access_key.ref: secret_access_key}
        if form.confirm is not None:
            fill[form.confirm.ref] = secret_access_key
        self.flow.settings.trust.require(view.page.address, "key")
        check = [
            field.ref for field in form.form.fields
            if field.kind == "checkbox" and field.required and field.seen is not Seen.HIDDEN and not field.checked
        ]  # fmt: skip
        return self.flow.driver.send(view.page, form.form, fill, form.button, check=check, what="key")

    def _outcome(
        self, page: Page, before: set[str], had: Signs, access_key_id: str
    ) -> LinkState | tuple[str, str, LinkView | None]:
        """What became of the submission: linked with evidence, or ("refused" | "again", the portal's words, view)."""
        flow = self.flow
        for _look in range(_LOOKS):
            if page.status >= 500 or page.status == 429:
                raise flow.unavailable(
                    page, "The portal answered the submission of the key with an error "
                    f"(status {page.status}); whether it took the key is not known. The next run looks first."
                )  # fmt: skip
            said = self._verdict(page, before, access_key_id)
            if said is not None:
                return said
            settled = flow.driver.settle(page)
            if settled is None:
                break
            page = settled
        # Signed out half-way, a page in between, or an answer without a word: go back and look.
        view = (
            flow.continue_from(page) if flow.finder.link_form(page, expected=True) is None else flow.reopen_link_page()
        )
        said = self._verdict(view.page, before, access_key_id, fresh=True)
        if said is not None:
            return said
        signs = self.signs(view)
        if signs.linked and not signs.not_linked and not signs.ids:
            return LinkState(
                evidence.LINKED, access_key_id, evidence.SUBMISSION,
                "The portal took the key without an error and shows that a key is linked, but not which one.",
                balance=signs.balance,
            )  # fmt: skip
        if flow.renewed_during_submission():
            return "again", "The portal asked to sign in again.", view
        raise flow.finder.changed(
            view.page,
            "notice of success",
            "success_notice",
            found=[f'text "{flow.quote(text)}"' for text in flow.new_texts(page, before)[:6]] or None,
            why="The key was submitted, but neither a success nor an error was recognised",
        )

    def _verdict(
        self, page: Page, before: set[str], access_key_id: str, *, fresh: bool = False
    ) -> LinkState | tuple[str, str, LinkView | None] | None:
        signs = read_signs(page, self._wording, editable_values=fresh)
        if fresh and signs.shows(access_key_id):
            return self._linked(access_key_id, "The page shows this key.", signs)
        new = self.flow.new_texts(page, before)
        tones = {notice.text: notice.tone for notice in page.notices}
        errors = [
            text for text in new
            if (tones.get(text) == "error" or says(text, self._wording.error_notice, gap=1))
            and not says(text, self._wording.success_notice, gap=1)
        ]  # fmt: skip
        successes = [
            text
            for text in new
            if text not in errors and (tones.get(text) == "success" or says(text, self._wording.success_notice, gap=1))
        ]
        if errors and not successes:
            if any(says(text, self._wording.expired_notice) for text in errors):
                return "again", errors[0], None
            if any(says(text, _AWAY) or says(text, self._wording.unavailable_notice) for text in errors):
                quoted = self.flow.quote(errors[0])
                raise self.flow.unavailable(
                    page, f'The portal could not check the key: "{quoted}". That says nothing about the key.'
                )
            return "refused", errors[0], None
        if signs.shows(access_key_id) and not errors:
            return self._linked(access_key_id, "The page shows this key.", signs)
        if successes and not errors and not _shows_another(signs, access_key_id):
            return self._linked(access_key_id, f'The portal says: "{self.flow.quote(successes[0])}".', signs)
        return None

    @staticmethod
    def _linked(access_key_id: str, message: str, signs: Signs) -> LinkState:
        return LinkState(evidence.LINKED, access_key_id, evidence.PAGE, message, balance=signs.balance)

    def unlink(self, view: LinkView) -> LinkState | None:
        """Remove the link with the page's own control.

        :returns: what the portal shows afterwards, or None if the page offers no control.
        """
        flow = self.flow
        control = flow.finder.unlink(view.page)
        if control is None:
            return None
        before = view.page.texts()
        page = flow.driver_confirming(lambda: flow.press(view.page, control))
        for _look in range(_LOOKS):
            if any(says(text, self._wording.unlinked_notice, gap=1) for text in flow.new_texts(page, before)):
                return LinkState(evidence.NOT_LINKED, "", evidence.PAGE, "The portal removed the key.")
            settled = flow.driver.settle(page)
            if settled is None:
                break
            page = settled
        form = flow.finder.link_form(page, expected=True)
        confirm = flow.finder.control(
            page, self._wording.unlink_confirm, "control that confirms the removal", "unlink_confirm"
        )
        if confirm is not None and form is None:
            before = page.texts()
            page = flow.driver_confirming(lambda: flow.press(page, confirm))
            if any(says(text, self._wording.unlinked_notice, gap=1) for text in flow.new_texts(page, before)):
                return LinkState(evidence.NOT_LINKED, "", evidence.PAGE, "The portal removed the key.")
        view = flow.reopen_link_page()
        signs = self.signs(view)
        if not signs.linked:
            return LinkState(evidence.NOT_LINKED, "", evidence.PAGE, "The portal shows no linked key any more.")
        raise flow.finder.changed(
            view.page,
            "notice of removal",
            "unlinked_notice",
            why="The control that removes the key was used, but no sign of it was recognised",
        )


def _shows_another(signs: Signs, access_key_id: str) -> bool:
    if signs.ids:
        return access_key_id not in signs.ids
    return any(item.compare(access_key_id) is False for item in signs.masked)


def _is_premature(text: str) -> bool:
    return says(text, _NOT_KNOWN_YET, gap=3)
