# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The error for a page that is not as expected, which tells what a person could use there instead."""

from __future__ import annotations

import typing as t

from ..errors import PortalError, Reason
from .elements import Page
from .sought import Sought

_MOST_LISTED = 12


class PageChanged(PortalError):
    """A thing was not found, or found more than once.

    :param found: what was there instead; by default, all that a person could use.
    :param needs_javascript: whether the page seems to draw itself, so that a browser would see more.
    :param ambiguous: whether the thing was there more than once.
    """

    def __init__(
        self,
        page: Page,
        sought: Sought,
        *,
        found: t.Sequence[str] = (),
        needs_javascript: bool = False,
        ambiguous: bool = False,
        why: str = "",
    ) -> None:
        thing, setting = sought.thing, sought.setting
        self.needs_javascript = needs_javascript
        self.ambiguous = ambiguous
        there = list(found) or describe(page)
        where = f'the page "{page.title}" ({page.place})' if page.title else f"the page {page.place}"
        listed = "; ".join(there) or "nothing that a person could use"
        # What was wrong, without what was there instead.
        self.problem = f"{why or f'No {thing} was found'} on {where}"
        if ambiguous:
            message = f"There is more than one {thing} on {where}: {listed}."
        else:
            message = f"{self.problem}. Found instead: {listed}."
        steps = []
        if needs_javascript:
            steps.append(
                "The page needs a browser, as JavaScript draws it: use driver=browser (needs Playwright and Chromium)."
            )
        if setting:
            told = f"which {thing} is meant" if ambiguous else f"what the {thing} is called now"
            words = "the heading or label of the right one" if setting.endswith("_form") else "the words on the page"
            steps.append(
                f'Look at the page in a browser, then tell the module {told}: portal: {{{setting}: ["{words}"]}}.'
            )
        super().__init__(
            Reason.PAGE_CHANGED,
            message,
            next_step=" ".join(steps) or "Look at the page in a browser and report what has changed.",
            details={
                "page_changed": {
                    "thing": thing,
                    "setting": setting,
                    "title": page.title,
                    "address": page.place,
                    "found": there,
                    "ambiguous": ambiguous,
                    "needs_javascript": needs_javascript,
                }
            },
        )


def describe(page: Page) -> list[str]:
    """What a person could use on a page, for messages; values are never shown."""
    found = [f'field "{field.label}"' for form in page.forms for field in form.fillable]
    found += [f'button "{button.label}"' for button in page.buttons]
    found += [f'link "{link.label}"' for link in page.links if link.seen.usable]
    found = [_shortened(item) for item in dict.fromkeys(found)]
    if not found:
        found = [f'heading "{_shortened(heading)}"' for heading in page.headings] or [
            f'text "{_shortened(block)}"' for block in page.blocks[:3]
        ]
    found += [f'not loaded: "{host}"' for host in page.blocked]
    more = len(found) - _MOST_LISTED
    return found[:_MOST_LISTED] + ([f"and {more} more"] if more > 0 else [])


def _shortened(text: str) -> str:
    return text if len(text) <= 100 else text[:97] + "..."
