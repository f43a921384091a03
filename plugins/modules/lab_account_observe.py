#!/usr/bin/python
# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The work is done by the action plugin of the same name; this file documents it.

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_account_observe
short_description: Observe a lab for the role lab_account
version_added: 1.1.0
description:
  - Belongs to the role P(labops.cloudresearch.lab_account#role) and takes all of its input from the role's variables,
    which it validates. In plays of your own, use M(labops.cloudresearch.lab_account_info).
  - Reads everything about the lab in one task. Where that alone decides how the lab comes out, the result is the
    outcome (see M(labops.cloudresearch.lab_account_outcome)); otherwise it says which steps are to be taken, or fails
    if none can be taken safely.
  - Warns of variables that are named like the collection's and that it does not know.
author:
  - labops.cloudresearch contributors (@labops)
extends_documentation_fragment:
  - labops.cloudresearch.aws.read_only
  - labops.cloudresearch.aws.control_node
seealso:
  - module: labops.cloudresearch.lab_account_info
  - module: labops.cloudresearch.lab_account_outcome
"""

EXAMPLES = r"""
- name: Observe the lab
  labops.cloudresearch.lab_account_observe:
  register: lab_account_outcome
"""

RETURN = r"""
state:
  description: The lab's outcome, with all the fields of M(labops.cloudresearch.lab_account_outcome).
  returned: when the observation decides it
  type: str
  sample: converged
lab_account:
  description: What was observed, as M(labops.cloudresearch.lab_account_info) returns it.
  returned: when steps are to be taken, and on failure if the lab was read
  type: dict
task_files:
  description: The task files of the role that are to be included, in their order.
  returned: when steps are to be taken
  type: list
  elements: str
  sample: [iam_user, access_key, requester, link]
derived:
  description: What follows from the role's variables for its later tasks.
  returned: success
  type: dict
unknown_variables:
  description: Variables that are named like the collection's and that it does not know, with the nearest name it knows.
  returned: success
  type: dict
  sample: {lab_account_cloudresearch_emial: lab_account_cloudresearch_email}
"""
