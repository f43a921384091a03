# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option that amazon.aws's modules lack."""

from __future__ import annotations


class ModuleDocFragment:
    """Goes with C(amazon.aws.common.modules) and C(amazon.aws.region.modules)."""

    ASSUME_ROLE = r"""
options:
  assume_role_arn:
    description:
      - The ARN of an IAM role in the lab's account to assume first.
      - The credentials that the other options give must be allowed to assume it.
    type: str
  external_id:
    description: The external id that the trust policy of O(assume_role_arn) requires.
    type: str
requirements:
  - python >= 3.11
  - boto3 >= 1.35.0
  - botocore >= 1.35.0
"""
    # Before CONTROL_NODE in a module's list: what comes first holds.
    READ_ONLY = r"""
attributes:
  check_mode:
    support: full
    description: The module only ever reads.
  diff_mode:
    support: none
    description: The module changes nothing, so there is nothing to show.
"""
    CONTROL_NODE = r"""
notes:
  - The module works on the control node, in the process that runs Ansible, whatever the host's connection. It needs no
    interpreter on a target, does not support C(async), and refuses C(become).
  - With the connection plugin P(labops.cloudresearch.aws_account#connection) it works in the host's AWS account, and
    none of its AWS options is needed. A task that names credentials (a profile, an access key or a role) means those.
attributes:
  check_mode:
    support: full
    description: Can run in C(check_mode) and return changed status prediction without modifying the target.
"""
