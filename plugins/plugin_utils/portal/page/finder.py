# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find on a page what a person would find, or say that it is not there, or there twice."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.errors import PageChanged
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page import wording as avoid
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.elements import (
    Button,
    Control,
    Field,
    Form,
    Link,
    Page,
    Seen,
    describe,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.matching import (
    BEGINS,
    CONTAINS,
    MATCH,
    SAME_CONTENT,
    best,
    score,
    words,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.wording import Phrases, Wording

# Two things closer than this in score are the same to a person.
_MARGIN = 4
# A button or link may say a little more than is looked for.
_LOOSELY = BEGINS - 10
# Words whose continuation does not matter: "Continue to my dashboard".
_BEGINNINGS = ("continue", "skip", "accept", "agree", "proceed")

AnyControl = t.TypeVar("AnyControl", bound=Control)


@dataclasses.dataclass
class SignInForm:
    """Where the e-mail address, the password or both go; C(code) if the second factor is asked for at once."""

    form: Form
    email: Field | None
    password: Field | None
    button: Button | None
    code: Field | None = None


@dataclasses.dataclass
class CodeForm:
    """Where a code from the authenticator goes: one field, or one for each digit."""

    form: Form
    fields: list[Field]
    button: Button | None


@dataclasses.dataclass
class LinkForm:
    """Where the key goes. C(confirm): a second field for the secret."""

    form: Form
    access_key_id: Field
    secret_access_key: Field
    button: Button | None
    confirm: Field | None = None


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


class Finder:
    """Finds things by one wording."""

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
        rivals = [item for reached, item in found if top - reached < _MARGIN]
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
            raise self.changed(page, thing, setting, found=[_told(item) for item in rivals], ambiguous=True)
        return rivals[0]

    # Signing in

    def sign_in(self, page: Page, *, email_known: bool) -> SignInForm | None:
        """The sign-in form, if there is one.

        :param email_known: whether the address was given on a page before, so that the password may be asked alone.
        """
        candidates: list[tuple[int, SignInForm]] = []
        for form in page.forms:
            found = self._as_sign_in(page, form, email_known)
            if found is not None:
                candidates.append((self._sign_in_likeness(page, found), found))
        if not candidates:
            return None
        candidates.sort(key=lambda pair: -pair[0])
        top = candidates[0][0]
        rivals = [item for likeness, item in candidates if top - likeness < 10]
        if len(rivals) > 1:
            raise self.changed(
                page, "sign-in form", "sign_in_form", found=[_form_told(item.form) for item in rivals], ambiguous=True
            )
        if top < 0:
            return None
        chosen = rivals[0]
        chosen.button = self.button(
            page, chosen.form, self.wording.sign_in_button, avoid.NOT_SIGN_IN, "sign-in button", "sign_in_button",
            _fields(chosen.email, chosen.password, chosen.code),
        )  # fmt: skip
        return chosen

    def sign_in_links(self, page: Page) -> list[tuple[int, Control]]:
        """What leads to the sign-in form, best first."""
        controls: list[Control] = [*page.buttons, *(link for link in page.links if link.seen.usable)]
        return ranked(controls, self.wording.sign_in_link, avoid.NOT_SIGN_IN, least=BEGINS - 8, strict=True)

    def sign_out(self, page: Page) -> bool:
        """Whether the page offers to sign out, as only those of a signed-in account do."""
        controls: list[Control] = [*page.buttons, *(link for link in page.links if link.seen.usable)]
        return bool(ranked(controls, self.wording.sign_out_control, least=_LOOSELY, strict=True))

    def _as_sign_in(self, page: Page, form: Form, email_known: bool) -> SignInForm | None:
        fields = [field for field in form.fillable if not _to_leave_empty(field)]
        secrets = [field for field in fields if field.kind == "password" or self._named_password(field)]
        secrets = [field for field in secrets if not self._is_key_field(field)]
        codes = [
            field for field in secrets if self._code_score(field) >= BEGINS - 10 and not self._named_password(field)
        ]
        passwords = [field for field in secrets if field not in codes]
        if len(passwords) > 1 or (not passwords and codes):
            return None
        others = [field for field in fields if field not in secrets and field.kind != "textarea"]
        found = ranked(others, self.wording.email_field, avoid.NOT_EMAIL)
        if passwords:
            # What looks like an address field to the browser itself, or the only nameless field beside a password.
            if not found:
                found = [
                    (MATCH, field) for field in others if field.kind == "email" or "username" in field.autocomplete
                ]
            if not found and len(others) == 1 and not others[0].names:
                found = [(MATCH, others[0])]
            named = self._named_password(passwords[0])
            if not found and not named and (others or passwords[0].names):
                # Dots instead of letters: that alone makes no password, an access key's secret looks the same.
                return None
            if not found and others and not (email_known and all(self._code_score(field) for field in others)):
                raise self.changed(page, "e-mail field", "email_field", found=describe(page))
            scored = [(self._code_score(field), field) for field in (*others, *codes)]
            scored = sorted((pair for pair in scored if pair[0] >= CONTAINS), key=lambda pair: -pair[0])
            code = self.one(page, scored, "field for the verification code", "code_field") if scored else None
            email = self.one(page, found, "e-mail field", "email_field") if found else None
            return SignInForm(form, email, passwords[0], None, code if code is not email else None)
        if not found:
            found = [(MATCH, field) for field in others if field.kind == "email" and not field.names]
        if not found or len([field for field in others if field.required]) > 1:
            return None
        return SignInForm(form, self.one(page, found, "e-mail field", "email_field"), None, None)

    def _named_password(self, field: Field) -> bool:
        return bool(ranked([field], self.wording.password_field, avoid.NOT_PASSWORD, least=BEGINS - 8))

    def _is_key_field(self, field: Field) -> bool:
        return bool(
            ranked([field], self.wording.secret_access_key_field, avoid.NOT_SECRET_ACCESS_KEY, least=CONTAINS)
        ) and not ranked([field], self.wording.password_field, (), least=SAME_CONTENT)

    def _code_score(self, field: Field) -> int:
        if "one-time-code" in field.autocomplete:
            return SAME_CONTENT
        found = ranked([field], self.wording.code_field, avoid.NOT_CODE, strict=True)
        return found[0][0] if found else 0

    def _sign_in_likeness(self, page: Page, found: SignInForm) -> int:
        """How much a form is for signing in rather than for registering or a newsletter; below 0: not at all."""
        labels = buttons_of(found.form, _fields(found.email, found.password, found.code))
        likes = ranked(labels, self.wording.sign_in_button, avoid.NOT_SIGN_IN, strict=True)
        names = [button.label for button in labels]
        around = [*found.form.context, *names]
        likeness = 40 if found.password else 0
        likeness += _preference(found.form, self.wording.sign_in_form)
        likeness += 30 if likes else 0
        likeness += 10 if best([*around, page.title], self.wording.sign_in_link, ("signup",)) else 0
        if best(names, ("create account", "sign up", "register", "subscribe", "search", "reset password", "join")):
            likeness -= 60
        elif best(found.form.context[:1], ("create an account", "sign up", "register", "newsletter", "reset password")):
            likeness -= 25
        if not found.password and not likes and len(labels) > 0 and not likeness:
            return -1
        return likeness

    def code(self, page: Page) -> CodeForm | None:
        """The form for a second factor's code, if there is one."""
        found: list[tuple[int, CodeForm]] = []
        for form in page.forms:
            fields = [field for field in form.fillable if not _to_leave_empty(field)]
            digits = [field for field in fields if field.maxlength == 1 and field.kind != "textarea"]
            if len(digits) in (6, 8):
                found.append((BEGINS, CodeForm(form, digits, None)))
                continue
            # A second factor is asked for alone; a form with more to fill in is for something else.
            if len(fields) != 1:
                continue
            scored = [(self._code_score(field), field) for field in fields]
            scored = sorted(((points, field) for points, field in scored if points >= MATCH), key=lambda pair: -pair[0])
            if scored and not best(
                [button.label for button in form.usable_buttons],
                ("search", "subscribe", "apply", "redeem"),
                strict=True,
            ):
                field = self.one(page, scored, "field for the verification code", "code_field")
                found.append((scored[0][0], CodeForm(form, [field], None)))
        if not found:
            return None
        found.sort(key=lambda pair: -pair[0])
        if len(found) > 1 and found[0][0] - found[1][0] < _MARGIN:
            raise self.changed(
                page, "form for the verification code", "code_field",
                found=[_form_told(item.form) for _points, item in found], ambiguous=True,
            )  # fmt: skip
        chosen = found[0][1]
        chosen.button = self.button(
            page,
            chosen.form,
            self.wording.code_button,
            avoid.NOT_SIGN_IN,
            "button for the verification code",
            "code_button",
            chosen.fields,
        )
        return chosen

    # The link page

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
            preferred = _preference(form, self.wording.key_form)
            found.append((preferred + (30 if about else 0) - (40 if sandbox else 0), pair))
        if not found:
            return None
        found.sort(key=lambda item: -item[0])
        rivals = [item for points, item in found if found[0][0] - points < 10]
        if len(rivals) > 1:
            raise self.changed(
                page, "form with an access key's two fields", "key_form",
                found=[_form_told(item.form) for item in rivals], ambiguous=True,
            )  # fmt: skip
        chosen = rivals[0]
        chosen.button = self.button(
            page, chosen.form, self.wording.link_button,
            (*avoid.NOT_UNLINK, "unlink", "remove", "delete", "cancel", "disconnect", "test", "show"),
            "button that submits the key", "link_button",
            _fields(chosen.access_key_id, chosen.secret_access_key, chosen.confirm),
        )  # fmt: skip
        return chosen

    def _key_fields(self, page: Page, form: Form) -> LinkForm | None:
        fields = [field for field in form.fillable if not _to_leave_empty(field)]
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
                page, thing, setting, found=[_told(button) for button in submits], ambiguous=len(submits) > 1
            )
        return None

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
        links_first = [pair for pair in found if isinstance(pair[1], Link) and found[0][0] - pair[0] < _MARGIN]
        control = self.one(page, links_first or found, "link to the Mechanical Turk page", "link_page")
        return t.cast("Link | Button", control)

    def unlink(self, page: Page) -> Link | Button | None:
        """The page's own control for removing the key."""
        return self._control(
            page, self.wording.unlink_control, avoid.NOT_UNLINK, "control that removes the key", "unlink_control"
        )

    def change_key(self, page: Page) -> Link | Button | None:
        """What brings up the form for another key."""
        return self._control(
            page,
            self.wording.change_key_control,
            avoid.NOT_CHANGE,
            "control that changes the key",
            "change_key_control",
        )

    def ways_past(self, page: Page, phrases: Phrases, *, typed_too: bool) -> list[tuple[int, Control]]:
        """What leads on from a page in between.

        :param typed_too: whether the button of a form that wants to be filled in counts.
        """
        controls: list[Control] = [link for link in page.links if link.seen.usable]
        for button in page.buttons:
            form = page.form_of(button)
            if typed_too or form is None or not form.fillable:
                controls.append(button)
        beginnings = tuple(phrase for phrase in phrases if phrase in _BEGINNINGS)
        return ranked(controls, phrases, avoid.NOT_GOING_ON, least=_LOOSELY, strict=True) or ranked(
            controls, beginnings, avoid.NOT_GOING_ON, least=_LOOSELY
        )

    def control(self, page: Page, phrases: Phrases, thing: str, setting: str) -> Link | Button | None:
        """Any control by its words."""
        return self._control(page, phrases, avoid.NOT_GOING_ON, thing, setting)

    def _control(
        self, page: Page, phrases: Phrases, avoid_words: t.Sequence[str], thing: str, setting: str
    ) -> Link | Button | None:
        here = page.address.split("#")[0]
        links = [link for link in page.links if link.seen.usable and link.address.split("#")[0] != here]
        controls: list[Control] = [*page.buttons, *links]
        found = ranked(controls, phrases, avoid_words, least=BEGINS - 12, strict=True)
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


def _fields(*fields: Field | None) -> list[Field]:
    return [field for field in fields if field is not None]


def _preference(form: Form, phrases: Phrases) -> int:
    """How much the operator's words for one of several forms are this one's: of its nearest heading or its labels."""
    if not phrases:
        return 0
    if best([name.text for field in form.fillable for name in field.names], phrases):
        return 200
    return next((200 - 20 * place for place, text in enumerate(form.context) if best([text], phrases)), 0)


def _repeats_secret(field: Field) -> bool:
    said = {word for name in field.names for word in words(name.text)}
    return "secret" in said and bool(said & {"confirm", "repeat", "retyp", "again"})


def _to_leave_empty(field: Field) -> bool:
    return bool(best([name.text for name in field.names], avoid.LEAVE_EMPTY))


def _told(control: Control) -> str:
    kind = "link" if isinstance(control, Link) else "button" if isinstance(control, Button) else "field"
    where = ""
    if isinstance(control, Link):
        where = " to " + control.address.split("?")[0].split("#")[0]
    return f'{kind} "{control.label}"{where}'


def _form_told(form: Form) -> str:
    names = ", ".join(f'"{field.label}"' for field in form.fillable) or "no fields"
    buttons = ", ".join(f'"{button.label}"' for button in form.usable_buttons) or "none"
    about = f' under "{form.context[0]}"' if form.context else ""
    return f"a form{about} (fields {names}; buttons {buttons})"
