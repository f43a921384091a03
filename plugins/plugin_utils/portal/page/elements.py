# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person reads on a page, as plain data: the same whether it came over HTTP or out of a browser."""

from __future__ import annotations

import dataclasses
import enum
import typing as t

from .addresses import bare_address


class Seen(enum.Enum):
    """How much of an element a person gets to see."""

    VISIBLE = "visible"
    # In a closed menu, tab or <details>; C(opener) says what opens it.
    REACHABLE = "reachable"
    # For screen readers only, or pushed off the screen: names things, but is not filled in or pressed.
    OFFSCREEN = "offscreen"
    HIDDEN = "hidden"

    def __init__(self, word: str) -> None:
        # Whether a person can get at it.
        self.usable = word in ("visible", "reachable")


@dataclasses.dataclass(frozen=True)
class Name:
    """One of the names under which a person knows a control; C(cost) is what it loses against a real label."""

    text: str
    cost: int = 0


@dataclasses.dataclass
class Control:
    """Anything on a page that can be filled in, pressed or followed.

    :param ref: the driver's handle of the element.
    :param opener: the handle of what opens the menu it is in, if it has to be opened first.
    :param order: its place in the page's markup.
    """

    ref: int
    names: list[Name]
    seen: Seen = Seen.VISIBLE
    opener: int | None = None
    order: int = 0

    @property
    def label(self) -> str:
        """The name to show to a person."""
        return self.names[0].text if self.names else "(no name)"


@dataclasses.dataclass
class Field(Control):
    """A form field. C(kind) is the input's type, or C(textarea), or C(select)."""

    name: str = ""
    kind: str = "text"
    # May be an anti-forgery token or a prefilled secret.
    value: str = dataclasses.field(default="", repr=False)
    checked: bool = False
    required: bool = False
    locked: bool = False
    disabled: bool = False
    maxlength: int = 0
    autocomplete: str = ""
    options: list[tuple[str, str]] = dataclasses.field(default_factory=list, repr=False)

    @property
    def fillable(self) -> bool:
        """Whether a person can type into it."""
        return self.kind in TEXT_KINDS and self.seen.usable and not self.disabled and not self.locked


TEXT_KINDS = frozenset(("text", "email", "password", "tel", "number", "search", "url", "textarea"))


@dataclasses.dataclass
class Button(Control):
    """A button, or a link that acts as one.

    :param kind: C(submit), C(image), C(button) (does something by script) or C(link) (posts its form by script).
    :param script: what pressing it runs, if the page says so.
    """

    name: str = ""
    value: str = dataclasses.field(default="", repr=False)
    kind: str = "submit"
    action: str = ""
    method: str = ""
    script: str = dataclasses.field(default="", repr=False)
    address: str = dataclasses.field(default="", repr=False)
    # Whether the markup says that it opens something rather than do something.
    opens: bool = False
    # Whether it names its form itself, wherever it stands.
    names_form: bool = False
    # Whether it is a plain element, which only a script makes react to a click.
    plain: bool = False


@dataclasses.dataclass
class Form:
    """Fields that are sent together.

    :param real: whether it is a form element, which works without JavaScript.
    :param scripted: whether the page wants to send it by script.
    :param context: headings and legends that say what the form is for, nearest first.
    """

    ref: int
    action: str = dataclasses.field(default="", repr=False)
    method: str = "get"
    encoding: str = ""
    fields: list[Field] = dataclasses.field(default_factory=list)
    buttons: list[Button] = dataclasses.field(default_factory=list)
    context: list[str] = dataclasses.field(default_factory=list)
    real: bool = True
    scripted: bool = False

    @property
    def fillable(self) -> list[Field]:
        """The fields that a person can type into."""
        return [field for field in self.fields if field.fillable]

    @property
    def usable_buttons(self) -> list[Button]:
        """The buttons that a person can press."""
        return [button for button in self.buttons if button.seen.usable]


@dataclasses.dataclass
class Link(Control):
    """A link with its absolute address."""

    address: str = dataclasses.field(default="", repr=False)


@dataclasses.dataclass
class Notice:
    """A text that wants to be noticed. C(tone): C(error), C(success) or empty, from how it is marked."""

    text: str
    tone: str = ""


@dataclasses.dataclass
class Page:
    """One page.

    :param blocks: all visible text, one item for a paragraph, cell or heading.
    :param loose: buttons outside of any form with fields.
    :param shown_values: values of visible fields that do not hide them, with the fields' names.
    :param frames: addresses of visible frames.
    :param send_themselves: forms of hidden fields that the page may submit by script (OpenID Connect's form_post).
    :param moves_to: the address that the page refreshes to by itself.
    :param may_move_to: addresses of which a script goes to one, and nothing says which.
    :param scripts: whether JavaScript could draw more than is here.
    """

    address: str
    title: str = ""
    status: int = 200
    forms: list[Form] = dataclasses.field(default_factory=list)
    links: list[Link] = dataclasses.field(default_factory=list)
    loose: list[Button] = dataclasses.field(default_factory=list)
    headings: list[str] = dataclasses.field(default_factory=list)
    notices: list[Notice] = dataclasses.field(default_factory=list)
    blocks: list[str] = dataclasses.field(default_factory=list)
    shown_values: list[tuple[str, str]] = dataclasses.field(default_factory=list, repr=False)
    frames: list[str] = dataclasses.field(default_factory=list)
    captcha: str = ""
    send_themselves: list[Form] = dataclasses.field(default_factory=list)
    moves_to: str = ""
    may_move_to: list[str] = dataclasses.field(default_factory=list)
    scripts: bool = False
    retry_after: float | None = None
    # The addresses, without queries, that redirected on the way here.
    trail: list[str] = dataclasses.field(default_factory=list)
    # Hosts that the browser did not ask while a secret was on a page.
    blocked: list[str] = dataclasses.field(default_factory=list)

    @property
    def place(self) -> str:
        """The address without what may be secret: no query, no fragment."""
        return bare_address(self.address)

    @property
    def buttons(self) -> list[Button]:
        """All buttons that a person can press, in forms or not."""
        return [button for form in self.forms for button in form.usable_buttons] + [
            button for button in self.loose if button.seen.usable
        ]

    @property
    def controls(self) -> list[Link | Button]:
        """All that a person can press or follow."""
        return [*self.buttons, *(link for link in self.links if link.seen.usable)]

    def form_of(self, control: Control) -> Form | None:
        """The form that a field or button belongs to."""
        for form in self.forms:
            if any(control is item for item in (*form.fields, *form.buttons)):
                return form
        return None

    def texts(self) -> set[str]:
        """Everything the page says, to tell what another page says anew."""
        return {self.title, *self.blocks, *(notice.text for notice in self.notices)}


Fill = t.Mapping[int, str]
