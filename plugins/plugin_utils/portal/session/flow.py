# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way from the portal's first page to the page with the key's form, as a person goes it.

A state machine over kinds of pages. It knows nothing of HTTP or browsers: a driver reads pages and sends forms.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.errors import PageChanged, PortalError
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page import wording as avoid
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.elements import (
    Button,
    Control,
    Field,
    Link,
    Page,
    Seen,
    bare_address,
    describe,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.finder import LinkForm, ranked
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.matching import BEGINS, best, says
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.session.sign_in import SigningIn

# More pages than any sign-in has; a portal that goes in circles must not be followed for ever.
_STEPS = 30
_MENUS = 12
_RETURNS = 3
# What sites answer to a form whose anti-forgery token or session is no longer known (419 and 440 are customary).
_STALE_FORM = (400, 419, 440)


@dataclasses.dataclass
class LinkView:
    """The page that tells about the link, with the form for the key if it shows one."""

    page: Page
    form: LinkForm | None


class Flow(SigningIn):
    """The whole way."""

    # Getting there

    def reach_link_page(self) -> LinkView:
        """Sign in and go to the page with the key's form."""
        return self.continue_from(self.driver.open(self.settings.portal_url))

    def reopen_link_page(self) -> LinkView:
        """Go to the page again, by the address found before."""
        self._followed = True
        return self.continue_from(self.driver.open(self.link_address))

    def continue_from(self, page: Page) -> LinkView:
        """Go on from any page of the portal."""
        for _step in range(_STEPS):
            self.deadline.check("on the way to the page for the key")
            try:
                result = self._step(page)
            except PageChanged as exc:
                closer = self._look_closer(page) if exc.ambiguous else None
                if closer is None:
                    raise
                result = closer
            if isinstance(result, LinkView):
                self.signed_in = True
                self._password_accepted()
                self.link_address = self.link_address or result.page.address
                self._note(result.page, "link page", self._link_parts(result))
                return result
            page = result
        raise self.finder.changed(
            page, "end of the way to the Mechanical Turk page", "link_page", why="The portal goes in circles"
        )

    def _look_closer(self, page: Page) -> Page | None:
        if page.address in self._closer:
            return None
        self._closer.add(page.address)
        return self.driver.look_closer(page)

    def _step(self, page: Page) -> Page | LinkView:
        self._stop_if_away(page)
        moved = self._let_it_move(page)
        if moved is not None:
            return moved
        form = self.finder.link_form(page, expected=self._followed)
        if form is not None:
            return LinkView(page, form)
        self._stop_at_captcha(page)
        sign_in = self.finder.sign_in(page, email_known=self._email_sent)
        if sign_in is None or sign_in.password is None:
            code = self.finder.code(page)
            if code is not None:
                return self._second_factor(page, code)
        if sign_in is not None:
            return self._sign_in(page, sign_in)
        return self._without_fields(page)

    def _without_fields(self, page: Page) -> Page | LinkView:
        self._stop_if_told(page, page.texts() if len(page.blocks) <= 12 else self._loud(page))
        again = self._after_stale_form(page)
        if again is not None:
            return again
        way = self.finder.way_to_link_page(page, self.settings.trust.trusts)
        if self._is_link_page(page, way):
            return LinkView(page, None)
        self._password_accepted()
        if way is not None:
            # Sent back on the way there: something wants to be seen first, or this is home again.
            moved = self._in_between(page) if self._followed else None
            if moved is not None:
                return moved
        if way is not None and self._may_leave(page):
            self.signed_in = True
            self._note(page, "home", {"link_page": way.label})
            self.passed.append(page)
            return self._go_to_link_page(page, way)
        if _looks_unfinished(page):
            settled = self.driver.settle(page)
            if settled is not None:
                return settled
        for attempt in (
            self._stop_at_new_password,
            self._choose_way_to_sign_in,
            self._other_second_factor,
            self._in_between,
            self._menus,
            self._frame,
            self._landing,
        ):
            moved = attempt(page)
            if moved is not None:
                return moved
        moved = self.driver.settle(page) or self._in_between(page, sure=False)
        if moved is not None:
            return moved
        raise self._lost(page)

    def _after_stale_form(self, page: Page) -> Page | None:
        """Begin anew, once, when the portal could not deal with the sign-in form at all (a token had expired)."""
        if page.status not in _STALE_FORM or self.signed_in or not self._email_sent or self._expired_form:
            return None
        self._expired_form = True
        self._email_sent = self._password_sent = False
        self._codes = []
        self._note(page, "form refused as too old", {})
        return self.driver.open(self.settings.portal_url)

    def _lost(self, page: Page) -> PortalError:
        self._stop_if_said_unavailable(page, [*self._loud(page), *(page.blocks if len(page.blocks) <= 12 else ())])
        known: dict[str, t.Any] = {"needs_javascript": page.scripts and not self.driver.runs_scripts}
        if page.status >= 400:
            known["found"] = [f"an answer with status {page.status}", *describe(page)]
        if self._followed:
            return self.finder.changed(page, "field for the access key ID", "access_key_id_field", **known)
        if self.signed_in or self._password_sent:
            return self.finder.changed(page, "link to the Mechanical Turk page", "link_page", **known)
        return self.finder.changed(page, "sign-in form", "email_field", **known)

    # Pages that move by themselves, and pages that end it all

    def _let_it_move(self, page: Page) -> Page | None:
        if page.sends_itself is None and not page.moves_to:
            return None
        settled = self.driver.settle(page)
        if settled is not None:
            return settled
        self._note(page, "page that sends itself on", {})
        if page.sends_itself is not None:
            return self.driver.send(page, page.sends_itself, {}, None)
        if self._passes_by(page, 4):
            return self.driver.open(page.moves_to)
        return None

    # Pages in between, menus, frames

    def _in_between(self, page: Page, *, sure: bool = True) -> Page | None:
        """Pass a page that wants to be seen before the rest: an announcement, terms, "remember this browser?"."""
        boxes = [
            (form, field)
            for form in page.forms
            for field in form.fields
            if field.kind == "checkbox"
            and field.seen is not Seen.HIDDEN
            and not field.checked
            and self._wants_consent(field)
        ]
        told = any(says(text, self._wording.in_between_notice, gap=1) for text in self._loud(page))
        if not boxes and ((sure and not told) or (self._followed and bare_address(self.link_address) == page.place)):
            return None
        for phrases in (self._wording.skip_control, self._wording.accept_terms, self._wording.continue_control):
            found = self.finder.ways_past(page, phrases, typed_too=phrases is self._wording.skip_control)
            if not found:
                continue
            try:
                control = self.finder.one(page, found, "way past this page", "continue_control")
            except PageChanged:
                if sure:
                    raise
                # Not known to be a page in between, so there is nothing to decide.
                return None
            if not self._passes_by(page, 2):
                return None
            accepts = phrases is self._wording.accept_terms or bool(boxes)
            if accepts and not self.settings.accept_terms:
                raise self._terms(page, control)
            self._note(page, "page in between", {"pressed": control.label, **({"accepted": True} if accepts else {})})
            form = page.form_of(control) if isinstance(control, Button) else None
            return self.press(page, control, check=[field.ref for owner, field in boxes if owner is form])
        return None

    def _wants_consent(self, field: Field) -> bool:
        names = [name.text for name in field.names]
        return bool(best(names, self._wording.terms_checkbox, ("newsletter", "marketing", "emails"))) or (
            field.required and bool(names)
        )

    def _terms(self, page: Page, control: Control) -> PortalError:
        return self.finder.changed(
            page,
            "way past the terms",
            "",
            why=f'The portal wants its terms accepted ("{control.label}"), and accept_terms is false,',
        )

    def _menus(self, page: Page) -> Page | None:
        """Open the menu under the user icon, or go to a page that stands for it."""
        if not (self.signed_in or self._password_sent or not any(form.fillable for form in page.forms)):
            return None
        controls: list[Control] = [
            *(
                button
                for button in page.buttons
                if button.kind not in ("submit", "image") or page.form_of(button) is None
            ),
            *(link for link in page.links if link.seen.usable and self.settings.trust.trusts(link.address)),
        ]
        # People are often shown by their address instead of an icon.
        words_for_it = (*self._wording.user_menu, self.account.email)
        found = ranked(controls, words_for_it, avoid.NOT_USER_MENU, least=BEGINS - 14, strict=True)
        if self.driver.runs_scripts:
            # An icon or initials without a name: opening a menu does no harm.
            found += [(0, button) for button in page.loose if button.seen.usable and _is_nameless_opener(button)]
        for _points, control in found[:10]:
            target = bare_address(control.address) if isinstance(control, Link) else f"{page.place} {control.label}"
            if target in self._tried_menus or target == page.place or len(self._tried_menus) > _MENUS:
                continue
            self._tried_menus.add(target)
            opened = self.driver.reveal(page, control.ref) if isinstance(control, Button) else None
            if opened is None and isinstance(control, Link):
                opened = self.driver.follow(page, control)
            if opened is not None:
                self._note(page, "menu", {"user_menu": control.label})
                return opened
        return None

    def _frame(self, page: Page) -> Page | None:
        frames = [address for address in page.frames if self.settings.trust.trusts(address)]
        if len(frames) == 1 and self._passes_by(page, 1):
            return self.driver.open(frames[0])
        return None

    def _is_link_page(self, page: Page, way: Link | Button | None) -> bool:
        """Whether this is the link page although it shows no form."""
        here = bool(self.link_address) and bare_address(self.link_address) == page.place
        named = (
            best([*page.headings, page.title], self._wording.link_page, avoid.NOT_LINK_PAGE, strict=True) >= BEGINS - 10
        )
        leads_here = isinstance(way, Link) and bare_address(way.address) == page.place
        if not ((self._followed and (here or named)) or (leads_here and named)):
            return False
        if self.finder.change_key(page) is not None or self.finder.unlink(page) is not None:
            return True
        if page.scripts and not self.driver.runs_scripts:
            # What is missing may be what a script would draw.
            return False
        return any(
            says(text, (*self._wording.linked_notice, *self._wording.not_linked_notice), gap=2) for text in page.blocks
        )

    def _may_leave(self, page: Page) -> bool:
        """Whether the link on this page may be followed (again): not for ever, and not from the page that it "
        "leads to."""
        here = self._followed and bare_address(self.link_address) == page.place
        self._left[page.place] = self._left.get(page.place, 0) + 1
        return not here and self._left[page.place] <= _RETURNS

    def _go_to_link_page(self, page: Page, way: Link | Button) -> Page:
        self._followed = True
        if isinstance(way, Link):
            self.link_address = way.address
            return self.driver.follow(page, way)
        if way.opener is not None and self.driver.runs_scripts:
            opened = self.driver.reveal(page, way.opener)
            again = self.finder.way_to_link_page(opened, self.settings.trust.trusts) if opened is not None else None
            if opened is not None and isinstance(again, Button):
                page, way = opened, again
        arrived = self.press(page, way)
        self.link_address = arrived.address
        return arrived

    def renewed_during_submission(self) -> bool:
        """Whether the session ended since this was asked last."""
        renewed, self._renewals_told = self._renewals > self._renewals_told, self._renewals
        return renewed

    def driver_confirming(self, act: t.Callable[[], Page]) -> Page:
        """Do something that may ask "are you sure?" in a dialog of the browser, and say yes."""
        confirming = getattr(self.driver, "confirming", None)
        if confirming is None:
            return act()
        with confirming():
            return act()

    def _link_parts(self, view: LinkView) -> dict[str, str | bool]:
        form = view.form
        if form is None:
            return {}
        return {
            "access_key_id_field": form.access_key_id.label,
            "secret_access_key_field": form.secret_access_key.label,
            "link_button": form.button.label if form.button else "",
        }


def _looks_unfinished(page: Page) -> bool:
    """Whether a page is nearly empty or says that it is loading, as those do that a script draws."""
    if any(says(text, ("loading", "one moment", "please wait")) for text in page.blocks if len(text) < 60):
        return True
    return len(page.links) + len(page.buttons) < 3 and len(page.blocks) < 6


def _is_nameless_opener(button: Button) -> bool:
    label = button.names[0].text if button.names else ""
    is_short = not label or (len(label) <= 3 and label.isupper()) or not any(letter.isalpha() for letter in label)
    if button.kind == "submit" or best([label], avoid.NOT_USER_MENU):
        return False
    return is_short or (button.opens and len(label) < 40)
