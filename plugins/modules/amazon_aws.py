#!/usr/bin/python
# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The work is done by the action plugin of the same name; this file documents it.

from __future__ import annotations

DOCUMENTATION = r"""
module: amazon_aws
short_description: Run an amazon.aws module in a lab's account, fast
version_added: 1.0.0
description:
  - Runs a module of C(amazon.aws), unchanged, and returns its result.
  - On a local connection it runs inside Ansible's worker instead of in a new Python, which saves about a second a task.
    Where that is not possible, the module runs as usual.
  - It can assume a role into the lab's account first, which modules of C(amazon.aws) cannot. The temporary credentials
    are handed over in memory and never become a result, a fact or a variable.
  - Announcements of C(amazon.aws) that a return key will be dropped are left out of the result.
  - C(module_defaults) of the module that is run do not apply; write its options out.
options:
  module:
    description: The fully qualified collection name of the module to run, which must belong to C(amazon.aws).
    type: str
    required: true
  options:
    description: The options of that module, C(amazon.aws)'s connection options among them.
    type: dict
    default: {}
  assume_role_arn:
    description: The ARN of an IAM role to assume before the module is run, with the credentials in O(options).
    type: str
author:
  - labops.cloudresearch contributors (@labops)
attributes:
  check_mode:
    support: full
    description: As the module that is run supports it.
  diff_mode:
    support: full
    description: As the module that is run supports it.
notes:
  - Set the variable C(labops_cloudresearch_direct_execution=false) to run modules the ordinary way.
  - Tested with amazon.aws 9, 10 and 11.
"""

EXAMPLES = r"""
- name: Make sure that the lab's user exists, with the MTurk policy
  labops.cloudresearch.amazon_aws:
    module: amazon.aws.iam_user
    assume_role_arn: arn:aws:iam::111122223333:role/OrganizationAccountAccessRole
    options:
      name: cloudresearch-mturk
      state: present
      managed_policies:
        - arn:aws:iam::aws:policy/AmazonMechanicalTurkFullAccess
"""

RETURN = r"""
user:
  description: >-
    What M(amazon.aws.iam_user) returns, for example. All other values are those of the module that was run, too.
  returned: as the module that was run returns it
  type: dict
  sample:
    user_name: cloudresearch-mturk
"""
