# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an account is linked, and what proves it. What is not proved is not reported as linked."""

from __future__ import annotations

import dataclasses
import datetime

from ...base.vocabulary import LinkStatus
from ..session.visit import PageSeen
from .signs import Signs

# What the evidence is: the page shows the key or said so; an earlier run recorded it; the page took the key without
# an error; AWS saw the key used.
PAGE = "page"
RECORD = "record"
SUBMISSION = "submission"
KEY_USE = "key_use"


@dataclasses.dataclass(frozen=True)
class KnownKey:
    """What is known of the key before anybody looks at the portal.

    :param access_key_id: the key that ought to be linked; empty to ask for any.
    :param recorded_access_key_id: the key that an earlier run recorded as linked, for portals that hide it.
    :param used_by_portal: whether AWS says that the key was used for MTurk after the collection's own last use.
    :param created: when the key was made, if known; a key that is minutes old may not be known everywhere yet.
    """

    access_key_id: str = ""
    secret_access_key: str = dataclasses.field(default="", repr=False)
    recorded_access_key_id: str = ""
    used_by_portal: bool = False
    created: datetime.datetime | None = None


@dataclasses.dataclass
class LinkState:
    """How an account is linked.

    :param access_key_id: the linked key's id, as far as known.
    :param evidence: C(page), C(record), C(submission), C(key_use) or empty.
    :param recognised: what was seen on the way, one entry a page, without values.
    :param driver_reason: why the driver is another than the one that was begun with; empty if it is not.
    :param balance: the MTurk balance that the portal shows, if it does.
    """

    status: LinkStatus
    evidence: str = ""
    message: str = ""
    access_key_id: str = ""
    next_step: str = ""
    driver: str = ""
    driver_reason: str = ""
    balance: str = ""
    recognised: list[PageSeen] = dataclasses.field(default_factory=list)
    snapshots: list[str] = dataclasses.field(default_factory=list)

    def as_link(self) -> dict[str, str]:
        """The return value C(link), of plain strings."""
        return {
            "status": self.status.value,
            "access_key_id": self.access_key_id,
            "evidence": self.evidence,
            "message": self.message,
        }


@dataclasses.dataclass
class LinkResult:
    """What was done about the link.

    :param changed: whether something was submitted, or in check mode would be.
    :param link: the state now (in check mode: as it would be).
    :param before: the state found.
    :param waiting_for_person: whether a person has to do the rest; C(link.next_step) says what.
    """

    changed: bool
    link: LinkState
    before: LinkState
    waiting_for_person: bool = False

    @classmethod
    def unchanged(
        cls, found: LinkState, *, message: str = "", next_step: str = "", waiting_for_person: bool = False
    ) -> LinkResult:
        """Nothing was done; what to say of the state besides."""
        state = dataclasses.replace(found, message=message or found.message, next_step=next_step or found.next_step)
        return cls(False, state, found, waiting_for_person)

    def diff(self) -> dict[str, dict[str, str]]:
        """Before and after, without secrets."""
        return {
            when: {"status": state.status.value, "access_key_id": state.access_key_id}
            for when, state in (("before", self.before), ("after", self.link))
        }


def judge(signs: Signs, key: KnownKey) -> LinkState:
    """What the signs of the link page, our record and AWS together prove about a key."""
    state = _judge_one(signs, key) if key.access_key_id else _judge_any(signs, key.recorded_access_key_id)
    state.balance = signs.balance
    return state


def judge_unseen(key: KnownKey) -> LinkState:
    """What is known without asking the portal; never C(not_linked), because nobody looked."""
    wanted, recorded = key.access_key_id, key.recorded_access_key_id
    if wanted and (recorded == wanted or key.used_by_portal):
        return _judge_one(Signs(), key)
    if wanted and recorded:
        return LinkState(LinkStatus.OTHER_KEY, RECORD, f"An earlier run recorded that {recorded} is linked.", recorded)
    return LinkState(LinkStatus.UNKNOWN, "", "The portal was not looked at, and there is no other evidence.")


def _judge_one(signs: Signs, key: KnownKey) -> LinkState:
    wanted, recorded = key.access_key_id, key.recorded_access_key_id
    if len(signs.ids) > 1:
        told = f"The page shows several keys ({', '.join(signs.ids)}) and does not say which one is linked."
        return LinkState(LinkStatus.UNKNOWN, "", told)
    if signs.shows(wanted):
        how = "shows this key" if signs.ids else f"shows a key that this one fits ({signs.masked[0].text})"
        return LinkState(LinkStatus.LINKED, PAGE, f"The page {how}.", wanted)
    if signs.ids:
        return LinkState(LinkStatus.OTHER_KEY, PAGE, f"The page shows another key, {signs.ids[0]}.", signs.ids[0])
    compared = [item.compare(wanted) for item in signs.masked]
    if compared and not any(item is None or item for item in compared):
        return LinkState(LinkStatus.OTHER_KEY, PAGE, f"The page shows another key ({signs.masked[0].text}).")
    if signs.not_linked and not signs.linked:
        return LinkState(LinkStatus.NOT_LINKED, PAGE, "The page says that no key is linked.")
    hidden = "The page does not show the key; an earlier run recorded that"
    if recorded == wanted:
        return LinkState(LinkStatus.LINKED, RECORD, f"{hidden} this one is linked.", wanted)
    if key.used_by_portal:
        told = (
            "AWS says that the key was used for MTurk after the collection's own last use, which only CloudResearch "
            "can have done."
        )
        return LinkState(LinkStatus.LINKED, KEY_USE, told, wanted)
    if recorded:
        return LinkState(LinkStatus.OTHER_KEY, RECORD, f"{hidden} {recorded} is linked.", recorded)
    if signs.linked:
        return LinkState(LinkStatus.UNKNOWN, "", "The page says that a key is linked, but not which one.")
    return LinkState(LinkStatus.NOT_LINKED, PAGE, "The page shows no linked key.")


def _judge_any(signs: Signs, recorded: str) -> LinkState:
    if len(signs.ids) == 1:
        return LinkState(LinkStatus.LINKED, PAGE, "The page shows this key.", signs.ids[0])
    if signs.masked:
        masked = signs.masked[0]
        fits = recorded if recorded and masked.compare(recorded) else ""
        return LinkState(LinkStatus.LINKED, PAGE, f"The page shows a masked key ({masked.text}).", fits)
    if signs.not_linked and not signs.linked:
        return LinkState(LinkStatus.NOT_LINKED, PAGE, "The page says that no key is linked.")
    if signs.linked:
        told = "The page says that a key is linked, but not which one."
        return LinkState(LinkStatus.LINKED, RECORD if recorded else PAGE, told, recorded)
    if recorded:
        told = "The page does not show the key; an earlier run recorded this one."
        return LinkState(LinkStatus.LINKED, RECORD, told, recorded)
    return LinkState(LinkStatus.NOT_LINKED, PAGE, "The page shows no linked key.")
