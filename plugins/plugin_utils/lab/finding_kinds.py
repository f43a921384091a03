# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The codes of all findings, with their severities and the words that explain them."""

from __future__ import annotations

import dataclasses

# From the worst on; reports sort by this order.
SEVERITIES = ("critical", "high", "medium", "low", "info")


@dataclasses.dataclass(frozen=True)
class FindingKind:
    """One sort of finding.

    :param severity: one of C(SEVERITIES).
    :param title: a few words, for lists that group labs by finding.
    :param meaning: one sentence on why it matters.
    :param needs: the parts (see C(gaps)) without which nobody can look for it.
    :param undeclared_key: whether it tells of a live key in a state that nobody declared.
    """

    severity: str
    title: str
    meaning: str
    needs: tuple[str, ...] = ()
    undeclared_key: bool = False


CATALOGUE: dict[str, FindingKind] = {
    "unstored_live_key": FindingKind(
        "critical",
        "Live key whose secret nobody stored",
        "The key works, but its secret is not in the store, so it cannot be used, watched or rotated.",
        ("access_keys", "store"),
        undeclared_key=True,
    ),
    "foreign_live_key": FindingKind(
        "high",
        "Live key that the collection did not create",
        "Somebody else holds the secret of a key with this user's rights.",
        ("access_keys", "store"),
        undeclared_key=True,
    ),
    "key_active_service_closed": FindingKind(
        "high",
        "Live key although MTurk does not answer",
        "A long-lived key that nothing can use any more is a risk without a benefit.",
        ("access_keys", "mturk_asked"),
    ),
    "policy_too_wide": FindingKind(
        "high",
        "Policy wider than needed",
        "The user can do more than use Mechanical Turk, and so can its key.",
        ("user", "attached_policies"),
    ),
    "portal_other_key": FindingKind(
        "high",
        "CloudResearch holds another key",
        "CloudResearch uses a key that is not the lab's current one, so retiring the old key would cut the lab off.",
        ("portal",),
    ),
    "portal_dead_key": FindingKind(
        "high",
        "CloudResearch holds a key that does not work",
        "The key is gone from AWS or inactive there, so no study of the lab can reach Mechanical Turk.",
        ("access_keys", "portal"),
    ),
    "live_key_of_other_user": FindingKind(
        "high",
        "Live key of another user of the retired lab",
        "The account has another user with the MTurk policy, and retiring the lab's own user leaves its keys alive.",
        ("other_users",),
        undeclared_key=True,
    ),
    "stored_key_missing_in_aws": FindingKind(
        "high",
        "Stored key that AWS does not know",
        "The secret in the store belongs to a key that no longer exists.",
        ("access_keys", "store"),
    ),
    "key_refused": FindingKind(
        "high",
        "MTurk refuses the key",
        "The key is there, but MTurk does not let it in: the lab cannot work.",
        ("mturk_answer",),
    ),
    "inline_policy": FindingKind(
        "medium",
        "Inline policy on the user",
        "Rights written into the user itself escape reviews of managed policies.",
        ("user", "inline_policies"),
    ),
    "group_membership": FindingKind(
        "medium",
        "User is in a group",
        "Rights that come through a group change whenever somebody changes the group.",
        ("user", "groups"),
    ),
    "console_access": FindingKind(
        "medium",
        "User can sign in to the console",
        "A machine's user with a password is one more way in.",
        ("user", "console_access"),
    ),
    "key_unused": FindingKind(
        "medium",
        "Live key that nobody uses",
        "A key without use is a risk without a benefit.",
        ("access_keys", "last_use"),
    ),
    "key_old": FindingKind(
        "medium",
        "Live key that is too old",
        "The longer a key lives, the more copies of it exist.",
        ("access_keys",),
    ),
    "superseded_key_live": FindingKind(
        "medium",
        "Superseded key still live",
        "A newer key took its place, so the old one should go.",
        ("access_keys", "store"),
    ),
    "requester_not_linked": FindingKind(
        "medium",
        "AWS account not linked to a requester account",
        "Until a person links the two on the web, no key of the lab can reach MTurk.",
        ("mturk_answer",),
    ),
    "low_balance": FindingKind(
        "low", "Balance is low", "Studies stop when the prepaid balance runs out.", ("mturk_answer",)
    ),
    "portal_unproved": FindingKind(
        "low",
        "No proof which key CloudResearch holds",
        "Before anybody retires a key, this has to be known.",
        ("portal",),
    ),
    "key_suspended": FindingKind(
        "info",
        "Suspended key",
        "The key works for nobody and can be made active again until it is deleted.",
        ("access_keys",),
    ),
    "quarantined_key": FindingKind(
        "critical",
        "Key that AWS found in public",
        "Anybody may have its secret, and AWS's quarantine does not keep it from Mechanical Turk.",
        ("principals",),
        undeclared_key=True,
    ),
    "root_key": FindingKind(
        "critical",
        "Access key of root",
        "It may do everything in the account, no policy limits it, and Mechanical Turk takes it.",
        ("principals",),
        undeclared_key=True,
    ),
    "undeclared_key_used": FindingKind(
        "critical",
        "Undeclared key used since the closing",
        "Nobody declared the key, and somebody used it after Mechanical Turk had closed.",
        ("principals",),
        undeclared_key=True,
    ),
    "administrators_key_for_mturk": FindingKind(
        "high",
        "Administrator's key used for Mechanical Turk",
        "A key that is kept with Mechanical Turk scripts gives access to the whole account.",
        ("principals",),
    ),
    "undeclared_live_key": FindingKind(
        "high",
        "Live key with MTurk rights that nobody declared",
        "Somebody holds a key that nobody looks after.",
        ("principals",),
        undeclared_key=True,
    ),
    "undeclared_key_never_used": FindingKind(
        "medium",
        "Undeclared key that was never used",
        "Nobody will miss it, and whoever finds it can use it.",
        ("principals",),
    ),
    "exception_run_out": FindingKind(
        "medium",
        "Exception that ran out",
        "By that day, somebody was to check whether the principal is still needed.",
        ("principals",),
    ),
    "user_with_right_and_no_key": FindingKind(
        "low",
        "User with MTurk rights and no key",
        "Whoever can create keys can create one for it at any time.",
        ("principals",),
    ),
    "observation_incomplete": FindingKind(
        "low", "Not everything could be seen", "What was not seen may hide any of the other findings."
    ),
}
