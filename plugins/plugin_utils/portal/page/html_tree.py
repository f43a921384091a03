# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTML to a tree, as lenient as browsers are about end tags that may be left out."""

from __future__ import annotations

import functools
import re
import time
import typing as t

from ..errors import PortalError, Reason
from .matching import word_set

try:
    import bs4

    NavigableString = bs4.element.NavigableString
    PreformattedString = bs4.element.PreformattedString
    Tag = bs4.element.Tag
    HAS_BS4 = True
except ImportError:
    # Nothing is read without it, see drivers/choice.py; only the names are needed.
    HAS_BS4 = False
    if not t.TYPE_CHECKING:
        PreformattedString = NavigableString = Tag = object

CONTROLS = frozenset(("input", "select", "textarea", "button"))
TYPED = ("input", "select", "textarea")
HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6", "legend", "caption"))

# What a page may be: far more than any page of a portal is, and little enough to be read in seconds.
LARGEST_PAGE = 2_000_000  # bytes, decoded
MOST_ELEMENTS = 20_000
DEEPEST_ELEMENT = 200
MOST_CONTROLS = 1_000
MOST_REFERENCES = 20_000
MOST_FORMS = 100
_SECONDS_OF_WORK = 10.0

# HTML standard, "optional tags": elements, which open ones their start tags end, and where the search for them stops.
_OPTIONAL_END_TAGS = (
    ("li", "li", "ul ol menu"),
    ("dt dd", "dt dd", "dl"),
    ("option", "option", "select datalist"),
    ("optgroup", "option optgroup", "select"),
    ("td th", "td th", "table template tr"),
    ("tr", "tr td th", "table template"),
    ("tbody tfoot", "thead tbody tfoot tr td th", "table template"),
    (
        "address article aside blockquote details div dl fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 "
        "header hgroup hr main menu nav ol p pre section table ul",
        "p",
        "div td th li form section button body object fieldset main",
    ),
)
_ENDS = {tag: (word_set(ended), word_set(stops)) for begun, ended, stops in _OPTIONAL_END_TAGS for tag in begun.split()}


@functools.cache
def _soup_class() -> type[bs4.BeautifulSoup]:
    class LenientSoup(bs4.BeautifulSoup):
        """BeautifulSoup over Python's own parser, which does not know which elements a start tag ends."""

        _elements = 0

        def handle_starttag(self, name: str, *args: t.Any, **kwargs: t.Any) -> t.Any:
            self._elements += 1
            if self._elements > MOST_ELEMENTS:
                raise too_large(f"it has more than {MOST_ELEMENTS} elements")
            if len(self.tagStack) > DEEPEST_ELEMENT:
                raise too_large(f"its elements are nested more than {DEEPEST_ELEMENT} deep")
            if name in _ENDS:
                self._end_what_ends_before(*_ENDS[name])
            return super().handle_starttag(name, *args, **kwargs)

        def _end_what_ends_before(self, closes: frozenset[str], stops: frozenset[str]) -> None:
            # The names of what is open, from the inside; all that ends here does so with the outermost of it.
            names: list[str] = []
            last = ""
            for tag in reversed(self.tagStack):
                if tag.name in stops:
                    break
                names.append(tag.name)
                last = tag.name if tag.name in closes else last
            if last:
                for name in names[: names.index(last) + 1]:
                    self.handle_endtag(name)

    return LenientSoup


# Constructs that a parser looks for the end of through the whole rest of the page, for each beginning anew.
_ENDED_BY = {"<!--": "-->", "<![": ">", "<?": ">", "</": ">", "<": ">"}
_NO_REFERENCE = re.compile(r"&#(?![0-9xX])")
_MOST_WITHOUT_END = 100


def refuse_endless(html: str) -> None:
    """Refuse a page with many beginnings of tags, comments and the like that have no end. Python's parser needs time by
    the square for those, in one go, so that no other limit interrupts it.

    :raises PortalError: with the reason page_changed.
    """
    for begin, end in _ENDED_BY.items():
        if html.count(begin, html.rfind(end) + 1) > _MOST_WITHOUT_END:
            raise too_large(f"it has more than {_MOST_WITHOUT_END} times {begin!r} without an end")
    if html.count("&") > MOST_REFERENCES:
        raise too_large(f"it has more than {MOST_REFERENCES} character references")
    for found, _reference in enumerate(_NO_REFERENCE.finditer(html)):
        if found >= _MOST_WITHOUT_END:
            raise too_large(f"it has more than {_MOST_WITHOUT_END} character references without a number")


