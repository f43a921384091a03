#!/usr/bin/python
# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The work is done by the action plugin of the same name; this file documents it.

from __future__ import annotations

DOCUMENTATION = r"""
module: iam_user_excess
short_description: Remove undeclared rights from an IAM user
version_added: 1.0.0
description:
  - Finds what gives an IAM user rights or access besides its declared policy, and removes the kinds that O(remove)
    names.
  - Without O(remove) it only reports.
  - The user's access keys are never touched, see M(labops.cloudresearch.mturk_access_key).
options:
  user_name:
    description: The name of the IAM user.
    type: str
    default: cloudresearch-mturk
  policy_arn:
    description: The ARN of the managed policy that the user is declared to have, which is no excess.
    type: str
    default: arn:aws:iam::aws:policy/AmazonMechanicalTurkFullAccess
  remove:
    description: The kinds to remove.
    type: list
    elements: str
    choices: [console_access, inline_policies, groups, attached_policies]
    default: []
author:
  - labops.cloudresearch contributors (@labops)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - labops.cloudresearch.aws.assume_role
  - labops.cloudresearch.aws.control_node
attributes:
  check_mode:
    support: full
    description: Says what would be removed and removes nothing.
  diff_mode:
    support: full
    description: Shows what the user has before and after.
seealso:
  - module: amazon.aws.iam_user
"""

EXAMPLES = r"""
- name: See what the lab's user may do besides using MTurk
  labops.cloudresearch.iam_user_excess:
    profile: lab-01
  register: excess

- name: Take away its console password and its inline policies, and nothing else
  labops.cloudresearch.iam_user_excess:
    profile: lab-01
    remove:
      - console_access
      - inline_policies
"""

RETURN = r"""
excess:
  description: By kind, what the user has besides its declared policy, after what was removed.
  returned: success
  type: dict
  sample:
    groups: [admins]
removed:
  description: By kind, what was removed, or in check mode would be.
  returned: success
  type: dict
  sample:
    console_access: [password]
"""
