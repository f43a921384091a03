# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages that are passed on the way: such as move by themselves, such as want to be seen first, menus and frames."""

from __future__ import annotations

from ..page import sought
from ..page import wording as avoid
from ..page.addresses import bare_address
from ..page.changed import PageChanged
from ..page.elements import Button, Field, Link, Page, Seen
from ..page.matching import BEGINS, best, first_saying
from ..page.picking import pick_one, ranked
from .visit import Visit, prominent_texts

_MENUS = 12


class Passing:
    """Gets past pages that are neither sign-in nor destination."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._tried_menus: set[str] = set()

    def let_it_move(self, page: Page) -> Page | None:
        """Follow a page that sends itself on, or refreshes to another address.

        :raises PageChanged: its script names several ways on; only a browser would know which one is gone.
        """
        visit = self._visit
        if not (page.send_themselves or page.moves_to or page.may_move_to):
            return None
        settled = visit.driver.settle(page)
        if settled is not None:
            return settled
        visit.note(page, "page that sends itself on")
        ways = [f"a form to {bare_address(form.action)}" for form in page.send_themselves]
        ways += [bare_address(address) for address in page.may_move_to]
        if len(ways) > 1:
            needs_javascript = not visit.driver.runs_scripts
            raise PageChanged(page, sought.WAY_BY_SCRIPT, found=ways, needs_javascript=needs_javascript, ambiguous=True)
        if page.send_themselves:
            return visit.driver.send(page, page.send_themselves[0], {}, None)
        return visit.driver.open(page.moves_to) if visit.may_act_on(page, 4) else None

    def in_between(self, page: Page, *, sure: bool = True) -> Page | None:
        """Pass a page that wants to be seen before the rest: an announcement, terms, "remember this browser?".

        :param sure: whether to act only on a page that says what it is, and to ask if it leaves a choice.
        """
        visit = self._visit
        boxes = [
            (form, field)
            for form in page.forms
            for field in form.fields
            if field.kind == "checkbox"
            and field.seen is not Seen.HIDDEN
            and not field.checked
            and self._wants_consent(field)
        ]
        told = bool(first_saying(prominent_texts(page), visit.wording.in_between_notice, gap=1))
        is_there = visit.state.followed and visit.state.is_link_page(page)
        if not boxes and ((sure and not told) or is_there):
            return None
        for phrases in (visit.wording.skip_control, visit.wording.accept_terms, visit.wording.continue_control):
            found = visit.finder.ways_past(page, phrases, typed_too=phrases is visit.wording.skip_control)
            if not found:
                continue
            try:
                control = pick_one(page, found, sought.WAY_PAST)
            except PageChanged:
                if sure:
                    raise
                # Not known to be a page in between, so there is nothing to decide.
                return None
            if not visit.may_act_on(page, 2):
                return None
            accepts = phrases is visit.wording.accept_terms or bool(boxes)
            if accepts and not visit.settings.accept_terms:
                wanted = f'The portal wants its terms accepted ("{control.label}"), and accept_terms is false,'
                raise PageChanged(page, sought.WAY_PAST_TERMS, why=wanted)
            visit.note(page, "page in between", pressed=control, accepted=accepts)
            form = page.form_of(control) if isinstance(control, Button) else None
            return visit.press(page, control, check=[field.ref for owner, field in boxes if owner is form])
        return None

    def _wants_consent(self, field: Field) -> bool:
        names = [name.text for name in field.names]
        agrees = best(names, self._visit.wording.terms_checkbox, ("newsletter", "marketing", "emails"))
        return bool(agrees) or (field.required and bool(names))

    def menu(self, page: Page) -> Page | None:
        """Open the menu under the user icon, or go to a page that stands for it."""
        visit = self._visit
        is_public = not (visit.state.signed_in or visit.state.password_sent)
        if is_public and any(form.fillable for form in page.forms):
            return None
        trusts = visit.settings.trust.trusts
        controls: list[Link | Button] = [
            button for button in page.buttons if button.kind not in ("submit", "image") or page.form_of(button) is None
        ]
        controls += [link for link in page.links if link.seen.usable and trusts(link.address)]
        # People are often shown by their address instead of an icon.
        words_for_it = (*visit.wording.user_menu, visit.account.email)
        found = ranked(controls, words_for_it, avoid.NOT_USER_MENU, least=BEGINS - 14, strict=True)
        if visit.driver.runs_scripts:
            # An icon or initials without a name: opening a menu does no harm.
            found += [(0, button) for button in page.loose if button.seen.usable and _is_nameless_opener(button)]
        for _points, control in found[:10]:
            target = bare_address(control.address) if isinstance(control, Link) else f"{page.place} {control.label}"
            if target in self._tried_menus or target == page.place or len(self._tried_menus) > _MENUS:
                continue
            self._tried_menus.add(target)
            opened = visit.driver.reveal(page, control.ref) if isinstance(control, Button) else None
            if opened is None and isinstance(control, Link):
                opened = visit.driver.follow(page, control)
            if opened is not None:
                visit.note(page, "menu", user_menu=control)
                return opened
        return None

    def frame(self, page: Page) -> Page | None:
        """Go into the page's only frame."""
        visit = self._visit
        frames = [address for address in page.frames if visit.settings.trust.trusts(address)]
        return visit.driver.open(frames[0]) if len(frames) == 1 and visit.may_act_on(page, 1) else None


def _is_nameless_opener(button: Button) -> bool:
    label = button.names[0].text if button.names else ""
    is_short = not label or (len(label) <= 3 and label.isupper()) or not any(letter.isalpha() for letter in label)
    if button.kind == "submit" or best([label], avoid.NOT_USER_MENU):
        return False
    return is_short or (button.opens and len(label) < 40)
