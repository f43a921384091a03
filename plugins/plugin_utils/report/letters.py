# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One letter a person, about their labs, ready to be sent: nothing is sent from here.

The readers know their labs and their studies, and neither Ansible nor IAM.
"""

from __future__ import annotations

import datetime
import email.message
import email.policy
import email.utils
import hashlib
import re

from ..base import vocabulary
from ..base.times import moment
from ..base.vocabulary import Who
from . import key_counts, labels
from .evidence_shapes import AccountKey
from .model import Lab, Report

DIRECTORY = "letters"

# The first header, by which a later report knows the letters of an earlier one from other people's files.
MARK = "X-Labops-Cloudresearch-Report"

_REQUESTER_SITE = "https://requester.mturk.com"
_PLAIN = re.compile(r"[^A-Za-z0-9.-]+")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def letters(report: Report) -> dict[str, bytes]:
    """The letters by their files' names, as MIME messages (RFC 5322) without a sender.

    Labs without a contact, and labs that leave their people nothing to know or to do, are in none.
    """
    by_person: dict[str, list[Lab]] = {}
    for lab in report["labs"]:
        if lab["contact"] and _concerns_people(lab):
            by_person.setdefault(lab["contact"].casefold(), []).append(lab)
    return {file_name(labs[0]["contact"]): _message(labs, report) for labs in by_person.values()}


def without_address(report: Report) -> list[str]:
    """The labs that would be in a letter, if anybody had said to whom it goes."""
    return [lab["lab"] for lab in report["labs"] if not lab["contact"] and _concerns_people(lab)]


def file_name(address: str) -> str:
    """The name of a person's letter: readable, and never another person's."""
    folded = address.casefold()
    readable = _PLAIN.sub("_", folded).strip("._")[:80]
    return f"{readable}-{hashlib.sha256(folded.encode()).hexdigest()[:8]}.eml"


def _message(labs: list[Lab], report: Report) -> bytes:
    written = moment(report["generated"])
    message = email.message.EmailMessage(policy=email.policy.SMTP)
    message[MARK] = report["generated"]
    message["To"] = labs[0]["contact"]
    message["Subject"] = f"Amazon Mechanical Turk access of {_in_words(labs)}"
    message["Date"] = email.utils.format_datetime(written)
    message["X-Unsent"] = "1"  # mail programs open it as a draft
    # Encoded, so that no line is too long for a mail server, and every one comes out as it was written.
    message.set_content("\n".join(_body(labs, written.date())) + "\n", cte="quoted-printable")
    return message.as_bytes()


def _body(labs: list[Lab], today: datetime.date) -> list[str]:
    lines = ["Dear colleague,", "", *_what_happened(today), ""]
    for lab in labs:
        account = f" (AWS account {lab['account_id']})" if lab["account_id"] else ""
        lines += [f"{lab['lab']}{account}", "-" * len(lab["lab"])]
        lines += [f"* {sentence}" for sentence in _what_was_found(lab, today)]
        steps = [step for step in lab["next_steps"] if step["who"] == Who.PERSON]
        if steps:
            lines.append("What we ask you to do:")
        for number, step in enumerate(steps, start=1):
            lines.append(f"{number}. {_without_commands(step['text'])}")
            if step["url"]:
                lines.append(f"   {step['url']}")
        lines.append("")
    lines += _dates(today)
    lines += [
        "If something still needs this access, please answer this letter and say what it is. Otherwise you need not do",
        "anything about the keys: we take them out of service.",
    ]
    return lines


def _what_happened(today: datetime.date) -> list[str]:
    if not vocabulary.is_closed(today):
        return [
            f"Amazon Mechanical Turk closes on {labels.day(vocabulary.CLOSED_FOR_GOOD)}.",
            "This is about your access to it.",
        ]
    return [
        f"Amazon Mechanical Turk closed on {labels.day(vocabulary.CLOSED_FOR_GOOD)}. Access keys that were made for it",
        "may still be valid, and CloudResearch may hold copies of them. Here is what we found.",
    ]


def _what_was_found(lab: Lab, today: datetime.date) -> list[str]:
    found = [_about_key(key) for key in _live_mturk_keys(lab)]
    balance = _balance_left(lab)
    if balance:
        left = f"{balance} US dollars are left in the Mechanical Turk account."
        found.append(f"{left} {vocabulary.REFUND_NOTICE}" if vocabulary.is_closed(today) else left)
    return found


def _about_key(key: AccountKey) -> str:
    if not key["last_use_known"]:
        used = "we could not see when it was last used"
    elif key["last_used"]:
        used = f"it was last used on {labels.day(moment(key['last_used']).date())}"
    else:
        used = "it was never used"
    return f"The access key {key['access_key_id'] or 'of the root user'} can use Mechanical Turk and is active; {used}."


def _without_commands(text: str) -> str:
    """The text without sentences that only operators can follow."""
    sentences = _SENTENCE_END.split(text)
    return " ".join(sentence for sentence in sentences if "labops." not in sentence and "ansible" not in sentence)


def _dates(today: datetime.date) -> list[str]:
    if today > vocabulary.LAST_HISTORY:
        return []
    return [
        f"Until {labels.day(vocabulary.LAST_HISTORY)} the transaction history can be seen at {_REQUESTER_SITE}.",
        "Please save what your accounting or a grant needs before that day.",
        "",
    ]


def _concerns_people(lab: Lab) -> bool:
    asked = any(step["who"] == Who.PERSON for step in lab["next_steps"])
    return asked or bool(_live_mturk_keys(lab)) or bool(_balance_left(lab))


def _live_mturk_keys(lab: Lab) -> list[AccountKey]:
    """Those that are to go: not what the inventory says may stay."""
    return [key for key in lab["account_keys"] if key_counts.is_live(key) and not key["exception"]]


def _balance_left(lab: Lab) -> str:
    """What is left in production, in US dollars; empty for nothing, or where nobody knows."""
    amount = lab["requester"]["production"]["available_balance"] or ""
    return amount if amount.strip("-0.") else ""


def _in_words(labs: list[Lab]) -> str:
    return f"lab {labs[0]['lab']}" if len(labs) == 1 else f"{len(labs)} labs"
