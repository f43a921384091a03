# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the plan: which key is suspended, made active again, or found to be suspended no more."""

from __future__ import annotations

import typing as t

from ..aws.iam_keys import IamKey
from . import suspension
from .actions import Action, ActionKind, Stop
from .situation import Situation, UserOwner


def suspend(situation: Situation) -> Action | Stop | None:
    """Switch off the next key that is the collection's, or that the operator named, and record the date."""
    for key in _to_suspend(situation):
        if situation.suspension(key):
            continue
        if suspension.tag_key(key.access_key_id) not in situation.tags and _tags_are_full(situation):
            return _no_room_for_tag(key)
        if key.active:
            return Action(ActionKind.SUSPEND, key.access_key_id, why="which can be made active again")
        return Action(ActionKind.NOTE_INACTIVE, key.access_key_id, why="which somebody else deactivated")
    return None


def suspend_to_retire(situation: Situation) -> Action | Stop | None:
    """The same, where keys are to be suspended for some days before they are deleted."""
    return suspend(situation) if situation.request.suspends else None


def activate(situation: Situation) -> Action | None:
    """Switch on the next key that the collection suspended."""
    given_up = situation.request.remove_foreign_keys & {key.access_key_id for key in situation.foreign}
    for key in situation.keys:
        suspended = situation.suspension(key)
        if suspended and suspended.by_us and key.access_key_id not in given_up:
            return Action(ActionKind.ACTIVATE, key.access_key_id, why=f"which was suspended on {suspended.at:%Y-%m-%d}")
    return None


def forget(situation: Situation) -> Action | None:
    """Remove the next tag of a key that is active, or gone."""
    for key_id in suspension.tagged_key_ids(situation.tags):
        key = situation.iam_key(key_id)
        if key is None or key.active:
            why = "which is active" if key else "which AWS no longer has"
            return Action(ActionKind.FORGET_SUSPENSION, key_id, why=why)
    return None


def forget_what_stays(situation: Situation) -> Action | None:
    """The same in a retirement, where the user does not go with its tags."""
    stays = situation.user == UserOwner.FOREIGN or bool(situation.keys)
    return forget(situation) if stays and situation.user != UserOwner.MISSING else None


def _to_suspend(situation: Situation) -> t.Iterator[IamKey]:
    """The keys that go out of service: all but a stranger's that nobody named."""
    strangers = {key.access_key_id for key in situation.foreign} - situation.request.remove_foreign_keys
    return (key for key in situation.keys if key.access_key_id not in strangers)


def _tags_are_full(situation: Situation) -> bool:
    return len(situation.tags) >= suspension.TAGS_A_USER


def _no_room_for_tag(key: IamKey) -> Stop:
    return Stop(
        "no_room_for_tag",
        f"The IAM user has {suspension.TAGS_A_USER} tags, and AWS allows no more, so the suspension of key "
        f"{key.access_key_id} could not be recorded.",
        ("remove a tag of the user that nobody needs (AWS console: IAM, Users, Tags)",),
    )
