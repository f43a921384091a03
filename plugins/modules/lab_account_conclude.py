#!/usr/bin/python
# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The work is done by the action plugin of the same name; this file documents it.

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_account_conclude
short_description: Conclude how a lab came out for the role lab_account
version_added: 1.1.0
description:
  - Belongs to the role P(labops.cloudresearch.lab_account#role) and takes all of its input but O(failure) from the
    role's variables and from what its tasks registered. In plays of your own, use
    M(labops.cloudresearch.lab_account_outcome).
  - Runs on the control node and never connects anywhere.
options:
  failure:
    description: The result of the task that failed, C(ansible_failed_result) in a rescue section.
    type: dict
author:
  - labops.cloudresearch contributors (@labops)
attributes:
  check_mode:
    support: full
    description: The outcome says what a run would do.
  diff_mode:
    support: none
    description: Nothing is changed.
seealso:
  - module: labops.cloudresearch.lab_account_observe
  - module: labops.cloudresearch.lab_account_outcome
"""

EXAMPLES = r"""
- name: Compose the outcome of the lab
  labops.cloudresearch.lab_account_conclude:
  register: lab_account_outcome
"""

RETURN = r"""
state:
  description: The lab's outcome, with all the fields of M(labops.cloudresearch.lab_account_outcome).
  returned: always
  type: str
  sample: changed
"""
