# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words, names and addresses that more than one part of the collection uses."""

from __future__ import annotations

import datetime
import enum
import re

from .errors import invalid_options

COLLECTION = "labops.cloudresearch"

# The tag that says which IAM users the collection created.
MANAGED_TAG_KEY = "managed-by"
MANAGED_TAG_VALUE = COLLECTION

# The variable by which the inventories tell the role which AWS account a lab is.
ACCOUNT_ID_VARIABLE = "lab_account_aws_account_id"

DEFAULT_USER_NAME = "cloudresearch-mturk"
DEFAULT_ROLE_NAME = "OrganizationAccountAccessRole"
# AWS managed policy reference: allows mechanicalturk:* and nothing else of consequence.
MTURK_POLICY_ARN = "arn:aws:iam::aws:policy/AmazonMechanicalTurkFullAccess"

# The name under which IAM reports uses of MTurk: its signing name (botocore's service model).
MTURK_SERVICE = "mturk-requester"

ENVIRONMENTS = ("production", "sandbox")

# The steps of the flow, in order.
STEPS = ("observe", "iam_user", "access_key", "requester", "link", "retire")


class Operation(enum.StrEnum):
    """What a run over labs is for: the playbooks."""

    ONBOARD = "onboard"
    AUDIT = "audit"
    ROTATE = "rotate"
    SUSPEND = "suspend"
    RETIRE = "retire"


OPERATIONS = tuple(operation.value for operation in Operation)


class OutcomeState(enum.StrEnum):
    """How a lab came out of a run, what needs eyes first coming first."""

    FAILED = "failed"
    #: Something that the run was to look at could not be seen, so nobody can say whether the lab is fine.
    UNKNOWN = "unknown"
    WAITING_FOR_PERSON = "waiting_for_person"
    DRIFTED = "drifted"
    CHANGED = "changed"
    CONVERGED = "converged"


class StepStatus(enum.StrEnum):
    """How one step of the flow came out."""

    OK = "ok"
    CHANGED = "changed"
    SKIPPED = "skipped"
    WAITING = "waiting"
    FAILED = "failed"
    #: What the step is about could not be seen.
    UNKNOWN = "unknown"


class Who(enum.StrEnum):
    """Whose a next step is: somebody's in the lab (at the portal or at MTurk), or the operator's."""

    PERSON = "person"
    OPERATOR = "operator"


class LinkStatus(enum.StrEnum):
    """Which key the lab's CloudResearch account holds, next to the key that it should hold."""

    LINKED = "linked"
    NOT_LINKED = "not_linked"
    OTHER_KEY = "other_key"
    # Something may be linked, and nothing proves what.
    UNKNOWN = "unknown"


LINK_STATUSES = tuple(status.value for status in LinkStatus)

# Where a person links the AWS account to the requester account; there is no API for it (MTurk Getting Started Guide).
REQUESTER_LINK_URLS = {
    "production": "https://requester.mturk.com/developer",
    "sandbox": "https://requestersandbox.mturk.com/developer",
}

# MTurk's closing FAQ (copy of 2026-09-30) and AWS's notices. What a closed MTurk answers is not documented, so these
# dates only ever explain an observation; they never replace one.
CLOSED_TO_NEW_CUSTOMERS = datetime.date(2026, 7, 30)
# No HIT can be submitted from this day on.
CLOSED_FOR_GOOD = datetime.date(2026, 9, 30)
# The last days of approving work and paying bonuses, and of seeing the transaction history.
LAST_APPROVALS = datetime.date(2026, 10, 30)
LAST_HISTORY = datetime.date(2027, 1, 28)

REFUND_NOTICE = "AWS announced refunds of prepaid balances within 30 days; if there was none, ask AWS support."

# Where an operator names a stranger's key that is to go: as the module calls it, and as the role does.
NAMED_FOR_REMOVAL = "remove_foreign_keys (role: lab_account_remove_foreign_keys)"

# What is to be corrected where the store holds no record of a user that is the collection's own.
WHERE_THE_RECORD_IS = "the store's directory, mount or path, or the lab's name in the store"


def is_closed(today: datetime.date) -> bool:
    """Whether the announced day after which no HIT can be submitted has come."""
    return today >= CLOSED_FOR_GOOD


def closing_notice(today: datetime.date) -> str:
    """What AWS announced of MTurk's closing, as it fits C(today), to put behind an observation."""
    if not is_closed(today):
        new = "since" if today >= CLOSED_TO_NEW_CUSTOMERS else "from"
        return (
            f"AWS announced that MTurk takes no new customers {new} {CLOSED_TO_NEW_CUSTOMERS}, "
            f"no new HITs from {CLOSED_FOR_GOOD}, and no approvals or bonuses after {LAST_APPROVALS}."
        )
    approvals = "until" if today <= LAST_APPROVALS else "ended on"
    history = "can be seen until" if today <= LAST_HISTORY else "could be seen until"
    return (
        f"AWS announced that MTurk closed on {CLOSED_FOR_GOOD} (approvals and bonuses {approvals} {LAST_APPROVALS}; "
        f"the transaction history {history} {LAST_HISTORY}). If the lab no longer needs its key, retire it (playbook "
        "labops.cloudresearch.retire)."
    )


def checked_account_id(account_id: str | None) -> str:
    """The id of an AWS account as it is, empty if none is given.

    :raises CollectionError: it is not 12 digits.
    """
    if account_id and not re.fullmatch(r"\d{12}", account_id):
        told = f"{account_id!r} is not the id of an AWS account."
        raise invalid_options(told, "Write the 12 digits in quotes, leading zeros included.", "observe")
    return account_id or ""
