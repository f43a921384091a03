# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way from the portal's first page to the page with the key's form, as a person goes it.

A state machine over kinds of pages. It knows nothing of HTTP or browsers: a driver reads pages and sends forms.
"""

from __future__ import annotations

import dataclasses

from ..drivers.base import Deadline, Driver
from ..errors import PortalError
from ..page import sought
from ..page import wording as avoid
from ..page.addresses import bare_address
from ..page.changed import PageChanged, describe
from ..page.elements import Button, Link, Page
from ..page.key_finder import LinkForm
from ..page.matching import BEGINS, best, first_saying, says
from . import stops
from .journal import Journal
from .passing import Passing
from .person import Person
from .second_factor import SecondFactor
from .sign_in import SignIn
from .visit import Visit, prominent_texts

# More pages than any sign-in has; a portal that goes in circles must not be followed for ever.
_STEPS = 30
_RETURNS = 3


@dataclasses.dataclass
class LinkView:
    """The page that tells about the link, with the form for the key if it shows one."""

    page: Page
    form: LinkForm | None


class Flow:
    """The whole way. C(visit) has what was seen on it."""

    def __init__(self, driver: Driver, journal: Journal, deadline: Deadline) -> None:
        self.visit = Visit(driver, journal, deadline)
        self._second_factor = SecondFactor(self.visit)
        self._sign_in = SignIn(self.visit, self._second_factor)
        self._passing = Passing(self.visit)
        self._person = Person(self.visit)
        self._seen_closer: set[str] = set()
        self._left: dict[str, int] = {}
        self._renewals_told = 0

    def reach_link_page(self) -> LinkView:
        """Sign in and go to the page with the key's form."""
        return self.continue_from(self.visit.driver.open(self.visit.settings.portal_url))

    def reopen_link_page(self) -> LinkView:
        """Go to the page again, by the address found before."""
        self.visit.state.followed = True
        return self.continue_from(self.visit.driver.open(self.visit.state.link_address))

    def continue_from(self, page: Page) -> LinkView:
        """Go on from any page of the portal."""
        visit, state = self.visit, self.visit.state
        for _step in range(_STEPS):
            visit.deadline.check("on the way to the page for the key")
            try:
                result = self._take_step(page)
            except PortalError as exc:
                further = self._page_after_stop(page, exc)
                if further is None:
                    raise
                result = further
            if isinstance(result, LinkView):
                self._sign_in.succeeded()
                state.link_address = state.link_address or result.page.address
                form = result.form
                visit.note(
                    result.page,
                    "link page",
                    access_key_id_field=form.access_key_id if form else None,
                    secret_access_key_field=form.secret_access_key if form else None,
                    link_button=form.button if form else None,
                )
                return result
            page = result
        why = "The portal goes in circles"
        raise PageChanged(page, sought.END_OF_THE_WAY, why=why)

    def renewed_during_submission(self) -> bool:
        """Whether the session ended since this was asked last."""
        renewals = self.visit.state.renewals
        renewed, self._renewals_told = renewals > self._renewals_told, renewals
        return renewed

    def _page_after_stop(self, page: Page, stopped: PortalError) -> Page | None:
        """What to go on with where a step stopped; None if there is nothing."""
        if not isinstance(stopped, PageChanged):
            return self._person.passes(page, stopped)
        if not stopped.ambiguous or page.address in self._seen_closer:
            return None
        self._seen_closer.add(page.address)
        return self.visit.driver.look_closer(page)

    def _take_step(self, page: Page) -> Page | LinkView:
        visit, state = self.visit, self.visit.state
        stops.stop_if_away(visit, page)
        moved = self._passing.let_it_move(page)
        if moved is not None:
            return moved
        form = visit.finder.link_form(page, expected=state.followed)
        if form is not None:
            return LinkView(page, form)
        stops.stop_at_captcha(visit, page)
        sign_in = visit.finder.sign_in(page, email_known=state.email_sent)
        if sign_in is None or sign_in.password is None:
            code = visit.finder.code(page)
            if code is not None:
                if state.signed_in and state.code_steps:
                    self._sign_in.renew(page)
                return self._second_factor.fill_in(page, code)
        if sign_in is not None:
            return self._sign_in.fill_in(page, sign_in)
        return self._without_fields(page)

    def _without_fields(self, page: Page) -> Page | LinkView:
        visit, state = self.visit, self.visit.state
        stops.stop_if_locked(visit, page, page.texts() if len(page.blocks) <= 12 else prominent_texts(page))
        again = self._sign_in.after_stale_form(page)
        if again is not None:
            return again
        way = visit.finder.way_to_link_page(page, visit.settings.trust.trusts)
        if self._is_link_page(page, way):
            return LinkView(page, None)
        self._sign_in.recognise(page, way)
        if way is not None:
            # Sent back on the way there: something wants to be seen first, or this is home again.
            moved = self._passing.in_between(page) if state.followed else None
            if moved is not None:
                return moved
            if self._may_leave(page, way):
                visit.note(page, "home", link_page=way)
                state.passed.append(page)
                return self._go_to_link_page(page, way)
        if _looks_unfinished(page):
            settled = visit.driver.settle(page)
            if settled is not None:
                return settled
        for attempt in (
            self._sign_in.stop_at_new_password,
            self._sign_in.choose_application,
            self._sign_in.choose_way,
            self._second_factor.without_form,
            self._passing.in_between,
            self._passing.menu,
            self._passing.frame,
            self._sign_in.leave_public_page,
        ):
            moved = attempt(page)
            if moved is not None:
                return moved
        moved = visit.driver.settle(page) or self._passing.in_between(page, sure=False)
        if moved is not None:
            return moved
        raise self._dead_end_error(page)

    def _dead_end_error(self, page: Page) -> PortalError:
        """The error for a page that leads nowhere."""
        visit, state = self.visit, self.visit.state
        said = [*prominent_texts(page), *(page.blocks if len(page.blocks) <= 12 else ())]
        stops.stop_if_closed(visit, page, [*said, *(text for text in page.blocks if len(text) < 300)])
        stops.stop_if_said_unavailable(visit, page, said)
        if state.followed:
            missing = sought.ACCESS_KEY_ID
        elif state.signed_in or state.password_sent:
            missing = sought.LINK_PAGE
        elif any(button.plain for button in visit.finder.applications(page)):
            missing = sought.APPLICATION
        else:
            missing = sought.NO_SIGN_IN_FORM
        found = [f"an answer with status {page.status}", *describe(page)] if page.status >= 400 else ()
        return PageChanged(page, missing, found=found, needs_javascript=visit.needs_browser(page))

    # The page itself, and the link to it

    def _is_link_page(self, page: Page, way: Link | Button | None) -> bool:
        """Whether this is the link page although it shows no form."""
        visit, state = self.visit, self.visit.state
        about = best([*page.headings, page.title], visit.wording.link_page, avoid.NOT_LINK_PAGE, strict=True)
        named = about >= BEGINS - 10
        leads_here = isinstance(way, Link) and bare_address(way.address) == page.place
        if not ((state.followed and (named or state.is_link_page(page))) or (leads_here and named)):
            return False
        change = visit.finder.control(page, sought.CHANGE_KEY)
        # The menu's entry can sound like it, and is on every page.
        if (change is not None and change is not way) or visit.finder.control(page, sought.UNLINK) is not None:
            return True
        if visit.needs_browser(page):
            # What is missing may be what a script would draw.
            return False
        notices = (*visit.wording.linked_notice, *visit.wording.not_linked_notice)
        return bool(first_saying(page.blocks, notices, gap=2))

    def _may_leave(self, page: Page, way: Link | Button) -> bool:
        """Whether to follow the page's link (again): not for ever, and not from the page that it leads to.

        A button may open a dialog over the page that it is on.
        """
        self._left[page.place] = self._left.get(page.place, 0) + 1
        is_there = self.visit.state.followed and self.visit.state.is_link_page(page) and isinstance(way, Link)
        return not is_there and self._left[page.place] <= _RETURNS

    def _go_to_link_page(self, page: Page, way: Link | Button) -> Page:
        visit, state = self.visit, self.visit.state
        state.followed = True
        if isinstance(way, Link):
            state.link_address = way.address
            return visit.driver.follow(page, way)
        if way.opener is not None and visit.driver.runs_scripts:
            opened = visit.driver.reveal(page, way.opener)
            again = visit.finder.way_to_link_page(opened, visit.settings.trust.trusts) if opened is not None else None
            if opened is not None and isinstance(again, Button):
                page, way = opened, again
        arrived = visit.press(page, way)
        state.link_address = arrived.address
        return arrived


def _looks_unfinished(page: Page) -> bool:
    """Whether a page is nearly empty or says that it is loading, as those do that a script draws."""
    if any(says(text, ("loading", "one moment", "please wait")) for text in page.blocks if len(text) < 60):
        return True
    return len(page.links) + len(page.buttons) < 3 and len(page.blocks) < 6
