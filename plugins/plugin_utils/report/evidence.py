# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page to print: which keys with MTurk rights are left, and what shows that there are no others.

An account has none left only where somebody looked at all of it and found none. Whatever was not looked at, or could
not be read, is said.
"""

from __future__ import annotations

import dataclasses
import enum

from ..aws.principals.shapes import Right
from ..base import vocabulary
from . import key_counts, labels, page
from .evidence_shapes import AccountKey, AccountKeyStatus
from .labels import Label
from .model import Lab, Report

NOT_LOOKED = "Nobody looked at all users of the account in this run."


class Verdict(enum.StrEnum):
    """What is known of the keys that an account has left, the worst coming first."""

    LEFT = "left"
    NOT_KNOWN = "not_known"
    NONE_LEFT = "none_left"


VERDICTS = {
    Verdict.LEFT: Label("left", "bad"),
    Verdict.NOT_KNOWN: Label("not known", "unseen"),
    Verdict.NONE_LEFT: Label("none left", "good"),
}


@dataclasses.dataclass(frozen=True)
class Account:
    """What the page says of one account.

    :param lab: the lab whose look at the account tells most.
    :param labs: the names of all labs that have the account.
    :param gone: its deleted keys.
    :param left: keys that can call MTurk, or may be able to. Suspended ones count: they can be active again.
    :param excepted: those of them that the inventory says may be there.
    :param gaps: what was not looked at or could not be read, in sentences.
    """

    lab: Lab
    labs: list[str]
    gone: list[AccountKey]
    left: list[AccountKey]
    excepted: list[AccountKey]
    gaps: list[str]

    @property
    def verdict(self) -> Verdict:
        """What is known of the keys that are left."""
        return Verdict.LEFT if self.left else Verdict.NOT_KNOWN if self.gaps else Verdict.NONE_LEFT

    @property
    def label(self) -> Label:
        """The verdict's word and tone."""
        return VERDICTS[self.verdict]


def to_html(report: Report) -> bytes:
    """The page in UTF-8. The same report always gives the same page."""
    style = page.asset("evidence.css")
    found = accounts(report)
    return page.rendered(
        "evidence.html.j2",
        report=report,
        style=style,
        policy=f"default-src 'none'; style-src '{page.digest(style)}'; base-uri 'none'; form-action 'none'",
        headline=headline(found),
        accounts=found,
        gone=[(account.lab, key) for account in found for key in account.gone],
        changes=[(lab, change) for lab in report["labs"] for change in lab["changes"]],
        made_by=vocabulary.COLLECTION,
    )


def accounts(report: Report) -> list[Account]:
    """All accounts of the report, the worst first."""
    found = [_account(labs) for labs in key_counts.by_account(report["labs"])]
    return sorted(found, key=lambda account: list(Verdict).index(account.verdict))


def _account(labs: list[Lab]) -> Account:
    best = min(labs, key=lambda lab: (lab["look"] is None, bool(_unread_parts(lab)), lab["user"] is None))
    keys = key_counts.keys_of(labs)
    there = [key for key in keys if _is_left(key)]
    return Account(
        best,
        [lab["lab"] for lab in labs],
        [key for key in keys if _is_gone(key)],
        [key for key in there if not key["exception"]],
        [key for key in there if key["exception"]],
        _unread_parts(best),
    )


def headline(found: list[Account]) -> str:
    """The page in one sentence."""
    if not found:
        return "No account was looked at"
    excepted = sum(len(account.excepted) for account in found)
    but = f", but for {labels.count(excepted, 'declared exception')}" if excepted else ""
    keys = [key for account in found for key in account.left]
    with_keys = sum(1 for account in found if account.left)
    unknown = sum(1 for account in found if account.gaps)
    seen = f"{labels.count(unknown, 'account was', 'accounts were')} not seen in full" if unknown else ""
    if not keys:
        looked = labels.count(len(found), "account was", "accounts were")
        return f"None left{but}: {looked} looked at in full" if not seen else f"None found{but}, but {seen}"
    live = sum(1 for key in keys if key["status"] == AccountKeyStatus.ACTIVE)
    parts = [f"{live:,} live", f"{len(keys) - live:,} suspended"] if len(keys) > live else [f"{live:,} live"]
    left = f"{labels.count(len(keys), 'key is', 'keys are')} left in {labels.count(with_keys, 'account')}"
    return f"{left} ({labels.listed(parts)}){f'; {seen}' if seen else ''}"


def _is_gone(key: AccountKey) -> bool:
    return key["status"] == AccountKeyStatus.DELETED


def _is_left(key: AccountKey) -> bool:
    if _is_gone(key) or key["mturk_right"] == Right.NO:
        return False
    # A right that nobody could judge counts where the key works, or may work.
    return key["mturk_right"] == Right.YES or key["status"] != AccountKeyStatus.INACTIVE


def _unread_parts(lab: Lab) -> list[str]:
    look = lab["look"]
    if look is None:
        return [NOT_LOOKED]
    gaps = [f"{each['what']}: {each['reason']}" for each in look["unread"]]
    return gaps if gaps or look["complete"] else ["Not everything in the account could be read."]
