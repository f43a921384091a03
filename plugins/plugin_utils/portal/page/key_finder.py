# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the page with the key's form, the form, and what else is there to do with a key."""

from __future__ import annotations

import dataclasses
import typing as t

from . import sought
from .elements import Button, Field, Form, Link, Page
from .matching import MATCH, SAME_CONTENT, best, score, words
from .picking import (
    FORM_MARGIN,
    MARGIN,
    Picker,
    best_form,
    fields_of,
    pick_one,
    preference,
    to_leave_empty,
)


@dataclasses.dataclass
class LinkForm:
    """Where the key goes. C(confirm): a second field for the secret."""

    form: Form
    access_key_id: Field
    secret_access_key: Field
    button: Button | None
    confirm: Field | None = None


class KeyFinder(Picker):
    """Finds what belongs to the key."""

    def link_form(self, page: Page, *, expected: bool) -> LinkForm | None:
        """The form for the key, if there is one.

        :param expected: whether the page was reached by the link to it; else it has to say what it is.
        """
        found: list[tuple[int, LinkForm]] = []
        for form in page.forms:
            pair = self._key_fields(page, form)
            if pair is None:
                continue
            about = best(form.context, self.wording.link_page, ("sandbox",))
            if not (about or expected or best([page.title, *page.headings], self.wording.link_page, ("sandbox",))):
                continue
            sandbox = any("sandbox" in words(text) for text in form.context[:1])
            preferred = preference(form, self.wording.key_form)
            found.append((preferred + (30 if about else 0) - (40 if sandbox else 0), pair))
        chosen = best_form(page, found, sought.KEY_FORM, FORM_MARGIN)
        if chosen is not None:
            fields = fields_of(chosen.access_key_id, chosen.secret_access_key, chosen.confirm)
            chosen.button = self.button(page, chosen.form, sought.LINK_BUTTON, fields)
        return chosen

    def _key_fields(self, page: Page, form: Form) -> LinkForm | None:
        fields = [field for field in form.fillable if not to_leave_empty(field)]
        secrets = self.ranked(fields, sought.SECRET)
        ids = self.ranked(fields, sought.ACCESS_KEY_ID)
        # A field that is more of one than of the other is not the other.
        points = {id(field): reached for reached, field in secrets}
        ids = [(reached, field) for reached, field in ids if reached >= points.get(id(field), 0)]
        taken = {id(field) for _reached, field in ids[:1]}
        secrets = [(reached, field) for reached, field in secrets if id(field) not in taken]
        if not ids or not secrets:
            return None
        secret = pick_one(page, secrets, sought.SECRET)
        access_key_id = pick_one(page, ids, sought.ACCESS_KEY_ID)
        others = [field for field in fields if field not in (secret, access_key_id)]
        repeated = [(MATCH, field) for field in others if _repeats_secret(field)]
        confirm = pick_one(page, repeated, sought.SECRET_AGAIN) if repeated else None
        return LinkForm(form, access_key_id, secret, None, confirm)

    def way_to_link_page(self, page: Page, allowed: t.Callable[[str], bool]) -> Link | Button | None:
        """The link (or button) that leads to the page with the key's form.

        :param allowed: whether an address belongs to the portal.
        """
        links = [link for link in page.links if link.seen.usable and allowed(link.address)]
        # A form without fields is a button that leads somewhere.
        buttons = list(page.loose)
        for form in page.forms:
            if not form.fillable:
                buttons += form.usable_buttons
        found: list[tuple[int, Link | Button]] = []
        found += self.ranked(links, sought.LINK_PAGE, strict=True)
        found += self.ranked([button for button in buttons if button.seen.usable], sought.LINK_PAGE, strict=True)
        if not found:
            return None
        # The documented words, and the operator's, beat every other.
        documented = self.wording.link_page[0]
        for place, (points, control) in enumerate(found):
            if any(score(name.text, documented) >= SAME_CONTENT for name in control.names):
                found[place] = (points + 5, control)
        found.sort(key=lambda pair: -pair[0])
        links_first = [pair for pair in found if isinstance(pair[1], Link) and found[0][0] - pair[0] < MARGIN]
        return pick_one(page, links_first or found, sought.LINK_PAGE)

    def last_step(self, page: Page) -> Link | Button | None:
        """What finishes a wizard behind the form, on a page that asks for no key."""
        return self.control(page, sought.LAST_STEP) if self.link_form(page, expected=True) is None else None


def _repeats_secret(field: Field) -> bool:
    said = {word for name in field.names for word in words(name.text)}
    return "secret" in said and bool(said & {"confirm", "repeat", "retyp", "again"})
