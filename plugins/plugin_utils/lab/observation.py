# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything about one lab in one read: what is there, how it differs from what is declared, what a run would do."""

from __future__ import annotations

import concurrent.futures
import dataclasses

from ..aws.connection import AwsConnection
from ..base import times
from ..base.vocabulary import LinkStatus
from ..keys.description import KeyDescription, describe_keys
from ..keys.situation import LinkKnowledge, Situation
from ..store.record import LabRecord
from . import drift, findings
from .declared import Declaration
from .gaps import not_looked_for
from .needed_steps import NeededSteps
from .reading import Reader
from .shapes import Observation

# Threads that read one lab, besides the main one: each opens a connection of its own, and connections cost more than
# the calls that they carry. Labs overlap anyway, by forks.
PARALLEL_READS = 3


def observe(connection: AwsConnection, declared: Declaration, record: LabRecord | None) -> Observation:
    """Read one lab.

    :param record: what the store holds of the lab, None if nothing.
    :raises CollectionError: AWS could not be reached, or it is another account than declared or recorded. What AWS
        refuses to tell, and a store or a portal that cannot be read, is C(unseen) instead, and C(blocked) says whether
        a run can go on without it.
    """
    started = times.now()
    with concurrent.futures.ThreadPoolExecutor(max_workers=PARALLEL_READS) as pool:
        reader = Reader(connection, declared, record, pool)
        reader.read()
    situation = reader.situation()
    link = reader.link(situation)
    situation = dataclasses.replace(
        situation, link=LinkKnowledge(LinkStatus(link["status"]), link["access_key_id"], link["evidence"])
    )
    store_gap = declared.store_error or declared.store_missing
    found_drift = drift.compare(declared.user, reader.user)
    needed = NeededSteps(
        declared,
        situation,
        user=reader.user,
        drift=found_drift,
        requester=reader.requester,
        link=link,
        unseen=reader.unseen,
    )
    lab: Observation = {
        "lab": declared.lab,
        "account_id": reader.account_id,
        "declared_state": str(declared.request.state),
        "started": times.timestamp(started),
        "observed_at": times.timestamp(situation.now),
        "user": reader.user,
        "access_keys": _keys(situation, whose_is_known=not store_gap),
        "other_users": reader.other_users,
        "declared_user": declared.user.user_name,
        "principals": reader.principals,
        "known_principals": list(declared.known_principals),
        "requester": reader.requester,
        "link": link,
        "store": {
            "readable": not store_gap,
            "message": store_gap,
            "access_key_ids": [key.access_key_id for _slot, key in situation.stored],
        },
        # A lab that waits for its day is as declared: its user has to be there.
        "drift": [] if needed.waits_for_its_day else found_drift,
        "thresholds": declared.thresholds.as_mapping(),
        "missing": list(needed.why),
        "why_missing": needed.why,
        "blocked": needed.blocked,
        "plan": [action.in_words() for action in needed.actions],
        "notes": [note.as_dict() for note in needed.plan.notes],
        "unseen": reader.unseen,
        "findings": [],
        "not_looked_for": [],
    }
    lab["findings"] = findings.evaluate(lab, declared.thresholds, started)
    lab["not_looked_for"] = not_looked_for(lab)
    return lab


def _keys(situation: Situation, *, whose_is_known: bool) -> list[KeyDescription]:
    keys = describe_keys(situation)
    if not whose_is_known:
        for key in keys:
            # Whose a key is, and whether it is stored, only the store can tell.
            key["owner"], key["stored"] = "unknown", None
    return keys
