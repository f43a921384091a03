# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a store did not do what it was asked, in words that scripts can test (see the guide on troubleshooting)."""

from __future__ import annotations

import enum

from ..base.errors import CollectionError


class StoreReason(enum.StrEnum):
    """Values of C(reason) in errors about stores and records."""

    NO_PASSWORD = "vault_password_missing"  # noqa: S105
    WRONG_PASSWORD = "vault_password_wrong"  # noqa: S105
    DENIED = "store_denied"
    NOT_PRIVATE = "store_not_private"
    SEALED = "store_sealed"
    TLS = "store_tls"
    UNREACHABLE = "store_unreachable"
    WRONG_ENGINE = "store_wrong_engine"
    UNAVAILABLE = "store_unavailable"
    CONFLICT = "store_conflict"
    LAB_BUSY = "lab_busy"
    RECORD_DELETED = "record_deleted"
    RECORD_MALFORMED = "store_record_malformed"
    RECORD_OF_OTHER_LAB = "store_record_of_other_lab"
    RECORD_TOO_NEW = "store_record_too_new"


def store_error(reason: StoreReason, doing: str, why: str, next_step: str) -> CollectionError:
    """The store did not do what it was asked.

    :param doing: what it was asked, to complete "could not ...", such as C(read the record of lab lab-01).
    :param why: one or more whole sentences, the first of which may begin in lower case.
    """
    return CollectionError(f"Could not {doing}: {why}", next_step=next_step, reason=reason)


def record_deleted(lab: str, where: str, restore_command: str) -> CollectionError:
    """Somebody deleted the lab's record, and it can be brought back: it must not count as never written.

    :param restore_command: the shell command that brings it back.
    """
    return CollectionError(
        f"The record of lab {lab} ({where}) was deleted, but can be restored; if a key were created now, the lab's "
        "other keys would count as somebody else's.",
        next_step=f"Restore it: {restore_command} (or, if it was meant to go, delete it for good). Then run again.",
        reason=StoreReason.RECORD_DELETED,
    )
