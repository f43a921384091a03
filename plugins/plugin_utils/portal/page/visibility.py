# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a page a person gets to see, judged from its markup alone, or from the marks that the browser driver left."""

from __future__ import annotations

import itertools
import re
import typing as t

from .document import Document
from .elements import Seen
from .html_tree import Tag, attribute, classes, tags
from .matching import word_set
from .style_rules import Matcher, style_rules

# The browser driver's judgement, see drivers/browser_script.py.
SEEN_MARK = "data-labops-seen"

_NEVER = frozenset(("script", "style", "template", "head", "datalist", "object", "audio", "video", "canvas", "map"))
# What the usual style sheets hide. They are files of their own, which costs a request each to read.
_HIDING_CLASSES = word_set(
    "d-none hidden hide invisible is-hidden ng-hide display-none displaynone u-hidden hidden-template is-invisible "
    "visually-none uk-hidden ui-helper-hidden x-hidden"
)
_OFFSCREEN_CLASSES = word_set(
    "sr-only visually-hidden visuallyhidden screen-reader-text screenreader-only screen-reader-only u-sr-only "
    "cdk-visually-hidden a11y-hidden assistive-text offscreen off-screen element-invisible govuk-visually-hidden"
)
# Shown only with a second class, once a script adds it.
_SHOWN_WITH: dict[str, frozenset[str]] = {
    "modal": frozenset(("show", "in", "is-active", "active", "open", "d-block")),
    "tab-pane": frozenset(("active", "show")),
    "dropdown-menu": frozenset(("show", "open", "in")),
    "collapse": frozenset(("show", "in", "collapsed")),
    "tabs-panel": frozenset(("is-active",)),
}

_HIDING = re.compile(r"(?:^|;)\s*(?:display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse))", re.IGNORECASE)
_SHOWING = re.compile(r"(?:^|;)\s*display\s*:\s*(?!none)[a-z]|(?:^|;)\s*visibility\s*:\s*visible", re.IGNORECASE)
_OFFSCREEN = re.compile(
    r"(?:^|;)\s*(?:(?:left|top|right|text-indent|margin-left|margin-top|inset-inline-start)\s*:\s*-\s*\d{3,}"
    r"|opacity\s*:\s*0*(?:\.0+)?\s*(?:[;!]|$)"
    r"|clip\s*:\s*rect\(\s*[01](?:px)?[\s,]+[01](?:px)?[\s,]+[01](?:px)?[\s,]+[01](?:px)?\s*\)"
    r"|clip-path\s*:\s*inset\(\s*(?:50|100)%"
    r"|transform\s*:\s*(?:scale\(\s*0\s*\)|translate[xy]?\(\s*-\s*\d{3,})"
    r"|font-size\s*:\s*0(?:px|em|rem)?\s*(?:[;!]|$))",
    re.IGNORECASE,
)
_NO_SIZE = re.compile(r"(?:^|;)\s*(?:max-)?(?:height|width)\s*:\s*[01](?:px)?\s*(?:[;!]|$)", re.IGNORECASE)
_CUTS = re.compile(r"(?:^|;)\s*overflow(?:-[xy])?\s*:\s*(?:hidden|clip)", re.IGNORECASE)
_LONGEST_STYLE = 2_000
# How many nodes before a menu may stand between it and its button.
_NEAR = 20
# Attributes that say whether their element is shown.
_TELLING = word_set("hidden popover aria-hidden style class")
_TARGETS = word_set("aria-controls aria-owns data-target data-bs-target popovertarget data-toggle-target")
_OPENING = word_set("aria-haspopup aria-expanded data-toggle data-bs-toggle onclick tabindex onmouseover")
_STATES = re.compile(r":(?:hover|focus-within|focus-visible|focus|checked|target|active)\b")


