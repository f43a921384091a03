# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What proves which key an account is linked with. Nothing here ever takes a hope for a proof."""

from __future__ import annotations

import dataclasses
import datetime
import re
import typing as t

from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.elements import Page
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.matching import (
    says,
    spoken,
    word_set,
    words,
)
from ansible_collections.labops.cloudresearch.plugins.plugin_utils.portal.page.wording import Wording

LINKED = "linked"
NOT_LINKED = "not_linked"
OTHER_KEY = "other_key"
UNKNOWN = "unknown"

PAGE = "page"
RECORD = "record"
SUBMISSION = "submission"
KEY_USE = "key_use"

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
# Four characters besides the common prefix single out one key among the few that an account ever had.
_ENOUGH = 4
_AMOUNT = re.compile(r"(?:US\s?)?[$\u20ac\u00a3]\s?\d[\d,.]*|\b\d[\d,]*\.\d{2}\b(?:\s?USD)?")
_CLOCK_SLACK = datetime.timedelta(seconds=60)


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
    if said & _PAST or "e.g" in around.lower():
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


@dataclasses.dataclass(frozen=True)
class KeyUse:
    """When AWS says that the key was last used, and when the collection itself last used it.

    :param last_used: C(GetAccessKeyLastUsed)'s C(LastUsedDate), ISO 8601 or a datetime; None if never.
    :param service: its C(ServiceName).
    :param collection_used_at: the collection's own last use, which it records with the key.
    """

    last_used: str | datetime.datetime | None
    service: str = ""
    collection_used_at: str | datetime.datetime | None = None

    def proves_portal_use(self) -> bool:
        """Whether somebody else used the key for MTurk after us, which only CloudResearch can have done."""
        used, ours = _moment(self.last_used), _moment(self.collection_used_at)
        if used is None or ours is None or not self.service.lower().startswith(("mturk", "mechanicalturk")):
            return False
        # AWS's clock and ours need not agree to the second.
        return used > ours + _CLOCK_SLACK


def _moment(value: str | datetime.datetime | None) -> datetime.datetime | None:
    if not value:
        return None
    if isinstance(value, str):
        try:
            value = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            return None
    return value if value.tzinfo else value.replace(tzinfo=datetime.UTC)


# What is known of the key's use, or a way to find out when it matters.
KeyUseSource: t.TypeAlias = "KeyUse | bool | t.Callable[[], KeyUse | bool | None] | None"


def key_use_proves(key_use: KeyUseSource) -> bool:
    """Whether what AWS says about the key's use proves the link."""
    if callable(key_use):
        key_use = key_use()
    return key_use.proves_portal_use() if isinstance(key_use, KeyUse) else bool(key_use)


@dataclasses.dataclass
class LinkState:
    """How an account is linked.

    :param status: C(linked), C(not_linked), C(other_key) or C(unknown).
    :param access_key_id: the linked key's id, as far as known.
    :param evidence: C(page), C(record), C(submission), C(key_use) or empty.
    :param recognised: what was seen on the way, one dict a page, without values.
    :param balance: the MTurk balance that the portal shows, if it does.
    """

    status: str
    access_key_id: str = ""
    evidence: str = ""
    message: str = ""
    next_step: str = ""
    driver: str = ""
    balance: str = ""
    recognised: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    snapshots: list[str] = dataclasses.field(default_factory=list)

    def as_link(self) -> dict[str, str]:
        """The return value C(link)."""
        return {
            "status": self.status,
            "access_key_id": self.access_key_id,
            "evidence": self.evidence,
            "message": self.message,
        }


def judge(
    signs: Signs, access_key_id: str | None, recorded_access_key_id: str | None = None, key_use: KeyUseSource = None
) -> LinkState:
    """What the signs of the link page, our record and AWS together prove about a key.

    :param access_key_id: the key that ought to be linked; None to ask for any.
    :param recorded_access_key_id: the key that an earlier run recorded as linked.
    """
    if not access_key_id:
        return _judge_any(signs, recorded_access_key_id)
    if len(signs.ids) > 1:
        return LinkState(
            UNKNOWN,
            message=f"The page shows several keys ({', '.join(signs.ids)}) and does not say which one is linked.",
        )
    if signs.shows(access_key_id):
        how = "shows this key" if signs.ids else f"shows a key that this one fits ({signs.masked[0].text})"
        return LinkState(LINKED, access_key_id, PAGE, f"The page {how}.")
    if signs.ids:
        return LinkState(OTHER_KEY, signs.ids[0], PAGE, f"The page shows another key, {signs.ids[0]}.")
    compared = [item.compare(access_key_id) for item in signs.masked]
    if compared and not any(item is None or item for item in compared):
        return LinkState(OTHER_KEY, "", PAGE, f"The page shows another key ({signs.masked[0].text}).")
    if signs.not_linked and not signs.linked:
        return LinkState(NOT_LINKED, "", PAGE, "The page says that no key is linked.")
    if recorded_access_key_id == access_key_id:
        return LinkState(
            LINKED,
            access_key_id,
            RECORD,
            "The page does not show the key; an earlier run recorded that this one is linked.",
        )
    if key_use_proves(key_use):
        return LinkState(
            LINKED, access_key_id, KEY_USE,
            "AWS says that the key was used for MTurk after the collection's own last use, which only "
            "CloudResearch can have done.",
        )  # fmt: skip
    if recorded_access_key_id:
        return LinkState(
            OTHER_KEY, recorded_access_key_id, RECORD,
            f"The page does not show the key; an earlier run recorded that {recorded_access_key_id} is linked.",
        )  # fmt: skip
    if signs.linked:
        return LinkState(UNKNOWN, message="The page says that a key is linked, but not which one.")
    return LinkState(NOT_LINKED, "", PAGE, "The page shows no linked key.")


def _judge_any(signs: Signs, recorded: str | None) -> LinkState:
    if len(signs.ids) == 1:
        return LinkState(LINKED, signs.ids[0], PAGE, "The page shows this key.")
    if signs.masked:
        fits = recorded if recorded and signs.masked[0].compare(recorded) else ""
        return LinkState(LINKED, fits, PAGE, f"The page shows a masked key ({signs.masked[0].text}).")
    if signs.not_linked and not signs.linked:
        return LinkState(NOT_LINKED, "", PAGE, "The page says that no key is linked.")
    if signs.linked:
        return LinkState(
            LINKED,
            recorded or "",
            RECORD if recorded else PAGE,
            "The page says that a key is linked, but not which one.",
        )
    if recorded:
        return LinkState(LINKED, recorded, RECORD, "The page does not show the key; an earlier run recorded this one.")
    return LinkState(NOT_LINKED, "", PAGE, "The page shows no linked key.")
