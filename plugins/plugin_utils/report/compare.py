# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What changed from one report to the next."""

from __future__ import annotations

import hashlib
import json
import typing as t

from ..base import vocabulary
from ..lab import finding_kinds
from ..lab.gaps import keys_were_read
from ..mturk.status import Status as RequesterStatus
from .model import Comparison, Found, Lab, LabStep, Moved, MovedInEnvironment, MovedKey, Report, StepStatus

Key = tuple[str, str, str]

# The finding that says that not everything was seen.
_INCOMPLETE = "observation_incomplete"


def compare(previous: Report, current: Report) -> Comparison:
    """The differences from C(previous) to C(current).

    Only labs that are in both are compared; the others are listed as new or as no longer in the report. What was not
    looked at has not gone: it is not in the comparison. A lab that has another AWS account than before is listed as
    both: nobody looked at the earlier account's keys.
    """
    before = {lab["lab"]: lab for lab in previous["labs"]}
    after = {lab["lab"]: lab for lab in current["labs"]}
    same = {name for name, lab in after.items() if name in before and may_be_same_account(before[name], lab)}
    pairs = [(before[name], lab) for name, lab in after.items() if name in same]
    found_before, found_after = _findings(old for old, _new in pairs), _findings(new for _old, new in pairs)
    steps_before, steps_after = _next_steps(old for old, _new in pairs), _next_steps(new for _old, new in pairs)
    return Comparison(
        previous_generated=previous["generated"],
        previous_labs=len(before),
        labs_new=[name for name in after if name not in same],
        labs_gone=[name for name in before if name not in same],
        states=[_moved(new, old["state"], new["state"]) for old, new in pairs if old["state"] != new["state"]],
        findings_new=_by_severity(found for key, found in found_after.items() if key not in found_before),
        findings_gone=_by_severity(
            found
            for key, found in found_before.items()
            if key not in found_after and _was_looked_for(found["code"], after[found["lab"]])
        ),
        access_keys=[change for pair in pairs for change in _keys(*pair)],
        requester=[change for pair in pairs for change in _requester(*pair)],
        link=[
            _moved(new, old["link"]["status"], new["link"]["status"])
            for old, new in pairs
            if old["link"]["status"] != new["link"]["status"]
        ],
        balances=[change for pair in pairs for change in _balance(*pair)],
        next_steps_new=[step for key, step in steps_after.items() if key not in steps_before],
        next_steps_done=[
            step
            for key, step in steps_before.items()
            if key not in steps_after and _is_done(step["step"], after[step["lab"]])
        ],
    )


def accounts_gone(previous: Report, current: Report) -> list[str]:
    """The labs of C(previous) whose account C(current) does not have, under whatever name."""
    accounts = {lab["account_id"] for lab in current["labs"] if lab["account_id"]}
    after = {lab["lab"]: lab for lab in current["labs"]}
    return [
        lab["lab"]
        for lab in previous["labs"]
        if lab["account_id"] not in accounts
        and not (lab["lab"] in after and may_be_same_account(lab, after[lab["lab"]]))
    ]


def may_be_same_account(one: Lab, other: Lab) -> bool:
    """Whether two labs of one name are not known to be of two accounts; one that failed early may not know its own."""
    return one["account_id"] == other["account_id"] or not (one["account_id"] and other["account_id"])


def fingerprint(report: Report) -> str:
    """A digest of the report without anything that differs between two runs that saw the same.

    :raises KeyError: or TypeError, AttributeError, ValueError: it is no report.
    """
    essence = _without(report, "generated", "started", "finished", "comparison", "trend", "labs")
    digest = hashlib.sha256(json.dumps(essence, sort_keys=True).encode())
    for lab in report["labs"]:
        look = _without(lab["look"], "looked_at") if lab["look"] else lab["look"]
        seen = {**_without(lab, "started", "finished"), "look": look}
        digest.update(json.dumps(seen, sort_keys=True).encode())
    return digest.hexdigest()


