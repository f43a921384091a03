# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run did with a lab's keys, or would do."""

from __future__ import annotations

import dataclasses
import datetime

from ..base import times
from ..mturk.proof import KeyProof
from .actions import DEACTIVATIONS, DELETIONS, Action, ActionKind, Note, Stop
from .changes import KeyChange
from .description import RetiredKey, describe_retired
from .situation import Situation


@dataclasses.dataclass(frozen=True)
class KeyOutcome:
    """What a run did with a lab's keys, or would do.

    :param actions: in the order in which they were done.
    :param at: when each of them was done; empty for what is only foreseen.
    :param before: and C(after): the situation at the start and at the end.
    :param changes: of keys, as AWS confirmed them; empty for what is only foreseen.
    :param stop: why the requested state was not reached (only foreseen ones, in check mode; a run raises).
    """

    actions: tuple[Action, ...]
    before: Situation
    after: Situation
    notes: tuple[Note, ...]
    proof: KeyProof | None = None
    stop: Stop | None = None
    at: tuple[datetime.datetime, ...] = ()
    changes: tuple[KeyChange, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything was changed, or would be; that a key was found gone changes nothing."""
        return any(action.kind != ActionKind.FOUND_GONE for action in self.actions)

    def retired_keys(self) -> list[RetiredKey]:
        """The keys that were deactivated or deleted, or would be, in the order in which that began."""
        moments: list[str | None] = [times.timestamp(moment) for moment in self.at] or [None] * len(self.actions)
        retired: dict[str, RetiredKey] = {}
        for action, moment in zip(self.actions, moments, strict=True):
            if action.kind not in DEACTIVATIONS and action.kind not in DELETIONS:
                continue
            key_id = action.access_key_id
            if key_id not in retired:
                retired[key_id] = describe_retired(self.before, key_id)
            retired[key_id]["deleted" if action.kind in DELETIONS else "deactivated"] = True
            retired[key_id]["deleted_at" if action.kind in DELETIONS else "deactivated_at"] = moment
        return list(retired.values())
