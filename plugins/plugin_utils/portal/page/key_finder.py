# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the page with the key's form, the form, and what else is there to do with a key."""

from __future__ import annotations

import dataclasses
import typing as t

from . import wording as avoid
from .elements import Button, Control, Field, Form, Link, Page
from .matching import MATCH, SAME_CONTENT, best, score, words
from .picking import FORM_MARGIN, MARGIN, Picker, fields_of, form_told, preference, ranked, to_leave_empty


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
            if (
                not about
                and not expected
                and not best([page.title, *page.headings], self.wording.link_page, ("sandbox",))
            ):
                continue
            sandbox = any("sandbox" in words(text) for text in form.context[:1])
            preferred = preference(form, self.wording.key_form)
            found.append((preferred + (30 if about else 0) - (40 if sandbox else 0), pair))
        if not found:
            return None
        found.sort(key=lambda item: -item[0])
        rivals = [item for points, item in found if found[0][0] - points < FORM_MARGIN]
        if len(rivals) > 1:
            raise self.changed(
                page, "form with an access key's two fields", "key_form",
                found=[form_told(item.form) for item in rivals], ambiguous=True,
            )  # fmt: skip
        chosen = rivals[0]
        chosen.button = self.button(
            page, chosen.form, self.wording.link_button,
            (*avoid.NOT_UNLINK, "unlink", "remove", "delete", "cancel", "disconnect", "test", "show"),
            "button that submits the key", "link_button",
            fields_of(chosen.access_key_id, chosen.secret_access_key, chosen.confirm),
        )  # fmt: skip
        return chosen

    def _key_fields(self, page: Page, form: Form) -> LinkForm | None:
        fields = [field for field in form.fillable if not to_leave_empty(field)]
        secrets = ranked(fields, self.wording.secret_access_key_field, avoid.NOT_SECRET_ACCESS_KEY)
        ids = ranked(fields, self.wording.access_key_id_field, avoid.NOT_ACCESS_KEY_ID)
        # A field that is more of one than of the other is not the other.
        points = {id(field): reached for reached, field in secrets}
        ids = [(reached, field) for reached, field in ids if reached >= points.get(id(field), 0)]
        taken = {id(field) for _reached, field in ids[:1]}
        secrets = [(reached, field) for reached, field in secrets if id(field) not in taken]
        if not ids or not secrets:
            return None
        secret = self.one(page, secrets, "field for the secret access key", "secret_access_key_field")
        access_key_id = self.one(page, ids, "field for the access key ID", "access_key_id_field")
        repeated = [
            (MATCH, field) for field in fields if field not in (secret, access_key_id) and _repeats_secret(field)
        ]
        confirm = (
            self.one(page, repeated, "second field for the secret access key", "secret_access_key_field")
            if repeated
            else None
        )
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
        found: list[tuple[int, Control]] = []
        for group in (links, [button for button in buttons if button.seen.usable]):
            controls = t.cast("list[Control]", group)
            found += ranked(controls, self.wording.link_page, avoid.NOT_LINK_PAGE, strict=True)
        if not found:
            return None
        # The documented words, and the operator's, beat every other.
        documented = self.wording.link_page[0]
        found = [
            (
                points + (5 if any(score(name.text, documented) >= SAME_CONTENT for name in control.names) else 0),
                control,
            )
            for points, control in found
        ]
        found.sort(key=lambda pair: -pair[0])
        links_first = [pair for pair in found if isinstance(pair[1], Link) and found[0][0] - pair[0] < MARGIN]
        control = self.one(page, links_first or found, "link to the Mechanical Turk page", "link_page")
        return t.cast("Link | Button", control)

    def unlink(self, page: Page) -> Link | Button | None:
        """The page's own control for removing the key."""
        return self._pick_control(
            page, self.wording.unlink_control, avoid.NOT_UNLINK, "control that removes the key", "unlink_control"
        )

    def begin(self, page: Page) -> Link | Button | None:
        """What leads on to the form from the first step of a wizard."""
        return self._pick_control(
            page, self.wording.begin_control, avoid.NOT_GOING_ON, "control that leads to the form", "begin_control"
        )

    def last_step(self, page: Page) -> Link | Button | None:
        """What finishes a wizard behind the form, on a page that asks for no key."""
        if self.link_form(page, expected=True) is not None:
            return None
        return self._pick_control(
            page, self.wording.link_confirm, avoid.NOT_GOING_ON, "control that finishes the link", "link_confirm"
        )

    def change_key(self, page: Page) -> Link | Button | None:
        """What brings up the form for another key."""
        return self._pick_control(
            page,
            self.wording.change_key_control,
            avoid.NOT_CHANGE,
            "control that changes the key",
            "change_key_control",
        )


def _repeats_secret(field: Field) -> bool:
    said = {word for name in field.names for word in words(name.text)}
    return "secret" in said and bool(said & {"confirm", "repeat", "retyp", "again"})
