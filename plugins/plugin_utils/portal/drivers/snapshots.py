# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages on disk, only if the operator asked for them, with everything secret blotted out."""

from __future__ import annotations

import os
import pathlib
import re
import typing as t

from ...base import times
from ..errors import SettingsError
from ..page.elements import Page
from ..page.html_tree import NavigableString, PreformattedString, Tag, attribute, is_text, parse
from ..page.matching import word_set
from .spellings import any_of

BLOT = "[blotted out]"

_EMAIL = re.compile(r"(?<![\w.+%-])[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
_TOKEN = re.compile(r"[A-Za-z0-9+/_=.~-]{20,}")
_ADDRESS_ATTRIBUTES = word_set("href src action formaction data-src poster cite srcset data")
# How the page's author calls things; long, but no tokens.
_NAMING_ATTRIBUTES = word_set("id for name class type role style aria-labelledby aria-controls")
_PLAIN_ATTRIBUTES = _NAMING_ATTRIBUTES | word_set(
    "title alt placeholder lang dir rel method enctype autocomplete required readonly disabled checked hidden colspan "
    "rowspan tabindex maxlength pattern aria-label aria-describedby aria-haspopup aria-expanded aria-hidden aria-live "
    "aria-required data-toggle data-bs-toggle data-target data-bs-target http-equiv width height open scope inputmode "
    "charset"
)
# Words between which any white space means the same; a secret of several words would be missed for it.
_WORD_LISTS = ("class", "rel")
_KNOWN_ATTRIBUTES = _PLAIN_ATTRIBUTES | _ADDRESS_ATTRIBUTES | {"value", "content"}


def without_secrets(text: str, secrets: t.Iterable[str]) -> str:
    """A text without the secrets given, however they are spelled in it."""
    found = any_of(tuple(secrets))
    return found.sub(BLOT, text) if found else text


def blot(text: str, secrets: t.Iterable[str] = (), *, tokens: bool = True) -> str:
    """A text without the secrets given, e-mail addresses, and (unless told otherwise) what looks like a token."""
    text = _EMAIL.sub(BLOT, without_secrets(text, secrets))
    return _TOKEN.sub(lambda match: match[0] if _is_harmless(match[0]) else BLOT, text) if tokens else text


def _is_harmless(text: str) -> bool:
    """Words joined by hyphens or dots, paths and key ids: no digits mixed with letters of both cases."""
    if re.fullmatch(r"(?:AKIA|ASIA)[A-Z0-9]{12,28}", text):
        return True
    return (
        bool(re.fullmatch(r"[A-Za-z]+(?:[-_./=][A-Za-z]*\d{0,2})*", text))
        and max((len(part) for part in re.split(r"[-_./=]", text)), default=0) <= 18
    )


def blotted_page(html: str, secrets: t.Iterable[str]) -> str:
    """A page to keep: its structure and words, without values, scripts, comments, queries and secrets.

    What a reader does not see (comments, CDATA, document types, processing instructions) and names that the portal made
    up are left out, because anything can be hidden there.
    """
    listed = [secret for secret in secrets if secret]
    soup = parse(html)
    for tag in soup.find_all(True):
        if not _is_plain_name(tag.name, listed):
            tag.name = "unknown"
        if tag.name in ("script", "style") and tag.string:
            tag.string = "" if tag.name == "script" else blot(str(tag.string), listed)
        for name in list(tag.attrs):
            value = attribute(tag, name)
            if name in _WORD_LISTS:
                value = " ".join(value.split())
            if name not in _KNOWN_ATTRIBUTES and not (
                name.startswith(("data-", "aria-")) and _is_plain_name(name, listed)
            ):
                del tag[name]
            elif value:
                kept = _kept_value(tag, name, value)
                tag[name] = blot(kept, listed, tokens=name not in _NAMING_ATTRIBUTES)
    for text in soup.find_all(string=True):
        if isinstance(text, PreformattedString):
            text.extract()
        elif is_text(text) and isinstance(text.parent, Tag) and text.parent.name not in ("script", "style"):
            clean = BLOT if text.parent.name == "textarea" else blot(str(text), listed)
            if clean != text:
                text.replace_with(NavigableString(clean))
    found = any_of(tuple(listed))
    # One element may hold the beginning of a secret, and the next one its end.
    return f"<p>{BLOT}</p>" if found and found.search(soup.get_text()) else str(soup)


def _is_plain_name(name: str, secrets: t.Iterable[str]) -> bool:
    """Whether the name of an element or attribute is made of words, and of no secret; HTML does not keep its case."""
    words = re.fullmatch(r"[a-z]{1,20}\d?(?:-[a-z]{1,20}\d?){0,3}", name)
    return words is not None and not any(secret.casefold() in name.casefold() for secret in secrets)


def _kept_value(tag: Tag, name: str, value: str) -> str:
    """What of an attribute says how the page is built; values and queries do not."""
    if name in _ADDRESS_ATTRIBUTES:
        if value.lower().startswith(("javascript:", "data:")):
            return BLOT
        return value if value.startswith("#") else re.sub(r"[?#;].*", f"?{BLOT}", value, flags=re.DOTALL)
    is_caption = tag.name == "button" or attribute(tag, "type").lower() in ("submit", "button", "reset")
    if name in _PLAIN_ATTRIBUTES or (name == "value" and is_caption):
        return value
    return BLOT


class Snapshots:
    """Keeps each page that was seen as a numbered file, readable by its owner only."""

    def __init__(self, directory: pathlib.Path, label: str, secrets: t.Iterable[str]) -> None:
        """Prepare the directory.

        :param label: distinguishes the accounts that share the directory.
        :raises SettingsError: if it cannot be written.
        """
        self._secrets = [secret for secret in secrets if secret]
        self._count = 0
        self.paths: list[str] = []
        name = re.sub(r"[^A-Za-z0-9]+", "-", label).strip("-")[:40] or "portal"
        self._prefix = f"{times.now():%Y%m%dT%H%M%SZ}-{name}-{os.getpid()}"
        self._directory = directory
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as exc:
            raise SettingsError(
                f"snapshot_dir {directory} cannot be used: {exc.strerror}.",
                next_step="Name a directory that you can write to (in the role in lab_account_portal_options).",
            ) from None

    def keep(self, page: Page, html: str) -> None:
        """Write a page. A snapshot that cannot be written is no reason to stop half-way."""
        self._count += 1
        path = self._directory / f"{self._prefix}-{self._count:02d}.html"
        head = f"<!-- {page.status} {blot(page.place, self._secrets)} -->\n"
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(head + blotted_page(html, self._secrets))
        except OSError:
            return
        self.paths.append(str(path))
