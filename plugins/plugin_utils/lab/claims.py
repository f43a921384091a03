# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No two hosts of a run may want a key of the same IAM user, or its link in the same CloudResearch account: each would
replace the other's link.
"""

from __future__ import annotations

import hashlib
import os

from ..base import run_directory
from ..base.errors import CollectionError


def claim_user(account_id: str, user_name: str, host: str) -> None:
    """Note, for the other workers of this run, which host wants a key of an IAM user.

    :param account_id: as AWS told it; empty where it could not be asked.
    :raises CollectionError: another host of this run wants one already.
    """
    if not account_id:
        return
    first = _first_claimant(f"{account_id}-{user_name}.host", host)
    if first != host:
        raise CollectionError(
            f"The hosts {first} and {host} both stand for the IAM user {user_name} in AWS account {account_id}.",
            next_step=f"Correct lab_account_aws_account_id of {host} or of {first}, or give each its own "
            "lab_account_iam_user.",
            reason="user_of_two_labs",
            step="observe",
        )


def claim_portal_account(portal: str, email: str, host: str) -> None:
    """Note, for the other workers of this run, which host wants its key in a CloudResearch account.

    :param portal: the portal's host and port.
    :param email: with which one signs in; upper and lower case are the same.
    :raises CollectionError: another host of this run wants its own key there already.
    """
    # An address can have characters that a file's name cannot.
    account = hashlib.sha256(f"{portal} {email.strip().casefold()}".encode()).hexdigest()
    first = _first_claimant(f"portal-{account}.host", host)
    if first != host:
        raise CollectionError(
            f"The hosts {first} and {host} both have the CloudResearch account {email.strip()}, which holds the key of "
            "one lab only.",
            next_step=f"Correct lab_account_cloudresearch_email of {host} or of {first}; a lab without a CloudResearch "
            "account of its own has lab_account_link_check: none.",
            reason="portal_account_of_two_labs",
            step="link",
        )


def _first_claimant(name: str, host: str) -> str:
    """The host that noted itself first under a name, which may be this one.

    The notes are symbolic links, which are made in one step together with what they say.
    """
    note = run_directory.note(name)
    try:
        os.symlink(host, note)
    except FileExistsError:
        return os.readlink(note)
    except OSError:
        pass  # Of a directory that cannot be written Ansible itself complains.
    return host