def too_large(why: str) -> PortalError:
    """The error for a page that is more work to read than any page of a portal is."""
    return PortalError(
        Reason.PAGE_CHANGED,
        f"A page of the portal was not read: {why}.",
        next_step="Look at the page in a browser. If it is fine there, report it; until then, driver=manual says how "
        "to enter the key by hand.",
    )


class Effort:
    """The processor's time that reading one page may take."""

    def __init__(self) -> None:
        self._end = time.thread_time() + _SECONDS_OF_WORK

    def check(self) -> None:
        """Fail if the page has taken too much.

        :raises PortalError: with the reason page_changed.
        """
        if time.thread_time() > self._end:
            raise too_large("it takes too long to be understood")


def parse(html: str) -> bs4.BeautifulSoup:
    """A tree of the page.

    :raises PortalError: if it is too large, with the reason page_changed.
    """
    if len(html) > LARGEST_PAGE:
        raise too_large(f"it is larger than {LARGEST_PAGE // 1_000_000} MB")
    refuse_endless(html)
    return _soup_class()(html, "html.parser", multi_valued_attributes=None, store_line_numbers=False)


def attribute(tag: Tag, name: str) -> str:
    """An attribute as text, empty if it is not there."""
    return str(tag.attrs.get(name, "")).strip()


def is_text(node: t.Any) -> bool:
    """Whether a node is text that is part of the page, not a comment or the like."""
    return isinstance(node, NavigableString) and not isinstance(node, PreformattedString)


def tags(nodes: t.Iterable[t.Any]) -> t.Iterator[Tag]:
    """The elements among some nodes."""
    return (node for node in nodes if isinstance(node, Tag))


def classes(tag: Tag) -> list[str]:
    """The class names in lower case."""
    return attribute(tag, "class").lower().split()


def above(tag: Tag, *names: str) -> Tag | None:
    """The nearest element of these kinds around this one."""
    return next((parent for parent in tag.parents if parent.name in names), None)


def is_typed(tag: Tag) -> bool:
    """Whether it is a field that a person fills in or chooses from."""
    if tag.name == "input":
        return attribute(tag, "type").lower() not in ("hidden", "submit", "button", "image", "reset")
    return tag.name in TYPED


def is_heading(tag: Tag) -> bool:
    """Whether it says what stands below it."""
    return tag.name in HEADINGS or ("role" in tag.attrs and attribute(tag, "role") == "heading")


def leads_somewhere(tag: Tag) -> bool:
    """Whether an element is a link to another page."""
    if tag.name not in ("a", "area"):
        return False
    address = attribute(tag, "href").lower()
    return bool(address) and not address.startswith(("#", "javascript:", "mailto:", "tel:", "data:", "blob:"))


# The browser driver's mark for what shows a hand.
PLAIN_MARK = "data-labops-plain"

_DESTINATION = re.compile(r"^data-(?:\w+-)*(?:destination|goto)$")
_INSIDE = ["a", "button", "input", "select", "textarea", "label", "form"]
_OTHERWISE_PRESSED = ("a", "button", "label", "summary", "select")
_STRUCTURE = frozenset(("html", "head", "body", "main", "form", "table", "tbody", "tr", "script", "style", "template"))


def destination(tag: Tag) -> str:
    """Where the element says that a click leads; empty if it does not."""
    return next(
        (attribute(tag, name) for name in tag.attrs if name.startswith("data-") and _DESTINATION.match(name)), ""
    )


def is_plain_control(tag: Tag) -> bool:
    """Whether an element is none of HTML's controls, and a script makes it react to a click all the same.

    Known by the attribute C(onclick); by a C(data-) attribute that says where a click leads, as the cards of
    CloudResearch's sign-in have it (C(data-app-destination), from public scripts); and, in a browser, by the hand that
    shows under the mouse (see browser_script.py). A script's listener leaves no other public trace in a page.
    """
    if tag.has_attr(PLAIN_MARK):
        return True
    if not (tag.has_attr("onclick") or destination(tag)) or tag.name in (*_INSIDE, *_STRUCTURE, "summary", "option"):
        return False
    if tag.has_attr("role") or tag.find(_INSIDE) is not None or above(tag, *_OTHERWISE_PRESSED) is not None:
        return False
    return not any(parent.has_attr("onclick") or destination(parent) for parent in tag.parents if parent.name != "body")
