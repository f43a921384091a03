# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No two hosts of a run may want a key of the same IAM user: each would replace the link of the other's key."""

from __future__ import annotations

import os

from ..base import run_directory
from ..base.errors import CollectionError


def claim_user(account_id: str, user_name: str, host: str) -> None:
    """Note, for the other workers of this run, which host wants a key of an IAM user.

    The notes are symbolic links, which are made in one step together with what they say.

    :param account_id: as AWS told it; empty where it could not be asked.
    :raises CollectionError: another host of this run wants one already.
    """
    if not account_id:
        return
    note = run_directory.note(f"{account_id}-{user_name}.host")
    try:
        os.symlink(host, note)
        return
    except FileExistsError:
        first = os.readlink(note)
    except OSError:
        # Of a directory that cannot be written Ansible itself complains.
        return
    if first != host:
        raise CollectionError(
            f"The hosts {first} and {host} both stand for the IAM user {user_name} in AWS account {account_id}.",
            next_step=f"Correct lab_account_aws_account_id of {host} or of {first}, or give each its own "
            "lab_account_iam_user.",
            reason="user_of_two_labs",
            step="observe",
        )
