# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a page's HTML into C(elements.Page)."""

from __future__ import annotations

import re
import typing as t

from .addresses import looks_like_web, set_by_script, without_fragment
from .controls import VALUE_MARK, acts_as_button, add_control, read_button
from .elements import Form, Link, Page, Seen
from .html_tree import CONTROLS, Tag, attribute, is_typed, leads_somewhere
from .matching import plain
from .parsed_page import ParsedPage
from .texts import read_texts

# The browser driver's mark for the number of an element's form.
FORM_MARK = "data-labops-form"

# Where the widgets of reCAPTCHA, hCaptcha and Turnstile put their server's answer once a person has passed them.
_CAPTCHA_ANSWERS = frozenset(("g-recaptcha-response", "h-captcha-response", "cf-turnstile-response"))
_CAPTCHA_CLASS = re.compile(r"(?:^|\s)(?:g-recaptcha|h-captcha|cf-turnstile|frc-captcha|captcha|geetest\S*)(?:\s|$)")
_CAPTCHA_FRAME = re.compile(
    r"recaptcha/(?:api2|enterprise)/(?:anchor|bframe)|hcaptcha\.com|challenges\.cloudflare\.com|captcha"
)

_SUBMITS = re.compile(r"\.\s*submit\s*\(|requestSubmit\s*\(|\.\s*click\s*\(\s*\)")
_REFRESH = re.compile(r"^\s*(\d+(?:\.\d+)?)?\s*[;,]?\s*(?:url\s*=\s*)?['\"]?(.*?)['\"]?\s*$", re.IGNORECASE)
_FORM_NUMBER = re.compile(r"\bforms\s*\[\s*(\d{1,3})\s*\]")


def read_page(
    html: str,
    address: str,
    *,
    status: int = 200,
    scripts_run: bool = False,
    styles: t.Sequence[str] = (),
    retry_after: float | None = None,
) -> Page:
    """Read a page.

    :param address: where it came from, to make relative addresses absolute.
    :param scripts_run: whether this is a browser's tree, with the browser driver's marks.
    :param styles: style sheets that the page uses, if they were fetched.
    """
    return _Reader(ParsedPage(html, address, scripts_run=scripts_run, styles=styles)).page(status, retry_after)


