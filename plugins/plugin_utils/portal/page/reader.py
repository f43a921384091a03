# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a page's HTML into C(pages.Page)."""

from __future__ import annotations

import re
import typing as t
import urllib.parse

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.accessible_names import Naming
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.addresses import (
    join,
    looks_like_web,
    without_fragment,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.elements import (
    Button,
    Field,
    Form,
    Link,
    Name,
    Notice,
    Page,
    Seen,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.form_context import context
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.html_tree import (
    MOST_CONTROLS,
    MOST_FORMS,
    Effort,
    attribute,
    classes,
    is_text,
    is_typed,
    parse,
    too_large,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.matching import plain, word_set
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.plain_controls import is_plain_control
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.visibility import Visibility

try:
    from bs4.element import Tag
except ImportError:
    pass

# The browser driver's marks: an element's number, its present value, its form's number, whether it is checked.
REF_MARK = "data-labops-ref"
VALUE_MARK = "data-labops-value"
FORM_MARK = "data-labops-form"
CHECKED_MARK = "data-labops-checked"

_PRESSED_ROLES = frozenset(("button", "link", "menuitem", "tab"))
_OPENING = ("aria-haspopup", "aria-expanded", "data-toggle", "data-bs-toggle", "popovertarget")
_INLINE = word_set(
    "a abbr b bdi bdo cite code data dfn em i img kbd label mark q s samp small span strong sub sup time u var font "
    "button svg ins del"
)
_NOTICE_CLASS = re.compile(
    r"(?:^|[-_])(?:alerts?|notice|notification|notify|toast|flash|error|errors|success|warning|message|messages|msg|"
    r"validation|invalid|feedback|callout|snackbar|banner|infobar|growl|status)(?:[-_]|$)"
)
_ERROR_CLASS = re.compile(r"error|danger|invalid|fail|validation|critical|negative")
_SUCCESS_CLASS = re.compile(r"success|positive|(?:^|[-_])ok(?:[-_]|$)|confirmation")
_CAPTCHA_CLASS = re.compile(r"^(?:g-recaptcha|h-captcha|cf-turnstile|frc-captcha|captcha|geetest\S*)$")
_CAPTCHA_FRAME = re.compile(
    r"recaptcha/(?:api2|enterprise)/(?:anchor|bframe)|hcaptcha\.com|challenges\.cloudflare\.com|captcha"
)
_SUBMITS = re.compile(r"\.\s*submit\s*\(|requestSubmit\s*\(|\.\s*click\s*\(\s*\)")
_GOES_TO = re.compile(
    r"(?:window|document|self|top)?\.?location(?:\.href)?\s*=\s*(['\"])(.{1,2000}?)\1"
    r"|location\.(?:assign|replace)\(\s*(['\"])(.{1,2000}?)\3"
)
_REFRESH = re.compile(r"^\s*(\d+(?:\.\d+)?)?\s*[;,]?\s*(?:url\s*=\s*)?['\"]?(.*?)['\"]?\s*$", re.IGNORECASE)


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
    return _Reader(html, address, scripts_run, styles).page(status, retry_after)


class _Reader:
    def __init__(self, html: str, address: str, scripts_run: bool, styles: t.Sequence[str]) -> None:
        self._soup = parse(html)
        self._scripts_run = scripts_run
        self._effort = Effort()
        self._seen = Visibility(self._soup, effort=self._effort, scripts_run=scripts_run, styles=styles)
        self._naming = Naming(self._soup, self._seen, self._effort)
        base = self._soup.find("base", href=True)
        self._address = address
        self._base = join(address, attribute(base, "href")) if isinstance(base, Tag) else address
        self._all = list(self._soup.find_all(True))
        controls = sum(tag.name in ("input", "select", "textarea", "button") for tag in self._all)
        if controls > MOST_CONTROLS or sum(tag.name == "form" for tag in self._all) > MOST_FORMS:
            raise too_large(f"it has more than {MOST_CONTROLS} controls or {MOST_FORMS} forms")
        self._refs = {id(tag): index for index, tag in enumerate(self._all)}

    def _ref(self, tag: Tag) -> int:
        mark = attribute(tag, REF_MARK)
        return int(mark) if mark else self._refs[id(tag)]

    def _context(self, tag: Tag) -> list[str]:
        return context(tag, self._naming, self._seen, self._effort)

    def _opener(self, tag: Tag) -> int | None:
        opener = self._seen.opener(tag)
        return self._ref(opener) if opener is not None else None

    def _absolute(self, address: str) -> str:
        return join(self._base, address)

    def page(self, status: int, retry_after: float | None) -> Page:
        page = Page(self._address, status=status, retry_after=retry_after)
        title = self._soup.find("title")
        page.title = plain(title.get_text()) if isinstance(title, Tag) else ""
        page.scripts = not self._scripts_run and any(tag.name == "script" for tag in self._all)
        self._read_forms(page)
        self._read_links(page)
        self._read_texts(page)
        self._read_frames(page)
        self._read_own_moves(page)
        return page

    # Forms

    def _read_forms(self, page: Page) -> None:
        owners: dict[int, Form] = {}
        by_id: dict[str, Form] = {}
        for tag in self._all:
            if tag.name == "form" and not _never_there(tag):
                form = Form(
                    self._ref(tag),
                    action=self._absolute(attribute(tag, "action"))
                    if attribute(tag, "action")
                    else without_fragment(self._address),
                    method=attribute(tag, "method").lower() or "get",
                    encoding=attribute(tag, "enctype").lower(),
                    context=self._context(tag),
                    scripted=tag.has_attr("onsubmit") or attribute(tag, "action").lower().startswith("javascript:"),
                )
                owners[id(tag)] = form
                page.forms.append(form)
                if attribute(tag, "id"):
                    by_id[attribute(tag, "id")] = form
        by_ref = {form.ref: form for form in page.forms}
        orphans: list[Tag] = []
        for tag in self._all:
            if tag.name not in ("input", "select", "textarea", "button") and not self._acts_as_button(tag):
                continue
            if _never_there(tag):
                continue
            owner = self._owner(tag, owners, by_id, by_ref)
            if owner is not None:
                self._add_to(owner, tag)
            elif self._seen.seen(tag) is not Seen.HIDDEN:
                orphans.append(tag)
        self._group_orphans(page, orphans)

    def _owner(self, tag: Tag, owners: dict[int, Form], by_id: dict[str, Form], by_ref: dict[int, Form]) -> Form | None:
        mark = attribute(tag, FORM_MARK)
        if mark:
            return by_ref.get(int(mark))
        if attribute(tag, "form"):
            return by_id.get(attribute(tag, "form"))
        for parent in tag.parents:
            if id(parent) in owners:
                return owners[id(parent)]
        return None

    def _acts_as_button(self, tag: Tag) -> bool:
        """A link or other element that does something by script rather than lead somewhere."""
        if tag.name in ("button", "input", "select", "textarea", "summary", "option") or _leads_somewhere(tag):
            return False
        if attribute(tag, "role") in _PRESSED_ROLES:
            # One that only wraps the real thing is no second one.
            return tag.find(["a", "button", "input"]) is None
        if is_plain_control(tag):
            return True
        return tag.name == "a" and (tag.has_attr("onclick") or tag.has_attr("href") or self._scripts_run)

    def _add_to(self, form: Form, tag: Tag) -> None:
        kind = attribute(tag, "type").lower()
        if tag.name in ("button", "a") or self._acts_as_button(tag) or kind in ("submit", "image", "button", "reset"):
            if kind != "reset":
                form.buttons.append(self._button(tag))
        else:
            form.fields.append(self._field(tag))

    def _button(self, tag: Tag) -> Button:
        kind = attribute(tag, "type").lower()
        if tag.name == "button":
            kind = kind if kind in ("submit", "button") else "submit"
        elif tag.name != "input":
            kind = "link"
        script = attribute(tag, "onclick")
        address = attribute(tag, "href")
        if address.lower().startswith("javascript:"):
            script = urllib.parse.unquote(address[len("javascript:") :]) or script
        goes = _GOES_TO.search(script)
        named = tag.has_attr("name") and not tag.has_attr("disabled")
        return Button(
            self._ref(tag),
            self._naming.pressable(tag),
            Seen.HIDDEN if tag.has_attr("disabled") and not self._scripts_run else self._seen.seen(tag),
            self._opener(tag),
            self._refs.get(id(tag), 0),
            name=attribute(tag, "name") if named else "",
            value=attribute(tag, "value"),
            kind=kind,
            action=self._absolute(attribute(tag, "formaction")) if attribute(tag, "formaction") else "",
            method=attribute(tag, "formmethod").lower(),
            script=script,
            address=self._absolute(goes[2] or goes[4]) if goes else "",
            opens=any(tag.has_attr(mark) for mark in _OPENING),
            names_form=tag.has_attr("form"),
            plain=is_plain_control(tag),
        )

    def _field(self, tag: Tag) -> Field:
        kind = attribute(tag, "type").lower() or "text"
        if tag.name != "input":
            kind = tag.name
        elif kind in ("date", "month", "week", "time", "datetime-local", "color", "range"):
            kind = "other"
        elif kind not in ("hidden", "checkbox", "radio", "file", "email", "password", "tel", "number", "search", "url"):
            kind = "text"
        seen = Seen.HIDDEN if kind == "hidden" else self._seen.seen(tag)
        options, value = self._options(tag) if kind == "select" else ([], self._value(tag, kind))
        length = attribute(tag, "maxlength")
        return Field(
            self._ref(tag),
            self._naming.field(tag) if seen is not Seen.HIDDEN else [],
            seen,
            self._opener(tag),
            self._refs.get(id(tag), 0),
            name=attribute(tag, "name"),
            kind=kind,
            value=value,
            checked=attribute(tag, CHECKED_MARK) == "1" if tag.has_attr(CHECKED_MARK) else tag.has_attr("checked"),
            required=tag.has_attr("required") or attribute(tag, "aria-required") == "true",
            locked=tag.has_attr("readonly"),
            disabled=tag.has_attr("disabled") or self._in_disabled_fieldset(tag),
            maxlength=int(length) if length.isdigit() else 0,
            autocomplete=attribute(tag, "autocomplete").lower(),
            options=options,
        )

    @staticmethod
    def _value(tag: Tag, kind: str) -> str:
        if tag.has_attr(VALUE_MARK):
            return str(tag[VALUE_MARK])
        if kind == "textarea":
            return tag.get_text().removeprefix("\n")
        if kind in ("checkbox", "radio") and not tag.has_attr("value"):
            return "on"
        value = tag.get("value")
        return "" if value is None else str(value)

    @staticmethod
    def _options(tag: Tag) -> tuple[list[tuple[str, str]], str]:
        options: list[tuple[str, str]] = []
        chosen: str | None = None
        for option in tag.find_all("option"):
            text = plain(option.get_text())
            value = str(option["value"]) if option.has_attr("value") else text
            options.append((value, text))
            if option.has_attr("selected"):
                chosen = value
        if tag.has_attr(VALUE_MARK):
            chosen = str(tag[VALUE_MARK])
        return options, chosen if chosen is not None else (options[0][0] if options else "")

    @staticmethod
    def _in_disabled_fieldset(tag: Tag) -> bool:
        return any(
            isinstance(parent, Tag) and parent.name == "fieldset" and parent.has_attr("disabled")
            for parent in tag.parents
        )

    def _group_orphans(self, page: Page, orphans: list[Tag]) -> None:
        """Fields outside of any form element: those that share the nearest container with a button belong together."""
        groups: dict[int, tuple[Tag, list[Tag]]] = {}
        typed = [tag for tag in orphans if is_typed(tag)]
        buttons = [tag for tag in orphans if not is_typed(tag)]
        button_ids = {id(tag) for tag in buttons}
        around_buttons = {id(parent) for tag in buttons for parent in tag.parents}
        for tag in typed:
            container = next(
                (parent for parent in tag.parents if isinstance(parent, Tag) and id(parent) in around_buttons), None
            )
            container = container if container is not None else self._soup
            groups.setdefault(id(container), (container, []))[1].append(tag)
        taken: set[int] = set()
        for container, members in groups.values():
            self._effort.check()
            form = Form(
                self._ref(container) if id(container) in self._refs else -1, method="", real=False, scripted=True
            )
            form.context = self._context(container) if container is not self._soup else []
            for tag in members:
                self._add_to(form, tag)
            for tag in container.find_all(True):
                if id(tag) in button_ids and id(tag) not in taken:
                    taken.add(id(tag))
                    self._add_to(form, tag)
            page.forms.append(form)
        for tag in buttons:
            if id(tag) not in taken:
                page.loose.append(self._button(tag))

    # Links, texts, frames

    def _read_links(self, page: Page) -> None:
        for tag in self._all:
            if not _leads_somewhere(tag) or _never_there(tag):
                continue
            seen = self._seen.seen(tag)
            if seen is Seen.HIDDEN:
                continue
            address = self._absolute(attribute(tag, "href"))
            if looks_like_web(address):
                page.links.append(
                    Link(self._ref(tag), self._naming.pressable(tag), seen, self._opener(tag), address=address)
                )

    def _read_texts(self, page: Page) -> None:
        runs: dict[int, list[str]] = {}
        self._collect_blocks(self._soup, id(self._soup), runs)
        page.blocks = [text for text in (plain("".join(parts)) for parts in runs.values()) if text]
        for tag in self._all:
            seen = self._seen.seen(tag)
            if not seen.usable:
                continue
            if tag.name in ("h1", "h2", "h3", "h4", "h5", "h6", "legend") or attribute(tag, "role") == "heading":
                text = self._naming.text(tag)
                if text:
                    page.headings.append(text)
            tone = self._tone(tag)
            if tone is not None:
                text = self._visible_text(tag)
                if text and len(text) <= 600:
                    page.notices.append(Notice(text, tone))
        for form in page.forms:
            for field in form.fields:
                if (
                    field.seen.usable
                    and field.kind in ("text", "email", "textarea", "tel", "search")
                    and field.value.strip()
                ):
                    page.shown_values.append((field.label, plain(field.value)))

    def _visible_text(self, tag: Tag) -> str:
        self._effort.check()
        runs: dict[int, list[str]] = {}
        self._collect_blocks(tag, id(tag), runs)
        return plain(" \n ".join("".join(parts) for parts in runs.values()))

    def _collect_blocks(self, tag: Tag, block: int, runs: dict[int, list[str]]) -> None:
        """Visible text by the paragraph it stands in; a new run begins behind each nested block."""
        current = block
        for child in tag.children:
            if is_text(child):
                runs.setdefault(current, []).append(str(child))
            elif isinstance(child, Tag):
                if child.name == "br":
                    current = id(child)
                    continue
                if not self._seen.seen(child).usable or child.name in ("textarea", "select", "title"):
                    continue
                if child.name in _INLINE:
                    if child.name in ("button", "a"):
                        runs.setdefault(current, []).append(" ")
                    self._collect_blocks(child, current, runs)
                    if child.name in ("button", "a"):
                        runs.setdefault(current, []).append(" ")
                elif child.name != "input":
                    self._collect_blocks(child, id(child), runs)
                    current = -id(child)

    @staticmethod
    def _tone(tag: Tag) -> str | None:
        """error, success or empty for a notice; None for what is none."""
        role = attribute(tag, "role").lower()
        named = classes(tag)
        is_notice = (
            role in ("alert", "status", "alertdialog", "log")
            or attribute(tag, "aria-live").lower() in ("polite", "assertive")
            or tag.name == "output"
            or (tag.name == "dialog" and tag.has_attr("open"))
            or any(_NOTICE_CLASS.search(name) for name in named)
        )
        if not is_notice or tag.name in ("html", "body", "form", "input", "label", "button", "a", "select", "main"):
            return None
        if any(_ERROR_CLASS.search(name) for name in named):
            return "error"
        return "success" if any(_SUCCESS_CLASS.search(name) for name in named) else ""

    def _read_frames(self, page: Page) -> None:
        for tag in self._all:
            if self._seen.seen(tag) is Seen.HIDDEN:
                continue
            if tag.name in ("iframe", "frame"):
                address = attribute(tag, "src") or attribute(tag, "data-src")
                if _CAPTCHA_FRAME.search(address) and "size=invisible" not in address:
                    page.captcha = page.captcha or (plain(attribute(tag, "title")) or "a captcha in a frame")
                elif address and self._seen.seen(tag).usable:
                    page.frames.append(self._absolute(address))
            elif self._is_captcha_widget(tag):
                page.captcha = page.captcha or "a captcha widget"

    def _is_captcha_widget(self, tag: Tag) -> bool:
        # One that is invisible only steps in where it suspects a robot.
        return (
            any(_CAPTCHA_CLASS.match(name) for name in classes(tag))
            and self._seen.seen(tag).usable
            and attribute(tag, "data-size").lower() != "invisible"
            and tag.name not in ("input", "button")
        )

    def _read_own_moves(self, page: Page) -> None:
        refresh = next(
            (tag for tag in self._all if tag.name == "meta" and attribute(tag, "http-equiv").lower() == "refresh"), None
        )
        if refresh is not None:
            match = _REFRESH.match(attribute(refresh, "content")[:2000])
            if match and match[2] and float(match[1] or 0) <= 10:
                page.moves_to = self._absolute(match[2])
        scripts = " ".join(tag.get_text() for tag in self._all if tag.name == "script")
        scripts += " ".join(attribute(tag, "onload") for tag in self._all if tag.has_attr("onload"))
        usable = any(form.fillable for form in page.forms)
        if _SUBMITS.search(scripts) and not usable:
            for form in page.forms:
                hidden = [field for field in form.fields if field.kind == "hidden"]
                if hidden and len(hidden) == len(form.fields) and form.real:
                    page.sends_itself = form
                    break
        if not page.moves_to and not self._scripts_run and not page.forms and not page.links:
            goes = _GOES_TO.search(scripts)
            if goes:
                page.moves_to = self._absolute(goes[2] or goes[4])


def _never_there(tag: Tag) -> bool:
    return any(isinstance(parent, Tag) and parent.name in ("template", "script", "style") for parent in tag.parents)


def _leads_somewhere(tag: Tag) -> bool:
    if tag.name not in ("a", "area"):
        return False
    address = attribute(tag, "href").lower()
    return bool(address) and not address.startswith(("#", "javascript:", "mailto:", "tel:", "data:", "blob:"))


__all__ = ["CHECKED_MARK", "FORM_MARK", "REF_MARK", "VALUE_MARK", "Name", "read_page"]
