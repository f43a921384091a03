# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Since when a key is suspended: tags of its IAM user, because keys have none, and a store may be another one then.

A tag is written just before its key is made inactive. So a key that is active shows its tag to be out of date,
whatever a run that was killed left behind.
"""

from __future__ import annotations

import dataclasses
import datetime
import typing as t

from ..aws.iam_keys import IamKey
from ..base import times

# The id of the key follows. IAM's rules for tags: letters, digits, spaces and _ . : / = + - @, 128 characters a key.
TAG_PREFIX = "labops-cloudresearch-suspended-"
# Follows the moment in the value, where the key was not switched off by the collection.
_FOUND_INACTIVE = " found inactive"
# IAM User Guide, "IAM and AWS STS quotas": tags of a user.
TAGS_A_USER = 50
# AWS takes up to a minute to stop a key that was switched off, and tells uses to the minute.
SETTLED = datetime.timedelta(minutes=2)


@dataclasses.dataclass(frozen=True)
class Suspension:
    """Since when a key is out of service.

    :param by_us: the collection switched it off, so that it may switch it on again; otherwise C(at) is when the
        collection found it inactive.
    """

    at: datetime.datetime
    by_us: bool = True

    def tag_value(self) -> str:
        """The suspension as the value of a tag."""
        return times.timestamp(self.at) + ("" if self.by_us else _FOUND_INACTIVE)


def tag_key(access_key_id: str) -> str:
    """The key of the tag that tells since when the access key is suspended."""
    return f"{TAG_PREFIX}{access_key_id}"


def tagged_key_ids(tags: t.Mapping[str, str]) -> list[str]:
    """Ids of the access keys of which a user's tags tell a suspension, past ones included."""
    return sorted(name.removeprefix(TAG_PREFIX) for name in tags if name.startswith(TAG_PREFIX))


def tagged_suspension(tags: t.Mapping[str, str], access_key_id: str) -> Suspension | None:
    """What a user's tags tell of the key's suspension, true or not; None: nothing that can be read.

    :param tags: of the key's user. Anybody who may tag the user can write them.
    """
    value = tags.get(tag_key(access_key_id), "")
    at = times.parse_time(value.removesuffix(_FOUND_INACTIVE))
    return Suspension(at, by_us=not value.endswith(_FOUND_INACTIVE)) if at else None


def suspension_of(key: IamKey, tags: t.Mapping[str, str], now: datetime.datetime) -> Suspension | None:
    """Since when the key is suspended; None: it is not, or nobody knows since when.

    A moment that cannot be read, or is still to come, tells nothing; neither does one after which the key was used or
    made active again. A use that is still to come counts as one of this moment, so that a suspension noted now holds.

    :param key: with its last use, where that is known.
    """
    found = None if key.active else tagged_suspension(tags, key.access_key_id)
    if found is None or found.at > now + SETTLED or (key.last_used and min(key.last_used, now) > found.at + SETTLED):
        return None
    return found