def _judge_style(style: str) -> str:
    """hidden, offscreen, shown, or empty for a style that says nothing about it."""
    if not style:
        return ""
    style = style[:_LONGEST_STYLE]
    if _HIDING.search(style):
        return "hidden"
    if _OFFSCREEN.search(style) or (_NO_SIZE.search(style) and _CUTS.search(style)):
        return "offscreen"
    return "shown" if _SHOWING.search(style) else ""


class Visibility:
    """Judges every element of a tree once, from the top down."""

    def __init__(self, document: Document, *, scripts_run: bool, styles: t.Sequence[str]) -> None:
        """Judge.

        :param scripts_run: whether the tree comes from a browser: then its marks count, and noscript does not.
        :param styles: further style sheets that the page uses.
        """
        self._document = document
        self._scripts_run = scripts_run
        self._seen: dict[int, Seen] = {id(document.soup): Seen.VISIBLE}
        self._openers: dict[int, Tag] = {}
        self._judged: dict[int, str] = {}
        # Elements that some state of the page (hover, focus, checked) shows.
        self._sometimes: set[int] = set()
        if not scripts_run:
            self._read_styles([*styles, *(str(sheet.string or "") for sheet in document.by_name["style"])])
        self._targets = self._controlled_elements()
        # By closed <details>, its summary, which is all that is seen of it.
        self._summaries: dict[int, Tag | None] = {}
        for tag in document.tags:
            self._judge(tag)

    def seen(self, tag: Tag) -> Seen:
        """How much of it a person sees."""
        return self._seen.get(id(tag), Seen.HIDDEN)

    def opener(self, tag: Tag) -> Tag | None:
        """What has to be pressed first to see it."""
        return self._openers.get(id(tag))

    def _read_styles(self, sheets: t.Sequence[str]) -> None:
        matcher: Matcher | None = None
        judged: dict[int, tuple[tuple[int, int, int], str]] = {}
        order = 0
        for selectors, style in style_rules(sheets):
            verdict = _judge_style(style)
            if not verdict:
                continue
            matcher = matcher or Matcher(self._document)
            weight = 1 if "!important" in style else 0
            for selector in selectors.split(","):
                order += 1
                for tag in matcher.select(_STATES.sub("", selector)):
                    if _STATES.search(selector):
                        if verdict == "shown":
                            self._sometimes.add(id(tag))
                        continue
                    rank = (weight, _specificity(selector), order)
                    if id(tag) not in judged or judged[id(tag)][0] <= rank:
                        judged[id(tag)] = (rank, verdict)
        self._judged = {key: verdict for key, (_rank, verdict) in judged.items()}

    def _controlled_elements(self) -> dict[str, list[Tag]]:
        """By id or class, what says that it opens or closes that."""
        targets: dict[str, list[Tag]] = {}
        for tag in self._document.tags:
            for name in () if _TARGETS.isdisjoint(tag.attrs) else _TARGETS:
                for target in attribute(tag, name).split():
                    targets.setdefault(target.lstrip("#."), []).append(tag)
            address = attribute(tag, "href") if "href" in tag.attrs else ""
            if len(address) > 1 and address.startswith("#"):
                targets.setdefault(address[1:], []).append(tag)
        return targets

    def _own_visibility(self, tag: Tag) -> str:
        """What the element itself says: never, hidden, offscreen or shown."""
        if tag.name in _NEVER or (tag.name == "noscript" and self._scripts_run):
            return "never"
        if self._scripts_run:
            # What is drawn decides; only that it is not meant to be read cannot be seen there.
            mark = attribute(tag, SEEN_MARK)
            return mark or ("hidden" if attribute(tag, "aria-hidden").lower() == "true" else "shown")
        if tag.name == "dialog" and not tag.has_attr("open"):
            return "hidden"
        if _TELLING.isdisjoint(tag.attrs):
            return self._judged.get(id(tag), "shown")
        if tag.has_attr("hidden") or tag.has_attr("popover") or attribute(tag, "aria-hidden").lower() == "true":
            return "hidden"
        judged = _judge_style(attribute(tag, "style")) or self._judged.get(id(tag))
        return judged or _judge_classes(frozenset(classes(tag)))

    def _judge(self, tag: Tag) -> None:
        own, around = self._own_visibility(tag), id(tag.parent)
        above, opener = self._seen[around], self._openers.get(around)
        if around in self._summaries and tag is not self._summaries[around]:
            above, opener = Seen.REACHABLE, opener or self._summaries[around]
        seen = above
        if own == "never":
            seen, opener = Seen.HIDDEN, None
        elif own == "hidden":
            found = self._find_opener(tag) if above.usable else None
            seen, opener = (Seen.REACHABLE, found) if found is not None else (Seen.HIDDEN, None)
        elif own == "offscreen" and above.usable:
            seen, opener = Seen.OFFSCREEN, None
        self._seen[id(tag)] = seen
        if opener is not None:
            self._openers[id(tag)] = opener
        if tag.name == "details" and not tag.has_attr("open") and seen.usable:
            self._summaries[id(tag)] = next((child for child in tags(tag.children) if child.name == "summary"), None)

    def _find_opener(self, tag: Tag) -> Tag | None:
        for name in (attribute(tag, "id"), *classes(tag)[:1]):
            for candidate in self._targets.get(name, []) if name else []:
                if self._can_be_seen(candidate):
                    return candidate
        for name in attribute(tag, "aria-labelledby").split():
            labelling = self._document.by_id.get(name)
            if labelling is not None and self._can_be_seen(labelling) and _opens_things(labelling):
                return labelling
        looks_like_menu = (
            attribute(tag, "role") in ("menu", "listbox")
            or tag.name in ("ul", "nav", "menu")
            or bool(re.search(r"menu|dropdown|submenu", " ".join(classes(tag))))
        )
        if not looks_like_menu and id(tag) not in self._sometimes:
            return None
        for before in itertools.islice(tag.previous_siblings, _NEAR):
            self._document.effort.check()
            if isinstance(before, Tag) and self._can_be_seen(before):
                inside = [item for item in (before, *self._document.descendants(before)) if _opens_things(item)]
                if inside:
                    return inside[-1]
                if id(tag) in self._sometimes:
                    return before
        parent = tag.parent
        # A menu inside the element that opens it, or beside a wrapped button.
        if parent is None or not self._can_be_seen(parent):
            return None
        return parent if _opens_things(parent) or id(tag) in self._sometimes else None

    def _can_be_seen(self, tag: Tag) -> bool:
        """Whether an element can be seen; one that has not been walked yet can if nothing hides it."""
        if id(tag) in self._seen:
            return self._seen[id(tag)].usable
        return all(
            self._own_visibility(item) == "shown"
            for item in (tag, *tag.parents)
            if isinstance(item, Tag) and item.name != "[document]"
        )


def _judge_classes(named: frozenset[str]) -> str:
    """What the usual style sheets do with an element of these classes: hidden, offscreen or shown."""
    if not named:
        return "shown"
    if named & _HIDING_CLASSES:
        return "hidden"
    if named & _OFFSCREEN_CLASSES:
        return "offscreen"
    needs_more = any(name in named and not shown_with & named for name, shown_with in _SHOWN_WITH.items())
    return "hidden" if needs_more else "shown"


def _specificity(selector: str) -> int:
    return (
        100 * selector.count("#")
        + 10 * (selector.count(".") + selector.count("[") + selector.count(":"))
        + len(re.findall(r"(?:^|[\s>+~])[a-zA-Z]", selector))
    )


def _opens_things(tag: Tag) -> bool:
    if tag.name == "summary" or attribute(tag, "role") in ("button", "menuitem", "tab"):
        return True
    if tag.name == "button":
        return attribute(tag, "type").lower() not in ("submit", "reset") or tag.has_attr("aria-expanded")
    if tag.name == "label":
        return tag.has_attr("for")
    if tag.name == "a":
        address = attribute(tag, "href")
        if not address or address.startswith("#") or address.lower().startswith("javascript:"):
            return True
    return not _OPENING.isdisjoint(tag.attrs)
