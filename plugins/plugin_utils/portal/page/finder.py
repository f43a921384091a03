# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find on a page what a person would find, or say that it is not there, or there twice."""

from __future__ import annotations

from . import wording as avoid
from .elements import Button, Link, Page
from .key_finder import KeyFinder
from .picking import LOOSELY, ranked
from .sign_in_finder import SignInFinder
from .wording import Phrases

# Words whose continuation does not matter: "Continue to my dashboard".
_BEGINNINGS = ("continue", "skip", "accept", "agree", "proceed")


class Finder(SignInFinder, KeyFinder):
    """Finds things by one wording."""

    def ways_past(self, page: Page, phrases: Phrases, *, typed_too: bool) -> list[tuple[int, Link | Button]]:
        """What leads on from a page in between.

        :param typed_too: whether the button of a form that wants to be filled in counts.
        """
        controls: list[Link | Button] = [link for link in page.links if link.seen.usable]
        for button in page.buttons:
            form = page.form_of(button)
            if typed_too or form is None or not form.fillable:
                controls.append(button)
        beginnings = tuple(phrase for phrase in phrases if phrase in _BEGINNINGS)
        return ranked(controls, phrases, avoid.NOT_GOING_ON, least=LOOSELY, strict=True) or ranked(
            controls, beginnings, avoid.NOT_GOING_ON, least=LOOSELY
        )
