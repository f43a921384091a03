# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a lab's IAM user differs from what its inventory declares.

Drift is about the declared user only. What is wrong whatever anybody declares is a finding (see C(findings)), and
which steps a run would take is for the observation to say.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ..aws import iam_user
from ..base import vocabulary
from ..base.next_command import playbook_command
from .shapes import DriftEntry

# Codes of what the user has too much of begin with this; the rest is a word of C(iam_user.EXCESS_KINDS).
EXCESS_PREFIX = "extra_"


@dataclasses.dataclass(frozen=True)
class Declared:
    """What the inventory says about one lab's user.

    :param state: V(present), V(suspended) or V(absent).
    :param tags: tags that the user carries, besides the one that marks it as the collection's.
    """

    lab: str
    state: str = "present"
    user_name: str = vocabulary.DEFAULT_USER_NAME
    policy_arn: str = vocabulary.MTURK_POLICY_ARN
    tags: t.Mapping[str, str] = dataclasses.field(default_factory=dict)


def compare(declared: Declared, observed_user: iam_user.UserDescription | None) -> list[DriftEntry]:
    """The differences between the declared and the observed user, as C(code), C(message) and C(next_step).

    :param observed_user: RV(labops.cloudresearch.lab_account_info#module:lab_account.user); None when it could not be
        read, which is no drift: nothing was observed.
    """
    # A suspension is about keys only; what the user has besides is a finding.
    if observed_user is None or declared.state == "suspended":
        return []
    if declared.state == "absent":
        return _should_be_gone(declared, observed_user)
    onboard = playbook_command("onboard", declared.lab)
    name = declared.user_name
    if not observed_user["exists"]:
        return [_entry("user_missing", f"User {name} does not exist.", f"Create it: {onboard}.")]
    drift: list[DriftEntry] = []
    attached = observed_user["attached_policies"]
    if declared.policy_arn and attached is not None and declared.policy_arn not in attached:
        drift.append(
            _entry("policy_missing", f"User {name} lacks the policy {declared.policy_arn}.", f"Attach it: {onboard}.")
        )
    if not observed_user["managed"]:
        drift.append(
            _entry(
                "user_not_managed",
                f"User {name} lacks the tag {vocabulary.MANAGED_TAG_KEY}={vocabulary.MANAGED_TAG_VALUE}: the "
                "collection did not create it.",
                f"If the lab may adopt it, set lab_account_adopt_existing_user: true and run {onboard}.",
            )
        )
    tags = observed_user["tags"]
    for key, value in sorted(declared.tags.items()):
        if key not in tags:
            drift.append(_entry("tag_missing", f"User {name} lacks the tag {key}.", f"Set it: {onboard}."))
        elif tags[key] != value:
            drift.append(
                _entry("tag_differs", f"The tag {key} of user {name} has another value.", f"Set it: {onboard}.")
            )
    for kind, names in iam_user.excess(observed_user, declared.policy_arn).items():
        drift.append(
            _entry(
                f"{EXCESS_PREFIX}{kind}",
                f"User {name} has {kind.replace('_', ' ')} that nobody declared: {', '.join(names)}.",
                f"If nobody needs it, name {kind} in lab_account_remove_drift and run {onboard}.",
            )
        )
    return drift


def _should_be_gone(declared: Declared, observed_user: iam_user.UserDescription) -> list[DriftEntry]:
    if not observed_user["exists"]:
        return []
    return [
        _entry(
            "user_not_retired",
            f"User {declared.user_name} still exists, although the lab is declared absent.",
            f"Retire it: {playbook_command('retire', declared.lab)}.",
        )
    ]


def _entry(code: str, message: str, next_step: str) -> DriftEntry:
    return {"code": code, "message": message, "next_step": next_step}