def _without(value: t.Mapping[str, object], *names: str) -> dict[str, object]:
    kept = {**value}
    for name in names:
        del kept[name]
    return kept


def _was_looked_for(code: str, lab: Lab) -> bool:
    """Whether this finding would be there again if its cause were: a lab that was not seen has no findings either."""
    if lab["user"] is None or code in {each["code"] for each in lab["not_looked_for"]}:
        return False
    # An outcome that lists what it did not look for looked for the rest; without a list, nothing is certain.
    return bool(lab["not_looked_for"]) or all(found["code"] != _INCOMPLETE for found in lab["findings"])


def _is_done(step: str, lab: Lab) -> bool:
    """Whether the step is known to be taken: a lab that failed early or was retired has no next steps either."""
    status = next((each["status"] for each in lab["steps"] if each["name"] == step), StepStatus.NOT_RUN)
    if status == StepStatus.CHANGED:
        return not lab["check_mode"]
    # A lab that was retired in the meantime needs no link either, which does not mean that anybody made one.
    user = lab["user"]
    shown = {
        "iam_user": user is not None and user["exists"],
        "access_key": user is not None and user["exists"],
        "requester": any(answer["status"] == RequesterStatus.LINKED for answer in lab["requester"].values()),
        "link": lab["link"]["status"] == "linked",
    }
    return status == StepStatus.OK and shown.get(step, True)


def _findings(labs: t.Iterable[Lab]) -> dict[Key, Found]:
    # Messages name ages and balances, which move every day: the same code about the same key is the same finding.
    return {
        (lab["lab"], finding["code"], finding["access_key_id"]): Found(
            lab=lab["lab"],
            code=finding["code"],
            severity=finding["severity"],
            access_key_id=finding["access_key_id"],
        )
        for lab in labs
        for finding in lab["findings"]
    }


def _next_steps(labs: t.Iterable[Lab]) -> dict[Key, LabStep]:
    return {
        (lab["lab"], step["step"], step["who"]): LabStep(
            lab=lab["lab"], step=step["step"], who=step["who"], text=step["text"]
        )
        for lab in labs
        for step in lab["next_steps"]
    }


def _by_severity(found: t.Iterable[Found]) -> list[Found]:
    return sorted(found, key=lambda finding: finding_kinds.SEVERITIES.index(finding["severity"]))


def _moved(lab: Lab, before: str, after: str) -> Moved:
    return Moved(lab=lab["lab"], before=before, after=after)


def _keys(old: Lab, new: Lab) -> list[MovedKey]:
    if not keys_were_read(old) or not keys_were_read(new):
        return []  # which is no sign that they came or went
    before = {key["access_key_id"]: key["status"] for key in old["access_keys"]}
    after = {key["access_key_id"]: key["status"] for key in new["access_keys"]}
    return [
        MovedKey(lab=new["lab"], access_key_id=key_id, before=before.get(key_id, ""), after=after.get(key_id, ""))
        for key_id in dict.fromkeys([*after, *before])
        if before.get(key_id, "") != after.get(key_id, "")
    ]


def _requester(old: Lab, new: Lab) -> list[MovedInEnvironment]:
    statuses = {
        name: (old["requester"][name]["status"], new["requester"][name]["status"]) for name in vocabulary.ENVIRONMENTS
    }
    return [
        MovedInEnvironment(lab=new["lab"], environment=name, before=before, after=after)
        for name, (before, after) in statuses.items()
        if before != after
    ]


def _balance(old: Lab, new: Lab) -> list[Moved]:
    # The sandbox always answers 10000.00, so only production's money is worth telling.
    before = old["requester"]["production"]["available_balance"]
    after = new["requester"]["production"]["available_balance"]
    if before == after or before is None or after is None:
        return []
    return [_moved(new, before, after)]
