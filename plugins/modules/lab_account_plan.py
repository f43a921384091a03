#!/usr/bin/python
# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The work is done by the action plugin of the same name; this file documents it.

from __future__ import annotations

DOCUMENTATION = r"""
module: lab_account_plan
short_description: Follow an approved plan for the keys of one lab
version_added: 1.1.0
description:
  - Belongs to the role P(labops.cloudresearch.lab_account#role), whose entry point C(plan) calls it.
  - Deactivates, deletes or activates exactly the access keys that O(keys) names, whoever created
    them, and nothing else.
  - Looks at each key again first. A key that was used since the plan was made, that is gone, or that belongs to another
    user by now is left alone, with the reason; the others are changed.
  - A key whose secret is in the lab's store is treated as the collection's own, and its record is updated. No store is
    needed for keys of users that the collection did not make.
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - labops.cloudresearch.aws.assume_role
  - labops.cloudresearch.store
options:
  purpose:
    description:
      - V(suspend) deactivates the keys and records the time in a tag of their user.
      - V(retire) deletes the keys with C(do=retire) in the plan, and deactivates the others.
      - V(restore) activates those that the collection suspended.
    type: str
    choices: [suspend, retire, restore]
    required: true
  lab:
    description: The lab's name.
    type: str
    required: true
  account_id:
    description: The 12 digits of the account that the plan is about.
    type: str
    required: true
  made_at:
    description: When the plan was made.
    type: str
    required: true
  keys:
    description: The keys with their fields, as RV(labops.cloudresearch.retire_plan_info#module:accounts) has them.
    type: list
    elements: dict
    required: true
  retire_after_days:
    description:
      - With O(purpose=retire), how many days a key has to be suspended before it is deleted. A key that is not is
        suspended, and a run that many days later deletes it. V(0) deletes at once.
    type: int
    default: 0
  report_directory:
    description:
      - Where C(key-changes.jsonl) is, to which each change of a key is added as soon as AWS has confirmed it, so that a
        report has what a killed run did, too.
    type: path
author:
  - labops.cloudresearch contributors (@labops)
attributes:
  check_mode:
    support: full
    description: Says what would be done.
  diff_mode:
    support: full
    description: Shows one line an action.
"""

EXAMPLES = r"""
- name: Suspend the keys that the plan names
  labops.cloudresearch.lab_account_plan:
    purpose: suspend
    lab: lab-01
    account_id: "{{ plan.accounts[inventory_hostname].account_id }}"
    made_at: "{{ plan.made_at }}"
    keys: "{{ plan.accounts[inventory_hostname]['keys'] }}"
    store:
      type: ansible_vault
  register: lab_account_outcome
"""

RETURN = r"""
state:
  description: The lab's outcome; its other fields are those of M(labops.cloudresearch.lab_account_outcome).
  returned: always
  type: str
  sample: changed
actions:
  description: What was done, or in check mode would be.
  returned: success
  type: list
  elements: str
refused:
  description: Keys that were left alone, each with C(access_key_id), C(reason), C(message) and C(next_step).
  returned: success
  type: list
  elements: dict
gone:
  description: Keys that were to be deleted and were gone already.
  returned: success
  type: list
  elements: dict
  contains:
    access_key_id:
      description: The key's id.
      type: str
    principal:
      description: The ARN of its user, by the plan.
      type: str
    last_used:
      description: When it was last used, by the plan.
      type: str
    last_used_service:
      description: For which service.
      type: str
"""
