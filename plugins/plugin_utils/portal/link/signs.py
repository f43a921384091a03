# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a page says about the link: key ids, whole or masked, statements, a balance."""

from __future__ import annotations

import dataclasses
import re

from ..page.elements import Page
from ..page.matching import says, spoken, word_set, words
from ..page.wording import Wording

_KEY_ID = re.compile(r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{12,28}(?![A-Za-z0-9])")
_DOTS = r"[*\u2022\u25cf\u2219\u00b7\u2026\u2024\u22c5\u25e6xX.#_\u2012-\u2015-]"
_MASKED = re.compile(
    rf"(?<![A-Za-z0-9])((?:AKIA|ASIA)[A-Z0-9]{{0,8}})?({_DOTS}(?:\s?{_DOTS}){{2,}}|[\u2026])\s?([A-Z0-9]{{2,10}})?(?![A-Za-z0-9])"
)
_ENDING = re.compile(
    r"(?i:\b(?:ending|ends|end)\s+(?:in|with)|\blast\s+(?:four|4)(?:\s+\w+){0,3}?)\s*:?\s*[\"'\u201c(]?([A-Z0-9]{2,10})\b"
)
# A few hidden characters of a secret, a card or a telephone number say nothing about the key's id.
_OTHER_MATTERS = word_set("secret card visa mastercard amex paypal phone mobile bank billing invoice payment")
_PAST = word_set(
    "previous previously old former formerly past history removed revoked deactivated deleted replaced retired expired "
    "unlinked example sample placeholder"
)
# What is only intended proves nothing: "You are about to link AKIA...".
_INTENDED = re.compile(r"\b(?:about|going|want|ready|like)\s+to\b|\bwill\s+be\b|\bto\s+be\s+linked\b", re.IGNORECASE)
# Four characters besides the common prefix single out one key among the few that an account ever had.
_ENOUGH = 4
_AMOUNT = re.compile(r"(?:US\s?)?[$\u20ac\u00a3]\s?\d[\d,.]*|\b\d[\d,]*\.\d{2}\b(?:\s?USD)?")


@dataclasses.dataclass(frozen=True)
class Masked:
    """A key id of which a page shows the ends only."""

    text: str
    begins: str
    ends: str

    def compare(self, access_key_id: str) -> bool | None:
        """Whether it is this key: True, False, or None if too little is shown to tell."""
        begins, ends = self.begins, self.ends
        if not access_key_id.startswith(begins) or not access_key_id.endswith(ends):
            return False
        shown = len(ends) + max(0, len(begins) - len("AKIA"))
        return True if shown >= _ENOUGH else None


@dataclasses.dataclass
class Signs:
    """What a page says about the link.

    :param ids: key ids that it shows as the present one.
    :param linked: whether it says that something is linked, or shows an MTurk balance.
    :param not_linked: whether it says that nothing is linked.
    """

    ids: list[str] = dataclasses.field(default_factory=list)
    masked: list[Masked] = dataclasses.field(default_factory=list)
    linked: bool = False
    not_linked: bool = False
    balance: str = ""

    def shows(self, access_key_id: str) -> bool:
        """Whether the page shows this key as the linked one, and no other."""
        if self.ids:
            return access_key_id in self.ids and len(self.ids) == 1
        return bool(self.masked) and all(item.compare(access_key_id) for item in self.masked)

    def shows_another(self, access_key_id: str) -> bool:
        """Whether the page shows another key than this one as the linked one."""
        if self.ids:
            return access_key_id not in self.ids
        return any(item.compare(access_key_id) is False for item in self.masked)


def read_signs(page: Page, wording: Wording, *, editable_values: bool = True) -> Signs:
    """Read a page of a signed-in account.

    :param editable_values: whether what stands in the form's fields is the portal's; right behind a submission it is
        only an echo.
    """
    signs = Signs()
    blocks = list(page.blocks)
    before = ["", "", *blocks]
    for position, block in enumerate(blocks):
        around = f"{before[position + 1]} . {block}"
        if says(block, wording.not_linked_notice, gap=1):
            signs.not_linked = True
            continue
        if says(block, wording.error_notice, gap=1) and _KEY_ID.search(block):
            continue
        if says(block, wording.linked_notice, gap=1):
            signs.linked = True
        _read_ids(block, around, f"{before[position]} . {around}", signs)
        label = says(block, wording.balance_label, gap=1) or (
            len(before[position + 1]) < 60 and says(before[position + 1], wording.balance_label, gap=1)
        )
        amount = _AMOUNT.search(block)
        if label and amount and not signs.balance:
            signs.balance = amount[0]
    if editable_values:
        for name, value in page.shown_values:
            _read_ids(value, f"{name} . {value}", f"key {name}", signs)
    signs.ids = list(dict.fromkeys(signs.ids))
    if signs.balance or signs.ids or signs.masked:
        signs.linked = True
    return signs


def _read_ids(text: str, around: str, wider: str, signs: Signs) -> None:
    said = set(spoken(around))
    if said & _PAST or "e.g" in around.lower() or _INTENDED.search(around):
        return
    full = [found for found in _KEY_ID.findall(text) if not found.endswith("EXAMPLE")]
    signs.ids += full
    if full or said & _OTHER_MATTERS:
        return
    about = set(words(wider))
    if not about & {"key", "mturk", "link", "credential", "akia"}:
        return
    for match in _MASKED.finditer(text):
        begins, ends = match[1] or "", match[3] or ""
        # A row of dots with nothing at its ends, or a word behind an ellipsis, is no key.
        if (begins or re.search(r"\d|^[A-Z]+$", ends)) and (begins or ends):
            signs.masked.append(Masked(match[0].strip(), begins, ends))
    if not signs.masked:
        ending = _ENDING.search(text)
        if ending:
            signs.masked.append(Masked(ending[0].strip(), "", ending[1]))
