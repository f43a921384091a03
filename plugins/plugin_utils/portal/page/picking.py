# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pick one of several things on a page by their names, or say that it is not there, or there twice."""

from __future__ import annotations

import typing as t

from ..errors import PageChanged
from . import wording as avoid
from .elements import Button, Control, Field, Form, Link, Page, Seen, describe
from .matching import BEGINS, MATCH, best
from .wording import Phrases, Wording

# Two things closer than this in score are the same to a person.
MARGIN = 4
# Two forms closer than this in likeness are.
FORM_MARGIN = 10
# A button or link may say a little more than is looked for.
LOOSELY = BEGINS - 10

AnyControl = t.TypeVar("AnyControl", bound=Control)


def ranked(
    controls: t.Iterable[AnyControl],
    phrases: Phrases,
    avoid_words: t.Sequence[str] = (),
    *,
    least: int = MATCH,
    strict: bool = False,
) -> list[tuple[int, AnyControl]]:
    """The controls whose names match, best first, with their scores."""
    found = []
    for control in controls:
        reached = 0
        for name in control.names:
            match = best((name.text,), phrases, avoid_words, strict=strict)
            if match:
                reached = max(reached, match - name.cost)
        if reached >= least:
            found.append((reached - (1 if control.seen is Seen.REACHABLE else 0), control))
    return sorted(found, key=lambda pair: -pair[0])


class Picker:
    """Picks by one wording."""

    def __init__(self, wording: Wording) -> None:
        self.wording = wording

    def changed(self, page: Page, thing: str, setting: str, **more: t.Any) -> PageChanged:
        """The error for a thing that is not on a page."""
        found = more.pop("found", None) or describe(page)
        return PageChanged(thing, setting=setting, title=page.title, address=page.place, found=found, **more)

    def one(self, page: Page, found: list[tuple[int, AnyControl]], thing: str, setting: str) -> AnyControl:
        """The best of what was found.

        :raises PageChanged: if others are as good.
        """
        top, control = found[0]
        rivals = [item for reached, item in found if top - reached < MARGIN]
        if isinstance(control, Link):
            # The same link in two menus is one link.
            kept: dict[str, AnyControl] = {}
            for item in rivals:
                address = item.address.split("#")[0] if isinstance(item, Link) else str(item.ref)
                kept.setdefault(address, item)
            rivals = list(kept.values())
        if len(rivals) > 1:
            visible = [item for item in rivals if item.seen is Seen.VISIBLE]
            if len(visible) == 1 and not isinstance(visible[0], Link):
                return visible[0]
            raise self.changed(page, thing, setting, found=[_control_in_words(item) for item in rivals], ambiguous=True)
        return rivals[0]

    def button(
        self,
        page: Page,
        form: Form,
        phrases: Phrases,
        avoid_words: t.Sequence[str],
        thing: str,
        setting: str,
        fields: t.Sequence[Field] = (),
    ) -> Button | None:
        """The button that sends a form; None if it has none and is sent with Enter.

        :param fields: the fields that are filled in; where the form has other buttons, too, theirs counts.
        """
        usable = buttons_of(form, fields)
        usable = [button for button in usable if button.seen is Seen.VISIBLE] or usable
        found = ranked(usable, phrases, avoid_words, strict=True)
        if found:
            return self.one(page, found, thing, setting)
        submits = [button for button in usable if button.kind in ("submit", "image")]
        if len(submits) == 1 and not best([submits[0].label], avoid.NOT_GOING_ON, strict=True):
            return submits[0]
        if not submits and len(usable) == 1 and not best([usable[0].label], (*avoid.NOT_GOING_ON, *avoid.NOT_SIGN_IN)):
            return usable[0]
        if not submits and not usable:
            return None
        if submits:
            raise self.changed(
                page,
                thing,
                setting,
                found=[_control_in_words(button) for button in submits],
                ambiguous=len(submits) > 1,
            )
        return None

    def control(
        self, page: Page, phrases: Phrases, thing: str, setting: str, *, before: Page | None = None
    ) -> Link | Button | None:
        """Any control by its words.

        :param before: the page that was acted upon; what is new since then is meant rather than what was there before.
        """
        return self._pick_control(page, phrases, avoid.NOT_GOING_ON, thing, setting, before)

    def _pick_control(
        self,
        page: Page,
        phrases: Phrases,
        avoid_words: t.Sequence[str],
        thing: str,
        setting: str,
        before: Page | None = None,
    ) -> Link | Button | None:
        here = page.address.split("#")[0]
        links = [link for link in page.links if link.seen.usable and link.address.split("#")[0] != here]
        controls: list[Control] = [*page.buttons, *links]
        known = {control.label for control in (*before.buttons, *before.links)} if before is not None else set()
        fresh = [control for control in controls if control.label not in known]
        found = ranked(fresh, phrases, avoid_words, least=BEGINS - 12, strict=True) or ranked(
            controls, phrases, avoid_words, least=BEGINS - 12, strict=True
        )
        if not found:
            return None
        return t.cast("Link | Button", self.one(page, found, thing, setting))


def buttons_of(form: Form, fields: t.Sequence[Field]) -> list[Button]:
    """The buttons that belong to some fields of a form.

    One form can hold a whole page (ASP.NET Web Forms does so), with a search in its head and a newsletter in its foot.
    A button belongs to the fields before it: those of the fields stand between the first of them and the next field
    that is not of them. If none that can send is there, the buttons behind all of them count, and at last every one.
    """
    usable = form.usable_buttons
    if not fields:
        return usable
    first, last = min(field.order for field in fields), max(field.order for field in fields)
    others = [field.order for field in form.fillable if field not in fields and field.order > last]
    end = min(others, default=None)
    behind = [button for button in usable if button.names_form or button.order > first]
    near = [button for button in behind if button.names_form or end is None or button.order < end]
    for group in (near, behind):
        if any(button.kind in ("submit", "image", "link") for button in group):
            return group
    return usable


def fields_of(*fields: Field | None) -> list[Field]:
    """Those of some fields that are there."""
    return [field for field in fields if field is not None]


def preference(form: Form, phrases: Phrases) -> int:
    """How much the operator's words for one of several forms are this one's: of its nearest heading or its labels."""
    if not phrases:
        return 0
    if best([name.text for field in form.fillable for name in field.names], phrases):
        return 200
    return next((200 - 20 * place for place, text in enumerate(form.context) if best([text], phrases)), 0)


def to_leave_empty(field: Field) -> bool:
    """Whether a field is a trap for programs: a person is told to leave it alone."""
    return bool(best([name.text for name in field.names], avoid.LEAVE_EMPTY))


def _control_in_words(control: Control) -> str:
    kind = "link" if isinstance(control, Link) else "button" if isinstance(control, Button) else "field"
    where = ""
    if isinstance(control, Link):
        where = " to " + control.address.split("?")[0].split("#")[0]
    return f'{kind} "{control.label}"{where}'


def form_told(form: Form) -> str:
    """A form in words, for a message that names several."""
    names = ", ".join(f'"{field.label}"' for field in form.fillable) or "no fields"
    buttons = ", ".join(f'"{button.label}"' for button in form.usable_buttons) or "none"
    about = f' under "{form.context[0]}"' if form.context else ""
    return f"a form{about} (fields {names}; buttons {buttons})"
