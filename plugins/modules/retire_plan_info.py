#!/usr/bin/python
# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The work is done by the action plugin of the same name; this file documents it.

from __future__ import annotations

DOCUMENTATION = r"""
module: retire_plan_info
short_description: Read a plan of keys to take out of service, and check that it can be followed
version_added: 1.1.0
description:
  - Reads C(retire-plan.yml), which an audit writes beside the report and which people may have shortened.
  - Refuses a file that is not clearly a plan, with the line, and a plan for labs or accounts that are not in this
    inventory.
  - The playbooks C(suspend), C(retire) and C(onboard) use it where they are given O(path) in C(retire_plan).
  - Runs on the control node and never connects anywhere.
options:
  path:
    description: The plan's file.
    type: path
    required: true
  any_age:
    description: Whether to accept a plan that is older than 30 days, as for activating keys again.
    type: bool
    default: false
author:
  - labops.cloudresearch contributors (@labops)
attributes:
  check_mode:
    support: full
    description: Nothing is changed in any case.
  diff_mode:
    support: none
    description: Nothing is changed.
seealso:
  - ref: ansible_collections.labops.cloudresearch.docsite.guide_report
    description: The plan and its fields.
"""

EXAMPLES = r"""
- name: Read the plan
  labops.cloudresearch.retire_plan_info:
    path: reports/retire-plan.yml
  register: plan
"""

RETURN = r"""
made_at:
  description: When the plan was made.
  returned: success
  type: str
  sample: "2026-11-24T10:40:00Z"
hosts:
  description: The inventory hosts whose labs have keys in the plan.
  returned: success
  type: list
  elements: str
  sample: [lab-01]
accounts:
  description: By inventory host, the lab, its account, and the keys with their fields.
  returned: success
  type: dict
"""