class _Reader:
    def __init__(self, page: ParsedPage) -> None:
        self._page = page

    def page(self, status: int, retry_after: float | None) -> Page:
        """The page as plain data."""
        page = Page(self._page.address, status=status, retry_after=retry_after)
        page.title = next((plain(tag.get_text()) for tag in self._named("title")), "")
        page.scripts = not self._page.scripts_run and bool(self._named("script"))
        self._read_forms(page)
        self._read_links(page)
        read_texts(self._page, page)
        self._read_frames(page)
        self._read_own_moves(page)
        return page

    def _named(self, name: str) -> list[Tag]:
        return self._page.document.by_name[name]

    def _read_forms(self, page: Page) -> None:
        document = self._page.document
        owners: dict[int, Form] = {}
        by_id: dict[str, Form] = {}
        for tag in self._named("form"):
            if document.is_there(tag):
                form = Form(
                    self._page.ref(tag),
                    action=self._page.absolute(attribute(tag, "action"))
                    if attribute(tag, "action")
                    else without_fragment(self._page.address),
                    method=attribute(tag, "method").lower() or "get",
                    encoding=attribute(tag, "enctype").lower(),
                    context=self._page.naming.context(tag),
                    scripted=tag.has_attr("onsubmit") or attribute(tag, "action").lower().startswith("javascript:"),
                )
                owners[id(tag)] = form
                page.forms.append(form)
                if attribute(tag, "id"):
                    by_id[attribute(tag, "id")] = form
        by_ref = {form.ref: form for form in page.forms}
        orphans: list[Tag] = []
        for tag in self._page.tags:
            if not (tag.name in CONTROLS or acts_as_button(self._page, tag)) or not document.is_there(tag):
                continue
            owner = self._owner(tag, owners, by_id, by_ref)
            if owner is not None:
                add_control(self._page, owner, tag)
            elif self._page.seen.seen(tag) is not Seen.HIDDEN:
                orphans.append(tag)
        self._group_orphans(page, orphans)

    def _owner(self, tag: Tag, owners: dict[int, Form], by_id: dict[str, Form], by_ref: dict[int, Form]) -> Form | None:
        if tag.has_attr(FORM_MARK):
            return by_ref.get(int(attribute(tag, FORM_MARK)))
        if tag.has_attr("form") and attribute(tag, "form"):
            return by_id.get(attribute(tag, "form"))
        for parent in tag.parents:
            if id(parent) in owners:
                return owners[id(parent)]
        return None

    def _group_orphans(self, page: Page, orphans: list[Tag]) -> None:
        """Fields outside of any form element: those that share the nearest container with a button belong together."""
        document = self._page.document
        groups: dict[int, tuple[Tag, list[Tag]]] = {}
        typed = [tag for tag in orphans if is_typed(tag)]
        buttons = [tag for tag in orphans if not is_typed(tag)]
        button_places = [document.place(tag) for tag in buttons]
        around_buttons = {id(parent) for tag in buttons for parent in tag.parents}
        for tag in typed:
            around = (parent for parent in tag.parents if id(parent) in around_buttons)
            container = next(around, document.soup)
            groups.setdefault(id(container), (container, []))[1].append(tag)
        taken: set[int] = set()
        for container, members in groups.values():
            self._page.effort.check()
            form = Form(self._page.ref(container), method="", real=False, scripted=True)
            form.context = self._page.naming.context(container) if container is not document.soup else []
            for tag in members:
                add_control(self._page, form, tag)
            for tag in document.inside(container, button_places):
                if id(tag) not in taken:
                    taken.add(id(tag))
                    add_control(self._page, form, tag)
            page.forms.append(form)
        for tag in buttons:
            if id(tag) not in taken:
                page.loose.append(read_button(self._page, tag))

    def _read_links(self, page: Page) -> None:
        for tag in self._page.tags:
            if not leads_somewhere(tag) or not self._page.document.is_there(tag):
                continue
            seen = self._page.seen.seen(tag)
            if seen is Seen.HIDDEN:
                continue
            address = self._page.absolute(attribute(tag, "href"))
            if looks_like_web(address):
                names = self._page.naming.pressable(tag)
                page.links.append(Link(self._page.ref(tag), names, seen, self._page.opener(tag), address=address))

    def _read_frames(self, page: Page) -> None:
        for tag in self._page.tags:
            if tag.name in ("iframe", "frame"):
                seen, address = self._page.seen.seen(tag), attribute(tag, "src") or attribute(tag, "data-src")
                if seen is Seen.HIDDEN:
                    continue
                if _CAPTCHA_FRAME.search(address) and "size=invisible" not in address:
                    page.captcha = page.captcha or (plain(attribute(tag, "title")) or "a captcha in a frame")
                elif address and seen.usable:
                    page.frames.append(self._page.absolute(address))
            elif tag.has_attr("class") and self._is_captcha_widget(tag):
                page.captcha = page.captcha or "a captcha widget"
        # Such a field is not for the eye.
        answers = [tag for tag in self._named("textarea") + self._named("input") if tag.has_attr(VALUE_MARK)]
        if any(attribute(tag, "name") in _CAPTCHA_ANSWERS and attribute(tag, VALUE_MARK) for tag in answers):
            page.captcha = ""

    def _is_captcha_widget(self, tag: Tag) -> bool:
        # One that is invisible only steps in where it suspects a robot.
        return (
            _CAPTCHA_CLASS.search(attribute(tag, "class").lower()) is not None
            and self._page.seen.seen(tag).usable
            and attribute(tag, "data-size").lower() != "invisible"
            and tag.name not in ("input", "button")
        )

    def _read_own_moves(self, page: Page) -> None:
        """Where the page goes by itself: by a refresh, by a script that goes elsewhere or sends a form."""
        self._read_refresh(page)
        scripts = " ".join(tag.get_text() for tag in self._named("script"))
        scripts += " ".join(attribute(tag, "onload") for tag in self._page.tags if tag.has_attr("onload"))
        usable = any(form.fillable for form in page.forms)
        if _SUBMITS.search(scripts) and not usable:
            page.send_themselves = self._sent_by_script(page, scripts)
        if not page.moves_to and not self._page.scripts_run and not page.forms and not page.links:
            goes = list(dict.fromkeys(map(self._page.absolute, set_by_script(scripts))))
            if len(goes) == 1:
                page.moves_to = goes[0]
            else:
                page.may_move_to = goes

    def _read_refresh(self, page: Page) -> None:
        # Of several refreshes the first one counts (HTML, "shared declarative refresh steps").
        for tag in self._named("meta"):
            if attribute(tag, "http-equiv").lower() == "refresh":
                match = _REFRESH.match(attribute(tag, "content")[:2000])
                if match and match[2]:
                    page.moves_to = self._page.absolute(match[2]) if float(match[1] or 0) <= 10 else ""
                    return

    def _sent_by_script(self, page: Page, scripts: str) -> list[Form]:
        """The forms of hidden fields only that a script may send; one, if the script names it."""
        forms = page.forms
        found = [
            form for form in forms if form.real and form.fields and all(field.kind == "hidden" for field in form.fields)
        ]
        if len(found) < 2:
            return found
        names = {
            self._page.ref(tag): {attribute(tag, "id"), attribute(tag, "name")} - {""} for tag in self._named("form")
        }
        words = set(re.findall(r"[\w-]+", scripts))
        named = [form for form in found if names.get(form.ref, set()) & words]
        numbers = {int(number) for number in _FORM_NUMBER.findall(scripts)}
        by_number = [form for number, form in enumerate(forms) if number in numbers and form in found]
        # A page that leads elsewhere is one to read; its script may wait for a click.
        doubtful = [] if page.links else found
        return next((group for group in (named, by_number) if len(group) == 1), doubtful)
