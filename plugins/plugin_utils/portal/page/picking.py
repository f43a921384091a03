# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pick one of several things on a page by their names, or say that it is not there, or there twice."""

from __future__ import annotations

import typing as t

from . import wording as avoid
from .addresses import without_fragment
from .changed import PageChanged
from .elements import Button, Control, Field, Form, Link, Page, Seen
from .matching import BEGINS, MATCH, best
from .sought import Sought
from .wording import Phrases, Wording

# Two things closer than this in score are the same to a person.
MARGIN = 4
# Two forms closer than this in likeness are.
FORM_MARGIN = 10
# A button or link may say a little more than is looked for.
LOOSELY = BEGINS - 10

AnyControl = t.TypeVar("AnyControl", bound=Control)


class _WithForm(t.Protocol):
    form: Form


HasForm = t.TypeVar("HasForm", bound=_WithForm)


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


def best_form(page: Page, candidates: list[tuple[int, HasForm]], sought: Sought, margin: int) -> HasForm | None:
    """The likeliest of several forms; None if there is none.

    :raises PageChanged: if another is as likely.
    """
    candidates.sort(key=lambda pair: -pair[0])
    rivals = [item for likeness, item in candidates if candidates[0][0] - likeness < margin]
    if len(rivals) > 1:
        told = [form_told(item.form) for item in rivals]
        raise PageChanged(page, sought, found=told, ambiguous=True)
    return rivals[0] if rivals else None


def pick_one(page: Page, found: list[tuple[int, AnyControl]], sought: Sought) -> AnyControl:
    """The best of what was found.

    :raises PageChanged: if others are as good.
    """
    top, control = found[0]
    rivals = [item for reached, item in found if top - reached < MARGIN]
    if isinstance(control, Link):
        # The same link in two menus is one link.
        kept: dict[str, AnyControl] = {}
        for item in rivals:
            kept.setdefault(without_fragment(item.address) if isinstance(item, Link) else str(item.ref), item)
        rivals = list(kept.values())
    if len(rivals) > 1:
        visible = [item for item in rivals if item.seen is Seen.VISIBLE]
        if len(visible) == 1 and not isinstance(visible[0], Link):
            return visible[0]
        told = [_control_in_words(item) for item in rivals]
        raise PageChanged(page, sought, found=told, ambiguous=True)
    return rivals[0]


class Picker:
    """Picks by one wording."""

    def __init__(self, wording: Wording) -> None:
        self.wording = wording

    def ranked(
        self, controls: t.Iterable[AnyControl], sought: Sought, *, least: int = MATCH, strict: bool = False
    ) -> list[tuple[int, AnyControl]]:
        """The controls that go by the names of what is sought, best first, with their scores."""
        return ranked(controls, sought.names_in(self.wording), sought.avoid, least=least, strict=strict)

    def button(self, page: Page, form: Form, sought: Sought, fields: t.Sequence[Field] = ()) -> Button | None:
        """The button that sends a form; None if it has none and is sent with Enter.

        :param fields: the fields that are filled in; where the form has other buttons, too, theirs counts.
        """
        usable = buttons_of(form, fields)
        usable = [button for button in usable if button.seen is Seen.VISIBLE] or usable
        found = self.ranked(usable, sought, strict=True)
        if found:
            return pick_one(page, found, sought)
        submits = [button for button in usable if button.kind in ("submit", "image")]
        if len(submits) == 1 and not best([submits[0].label], avoid.NOT_GOING_ON, strict=True):
            return submits[0]
        if submits:
            told = [_control_in_words(button) for button in submits]
            raise PageChanged(page, sought, found=told, ambiguous=len(submits) > 1)
        if len(usable) == 1 and not best([usable[0].label], (*avoid.NOT_GOING_ON, *avoid.NOT_SIGN_IN)):
            return usable[0]
        return None

    def control(
        self, page: Page, sought: Sought, *, also: Phrases = (), before: Page | None = None
    ) -> Link | Button | None:
        """Any control by its words.

        :param also: further words that it may go by.
        :param before: the page that was acted upon; what is new since then is meant rather than what was there before.
        """
        here = without_fragment(page.address)
        controls: list[Link | Button] = [*page.buttons]
        controls += [link for link in page.links if link.seen.usable and without_fragment(link.address) != here]
        known = {control.label for control in (*before.buttons, *before.links)} if before is not None else set()
        fresh = [control for control in controls if control.label not in known]
        phrases = (*sought.names_in(self.wording), *also)
        found = ranked(fresh, phrases, sought.avoid, least=BEGINS - 12, strict=True) or ranked(
            controls, phrases, sought.avoid, least=BEGINS - 12, strict=True
        )
        return pick_one(page, found, sought) if found else None


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
