# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What people and operators have to do: checklists of labs, and texts that are ready to send."""

from __future__ import annotations

import dataclasses
import typing as t
import urllib.parse

from ..base import next_command, vocabulary
from ..base.times import moment
from ..base.vocabulary import OutcomeState, Who
from ..lab.shapes import NextStep
from .model import Lab, Report, StepStatus

# Mail programs cut long mailto: addresses; the text to copy has no limit.
_LONGEST_MAIL = 1800


@dataclasses.dataclass(frozen=True)
class Task:
    """The next steps of one lab that are one party's, and the same ready to send."""

    lab: Lab
    steps: list[NextStep]
    text: str
    mail: str


@dataclasses.dataclass(frozen=True)
class Group:
    """Labs with the same next steps.

    :param steps: the steps for all of them together.
    """

    tasks: list[Task]
    steps: list[NextStep]


@dataclasses.dataclass(frozen=True)
class Party:
    """One person with all that is theirs to do, or all labs for which nobody is named.

    :param contact: the person's e-mail address; empty if nobody is named.
    :param mail: an address that opens one mail about all of it; empty if nobody is named.
    """

    contact: str
    groups: list[Group]
    mail: str = ""

    @property
    def tasks(self) -> list[Task]:
        """What is to do, lab by lab."""
        return [task for group in self.groups for task in group.tasks]

    @property
    def departments(self) -> list[str]:
        """The departments of the labs."""
        return sorted({task.lab["department"] for task in self.tasks if task.lab["department"]}, key=str.casefold)


@dataclasses.dataclass(frozen=True)
class Checklist:
    """All labs in which people, or operators, have something to do."""

    who: str
    title: str
    parties: list[Party]

    @property
    def groups(self) -> list[Group]:
        """What is to do, whoever's it is."""
        return [group for party in self.parties for group in party.groups]

    @property
    def labs(self) -> int:
        """How many labs it names."""
        return sum(len(group.tasks) for group in self.groups)


def checklists(report: Report) -> list[Checklist]:
    """The checklists that are not empty."""
    lists = [
        Checklist(Who.PERSON, "For people in the labs", _people(report)),
        Checklist(Who.OPERATOR, "For operators", [Party("", _groups_of_same_steps(report["labs"], Who.OPERATOR))]),
    ]
    return [each for each in lists if each.groups]


def nothing_to_do(report: Report) -> str:
    """What to say where no lab has a next step: only of labs that are well and were seen in full is it good news."""
    labs = report["labs"]
    if not labs:
        return "No lab was in this run, so it is not known what is to be done."
    if any(
        lab["state"] in (OutcomeState.FAILED, OutcomeState.UNKNOWN) or lab["unseen"] or lab["user"] is None
        for lab in labs
    ):
        return "No next step was named, but not everything was seen: see the labs and their steps below."
    if any(lab["findings"] for lab in labs):
        return "No step is left for anybody. What to do about each finding is listed with it, above."
    if any(lab["state"] not in (OutcomeState.CONVERGED, OutcomeState.CHANGED) or _something_left(lab) for lab in labs):
        return "No next step was named, but not every lab is as declared: see the labs and their steps below."
    if report["check_mode"] and any(lab["state"] == OutcomeState.CHANGED for lab in labs):
        return "Nobody has anything to do beyond the run that was predicted here."
    if any(lab["not_looked_for"] for lab in labs):
        return "Nobody has anything to do about what was looked at. What was not looked at is listed above."
    if _keys_outlive_mturk(report):
        return "No step of the flow is left, but live keys are, and MTurk has closed: retire those that nobody needs."
    return "Nobody has anything to do."


def letter(lab: Lab, steps: list[NextStep]) -> str:
    """The next steps of one lab as plain text, ready to send."""
    account = f" (AWS account {lab['account_id']})" if lab["account_id"] else ""
    lines = [f"Lab {lab['lab']}{account}", ""]
    for number, step in enumerate(steps, start=1):
        lines.append(f"{number}. {step['text']}")
        if step["url"]:
            lines.append(f"   {step['url']}")
    return "\n".join(lines)


def mail_address(lab: Lab, text: str) -> str:
    """A mailto: address with subject and text; to nobody when the lab has no contact."""
    return _mail(lab["contact"], f"Next steps for lab {lab['lab']}", text)


def _mail(to: str, subject: str, text: str) -> str:
    body = text if len(text) <= _LONGEST_MAIL else text[:_LONGEST_MAIL] + " ..."
    quoted = urllib.parse.urlencode(
        {"subject": subject, "body": body.replace("\n", "\r\n")},
        quote_via=urllib.parse.quote,
    )
    return f"mailto:{urllib.parse.quote(to, safe='@')}?{quoted}"


def short_address(url: str) -> str:
    """A web address as people say it."""
    parts = urllib.parse.urlsplit(url)
    return (parts.netloc + parts.path).rstrip("/")


def _something_left(lab: Lab) -> bool:
    open_statuses = (StepStatus.FAILED, StepStatus.UNKNOWN, StepStatus.WAITING, StepStatus.TO_DO)
    return bool(lab["drift"]) or any(step["status"] in open_statuses for step in lab["steps"])


def _keys_outlive_mturk(report: Report) -> bool:
    counts = report["summary"]["mturk_keys"]
    left = counts["live"] + counts["not_judged"]
    return left > counts["excepted"] and vocabulary.is_closed(moment(report["generated"]).date())


def _people(report: Report) -> list[Party]:
    """Each person once, those with the most labs first; what is nobody's comes last."""
    by_contact: dict[str, list[Lab]] = {}
    for lab in report["labs"]:
        by_contact.setdefault(lab["contact"].casefold(), []).append(lab)
    parties = [_party(labs[0]["contact"], _groups_of_same_steps(labs, Who.PERSON)) for labs in by_contact.values()]
    found = [party for party in parties if party.groups]
    return sorted(found, key=lambda party: (not party.contact, -len(party.tasks), party.contact.casefold()))


def _party(contact: str, groups: list[Group]) -> Party:
    party = Party(contact, groups)
    if not contact or not groups:
        return party
    text = "\n\n".join(task.text for task in party.tasks)
    return dataclasses.replace(party, mail=_mail(contact, "Next steps for your labs", text))


def _groups_of_same_steps(labs: list[Lab], who: Who) -> list[Group]:
    alike: dict[tuple[tuple[str, str, str], ...], list[Task]] = {}
    for lab in labs:
        steps = [step for step in lab["next_steps"] if step["who"] == who]
        if steps:
            text = letter(lab, steps)
            alike.setdefault(_comparable_steps(lab, steps), []).append(Task(lab, steps, text, mail_address(lab, text)))
    # What many labs need comes first; labs that stand alone keep their order.
    return [_group(tasks) for tasks in sorted(alike.values(), key=lambda tasks: -len(tasks))]


def _comparable_steps(lab: Lab, steps: list[NextStep]) -> tuple[tuple[str, str, str], ...]:
    """Steps that differ only in the lab that a command is limited to, and in its account, are the same."""
    return tuple((step["step"], next_command.for_any(step["text"], lab["account_id"]), step["url"]) for step in steps)


def _group(tasks: list[Task]) -> Group:
    account_id = tasks[0].lab["account_id"]
    alike = zip(*(task.steps for task in tasks), strict=True)
    steps = [{**same[0], "text": next_command.for_all([step["text"] for step in same], account_id)} for same in alike]
    return Group(tasks, t.cast("list[NextStep]", steps))
