#!/usr/bin/python
# Copyright (c) 2026, labops.cloudresearch contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The work is done by the action plugin of the same name; this file documents it.

from __future__ import annotations

DOCUMENTATION = r"""
module: mturk_requester_check
short_description: Check whether an AWS account is linked to an MTurk requester account
version_added: 1.0.0
description:
  - Asks Mechanical Turk (MTurk) with an IAM user's access key whether the key's AWS account is linked to a requester
    account, in production and in the sandbox, and what its balance is.
  - The two environments are linked separately, each by a click on the web; there is no API for it. The module can wait
    for the person who does it, see O(wait_timeout).
  - It never fails because a lab is not linked, or because MTurk does not answer; the play decides what that means.
  - MTurk accepts only an IAM user's long-term key. A role's temporary credentials get the status
    V(temporary_credentials).
options:
  lab:
    description: The lab's name in O(store).
    type: str
  store:
    description:
      - The store to take the lab's key from, see M(labops.cloudresearch.mturk_access_key). It is read on the control
        node, with the AWS options where the store needs them; the key then takes the place of O(access_key) and
        O(secret_key).
    type: dict
  note_key_use:
    description:
      - Whether to record in O(store) beforehand that the collection itself uses the key. Needed if a later use
        by CloudResearch is to prove the link, see O(labops.cloudresearch.lab_account_info#module:judge_key_use).
    type: bool
    default: false
  environments:
    description: The environments to ask.
    type: list
    elements: str
    choices: [production, sandbox]
    default: [production, sandbox]
  production_endpoint_url:
    description: Reach MTurk's production environment at this address instead of AWS's own.
    type: str
  sandbox_endpoint_url:
    description: Reach MTurk's sandbox at this address instead of AWS's own.
    type: str
  minimum_balance:
    description:
      - The balance in US dollars below which a linked production account gets a RV(environments.production.next_step).
      - The sandbox always has 10000.00 and is never judged.
    type: float
  wait_timeout:
    description:
      - Ask again for up to this many seconds while an environment has a status that can change without a change of the
        key. These are V(not_linked), V(throttled), V(unreachable), and a temporary V(error) such as C(ServiceFault).
      - After a person has linked the account, it takes a couple of minutes to take effect.
    type: int
    default: 0
  wait_interval:
    description: Wait this many seconds between two questions.
    type: int
    default: 15
author:
  - labops.cloudresearch contributors (@labops)
extends_documentation_fragment:
  - amazon.aws.common.modules
  - amazon.aws.region.modules
  - labops.cloudresearch.aws.assume_role
  - labops.cloudresearch.aws.read_only
  - labops.cloudresearch.aws.control_node
seealso:
  - module: labops.cloudresearch.lab_account_info
  - name: The requester's developer page, production
    description: Where a person links the AWS account.
    link: https://requester.mturk.com/developer
  - name: The requester's developer page, sandbox
    description: Where a person links the AWS account to the sandbox.
    link: https://requestersandbox.mturk.com/developer
"""

EXAMPLES = r"""
- name: Check whether the lab's AWS account is linked, in production and in the sandbox
  labops.cloudresearch.mturk_requester_check:
    lab: lab-01
    store:
      type: ansible_vault
      directory: "{{ inventory_dir }}/lab_keys"
  register: requester

- name: Show what is missing
  ansible.builtin.debug:
    msg: "{{ requester.environments.production.next_step }}"
  when: not requester.environments.production.linked

- name: Wait up to ten minutes for a person to link the sandbox
  labops.cloudresearch.mturk_requester_check:
    profile: lab-01
    environments: [sandbox]
    wait_timeout: 600
"""

RETURN = r"""
linked:
  description: Whether every environment that was asked is linked.
  returned: success
  type: bool
  sample: false
environments:
  description: What each environment answered.
  returned: success
  type: dict
  contains:
    production:
      description: The production environment; the sandbox has the same keys.
      returned: when it was asked
      type: dict
      contains:
        status:
          description:
            - What was observed, one of V(linked), V(not_linked), V(invalid_credentials), V(access_denied),
              V(temporary_credentials), V(clock_skew), V(throttled), V(unreachable), V(service_closed), V(error).
            - V(clock_skew) means that the clock of the control node is wrong.
            - V(service_closed) means that what answered says that the service is closed, or answers as closed services
              do; RV(environments.production.message) quotes it.
          returned: always
          type: str
          sample: not_linked
        linked:
          description: Whether the status is V(linked).
          returned: always
          type: bool
        available_balance:
          description: The available balance in US dollars, V(null) if not known.
          returned: always
          type: str
          sample: "25.00"
        on_hold_balance:
          description: The balance on hold in US dollars, V(null) if not known.
          returned: always
          type: str
          sample: "0.00"
        balance_low:
          description: Whether the available balance is below O(minimum_balance).
          returned: always
          type: bool
        error_code:
          description: MTurk's error code, empty if there is none.
          returned: always
          type: str
          sample: AWS.AccountNotLinked
        message:
          description: What was observed, in a sentence.
          returned: always
          type: str
          sample: The AWS account is not linked to an MTurk requester account (production).
        next_step:
          description: What to do next, empty if nothing.
          returned: always
          type: str
          sample: >-
            Sign in at https://requester.mturk.com/developer as the lab's requester and link the AWS account
            there.
  sample:
    production:
      status: linked
      linked: true
      available_balance: "25.00"
      on_hold_balance: "0.00"
      balance_low: false
      error_code: ""
      message: The AWS account is linked to an MTurk requester account (production).
      next_step: ""
waited:
  description: How many seconds were spent waiting.
  returned: success
  type: float
  sample: 0.0
"""
